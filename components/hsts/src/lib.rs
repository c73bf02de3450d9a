//! Which hosts are reached over TLS alone, as RFC 6797 keeps them.
//!
//! What a host says is known in the partition it was said in, and nowhere else: a site that is embedded in others cannot
//! mark a user through which of its hosts are upgraded. A [`Preload`] list, which is the same for everybody, holds in
//! all partitions.
//!
//! ```
//! use std::sync::Arc;
//! use std::time::Duration;
//! use longhaul_hsts::{KnownHosts, Policy};
//! use longhaul_storage::SystemClock;
//!
//! let hosts = KnownHosts::new(Arc::new(SystemClock::new()));
//! let policy = Policy { max_age: Duration::from_secs(3600), include_subdomains: true };
//! hosts.note("https://example.com", "example.com", policy);
//! assert!(hosts.is_known("https://example.com", "www.example.com"));
//! assert!(!hosts.is_known("https://other.example", "example.com"));
//! ```
//!
//! <https://www.rfc-editor.org/rfc/rfc6797>

#![forbid(unsafe_code)]

mod host_name;
mod known_hosts;
mod persistence;
mod preload;

use longhaul_storage::TableDefinition;

pub use known_hosts::{KnownHost, KnownHosts, Limits, OpenError, Policy};
pub use preload::{Preload, PreloadError};

/// The tables that this crate keeps in a profile.
pub static TABLES: &[&TableDefinition] = &[&persistence::HSTS];
