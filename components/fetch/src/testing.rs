//! What headers decide about a request and its response, for fuzzers and tests: no network, no fetch.

use crate::concepts::{cors_check, extract_header_values, integrity_policy, isomorphic, nosniff, report};
use crate::{HeaderList, InvalidHeaderValue, NetworkError, Request, Response};

/// <https://fetch.spec.whatwg.org/#concept-cors-check>
///
/// # Errors
/// Why the response is not shared with the request's origin.
pub fn check_cors(request: &Request, response: &Response) -> Result<(), NetworkError> {
    cors_check::cors_check(request, response)
}

/// <https://fetch.spec.whatwg.org/#concept-tao-check>
pub fn allows_timing(request: &Request, response: &Response) -> bool {
    cors_check::tao_check(request, response) == cors_check::TaoCheck::Success
}

/// What a response of a navigation says about its timing, as a later one remembers it of a redirect.
///
/// <https://fetch.spec.whatwg.org/#append-to-a-requests-navigation-timing-allow-values-list>
pub fn remember_timing_of_redirect(request: &mut Request, response: &Response) {
    cors_check::append_to_navigation_timing_allow_values(request, response);
}

/// <https://fetch.spec.whatwg.org/#should-response-to-request-be-blocked-due-to-nosniff?>
///
/// # Errors
/// When the response is blocked.
pub fn check_nosniff(request: &Request, response: &Response) -> Result<(), NetworkError> {
    nosniff::check_nosniff(response, request)
}

/// <https://w3c.github.io/webappsec-subresource-integrity/#should-request-be-blocked-by-integrity-policy-section>
///
/// # Errors
/// When the request is blocked.
pub fn check_integrity_policy(request: &Request) -> Result<(), NetworkError> {
    integrity_policy::should_request_be_blocked_by_integrity_policy(request, &report::NoReports)
}

/// The value of a header that is a number of seconds, such as `Access-Control-Max-Age`.
///
/// # Errors
/// When it is none, or there are several.
pub fn seconds(headers: &HeaderList, name: &str) -> Result<Option<u64>, InvalidHeaderValue> {
    extract_header_values::extract_delta_seconds(headers, name)
}

/// Bytes as people are shown them.
pub fn printable(bytes: &[u8], limit: usize) -> String {
    isomorphic::printable(bytes, limit)
}
