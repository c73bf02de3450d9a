//! The parts put together, over real sockets, with workers that are written in Rust.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt};
use longhaul::background_fetch::{
    BackgroundFetchOptions, BackgroundFetchResult, Event, FailureReason, PermissionState, RegistrationKey,
};
use longhaul::fetch::{EnvironmentSettings, FetchOptions, NetworkError, Request, ResponseType};
use longhaul::service_worker::{
    AgentHost, DispatchOutcome, FunctionalEvent, RegistrationOptions, StartError, WorkerAgent,
    WorkerDescription,
};
use longhaul::storage::Location;
use longhaul::{BACKGROUND_FETCH, UserAgent};
use tokio::sync::mpsc;

/// Answers `/sw.js`, `/page`, `/file` (with `body`) until the test ends; gives its origin.
fn serve(body: &'static [u8]) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let origin = format!("http://localhost:{}", listener.local_addr().unwrap().port());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            std::thread::spawn(move || {
                let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
                while let Some(Ok(request)) = lines.next() {
                    while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
                    let (kind, body) = match request.split(' ').nth(1).unwrap_or_default() {
                        "/sw.js" => ("text/javascript", &b"// Rust runs this one."[..]),
                        "/page" => ("text/html", &b"<!doctype html>"[..]),
                        _ => ("application/octet-stream", body),
                    };
                    let head = format!(
                        "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nETag: \"1\"\r\nSet-Cookie: seen=yes\r\nContent-Length: {}\r\n\r\n",
                        body.len()
                    );
                    if stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body)).is_err() {
                        return;
                    }
                }
            });
        }
    });
    origin
}

/// Workers that do nothing but tell of their events.
#[derive(Clone)]
struct Tellers(mpsc::UnboundedSender<(String, Option<Event>)>);

impl AgentHost for Tellers {
    fn start(
        &self,
        _worker: WorkerDescription,
    ) -> BoxFuture<'static, Result<Arc<dyn WorkerAgent>, StartError>> {
        let agent: Arc<dyn WorkerAgent> = Arc::new(self.clone());
        futures::future::ready(Ok(agent)).boxed()
    }
}

impl WorkerAgent for Tellers {
    fn dispatch(&self, event: FunctionalEvent) -> BoxFuture<'static, DispatchOutcome> {
        let payload = event.payload.downcast_ref::<Event>().cloned();
        let _ = self.0.send((event.name.to_owned(), payload));
        futures::future::ready(DispatchOutcome::Delivered).boxed()
    }

    fn handles_fetch(&self) -> bool {
        false
    }

    fn terminate(&self) {}

    fn alive(&self) -> bool {
        true
    }
}

async fn with_workers(location: Location) -> (UserAgent, mpsc::UnboundedReceiver<(String, Option<Event>)>) {
    let (sender, events) = mpsc::unbounded_channel();
    let user_agent = UserAgent::builder()
        .profile(location)
        .agent_host(Arc::new(Tellers(sender)))
        .permission(BACKGROUND_FETCH, PermissionState::Granted)
        .build()
        .await
        .unwrap();
    (user_agent, events)
}

/// A page's environment at `origin`, with a worker whose scope is the whole origin.
async fn registered(user_agent: &UserAgent, origin: &str) -> (Arc<EnvironmentSettings>, RegistrationKey) {
    let client = EnvironmentSettings::for_url(format!("{origin}/page").parse().unwrap()).into_shared();
    let script = format!("{origin}/sw.js").parse().unwrap();
    let workers = user_agent.service_workers();
    workers.register(client.clone(), script, None, RegistrationOptions::default()).await.unwrap();
    let registration = workers.ready(&client.storage_key, &client.creation_url).await;
    let key =
        RegistrationKey { storage_key: client.storage_key.clone(), scope: registration.scope().to_string() };
    (client, key)
}

