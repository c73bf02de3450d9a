//! Origins and sites.

use url::Url;
pub use url::{Host, Origin};

/// Whether two origins are the same.
///
/// <https://html.spec.whatwg.org/multipage/browsers.html#same-origin>
pub fn same_origin(a: &Origin, b: &Origin) -> bool {
    a == b
}

/// The origin's text as `Origin` and `Access-Control-Allow-Origin` carry it; `null` if it is opaque.
///
/// <https://html.spec.whatwg.org/multipage/browsers.html#ascii-serialisation-of-an-origin>
pub fn serialize_origin(origin: &Origin) -> String {
    origin.ascii_serialization()
}

/// The origin that a serialization stands for; a fresh opaque one where it stands for none.
pub fn parse_origin(text: &str) -> Origin {
    Url::parse(text).map_or_else(|_| Origin::new_opaque(), |url| url.origin())
}

/// The host's registrable domain, if it has one.
///
/// <https://url.spec.whatwg.org/#host-registrable-domain>
pub fn registrable_domain(host: &Host<String>) -> Option<&str> {
    match host {
        Host::Domain(domain) => longhaul_public_suffix::registrable_domain(domain),
        Host::Ipv4(_) | Host::Ipv6(_) => None,
    }
}

/// The origin's site as text: its scheme and registrable domain, or its host where there is none. Opaque origins
/// have a site of their own each, which `None` stands for.
///
/// <https://html.spec.whatwg.org/multipage/browsers.html#obtain-a-site>
pub fn obtain_a_site(origin: &Origin) -> Option<String> {
    match origin {
        Origin::Opaque(_) => None,
        Origin::Tuple(scheme, host, _) => {
            let registrable = registrable_domain(host).map_or_else(|| host.to_string(), str::to_owned);
            Some(format!("{scheme}://{registrable}"))
        }
    }
}

/// Whether two origins are of one site, schemes compared.
///
/// <https://html.spec.whatwg.org/multipage/browsers.html#same-site>
pub fn same_site(a: &Origin, b: &Origin) -> bool {
    match (obtain_a_site(a), obtain_a_site(b)) {
        (Some(a), Some(b)) => a == b,
        _ => a == b,
    }
}

/// Whether two origins are of one site, schemes left aside.
///
/// <https://html.spec.whatwg.org/multipage/browsers.html#schemelessly-same-site>
pub fn schemelessly_same_site(a: &Origin, b: &Origin) -> bool {
    match (a, b) {
        (Origin::Tuple(_, a, _), Origin::Tuple(_, b, _)) => {
            a == b || matches!((registrable_domain(a), registrable_domain(b)), (Some(a), Some(b)) if a == b)
        }
        _ => a == b,
    }
}

/// Whether what the origin serves arrives as it was sent.
///
/// <https://w3c.github.io/webappsec-secure-contexts/#potentially-trustworthy-origin>
pub fn is_origin_potentially_trustworthy(origin: &Origin) -> bool {
    match origin {
        // 1. An opaque origin is not.
        Origin::Opaque(_) => false,
        Origin::Tuple(scheme, host, _) => {
            // 3. Secure schemes, and file: as the user's own.
            matches!(scheme.as_str(), "https" | "wss" | "file")
                // 4.–5. This machine.
                || match host {
                    Host::Ipv4(address) => address.is_loopback(),
                    Host::Ipv6(address) => address.is_loopback(),
                    Host::Domain(name) => is_localhost(name),
                }
        }
    }
}

/// Whether the URL is that of a resource that arrives as it was sent.
///
/// <https://w3c.github.io/webappsec-secure-contexts/#potentially-trustworthy-url>
pub fn is_url_potentially_trustworthy(url: &Url) -> bool {
    matches!(url.as_str(), "about:blank" | "about:srcdoc")
        || url.scheme() == "data"
        || is_origin_potentially_trustworthy(&url.origin())
}

pub(crate) fn is_localhost(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    name.eq_ignore_ascii_case("localhost")
        || name.len() > 10 && name.as_bytes()[name.len() - 10..].eq_ignore_ascii_case(b".localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(text: &str) -> Origin {
        Url::parse(text).unwrap().origin()
    }

    #[test]
    fn sites_are_registrable_domains_with_a_scheme() {
        assert!(same_site(&origin("https://a.example.co.uk/"), &origin("https://b.example.co.uk:8443/")));
        assert!(!same_site(&origin("https://a.co.uk/"), &origin("https://b.co.uk/")));
        assert!(!same_site(&origin("http://a.example/"), &origin("https://a.example/")));
        assert!(schemelessly_same_site(&origin("http://a.example/"), &origin("https://a.example/")));
        assert!(!same_site(&origin("http://127.0.0.1/"), &origin("http://127.0.0.2/")));
        assert!(!same_site(&origin("https://a.example/"), &origin("https://a.example./")));
        assert!(same_site(&origin("https://a.example.co.uk./"), &origin("https://b.example.co.uk./")));
        let opaque = Origin::new_opaque();
        assert!(same_site(&opaque, &opaque.clone()) && !same_site(&opaque, &Origin::new_opaque()));
    }

    #[test]
    fn this_machine_and_secure_schemes_are_trustworthy() {
        for yes in [
            "https://a.example/",
            "http://localhost:1/",
            "http://a.localhost/",
            "http://127.1.2.3/",
            "http://[::1]/",
        ] {
            assert!(is_url_potentially_trustworthy(&Url::parse(yes).unwrap()), "{yes}");
        }
        for no in ["http://a.example/", "http://notlocalhost/", "http://192.168.0.1/"] {
            assert!(!is_url_potentially_trustworthy(&Url::parse(no).unwrap()), "{no}");
        }
    }

    #[test]
    fn serializations_parse_back() {
        for text in ["https://a.example", "http://a.example:8080"] {
            assert_eq!(serialize_origin(&parse_origin(text)), text);
        }
        assert_eq!(serialize_origin(&parse_origin("null")), "null");
    }
}
