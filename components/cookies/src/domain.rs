//! Hosts and domains.

use url::{Host, Url};

/// The canonicalized request-host, if the URL has one.
pub(crate) fn request_host(url: &Url) -> Option<&str> {
    url.host_str().filter(|host| !host.is_empty())
}

/// Whether the host is an address, which has no subdomains.
fn is_address(host: &str) -> bool {
    // NOTE: `Host::parse` reads what `Url` writes: addresses are in their canonical form.
    matches!(Host::parse(host), Ok(Host::Ipv4(_) | Host::Ipv6(_)))
}

/// <https://datatracker.ietf.org/doc/html/draft-ietf-httpbis-rfc6265bis#name-domain-matching>
pub(crate) fn domain_matches(host: &str, domain: &str) -> bool {
    host == domain
        || host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'))
            && !domain.is_empty()
            && !is_address(host)
}

/// Whether anybody can have a domain beneath this one. NOTE: so it is with what is no name of the DNS, such as `a..b`: it has no site but
/// itself, and what is set for it would go nowhere else.
pub(crate) fn is_public_suffix(domain: &str) -> bool {
    !is_address(domain) && longhaul_public_suffix::registrable_domain(domain).is_none()
}

/// What groups the hosts that can share cookies: the registrable domain, or the host where there is none.
pub(crate) fn site_of(host: &str) -> &str {
    if is_address(host) {
        return host;
    }
    longhaul_public_suffix::registrable_domain(host).unwrap_or(host)
}

/// Whether what the URL's server sends arrives as it was sent.
///
/// NOTE: the RFC leaves it to the user agent whether this machine counts; as in browsers, it does.
pub(crate) fn is_secure(url: &Url) -> bool {
    match url.host() {
        _ if matches!(url.scheme(), "https" | "wss") => true,
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(domain)) => {
            let domain = domain.strip_suffix('.').unwrap_or(domain);
            domain == "localhost" || domain.ends_with(".localhost")
        }
        None => false,
    }
}

/// The site with its scheme: the partition of a context that is its own top level.
pub(crate) fn own_partition(url: &Url) -> Option<String> {
    let scheme = if matches!(url.scheme(), "https" | "wss") { "https" } else { "http" };
    Some(format!("{scheme}://{}", site_of(request_host(url)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_match_at_label_boundaries() {
        assert!(domain_matches("example.com", "example.com"));
        assert!(domain_matches("a.b.example.com", "example.com"));
        assert!(!domain_matches("badexample.com", "example.com"));
        assert!(!domain_matches("example.com", "a.example.com"));
        assert!(!domain_matches("1.2.3.4", "3.4"));
        assert!(domain_matches("1.2.3.4", "1.2.3.4"));
        assert!(!domain_matches("a.", ""));
    }

    #[test]
    fn public_suffixes_and_sites() {
        for suffix in ["com", "co.uk", "github.io", "localhost"] {
            assert!(is_public_suffix(suffix), "{suffix}");
        }
        for domain in ["example.com", "a.github.io", "127.0.0.1", "[::1]"] {
            assert!(!is_public_suffix(domain), "{domain}");
        }
        assert_eq!(site_of("a.b.example.co.uk"), "example.co.uk");
        assert_eq!(site_of("127.0.0.1"), "127.0.0.1");
        assert_eq!(site_of("localhost"), "localhost");
    }
}
