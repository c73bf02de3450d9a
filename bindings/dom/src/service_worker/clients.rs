//! <https://w3c.github.io/ServiceWorker/#clients-interface>

use std::sync::Arc;

use longhaul_idl::ClientsMethods;
use longhaul_idl::runtime::{Exception, PromiseOf, Realm};

use super::register_exception;
use crate::html::ServiceWorkerGlobal;

/// <https://w3c.github.io/ServiceWorker/#clients>
pub(crate) struct Clients;

longhaul_idl::platform_object!(Clients => longhaul_idl::clients);

impl ClientsMethods for Clients {
    /// <https://w3c.github.io/ServiceWorker/#clients-claim>
    fn claim(self: &Arc<Self>, realm: &dyn Realm) -> Result<PromiseOf<()>, Exception> {
        let global = realm
            .global()
            .downcast::<ServiceWorkerGlobal>()
            .ok_or_else(|| Exception::type_error("the realm is not a service worker's"))?;
        global.description().worker_scope.claim().map_err(register_exception)?;
        Ok(PromiseOf::resolved(()))
    }
}
