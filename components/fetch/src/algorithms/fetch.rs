//! Fetch, where every fetch begins.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures::future::{BoxFuture, Either, lazy, ready};
use tracing::Instrument as _;

use super::fetch_response_handover::fetch_response_handover;
use super::http_fetch::goes_on_by_itself;
use super::http_redirect_fetch::{Redirected, http_redirect_fetch};
use super::main_fetch::main_fetch;
use crate::concepts::body::BodyError;
use crate::concepts::fetch_controller::FetchController;
use crate::concepts::fetch_group::OpenRecord;
use crate::concepts::fetch_params::FetchParams;
use crate::concepts::fetch_timing_info::FetchTiming;
use crate::concepts::internal_priority::set_internal_priority;
use crate::concepts::local_network_access::set_target_ip_address_space;
use crate::concepts::request::{
    Destination, Initiator, Mode, Request, RequestOrigin, RequestPolicyContainer, TraversableForUserPrompts,
};
use crate::concepts::request_observer::FetchEvent;
use crate::concepts::response::Response;
use crate::concepts::status::is_redirect_status;
use crate::environment::PolicyContainer;
use crate::services::Services;
use crate::{InformationalCallback, NetworkError};

/// The document `Accept` header value.
///
/// <https://fetch.spec.whatwg.org/#document-accept-header-value>
const DOCUMENT_ACCEPT: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

/// Takes the number of bytes of a chunk.
pub type ChunkLengthCallback = Box<dyn FnMut(u64) + Send>;

/// Told that a body has ended.
pub type EndOfBodyCallback = Box<dyn FnOnce() + Send>;

/// Takes the timing of a fetch that has ended.
pub type TimingCallback = Box<dyn FnOnce(&FetchTiming) + Send>;

/// What a caller may want beside the response.
#[derive(Default)]
pub struct FetchOptions {
    /// Ends the fetch.
    pub controller: FetchController,
    /// Told the number of bytes of each chunk of the request's body that was handed to the connection. A redirect that
    /// sends the body once more tells them once more.
    pub process_request_body_chunk_length: Option<ChunkLengthCallback>,
    /// Told when the request's body is sent.
    pub process_request_end_of_body: Option<EndOfBodyCallback>,
    /// Told the headers of each response with status 103.
    pub process_early_hints_response: Option<InformationalCallback>,
    /// The answer of a preload that suits the request, for whoever keeps an environment's map of preloaded resources. It is used if
    /// [`may_use_a_preloaded_resource`] says so.
    pub preloaded_response: Option<BoxFuture<'static, Response>>,
    /// Told the timing when the response's body has ended.
    pub process_response_end_of_body: Option<TimingCallback>,
    /// So many bytes of the response's body are fetched before anybody asks for them, so that a short one that nobody reads frees
    /// its connection. By default none are.
    pub read_ahead: usize,
}

/// Fetches. A failure is a network error, whose reason tells why.
///
/// Dropping the future ends the fetch, and so does dropping the response's body. A request with keepalive set goes on by itself
/// once it has begun, which is at once where a tokio runtime is at hand, else when it is first polled; dropping the future leaves
/// only its response unread.
///
/// <https://fetch.spec.whatwg.org/#concept-fetch>
pub fn fetch(services: &Services, request: Request, options: FetchOptions) -> BoxFuture<'static, Response> {
    let services = services.clone();
    // 16. Its place in its environment's group. NOTE: taken now, so that whoever asks the group next finds it there.
    let record = match &request.client {
        Some(client) if request.is_subresource_request() => {
            Some(client.fetch_group.append(&request, &options.controller))
        }
        _ => None,
    };
    if !request.keepalive {
        return Box::pin(begin(services, request, options, record));
    }
    let controller = options.controller.clone();
    let begun = begin(services, request, options, record);
    // NOTE: it begins now where it can, as its caller may be gone before anything is polled.
    let going_on = match tokio::runtime::Handle::try_current() {
        Ok(runtime) => Either::Left(ready(runtime.spawn(begun))),
        Err(_) => Either::Right(lazy(|_| tokio::spawn(begun))),
    };
    Box::pin(async move {
        match going_on.await.await {
            Ok(response) => response,
            // The runtime ends.
            Err(_) => {
                controller.terminate();
                Response::network_error(controller.appropriate_network_error())
            }
        }
    })
}

/// Fetches, and reads the whole body: null if the response has none, failure if it breaks off or is longer than `limit`.
///
/// <https://fetch.spec.whatwg.org/#fetch-process-response-end-of-body>
pub async fn fetch_and_consume_body(
    services: &Services,
    request: Request,
    options: FetchOptions,
    limit: Option<usize>,
) -> (Response, ConsumedBody) {
    let mut response = fetch(services, request, options).await;
    let consumed = match response.body_slot().take() {
        _ if response.is_network_error() => ConsumedBody::Failure(BodyError::Network(
            response.reason().cloned().unwrap_or(NetworkError::Generic),
        )),
        None => ConsumedBody::Null,
        Some(body) => match body.read_all(limit).await {
            Ok(bytes) => ConsumedBody::Bytes(bytes),
            Err(error) => ConsumedBody::Failure(error),
        },
    };
    (response, consumed)
}

/// What a body that was read whole turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConsumedBody {
    /// There is none.
    Null,
    /// It broke off.
    Failure(BodyError),
    /// These bytes.
    Bytes(Bytes),
}

