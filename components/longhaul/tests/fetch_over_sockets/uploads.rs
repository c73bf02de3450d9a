//! Bodies on their way out.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures::{SinkExt as _, StreamExt as _};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use longhaul::fetch::{
    Body, BodyError, BodySource, BodyStream, FetchOptions, Method, NetworkError, RequestDuplex,
};
use tokio::sync::mpsc;

use crate::support::over::Over;
use crate::support::{Reply, body, fetch, reason, reply, request};

crate::over_each!(
    a_stream_goes_out_as_it_is_made,
    a_body_that_can_be_given_once_goes_over_http2_alone,
    progress_of_a_large_body_adds_up_chunk_by_chunk,
    a_source_that_fails_or_lies_fails_the_fetch_and_not_the_next_one,
    half_duplex_looks_at_no_response_before_the_body_has_gone_out,
);

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
    chunks: Vec<u64>,
    ends: usize,
}

fn watched() -> (FetchOptions, Arc<Mutex<Progress>>) {
    let progress = Arc::new(Mutex::new(Progress::default()));
    let (chunks, end) = (Arc::clone(&progress), Arc::clone(&progress));
    let options = FetchOptions {
        process_request_body_chunk_length: Some(Box::new(move |count| {
            let mut progress = chunks.lock().unwrap();
            progress.bytes += count;
            progress.chunks.push(count);
        })),
        process_request_end_of_body: Some(Box::new(move || end.lock().unwrap().ends += 1)),
        ..FetchOptions::default()
    };
    (options, progress)
}

/// Uploads two pieces, of which the second is made once the first has arrived.
async fn upload_piecewise(over: Over, length: Option<u64>) {
    let (tell, mut told) = mpsc::unbounded_channel();
    let server = over.streaming(move |request| telling(request, tell.clone())).await;
    let user_agent = over.builder().streamed_uploads_over_http1(true).build().await.unwrap();
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

async fn a_stream_goes_out_as_it_is_made(over: Over) {
    upload_piecewise(over, None).await;
    upload_piecewise(over, Some(11)).await;
}

async fn a_body_that_can_be_given_once_goes_over_http2_alone(over: Over) {
    let server = over.server(|seen| reply(200, &[], seen.body.clone())).await;
    let user_agent = over.user_agent().await;
    let chunks = || futures::stream::iter([Ok(Bytes::from_static(b"up"))]).boxed();
    let again = BodySource::Reopen(Arc::new(move || BodyStream::new(chunks())));
    let bodies = [
        (Body::from_stream(chunks(), None, None), over.is_http2()),
        (Body::from_stream(chunks(), None, Some(2)), over.is_http2()),
        (Body::from_source(again, Some(2)), true),
        (Body::from_bytes("up"), true),
    ];
    for (sent, arrives) in bodies {
        let mut request = request(&server.origin(), "/upload");
        request.method = Method::POST;
        request.body = Some(sent);
        let response = fetch(&user_agent, request).await;
        if arrives {
            assert_eq!(body(response).await.unwrap(), "up");
        } else {
            assert_eq!(reason(&response), &NetworkError::BodyNeedsHttp2);
            assert!(!reason(&response).request_may_have_been_sent());
            assert!(server.seen().is_empty(), "{:?}", server.lines());
        }
    }
}

async fn progress_of_a_large_body_adds_up_chunk_by_chunk(over: Over) {
    const LENGTH: usize = 3_000_000;
    // What the connection is given at once.
    const CHUNK: usize = 64 << 10;
    let server = over.server(|seen| reply(200, &[], seen.body.len().to_string())).await;
    let mut request = request(&server.origin(), "/upload");
    request.method = Method::PUT;
    request.body = Some(Body::from_bytes(vec![7; LENGTH]));
    let (options, progress) = watched();
    let response = over.user_agent().await.fetch(request, options).await;
    assert_eq!(body(response).await.unwrap(), LENGTH.to_string());
    let progress = progress.lock().unwrap();
    assert_eq!((progress.bytes, progress.ends), (LENGTH as u64, 1));
    assert!(progress.chunks.len() >= LENGTH / CHUNK, "{}", progress.chunks.len());
    assert!(progress.chunks.iter().all(|bytes| (1..=CHUNK as u64).contains(bytes)), "{:?}", progress.chunks);
    assert_eq!(server.seen()[0].header("Content-Length"), Some(LENGTH.to_string()));
}

async fn a_source_that_fails_or_lies_fails_the_fetch_and_not_the_next_one(over: Over) {
    let (tell, mut told) = mpsc::unbounded_channel();
    let server = over.streaming(move |request| telling(request, tell.clone())).await;
    let user_agent = over.builder().streamed_uploads_over_http1(true).build().await.unwrap();
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
    server.all_done().await;
    while told.try_recv().is_ok_and(|piece| piece.expect("none of them came to its end").len() <= 5) {}
    let response = user_agent.fetch(post(vec![first()], Some(5)), FetchOptions::default()).await;
    assert_eq!(body(response).await.unwrap(), "thanks");
}

async fn half_duplex_looks_at_no_response_before_the_body_has_gone_out(over: Over) {
    let (tell, mut told) = mpsc::unbounded_channel();
    let server = over
        .streaming(move |request| {
            // It answers at once, and reads the body meanwhile.
            tokio::spawn(telling(request, tell.clone()));
            std::future::ready(reply(200, &[], "early"))
        })
        .await;
    let user_agent = over.builder().streamed_uploads_over_http1(true).build().await.unwrap();
    let failure = BodyError::Source("the disk is gone".to_owned());
    for last in [None, Some(failure)] {
        let (mut source, chunks) = futures::channel::mpsc::channel::<Result<Bytes, BodyError>>(0);
        let mut post = request(&server.origin(), "/upload");
        post.method = Method::POST;
        post.duplex = RequestDuplex::Half;
        post.body = Some(Body::from_stream(chunks.boxed(), None, None));
        let fetching = tokio::spawn(user_agent.fetch(post, FetchOptions::default()));
        source.send(Ok(Bytes::from_static(b"first"))).await.unwrap();
        assert_eq!(told.recv().await.unwrap().unwrap(), "first");
        // What is asked later is answered meanwhile: the answer to the upload came before.
        for _ in 0..3 {
            let response = fetch(&user_agent, request(&server.origin(), "/")).await;
            assert_eq!(body(response).await.unwrap(), "early");
            assert_eq!(told.recv().await.unwrap(), None);
        }
        assert!(!fetching.is_finished());
        match last {
            None => {
                drop(source);
                while told.recv().await.unwrap().is_some() {}
                assert_eq!(body(fetching.await.unwrap()).await.unwrap(), "early");
            }
            Some(failure) => {
                source.send(Err(failure.clone())).await.unwrap();
                let response = fetching.await.unwrap();
                assert_eq!(reason(&response), &NetworkError::RequestBody(Box::new(failure)));
            }
        }
    }
}
