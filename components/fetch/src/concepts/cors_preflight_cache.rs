//! The CORS-preflight cache. Time is an argument.

use std::time::Duration;

use url::Url;

use super::header_name::is_cors_non_wildcard_request_header_name;
use super::network_partition_key::NetworkPartitionKey;
use super::request::{CredentialsMode, Request};

/// The longest time an entry is kept, whatever the server says.
pub(crate) const MAX_AGE_LIMIT: Duration = Duration::from_secs(7200);

/// How many entries are kept; the oldest goes first.
const CAPACITY: usize = 1024;

/// <https://fetch.spec.whatwg.org/#concept-cache>
#[derive(Debug, Default)]
pub(crate) struct CorsPreflightCache(Vec<Entry>);

/// <https://fetch.spec.whatwg.org/#cache-entry>
#[derive(Debug)]
struct Entry {
    key: NetworkPartitionKey,
    origin: String,
    url: Url,
    expires: Duration,
    includes_credentials: bool,
    subject: Subject,
}

/// What an entry allows: a method or a header name, or all of them with `*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    Method(Vec<u8>),
    HeaderName(Vec<u8>),
}

impl CorsPreflightCache {
    /// Whether a method is allowed by an earlier preflight.
    ///
    /// <https://fetch.spec.whatwg.org/#concept-cache-match-method>
    pub(crate) fn matches_method(&mut self, request: &Request, method: &[u8], now: Duration) -> bool {
        self.find(
            request,
            now,
            |subject| matches!(subject, Subject::Method(allowed) if allowed == method || allowed == b"*"),
        )
        .is_some()
    }

    /// Whether a header name is allowed by an earlier preflight.
    ///
    /// <https://fetch.spec.whatwg.org/#concept-cache-match-header>
    pub(crate) fn matches_header_name(&mut self, request: &Request, name: &[u8], now: Duration) -> bool {
        self.find(request, now, |subject| match subject {
            Subject::HeaderName(allowed) => {
                allowed.eq_ignore_ascii_case(name)
                    || (allowed == b"*" && !is_cors_non_wildcard_request_header_name(name))
            }
            Subject::Method(_) => false,
        })
        .is_some()
    }

    /// Takes what a preflight allowed: an entry that is there already gets the new age, any other is new.
    pub(crate) fn store(&mut self, request: &Request, subject: Subject, max_age: Duration, now: Duration) {
        let expires = now.saturating_add(max_age.min(MAX_AGE_LIMIT));
        let same = match &subject {
            Subject::Method(method) => {
                let method = method.clone();
                self.find(request, now, move |other| {
                    matches!(other, Subject::Method(allowed) if *allowed == method || allowed == b"*")
                })
            }
            Subject::HeaderName(name) => {
                let name = name.clone();
                self.find(request, now, move |other| match other {
                    Subject::HeaderName(allowed) => {
                        allowed.eq_ignore_ascii_case(&name)
                            || (allowed == b"*" && !is_cors_non_wildcard_request_header_name(&name))
                    }
                    Subject::Method(_) => false,
                })
            }
        };
        if let Some(entry) = same {
            entry.expires = expires;
            return;
        }
        if self.0.len() >= CAPACITY {
            self.0.remove(0);
        }
        self.0.push(Entry {
            key: NetworkPartitionKey::for_request(request),
            origin: request.serialize_origin(),
            url: request.current_url().clone(),
            expires,
            includes_credentials: request.credentials_mode == CredentialsMode::Include,
            subject,
        });
    }

    /// <https://fetch.spec.whatwg.org/#concept-cache-clear>
    pub(crate) fn clear(&mut self, request: &Request) {
        let key = NetworkPartitionKey::for_request(request);
        let origin = request.serialize_origin();
        self.0.retain(|entry| {
            entry.key != key || entry.origin != origin || entry.url != *request.current_url()
        });
    }

