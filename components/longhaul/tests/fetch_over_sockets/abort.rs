//! Ending a fetch, wherever it waits, frees all that it held.

use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::{FutureExt as _, StreamExt as _};
use http_body_util::BodyExt as _;
use longhaul::background_fetch::PermissionState;
use longhaul::fetch::{
    Body, BodyError, BodySource, BodyStream, CredentialPrompt, CredentialQuestion, Credentials,
    EnvironmentSettings, FetchController, FetchOptions, IpAddressSpace, Method, NetworkError, Request,
    RequestInterceptor, Response,
};
use longhaul::net::{ByteStream, Dialer, ResolveError, Resolver};
use longhaul::{PermissionPrompt, PermissionQuestion, UserAgent};
use tokio::io::AsyncReadExt as _;
use tokio::sync::{mpsc, watch};

use crate::support::over::Over;
use crate::support::{Reply, Server, body, chunk, fetch, reason, reply, reply_by_channel, request};

crate::over_each!(
    at_every_step_before_the_response,
    before_the_head_its_place_is_given_on,
    midway,
    midway_while_nobody_reads,
    midway_under_a_coding,
    by_dropping_the_body,
    a_server_that_falls_silent_is_given_up,
);

crate::over_tls!(during_the_handshake);

/// A place where whoever comes waits for ever. It knows who is there.
#[derive(Clone)]
struct Trap {
    came: watch::Sender<usize>,
    waiting: watch::Sender<usize>,
}

impl Trap {
    fn new() -> Trap {
        Trap { came: watch::Sender::new(0), waiting: watch::Sender::new(0) }
    }

    async fn wait<T>(&self) -> T {
        struct Leaves<'a>(&'a Trap);
        impl Drop for Leaves<'_> {
            fn drop(&mut self) {
                self.0.waiting.send_modify(|count| *count -= 1);
            }
        }
        self.waiting.send_modify(|count| *count += 1);
        let _leaves = Leaves(self);
        self.came.send_modify(|count| *count += 1);
        pending().await
    }

    fn boxed<T: Send + 'static>(&self) -> BoxFuture<'static, T> {
        let trap = self.clone();
        async move { trap.wait().await }.boxed()
    }

    /// Ends once so many have come up to now.
    async fn has_caught(&self, count: usize) {
        self.came.subscribe().wait_for(|came| *came >= count).await.unwrap();
    }

    /// Ends once nobody is there.
    async fn is_empty(&self) {
        self.waiting.subscribe().wait_for(|waiting| *waiting == 0).await.unwrap();
    }
}

impl Resolver for Trap {
    fn resolve(&self, _: &str, _: u16) -> BoxFuture<'static, Result<Vec<SocketAddr>, ResolveError>> {
        self.boxed()
    }
}

impl Dialer for Trap {
    fn dial(&self, _: SocketAddr) -> BoxFuture<'static, io::Result<Box<dyn ByteStream>>> {
        self.boxed()
    }
}

impl CredentialPrompt for Trap {
    fn prompt(&self, _: CredentialQuestion) -> BoxFuture<'static, Option<Credentials>> {
        self.boxed()
    }
}

impl PermissionPrompt for Trap {
    fn ask(&self, _: PermissionQuestion) -> BoxFuture<'static, PermissionState> {
        self.boxed()
    }
}

impl RequestInterceptor for Trap {
    fn potentially_override_response(&self, _: &Request) -> BoxFuture<'static, Option<Response>> {
        self.boxed()
    }
}

/// How a fetch is ended.
#[derive(Clone, Copy, Debug)]
enum End {
    Abort,
    Terminate,
    /// Whoever waits for it goes.
    Drop,
    /// Its page goes.
    Page,
}

const ENDS: [End; 4] = [End::Abort, End::Terminate, End::Drop, End::Page];

/// Ends a fetch that has run into the trap in each way, and sees that nothing of it is left.
async fn end_in(
    step: &str,
    trap: &Trap,
    user_agent: &UserAgent,
    server: &Server,
    make: impl Fn() -> Request,
) {
    for end in ENDS {
        let before = *trap.came.borrow();
        let request = make();
        let group = request.client.as_ref().unwrap().fetch_group.clone();
        let options = FetchOptions::default();
        let controller: FetchController = options.controller.clone();
        let fetching = tokio::spawn(user_agent.fetch(request, options));
        trap.has_caught(before + 1).await;
        assert_eq!(group.fetches_under_way(), 1, "{step}");
        match end {
            End::Abort => controller.abort(None),
            End::Terminate => controller.terminate(),
            End::Drop => fetching.abort(),
            End::Page => group.terminate(user_agent.services()),
        }
        match (end, fetching.await) {
            (End::Drop, Err(error)) => assert!(error.is_cancelled(), "{step}"),
            (End::Abort, Ok(response)) => {
                assert_eq!(response.reason(), Some(&NetworkError::Aborted), "{step}");
                assert!(response.aborted, "{step}");
            }
            (End::Terminate | End::Page, Ok(response)) => {
                assert_eq!(response.reason(), Some(&NetworkError::Terminated), "{step}");
            }
            (end, other) => panic!("{step}, {end:?}: {other:?}"),
        }
        trap.is_empty().await;
        server.all_done().await;
        assert_eq!(group.fetches_under_way(), 0, "{step}, {end:?}");
    }
}

