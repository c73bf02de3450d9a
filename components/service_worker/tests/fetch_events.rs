//! Requests that workers answer, the clients that they come from, and messages between the two.

mod support;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use longhaul_fetch::{Destination, FetchController, Mode, NetworkError, Request, Response};
use longhaul_service_worker::{
    ClientKind, ClientMessage, Config, FrameType, FunctionalEvent, RegistrationHandle, WorkerState,
};
use longhaul_storage::Location;
use support::{ORIGIN, World, client, url};

/// A request for something that a page uses.
fn subresource(client_id: &str) -> Request {
    let mut request = Request::new(url("/thing"));
    request.client = Some(client(client_id, "/"));
    request
}

fn navigation(client_id: &str, path: &str) -> Request {
    let mut request = Request::new(url(path));
    request.mode = Mode::Navigate;
    request.destination = Destination::Document;
    request.reserved_client = Some(client(client_id, path));
    request.replaces_client_id = "old".to_owned();
    request
}

async fn ask(world: &World, request: Request) -> Option<Response> {
    world.workers.handle_fetch(request, FetchController::new()).await
}

/// What a worker responded.
async fn text(world: &World, request: Request) -> String {
    let response = ask(world, request).await.expect("a response");
    let bytes = response.body.expect("a body").read_all(None).await.unwrap();
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A world with an activated worker of this script, and a page that it controls.
async fn controlled(script: &str) -> (World, RegistrationHandle) {
    let world = World::new().await;
    let registration = world.activated("/sw.js", script).await;
    assert_eq!(world.workers.register_client(client("page", "/")), registration.active());
    (world, registration)
}

fn reason(response: Option<Response>) -> NetworkError {
    response.expect("a response").reason().expect("a network error").clone()
}

#[tokio::test]
async fn the_controlling_worker_answers_subresources() {
    let (world, _) = controlled("fetch respond hello").await;
    assert!(world.workers.is_responsible_for(&subresource("page")));
    assert_eq!(text(&world, subresource("page")).await, "hello");
    // Not those of a page that no worker controls, of nobody, or of a page that is gone.
    assert!(!world.workers.is_responsible_for(&subresource("other")));
    assert!(!world.workers.is_responsible_for(&Request::new(url("/"))));
    world.workers.unregister_client("page");
    assert!(ask(&world, subresource("page")).await.is_none());
}

#[tokio::test]
async fn a_navigation_belongs_to_its_scope_and_gets_its_controller_there() {
    let world = World::new().await;
    let registration = world.activated("/in/sw.js", "fetch ids").await;
    assert_eq!(text(&world, navigation("new", "/in/page")).await, ",new,old");
    assert!(!world.workers.is_responsible_for(&navigation("out", "/out")));
    let controller = world.workers.register_client(client("new", "/in/page"));
    assert_eq!(controller, registration.active());
    // One whose fetch found no worker has none, though there is one for its URL by now.
    let mut elsewhere = navigation("late", "/in/page");
    elsewhere.url_list = vec![url("/before")];
    assert!(!world.workers.is_responsible_for(&elsewhere));
    assert_eq!(world.workers.register_client(client("late", "/in/page")), None);
    // Plug-ins' elements go past workers, and so does a worker's own script.
    for destination in [Destination::Embed, Destination::Object, Destination::ServiceWorker] {
        let mut request = navigation("x", "/in/page");
        request.destination = destination;
        assert!(!world.workers.is_responsible_for(&request), "{destination:?}");
    }
}

#[tokio::test]
async fn a_worker_stays_with_the_last_one_that_was_asked_for_its_script() {
    let world = World::new().await;
    let one = world.activated("/one/sw.js", "fetch ids").await;
    let two = world.activated("/two/sw.js", "push gate").await;
    let controller = |id: &str, destination: Destination, hops: &[&str]| {
        for path in hops {
            let mut request = navigation(id, path);
            request.destination = destination;
            if destination != Destination::Document {
                request.mode = Mode::SameOrigin;
            }
            let is_in_a_scope = !path.starts_with("/out");
            assert_eq!(world.workers.is_responsible_for(&request), is_in_a_scope, "{path}");
        }
        let environment = client(id, hops.last().expect("it is fetched"));
        world.workers.register_client_as(environment, ClientKind::DedicatedWorker, None)
    };
    for destination in [Destination::Worker, Destination::SharedWorker] {
        assert_eq!(controller("a", destination, &["/one/w.js", "/out.js"]), one.active());
        assert_eq!(controller("b", destination, &["/one/w.js", "/out.js", "/out2.js"]), one.active());
        // One that would not answer counts as well.
        assert_eq!(controller("c", destination, &["/one/w.js", "/two/w.js"]), two.active());
        assert_eq!(controller("d", destination, &["/out.js", "/two/w.js"]), two.active());
        assert_eq!(controller("e", destination, &["/out.js"]), None);
    }
    // A page that was led out of a scope is not of it.
    assert_eq!(controller("f", Destination::Document, &["/one/page", "/out"]), None);
}

#[tokio::test]
async fn a_shared_workers_script_is_asked_for_under_its_own_client() {
    let world = World::new().await;
    world.activated("/sw.js", "fetch ids").await;
    let mut request = navigation("worker", "/worker.js");
    request.destination = Destination::SharedWorker;
    request.client = Some(client("page", "/"));
    // It replaces nothing: only navigations do.
    assert_eq!(text(&world, request).await, "page,worker,");
}

#[tokio::test]
async fn a_worker_that_does_not_listen_is_not_asked() {
    let (world, registration) = controlled("push gate").await;
    assert_eq!(registration.active().unwrap().handles_fetch(), Some(false));
    assert!(ask(&world, subresource("page")).await.is_none());
    assert_eq!(world.host.log(), ["start /sw.js", "install /sw.js", "activate /sw.js"]);
}

#[tokio::test]
async fn nothing_said_is_the_network_and_a_refusal_is_an_error() {
    let (world, _) = controlled("fetch nothing").await;
    assert!(ask(&world, subresource("page")).await.is_none());
    let (world, _) = controlled("fetch refuse").await;
    assert_eq!(
        reason(ask(&world, subresource("page")).await),
        NetworkError::ServiceWorkerResponse("refused")
    );
}

#[tokio::test]
async fn a_worker_that_dies_before_it_answered_is_a_network_error() {
    let (world, registration) = controlled("fetch crash").await;
    let error = reason(ask(&world, subresource("page")).await);
    assert_eq!(error, NetworkError::ServiceWorkerResponse("it ended before it had answered"));
    assert!(!registration.active().unwrap().is_running());

    let (world, _) = controlled("fetch hang").await;
    let asking = ask(&world, subresource("page"));
    let kill = async {
        world.host.logged("fetch /sw.js").await;
        world.host.crash_last();
    };
    let (response, ()) = tokio::join!(asking, kill);
    assert!(response.unwrap().is_network_error());
}

#[tokio::test]
async fn a_worker_that_cannot_start_leaves_the_request_to_the_network() {
    let world = World::new().await;
    // Once, for the installation.
    world.host.open_gate("start");
    world.activated("/sw.js", "start gate\nfetch crash").await;
    world.workers.register_client(client("page", "/"));
    assert!(ask(&world, subresource("page")).await.unwrap().is_network_error());
    tokio::time::pause();
    // The second start does not get ready within the limit.
    assert!(ask(&world, subresource("page")).await.is_none());
    assert_eq!(world.host.starts.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn an_answer_that_does_not_come_ends_at_the_limit() {
    let (world, _) = controlled("fetch hang").await;
    world.workers.idle().await;
    tokio::time::pause();
    let before = tokio::time::Instant::now();
    let error = reason(ask(&world, subresource("page")).await);
    assert_eq!(error, NetworkError::ServiceWorkerResponse("it did not answer within the limit"));
    assert!(before.elapsed() >= Duration::from_secs(300));
}

#[tokio::test]
async fn an_abort_reaches_the_event_and_ends_the_wait() {
    let (world, _) = controlled("fetch aborted").await;
    let controller = FetchController::new();
    let asking = world.workers.handle_fetch(subresource("page"), controller.clone());
    let abort = async {
        world.host.logged("fetch /sw.js").await;
        controller.abort(None);
    };
    let (response, ()) = tokio::join!(asking, abort);
    assert_eq!(reason(response), NetworkError::Aborted);
    world.host.logged("aborted").await;
}

#[tokio::test]
async fn the_worker_stays_for_the_rest_of_the_event() {
    let (world, registration) = controlled("fetch respond early\nfetch gate").await;
    assert_eq!(text(&world, subresource("page")).await, "early");
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(100)).await;
    tokio::task::yield_now().await;
    assert!(registration.active().unwrap().is_running());
    world.host.open_gate("fetch");
    world.host.logged("terminate /sw.js").await;
}

#[tokio::test]
async fn an_idle_worker_is_started_for_a_request() {
    let (world, registration) = controlled("fetch respond again").await;
    world.workers.idle().await;
    tokio::time::pause();
    world.host.logged("terminate /sw.js").await;
    tokio::time::resume();
    assert!(!registration.active().unwrap().is_running());
    assert_eq!(text(&world, subresource("page")).await, "again");
    assert_eq!(world.host.starts.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn a_request_waits_for_the_activation() {
    let world = World::new().await;
    let registration = world.register("/sw.js", "activate gate\nfetch respond ready").await.unwrap();
    world.host.logged("activate /sw.js").await;
    world.workers.register_client(client("page", "/"));
    let open = async {
        tokio::task::yield_now().await;
        assert_eq!(world.host.log().last().unwrap(), "activate /sw.js");
        world.host.open_gate("activate");
    };
    let (answer, ()) = tokio::join!(text(&world, subresource("page")), open);
    assert_eq!(answer, "ready");
    assert_eq!(registration.active().unwrap().state(), WorkerState::Activated);
}

#[tokio::test]
async fn a_navigation_is_followed_by_an_update_check() {
    let world = World::new().await;
    let registration = world.activated("/sw.js", "fetch respond one").await;
    world.loader.put("/sw.js", "fetch respond two");
    let loads = world.loader.requests().len();
    world.workers.register_client(client("page", "/"));
    assert_eq!(text(&world, subresource("page")).await, "one");
    world.workers.idle().await;
    assert_eq!(world.loader.requests().len(), loads, "subresources check only when that is due");
    assert_eq!(text(&world, navigation("new", "/")).await, "one");
    world.workers.idle().await;
    assert_eq!(world.loader.requests().len(), loads + 1);
    assert_eq!(registration.waiting().unwrap().state(), WorkerState::Installed);
    // The new one takes over once the page is gone.
    world.workers.unregister_client("page");
    world.workers.idle().await;
    assert_eq!(text(&world, navigation("third", "/")).await, "two");
}

#[tokio::test]
async fn navigations_are_preloaded_where_that_is_wanted() {
    let world = World::new().await;
    let registration = world.register("/sw.js", "fetch preloaded\ninstall gate").await.unwrap();
    // Nothing to preload for without an active worker.
    assert!(world.workers.set_navigation_preload(&registration, true).await.is_err());
    world.host.open_gate("install");
    world.workers.idle().await;
    assert_eq!(text(&world, navigation("a", "/")).await, "no preload");
    world.workers.set_navigation_preload(&registration, true).await.unwrap();
    assert_eq!(text(&world, navigation("b", "/")).await, "preloaded true");
    world.workers.set_navigation_preload_header(&registration, b"special".to_vec()).await.unwrap();
    assert_eq!(text(&world, navigation("c", "/")).await, "preloaded special");
    world.workers.register_client(client("page", "/"));
    assert_eq!(text(&world, subresource("page")).await, "no preload");
    world.workers.set_navigation_preload(&registration, false).await.unwrap();
    assert_eq!(text(&world, navigation("d", "/")).await, "no preload");
}

#[tokio::test]
async fn what_a_worker_listens_to_and_the_preload_outlive_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let location = || Location::Directory(folder.path().to_owned());
    {
        let world = World::at(location(), Config::default()).await;
        let registration = world.activated("/sw.js", "fetch preloaded").await;
        world.workers.set_navigation_preload(&registration, true).await.unwrap();
        world.workers.set_navigation_preload_header(&registration, b"kept".to_vec()).await.unwrap();
        world.activated("/deaf/sw.js", "").await;
        world.end().await;
    }
    let world = World::at(location(), Config::default()).await;
    assert_eq!(text(&world, navigation("a", "/")).await, "preloaded kept");
    assert!(ask(&world, navigation("b", "/deaf/")).await.is_none());
    // The one that listens to nothing was not even started.
    assert!(!world.host.log().iter().any(|line| line == "start /deaf/sw.js"), "{:?}", world.host.log());
}

#[tokio::test]
async fn clients_come_in_order_and_by_who_controls_them() {
    let world = World::new().await;
    let registration = world.register("/in/sw.js", "").await.unwrap();
    world.workers.idle().await;
    let worker = registration.active().unwrap().id();
    world.workers.register_client_as(client("dedicated", "/in/w.js"), ClientKind::DedicatedWorker, None);
    for (id, path) in [("one", "/in/1"), ("two", "/in/2"), ("out", "/out")] {
        world.workers.register_client_as(client(id, path), ClientKind::Window(FrameType::TopLevel), None);
    }
    world.workers.register_inheriting_client(
        client("blank", "/in/"),
        ClientKind::Window(FrameType::Nested),
        None,
        "two",
    );
    let ids = |controlled_by| {
        let clients = world.workers.match_clients(ORIGIN, controlled_by);
        clients.into_iter().map(|client| client.id).collect::<Vec<_>>()
    };
    assert_eq!(ids(Some(worker)), ["one", "two", "blank", "dedicated"]);
    assert_eq!(ids(None), ["one", "two", "out", "blank", "dedicated"]);
    world.workers.set_focused_client("out");
    world.workers.set_focused_client("two");
    assert_eq!(ids(None), ["two", "out", "one", "blank", "dedicated"]);
    let two = world.workers.client(ORIGIN, "two").unwrap();
    assert!(two.is_focused && two.is_visible);
    assert!(!world.workers.client(ORIGIN, "out").unwrap().is_focused);
    assert!(world.workers.client("https://b.example", "two").is_none());
    assert!(world.workers.match_clients("https://b.example", None).is_empty());
    // Another origin inherits nothing.
    let foreign = longhaul_fetch::EnvironmentSettings {
        id: "foreign".to_owned(),
        ..longhaul_fetch::EnvironmentSettings::for_url("https://b.example/".parse().unwrap())
    };
    let kind = ClientKind::Window(FrameType::Nested);
    assert!(world.workers.register_inheriting_client(Arc::new(foreign), kind, None, "two").is_none());
}

#[tokio::test]
async fn messages_reach_their_worker_in_order_and_start_it() {
    let world = World::new().await;
    let registration = world.activated("/sw.js", "").await;
    world.workers.idle().await;
    let worker = registration.active().unwrap();
    world.host.crash_last();
    for name in ["m1", "m2", "m3"] {
        world.workers.post_to_worker(&worker, FunctionalEvent::bare(name));
    }
    world.workers.idle().await;
    let log = world.host.log();
    assert_eq!(log[3..], ["start /sw.js", "m1 /sw.js", "m2 /sw.js", "m3 /sw.js"]);
    assert!(worker.is_running());
}

#[tokio::test]
async fn messages_wait_until_their_client_listens() {
    use futures::{FutureExt, StreamExt};
    let (world, registration) = controlled("").await;
    let source = registration.active().unwrap();
    let send = |number: i32| {
        let message = ClientMessage { source: source.clone(), payload: Arc::new(number) };
        world.workers.post_to_client("page", message);
    };
    send(1);
    send(2);
    let mut messages = world.workers.observe_messages("page");
    send(3);
    for expected in 1..=3 {
        let message = messages.next().now_or_never().flatten().unwrap();
        assert_eq!(message.payload.downcast_ref::<i32>(), Some(&expected));
        assert_eq!(message.source, source);
    }
    // They go with the client.
    world.workers.unregister_client("page");
    assert!(messages.next().await.is_none());
}
