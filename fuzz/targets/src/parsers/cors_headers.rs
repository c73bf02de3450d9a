//! The headers of CORS.

use std::cell::RefCell;

use longhaul_fetch::{
    CredentialsMode, HeaderList, Method, Mode, Request, RequestOrigin, Response, ResponseTainting,
    ResponseType, cors_unsafe_request_header_names, extract_token_list, is_cors_safelisted_request_header,
    is_no_cors_safelisted_request_header, is_token, navigation_tao_check, normalize_header_value,
    parse_origin, testing,
};

use super::header_text::headers_of;

/// What CORS reads off header lists: lists of tokens, unsafe request headers, who may share a response and its timing, methods, and
/// what a filtered response shows. Input: a header a line.
///
/// Asserts that lists hold tokens alone and all of them, that unsafe names are just those that are not safelisted or too many, that
/// checks say what a second reading of their steps says, that methods keep what they are, and that a CORS-filtered response shows
/// nothing that was not exposed, an opaque one nothing at all.
pub fn cors_headers(data: &[u8]) {
    let list = headers_of(data);
    token_lists(&list);
    unsafe_names(&list);
    methods(&list);
    let mut response = Response::new();
    response.header_list = list.clone();
    REQUEST.with(|request| shares(&mut request.borrow_mut(), &response));
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

thread_local! {
    /// One of a page at an origin to another.
    static REQUEST: RefCell<Request> = {
        let mut request = Request::new("https://other.test/x".parse().expect("a URL"));
        request.origin = RequestOrigin::Origin(parse_origin(ORIGIN));
        RefCell::new(request)
    };
}

const ORIGIN: &str = "https://page.test";

fn shares(request: &mut Request, response: &Response) {
    let list = &response.header_list;
    let allowed = list.get("Access-Control-Allow-Origin");
    let with_credentials = list.get("Access-Control-Allow-Credentials").as_deref() == Some(b"true");
    for mode in [CredentialsMode::Omit, CredentialsMode::Include] {
        request.credentials_mode = mode;
        let include = mode == CredentialsMode::Include;
        let expected = match allowed.as_deref() {
            None => false,
            Some(b"*") => !include,
            Some(origin) => origin == ORIGIN.as_bytes() && (!include || with_credentials),
        };
        let shared = testing::check_cors(request, response);
        assert_eq!(shared.is_ok(), expected, "{shared:?}");
    }
    for (name, value) in list.iter().take(2) {
        let shown = testing::printable(value, 16);
        assert!(shown.chars().all(|char| matches!(char, ' '..='~' | '…')), "{}", name.escape_ascii());
        assert_eq!(shown.ends_with('…'), value.len() > 16);
    }
    let seconds = testing::seconds(list, "Access-Control-Max-Age");
    let mut values = list.values("Access-Control-Max-Age");
    let expected = match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) if !value.is_empty() && value.iter().all(u8::is_ascii_digit) => {
            let digits = value
                .iter()
                .fold(0_u64, |sum, digit| sum.saturating_mul(10).saturating_add(u64::from(digit - b'0')));
            Ok(Some(digits))
        }
        _ => Err(()),
    };
    assert_eq!(seconds.map_err(drop), expected);
    timing(request, response);
}

fn timing(request: &mut Request, response: &Response) {
    let named = response.header_list.get_decode_and_split("Timing-Allow-Origin").unwrap_or_default();
    let named = named.iter().any(|value| value == "*" || value == ORIGIN);
    for tainting in [ResponseTainting::Basic, ResponseTainting::Cors] {
        request.response_tainting = tainting;
        let expected = named || tainting == ResponseTainting::Basic;
        assert_eq!(testing::allows_timing(request, response), expected);
    }
    request.response_tainting = ResponseTainting::Basic;
    request.mode = Mode::Navigate;
    assert_eq!(testing::allows_timing(request, response), named);
    request.timing_allow_failed = true;
    assert!(!testing::allows_timing(request, response));
    (request.mode, request.timing_allow_failed) = (Mode::NoCors, false);
    testing::remember_timing_of_redirect(request, response);
    let mut last = Response::new();
    last.navigation_timing_allow_values = std::mem::take(&mut request.navigation_timing_allow_values);
    assert_eq!(navigation_tao_check(&last, &parse_origin(ORIGIN)), named);
}

fn methods(list: &HeaderList) {
    for value in list.values("Access-Control-Allow-Methods") {
        let Ok(method) = Method::new(value) else {
            assert!(!is_token(value));
            continue;
        };
        let known = ["DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT"]
            .into_iter()
            .find(|known| known.as_bytes().eq_ignore_ascii_case(value));
        match known {
            Some(known) => assert!(method.normalized() == known && !method.is_forbidden()),
            None => assert_eq!(method.normalized(), method),
        }
        let forbidden =
            ["CONNECT", "TRACE", "TRACK"].iter().any(|name| name.as_bytes().eq_ignore_ascii_case(value));
        assert_eq!(method.is_forbidden(), forbidden);
        assert_eq!(method.is_cors_safelisted(), ["GET", "HEAD", "POST"].iter().any(|safe| method == **safe));
        assert_eq!((method == Method::default()), value == b"GET");
        let text = method.to_string();
        assert_eq!(Method::try_from(String::from(method.clone())), Ok(method));
        assert_eq!(text.as_bytes(), value);
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
