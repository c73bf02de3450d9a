//! Content Security Policy, as far as documents ask it about what is not fetched: their own text, text that becomes code, base
//! URLs, forms and those who frame them.

use std::borrow::Cow;

use content_security_policy::{
    CheckResult, CspList, Directive, Element, InlineCheckType, NavigationCheckType, Policy,
    PolicyDisposition, Request as CspRequest, Response as CspResponse, Violation, ViolationResource,
};
use url::{Origin, Url};

use super::content_security_policy::{decision, self_origin};
use super::report::{CspResource, CspViolation, Report, ReportSink};
use crate::environment::{CspDisposition, EnvironmentSettings, PolicyContainer};
use crate::services::{InlineContent, PolicyDecision};

/// How much of a script's text a report shows.
const SAMPLE: usize = 40;

/// <https://w3c.github.io/webappsec-csp/#should-block-inline>
pub(super) fn should_block_inline(
    reports: &dyn ReportSink,
    environment: &EnvironmentSettings,
    content: InlineContent<'_>,
    source: &str,
) -> PolicyDecision {
    let (kind, nonce) = match content {
        InlineContent::Script { nonce, .. } => (InlineCheckType::Script, nonce),
        InlineContent::ScriptAttribute => (InlineCheckType::ScriptAttribute, None),
        InlineContent::Style { nonce } => (InlineCheckType::Style, nonce),
        InlineContent::StyleAttribute => (InlineCheckType::StyleAttribute, None),
        InlineContent::JavascriptUrl => (InlineCheckType::Navigation, None),
    };
    let element = Element { nonce: nonce.map(Cow::Borrowed) };
    // <https://w3c.github.io/webappsec-csp/#match-element-to-source-list>: what a trusted script inserts is trusted.
    let trusted = |directive: &Directive| {
        matches!(content, InlineContent::Script { parser_inserted: false, .. })
            && directive.value.iter().any(|word| word.eq_ignore_ascii_case("'strict-dynamic'"))
    };
    let effective = match kind {
        InlineCheckType::Script | InlineCheckType::Navigation => "script-src-elem",
        InlineCheckType::ScriptAttribute => "script-src-attr",
        InlineCheckType::Style => "style-src-elem",
        InlineCheckType::StyleAttribute => "style-src-attr",
    };
    let mut outcome = PolicyDecision::Allowed;
    for policy in &environment.policy_container.csp.parsed().0 {
        let violated = policy.directive_set.iter().find(|directive| {
            directive.inline_check(&element, kind, policy, source) == CheckResult::Blocked
                && !trusted(directive)
        });
        let Some(directive) = violated else { continue };
        if policy.disposition == PolicyDisposition::Enforce {
            outcome = PolicyDecision::Blocked(directive.to_string());
        }
        let sample = sample(directive, source);
        tell(reports, environment, policy, CspResource::Inline, effective, sample);
    }
    outcome
}

/// <https://w3c.github.io/webappsec-csp/#can-compile-strings>
pub(super) fn should_block_evaluation(
    reports: &dyn ReportSink,
    environment: &EnvironmentSettings,
    source: &str,
) -> PolicyDecision {
    let list = environment.policy_container.csp.parsed();
    // NOTE: the crate would cut the sample by bytes, in the middle of a character; it gets no text to cut.
    let (result, violations) = list.is_js_evaluation_allowed("");
    let outcome = decision(result, &violations);
    for violation in &violations {
        let sample = match &violation.resource {
            ViolationResource::Eval { sample: Some(_) } => beginning(source),
            _ => String::new(),
        };
        tell(reports, environment, &violation.policy, CspResource::Eval, "script-src", sample);
    }
    outcome
}

/// <https://w3c.github.io/webappsec-csp/#allow-base-for-document>
pub(super) fn should_block_base(
    reports: &dyn ReportSink,
    environment: &EnvironmentSettings,
    base: &Url,
) -> PolicyDecision {
    let list = environment.policy_container.csp.parsed();
    let own = self_origin(&environment.policy_container, environment.origin.clone());
    let (result, violations) = list.is_base_allowed_for_document(base, &own);
    for violation in &violations {
        tell(reports, environment, &violation.policy, CspResource::Inline, "base-uri", String::new());
    }
    decision(result, &violations)
}

/// <https://w3c.github.io/webappsec-csp/#should-block-navigation-request>, of a form
pub(super) fn form_submission(list: &CspList, mut request: CspRequest) -> (PolicyDecision, Vec<Violation>) {
    let kind = NavigationCheckType::FormSubmission;
    let (result, mut violations) =
        list.should_navigation_request_be_blocked(&mut request, kind, |source| Some(source.to_owned()));
    for violation in &mut violations {
        violation.directive.name = "form-action".to_owned();
    }
    (decision(result, &violations), violations)
}

/// <https://w3c.github.io/webappsec-csp/#should-block-navigation-response>: `frame-ancestors`
pub(super) fn should_block_framing(
    policies: &PolicyContainer,
    url: &Url,
    ancestors: &[Origin],
) -> PolicyDecision {
    let response = CspResponse { url: url.clone(), redirect_count: 0 };
    // An opaque origin is nobody's, and matches nothing.
    let parse = |text: &str| Url::parse(text).ok();
    let ancestors = ancestors
        .iter()
        .filter_map(|origin| parse(&origin.ascii_serialization()).or_else(|| parse("data:,")))
        .collect();
    let (result, violations) = policies
        .csp
        .parsed()
        .should_navigation_response_to_navigation_request_be_blocked(&response, &url.origin(), &ancestors);
    decision(result, &violations)
}

