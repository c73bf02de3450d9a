//! Content Security Policy, as far as requests and responses go, and Upgrade Insecure Requests, which is one of its directives.

use std::sync::Arc;

use content_security_policy::{
    CheckResult, CspList, Destination as CspDestination, Directive, Initiator as CspInitiator,
    ParserMetadata as CspParserMetadata, Policy, PolicyDisposition, PolicySource, Request as CspRequest,
    Response as CspResponse, Violation, ViolationResource,
};
use url::{Origin, Url};

use super::content_security_policy_documents as documents;
use super::mixed_content::make_secure;
use super::origin::parse_origin;
use super::report::{CspResource, CspViolation, NoReports, Report, ReportSink};
use super::request::{
    Destination, Initiator, NavigationType, ParserMetadata, Request, RequestPolicyContainer,
};
use super::response::Response;
use crate::environment::{CspDisposition, EnvironmentSettings, PolicyContainer};
use crate::services::{InlineContent, PolicyCheck, PolicyDecision};

/// The default [`PolicyCheck`]: the content security policies of each request's policy container. Policies that only report never
/// block.
pub struct ContentSecurityPolicies {
    reports: Arc<dyn ReportSink>,
}

impl ContentSecurityPolicies {
    /// The check, telling violations to `reports`.
    pub fn new(reports: Arc<dyn ReportSink>) -> ContentSecurityPolicies {
        ContentSecurityPolicies { reports }
    }

    pub(super) fn sink(&self) -> &dyn ReportSink {
        &*self.reports
    }

    fn report(&self, request: &Request, response_status: u16, violations: Vec<Violation>) {
        for violation in violations {
            self.reports.report(Report::ContentSecurityPolicy(CspViolation {
                environment_id: request.client.as_ref().map(|client| client.id.clone()),
                document_url: request.client.as_ref().map(|client| client.creation_url.clone()),
                // NOTE: the URL before redirects, lest a report tells where another site leads.
                resource: CspResource::Url,
                blocked_url: request.url().clone(),
                sample: String::new(),
                effective_directive: violation.directive.name,
                disposition: match violation.policy.disposition {
                    PolicyDisposition::Enforce => CspDisposition::Enforce,
                    PolicyDisposition::Report => CspDisposition::Report,
                },
                original_policy: violation.policy.to_string(),
                status: response_status,
            }));
        }
    }
}

impl Default for ContentSecurityPolicies {
    fn default() -> Self {
        ContentSecurityPolicies::new(Arc::new(NoReports))
    }
}

impl PolicyCheck for ContentSecurityPolicies {
    /// <https://w3c.github.io/webappsec-csp/#report-for-request>
    fn report_violations(&self, request: &Request) {
        let Some((list, request_for_csp)) = csp_list(request) else { return };
        if !is_page(request) {
            let violations = match request.initiator {
                Initiator::Prefetch => hint_violations(list, &request_for_csp, PolicyDisposition::Report),
                _ => list.report_violations_for_request(&request_for_csp),
            };
            self.report(request, 0, violations);
        }
    }

    /// <https://w3c.github.io/webappsec-csp/#should-block-request>, and of a form
    /// <https://w3c.github.io/webappsec-csp/#should-block-navigation-request>
    fn should_block_request(&self, request: &Request) -> PolicyDecision {
        let Some((list, request_for_csp)) = csp_list(request) else { return PolicyDecision::Allowed };
        let mut decision = PolicyDecision::Allowed;
        if !is_page(request) {
            let (result, violations) = match request.initiator {
                Initiator::Prefetch => {
                    let violations = hint_violations(list, &request_for_csp, PolicyDisposition::Enforce);
                    let blocks = !violations.is_empty();
                    (if blocks { CheckResult::Blocked } else { CheckResult::Allowed }, violations)
                }
                _ => list.should_request_be_blocked(&request_for_csp),
            };
            decision = self::decision(result, &violations);
            self.report(request, 0, violations);
        }
        if decision == PolicyDecision::Allowed && request.navigation_type == NavigationType::FormSubmission {
            let (decision, violations) = documents::form_submission(list, request_for_csp);
            self.report(request, 0, violations);
            return decision;
        }
        decision
    }