async fn at_every_step_before_the_response(over: Over) {
    let on_server = Trap::new();
    let server = {
        let trap = on_server.clone();
        over.streaming(move |request| {
            let trap = trap.clone();
            async move {
                let shared = ("Access-Control-Allow-Origin", "*");
                match (request.method().as_str(), request.uri().path()) {
                    ("OPTIONS", "/put") | (_, "/silent") => trap.wait::<Reply>().await,
                    (_, "/upload") => {
                        // Whether it breaks off is known to whoever reads it.
                        let _ = request.into_body().collect().await;
                        reply(400, &[], "")
                    }
                    (_, "/redirect") => reply(302, &[("Location", "/silent"), shared], ""),
                    (_, "/asks") => reply(401, &[("WWW-Authenticate", "Basic realm=\"x\"")], ""),
                    _ => reply(200, &[shared], "here"),
                }
            }
        })
        .await
    };
    let of = |origin: &str, target: &str| request(origin, &format!("{}{target}", server.origin()));
    let own = |target: &str| of(&server.origin(), target);

    let plain = over.user_agent().await;
    end_in("the head", &on_server, &plain, &server, || own("/silent")).await;
    end_in("behind a redirect", &on_server, &plain, &server, || own("/redirect")).await;
    let preflighted = || {
        let mut request = of(&over.page(), "/put");
        request.method = Method::PUT;
        request
    };
    end_in("the preflight", &on_server, &plain, &server, preflighted).await;

    let source = Trap::new();
    let uploading = || {
        let mut request = own("/upload");
        request.method = Method::POST;
        let source = source.clone();
        let chunks = move || {
            let source = source.clone();
            let first = futures::stream::iter([Ok(Bytes::from_static(b"first"))]);
            BodyStream::new(
                first.chain(futures::stream::once(source.boxed::<Result<Bytes, BodyError>>())).boxed(),
            )
        };
        request.body = Some(Body::from_source(BodySource::Reopen(Arc::new(chunks)), None));
        request
    };
    end_in("the upload", &source, &plain, &server, uploading).await;

    let named = || of(&server.origin(), "/").url().clone();
    let at_name = || {
        let mut url = named();
        url.set_host(Some("named.test")).unwrap();
        request(&over.page(), url.as_str())
    };
    let lookup = Trap::new();
    let user_agent = over.user_agent_with(|network| network.resolver = Arc::new(lookup.clone())).await;
    end_in("the lookup", &lookup, &user_agent, &server, at_name).await;
    let dialing = Trap::new();
    let user_agent = over.user_agent_with(|network| network.dialer = Arc::new(dialing.clone())).await;
    end_in("connecting", &dialing, &user_agent, &server, || own("/")).await;

    let prompt = Trap::new();
    let user_agent = over.builder().credential_prompt(Arc::new(prompt.clone())).build().await.unwrap();
    end_in("the user's credentials", &prompt, &user_agent, &server, || own("/asks")).await;
    let permission = Trap::new();
    let user_agent = over.builder().permission_prompt(Arc::new(permission.clone())).build().await.unwrap();
    let of_public_page = || {
        let mut client = EnvironmentSettings::for_url("https://page.example/".parse().unwrap());
        client.policy_container.ip_address_space = Some(IpAddressSpace::Public);
        let mut request = own("/");
        request.client = Some(client.into_shared());
        request
    };
    end_in("the user's permission", &permission, &user_agent, &server, of_public_page).await;
    let interceptor = Trap::new();
    let user_agent = over.builder().interceptor(Arc::new(interceptor.clone())).build().await.unwrap();
    end_in("the interceptor", &interceptor, &user_agent, &server, || own("/")).await;

    // What was ended has spoilt nothing.
    assert_eq!(body(fetch(&plain, own("/")).await).await.unwrap(), "here");
}

