//! Reports: what is told about violations of policies.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use url::Url;

use super::request::Destination;
use crate::environment::{CspDisposition, EmbedderPolicy};

/// Takes reports: to fire `securitypolicyviolation`, to queue them for `Reporting-Endpoints`, to show them.
pub trait ReportSink: Send + Sync + 'static {
    /// Called once for each violation, before the fetch goes on. It must not block.
    fn report(&self, report: Report);
}

/// A violation.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Report {
    /// Of a content security policy.
    ContentSecurityPolicy(CspViolation),
    /// Of the embedder's policy, by a resource that does not opt in.
    EmbedderPolicy(EmbedderPolicyViolation),
    /// Of an integrity policy.
    IntegrityPolicy(IntegrityPolicyViolation),
}

/// <https://w3c.github.io/webappsec-csp/#violation>
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CspViolation {
    /// The id of the environment whose policy it is.
    pub environment_id: Option<String>,
    /// The environment's URL.
    pub document_url: Option<Url>,
    /// What kind of thing was to be blocked.
    pub resource: CspResource,
    /// What was to be fetched, before redirects; for what is not fetched, the document's URL.
    pub blocked_url: Url,
    /// The beginning of a script's text, where the policy asks for it.
    pub sample: String,
    /// The directive that would have been the one for it.
    pub effective_directive: String,
    /// The whole policy.
    pub original_policy: String,
    /// Whether it was blocked.
    pub disposition: CspDisposition,
    /// The response's status, or 0 before there is one.
    pub status: u16,
}

/// <https://w3c.github.io/webappsec-csp/#violation-resource>
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CspResource {
    /// What a URL leads to.
    Url,
    /// A script or style in the document's own text.
    Inline,
    /// Text that was to become code.
    Eval,
}

impl CspViolation {
    /// <https://w3c.github.io/webappsec-csp/#obtain-violation-blocked-uri>
    pub fn blocked_uri(&self) -> String {
        match self.resource {
            CspResource::Url => strip_url_for_use_in_reports(&self.blocked_url),
            CspResource::Inline => "inline".to_owned(),
            CspResource::Eval => "eval".to_owned(),
        }
    }
}

/// What reports tell of a URL.
///
/// <https://w3c.github.io/webappsec-csp/#strip-url-for-use-in-reports>
pub fn strip_url_for_use_in_reports(url: &Url) -> String {
    if !matches!(url.scheme(), "http" | "https" | "ws" | "wss") {
        return url.scheme().to_owned();
    }
    let mut url = url.clone();
    url.set_fragment(None);
    // These schemes allow for both.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.into()
}

/// <https://fetch.spec.whatwg.org/#queue-a-cross-origin-embedder-policy-corp-violation-report>
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EmbedderPolicyViolation {
    /// The id of the environment whose policy it is.
    pub environment_id: String,
    /// The endpoint that the policy names, or nothing.
    pub endpoint: String,
    /// What was to be embedded, without fragment, user name and password.
    pub blocked_url: Url,
    /// What for.
    pub destination: Destination,
    /// The policy's value.
    pub policy: EmbedderPolicy,
    /// Whether it was blocked.
    pub disposition: CspDisposition,
}

/// <https://w3c.github.io/webappsec-subresource-integrity/#report-violation>
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct IntegrityPolicyViolation {
    /// The id of the environment whose policy it is.
    pub environment_id: Option<String>,
    /// The endpoints that the policy names.
    pub endpoints: Vec<String>,
    /// What was to be fetched.
    pub blocked_url: Url,
    /// What for.
    pub destination: Destination,
    /// Whether it was blocked.
    pub disposition: CspDisposition,
}

/// Who wants to hear of the violations of one environment's policies.
pub type ReportObserver = Arc<dyn Fn(&Report) + Send + Sync>;

/// Tells a sink of everything, and observers of what is of their environment.
pub(crate) struct ReportObservers {
    sink: Arc<dyn ReportSink>,
    observers: Mutex<HashMap<String, ReportObserver>>,
}

impl ReportObservers {
    pub(crate) fn new(sink: Arc<dyn ReportSink>) -> Arc<ReportObservers> {
        Arc::new(ReportObservers { sink, observers: Mutex::default() })
    }

    pub(crate) fn observe(&self, environment_id: &str, observer: ReportObserver) {
        let mut observers = self.observers.lock().unwrap_or_else(PoisonError::into_inner);
        observers.insert(environment_id.to_owned(), observer);
    }

    pub(crate) fn forget(&self, environment_id: &str) {
        let mut observers = self.observers.lock().unwrap_or_else(PoisonError::into_inner);
        let gone = observers.remove(environment_id);
        drop(observers);
        // What it holds is let go of outside the lock.
        drop(gone);
    }
}

impl ReportSink for ReportObservers {
    fn report(&self, report: Report) {
        let environment_id = match &report {
            Report::ContentSecurityPolicy(violation) => violation.environment_id.as_deref(),
            Report::EmbedderPolicy(violation) => Some(violation.environment_id.as_str()),
            Report::IntegrityPolicy(violation) => violation.environment_id.as_deref(),
        };
        let observer = environment_id
            .and_then(|id| self.observers.lock().unwrap_or_else(PoisonError::into_inner).get(id).cloned());
        if let Some(observer) = observer {
            observer(&report);
        }
        self.sink.report(report);
    }
}

/// Drops reports.
pub(crate) struct NoReports;

impl ReportSink for NoReports {
    fn report(&self, report: Report) {
        tracing::debug!(?report, "a policy was violated");
    }
}