async fn begin(
    services: Services,
    request: Request,
    options: FetchOptions,
    record: Option<OpenRecord>,
) -> Response {
    let mut params = FetchParams::new(services, request, options.controller);
    // 4. What the request takes from its client.
    populate_request_from_client(&mut params.request);
    // 7.–8. The bookkeeping. NOTE: task destinations are the business of whoever called; all callbacks are `Send`.
    params.timing.start_time = params.now();
    params.timing.post_redirect_start_time = params.timing.start_time;
    params.timing.render_blocking = params.request.render_blocking;
    params.process_request_body_chunk_length = options.process_request_body_chunk_length.map(shared);
    params.process_request_end_of_body =
        options.process_request_end_of_body.map(|callback| Arc::new(Mutex::new(Some(callback))));
    params.process_early_hints_response = options.process_early_hints_response.map(shared);
    params.process_response_end_of_body = options.process_response_end_of_body;
    params.read_ahead = options.read_ahead;
    // 9. NOTE: a body is always a body here. 10. NOTE: no remote end listens in.
    // 11. Preloaded resources.
    if may_use_a_preloaded_resource(&params.request) {
        params.preloaded_response_candidate = options.preloaded_response;
    }
    // 12. `Accept`.
    append_accept(&mut params.request);
    // 13. NOTE: no remote end emulates a language. 14. `Accept-Language`.
    if !params.request.header_list.contains("Accept-Language")
        && !params.services.accept_language().is_empty()
    {
        params.request.header_list.append("Accept-Language", params.services.accept_language());
    }
    // 15. How urgent it is.
    set_internal_priority(&mut params.request);
    if let Some(record) = record {
        params.silenced = record.silenced();
        params.record = Some(record);
    }
    params.observe(FetchEvent::Started(&params.request));
    // 17. Main fetch, which ends wherever it waits when the controller says so.
    let (controller, span) = (params.controller.clone(), params.span.clone());
    let response = tokio::select! {
        biased;
        _ = controller.canceled() => Response::network_error(controller.appropriate_network_error()),
        response = main_fetch(&mut params).instrument(span) => response,
    };
    hand_over(params, response)
}

/// Gives the response out; that of a navigation's redirect with the way on behind it.
fn hand_over(mut params: FetchParams, response: Response) -> Response {
    if goes_on_by_itself(&params.request) && is_redirect_status(response.unfiltered().status) {
        let mut next = params.split_off_for_redirect();
        let head = response.unfiltered().clone_without_body();
        params.controller.set_next_manual_redirect_steps(Box::new(move |controller, reserved_client| {
            next.controller = controller.clone();
            if reserved_client.is_some() {
                next.request.reserved_client = reserved_client;
            }
            Box::pin(async move {
                let span = next.span.clone();
                let response = match http_redirect_fetch(&mut next, &head) {
                    Err(reason) => Response::network_error(reason),
                    Ok(Redirected::No) => head,
                    Ok(Redirected::Yes) => tokio::select! {
                        biased;
                        _ = controller.canceled() => Response::network_error(controller.appropriate_network_error()),
                        response = main_fetch(&mut next).instrument(span) => response,
                    },
                };
                hand_over(next, response)
            })
        }));
    }
    fetch_response_handover(params, response)
}

/// Whether a response that was preloaded may be the answer, if there is one that suits.
///
/// <https://fetch.spec.whatwg.org/#concept-fetch>, step 11
pub fn may_use_a_preloaded_resource(request: &Request) -> bool {
    matches!(request.url().scheme(), "http" | "https")
        && matches!(request.mode, Mode::SameOrigin | Mode::Cors | Mode::NoCors)
        && request.client.as_ref().is_some_and(|client| client.is_window)
        && request.method == "GET"
        && (!request.unsafe_request || request.header_list.is_empty())
}

fn shared<Callback>(callback: Callback) -> Arc<Mutex<Callback>> {
    Arc::new(Mutex::new(callback))
}

/// <https://fetch.spec.whatwg.org/#populate-request-from-client>
pub(crate) fn populate_request_from_client(request: &mut Request) {
    // 1. A window's prompts are shown where the window is.
    if request.traversable_for_user_prompts == TraversableForUserPrompts::Client {
        request.traversable_for_user_prompts = match &request.client {
            Some(client) if client.is_window => TraversableForUserPrompts::Traversable,
            _ => TraversableForUserPrompts::NoTraversable,
        };
    }
    // 2. The origin; a request that nobody asks for gets one of its own.
    request.origin = RequestOrigin::Origin(request.resolved_origin());
    // 3. The policy container.
    if request.policy_container == RequestPolicyContainer::Client {
        let container = match &request.client {
            Some(client) => client.policy_container.clone(),
            None => PolicyContainer::default(),
        };
        request.policy_container = RequestPolicyContainer::Container(container);
    }
    // Local Network Access has one step more.
    set_target_ip_address_space(request);
}

fn append_accept(request: &mut Request) {
    if request.header_list.contains("Accept") {
        return;
    }
    let value = if request.initiator == Initiator::Prefetch {
        DOCUMENT_ACCEPT
    } else {
        match request.destination {
            Destination::Document | Destination::Frame | Destination::Iframe => DOCUMENT_ACCEPT,
            Destination::Image => "image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5",
            Destination::Json => "application/json,*/*;q=0.5",
            Destination::Style => "text/css,*/*;q=0.1",
            Destination::Text => "text/plain,*/*;q=0.5",
            _ => "*/*",
        }
    };
    request.header_list.append("Accept", value);
}
