//! Main fetch: the policies before a request goes out and after its response came.

use url::Url;

use super::cors_preflight_fetch::MakeCorsPreflight;
use super::http_fetch::http_fetch;
use super::http_redirect_fetch::{Redirected, http_redirect_fetch};
use super::scheme_fetch::scheme_fetch;
use crate::NetworkError;
use crate::concepts::body::Body;
use crate::concepts::cors_safelisted_request_header::cors_unsafe_request_header_names;
use crate::concepts::extract_header_values::extract_token_list;
use crate::concepts::fetch_params::FetchParams;
use crate::concepts::header_list::convert_header_names_to_a_sorted_lowercase_set;
use crate::concepts::hsts::upgrade_by_hsts;
use crate::concepts::integrity::do_bytes_match_integrity_metadata;
use crate::concepts::integrity_policy::should_request_be_blocked_by_integrity_policy;
use crate::concepts::mime_blocking::check_mime_type;
use crate::concepts::mixed_content;
use crate::concepts::nosniff::check_nosniff;
use crate::concepts::origin::same_origin;
use crate::concepts::port_blocking::blocked_port;
use crate::concepts::referrer_policy::{ReferrerPolicy, determine_referrer};
use crate::concepts::request::{
    CredentialsMode, Mode, RedirectMode, Referrer, Request, RequestPolicyContainer, ResponseTainting,
};
use crate::concepts::request_observer::{FetchEvent, Upgrade};
use crate::concepts::response::{Response, ResponseType};
use crate::concepts::status::{is_null_body_status, is_range_status};
use crate::services::{PolicyDecision, Services};

/// How large a body may be whose integrity has to be known before any of it is given out.
const MAXIMUM_VERIFIED_BODY: usize = 512 * 1024 * 1024;

/// <https://fetch.spec.whatwg.org/#concept-main-fetch>
pub(super) async fn main_fetch(params: &mut FetchParams) -> Response {
    // 1.–12. Once for the request and once for each redirect.
    let mut needs_preflight = false;
    let response = loop {
        params.follows_redirect = false;
        // 3.–10. May it be fetched at all?
        let response = match prepare(params) {
            Err(reason) => break Response::network_error(reason),
            // 11. Where it is fetched from. NOTE: boxed, so that those who wait for it stay small.
            Ok(()) => Box::pin(dispatch(params, &mut needs_preflight)).await,
        };
        if !params.follows_redirect {
            break response;
        }
        match http_redirect_fetch(params, &response) {
            // The redirect's response is done with; its connection is free, or closed.
            Ok(Redirected::Yes) => drop(response),
            Ok(Redirected::No) => break response,
            Err(reason) => break Response::network_error(reason),
        }
    };
    // What a preflight allowed is forgotten if it came to nothing.
    if needs_preflight && response.is_network_error() {
        params.services.cors_preflight_cache().clear(&params.request);
    }
    let response = filter(&params.request, response);
    let response = finish(params, response);
    verify_integrity(params, response).await
}

