//! HTTP/2.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use futures::StreamExt;
use futures::future::join_all;
use longhaul_net::{Error, RequestBody, Reuse, Sent, Version};
use tokio::sync::{Barrier, mpsc};

use crate::support::*;

#[tokio::test]
async fn many_requests_share_one_connection_at_once() {
    const REQUESTS: usize = 20;
    let authority = Authority::new();
    // Nobody is answered before all have arrived.
    let barrier = Arc::new(Barrier::new(REQUESTS));
    let server = Server::https(authority.localhost(), move |_, request| {
        let barrier = barrier.clone();
        async move {
            barrier.wait().await;
            full(request.uri().path().to_owned())
        }
    })
    .await;
    let network = authority.network(|_| {});
    let sends = (0..REQUESTS).map(|n| {
        let send = network.send(server.request("GET", &format!("/{n}")), server.tls_key());
        async move {
            let response = send.await.expect("the server answers");
            assert_eq!((response.version, response.reason.as_ref()), (Version::Http2, &b""[..]));
            let fresh = response.timing.reuse == Reuse::Fresh;
            (read(response.body).await.expect("a sound body"), fresh)
        }
    });
    let answers = join_all(sends).await;
    let expected: Vec<Vec<u8>> = (0..REQUESTS).map(|n| format!("/{n}").into_bytes()).collect();
    assert_eq!(answers.iter().map(|(body, _)| body.clone()).collect::<Vec<_>>(), expected);
    assert_eq!(answers.iter().filter(|(_, fresh)| *fresh).count(), 1);
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn bytes_of_headers_are_kept_both_ways() {
    let authority = Authority::new();
    let server =
        Server::https(authority.localhost(), |_, request: http::Request<hyper::body::Incoming>| async move {
            assert!(!request.headers().contains_key("host"));
            let mut response = full("");
            let value = request.headers()["x-latin"].clone();
            response.headers_mut().insert("x-back", value);
            response
        })
        .await;
    let mut request = server.request("GET", "/");
    request.headers = vec![
        (Bytes::from_static(b"X-Latin"), Bytes::from_static(b"caf\xE9 \xFF")),
        (Bytes::from_static(b"Host"), Bytes::from_static(b"elsewhere")),
    ];
    let response =
        authority.network(|_| {}).send(request, server.tls_key()).await.expect("the server answers");
    assert_eq!(header(&response, "x-back"), Some(&b"caf\xE9 \xFF"[..]));
}

#[tokio::test]
async fn dropping_a_body_or_a_request_resets_its_stream_and_nothing_else() {
    let authority = Authority::new();
    let (events, mut event) = mpsc::unbounded_channel();
    let server = Server::https(authority.localhost(), move |number, request| {
        let events = events.clone();
        async move {
            match request.uri().path() {
                "/endless" => {
                    let (sender, response) = channel_response();
                    tokio::spawn(async move {
                        while sender.send(Ok(Bytes::from_static(&[0; 1000]))).await.is_ok() {}
                        let _ = events.send("body reset");
                    });
                    response
                }
                "/silent" => {
                    struct Told(mpsc::UnboundedSender<&'static str>);
                    impl Drop for Told {
                        fn drop(&mut self) {
                            let _ = self.0.send("request reset");
                        }
                    }
                    let _told = Told(events.clone());
                    let _ = events.send("arrived");
                    std::future::pending().await
                }
                _ => full(number.to_string()),
            }
        }
    })
    .await;
    let network = authority.network(|_| {});
    let mut endless =
        network.send(server.request("GET", "/endless"), server.tls_key()).await.expect("the server answers");
    endless.body.next().await.expect("a piece").expect("a sound piece");
    drop(endless);
    assert_eq!(event.recv().await, Some("body reset"));
    let silent = tokio::spawn(network.send(server.request("GET", "/silent"), server.tls_key()));
    assert_eq!(event.recv().await, Some("arrived"));
    silent.abort();
    assert_eq!(event.recv().await, Some("request reset"));
    let last = server.get_tls(&network).await.expect("the connection still works");
    assert_eq!(read(last.body).await.expect("a sound body"), b"1");
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn a_server_may_send_four_mebibytes_before_anybody_reads() {
    let authority = Authority::new();
    let sent = Arc::new(AtomicUsize::new(0));
    let (reached, mut four_mebibytes) = mpsc::unbounded_channel();
    let server = Server::tls(authority.server(&["localhost"], &["h2"], |_| {}), move |_, stream| {
        let (sent, reached) = (sent.clone(), reached.clone());
        async move {
            let mut connection = h2::server::handshake(stream).await.expect("a preface");
            let (_, mut respond) = connection.accept().await.expect("a request").expect("a sound request");
            let mut body = respond.send_response(http::Response::new(()), false).expect("the stream is open");
            tokio::spawn(async move { while connection.accept().await.is_some() {} });
            // What flow control allows, and not a byte more.
            while sent.load(Ordering::SeqCst) < 4 << 20 {
                body.reserve_capacity(64 << 10);
                let granted = std::future::poll_fn(|cx| body.poll_capacity(cx)).await;
                let granted = granted.expect("the stream is open").expect("no error");
                body.send_data(Bytes::from(vec![0; granted]), false).expect("the stream is open");
                sent.fetch_add(granted, Ordering::SeqCst);
            }
            reached.send(()).expect("the test still listens");
            std::future::pending::<()>().await
        }
    })
    .await;
    let response = server.get_tls(&authority.network(|_| {})).await.expect("the server answers");
    four_mebibytes.recv().await.expect("the windows are large enough");
    drop(response);
}

/// A server by h2 itself, which handles each connection's requests one by one.
async fn h2_server<F>(authority: &Authority, handle: F) -> Server
where
    F: Fn(usize, usize, &mut h2::server::SendResponse<Bytes>) -> Afterwards + Send + Sync + 'static,
{
    let handle = Arc::new(handle);
    Server::tls(authority.server(&["localhost"], &["h2"], |_| {}), move |number, stream| {
        let handle = handle.clone();
        async move {
            let mut connection = h2::server::handshake(stream).await.expect("a preface");
            let mut requests = 0;
            while let Some(Ok((_, mut respond))) = connection.accept().await {
                requests += 1;
                match handle(number, requests, &mut respond) {
                    Afterwards::GoOn => {}
                    Afterwards::GoAway => connection.graceful_shutdown(),
                }
            }
        }
    })
    .await
}

enum Afterwards {
    GoOn,
    GoAway,
}

fn answer(respond: &mut h2::server::SendResponse<Bytes>) {
    respond.send_response(http::Response::new(()), true).expect("the stream is open");
}

#[tokio::test]
async fn a_refused_stream_is_sent_again_even_for_a_post() {
    let authority = Authority::new();
    let server = h2_server(&authority, |_, request, respond| {
        match request {
            1 => respond.send_reset(h2::Reason::REFUSED_STREAM),
            _ => answer(respond),
        }
        Afterwards::GoOn
    })
    .await;
    let mut request = server.request("POST", "/");
    request.body = RequestBody::Bytes(Bytes::from_static(b"once"));
    let response =
        authority.network(|_| {}).send(request, server.tls_key()).await.expect("the second try is taken");
    assert_eq!(response.status, 200);
}

#[tokio::test]
async fn after_goaway_requests_go_to_a_new_connection() {
    let authority = Authority::new();
    let server = h2_server(&authority, |_, _, respond| {
        answer(respond);
        Afterwards::GoAway
    })
    .await;
    let network = authority.network(|_| {});
    for _ in 0..5 {
        let mut request = server.request("POST", "/");
        request.body = RequestBody::Bytes(Bytes::from_static(b"x"));
        let response = network.send(request, server.tls_key()).await.expect("no request is lost");
        assert_eq!(response.status, 200);
    }
    assert!(server.connections() > 1);
}

#[tokio::test]
async fn a_reset_stream_is_a_reset_and_others_go_on() {
    let authority = Authority::new();
    let server = h2_server(&authority, |_, request, respond| {
        match request {
            2 => respond.send_reset(h2::Reason::INTERNAL_ERROR),
            _ => answer(respond),
        }
        Afterwards::GoOn
    })
    .await;
    let network = authority.network(|_| {});
    assert_eq!(server.get_tls(&network).await.expect("the server answers").status, 200);
    let error = server.get_tls(&network).await.expect_err("the stream is reset");
    assert!(matches!(error, Error::Reset { sent: Sent::Possibly }), "{error:?}");
    assert_eq!(server.get_tls(&network).await.expect("the connection still works").status, 200);
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn a_stream_that_ends_early_is_truncated_whatever_the_server_calls_it() {
    let authority = Authority::new();
    for announced in [Some(10), None] {
        for (reason, truncated) in [(h2::Reason::NO_ERROR, true), (h2::Reason::INTERNAL_ERROR, false)] {
            let half_read = Arc::new(tokio::sync::Notify::new());
            let wait = half_read.clone();
            let server = Server::tls(authority.server(&["localhost"], &["h2"], |_| {}), move |_, stream| {
                let wait = wait.clone();
                async move {
                    let mut connection = h2::server::handshake(stream).await.expect("a preface");
                    let (_, mut respond) =
                        connection.accept().await.expect("a request").expect("a sound request");
                    let mut response = http::Response::new(());
                    if let Some(length) = announced {
                        response.headers_mut().insert("content-length", http::HeaderValue::from(length));
                    }
                    let mut body = respond.send_response(response, false).expect("the stream is open");
                    body.send_data(Bytes::from_static(b"hello"), false).expect("the stream is open");
                    tokio::join!(async { while connection.accept().await.is_some() {} }, async {
                        wait.notified().await;
                        body.send_reset(reason);
                    });
                }
            })
            .await;
            let mut body = server.get_tls(&authority.network(|_| {})).await.expect("the server answers").body;
            assert_eq!(body.next().await.expect("a piece").expect("a sound piece"), "hello");
            half_read.notify_one();
            let error = body.next().await.expect("an error").expect_err("half of it is missing");
            match error {
                Error::Truncated { expected, received: 5 } if truncated => assert_eq!(expected, announced),
                Error::Reset { .. } if !truncated => {}
                other => panic!("{other:?}"),
            }
        }
    }
}

#[tokio::test]
async fn too_large_a_header_list_is_refused() {
    let authority = Authority::new();
    let server = Server::https(authority.localhost(), |_, _| async {
        let mut response = full("");
        for n in 0..2000 {
            let name = http::HeaderName::try_from(format!("x-{n}")).expect("a name");
            response.headers_mut().insert(name, http::HeaderValue::from_static("value"));
        }
        response
    })
    .await;
    let error = server.get_tls(&authority.network(|_| {})).await.expect_err("there are too many headers");
    assert!(matches!(error, Error::Protocol(_)), "{error:?}");
}

#[tokio::test]
async fn a_server_that_allows_few_streams_gets_them_one_after_another() {
    let authority = Authority::new();
    let server = Server::tls(authority.server(&["localhost"], &["h2"], |_| {}), |_, stream| async move {
        let mut builder = h2::server::Builder::new();
        let mut connection =
            builder.max_concurrent_streams(2).handshake::<_, Bytes>(stream).await.expect("a preface");
        let mut open = Vec::new();
        while let Some(Ok((_, respond))) = connection.accept().await {
            open.push(respond);
            // Two at a time, so that requests pile up.
            if open.len() == 2 {
                open.drain(..).for_each(|mut respond| answer(&mut respond));
            }
        }
    })
    .await;
    let network = authority.network(|_| {});
    for response in join_all((0..20).map(|_| server.get_tls(&network))).await {
        assert_eq!(response.expect("no request is lost").status, 200);
    }
    assert_eq!(server.connections(), 1);
}

/// hyper does not hand interim responses of HTTP/2 on; they must do no harm.
#[tokio::test]
async fn interim_responses_are_passed_over() {
    let authority = Authority::new();
    let server = h2_server(&authority, |_, _, respond| {
        let hints = http::Response::builder().status(103).body(()).expect("sound");
        respond.send_informational(hints).expect("the stream is open");
        answer(respond);
        Afterwards::GoOn
    })
    .await;
    assert_eq!(server.get_tls(&authority.network(|_| {})).await.expect("the server answers").status, 200);
}

#[tokio::test]
async fn a_request_body_ends_with_its_response_while_other_streams_go_on() {
    let authority = Authority::new();
    let server = Server::https(authority.localhost(), |_, request| async move {
        let (sender, response) = channel_response();
        tokio::spawn(async move {
            let _kept = request;
            while sender.send(Ok(Bytes::from_static(&[0; 1000]))).await.is_ok() {}
        });
        response
    })
    .await;
    let network = authority.network(|_| {});
    let mut other = server.get_tls(&network).await.expect("the server answers");
    // A source that has nothing to give and tells when it is dropped.
    let (held, dropped) = tokio::sync::oneshot::channel::<()>();
    let stream = futures::stream::pending().map(move |chunk| {
        let _held = &held;
        chunk
    });
    let mut request = server.request("PUT", "/");
    request.body = RequestBody::Stream { stream: stream.boxed(), length: None };
    drop(network.send(request, server.tls_key()).await.expect("the server answers"));
    assert!(dropped.await.is_err(), "the source is dropped");
    for _ in 0..10 {
        other.body.next().await.expect("a piece").expect("the other stream goes on");
    }
    assert_eq!(server.connections(), 1);
}
