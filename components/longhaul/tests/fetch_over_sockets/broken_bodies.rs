//! Bodies that break off.

use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt as _;
use longhaul::fetch::{BodyError, ConnectionFailure, Mode, NetworkError, Response};
use tokio::io::AsyncWriteExt as _;
use tokio::sync::Notify;

use crate::support::{Server, fetch, read_head, request, user_agent};

/// Answers with that text and closes the connection.
async fn server(answer: &'static str) -> Server {
    Server::raw(move |mut stream| async move {
        read_head(&mut stream).await;
        stream.write_all(answer.as_bytes()).await.unwrap();
    })
    .await
}

async fn answer(text: &'static str) -> Response {
    let server = server(text).await;
    fetch(&user_agent().await, request(&server.origin(), "/")).await
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

#[tokio::test(flavor = "multi_thread")]
async fn less_than_was_announced_is_an_error() {
    let response = answer("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello").await;
    assert_eq!(pieces(response).await, ("hello".into(), Some(truncated(10, 5))));
    let response = answer("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n").await;
    assert_eq!(pieces(response).await, ("".into(), Some(truncated(10, 0))));
}

#[tokio::test(flavor = "multi_thread")]
async fn chunks_without_an_end_are_an_error() {
    let response = answer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n").await;
    assert_eq!(pieces(response).await, ("hello".into(), Some(reset())));
    let response =
        answer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n").await;
    assert_eq!(pieces(response).await, ("hello".into(), None));
}

#[tokio::test(flavor = "multi_thread")]
async fn both_clones_learn_of_it() {
    let mut response = answer("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello").await;
    let copy = response.clone();
    let expected = (Bytes::from("hello"), Some(truncated(10, 5)));
    assert_eq!(pieces(response).await, expected);
    assert_eq!(pieces(copy).await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_an_error_behind_an_opaque_filter_too() {
    let server = server("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello").await;
    let mut request = request("http://page.localhost", &server.origin());
    request.mode = Mode::NoCors;
    let response = fetch(&user_agent().await, request).await.into_unfiltered();
    assert_eq!(pieces(response).await, ("hello".into(), Some(truncated(10, 5))));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_must_be_right_as_a_whole_is_never_given_out_broken() {
    let server = server("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello").await;
    let mut request = request(&server.origin(), "/");
    request.integrity_metadata = "sha256-LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=".to_owned();
    let response = fetch(&user_agent().await, request).await;
    let expected = NetworkError::BodyTruncated { expected: 10, received: 5 };
    assert_eq!(response.reason(), Some(&expected));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_midway_is_an_error() {
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
