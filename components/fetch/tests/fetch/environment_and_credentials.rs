//! What belongs to an environment (fetch groups, deferred fetches), credentials, and what else a request goes through before and
//! after the network.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use longhaul_fetch::{
    Body, ConsumedBody, CredentialPrompt, CredentialQuestion, Credentials, FetchController, FetchEvent,
    FetchId, FetchOptions, HstsStore, Method, Mode, NetworkError, NetworkPartitionKey, NewConnection,
    RedirectMode, Request, RequestInterceptor, RequestObserver, Response, Services, StrictTransportSecurity,
    fetch, fetch_and_consume_body, queue_a_deferred_fetch,
};

use crate::support::{Answer, FakeNetwork, cors, reason, redirect, reply, request, text};

fn services(network: &Arc<FakeNetwork>) -> Services {
    Services::new(Arc::clone(network) as _)
}

async fn run(services: &Services, request: Request) -> Response {
    fetch(services, request, FetchOptions::default()).await
}

/// Lets spawned tasks run until the network has seen so many requests.
async fn until_seen(network: &FakeNetwork, count: usize) {
    while network.seen().len() < count {
        tokio::task::yield_now().await;
    }
}

fn keepalive(length: usize) -> Request {
    let mut request = cors("/");
    request.method = Method::POST;
    request.keepalive = true;
    request.body = Some(Body::from_bytes(vec![0; length]));
    request
}

#[tokio::test]
async fn keepalive_bodies_have_a_quota_and_outlive_their_caller() {
    let network = FakeNetwork::new(|_| Answer::Hang);
    let services = services(&network);
    let first = keepalive(40_000);
    let group = first.client.as_ref().unwrap().fetch_group.clone();
    let client = first.client.clone();
    let mut waiting = fetch(&services, first, FetchOptions::default());
    assert!((&mut waiting).now_or_never().is_none());
    until_seen(&network, 1).await;
    let mut second = keepalive(40_000);
    second.client = client;
    assert_eq!(reason(&run(&services, second).await), &NetworkError::KeepaliveQuota);
    assert_eq!(group.fetches_under_way(), 1);
    // Nobody waits for it any more, and its environment ends: it goes on.
    drop(waiting);
    group.terminate(&services);
    tokio::task::yield_now().await;
    assert_eq!(group.fetches_under_way(), 1);
    let too_long = keepalive(64 * 1024 + 1);
    assert_eq!(reason(&run(&services, too_long).await), &NetworkError::KeepaliveQuota);
    assert_eq!(network.seen().len(), 1);
}

#[tokio::test]
async fn a_keepalive_fetch_begins_though_nobody_waits_for_it() {
    let network = FakeNetwork::new(|_| reply(200, &[], ""));
    drop(fetch(&services(&network), keepalive(1), FetchOptions::default()));
    until_seen(&network, 1).await;
    // Where no runtime is at hand it begins when it is waited for.
    let services = services(&network);
    let made = std::thread::spawn(move || fetch(&services, keepalive(2), FetchOptions::default()));
    let response = made.join().unwrap().await;
    assert_eq!((response.status, network.seen().len()), (200, 2));
}

#[tokio::test]
async fn the_end_of_an_environment_ends_its_fetches() {
    let network = FakeNetwork::new(|_| Answer::Hang);
    let services = services(&network);
    let plain = cors("/");
    let group = plain.client.as_ref().unwrap().fetch_group.clone();
    let waiting = tokio::spawn(fetch(&services, plain, FetchOptions::default()));
    until_seen(&network, 1).await;
    group.terminate(&services);
    assert_eq!(reason(&waiting.await.unwrap()), &NetworkError::Terminated);
    assert_eq!(group.fetches_under_way(), 0);
}

#[tokio::test]
async fn what_was_put_off_is_sent_when_its_environment_ends() {
    let network = FakeNetwork::new(|_| reply(200, &[], ""));
    let services = services(&network);
    let deferred = keepalive(60_000);
    let client = deferred.client.clone();
    let group = client.as_ref().unwrap().fetch_group.clone();
    let told = || Box::new(|| panic!("the environment has ended, nobody is to be told"));
    let one = queue_a_deferred_fetch(&services, deferred, None, told());
    // Deferred fetches do not use up the quota of keepalive ones.
    let mut other = keepalive(60_000);
    other.client = client;
    let two = queue_a_deferred_fetch(&services, other, Some(Duration::from_secs(3600)), told());
    assert_eq!(group.deferred_fetch_records().len(), 2);
    assert!(network.seen().is_empty());
    group.terminate(&services);
    until_seen(&network, 2).await;
    assert!(!one.is_pending() && !two.is_pending());
    assert!(network.seen().iter().all(|seen| seen.body.len() == 60_000));
}

