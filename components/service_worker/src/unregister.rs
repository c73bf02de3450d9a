//! Unregister, Clear Registration and Try Clear Registration.

use std::sync::Arc;

use url::Url;

use crate::job::{Job, JobEnd, JobKind, JobValue};
use crate::service_worker::WorkerState;
use crate::service_worker_registration::{Registration, Slot};
use crate::service_workers::{Inner, ServiceWorkers};

impl ServiceWorkers {
    /// Unregisters a registration; false if there is none.
    ///
    /// <https://w3c.github.io/ServiceWorker/#navigator-service-worker-unregister>
    pub async fn unregister(&self, storage_key: &str, scope: &str) -> bool {
        let Ok(scope) = Url::parse(scope) else { return false };
        let job = Job::new(JobKind::Unregister, storage_key.to_owned(), scope);
        matches!(self.inner.enqueue(job).await, Ok(Ok(JobEnd::Unregistered(true))))
    }

    /// Unregisters everything of a storage key.
    pub async fn clear_storage_key(&self, storage_key: &str) {
        for registration in self.get_registrations(storage_key) {
            self.unregister(storage_key, registration.scope().as_str()).await;
        }
    }
}

impl Inner {
    /// <https://w3c.github.io/ServiceWorker/#unregister>
    pub(crate) async fn run_unregister(self: &Arc<Self>, job: &Arc<Job>) {
        // 1-2. Nothing there.
        let Some(registration) = self.get_registration(&job.storage_key, job.scope.as_str()) else {
            return job.resolve(JobValue::Unregistered(false));
        };
        // 3. Out of the map, and out of the profile before anybody hears of it.
        let callbacks = {
            let mut state = self.state();
            state.registrations.retain(|known| !Arc::ptr_eq(known, &registration));
            state.unregistered.push(registration.clone());
            state.on_unregister.clone()
        };
        self.delete_stored(&registration).await;
        for callback in callbacks {
            callback(&registration.storage_key, registration.scope.as_str());
        }
        // 4. Done, as far as the page can see.
        job.resolve(JobValue::Unregistered(true));
        // 5. Cleared now, or when nobody uses it any more.
        self.try_clear_if_unregistered(&registration);
    }

    /// Takes a registration that never had a worker out of the map.
    pub(crate) fn forget(&self, registration: &Arc<Registration>) {
        self.state().registrations.retain(|known| !Arc::ptr_eq(known, registration));
    }

    /// <https://w3c.github.io/ServiceWorker/#try-clear-registration>, for a registration that is out of the map
    pub(crate) fn try_clear_if_unregistered(&self, registration: &Arc<Registration>) {
        let cleared = {
            let mut state = self.state();
            let is_unregistered = state.unregistered.iter().any(|known| Arc::ptr_eq(known, registration));
            let workers = registration.workers();
            if !is_unregistered
                || state.is_used(registration)
                || !workers.iter().all(|worker| worker.has_no_pending_events())
            {
                return;
            }
            state.unregistered.retain(|known| !Arc::ptr_eq(known, registration));
            // <https://w3c.github.io/ServiceWorker/#clear-registration>
            for slot in [Slot::Installing, Slot::Waiting, Slot::Active] {
                if let Some(worker) = registration.worker(slot) {
                    registration.update_worker_state(&worker, WorkerState::Redundant);
                    registration.update_registration_state(slot, None);
                }
            }
            workers
        };
        for worker in cleared {
            self.terminate(&worker);
        }
    }
}
