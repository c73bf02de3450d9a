//! Bodies that stream, in both directions.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures::{StreamExt, stream};
use http_body_util::BodyExt;
use longhaul_net::{BodyAbort, Error, RequestBody, Timeouts};
use tokio::sync::{mpsc, oneshot};

use crate::support::*;

/// Answers with the length of what was sent, and whether it was chunked.
async fn counting_service(request: http::Request<hyper::body::Incoming>) -> http::Response<ServerBody> {
    let announced =
        request.headers().get("content-length").map(|value| value.to_str().expect("a number").to_owned());
    match request.into_body().collect().await {
        Ok(body) => full(format!("{} {announced:?}", body.to_bytes().len())),
        Err(_) => full("torn"),
    }
}

fn chunks(sizes: &[usize], length: Option<u64>) -> RequestBody {
    let stream = stream::iter(sizes.to_vec()).map(|size| Ok(Bytes::from(vec![1; size]))).boxed();
    RequestBody::Stream { stream, length }
}

#[tokio::test]
async fn uploads_arrive_whole_and_tell_their_progress() {
    let authority = Authority::new();
    let plain = Server::http(|_, request| counting_service(request)).await;
    let tls = Server::https(authority.localhost(), |_, request| counting_service(request)).await;
    let network = authority.network(|_| {});
    let bytes = || RequestBody::Bytes(Bytes::from(vec![2; 200_000]));
    for (server, key) in [(&plain, plain.key()), (&tls, tls.tls_key())] {
        let cases = [
            (chunks(&[1, 0, 70_000, 5], None), 70_006, "70006 None"),
            (chunks(&[1, 0, 70_000, 5], Some(70_006)), 70_006, "70006 Some(\"70006\")"),
            (bytes(), 200_000, "200000 Some(\"200000\")"),
            (RequestBody::Empty, 0, "0 "),
        ];
        for (body, length, answer) in cases {
            let progress = Arc::new(Mutex::new(Vec::new()));
            let mut request = server.request("POST", "/");
            request.body = body;
            let report = progress.clone();
            request.on_body_chunk =
                Some(Box::new(move |bytes| report.lock().expect("not poisoned").push(bytes)));
            let response = network.send(request, key.clone()).await.expect("the server answers");
            let said = String::from_utf8(read(response.body).await.expect("a sound body")).expect("text");
            assert!(said.starts_with(answer), "{said} is not {answer}");
            let progress = progress.lock().expect("not poisoned");
            assert!(progress.iter().all(|bytes| *bytes > 0));
            assert_eq!(progress.iter().sum::<u64>(), length);
            assert!(length < 100_000 || progress.len() > 2, "large bodies are reported in pieces");
        }
    }
}

#[tokio::test]
async fn a_server_that_does_not_read_stops_the_source() {
    let server = Server::raw(|_, stream| async move {
        let _open = stream;
        std::future::pending::<()>().await
    })
    .await;
    let pulled = Arc::new(AtomicU64::new(0));
    let count = pulled.clone();
    let source = stream::repeat_with(move || {
        count.fetch_add(64 << 10, Ordering::SeqCst);
        Ok(Bytes::from_static(&[0; 64 << 10]))
    });
    let mut request = server.request("PUT", "/");
    request.body = RequestBody::Stream { stream: source.boxed(), length: Some(1 << 40) };
    let network = network_with(|config| {
        config.timeouts = Timeouts { response_headers: Duration::from_millis(300), ..Timeouts::default() };
    });
    let error = network.send(request, server.key()).await.expect_err("nothing comes");
    assert!(matches!(error, Error::ResponseTimeout), "{error:?}");
    // What fits into the buffers of two sockets and hyper, and no more.
    assert!(pulled.load(Ordering::SeqCst) < 64 << 20);
}

#[tokio::test]
async fn a_slow_source_is_not_the_servers_fault() {
    let server = Server::http(|_, request| counting_service(request)).await;
    let (source, receiver) = mpsc::channel(1);
    let chunks = stream::unfold(receiver, |mut receiver: mpsc::Receiver<Bytes>| async {
        let chunk = receiver.recv().await?;
        Some((Ok(chunk), receiver))
    });
    let mut request = server.request("PUT", "/");
    request.body = RequestBody::Stream { stream: chunks.boxed(), length: None };
    let timeout = Duration::from_millis(30);
    let network = network_with(|config| {
        config.timeouts = Timeouts { response_headers: timeout, ..Timeouts::default() };
    });
    let send = tokio::spawn(network.send(request, server.key()));
    for _ in 0..3 {
        source.send(Bytes::from_static(b"slow")).await.expect("the request is under way");
        // The pause is what is tested: it is longer than the server would be given.
        tokio::time::sleep(timeout * 2).await;
    }
    drop(source);
    let response = send.await.expect("no panic").expect("the server answers");
    assert_eq!(read(response.body).await.expect("a sound body"), b"12 None");
}

