//! The cache: what it holds, and what it says to a request.

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use futures::stream::{self, StreamExt as _};
use longhaul_storage::{Clock, Disposable, Profile, StorageError};
use url::Url;

use crate::body::{self, Verified};
use crate::error::{BodyError, CacheError};
use crate::exchange::{Exchange, Purpose};
use crate::flight::{Flights, Lead, Live, Outcome};
use crate::growing::BodyStream;
use crate::memory::{Hot, Memory, SMALL};
use crate::message::{CacheMode, Headers, RequestHead, ResponseHead};
use crate::no_vary_search::SearchVariance;
use crate::policy::{self, Coverage, Verdict, Wishes};
use crate::stored::{Key, Stored};
use crate::table::{Entry, Rows, TABLES};
use crate::vary;

/// What may be chosen about a cache.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// How many bytes all entries may take, with what is known of them. What was not used for longest goes first.
    pub capacity: u64,
    /// The same for a profile in memory.
    pub capacity_in_memory: u64,
    /// How many bytes of memory entries that were used of late may take.
    pub memory: usize,
}

impl Default for Config {
    fn default() -> Self {
        Config { capacity: 1 << 30, capacity_in_memory: 64 << 20, memory: 4 << 20 }
    }
}

impl Config {
    /// A cache of so many bytes, on disk or in memory.
    pub fn with_capacity(bytes: u64) -> Config {
        Config { capacity: bytes, capacity_in_memory: bytes, ..Config::default() }
    }

    /// A single response may take this share.
    pub(crate) fn largest(&self) -> u64 {
        (self.capacity / 8).max(1 << 20).min(self.capacity)
    }
}

/// An HTTP cache. Clones are the same one.
#[derive(Clone)]
pub struct HttpCache {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) store: Disposable,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) config: Config,
    pub(crate) memory: Mutex<Memory>,
    pub(crate) flights: Flights,
    /// Entries whose last use the rows do not know of yet.
    touches: Mutex<HashMap<i64, (Key, i64)>>,
    last_tick: AtomicI64,
    /// Whether the next two are known yet. They change while the rows are held.
    pub(crate) counted: AtomicBool,
    /// What all entries take.
    pub(crate) bytes: AtomicU64,
    pub(crate) count: AtomicU64,
    /// Whether any entry answers for other queries than its own.
    varies_by_search: AtomicBool,
    pub(crate) names: Names,
    /// How many responses are being written.
    pub(crate) writing: tokio::sync::watch::Sender<usize>,
}

/// Names that no other session gave.
pub(crate) struct Names {
    pub(crate) session: u64,
    next: AtomicU64,
}

impl Names {
    fn new() -> Names {
        let mut hasher = RandomState::new().build_hasher();
        hasher.write_u128(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos()));
        hasher.write_u32(std::process::id());
        Names { session: hasher.finish(), next: AtomicU64::new(1) }
    }

    fn file(&self) -> u128 {
        u128::from(self.session) << 64 | u128::from(self.next.fetch_add(1, Ordering::Relaxed))
    }
}

/// What to do with a request.
#[derive(Debug)]
pub enum Lookup {
    /// This answers it.
    Stored(Answer),
    /// It is to go to the network, with the exchange's headers.
    Forward(Box<Exchange>),
    /// Nothing answers it, and it must not go to the network.
    NotCached,
}

/// A response from the cache.
pub struct Answer {
    /// Its head.
    pub head: ResponseHead,
    /// Its body; a response to HEAD has none.
    pub body: Option<BodyStream>,
    /// It is stale and to be validated in the background, by a request with [`CacheMode::NoCache`].
    pub revalidate: bool,
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer")
            .field("head", &self.head)
            .field("revalidate", &self.revalidate)
            .finish_non_exhaustive()
    }
}

/// An entry, for people who look at what is there.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Summary {
    /// Its partition.
    pub partition: String,
    /// Its URL.
    pub url: String,
    /// Its status.
    pub status: u16,
    /// What it takes.
    pub bytes: u64,
    /// When the response came.
    pub stored_at: SystemTime,
    /// Until when it is fresh.
    pub fresh_until: SystemTime,
}

