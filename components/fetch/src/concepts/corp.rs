//! `Cross-Origin-Resource-Policy`, and whether the embedder's policy lets credentials go.

use url::Origin;

use super::origin::{same_origin, schemelessly_same_site};
use super::report::{EmbedderPolicyViolation, Report, ReportSink};
use super::request::{Destination, Mode, RedirectTaint, Request};
use super::response::Response;
use crate::NetworkError;
use crate::environment::{CspDisposition, EmbedderPolicy, EnvironmentSettings, PolicyContainer};
use crate::services::Services;

/// <https://fetch.spec.whatwg.org/#cross-origin-resource-policy-check>
pub(crate) fn cross_origin_resource_policy_check(
    origin: &Origin,
    client: Option<&EnvironmentSettings>,
    destination: Destination,
    response: &Response,
    for_navigation: ForNavigation,
    reports: &dyn ReportSink,
) -> Result<(), NetworkError> {
    let is_allowed = |policy| is_allowed(origin, policy, response, for_navigation);
    let blocked = Err(NetworkError::CrossOriginResourcePolicy);
    // 1.–2. Without a client nothing is asked of what is embedded.
    // 3. What the response itself asks. NOTE: that is no fault of the embedder's policy, and not reported.
    if !is_allowed(EmbedderPolicy::UnsafeNone) {
        return blocked;
    }
    let Some(client) = client else { return Ok(()) };
    let container = &client.policy_container;
    // 4. What the policy that only reports would ask.
    if !is_allowed(container.embedder_policy_report_only) {
        let endpoint = &container.embedder_policy_report_only_endpoint;
        let policy = container.embedder_policy_report_only;
        queue_violation_report(
            response,
            client,
            destination,
            policy,
            endpoint,
            CspDisposition::Report,
            reports,
        );
    }
    // 5.
    if is_allowed(container.embedder_policy) {
        return Ok(());
    }
    // 6.–7.
    let endpoint = &container.embedder_policy_endpoint;
    let policy = container.embedder_policy;
    queue_violation_report(response, client, destination, policy, endpoint, CspDisposition::Enforce, reports);
    blocked
}

/// Whether a response may become the document of a frame in the document of these settings.
///
/// # Errors
/// Why it may not.
///
/// <https://html.spec.whatwg.org/multipage/browsing-the-web.html#create-navigation-params-by-fetching>
pub fn check_frame_response(
    container: &EnvironmentSettings,
    destination: Destination,
    response: &Response,
    services: &Services,
) -> Result<(), NetworkError> {
    let response = response.unfiltered();
    let reports = services.reports();
    // NOTE: what is of a local scheme has the policies of who navigated to it.
    if response.url().is_none_or(|url| matches!(url.scheme(), "about" | "blob" | "data")) {
        return Ok(());
    }
    let yes = ForNavigation::Yes;
    cross_origin_resource_policy_check(
        &container.origin,
        Some(container),
        destination,
        response,
        yes,
        reports,
    )?;
    // <https://html.spec.whatwg.org/multipage/browsers.html#check-a-navigation-response's-adherence-to-its-embedder-policy>
    let own = PolicyContainer::from_response(response).embedder_policy;
    let policies = &container.policy_container;
    let adheres =
        |policy: EmbedderPolicy| policy == EmbedderPolicy::UnsafeNone || own != EmbedderPolicy::UnsafeNone;
    // 3.
    let report_only = policies.embedder_policy_report_only;
    if !adheres(report_only) {
        let endpoint = &policies.embedder_policy_report_only_endpoint;
        let disposition = CspDisposition::Report;
        queue_violation_report(response, container, destination, report_only, endpoint, disposition, reports);
    }
    // 4.
    let policy = policies.embedder_policy;
    if adheres(policy) {
        return Ok(());
    }
    // 5.–6.
    let (endpoint, disposition) = (&policies.embedder_policy_endpoint, CspDisposition::Enforce);
    queue_violation_report(response, container, destination, policy, endpoint, disposition, reports);
    Err(NetworkError::CrossOriginResourcePolicy)
}

