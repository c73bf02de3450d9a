//! A world for background fetches: a server that can misbehave, workers that can crash, a disk that can lose power,
//! and a time that only moves when the test says so.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses another part of it")]

use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, stream};
use longhaul_background_fetch::scheduler::Policy;
use longhaul_background_fetch::{
    BackgroundFetchOptions, BackgroundFetches, Config, Connectivity, Dependencies, DispatchOutcome, Event,
    EventKind, NoDisplay, PermissionState, Record, RecordError, RecordFetcher, Registration, RegistrationKey,
    ServiceWorkerHost, State, TABLES,
};
use longhaul_fetch::{
    Body, BodyError, ConnectionFailure, FetchController, Method, Mode, NetworkError, Request, Response,
    ResponseType,
};
use longhaul_storage::testing::SimulatedDisk;
use longhaul_storage::{Clock, Location, Profile};
use tempfile::TempDir;
use tokio::sync::watch;
use url::Url;

pub const SITE: &str = "https://site.example";

/// A clock that goes with tokio's paused time.
pub struct TokioClock {
    pub start: tokio::time::Instant,
    pub epoch: SystemTime,
}

impl Clock for TokioClock {
    fn now(&self) -> SystemTime {
        self.epoch + self.start.elapsed()
    }

    fn monotonic(&self) -> Duration {
        self.start.elapsed()
    }
}

/// Runs a test with a time that stands still unless [`drive`] moves it.
pub fn run<T>(test: impl Future<Output = T>) -> T {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        // tokio's paused time runs ahead by itself whenever it believes that nobody works, and it does not see the
        // storage's threads. It does see this one.
        let (stop, stopped) = std::sync::mpsc::channel::<()>();
        tokio::task::spawn_blocking(move || stopped.recv());
        let result = tokio::time::timeout(Duration::from_secs(400 * 24 * 60 * 60), test).await;
        drop(stop);
        result.expect("the test hangs")
    })
}

/// Awaits something and lets time pass meanwhile, whenever nothing happens by itself.
pub async fn drive<T>(future: impl Future<Output = T>) -> T {
    drive_by(Duration::from_millis(500), future).await
}

pub async fn drive_by<T>(step: Duration, future: impl Future<Output = T>) -> T {
    tokio::pin!(future);
    loop {
        for _ in 0..4 {
            tokio::select! {
                biased;
                result = &mut future => return result,
                () = breathe() => {}
            }
        }
        tokio::time::advance(step).await;
    }
}

/// Lets the storage's threads work without letting time pass.
pub async fn breathe() {
    tokio::task::spawn_blocking(|| std::thread::sleep(Duration::from_micros(500))).await.unwrap();
}

/// Awaits something without letting time pass.
pub async fn still<T>(future: impl Future<Output = T>) -> T {
    tokio::pin!(future);
    for _ in 0..20_000 {
        tokio::select! {
            biased;
            result = &mut future => return result,
            () = breathe() => {}
        }
    }
    panic!("it waits for something that does not come")
}

/// Waits until a condition holds, without letting time pass.
pub async fn until(mut condition: impl FnMut() -> bool) {
    still(async {
        while !condition() {
            breathe().await;
        }
    })
    .await;
}

/// What a server does with one request, instead of answering it well.
pub enum Step {
    Well,
    Fail(NetworkError),
    /// It answers well, but the connection is cut after so many bytes of the body.
    Cut(usize),
    /// It answers well, but nothing comes after so many bytes of the body.
    Stall(usize),
    /// It never answers.
    Hang,
    /// It answers whatever this says.
    Say(Box<dyn FnOnce(&Asked) -> Response + Send>),
}

#[derive(Clone)]
pub struct Resource {
    pub bytes: Bytes,
    pub headers: Vec<(String, String)>,
    pub chunk: usize,
    pub ranges: bool,
}

impl Resource {
    pub fn new(length: usize) -> Resource {
        let bytes: Vec<u8> = (0..length).map(|n| (n * 31 + n / 251) as u8).collect();
        Resource {
            bytes: bytes.into(),
            headers: vec![("ETag".into(), "\"v1\"".into())],
            chunk: 1000,
            ranges: true,
        }
    }

    pub fn with_headers(mut self, headers: &[(&str, &str)]) -> Resource {
        self.headers = headers.iter().map(|(n, v)| ((*n).into(), (*v).into())).collect();
        self
    }
}

/// A request as the server saw it.
#[derive(Clone, Debug)]
pub struct Asked {
    pub url: Url,
    pub method: String,
    pub resumption: Option<(u64, Option<u64>, String)>,
    pub author_range: Option<String>,
    pub identity: bool,
    pub body: Bytes,
}

