//! Bodies that break off.

use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt as _;
use longhaul::fetch::{BodyError, ConnectionFailure, Mode, NetworkError, Response};
use tokio::io::AsyncWriteExt as _;
use tokio::sync::Notify;

use crate::support::over::Over;
use crate::support::{Server, fetch, read_head, reply_by_channel, request, user_agent};

crate::over_each!(
    less_than_was_announced_is_an_error,
    both_clones_learn_of_it,
    it_is_an_error_behind_an_opaque_filter_too,
    what_must_be_right_as_a_whole_is_never_given_out_broken,
    a_fault_midway_is_an_error_and_not_an_end,
);

crate::over_http1!(chunks_without_an_end_are_an_error);

/// Announces ten bytes, gives so many of `hello`, and ends.
async fn cut_short(over: Over, given: usize) -> Server {
    let hello = Bytes::from_static(b"hello").slice(..given);
    if over.is_http2() {
        let answer = move |_| {
            let (sender, reply) = reply_by_channel(200, &[("Content-Length", "10")]);
            sender.try_send(Ok(hello.clone())).unwrap();
            async { reply }
        };
        return over.streaming(answer).await;
    }
    over.raw(move |mut stream| {
        let hello = hello.clone();
        async move {
            read_head(&mut stream).await;
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n").await.unwrap();
            stream.write_all(&hello).await.unwrap();
            stream.shutdown().await.unwrap();
        }
    })
    .await
}

async fn pieces(response: Response) -> (Bytes, Option<BodyError>) {
    let mut received = Vec::new();
    let mut stream = response.body.unwrap().into_stream();
    while let Some(piece) = stream.next().await {
        match piece {
            Ok(chunk) => received.extend_from_slice(&chunk),
            Err(error) => {
                assert!(stream.next().await.is_none(), "nothing follows an error");
                return (received.into(), Some(error));
            }
        }
    }
    (received.into(), None)
}

fn truncated(expected: u64, received: u64) -> BodyError {
    BodyError::Network(NetworkError::BodyTruncated { expected, received })
}

fn reset() -> BodyError {
    BodyError::Network(NetworkError::Connection {
        failure: ConnectionFailure::Reset,
        request_may_have_been_sent: true,
    })
}

async fn less_than_was_announced_is_an_error(over: Over) {
    for given in [5, 1] {
        let server = cut_short(over, given).await;
        let response = fetch(&over.user_agent().await, request(&server.origin(), "/")).await;
        let expected = (Bytes::from_static(b"hello").slice(..given), Some(truncated(10, given as u64)));
        assert_eq!(pieces(response).await, expected);
    }
}

async fn chunks_without_an_end_are_an_error(over: Over) {
    for (end, expected) in [("", Some(reset())), ("0\r\n", Some(reset())), ("0\r\n\r\n", None)] {
        let answer = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n{end}");
        let server = over
            .raw(move |mut stream| {
                let answer = answer.clone();
                async move {
                    read_head(&mut stream).await;
                    stream.write_all(answer.as_bytes()).await.unwrap();
                    stream.flush().await.unwrap();
                }
            })
            .await;
        let response = fetch(&over.user_agent().await, request(&server.origin(), "/")).await;
        assert_eq!(pieces(response).await, ("hello".into(), expected), "{end:?}");
    }
}

async fn both_clones_learn_of_it(over: Over) {
    let server = cut_short(over, 5).await;
    let mut response = fetch(&over.user_agent().await, request(&server.origin(), "/")).await;
    let copy = response.clone();
    let expected = (Bytes::from("hello"), Some(truncated(10, 5)));
    assert_eq!(pieces(response).await, expected);
    assert_eq!(pieces(copy).await, expected);
}

async fn it_is_an_error_behind_an_opaque_filter_too(over: Over) {
    let server = cut_short(over, 5).await;
    let mut request = request(&over.page(), &server.origin());
    request.mode = Mode::NoCors;
    let response = fetch(&over.user_agent().await, request).await.into_unfiltered();
    assert_eq!(pieces(response).await, ("hello".into(), Some(truncated(10, 5))));
}

async fn what_must_be_right_as_a_whole_is_never_given_out_broken(over: Over) {
    let server = cut_short(over, 5).await;
    let mut request = request(&server.origin(), "/");
    request.integrity_metadata = "sha256-LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=".to_owned();
    let response = fetch(&over.user_agent().await, request).await;
    let expected = NetworkError::BodyTruncated { expected: 10, received: 5 };
    assert_eq!(response.reason(), Some(&expected));
}

/// Chunks, or a stream of HTTP/2, that the server gives up.
async fn a_fault_midway_is_an_error_and_not_an_end(over: Over) {
    let go_on = Arc::new(Notify::new());
    let fault = Arc::clone(&go_on);
    let server = over
        .streaming(move |_| {
            let (sender, reply) = reply_by_channel(200, &[]);
            let fault = Arc::clone(&fault);
            tokio::spawn(async move {
                sender.send(Ok("hello".into())).await.unwrap();
                fault.notified().await;
                sender.send(Err(std::io::Error::other("gone"))).await.unwrap();
            });
            async { reply }
        })
        .await;
    let response = fetch(&over.user_agent().await, request(&server.origin(), "/")).await;
    let mut stream = response.body.unwrap().into_stream();
    assert_eq!(stream.next().await, Some(Ok("hello".into())));
    go_on.notify_one();
    assert_eq!(stream.collect::<Vec<_>>().await, [Err(reset())]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_of_tcp_midway_is_an_error() {
    let go_on = Arc::new(Notify::new());
    let read = Arc::clone(&go_on);
    let server = Server::raw(move |mut stream| {
        let read = Arc::clone(&read);
        async move {
            read_head(&mut stream).await;
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello").await.unwrap();
            read.notified().await;
            stream.set_zero_linger().unwrap();
        }
    })
    .await;
    let response = fetch(&user_agent().await, request(&server.origin(), "/")).await;
    let mut stream = response.body.unwrap().into_stream();
    assert_eq!(stream.next().await, Some(Ok("hello".into())));
    go_on.notify_one();
    assert_eq!(stream.collect::<Vec<_>>().await, [Err(reset())]);
}