/// The steps before anything is fetched.
fn prepare(params: &mut FetchParams) -> Result<(), NetworkError> {
    let (services, id) = (&params.services, params.id);
    let request = &mut params.request;
    // 3. Only local schemes.
    let url = request.current_url();
    if request.local_urls_only && !matches!(url.scheme(), "about" | "blob" | "data") {
        return Err(NetworkError::LocalUrlsOnly(url.scheme().to_owned()));
    }
    // 4. What policies that only report say.
    services.policy().report_violations(request);
    let upgraded = |from: Url, request: &Request, by: Upgrade| {
        if from != *request.current_url() {
            services
                .observer()
                .observe(id, FetchEvent::Upgraded { from: &from, to: request.current_url(), by });
        }
    };
    // 5. The policy may make the URL secure,
    if let Some(url) = services.policy().upgrade(request) {
        let from = std::mem::replace(request.current_url_mut(), url);
        upgraded(from, request, Upgrade::Policy);
    }
    // 6. and mixed content does for pictures, sound and film.
    let from = request.current_url().clone();
    mixed_content::upgrade_mixed_content(request);
    upgraded(from, request, Upgrade::MixedContent);
    // 7. Bad port, mixed content, content security policy, integrity policy.
    if let Some(port) = blocked_port(request.current_url()) {
        return Err(NetworkError::PortBlocked(port));
    }
    mixed_content::check_request(request, services)?;
    if let PolicyDecision::Blocked(directive) = services.policy().should_block_request(request) {
        return Err(NetworkError::Csp { directive });
    }
    should_request_be_blocked_by_integrity_policy(request, services.reports())?;
    // 8. The referrer policy,
    if request.referrer_policy == ReferrerPolicy::Empty
        && let RequestPolicyContainer::Container(container) = &request.policy_container
    {
        request.referrer_policy = container.referrer_policy;
    }
    // NOTE: Referrer Policy's default, as HTML's policy containers have it from the start.
    if request.referrer_policy == ReferrerPolicy::Empty {
        request.referrer_policy = ReferrerPolicy::DEFAULT;
    }
    // 9. and the referrer.
    if request.referrer != Referrer::NoReferrer {
        request.referrer = determine_referrer(request);
    }
    // 10. Hosts that are to be reached securely.
    let from = request.current_url().clone();
    if upgrade_by_hsts(request, services) {
        upgraded(from, request, Upgrade::Hsts);
    }
    Ok(())
}

/// Step 11: the first case that suits the request.
async fn dispatch(params: &mut FetchParams, has_preflight: &mut bool) -> Response {
    if let Some(preloaded) = params.preloaded_response_candidate.take() {
        return preloaded.await;
    }
    let request = &mut params.request;
    let url = request.current_url();
    let is_http = matches!(url.scheme(), "http" | "https");
    // NOTE: the URL of an object has the origin of whoever made it; an opaque one is not in its text, and nobody else is given the
    // object.
    let is_own_object = url.scheme() == "blob"
        && !url.origin().is_tuple()
        && (request.blob_url_entry.is_some() || params.services.blob_urls().resolve(url, request).is_some());
    let is_same_origin = is_own_object || same_origin(&url.origin(), &request.resolved_origin());
    if (is_same_origin && request.response_tainting == ResponseTainting::Basic)
        || url.scheme() == "data"
        || matches!(request.mode, Mode::Navigate | Mode::WebSocket | Mode::WebTransport)
    {
        request.response_tainting = ResponseTainting::Basic;
        return override_fetch(params, FetchType::Scheme).await;
    }
    match request.mode {
        Mode::SameOrigin => {
            return Response::network_error(NetworkError::NotSameOrigin(url.origin().ascii_serialization()));
        }
        Mode::NoCors if request.redirect_mode != RedirectMode::Follow => {
            return Response::network_error(NetworkError::NoCorsRedirectMode);
        }
        Mode::NoCors => {
            request.response_tainting = ResponseTainting::Opaque;
            return override_fetch(params, FetchType::Scheme).await;
        }
        Mode::Cors | Mode::Navigate | Mode::WebSocket | Mode::WebTransport => {}
    }
    if !is_http {
        return Response::network_error(NetworkError::SchemeNotSupported(url.scheme().to_owned()));
    }
    let needs_preflight = request.use_cors_preflight
        || (request.unsafe_request
            && (!request.method.is_cors_safelisted()
                || !cors_unsafe_request_header_names(&request.header_list).is_empty()));
    request.response_tainting = ResponseTainting::Cors;
    if !needs_preflight {
        return override_fetch(params, FetchType::Http(MakeCorsPreflight::No)).await;
    }
    *has_preflight = true;
    override_fetch(params, FetchType::Http(MakeCorsPreflight::Yes)).await
}

/// Which algorithm is overridden.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum FetchType {
    Scheme,
    Http(MakeCorsPreflight),
}

/// <https://fetch.spec.whatwg.org/#concept-override-fetch>
async fn override_fetch(params: &mut FetchParams, r#type: FetchType) -> Response {
    // 2.–3. Somebody else may answer.
    if let Some(response) = params.services.interceptor().potentially_override_response(&params.request).await
    {
        params.observe(FetchEvent::Overridden);
        return response;
    }
    // 4.–5.
    match r#type {
        FetchType::Scheme => scheme_fetch(params).await,
        FetchType::Http(make_cors_preflight) => http_fetch(params, make_cors_preflight).await,
    }
}

