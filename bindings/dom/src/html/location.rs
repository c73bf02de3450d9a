//! <https://html.spec.whatwg.org/#the-location-interface>, <https://html.spec.whatwg.org/#worker-locations>

use std::sync::Arc;

use longhaul_idl::runtime::{Exception, Realm};
use longhaul_idl::{LocationMethods, WorkerLocationMethods};
use url::{Url, quirks};

/// A window's location.
pub(crate) struct Location(Url);

/// A worker's location.
pub(crate) struct WorkerLocation(Url);

longhaul_idl::platform_object!(Location => longhaul_idl::location);
longhaul_idl::platform_object!(WorkerLocation => longhaul_idl::worker_location);

impl Location {
    pub(super) fn new(url: Url) -> Self {
        Self(url)
    }

    pub(super) fn url(&self) -> &Url {
        &self.0
    }
}

impl WorkerLocation {
    pub(super) fn new(url: Url) -> Self {
        Self(url)
    }
}

macro_rules! url_parts {
    ($($methods:ident for $object:ty),*) => {$(
        impl $methods for $object {
            fn href(self: &Arc<Self>, _: &dyn Realm) -> Result<String, Exception> {
                Ok(self.0.to_string())
            }

            fn origin(self: &Arc<Self>, _: &dyn Realm) -> Result<String, Exception> {
                Ok(quirks::origin(&self.0))
            }

            fn protocol(self: &Arc<Self>, _: &dyn Realm) -> Result<String, Exception> {
                Ok(quirks::protocol(&self.0).to_owned())
            }

            fn host(self: &Arc<Self>, _: &dyn Realm) -> Result<String, Exception> {
                Ok(quirks::host(&self.0).to_owned())
            }

            fn hostname(self: &Arc<Self>, _: &dyn Realm) -> Result<String, Exception> {
                Ok(quirks::hostname(&self.0).to_owned())
            }

            fn port(self: &Arc<Self>, _: &dyn Realm) -> Result<String, Exception> {
                Ok(quirks::port(&self.0).to_owned())
            }

            fn pathname(self: &Arc<Self>, _: &dyn Realm) -> Result<String, Exception> {
                Ok(quirks::pathname(&self.0).to_owned())
            }

            fn search(self: &Arc<Self>, _: &dyn Realm) -> Result<String, Exception> {
                Ok(quirks::search(&self.0).to_owned())
            }

            fn hash(self: &Arc<Self>, _: &dyn Realm) -> Result<String, Exception> {
                Ok(quirks::hash(&self.0).to_owned())
            }
        }
    )*};
}
url_parts!(LocationMethods for Location, WorkerLocationMethods for WorkerLocation);