    /// <https://w3c.github.io/webappsec-csp/#should-block-response>
    fn should_block_response(&self, request: &Request, response: &Response) -> PolicyDecision {
        let Some((list, request_for_csp)) = csp_list(request).filter(|_| !is_page(request)) else {
            return PolicyDecision::Allowed;
        };
        let response_for_csp = CspResponse {
            url: response.url().unwrap_or_else(|| request.current_url()).clone(),
            redirect_count: u32::from(request.redirect_count),
        };
        let (result, violations) =
            list.should_response_to_request_be_blocked(&request_for_csp, &response_for_csp);
        let decision = decision(result, &violations);
        self.report(request, response.status, violations);
        decision
    }

    fn should_block_inline(
        &self,
        environment: &EnvironmentSettings,
        content: InlineContent<'_>,
        source: &str,
    ) -> PolicyDecision {
        documents::should_block_inline(self.sink(), environment, content, source)
    }

    fn should_block_evaluation(&self, environment: &EnvironmentSettings, source: &str) -> PolicyDecision {
        documents::should_block_evaluation(self.sink(), environment, source)
    }

    fn should_block_base(&self, environment: &EnvironmentSettings, base: &Url) -> PolicyDecision {
        documents::should_block_base(self.sink(), environment, base)
    }

    fn should_block_framing(
        &self,
        policies: &PolicyContainer,
        url: &Url,
        ancestors: &[Origin],
    ) -> PolicyDecision {
        documents::should_block_framing(policies, url, ancestors)
    }

    /// <https://w3c.github.io/webappsec-upgrade-insecure-requests/#upgrade-request>
    fn upgrade(&self, request: &Request) -> Option<Url> {
        let url = request.current_url();
        if url.scheme() != "http" || !upgrades_insecure_requests(policy_container(request)?) {
            return None;
        }
        // A navigation at the top is upgraded only within the host that asked for it; anything inside a document always.
        if request.destination == Destination::Document {
            let client = request.client.as_ref()?;
            if client.creation_url.host() != url.host() {
                return None;
            }
        }
        let mut upgraded = url.clone();
        make_secure(&mut upgraded);
        Some(upgraded)
    }
}

/// Whether the document's insecure requests policy is `Upgrade`.
///
/// <https://w3c.github.io/webappsec-upgrade-insecure-requests/#delivery>
pub(crate) fn upgrades_insecure_requests(container: &PolicyContainer) -> bool {
    container.csp.iter().any(|(policy, disposition)| {
        *disposition == CspDisposition::Enforce
            && policy.split(';').any(|directive| {
                directive
                    .split_ascii_whitespace()
                    .next()
                    .is_some_and(|name| name.eq_ignore_ascii_case("upgrade-insecure-requests"))
            })
    })
}

/// Tells the server of a navigation that a secure answer is preferred.
///
/// <https://w3c.github.io/webappsec-upgrade-insecure-requests/#preference>
pub(crate) fn append_upgrade_insecure_requests_header(request: &mut Request) {
    if request.is_navigation_request() && request.mode == super::request::Mode::Navigate {
        request.header_list.set("Upgrade-Insecure-Requests", "1");
    }
}

fn policy_container(request: &Request) -> Option<&PolicyContainer> {
    match (&request.policy_container, &request.client) {
        (RequestPolicyContainer::Container(container), _) => Some(container),
        (RequestPolicyContainer::Client, Some(client)) => Some(&client.policy_container),
        (RequestPolicyContainer::Client, None) => None,
    }
}

