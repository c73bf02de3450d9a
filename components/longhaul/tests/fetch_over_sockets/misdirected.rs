//! Requests that a server does not want on the connection they came by.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use futures::StreamExt as _;
use longhaul::fetch::{Body, BodySource, BodyStream, Method};

use crate::support::over::Over;
use crate::support::{body, fetch, reply, request};

crate::over_each!(
    it_goes_once_more_over_a_new_connection_with_its_body,
    a_body_that_can_be_given_once_is_not_given_twice,
);

fn chunks() -> BodyStream {
    let chunks = ["pay", "load"].map(|text| Ok(Bytes::from_static(text.as_bytes())));
    BodyStream::new(futures::stream::iter(chunks).boxed())
}

async fn it_goes_once_more_over_a_new_connection_with_its_body(over: Over) {
    let bodies =
        || [Body::from_bytes("payload"), Body::from_source(BodySource::Reopen(Arc::new(chunks)), Some(7))];
    for (index, sent) in bodies().into_iter().enumerate() {
        let misdirected = AtomicUsize::new(1);
        let server = over
            .server(move |seen| {
                let refused = seen.target == "/here" && misdirected.swap(0, Ordering::SeqCst) == 1;
                reply(if refused { 421 } else { 200 }, &[], "answer")
            })
            .await;
        let user_agent = over.user_agent().await;
        let first = fetch(&user_agent, request(&server.origin(), "/before")).await;
        assert_eq!(body(first).await.unwrap(), "answer");
        let mut post = request(&server.origin(), "/here");
        post.method = Method::POST;
        post.body = Some(sent);
        let response = fetch(&user_agent, post).await;
        assert_eq!((response.status, body(response).await.unwrap()), (200, "answer".into()), "{index}");
        assert_eq!(server.lines(), ["GET /before", "POST /here", "POST /here"]);
        assert!(server.seen()[1..].iter().all(|seen| seen.body == "payload"));
        assert_eq!(server.accepted(), 2, "the connection that was there is not taken again");
        // The new one serves whoever comes.
        let last = fetch(&user_agent, request(&server.origin(), "/after")).await;
        assert_eq!((last.status, server.accepted()), (200, 2));
    }
}

async fn a_body_that_can_be_given_once_is_not_given_twice(over: Over) {
    let server = over.server(|_| reply(421, &[], "not here")).await;
    let user_agent = over.builder().streamed_uploads_over_http1(true).build().await.unwrap();
    let mut post = request(&server.origin(), "/here");
    post.method = Method::POST;
    post.body = Some(Body::from_stream(chunks().into_boxed(), None, Some(7)));
    let response = fetch(&user_agent, post).await;
    assert_eq!((response.status, body(response).await.unwrap()), (421, "not here".into()));
    assert_eq!(server.lines(), ["POST /here"]);
    // A server that goes on refusing is believed.
    let response = fetch(&user_agent, request(&server.origin(), "/there")).await;
    assert_eq!((response.status, server.lines().len()), (421, 3));
}
