//! <https://w3c.github.io/ServiceWorker/#serviceworkerregistration-interface>

use std::sync::{Arc, Mutex, PoisonError};

use longhaul::service_worker::{RegistrationHandle, UpdateViaCache, WorkerHandle};
use longhaul_idl::runtime::{Exception, ObjectRef, PromiseOf, Realm};
use longhaul_idl::{ServiceWorkerRegistrationMethods, ServiceWorkerUpdateViaCache};

use super::register_exception;
use crate::background_fetch::BackgroundFetchManager;

/// <https://w3c.github.io/ServiceWorker/#serviceworkerregistration>
pub(crate) struct ServiceWorkerRegistration {
    handle: RegistrationHandle,
    /// The workers as the realm knows them: they change in tasks.
    workers: Mutex<Workers>,
    background_fetch: Arc<BackgroundFetchManager>,
}

#[derive(Clone, Default)]
struct Workers {
    installing: Option<WorkerHandle>,
    waiting: Option<WorkerHandle>,
    active: Option<WorkerHandle>,
}

longhaul_idl::platform_object!(ServiceWorkerRegistration => longhaul_idl::service_worker_registration);

impl ServiceWorkerRegistration {
    pub(super) fn new(handle: RegistrationHandle) -> Arc<Self> {
        let workers =
            Workers { installing: handle.installing(), waiting: handle.waiting(), active: handle.active() };
        Arc::new(Self {
            workers: Mutex::new(workers),
            background_fetch: BackgroundFetchManager::new(&handle),
            handle,
        })
    }

    pub(super) fn set_workers(
        &self,
        installing: Option<WorkerHandle>,
        waiting: Option<WorkerHandle>,
        active: Option<WorkerHandle>,
    ) {
        *self.workers.lock().unwrap_or_else(PoisonError::into_inner) =
            Workers { installing, waiting, active };
    }

    fn worker(
        &self,
        realm: &dyn Realm,
        which: impl FnOnce(Workers) -> Option<WorkerHandle>,
    ) -> Result<Option<ObjectRef>, Exception> {
        let workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(handle) = which(workers) else { return Ok(None) };
        let scope = crate::global_scope(realm)?;
        Ok(Some(scope.service_workers.worker(realm, handle)?))
    }
}

impl ServiceWorkerRegistrationMethods for ServiceWorkerRegistration {
    fn installing(self: &Arc<Self>, realm: &dyn Realm) -> Result<Option<ObjectRef>, Exception> {
        self.worker(realm, |workers| workers.installing)
    }

    fn waiting(self: &Arc<Self>, realm: &dyn Realm) -> Result<Option<ObjectRef>, Exception> {
        self.worker(realm, |workers| workers.waiting)
    }

    fn active(self: &Arc<Self>, realm: &dyn Realm) -> Result<Option<ObjectRef>, Exception> {
        self.worker(realm, |workers| workers.active)
    }

    fn scope(self: &Arc<Self>, _: &dyn Realm) -> Result<String, Exception> {
        Ok(self.handle.scope().to_string())
    }

    fn update_via_cache(self: &Arc<Self>, _: &dyn Realm) -> Result<ServiceWorkerUpdateViaCache, Exception> {
        Ok(match self.handle.update_via_cache() {
            UpdateViaCache::Imports => ServiceWorkerUpdateViaCache::Imports,
            UpdateViaCache::All => ServiceWorkerUpdateViaCache::All,
            UpdateViaCache::None => ServiceWorkerUpdateViaCache::None,
        })
    }

    fn background_fetch(self: &Arc<Self>, _: &dyn Realm) -> Result<ObjectRef, Exception> {
        Ok(Arc::clone(&self.background_fetch) as ObjectRef)
    }

    /// <https://w3c.github.io/ServiceWorker/#service-worker-registration-update>
    fn update(self: &Arc<Self>, realm: &dyn Realm) -> Result<PromiseOf<ObjectRef>, Exception> {
        let scope = crate::global_scope(realm)?;
        let service_workers = scope.user_agent().service_workers().clone();
        let client = Arc::clone(scope.settings());
        let object = Arc::clone(self);
        Ok(PromiseOf::new(async move {
            service_workers.update(&object.handle, Some(client)).await.map_err(register_exception)?;
            Ok(object as ObjectRef)
        }))
    }

    /// <https://w3c.github.io/ServiceWorker/#navigator-service-worker-unregister>
    fn unregister(self: &Arc<Self>, realm: &dyn Realm) -> Result<PromiseOf<bool>, Exception> {
        let service_workers = crate::global_scope(realm)?.user_agent().service_workers().clone();
        let handle = self.handle.clone();
        Ok(PromiseOf::new(async move {
            Ok(service_workers.unregister(handle.storage_key(), handle.scope().as_str()).await)
        }))
    }
}
