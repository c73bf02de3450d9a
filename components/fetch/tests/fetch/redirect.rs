//! HTTP-redirect fetch.

use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream;
use longhaul_fetch::{
    Body, BodySource, ConnectionFailure, Method, Mode, NetworkError, RedirectMode, RedirectTaint,
    ResponseType,
};

use crate::support::{Answer, FakeNetwork, cors, reason, redirect, reply, request, run, text};

fn allowed(status: u16, body: &str) -> Answer {
    reply(status, &[("Access-Control-Allow-Origin", "*")], body)
}

#[tokio::test]
async fn a_redirect_is_followed_and_leaves_its_trace() {
    let network = FakeNetwork::new(|seen| match seen.target.as_str() {
        "/one" => redirect(302, "two?x"),
        _ => reply(200, &[], "there"),
    });
    let response = run(&network, cors("/one#fragment")).await;
    assert_eq!(response.url().unwrap().as_str(), "https://a.example/two?x#fragment");
    assert_eq!((response.url_list.len(), response.redirect_taint), (2, RedirectTaint::SameOrigin));
    let timing = response.timing.clone().unwrap();
    assert_eq!(timing.redirect_start_time, timing.start_time);
    assert!(timing.post_redirect_start_time >= timing.redirect_start_time);
    assert_eq!(text(response).await, "there");
}

#[tokio::test]
async fn twenty_redirects_are_followed_and_no_more() {
    let network = FakeNetwork::new(|_| redirect(301, "/again"));
    let response = run(&network, cors("/")).await;
    assert_eq!(reason(&response), &NetworkError::RedirectLimit);
    assert_eq!(network.seen().len(), 21);
}

#[tokio::test]
async fn some_redirects_turn_into_a_get_without_body_headers() {
    for (status, method, expected) in [
        (301, "POST", "GET"),
        (302, "POST", "GET"),
        (303, "POST", "GET"),
        (303, "PUT", "GET"),
        (303, "HEAD", "HEAD"),
        (301, "PUT", "PUT"),
        (307, "POST", "POST"),
        (308, "PUT", "PUT"),
    ] {
        let network = FakeNetwork::new(move |seen| match seen.target.as_str() {
            "/one" => redirect(status, "/two"),
            _ => reply(200, &[], ""),
        });
        let mut request = cors("/one");
        request.method = Method::new(method).unwrap();
        request.header_list.append("Content-Type", "text/plain");
        request.header_list.append("Content-Language", "en");
        if method != "HEAD" {
            request.body = Some(Body::from_bytes("body"));
        }
        assert!(!run(&network, request).await.is_network_error());
        let seen = network.seen();
        assert_eq!(seen[1].method, expected, "{status} to {method}");
        let keeps_body = expected == method && method != "HEAD";
        assert_eq!(seen[1].body, if keeps_body { &b"body"[..] } else { b"" });
        assert_eq!(seen[1].headers.contains("content-type"), expected == method);
        assert_eq!(seen[1].header("content-length").is_some(), keeps_body);
    }
}

#[tokio::test]
async fn a_streamed_body_is_sent_once_unless_it_can_be_opened_again() {
    let network = || {
        FakeNetwork::new(|seen| match seen.target.as_str() {
            "/one" => redirect(307, "/two"),
            _ => reply(200, &[], ""),
        })
    };
    let chunks = || stream::iter([Ok(Bytes::from_static(b"ab")), Ok(Bytes::from_static(b"c"))]).boxed();
    let mut once = cors("/one");
    once.method = Method::POST;
    once.body = Some(Body::from_stream(chunks(), None, None));
    let first = network();
    assert_eq!(reason(&run(&first, once).await), &NetworkError::RedirectBodyNotReplayable);
    let mut again = cors("/one");
    again.method = Method::POST;
    let source = BodySource::Reopen(Arc::new(move || longhaul_fetch::BodyStream::new(chunks())));
    again.body = Some(Body::from_source(source, Some(3)));
    let second = network();
    assert!(!run(&second, again).await.is_network_error());
    let bodies: Vec<_> =
        second.seen().into_iter().map(|seen| (seen.body, seen.headers.get("content-length"))).collect();
    assert_eq!(bodies, vec![(b"abc".to_vec(), Some(b"3".to_vec())); 2]);
}

#[tokio::test]
async fn authorization_stays_at_its_origin() {
    let network = FakeNetwork::new(|seen| match seen.target.as_str() {
        "/one" => redirect(302, "/two"),
        "/two" => redirect(302, "https://b.example/three"),
        _ => allowed(200, ""),
    });
    let mut request = cors("/one");
    request.header_list.append("Authorization", "secret");
    assert!(!run(&network, request).await.is_network_error());
    let had: Vec<_> = network.seen().iter().map(|seen| seen.headers.contains("authorization")).collect();
    assert_eq!(had, [true, true, false]);
}

