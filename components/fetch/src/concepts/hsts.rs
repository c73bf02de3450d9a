//! HTTP Strict Transport Security.

use std::time::Duration;

use url::Url;

use super::header_list::HeaderList;
use super::mixed_content::make_secure;
use super::network_partition_key::NetworkPartitionKey;
use super::origin::{Host, is_localhost};
use super::request::Request;
use super::response::Response;
use crate::services::Services;

/// What `Strict-Transport-Security` says.
///
/// <https://www.rfc-editor.org/rfc/rfc6797#section-6.1>
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct StrictTransportSecurity {
    /// For how long; zero takes it back.
    pub max_age: Duration,
    /// Hosts beneath are meant too.
    pub include_subdomains: bool,
}

/// Remembers which hosts are to be reached securely.
pub trait HstsStore: Send + Sync + 'static {
    /// Whether the host is a known one, or lies beneath one that includes its subdomains. Partitions keep one site from learning
    /// through it what another has visited.
    ///
    /// <https://www.rfc-editor.org/rfc/rfc6797#section-8.2>
    fn should_upgrade(&self, host: &str, partition: &NetworkPartitionKey) -> bool;
    /// Takes what a host said over a secure connection.
    ///
    /// <https://www.rfc-editor.org/rfc/rfc6797#section-8.1>
    fn observe(&self, host: &str, policy: &StrictTransportSecurity, partition: &NetworkPartitionKey);
}

/// Main fetch, step 10: makes the URL secure if its host wants that. FIXME: HTTPS records, which no resolver here asks for.
pub(crate) fn upgrade_by_hsts(request: &mut Request, services: &Services) -> bool {
    let url = request.current_url();
    let Some(host) = eligible_host(url).filter(|_| url.scheme() == "http") else { return false };
    let partition = NetworkPartitionKey::for_request(request);
    let is_known = services.hsts().should_upgrade(host, &partition);
    if is_known {
        make_secure(request.current_url_mut());
    }
    is_known
}

/// Hands the response's header to the store. NOTE: a response that came over TLS had no certificate error, else there would be no
/// response.
pub(crate) fn observe_strict_transport_security(request: &Request, response: &Response, services: &Services) {
    let url = request.current_url();
    if url.scheme() != "https" {
        return;
    }
    if let (Some(host), Some(policy)) =
        (eligible_host(url), StrictTransportSecurity::from_headers(&response.header_list))
    {
        services.hsts().observe(host, &policy, &NetworkPartitionKey::for_request(request));
    }
}

/// A domain that is not this machine itself.
fn eligible_host(url: &Url) -> Option<&str> {
    match url.host()? {
        Host::Domain(name) if !is_localhost(name) => Some(name.strip_suffix('.').unwrap_or(name)),
        _ => None,
    }
}

impl StrictTransportSecurity {
    /// What the first header of a response says, if it says anything.
    ///
    /// <https://www.rfc-editor.org/rfc/rfc6797#section-6.1>
    pub fn from_headers(headers: &HeaderList) -> Option<StrictTransportSecurity> {
        // Only the first header counts.
        let value = headers.values("Strict-Transport-Security").next()?;
        let value = std::str::from_utf8(value).ok()?;
        let (mut max_age, mut include_subdomains) = (None, false);
        for directive in value.split(';').map(str::trim).filter(|directive| !directive.is_empty()) {
            let (name, value) = match directive.split_once('=') {
                Some((name, value)) => (name.trim(), Some(value.trim())),
                None => (directive, None),
            };
            if name.eq_ignore_ascii_case("max-age") {
                // A directive that is there twice makes the header invalid.
                if max_age.is_some() {
                    return None;
                }
                let value = value?;
                let value =
                    value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
                if value.is_empty() || !value.bytes().all(|byte| byte.is_ascii_digit()) {
                    return None;
                }
                max_age = Some(Duration::from_secs(value.parse().unwrap_or(u64::from(u32::MAX))));
            } else if name.eq_ignore_ascii_case("includeSubDomains") {
                if include_subdomains {
                    return None;
                }
                include_subdomains = true;
            }
        }
        Some(StrictTransportSecurity { max_age: max_age?, include_subdomains })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(value: &str) -> Option<(u64, bool)> {
        let headers: HeaderList = [("Strict-Transport-Security", value)].into_iter().collect();
        StrictTransportSecurity::from_headers(&headers)
            .map(|policy| (policy.max_age.as_secs(), policy.include_subdomains))
    }

    #[test]
    fn the_header_is_parsed_as_the_rfc_has_it() {
        assert_eq!(parsed("max-age=31536000"), Some((31_536_000, false)));
        assert_eq!(parsed("MAX-AGE=\"5\" ; includeSubDomains;; preload"), Some((5, true)));
        assert_eq!(parsed("max-age=0"), Some((0, false)));
        for bad in [
            "",
            "includeSubDomains",
            "max-age",
            "max-age=",
            "max-age=-1",
            "max-age=1; max-age=2",
            "max-age=1.5",
        ] {
            assert_eq!(parsed(bad), None, "{bad}");
        }
        assert!(parsed("max-age=99999999999999999999").is_some());
    }

    #[test]
    fn addresses_and_this_machine_are_left_alone() {
        let host = |url: &str| eligible_host(&Url::parse(url).unwrap()).map(str::to_owned);
        assert_eq!(host("http://a.example./").as_deref(), Some("a.example"));
        for none in ["http://127.0.0.1/", "http://[::1]/", "http://localhost/", "http://a.localhost./"] {
            assert_eq!(host(none), None);
        }
    }
}