#[tokio::test]
async fn bodies_that_fail_or_lie_about_their_length_fail_the_request() {
    let authority = Authority::new();
    let plain = Server::http(|_, request| counting_service(request)).await;
    let tls = Server::https(authority.localhost(), |_, request| counting_service(request)).await;
    let network = authority.network(|_| {});
    for (server, key) in [(&plain, plain.key()), (&tls, tls.tls_key())] {
        let announced = |length| chunks(&[3, 4], Some(length));
        let failing = stream::iter([Ok(Bytes::from_static(b"x")), Err(BodyAbort::Source("disk".to_owned()))]);
        let cases = [
            (announced(8), BodyAbort::WrongLength { announced: 8, given: 7 }),
            (announced(6), BodyAbort::WrongLength { announced: 6, given: 7 }),
            (
                RequestBody::Stream { stream: failing.boxed(), length: None },
                BodyAbort::Source("disk".to_owned()),
            ),
        ];
        for (body, abort) in cases {
            let mut request = server.request("POST", "/");
            request.body = body;
            match network.send(request, key.clone()).await {
                Err(Error::RequestBody(found)) => assert_eq!(found, abort),
                other => panic!("{other:?}"),
            }
        }
    }
}

#[tokio::test]
async fn a_large_body_arrives_whole_over_both_protocols() {
    const PIECES: usize = 300;
    let authority = Authority::new();
    let serve = |_, _| async {
        let (sender, response) = channel_response();
        tokio::spawn(async move {
            for n in 0..PIECES {
                if sender.send(Ok(Bytes::from(vec![n as u8; 64 << 10]))).await.is_err() {
                    return;
                }
            }
        });
        response
    };
    let plain = Server::http(serve).await;
    let tls = Server::https(authority.localhost(), serve).await;
    let network = authority.network(|_| {});
    let responses = [plain.get(&network).await, tls.get_tls(&network).await];
    for response in responses {
        let body = read(response.expect("the server answers").body).await.expect("a sound body");
        assert_eq!(body.len(), PIECES << 16);
        assert!(
            body.chunks(64 << 10).enumerate().all(|(n, piece)| piece.iter().all(|byte| *byte == n as u8))
        );
    }
}

/// An endless source that tells when it is dropped.
fn endless_source() -> (RequestBody, oneshot::Receiver<()>) {
    let (held, dropped) = oneshot::channel();
    let stream = stream::repeat_with(move || {
        let _held = &held;
        Ok(Bytes::from_static(&[0; 64 << 10]))
    });
    (RequestBody::Stream { stream: stream.boxed(), length: None }, dropped)
}

#[tokio::test]
async fn an_answer_before_the_end_of_the_request_ends_the_request() {
    let authority = Authority::new();
    // Nothing of the request's body is read, so that sending it comes to a halt.
    let serve = |_, request: http::Request<hyper::body::Incoming>| async move {
        if request.method() == "PUT" {
            tokio::spawn(async move {
                let _kept = request;
                std::future::pending::<()>().await
            });
        }
        full("enough")
    };
    let tls = Server::https(authority.localhost(), serve).await;
    let plain = Server::raw(|_, mut stream| async move {
        read_head(&mut stream).await;
        tokio::io::AsyncWriteExt::write_all(
            &mut stream,
            b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nenough",
        )
        .await
        .expect("the client reads");
        std::future::pending::<()>().await
    })
    .await;
    let network = authority.network(|_| {});
    for (server, key) in [(&plain, plain.key()), (&tls, tls.tls_key())] {
        for whole in [true, false] {
            let mut request = server.request("PUT", "/");
            let (body, dropped) = endless_source();
            request.body = body;
            let response = network.send(request, key.clone()).await.expect("the server answers");
            if whole {
                assert_eq!(read(response.body).await.expect("a sound body"), b"enough");
            } else {
                drop(response);
            }
            assert!(dropped.await.is_err(), "the source is dropped");
        }
        let response =
            network.send(server.request("GET", "/"), key.clone()).await.expect("the pool still works");
        assert_eq!(read(response.body).await.expect("a sound body"), b"enough");
    }
}