/// <https://fetch.spec.whatwg.org/#queue-a-cross-origin-embedder-policy-corp-violation-report>
fn queue_violation_report(
    response: &Response,
    client: &EnvironmentSettings,
    destination: Destination,
    policy: EmbedderPolicy,
    endpoint: &str,
    disposition: CspDisposition,
    reports: &dyn ReportSink,
) {
    // 1.–2. The URL before redirects, without what is nobody's business. A response without URL is nothing to report.
    let Some(mut blocked_url) = response.url_list.first().cloned() else { return };
    blocked_url.set_fragment(None);
    // NOTE: both fail only for URLs without host, which have neither.
    let _ = blocked_url.set_username("");
    let _ = blocked_url.set_password(None);
    // 3.–4.
    reports.report(Report::EmbedderPolicy(EmbedderPolicyViolation {
        environment_id: client.id.clone(),
        endpoint: endpoint.to_owned(),
        blocked_url,
        destination,
        policy,
        disposition,
    }));
}

/// <https://fetch.spec.whatwg.org/#cross-origin-resource-policy-internal-check>
fn is_allowed(
    origin: &Origin,
    embedder_policy: EmbedderPolicy,
    response: &Response,
    for_navigation: ForNavigation,
) -> bool {
    // 1. A frame is asked only where an embedder asks.
    if for_navigation == ForNavigation::Yes && embedder_policy == EmbedderPolicy::UnsafeNone {
        return true;
    }
    // 2.–3. One of three words, or nothing.
    let value = response.header_list.get("Cross-Origin-Resource-Policy");
    let policy = match value.as_deref() {
        Some(b"same-origin") => Some(Policy::SameOrigin),
        Some(b"same-site") => Some(Policy::SameSite),
        Some(b"cross-origin") => Some(Policy::CrossOrigin),
        _ => None,
    };
    // 4. Nothing is read as the embedder's policy wants it.
    let policy = policy.or(match embedder_policy {
        EmbedderPolicy::UnsafeNone => None,
        EmbedderPolicy::Credentialless => response.request_includes_credentials.then_some(Policy::SameOrigin),
        EmbedderPolicy::RequireCorp => Some(Policy::SameOrigin),
    });
    // 5.
    let Some(url) = response.url() else { return policy.is_none() || policy == Some(Policy::CrossOrigin) };
    match policy {
        None | Some(Policy::CrossOrigin) => true,
        Some(Policy::SameOrigin) => same_origin(origin, &url.origin()),
        Some(Policy::SameSite) => {
            let is_https = matches!(origin, Origin::Tuple(scheme, ..) if scheme == "https");
            schemelessly_same_site(origin, &url.origin()) && (is_https || url.scheme() != "https")
        }
    }
}

/// Whether a response becomes the document of a frame.
#[derive(Copy, Clone, PartialEq, Eq)]
pub(crate) enum ForNavigation {
    Yes,
    No,
}

#[derive(Copy, Clone, PartialEq, Eq)]
enum Policy {
    SameOrigin,
    SameSite,
    CrossOrigin,
}

