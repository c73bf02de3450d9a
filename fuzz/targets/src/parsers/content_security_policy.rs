//! Content security policies.

use std::sync::Arc;

use longhaul_fetch::{
    ContentSecurityPolicies, CspDisposition, Destination, EnvironmentSettings, Initiator, InlineContent,
    Mode, NavigationType, ParserMetadata, PolicyCheck, PolicyContainer, PolicyDecision, Request,
    RequestPolicyContainer, Response,
};
use url::Url;

use super::header_text::headers_of;
use super::policy_headers::parts;
use crate::choices::Choices;

/// What content security policies decide, of a request and of a document's own text, base and frames. Input: that of `policy_headers`.
///
/// Asserts that a policy that only reports blocks nothing, that more policies never allow more, that one alone blocks what all block,
/// and that upgrading leads from `http` to `https` alone.
pub fn content_security_policy(data: &[u8]) {
    let (line, text) = parts(data);
    let mut choices = Choices::new(line);
    let mut response = Response::new();
    response.header_list = headers_of(text);
    let container = PolicyContainer::from_response(&response);
    let mut request = request(&mut choices);
    if choices.once_in(4) {
        return documents(&container, &mut choices);
    }
    decisions(&container, &mut request);
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