pub(super) fn decision(result: CheckResult, violations: &[Violation]) -> PolicyDecision {
    match result {
        CheckResult::Allowed => PolicyDecision::Allowed,
        CheckResult::Blocked => {
            let enforced = violations
                .iter()
                .find(|violation| violation.policy.disposition == PolicyDisposition::Enforce);
            PolicyDecision::Blocked(
                enforced.map_or_else(String::new, |violation| violation.directive.to_string()),
            )
        }
    }
}

/// The directives of which each is asked about what is fetched ahead.
///
/// DEVIATION: the standard's list lacks `default-src`, though its examples say that it stands for all the others.
const ASKED_ABOUT_HINTS: [&str; 14] = [
    "child-src",
    "connect-src",
    "default-src",
    "font-src",
    "frame-src",
    "img-src",
    "manifest-src",
    "media-src",
    "object-src",
    "script-src",
    "script-src-elem",
    "style-src",
    "style-src-elem",
    "worker-src",
];

/// What a request for something that may be needed later violates: such a request belongs to no directive.
///
/// <https://w3c.github.io/webappsec-csp/#does-resource-hint-violate-policy>
fn hint_violations(list: &CspList, request: &CspRequest, disposition: PolicyDisposition) -> Vec<Violation> {
    // NOTE: the directive for connections looks at nothing but the URL, and that is what is asked here.
    let mut connection = request.clone();
    connection.initiator = CspInitiator::None;
    connection.destination = CspDestination::None;
    let allows = |directive: &Directive| {
        let directive = Directive { name: "connect-src".to_owned(), value: directive.value.clone() };
        let alone = Policy {
            directive_set: vec![directive.clone()],
            disposition: PolicyDisposition::Enforce,
            source: PolicySource::Header,
        };
        directive.pre_request_check(&connection, &alone) == CheckResult::Allowed
    };
    let policies = list.0.iter().filter(|policy| policy.disposition == disposition);
    let violations = policies.filter_map(|policy| {
        // 1.–2. A policy without a default has nothing against it.
        let default = policy.directive_set.iter().find(|directive| directive.name == "default-src")?;
        // 3. One directive that lets it through is enough.
        let mut asked =
            policy.directive_set.iter().filter(|directive| ASKED_ABOUT_HINTS.contains(&&*directive.name));
        // 4.
        (!asked.any(allows)).then(|| Violation {
            resource: ViolationResource::Url(request.url.clone()),
            directive: default.clone(),
            policy: policy.clone(),
        })
    });
    violations.collect()
}

/// The policies, and the request as they see it; nothing if there is no policy.
fn csp_list(request: &Request) -> Option<(&CspList, CspRequest)> {
    let container = policy_container(request).filter(|container| !container.csp.is_empty())?;
    let list = container.csp.parsed();
    let request = CspRequest {
        url: as_the_socket_knows_it(request, request.url()),
        current_url: as_the_socket_knows_it(request, request.current_url()),
        origin: self_origin(container, request.resolved_origin()),
        redirect_count: u32::from(request.redirect_count),
        destination: request.destination.as_str().parse().unwrap_or(CspDestination::None),
        initiator: match request.initiator {
            Initiator::None => CspInitiator::None,
            Initiator::Download => CspInitiator::Download,
            Initiator::ImageSet => CspInitiator::ImageSet,
            Initiator::Manifest => CspInitiator::Manifest,
            Initiator::Prefetch => CspInitiator::Prefetch,
            Initiator::Prerender => CspInitiator::Prerender,
            Initiator::Xslt => CspInitiator::Xslt,
        },
        nonce: request.cryptographic_nonce_metadata.clone(),
        integrity_metadata: request.integrity_metadata.clone(),
        parser_metadata: match request.parser_metadata {
            ParserMetadata::None => CspParserMetadata::None,
            ParserMetadata::ParserInserted => CspParserMetadata::ParserInserted,
            ParserMetadata::NotParserInserted => CspParserMetadata::NotParserInserted,
        },
    };
    Some((list, request))
}

