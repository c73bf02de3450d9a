//! What a worker's global object may ask of the service-worker machinery.

use std::fmt;
use std::sync::{Arc, Weak};

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use longhaul_fetch::ReferrerPolicy;
use url::Url;

use crate::register::RegisterError;
use crate::run_service_worker::Told;
use crate::script_resource::{
    Imported, LoadError, ModuleImport, ScriptCache, ScriptKind, ScriptRequest, ScriptSource, StoredScript,
    Used,
};
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

    /// The source of a script that the worker imports by `importScripts()`. It is fetched the first time and kept with the worker;
    /// an installed worker gets only what it has.
    ///
    /// <https://w3c.github.io/ServiceWorker/#importscripts>
    pub fn import_script(&self, url: Url) -> BoxFuture<'static, Result<Bytes, LoadError>> {
        let import = ModuleImport {
            url,
            kind: ScriptKind::Imported,
            referrer: None,
            referrer_policy: ReferrerPolicy::Empty,
        };
        let importing = self.import_module(import);
        async move { Ok(importing.await?.source) }.boxed()
    }

    /// A module that the worker's script imports, fetched and kept as scripts are.
    ///
    /// <https://w3c.github.io/ServiceWorker/#update-algorithm>, the fetch hook for all but the worker's own script
    pub fn import_module(&self, import: ModuleImport) -> BoxFuture<'static, Result<Imported, LoadError>> {
        let scope = self.clone();
        async move { scope.import(import).await }.boxed()
    }

    async fn import(&self, import: ModuleImport) -> Result<Imported, LoadError> {
        let ModuleImport { url, kind, referrer, referrer_policy } = import;
        let inner = self.inner.upgrade().ok_or(LoadError::Stopped)?;
        // NOTE: asked before the worker's lock is taken, since activation takes the two in this order.
        let never_from_cache = self.registration.slots().update_via_cache == UpdateViaCache::None
            || self.registration.is_stale(inner.clock.now());
        let no_cache = {
            let mut resources = self.worker.resources();
            // 5-6. What it has, it gets.
            // NOTE: a worker's own script is imported as any other.
            if let Some(known) = resources.scripts.use_script(&url) {
                let is_json = |kind: ScriptKind| kind == ScriptKind::ImportedJson;
                return match is_json(known.kind) == is_json(kind) {
                    true => Ok(known.imported()),
                    false => Err(LoadError::OtherType { url }),
                };
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
                kind,
                worker_type: self.worker.worker_type,
                cache: if no_cache { ScriptCache::NoCache } else { ScriptCache::Default },
                client: self.worker.environment.clone(),
                referrer,
                referrer_policy,
            })
            .await?;
        // 11. That was an update check.
        if script.from == ScriptSource::Network
            && let Some(inner) = self.inner.upgrade()
        {
            self.registration.slots().last_update_check = Some(inner.clock.now());
        }
        // 12. Only JavaScript, or data where that is imported.
        script.check_type(kind)?;
        // 13-15. Kept with the worker.
        let stored = StoredScript::new(&script, kind, Used::Yes);
        let imported = stored.imported();
        let mut resources = self.worker.resources();
        resources.scripts.insert(url, stored)?;
        resources.classic_scripts_imported = true;
        Ok(imported)
    }
}

impl fmt::Debug for WorkerScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkerScope").field("worker", &self.worker.handle()).finish_non_exhaustive()
    }
}
