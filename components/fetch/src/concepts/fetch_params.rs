//! Fetch params: what the algorithms hand to each other.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::BoxFuture;

use super::connection::NewConnection;
use super::content_coding::BodySizes;
use super::fetch_controller::FetchController;
use super::fetch_group::{OpenRecord, Silenced};
use super::fetch_timing_info::{FetchTiming, coarsen_time};
use super::request::Request;
use super::request_observer::{FetchEvent, FetchId, fetch_span};
use super::response::Response;
use crate::services::Services;
use crate::{ChunkLengthCallback, EndOfBodyCallback, InformationalCallback, TimingCallback};

/// A callback that several hops of one fetch share.
pub(crate) type Shared<Callback> = Arc<Mutex<Callback>>;

/// <https://fetch.spec.whatwg.org/#fetch-params>
pub(crate) struct FetchParams {
    pub(crate) services: Services,
    pub(crate) request: Request,
    pub(crate) controller: FetchController,
    pub(crate) timing: FetchTiming,
    pub(crate) process_request_body_chunk_length: Option<Shared<ChunkLengthCallback>>,
    pub(crate) process_request_end_of_body: Option<Shared<Option<EndOfBodyCallback>>>,
    pub(crate) process_early_hints_response: Option<Shared<InformationalCallback>>,
    pub(crate) process_response_end_of_body: Option<TimingCallback>,
    /// So many bytes of the response's body are fetched before they are asked for.
    pub(crate) read_ahead: usize,
    /// The sizes of the last response's body.
    pub(crate) body_sizes: Arc<BodySizes>,
    /// <https://fetch.spec.whatwg.org/#fetch-params-cross-origin-isolated-capability>
    pub(crate) cross_origin_isolated: bool,
    /// <https://fetch.spec.whatwg.org/#fetch-params-preloaded-response-candidate>
    pub(crate) preloaded_response_candidate: Option<BoxFuture<'static, Response>>,
    /// The fetch's place in its group; gone once it is done.
    pub(crate) record: Option<OpenRecord>,
    /// Whether its environment has ended, and its callbacks with it.
    pub(crate) silenced: Silenced,
    /// Its name for the observer.
    pub(crate) id: FetchId,
    /// What is told of it on the way, and by whom ever, is told within.
    pub(crate) span: tracing::Span,
    /// HTTP fetch's response is a redirect that main fetch is to follow.
    pub(crate) follows_redirect: bool,
    /// Which connections the next request over the network may take.
    pub(crate) new_connection: NewConnection,
}

impl FetchParams {
    /// Fetch params without callbacks, such as a preflight's.
    pub(crate) fn new(services: Services, request: Request, controller: FetchController) -> FetchParams {
        let id = services.next_fetch_id();
        let span = fetch_span(id, &request);
        let cross_origin_isolated =
            request.client.as_ref().is_some_and(|client| client.cross_origin_isolated);
        FetchParams {
            services,
            request,
            controller,
            timing: FetchTiming::default(),
            process_request_body_chunk_length: None,
            process_request_end_of_body: None,
            process_early_hints_response: None,
            process_response_end_of_body: None,
            read_ahead: 0,
            body_sizes: Arc::default(),
            cross_origin_isolated,
            preloaded_response_candidate: None,
            record: None,
            silenced: Silenced::default(),
            id,
            span,
            follows_redirect: false,
            new_connection: NewConnection::No,
        }
    }

    /// The params of a request that another fetch makes for its own sake.
    pub(crate) fn beside(&self, request: Request) -> FetchParams {
        let mut params = FetchParams::new(self.services.clone(), request, self.controller.clone());
        params.id = self.id;
        params.span = self.span.clone();
        params
    }

    /// What goes on where a navigation's redirect has stopped: everything of this one but the response it has, and the controller,
    /// which is to keep it until then.
    pub(crate) fn split_off_for_redirect(&mut self) -> FetchParams {
        let request = Request {
            body: self.request.body.as_ref().and_then(|body| body.extract_again()),
            ..self.request.clone_without_body()
        };
        let mut next = FetchParams::new(self.services.clone(), request, FetchController::new());
        next.timing = self.timing.clone();
        next.process_request_body_chunk_length = self.process_request_body_chunk_length.clone();
        next.process_request_end_of_body = self.process_request_end_of_body.clone();
        next.process_early_hints_response = self.process_early_hints_response.clone();
        next.process_response_end_of_body = self.process_response_end_of_body.take();
        next.read_ahead = self.read_ahead;
        next.silenced = self.silenced.clone();
        next.id = self.id;
        next.span = self.span.clone();
        next
    }

    /// <https://w3c.github.io/hr-time/#dfn-coarsened-shared-current-time>
    pub(crate) fn now(&self) -> Duration {
        coarsen_time(self.services.now(), self.cross_origin_isolated)
    }

    /// Shows a step to whoever watches.
    pub(crate) fn observe(&self, event: FetchEvent<'_>) {
        self.span.in_scope(|| self.services.observer().observe(self.id, event));
    }
}
