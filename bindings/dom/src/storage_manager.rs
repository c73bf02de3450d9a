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
        let user_agent = scope.user_agent().clone();
        let storage_key = scope.settings().storage_key.clone();
        Ok(PromiseOf::new(async move {
            // NOTE: where the caches cannot be read, nothing can be learned from them either.
            let padding = user_agent.caches(&storage_key).padding().await.unwrap_or(0);
            let quota = user_agent.profile().quota();
            Ok(StorageEstimate {
                usage: Some(quota.usage(&storage_key).saturating_add(padding)),
                quota: Some(quota.limit(&storage_key)),
            })
        }))
    }
}
