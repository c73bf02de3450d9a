//! HTTP fetch: service workers, preflights, the CORS check and redirects.

use super::cors_preflight_fetch::{MakeCorsPreflight, cors_preflight_fetch};
use super::http_network_or_cache_fetch::http_network_or_cache_fetch;
use std::sync::Arc;

use crate::NetworkError;
use crate::concepts::content_coding::counted;
use crate::concepts::corp::{ForNavigation, cross_origin_resource_policy_check};
use crate::concepts::cors_check::{
    TaoCheck, append_to_navigation_timing_allow_values, cors_check, tao_check,
};
use crate::concepts::cors_safelisted_request_header::cors_unsafe_request_header_names;
use crate::concepts::fetch_params::FetchParams;
use crate::concepts::opaque_response_blocking::opaque_response_safelist_check;
use crate::concepts::request::{Mode, RedirectMode, Request, ResponseTainting, ServiceWorkersMode};
use crate::concepts::request_observer::FetchEvent;
use crate::concepts::response::{Response, ResponseType};
use crate::concepts::status::is_redirect_status;

/// <https://fetch.spec.whatwg.org/#concept-http-fetch>
pub(super) async fn http_fetch(params: &mut FetchParams, make_cors_preflight: MakeCorsPreflight) -> Response {
    // 3. A service worker may answer.
    let mut response = match ask_service_worker(params).await {
        Ok(response) => response,
        Err(reason) => return Response::network_error(reason),
    };
    // 4. Otherwise the network does.
    let is_from_network = response.is_none();
    if is_from_network {
        // 4.1. The server is asked beforehand, unless it has been.
        if make_cors_preflight == MakeCorsPreflight::Yes && !is_preflight_due(params) {
            params.observe(FetchEvent::PreflightCached);
        } else if make_cors_preflight == MakeCorsPreflight::Yes {
            let preflight = cors_preflight_fetch(params).await;
            if preflight.is_network_error() {
                return preflight;
            }
        }
        // 4.2. Redirects from the network are not for service workers.
        if params.request.redirect_mode == RedirectMode::Follow {
            params.request.service_workers_mode = ServiceWorkersMode::None;
        }
        // 4.3.
        let answer = http_network_or_cache_fetch(params).await;
        if answer.is_network_error() {
            return answer;
        }
        // 4.4. May the response be shared with the request's origin?
        if params.request.response_tainting == ResponseTainting::Cors
            && let Err(reason) = cors_check(&params.request, &answer)
        {
            return Response::network_error(reason);
        }
        // 4.5. May its timing?
        if tao_check(&params.request, &answer) == TaoCheck::Failure {
            params.request.timing_allow_failed = true;
        }
        response = Some(answer);
    }
    let Some(response) = response else {
        return Response::network_error(NetworkError::Generic);
    };
    let request = &params.request;
    // 5. Opaque responses may forbid to be embedded.
    if request.response_tainting == ResponseTainting::Opaque || response.r#type == ResponseType::Opaque {
        let origin = request.resolved_origin();
        let allowed = cross_origin_resource_policy_check(
            &origin,
            request.client.as_deref(),
            request.destination,
            response.unfiltered(),
            ForNavigation::No,
            params.services.reports(),
        );
        if let Err(reason) = allowed {
            return Response::network_error(reason);
        }
    }
    // Opaque-response blocking. NOTE: what a service worker gives is its own to give; it cannot read what is opaque either. A
    // request without a client has no page that the response would come near.
    let mut response = response;
    if is_from_network
        && request.client.is_some()
        && request.response_tainting == ResponseTainting::Opaque
        // A redirect that leads nowhere is an answer like any other.
        && !(is_redirect_status(response.status) && response.header_list.contains("Location"))
        && params.services.blocks_opaque_responses()
    {
        response = match opaque_response_safelist_check(request, response).await {
            Ok(response) => response,
            Err(reason) => return Response::network_error(reason),
        };
    }
    // 6. Redirects. NOTE: 6.2. is done by dropping the response, which resets its stream.
    if !is_redirect_status(response.unfiltered().status) {
        return response;
    }
    if request.is_navigation_request() {
        append_to_navigation_timing_allow_values(&mut params.request, response.unfiltered());
    }
    match params.request.redirect_mode {
        RedirectMode::Error => Response::network_error(NetworkError::RedirectForbidden),
        // NOTE: whoever hands the response over sets the steps that go on behind it. DEVIATION: a service worker that fetches a
        // navigation's request gets the filtered response, as web-platform-tests asserts; so does its preload.
        RedirectMode::Manual if goes_on_by_itself(&params.request) => response,
        RedirectMode::Manual => response.filtered(ResponseType::OpaqueRedirect),
        // NOTE: main fetch follows it.
        RedirectMode::Follow => {
            params.follows_redirect = true;
            response
        }
    }
}