/// <https://fetch.spec.whatwg.org/#cross-origin-embedder-policy-allows-credentials>
pub(crate) fn embedder_policy_allows_credentials(request: &Request) -> bool {
    // 2.–4. Only no-cors requests of a credentialless client are asked.
    if request.mode != Mode::NoCors {
        return true;
    }
    let Some(client) = &request.client else { return true };
    if client.policy_container.embedder_policy != EmbedderPolicy::Credentialless {
        return true;
    }
    // 5.–6. DEVIATION: the standard allows same-origin requests with a redirect taint, and no others; its own note and the
    // tests mean those without.
    same_origin(&request.resolved_origin(), &request.current_url().origin())
        && request.redirect_taint() == RedirectTaint::SameOrigin
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use url::Url;

    use super::*;
    use crate::concepts::report::NoReports;
    use crate::parse_origin;

    fn checked(
        origin: &str,
        client: &EnvironmentSettings,
        response: &Response,
        reports: &dyn ReportSink,
    ) -> bool {
        let origin = parse_origin(origin);
        let destination = Destination::Image;
        let no = ForNavigation::No;
        cross_origin_resource_policy_check(&origin, Some(client), destination, response, no, reports).is_ok()
    }

    #[derive(Default)]
    struct Reports(std::sync::Mutex<Vec<Report>>);

    impl ReportSink for Reports {
        fn report(&self, report: Report) {
            self.0.lock().unwrap().push(report);
        }
    }

    #[test]
    fn violations_of_the_embedders_policy_are_reported_and_nothing_else() {
        let reports = Reports::default();
        let mut client = EnvironmentSettings::for_url(Url::parse("https://a.example/").unwrap());
        client.policy_container.embedder_policy_report_only = EmbedderPolicy::RequireCorp;
        client.policy_container.embedder_policy_report_only_endpoint = "here".into();
        let mut response = Response::new();
        response.url_list.push(Url::parse("https://u:p@b.example/x#y").unwrap());
        assert!(checked("https://a.example", &client, &response, &reports));
        let seen = reports.0.lock().unwrap().remove(0);
        let Report::EmbedderPolicy(violation) = seen else { panic!("{seen:?}") };
        assert_eq!((violation.endpoint.as_str(), violation.disposition), ("here", CspDisposition::Report));
        assert_eq!(violation.blocked_url.as_str(), "https://b.example/x");
        response.header_list.append("Cross-Origin-Resource-Policy", "same-origin");
        assert!(!checked("https://a.example", &client, &response, &reports));
        assert!(reports.0.lock().unwrap().is_empty());
    }

    fn check(origin: &str, url: &str, header: Option<&str>, policy: EmbedderPolicy) -> bool {
        let mut response = Response::new();
        response.url_list.push(Url::parse(url).unwrap());
        if let Some(header) = header {
            response.header_list.append("Cross-Origin-Resource-Policy", header);
        }
        let mut client = EnvironmentSettings::for_url(Url::parse(origin).unwrap());
        client.policy_container.embedder_policy = policy;
        checked(origin, &client, &response, &NoReports)
    }

    #[test]
    fn the_header_is_obeyed_and_nonsense_is_not() {
        let none = EmbedderPolicy::UnsafeNone;
        let (a, b, other) = ("https://a.site.example", "https://b.site.example/", "https://other.example/");
        assert!(check(a, other, None, none) && check(a, other, Some("cross-origin"), none));
        assert!(!check(a, b, Some("same-origin"), none) && check(a, b, Some("same-site"), none));
        assert!(!check(a, other, Some("same-site"), none));
        assert!(
            check(a, other, Some("same-site, same-origin"), none)
                && check(a, other, Some("Same-Origin"), none)
        );
        assert!(!check("http://a.site.example", b, Some("same-site"), none));
    }

    #[test]
    fn frames_are_asked_where_the_embedder_isolates() {
        let services = crate::services::tests::unconnected();
        let checked = |policy: EmbedderPolicy, url: &str, headers: &[(&'static str, &str)]| {
            let mut client = EnvironmentSettings::for_url(Url::parse("https://a.example/").unwrap());
            client.policy_container.embedder_policy = policy;
            let mut response = Response::new();
            response.url_list.push(Url::parse(url).unwrap());
            for (name, value) in headers {
                response.header_list.append(*name, *value);
            }
            check_frame_response(&client, Destination::Iframe, &response, &services).is_ok()
        };
        let (none, require) = (EmbedderPolicy::UnsafeNone, EmbedderPolicy::RequireCorp);
        let (own, other) = ("https://a.example/frame", "https://b.example/frame");
        let isolates = ("Cross-Origin-Embedder-Policy", "require-corp");
        let open = ("Cross-Origin-Resource-Policy", "cross-origin");
        let closed = ("Cross-Origin-Resource-Policy", "same-origin");
        assert!(checked(none, other, &[closed]) && !checked(require, own, &[]));
        assert!(checked(require, own, &[isolates]) && !checked(require, other, &[isolates]));
        assert!(checked(require, other, &[isolates, open]) && !checked(require, other, &[open]));
        assert!(checked(require, "data:text/html,x", &[]));
    }

    #[test]
    fn embedders_may_require_it() {
        let (a, other) = ("https://a.example", "https://b.example/");
        assert!(!check(a, other, None, EmbedderPolicy::RequireCorp));
        assert!(check(a, other, Some("cross-origin"), EmbedderPolicy::RequireCorp));
        assert!(!check(a, other, None, EmbedderPolicy::Credentialless));
        let mut response = Response::new();
        response.url_list.push(Url::parse(other).unwrap());
        response.request_includes_credentials = false;
        let mut client = EnvironmentSettings::for_url(Url::parse(a).unwrap());
        client.policy_container.embedder_policy = EmbedderPolicy::Credentialless;
        assert!(checked(a, &client, &response, &NoReports));
        let mut request = Request::new(Url::parse(other).unwrap());
        request.client = Some(Arc::new(client));
        assert!(!embedder_policy_allows_credentials(&request));
        request.mode = Mode::Cors;
        assert!(embedder_policy_allows_credentials(&request));
    }
}
