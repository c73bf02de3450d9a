//! Policies.

use std::sync::Arc;

use longhaul_fetch::{
    ContentSecurityPolicies, CspDisposition, Destination, EnvironmentSettings, HeaderList, Initiator,
    InlineContent, IntegrityPolicy, Mode, NavigationType, ParserMetadata, PolicyCheck, PolicyContainer,
    PolicyDecision, ReferrerPolicy, Request, RequestPolicyContainer, Response, normalize_header_value,
    parse_challenges, parse_clear_site_data, testing,
};
use url::Url;

use super::header_text::headers_of;
use crate::choices::Choices;

/// Policies that a response brings: content security policies and what they decide, referrer, embedder and integrity policies, nosniff,
/// `Clear-Site-Data`, challenges for credentials. Input: a line of choices without a colon (what is asked, and where; it may be
/// missing), then a header a line.
///
/// Asserts that a policy that only reports blocks nothing, that more policies never allow more, that upgrading leads from `http` to
/// `https` alone, that the last known referrer policy counts, that scripts and styles need their type where nothing is sniffed, and that
/// challenges keep their realm.
pub fn policy_headers(data: &[u8]) {
    let (line, text) = match data.iter().position(|byte| *byte == b'\n') {
        Some(end) if !data[..end].contains(&b':') => (&data[..end], &data[end + 1..]),
        _ => (&[][..], data),
    };
    let mut choices = Choices::new(line);
    let headers = headers_of(text);
    let mut response = Response::new();
    response.header_list = headers.clone();
    let container = PolicyContainer::from_response(&response);
    referrer_policy_counts(&headers, container.referrer_policy);
    let mut request = request(&mut choices);
    nosniff(&request, &response);
    integrity(&mut request, &container);
    decisions(&container, &mut request);
    if choices.once_in(4) {
        documents(&container, &mut choices);
    }
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

/// A request of a page's.
fn request(choices: &mut Choices<'_>) -> Request {
    let mut request = Request::new(url(choices.pick(&[
        "https://page.test/script.js",
        "http://other.test:8080/a/b?c",
        "https://socket.test/",
        "http://page.test/dir/",
        "data:text/plain,x",
    ])));
    request.client = Some(client());
    request.destination = choices.pick(&[
        Destination::Script,
        Destination::Image,
        Destination::None,
        Destination::Style,
        Destination::Document,
        Destination::Font,
        Destination::Iframe,
        Destination::Worker,
    ]);
    request.mode = choices.pick(&[Mode::NoCors, Mode::Cors, Mode::WebSocket, Mode::Navigate]);
    request.initiator = choices.pick(&[
        Initiator::None,
        Initiator::Download,
        Initiator::ImageSet,
        Initiator::Manifest,
        Initiator::Prefetch,
        Initiator::Prerender,
        Initiator::Xslt,
    ]);
    request.parser_metadata = choices.pick(&[
        ParserMetadata::None,
        ParserMetadata::ParserInserted,
        ParserMetadata::NotParserInserted,
    ]);
    if choices.once_in(4) {
        request.navigation_type = NavigationType::FormSubmission;
    }
    request.integrity_metadata = choices.pick(&["", "sha256-AAAA", "nonsense"]).into();
    request.cryptographic_nonce_metadata = "abc".into();
    request
}

fn client() -> Arc<EnvironmentSettings> {
    thread_local! {
        static CLIENT: Arc<EnvironmentSettings> =
            Arc::new(EnvironmentSettings::for_url(url("https://page.test/dir/page")));
    }
    CLIENT.with(Arc::clone)
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

fn decisions(container: &PolicyContainer, request: &mut Request) {
    let check = ContentSecurityPolicies::default();
    let blocks = |container: &PolicyContainer, request: &mut Request| {
        request.policy_container = RequestPolicyContainer::Container(container.clone());
        check.report_violations(request);
        let blocked = check.should_block_request(request) != PolicyDecision::Allowed;
        let response = Response::new();
        let _ = check.should_block_response(request, &response);
        if let Some(url) = check.upgrade(request) {
            assert_eq!((request.current_url().scheme(), url.scheme()), ("http", "https"));
            assert_eq!(url.host(), request.current_url().host());
        }
        blocked
    };
    let blocked = blocks(container, request);
    assert!(!blocks(&only_reporting(container), request), "what only reports blocks {}", request.url());
    let mut stricter = container.clone();
    stricter.csp.push("default-src 'none'; form-action 'none'".into(), CspDisposition::Enforce);
    let strictly = blocks(&stricter, request);
    assert!(strictly || !blocked, "one policy more allows {}", request.url());
    // Pages may lead anywhere, and a page that is made ready has no directive.
    let is_free = request.destination == Destination::Document || request.initiator == Initiator::Prerender;
    assert!(strictly || is_free, "{}", request.url());
    // One alone blocks what all together block, for some one.
    if blocked {
        let alone = container.csp.iter().any(|policy| blocks(&with_one(container, policy), request));
        assert!(alone, "{}", request.url());
    }
}

fn only_reporting(container: &PolicyContainer) -> PolicyContainer {
    let mut reporting = container.clone();
    reporting.csp =
        container.csp.iter().map(|(policy, _)| (policy.clone(), CspDisposition::Report)).collect();
    reporting
}

fn with_one(container: &PolicyContainer, policy: &(String, CspDisposition)) -> PolicyContainer {
    PolicyContainer {
        csp: vec![policy.clone()].into(),
        csp_self_origin: container.csp_self_origin.clone(),
        ..PolicyContainer::default()
    }
}

/// What a document's own text, base and frames are asked.
fn documents(container: &PolicyContainer, choices: &mut Choices<'_>) {
    let check = ContentSecurityPolicies::default();
    let source = choices.pick(&["", "alert(1)", "doSomething()"]);
    let what = choices.below(9);
    let blocks = |container: &PolicyContainer| {
        let mut environment = EnvironmentSettings::clone(&client());
        environment.policy_container = container.clone();
        let environment = &environment;
        let decision = match what {
            0 => check.should_block_inline(
                environment,
                InlineContent::Script { nonce: Some("abc"), parser_inserted: true },
                source,
            ),
            1 => check.should_block_inline(
                environment,
                InlineContent::Script { nonce: None, parser_inserted: false },
                source,
            ),
            2 => check.should_block_inline(environment, InlineContent::ScriptAttribute, source),
            3 => check.should_block_inline(environment, InlineContent::Style { nonce: None }, source),
            4 => check.should_block_inline(environment, InlineContent::StyleAttribute, source),
            5 => check.should_block_inline(environment, InlineContent::JavascriptUrl, source),
            6 => check.should_block_evaluation(environment, source),
            7 => check.should_block_base(environment, &url("https://other.test/base")),
            _ => {
                let page = url("https://page.test/dir/page");
                check.should_block_framing(container, &page, &[url("https://other.test/").origin()])
            }
        };
        decision != PolicyDecision::Allowed
    };
    let blocked = blocks(container);
    assert!(!blocks(&only_reporting(container)), "what only reports blocks {what}");
    let mut stricter = container.clone();
    let nothing = "default-src 'none'; base-uri 'none'; frame-ancestors 'none'";
    stricter.csp.push(nothing.into(), CspDisposition::Enforce);
    assert!(blocks(&stricter), "{what} is allowed where nothing is");
    if blocked {
        assert!(container.csp.iter().any(|policy| blocks(&with_one(container, policy))), "{what}");
    }
}

fn url(text: &str) -> Url {
    text.parse().expect("a URL")
}
