//! CORS-safelisted request-headers: those that go across origins without a preflight.

use super::header_list::{HeaderList, convert_header_names_to_a_sorted_lowercase_set};
use super::header_name::is_no_cors_safelisted_request_header_name;
use super::mime_type::MimeType;
use super::range::{RangeWhitespace, parse_a_single_range_header_value};

/// <https://fetch.spec.whatwg.org/#cors-safelisted-request-header>
pub fn is_cors_safelisted_request_header(name: &[u8], value: &[u8]) -> bool {
    // 1. Long values never are.
    if value.len() > 128 {
        return false;
    }
    // 2. By name:
    match name.to_ascii_lowercase().as_slice() {
        b"accept" => !value.iter().any(|byte| is_cors_unsafe_request_header_byte(*byte)),
        b"accept-language" | b"content-language" => value.iter().all(|byte| {
            byte.is_ascii_alphanumeric() || matches!(byte, b' ' | b'*' | b',' | b'-' | b'.' | b';' | b'=')
        }),
        b"content-type" => {
            !value.iter().any(|byte| is_cors_unsafe_request_header_byte(*byte))
                && MimeType::from_bytes(value).is_ok_and(|mime_type| {
                    matches!(
                        mime_type.essence(),
                        "application/x-www-form-urlencoded" | "multipart/form-data" | "text/plain"
                    )
                })
        }
        b"range" => parse_a_single_range_header_value(value, RangeWhitespace::Refused)
            .is_ok_and(|range| range.start.is_some()),
        _ => false,
    }
    // 3.
}

/// <https://fetch.spec.whatwg.org/#cors-unsafe-request-header-byte>
const fn is_cors_unsafe_request_header_byte(byte: u8) -> bool {
    (byte < 0x20 && byte != b'\t')
        || matches!(
            byte,
            b'"' | b'(' | b')' | b':' | b'<' | b'>' | b'?' | b'@' | b'[' | b'\\' | b']' | b'{' | b'}' | 0x7f
        )
}

/// <https://fetch.spec.whatwg.org/#no-cors-safelisted-request-header>
pub fn is_no_cors_safelisted_request_header(name: &[u8], value: &[u8]) -> bool {
    is_no_cors_safelisted_request_header_name(name) && is_cors_safelisted_request_header(name, value)
}

/// <https://fetch.spec.whatwg.org/#cors-unsafe-request-header-names>
pub fn cors_unsafe_request_header_names(headers: &HeaderList) -> Vec<Vec<u8>> {
    // 1.–3.
    let mut unsafe_names: Vec<&[u8]> = Vec::new();
    let mut potentially_unsafe_names: Vec<&[u8]> = Vec::new();
    let mut safelist_value_size = 0;
    // 4. Each header is unsafe, or counts towards the limit for all safe ones together.
    for (name, value) in headers.iter() {
        if is_cors_safelisted_request_header(name, value) {
            potentially_unsafe_names.push(name);
            safelist_value_size += value.len();
        } else {
            unsafe_names.push(name);
        }
    }
    // 5. Past the limit none is safe.
    if safelist_value_size > 1024 {
        unsafe_names.extend(potentially_unsafe_names);
    }
    // 6.
    convert_header_names_to_a_sorted_lowercase_set(unsafe_names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_decide_as_well_as_names() {
        for (name, value) in [
            ("Accept", "*/*"),
            ("accept-language", "en, de;q=0.5"),
            ("content-TYPE", "text/plain;charset=utf-8"),
            ("Range", "bytes=5-"),
        ] {
            assert!(is_cors_safelisted_request_header(name.as_bytes(), value.as_bytes()), "{name}: {value}");
        }
        for (name, value) in [
            ("Accept", "a\"b"),
            ("accept-language", "_"),
            ("content-type", "application/json"),
            ("range", "bytes=-5"),
            ("x-a", "1"),
        ] {
            assert!(!is_cors_safelisted_request_header(name.as_bytes(), value.as_bytes()), "{name}: {value}");
        }
        assert!(!is_cors_safelisted_request_header(b"accept", &[b'a'; 129]));
        assert!(is_no_cors_safelisted_request_header(b"Accept", b"a/b"));
        assert!(!is_no_cors_safelisted_request_header(b"Range", b"bytes=0-"));
    }

    #[test]
    fn many_safe_values_are_unsafe_together() {
        let mut headers = HeaderList::new();
        for _ in 0..8 {
            headers.append("Accept", [b'a'; 128]);
        }
        assert!(cors_unsafe_request_header_names(&headers).is_empty());
        headers.append("accept-language", "en");
        headers.append("X-B", "1");
        let names = cors_unsafe_request_header_names(&headers);
        assert_eq!(names, [b"accept".to_vec(), b"accept-language".to_vec(), b"x-b".to_vec()]);
    }
}
