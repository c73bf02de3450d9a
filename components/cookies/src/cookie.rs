//! A cookie as it is shown to people and to those who watch the jar.

use std::time::{Duration, SystemTime};

use crate::domain::domain_matches;
use crate::same_site::SameSite;
use crate::site::{CookieKey, Fields};

/// A cookie of a jar.
///
/// <https://datatracker.ietf.org/doc/html/draft-ietf-httpbis-rfc6265bis#name-storage-model>
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Cookie {
    /// Its name; octets beyond ASCII are the characters of their number.
    pub name: String,
    /// Its value, likewise.
    pub value: String,
    /// The host, or the domain whose hosts share it.
    pub domain: String,
    /// Whether it belongs to that host alone.
    pub host_only: bool,
    /// The path that it goes to, and what lies beneath.
    pub path: String,
    /// Whether it keeps to secure connections.
    pub secure: bool,
    /// Whether scripts do not see it.
    pub http_only: bool,
    /// What it says about requests from other sites: `None`, `Lax`, `Strict`, or nothing.
    pub same_site: Option<&'static str>,
    /// The top-level site that it is kept for, if it is partitioned.
    pub partition: Option<String>,
    /// When it was first set.
    pub creation: SystemTime,
    /// When it was last sent or set.
    pub last_access: SystemTime,
    /// When it ends; nothing if it ends with the session.
    pub expires: Option<SystemTime>,
}

impl Cookie {
    /// Whether it goes to a host, which it belongs to or shares.
    pub fn goes_to_host(&self, host: &str) -> bool {
        match self.host_only {
            true => self.domain == host,
            false => domain_matches(host, &self.domain),
        }
    }

    pub(crate) fn new(partition: &str, key: &CookieKey, value: &str, fields: &Fields) -> Self {
        Cookie {
            name: key.name.clone(),
            value: value.to_owned(),
            domain: key.domain.clone(),
            host_only: key.host_only,
            path: key.path.clone(),
            secure: fields.secure,
            http_only: fields.http_only,
            same_site: match fields.same_site {
                SameSite::None => Some("None"),
                SameSite::Lax => Some("Lax"),
                SameSite::Strict => Some("Strict"),
                SameSite::Default => None,
            },
            partition: (!partition.is_empty()).then(|| partition.to_owned()),
            creation: instant(fields.creation),
            last_access: instant(fields.last_access),
            expires: fields.expires.map(instant),
        }
    }
}

impl std::fmt::Debug for Cookie {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The value is a secret.
        f.debug_struct("Cookie")
            .field("name", &self.name)
            .field("domain", &self.domain)
            .field("path", &self.path)
            .field("partition", &self.partition)
            .finish_non_exhaustive()
    }
}

/// What became of a cookie.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CookieChange {
    /// It was set, new or in place of one with the same name, domain and path.
    Set(Cookie),
    /// It is gone: a server, a script or the user removed it.
    Removed(Cookie),
    /// It is gone to make room.
    Evicted(Cookie),
}

fn instant(micros: i64) -> SystemTime {
    let distance = Duration::from_micros(micros.unsigned_abs());
    let instant = match micros < 0 {
        true => SystemTime::UNIX_EPOCH.checked_sub(distance),
        false => SystemTime::UNIX_EPOCH.checked_add(distance),
    };
    instant.unwrap_or(SystemTime::UNIX_EPOCH)
}