fn sample(directive: &Directive, source: &str) -> String {
    let asked = directive.value.iter().any(|word| word.eq_ignore_ascii_case("'report-sample'"));
    if asked { beginning(source) } else { String::new() }
}

fn beginning(source: &str) -> String {
    source.chars().take(SAMPLE).collect()
}

fn tell(
    reports: &dyn ReportSink,
    environment: &EnvironmentSettings,
    policy: &Policy,
    resource: CspResource,
    effective_directive: &str,
    sample: String,
) {
    reports.report(Report::ContentSecurityPolicy(CspViolation {
        environment_id: Some(environment.id.clone()),
        document_url: Some(environment.creation_url.clone()),
        resource,
        blocked_url: environment.creation_url.clone(),
        sample,
        effective_directive: effective_directive.to_owned(),
        original_policy: policy.to_string(),
        disposition: match policy.disposition {
            PolicyDisposition::Enforce => CspDisposition::Enforce,
            PolicyDisposition::Report => CspDisposition::Report,
        },
        status: 0,
    }));
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[derive(Default)]
    struct Reports(Mutex<Vec<String>>);

    impl ReportSink for Reports {
        fn report(&self, report: Report) {
            if let Report::ContentSecurityPolicy(violation) = report {
                let line = format!(
                    "{} {} {}",
                    violation.effective_directive,
                    violation.blocked_uri(),
                    violation.sample
                );
                self.0.lock().unwrap().push(line);
            }
        }
    }

    fn environment(policies: &[(&str, CspDisposition)]) -> EnvironmentSettings {
        let mut environment = EnvironmentSettings::for_url(Url::parse("https://a.example/page").unwrap());
        environment.policy_container.csp =
            policies.iter().map(|(policy, disposition)| ((*policy).to_owned(), *disposition)).collect();
        environment
    }

    fn is_blocked(policy: &str, content: InlineContent<'_>, source: &str) -> bool {
        let environment = environment(&[(policy, CspDisposition::Enforce)]);
        should_block_inline(&Reports::default(), &environment, content, source) != PolicyDecision::Allowed
    }

    #[test]
    fn inline_text_needs_leave() {
        let script = |nonce| InlineContent::Script { nonce, parser_inserted: true };
        assert!(is_blocked("script-src 'self'", script(None), "x"));
        assert!(!is_blocked("script-src 'unsafe-inline'", script(None), "x"));
        assert!(is_blocked("script-src 'unsafe-inline' 'nonce-a'", script(None), "x"));
        assert!(!is_blocked("script-src 'nonce-a'", script(Some("a")), "x"));
        assert!(is_blocked("script-src 'nonce-a'", script(Some("b")), "x"));
        let hash = "default-src 'sha256-LXEWQrcmsEQBYnyp+6wy9chTD7GQPMTbAiWHF5IaSIE='";
        assert!(!is_blocked(hash, script(None), "x") && is_blocked(hash, script(None), "y"));
        assert!(is_blocked(hash, InlineContent::ScriptAttribute, "x"));
        let made = InlineContent::Script { nonce: None, parser_inserted: false };
        assert!(!is_blocked("script-src 'nonce-a' 'strict-dynamic'", made, "x"));
        assert!(is_blocked("script-src 'nonce-a' 'strict-dynamic'", script(None), "x"));
        assert!(is_blocked("script-src 'nonce-a'", made, "x"));
        assert!(!is_blocked("img-src 'none'", InlineContent::JavascriptUrl, "x"));
        assert!(is_blocked("script-src 'self'", InlineContent::JavascriptUrl, "x"));
    }

    #[test]
    fn samples_are_cut_between_characters() {
        let policies = [
            ("script-src 'report-sample'", CspDisposition::Enforce),
            ("script-src 'none'", CspDisposition::Report),
        ];
        let reports = Reports::default();
        let source = "\u{1F600}".repeat(60);
        let environment = environment(&policies);
        let inline = InlineContent::Script { nonce: None, parser_inserted: true };
        assert_ne!(should_block_inline(&reports, &environment, inline, &source), PolicyDecision::Allowed);
        assert_ne!(should_block_evaluation(&reports, &environment, &source), PolicyDecision::Allowed);
        let sample = "\u{1F600}".repeat(SAMPLE);
        assert_eq!(
            *reports.0.lock().unwrap(),
            [
                format!("script-src-elem inline {sample}"),
                "script-src-elem inline ".to_owned(),
                format!("script-src eval {sample}"),
                "script-src eval ".to_owned(),
            ]
        );
    }

    #[test]
    fn ancestors_and_bases_are_matched_by_origin() {
        let url = Url::parse("https://a.example/framed").unwrap();
        let container = |policy: &str| environment(&[(policy, CspDisposition::Enforce)]).policy_container;
        let other = Url::parse("https://b.example").unwrap().origin();
        let framed = |policy: &str, ancestors: &[Origin]| {
            should_block_framing(&container(policy), &url, ancestors) != PolicyDecision::Allowed
        };
        assert!(!framed("frame-ancestors 'self'", &[url.origin()]));
        assert!(framed("frame-ancestors 'self'", &[url.origin(), other.clone()]));
        assert!(!framed("frame-ancestors 'none'", &[]));
        assert!(framed("frame-ancestors *", &[Origin::new_opaque()]));
        let base = |policy: &str| {
            let environment = environment(&[(policy, CspDisposition::Enforce)]);
            should_block_base(&Reports::default(), &environment, &Url::parse("https://b.example/").unwrap())
                != PolicyDecision::Allowed
        };
        assert!(base("base-uri 'self'") && !base("base-uri https://b.example") && !base("img-src 'none'"));
    }
}
