//! Policies before and after the network.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use futures::FutureExt as _;
use futures::future::BoxFuture;
use longhaul::background_fetch::PermissionState;
use longhaul::fetch::{
    Body, CacheMode, CredentialPrompt, CredentialQuestion, Credentials, CredentialsMode, Destination,
    EnvironmentSettings, FetchOptions, IpAddressSpace, Method, Mode, NetworkError, ReferrerPolicy, Request,
    ResponseType, TlsFailure, WebSocketHandshake,
};
use longhaul::net::{ResolveError, Resolver};
use longhaul::{PermissionPrompt, PermissionQuestion};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::Notify;

use crate::support::over::Over;
use crate::support::{Reply, Seen, body, fetch, read_head, reason, reply, request};

crate::over_each!(
    integrity_is_verified_behind_redirects_too,
    what_is_not_shared_comes_only_as_what_pages_embed,
    referrers_tell_what_the_policy_lets_them,
    a_redirect_may_change_what_the_referrer_tells,
    timing_is_told_to_whom_the_server_allows_it,
    each_phase_has_its_time_and_comes_behind_the_one_before,
    a_preflight_is_remembered_in_its_partition,
    a_secure_page_fetches_nothing_insecure,
    credentials_are_asked_for_once_and_stay_in_their_partition,
    a_name_that_was_rebound_leads_nowhere,
    the_user_is_asked_whether_a_public_page_may_reach_this_machine,
    a_keepalive_fetch_outlives_its_page,
);

crate::over_http1!(a_web_socket_is_handed_over_once_the_server_agrees);

const SHARED: (&str, &str) = ("Access-Control-Allow-Origin", "*");

fn scripts(seen: &Seen) -> Reply {
    match seen.target.as_str() {
        "/redirect" => reply(302, &[("Location", "/script"), SHARED], ""),
        _ => reply(200, &[SHARED, ("Content-Type", "text/javascript")], "alert(1)"),
    }
}

async fn integrity_is_verified_behind_redirects_too(over: Over) {
    let (user_agent, server) = (over.user_agent().await, over.server(scripts).await);
    let page = over.page();
    let with = |target: &str, metadata: &str| {
        let mut request = request(&page, &format!("{}{target}", server.origin()));
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
        "/nowhere" => reply(302, &[("Content-Type", "application/json")], "{\"secret\": 1}"),
        _ => reply(200, &[("Content-Type", "image/png")], &b"\x89PNG\r\n\x1a\n"[..]),
    }
}

