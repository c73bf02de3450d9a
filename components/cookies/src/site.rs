//! The cookies of one site in one partition.

use std::collections::HashMap;

use cookie::CookieBuilder;
use cookie_store::CookieStore;
use url::Url;

use crate::same_site::SameSite;

/// What tells cookies apart within a partition.
///
/// <https://datatracker.ietf.org/doc/html/draft-ietf-httpbis-rfc6265bis#name-storage-model>
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct CookieKey {
    pub(crate) domain: String,
    pub(crate) host_only: bool,
    pub(crate) path: String,
    pub(crate) name: String,
}

/// The fields of a cookie that its key and its value leave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fields {
    pub(crate) secure: bool,
    pub(crate) http_only: bool,
    pub(crate) same_site: SameSite,
    /// Microseconds since 1970, and never twice the same in a jar.
    pub(crate) creation: i64,
    /// Microseconds since 1970.
    pub(crate) last_access: i64,
    /// What the profile has for it.
    pub(crate) stored_access: i64,
    /// Microseconds since 1970; none for a session cookie.
    pub(crate) expires: Option<i64>,
}

impl Fields {
    pub(crate) fn is_expired(&self, now: i64) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }
}

/// Two stores, since cookies that differ in the host-only-flag alone are two cookies. `cookie_store` matches domains,
/// paths and `Secure`; what it does not know is beside it. It would judge expiry by the system's clock, so it takes every
/// cookie for a session's.
#[derive(Default)]
pub(crate) struct Site {
    host_only: CookieStore,
    with_domain: CookieStore,
    fields: HashMap<CookieKey, Fields>,
}

/// A cookie that matches a request.
pub(crate) struct Matched {
    pub(crate) key: CookieKey,
    pub(crate) value: String,
}

impl Site {
    /// Puts a cookie in place of the one with its key; false if `cookie_store` refuses it.
    pub(crate) fn insert(&mut self, key: CookieKey, value: &str, fields: Fields) -> bool {
        let Ok(url) = Url::parse(&format!("https://{}/", key.domain)) else { return false };
        let mut raw = CookieBuilder::new(key.name.clone(), value.to_owned())
            .path(key.path.clone())
            .secure(fields.secure)
            .http_only(fields.http_only);
        if !key.host_only {
            raw = raw.domain(key.domain.clone());
        }
        let store = if key.host_only { &mut self.host_only } else { &mut self.with_domain };
        if store.insert_raw(&raw.build(), &url).is_err()
            || !store.contains_any(&key.domain, &key.path, &key.name)
        {
            return false;
        }
        self.fields.insert(key, fields);
        true
    }

    pub(crate) fn remove(&mut self, key: &CookieKey) -> Option<Fields> {
        let store = if key.host_only { &mut self.host_only } else { &mut self.with_domain };
        store.remove(&key.domain, &key.path, &key.name);
        self.fields.remove(key)
    }

    pub(crate) fn get(&self, key: &CookieKey) -> Option<&Fields> {
        self.fields.get(key)
    }

    pub(crate) fn get_mut(&mut self, key: &CookieKey) -> Option<&mut Fields> {
        self.fields.get_mut(key)
    }

    pub(crate) fn value(&self, key: &CookieKey) -> Option<&str> {
        let store = if key.host_only { &self.host_only } else { &self.with_domain };
        store.get_any(&key.domain, &key.path, &key.name).map(|cookie| cookie.value())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&CookieKey, &Fields)> {
        self.fields.iter()
    }

    pub(crate) fn len(&self) -> usize {
        self.fields.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// The cookies that match a URL's host and path, and its scheme, which must be http or https.
    pub(crate) fn matches(&self, url: &Url) -> Vec<Matched> {
        let stores = [(true, &self.host_only), (false, &self.with_domain)];
        let cookies = stores.into_iter().flat_map(|(host_only, store)| {
            store.matches(url).into_iter().map(move |cookie| (host_only, cookie))
        });
        cookies
            .map(|(host_only, cookie)| Matched {
                key: CookieKey {
                    domain: cookie.domain.as_cow().unwrap_or_default().into_owned(),
                    host_only,
                    path: cookie.path.as_ref().to_owned(),
                    name: cookie.name().to_owned(),
                },
                value: cookie.value().to_owned(),
            })
            .collect()
    }
}
