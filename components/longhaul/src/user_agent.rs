//! The user agent.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures::future::BoxFuture;
use longhaul_background_fetch::BackgroundFetches;
use longhaul_cookies::CookieJar;
use longhaul_fetch::{FetchOptions, Request, Response, Services};
use longhaul_hsts::KnownHosts;
use longhaul_http_cache::HttpCache;
use longhaul_service_worker::{CacheStorage, Caches, ServiceWorkers};
use longhaul_storage::{Clock, Finding, Profile};
use tokio::sync::watch;

use crate::builder::Builder;
use crate::object_urls::ObjectUrls;
use crate::permissions::Permissions;

/// One user agent: a profile, and all that fetches for it. Clones are the same one.
#[derive(Clone)]
pub struct UserAgent(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) profile: Profile,
    pub(crate) findings: Vec<Finding>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) services: Services,
    pub(crate) http_cache: Option<HttpCache>,
    pub(crate) object_urls: ObjectUrls,
    pub(crate) cookies: Arc<CookieJar>,
    pub(crate) hsts: Arc<KnownHosts>,
    pub(crate) permissions: Permissions,
    pub(crate) service_workers: ServiceWorkers,
    pub(crate) caches: Caches,
    pub(crate) background_fetch: BackgroundFetches,
    pub(crate) online: watch::Sender<bool>,
    pub(crate) started: watch::Sender<bool>,
    pub(crate) extensions: Extensions,
    pub(crate) runtime: tokio::runtime::Handle,
}

/// What embedders keep with a user agent, one value a type.
#[derive(Default)]
pub(crate) struct Extensions(Mutex<HashMap<TypeId, Arc<dyn Any + Send + Sync>>>);

impl UserAgent {
    /// Begins to describe one.
    pub fn builder() -> Builder {
        Builder::new()
    }

    /// Lets service workers run: what is owed to them from earlier sessions is delivered, and workers that the last session
    /// left waiting are activated. To be called once the agent host is able to start agents; until then nothing is lost, it
    /// waits. A user agent without an agent host need not call it.
    pub fn start(&self) {
        self.0.started.send_replace(true);
        self.0.service_workers.resume();
    }

    /// Fetches. A failure is a network error response, whose [`reason`](Response::reason) says why.
    ///
    /// <https://fetch.spec.whatwg.org/#concept-fetch>
    pub fn fetch(&self, request: Request, options: FetchOptions) -> BoxFuture<'static, Response> {
        // A request with keepalive set begins at once, wherever this is called.
        let _entered = self.0.runtime.enter();
        longhaul_fetch::fetch(&self.0.services, request, options)
    }

    /// What the Fetch layer stands on.
    pub fn services(&self) -> &Services {
        &self.0.services
    }

    /// The runtime that it works on: the one it was built on.
    pub fn runtime(&self) -> &tokio::runtime::Handle {
        &self.0.runtime
    }

    /// The HTTP cache, unless there is none: what is in it, and clearing it.
    pub fn http_cache(&self) -> Option<&HttpCache> {
        self.0.http_cache.as_ref()
    }

    /// The object URLs of every agent.
    pub fn object_urls(&self) -> &ObjectUrls {
        &self.0.object_urls
    }

    /// The background fetches of the profile.
    pub fn background_fetch(&self) -> &BackgroundFetches {
        &self.0.background_fetch
    }

    /// The service workers of the profile.
    pub fn service_workers(&self) -> &ServiceWorkers {
        &self.0.service_workers
    }

    /// The caches of a storage key.
    pub fn caches(&self, storage_key: &str) -> CacheStorage {
        self.0.caches.storage(storage_key)
    }

    /// The cookies of the profile.
    pub fn cookies(&self) -> &CookieJar {
        &self.0.cookies
    }

    /// The hosts of the profile that are reached over TLS alone.
    pub fn hsts(&self) -> &KnownHosts {
        &self.0.hsts
    }

    /// What has been decided about powerful features.
    pub fn permissions(&self) -> &Permissions {
        &self.0.permissions
    }

    /// A value that lives as long as the user agent and that all who ask for the type share: what agents of one user agent
    /// have in common without the layers below knowing of it.
    pub fn extension<T: Default + Send + Sync + 'static>(&self) -> Arc<T> {
        let mut extensions = self.0.extensions.0.lock().unwrap_or_else(PoisonError::into_inner);
        let made = extensions.entry(TypeId::of::<T>()).or_insert_with(|| Arc::new(T::default()));
        // The key is the value's type.
        Arc::clone(made).downcast().unwrap_or_default()
    }

    /// The profile.
    pub fn profile(&self) -> &Profile {
        &self.0.profile
    }

    /// Time, as this user agent reads it.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.0.clock
    }

    /// What was found damaged when the profile was opened, and what became of it.
    pub fn findings(&self) -> &[Finding] {
        &self.0.findings
    }

    /// Tells whether there is a network. Without one, background fetches wait and other fetches fail unless they go to this
    /// machine itself.
    pub fn set_online(&self, online: bool) {
        self.0.online.send_replace(online);
        self.0.background_fetch.set_online(online);
    }

    /// Whether there is a network, as far as was told.
    pub fn online(&self) -> bool {
        *self.0.online.borrow()
    }

    /// [`UserAgent::online`], and each change of it.
    pub fn observe_online(&self) -> watch::Receiver<bool> {
        self.0.online.subscribe()
    }

    /// Ends attempts and agents, and closes the profile. What is unfinished goes on when the profile is opened again.
    pub async fn shutdown(&self) {
        self.0.background_fetch.shutdown().await;
        self.0.service_workers.stop_all().await;
        if let Some(cache) = &self.0.http_cache
            && let Err(error) = cache.flush().await
        {
            tracing::debug!(%error, "the HTTP cache does not know what was used last");
        }
        // What was remembered a moment ago; the profile takes nothing once it is closed.
        let (cookies, hsts, permissions) =
            futures::join!(self.0.cookies.flush(), self.0.hsts.flush(), self.0.permissions.flush());
        for lost in [cookies, hsts, permissions].into_iter().filter_map(Result::err) {
            tracing::warn!(%lost, "something was not stored before the profile was closed");
        }
        self.0.profile.close();
    }
}

impl std::fmt::Debug for UserAgent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UserAgent").field("profile", &self.0.profile.directory()).finish_non_exhaustive()
    }
}