impl HttpCache {
    /// Opens the cache of a profile. Blocks.
    pub fn open(
        profile: &Profile,
        clock: Arc<dyn Clock>,
        mut config: Config,
    ) -> Result<HttpCache, CacheError> {
        if profile.directory().is_none() {
            config.capacity = config.capacity_in_memory;
        }
        let store = profile.disposable("http_cache", TABLES)?;
        let (varies, latest_use) = store.with_rows(|rows| {
            let rows = Rows(rows);
            Ok((rows.varies_by_search()?, rows.latest_use()?))
        })?;
        let memory = Mutex::new(Memory::new(config.memory));
        let cache = HttpCache {
            inner: Arc::new(Inner {
                store,
                clock,
                config,
                memory,
                flights: Flights::default(),
                touches: Mutex::default(),
                last_tick: AtomicI64::new(latest_use.unwrap_or(0)),
                counted: AtomicBool::new(false),
                bytes: AtomicU64::new(0),
                count: AtomicU64::new(0),
                varies_by_search: AtomicBool::new(varies),
                names: Names::new(),
                writing: tokio::sync::watch::Sender::new(0),
            }),
        };
        cache.look_around()?;
        Ok(cache)
    }

    /// Says what to do with a request.
    ///
    /// <https://www.rfc-editor.org/rfc/rfc9111#section-4>
    pub async fn lookup(&self, mut request: RequestHead) -> Lookup {
        if request.credentials {
            request.headers.append(vary::CREDENTIALS, "include");
        }
        let key = Key::of(&request);
        let is_get = request.method == "GET";
        if !is_get && request.method != "HEAD" || request.mode == CacheMode::NoStore {
            return Lookup::Forward(self.exchange(request, key, Purpose::Pass));
        }
        if request.mode == CacheMode::Reload {
            return Lookup::Forward(self.exchange(request, key, Purpose::Store));
        }
        let wishes = Wishes::of(&request);
        // NOTE: a range is only ever a part of what would be shared, and conditions are the author's own.
        let mut may_wait = is_get
            && matches!(request.mode, CacheMode::Default | CacheMode::ForceCache)
            && !request.headers.contains("Range")
            && !policy::has_conditions(&request.headers);
        loop {
            // What is being written is newer than what is stored.
            let mut flight = self.inner.flights.get(&key).filter(|_| may_wait);
            let outcome = flight.as_ref().map(|flight| flight.borrow().clone());
            match outcome {
                Some(Outcome::Live(live)) => {
                    if let Some(answer) = self.read_along(&request, &wishes, &live) {
                        return Lookup::Stored(answer);
                    }
                    // It is for others.
                    flight = None;
                }
                Some(Outcome::NotShared) => flight = None,
                Some(Outcome::Pending) | None => {}
            }
            let selected = self.select(&request, &key).await;
            let Some(hot) = selected else {
                if let Some(lookup) = self.without_network(&request, &wishes) {
                    return lookup;
                }
                if let Some(flight) = flight {
                    may_wait = self.wait(flight).await;
                    continue;
                }
                return Lookup::Forward(self.exchange(request, key, Purpose::Store));
            };
            let now = self.inner.clock.now();
            let coverage = policy::coverage(&request, &hot.stored);
            let verdict = policy::judge(&request, &wishes, &hot.stored, now);
            if coverage != Coverage::Insufficient && verdict != Verdict::Validate {
                match self.answer(&request, &hot, coverage, Some(now)).await {
                    Ok(mut answer) => {
                        answer.revalidate =
                            verdict == Verdict::UseAndRevalidate && self.inner.flights.get(&key).is_none();
                        return Lookup::Stored(answer);
                    }
                    // It is removed, and so a miss.
                    Err(_) => continue,
                }
            }
            if let Some(lookup) = self.without_network(&request, &wishes) {
                return lookup;
            }
            if let Some(flight) = flight {
                may_wait = self.wait(flight).await;
                continue;
            }
            let purpose = if policy::has_conditions(&request.headers) {
                Purpose::Store
            } else if coverage != Coverage::Insufficient {
                Purpose::Validate(hot)
            } else if let Some((prefix, headers)) = policy::resumption(&request, &hot.stored) {
                Purpose::Resume { hot, prefix, headers }
            } else {
                Purpose::Store
            };
            return Lookup::Forward(self.exchange(request, key, purpose));
        }
    }

