//! Which cookies go when there are too many.

use crate::site::{CookieKey, Fields};

/// What may be evicted, the first to go first.
///
/// Expired cookies go before others, insecure ones before secure ones, and those that were not used for longest before
/// those that were.
///
/// <https://datatracker.ietf.org/doc/html/draft-ietf-httpbis-rfc6265bis#name-storage-model>
pub(crate) fn in_order_of_eviction<'a, T>(
    cookies: impl Iterator<Item = (T, &'a CookieKey, &'a Fields)>,
    now: i64,
    prefer_secure: PreferSecure,
) -> Vec<(T, CookieKey)> {
    let mut candidates: Vec<_> = cookies
        .map(|(place, key, fields)| {
            let rank = match (fields.is_expired(now), fields.secure, prefer_secure) {
                (true, _, _) => 0,
                (false, false, PreferSecure::Yes) => 1,
                (false, _, _) => 2,
            };
            ((rank, fields.last_access, fields.creation), place, key)
        })
        .collect();
    candidates.sort_by_key(|(order, _, _)| *order);
    candidates.into_iter().map(|(_, place, key)| (place, key.clone())).collect()
}

/// Whether insecure cookies go first: they do among the cookies of a domain, not among all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PreferSecure {
    Yes,
    No,
}
