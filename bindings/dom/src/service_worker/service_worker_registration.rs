//! <https://w3c.github.io/ServiceWorker/#serviceworkerregistration-interface>

use std::sync::{Arc, Mutex, PoisonError};

use longhaul::service_worker::{RegistrationHandle, UpdateViaCache, WorkerHandle, WorkerState};
use longhaul_idl::runtime::{Exception, ObjectRef, PromiseOf, Realm, Resolver, TaskSource, Value};
use longhaul_idl::{ServiceWorkerRegistrationMethods, ServiceWorkerUpdateViaCache};

use super::navigation_preload_manager::NavigationPreloadManager;
use super::register_exception;
use super::service_worker_container::registration_object;
use crate::background_fetch::BackgroundFetchManager;
use crate::html::ServiceWorkerGlobal;
use crate::promise::called_promise;

/// <https://w3c.github.io/ServiceWorker/#serviceworkerregistration>
pub(crate) struct ServiceWorkerRegistration {
    handle: RegistrationHandle,
    /// The workers as the realm knows them: they change in tasks.
    workers: Mutex<Workers>,
    /// Promises that wait until the realm knows of an active worker.
    waiting_for_active: Mutex<Vec<Resolver>>,
    background_fetch: Arc<BackgroundFetchManager>,
    navigation_preload: Arc<NavigationPreloadManager>,
}

#[derive(Clone, Default)]
pub(super) struct Workers {
    pub(super) installing: Option<WorkerHandle>,
    pub(super) waiting: Option<WorkerHandle>,
    pub(super) active: Option<WorkerHandle>,
}

longhaul_idl::platform_object!(ServiceWorkerRegistration => longhaul_idl::service_worker_registration);

impl ServiceWorkerRegistration {
    pub(super) fn new(handle: RegistrationHandle, workers: Workers) -> Arc<Self> {
        Arc::new(Self {
            waiting_for_active: Mutex::default(),
            background_fetch: BackgroundFetchManager::new(&handle, workers.active.is_some()),
            workers: Mutex::new(workers),
            navigation_preload: NavigationPreloadManager::new(handle.clone()),
            handle,
        })
    }

    pub(super) fn workers(&self) -> Workers {
        self.workers.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// <https://w3c.github.io/ServiceWorker/#update-registration-state>, in this realm.
    pub(super) fn set_workers(
        self: &Arc<Self>,
        realm: &dyn Realm,
        installing: Option<WorkerHandle>,
        waiting: Option<WorkerHandle>,
        active: Option<WorkerHandle>,
    ) {
        let is_active = active.is_some();
        self.background_fetch.set_has_active_worker(is_active);
        *self.workers.lock().unwrap_or_else(PoisonError::into_inner) =
            Workers { installing, waiting, active };
        if is_active {
            let mut waiting = self.waiting_for_active.lock().unwrap_or_else(PoisonError::into_inner);
            let resolvers = std::mem::take(&mut *waiting);
            drop(waiting);
            for resolver in resolvers {
                realm.settle(resolver, Ok(Value::Object(Arc::clone(self) as ObjectRef)));
            }
        }
    }

    /// The object, or a promise of it that waits until `active` is set: what tells of an active worker may come before the task
    /// that sets the attribute.
    pub(super) fn when_active(self: &Arc<Self>, realm: &dyn Realm) -> Result<Value, Exception> {
        if self.workers().active.is_some() {
            return Ok(Value::Object(Arc::clone(self) as ObjectRef));
        }
        let (promise, resolver) = realm.new_promise()?;
        self.waiting_for_active.lock().unwrap_or_else(PoisonError::into_inner).push(resolver);
        Ok(Value::Held(promise))
    }

    fn worker(
        &self,
        realm: &dyn Realm,
        which: impl FnOnce(Workers) -> Option<WorkerHandle>,
    ) -> Result<Option<ObjectRef>, Exception> {
        let Some(handle) = which(self.workers()) else { return Ok(None) };
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

    fn navigation_preload(self: &Arc<Self>, _: &dyn Realm) -> Result<ObjectRef, Exception> {
        Ok(Arc::clone(&self.navigation_preload) as ObjectRef)
    }

    fn background_fetch(self: &Arc<Self>, _: &dyn Realm) -> Result<ObjectRef, Exception> {
        Ok(Arc::clone(&self.background_fetch) as ObjectRef)
    }

    /// <https://w3c.github.io/ServiceWorker/#service-worker-registration-update>
    fn update(self: &Arc<Self>, realm: &dyn Realm) -> Result<PromiseOf<ObjectRef>, Exception> {
        let scope = crate::global_scope(realm)?;
        // 4. Not by a worker that is being installed itself.
        let own = realm.global().downcast::<ServiceWorkerGlobal>();
        let own = own.map(|global| global.description().worker_scope.service_worker());
        if own.is_some_and(|worker| worker.state() == WorkerState::Installing) {
            return Err(Exception::dom("InvalidStateError", "the worker is being installed"));
        }
        let service_workers = scope.user_agent().service_workers();
        let client = Arc::clone(scope.settings());
        called_promise(realm, TaskSource::Dom, |settle| {
            service_workers.update_then(&self.handle, Some(client), move |updated| {
                settle(updated.map_err(register_exception).map(registration_object));
            });
        })
    }

    /// <https://w3c.github.io/ServiceWorker/#navigator-service-worker-unregister>
    fn unregister(self: &Arc<Self>, realm: &dyn Realm) -> Result<PromiseOf<bool>, Exception> {
        let scope = crate::global_scope(realm)?;
        let service_workers = scope.user_agent().service_workers();
        called_promise(realm, TaskSource::Dom, |settle| {
            service_workers.unregister_then(&self.handle, move |done| settle(Ok(Value::Boolean(done))));
        })
    }
}
