//! Port blocking.

use url::Url;

/// The URL's port, if it is one that fetching may not reach.
///
/// <https://fetch.spec.whatwg.org/#block-bad-port>
pub(crate) fn blocked_port(url: &Url) -> Option<u16> {
    match url.scheme() {
        "http" | "https" => url.port().filter(|port| is_bad_port(*port)),
        _ => None,
    }
}

/// <https://fetch.spec.whatwg.org/#bad-port>
pub fn is_bad_port(port: u16) -> bool {
    BAD_PORTS.binary_search(&port).is_ok()
}

/// In ascending order.
const BAD_PORTS: &[u16] = &[
    0, 1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103,
    104, 109, 110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465, 512, 513, 514,
    515, 526, 530, 531, 532, 540, 548, 554, 556, 563, 587, 601, 636, 989, 990, 993, 995, 1719, 1720, 1723,
    2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_in_order_and_ports_are_found() {
        assert!(BAD_PORTS.is_sorted() && BAD_PORTS.len() == 83);
        let port = |text: &str| blocked_port(&Url::parse(text).unwrap());
        assert_eq!(port("http://a.example:6667/"), Some(6667));
        assert_eq!(port("https://a.example:10080/"), Some(10080));
        assert_eq!(port("http://a.example/"), None);
        assert_eq!(port("http://a.example:8080/"), None);
        assert_eq!(port("ftp://a.example:22/"), None);
    }
}
