//! Cache: requests and their responses.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::future::BoxFuture;
use futures::{StreamExt, TryStreamExt, stream};
use longhaul_fetch::cache_query::{CacheQueryOptions, request_matches_cached_item};
use longhaul_fetch::{
    Body, BodyError as FetchBodyError, FetchController, NetworkError, Request, RequestSnapshot, Response,
    ResponseSnapshot, ResponseType,
};
use longhaul_storage::{BodyId, Profile, Row, Transaction, Value};
use tokio::runtime::Handle;

use crate::batch_cache_operations::{Operation, query_cache};
use crate::cache_error::CacheError;
use crate::cache_storage::{CacheStore, ENTRIES, body_of, remove_entry};

/// A list of requests and their responses. Clones are the same.
///
/// <https://w3c.github.io/ServiceWorker/#cache-interface>
#[derive(Clone)]
pub struct Cache {
    pub(crate) state: Arc<CacheState>,
}

/// <https://w3c.github.io/ServiceWorker/#dfn-request-response-list>
pub(crate) struct CacheState {
    pub(crate) store: Arc<CacheStore>,
    pub(crate) id: i64,
    pub(crate) storage_key: String,
    /// Read when they are first asked for. The lock also puts the changes into an order.
    pub(crate) entries: tokio::sync::Mutex<Option<Vec<Entry>>>,
    /// It has no name any more: its entries go with it.
    discarded: AtomicBool,
}

/// A request and its response.
pub(crate) struct Entry {
    pub(crate) id: i64,
    pub(crate) request: Request,
    /// Without its body.
    pub(crate) response: Response,
    pub(crate) body: Option<BodyId>,
}

impl Cache {
    pub(crate) fn new(state: Arc<CacheState>) -> Self {
        Self { state }
    }

    /// The first response for a request.
    ///
    /// <https://w3c.github.io/ServiceWorker/#cache-match>
    pub async fn match_(
        &self,
        request: &Request,
        options: &CacheQueryOptions,
    ) -> Result<Option<Response>, CacheError> {
        let mut entries = self.state.entries.lock().await;
        let entries = self.state.loaded(&mut entries).await?;
        if !may_match(request, options) {
            return Ok(None);
        }
        let found = query_cache(entries.iter(), request, options).next();
        found.map(|entry| self.state.response(entry)).transpose()
    }

    /// The responses for a request, or all of them.
    ///
    /// <https://w3c.github.io/ServiceWorker/#cache-matchall>
    pub async fn match_all(
        &self,
        request: Option<&Request>,
        options: &CacheQueryOptions,
    ) -> Result<Vec<Response>, CacheError> {
        let mut entries = self.state.entries.lock().await;
        let entries = self.state.loaded(&mut entries).await?;
        // FIXME: cross-origin resource policy check of opaque responses.
        match request {
            // 1.1. Only GET requests are kept.
            Some(request) if !may_match(request, options) => Ok(Vec::new()),
            Some(request) => query_cache(entries.iter(), request, options)
                .map(|entry| self.state.response(entry))
                .collect(),
            None => entries.iter().map(|entry| self.state.response(entry)).collect(),
        }
    }

    /// The requests that stand for the same entries as a request, or all of them.
    ///
    /// <https://w3c.github.io/ServiceWorker/#cache-keys>
    pub async fn keys(
        &self,
        request: Option<&Request>,
        options: &CacheQueryOptions,
    ) -> Result<Vec<Request>, CacheError> {
        let mut entries = self.state.entries.lock().await;
        let entries = self.state.loaded(&mut entries).await?;
        Ok(match request {
            // 2.2. Only GET requests are kept.
            Some(request) if !may_match(request, options) => Vec::new(),
            Some(request) => query_cache(entries.iter(), request, options)
                .map(|entry| entry.request.clone_without_body())
                .collect(),
            None => entries.iter().map(|entry| entry.request.clone_without_body()).collect(),
        })
    }

    /// Keeps a response. Its body goes to the profile as it arrives; what the cache had for the request stays until the
    /// new one is there entirely.
    ///
    /// <https://w3c.github.io/ServiceWorker/#cache-put>
    pub async fn put(&self, request: &Request, response: Response) -> Result<(), CacheError> {
        // 4-7. What must not be kept.
        check_request(request)?;
        check_response(&response)?;
        // 8-11. The body.
        let operation = self.state.store_response(request, response).await?;
        // 12-18. The entry.
        self.state.batch(vec![operation]).await?;
        Ok(())
    }

