//! The location URL of a response.

use std::fmt::Write as _;

use url::Url;

use super::response::Response;
use super::status::is_redirect_status;
use crate::NetworkError;

impl Response {
    /// Where the response redirects to; nothing if it does not.
    ///
    /// <https://fetch.spec.whatwg.org/#concept-response-location-url>
    pub fn location_url(&self, request_fragment: Option<&str>) -> Result<Option<Url>, NetworkError> {
        // 1. It is no redirect.
        if !is_redirect_status(self.status) {
            return Ok(None);
        }
        // 2. There may be one such header. DEVIATION: the same value twice counts once, as in browsers.
        let mut values = self.header_list.values("Location");
        let Some(value) = values.next() else { return Ok(None) };
        if values.any(|other| other != value) {
            return Err(NetworkError::RedirectLocationInvalid);
        }
        // 3. Bytes outside ASCII stand for themselves, so that what is not UTF-8 arrives as it was sent.
        let mut text = String::with_capacity(value.len());
        for byte in value {
            if byte.is_ascii() {
                text.push(char::from(*byte));
            } else {
                write!(text, "%{byte:02X}").unwrap_or(());
            }
        }
        let mut location = Url::options()
            .base_url(self.url())
            .parse(&text)
            .map_err(|_| NetworkError::RedirectLocationInvalid)?;
        // 4. The request's fragment stays where the location has none.
        if location.fragment().is_none() {
            location.set_fragment(request_fragment);
        }
        // 5.
        Ok(Some(location))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn location(
        status: u16,
        values: &[&[u8]],
        fragment: Option<&str>,
    ) -> Result<Option<String>, NetworkError> {
        let mut response = Response::new();
        response.status = status;
        response.url_list.push(Url::parse("https://a.example/dir/page").unwrap());
        for value in values {
            response.header_list.append("location", value);
        }
        response.location_url(fragment).map(|url| url.map(String::from))
    }

    #[test]
    fn locations_are_relative_to_the_response() {
        assert_eq!(location(200, &[b"/x"], None), Ok(None));
        assert_eq!(location(302, &[], None), Ok(None));
        assert_eq!(location(302, &[b"x?y"], Some("f")), Ok(Some("https://a.example/dir/x?y#f".into())));
        assert_eq!(location(302, &[b"x#own"], Some("f")), Ok(Some("https://a.example/dir/x#own".into())));
        assert_eq!(location(302, &[b""], None), Ok(Some("https://a.example/dir/page".into())));
        assert_eq!(location(307, &[b"https://"], None), Err(NetworkError::RedirectLocationInvalid));
        assert_eq!(location(307, &[b"/a", b"/b"], None), Err(NetworkError::RedirectLocationInvalid));
        assert_eq!(location(307, &[b"/a", b"/a"], None), Ok(Some("https://a.example/a".into())));
    }

    #[test]
    fn bytes_outside_ascii_arrive_as_they_were_sent() {
        assert_eq!(
            location(302, &[b"\xe2\x98\x83"], None),
            Ok(Some("https://a.example/dir/%E2%98%83".into()))
        );
        assert_eq!(location(302, &[b"\x98"], None), Ok(Some("https://a.example/dir/%98".into())));
    }
}
