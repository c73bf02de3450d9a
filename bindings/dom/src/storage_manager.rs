//! <https://storage.spec.whatwg.org/#storagemanager>

use std::sync::Arc;

use longhaul_idl::runtime::{Exception, PromiseOf, Realm};
use longhaul_idl::{StorageEstimate, StorageManagerMethods};

/// <https://storage.spec.whatwg.org/#storagemanager>
pub(crate) struct StorageManager;

longhaul_idl::platform_object!(StorageManager => longhaul_idl::storage_manager);

impl StorageManagerMethods for StorageManager {
    fn persisted(self: &Arc<Self>, _: &dyn Realm) -> Result<PromiseOf<bool>, Exception> {
        // NOTE: nothing is evicted, but nobody was promised that.
        Ok(PromiseOf::resolved(false))
    }

    /// <https://storage.spec.whatwg.org/#dom-storagemanager-estimate>
    fn estimate(self: &Arc<Self>, realm: &dyn Realm) -> Result<PromiseOf<StorageEstimate>, Exception> {
        let scope = crate::global_scope(realm)?;
        let quota = scope.user_agent().profile().quota();
        let storage_key = &scope.settings().storage_key;
        Ok(PromiseOf::resolved(StorageEstimate {
            usage: Some(quota.usage(storage_key)),
            quota: Some(quota.limit(storage_key)),
        }))
    }
}