    /// What a request gets that must not go to the network, if it must not.
    fn without_network(&self, request: &RequestHead, wishes: &Wishes) -> Option<Lookup> {
        if request.mode == CacheMode::OnlyIfCached {
            return Some(Lookup::NotCached);
        }
        wishes.only_if_cached().then(|| {
            let head = ResponseHead {
                status: 504,
                reason: Bytes::from_static(b"Gateway Timeout"),
                headers: Headers::new(),
            };
            Lookup::Stored(Answer { head, body: None, revalidate: false })
        })
    }

    /// Waits for a request on its way. Says whether it makes sense to wait for another one.
    async fn wait(&self, mut flight: tokio::sync::watch::Receiver<Outcome>) -> bool {
        match flight.wait_for(|outcome| !matches!(outcome, Outcome::Pending)).await.as_deref() {
            // Its response may be read along; it is looked at next. If it does not suit, there is nothing to wait for.
            Ok(Outcome::Live(live)) => live.growing.is_open(),
            Ok(_) => false,
            // Whoever led is gone: somebody else leads, or it is stored.
            Err(_) => true,
        }
    }

    fn exchange(&self, request: RequestHead, key: Key, purpose: Purpose) -> Box<Exchange> {
        let lead = if request.method == "GET"
            && !matches!(purpose, Purpose::Pass)
            && !request.headers.contains("Range")
            && !policy::has_conditions(&request.headers)
        {
            Lead::IfFree
        } else {
            Lead::Never
        };
        let ticket = self.inner.flights.join(&key, lead);
        Box::new(Exchange::new(self.clone(), request, key, purpose, ticket))
    }

    /// The stored response that a request selects.
    pub(crate) async fn select(&self, request: &RequestHead, key: &Key) -> Option<Arc<Hot>> {
        let candidates = self.candidates(key).await;
        if let Some(found) = policy::select(request, &candidates, |hot| &hot.stored) {
            return Some(Arc::clone(found));
        }
        if !self.inner.varies_by_search.load(Ordering::Relaxed) {
            return None;
        }
        let of = key.clone();
        let others = self.rows(move |rows| rows.search_variants(&of)).await.unwrap_or_default();
        let mut equivalent = Vec::new();
        for other in others {
            for hot in self.candidates(&other).await {
                let says_so = SearchVariance::of(&hot.stored.head.headers)
                    .is_some_and(|variance| variance.equivalent(other.search(), key.search()));
                if says_so {
                    equivalent.push(hot);
                }
            }
        }
        policy::select(request, &equivalent, |hot| &hot.stored).cloned()
    }

    /// Everything stored for a key.
    pub(crate) async fn candidates(&self, key: &Key) -> Vec<Arc<Hot>> {
        if let Some(entries) = self.memory().get(key) {
            return entries;
        }
        if self.is_counted() && self.inner.count.load(Ordering::Relaxed) == 0 {
            return Vec::new();
        }
        let (this, key) = (self.clone(), key.clone());
        let reading = self.rows(move |rows| {
            let entries = rows.entries(&key)?;
            // NOTE: nobody changes rows meanwhile.
            Ok(this.remember(&key, entries))
        });
        reading.await.unwrap_or_else(|error| {
            tracing::warn!(%error, "the HTTP cache cannot be read");
            Vec::new()
        })
    }

