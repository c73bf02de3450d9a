//! Redirects.

use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream;
use longhaul::fetch::{
    Body, BodySource, BodyStream, Method, Mode, NetworkError, RedirectMode, RequestOrigin, ResponseType,
    parse_origin,
};

use crate::support::over::Over;
use crate::support::{Reply, Seen, body, fetch, reason, reply, request};

crate::over_each!(
    each_status_keeps_or_changes_the_method,
    a_loop_ends_and_uses_its_connection_again,
    other_origins_get_neither_authorization_nor_the_origin,
    a_way_home_through_another_origin_stays_tainted,
    a_body_goes_once_more_if_it_can,
    modes_decide_whether_it_is_followed,
);

const SHARED: (&str, &str) = ("Access-Control-Allow-Origin", "*");

/// `/STATUS/x` redirects to `/x` with that status; everything else is answered.
fn redirecting(seen: &Seen) -> Reply {
    let mut parts = seen.target.splitn(3, '/').skip(1);
    match (parts.next().and_then(|status| status.parse().ok()), parts.next()) {
        (Some(status), Some(rest)) => reply(status, &[SHARED, ("Location", &format!("/{rest}"))], "moved"),
        _ => reply(200, &[SHARED], "here"),
    }
}

async fn each_status_keeps_or_changes_the_method(over: Over) {
    let server = over.server(redirecting).await;
    let user_agent = over.user_agent().await;
    let rows = [
        (301, "GET", "GET"),
        (301, "HEAD", "HEAD"),
        (301, "POST", "GET"),
        (301, "PUT", "PUT"),
        (302, "POST", "GET"),
        (302, "PUT", "PUT"),
        (303, "GET", "GET"),
        (303, "HEAD", "HEAD"),
        (303, "POST", "GET"),
        (303, "PUT", "GET"),
        (307, "POST", "POST"),
        (308, "PUT", "PUT"),
    ];
    for (index, (status, method, expected)) in rows.into_iter().enumerate() {
        let mut request = request(&server.origin(), &format!("/{status}/x"));
        request.method = Method::new(method).unwrap();
        if matches!(method, "POST" | "PUT") {
            request.body = Some(Body::from_bytes("payload"));
            request.header_list.append("Content-Type", "text/plain");
        }
        let response = fetch(&user_agent, request).await;
        assert_eq!(response.reason(), None);
        assert_eq!(response.url().unwrap().path(), "/x");
        assert_eq!((response.status, response.url_list.len()), (200, 2));
        if expected != "HEAD" {
            assert_eq!(body(response).await.unwrap(), "here");
        }
        let seen = &server.seen()[2 * index + 1];
        let sends_body = matches!(expected, "POST" | "PUT");
        assert_eq!(seen.method, expected, "{status} {method}");
        assert_eq!(seen.body, if sends_body { "payload" } else { "" });
        assert_eq!(seen.header("Content-Type").is_some(), sends_body);
        assert_eq!(seen.header("Content-Length").as_deref(), sends_body.then_some("7"));
        assert_eq!(seen.version == http::Version::HTTP_2, over.is_http2());
    }
}

async fn a_loop_ends_and_uses_its_connection_again(over: Over) {
    let server = over.server(|_| reply(302, &[("Location", "/loop")], "")).await;
    let response = fetch(&over.user_agent().await, request(&server.origin(), "/loop")).await;
    assert_eq!(reason(&response), &NetworkError::RedirectLimit);
    assert_eq!((server.seen().len(), server.accepted()), (21, 1));
}

