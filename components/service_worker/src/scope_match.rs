//! Finding registrations.

use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use url::Url;

use crate::service_worker::{Worker, WorkerId};
use crate::service_worker_registration::{Registration, RegistrationHandle};
use crate::service_workers::{Inner, ServiceWorkers, State};

impl ServiceWorkers {
    /// The registration whose scope is the longest that `url` begins with.
    pub fn match_registration(&self, storage_key: &str, url: &Url) -> Option<RegistrationHandle> {
        Some(self.inner.state().match_registration(storage_key, url)?.handle())
    }

    /// The registration of exactly this scope.
    pub fn get_registration(&self, storage_key: &str, scope: &str) -> Option<RegistrationHandle> {
        Some(self.inner.get_registration(storage_key, scope)?.handle())
    }

    /// All registrations of a storage key, in the order of registration.
    pub fn get_registrations(&self, storage_key: &str) -> Vec<RegistrationHandle> {
        let state = self.inner.state();
        state
            .registrations
            .iter()
            .filter(|known| known.storage_key == storage_key)
            .map(Registration::handle)
            .collect()
    }

    /// Resolves with the registration for a client once it has an active worker.
    ///
    /// <https://w3c.github.io/ServiceWorker/#navigator-service-worker-ready>
    pub fn ready(&self, storage_key: &str, client_url: &Url) -> BoxFuture<'static, RegistrationHandle> {
        let inner = self.inner.clone();
        let (storage_key, client_url) = (storage_key.to_owned(), client_url.clone());
        async move {
            let mut changed = inner.active_changed.subscribe();
            loop {
                changed.borrow_and_update();
                let found = inner.state().match_registration(&storage_key, &client_url);
                if let Some(registration) = found {
                    // A worker that an earlier session left waiting becomes active now.
                    inner.try_activate(&registration);
                    if registration.slots().active.is_some() {
                        return registration.handle();
                    }
                }
                // The sender lives in `inner`, so this cannot fail.
                let _ = changed.changed().await;
            }
        }
        .boxed()
    }
}

impl State {
    /// <https://w3c.github.io/ServiceWorker/#scope-match>
    pub(crate) fn match_registration(&self, storage_key: &str, url: &Url) -> Option<Arc<Registration>> {
        // 2-5. By the text, not by path segments.
        self.registrations
            .iter()
            .filter(|known| {
                known.storage_key == storage_key && url.as_str().starts_with(known.scope.as_str())
            })
            .max_by_key(|known| known.scope.as_str().len())
            .cloned()
    }

    /// <https://w3c.github.io/ServiceWorker/#dfn-service-worker-registration-unregistered>
    pub(crate) fn is_unregistered(&self, registration: &Arc<Registration>) -> bool {
        !self.registrations.iter().any(|known| Arc::ptr_eq(known, registration))
    }

    /// The worker of this name, with its registration.
    pub(crate) fn find_worker(&self, id: WorkerId) -> Option<(Arc<Registration>, Arc<Worker>)> {
        self.registrations.iter().chain(&self.unregistered).find_map(|registration| {
            let worker = registration.workers().into_iter().find(|worker| worker.id == id)?;
            Some((registration.clone(), worker))
        })
    }
}

impl Inner {
    /// <https://w3c.github.io/ServiceWorker/#get-registration>
    pub(crate) fn get_registration(&self, storage_key: &str, scope: &str) -> Option<Arc<Registration>> {
        let state = self.state();
        let mut registrations = state.registrations.iter();
        registrations.find(|known| known.storage_key == storage_key && known.scope.as_str() == scope).cloned()
    }
}
