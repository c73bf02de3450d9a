//! Unregister, Clear Registration and Try Clear Registration.

use std::sync::Arc;

use url::Url;

use crate::job::{Job, JobEnd, JobKind, JobValue};
use crate::service_worker::{Worker, WorkerState};
use crate::service_worker_registration::{Registration, RegistrationHandle, Slot};
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

    /// The same with a call in the place of the promise: it comes at the very moment in which that settles, before the workers of
    /// the registration go. It must be quick, and is dropped if everything stops before.
    pub fn unregister_then(
        &self,
        registration: &RegistrationHandle,
        then: impl FnOnce(bool) + Send + 'static,
    ) {
        let registration = &registration.registration;
        let job = Job::new(JobKind::Unregister, registration.storage_key.clone(), registration.scope.clone());
        let waiter = move |end| then(matches!(end, Ok(JobEnd::Unregistered(true))));
        self.inner.enqueue_then(job, Box::new(waiter));
    }

    /// Removes everything of a storage key at once, whoever uses it: what is being registered fails, events in progress break off,
    /// and pages have no controller any more.
    ///
    /// <https://w3c.github.io/webappsec-clear-site-data/#clear-dom>
    pub async fn clear_storage_key(&self, storage_key: &str) {
        let inner = &self.inner;
        let (stored, workers, callbacks) = {
            let mut state = inner.state();
            for (_, queue) in state.queues.iter().filter(|((key, _), _)| key == storage_key) {
                queue.iter().for_each(|job| job.abort());
            }
            let is_of_key = |registration: &mut Arc<Registration>| registration.storage_key == storage_key;
            let stored: Vec<_> = state.registrations.extract_if(.., is_of_key).collect();
            let waiting: Vec<_> = state.unregistered.extract_if(.., is_of_key).collect();
            let cleared: Vec<_> = stored.iter().cloned().chain(waiting).collect();
            let workers: Vec<_> = cleared.iter().flat_map(clear_registration).collect();
            for registration in &cleared {
                state.take_controller_away(registration);
            }
            (stored, workers, state.on_unregister.clone())
        };
        for worker in workers {
            inner.terminate(&worker);
        }
        for registration in stored {
            inner.delete_stored(&registration).await;
            for callback in &callbacks {
                callback(&registration.storage_key, registration.scope.as_str());
            }
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
            clear_registration(registration)
        };
        for worker in cleared {
            self.terminate(&worker);
        }
    }
}

/// Gives the workers, which are to be terminated.
///
/// <https://w3c.github.io/ServiceWorker/#clear-registration>
fn clear_registration(registration: &Arc<Registration>) -> Vec<Arc<Worker>> {
    let workers = registration.workers();
    // DEVIATION: the slots before the states, as web-platform-tests asserts: a redundant worker is in none.
    for slot in [Slot::Installing, Slot::Waiting, Slot::Active] {
        if registration.worker(slot).is_some() {
            registration.update_registration_state(slot, None);
        }
    }
    for worker in &workers {
        registration.update_worker_state(worker, WorkerState::Redundant);
    }
    workers
}
