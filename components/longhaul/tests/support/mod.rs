//! Servers on loopback that remember what they were asked, and user agents that ask them.

pub(crate) mod over;

use std::convert::Infallible;
use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::{FutureExt as _, StreamExt as _};
use http_body_util::{BodyExt as _, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use longhaul::UserAgent;
use longhaul::fetch::{BodyError, EnvironmentSettings, FetchOptions, Mode, NetworkError, Request, Response};
use longhaul::net::{NetworkConfig, Roots};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use over::Connection;

/// What a server answers.
pub(crate) type Reply = http::Response<UnsyncBoxBody<Bytes, std::io::Error>>;

/// A request as it came to a server.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) version: http::Version,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: Bytes,
}

impl Seen {
    /// All values of that header, joined.
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let values: Vec<_> =
            self.headers.get_all(name).iter().map(|value| value.to_str().unwrap().to_owned()).collect();
        (!values.is_empty()).then(|| values.join(", "))
    }
}

/// A server on a port of its own. Dropping it ends it and its connections.
pub(crate) struct Server {
    port: u16,
    scheme: &'static str,
    seen: Arc<Mutex<Vec<Seen>>>,
    accepted: Arc<AtomicUsize>,
    open: watch::Receiver<usize>,
    busy: watch::Receiver<usize>,
    _tasks: JoinSet<()>,
}

/// Counts a connection as open, or a request as being served, while it lives.
struct Open(watch::Sender<usize>);

impl Open {
    fn new(count: &watch::Sender<usize>) -> Open {
        count.send_modify(|count| *count += 1);
        Open(count.clone())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

impl Server {
    /// Every connection is given to `handle`.
    pub(crate) async fn raw<T: Future<Output = ()> + Send + 'static>(
        handle: impl Fn(TcpStream) -> T + Send + 'static,
    ) -> Server {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let accepted = Arc::new(AtomicUsize::new(0));
        let (opened, open) = watch::channel(0);
        let mut tasks = JoinSet::new();
        let count = Arc::clone(&accepted);
        let busy = opened.subscribe();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                let open = Open::new(&opened);
                let handled = handle(stream);
                connections.spawn(async move {
                    handled.await;
                    drop(open);
                });
            }
        });
        Server { port, scheme: "http", seen: Arc::default(), accepted, open, busy, _tasks: tasks }
    }

    /// HTTP/1.1 without TLS. Bodies of requests are read before `answer` is asked.
    pub(crate) async fn http(answer: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Server {
        let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let handler = remembering(Arc::clone(&seen), answer);
        Server { seen, ..Server::streaming(handler).await }
    }

    /// HTTP/1.1 without TLS. The request comes with its body still on its way.
    pub(crate) async fn streaming<T: Future<Output = Reply> + Send + 'static>(
        handler: impl Fn(http::Request<Incoming>) -> T + Send + Sync + 'static,
    ) -> Server {
        let (busy, handler) = counting(handler);
        let server = Server::raw(move |stream| serve(stream, false, Arc::clone(&handler)));
        Server { busy, ..server.await }
    }

    /// HTTP/2 or HTTP/1.1 over TLS, as ALPN decides.
    pub(crate) async fn https(
        config: Arc<ServerConfig>,
        answer: impl Fn(&Seen) -> Reply + Send + Sync + 'static,
    ) -> Server {
        let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let handler = remembering(Arc::clone(&seen), answer);
        Server { seen, ..Server::streaming_tls(config, handler).await }
    }

    /// As [`Server::https`], but the request comes with its body still on its way.
    pub(crate) async fn streaming_tls<T: Future<Output = Reply> + Send + 'static>(
        config: Arc<ServerConfig>,
        handler: impl Fn(http::Request<Incoming>) -> T + Send + Sync + 'static,
    ) -> Server {
        let acceptor = TlsAcceptor::from(config);
        let (busy, handler) = counting(handler);
        let server = Server::raw(move |stream| {
            let (acceptor, handler) = (acceptor.clone(), Arc::clone(&handler));
            async move {
                if let Ok(stream) = acceptor.accept(stream).await {
                    let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                    serve(stream, is_http2, handler).await;
                }
            }
        });
        Server { scheme: "https", busy, ..server.await }
    }

    /// The origin of that host at this server. Hosts under `localhost` are sites of their own.
    pub(crate) fn origin_of(&self, host: &str) -> String {
        format!("{}://{host}:{}", self.scheme, self.port)
    }

    pub(crate) fn origin(&self) -> String {
        self.origin_of("localhost")
    }

    /// What it was asked up to now.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// Methods and targets of what it was asked.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.seen().iter().map(|seen| format!("{} {}", seen.method, seen.target)).collect()
    }

    /// How many connections came.
    pub(crate) fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }

    /// Ends once no connection is open.
    pub(crate) async fn all_closed(&self) {
        self.open.clone().wait_for(|count| *count == 0).await.unwrap();
    }

    /// Ends once no request is being served and no response is being sent; a server of raw connections counts those.
    pub(crate) async fn all_done(&self) {
        self.busy.clone().wait_for(|count| *count == 0).await.unwrap();
    }
}

type Handler = dyn Fn(http::Request<Incoming>) -> BoxFuture<'static, Reply> + Send + Sync;