    /// An entry that matches the request and whose subject does.
    ///
    /// <https://fetch.spec.whatwg.org/#concept-cache-match>
    fn find(
        &mut self,
        request: &Request,
        now: Duration,
        matches: impl Fn(&Subject) -> bool,
    ) -> Option<&mut Entry> {
        self.0.retain(|entry| entry.expires > now);
        let key = NetworkPartitionKey::for_request(request);
        let origin = request.serialize_origin();
        let includes_credentials = request.credentials_mode == CredentialsMode::Include;
        self.0.iter_mut().find(|entry| {
            entry.key == key
                && entry.origin == origin
                && entry.url == *request.current_url()
                && (entry.includes_credentials || !includes_credentials)
                && matches(&entry.subject)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{EnvironmentSettings, RequestOrigin, parse_origin};

    fn request(origin: &str, url: &str, credentials_mode: CredentialsMode) -> Request {
        let mut request = Request::new(Url::parse(url).unwrap());
        request.client = Some(Arc::new(EnvironmentSettings::for_url(Url::parse(origin).unwrap())));
        request.origin = RequestOrigin::Origin(parse_origin(origin));
        request.credentials_mode = credentials_mode;
        request
    }

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn entries_end_and_are_kept_apart() {
        let mut cache = CorsPreflightCache::default();
        let own = request("https://a.example", "https://b.example/x", CredentialsMode::Omit);
        cache.store(&own, Subject::Method(b"PUT".to_vec()), 5 * SECOND, SECOND);
        assert!(cache.matches_method(&own, b"PUT", 5 * SECOND));
        assert!(!cache.matches_method(&own, b"put", 5 * SECOND));
        for other in [
            request("https://c.example", "https://b.example/x", CredentialsMode::Omit),
            request("https://a.example", "https://b.example/y", CredentialsMode::Omit),
            request("https://a.example", "https://b.example/x", CredentialsMode::Include),
        ] {
            assert!(!cache.matches_method(&other, b"PUT", 5 * SECOND));
        }
        assert!(!cache.matches_method(&own, b"PUT", 6 * SECOND));
    }

    #[test]
    fn partitions_do_not_see_each_other() {
        let mut cache = CorsPreflightCache::default();
        let mut first = request("https://a.example", "https://b.example/x", CredentialsMode::Omit);
        cache.store(&first, Subject::Method(b"PUT".to_vec()), 5 * SECOND, SECOND);
        let framed = EnvironmentSettings {
            network_partition_key: NetworkPartitionKey::for_top_level_origin(&parse_origin(
                "https://top.example",
            )),
            ..EnvironmentSettings::for_url(Url::parse("https://a.example").unwrap())
        };
        first.client = Some(Arc::new(framed));
        assert!(!cache.matches_method(&first, b"PUT", SECOND));
    }

    #[test]
    fn a_wildcard_never_allows_authorization() {
        let mut cache = CorsPreflightCache::default();
        let own = request("https://a.example", "https://b.example/x", CredentialsMode::Omit);
        cache.store(&own, Subject::HeaderName(b"*".to_vec()), 5 * SECOND, SECOND);
        assert!(cache.matches_header_name(&own, b"x-a", SECOND));
        assert!(!cache.matches_header_name(&own, b"authorization", SECOND));
        cache.clear(&own);
        assert!(!cache.matches_header_name(&own, b"x-a", SECOND));
    }

    #[test]
    fn ages_are_limited_and_renewed_and_so_is_the_number_of_entries() {
        let mut cache = CorsPreflightCache::default();
        let own = request("https://a.example", "https://b.example/x", CredentialsMode::Omit);
        cache.store(&own, Subject::Method(b"PUT".to_vec()), 1_000_000 * SECOND, Duration::ZERO);
        assert!(cache.matches_method(&own, b"PUT", 7199 * SECOND));
        assert!(!cache.matches_method(&own, b"PUT", 7200 * SECOND));
        for number in 0..2000 {
            cache.store(
                &own,
                Subject::HeaderName(format!("x-{number}").into_bytes()),
                SECOND,
                Duration::ZERO,
            );
        }
        assert_eq!(cache.0.len(), CAPACITY);
    }
}