/// Whether a request is for what takes a page's place, or is another page.
///
/// DEVIATION: the standard asks `connect-src` of destinations that it does not name, of which this is one; browsers let pages lead
/// wherever they like.
fn is_page(request: &Request) -> bool {
    request.destination == Destination::Document
}

/// What `'self'` means to a container's policies; to those that came without an origin it is the environment's.
pub(super) fn self_origin(container: &PolicyContainer, own: Origin) -> Origin {
    container.csp_self_origin.as_deref().map_or(own, parse_origin)
}

/// A socket's URL is written with `ws:` or `wss:` in policies.
fn as_the_socket_knows_it(request: &Request, url: &Url) -> Url {
    let mut url = url.clone();
    if request.mode == super::request::Mode::WebSocket {
        let scheme = if url.scheme() == "https" { "wss" } else { "ws" };
        // NOTE: all four are special schemes, between which a URL may change.
        let _ = url.set_scheme(scheme);
    }
    url
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::{EnvironmentSettings, Mode};

    #[derive(Default)]
    struct Reports(Mutex<Vec<(String, CspDisposition)>>);

    impl ReportSink for Reports {
        fn report(&self, report: Report) {
            if let Report::ContentSecurityPolicy(violation) = report {
                self.0.lock().unwrap().push((violation.effective_directive, violation.disposition));
            }
        }
    }

    fn request(policies: &[(&str, CspDisposition)], url: &str) -> Request {
        let mut client = EnvironmentSettings::for_url(Url::parse("https://a.example/").unwrap());
        client.policy_container.csp =
            policies.iter().map(|(policy, disposition)| ((*policy).to_owned(), *disposition)).collect();
        let mut request = Request::new(Url::parse(url).unwrap());
        request.client = Some(client.into_shared());
        request
    }

    fn is_blocked(policy: &str, change: impl FnOnce(&mut Request)) -> bool {
        let mut request = request(&[(policy, CspDisposition::Enforce)], "https://b.example/x");
        change(&mut request);
        ContentSecurityPolicies::default().should_block_request(&request) != PolicyDecision::Allowed
    }

    #[test]
    fn each_destination_has_its_directive() {
        assert!(is_blocked("connect-src 'self'", |_| {}));
        assert!(!is_blocked("connect-src https://b.example", |_| {}));
        assert!(is_blocked("default-src 'none'", |_| {}));
        assert!(!is_blocked("img-src 'none'", |_| {}));
        assert!(is_blocked("img-src 'none'", |request| request.destination = Destination::Image));
        assert!(is_blocked("script-src 'self'", |request| request.destination = Destination::Script));
        let nonce = |request: &mut Request| {
            request.destination = Destination::Script;
            request.cryptographic_nonce_metadata = "abc".into();
        };
        assert!(!is_blocked("script-src 'nonce-abc'", nonce) && is_blocked("script-src 'nonce-x'", nonce));
        let hash = |request: &mut Request| {
            request.destination = Destination::Script;
            request.integrity_metadata = "sha256-ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=".into();
        };
        assert!(!is_blocked("script-src 'sha256-ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0='", hash));
        let socket = |request: &mut Request| request.mode = Mode::WebSocket;
        assert!(!is_blocked("connect-src wss://b.example", socket));
        assert!(is_blocked("connect-src 'none'", socket));
    }

    #[test]
    fn what_is_fetched_ahead_needs_one_directive_that_lets_it_through() {
        let ahead = |request: &mut Request| {
            request.destination = Destination::Script;
            request.initiator = Initiator::Prefetch;
        };
        assert!(is_blocked("default-src 'none'", ahead) && is_blocked("default-src 'self'", ahead));
        assert!(is_blocked("default-src 'none'; form-action 'none'; script-src 'self'", ahead));
        assert!(!is_blocked("default-src 'none'; img-src https://b.example", ahead));
        assert!(!is_blocked("default-src https://b.example", ahead));
        assert!(!is_blocked("script-src 'none'", ahead));
    }

    #[test]
    fn pages_may_lead_anywhere_but_forms_may_not() {
        let policy = "default-src 'none'; form-action 'self'";
        let page = |request: &mut Request| request.destination = Destination::Document;
        let form = |request: &mut Request| {
            request.destination = Destination::Document;
            request.navigation_type = NavigationType::FormSubmission;
        };
        assert!(!is_blocked(policy, page) && is_blocked(policy, form));
        assert!(is_blocked(policy, |request| request.destination = Destination::Iframe));
        let mut own = request(&[(policy, CspDisposition::Enforce)], "https://a.example/x");
        form(&mut own);
        let policies = ContentSecurityPolicies::default();
        assert_eq!(policies.should_block_request(&own), PolicyDecision::Allowed);
        // Where it is led to counts as well.
        own.url_list.push(Url::parse("https://b.example/").unwrap());
        own.redirect_count = 1;
        assert_ne!(policies.should_block_request(&own), PolicyDecision::Allowed);
    }

    #[test]
    fn self_is_where_a_policy_came_from() {
        let policy = "img-src 'self'";
        let image = |request: &mut Request, own: &str| {
            request.destination = Destination::Image;
            let mut client = EnvironmentSettings::clone(request.client.as_ref().unwrap());
            client.origin = Origin::new_opaque();
            client.policy_container.csp_self_origin = Some(own.to_owned());
            request.client = Some(client.into_shared());
        };
        assert!(!is_blocked(policy, |request| image(request, "https://b.example")));
        assert!(is_blocked(policy, |request| image(request, "https://a.example")));
    }

    #[test]
    fn policies_that_only_report_never_block() {
        let reports = Arc::new(Reports::default());
        let policies = ContentSecurityPolicies::new(Arc::clone(&reports) as _);
        let request = request(
            &[("connect-src 'none'", CspDisposition::Report), ("img-src 'none'", CspDisposition::Enforce)],
            "https://b.example/",
        );
        assert_eq!(policies.should_block_request(&request), PolicyDecision::Allowed);
        assert!(reports.0.lock().unwrap().is_empty());
        policies.report_violations(&request);
        assert_eq!(*reports.0.lock().unwrap(), [("connect-src".to_owned(), CspDisposition::Report)]);
    }

    #[test]
    fn redirects_are_matched_without_their_paths() {
        let mut redirected = request(
            &[("connect-src https://b.example/only", CspDisposition::Enforce)],
            "https://b.example/only",
        );
        redirected.url_list.push(Url::parse("https://b.example/else").unwrap());
        redirected.redirect_count = 1;
        let policies = ContentSecurityPolicies::default();
        assert_eq!(policies.should_block_request(&redirected), PolicyDecision::Allowed);
        redirected.url_list.push(Url::parse("https://c.example/only").unwrap());
        assert!(matches!(policies.should_block_request(&redirected), PolicyDecision::Blocked(_)));
    }

    #[test]
    fn insecure_requests_are_upgraded_where_the_policy_says_so() {
        let policies = ContentSecurityPolicies::default();
        let upgrade = [("Upgrade-Insecure-Requests", CspDisposition::Enforce)];
        let url = |request: &Request| policies.upgrade(request).map(|url| url.to_string());
        assert_eq!(url(&request(&upgrade, "http://b.example:81/")).as_deref(), Some("https://b.example:81/"));
        assert_eq!(url(&request(&upgrade, "https://b.example/")), None);
        assert_eq!(url(&request(&[], "http://b.example/")), None);
        let report = [("upgrade-insecure-requests", CspDisposition::Report)];
        assert_eq!(url(&request(&report, "http://b.example/")), None);
        let mut navigation = request(&upgrade, "http://b.example/");
        navigation.destination = Destination::Document;
        assert_eq!(url(&navigation), None);
        navigation.url_list = vec![Url::parse("http://a.example/").unwrap()];
        assert!(url(&navigation).is_some());
    }
}
