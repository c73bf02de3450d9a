//! <https://w3c.github.io/ServiceWorker/#serviceworker-interface>

use std::sync::{Arc, Mutex, PoisonError};

use longhaul::service_worker::{WorkerHandle, WorkerId, WorkerState};
use longhaul_idl::runtime::{Exception, Held, Realm, Value};
use longhaul_idl::{ServiceWorkerMethods, ServiceWorkerState};

/// <https://w3c.github.io/ServiceWorker/#serviceworker>
pub(crate) struct ServiceWorker {
    handle: WorkerHandle,
    /// The state as the realm knows it: it changes in the task that fires `statechange`.
    state: Mutex<WorkerState>,
}

longhaul_idl::platform_object!(ServiceWorker => longhaul_idl::service_worker);

impl ServiceWorker {
    pub(super) fn new(handle: WorkerHandle, state: WorkerState) -> Arc<Self> {
        Arc::new(Self { handle, state: Mutex::new(state) })
    }

    pub(super) fn id(&self) -> WorkerId {
        self.handle.id()
    }

    pub(super) fn current_state(&self) -> WorkerState {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn post(
        self: &Arc<Self>,
        realm: &dyn Realm,
        message: Value,
        transfer: Vec<Held>,
    ) -> Result<(), Exception> {
        super::messages::post_to_worker(realm, &self.handle, message, transfer)
    }

    pub(super) fn set_state(&self, state: WorkerState) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }
}

impl ServiceWorkerMethods for ServiceWorker {
    crate::html::post_message_members!();

    fn script_url(self: &Arc<Self>, _: &dyn Realm) -> Result<String, Exception> {
        Ok(self.handle.script_url().to_string())
    }

    fn state(self: &Arc<Self>, _: &dyn Realm) -> Result<ServiceWorkerState, Exception> {
        Ok(match self.current_state() {
            WorkerState::Parsed => ServiceWorkerState::Parsed,
            WorkerState::Installing => ServiceWorkerState::Installing,
            WorkerState::Installed => ServiceWorkerState::Installed,
            WorkerState::Activating => ServiceWorkerState::Activating,
            WorkerState::Activated => ServiceWorkerState::Activated,
            WorkerState::Redundant => ServiceWorkerState::Redundant,
        })
    }
}