#[derive(Default)]
pub struct Server {
    resources: Mutex<HashMap<String, Resource>>,
    steps: Mutex<HashMap<String, VecDeque<Step>>>,
    log: Mutex<Vec<Asked>>,
    seen: watch::Sender<usize>,
}

impl Server {
    pub fn put(&self, path: &str, resource: Resource) -> Bytes {
        let bytes = resource.bytes.clone();
        self.resources.lock().unwrap().insert(path.into(), resource);
        bytes
    }

    /// What it does with the next requests for a path; then it answers well again.
    pub fn will(&self, path: &str, steps: impl IntoIterator<Item = Step>) {
        self.steps.lock().unwrap().entry(path.into()).or_default().extend(steps);
    }

    /// It answers well from now on.
    pub fn forget_steps(&self) {
        self.steps.lock().unwrap().clear();
    }

    pub fn log(&self) -> Vec<Asked> {
        self.log.lock().unwrap().clone()
    }

    pub async fn saw(&self, requests: usize) {
        let mut seen = self.seen.subscribe();
        seen.wait_for(|seen| *seen >= requests).await.unwrap();
    }

    fn answer(&self, asked: &Asked) -> Response {
        let Some(resource) = self.resources.lock().unwrap().get(asked.url.path()).cloned() else {
            return response(
                &asked.url,
                404,
                &[("Content-Type", "text/plain")],
                Bytes::from_static(b"no such thing"),
            );
        };
        let total = resource.bytes.len() as u64;
        let etag = resource.headers.iter().find(|(name, _)| name == "ETag" || name == "Last-Modified");
        let range = match (&asked.resumption, &asked.author_range) {
            (Some((first, last, if_range)), _) => {
                (etag.map(|(_, v)| v) == Some(if_range)).then_some((*first, *last))
            }
            (None, Some(range)) => range.strip_prefix("bytes=").and_then(|range| {
                let (first, last) = range.split_once('-')?;
                Some((first.parse().ok()?, last.parse().ok()))
            }),
            (None, None) => None,
        };
        let mut headers = resource.headers.clone();
        let (status, bytes) = match range.filter(|_| resource.ranges) {
            Some((first, _)) if first >= total => {
                headers.push(("Content-Range".into(), format!("bytes */{total}")));
                (416, Bytes::new())
            }
            Some((first, last)) => {
                let last = last.unwrap_or(total - 1).min(total - 1);
                headers.push(("Content-Range".into(), format!("bytes {first}-{last}/{total}")));
                (206, resource.bytes.slice(first as usize..=last as usize))
            }
            None => (200, resource.bytes.clone()),
        };
        let headers: Vec<(&str, &str)> = headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let mut answer = response(&asked.url, status, &headers, Bytes::new());
        answer.body = Some(chunked(bytes, resource.chunk, After::End));
        answer
    }
}

pub fn response(url: &Url, status: u16, headers: &[(&str, &str)], bytes: Bytes) -> Response {
    let mut response = Response::new();
    response.url_list = vec![url.clone()];
    response.status = status;
    for (name, value) in headers {
        response.header_list.append(name, value);
    }
    response.body = Some(chunked(bytes, 1000, After::End));
    response.filtered(ResponseType::Basic)
}

#[derive(Clone, Copy)]
pub enum After {
    End,
    Reset,
    Nothing,
}

pub fn reset() -> NetworkError {
    NetworkError::Connection { failure: ConnectionFailure::Reset, request_may_have_been_sent: true }
}

pub fn refused() -> NetworkError {
    NetworkError::Connection { failure: ConnectionFailure::Refused, request_may_have_been_sent: false }
}

pub fn timeout() -> NetworkError {
    NetworkError::Connection { failure: ConnectionFailure::Timeout, request_may_have_been_sent: true }
}

pub fn chunked(bytes: Bytes, size: usize, after: After) -> Body {
    let chunks: Vec<Bytes> =
        (0..bytes.len()).step_by(size).map(|at| bytes.slice(at..(at + size).min(bytes.len()))).collect();
    let chunks = stream::iter(chunks).then(|chunk| async move {
        tokio::task::yield_now().await;
        Ok(chunk)
    });
    let stream = match after {
        After::End => chunks.boxed(),
        After::Reset => chunks.chain(stream::iter([Err(BodyError::Network(reset()))])).boxed(),
        After::Nothing => chunks.chain(stream::pending()).boxed(),
    };
    Body::from_stream(stream, None, None)
}

pub struct Fetcher(pub Arc<Server>);

