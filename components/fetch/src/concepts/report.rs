//! Reports: what is told about violations of policies.

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
    /// What was to be fetched, before redirects.
    pub blocked_url: Url,
    /// The directive that would have been the one for it.
    pub effective_directive: String,
    /// The whole policy.
    pub original_policy: String,
    /// Whether it was blocked.
    pub disposition: CspDisposition,
    /// The response's status, or 0 before there is one.
    pub status: u16,
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

/// Drops reports.
pub(crate) struct NoReports;

impl ReportSink for NoReports {
    fn report(&self, report: Report) {
        tracing::debug!(?report, "a policy was violated");
    }
}
