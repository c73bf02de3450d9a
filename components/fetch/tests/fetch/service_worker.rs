//! Responses of service workers.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use futures::stream::{self, StreamExt as _};
use longhaul_fetch::{
    Body, FetchController, FetchOptions, Method, Mode, NetworkError, Request, Response, ResponseType,
    ServiceWorkerHook, ServiceWorkersMode, Services, fetch,
};
use url::Url;

use crate::support::{FakeNetwork, cors, reason, redirect, reply, request, text};

type Answer = Box<dyn Fn() -> Option<Response> + Send + Sync>;

/// Reads the request's body, and answers.
struct Worker {
    answer: Answer,
    bodies: Mutex<Vec<Bytes>>,
}

impl Worker {
    fn new(answer: impl Fn() -> Option<Response> + Send + Sync + 'static) -> Arc<Worker> {
        Arc::new(Worker { answer: Box::new(answer), bodies: Mutex::default() })
    }
}

impl ServiceWorkerHook for Worker {
    fn handle_fetch(
        &self,
        request: Request,
        _controller: FetchController,
    ) -> BoxFuture<'static, Option<Response>> {
        if let Some(body) = request.body {
            let body = body.read_all(None).now_or_never().expect("the body is there").unwrap();
            self.bodies.lock().unwrap().push(body);
        }
        std::future::ready((self.answer)()).boxed()
    }

    fn may_handle(&self, _request: &Request) -> bool {
        true
    }
}

async fn run(worker: &Arc<Worker>, network: &Arc<FakeNetwork>, request: Request) -> Response {
    let services = Services::new(Arc::clone(network) as _).with_service_workers(Arc::clone(worker) as _);
    fetch(&services, request, FetchOptions::default()).await
}

fn made(body: &'static str) -> Response {
    let mut response = Response::new();
    response.body = Some(Body::from_bytes(body));
    response
}

#[tokio::test]
async fn a_worker_answers_in_the_place_of_the_network() {
    let network = FakeNetwork::new(|_| reply(200, &[], "network"));
    let worker = Worker::new(|| Some(made("worker")));
    let response = run(&worker, &network, cors("/")).await;
    assert_eq!((response.r#type, response.url().is_some()), (ResponseType::Basic, true));
    assert_eq!(text(response).await, "worker");
    let mut without = cors("/");
    without.service_workers_mode = ServiceWorkersMode::None;
    assert_eq!(text(run(&worker, &network, without).await).await, "network");
}

#[tokio::test]
async fn a_worker_that_declines_leaves_body_and_redirects_to_the_network() {
    let asked = Arc::new(Mutex::new(0));
    let count = Arc::clone(&asked);
    let worker = Worker::new(move || {
        *count.lock().unwrap() += 1;
        None
    });
    let network = FakeNetwork::new(|seen| match seen.target.as_str() {
        "/one" => redirect(303, "/two"),
        _ => reply(200, &[], "network"),
    });
    let mut posted = cors("/one");
    posted.method = Method::POST;
    let chunks = stream::iter([Ok(Bytes::from_static(b"ab")), Ok(Bytes::from_static(b"c"))]).boxed();
    posted.body = Some(Body::from_stream(chunks, None, None));
    assert_eq!(text(run(&worker, &network, posted).await).await, "network");
    assert_eq!(*worker.bodies.lock().unwrap(), ["abc"]);
    assert_eq!(network.seen()[0].body, b"abc");
    assert_eq!(*asked.lock().unwrap(), 1);
}

#[tokio::test]
async fn some_responses_are_not_for_some_requests() {
    let network = FakeNetwork::new(|_| reply(200, &[], ""));
    let with_type = |r#type: ResponseType| {
        Worker::new(move || {
            let mut response = made("x");
            response.url_list.push(Url::parse("https://b.example/").unwrap());
            Some(response.filtered(r#type))
        })
    };
    let refused = |response: Response| {
        assert!(
            matches!(reason(&response), NetworkError::ServiceWorkerResponse(_)),
            "{:?}",
            response.reason()
        );
    };
    refused(run(&with_type(ResponseType::Cors), &network, request(Mode::SameOrigin, "/")).await);
    refused(run(&with_type(ResponseType::Opaque), &network, cors("/")).await);
    refused(run(&with_type(ResponseType::OpaqueRedirect), &network, cors("/")).await);
    let error = Worker::new(|| Some(Response::network_error(NetworkError::Generic)));
    refused(run(&error, &network, cors("/")).await);
    let opaque = run(&with_type(ResponseType::Opaque), &network, request(Mode::NoCors, "/")).await;
    assert_eq!(opaque.r#type, ResponseType::Opaque);
}

#[tokio::test]
async fn a_part_from_a_cache_is_not_an_answer_to_a_whole_request() {
    let network = FakeNetwork::new(|_| reply(200, &[], ""));
    let worker = Worker::new(|| {
        let mut response = made("x");
        response.status = 206;
        response.range_requested = true;
        response.url_list.push(Url::parse("https://b.example/").unwrap());
        Some(response.filtered(ResponseType::Opaque))
    });
    let response = run(&worker, &network, request(Mode::NoCors, "/")).await;
    assert_eq!(reason(&response), &NetworkError::UnexpectedPartialResponse);
}
