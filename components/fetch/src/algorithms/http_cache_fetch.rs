//! The part of HTTP-network-or-cache fetch that is about the HTTP cache.

use std::sync::Arc;

use futures::StreamExt as _;
use tracing::Instrument as _;

use super::http_network_fetch::{IncludeCredentials, decode, http_network_fetch};
use super::main_fetch::main_fetch;
use crate::NetworkError;
use crate::concepts::body::{Body, BodyStream, Content};
use crate::concepts::content_coding::BodySizes;
use crate::concepts::fetch_controller::FetchController;
use crate::concepts::fetch_params::FetchParams;
use crate::concepts::http_cache::{
    HttpCacheExchange, HttpCacheLookup, HttpCacheReceived, HttpCacheRequest, HttpCacheResponse,
};
use crate::concepts::http_cache_partition::determine_the_http_cache_partition;
use crate::concepts::request::{CacheMode, Mode, Request, ServiceWorkersMode};
use crate::concepts::request_observer::{CacheDecision, FetchEvent};
use crate::concepts::response::{CacheState, Response};

/// Steps 8.24 to 10.5: the response from the HTTP cache, or from the network and into the cache.
///
/// <https://fetch.spec.whatwg.org/#concept-http-network-or-cache-fetch>
pub(super) async fn http_cache_fetch(
    params: &mut FetchParams,
    mut http_request: Request,
    content: Option<Content>,
    length: Option<u64>,
    include_credentials: IncludeCredentials,
) -> Response {
    // 8.24. Which cache.
    let partition = determine_the_http_cache_partition(&http_request)
        .filter(|_| !matches!(http_request.mode, Mode::WebSocket | Mode::WebTransport));
    // 8.25. Without one nothing is stored. DEVIATION: nor are background fetches, whose bodies are kept elsewhere.
    let is_background = http_request.identity_encoding || http_request.resumption.is_some();
    if (partition.is_none() && http_request.cache_mode != CacheMode::OnlyIfCached) || is_background {
        http_request.cache_mode = CacheMode::NoStore;
    }
    let services = params.services.clone();
    let lookup = match (services.http_cache(), partition) {
        (Some(cache), Some(partition)) => Some(cache.lookup(HttpCacheRequest {
            partition,
            method: http_request.method.as_str().to_owned(),
            url: http_request.current_url().clone(),
            header_list: http_request.header_list.clone(),
            cache_mode: http_request.cache_mode,
            include_credentials: include_credentials == IncludeCredentials::Yes,
            reload_navigation: http_request.reload_navigation,
        })),
        _ => None,
    };
    // 8.26. What is stored, if it is of use. NOTE: the cache knows which conditions go with a request that validates.
    let exchange = match lookup {
        None => {
            params.observe(FetchEvent::Cache(CacheDecision::Bypassed));
            None
        }
        Some(lookup) => match lookup.await {
            HttpCacheLookup::Stored { response, revalidate } => {
                params.observe(FetchEvent::Cache(match revalidate {
                    true => CacheDecision::AnsweredStale,
                    false => CacheDecision::Answered(CacheState::Local),
                }));
                if revalidate && http_request.client.is_some() {
                    revalidate_in_the_background(params);
                }
                return stored_response(params, response, CacheState::Local);
            }
            HttpCacheLookup::Forward(exchange) => {
                params.observe(FetchEvent::Cache(match exchange.headers().is_empty() {
                    true => CacheDecision::Missed,
                    false => CacheDecision::Revalidating,
                }));
                Some(exchange)
            }
            HttpCacheLookup::NotCached => None,
        },
    };
    // 10.1. The cache was to answer alone.
    if http_request.cache_mode == CacheMode::OnlyIfCached {
        return Response::network_error(NetworkError::NotCached);
    }
    forward(params, &http_request, content, length, include_credentials, exchange).await
}

/// Steps 8.26.2.1.3 to 8.26.2.1.7: what is stale is used once more, and validated meanwhile.
fn revalidate_in_the_background(params: &FetchParams) {
    let mut request = params.request.clone_without_body();
    request.cache_mode = CacheMode::NoCache;
    request.prevent_no_cache_cache_control_header_modification = true;
    request.service_workers_mode = ServiceWorkersMode::None;
    let controller = FetchController::default();
    // NOTE: the standard leaves open when it ends. It belongs to the client, which would not be there to pay for it, and so ends with
    // the client's group.
    let record = request.client.as_ref().map(|client| client.fetch_group.append(&request, &controller));
    let mut params = FetchParams::new(params.services.clone(), request, controller.clone());
    params.record = record;
    let span = params.span.clone();
    let revalidation = async move {
        params.observe(FetchEvent::Started(&params.request));
        let revalidating = async {
            let response = Box::pin(main_fetch(&mut params)).await;
            // The cache keeps what is read.
            if let Some(body) = response.into_unfiltered().body {
                let mut stream = body.into_stream();
                while let Some(Ok(_)) = stream.next().await {}
            }
        };
        tokio::select! {
            biased;
            _ = controller.canceled() => {}
            () = revalidating => {}
        }
    };
    tokio::spawn(revalidation.instrument(span));
}

/// Steps 10.2 to 10.5. The cache invalidates, freshens and stores.
async fn forward(
    params: &mut FetchParams,
    http_request: &Request,
    mut content: Option<Content>,
    length: Option<u64>,
    include_credentials: IncludeCredentials,
    mut exchange: Option<Box<dyn HttpCacheExchange>>,
) -> Response {
    loop {
        let mut request = http_request.clone_without_body();
        if let Some(exchange) = &exchange {
            for (name, value) in exchange.headers().iter() {
                request.header_list.append(name, value);
            }
        }
        let mut response =
            http_network_fetch(params, request, content.take(), length, include_credentials).await;
        let Some(current) = exchange.take() else {
            decode(params, &mut response);
            return response;
        };
        if response.is_network_error() {
            return match current.failed().await {
                Some(stored) => stored_response(params, stored, CacheState::Local),
                None => response,
            };
        }
        let received = HttpCacheResponse {
            status: response.status,
            status_message: std::mem::take(&mut response.status_message),
            header_list: std::mem::take(&mut response.header_list),
            body: response.body.take().map(|body| body.into_stream().into_boxed()),
        };
        match current.received(received).await {
            HttpCacheReceived::Response { response: answer, cache_state } => {
                let stored = stored_response(params, answer, cache_state);
                response.status = stored.status;
                response.status_message = stored.status_message;
                response.header_list = stored.header_list;
                response.body = stored.body;
                response.cache_state = stored.cache_state;
                return response;
            }
            // NOTE: only requests without a body get here.
            HttpCacheReceived::SendAgain(next) => exchange = Some(next),
        }
    }
}

fn stored_response(params: &mut FetchParams, stored: HttpCacheResponse, cache_state: CacheState) -> Response {
    let mut response = Response::new();
    response.status = stored.status;
    response.status_message = stored.status_message;
    response.header_list = stored.header_list;
    response.body = stored.body.map(|body| Body::from_stream(BodyStream::new(body).into_boxed(), None, None));
    response.cache_state = cache_state;
    params.body_sizes = Arc::new(BodySizes::default());
    decode(params, &mut response);
    response
}