    /// Takes into memory what is stored for a key. To be called while the rows are held.
    pub(crate) fn remember(&self, key: &Key, entries: Vec<Entry>) -> Vec<Arc<Hot>> {
        let entries = entries.into_iter().map(|entry| Arc::new(Hot::new(entry.stored))).collect();
        self.memory().set(key, entries)
    }

    /// The response that a stored one gives. `now` where it was not just validated.
    pub(crate) async fn answer(
        &self,
        request: &RequestHead,
        hot: &Arc<Hot>,
        coverage: Coverage,
        now: Option<SystemTime>,
    ) -> Result<Answer, BodyError> {
        let stored = &hot.stored;
        let mut head = stored.head.clone();
        if let Some(now) = now {
            // <https://www.rfc-editor.org/rfc/rfc9111#section-5.1>
            head.headers.set("Age", stored.freshness.current_age(now).as_secs().to_string());
        }
        let length = stored.length.unwrap_or_default();
        let range = match coverage {
            Coverage::Part { start, end, length } => {
                head.status = 206;
                head.reason = Bytes::from_static(b"Partial Content");
                let complete = length.map_or_else(|| "*".to_owned(), |length| length.to_string());
                head.headers.set("Content-Range", format!("bytes {start}-{}/{complete}", end - 1));
                head.headers.set("Content-Length", (end - start).to_string());
                start..end
            }
            _ => 0..length,
        };
        self.touch(stored);
        if request.method == "HEAD" {
            return Ok(Answer { head, body: None, revalidate: false });
        }
        let body = match hot.bytes.get() {
            // A small body, whose length is a `usize`.
            Some(bytes) => {
                let bytes = bytes.slice(range.start as usize..range.end as usize);
                stream::iter((!bytes.is_empty()).then_some(Ok(bytes))).boxed()
            }
            None => self.open_body(hot, range).await?,
        };
        Ok(Answer { head, body: Some(body), revalidate: false })
    }

    /// Opens bytes of a stored response. If they are damaged, it is removed.
    pub(crate) async fn open_body(
        &self,
        hot: &Arc<Hot>,
        range: std::ops::Range<u64>,
    ) -> Result<BodyStream, BodyError> {
        let verified = if hot.verified.load(Ordering::Relaxed) { Verified::Yes } else { Verified::No };
        let is_small_whole = hot.stored.length == Some(range.end) && range.start == 0 && range.end <= SMALL;
        match body::open(self.inner.store.disk(), &hot.stored, range, verified).await {
            Ok(mut stream) if is_small_whole => {
                let Some(Ok(bytes)) = stream.next().await else { return Ok(stream::empty().boxed()) };
                // Somebody else may have set the same.
                let _ = hot.bytes.set(bytes.clone());
                Ok(stream::iter([Ok(bytes)]).boxed())
            }
            Ok(stream) => {
                hot.verified.store(true, Ordering::Relaxed);
                let (this, hot) = (self.clone(), Arc::clone(hot));
                let watched = stream.inspect(move |item| {
                    if matches!(item, Err(BodyError::Damaged)) {
                        let (this, hot) = (this.clone(), Arc::clone(&hot));
                        tokio::spawn(async move { this.remove_damaged(&hot).await });
                    }
                });
                Ok(watched.boxed())
            }
            Err(error) => {
                self.remove_damaged(hot).await;
                Err(error)
            }
        }
    }

    /// What is being written, if it suits the request.
    fn read_along(&self, request: &RequestHead, wishes: &Wishes, live: &Live) -> Option<Answer> {
        let now = self.inner.clock.now();
        let suits = policy::select(request, std::slice::from_ref(&live.stored), |stored| stored).is_some()
            && policy::judge(request, wishes, &live.stored, now) == Verdict::Use;
        if !suits {
            return None;
        }
        let body = live.growing.reader(0..u64::MAX)?;
        let mut head = live.stored.head.clone();
        head.headers.set("Age", live.stored.freshness.current_age(now).as_secs().to_string());
        Some(Answer { head, body: Some(body), revalidate: false })
    }

