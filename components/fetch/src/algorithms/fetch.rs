//! Fetch, where every fetch begins.

use std::sync::{Arc, Mutex};

use futures::future::BoxFuture;

use super::fetch_response_handover::fetch_response_handover;
use super::main_fetch::{Recursive, main_fetch};
use crate::InformationalCallback;
use crate::concepts::fetch_controller::FetchController;
use crate::concepts::fetch_params::FetchParams;
use crate::concepts::fetch_timing_info::FetchTiming;
use crate::concepts::request::{
    Destination, Initiator, Request, RequestOrigin, RequestPolicyContainer, TraversableForUserPrompts,
};
use crate::concepts::response::Response;
use crate::environment::PolicyContainer;
use crate::services::Services;

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
    /// Told the timing when the response's body has ended.
    pub process_response_end_of_body: Option<TimingCallback>,
}

/// Fetches. A failure is a network error, whose reason tells why.
///
/// Dropping the future ends the fetch, and so does dropping the response's body.
///
/// <https://fetch.spec.whatwg.org/#concept-fetch>
pub fn fetch(services: &Services, request: Request, options: FetchOptions) -> BoxFuture<'static, Response> {
    let services = services.clone();
    Box::pin(async move {
        let mut params = FetchParams::new(services, request, options.controller);
        // 4. What the request takes from its client.
        populate_request_from_client(&mut params.request);
        // 7.–8. The bookkeeping. NOTE: task destinations are the business of whoever called; all callbacks are `Send`.
        params.timing.start_time = params.services.now();
        params.timing.post_redirect_start_time = params.timing.start_time;
        params.timing.render_blocking = params.request.render_blocking;
        params.process_request_body_chunk_length = options.process_request_body_chunk_length.map(shared);
        params.process_request_end_of_body =
            options.process_request_end_of_body.map(|callback| Arc::new(Mutex::new(Some(callback))));
        params.process_early_hints_response = options.process_early_hints_response.map(shared);
        params.process_response_end_of_body = options.process_response_end_of_body;
        // 9. NOTE: a body is always a body here.
        // FIXME: 11. Preloaded resources.
        // 12. `Accept`.
        append_accept(&mut params.request);
        // 14. `Accept-Language`. FIXME: 13. WebDriver BiDi's emulated language.
        if !params.request.header_list.contains("Accept-Language")
            && !params.services.accept_language().is_empty()
        {
            params.request.header_list.append("Accept-Language", params.services.accept_language());
        }
        // FIXME: 15. Internal priority. 16. Fetch records and fetch groups.
        // 17. Main fetch, which ends wherever it waits when the controller says so.
        let controller = params.controller.clone();
        let response = tokio::select! {
            biased;
            _ = controller.canceled() => Response::network_error(controller.appropriate_network_error()),
            response = main_fetch(&mut params, Recursive::No) => response,
        };
        if let Some(reason) = response.reason() {
            tracing::debug!(url = %params.request.url(), %reason, "network error");
        }
        fetch_response_handover(params, response)
    })
}

fn shared<Callback>(callback: Callback) -> Arc<Mutex<Callback>> {
    Arc::new(Mutex::new(callback))
}

/// <https://fetch.spec.whatwg.org/#populate-request-from-client>
fn populate_request_from_client(request: &mut Request) {
    // 1. NOTE: no window shows prompts yet.
    request.traversable_for_user_prompts = TraversableForUserPrompts::NoTraversable;
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