/// A server that takes connections and never says a word of TLS.
async fn during_the_handshake(over: Over) {
    let trap = Trap::new();
    let caught = trap.clone();
    let server = Server::raw(move |mut stream| {
        let caught = caught.clone();
        async move {
            let closed = async {
                let mut buffer = [0; 4096];
                while stream.read(&mut buffer).await.is_ok_and(|bytes| bytes > 0) {}
            };
            tokio::select! { () = caught.wait() => {}, () = closed => {} }
        }
    })
    .await;
    let url = server.origin().replace("http:", "https:");
    let user_agent = over.user_agent().await;
    end_in("the handshake", &trap, &user_agent, &server, || request(&over.page(), &url)).await;
}

async fn before_the_head_its_place_is_given_on(over: Over) {
    let (tell, mut asked) = mpsc::unbounded_channel();
    let server = over
        .streaming(move |request| {
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
    // Over HTTP/1.1 the second request has to wait for the first one's place.
    let user_agent = over.user_agent_with(|config| config.max_per_key = 1).await;
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
    assert_eq!(server.accepted(), if over.is_http2() { 1 } else { 2 });
}

/// A server that sends one chunk and never ends.
async fn endless_server(over: Over, headers: &'static [(&str, &str)], first: Bytes) -> Server {
    let kept = std::sync::Mutex::new(Vec::new());
    over.streaming(move |_| {
        let (sender, reply) = reply_by_channel(200, headers);
        sender.try_send(Ok(first.clone())).unwrap();
        kept.lock().unwrap().push(sender);
        async { reply }
    })
    .await
}

async fn begun(over: Over, server: &Server, options: FetchOptions) -> Response {
    let response = over.user_agent().await.fetch(request(&server.origin(), "/"), options).await;
    assert_eq!(response.reason(), None);
    response
}

async fn midway(over: Over) {
    let server = endless_server(over, &[], "a".into()).await;
    let options = FetchOptions::default();
    let controller = options.controller.clone();
    let mut stream = begun(over, &server, options).await.body.unwrap().into_stream();
    assert_eq!(chunk(&mut stream).await, Some(Ok("a".into())));
    let reading = tokio::spawn(async move { stream.collect::<Vec<_>>().await });
    controller.abort(None);
    assert_eq!(reading.await.unwrap(), [Err(BodyError::Aborted)]);
    server.all_done().await;
}

async fn midway_under_a_coding(over: Over) {
    // The beginning of a gzip stream: a head, and a stored block of which one byte of ten has come.
    let begin = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255, 0, 10, 0, 245, 255, b'a'];
    let server = endless_server(over, &[("Content-Encoding", "gzip")], Bytes::copy_from_slice(&begin)).await;
    let options = FetchOptions::default();
    let controller = options.controller.clone();
    let stream = begun(over, &server, options).await.body.unwrap().into_stream();
    let reading = tokio::spawn(async move { stream.collect::<Vec<_>>().await });
    controller.abort(None);
    let read = reading.await.unwrap();
    assert_eq!(read.last(), Some(&Err(BodyError::Aborted)), "{read:?}");
    server.all_done().await;
}

async fn midway_while_nobody_reads(over: Over) {
    let server = endless_server(over, &[], "a".into()).await;
    let options = FetchOptions::default();
    let controller = options.controller.clone();
    let response = begun(over, &server, options).await;
    controller.terminate();
    server.all_done().await;
    assert_eq!(body(response).await, Err(BodyError::Network(NetworkError::Terminated)));
}

async fn by_dropping_the_body(over: Over) {
    let server = endless_server(over, &[], "a".into()).await;
    let mut response = begun(over, &server, FetchOptions::default()).await;
    let copy = response.clone();
    let mut stream = response.body.unwrap().into_stream();
    assert_eq!(chunk(&mut stream).await, Some(Ok("a".into())));
    // The clone still wants it.
    drop(stream);
    let mut stream = copy.body.unwrap().into_stream();
    assert_eq!(chunk(&mut stream).await, Some(Ok("a".into())));
    drop(stream);
    server.all_done().await;
    if !over.is_http2() {
        server.all_closed().await;
    }
}

async fn a_server_that_falls_silent_is_given_up(over: Over) {
    let server = endless_server(over, &[], "a".into()).await;
    let short = Duration::from_millis(50);
    let user_agent = over.user_agent_with(|config| config.timeouts.body_idle = short).await;
    let response = fetch(&user_agent, request(&server.origin(), "/")).await;
    let error = body(response).await.unwrap_err();
    assert!(matches!(error, BodyError::Network(NetworkError::Connection { .. })), "{error}");
    server.all_done().await;
}
