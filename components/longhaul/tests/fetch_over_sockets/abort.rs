//! Ending a fetch frees its connection.

use std::future::pending;
use std::time::Duration;

use futures::StreamExt as _;
use longhaul::fetch::{Body, BodyError, FetchOptions, Method, NetworkError, Response};
use tokio::sync::mpsc;

use crate::support::{
    Reply, Server, body, chunk, fetch, reason, reply, reply_by_channel, request, user_agent, user_agent_with,
};

/// Says that a request has come, and never answers one for `/silent`.
async fn silent_server() -> (Server, mpsc::UnboundedReceiver<()>) {
    let (tell, told) = mpsc::unbounded_channel();
    let server = Server::streaming(move |request| {
        let tell = tell.clone();
        async move {
            tell.send(()).unwrap();
            match request.uri().path() {
                "/silent" => pending::<Reply>().await,
                _ => reply(200, &[], "here"),
            }
        }
    })
    .await;
    (server, told)
}

#[tokio::test(flavor = "multi_thread")]
async fn before_the_head() {
    let (server, mut asked) = silent_server().await;
    // The second request has to wait for the first one's place.
    let user_agent = user_agent_with(|config| config.max_per_key = 1).await;
    let options = FetchOptions::default();
    let controller = options.controller.clone();
    let first = tokio::spawn(user_agent.fetch(request(&server.origin(), "/silent"), options));
    asked.recv().await.unwrap();
    let second = tokio::spawn(user_agent.fetch(request(&server.origin(), "/"), FetchOptions::default()));
    controller.abort(None);
    let response = first.await.unwrap();
    assert!(response.aborted);
    assert_eq!(reason(&response), &NetworkError::Aborted);
    assert_eq!(body(second.await.unwrap()).await.unwrap(), "here");
    assert_eq!(server.accepted(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn before_the_head_by_dropping_the_fetch() {
    let (server, mut asked) = silent_server().await;
    let user_agent = user_agent().await;
    let fetching =
        tokio::spawn(user_agent.fetch(request(&server.origin(), "/silent"), FetchOptions::default()));
    asked.recv().await.unwrap();
    fetching.abort();
    server.all_closed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn during_the_upload() {
    // A server that reads and reads: only the end of the connection ends it.
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let origin = format!("http://localhost:{}", listener.local_addr().unwrap().port());
    let (begun, mut asked) = mpsc::unbounded_channel();
    let reading = tokio::task::spawn_blocking(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut buffer = [0; 4096];
        while std::io::Read::read(&mut stream, &mut buffer).is_ok_and(|bytes| bytes > 0) {
            let _ = begun.send(());
        }
    });
    let mut request = request(&origin, "/upload");
    request.method = Method::POST;
    let endless = futures::stream::repeat_with(|| Ok(vec![0; 1000].into()));
    request.body = Some(Body::from_stream(endless.boxed(), None, None));
    let options = FetchOptions::default();
    let controller = options.controller.clone();
    let fetching = tokio::spawn(user_agent().await.fetch(request, options));
    asked.recv().await.unwrap();
    controller.abort(None);
    assert!(fetching.await.unwrap().aborted);
    reading.await.unwrap();
}

/// A server that sends one chunk and never ends.
async fn endless_server() -> Server {
    let kept = std::sync::Mutex::new(Vec::new());
    Server::streaming(move |_| {
        let (sender, reply) = reply_by_channel(200, &[]);
        sender.try_send(Ok("a".into())).unwrap();
        kept.lock().unwrap().push(sender);
        async { reply }
    })
    .await
}

async fn begun(server: &Server, options: FetchOptions) -> Response {
    let response = user_agent().await.fetch(request(&server.origin(), "/"), options).await;
    assert_eq!(response.reason(), None);
    response
}

#[tokio::test(flavor = "multi_thread")]
async fn midway() {
    let server = endless_server().await;
    let options = FetchOptions::default();
    let controller = options.controller.clone();
    let mut stream = begun(&server, options).await.body.unwrap().into_stream();
    assert_eq!(chunk(&mut stream).await, Some(Ok("a".into())));
    let reading = tokio::spawn(async move { stream.collect::<Vec<_>>().await });
    controller.abort(None);
    assert_eq!(reading.await.unwrap(), [Err(BodyError::Aborted)]);
    server.all_closed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn midway_while_nobody_reads() {
    let server = endless_server().await;
    let options = FetchOptions::default();
    let controller = options.controller.clone();
    let response = begun(&server, options).await;
    controller.terminate();
    server.all_closed().await;
    assert_eq!(body(response).await, Err(BodyError::Network(NetworkError::Terminated)));
}

#[tokio::test(flavor = "multi_thread")]
async fn by_dropping_the_body() {
    let server = endless_server().await;
    let mut response = begun(&server, FetchOptions::default()).await;
    let copy = response.clone();
    let mut stream = response.body.unwrap().into_stream();
    assert_eq!(chunk(&mut stream).await, Some(Ok("a".into())));
    // The clone still wants it.
    drop(stream);
    let mut stream = copy.body.unwrap().into_stream();
    assert_eq!(chunk(&mut stream).await, Some(Ok("a".into())));
    drop(stream);
    server.all_closed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_falls_silent_is_given_up() {
    let server = endless_server().await;
    let user_agent = user_agent_with(|config| config.timeouts.body_idle = Duration::from_millis(50)).await;
    let response = fetch(&user_agent, request(&server.origin(), "/")).await;
    let error = body(response).await.unwrap_err();
    assert!(matches!(error, BodyError::Network(NetworkError::Connection { .. })), "{error}");
    server.all_closed().await;
}
