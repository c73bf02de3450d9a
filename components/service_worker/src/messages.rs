//! Messages between clients and workers. What they carry is between those who send and who receive.

use std::any::Any;
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use crate::agent_host::FunctionalEvent;
use crate::deliveries::{Deliverer, Deliveries, deliveries};
use crate::service_worker::{Worker, WorkerHandle, WorkerId};
use crate::service_worker_registration::Registration;
use crate::service_workers::{Inner, ServiceWorkers};

/// A message from a worker to a client.
#[derive(Clone)]
pub struct ClientMessage {
    /// Who sends it.
    pub source: WorkerHandle,
    /// What it carries.
    pub payload: Arc<dyn Any + Send + Sync>,
}

impl fmt::Debug for ClientMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientMessage").field("source", &self.source).finish_non_exhaustive()
    }
}

/// The messages that a client has not been given yet.
pub(crate) struct ClientMessages {
    deliverer: Deliverer<ClientMessage>,
    queue: Option<Deliveries<ClientMessage>>,
}

impl Default for ClientMessages {
    fn default() -> Self {
        let (deliverer, queue) = deliveries();
        Self { deliverer, queue: Some(queue) }
    }
}

/// The messages that a worker has not been given yet.
#[derive(Default)]
pub(crate) struct WorkerMessages {
    waiting: VecDeque<FunctionalEvent>,
    /// Somebody is at it already.
    delivering: bool,
}

impl ServiceWorkers {
    /// Sends a message to a client; one that is gone gets none.
    ///
    /// <https://w3c.github.io/ServiceWorker/#client-postmessage-options>
    pub fn post_to_client(&self, client_id: &str, message: ClientMessage) {
        if let Some(client) = self.inner.state().client(client_id) {
            client.messages.deliverer.tell(message);
        }
    }

    /// The client's messages, those that are there already first. Only the first caller gets them.
    ///
    /// <https://w3c.github.io/ServiceWorker/#dfn-client-message-queue>
    pub fn observe_messages(&self, client_id: &str) -> Deliveries<ClientMessage> {
        let queue = self.inner.state().client_mut(client_id).and_then(|client| client.messages.queue.take());
        queue.unwrap_or_else(Deliveries::none)
    }

    /// Dispatches an event at a worker in whatever state it is, starting it if need be. Events of one worker keep their order.
    ///
    /// <https://w3c.github.io/ServiceWorker/#service-worker-postmessage-options>
    pub fn post_to_worker(&self, worker: &WorkerHandle, event: FunctionalEvent) {
        let found = self.inner.state().find_worker(worker.id());
        // NOTE: a worker that is in no registration any more is redundant and does not run.
        let Some((registration, worker)) = found else { return };
        let begins = {
            let mut messages = worker.messages();
            messages.waiting.push_back(event);
            !std::mem::replace(&mut messages.delivering, true)
        };
        if begins {
            let inner = self.inner.clone();
            self.inner.spawn(async move { inner.deliver(&registration, &worker).await });
        }
    }

    /// The handle of a worker of a registration that is known.
    pub fn worker(&self, id: WorkerId) -> Option<WorkerHandle> {
        Some(self.inner.state().find_worker(id)?.1.handle())
    }
}

impl Inner {
    async fn deliver(self: &Arc<Self>, registration: &Arc<Registration>, worker: &Arc<Worker>) {
        loop {
            let event = {
                let mut messages = worker.messages();
                let event = messages.waiting.pop_front();
                messages.delivering = event.is_some();
                event
            };
            let Some(event) = event else { return };
            let Ok((pending, agent)) = self.run_service_worker(registration, worker).await else { continue };
            // Dispatched here, in order; what its lifetime lasts for is waited for elsewhere.
            let handled = agent.dispatch(event);
            let (inner, worker) = (self.clone(), worker.clone());
            self.spawn(async move {
                if tokio::time::timeout(inner.config.event_limit, handled).await.is_err() {
                    inner.terminate(&worker);
                }
                drop(pending);
            });
        }
    }
}
