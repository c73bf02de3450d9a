//! Policies.

use std::sync::Arc;

use longhaul_fetch::{
    ContentSecurityPolicies, CspDisposition, Destination, EnvironmentSettings, HeaderList, IntegrityPolicy,
    PolicyCheck, PolicyContainer, PolicyDecision, ReferrerPolicy, Request, RequestPolicyContainer, Response,
    parse_challenges, parse_clear_site_data,
};

use url::Url;

use super::header_text::headers_of;

/// Policies that a response brings: content security policies and what they decide, referrer, embedder and integrity policies,
/// `Clear-Site-Data`, challenges for credentials. Input: a header a line.
///
/// Asserts that a policy that only reports blocks nothing, that more policies never allow more, that upgrading leads from `http` to
/// `https` alone, that the last known referrer policy counts, and that challenges keep their realm.
pub fn policy_headers(data: &[u8]) {
    let headers = headers_of(data);
    let mut response = Response::new();
    response.header_list = headers.clone();
    let container = PolicyContainer::from_response(&response);
    referrer_policy_counts(&headers, container.referrer_policy);
    decisions(&container);
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
    let tokens: Vec<&str> = values.filter_map(|token| std::str::from_utf8(token.trim_ascii()).ok()).collect();
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

fn decisions(container: &PolicyContainer) {
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
    let client = Arc::new(EnvironmentSettings::for_url(url("https://page.test/dir/page")));
    for (target, destination) in [
        ("https://page.test/script.js", Destination::Script),
        ("http://other.test:8080/a/b?c", Destination::Image),
        ("wss://socket.test/", Destination::None),
    ] {
        let mut request = Request::new(url(target));
        request.client = Some(Arc::clone(&client));
        request.destination = destination;
        request.cryptographic_nonce_metadata = "abc".into();
        let blocked = blocks(container, &mut request);
        let mut reporting = container.clone();
        for (_, disposition) in &mut reporting.csp {
            *disposition = CspDisposition::Report;
        }
        assert!(!blocks(&reporting, &mut request), "what only reports blocks {target}");
        let mut stricter = container.clone();
        stricter.csp.push(("default-src 'none'".into(), CspDisposition::Enforce));
        assert!(blocks(&stricter, &mut request), "{target}");
        // One alone blocks what all together block, for some one.
        if blocked {
            let alone = container.csp.iter().any(|policy| {
                let one = PolicyContainer { csp: vec![policy.clone()], ..PolicyContainer::default() };
                blocks(&one, &mut request)
            });
            assert!(alone, "{target}");
        }
    }
}

fn url(text: &str) -> Url {
    text.parse().expect("a URL")
}