    pub(crate) async fn remove_damaged(&self, hot: &Hot) {
        tracing::warn!(url = hot.stored.key.url(), "a damaged response is removed from the HTTP cache");
        self.remove(hot.stored.key.clone(), Some(hot.stored.id)).await;
    }

    /// Removes an entry, or all of a key.
    pub(crate) async fn remove(&self, key: Key, id: Option<i64>) {
        let this = self.clone();
        let removing = self.rows(move |rows| {
            let (gone, left): (Vec<_>, Vec<_>) =
                rows.entries(&key)?.into_iter().partition(|entry| id.is_none_or(|id| entry.stored.id == id));
            for entry in &gone {
                rows.remove(entry)?;
            }
            this.forget(&gone, &[]);
            this.remember(&key, left);
            Ok(gone)
        });
        if let Ok(gone) = removing.await {
            self.remove_files(files(&gone)).await;
        }
    }

    /// Makes the responses of URLs invalid.
    ///
    /// <https://www.rfc-editor.org/rfc/rfc9111#section-4.4>
    pub async fn invalidate(&self, partition: &str, urls: &[Url]) {
        let keys: Vec<Key> = urls.iter().map(|url| Key::new(partition, url)).collect();
        self.inner.flights.doom(|key| keys.contains(key));
        for key in keys {
            self.remove(key, None).await;
        }
    }

    /// Everything that is stored, of an origin or of all.
    pub async fn list(&self, origin: Option<&url::Origin>) -> Result<Vec<Summary>, CacheError> {
        let entries = self.rows(|rows| rows.all()).await?;
        Ok(entries
            .into_iter()
            .filter(|entry| origin.is_none_or(|origin| is_of(&entry.stored.key, origin)))
            .map(|entry| {
                let stored = entry.stored;
                let freshness = &stored.freshness;
                let left = freshness.lifetime.saturating_sub(freshness.initial_age);
                Summary {
                    partition: stored.key.partition.clone(),
                    url: stored.key.url(),
                    status: stored.head.status,
                    bytes: stored.cost(),
                    stored_at: freshness.response_time,
                    fresh_until: freshness.response_time.checked_add(left).unwrap_or(freshness.response_time),
                }
            })
            .collect())
    }

    /// Waits until no response is being written. A response that nobody reads to its end is written until it is dropped.
    pub async fn settled(&self) {
        // The sender is here.
        let _ = self.inner.writing.subscribe().wait_for(|writing| *writing == 0).await;
    }

    /// How many bytes the entries take; nothing, for the moment until they are counted.
    pub fn usage(&self) -> u64 {
        self.inner.bytes.load(Ordering::Relaxed)
    }

    /// Removes everything, of an origin or of all. Says how many entries it were.
    pub async fn clear(&self, origin: Option<&url::Origin>) -> Result<usize, CacheError> {
        self.clear_where(None, origin).await
    }

    /// Removes an origin's entries from one partition.
    ///
    /// <https://w3c.github.io/webappsec-clear-site-data/#clear-cache>
    pub async fn clear_partition(&self, partition: &str, origin: &url::Origin) -> Result<usize, CacheError> {
        self.clear_where(Some(partition), Some(origin)).await
    }

    async fn clear_where(
        &self,
        partition: Option<&str>,
        origin: Option<&url::Origin>,
    ) -> Result<usize, CacheError> {
        let (partition, origin) = (partition.map(str::to_owned), origin.cloned());
        let is_meant = move |key: &Key| {
            partition.as_ref().is_none_or(|partition| *partition == key.partition)
                && origin.as_ref().is_none_or(|origin| is_of(key, origin))
        };
        self.inner.flights.doom(&is_meant);
        let this = self.clone();
        let gone = self
            .rows(move |rows| {
                let gone: Vec<Entry> =
                    rows.all()?.into_iter().filter(|entry| is_meant(&entry.stored.key)).collect();
                for entry in &gone {
                    rows.remove(entry)?;
                }
                this.forget(&gone, &[]);
                this.memory().clear();
                Ok(gone)
            })
            .await?;
        self.remove_files(files(&gone)).await;
        Ok(gone.len())
    }

