//! What a `fetch` event carries to the worker, and what comes back.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use futures::FutureExt;
use futures::future::BoxFuture;
use longhaul_fetch::{FetchController, NetworkError, Request, Response};
use tokio::sync::oneshot;

/// The payload of the functional event `fetch`: the host makes a `FetchEvent` of it and answers once.
///
/// <https://w3c.github.io/ServiceWorker/#fetchevent-interface>
pub struct FetchEvent {
    client_id: String,
    resulting_client_id: String,
    replaces_client_id: String,
    controller: FetchController,
    request: Mutex<Option<Request>>,
    preload: Mutex<Option<oneshot::Receiver<Response>>>,
    answer: Mutex<Option<oneshot::Sender<FetchAnswer>>>,
}

/// What a worker made of a `fetch` event.
#[derive(Debug)]
pub enum FetchAnswer {
    /// `respondWith()` was called and its promise gave this response.
    Respond(Box<Response>),
    /// No handler called `respondWith()` or canceled the event: the network answers.
    Fallback,
    /// `respondWith()` gave nothing of use, or the event was canceled: a network error.
    Failed(&'static str),
}

/// What a [`FetchEvent`] is made from.
pub(crate) struct FetchEventParts {
    pub(crate) client_id: String,
    pub(crate) resulting_client_id: String,
    pub(crate) replaces_client_id: String,
    pub(crate) controller: FetchController,
    pub(crate) request: Request,
    pub(crate) preload: Option<oneshot::Receiver<Response>>,
}

impl FetchEvent {
    pub(crate) fn new(parts: FetchEventParts) -> (Self, oneshot::Receiver<FetchAnswer>) {
        let (answer, receiver) = oneshot::channel();
        let event = Self {
            client_id: parts.client_id,
            resulting_client_id: parts.resulting_client_id,
            replaces_client_id: parts.replaces_client_id,
            controller: parts.controller,
            request: Mutex::new(Some(parts.request)),
            preload: Mutex::new(parts.preload),
            answer: Mutex::new(Some(answer)),
        };
        (event, receiver)
    }

    /// The id of the client that asks, or nothing.
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// The id of the client that the response is for, or nothing.
    pub fn resulting_client_id(&self) -> &str {
        &self.resulting_client_id
    }

    /// The id of the client that a navigation replaces, or nothing.
    pub fn replaces_client_id(&self) -> &str {
        &self.replaces_client_id
    }

    /// The fetch that waits for the answer: its abort is to reach the signal of the event's request.
    pub fn controller(&self) -> &FetchController {
        &self.controller
    }

    /// The request, the first time.
    pub fn take_request(&self) -> Option<Request> {
        take(&self.request)
    }

    /// The navigation preload's response, the first time and if there is one.
    pub fn take_preload(&self) -> Option<BoxFuture<'static, Response>> {
        let preload = take(&self.preload)?;
        let response = async move {
            preload.await.unwrap_or_else(|_| Response::network_error(NetworkError::Terminated))
        };
        Some(response.boxed())
    }

    /// Answers. Only the first answer counts.
    pub fn answer(&self, answer: FetchAnswer) {
        if let Some(waiting) = take(&self.answer) {
            // Whoever asked may have gone away.
            let _ = waiting.send(answer);
        }
    }
}

fn take<T>(place: &Mutex<Option<T>>) -> Option<T> {
    place.lock().unwrap_or_else(PoisonError::into_inner).take()
}

impl fmt::Debug for FetchEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FetchEvent")
            .field("client_id", &self.client_id)
            .field("resulting_client_id", &self.resulting_client_id)
            .finish_non_exhaustive()
    }
}