#[tokio::test(start_paused = true)]
async fn what_was_put_off_is_sent_after_its_time() {
    let network = FakeNetwork::new(|_| reply(200, &[], ""));
    let (sender, told) = tokio::sync::oneshot::channel();
    let services = services(&network);
    let after = Some(Duration::from_secs(60));
    let record = queue_a_deferred_fetch(&services, cors("/"), after, Box::new(|| sender.send(()).unwrap()));
    assert!(record.is_pending());
    told.await.unwrap();
    assert!(!record.is_pending());
    until_seen(&network, 1).await;
}

/// Answers with one user name after the other, and then with nothing.
struct Prompt {
    names: Mutex<Vec<&'static str>>,
    asked: Mutex<Vec<CredentialQuestion>>,
}

impl Prompt {
    fn new(names: &[&'static str]) -> Arc<Prompt> {
        let names = names.iter().rev().copied().collect();
        Arc::new(Prompt { names: Mutex::new(names), asked: Mutex::default() })
    }
}

impl CredentialPrompt for Prompt {
    fn prompt(&self, question: CredentialQuestion) -> BoxFuture<'static, Option<Credentials>> {
        self.asked.lock().unwrap().push(question);
        let name = self.names.lock().unwrap().pop();
        let answer = name.map(|name| Credentials { username: name.into(), password: "pass".into() });
        Box::pin(std::future::ready(answer))
    }
}

/// `user:pass` in base64.
const RIGHT: &str = "Basic dXNlcjpwYXNz";

fn guarded() -> Arc<FakeNetwork> {
    FakeNetwork::new(|seen| match seen.header("Authorization").as_deref() {
        Some(RIGHT) => reply(200, &[], "inside"),
        _ => reply(401, &[("WWW-Authenticate", "Negotiate, Basic realm=\"here\"")], "outside"),
    })
}

#[tokio::test]
async fn a_user_is_asked_and_the_answer_is_kept() {
    let network = guarded();
    let prompt = Prompt::new(&["nobody", "user"]);
    let services = services(&network).with_credential_prompt(Arc::clone(&prompt) as _);
    let mut post = cors("/a/b");
    post.method = Method::POST;
    post.body = Some(Body::from_bytes("body"));
    let response = run(&services, post).await;
    assert_eq!(response.url().unwrap().as_str(), "https://a.example/a/b");
    assert_eq!(text(response).await, "inside");
    assert!(network.seen().iter().all(|seen| seen.body == b"body"));
    {
        let asked = prompt.asked.lock().unwrap();
        assert_eq!(asked.iter().map(|question| question.attempts).collect::<Vec<_>>(), [0, 1]);
        assert_eq!((asked[0].realm.as_str(), asked[0].is_proxy), ("here", false));
    }
    // Nobody is asked again.
    assert_eq!(text(run(&services, cors("/a/c")).await).await, "inside");
    assert_eq!(network.seen().len(), 4);
    let entries = services.authentication_entries().list();
    assert_eq!((entries.len(), entries[0].username.as_str()), (1, "user"));
    services.authentication_entries().clear();
    let response = run(&services, cors("/a/c")).await;
    assert_eq!((response.status, text(response).await.as_str()), (401, "outside"));
}

