//! Requests that pages make, handed to service workers.

use std::sync::OnceLock;

use futures::FutureExt;
use futures::future::BoxFuture;
use longhaul_fetch::{FetchController, Request, Response};
use longhaul_service_worker::{ServiceWorkers, WeakServiceWorkers};

/// [`longhaul_fetch::ServiceWorkerHook`] by [`ServiceWorkers`], which fetch through the services that this is a part of: they
/// are given once they are there, and not kept alive.
#[derive(Default)]
pub(crate) struct ServiceWorkerHook(OnceLock<WeakServiceWorkers>);

impl ServiceWorkerHook {
    /// Lets the workers answer from now on.
    pub(crate) fn attach(&self, workers: &ServiceWorkers) {
        // NOTE: the builder does it once.
        let _ = self.0.set(workers.downgrade());
    }

    fn workers(&self) -> Option<ServiceWorkers> {
        self.0.get()?.upgrade()
    }
}

impl longhaul_fetch::ServiceWorkerHook for ServiceWorkerHook {
    fn handle_fetch(
        &self,
        request: Request,
        controller: FetchController,
    ) -> BoxFuture<'static, Option<Response>> {
        let workers = self.workers();
        async move { workers?.handle_fetch(request, controller).await }.boxed()
    }

    fn may_handle(&self, request: &Request) -> bool {
        self.workers().is_some_and(|workers| workers.is_responsible_for(request))
    }
}
