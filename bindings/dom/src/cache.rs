//! <https://w3c.github.io/ServiceWorker/#cache-objects>

use std::sync::Arc;

use futures::FutureExt;
use longhaul::fetch::{self, FetchOptions, ServiceWorkersMode};
use longhaul::service_worker::{self, CacheError, ExceptionKind};
use longhaul_idl::runtime::{DomString, Exception, ObjectRef, PromiseOf, Realm};
use longhaul_idl::{
    CacheMethods, CacheQueryOptions, CacheStorageMethods, MultiCacheQueryOptions, RequestInfo, RequestInit,
    ResponseOrUndefined,
};

use crate::fetch::{FollowedFetch, Guard, Request, Response, TakenResponse, body_exception, shape_from_info};

/// <https://w3c.github.io/ServiceWorker/#cache-interface>
pub(crate) struct Cache(service_worker::Cache);

/// <https://w3c.github.io/ServiceWorker/#cachestorage-interface>; none, where the origin is opaque
pub(crate) struct CacheStorage(Option<service_worker::CacheStorage>);

longhaul_idl::platform_object!(Cache => longhaul_idl::cache);
longhaul_idl::platform_object!(CacheStorage => longhaul_idl::cache_storage);

impl CacheStorage {
    pub(crate) fn new(storage: Option<service_worker::CacheStorage>) -> Arc<Self> {
        Arc::new(Self(storage))
    }

    /// <https://w3c.github.io/ServiceWorker/#relevant-name-to-cache-map>
    fn storage(&self) -> Result<&service_worker::CacheStorage, Exception> {
        self.0.as_ref().ok_or_else(|| Exception::dom("SecurityError", "an opaque origin has no caches"))
    }
}

/// The exception for an error of the service-worker machinery.
pub(crate) fn exception(kind: ExceptionKind, message: String) -> Exception {
    match kind {
        ExceptionKind::TypeError => Exception::TypeError(message),
        ExceptionKind::QuotaExceededError => {
            Exception::QuotaExceeded { quota: None, requested: None, message }
        }
        other => Exception::dom(other.name(), message),
    }
}

fn cache_exception(error: CacheError) -> Exception {
    exception(error.kind(), error.to_string())
}

/// The options of a query, in the words of the layer below.
pub(crate) fn query_options(options: &CacheQueryOptions) -> fetch::cache_query::CacheQueryOptions {
    fetch::cache_query::CacheQueryOptions {
        ignore_search: options.ignore_search,
        ignore_method: options.ignore_method,
        ignore_vary: options.ignore_vary,
    }
}

fn response_object(response: Option<fetch::Response>) -> ResponseOrUndefined {
    match response {
        Some(response) => ResponseOrUndefined::Response(Response::create(response, Guard::Immutable)),
        None => ResponseOrUndefined::Undefined,
    }
}

/// The request that a method is given: its shape, or what the constructor makes of the URL.
fn optional_shape(realm: &dyn Realm, info: Option<RequestInfo>) -> Result<Option<fetch::Request>, Exception> {
    info.map(|info| shape_from_info(realm, info)).transpose()
}

/// The fetches of `add()` and `addAll()`, which the requests' signals end.
fn fetches_to_add(realm: &dyn Realm, infos: Vec<RequestInfo>) -> Result<Vec<FollowedFetch>, Exception> {
    // What a service worker fetches goes past service workers.
    let is_service_worker = realm.global().downcast::<crate::ServiceWorkerGlobal>().is_some();
    let mut fetches = Vec::with_capacity(infos.len());
    for info in infos {
        let request = Request::new(realm, info, RequestInit::default())?;
        let mut fetch = FollowedFetch::new(realm, &request)?;
        if is_service_worker {
            fetch.request.service_workers_mode = ServiceWorkersMode::None;
        }
        fetches.push(fetch);
    }
    Ok(fetches)
}

impl CacheMethods for Cache {
    fn match_(
        self: &Arc<Self>,
        realm: &dyn Realm,
        request: RequestInfo,
        options: CacheQueryOptions,
    ) -> Result<PromiseOf<ResponseOrUndefined>, Exception> {
        let request = shape_from_info(realm, request)?;
        let cache = self.0.clone();
        Ok(PromiseOf::new(async move {
            let found = cache.match_(&request, &query_options(&options)).await.map_err(cache_exception)?;
            Ok(response_object(found))
        }))
    }

    fn match_all(
        self: &Arc<Self>,
        realm: &dyn Realm,
        request: Option<RequestInfo>,
        options: CacheQueryOptions,
    ) -> Result<PromiseOf<Vec<ObjectRef>>, Exception> {
        let request = optional_shape(realm, request)?;
        let cache = self.0.clone();
        Ok(PromiseOf::new(async move {
            let found =
                cache.match_all(request.as_ref(), &query_options(&options)).await.map_err(cache_exception)?;
            let objects =
                found.into_iter().map(|response| Response::create(response, Guard::Immutable) as ObjectRef);
            Ok(objects.collect())
        }))
    }

    fn add(self: &Arc<Self>, realm: &dyn Realm, request: RequestInfo) -> Result<PromiseOf<()>, Exception> {
        self.add_all(realm, vec![request])
    }

