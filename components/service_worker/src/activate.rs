//! Try Activate and Activate.

use std::sync::Arc;

use crate::agent_host::FunctionalEvent;
use crate::run_service_worker::Told;
use crate::service_worker::{Worker, WorkerId, WorkerState};
use crate::service_worker_registration::{Registration, Slot};
use crate::service_workers::{Inner, ServiceWorkers, State};

impl ServiceWorkers {
    /// Lets a worker become active although pages use its predecessor.
    ///
    /// <https://w3c.github.io/ServiceWorker/#service-worker-global-scope-skipwaiting>
    pub fn skip_waiting(&self, worker: WorkerId) {
        let found = self.inner.state().find_worker(worker);
        if let Some((registration, worker)) = found {
            self.inner.skip_waiting(&registration, &worker, Told::nobody());
        }
    }
}

impl Inner {
    pub(crate) fn skip_waiting(
        self: &Arc<Self>,
        registration: &Arc<Registration>,
        worker: &Worker,
        told: Told,
    ) {
        worker.resources().skip_waiting = true;
        self.activate_if_it_may(registration, told);
    }

    /// <https://w3c.github.io/ServiceWorker/#try-activate>
    pub(crate) fn try_activate(self: &Arc<Self>, registration: &Arc<Registration>) {
        self.activate_if_it_may(registration, Told::nobody());
    }

    fn activate_if_it_may(self: &Arc<Self>, registration: &Arc<Registration>, told: Told) {
        let begun = {
            let mut state = self.state();
            if self.is_stopped() || !may_activate(&state, registration) {
                return;
            }
            begin_activation(&mut state, registration)
        };
        let Some((replaced, active)) = begun else { return };
        if let Some(replaced) = replaced {
            self.terminate(&replaced);
        }
        self.active_changed.send_modify(|count| *count = count.wrapping_add(1));
        let (inner, registration) = (self.clone(), registration.clone());
        self.spawn(async move { inner.finish_activation(&registration, &active, told).await });
    }

    /// The rest of Activate: the event.
    async fn finish_activation(
        self: &Arc<Self>,
        registration: &Arc<Registration>,
        active: &Arc<Worker>,
        told: Told,
    ) {
        if let Err(error) = self.store_active(registration, active).await {
            // It is stored as waiting still, and is activated again at the next start.
            tracing::warn!(scope = %registration.scope, %error, "an activation could not be stored");
        }
        // 12. Whatever its handlers do, it is active.
        let event = FunctionalEvent::bare("activate");
        let outcome = self.dispatch_telling(registration, active, event, told).await;
        tracing::debug!(scope = %registration.scope, ?outcome, "a service worker was activated");
        // 13. Unless it was removed meanwhile.
        if active.state() == WorkerState::Activating {
            registration.update_worker_state(active, WorkerState::Activated);
        }
        // A newer worker may have become ready meanwhile.
        self.try_activate(registration);
    }
}

fn may_activate(state: &State, registration: &Arc<Registration>) -> bool {
    let slots = registration.slots();
    // 1. Somebody has to wait.
    let Some(waiting) = &slots.waiting else { return false };
    let Some(active) = &slots.active else { return true };
    // 2. One activation at a time.
    if active.state() == WorkerState::Activating {
        return false;
    }
    // 3. Nothing may be in progress in the active one, and nobody may use it, unless the waiting one does not care.
    active.has_no_pending_events() && (!state.is_used(registration) || waiting.resources().skip_waiting)
}

/// The part of Activate that must not be seen halfway: gives the worker that was replaced and the one that is active.
///
/// <https://w3c.github.io/ServiceWorker/#activate>
fn begin_activation(
    state: &mut State,
    registration: &Arc<Registration>,
) -> Option<(Option<Arc<Worker>>, Arc<Worker>)> {
    // 1. Somebody has to wait.
    let waiting = registration.worker(Slot::Waiting)?;
    // 2. Out with the old one.
    let replaced = registration.worker(Slot::Active);
    if let Some(replaced) = &replaced {
        registration.update_worker_state(replaced, WorkerState::Redundant);
    }
    // 3-5. In with the new one.
    registration.update_registration_state(Slot::Active, Some(waiting.clone()));
    registration.update_registration_state(Slot::Waiting, None);
    registration.update_worker_state(&waiting, WorkerState::Activating);
    // 8-9. The pages that used the old one use the new one.
    state.hand_over_clients(registration, &waiting);
    Some((replaced, waiting))
}
