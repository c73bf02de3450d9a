//! Fire Functional Event.

use std::sync::Arc;

use crate::agent_host::{DispatchOutcome, FunctionalEvent};
use crate::service_worker::{Worker, WorkerState};
use crate::service_worker_registration::{Registration, Slot};
use crate::service_workers::{Inner, ServiceWorkers};

impl ServiceWorkers {
    /// Dispatches an event at a registration's active worker, which is started if it is not running, and waits until
    /// its `waitUntil` promises have settled.
    ///
    /// <https://w3c.github.io/ServiceWorker/#fire-functional-event>
    pub async fn fire_functional_event(
        &self,
        storage_key: &str,
        scope: &str,
        event: FunctionalEvent,
    ) -> DispatchOutcome {
        let Some(registration) = self.inner.get_registration(storage_key, scope) else {
            return DispatchOutcome::NoWorker;
        };
        // 1-2, 4. The active worker, once it is activated.
        let Some(active) = self.inner.activated_worker(&registration).await else {
            return DispatchOutcome::NoWorker;
        };
        // 5-7. Run it, dispatch, wait.
        // NOTE: Should Skip Event (step 3) is only allowed, and not done here.
        let outcome = self.inner.dispatch_to(&registration, &active, event).await;
        // 8. An update check if the last one is long ago.
        self.inner.soft_update_if_stale(&registration);
        outcome
    }

    /// Whether the registration of this scope has an active worker that could be given an event. One that an earlier
    /// session left waiting for nobody counts: it becomes active before it is given an event.
    pub fn has_active_worker(&self, storage_key: &str, scope: &str) -> bool {
        self.inner.get_registration(storage_key, scope).is_some_and(|registration| {
            let slots = registration.slots();
            slots.active.is_some() || slots.waiting.is_some()
        })
    }
}

impl Inner {
    /// The active worker, after its activation.
    pub(crate) async fn activated_worker(
        self: &Arc<Self>,
        registration: &Arc<Registration>,
    ) -> Option<Arc<Worker>> {
        // A worker that an earlier session left waiting becomes active now.
        self.try_activate(registration);
        loop {
            let active = {
                // NOTE: workers are exchanged under this lock, so that a redundant one is never seen here.
                let _state = self.state();
                registration.worker(Slot::Active)?
            };
            let mut watched = active.watch_state();
            // 4. Not while its `activate` event is being handled.
            let state = tokio::select! {
                () = self.stopping() => return None,
                state = watched.wait_for(|state| *state != WorkerState::Activating) => *state.ok()?,
            };
            if state == WorkerState::Activated {
                return Some(active);
            }
        }
    }
}
