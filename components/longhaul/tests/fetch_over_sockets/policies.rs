//! Policies before and after the network, over HTTP/1.1 and over HTTP/2.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use futures::FutureExt as _;
use futures::future::BoxFuture;
use longhaul::UserAgent;
use longhaul::background_fetch::PermissionState;
use longhaul::fetch::{
    Body, CredentialPrompt, CredentialQuestion, Credentials, CredentialsMode, Destination,
    EnvironmentSettings, FetchOptions, IpAddressSpace, Method, Mode, NetworkError, ReferrerPolicy, Request,
    ResponseType, WebSocketHandshake,
};
use longhaul::net::{NetworkConfig, ResolveError, Resolver};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::Notify;

use crate::support::{
    Reply, Seen, Server, body, fetch, read_head, reason, reply, request, tls, user_agent, user_agent_trusting,
};

/// Runs the check over plain HTTP/1.1 and over HTTP/2 with TLS. It is given the origin of a page elsewhere.
async fn each_protocol<T: Future<Output = ()>>(
    answer: fn(&Seen) -> Reply,
    check: impl Fn(UserAgent, Server, &'static str) -> T,
) {
    check(user_agent().await, Server::http(answer).await, "http://page.example").await;
    let (pem, config) = tls();
    let server = Server::https(config, answer).await;
    check(user_agent_trusting(&pem).await, server, "https://page.example").await;
}

const SHARED: (&str, &str) = ("Access-Control-Allow-Origin", "*");

fn scripts(seen: &Seen) -> Reply {
    match seen.target.as_str() {
        "/redirect" => reply(302, &[("Location", "/script"), SHARED], ""),
        _ => reply(200, &[SHARED, ("Content-Type", "text/javascript")], "alert(1)"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn integrity_is_verified_behind_redirects_too() {
    each_protocol(scripts, |user_agent, server, page| async move {
        let with = |target: &str, metadata: &str| {
            let mut request = request(page, &format!("{}{target}", server.origin()));
            request.integrity_metadata = metadata.to_owned();
            request
        };
        let right = "sha256-bhHHL3z2vDgxUt0W3dWQOrprscmda2Y5pLsLg4GF+pI=";
        for target in ["/script", "/redirect"] {
            let response = fetch(&user_agent, with(target, right)).await;
            assert_eq!(body(response).await.unwrap(), "alert(1)");
            let wrong = fetch(&user_agent, with(target, "sha384-AAAA")).await;
            assert!(matches!(reason(&wrong), NetworkError::Integrity(_)));
        }
        let mut opaque = with("/script", right);
        opaque.mode = Mode::NoCors;
        assert!(matches!(reason(&fetch(&user_agent, opaque).await), NetworkError::Integrity(_)));
    })
    .await;
}

fn resources(seen: &Seen) -> Reply {
    match seen.target.as_str() {
        "/corp" => reply(200, &[("Cross-Origin-Resource-Policy", "same-origin")], "x"),
        "/nosniff" => reply(
            200,
            &[("X-Content-Type-Options", "nosniff"), ("Content-Type", "text/plain"), SHARED],
            "f()",
        ),
        "/data" => reply(200, &[("Content-Type", "application/json")], "{\"secret\": 1}"),
        _ => reply(200, &[("Content-Type", "image/png")], &b"\x89PNG\r\n\x1a\n"[..]),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_shared_comes_only_as_what_pages_embed() {
    each_protocol(resources, |user_agent, server, page| async move {
        let opaque = |target: &str, destination| {
            let mut request = request(page, &format!("{}{target}", server.origin()));
            (request.mode, request.destination) = (Mode::NoCors, destination);
            request
        };
        let response = fetch(&user_agent, opaque("/corp", Destination::Image)).await;
        assert_eq!(reason(&response), &NetworkError::CrossOriginResourcePolicy);
        let response = fetch(&user_agent, opaque("/data", Destination::Image)).await;
        assert_eq!(reason(&response), &NetworkError::OpaqueResponseBlocked("application/json".into()));
        let response = fetch(&user_agent, opaque("/picture", Destination::Image)).await;
        assert_eq!(response.r#type, ResponseType::Opaque);
        let internal = response.into_unfiltered();
        assert_eq!(internal.body.unwrap().read_all(None).await.unwrap().len(), 8);
        let mut script = request(page, &format!("{}/nosniff", server.origin()));
        script.destination = Destination::Script;
        assert_eq!(reason(&fetch(&user_agent, script).await), &NetworkError::NoSniff("text/plain".into()));
    })
    .await;
}

fn shared(seen: &Seen) -> Reply {
    let headers = [SHARED, ("Timing-Allow-Origin", "*")];
    reply(200, if seen.target == "/timing" { &headers } else { &headers[..1] }, "12345")
}

#[tokio::test(flavor = "multi_thread")]
async fn referrers_tell_what_the_policy_lets_them() {
    each_protocol(shared, |user_agent, server, page| async move {
        let url = server.origin();
        for (policy, expected) in [
            (ReferrerPolicy::Empty, Some(format!("{page}/"))),
            (ReferrerPolicy::NoReferrer, None),
            (ReferrerPolicy::UnsafeUrl, Some(format!("{page}/page"))),
            (ReferrerPolicy::SameOrigin, None),
        ] {
            let mut request = request(page, &url);
            request.referrer_policy = policy;
            assert_eq!(fetch(&user_agent, request).await.reason(), None);
            assert_eq!(server.seen().last().unwrap().header("Referer"), expected, "{policy:?}");
        }
        fetch(&user_agent, request(&url, "/x")).await;
        assert_eq!(server.seen().last().unwrap().header("Referer"), Some(format!("{url}/page")));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn timing_is_told_to_whom_the_server_allows_it() {
    each_protocol(shared, |user_agent, server, page| async move {
        for (target, allowed) in [("/timing", true), ("/x", false)] {
            let options = FetchOptions::default();
            let controller = options.controller.clone();
            let url = format!("{}{target}", server.origin());
            let response = user_agent.fetch(request(page, &url), options).await;
            assert_eq!(response.timing_allow_passed, allowed);
            assert_eq!(body(response).await.unwrap(), "12345");
            let timing = controller.report_timing().unwrap();
            assert_eq!(timing.body_info.decoded_size, if allowed { 5 } else { 0 });
            assert_eq!(timing.timing.final_connection_timing_info.is_some(), allowed);
            assert_eq!(timing.response_status, 200);
        }
    })
    .await;
}

fn preflights(seen: &Seen) -> Reply {
    let headers = [SHARED, ("Access-Control-Allow-Methods", "PUT"), ("Access-Control-Max-Age", "600")];
    reply(if seen.method == "OPTIONS" { 204 } else { 200 }, &headers, "")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preflight_is_remembered_in_its_partition() {
    each_protocol(preflights, |user_agent, server, page| async move {
        let put = |page: &str| {
            let mut request = request(page, &server.origin());
            request.method = Method::PUT;
            request
        };
        for _ in 0..2 {
            assert_eq!(fetch(&user_agent, put(page)).await.reason(), None);
        }
        assert_eq!(server.lines(), ["OPTIONS /", "PUT /", "PUT /"]);
        let elsewhere = page.replace("page", "elsewhere");
        assert_eq!(fetch(&user_agent, put(&elsewhere)).await.reason(), None);
        assert_eq!(server.lines()[3..], ["OPTIONS /", "PUT /"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secure_page_fetches_nothing_insecure() {
    let user_agent = user_agent().await;
    let response = fetch(&user_agent, request("https://page.example", "http://insecure.test/")).await;
    assert_eq!(reason(&response), &NetworkError::MixedContent("http://insecure.test".into()));
}

struct User;

impl CredentialPrompt for User {
    fn prompt(&self, question: CredentialQuestion) -> BoxFuture<'static, Option<Credentials>> {
        assert_eq!(question.realm, "here");
        let answer = Credentials { username: "user".into(), password: "pass".into() };
        std::future::ready((question.attempts == 0).then_some(answer)).boxed()
    }
}

fn guarded(seen: &Seen) -> Reply {
    match seen.header("Authorization").as_deref() {
        Some("Basic dXNlcjpwYXNz") => reply(200, &[], "inside"),
        _ => reply(401, &[("WWW-Authenticate", "Basic realm=\"here\"")], "outside"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_are_asked_for_once_and_stay_in_their_partition() {
    let server = Server::http(guarded).await;
    let user_agent = UserAgent::builder().credential_prompt(Arc::new(User)).build().await.unwrap();
    for _ in 0..2 {
        let response = fetch(&user_agent, request(&server.origin(), "/")).await;
        assert_eq!(body(response).await.unwrap(), "inside");
    }
    assert_eq!(server.seen().len(), 3);
    // Embedded elsewhere, the same server knows nothing of them, and nobody answers twice.
    let mut embedded = EnvironmentSettings::for_url(format!("{}/page", server.origin()).parse().unwrap());
    let other = EnvironmentSettings::for_url("http://other.example/".parse().unwrap());
    embedded.network_partition_key = other.network_partition_key;
    let mut request = Request::new(server.origin().parse().unwrap());
    request.client = Some(embedded.into_shared());
    request.credentials_mode = CredentialsMode::SameOrigin;
    fetch(&user_agent, request).await;
    assert_eq!(server.seen()[3].header("Authorization"), None);
}

/// Every name leads to this machine.
struct Home;

impl Resolver for Home {
    fn resolve(&self, _: &str, port: u16) -> BoxFuture<'static, Result<Vec<SocketAddr>, ResolveError>> {
        std::future::ready(Ok(vec![SocketAddr::from(([127, 0, 0, 1], port))])).boxed()
    }
}

/// A request of a page that came from a public address.
fn of_a_public_page(page: &str, url: &str) -> Request {
    let mut client = EnvironmentSettings::for_url(page.parse().unwrap());
    client.policy_container.ip_address_space = Some(IpAddressSpace::Public);
    let mut request = Request::new(url.parse().unwrap());
    request.client = Some(client.into_shared());
    request.mode = Mode::Cors;
    request
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_was_rebound_leads_nowhere() {
    let server = Server::http(shared).await;
    let mut network = NetworkConfig::default();
    network.resolver = Arc::new(Home);
    let user_agent = UserAgent::builder().network(network).build().await.unwrap();
    let refused = NetworkError::LocalNetworkAccess { space: IpAddressSpace::Loopback };
    // The page's own name, which led to a public server when the page was loaded.
    let own = server.origin_of("rebound.test");
    let response = fetch(&user_agent, of_a_public_page(&own, &own)).await;
    assert_eq!(reason(&response), &refused);
    let page = "https://page.example/";
    let other = || of_a_public_page(page, &server.origin());
    assert_eq!(reason(&fetch(&user_agent, other()).await), &refused);
    assert!(server.seen().is_empty(), "no byte of a request has left");
    // With the permission it may, and a connection that is there already is judged anew.
    let permissions = user_agent.permissions();
    permissions.set("loopback-network", "https://page.example", PermissionState::Granted);
    assert_eq!(body(fetch(&user_agent, other()).await).await.unwrap(), "12345");
    permissions.set("loopback-network", "https://page.example", PermissionState::Denied);
    let mut again = other();
    again.cache_mode = longhaul::fetch::CacheMode::NoStore;
    assert_eq!(reason(&fetch(&user_agent, again).await), &refused);
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_keepalive_fetch_outlives_its_page() {
    let (arrived, release) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let cookies: Arc<Mutex<Vec<Option<String>>>> = Arc::default();
    let server = {
        let (arrived, release, cookies) = (Arc::clone(&arrived), Arc::clone(&release), Arc::clone(&cookies));
        Server::streaming(move |request| {
            let (arrived, release, cookies) =
                (Arc::clone(&arrived), Arc::clone(&release), Arc::clone(&cookies));
            async move {
                let cookie = request.headers().get("cookie").map(|value| value.to_str().unwrap().to_owned());
                cookies.lock().unwrap().push(cookie);
                if request.uri().path() == "/beacon" {
                    arrived.notify_one();
                    release.notified().await;
                }
                reply(200, &[("Set-Cookie", "beacon=sent")], "")
            }
        })
        .await
    };
    let user_agent = user_agent().await;
    let mut beacon = request(&server.origin(), "/beacon");
    beacon.method = Method::POST;
    beacon.keepalive = true;
    beacon.body = Some(Body::from_bytes("data"));
    let group = beacon.client.as_ref().unwrap().fetch_group.clone();
    let mut waiting = user_agent.fetch(beacon, FetchOptions::default());
    tokio::select! {
        _ = &mut waiting => panic!("the server has not answered"),
        () = arrived.notified() => {}
    }
    drop(waiting);
    group.terminate(user_agent.services());
    release.notify_one();
    while group.fetches_under_way() > 0 {
        tokio::task::yield_now().await;
    }
    fetch(&user_agent, request(&server.origin(), "/after")).await;
    assert_eq!(*cookies.lock().unwrap(), [None, Some("beacon=sent".to_owned())]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_web_socket_is_handed_over_once_the_server_agrees() {
    let server = Server::raw(|mut stream| async move {
        read_head(&mut stream).await;
        let answer = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                      Sec-WebSocket-Accept: ICX+Yqv66kxgM0FcWaLWlFLwTAI=\r\n\r\nhello";
        stream.write_all(answer.as_bytes()).await.unwrap();
        let mut bytes = [0; 3];
        stream.read_exact(&mut bytes).await.unwrap();
        stream.write_all(&bytes).await.unwrap();
    })
    .await;
    let client = EnvironmentSettings::for_url(format!("{}/page", server.origin()).parse().unwrap());
    let url = server.origin().replace("http", "ws").parse().unwrap();
    let handshake = WebSocketHandshake::new(url, Vec::new(), client.into_shared(), [0; 16]).unwrap();
    let (request, answer) = handshake.split();
    let opened = answer.judge(fetch(&user_agent().await, request).await).unwrap();
    let mut connection = opened.connection.into_inner();
    let mut bytes = [0; 8];
    connection.read_exact(&mut bytes[..5]).await.unwrap();
    connection.write_all(b"abc").await.unwrap();
    connection.read_exact(&mut bytes[5..]).await.unwrap();
    assert_eq!(&bytes, b"helloabc");
}