async fn other_origins_get_neither_authorization_nor_the_origin(over: Over) {
    let last = over.server(|_| reply(200, &[SHARED, ("X-Secret", "1")], "here")).await;
    let target = format!("{}/last", last.origin());
    let middle = over.server(move |_| reply(302, &[("Location", &target), SHARED], "")).await;
    let target = format!("{}/middle", middle.origin());
    let home = over.server(move |_| reply(302, &[("Location", &target)], "")).await;
    let mut request = request(&home.origin(), "/");
    request.header_list.append("Authorization", "Basic c2VjcmV0");
    request.header_list.append("Accept-Language", "de");
    let response = fetch(&over.user_agent().await, request).await;
    assert_eq!(response.reason(), None);
    assert_eq!(response.r#type, ResponseType::Cors);
    assert!(!response.header_list.contains("X-Secret"));
    assert_eq!(body(response).await.unwrap(), "here");
    let [home_seen, middle_seen, last_seen] = [&home, &middle, &last].map(|server| server.seen().remove(0));
    assert_eq!(home_seen.header("Authorization").as_deref(), Some("Basic c2VjcmV0"));
    assert_eq!(home_seen.header("Origin"), None);
    assert_eq!(middle_seen.header("Authorization"), None);
    assert_eq!(middle_seen.header("Origin"), Some(home.origin()));
    assert_eq!(last_seen.header("Authorization"), None);
    assert_eq!(last_seen.header("Origin").as_deref(), Some("null"));
    for seen in [&middle_seen, &last_seen] {
        assert_eq!(seen.header("Accept-Language").as_deref(), Some("de"));
        assert_eq!(seen.header("Referer"), Some(format!("{}/", home.origin())));
        assert_eq!(seen.header("Sec-Fetch-Site").as_deref(), Some("same-site"));
    }
    // `Host` is that of each hop.
    assert_eq!(last_seen.header("Host"), Some(last.origin().replace(&format!("{}://", over.scheme()), "")));
}

async fn a_way_home_through_another_origin_stays_tainted(over: Over) {
    let home = over.server(|_| reply(200, &[], "secret")).await;
    let target = format!("{}/secret", home.origin());
    let other = over.server(move |_| reply(302, &[("Location", &target), SHARED], "")).await;
    let response =
        fetch(&over.user_agent().await, request(&home.origin(), &format!("{}/", other.origin()))).await;
    assert_eq!(reason(&response), &NetworkError::CorsMissingAllowOrigin);
    let mut opaque = request(&home.origin(), &format!("{}/", other.origin()));
    opaque.mode = Mode::NoCors;
    let response = fetch(&over.user_agent().await, opaque).await;
    assert_eq!((response.r#type, response.status, response.body.is_none()), (ResponseType::Opaque, 0, true));
}

async fn a_body_goes_once_more_if_it_can(over: Over) {
    let server = over.server(redirecting).await;
    let user_agent = over.builder().streamed_uploads_over_http1(true).build().await.unwrap();
    let chunks = || {
        let chunks = ["pay", "load"].map(|text| Ok(Bytes::from_static(text.as_bytes())));
        BodyStream::new(stream::iter(chunks).boxed())
    };
    let post = |body| {
        let mut request = request(&server.origin(), "/307/308/x");
        request.method = Method::POST;
        request.body = Some(body);
        request
    };
    let again = BodySource::Reopen(Arc::new(chunks));
    let response = fetch(&user_agent, post(Body::from_source(again, None))).await;
    assert_eq!(body(response).await.unwrap(), "here");
    assert_eq!(server.lines(), ["POST /307/308/x", "POST /308/x", "POST /x"]);
    assert!(server.seen().iter().all(|seen| seen.body == "payload"));
    let once = Body::from_stream(chunks().into_boxed(), None, None);
    let response = fetch(&user_agent, post(once)).await;
    assert_eq!(reason(&response), &NetworkError::RedirectBodyNotReplayable);
    assert_eq!(server.seen().len(), 4);
}

async fn modes_decide_whether_it_is_followed(over: Over) {
    let server = over.server(redirecting).await;
    let user_agent = over.user_agent().await;
    for (mode, expected) in
        [(RedirectMode::Manual, None), (RedirectMode::Error, Some(NetworkError::RedirectForbidden))]
    {
        let mut request = request(&server.origin(), "/302/x");
        request.redirect_mode = mode;
        let response = fetch(&user_agent, request).await;
        assert_eq!(response.reason(), expected.as_ref());
        if expected.is_none() {
            assert_eq!((response.r#type, response.status), (ResponseType::OpaqueRedirect, 0));
            assert!(response.header_list.is_empty() && response.body.is_none());
        }
    }
    assert_eq!(server.lines(), ["GET /302/x", "GET /302/x"]);
    let mut own = request(&format!("{}://other.localhost", over.scheme()), &format!("{}/x", server.origin()));
    own.mode = Mode::SameOrigin;
    own.origin = RequestOrigin::Origin(parse_origin(&format!("{}://other.localhost", over.scheme())));
    assert!(matches!(reason(&fetch(&user_agent, own).await), NetworkError::NotSameOrigin(_)));
    assert_eq!(server.seen().len(), 2);
}