/// Whether the request is a navigation's own, which goes from redirect to redirect by itself.
pub(super) fn goes_on_by_itself(request: &Request) -> bool {
    request.mode == Mode::Navigate
        && request.redirect_mode == RedirectMode::Manual
        && request.service_workers_mode != ServiceWorkersMode::None
}

/// Step 3: the response of a service worker, if there is one that gives one.
async fn ask_service_worker(params: &mut FetchParams) -> Result<Option<Response>, NetworkError> {
    // OPTIMIZATION: the request is copied only where a worker may want it.
    if params.request.service_workers_mode == ServiceWorkersMode::None
        || !params.services.service_workers().may_handle(&params.request)
    {
        return Ok(None);
    }
    // 3.1.–3.2. A copy, body included.
    let request_for_service_worker = params.request.clone();
    // 3.3.–3.4.
    params.observe(FetchEvent::ServiceWorkerAsked);
    let start_time = params.now();
    let hook = params.services.service_workers();
    let asked = hook.handle_fetch(request_for_service_worker, params.controller.clone());
    let answer = asked.await;
    params.observe(FetchEvent::ServiceWorkerAnswered(answer.as_ref()));
    // DEVIATION: told also where the network answers in the end, as in browsers and web-platform-tests.
    params.timing.final_service_worker_start_time = start_time;
    let Some(mut response) = answer else { return Ok(None) };
    // 3.5. It gave one: the body here is not needed any more.
    if let Some(body) = &mut params.request.body {
        drop(body.take_content());
    }
    // What ended while the worker was asked ended for the reason for which it was.
    if let Some(reason @ (NetworkError::Aborted | NetworkError::Terminated)) = response.reason() {
        return Err(reason.clone());
    }
    check_service_worker_response(&params.request, &response)?;
    // Its body's sizes are those of what the worker fetched; what it made itself is counted here.
    match response.unfiltered().body_sizes.clone() {
        Some(sizes) => params.body_sizes = sizes,
        None => {
            let sizes = Arc::clone(&params.body_sizes);
            let slot = response.body_slot();
            *slot = slot.take().map(|body| body.map_stream(|stream| counted(stream, sizes)));
        }
    }
    Ok(Some(response))
}

/// Some responses are not for some requests.
fn check_service_worker_response(request: &Request, response: &Response) -> Result<(), NetworkError> {
    let refusal = if response.r#type == ResponseType::Error {
        "it is a network error"
    } else if request.mode == Mode::SameOrigin && response.r#type == ResponseType::Cors {
        "it is of another origin, and mode is same-origin"
    } else if request.mode != Mode::NoCors && response.r#type == ResponseType::Opaque {
        "it is opaque, and mode is not no-cors"
    } else if request.redirect_mode != RedirectMode::Manual && response.r#type == ResponseType::OpaqueRedirect
    {
        "it is a redirect, and redirect mode is not manual"
    } else if request.redirect_mode != RedirectMode::Follow && response.unfiltered().url_list.len() > 1 {
        "it was redirected, and redirect mode is not follow"
    } else {
        return Ok(());
    };
    Err(NetworkError::ServiceWorkerResponse(refusal))
}

/// Step 4.1: whether what the request does has not been allowed by an earlier preflight.
fn is_preflight_due(params: &FetchParams) -> bool {
    let request = &params.request;
    let now = params.services.now();
    let mut cache = params.services.cors_preflight_cache();
    let is_method_unknown = !cache.matches_method(request, request.method.as_str().as_bytes(), now)
        && (!request.method.is_cors_safelisted() || request.use_cors_preflight);
    is_method_unknown
        || cors_unsafe_request_header_names(&request.header_list)
            .iter()
            .any(|name| !cache.matches_header_name(request, name, now))
}
