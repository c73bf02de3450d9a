//! Cookies as RFC 6265bis keeps them: what a server or a script may set, and what a request carries.
//!
//! [`CookieJar`] makes the RFC's checks and keeps what passes them in `cookie_store`s, one pair of them for each site
//! within each partition. Persistent cookies are kept in a profile, a row each.
//!
//! <https://datatracker.ietf.org/doc/html/draft-ietf-httpbis-rfc6265bis>

#![forbid(unsafe_code)]

mod config;
mod cookie;
mod cookie_date;
mod cookie_policy;
mod domain;
mod eviction;
mod jar;
mod observers;
mod path;
mod persistence;
mod prefixes;
mod rejection;
mod retrieval_context;
mod same_site;
mod set_cookie_string;
mod site;
mod state;

use longhaul_storage::TableDefinition;

pub use self::cookie::{Cookie, CookieChange};
pub use config::{JarConfig, Limits};
pub use cookie_policy::{AccessKind, AllowAll, BlockThirdParty, CookieAccess, CookiePolicy};
pub use jar::{CookieJar, OpenError};
pub use observers::CookieObserver;
pub use rejection::Rejection;
pub use retrieval_context::{CookieApi, RetrievalContext};
pub use same_site::{DefaultSameSite, SameSite, SameSiteContext};
pub use set_cookie_string::{PathAttribute, SetCookieString};

/// The tables that this crate keeps in a profile.
pub static TABLES: &[&TableDefinition] = &[&persistence::COOKIES];