async fn what_is_not_shared_comes_only_as_what_pages_embed(over: Over) {
    let (user_agent, server) = (over.user_agent().await, over.server(resources).await);
    let page = over.page();
    let opaque = |target: &str, destination| {
        let mut request = request(&page, &format!("{}{target}", server.origin()));
        (request.mode, request.destination) = (Mode::NoCors, destination);
        request
    };
    let response = fetch(&user_agent, opaque("/corp", Destination::Image)).await;
    assert_eq!(reason(&response), &NetworkError::CrossOriginResourcePolicy);
    for data in ["/data", "/nowhere"] {
        let response = fetch(&user_agent, opaque(data, Destination::Image)).await;
        assert_eq!(reason(&response), &NetworkError::OpaqueResponseBlocked("application/json".into()));
    }
    let response = fetch(&user_agent, opaque("/picture", Destination::Image)).await;
    assert_eq!(response.r#type, ResponseType::Opaque);
    let internal = response.into_unfiltered();
    assert_eq!(internal.body.unwrap().read_all(None).await.unwrap().len(), 8);
    let mut script = request(&page, &format!("{}/nosniff", server.origin()));
    script.destination = Destination::Script;
    assert_eq!(reason(&fetch(&user_agent, script).await), &NetworkError::NoSniff("text/plain".into()));
}

fn shared(seen: &Seen) -> Reply {
    let headers = [SHARED, ("Timing-Allow-Origin", "*")];
    reply(200, if seen.target == "/timing" { &headers } else { &headers[..1] }, "12345")
}

async fn referrers_tell_what_the_policy_lets_them(over: Over) {
    let (user_agent, server) = (over.user_agent().await, over.server(shared).await);
    let page = over.page();
    let url = server.origin();
    for (policy, expected) in [
        (ReferrerPolicy::Empty, Some(format!("{page}/"))),
        (ReferrerPolicy::NoReferrer, None),
        (ReferrerPolicy::UnsafeUrl, Some(format!("{page}/page"))),
        (ReferrerPolicy::SameOrigin, None),
    ] {
        let mut request = request(&page, &url);
        request.referrer_policy = policy;
        assert_eq!(fetch(&user_agent, request).await.reason(), None);
        assert_eq!(server.seen().last().unwrap().header("Referer"), expected, "{policy:?}");
    }
    fetch(&user_agent, request(&url, "/x")).await;
    assert_eq!(server.seen().last().unwrap().header("Referer"), Some(format!("{url}/page")));
}

async fn a_redirect_may_change_what_the_referrer_tells(over: Over) {
    let answer = |seen: &Seen| match seen.target.as_str() {
        "/start" => reply(302, &[("Location", "/next"), ("Referrer-Policy", "origin")], ""),
        "/next" => reply(302, &[("Location", "/last"), ("Referrer-Policy", "no-referrer")], ""),
        _ => reply(200, &[], ""),
    };
    let (user_agent, server) = (over.user_agent().await, over.server(answer).await);
    assert_eq!(fetch(&user_agent, request(&server.origin(), "/start")).await.reason(), None);
    let referrers: Vec<_> = server.seen().iter().map(|seen| seen.header("Referer")).collect();
    let page = server.origin();
    assert_eq!(referrers, [Some(format!("{page}/page")), Some(format!("{page}/")), None]);
}

async fn timing_is_told_to_whom_the_server_allows_it(over: Over) {
    let (user_agent, server) = (over.user_agent().await, over.server(shared).await);
    let page = over.page();
    // The size of a body is hidden with the body, not with the times.
    for (target, mode, allowed, size) in [
        ("/timing", Mode::Cors, true, 5),
        ("/x", Mode::Cors, false, 5),
        ("/timing", Mode::NoCors, true, 5),
        ("/x", Mode::NoCors, false, 0),
    ] {
        let options = FetchOptions::default();
        let controller = options.controller.clone();
        let url = format!("{}{target}", server.origin());
        let mut request = request(&page, &url);
        request.mode = mode;
        let response = user_agent.fetch(request, options).await.into_unfiltered();
        assert_eq!(response.timing_allow_passed, allowed);
        assert_eq!(body(response).await.unwrap(), "12345");
        let timing = controller.report_timing().unwrap();
        assert_eq!(timing.body_info.decoded_size, size, "{target} {mode:?}");
        assert_eq!(timing.timing.final_connection_timing_info.is_some(), allowed);
        assert_eq!(timing.response_status, if mode == Mode::Cors { 200 } else { 0 });
    }
}

async fn each_phase_has_its_time_and_comes_behind_the_one_before(over: Over) {
    let server = over.server(shared).await;
    let user_agent = over.user_agent_with(|network| network.resolver = Arc::new(Home)).await;
    let page = server.origin_of("named.test");
    let mut first = None;
    for is_new in [true, false] {
        let options = FetchOptions::default();
        let controller = options.controller.clone();
        let mut request = request(&page, "/timing");
        request.cache_mode = CacheMode::NoStore;
        assert_eq!(body(user_agent.fetch(request, options).await).await.unwrap(), "12345");
        let timing = controller.full_timing_info().unwrap();
        let connection = timing.final_connection_timing_info.unwrap();
        let alpn = if over.is_http2() { "h2" } else { "http/1.1" };
        assert_eq!(connection.alpn_negotiated_protocol, alpn);
        let mut moments = vec![timing.start_time, timing.post_redirect_start_time];
        moments.extend([connection.domain_lookup_start_time, connection.domain_lookup_end_time]);
        moments.push(connection.connection_start_time);
        // Without TLS there is no such moment; for a connection that was there all are one.
        if over != Over::Http1 || !is_new {
            moments.push(connection.secure_connection_start_time);
        }
        moments.push(connection.connection_end_time);
        moments.extend([timing.final_network_request_start_time, timing.final_network_response_start_time]);
        moments.push(timing.end_time);
        assert!(moments.is_sorted(), "{is_new}: {moments:?}");
        let connecting = connection.connection_end_time - connection.domain_lookup_start_time;
        assert_eq!(connecting.is_zero(), !is_new, "{connecting:?}");
        first.get_or_insert(timing.start_time);
        assert!(is_new || first < Some(timing.start_time));
    }
    assert_eq!(server.accepted(), 1);
}

fn preflights(seen: &Seen) -> Reply {
    let headers = [SHARED, ("Access-Control-Allow-Methods", "PUT"), ("Access-Control-Max-Age", "600")];
    reply(if seen.method == "OPTIONS" { 204 } else { 200 }, &headers, "")
}

async fn a_preflight_is_remembered_in_its_partition(over: Over) {
    let (user_agent, server) = (over.user_agent().await, over.server(preflights).await);
    let page = over.page();
    let put = |page: &str| {
        let mut request = request(page, &server.origin());
        request.method = Method::PUT;
        request
    };
    for _ in 0..2 {
        assert_eq!(fetch(&user_agent, put(&page)).await.reason(), None);
    }
    assert_eq!(server.lines(), ["OPTIONS /", "PUT /", "PUT /"]);
    let elsewhere = page.replace("page", "elsewhere");
    assert_eq!(fetch(&user_agent, put(&elsewhere)).await.reason(), None);
    assert_eq!(server.lines()[3..], ["OPTIONS /", "PUT /"]);
}

async fn a_secure_page_fetches_nothing_insecure(over: Over) {
    let server = over
        .server(|seen| match seen.target.as_str() {
            "/away" => reply(302, &[("Location", "http://named.test/"), SHARED], ""),
            _ => reply(200, &[("Content-Type", "image/png"), SHARED], &b"\x89PNG\r\n\x1a\n"[..]),
        })
        .await;
    let user_agent = over.user_agent_with(|network| network.resolver = Arc::new(Home)).await;
    let page = "https://page.example";
    let insecure = server.origin_of("named.test").replace("https:", "http:");
    let response = fetch(&user_agent, request(page, &insecure)).await;
    assert_eq!(reason(&response), &NetworkError::MixedContent(insecure.clone()));
    assert_eq!(server.accepted(), 0, "nobody was asked");
    // Pictures are asked for securely instead, which a server may understand or not.
    let mut picture = request(page, &insecure);
    (picture.mode, picture.destination) = (Mode::NoCors, Destination::Image);
    let response = fetch(&user_agent, picture).await;
    match over {
        Over::Http1 => assert!(matches!(reason(&response), NetworkError::Tls(_)), "{:?}", response.reason()),
        _ => assert_eq!(response.unfiltered().url().map(|url| url.scheme()), Some("https")),
    }
    // This machine counts as secure, but where it redirects to does not.
    let response = fetch(&user_agent, request(page, &format!("{}/away", server.origin()))).await;
    assert_eq!(reason(&response), &NetworkError::MixedContent("http://named.test".into()));
    assert!(server.seen().iter().all(|seen| over != Over::Http1 || seen.target == "/away"));
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

async fn credentials_are_asked_for_once_and_stay_in_their_partition(over: Over) {
    let server = over.server(guarded).await;
    let user_agent = over.builder().credential_prompt(Arc::new(User)).build().await.unwrap();
    for _ in 0..2 {
        let response = fetch(&user_agent, request(&server.origin(), "/")).await;
        assert_eq!(body(response).await.unwrap(), "inside");
    }
    assert_eq!(server.seen().len(), 3);
    // Embedded elsewhere, the same server knows nothing of them, and nobody answers twice.
    let mut embedded = EnvironmentSettings::for_url(format!("{}/page", server.origin()).parse().unwrap());
    let other = EnvironmentSettings::for_url(format!("{}://other.example/", over.scheme()).parse().unwrap());
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

async fn a_name_that_was_rebound_leads_nowhere(over: Over) {
    let server = over.server(shared).await;
    let user_agent = over.user_agent_with(|network| network.resolver = Arc::new(Home)).await;
    let refused = NetworkError::LocalNetworkAccess { space: IpAddressSpace::Loopback };
    // The page's own name, which led to a public server when the page was loaded. A server with TLS would have to vouch for it.
    let own = server.origin_of("attacker.test");
    let response = fetch(&user_agent, of_a_public_page(&own, &own)).await;
    match over {
        Over::Http1 => assert_eq!(reason(&response), &refused),
        _ => assert_eq!(reason(&response), &NetworkError::Tls(TlsFailure::WrongHost)),
    }
    // Another name of the attacker's, which the server would even vouch for.
    let page = "https://page.example";
    for host in ["rebound.test", "localhost"] {
        let other = || of_a_public_page(page, &format!("{}/{host}", server.origin_of(host)));
        let is_mixed = over == Over::Http1 && host == "rebound.test";
        let refused =
            if is_mixed { NetworkError::MixedContent(server.origin_of(host)) } else { refused.clone() };
        assert_eq!(reason(&fetch(&user_agent, other()).await), &refused);
    }
    assert!(server.seen().is_empty(), "no byte of a request has left");
    // With the permission it may, and a connection that is there already is judged anew.
    let other = || of_a_public_page(page, &server.origin());
    let permissions = user_agent.permissions();
    permissions.set("loopback-network", page, PermissionState::Granted);
    assert_eq!(body(fetch(&user_agent, other()).await).await.unwrap(), "12345");
    permissions.set("loopback-network", page, PermissionState::Denied);
    let mut again = other();
    again.cache_mode = CacheMode::NoStore;
    assert_eq!(reason(&fetch(&user_agent, again).await), &refused);
    assert_eq!(server.seen().len(), 1);
}

/// A user who lets one page reach this machine, and remembers what the question was.
#[derive(Default)]
struct Careful(Mutex<Vec<(String, String)>>);

impl PermissionPrompt for Careful {
    fn ask(&self, question: PermissionQuestion) -> BoxFuture<'static, PermissionState> {
        let state = match question.origin.as_str() {
            "https://page.example" => PermissionState::Granted,
            "https://other.example" => PermissionState::Denied,
            _ => PermissionState::Prompt,
        };
        self.0.lock().unwrap().push((question.name, question.origin));
        std::future::ready(state).boxed()
    }
}

async fn the_user_is_asked_whether_a_public_page_may_reach_this_machine(over: Over) {
    let server = over.server(shared).await;
    let careful = Arc::new(Careful::default());
    let user_agent = over.builder().permission_prompt(careful.clone()).build().await.unwrap();
    let refused = NetworkError::LocalNetworkAccess { space: IpAddressSpace::Loopback };
    let asked = |page: &str, times: usize| {
        let question = ("loopback-network".to_owned(), page.to_owned());
        assert_eq!(careful.0.lock().unwrap().drain(..).collect::<Vec<_>>(), vec![question; times], "{page}");
    };
    for (page, allowed, times) in [
        ("https://page.example", true, 1),
        ("https://other.example", false, 1),
        // No answer holds for one fetch alone.
        ("https://absent.example", false, 2),
    ] {
        for target in ["/1", "/2"] {
            let url = format!("{}{target}", server.origin());
            let response = fetch(&user_agent, of_a_public_page(page, &url)).await;
            assert_eq!(response.reason(), (!allowed).then_some(&refused), "{page}");
        }
        asked(page, times);
    }
    // Where no page is secure nobody is asked.
    let response = fetch(&user_agent, of_a_public_page("http://page.example", &server.origin())).await;
    assert_eq!(reason(&response), &refused);
    asked("http://page.example", 0);
    assert_eq!(server.lines(), ["GET /1", "GET /2"]);
}

async fn a_keepalive_fetch_outlives_its_page(over: Over) {
    let (arrived, release) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let cookies: Arc<Mutex<Vec<Option<String>>>> = Arc::default();
    let server = {
        let (arrived, release, cookies) = (Arc::clone(&arrived), Arc::clone(&release), Arc::clone(&cookies));
        over.streaming(move |request| {
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
    let user_agent = over.user_agent().await;
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

async fn a_web_socket_is_handed_over_once_the_server_agrees(over: Over) {
    let server = over
        .raw(|mut stream| async move {
            read_head(&mut stream).await;
            let answer = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                      Sec-WebSocket-Accept: ICX+Yqv66kxgM0FcWaLWlFLwTAI=\r\n\r\nhello";
            stream.write_all(answer.as_bytes()).await.unwrap();
            stream.flush().await.unwrap();
            let mut bytes = [0; 3];
            stream.read_exact(&mut bytes).await.unwrap();
            stream.write_all(&bytes).await.unwrap();
            stream.flush().await.unwrap();
        })
        .await;
    let client = EnvironmentSettings::for_url(format!("{}/page", server.origin()).parse().unwrap());
    let url = server.origin().replace("http", "ws").parse().unwrap();
    let handshake = WebSocketHandshake::new(url, Vec::new(), client.into_shared(), [0; 16]).unwrap();
    let (request, answer) = handshake.split();
    let opened = answer.judge(fetch(&over.user_agent().await, request).await).unwrap();
    let mut connection = opened.connection.into_inner();
    let mut bytes = [0; 8];
    connection.read_exact(&mut bytes[..5]).await.unwrap();
    connection.write_all(b"abc").await.unwrap();
    connection.read_exact(&mut bytes[5..]).await.unwrap();
    assert_eq!(&bytes, b"helloabc");
}
