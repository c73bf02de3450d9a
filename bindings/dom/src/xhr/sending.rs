//! What happens between `send()` and the end of the response.

use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use futures::{FutureExt, StreamExt};
use longhaul::fetch::{self, BodyError, FetchController, FetchOptions};
use longhaul_idl::runtime::{AgentHandle, Exception, ObjectRef, Realm, RealmId, TaskSource, Value};
use tokio::sync::oneshot;

use super::state::{Head, ReadyState};
use super::xml_http_request::XMLHttpRequest;
use crate::html::SYNC_XHR;
use crate::resource_timing::ResourceTiming;

/// The longest response that is kept.
const LONGEST: usize = 1 << 30;
/// Progress is told of at most so often.
const PROGRESS_EVERY: Duration = Duration::from_millis(50);

/// Why there is no response.
#[derive(Clone, Copy)]
pub(super) enum Failure {
    Network,
    Timeout,
    Abort,
}

impl Failure {
    fn event(self) -> &'static str {
        match self {
            Self::Network => "error",
            Self::Timeout => "timeout",
            Self::Abort => "abort",
        }
    }

    fn exception(self) -> Exception {
        match self {
            Self::Network => Exception::dom("NetworkError", "the request failed"),
            Self::Timeout => Exception::dom("TimeoutError", "the request took too long"),
            Self::Abort => Exception::dom("AbortError", "the request was aborted"),
        }
    }
}

impl XMLHttpRequest {
    /// <https://xhr.spec.whatwg.org/#request-error-steps>
    pub(super) fn fail(self: &Arc<Self>, realm: &dyn Realm, failure: Failure) -> Result<(), Exception> {
        let (synchronous, upload) = {
            let mut state = self.state();
            // 1.–3.
            state.ready = ReadyState::Done;
            state.send = false;
            state.generation += 1;
            state.forget_response();
            state.controller = None;
            let upload = !state.upload_complete && state.upload_listener;
            let synchronous = state.synchronous;
            if !synchronous {
                state.upload_complete = true;
            }
            (synchronous, upload)
        };
        // 4.
        if synchronous {
            self.state().kept = None;
            return Err(failure.exception());
        }
        // 5.–8. NOTE: a listener may open it anew; what is left is told of all the same.
        self.fire(realm, "readystatechange");
        if upload {
            self.upload_progress(realm, failure.event(), 0, 0);
            self.upload_progress(realm, "loadend", 0, 0);
        }
        self.own_progress(realm, failure.event(), 0, 0);
        self.own_progress(realm, "loadend", 0, 0);
        let mut state = self.state();
        if !state.send {
            state.kept = None;
        }
        Ok(())
    }

    /// <https://xhr.spec.whatwg.org/#handle-response-end-of-body>
    fn finish(self: &Arc<Self>, realm: &dyn Realm) {
        let (transmitted, length, synchronous) = {
            let mut state = self.state();
            let length = state.head.as_ref().map_or(0, Head::length);
            state.send = false;
            state.controller = None;
            (state.received.len() as u64, length, state.synchronous)
        };
        if !synchronous {
            self.own_progress(realm, "progress", transmitted, length);
        }
        self.become_ready(realm, ReadyState::Done);
        self.own_progress(realm, "load", transmitted, length);
        self.own_progress(realm, "loadend", transmitted, length);
        let mut state = self.state();
        if !state.send {
            state.kept = None;
        }
    }

    /// A piece of the response's body.
    fn receive(self: &Arc<Self>, realm: &dyn Realm, bytes: &Bytes) {
        let tell = {
            let mut state = self.state();
            state.received.extend_from_slice(bytes);
            let now = Instant::now();
            let due = state.last_progress.is_none_or(|last| now.duration_since(last) >= PROGRESS_EVERY);
            if due {
                state.last_progress = Some(now);
                if state.ready == ReadyState::HeadersReceived {
                    state.ready = ReadyState::Loading;
                }
            }
            due
        };
        if !tell {
            return;
        }
        self.fire(realm, "readystatechange");
        let (received, length) = {
            let state = self.state();
            (state.received.len() as u64, state.head.as_ref().map_or(0, Head::length))
        };
        self.own_progress(realm, "progress", received, length);
    }