/// Step 13: puts the filter before the response that its tainting asks for.
fn filter(request: &Request, mut response: Response) -> Response {
    if response.is_network_error() || response.is_filtered() {
        return response;
    }
    match request.response_tainting {
        ResponseTainting::Basic => response.filtered(ResponseType::Basic),
        ResponseTainting::Opaque => response.filtered(ResponseType::Opaque),
        ResponseTainting::Cors => {
            // 13.1. The names that the server exposes. NOTE: a list that cannot be parsed exposes none.
            let names = extract_token_list(&response.header_list, "Access-Control-Expose-Headers");
            let names = names.ok().flatten().unwrap_or_default();
            let is_wildcard =
                request.credentials_mode != CredentialsMode::Include && names.iter().any(|name| name == b"*");
            response.cors_exposed_header_names = if is_wildcard {
                convert_header_names_to_a_sorted_lowercase_set(
                    response.header_list.iter().map(|(name, _)| name),
                )
            } else {
                names
            };
            response.filtered(ResponseType::Cors)
        }
    }
}

/// Steps 14 to 21: what a response is told about its request, and the policies it has to pass.
fn finish(params: &FetchParams, mut response: Response) -> Response {
    let request = &params.request;
    // 15. A response that knows no URL has the request's.
    if response.unfiltered().url_list.is_empty() {
        response.on_each_layer(|layer| {
            if layer.r#type != ResponseType::Opaque && layer.r#type != ResponseType::Error {
                layer.url_list = request.url_list.clone();
            }
        });
    }
    // 16.–18. How far redirects led, and whether timing may be known.
    let redirect_taint = request.redirect_taint();
    response.on_each_layer(|layer| {
        layer.redirect_taint = redirect_taint;
        if request.is_navigation_request() {
            layer.navigation_timing_allow_values = request.navigation_timing_allow_values.clone();
        }
        layer.timing_allow_passed |= !request.timing_allow_failed;
    });
    if response.is_network_error() {
        return response;
    }
    let internal = response.unfiltered();
    // 19. The policies.
    if let Err(reason) = check_response(&params.services, request, internal) {
        return Response::network_error(reason);
    }
    // 20. A partial response that somebody else asked for.
    if response.r#type == ResponseType::Opaque
        && is_range_status(internal.status)
        && internal.range_requested
        && !request.header_list.contains("Range")
        // NOTE: a resumption asks for its range where the request's own headers do not show it.
        && request.resumption.is_none()
    {
        return Response::network_error(NetworkError::UnexpectedPartialResponse);
    }
    // 21. Some responses have no body, whatever the server sends.
    if matches!(request.method.as_str(), "HEAD" | "CONNECT") || is_null_body_status(internal.status) {
        *response.body_slot() = None;
    }
    response
}

fn check_response(services: &Services, request: &Request, internal: &Response) -> Result<(), NetworkError> {
    mixed_content::check_response(request, internal, services)?;
    if let PolicyDecision::Blocked(directive) = services.policy().should_block_response(request, internal) {
        return Err(NetworkError::Csp { directive });
    }
    check_mime_type(internal, request)?;
    check_nosniff(internal, request)
}

/// Step 22: a response whose integrity is asked for is given out once all of it is there and right.
async fn verify_integrity(params: &mut FetchParams, mut response: Response) -> Response {
    let metadata = params.request.integrity_metadata.clone();
    if metadata.is_empty() || response.is_network_error() {
        return response;
    }
    // 22.2. Nothing to verify. NOTE: an opaque response's body is null here, so it never passes.
    let Some(body) = response.body.take() else {
        return Response::network_error(NetworkError::Integrity(
            "the response has no body that may be looked at",
        ));
    };
    // 22.1., 22.3.–22.4.
    match body.read_all(Some(MAXIMUM_VERIFIED_BODY)).await {
        Ok(bytes) if do_bytes_match_integrity_metadata(&bytes, &metadata) => {
            response.body = Some(Body::from_bytes(bytes));
            response
        }
        Ok(_) => Response::network_error(NetworkError::Integrity("the bytes do not match")),
        Err(error) => Response::network_error(error.into()),
    }
}
