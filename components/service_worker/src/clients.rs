//! Service worker clients: who they are, and which worker controls them.

use std::sync::Arc;

use futures::StreamExt;
use futures::channel::mpsc;
use futures::stream::BoxStream;
use longhaul_fetch::EnvironmentSettings;

use crate::register::RegisterError;
use crate::service_worker::{Worker, WorkerHandle, WorkerId};
use crate::service_worker_registration::Registration;
use crate::service_workers::{Inner, ServiceWorkers, State};

/// <https://w3c.github.io/ServiceWorker/#dfn-service-worker-client>
pub(crate) struct Client {
    environment: Arc<EnvironmentSettings>,
    controller: Option<Controller>,
    observers: Vec<mpsc::UnboundedSender<Option<WorkerHandle>>>,
}

/// A client's active service worker, with its registration.
struct Controller {
    registration: Arc<Registration>,
    worker: Arc<Worker>,
}

impl ServiceWorkers {
    /// Adds a page or worker. It is controlled by the active worker of the registration that its URL matches.
    pub fn register_client(&self, environment: Arc<EnvironmentSettings>) -> Option<WorkerHandle> {
        let mut state = self.inner.state();
        let controller = state.controller_for(&environment);
        let worker = controller.as_ref().map(|controller| controller.worker.handle());
        let id = environment.id.clone();
        state.clients.insert(id, Client { environment, controller, observers: Vec::new() });
        worker
    }

    /// Removes a page or worker that is gone.
    ///
    /// <https://w3c.github.io/ServiceWorker/#on-client-unload>
    pub fn unregister_client(&self, client_id: &str) {
        let removed = self.inner.state().clients.remove(client_id);
        if let Some(controller) = removed.and_then(|client| client.controller) {
            self.inner.after_unload(&controller.registration);
        }
    }

    /// The worker that controls a client.
    pub fn controller(&self, client_id: &str) -> Option<WorkerHandle> {
        let state = self.inner.state();
        Some(state.clients.get(client_id)?.controller.as_ref()?.worker.handle())
    }

    /// The client's controllers from now on, each a reason to fire `controllerchange`. Ends with the client.
    pub fn observe_controller(&self, client_id: &str) -> BoxStream<'static, Option<WorkerHandle>> {
        let (sender, receiver) = mpsc::unbounded();
        if let Some(client) = self.inner.state().clients.get_mut(client_id) {
            client.observers.push(sender);
        }
        receiver.boxed()
    }

    /// Makes an active worker the controller of every client that its registration matches.
    ///
    /// <https://w3c.github.io/ServiceWorker/#clients-claim>
    pub fn claim(&self, worker: WorkerId) -> Result<(), RegisterError> {
        let found = self.inner.state().find_worker(worker);
        match found {
            Some((registration, worker)) => self.inner.claim(&registration, &worker),
            None => Err(RegisterError::NoWorker(worker.to_string())),
        }
    }
}

impl Inner {
    pub(crate) fn claim(
        self: &Arc<Self>,
        registration: &Arc<Registration>,
        worker: &Arc<Worker>,
    ) -> Result<(), RegisterError> {
        let left = {
            let mut state = self.state();
            // 1. Only an active worker may.
            if !registration.slots().active.as_ref().is_some_and(|active| Arc::ptr_eq(active, worker)) {
                return Err(RegisterError::NoWorker(registration.scope.to_string()));
            }
            state.claim_clients(registration, worker)
        };
        // 3.6. What the clients used before may be free now.
        for registration in left {
            self.after_unload(&registration);
        }
        Ok(())
    }

    /// What a client used may be cleared or replaced now.
    fn after_unload(self: &Arc<Self>, registration: &Arc<Registration>) {
        self.try_clear_if_unregistered(registration);
        self.try_activate(registration);
    }
}

impl State {
    /// Whether a client uses the registration.
    pub(crate) fn is_used(&self, registration: &Arc<Registration>) -> bool {
        self.clients.values().any(|client| client.uses(registration))
    }

    /// Steps 8-9 of Activate: the clients of the registration follow it to its new worker.
    pub(crate) fn hand_over_clients(&mut self, registration: &Arc<Registration>, worker: &Arc<Worker>) {
        for client in self.clients.values_mut().filter(|client| client.uses(registration)) {
            client.set_controller(registration.clone(), worker.clone());
        }
    }

    fn controller_for(&self, environment: &EnvironmentSettings) -> Option<Controller> {
        if !environment.secure_context {
            return None;
        }
        let registration = self.match_registration(&environment.storage_key, &environment.creation_url)?;
        let worker = registration.slots().active.clone()?;
        Some(Controller { registration, worker })
    }

    /// Gives the registrations that the claimed clients used before.
    fn claim_clients(
        &mut self,
        registration: &Arc<Registration>,
        worker: &Arc<Worker>,
    ) -> Vec<Arc<Registration>> {
        // 3.2-3.5. Secure clients of the storage key whose URL matches this registration.
        let claimed: Vec<String> = self
            .clients
            .iter()
            .filter(|(_, client)| {
                let environment = &client.environment;
                environment.secure_context
                    && environment.storage_key == registration.storage_key
                    && self
                        .match_registration(&environment.storage_key, &environment.creation_url)
                        .is_some_and(|matched| Arc::ptr_eq(&matched, registration))
                    && !client.controller.as_ref().is_some_and(|known| Arc::ptr_eq(&known.worker, worker))
            })
            .map(|(id, _)| id.clone())
            .collect();
        let mut left = Vec::new();
        for id in claimed {
            if let Some(client) = self.clients.get_mut(&id) {
                left.extend(client.set_controller(registration.clone(), worker.clone()));
            }
        }
        left
    }
}

impl Client {
    fn uses(&self, registration: &Arc<Registration>) -> bool {
        self.controller.as_ref().is_some_and(|controller| Arc::ptr_eq(&controller.registration, registration))
    }

    /// Sets the controller and tells the client. Gives the registration that it used before.
    ///
    /// <https://w3c.github.io/ServiceWorker/#notify-controller-change>
    fn set_controller(
        &mut self,
        registration: Arc<Registration>,
        worker: Arc<Worker>,
    ) -> Option<Arc<Registration>> {
        let handle = worker.handle();
        let before = self.controller.replace(Controller { registration, worker });
        self.observers.retain(|observer| observer.unbounded_send(Some(handle.clone())).is_ok());
        before.map(|before| before.registration)
    }
}
