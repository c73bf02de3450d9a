//! The headers of CORS.

use longhaul_fetch::{
    HeaderList, Response, ResponseType, cors_unsafe_request_header_names, extract_token_list,
    is_cors_safelisted_request_header, is_no_cors_safelisted_request_header, is_token,
    normalize_header_value,
};

use super::header_text::headers_of;

/// What CORS reads off header lists: lists of tokens, unsafe request headers, and what a filtered response shows. Input: a header a
/// line.
///
/// Asserts that lists hold tokens alone and all of them, that unsafe names are just those that are not safelisted or too many, and
/// that a CORS-filtered response shows nothing that was not exposed, an opaque one nothing at all.
pub fn cors_headers(data: &[u8]) {
    let list = headers_of(data);
    token_lists(&list);
    unsafe_names(&list);
    let exposed = match extract_token_list(&list, "Access-Control-Expose-Headers") {
        Ok(Some(names)) => names,
        Ok(None) | Err(_) => Vec::new(),
    };
    filters(&list, &exposed);
}

fn token_lists(list: &HeaderList) {
    for name in
        ["Access-Control-Expose-Headers", "Access-Control-Allow-Headers", "Access-Control-Allow-Methods"]
    {
        let values: Vec<&[u8]> = list
            .values(name)
            .flat_map(|value| value.split(|byte| *byte == b','))
            .map(normalize_header_value)
            .filter(|element| !element.is_empty())
            .collect();
        match extract_token_list(list, name) {
            Ok(None) => assert!(!list.contains(name)),
            Ok(Some(tokens)) => assert_eq!(tokens, values),
            Err(_) => assert!(values.iter().any(|value| !is_token(value))),
        }
    }
}

fn unsafe_names(list: &HeaderList) {
    let names = cors_unsafe_request_header_names(list);
    assert!(names.is_sorted());
    let mut safelisted = 0;
    for (name, value) in list.iter() {
        let listed = names.contains(&name.to_ascii_lowercase());
        if is_cors_safelisted_request_header(name, value) {
            safelisted += value.len();
            assert!(value.len() <= 128);
        } else {
            assert!(listed, "{}", name.escape_ascii());
        }
        assert!(
            !is_no_cors_safelisted_request_header(name, value)
                || is_cors_safelisted_request_header(name, value)
        );
    }
    // Safe ones are named only once there are too many of them.
    if safelisted <= 1024 {
        for name in &names {
            let unsafe_one = |(other, value): (&[u8], &[u8])| {
                other.eq_ignore_ascii_case(name) && !is_cors_safelisted_request_header(other, value)
            };
            assert!(list.iter().any(unsafe_one), "{}", name.escape_ascii());
        }
    }
}

const SAFELISTED: [&str; 7] = [
    "cache-control",
    "content-language",
    "content-length",
    "content-type",
    "expires",
    "last-modified",
    "pragma",
];

fn filters(list: &HeaderList, exposed: &[Vec<u8>]) {
    let response = || {
        let mut response = Response::new();
        response.header_list = list.clone();
        response.cors_exposed_header_names = exposed.to_vec();
        response
    };
    let cors = response().filtered(ResponseType::Cors);
    for (name, value) in list.iter() {
        let lower = name.to_ascii_lowercase();
        let forbidden = lower == b"set-cookie" || lower == b"set-cookie2";
        let visible = !forbidden
            && (SAFELISTED.iter().any(|safe| safe.as_bytes() == lower)
                || exposed.iter().any(|exposed| exposed.eq_ignore_ascii_case(name)));
        let shown = cors.header_list.iter().any(|(other, shown)| other == name && shown == value);
        assert_eq!(shown, visible, "{}", name.escape_ascii());
    }
    assert_eq!(cors.unfiltered().header_list, *list);
    let basic = response().filtered(ResponseType::Basic);
    assert!(!basic.header_list.contains("Set-Cookie") && !basic.header_list.contains("Set-Cookie2"));
    for kind in [ResponseType::Opaque, ResponseType::OpaqueRedirect] {
        let opaque = response().filtered(kind);
        assert!(opaque.header_list.is_empty() && opaque.body.is_none());
        assert_eq!((opaque.status, opaque.status_message.as_slice()), (0, &b""[..]));
    }
}