#[tokio::test]
async fn credentials_are_not_asked_for_where_they_would_not_be_sent() {
    let network = guarded();
    let prompt = Prompt::new(&["user", "user", "user"]);
    let services = services(&network).with_credential_prompt(Arc::clone(&prompt) as _);
    let mut omitting = cors("/");
    omitting.credentials_mode = longhaul_fetch::CredentialsMode::Omit;
    assert_eq!(run(&services, omitting).await.status, 401);
    let mut author = cors("/");
    author.header_list.append("Authorization", "Basic x");
    assert_eq!(run(&services, author).await.status, 401);
    assert!(run(&services, cors("https://b.example/")).await.is_network_error());
    assert!(prompt.asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_body_that_cannot_go_twice_fails_where_credentials_are_asked_for() {
    let network = guarded();
    let services = services(&network);
    let with = |body: Body| {
        let mut request = cors("/");
        request.method = Method::POST;
        request.body = Some(body);
        // As in a worker.
        request.traversable_for_user_prompts = longhaul_fetch::TraversableForUserPrompts::NoTraversable;
        request
    };
    let once = futures::stream::iter([Ok(bytes::Bytes::from_static(b"body"))]);
    let streamed = run(&services, with(Body::from_stream(Box::pin(once), None, None))).await;
    assert!(
        matches!(streamed.reason(), Some(longhaul_fetch::NetworkError::AuthenticationBodyNotReplayable)),
        "{streamed:?}"
    );
    assert_eq!(run(&services, with(Body::from_bytes("body"))).await.status, 401);
}

#[tokio::test]
async fn a_url_brings_its_own_credentials_where_that_is_allowed() {
    let network = guarded();
    let services = services(&network);
    let mut with = cors("https://user:pass@a.example/");
    with.use_url_credentials = true;
    assert_eq!(text(run(&services, with).await).await, "inside");
    assert_eq!(network.seen()[0].header("Authorization"), None);
    let without = cors("https://user:pass@a.example/other/");
    services.authentication_entries().clear();
    assert_eq!(run(&services, without).await.status, 401);
}

#[tokio::test]
async fn a_proxy_is_given_what_the_user_says() {
    let network = FakeNetwork::new(|seen| match seen.has_proxy_credentials {
        true => reply(200, &[], "through"),
        false => reply(407, &[("Proxy-Authenticate", "Basic realm=p")], "the proxy's own words"),
    });
    let prompt = Prompt::new(&["user"]);
    let services = services(&network).with_credential_prompt(Arc::clone(&prompt) as _);
    assert_eq!(text(run(&services, cors("/")).await).await, "through");
    assert!(prompt.asked.lock().unwrap()[0].is_proxy);
    assert_eq!(text(run(&services, cors("/")).await).await, "through");
    assert_eq!(network.seen().len(), 3);
}

#[tokio::test]
async fn a_misdirected_request_goes_over_a_new_connection_once() {
    let network = FakeNetwork::new(|seen| match (seen.target.as_str(), seen.new_connection) {
        ("/ever", _) | (_, NewConnection::No) => reply(421, &[], "wrong"),
        _ => reply(200, &[], "right"),
    });
    let services = services(&network);
    assert_eq!(text(run(&services, cors("/")).await).await, "right");
    let response = run(&services, cors("/ever")).await;
    assert_eq!((response.status, network.seen().len()), (421, 4));
}

/// Knows hosts once they have said so.
#[derive(Default)]
struct Hosts(Mutex<Vec<String>>);

impl HstsStore for Hosts {
    fn should_upgrade(&self, host: &str, _: &NetworkPartitionKey) -> bool {
        self.0.lock().unwrap().iter().any(|known| known == host)
    }

    fn observe(&self, host: &str, policy: &StrictTransportSecurity, _: &NetworkPartitionKey) {
        assert_eq!(policy.max_age, Duration::from_secs(60));
        self.0.lock().unwrap().push(host.to_owned());
    }
}

#[tokio::test]
async fn known_hosts_are_reached_securely() {
    let network = FakeNetwork::new(|_| {
        let headers = [("Strict-Transport-Security", "max-age=60"), ("Access-Control-Allow-Origin", "*")];
        reply(200, &headers, "")
    });
    let services = services(&network).with_hsts(Arc::new(Hosts::default()));
    let insecure = |url: &str| {
        let mut insecure = cors(url);
        insecure.client = None;
        insecure
    };
    for url in ["http://b.example/", "https://b.example/", "http://b.example/", "http://c.example/"] {
        assert!(!run(&services, insecure(url)).await.is_network_error());
    }
    let urls: Vec<_> = network.seen().into_iter().map(|seen| seen.url).collect();
    assert_eq!(urls, ["http://b.example/", "https://b.example/", "https://b.example/", "http://c.example/"]);
}

#[tokio::test]
async fn a_navigation_goes_on_behind_a_manual_redirect() {
    let network = FakeNetwork::new(|seen| match seen.target.as_str() {
        "/one" => redirect(302, "/two"),
        "/two" => redirect(302, "/three"),
        _ => reply(200, &[], "here"),
    });
    let mut navigation = request(Mode::Navigate, "/one");
    navigation.redirect_mode = RedirectMode::Manual;
    let controller = FetchController::new();
    let options = FetchOptions { controller: controller.clone(), ..FetchOptions::default() };
    let response = fetch(&services(&network), navigation, options).await;
    assert_eq!((response.status, network.seen().len()), (302, 1));
    let second = controller.process_the_next_manual_redirect(None).unwrap().await;
    assert_eq!((second.status, network.seen().len()), (302, 2));
    let third = controller.process_the_next_manual_redirect(None).unwrap().await;
    assert_eq!(third.url_list.len(), 3);
    assert_eq!(text(third).await, "here");
    assert!(controller.process_the_next_manual_redirect(None).is_none());
}

#[tokio::test]
async fn a_navigation_that_stops_at_a_redirect_holds_nothing() {
    let network = FakeNetwork::new(|_| redirect(302, "/two"));
    let mut navigation = request(Mode::Navigate, "/one");
    navigation.redirect_mode = RedirectMode::Manual;
    let client = Arc::downgrade(navigation.client.as_ref().unwrap());
    assert_eq!(run(&services(&network), navigation).await.status, 302);
    assert_eq!(Arc::strong_count(&network), 1);
    assert!(client.upgrade().is_none(), "what was to go on keeps its environment");
}

struct Shim;

impl RequestInterceptor for Shim {
    fn potentially_override_response(&self, request: &Request) -> BoxFuture<'static, Option<Response>> {
        let answer = (request.current_url().path() == "/shim").then(|| {
            let mut response = Response::new();
            response.body = Some(Body::from_bytes("shimmed"));
            response
        });
        Box::pin(std::future::ready(answer))
    }
}

#[tokio::test]
async fn an_interceptor_answers_first() {
    let network = FakeNetwork::new(|_| reply(200, &[], "network"));
    let services = services(&network).with_interceptor(Arc::new(Shim));
    assert_eq!(text(run(&services, cors("/shim")).await).await, "shimmed");
    let options = FetchOptions::default();
    let (_, consumed) = fetch_and_consume_body(&services, cors("/else"), options, None).await;
    assert_eq!(consumed, ConsumedBody::Bytes("network".into()));
    assert_eq!(network.seen().len(), 1);
}

#[derive(Default)]
struct Steps(Mutex<Vec<(FetchId, &'static str)>>);

impl RequestObserver for Steps {
    fn observe(&self, fetch: FetchId, event: FetchEvent<'_>) {
        self.0.lock().unwrap().push((fetch, event.name()));
    }
}

#[tokio::test]
async fn an_observer_sees_every_step() {
    let network = FakeNetwork::new(|seen| match seen.target.as_str() {
        "/one" => redirect(302, "/two"),
        _ => reply(200, &[], "here"),
    });
    let steps = Arc::new(Steps::default());
    let services = services(&network).with_observer(Arc::clone(&steps) as _);
    text(run(&services, cors("/one")).await).await;
    let seen = steps.0.lock().unwrap();
    assert!(seen.iter().all(|(fetch, _)| *fetch == seen[0].0));
    let hop = ["cache", "request sent", "informational", "response received"];
    let expected: Vec<_> =
        [&["started"][..], &hop, &["redirected"], &hop, &["answered", "finished"]].concat();
    assert_eq!(seen.iter().map(|(_, name)| *name).collect::<Vec<_>>(), expected);
}

/// Polls the fetch `polls` times, letting everything else run between, and then aborts it.
async fn abort_after(polls: usize) -> bool {
    let network = FakeNetwork::new(|seen| match (seen.method.as_str(), seen.target.as_str()) {
        ("OPTIONS", _) => {
            let headers = [("Access-Control-Allow-Origin", "*"), ("Access-Control-Allow-Methods", "PUT")];
            reply(204, &headers, "")
        }
        (_, "/one") => redirect(307, "/two"),
        _ => reply(200, &[("Access-Control-Allow-Origin", "*")], "here"),
    });
    network.yield_before_answering();
    let services = services(&network);
    let mut put = cors("https://b.example/one");
    put.unsafe_request = true;
    put.method = Method::PUT;
    put.body = Some(Body::from_bytes("body"));
    let group = put.client.as_ref().unwrap().fetch_group.clone();
    let controller = FetchController::new();
    let options = FetchOptions { controller: controller.clone(), ..FetchOptions::default() };
    let mut fetching = fetch(&services, put, options);
    for _ in 0..polls {
        if let Some(response) = (&mut fetching).now_or_never() {
            drop(response);
            assert_eq!((network.under_way(), group.fetches_under_way()), (0, 0));
            return true;
        }
        tokio::task::yield_now().await;
    }
    controller.abort(None);
    assert!(fetching.await.aborted, "aborted after {polls} polls");
    assert_eq!((network.under_way(), group.fetches_under_way()), (0, 0), "after {polls} polls");
    false
}

#[tokio::test]
async fn an_abort_at_any_step_leaves_nothing_running() {
    let mut polls = 0;
    while !abort_after(polls).await {
        polls += 1;
    }
    println!("aborted at {polls} steps");
    assert!(polls > 3, "the fetch waits at several steps");
}
