//! Names of hosts.

use std::net::{Ipv4Addr, Ipv6Addr};

/// The name in the form in which names are compared, or nothing for what is no name but an address.
///
/// <https://www.rfc-editor.org/rfc/rfc6797#section-8.1.1>
pub(crate) fn canonical(host: &str) -> Option<String> {
    let host = host.strip_suffix('.').unwrap_or(host);
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let is_address = bare.parse::<Ipv4Addr>().is_ok() || bare.parse::<Ipv6Addr>().is_ok();
    (!host.is_empty() && !is_address).then(|| host.to_ascii_lowercase())
}

/// The name, then each one above it.
pub(crate) fn and_above(host: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(host), |host| host.split_once('.').map(|(_, above)| above))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_canonical_and_addresses_are_none() {
        assert_eq!(canonical("EXAMPLE.com.").as_deref(), Some("example.com"));
        for none in ["", ".", "127.0.0.1", "[::1]", "::1"] {
            assert_eq!(canonical(none), None, "{none}");
        }
    }

    #[test]
    fn above_a_name_are_its_suffixes() {
        assert_eq!(and_above("a.b.c").collect::<Vec<_>>(), ["a.b.c", "b.c", "c"]);
    }
}
