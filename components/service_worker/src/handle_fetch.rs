//! Handle Fetch, with Create Fetch Event and Dispatch.

use std::sync::Arc;

use longhaul_fetch::{
    Destination, FetchController, Method, NetworkError, Request, Response, ServiceWorkersMode,
};
use tokio::sync::oneshot;

use crate::agent_host::{DispatchOutcome, FunctionalEvent};
use crate::fetch_event::{FetchAnswer, FetchEvent, FetchEventParts};
use crate::service_worker::Worker;
use crate::service_worker_registration::{Registration, Slot};
use crate::service_workers::{Inner, ServiceWorkers};

impl ServiceWorkers {
    /// Whether a worker is responsible for the request. To be asked before [`ServiceWorkers::handle_fetch`], for every request
    /// that service workers may see: the client that a navigation or a worker's script is for gets its controller here.
    pub fn is_responsible_for(&self, request: &Request) -> bool {
        self.inner.responsible(request).is_some()
    }

    /// Asks the responsible worker for a response; nothing if there is none, or if it leaves the request to the network.
    ///
    /// <https://w3c.github.io/ServiceWorker/#handle-fetch>
    pub async fn handle_fetch(&self, request: Request, controller: FetchController) -> Option<Response> {
        let registration = self.inner.responsible(&request)?;
        let is_stale = registration.is_stale(self.inner.clock.now());
        let should_soft_update = !request.is_subresource_request() || is_stale;
        let response = self.inner.create_fetch_event_and_dispatch(request, &registration, controller).await;
        if should_soft_update {
            self.inner.soft_update_later(&registration);
        }
        response
    }
}

impl Inner {
    /// The first steps of Handle Fetch: the registration whose active worker may answer.
    fn responsible(&self, request: &Request) -> Option<Arc<Registration>> {
        let mut state = self.state();
        let registration = match request.destination {
            // 7. NOTE: the fetch layer never asks for one of these, and this makes sure of it.
            Destination::ServiceWorker => return None,
            // 8. Plug-ins went past service workers, and so do their elements.
            Destination::Embed | Destination::Object => return None,
            // 10. Subresources belong to the worker that controls who asks.
            _ if request.is_subresource_request() => state.controller_of(&request.client.as_ref()?.id)?,
            // 9. Others to the worker whose scope they are in, which controls from here on what the response makes.
            destination => {
                // 9.4. A shift-reload comes without a reserved client's controller; nothing here makes one.
                let reserved = request.reserved_client.as_ref()?;
                let may_be_controlled = destination != Destination::Report;
                let trustworthy = longhaul_fetch::is_url_potentially_trustworthy(request.current_url());
                // NOTE: the storage key is that of what the response makes, which a redirect may have led to another origin.
                let same_origin = request.current_url().origin() == reserved.origin;
                let found = if trustworthy && reserved.secure_context && same_origin {
                    state.match_registration(&reserved.storage_key, request.current_url())
                } else {
                    None
                };
                let found = found.filter(|found| found.worker(Slot::Active).is_some());
                if may_be_controlled {
                    // 9.6. DEVIATION: a navigation that a redirect has led out of a scope is not of it, as in browsers; a worker's
                    // script stays with the last one that was asked, as the standard says for both.
                    let keeps_earlier = !request.is_navigation_request();
                    if found.is_some() || !keeps_earlier || !state.has_reserved_controller(&reserved.id) {
                        state.reserve_controller(&reserved.id, found.as_ref());
                    }
                }
                found?
            }
        };
        registration.worker(Slot::Active)?;
        Some(registration)
    }