    /// <https://w3c.github.io/ServiceWorker/#cache-addAll>
    fn add_all(
        self: &Arc<Self>,
        realm: &dyn Realm,
        requests: Vec<RequestInfo>,
    ) -> Result<PromiseOf<()>, Exception> {
        let mut followed = fetches_to_add(realm, requests)?;
        let cache = self.0.clone();
        let user_agent = crate::global_scope(realm)?.user_agent().clone();
        Ok(PromiseOf::new(async move {
            let requests = followed.iter_mut().map(|fetch| fetch.request.clone()).collect();
            let mut controllers = followed.iter().map(|fetch| fetch.controller.clone());
            // NOTE: the first failure drops the other fetches, which ends them.
            let fetch = |request, own| {
                let controller = controllers.next().unwrap_or(own);
                user_agent.fetch(request, FetchOptions { controller, ..FetchOptions::default() }).boxed()
            };
            cache.add_all(requests, fetch).await.map_err(|error| {
                let aborted = matches!(error, CacheError::Aborted);
                match followed.iter().find_map(FollowedFetch::abort_reason).filter(|_| aborted) {
                    Some(reason) => Exception::Held(reason),
                    None => cache_exception(error),
                }
            })
        }))
    }

    /// <https://w3c.github.io/ServiceWorker/#cache-put>
    fn put(
        self: &Arc<Self>,
        realm: &dyn Realm,
        request: RequestInfo,
        response: ObjectRef,
    ) -> Result<PromiseOf<()>, Exception> {
        // 1.–3. The request.
        let request = shape_from_info(realm, request)?;
        // 4.–8. The response; its body is gone from the object.
        let response = response
            .downcast::<Response>()
            .ok_or_else(|| Exception::type_error("the object is not a Response"))?;
        let TakenResponse { response: taken, failure, .. } = response.take(realm)?;
        let (kept, aborted_with) = (response.keep_followed(), response.fetch_aborted_with());
        // 9.–15. Stored as it comes.
        let cache = self.0.clone();
        Ok(PromiseOf::new(async move {
            // NOTE: what a stream of script was errored with is what the promise rejects with.
            let stored = cache.put(&request, taken).await;
            drop(kept);
            stored.map_err(|error| match (&error, failure.reason()) {
                (_, Some(reason)) => Exception::Held(reason),
                (CacheError::Aborted, None) => body_exception(&fetch::BodyError::Aborted, &aborted_with),
                (_, None) => cache_exception(error),
            })
        }))
    }

    fn delete(
        self: &Arc<Self>,
        realm: &dyn Realm,
        request: RequestInfo,
        options: CacheQueryOptions,
    ) -> Result<PromiseOf<bool>, Exception> {
        let request = shape_from_info(realm, request)?;
        let cache = self.0.clone();
        Ok(PromiseOf::new(async move {
            cache.delete(&request, &query_options(&options)).await.map_err(cache_exception)
        }))
    }

    fn keys(
        self: &Arc<Self>,
        realm: &dyn Realm,
        request: Option<RequestInfo>,
        options: CacheQueryOptions,
    ) -> Result<PromiseOf<Vec<ObjectRef>>, Exception> {
        let request = optional_shape(realm, request)?;
        let cache = self.0.clone();
        Ok(PromiseOf::new(async move {
            let found =
                cache.keys(request.as_ref(), &query_options(&options)).await.map_err(cache_exception)?;
            Ok(found
                .into_iter()
                .map(|request| Request::create(request, Guard::Immutable) as ObjectRef)
                .collect())
        }))
    }
}

impl CacheStorageMethods for CacheStorage {
    fn match_(
        self: &Arc<Self>,
        realm: &dyn Realm,
        request: RequestInfo,
        options: MultiCacheQueryOptions,
    ) -> Result<PromiseOf<ResponseOrUndefined>, Exception> {
        let request = shape_from_info(realm, request)?;
        let storage = self.storage()?.clone();
        let options = service_worker::MultiCacheQueryOptions {
            query: fetch::cache_query::CacheQueryOptions {
                ignore_search: options.ignore_search,
                ignore_method: options.ignore_method,
                ignore_vary: options.ignore_vary,
            },
            cache_name: options.cache_name.map(Into::into),
        };
        Ok(PromiseOf::new(async move {
            Ok(response_object(storage.match_(&request, &options).await.map_err(cache_exception)?))
        }))
    }

    fn has(self: &Arc<Self>, _: &dyn Realm, name: DomString) -> Result<PromiseOf<bool>, Exception> {
        let storage = self.storage()?.clone();
        Ok(PromiseOf::new(async move { storage.has(&name).await.map_err(cache_exception) }))
    }

    fn open(self: &Arc<Self>, _: &dyn Realm, name: DomString) -> Result<PromiseOf<ObjectRef>, Exception> {
        let opening = self.storage()?.open(&name);
        Ok(PromiseOf::new(async move {
            let cache = opening.await.map_err(cache_exception)?;
            Ok(Arc::new(Cache(cache)) as ObjectRef)
        }))
    }

    fn delete(self: &Arc<Self>, _: &dyn Realm, name: DomString) -> Result<PromiseOf<bool>, Exception> {
        let storage = self.storage()?.clone();
        Ok(PromiseOf::new(async move { storage.delete(&name).await.map_err(cache_exception) }))
    }

    fn keys(self: &Arc<Self>, _: &dyn Realm) -> Result<PromiseOf<Vec<DomString>>, Exception> {
        let storage = self.storage()?.clone();
        Ok(PromiseOf::new(async move {
            let names = storage.keys().await.map_err(cache_exception)?;
            Ok(names.into_iter().map(DomString::from).collect())
        }))
    }
}
