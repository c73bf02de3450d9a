//! TLS, and HTTP/2 where ALPN says so.

use bytes::Bytes;
use futures::future::join_all;
use futures::{SinkExt as _, StreamExt as _};
use http_body_util::BodyExt as _;
use longhaul::fetch::{Body, BodyError, FetchOptions, Method, NetworkError, TlsFailure};
use tokio::sync::mpsc;

use crate::support::over::Over;
use crate::support::{
    Server, body, chunk, fetch, reason, reply, reply_by_channel, request, tls, user_agent,
    user_agent_trusting,
};

#[tokio::test(flavor = "multi_thread")]
async fn many_requests_share_one_connection() {
    let (pem, config) = tls();
    let server = Server::https(config, |seen| reply(200, &[], seen.target.clone())).await;
    let user_agent = user_agent_trusting(&pem).await;
    let options = FetchOptions::default();
    let controller = options.controller.clone();
    let response = user_agent.fetch(request(&server.origin(), "/first"), options).await;
    assert_eq!(body(response).await.unwrap(), "/first");
    let timing = controller.full_timing_info().unwrap();
    assert_eq!(timing.final_connection_timing_info.unwrap().alpn_negotiated_protocol, "h2");
    let fetches = (0..20).map(|number| {
        let target = format!("/{number}");
        let fetched = fetch(&user_agent, request(&server.origin(), &target));
        async move { assert_eq!(body(fetched.await).await.unwrap(), target) }
    });
    join_all(fetches).await;
    assert_eq!(server.accepted(), 1);
    assert!(server.seen().iter().all(|seen| seen.version == http::Version::HTTP_2));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_h2_in_alpn_it_is_http1() {
    let (pem, mut config) = tls();
    std::sync::Arc::get_mut(&mut config).unwrap().alpn_protocols = vec![b"http/1.1".to_vec()];
    let server = Server::https(config, |_| reply(200, &[], "")).await;
    let response = fetch(&user_agent_trusting(&pem).await, request(&server.origin(), "/")).await;
    assert_eq!(response.reason(), None);
    assert_eq!(server.seen()[0].version, http::Version::HTTP_11);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_nobody_vouches_for_is_told_nothing() {
    let (_, config) = tls();
    let server = Server::https(config, |_| reply(200, &[], "")).await;
    let response = fetch(&user_agent().await, request(&server.origin(), "/")).await;
    assert_eq!(reason(&response), &NetworkError::Tls(TlsFailure::UnknownIssuer));
    assert!(server.seen().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_abort_resets_its_stream_and_leaves_the_connection() {
    let (pem, config) = tls();
    let (senders, mut sent) = mpsc::unbounded_channel();
    let server = Server::streaming_tls(config, move |_| {
        let (sender, reply) = reply_by_channel(200, &[]);
        senders.send(sender).unwrap();
        async { reply }
    })
    .await;
    let user_agent = user_agent_trusting(&pem).await;
    let options = FetchOptions::default();
    let controller = options.controller.clone();
    let response = user_agent.fetch(request(&server.origin(), "/"), options).await;
    let mut stream = response.body.unwrap().into_stream();
    let sender = sent.recv().await.unwrap();
    sender.send(Ok("a".into())).await.unwrap();
    assert_eq!(chunk(&mut stream).await, Some(Ok("a".into())));
    controller.abort(None);
    assert_eq!(chunk(&mut stream).await, Some(Err(BodyError::Aborted)));
    // The server learns of it.
    sender.closed().await;
    let again = fetch(&user_agent, request(&server.origin(), "/")).await;
    drop(sent.recv().await.unwrap());
    assert_eq!(body(again).await.unwrap(), "");
    assert_eq!(server.accepted(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn both_directions_flow_at_once() {
    let over = Over::Http2;
    // Gives back each piece as it comes.
    let server = over
        .streaming(|request| async {
            let (sender, reply) = reply_by_channel(200, &[]);
            tokio::spawn(async move {
                let mut pieces = request.into_body().into_data_stream();
                while let Some(Ok(piece)) = pieces.next().await {
                    if !piece.is_empty() && sender.send(Ok(piece)).await.is_err() {
                        return;
                    }
                }
            });
            reply
        })
        .await;
    let (mut source, chunks) = futures::channel::mpsc::channel::<Result<Bytes, BodyError>>(0);
    let mut post = request(&server.origin(), "/echo");
    post.method = Method::POST;
    post.body = Some(Body::from_stream(chunks.boxed(), None, None));
    let response = fetch(&over.user_agent().await, post).await;
    assert_eq!(response.reason(), None);
    let mut stream = response.body.unwrap().into_stream();
    for piece in ["one", "two", "three"] {
        source.send(Ok(piece.into())).await.unwrap();
        assert_eq!(chunk(&mut stream).await, Some(Ok(piece.into())));
    }
    drop(source);
    assert_eq!(chunk(&mut stream).await, None);
}