impl RecordFetcher for Fetcher {
    fn fetch(
        &self,
        mut request: Request,
        _controller: FetchController,
        mut upload_progress: Box<dyn FnMut(u64) + Send>,
    ) -> BoxFuture<'static, Response> {
        let server = self.0.clone();
        async move {
            let url = request.current_url().clone();
            let step = server.steps.lock().unwrap().get_mut(url.path()).and_then(VecDeque::pop_front);
            let early = matches!(&step, Some(Step::Fail(error)) if !error.request_may_have_been_sent());
            let mut body = Vec::new();
            if let Some(sent) = request.body.take().filter(|_| !early) {
                let mut chunks = sent.into_stream();
                while let Some(chunk) = chunks.next().await {
                    // One that was lost cannot be sent.
                    let chunk = match chunk {
                        Ok(chunk) => chunk,
                        Err(error) => {
                            return Response::network_error(NetworkError::RequestBody(Box::new(error)));
                        }
                    };
                    upload_progress(chunk.len() as u64);
                    body.extend_from_slice(&chunk);
                }
            }
            let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
            let asked = Asked {
                url,
                method: request.method.as_str().to_owned(),
                resumption: request.resumption.map(|r| (r.first_byte, r.last_byte, text(r.if_range))),
                author_range: request.header_list.get("Range").map(text),
                identity: request.identity_encoding,
                body: body.into(),
            };
            server.log.lock().unwrap().push(asked.clone());
            server.seen.send_modify(|seen| *seen += 1);
            let limited = |at: usize, after: After| {
                let mut answer = server.answer(&asked);
                let body = answer.body.take().expect("resources have bodies");
                let first = body.into_stream();
                // Whole chunks up to the limit, then the rest of it, then whatever comes after.
                let mut left = at;
                let cut = first.map(move |chunk| {
                    let chunk: Bytes = chunk.expect("it was not to fail");
                    let part = chunk.slice(..chunk.len().min(left));
                    left -= part.len();
                    (part, left == 0)
                });
                let mut done = false;
                let cut = cut.take_while(move |(part, last)| {
                    let go_on = !done && !part.is_empty();
                    done |= *last;
                    futures::future::ready(go_on)
                });
                let cut = cut.map(|(part, _)| Ok(part));
                answer.body = Some(Body::from_stream(
                    match after {
                        After::Nothing => cut.chain(stream::pending()).boxed(),
                        _ => cut.chain(stream::iter([Err(BodyError::Network(reset()))])).boxed(),
                    },
                    None,
                    None,
                ));
                answer
            };
            match step {
                None | Some(Step::Well) => server.answer(&asked),
                Some(Step::Fail(error)) => Response::network_error(error),
                Some(Step::Cut(at)) => limited(at, After::Reset),
                Some(Step::Stall(at)) => limited(at, After::Nothing),
                Some(Step::Hang) => std::future::pending().await,
                Some(Step::Say(say)) => say(&asked),
            }
        }
        .boxed()
    }
}

/// An event that a worker had, and what it found.
#[derive(Clone, Debug)]
pub struct Had {
    pub kind: EventKind,
    pub id: String,
    pub key: u64,
    pub state: State,
    /// What each record gave: status, headers and body.
    pub records: Vec<Result<(u16, Bytes), RecordError>>,
}

#[derive(Default)]
pub struct Workers {
    pub gone: AtomicBool,
    pub had: Mutex<Vec<Had>>,
    outcomes: Mutex<VecDeque<Option<DispatchOutcome>>>,
    count: watch::Sender<usize>,
}

impl Workers {
    /// How the next dispatches end; `None` for one that never does.
    pub fn will(&self, outcomes: impl IntoIterator<Item = Option<DispatchOutcome>>) {
        self.outcomes.lock().unwrap().extend(outcomes);
    }

    pub fn had(&self) -> Vec<Had> {
        self.had.lock().unwrap().clone()
    }

    pub async fn had_events(&self, events: usize) {
        self.count.subscribe().wait_for(|count| *count >= events).await.unwrap();
    }
}

pub struct Host(pub Arc<Workers>);

impl ServiceWorkerHost for Host {
    fn has_active_worker(&self, _registration: &RegistrationKey) -> bool {
        !self.0.gone.load(Ordering::SeqCst)
    }

    fn dispatch(&self, _registration: &RegistrationKey, event: Event) -> BoxFuture<'static, DispatchOutcome> {
        let workers = self.0.clone();
        async move {
            let mut records = Vec::new();
            if event.kind != EventKind::Click {
                for record in event.registration.records() {
                    records.push(read(&record).await);
                }
            }
            workers.had.lock().unwrap().push(Had {
                kind: event.kind,
                id: event.registration.id().to_owned(),
                key: event.registration.unique_key(),
                state: event.registration.snapshot(),
                records,
            });
            workers.count.send_modify(|count| *count += 1);
            let outcome = workers.outcomes.lock().unwrap().pop_front();
            match outcome {
                None => DispatchOutcome::Delivered,
                Some(Some(outcome)) => outcome,
                Some(None) => std::future::pending().await,
            }
        }
        .boxed()
    }
}

