//! The `Set-Cookie` header's value.

use crate::cookie_date;
use crate::rejection::Rejection;
use crate::same_site::SameSite;

/// The most octets that a name and its value have together.
const MAX_NAME_VALUE: usize = 4096;
/// The most octets of an attribute's value; a longer one is ignored.
const MAX_ATTRIBUTE: usize = 1024;

/// What a set-cookie-string says, before anybody asks whether it may be set. Text is isomorphic: each character is an octet.
///
/// <https://datatracker.ietf.org/doc/html/draft-ietf-httpbis-rfc6265bis#name-the-set-cookie-header-field>
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetCookieString {
    /// Its name, which may be empty.
    pub name: String,
    /// Its value, quotes and all.
    pub value: String,
    /// When it ends, in seconds since 1970: the last `Expires` that is a date.
    pub expires: Option<i64>,
    /// How long it lives, in seconds from now: the last `Max-Age` that is a number. It counts for more than `expires`.
    pub max_age: Option<i64>,
    /// The last `Domain`, in lower case and without a dot at its start; an empty one is none to the RFC.
    pub domain: Option<String>,
    /// The last `Path`.
    pub path: PathAttribute,
    /// `Secure` is there.
    pub secure: bool,
    /// `HttpOnly` is there.
    pub http_only: bool,
    /// The last `SameSite`.
    pub same_site: SameSite,
    /// `Partitioned` is there.
    pub partitioned: bool,
}

/// What a set-cookie-string says of the path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PathAttribute {
    /// Nothing.
    Absent,
    /// What does not begin with a slash, which asks for the default path.
    Default,
    /// A path.
    Path(String),
}

impl SetCookieString {
    /// <https://datatracker.ietf.org/doc/html/draft-ietf-httpbis-rfc6265bis#name-the-set-cookie-header-field>
    ///
    /// # Errors
    /// When all of it is to be ignored: it holds a control character, or is too large.
    pub fn parse(header: &[u8]) -> Result<SetCookieString, Rejection> {
        // 1. No control characters but tabs.
        if header.iter().any(|byte| byte.is_ascii_control() && *byte != b'\t') {
            return Err(Rejection::ControlCharacter);
        }
        let text: String = header.iter().map(|byte| char::from(*byte)).collect();
        // 2. The attributes begin at the first semicolon.
        let (pair, attributes) =
            text.split_once(';').map_or((text.as_str(), None), |(pair, rest)| (pair, Some(rest)));
        // 3. Without an equals sign there is only a value.
        let (name, value) = pair.split_once('=').unwrap_or(("", pair));
        // 4. Whitespace around them is not theirs.
        let (name, value) = (trim(name), trim(value));
        // 5. Not too much.
        if octets(name) + octets(value) > MAX_NAME_VALUE {
            return Err(Rejection::TooLarge);
        }
        let mut cookie = SetCookieString {
            name: name.to_owned(),
            value: value.to_owned(),
            expires: None,
            max_age: None,
            domain: None,
            path: PathAttribute::Absent,
            secure: false,
            http_only: false,
            same_site: SameSite::Default,
            partitioned: false,
        };
        for attribute in attributes.into_iter().flat_map(|attributes| attributes.split(';')) {
            let (name, value) = attribute.split_once('=').unwrap_or((attribute, ""));
            let (name, value) = (trim(name), trim(value));
            if octets(value) <= MAX_ATTRIBUTE {
                cookie.attribute(name, value);
            }
        }
        Ok(cookie)
    }

    /// The last attribute of a name counts; what is not understood is ignored.
    fn attribute(&mut self, name: &str, value: &str) {
        match name.to_ascii_lowercase().as_str() {
            "expires" => self.expires = cookie_date::parse(value).or(self.expires),
            "max-age" => self.max_age = parse_max_age(value).or(self.max_age),
            "domain" => self.domain = Some(value.strip_prefix('.').unwrap_or(value).to_ascii_lowercase()),
            "path" => {
                self.path = match value.starts_with('/') {
                    true => PathAttribute::Path(value.to_owned()),
                    false => PathAttribute::Default,
                }
            }
            "secure" => self.secure = true,
            "httponly" => self.http_only = true,
            "samesite" => self.same_site = SameSite::from_attribute(value),
            "partitioned" => self.partitioned = true,
            _ => {}
        }
    }
}

