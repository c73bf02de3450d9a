//! CORS, simple and with preflights, and what is opaque.

use longhaul::fetch::{CredentialsMode, Method, Mode, NetworkError, Request, ResponseType};

use crate::support::over::Over;
use crate::support::{Reply, Seen, Server, body, fetch, reason, reply, request};

crate::over_each!(
    a_server_shares_with_whom_it_names,
    a_preflight_goes_ahead_once_and_without_credentials,
    what_a_preflight_does_not_allow_never_arrives,
    no_cors_shows_nothing_and_asks_nothing,
);

const PAGE: &str = "http://page.localhost:1234";

fn of_page(server: &Server, target: &str) -> Request {
    request(PAGE, &format!("{}{target}", server.origin()))
}

async fn a_server_shares_with_whom_it_names(over: Over) {
    let server = over
        .server(|seen| {
            let allowed = seen.target.trim_start_matches('/').replace("%2F", "/");
            let headers = [
                ("Access-Control-Allow-Origin", allowed.as_str()),
                ("X-A", "1"),
                ("Content-Type", "text/plain"),
            ];
            reply(200, &headers[usize::from(allowed.is_empty())..], "shared")
        })
        .await;
    let user_agent = over.user_agent().await;
    for allowed in ["*", "http:%2F%2Fpage.localhost:1234"] {
        let response = fetch(&user_agent, of_page(&server, &format!("/{allowed}"))).await;
        assert_eq!((response.r#type, response.status), (ResponseType::Cors, 200));
        assert!(response.header_list.contains("Content-Type") && !response.header_list.contains("X-A"));
        assert_eq!(body(response).await.unwrap(), "shared");
    }
    let response = fetch(&user_agent, of_page(&server, "/")).await;
    assert_eq!(reason(&response), &NetworkError::CorsMissingAllowOrigin);
    assert!(response.body.is_none() && response.header_list.is_empty());
    let response = fetch(&user_agent, of_page(&server, "/http:%2F%2Fother.localhost")).await;
    assert!(matches!(reason(&response), NetworkError::CorsOriginMismatch { .. }));
    assert!(server.seen().iter().all(|seen| seen.header("Origin").as_deref() == Some(PAGE)));
}

fn allowing_put(seen: &Seen) -> Reply {
    let headers = [
        ("Access-Control-Allow-Origin", PAGE),
        ("Access-Control-Allow-Credentials", "true"),
        ("Access-Control-Allow-Methods", "PUT"),
        ("Access-Control-Allow-Headers", "x-a"),
        ("Access-Control-Max-Age", "600"),
        ("Set-Cookie", "seen=yes; Secure; SameSite=None"),
    ];
    match (seen.method.as_str(), seen.target.as_str()) {
        ("OPTIONS", "/mute") => reply(204, &headers[..2], ""),
        ("OPTIONS", _) => reply(204, &headers, ""),
        _ => reply(200, &headers[..2], "done"),
    }
}

fn put(server: &Server, target: &str, header: &str) -> Request {
    let mut request = of_page(server, target);
    request.method = Method::PUT;
    request.header_list.append(header, "1");
    request.credentials_mode = CredentialsMode::Include;
    request
}

async fn a_preflight_goes_ahead_once_and_without_credentials(over: Over) {
    let server = over.server(allowing_put).await;
    let user_agent = over.user_agent().await;
    for _ in 0..2 {
        let response = fetch(&user_agent, put(&server, "/x", "X-A")).await;
        assert_eq!(body(response).await.unwrap(), "done");
    }
    assert_eq!(server.lines(), ["OPTIONS /x", "PUT /x", "PUT /x"]);
    let seen = server.seen();
    assert_eq!(seen[0].header("Access-Control-Request-Method").as_deref(), Some("PUT"));
    assert_eq!(seen[0].header("Access-Control-Request-Headers").as_deref(), Some("x-a"));
    assert_eq!(seen[0].header("Origin").as_deref(), Some(PAGE));
    assert_eq!((seen[0].header("X-A"), seen[0].header("Cookie")), (None, None));
    // What a preflight's answer sets is not kept.
    assert_eq!(seen[1].header("Cookie"), None);
    // Another user agent knows nothing of it.
    fetch(&over.user_agent().await, put(&server, "/x", "X-A")).await;
    assert_eq!(server.lines()[3..], ["OPTIONS /x", "PUT /x"]);
}

async fn what_a_preflight_does_not_allow_never_arrives(over: Over) {
    let server = over.server(allowing_put).await;
    let user_agent = over.user_agent().await;
    let response = fetch(&user_agent, put(&server, "/x", "X-B")).await;
    assert_eq!(reason(&response), &NetworkError::PreflightHeaderNotAllowed("x-b".to_owned()));
    let response = fetch(&user_agent, put(&server, "/mute", "X-A")).await;
    assert_eq!(reason(&response), &NetworkError::PreflightMethodNotAllowed("PUT".to_owned()));
    assert!(server.seen().iter().all(|seen| seen.method == "OPTIONS"), "{:?}", server.lines());
}

async fn no_cors_shows_nothing_and_asks_nothing(over: Over) {
    let server = over
        .server(|seen| match seen.target.as_str() {
            "/private" => reply(200, &[("Cross-Origin-Resource-Policy", "same-origin")], "secret"),
            _ => reply(201, &[("Content-Type", "text/plain")], "secret"),
        })
        .await;
    let user_agent = over.user_agent().await;
    let opaque = |target| {
        let mut request = of_page(&server, target);
        request.mode = Mode::NoCors;
        request
    };
    let response = fetch(&user_agent, opaque("/")).await;
    assert_eq!((response.r#type, response.status), (ResponseType::Opaque, 0));
    assert!(response.body.is_none() && response.header_list.is_empty() && response.url().is_none());
    assert!(response.status_message.is_empty());
    let internal = response.into_unfiltered();
    assert_eq!(internal.status, 201);
    assert_eq!(internal.body.unwrap().read_all(None).await.unwrap(), "secret");
    assert_eq!(server.seen()[0].header("Origin"), None);
    let response = fetch(&user_agent, opaque("/private")).await;
    assert_eq!(reason(&response), &NetworkError::CrossOriginResourcePolicy);
}