    /// Ends the request once its time is over.
    pub(super) fn watch_time(self: &Arc<Self>, realm: &dyn Realm) {
        let (timeout, elapsed, generation) = {
            let state = self.state();
            (u64::from(state.timeout), state.started.elapsed(), state.generation)
        };
        if timeout == 0 {
            return;
        }
        let wait = Duration::from_millis(timeout).saturating_sub(elapsed);
        // NOTE: the agent stays alive for the fetch, and not for a time that is not over when the fetch is.
        let (this, agent, id) = (Arc::downgrade(self), Arc::downgrade(realm.agent()), realm.id());
        tokio::spawn(async move {
            tokio::time::sleep(wait).await;
            let (Some(this), Some(agent)) = (this.upgrade(), agent.upgrade()) else { return };
            let over = move |realm: &dyn Realm| {
                let controller = {
                    let mut state = this.state();
                    let limit = Duration::from_millis(u64::from(state.timeout));
                    let is_over = state.timeout != 0 && state.started.elapsed() >= limit;
                    if state.generation != generation || !state.send || !is_over {
                        return;
                    }
                    state.controller.take()
                };
                if let Some(controller) = controller {
                    controller.terminate();
                }
                // It throws for synchronous requests only.
                let _ = this.fail(realm, Failure::Timeout);
            };
            agent.queue_task(TaskSource::Networking, id, Box::new(over));
        });
    }

    /// Step 10 of `send()`.
    pub(super) fn send_asynchronously(
        self: &Arc<Self>,
        realm: &dyn Realm,
        request: fetch::Request,
    ) -> Result<(), Exception> {
        let controller = FetchController::new();
        let (generation, has_upload, upload_length) = {
            let mut state = self.state();
            state.controller = Some(controller.clone());
            (state.generation, !state.upload_complete && state.upload_listener, state.upload_length)
        };
        self.state().kept = Some(realm.hold(Value::Object(Arc::clone(self) as ObjectRef))?);
        // 10.1.–10.4. It begins; a listener may have ended it.
        self.own_progress(realm, "loadstart", 0, 0);
        if has_upload {
            self.upload_progress(realm, "loadstart", 0, upload_length);
        }
        if self.state().ready != ReadyState::Opened || !self.is_current(generation) {
            return Ok(());
        }
        let in_realm = InRealm {
            agent: Arc::clone(realm.agent()),
            id: realm.id(),
            request: Arc::clone(self),
            generation,
        };
        let mut options = FetchOptions { controller, ..FetchOptions::default() };
        let timing = ResourceTiming::new(realm, request.url(), "xmlhttprequest");
        if let Some(timing) = timing.clone() {
            options.process_response_end_of_body = Some(Box::new(move |at_end| timing.end(at_end)));
        }
        let on_chunk = in_realm.clone();
        options.process_request_body_chunk_length =
            Some(Box::new(move |length| on_chunk.run(move |request, realm| request.uploaded(realm, length))));
        let on_end = in_realm.clone();
        options.process_request_end_of_body =
            Some(Box::new(move || on_end.run(|request, realm| request.upload_ended(realm))));
        let fetching = crate::global_scope(realm)?.user_agent().fetch(request, options);
        let process = async move {
            let mut response = fetching.await;
            if let Some(timing) = timing {
                timing.head(&response);
            }
            let body = response.body.take();
            let head = Head::of(&response, body.is_some());
            let Some(head) = head else {
                // NOTE: what `abort()` ends never comes here; what ends the whole document's fetches does.
                let failure = if response.aborted { Failure::Abort } else { Failure::Network };
                in_realm.run(move |request, realm| drop(request.fail(realm, failure)));
                return;
            };
            // 10.9. The head.
            in_realm.run(move |request, realm| {
                request.state().head = Some(head);
                request.become_ready(realm, ReadyState::HeadersReceived);
            });
            let mut total = 0_usize;
            if let Some(body) = body {
                let mut chunks = body.into_stream();
                loop {
                    match chunks.next().await {
                        None => break,
                        Some(Ok(bytes)) if bytes.len() <= LONGEST - total => {
                            total += bytes.len();
                            // NOTE: the next piece is asked for once this one has been taken, so that no more than one waits.
                            let (taken, taking) = oneshot::channel();
                            in_realm.run(move |request, realm| {
                                request.receive(realm, &bytes);
                                // It fails when the fetch is over.
                                let _ = taken.send(());
                            });
                            if taking.await.is_err() {
                                return;
                            }
                        }
                        // What is too long fails as what breaks off does.
                        Some(ended) => {
                            let is_aborted = matches!(ended, Err(BodyError::Aborted));
                            let failure = if is_aborted { Failure::Abort } else { Failure::Network };
                            in_realm.run(move |request, realm| drop(request.fail(realm, failure)));
                            return;
                        }
                    }
                }
            }
            in_realm.run(|request, realm| request.finish(realm));
        };
        realm.agent().spawn(process.boxed());
        self.watch_time(realm);
        Ok(())
    }

