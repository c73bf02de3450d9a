//! Policies.

use longhaul_fetch::{
    Destination, HeaderList, IntegrityPolicy, Mode, PolicyContainer, ReferrerPolicy, Request,
    RequestPolicyContainer, Response, normalize_header_value, parse_challenges, parse_clear_site_data,
    testing,
};
use url::Url;

use super::header_text::headers_of;
use crate::choices::Choices;

/// Policies that a response brings, read: referrer, embedder and integrity policies, nosniff, `Clear-Site-Data`, challenges for
/// credentials. Input: a line of choices without a colon (what is asked, and where; it may be missing), then a header a line.
///
/// Asserts that the last known referrer policy counts, that scripts and styles need their type where nothing is sniffed, that requests
/// are blocked that an integrity policy speaks of, and that challenges keep their realm. (What content security policies decide is for
/// `content_security_policy`.)
pub fn policy_headers(data: &[u8]) {
    let (line, text) = parts(data);
    let mut choices = Choices::new(line);
    let headers = headers_of(text);
    let mut response = Response::new();
    response.header_list = headers.clone();
    let container = PolicyContainer::from_response(&response);
    referrer_policy_counts(&headers, container.referrer_policy);
    let mut request = request(&mut choices);
    nosniff(&request, &response);
    integrity(&mut request, &container);
    let _ = (IntegrityPolicy::parse(&headers, "Integrity-Policy"), parse_clear_site_data(&headers));
    for name in ["WWW-Authenticate", "Proxy-Authenticate"] {
        let challenges = parse_challenges(&headers, name);
        assert!(challenges.is_empty() || headers.contains(name));
        for challenge in challenges {
            assert!(!challenge.scheme.is_empty());
            assert_eq!(challenge.parameter("realm").unwrap_or_default(), challenge.realm());
        }
    }
}

/// The line of choices, and the headers.
pub(super) fn parts(data: &[u8]) -> (&[u8], &[u8]) {
    match data.iter().position(|byte| *byte == b'\n') {
        Some(end) if !data[..end].contains(&b':') => (&data[..end], &data[end + 1..]),
        _ => (&[][..], data),
    }
}

fn referrer_policy_counts(headers: &HeaderList, policy: ReferrerPolicy) {
    let values = headers.values("Referrer-Policy").flat_map(|value| value.split(|byte| *byte == b','));
    let tokens: Vec<&str> =
        values.filter_map(|token| std::str::from_utf8(normalize_header_value(token)).ok()).collect();
    let last = tokens.into_iter().rfind(|token| {
        [
            "no-referrer",
            "no-referrer-when-downgrade",
            "origin",
            "origin-when-cross-origin",
            "same-origin",
            "strict-origin",
            "strict-origin-when-cross-origin",
            "unsafe-url",
        ]
        .iter()
        .any(|known| known.eq_ignore_ascii_case(token))
    });
    assert_eq!(policy.as_str(), last.map(str::to_ascii_lowercase).unwrap_or_default());
}

/// A request for something that policies speak of.
fn request(choices: &mut Choices<'_>) -> Request {
    thread_local! {
        static URLS: [Url; 2] = ["https://page.test/script.js", "data:text/plain,x"].map(|url| url.parse().expect("a URL"));
    }
    let mut request = Request::new(URLS.with(|urls| urls[choices.below(4) / 3].clone()));
    request.destination = choices.pick(&[
        Destination::Script,
        Destination::Style,
        Destination::Worker,
        Destination::Image,
        Destination::None,
    ]);
    request.mode = choices.pick(&[Mode::NoCors, Mode::Cors]);
    request.integrity_metadata = choices.pick(&["", "sha256-AAAA", "nonsense"]).into();
    request
}

/// Only scripts and styles are blocked, and only where another type or none is said.
fn nosniff(request: &Request, response: &Response) {
    let checked = testing::check_nosniff(request, response);
    let first = response.header_list.get("X-Content-Type-Options").unwrap_or_default();
    let says_so = first.split(|byte| *byte == b',').next().map(normalize_header_value).unwrap_or_default();
    let essence = response.header_list.extract_mime_type();
    let fits = match request.destination {
        Destination::Script | Destination::Worker => essence.is_some_and(|essence| essence.is_javascript()),
        Destination::Style => essence.is_some_and(|essence| essence.essence() == "text/css"),
        _ => true,
    };
    // NOTE: a quote before the comma makes the first value a longer one, which is not the word either.
    assert_eq!(checked.is_err(), says_so.eq_ignore_ascii_case(b"nosniff") && !fits);
}

fn integrity(request: &mut Request, container: &PolicyContainer) {
    request.policy_container = RequestPolicyContainer::Container(container.clone());
    let blocked = testing::check_integrity_policy(request).is_err();
    let policy = &container.integrity_policy;
    let speaks_of_it = policy.sources_inline && policy.blocked_destinations.contains(&request.destination);
    let promises = request.integrity_metadata == "sha256-AAAA" && request.mode == Mode::Cors;
    assert_eq!(blocked, speaks_of_it && !promises && request.url().scheme() != "data");
}
