//! Header names and values: what they may hold, and the lists of names that standards treat apart.

use super::header_list::get_decode_and_split_value;
use super::method::is_forbidden_method;

/// Whether the bytes are a token as HTTP defines it, the form of methods and header names.
pub fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|byte| is_token_byte(*byte))
}

pub(crate) const fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'.'
                | b'^'
                | b'_'
                | b'`'
                | b'|'
                | b'~'
        )
}

/// <https://fetch.spec.whatwg.org/#header-name>
pub fn is_header_name(bytes: &[u8]) -> bool {
    is_token(bytes)
}

/// <https://fetch.spec.whatwg.org/#header-value>
pub fn is_header_value(bytes: &[u8]) -> bool {
    let edge = |byte: Option<&u8>| matches!(byte, Some(b'\t' | b' '));
    !edge(bytes.first()) && !edge(bytes.last()) && !bytes.iter().any(|byte| matches!(byte, 0 | b'\r' | b'\n'))
}

/// Removes leading and trailing HTTP whitespace.
///
/// <https://fetch.spec.whatwg.org/#concept-header-value-normalize>
pub fn normalize_header_value(bytes: &[u8]) -> &[u8] {
    let is_whitespace = |byte: &u8| matches!(byte, b'\t' | b'\n' | b'\r' | b' ');
    let start = bytes.iter().position(|byte| !is_whitespace(byte)).unwrap_or(bytes.len());
    let end = bytes.iter().rposition(|byte| !is_whitespace(byte)).map_or(start, |last| last + 1);
    &bytes[start..end]
}

fn is_one_of(name: &[u8], names: &[&str]) -> bool {
    names.iter().any(|candidate| candidate.as_bytes().eq_ignore_ascii_case(name))
}

/// <https://fetch.spec.whatwg.org/#forbidden-request-header>
pub fn is_forbidden_request_header(name: &[u8], value: &[u8]) -> bool {
    const NAMES: &[&str] = &[
        "Accept-Charset",
        "Accept-Encoding",
        "Access-Control-Request-Headers",
        "Access-Control-Request-Method",
        "Connection",
        "Content-Length",
        "Cookie",
        "Cookie2",
        "Date",
        "DNT",
        "Expect",
        "Host",
        "Keep-Alive",
        "Origin",
        "Referer",
        "Set-Cookie",
        "TE",
        "Trailer",
        "Transfer-Encoding",
        "Upgrade",
        "Via",
    ];
    // 1. Names that are forbidden as such.
    if is_one_of(name, NAMES) {
        return true;
    }
    // 2. Two prefixes.
    let lower = name.to_ascii_lowercase();
    if lower.starts_with(b"proxy-") || lower.starts_with(b"sec-") {
        return true;
    }
    // 3. Method overrides are forbidden with a forbidden method.
    is_one_of(name, &["X-HTTP-Method", "X-HTTP-Method-Override", "X-Method-Override"])
        && get_decode_and_split_value(value).iter().any(|method| is_forbidden_method(method.as_bytes()))
}

/// <https://fetch.spec.whatwg.org/#forbidden-response-header-name>
pub fn is_forbidden_response_header_name(name: &[u8]) -> bool {
    is_one_of(name, &["Set-Cookie", "Set-Cookie2"])
}

/// <https://fetch.spec.whatwg.org/#request-body-header-name>
pub fn is_request_body_header_name(name: &[u8]) -> bool {
    is_one_of(name, REQUEST_BODY_HEADER_NAMES)
}

/// <https://fetch.spec.whatwg.org/#request-body-header-name>
pub(crate) const REQUEST_BODY_HEADER_NAMES: &[&str] =
    &["Content-Encoding", "Content-Language", "Content-Location", "Content-Type"];

/// <https://fetch.spec.whatwg.org/#privileged-no-cors-request-header-name>
pub(crate) const PRIVILEGED_NO_CORS_REQUEST_HEADER_NAMES: &[&str] = &["Range"];

/// <https://fetch.spec.whatwg.org/#privileged-no-cors-request-header-name>
pub fn is_privileged_no_cors_request_header_name(name: &[u8]) -> bool {
    is_one_of(name, PRIVILEGED_NO_CORS_REQUEST_HEADER_NAMES)
}

/// <https://fetch.spec.whatwg.org/#no-cors-safelisted-request-header-name>
pub fn is_no_cors_safelisted_request_header_name(name: &[u8]) -> bool {
    is_one_of(name, &["Accept", "Accept-Language", "Content-Language", "Content-Type"])
}

/// <https://fetch.spec.whatwg.org/#cors-non-wildcard-request-header-name>
pub fn is_cors_non_wildcard_request_header_name(name: &[u8]) -> bool {
    is_one_of(name, &["Authorization"])
}

/// <https://fetch.spec.whatwg.org/#cors-safelisted-response-header-name>
pub fn is_cors_safelisted_response_header_name(name: &[u8], exposed: &[Vec<u8>]) -> bool {
    is_one_of(
        name,
        &[
            "Cache-Control",
            "Content-Language",
            "Content-Length",
            "Content-Type",
            "Expires",
            "Last-Modified",
            "Pragma",
        ],
    ) || (!is_forbidden_response_header_name(name)
        && exposed.iter().any(|item| item.eq_ignore_ascii_case(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_trimmed_of_http_whitespace_only() {
        assert_eq!(normalize_header_value(b" \t\r\na b\n "), b"a b");
        assert_eq!(normalize_header_value(b"\x0ba\x0c"), b"\x0ba\x0c");
        assert_eq!(normalize_header_value(b" \t "), b"");
    }

    #[test]
    fn values_hold_any_byte_but_three() {
        assert!(is_header_value(b"") && is_header_value(b"\xff\x01 \x7f"));
        for bad in [&b"a\0"[..], b"a\nb", b"a\rb", b" a", b"a\t"] {
            assert!(!is_header_value(bad));
        }
    }

    #[test]
    fn method_overrides_are_forbidden_only_with_forbidden_methods() {
        assert!(is_forbidden_request_header(b"x-http-method", b"GET, trace"));
        assert!(!is_forbidden_request_header(b"X-HTTP-Method", b"PATCH"));
        assert!(!is_forbidden_request_header(b"X-Method-Override", b"\"TRACE\""));
        assert!(is_forbidden_request_header(b"SEC-x", b""));
        assert!(is_forbidden_request_header(b"proxy-authorization", b""));
        assert!(!is_forbidden_request_header(b"Range", b"bytes=0-"));
    }

    #[test]
    fn exposed_names_never_include_set_cookie() {
        let exposed = vec![b"x-a".to_vec(), b"set-cookie".to_vec()];
        assert!(is_cors_safelisted_response_header_name(b"X-A", &exposed));
        assert!(is_cors_safelisted_response_header_name(b"content-length", &[]));
        assert!(!is_cors_safelisted_response_header_name(b"Set-Cookie", &exposed));
        assert!(!is_cors_safelisted_response_header_name(b"ETag", &exposed));
    }
}