fn request_of(client: &Arc<EnvironmentSettings>, url: &str) -> Request {
    let mut request = Request::new(url.parse().unwrap());
    request.client = Some(client.clone());
    request.mode = longhaul::fetch::Mode::Cors;
    request
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fetch_and_its_cookie() {
    let origin = serve(b"hello");
    let user_agent = UserAgent::builder().build().await.unwrap();
    let client = EnvironmentSettings::for_url(format!("{origin}/page").parse().unwrap()).into_shared();
    let response =
        user_agent.fetch(request_of(&client, &format!("{origin}/file")), FetchOptions::default()).await;
    assert_eq!(response.reason(), None);
    assert_eq!((response.r#type, response.status), (ResponseType::Basic, 200));
    assert!(!response.header_list.contains("Set-Cookie"), "a page never sees it");
    let body = response.into_unfiltered().body.unwrap().read_all(None).await.unwrap();
    assert_eq!(body, Bytes::from_static(b"hello"));

    // Another origin may not read it.
    let stranger = EnvironmentSettings::for_url("http://other.localhost/".parse().unwrap()).into_shared();
    let response =
        user_agent.fetch(request_of(&stranger, &format!("{origin}/file")), FetchOptions::default()).await;
    assert_eq!(response.reason(), Some(&NetworkError::CorsMissingAllowOrigin));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_background_fetch_from_call_to_event() {
    let origin = serve(&[7; 100_000]);
    let (user_agent, mut events) = with_workers(Location::Memory).await;
    user_agent.start();
    let (client, key) = registered(&user_agent, &origin).await;
    let requests = vec![request_of(&client, &format!("{origin}/file"))];
    let options = BackgroundFetchOptions { title: "it".to_owned(), ..Default::default() };
    user_agent.background_fetch().fetch(key, "it".to_owned(), requests, options).await.unwrap();

    let event = loop {
        let (name, event) = events.recv().await.unwrap();
        match event {
            Some(event) => {
                assert_eq!(name, "backgroundfetchsuccess");
                break event;
            }
            None => assert!(name == "install" || name == "activate", "{name}"),
        }
    };
    let state = event.registration.snapshot();
    assert_eq!((state.result, state.downloaded), (BackgroundFetchResult::Success, 100_000));
    user_agent.background_fetch().idle().await;
    assert!(user_agent.background_fetch().list().is_empty(), "nothing is left of it");
    user_agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_owed_waits_for_the_start_of_the_next_session() {
    let origin = serve(&[7; 1000]);
    let folder = tempfile::tempdir().unwrap();
    let location = || Location::Directory(folder.path().join("profile"));
    {
        let (user_agent, _events) = with_workers(location()).await;
        user_agent.start();
        let (client, key) = registered(&user_agent, &origin).await;
        // Nothing is sent without a network.
        user_agent.set_online(false);
        // The port was free a moment ago and is bound by nobody.
        let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
        let requests = vec![request_of(&client, &format!("http://127.0.0.1:{port}/nobody"))];
        let fetching = user_agent.background_fetch();
        fetching.fetch(key, "it".to_owned(), requests, BackgroundFetchOptions::default()).await.unwrap();
        user_agent.shutdown().await;
    }
    let (user_agent, mut events) = with_workers(location()).await;
    // The port refuses, so it fails in this session; its worker is not told before `start()`.
    let registration = user_agent.background_fetch().find("it").expect("it was stored");
    let mut states = registration.observe();
    while registration.snapshot().result == BackgroundFetchResult::None {
        states.next().await.expect("an unsettled one has more to tell");
    }
    assert_eq!(registration.snapshot().failure_reason, FailureReason::FetchError);
    assert!(events.try_recv().is_err(), "no worker runs before `start()`");
    user_agent.start();
    let (name, event) = events.recv().await.unwrap();
    assert_eq!(name, "backgroundfetchfail");
    assert_eq!(event.unwrap().registration.id(), "it");
    user_agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_network_only_this_machine_is_there() {
    let origin = serve(b"hello");
    let user_agent = UserAgent::builder().offline(true).build().await.unwrap();
    let fetch = |url: &str| user_agent.fetch(Request::new(url.parse().unwrap()), FetchOptions::default());
    assert_eq!(fetch("http://192.0.2.1/").await.reason(), Some(&NetworkError::Offline));
    assert_eq!(fetch(&format!("{origin}/file")).await.reason(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_profile_has_one_user_agent_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let location = || Location::Directory(folder.path().join("profile"));
    let first = UserAgent::builder().profile(location()).build().await.unwrap();
    let error = UserAgent::builder().profile(location()).build().await.unwrap_err();
    assert!(error.to_string().contains("in use"), "{error}");
    first.shutdown().await;
}

/// Nothing of it is left in a process that goes on, and its profile can have another one.
#[tokio::test(flavor = "multi_thread")]
async fn a_user_agent_that_is_dropped_lets_go_of_its_profile() {
    let folder = tempfile::tempdir().unwrap();
    let location = || Location::Directory(folder.path().join("profile"));
    let origin = serve(b"body");
    let (user_agent, _events) = with_workers(location()).await;
    let (client, registration) = registered(&user_agent, &origin).await;
    let page =
        user_agent.fetch(request_of(&client, &format!("{origin}/page")), FetchOptions::default()).await;
    let cache = user_agent.caches(&client.storage_key).open("c").await.unwrap();
    cache.put(&request_of(&client, &format!("{origin}/page")), page).await.unwrap();
    assert!(user_agent.background_fetch().get_ids(&registration).is_empty());
    drop((cache, client));
    drop(user_agent);
    // What its tasks were doing may end a little later.
    let deadline = Instant::now() + Duration::from_secs(60);
    while let Err(error) = UserAgent::builder().profile(location()).build().await {
        assert!(Instant::now() < deadline, "{error}");
        tokio::task::yield_now().await;
    }
}