/// Counts a request from when it comes until its response, or what it would have been, is gone.
fn counting<T: Future<Output = Reply> + Send + 'static>(
    handler: impl Fn(http::Request<Incoming>) -> T + Send + Sync + 'static,
) -> (watch::Receiver<usize>, Arc<Handler>) {
    let (count, counted) = watch::channel(0);
    let handler = move |request| {
        let serving = Open::new(&count);
        let answering = handler(request);
        async move {
            let reply = answering.await;
            reply.map(|body| {
                body.map_frame(move |frame| {
                    let _ = &serving;
                    frame
                })
                .boxed_unsync()
            })
        }
        .boxed()
    };
    (counted, Arc::new(handler))
}

fn remembering(
    seen: Arc<Mutex<Vec<Seen>>>,
    answer: impl Fn(&Seen) -> Reply + Send + Sync + 'static,
) -> impl Fn(http::Request<Incoming>) -> BoxFuture<'static, Reply> + Send + Sync + 'static {
    let answer = Arc::new(answer);
    move |request| {
        let (seen, answer) = (Arc::clone(&seen), Arc::clone(&answer));
        async move {
            let (mut parts, body) = request.into_parts();
            let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
            // What HTTP/2 says in `:authority` is told as what it is in HTTP/1.1.
            if let Some(authority) = parts.uri.authority() {
                let host = authority.as_str().parse().expect("an authority is a value");
                parts.headers.insert(http::header::HOST, host);
            }
            let record = Seen {
                method: parts.method.to_string(),
                target: parts.uri.path_and_query().unwrap().to_string(),
                version: parts.version,
                headers: parts.headers,
                body,
            };
            seen.lock().unwrap().push(record.clone());
            answer(&record)
        }
        .boxed()
    }
}

async fn serve(stream: impl Connection + 'static, is_http2: bool, handler: Arc<Handler>) {
    let service = service_fn(move |request| handler(request).map(Ok::<_, Infallible>));
    // However a connection ends, the client's side of it is what is tested.
    if is_http2 {
        let builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
        let _ = builder.serve_connection(TokioIo::new(stream), service).await;
    } else {
        let builder = hyper::server::conn::http1::Builder::new();
        let _ = builder.serve_connection(TokioIo::new(stream), service).await;
    }
}

pub(crate) fn reply(status: u16, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Reply {
    let body = Full::new(body.into()).map_err(|never| match never {}).boxed_unsync();
    with_head(status, headers, body)
}

/// An answer whose body is what is sent to the channel, and which ends when the sender is dropped.
pub(crate) fn reply_by_channel(
    status: u16,
    headers: &[(&str, &str)],
) -> (mpsc::Sender<Result<Bytes, std::io::Error>>, Reply) {
    let (sender, receiver) = mpsc::channel(1);
    let frames = futures::stream::unfold(receiver, |mut receiver: mpsc::Receiver<_>| async {
        let chunk: Result<Bytes, std::io::Error> = receiver.recv().await?;
        Some((chunk.map(Frame::data), receiver))
    });
    (sender, with_head(status, headers, StreamBody::new(frames).boxed_unsync()))
}

fn with_head(status: u16, headers: &[(&str, &str)], body: UnsyncBoxBody<Bytes, std::io::Error>) -> Reply {
    let mut builder = http::Response::builder().status(status);
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    builder.body(body).unwrap()
}

/// Reads up to the empty line behind a request's head.
pub(crate) async fn read_head(stream: &mut (impl AsyncRead + Unpin + ?Sized)) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
}

/// A certificate authority, and a server's settings for `localhost` with its certificate.
pub(crate) fn tls() -> (String, Arc<ServerConfig>) {
    let authority_key = KeyPair::generate().unwrap();
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let pem = authority.self_signed(&authority_key).unwrap().pem();
    let issuer = Issuer::new(authority, authority_key);
    let key = KeyPair::generate().unwrap();
    let certificate =
        CertificateParams::new(vec!["localhost".to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der())),
        )
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    (pem, Arc::new(config))
}

/// A user agent with a profile in memory.
pub(crate) async fn user_agent() -> UserAgent {
    user_agent_with(|_| {}).await
}

pub(crate) async fn user_agent_with(change: impl FnOnce(&mut NetworkConfig)) -> UserAgent {
    let mut config = NetworkConfig::default();
    change(&mut config);
    UserAgent::builder().network(config).build().await.unwrap()
}

/// One that trusts that authority alone.
pub(crate) async fn user_agent_trusting(pem: &str) -> UserAgent {
    user_agent_with(|config| {
        config.roots = Roots::ExtraOnly;
        config.extra_roots_pem.push(pem.into());
    })
    .await
}

/// A request of the page at that origin, as `fetch()` makes it.
pub(crate) fn request(page_origin: &str, url: &str) -> Request {
    let page = EnvironmentSettings::for_url(format!("{page_origin}/page").parse().unwrap());
    let mut request = Request::new(page.api_base_url.join(url).unwrap());
    request.client = Some(page.into_shared());
    request.mode = Mode::Cors;
    request.unsafe_request = true;
    request
}

pub(crate) async fn fetch(user_agent: &UserAgent, request: Request) -> Response {
    user_agent.fetch(request, FetchOptions::default()).await
}

/// The body that a page sees.
pub(crate) async fn body(response: Response) -> Result<Bytes, BodyError> {
    assert_eq!(response.reason(), None);
    response.body.expect("a body that may be seen").read_all(None).await
}

#[track_caller]
pub(crate) fn reason(response: &Response) -> &NetworkError {
    response.reason().expect("a network error")
}

/// The next chunk of a body.
pub(crate) async fn chunk(stream: &mut longhaul::fetch::BodyStream) -> Option<Result<Bytes, BodyError>> {
    stream.next().await
}
