//! Whether navigations are fetched while the worker starts.

use std::sync::Arc;

use crate::register::RegisterError;
use crate::service_worker_registration::{RegistrationHandle, Slots};
use crate::service_workers::{Inner, ServiceWorkers};

/// <https://w3c.github.io/ServiceWorker/#dictdef-navigationpreloadstate>
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NavigationPreloadState {
    /// Whether navigations are preloaded.
    pub enabled: bool,
    /// The value of `Service-Worker-Navigation-Preload`.
    pub header_value: Vec<u8>,
}

impl Default for NavigationPreloadState {
    fn default() -> Self {
        Self { enabled: false, header_value: b"true".to_vec() }
    }
}

impl ServiceWorkers {
    /// <https://w3c.github.io/ServiceWorker/#navigation-preload-manager-enable> and `disable()`
    pub async fn set_navigation_preload(
        &self,
        registration: &RegistrationHandle,
        enabled: bool,
    ) -> Result<(), RegisterError> {
        self.inner.change_preload(registration, |state| state.enabled = enabled).await
    }

    /// <https://w3c.github.io/ServiceWorker/#navigation-preload-manager-setheadervalue>
    pub async fn set_navigation_preload_header(
        &self,
        registration: &RegistrationHandle,
        value: Vec<u8>,
    ) -> Result<(), RegisterError> {
        self.inner.change_preload(registration, |state| state.header_value = value).await
    }
}

impl Inner {
    async fn change_preload(
        self: &Arc<Self>,
        handle: &RegistrationHandle,
        change: impl FnOnce(&mut NavigationPreloadState),
    ) -> Result<(), RegisterError> {
        let registration = &handle.registration;
        {
            let mut slots = registration.slots();
            let Slots { active: Some(_), .. } = &*slots else {
                return Err(RegisterError::NoWorker(registration.scope.to_string()));
            };
            change(&mut slots.preload);
        }
        self.store_registration(registration).await;
        Ok(())
    }
}
