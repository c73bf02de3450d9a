//! The public suffix and the registrable domain of a host, by the [Public Suffix List](https://publicsuffix.org/list/).
//!
//! A crate of its own because the list is code: `psl` makes some ten thousand functions of it, anew in each crate that calls it. Here
//! they are compiled once, and fuzzers, which instrument what is Longhaul's, have no edges of theirs to look through.

#![forbid(unsafe_code)]

/// The public suffix of a domain: what anybody can have a domain beneath, such as `co.uk`. One that no rule names has its last label; the
/// empty one has none, and neither has one that ends with an empty label. The domain is in lower case, and no address.
///
/// <https://url.spec.whatwg.org/#host-public-suffix>
pub fn public_suffix(domain: &str) -> Option<&str> {
    with_the_roots_dot(domain, psl::suffix_str)
}

/// The domain's registrable domain, its public suffix and the label before it; none for what is a public suffix itself or has none.
///
/// <https://url.spec.whatwg.org/#host-registrable-domain>
pub fn registrable_domain(domain: &str) -> Option<&str> {
    with_the_roots_dot(domain, psl::domain_str)
}

/// The root's dot is a part of what the domain ends with, which makes it another than the one without; the list has none.
fn with_the_roots_dot(domain: &str, end: impl Fn(&str) -> Option<&str>) -> Option<&str> {
    let bare = domain.strip_suffix('.').unwrap_or(domain);
    let end = end(bare)?;
    let labels = bare.get(bare.len() - end.len()..)?;
    // What has an empty label is no name of the DNS, and the list says nothing of it.
    if labels.split('.').any(str::is_empty) {
        return None;
    }
    domain.get(bare.len() - end.len()..)
}

#[cfg(test)]
mod tests {
    use super::*;

    // The table of <https://url.spec.whatwg.org/#host-registrable-domain>'s kinds of hosts, with domains of our own.
    #[test]
    fn ends_of_domains() {
        for (domain, suffix, registrable) in [
            ("com", Some("com"), None),
            ("example.com", Some("com"), Some("example.com")),
            ("a.b.example.com", Some("com"), Some("example.com")),
            ("shop.example.co.uk", Some("co.uk"), Some("example.co.uk")),
            ("github.io", Some("github.io"), None),
            ("me.github.io", Some("github.io"), Some("me.github.io")),
            ("localhost", Some("localhost"), None),
            ("made.up", Some("up"), Some("made.up")),
            ("", None, None),
        ] {
            assert_eq!(public_suffix(domain), suffix, "{domain}");
            assert_eq!(registrable_domain(domain), registrable, "{domain}");
        }
    }

    #[test]
    fn the_roots_dot_stays() {
        assert_eq!(public_suffix("a.example.co.uk."), Some("co.uk."));
        assert_eq!(registrable_domain("a.example.co.uk."), Some("example.co.uk."));
        assert_eq!(registrable_domain("co.uk."), None);
    }

    #[test]
    fn empty_labels_are_in_no_domain() {
        for (domain, suffix, registrable) in [
            (".", None, None),
            ("0..", None, None),
            ("a.example.com..", None, None),
            ("a..com", Some("com"), None),
            // What stands before the domain is not its own.
            (".example.com", Some("com"), Some("example.com")),
            ("a...example.com", Some("com"), Some("example.com")),
        ] {
            assert_eq!(
                (public_suffix(domain), registrable_domain(domain)),
                (suffix, registrable),
                "{domain}"
            );
        }
    }
}
