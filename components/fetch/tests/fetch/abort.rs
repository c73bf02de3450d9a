//! Ending a fetch, wherever it is.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use futures::stream::{self, BoxStream};
use futures::{FutureExt as _, StreamExt as _};
use longhaul_fetch::{
    Body, BodyError, ControllerState, FetchController, FetchOptions, Method, NetworkError, Request, Services,
    fetch,
};

use crate::support::{Answer, FakeNetwork, cors, reason, redirect, reply, reply_stream};

/// Starts the fetch and lets it go as far as it can.
async fn started(
    network: &Arc<FakeNetwork>,
    request: Request,
) -> (FetchController, futures::future::BoxFuture<'static, longhaul_fetch::Response>) {
    let controller = FetchController::new();
    let options = FetchOptions { controller: controller.clone(), ..FetchOptions::default() };
    let mut future = fetch(&Services::new(Arc::clone(network) as _), request, options);
    assert!((&mut future).now_or_never().is_none(), "the fetch waits");
    (controller, future)
}

fn put() -> Request {
    let mut request = cors("https://b.example/");
    request.unsafe_request = true;
    request.method = Method::PUT;
    request
}

#[tokio::test]
async fn a_fetch_that_was_aborted_before_never_starts() {
    let network = FakeNetwork::new(|_| reply(200, &[], ""));
    let options = FetchOptions::default();
    options.controller.abort(None);
    let response = fetch(&Services::new(Arc::clone(&network) as _), cors("/"), options).await;
    assert!(response.aborted);
    assert_eq!(reason(&response), &NetworkError::Aborted);
    assert!(network.seen().is_empty());
}

#[tokio::test]
async fn aborting_ends_a_request_that_waits_for_its_head() {
    let network = FakeNetwork::new(|_| Answer::Hang);
    let (controller, future) = started(&network, cors("/")).await;
    controller.abort(None);
    assert!(future.await.aborted);
}

#[tokio::test]
async fn aborting_ends_a_preflight() {
    let network = FakeNetwork::new(|_| Answer::Hang);
    let (controller, future) = started(&network, put()).await;
    assert_eq!(network.seen()[0].method, "OPTIONS");
    controller.abort(None);
    assert!(future.await.aborted);
}

#[tokio::test]
async fn aborting_ends_the_second_hop() {
    let network = FakeNetwork::new(|seen| match seen.target.as_str() {
        "/one" => redirect(302, "/two"),
        _ => Answer::Hang,
    });
    let (controller, future) = started(&network, cors("/one")).await;
    assert_eq!(network.seen().len(), 2);
    controller.abort(None);
    assert!(future.await.aborted);
}

#[tokio::test]
async fn aborting_ends_an_upload() {
    let network = FakeNetwork::new(|_| reply(200, &[], ""));
    let mut request = cors("/");
    request.method = Method::POST;
    request.body = Some(Body::from_stream(stream::pending().boxed(), None, None));
    let (controller, future) = started(&network, request).await;
    controller.abort(None);
    assert!(future.await.aborted);
    assert!(network.seen().is_empty());
}

#[tokio::test]
async fn terminating_is_not_aborting() {
    let network = FakeNetwork::new(|_| Answer::Hang);
    let (controller, future) = started(&network, cors("/")).await;
    controller.terminate();
    let response = future.await;
    assert_eq!(reason(&response), &NetworkError::Terminated);
    assert!(!response.aborted);
    assert_eq!(controller.state(), ControllerState::Terminated);
}

/// Raises the flag when it is dropped.
struct Flag(Arc<AtomicBool>);

impl Drop for Flag {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Gives one chunk and then nothing for ever; the flag tells when the connection would be closed.
fn endless(flag: &Arc<AtomicBool>) -> BoxStream<'static, Result<Bytes, NetworkError>> {
    let flag = Flag(Arc::clone(flag));
    stream::once(std::future::ready(Ok(Bytes::from_static(b"ab"))))
        .chain(stream::pending())
        .map(move |chunk| {
            let _held = &flag;
            chunk
        })
        .boxed()
}

fn endless_server(flag: &Arc<AtomicBool>) -> Arc<FakeNetwork> {
    let flag = Arc::clone(flag);
    FakeNetwork::new(move |_| reply_stream(200, &[], endless(&flag)))
}

#[tokio::test]
async fn aborting_ends_a_body_and_closes_its_connection() {
    let closed = Arc::new(AtomicBool::new(false));
    let controller = FetchController::new();
    let options = FetchOptions { controller: controller.clone(), ..FetchOptions::default() };
    let response = fetch(&Services::new(endless_server(&closed)), cors("/"), options).await;
    let mut body = response.body.unwrap().into_stream();
    assert_eq!(body.next().await.unwrap().unwrap(), "ab");
    let reading = tokio::spawn(async move { (body.next().await, body.next().await) });
    tokio::task::yield_now().await;
    controller.abort(None);
    assert_eq!(reading.await.unwrap(), (Some(Err(BodyError::Aborted)), None));
    assert!(closed.load(Ordering::Relaxed));
}

#[tokio::test]
async fn aborting_closes_the_connection_of_a_body_that_nobody_reads() {
    let closed = Arc::new(AtomicBool::new(false));
    let options = FetchOptions::default();
    let controller = options.controller.clone();
    let response = fetch(&Services::new(endless_server(&closed)), cors("/"), options).await;
    controller.terminate();
    assert!(closed.load(Ordering::Relaxed));
    let result = response.body.unwrap().read_all(None).await;
    assert_eq!(result, Err(BodyError::Network(NetworkError::Terminated)));
}

#[tokio::test]
async fn dropping_the_body_closes_its_connection() {
    let closed = Arc::new(AtomicBool::new(false));
    let response = fetch(&Services::new(endless_server(&closed)), cors("/"), FetchOptions::default()).await;
    assert!(!closed.load(Ordering::Relaxed));
    drop(response);
    assert!(closed.load(Ordering::Relaxed));
}

#[tokio::test]
async fn what_has_ended_is_not_changed_by_an_abort() {
    let network = FakeNetwork::new(|_| reply(200, &[], "abc"));
    let options = FetchOptions::default();
    let controller = options.controller.clone();
    let response = fetch(&Services::new(network), cors("/"), options).await;
    assert_eq!(response.body.unwrap().read_all(None).await.unwrap(), "abc");
    let timing = controller.full_timing_info().unwrap();
    assert_eq!((timing.encoded_body_size, timing.decoded_body_size), (3, 3));
    controller.abort(Some(Arc::new("late")));
    assert_eq!(controller.full_timing_info(), Some(timing));
}