#[tokio::test]
async fn a_second_origin_taints_the_origin_and_the_response() {
    let network = FakeNetwork::new(|seen| match seen.authority.as_str() {
        "b.example" => {
            reply(302, &[("Location", "https://c.other/"), ("Access-Control-Allow-Origin", "*")], "")
        }
        _ => allowed(200, "far"),
    });
    let response = run(&network, cors("https://b.example/")).await;
    assert_eq!((response.r#type, response.redirect_taint), (ResponseType::Cors, RedirectTaint::CrossSite));
    let seen = network.seen();
    assert_eq!(seen[0].header("origin").unwrap(), "https://a.example");
    assert_eq!(seen[1].header("origin").unwrap(), "null");
}

#[tokio::test]
async fn coming_home_over_another_origin_still_needs_cors() {
    let network = FakeNetwork::new(|seen| match seen.authority.as_str() {
        "b.example" => {
            reply(302, &[("Location", "https://a.example/home"), ("Access-Control-Allow-Origin", "*")], "")
        }
        _ => reply(200, &[], "secret"),
    });
    let response = run(&network, cors("https://b.example/")).await;
    assert_eq!(reason(&response), &NetworkError::CorsMissingAllowOrigin);
}

#[tokio::test]
async fn a_redirect_itself_has_to_pass_the_cors_check() {
    let network = FakeNetwork::new(|_| redirect(302, "https://b.example/two"));
    let response = run(&network, cors("https://b.example/one")).await;
    assert_eq!(reason(&response), &NetworkError::CorsMissingAllowOrigin);
    assert_eq!(network.seen().len(), 1);
}

#[tokio::test]
async fn credentials_in_urls_do_not_cross_origins() {
    let network = FakeNetwork::new(|_| redirect(302, "https://user:pass@b.example/"));
    assert_eq!(reason(&run(&network, cors("/")).await), &NetworkError::CorsRedirectWithCredentials);
    let network = FakeNetwork::new(|seen| match seen.target.as_str() {
        "/one" => redirect(302, "https://user:pass@a.example/two"),
        _ => reply(200, &[], ""),
    });
    assert!(!run(&network, cors("/one")).await.is_network_error());
    assert_eq!(network.seen()[1].url, "https://a.example/two");
}

#[tokio::test]
async fn modes_decide_what_a_redirect_does() {
    let network = || FakeNetwork::new(|_| redirect(302, "https://b.example/"));
    let mut error = cors("/");
    error.redirect_mode = RedirectMode::Error;
    assert_eq!(reason(&run(&network(), error).await), &NetworkError::RedirectForbidden);
    let mut manual = cors("/");
    manual.redirect_mode = RedirectMode::Manual;
    let response = run(&network(), manual).await;
    assert_eq!((response.r#type, response.status), (ResponseType::OpaqueRedirect, 0));
    assert!(response.header_list.is_empty() && response.body.is_none());
    assert_eq!(response.unfiltered().status, 302);
    let same_origin = run(&network(), request(Mode::SameOrigin, "/")).await;
    assert!(matches!(reason(&same_origin), NetworkError::NotSameOrigin(_)));
    let mut no_cors = request(Mode::NoCors, "https://b.example/");
    no_cors.redirect_mode = RedirectMode::Manual;
    assert_eq!(reason(&run(&network(), no_cors).await), &NetworkError::NoCorsRedirectMode);
}

#[tokio::test]
async fn a_redirect_leads_to_http_and_to_a_url() {
    for (location, expected) in [
        ("data:,x", NetworkError::RedirectScheme("data".into())),
        ("file:///etc/passwd", NetworkError::RedirectScheme("file".into())),
        ("https://", NetworkError::RedirectLocationInvalid),
        ("http://b.example/", NetworkError::MixedContent("http://b.example".into())),
        ("https://a.example:22/", NetworkError::PortBlocked(22)),
    ] {
        let network = FakeNetwork::new(move |_| redirect(302, location));
        let response = run(&network, cors("/")).await;
        assert_eq!(reason(&response), &expected, "{location}");
    }
    let network = FakeNetwork::new(|_| reply(302, &[], "no location"));
    let response = run(&network, cors("/")).await;
    assert_eq!((response.status, text(response).await.as_str()), (302, "no location"));
}

#[tokio::test]
async fn a_redirect_may_change_the_referrer_policy() {
    let network = FakeNetwork::new(|seen| match seen.target.as_str() {
        "/one" => reply(302, &[("Location", "/two"), ("Referrer-Policy", "no-referrer")], ""),
        _ => reply(200, &[], ""),
    });
    run(&network, cors("/one")).await;
    let referrers: Vec<_> = network.seen().iter().map(|seen| seen.header("referer")).collect();
    assert_eq!(referrers, [Some("https://a.example/page?query".into()), None]);
}

#[tokio::test]
async fn a_failure_behind_a_redirect_says_that_the_request_was_sent() {
    let refused =
        NetworkError::Connection { failure: ConnectionFailure::Refused, request_may_have_been_sent: false };
    for start in ["/one", "/two"] {
        let failure = refused.clone();
        let network = FakeNetwork::new(move |seen| match seen.target.as_str() {
            "/one" => redirect(307, "/two"),
            _ => Answer::Fail(failure.clone()),
        });
        let response = run(&network, cors(start)).await;
        assert_eq!(reason(&response).request_may_have_been_sent(), start == "/one");
        assert_eq!(reason(&response).class(), refused.class());
    }
}