    /// Fetches requests and keeps their responses: all or none of them.
    ///
    /// <https://w3c.github.io/ServiceWorker/#cache-addAll>
    pub async fn add_all<F>(&self, requests: Vec<Request>, mut fetch: F) -> Result<(), CacheError>
    where
        F: FnMut(Request, FetchController) -> BoxFuture<'static, Response>,
    {
        // 3-5. What must not be kept is not even fetched.
        for request in &requests {
            check_request(request)?;
        }
        // What would be kept twice whatever the responses vary by: a batch refuses it in the end.
        // DEVIATION: told before anything is fetched, as web-platform-tests asserts.
        for (index, request) in requests.iter().enumerate() {
            let again = |other: &Request| {
                request_matches_cached_item(request, other, None, &CacheQueryOptions::default())
                    && request.header_list == other.header_list
            };
            if requests[..index].iter().any(again) {
                return Err(CacheError::Duplicate(request.url().clone()));
            }
        }
        let controllers: Vec<FetchController> = requests.iter().map(|_| FetchController::default()).collect();
        let mut fetches = Vec::new();
        for (mut request, controller) in requests.into_iter().zip(&controllers) {
            let stored = request.clone();
            let response = fetch(request, controller.clone());
            fetches.push(async move { self.add_one(stored, response.await).await });
        }
        // 6. All of them; the first failure ends the others.
        let responses =
            stream::iter(fetches).buffered(MAX_PARALLEL_FETCHES).try_collect::<Vec<Operation>>().await;
        let operations = match responses {
            Ok(operations) => operations,
            Err(error) => {
                for controller in controllers {
                    controller.abort(None);
                }
                return Err(error);
            }
        };
        // 7. Kept together.
        self.state.batch(operations).await?;
        Ok(())
    }

    /// Fetches a request and keeps its response.
    ///
    /// <https://w3c.github.io/ServiceWorker/#cache-add>
    pub async fn add<F>(&self, request: Request, fetch: F) -> Result<(), CacheError>
    where
        F: FnMut(Request, FetchController) -> BoxFuture<'static, Response>,
    {
        self.add_all(vec![request], fetch).await
    }

    async fn add_one(&self, request: Request, response: Response) -> Result<Operation, CacheError> {
        if let Some(reason) = response.reason() {
            if *reason == NetworkError::Aborted {
                return Err(CacheError::Aborted);
            }
            return Err(CacheError::NotFetched { url: request.url().clone(), reason: reason.to_string() });
        }
        if !response.is_ok_status() || response.status == 206 {
            let reason = format!("status {}", response.status);
            return Err(CacheError::NotFetched { url: request.url().clone(), reason });
        }
        check_response(&response)?;
        self.state.store_response(&request, response).await
    }

    /// Removes the entries for a request; false if there are none.
    ///
    /// <https://w3c.github.io/ServiceWorker/#cache-delete>
    pub async fn delete(&self, request: &Request, options: &CacheQueryOptions) -> Result<bool, CacheError> {
        // 2.2. Only GET requests are kept.
        if !may_match(request, options) {
            return Ok(false);
        }
        let operation = Operation::Delete { request: request.clone_without_body(), options: *options };
        Ok(self.state.batch(vec![operation]).await? > 0)
    }
}

/// How many responses of one `addAll()` are stored at a time.
const MAX_PARALLEL_FETCHES: usize = 16;

fn may_match(request: &Request, options: &CacheQueryOptions) -> bool {
    options.ignore_method || request.method == "GET"
}

fn check_request(request: &Request) -> Result<(), CacheError> {
    if !matches!(request.url().scheme(), "http" | "https") {
        return Err(CacheError::Scheme(request.url().clone()));
    }
    if request.method != "GET" {
        return Err(CacheError::Method(request.method.as_str().to_owned()));
    }
    Ok(())
}

fn check_response(response: &Response) -> Result<(), CacheError> {
    let inner = response.unfiltered();
    // An opaque response shows no headers. DEVIATION: nor its status, as web-platform-tests asserts: a rejection would tell it.
    if response.r#type == ResponseType::Opaque {
        return Ok(());
    }
    if inner.status == 206 {
        return Err(CacheError::PartialResponse);
    }
    let vary = inner.header_list.get_decode_and_split("Vary").unwrap_or_default();
    if vary.iter().any(|name| name.trim() == "*") {
        return Err(CacheError::VaryStar);
    }
    Ok(())
}

impl CacheState {
    pub(crate) fn new(store: Arc<CacheStore>, id: i64, storage_key: String) -> Arc<Self> {
        Arc::new(Self {
            store,
            id,
            storage_key,
            entries: tokio::sync::Mutex::default(),
            discarded: AtomicBool::new(false),
        })
    }

    /// Lets the entries go with the last holder of the cache, which may be the caller.
    pub(crate) async fn discard(state: Arc<Self>) -> Result<(), CacheError> {
        state.discarded.store(true, Ordering::Release);
        if let Some(state) = Arc::into_inner(state) {
            state.discarded.store(false, Ordering::Release);
            remove_entries(state.store.profile.clone(), state.id).await?;
        }
        Ok(())
    }

