//! Fetch response handover: what happens when a response goes to whoever asked, and when its body ends.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::{Stream, StreamExt as _};
use futures::{FutureExt as _, ready};

use crate::NetworkError;
use crate::concepts::body::{BodyError, BodyStream};
use crate::concepts::fetch_controller::{ControllerState, FetchController};
use crate::concepts::fetch_params::FetchParams;
use crate::concepts::fetch_timing_info::coarsen_time;
use crate::concepts::read_ahead::WhenDropped;
use crate::concepts::request::Destination;
use crate::concepts::request_observer::FetchEvent;
use crate::concepts::resource_timing::ReportTimingSteps;
use crate::concepts::response::{Response, ResponseType};

/// <https://fetch.spec.whatwg.org/#fetch-finale>
pub(super) fn fetch_response_handover(mut params: FetchParams, mut response: Response) -> Response {
    // 2. `Server-Timing`, for secure contexts.
    let is_secure = params.request.client.as_ref().is_some_and(|client| client.secure_context);
    if !response.is_network_error() && is_secure {
        let values = response.unfiltered().header_list.get_decode_and_split("Server-Timing");
        params.timing.server_timing_headers = values.unwrap_or_default();
    }
    // 3. A document may ask for its timing while it still loads.
    if params.request.destination == Destination::Document {
        params.controller.set_full_timing_info(params.timing.clone());
    }
    match response.reason() {
        Some(reason) => {
            params.span.record("reason", tracing::field::display(reason));
            params.observe(FetchEvent::Failed(reason));
        }
        None => {
            params.span.record("status", response.unfiltered().status);
            params.observe(FetchEvent::Answered(&response));
        }
    }
    let report = ReportTimingSteps::new(&params.request, &response);
    // NOTE: a network error tells nothing about what happened on the way.
    let timing = if response.is_network_error() { params.timing.opaque() } else { params.timing.clone() };
    response.on_each_layer(|layer| layer.timing = Some(timing.clone()));
    // 4. What the end of the body does.
    let controller = params.controller.clone();
    let limit = params.read_ahead;
    let when_dropped = match response.r#type {
        ResponseType::Opaque => WhenDropped::GoesOn,
        _ => WhenDropped::Ends,
    };
    let at_end = move || {
        let mut timing = params.timing;
        timing.end_time = coarsen_time(params.services.now(), params.cross_origin_isolated);
        timing.encoded_body_size = params.body_sizes.encoded();
        timing.decoded_body_size = params.body_sizes.decoded();
        params.controller.set_full_timing_info(timing.clone());
        if let Some(report) = report {
            params.controller.set_report_timing(report.run(&timing));
        }
        let (encoded, decoded) = (timing.encoded_body_size, timing.decoded_body_size);
        let finished = FetchEvent::Finished { encoded, decoded };
        params.span.in_scope(|| params.services.observer().observe(params.id, finished));
        // The request is done, 4.3. and whoever is left is told.
        drop(params.record);
        if let Some(callback) = params.process_response_end_of_body.filter(|_| !params.silenced.is_set()) {
            callback(&timing);
        }
    };
    // 8.–9. It is now, or later.
    match response.body_slot().take() {
        None => at_end(),
        Some(body) => {
            let body = body.map_stream(|stream| {
                BodyStream::new(ControlledBody::new(stream, controller, Box::new(at_end)).boxed())
            });
            *response.body_slot() = Some(if limit > 0 { body.read_ahead(limit, when_dropped) } else { body });
        }
    }
    response
}

/// A response's body that ends when its fetch is aborted or terminated, and tells when it has ended by itself.
struct ControlledBody {
    /// Shared with the controller, which drops it when the fetch is ended.
    inner: Arc<Mutex<Option<BodyStream>>>,
    controller: FetchController,
    canceled: BoxFuture<'static, ControllerState>,
    at_end: Option<Box<dyn FnOnce() + Send>>,
    is_done: bool,
}

impl ControlledBody {
    fn new(
        stream: BodyStream,
        controller: FetchController,
        at_end: Box<dyn FnOnce() + Send>,
    ) -> ControlledBody {
        let inner = Arc::new(Mutex::new(Some(stream)));
        controller.attach(&inner);
        let watched = controller.clone();
        let canceled = async move { watched.canceled().await }.boxed();
        ControlledBody { inner, controller, canceled, at_end: Some(at_end), is_done: false }
    }

    fn fail(&mut self) -> BodyError {
        self.is_done = true;
        *self.inner.lock().unwrap_or_else(PoisonError::into_inner) = None;
        match self.controller.appropriate_network_error() {
            NetworkError::Aborted => BodyError::Aborted,
            error => BodyError::Network(error),
        }
    }
}

impl Stream for ControlledBody {
    type Item = Result<Bytes, BodyError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if this.is_done {
            return Poll::Ready(None);
        }
        if this.canceled.poll_unpin(context).is_ready() {
            return Poll::Ready(Some(Err(this.fail())));
        }
        let mut inner = this.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(stream) = inner.as_mut() else {
            drop(inner);
            return Poll::Ready(Some(Err(this.fail())));
        };
        let item = ready!(stream.poll_next_unpin(context));
        match item {
            Some(Ok(chunk)) => Poll::Ready(Some(Ok(chunk))),
            Some(Err(error)) => {
                *inner = None;
                this.is_done = true;
                Poll::Ready(Some(Err(error)))
            }
            None => {
                *inner = None;
                drop(inner);
                this.is_done = true;
                if let Some(at_end) = this.at_end.take() {
                    at_end();
                }
                Poll::Ready(None)
            }
        }
    }
}