    /// Step 11 of `send()`: nothing else runs in the agent meanwhile.
    pub(super) fn send_synchronously(
        self: &Arc<Self>,
        realm: &dyn Realm,
        request: fetch::Request,
    ) -> Result<(), Exception> {
        let scope = crate::global_scope(realm)?;
        // A permissions policy may keep documents from waiting.
        if scope.settings().refuses_feature(SYNC_XHR.name()) {
            return self.fail(realm, Failure::Network);
        }
        let controller = FetchController::new();
        let mut options = FetchOptions { controller: controller.clone(), ..FetchOptions::default() };
        let timing = ResourceTiming::new(realm, request.url(), "xmlhttprequest");
        if let Some(timing) = timing.clone() {
            options.process_response_end_of_body = Some(Box::new(move |at_end| timing.end(at_end)));
        }
        let fetching = scope.user_agent().fetch(request, options);
        let (sender, receiver) = mpsc::channel();
        realm.agent().spawn(
            async move {
                let mut response = fetching.await;
                if let Some(timing) = timing {
                    timing.head(&response);
                }
                let body = response.body.take();
                let head = Head::of(&response, body.is_some());
                let bytes = match body {
                    Some(body) => body.read_all(Some(LONGEST)).await.ok(),
                    None => Some(Bytes::new()),
                };
                // It fails when nobody waits any more.
                let _ = sender.send(head.zip(bytes));
            }
            .boxed(),
        );
        let timeout = self.state().timeout;
        let answer = if timeout == 0 {
            receiver.recv().map_err(|_| Failure::Network)
        } else {
            receiver.recv_timeout(Duration::from_millis(timeout.into())).map_err(|error| match error {
                mpsc::RecvTimeoutError::Timeout => Failure::Timeout,
                mpsc::RecvTimeoutError::Disconnected => Failure::Network,
            })
        };
        match answer.and_then(|answer| answer.ok_or(Failure::Network)) {
            Ok((head, bytes)) => {
                {
                    let mut state = self.state();
                    state.head = Some(head);
                    state.received = BytesMut::from(&*bytes);
                }
                self.finish(realm);
                Ok(())
            }
            Err(failure) => {
                controller.terminate();
                self.fail(realm, failure)
            }
        }
    }

    /// A piece of the request's body was sent.
    fn uploaded(self: &Arc<Self>, realm: &dyn Realm, length: u64) {
        let (sent, total) = {
            let mut state = self.state();
            state.uploaded += length;
            let now = Instant::now();
            let due = state.last_progress.is_none_or(|last| now.duration_since(last) >= PROGRESS_EVERY);
            if !due || !state.upload_listener {
                return;
            }
            state.last_progress = Some(now);
            (state.uploaded, state.upload_length)
        };
        self.upload_progress(realm, "progress", sent, total);
    }

    /// The request's body was sent.
    fn upload_ended(self: &Arc<Self>, realm: &dyn Realm) {
        let (sent, total) = {
            let mut state = self.state();
            state.upload_complete = true;
            state.last_progress = None;
            if !state.upload_listener {
                return;
            }
            (state.uploaded, state.upload_length)
        };
        for name in ["progress", "load", "loadend"] {
            self.upload_progress(realm, name, sent, total);
        }
    }
}

/// Where the tasks of one fetch run.
#[derive(Clone)]
struct InRealm {
    agent: Arc<dyn AgentHandle>,
    id: RealmId,
    request: Arc<XMLHttpRequest>,
    generation: u64,
}

impl InRealm {
    /// Queues a task, which is passed over when another fetch has taken this one's place.
    fn run(&self, steps: impl FnOnce(&Arc<XMLHttpRequest>, &dyn Realm) + Send + 'static) {
        let (request, generation) = (Arc::clone(&self.request), self.generation);
        let task = move |realm: &dyn Realm| {
            if request.is_current(generation) {
                steps(&request, realm);
            }
        };
        self.agent.queue_task(TaskSource::Networking, self.id, Box::new(task));
    }
}
