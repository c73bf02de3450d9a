//! CORS: tainting, filters, preflights and their cache.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use longhaul_fetch::{
    ConnectionFailure, CredentialsMode, FetchOptions, Method, Mode, NetworkError, Request, Response,
    ResponseType, Services, fetch,
};

use crate::support::{Answer, FakeNetwork, Seen, cors, reason, reply, request, run, text};

const ORIGIN: (&str, &str) = ("Access-Control-Allow-Origin", "https://a.example");

#[tokio::test]
async fn tainting_decides_what_is_seen() {
    let network = FakeNetwork::new(|_| {
        let headers = [
            ("Access-Control-Allow-Origin", "*"),
            ("Access-Control-Expose-Headers", "x-b"),
            ("X-A", "1"),
            ("X-B", "2"),
            ("Set-Cookie", "c=1"),
            ("Content-Type", "text/plain"),
        ];
        reply(200, &headers, "body")
    });
    let basic = run(&network, cors("/")).await;
    assert_eq!(basic.r#type, ResponseType::Basic);
    assert!(basic.header_list.contains("X-A") && !basic.header_list.contains("Set-Cookie"));
    let shared = run(&network, cors("https://b.example/")).await;
    assert_eq!(shared.r#type, ResponseType::Cors);
    let names: Vec<_> = shared.header_list.iter().map(|(name, _)| name.to_vec()).collect();
    assert_eq!(names, [b"X-B".to_vec(), b"Content-Type".to_vec()]);
    assert_eq!(text(shared).await, "body");
    let opaque = run(&network, request(Mode::NoCors, "https://b.example/")).await;
    assert_eq!((opaque.r#type, opaque.status), (ResponseType::Opaque, 0));
    assert!(opaque.body.is_none() && opaque.url().is_none() && opaque.header_list.is_empty());
    let inner = opaque.into_unfiltered();
    assert_eq!(inner.url().unwrap().as_str(), "https://b.example/");
    assert_eq!(inner.body.unwrap().read_all(None).await.unwrap(), "body");
    let refused = run(&network, request(Mode::SameOrigin, "https://b.example/")).await;
    assert!(matches!(reason(&refused), NetworkError::NotSameOrigin(_)));
}

#[tokio::test]
async fn a_wildcard_exposes_everything_without_credentials() {
    let network = FakeNetwork::new(|_| {
        let headers = [
            ORIGIN,
            ("Access-Control-Allow-Credentials", "true"),
            ("Access-Control-Expose-Headers", "*"),
            ("X-A", "1"),
        ];
        reply(200, &headers, "")
    });
    assert!(run(&network, cors("https://b.example/")).await.header_list.contains("X-A"));
    let mut with_credentials = cors("https://b.example/");
    with_credentials.credentials_mode = CredentialsMode::Include;
    let response = run(&network, with_credentials).await;
    assert!(!response.is_network_error() && !response.header_list.contains("X-A"));
}

/// A server at another origin that allows PUT and a header for ten seconds.
fn server(seen: &Seen) -> Answer {
    if seen.method != "OPTIONS" {
        return reply(200, &[ORIGIN], "done");
    }
    let headers = [
        ORIGIN,
        ("Access-Control-Allow-Methods", "PUT"),
        ("Access-Control-Allow-Headers", "x-a, Authorization"),
        ("Access-Control-Max-Age", "10"),
    ];
    reply(204, &headers, "")
}

fn put(url: &str) -> Request {
    let mut request = cors(url);
    request.unsafe_request = true;
    request.method = Method::PUT;
    request.header_list.append("X-A", "1");
    request
}

struct Bench {
    network: Arc<FakeNetwork>,
    services: Services,
    now: Arc<AtomicU64>,
}

impl Bench {
    fn new(script: impl Fn(&Seen) -> Answer + Send + Sync + 'static) -> Bench {
        let network = FakeNetwork::new(script);
        let now = Arc::new(AtomicU64::new(100));
        let clock = Arc::clone(&now);
        let services = Services::new(Arc::clone(&network) as _)
            .with_clock(Arc::new(move || Duration::from_secs(clock.load(Ordering::Relaxed))));
        Bench { network, services, now }
    }

    async fn run(&self, request: Request) -> Response {
        fetch(&self.services, request, FetchOptions::default()).await
    }

    fn methods(&self) -> Vec<String> {
        self.network.seen().into_iter().map(|seen| seen.method).collect()
    }
}

#[tokio::test]
async fn a_preflight_asks_for_exactly_what_is_unsafe() {
    let bench = Bench::new(server);
    let mut request = put("https://b.example/x");
    request.header_list.append("Accept-Language", "de");
    request.header_list.append("authorization", "secret");
    request.credentials_mode = CredentialsMode::SameOrigin;
    assert!(!bench.run(request).await.is_network_error());
    let seen = bench.network.seen();
    let preflight = &seen[0];
    assert_eq!((preflight.method.as_str(), preflight.url.as_str()), ("OPTIONS", "https://b.example/x"));
    assert_eq!(preflight.header("access-control-request-method").unwrap(), "PUT");
    assert_eq!(preflight.header("access-control-request-headers").unwrap(), "authorization,x-a");
    assert_eq!(preflight.header("origin").unwrap(), "https://a.example");
    assert_eq!(preflight.header("accept").unwrap(), "*/*");
    assert_eq!(preflight.header("sec-fetch-mode").unwrap(), "cors");
    for absent in ["authorization", "x-a", "cookie"] {
        assert!(!preflight.headers.contains(absent), "{absent}");
    }
    assert!(!preflight.key.credentials);
    assert_eq!(preflight.key.network_partition_key, seen[1].key.network_partition_key);
}

#[tokio::test]
async fn an_answer_is_kept_for_as_long_as_it_says() {
    let bench = Bench::new(server);
    bench.run(put("https://b.example/x")).await;
    bench.now.fetch_add(9, Ordering::Relaxed);
    bench.run(put("https://b.example/x")).await;
    assert_eq!(bench.methods(), ["OPTIONS", "PUT", "PUT"]);
    bench.now.fetch_add(1, Ordering::Relaxed);
    bench.run(put("https://b.example/x")).await;
    bench.run(put("https://b.example/y")).await;
    assert_eq!(bench.methods()[3..], ["OPTIONS", "PUT", "OPTIONS", "PUT"]);
}

#[tokio::test]
async fn two_services_share_no_answer() {
    let (first, second) = (Bench::new(server), Bench::new(server));
    first.run(put("https://b.example/x")).await;
    second.run(put("https://b.example/x")).await;
    assert_eq!(second.methods(), ["OPTIONS", "PUT"]);
}

#[tokio::test]
async fn a_failure_clears_what_was_kept() {
    let bench = Bench::new(|seen| match seen.method.as_str() {
        "PUT" if seen.headers.contains("x-fail") => reply(200, &[], ""),
        "OPTIONS" => reply(
            200,
            &[ORIGIN, ("Access-Control-Allow-Methods", "*"), ("Access-Control-Allow-Headers", "*")],
            "",
        ),
        _ => server(seen),
    });
    bench.run(put("https://b.example/x")).await;
    let mut failing = put("https://b.example/x");
    failing.header_list.append("X-Fail", "1");
    assert_eq!(reason(&bench.run(failing).await), &NetworkError::CorsMissingAllowOrigin);
    bench.run(put("https://b.example/x")).await;
    assert_eq!(bench.methods(), ["OPTIONS", "PUT", "PUT", "OPTIONS", "PUT"]);
}

#[tokio::test]
async fn what_the_server_does_not_allow_is_never_sent() {
    let with = |headers: &[(&'static str, &'static str)], status: u16| {
        let headers = headers.to_vec();
        Bench::new(move |seen| {
            assert_eq!(seen.method, "OPTIONS", "the request itself must not go out");
            reply(status, &headers, "")
        })
    };
    let put_x = || put("https://b.example/x");
    let methods = ("Access-Control-Allow-Methods", "PUT");
    let names = ("Access-Control-Allow-Headers", "x-a");
    let result = with(&[methods, names], 200).run(put_x()).await;
    assert_eq!(reason(&result), &NetworkError::CorsMissingAllowOrigin);
    let result = with(&[ORIGIN, methods, names], 404).run(put_x()).await;
    assert_eq!(reason(&result), &NetworkError::PreflightStatus(404));
    let result = with(&[ORIGIN, names], 200).run(put_x()).await;
    assert_eq!(reason(&result), &NetworkError::PreflightMethodNotAllowed("PUT".into()));
    let result = with(&[ORIGIN, methods], 200).run(put_x()).await;
    assert_eq!(reason(&result), &NetworkError::PreflightHeaderNotAllowed("x-a".into()));
    let result = with(&[ORIGIN, methods, ("Access-Control-Allow-Headers", "x a")], 200).run(put_x()).await;
    assert_eq!(reason(&result), &NetworkError::PreflightHeaderInvalid("Access-Control-Allow-Headers"));
    let mut authorized = put_x();
    authorized.header_list.append("Authorization", "secret");
    let result = with(&[ORIGIN, methods, ("Access-Control-Allow-Headers", "*")], 200).run(authorized).await;
    assert_eq!(reason(&result), &NetworkError::PreflightHeaderNotAllowed("Authorization".into()));
    let mut credentialed = put_x();
    credentialed.credentials_mode = CredentialsMode::Include;
    let wildcards = [
        ORIGIN,
        ("Access-Control-Allow-Credentials", "true"),
        ("Access-Control-Allow-Methods", "*"),
        ("Access-Control-Allow-Headers", "*"),
    ];
    let result = with(&wildcards, 200).run(credentialed).await;
    assert_eq!(reason(&result), &NetworkError::PreflightMethodNotAllowed("PUT".into()));
    let result = with(&[ORIGIN, ("Location", "/y")], 302).run(put_x()).await;
    assert_eq!(reason(&result), &NetworkError::PreflightStatus(302));
}

#[tokio::test]
async fn safe_requests_and_own_origins_are_not_asked_about() {
    let bench = Bench::new(server);
    bench.run(put("/own")).await;
    let mut safe = cors("https://b.example/");
    safe.unsafe_request = true;
    safe.method = Method::POST;
    safe.header_list.append("Content-Type", "text/plain");
    safe.header_list.append("Range", "bytes=5-");
    bench.run(safe).await;
    assert_eq!(bench.methods(), ["PUT", "POST"]);
}

#[tokio::test]
async fn a_preflight_that_breaks_off_leaves_the_request_unsent() {
    let bench = Bench::new(|_| {
        Answer::Fail(NetworkError::Connection {
            failure: ConnectionFailure::Reset,
            request_may_have_been_sent: true,
        })
    });
    let response = bench.run(put("https://b.example/x")).await;
    assert!(!reason(&response).request_may_have_been_sent());
}

#[tokio::test]
async fn credentials_need_their_own_word() {
    let network = FakeNetwork::new(|_| reply(200, &[("Access-Control-Allow-Origin", "*")], ""));
    let mut with_credentials = cors("https://b.example/");
    with_credentials.credentials_mode = CredentialsMode::Include;
    let response = run(&network, with_credentials).await;
    assert_eq!(reason(&response), &NetworkError::CorsWildcardWithCredentials);
}

#[tokio::test]
async fn an_opaque_part_that_nobody_asked_for_is_refused() {
    let network = FakeNetwork::new(|_| {
        reply(206, &[("Content-Range", "bytes 0-0/9"), ("Cross-Origin-Resource-Policy", "cross-origin")], "x")
    });
    let mut ranged = request(Mode::NoCors, "https://b.example/");
    ranged.header_list.append("Range", "bytes=0-0");
    assert_eq!(run(&network, ranged).await.r#type, ResponseType::Opaque);
}

#[tokio::test]
async fn a_star_answered_to_credentials_is_no_wildcard_afterwards_either() {
    let bench = Bench::new(|seen| {
        let headers = [
            ORIGIN,
            ("Access-Control-Allow-Credentials", "true"),
            ("Access-Control-Allow-Methods", "PUT, *"),
            ("Access-Control-Allow-Headers", "x-a, *"),
            ("Access-Control-Max-Age", "10"),
        ];
        reply(if seen.method == "OPTIONS" { 204 } else { 200 }, &headers, "")
    });
    let with_credentials = |method: &str, header: &str| {
        let mut request = cors("https://b.example/x");
        request.unsafe_request = true;
        request.method = Method::new(method).unwrap();
        request.header_list.append(header, "1");
        request.credentials_mode = CredentialsMode::Include;
        request
    };
    assert!(!bench.run(with_credentials("PUT", "X-A")).await.is_network_error());
    let refused = bench.run(with_credentials("DELETE", "X-A")).await;
    assert_eq!(reason(&refused), &NetworkError::PreflightMethodNotAllowed("DELETE".into()));
    assert!(!bench.run(with_credentials("PUT", "X-A")).await.is_network_error());
    let refused = bench.run(with_credentials("PUT", "X-B")).await;
    assert_eq!(reason(&refused), &NetworkError::PreflightHeaderNotAllowed("x-b".into()));
    assert_eq!(bench.methods(), ["OPTIONS", "PUT", "OPTIONS", "OPTIONS", "PUT", "OPTIONS"]);
}

#[tokio::test]
async fn one_long_answer_does_not_push_out_the_others() {
    let bench = Bench::new(|seen| {
        if seen.url.starts_with("https://b.example/") {
            return server(seen);
        }
        let names = (0..5000).map(|number| format!("x-{number}")).collect::<Vec<_>>().join(",");
        let headers = [
            ORIGIN,
            ("Access-Control-Allow-Methods", "PUT"),
            ("Access-Control-Allow-Headers", &format!("{names},x-a")),
        ];
        reply(200, &headers, "")
    });
    assert!(!bench.run(put("https://b.example/x")).await.is_network_error());
    assert!(!bench.run(put("https://c.example/x")).await.is_network_error());
    assert!(!bench.run(put("https://b.example/x")).await.is_network_error());
    assert_eq!(bench.methods(), ["OPTIONS", "PUT", "OPTIONS", "PUT", "PUT"]);
}