/// A record's response, read to its end.
pub async fn read(record: &Record) -> Result<(u16, Bytes), RecordError> {
    let mut response = record.response_ready().await?;
    assert!(!response.header_list.contains("Content-Range"));
    let status = response.status;
    let bytes = match response.body.take() {
        None => Bytes::new(),
        Some(body) => body.read_all(None).await.map_err(|_| RecordError::Unavailable)?,
    };
    Ok((status, bytes))
}

/// Everything that outlives a process.
pub struct World {
    pub server: Arc<Server>,
    pub workers: Arc<Workers>,
    pub disk: SimulatedDisk,
    directory: Option<TempDir>,
    pub config: Config,
    pub permission: PermissionState,
    pub connectivity: Connectivity,
    pub profile: Mutex<Option<Profile>>,
    epoch: SystemTime,
}

impl World {
    pub fn in_memory() -> World {
        World::new(None)
    }

    pub fn on_disk() -> World {
        World::new(Some(TempDir::new().unwrap()))
    }

    fn new(directory: Option<TempDir>) -> World {
        let mut policy = Policy::default();
        // The tests' time runs in leaps.
        policy.retry.silence = Duration::from_secs(200 * 24 * 60 * 60);
        World {
            server: Arc::default(),
            workers: Arc::default(),
            disk: SimulatedDisk::new(),
            directory,
            config: Config::default().with_policy(policy),
            permission: PermissionState::Granted,
            connectivity: Connectivity::Online,
            profile: Mutex::new(None),
            epoch: SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000),
        }
    }

    /// A process begins.
    pub async fn open(&self) -> BackgroundFetches {
        let (profile, _) = match &self.directory {
            None => Profile::open(Location::Memory, TABLES).unwrap(),
            Some(directory) => {
                Profile::open_with_disk(directory.path().to_owned(), TABLES, Arc::new(self.disk.clone()))
                    .unwrap()
            }
        };
        *self.profile.lock().unwrap() = Some(profile.clone());
        BackgroundFetches::open(Dependencies {
            profile,
            clock: Arc::new(TokioClock { start: tokio::time::Instant::now(), epoch: self.epoch }),
            seed: 7,
            fetcher: Arc::new(Fetcher(self.server.clone())),
            workers: Arc::new(Host(self.workers.clone())),
            permission: Arc::new(self.permission),
            display: Arc::new(NoDisplay),
            connectivity: self.connectivity,
            runtime: tokio::runtime::Handle::current(),
            config: self.config.clone(),
        })
        .await
        .unwrap()
    }

    /// Sets the wall clock that the next process begins with.
    pub fn set_clock(&mut self, set: impl FnOnce(SystemTime) -> SystemTime) {
        self.epoch = set(self.epoch);
    }

    pub fn profile(&self) -> Profile {
        self.profile.lock().unwrap().clone().expect("it is open")
    }

    /// Everything that belonged to the process is gone; call after its runtime was dropped.
    pub fn forget_profile(&self) {
        self.profile.lock().unwrap().take();
    }

    /// Nothing is left of any background fetch.
    pub fn assert_nothing_is_kept(&self) {
        let profile = self.profile();
        for table in TABLES {
            assert_eq!(profile.rows(table).unwrap(), Vec::<longhaul_storage::Row>::new(), "{}", table.name);
        }
        assert_eq!(profile.quota().usage(SITE), 0, "bodies are left");
        assert_eq!(profile.quota().reserved(SITE), 0, "a reservation is left");
    }
}

pub fn key() -> RegistrationKey {
    RegistrationKey { storage_key: SITE.into(), scope: format!("{SITE}/") }
}

pub fn url(path: &str) -> Url {
    Url::parse(SITE).unwrap().join(path).unwrap()
}

pub fn get(path: &str) -> Request {
    let mut request = Request::new(url(path));
    request.mode = Mode::Cors;
    request
}

pub fn post(path: &str, body: Body) -> Request {
    let mut request = get(path);
    request.method = Method::new("POST").unwrap();
    request.body = Some(body);
    request
}

pub fn options() -> BackgroundFetchOptions {
    BackgroundFetchOptions { title: "A title".into(), ..BackgroundFetchOptions::default() }
}

pub fn declared(download_total: u64) -> BackgroundFetchOptions {
    BackgroundFetchOptions { download_total, ..options() }
}

/// Starts one and waits until it was promised.
pub async fn start(fetches: &BackgroundFetches, id: &str, requests: Vec<Request>) -> Registration {
    still(fetches.fetch(key(), id.into(), requests, options())).await.unwrap()
}
