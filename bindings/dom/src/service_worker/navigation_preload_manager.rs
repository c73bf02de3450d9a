//! <https://w3c.github.io/ServiceWorker/#navigationpreloadmanager>

use std::sync::Arc;

use longhaul::service_worker::RegistrationHandle;
use longhaul_idl::runtime::{ByteString, Exception, PromiseOf, Realm};
use longhaul_idl::{NavigationPreloadManagerMethods, NavigationPreloadState};

use super::register_exception;

pub(crate) struct NavigationPreloadManager {
    registration: RegistrationHandle,
}

longhaul_idl::platform_object!(NavigationPreloadManager => longhaul_idl::navigation_preload_manager);

impl NavigationPreloadManager {
    pub(super) fn new(registration: RegistrationHandle) -> Arc<Self> {
        Arc::new(Self { registration })
    }

    fn set_enabled(&self, realm: &dyn Realm, enabled: bool) -> Result<PromiseOf<()>, Exception> {
        let service_workers = crate::global_scope(realm)?.user_agent().service_workers().clone();
        let registration = self.registration.clone();
        Ok(PromiseOf::new(async move {
            service_workers.set_navigation_preload(&registration, enabled).await.map_err(register_exception)
        }))
    }
}

impl NavigationPreloadManagerMethods for NavigationPreloadManager {
    /// <https://w3c.github.io/ServiceWorker/#navigation-preload-manager-enable>
    fn enable(self: &Arc<Self>, realm: &dyn Realm) -> Result<PromiseOf<()>, Exception> {
        self.set_enabled(realm, true)
    }

    /// <https://w3c.github.io/ServiceWorker/#navigation-preload-manager-disable>
    fn disable(self: &Arc<Self>, realm: &dyn Realm) -> Result<PromiseOf<()>, Exception> {
        self.set_enabled(realm, false)
    }

    /// <https://w3c.github.io/ServiceWorker/#navigation-preload-manager-setheadervalue>
    fn set_header_value(
        self: &Arc<Self>,
        realm: &dyn Realm,
        value: ByteString,
    ) -> Result<PromiseOf<()>, Exception> {
        // 2. What is no header value.
        let bytes = longhaul::fetch::normalize_header_value(&value);
        if bytes != &*value || bytes.iter().any(|byte| matches!(byte, 0 | b'\r' | b'\n')) {
            return Err(Exception::type_error("that is not the value of a header"));
        }
        let service_workers = crate::global_scope(realm)?.user_agent().service_workers().clone();
        let registration = self.registration.clone();
        Ok(PromiseOf::new(async move {
            service_workers
                .set_navigation_preload_header(&registration, value.0)
                .await
                .map_err(register_exception)
        }))
    }

    /// <https://w3c.github.io/ServiceWorker/#navigation-preload-manager-getstate>
    fn get_state(self: &Arc<Self>, _: &dyn Realm) -> Result<PromiseOf<NavigationPreloadState>, Exception> {
        let state = self.registration.navigation_preload();
        Ok(PromiseOf::new(async move {
            Ok(NavigationPreloadState {
                enabled: state.enabled,
                header_value: Some(ByteString(state.header_value)),
            })
        }))
    }
}