    pub(crate) async fn loaded<'a>(
        &self,
        entries: &'a mut Option<Vec<Entry>>,
    ) -> Result<&'a mut Vec<Entry>, CacheError> {
        if entries.is_none() {
            let rows = entry_rows(self.store.profile.clone(), self.id).await?;
            *entries = Some(rows.iter().filter_map(read_entry).collect());
        }
        Ok(entries.get_or_insert_default())
    }

    /// A response with its body.
    fn response(&self, entry: &Entry) -> Result<Response, CacheError> {
        let body = entry.body.map(|id| self.body(id)).transpose()?;
        Ok(Response::from_snapshot(entry.response.snapshot(), body))
    }

    fn body(&self, id: BodyId) -> Result<Body, CacheError> {
        let bodies = self.store.profile.bodies();
        let length = bodies.state(id).map(|state| state.durable_length);
        // NOTE: the file stays for as long as it is read, whatever happens to the entry.
        let reader = bodies.read(id).map_err(CacheError::StoredBody)?;
        let stream = reader.map_err(|error| FetchBodyError::Source(error.to_string()));
        Ok(Body::from_stream(stream.boxed(), None, length))
    }

    /// Stores a response's body, for an entry to be.
    async fn store_response(&self, request: &Request, response: Response) -> Result<Operation, CacheError> {
        let snapshot = Box::new(response.snapshot());
        let mut request = request.clone_without_body();
        // An entry outlives the page that made it.
        request.client = None;
        request.reserved_client = None;
        let body = match response.into_unfiltered().body {
            Some(body) => Some(self.store_body(body).await?),
            None => None,
        };
        Ok(Operation::Put { request, response: snapshot, body })
    }

    async fn store_body(&self, body: Body) -> Result<PendingBody, CacheError> {
        let profile = &self.store.profile;
        let (id, mut writer) =
            profile.bodies().create(&self.storage_key).await.map_err(CacheError::from_write)?;
        let pending =
            PendingBody { id: Some(id), profile: profile.clone(), runtime: self.store.runtime.clone() };
        let mut chunks = body.into_stream();
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.map_err(|error| match error {
                FetchBodyError::Aborted => CacheError::Aborted,
                error => CacheError::Body(error),
            })?;
            writer.append(chunk).await.map_err(CacheError::from_write)?;
        }
        writer.finish().await.map_err(CacheError::from_write)?;
        Ok(pending)
    }
}

impl Drop for CacheState {
    fn drop(&mut self) {
        if *self.discarded.get_mut() {
            let (profile, id) = (self.store.profile.clone(), self.id);
            self.store.runtime.spawn(async move {
                if let Err(error) = remove_entries(profile, id).await {
                    // They go at the next start.
                    tracing::warn!(%error, "the entries of a deleted cache could not be removed");
                }
            });
        }
    }
}

/// A stored body that no entry refers to yet. Dropped, it is removed.
pub(crate) struct PendingBody {
    id: Option<BodyId>,
    profile: Profile,
    runtime: Handle,
}

impl PendingBody {
    pub(crate) fn id(&self) -> Option<BodyId> {
        self.id
    }

    /// An entry refers to it now.
    pub(crate) fn keep(mut self) -> Option<BodyId> {
        self.id.take()
    }
}

impl Drop for PendingBody {
    fn drop(&mut self) {
        let Some(id) = self.id else { return };
        let profile = self.profile.clone();
        self.runtime.spawn(async move {
            let mut transaction = Transaction::new();
            transaction.release_body(id);
            if let Err(error) = profile.commit(transaction).await {
                // It goes at the next start.
                tracing::debug!(%error, "an abandoned body could not be removed");
            }
        });
    }
}

async fn entry_rows(profile: Profile, cache: i64) -> Result<Vec<Row>, CacheError> {
    let rows = tokio::task::spawn_blocking(move || profile.rows_with_prefix(&ENTRIES, &[Value::from(cache)]))
        .await
        .map_err(|_| CacheError::Stopped)??;
    Ok(rows)
}

/// Removes every entry of a cache.
async fn remove_entries(profile: Profile, cache: i64) -> Result<(), CacheError> {
    let mut transaction = Transaction::new();
    for row in entry_rows(profile.clone(), cache).await? {
        remove_entry(&mut transaction, &profile, &row);
    }
    profile.commit(transaction).await?;
    Ok(())
}

fn read_entry(row: &Row) -> Option<Entry> {
    let request: RequestSnapshot = serde_json::from_str(row[2].as_text()?).ok()?;
    let response: ResponseSnapshot = serde_json::from_str(row[3].as_text()?).ok()?;
    Some(Entry {
        id: row[1].as_integer()?,
        request: Request::from_snapshot(request),
        response: Response::from_snapshot(response, None),
        body: body_of(row),
    })
}
