//! Install.

use std::sync::Arc;

use crate::agent_host::{DispatchOutcome, FunctionalEvent};
use crate::job::Job;
use crate::service_worker::{Worker, WorkerState};
use crate::service_worker_registration::{Registration, RegistrationEvent, Slot};
use crate::service_workers::Inner;

impl Inner {
    /// <https://w3c.github.io/ServiceWorker/#install>
    pub(crate) async fn install(
        self: &Arc<Self>,
        job: &Arc<Job>,
        worker: Arc<Worker>,
        registration: &Arc<Registration>,
    ) {
        // 2-3. What was there before, and the job's mode.
        let newest = registration.newest_worker();
        job.set_update_via_cache(registration);
        // 4-5. It is being installed.
        registration.update_registration_state(Slot::Installing, Some(worker.clone()));
        registration.update_worker_state(&worker, WorkerState::Installing);
        // 7-9. Whoever registered hears of it, and so does everybody who has the registration.
        job.resolve_registration(registration);
        registration.notify(RegistrationEvent::UpdateFound { worker: worker.handle() });
        // 11. The event, unless nobody listens.
        // NOTE: Should Skip Event allows to skip it, and does not ask for it; it is always dispatched here.
        let outcome = self.dispatch_to(registration, &worker, FunctionalEvent::bare("install")).await;
        let mut installed = outcome == DispatchOutcome::Delivered;
        if !installed {
            tracing::info!(scope = %registration.scope, ?outcome, "a service worker did not install");
        }
        if installed {
            // 13-15. What it did not import goes; what stays is durable before anybody hears of it.
            worker.resources().scripts.retain_used();
            if let Err(error) = self.store_installed(registration, &worker).await {
                tracing::warn!(scope = %registration.scope, %error, "a service worker could not be stored");
                installed = false;
            }
        }
        // 12. It failed: as if it had never been.
        if !installed {
            self.terminate(&worker);
            // DEVIATION: the slot before the state, as web-platform-tests asserts: a redundant worker is in none.
            registration.update_registration_state(Slot::Installing, None);
            registration.update_worker_state(&worker, WorkerState::Redundant);
            if newest.is_none() {
                self.forget(registration);
            }
            return;
        }
        let replaced = {
            // NOTE: under the lock that an activation takes, which could otherwise make the one that waited active just
            // when it is given up.
            let _state = self.state();
            // 16. It takes the place of the one that waited.
            let replaced = registration.worker(Slot::Waiting);
            if let Some(replaced) = &replaced {
                registration.update_worker_state(replaced, WorkerState::Redundant);
            }
            // 17-19. It waits.
            registration.update_registration_state(Slot::Waiting, Some(worker.clone()));
            registration.update_registration_state(Slot::Installing, None);
            registration.update_worker_state(&worker, WorkerState::Installed);
            replaced
        };
        if let Some(replaced) = replaced {
            self.terminate(&replaced);
        }
        // 20-22. The activation does not hold back the job queue.
        self.try_activate(registration);
    }
}
