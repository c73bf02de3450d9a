//! Bodies on their way out.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures::{SinkExt as _, StreamExt as _};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use longhaul::fetch::{Body, BodyError, FetchOptions, Method, NetworkError};
use tokio::sync::mpsc;

use crate::support::{Reply, Server, body, reason, reply, request, tls, user_agent, user_agent_trusting};

/// Tells each piece of a request's body as it comes, and `None` at its end; an error ends it without.
async fn telling(request: http::Request<Incoming>, tell: mpsc::UnboundedSender<Option<Bytes>>) -> Reply {
    let mut body = request.into_body();
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => tell.send(frame.into_data().ok()).unwrap(),
            Err(_) => return reply(400, &[], ""),
        }
    }
    tell.send(None).unwrap();
    reply(200, &[], "thanks")
}

#[derive(Default)]
struct Progress {
    bytes: u64,
    ends: usize,
}

fn watched() -> (FetchOptions, Arc<Mutex<Progress>>) {
    let progress = Arc::new(Mutex::new(Progress::default()));
    let (chunks, end) = (Arc::clone(&progress), Arc::clone(&progress));
    let options = FetchOptions {
        process_request_body_chunk_length: Some(Box::new(move |count| chunks.lock().unwrap().bytes += count)),
        process_request_end_of_body: Some(Box::new(move || end.lock().unwrap().ends += 1)),
        ..FetchOptions::default()
    };
    (options, progress)
}

/// Uploads two pieces, of which the second is made once the first has arrived.
async fn upload_piecewise(tls_config: Option<(String, Arc<rustls::ServerConfig>)>, length: Option<u64>) {
    let (tell, mut told) = mpsc::unbounded_channel();
    let handler = move |request| telling(request, tell.clone());
    let (server, user_agent) = match tls_config {
        Some((pem, config)) => {
            (Server::streaming_tls(config, handler).await, user_agent_trusting(&pem).await)
        }
        None => (Server::streaming(handler).await, user_agent().await),
    };
    let (mut source, chunks) = futures::channel::mpsc::channel::<Result<Bytes, BodyError>>(0);
    let mut request = request(&server.origin(), "/upload");
    request.method = Method::POST;
    request.body = Some(Body::from_stream(chunks.boxed(), None, length));
    let (options, progress) = watched();
    let fetching = tokio::spawn(user_agent.fetch(request, options));
    source.send(Ok(Bytes::from_static(b"first"))).await.unwrap();
    assert_eq!(told.recv().await.unwrap().unwrap(), "first");
    {
        let progress = progress.lock().unwrap();
        assert_eq!((progress.bytes, progress.ends), (5, 0));
    }
    source.send(Ok(Bytes::from_static(b"second"))).await.unwrap();
    drop(source);
    assert_eq!(told.recv().await.unwrap().unwrap(), "second");
    // HTTP/2 may end a body by an empty frame of its own.
    let mut end = told.recv().await.unwrap();
    while end.as_ref().is_some_and(|chunk| chunk.is_empty()) {
        end = told.recv().await.unwrap();
    }
    assert_eq!(end, None);
    let response = fetching.await.unwrap();
    assert_eq!(body(response).await.unwrap(), "thanks");
    let progress = progress.lock().unwrap();
    assert_eq!((progress.bytes, progress.ends), (11, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_goes_out_as_it_is_made_over_http2() {
    upload_piecewise(Some(tls()), None).await;
    upload_piecewise(Some(tls()), Some(11)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_of_known_length_goes_out_as_it_is_made_over_http1() {
    upload_piecewise(None, Some(11)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn progress_of_a_large_body_adds_up() {
    const LENGTH: usize = 3_000_000;
    let server = Server::http(|seen| reply(200, &[], seen.body.len().to_string())).await;
    let mut request = request(&server.origin(), "/upload");
    request.method = Method::PUT;
    request.body = Some(Body::from_bytes(vec![7; LENGTH]));
    let (options, progress) = watched();
    let response = user_agent().await.fetch(request, options).await;
    assert_eq!(body(response).await.unwrap(), LENGTH.to_string());
    let progress = progress.lock().unwrap();
    assert_eq!((progress.bytes, progress.ends), (LENGTH as u64, 1));
    assert_eq!(server.seen()[0].header("Content-Length"), Some(LENGTH.to_string()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_fails_or_lies_fails_the_fetch_and_not_the_next_one() {
    let (tell, mut told) = mpsc::unbounded_channel();
    let server = Server::streaming(move |request| telling(request, tell.clone())).await;
    let user_agent = user_agent().await;
    let failure = BodyError::Source("the disk is gone".to_owned());
    let post = |chunks: Vec<Result<Bytes, BodyError>>, length| {
        let mut request = request(&server.origin(), "/upload");
        request.method = Method::POST;
        request.body = Some(Body::from_stream(futures::stream::iter(chunks).boxed(), None, length));
        request
    };
    let first = || Ok(Bytes::from_static(b"first"));
    let response =
        user_agent.fetch(post(vec![first(), Err(failure.clone())], None), FetchOptions::default()).await;
    assert_eq!(reason(&response), &NetworkError::RequestBody(Box::new(failure)));
    for (length, chunks) in [(6, vec![first()]), (4, vec![first()])] {
        let response = user_agent.fetch(post(chunks, Some(length)), FetchOptions::default()).await;
        assert!(matches!(reason(&response), NetworkError::RequestBody(_)), "{:?}", response.reason());
    }
    server.all_closed().await;
    while told.try_recv().is_ok_and(|piece| piece.expect("none of them came to its end").len() <= 5) {}
    let response = user_agent.fetch(post(vec![first()], Some(5)), FetchOptions::default()).await;
    assert_eq!(body(response).await.unwrap(), "thanks");
}
