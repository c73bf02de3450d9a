//! The examples, run against servers on loopback.

#[path = "../examples/abort.rs"]
mod abort;
#[path = "../examples/custom_scheme.rs"]
mod custom_scheme;
#[path = "../examples/get.rs"]
mod get;
#[path = "../examples/intercept.rs"]
mod intercept;
#[path = "../examples/private_user_agent.rs"]
mod private_user_agent;
#[allow(dead_code, reason = "each test binary uses its own part of it")]
mod support;
#[path = "../examples/upload.rs"]
mod upload;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use longhaul::UserAgent;
use longhaul::fetch::{FetchOptions, NetworkError, Request, Response};
use url::Url;

use support::{Server, reply, user_agent};

/// The body as the embedder sees it.
async fn whole(response: Response) -> Bytes {
    assert_eq!(response.reason(), None);
    response.into_unfiltered().body.unwrap().read_all(None).await.unwrap()
}

fn url(server: &Server, path: &str) -> Url {
    format!("{}{path}", server.origin()).parse().unwrap()
}

#[tokio::test]
async fn get_writes_the_body_and_tells_the_status_or_the_reason() {
    let server = Server::http(|seen| reply(404, &[], format!("no {}", seen.target))).await;
    let user_agent = user_agent().await;
    let mut output = Vec::new();
    assert_eq!(get::get(&user_agent, url(&server, "/x"), &mut output).await.unwrap(), 404);
    assert_eq!(output, b"no /x");
    let nowhere = "http://localhost:1/".parse().unwrap();
    let error = get::get(&user_agent, nowhere, &mut output).await.unwrap_err();
    assert!(matches!(error, get::GetError::NoResponse(NetworkError::PortBlocked(1))), "{error}");
}

#[tokio::test]
async fn upload_sends_a_file_and_tells_its_progress() {
    let server = Server::http(|seen| reply(200, &[], seen.body.len().to_string())).await;
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let size = 300_000;
    std::io::Write::write_all(&mut file, &vec![7; size]).unwrap();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let tell = heard.clone();
    let user_agent = UserAgent::builder().streamed_uploads_over_http1(true).build().await.unwrap();
    let response = upload::upload(
        &user_agent,
        url(&server, "/upload"),
        upload::pieces(file.reopen().unwrap()),
        Some(size as u64),
        move |sent| tell.lock().unwrap().push(sent),
    )
    .await;
    assert_eq!(whole(response).await, size.to_string());
    let heard = heard.lock().unwrap();
    assert!(heard.len() >= 4 && heard.is_sorted() && heard.last() == Some(&(size as u64)), "{heard:?}");
    assert_eq!(server.seen()[0].header("content-length").as_deref(), Some("300000"));
}

#[tokio::test]
async fn abort_ends_a_fetch_when_its_time_is_over() {
    let server = Server::streaming(|request: http::Request<hyper::body::Incoming>| async move {
        match request.uri().path() {
            "/silent" => std::future::pending().await,
            _ => reply(200, &[], "in time"),
        }
    })
    .await;
    let user_agent = user_agent().await;
    let get = |path: &str, time| abort::get_within(&user_agent, url(&server, path), time);
    assert_eq!(get("/", Duration::from_secs(60)).await.unwrap(), "in time");
    let error = get("/silent", Duration::from_millis(20)).await.unwrap_err();
    assert!(abort::was_aborted(&error), "{error}");
    drop(user_agent);
    server.all_closed().await;
}

#[tokio::test]
async fn a_private_user_agent_shares_nothing_and_leaves_nothing() {
    let server = Server::http(|_| reply(200, &[("Set-Cookie", "visited=yes; Max-Age=1000")], "")).await;
    let folder = tempfile::tempdir().unwrap();
    {
        let usual = private_user_agent::usual(folder.path()).await.unwrap();
        let private = private_user_agent::private().await.unwrap();
        for user_agent in [&usual, &usual, &private, &private] {
            private_user_agent::visit(user_agent, url(&server, "/")).await;
        }
        usual.shutdown().await;
    }
    let (usual, private) = (
        private_user_agent::usual(folder.path()).await.unwrap(),
        private_user_agent::private().await.unwrap(),
    );
    for user_agent in [&usual, &private] {
        private_user_agent::visit(user_agent, url(&server, "/")).await;
    }
    let cookies: Vec<bool> = server.seen().iter().map(|seen| seen.header("cookie").is_some()).collect();
    assert_eq!(cookies, [false, true, false, true, true, false]);
    // Each of the four has opened connections of its own.
    assert!(server.accepted() >= 4);
}

#[tokio::test]
async fn intercepted_requests_are_let_through_refused_or_answered() {
    let server = Server::http(|seen| reply(200, &[], seen.target.clone())).await;
    let blocker = intercept::Blocker::new(["blocked.localhost"]);
    let answering = intercept::Answering("/hello", "from here");
    let user_agent = intercept::intercepting(blocker.clone(), answering).await.unwrap();
    let fetch = |url: Url| user_agent.fetch(Request::new(url), FetchOptions::default());
    assert_eq!(whole(fetch(url(&server, "/through")).await).await, "/through");
    assert_eq!(whole(fetch(url(&server, "/hello")).await).await, "from here");
    let blocked = format!("{}/", server.origin_of("blocked.localhost"));
    let response = fetch(blocked.parse().unwrap()).await;
    assert!(matches!(response.reason(), Some(NetworkError::Csp { .. })), "{:?}", response.reason());
    assert_eq!(server.lines(), ["GET /through"]);
    let mut seen = blocker.seen();
    seen.dedup();
    assert_eq!(seen, [url(&server, "/through").to_string(), url(&server, "/hello").to_string(), blocked]);
}

#[tokio::test]
async fn a_custom_scheme_answers_from_its_table() {
    let user_agent = custom_scheme::with_app_scheme().await.unwrap();
    let fetch = |url: &str| user_agent.fetch(Request::new(url.parse().unwrap()), FetchOptions::default());
    let response = fetch("app:hello").await;
    assert_eq!(whole(response).await, "Hello!");
    let missing = fetch("app:nothing").await;
    assert!(matches!(missing.reason(), Some(NetworkError::SchemeFetch { .. })), "{:?}", missing.reason());
    let unknown = fetch("other:hello").await;
    assert!(matches!(unknown.reason(), Some(NetworkError::SchemeNotSupported(_))), "{:?}", unknown.reason());
}
