//! CORS-preflight fetch.

use std::time::Duration;

use super::http_network_or_cache_fetch::http_network_or_cache_fetch;
use crate::NetworkError;
use crate::concepts::cors_check::cors_check;
use crate::concepts::cors_preflight_cache::Subject;
use crate::concepts::cors_safelisted_request_header::cors_unsafe_request_header_names;
use crate::concepts::extract_header_values::{extract_delta_seconds, extract_token_list};
use crate::concepts::fetch_params::FetchParams;
use crate::concepts::header_name::is_cors_non_wildcard_request_header_name;
use crate::concepts::isomorphic::printable;
use crate::concepts::method::Method;
use crate::concepts::request::{CredentialsMode, Mode, Request, ResponseTainting, TraversableForUserPrompts};
use crate::concepts::request_observer::FetchEvent;
use crate::concepts::response::Response;

/// Whether HTTP fetch has to ask the server beforehand.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum MakeCorsPreflight {
    Yes,
    No,
}

/// How long an answer counts that does not say so itself.
const DEFAULT_MAX_AGE: u64 = 5;

/// So many methods and so many header names of one answer are kept, lest one server pushes out what others said.
const MAXIMUM_KEPT: usize = 64;

/// <https://fetch.spec.whatwg.org/#cors-preflight-fetch-0>
pub(super) async fn cors_preflight_fetch(params: &mut FetchParams) -> Response {
    let unsafe_names = cors_unsafe_request_header_names(&params.request.header_list);
    // 1.–5. The preflight.
    let preflight = preflight_request(&params.request, &unsafe_names);
    // 6.
    let mut preflight_params = params.beside(preflight);
    params.observe(FetchEvent::PreflightSent(&preflight_params.request));
    let response = http_network_or_cache_fetch(&mut preflight_params).await;
    if let Some(reason) = response.reason() {
        // NOTE: only the preflight went out, not the request.
        let is_sent = params.request.redirect_count > 0;
        return Response::network_error(reason.clone().with_request_sent(is_sent));
    }
    // 7.–8.
    match judge(params, &response, &unsafe_names) {
        Ok(()) => response,
        Err(reason) => Response::network_error(reason),
    }
}

fn preflight_request(request: &Request, unsafe_names: &[Vec<u8>]) -> Request {
    // 1. A request of its own.
    let mut preflight = Request::new(request.url().clone());
    preflight.method = Method::OPTIONS;
    preflight.url_list = request.url_list.clone();
    preflight.initiator = request.initiator;
    preflight.destination = request.destination;
    preflight.origin = request.origin.clone();
    preflight.referrer = request.referrer.clone();
    preflight.referrer_policy = request.referrer_policy;
    preflight.mode = Mode::Cors;
    preflight.response_tainting = ResponseTainting::Cors;
    // DEVIATION: the standard's preflight has no client, hence no network partition key; this one goes over connections of the
    // request's own partition, as browsers' do.
    preflight.client = request.client.clone();
    preflight.policy_container = request.policy_container.clone();
    preflight.target_ip_address_space = request.target_ip_address_space;
    preflight.internal_priority = request.internal_priority;
    preflight.traversable_for_user_prompts = TraversableForUserPrompts::NoTraversable;
    // 2.–3.
    preflight.header_list.append("Accept", "*/*");
    preflight.header_list.append("Access-Control-Request-Method", request.method.as_str());
    // 4.–5. NOTE: without a space behind the comma.
    if !unsafe_names.is_empty() {
        preflight.header_list.append("Access-Control-Request-Headers", unsafe_names.join(b",".as_slice()));
    }
    preflight
}

/// Step 7: whether the server allows what the request does; what it allows is kept.
fn judge(params: &FetchParams, response: &Response, unsafe_names: &[Vec<u8>]) -> Result<(), NetworkError> {
    let request = &params.request;
    // 7. NOTE: the check is made with the request, whose credentials mode counts.
    cors_check(request, response)?;
    if !response.is_ok_status() {
        return Err(NetworkError::PreflightStatus(response.status));
    }
    // 7.1.–7.3. What is allowed.
    let list = |name: &'static str| {
        extract_token_list(&response.header_list, name)
            .map_err(|_| NetworkError::PreflightHeaderInvalid(name))
    };
    let methods = list("Access-Control-Allow-Methods")?;
    let header_names = list("Access-Control-Allow-Headers")?.unwrap_or_default();
    // 7.4. Asking at all allows the method of a request that only asks for form's sake.
    let own_method = request.method.as_str().as_bytes();
    let methods = match methods {
        None if request.use_cors_preflight => vec![own_method.to_vec()],
        methods => methods.unwrap_or_default(),
    };
    // 7.5. The method.
    let is_wildcard_allowed = request.credentials_mode != CredentialsMode::Include;
    let allows_all_methods = is_wildcard_allowed && methods.iter().any(|method| method == b"*");
    if !methods.iter().any(|method| method == own_method)
        && !request.method.is_cors_safelisted()
        && !allows_all_methods
    {
        return Err(NetworkError::PreflightMethodNotAllowed(request.method.to_string()));
    }
    // 7.6. Headers that no wildcard allows.
    let is_listed = |name: &[u8]| header_names.iter().any(|allowed| allowed.eq_ignore_ascii_case(name));
    let refused = |name: &[u8]| NetworkError::PreflightHeaderNotAllowed(printable(name, 100));
    for (name, _) in request.header_list.iter() {
        if is_cors_non_wildcard_request_header_name(name) && !is_listed(name) {
            return Err(refused(name));
        }
    }
    // 7.7. All others.
    let allows_all_headers = is_wildcard_allowed && header_names.iter().any(|name| name == b"*");
    if let Some(name) = unsafe_names.iter().find(|name| !is_listed(name) && !allows_all_headers) {
        return Err(refused(name));
    }
    // 7.8.–7.10. For how long. NOTE: the cache has a limit of its own.
    let max_age = extract_delta_seconds(&response.header_list, "Access-Control-Max-Age");
    let max_age = Duration::from_secs(max_age.ok().flatten().unwrap_or(DEFAULT_MAX_AGE));
    // 7.12.–7.15.
    // DEVIATION: a `*` that was no wildcard for this request is not kept, since the cache would take it for one and let later
    // requests with credentials go without asking.
    let is_kept = |name: &Vec<u8>| is_wildcard_allowed || name != b"*";
    let now = params.services.now();
    let mut cache = params.services.cors_preflight_cache();
    for method in methods.into_iter().filter(is_kept).take(MAXIMUM_KEPT) {
        cache.store(request, Subject::Method(method), max_age, now);
    }
    // What the request needs comes first.
    let (needed, others): (Vec<_>, Vec<_>) = header_names.into_iter().filter(is_kept).partition(|allowed| {
        allowed == b"*" || unsafe_names.iter().any(|name| name.eq_ignore_ascii_case(allowed))
    });
    for name in needed.into_iter().chain(others).take(MAXIMUM_KEPT) {
        cache.store(request, Subject::HeaderName(name), max_age, now);
    }
    Ok(())
}
