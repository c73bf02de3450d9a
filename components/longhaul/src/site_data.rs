//! What a profile has of a site, cleared when the site asks for it.

use std::sync::{Arc, OnceLock, Weak};

use futures::FutureExt as _;
use futures::future::BoxFuture;
use longhaul_fetch::{NetworkPartitionKey, SiteData, SiteDataCleaner, serialize_origin};
use url::Origin;

use crate::user_agent::Inner;

/// [`SiteDataCleaner`] by the parts of a user agent.
#[derive(Default)]
pub(crate) struct ProfileCleaner {
    /// Weakly, as the user agent holds it by way of the Fetch layer.
    user_agent: OnceLock<Weak<Inner>>,
}

impl ProfileCleaner {
    /// Clears in that user agent from now on.
    pub(crate) fn attach(&self, user_agent: &Arc<Inner>) {
        // A builder builds one user agent.
        let _ = self.user_agent.set(Arc::downgrade(user_agent));
    }
}

impl SiteDataCleaner for ProfileCleaner {
    fn clear(
        &self,
        origin: Origin,
        partition: NetworkPartitionKey,
        kinds: Vec<SiteData>,
    ) -> BoxFuture<'static, ()> {
        let Some(user_agent) = self.user_agent.get().and_then(Weak::upgrade) else {
            return futures::future::ready(()).boxed();
        };
        async move {
            if let (true, Some(cache)) = (kinds.contains(&SiteData::Cache), &user_agent.http_cache)
                && let Err(error) = cache.clear_partition(partition.as_str(), &origin).await
            {
                tracing::warn!(%error, origin = serialize_origin(&origin), "the HTTP cache was not cleared");
            }
            if let (true, Origin::Tuple(_, host, _)) = (kinds.contains(&SiteData::Cookies), &origin) {
                user_agent.cookies.clear_site(&host.to_string(), partition.as_str());
            }
            if kinds.contains(&SiteData::Storage) {
                // Not waited for: the response may be a worker's script, and the registration waits for its job to end.
                tokio::spawn(clear_storage(user_agent, serialize_origin(&origin)));
            }
        }
        .boxed()
    }
}

/// Removes what scripts of the storage key have stored.
async fn clear_storage(user_agent: Arc<Inner>, storage_key: String) {
    user_agent.background_fetch.clear_storage_key(&storage_key);
    user_agent.service_workers.clear_storage_key(&storage_key).await;
    if let Err(error) = user_agent.caches.storage(&storage_key).clear().await {
        tracing::warn!(%error, storage_key, "the caches were not cleared");
    }
}