    /// <https://w3c.github.io/ServiceWorker/#create-fetch-event-and-dispatch>
    async fn create_fetch_event_and_dispatch(
        self: &Arc<Self>,
        mut request: Request,
        registration: &Arc<Registration>,
        controller: FetchController,
    ) -> Option<Response> {
        let active = registration.worker(Slot::Active)?;
        // 11. A worker that never listened to it does not hold up the fetch.
        if active.resources().handles_fetch == Some(false) {
            return None;
        }
        // DEVIATION: the URL is the one that the fetch is at, as in all browsers; the first one of a request that was redirected
        // would let a worker answer its own redirect for ever.
        let last = request.current_url().clone();
        let mut earlier = std::mem::replace(&mut request.url_list, vec![last]);
        earlier.pop();
        request.earlier_urls.extend(earlier);
        let preload = self.preload(&mut request, registration, &controller);
        // 15. Not while its `activate` event is being handled.
        let active = tokio::select! {
            active = self.activated_worker(registration) => active?,
            _ = controller.canceled() => return Some(canceled(&controller)),
        };
        let id = |environment: Option<&Arc<longhaul_fetch::EnvironmentSettings>>| {
            environment.map(|environment| environment.id.clone()).unwrap_or_default()
        };
        let is_for_a_client = !request.is_subresource_request() && request.destination != Destination::Report;
        let (event, answered) = FetchEvent::new(FetchEventParts {
            client_id: id(request.client.as_ref()),
            resulting_client_id: id(request.reserved_client.as_ref().filter(|_| is_for_a_client)),
            replaces_client_id: if request.is_navigation_request() {
                request.replaces_client_id.clone()
            } else {
                String::new()
            },
            controller: controller.clone(),
            request,
            preload,
        });
        // 17. The event, whose lifetime may go on after the answer.
        let ended =
            self.dispatch_apart(registration, &active, FunctionalEvent::new("fetch", Arc::new(event)));
        // 18. The answer, the end of the event without one, or nobody who waits for it.
        tokio::select! {
            // An answer that is there counts, even if the event is over meanwhile.
            biased;
            Ok(answer) = answered => match answer {
                FetchAnswer::Respond(response) => Some(*response),
                FetchAnswer::Fallback => None,
                FetchAnswer::Failed(reason) => Some(refused(reason)),
            },
            outcome = ended => match outcome {
                // A worker that cannot run leaves the request to the network.
                Ok(DispatchOutcome::CouldNotStart(_) | DispatchOutcome::NoWorker) => None,
                Ok(DispatchOutcome::TimedOut) => Some(refused("it did not answer within the limit")),
                _ => Some(refused("it ended before it had answered")),
            },
            _ = controller.canceled() => Some(canceled(&controller)),
        }
    }

    /// Dispatches an event that goes on when nobody waits for its outcome any more.
    fn dispatch_apart(
        self: &Arc<Self>,
        registration: &Arc<Registration>,
        worker: &Arc<Worker>,
        event: FunctionalEvent,
    ) -> oneshot::Receiver<DispatchOutcome> {
        let (sender, outcome) = oneshot::channel();
        let (inner, registration, worker) = (self.clone(), registration.clone(), worker.clone());
        self.spawn(async move {
            // Whoever asked may have gone away.
            let _ = sender.send(inner.dispatch_to(&registration, &worker, event).await);
        });
        outcome
    }

    /// Begins the fetch of a navigation while the worker may still have to be started, where that was asked for.
    ///
    /// <https://w3c.github.io/ServiceWorker/#navigationpreloadmanager>
    fn preload(
        self: &Arc<Self>,
        request: &mut Request,
        registration: &Arc<Registration>,
        controller: &FetchController,
    ) -> Option<oneshot::Receiver<Response>> {
        // 13. Only for navigations that bring nothing.
        if !request.is_navigation_request() || request.method != Method::GET {
            return None;
        }
        let state = registration.slots().preload.clone();
        if !state.enabled {
            return None;
        }
        let mut preload = request.clone();
        preload.header_list.append("Service-Worker-Navigation-Preload", &state.header_value);
        preload.service_workers_mode = ServiceWorkersMode::None;
        let own = FetchController::new();
        let fetching = self.loader.fetch_preload(preload, own.clone());
        let (sender, receiver) = oneshot::channel();
        let controller = controller.clone();
        self.spawn(async move {
            tokio::select! {
                response = fetching => {
                    // The event may be over.
                    let _ = sender.send(response);
                }
                _ = controller.canceled() => own.abort(None),
            }
        });
        Some(receiver)
    }
}

fn refused(reason: &'static str) -> Response {
    Response::network_error(NetworkError::ServiceWorkerResponse(reason))
}

fn canceled(controller: &FetchController) -> Response {
    Response::network_error(match controller.state() {
        longhaul_fetch::ControllerState::Aborted => NetworkError::Aborted,
        _ => NetworkError::Terminated,
    })
}
