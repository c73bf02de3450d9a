//! What a worker's global object may ask of the service-worker machinery.

use std::fmt;
use std::sync::{Arc, Weak};

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use url::Url;

use crate::register::RegisterError;
use crate::run_service_worker::Told;
use crate::script_resource::{LoadError, ScriptCache, ScriptKind, ScriptRequest, ScriptSource, StoredScript};
use crate::service_worker::{Worker, WorkerHandle, WorkerState};
use crate::service_worker_registration::{Registration, RegistrationHandle, UpdateViaCache};
use crate::service_workers::Inner;

/// Given to the host with each worker it starts. Does not keep the service workers alive.
#[derive(Clone)]
pub struct WorkerScope {
    inner: Weak<Inner>,
    registration: Arc<Registration>,
    worker: Arc<Worker>,
}

impl WorkerScope {
    pub(crate) fn new(inner: &Arc<Inner>, registration: &Arc<Registration>, worker: &Arc<Worker>) -> Self {
        Self { inner: Arc::downgrade(inner), registration: registration.clone(), worker: worker.clone() }
    }

    /// The registration that contains the worker: `self.registration`.
    pub fn registration(&self) -> RegistrationHandle {
        self.registration.handle()
    }

    /// The worker itself: `self.serviceWorker`.
    pub fn service_worker(&self) -> WorkerHandle {
        self.worker.handle()
    }

    /// `self.skipWaiting()`: the call comes behind the dispatch of the `activate` event, or at once if it leads to none. It must be
    /// quick.
    pub fn skip_waiting(&self, then: impl FnOnce() + Send + 'static) {
        let told = Told::new(then);
        if let Some(inner) = self.inner.upgrade() {
            inner.skip_waiting(&self.registration, &self.worker, told);
        }
    }

    /// `self.clients.claim()`
    pub fn claim(&self) -> Result<(), RegisterError> {
        self.inner.upgrade().ok_or(RegisterError::Stopped)?.claim(&self.registration, &self.worker)
    }

    /// The source of a script that the worker imports, by `importScripts()` or as a module. It is fetched the first
    /// time and kept with the worker; an installed worker gets only what it has.
    ///
    /// <https://w3c.github.io/ServiceWorker/#importscripts>
    pub fn import_script(&self, url: Url) -> BoxFuture<'static, Result<Bytes, LoadError>> {
        let scope = self.clone();
        async move { scope.import(url).await }.boxed()
    }

    async fn import(&self, url: Url) -> Result<Bytes, LoadError> {
        let inner = self.inner.upgrade().ok_or(LoadError::Stopped)?;
        // NOTE: asked before the worker's lock is taken, since activation takes the two in this order.
        let never_from_cache = self.registration.slots().update_via_cache == UpdateViaCache::None
            || self.registration.is_stale(inner.clock.now());
        let no_cache = {
            let mut resources = self.worker.resources();
            // 5-6. What it has, it gets.
            if let Some(source) = resources.scripts.use_script(&url) {
                return Ok(source);
            }
            // 4. Nothing new for one that is installed.
            if !matches!(self.worker.state(), WorkerState::Parsed | WorkerState::Installing) {
                return Err(LoadError::NotInstalling { url });
            }
            // 8-9. The HTTP cache is asked unless the registration says otherwise.
            never_from_cache || resources.force_bypass_cache_for_imports
        };
        let loader = inner.loader.clone();
        drop(inner);
        // 10. Fetch.
        let script = loader
            .load(ScriptRequest {
                url: url.clone(),
                kind: ScriptKind::Imported,
                worker_type: self.worker.worker_type,
                cache: if no_cache { ScriptCache::NoCache } else { ScriptCache::Default },
                client: self.worker.environment.clone(),
            })
            .await?;
        // 11. That was an update check.
        if script.from == ScriptSource::Network
            && let Some(inner) = self.inner.upgrade()
        {
            self.registration.slots().last_update_check = Some(inner.clock.now());
        }
        // 12. Only JavaScript.
        if !script.mime_essence.as_deref().is_some_and(longhaul_fetch::is_javascript_mime_type_essence) {
            return Err(LoadError::NotJavaScript { url, essence: script.mime_essence });
        }
        // 13-15. Kept with the worker.
        let mut resources = self.worker.resources();
        resources.scripts.insert(url, StoredScript { source: script.source.clone(), used: true })?;
        resources.classic_scripts_imported = true;
        Ok(script.source)
    }
}

impl fmt::Debug for WorkerScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkerScope").field("worker", &self.worker.handle()).finish_non_exhaustive()
    }
}