fn parse_max_age(value: &str) -> Option<i64> {
    let (negative, digits) = match value.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, value),
    };
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) || (digits.is_empty() && !negative) {
        return None;
    }
    // NOTE: a lone minus passes the RFC's steps; it is no number of seconds, so it is ignored.
    if digits.is_empty() {
        return None;
    }
    let seconds = digits.parse().unwrap_or(i64::MAX);
    Some(if negative { -seconds } else { seconds })
}

fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

fn octets(isomorphic: &str) -> usize {
    isomorphic.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(header: &[u8]) -> Result<SetCookieString, Rejection> {
        SetCookieString::parse(header)
    }

    fn pair(header: &str) -> (String, String) {
        let cookie = parse(header.as_bytes()).unwrap();
        (cookie.name, cookie.value)
    }

    fn named(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    #[test]
    fn names_and_values() {
        assert_eq!(pair("a=b"), named("a", "b"));
        assert_eq!(pair(" a\t= b c ;Secure"), named("a", "b c"));
        assert_eq!(pair("a=b=c"), named("a", "b=c"));
        assert_eq!(pair("=b"), named("", "b"));
        assert_eq!(pair("b"), named("", "b"));
        assert_eq!(pair("a="), named("a", ""));
        assert_eq!(pair("a=\"b\""), named("a", "\"b\""));
        assert_eq!(pair(""), named("", ""));
    }

    #[test]
    fn control_characters_refuse_all_of_it() {
        for header in ["a=b\0", "a=b\x01c", "a\n=b", "a=b; Path=/\r", "a=\x7f"] {
            assert_eq!(parse(header.as_bytes()), Err(Rejection::ControlCharacter), "{header:?}");
        }
        assert_eq!(pair("a=b\tc"), named("a", "b\tc"));
    }

    #[test]
    fn name_and_value_have_4096_octets_together() {
        assert!(parse(format!("a={}", "b".repeat(4095)).as_bytes()).is_ok());
        assert_eq!(parse(format!("a={}", "b".repeat(4096)).as_bytes()), Err(Rejection::TooLarge));
        // Two octets each.
        assert_eq!(parse(format!("a={}", "é".repeat(2048)).as_bytes()), Err(Rejection::TooLarge));
    }

    #[test]
    fn the_last_attribute_counts_and_long_ones_are_ignored() {
        let cookie = parse(b"a=b; PATH=/x; path = /y ; Domain=.Example.COM; Max-Age=5; Max-Age=x").unwrap();
        assert_eq!(cookie.path, PathAttribute::Path("/y".to_owned()));
        assert_eq!(cookie.domain.as_deref(), Some("example.com"));
        assert_eq!(cookie.max_age, Some(5));
        let long = format!("a=b; Path=/x; Path=/{}", "y".repeat(1024));
        assert_eq!(parse(long.as_bytes()).unwrap().path, PathAttribute::Path("/x".to_owned()));
        let just = format!("a=b; Path=/x; Path=/{}", "y".repeat(1023));
        assert_ne!(parse(just.as_bytes()).unwrap().path, PathAttribute::Path("/x".to_owned()));
        assert_eq!(parse(b"a=b; Path=/x; Path=y").unwrap().path, PathAttribute::Default);
    }

    #[test]
    fn flags_and_same_site() {
        let cookie = parse(b"a=b;secure=no;HTTPONLY;Partitioned;SameSite=sTrIcT").unwrap();
        assert!(cookie.secure && cookie.http_only && cookie.partitioned);
        assert_eq!(cookie.same_site, SameSite::Strict);
        assert_eq!(parse(b"a=b; SameSite=Strict; SameSite=Nonsense").unwrap().same_site, SameSite::Default);
    }

    #[test]
    fn max_ages() {
        for (text, seconds) in [
            ("10", Some(10)),
            ("-1", Some(-1)),
            ("0", Some(0)),
            ("", None),
            ("-", None),
            ("+1", None),
            ("1.5", None),
            ("99999999999999999999999", Some(i64::MAX)),
        ] {
            assert_eq!(parse_max_age(text), seconds, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_header_is_taken_or_refused(header: Vec<u8>) {
            if let Ok(cookie) = parse(&header) {
                proptest::prop_assert!(octets(&cookie.name) + octets(&cookie.value) <= MAX_NAME_VALUE);
                proptest::prop_assert!(!cookie.name.contains(['=', ';']) && !cookie.value.contains(';'));
            }
        }
    }
}
