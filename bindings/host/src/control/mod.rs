//! The user's side: what the display offers (list, show, pause, resume, abort, click, online and offline), and what the
//! profile remembers of sites.
//!
//! While a `longhaul run` is alive on a profile it listens on a Unix socket in it, and carries out what other processes of the
//! same user ask for: one line of JSON, answered by one. When none is, the command opens the profile and does it itself.

mod perform;
mod protocol;
mod socket;
mod state;

pub use perform::{perform, report};
pub use protocol::{FetchDetails, Reply, Request};
pub use socket::{ask, serve};
pub use state::{
    CacheReport, CookieReport, HstsReport, PermissionReport, StateAction, StateKind, StateReport,
};