    /// Writes down what only memory knows: when entries were last used.
    pub async fn flush(&self) -> Result<(), CacheError> {
        let this = self.clone();
        Ok(self.rows(move |rows| this.write_touches(rows)).await?)
    }

    pub(crate) fn memory(&self) -> MutexGuard<'_, Memory> {
        self.inner.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn file(&self) -> u128 {
        self.inner.names.file()
    }

    /// Later than every one before, also those of earlier sessions: the entries' ids tell the order in which they came, and
    /// when they were last used.
    pub(crate) fn tick(&self) -> i64 {
        let since = self.inner.clock.now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = i64::try_from(since.as_micros()).unwrap_or(i64::MAX / 2);
        let step = |last: i64| Some(now.max(last.saturating_add(1)));
        // The closure always gives a value.
        let last =
            self.inner.last_tick.fetch_update(Ordering::Relaxed, Ordering::Relaxed, step).unwrap_or_default();
        now.max(last.saturating_add(1))
    }

    fn touch(&self, stored: &Stored) {
        /// So many uses are written down together.
        const GATHERED: usize = 256;
        let tick = self.tick();
        let mut touches = self.inner.touches.lock().unwrap_or_else(PoisonError::into_inner);
        touches.insert(stored.id, (stored.key.clone(), tick));
        if touches.len() == GATHERED {
            drop(touches);
            let this = self.clone();
            tokio::spawn(async move { this.flush().await });
        }
    }

    pub(crate) fn write_touches(&self, rows: &Rows<'_>) -> Result<(), StorageError> {
        let touches = std::mem::take(&mut *self.inner.touches.lock().unwrap_or_else(PoisonError::into_inner));
        for (id, (key, tick)) in touches {
            if let Some(mut entry) = rows.entry(&key, id)? {
                rows.remove(&entry)?;
                entry.last_used = tick;
                rows.put(&entry)?;
            }
        }
        Ok(())
    }

    /// Works with the rows, on a thread that may wait.
    pub(crate) async fn rows<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Rows<'_>) -> Result<T, StorageError> + Send + 'static,
    ) -> Result<T, StorageError> {
        let this = self.clone();
        let outcome = self.inner.store.run(move |rows| work(&Rows(rows))).await;
        if let Err(StorageError::Damaged { .. }) = &outcome {
            // The rows began anew.
            this.memory().clear();
            this.inner.bytes.store(0, Ordering::Relaxed);
            this.inner.count.store(0, Ordering::Relaxed);
        }
        outcome
    }

    /// Takes note of entries that are gone and others that came. To be called while the rows are held.
    pub(crate) fn forget(&self, gone: &[Entry], come: &[Entry]) {
        let inner = &self.inner;
        let varies = |entry: &Entry| SearchVariance::of(&entry.stored.head.headers).is_some();
        if come.iter().any(varies) {
            inner.varies_by_search.store(true, Ordering::Relaxed);
        }
        if self.is_counted() {
            for entry in gone {
                inner.bytes.fetch_sub(entry.stored.cost(), Ordering::Relaxed);
                inner.count.fetch_sub(1, Ordering::Relaxed);
            }
            for entry in come {
                inner.bytes.fetch_add(entry.stored.cost(), Ordering::Relaxed);
                inner.count.fetch_add(1, Ordering::Relaxed);
            }
        }
        let mut memory = self.memory();
        for entry in gone.iter().chain(come) {
            memory.remove(&entry.stored.key);
        }
    }
}

impl fmt::Debug for HttpCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpCache").field("bytes", &self.usage()).finish_non_exhaustive()
    }
}

fn is_of(key: &Key, origin: &url::Origin) -> bool {
    Url::parse(&key.resource).is_ok_and(|url| url.origin() == *origin)
}

/// The files of entries.
pub(crate) fn files(entries: &[Entry]) -> Vec<u128> {
    entries.iter().flat_map(|entry| entry.stored.parts.iter().map(|part| part.file)).collect()
}
