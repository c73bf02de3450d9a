//! Servers on loopback, good and bad, and the few lines every test needs.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use futures::StreamExt;
use futures::future::BoxFuture;
use http_body_util::{BodyExt, Full, combinators::BoxBody};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use longhaul_net::{Body, Error, Network, NetworkConfig, PoolKey, Request, Response, Roots, Scheme};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationList, CertificateRevocationListParams, IsCa,
    Issuer, KeyIdMethod, KeyPair, RevokedCertParams, SerialNumber, date_time_ymd,
};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::NoClientAuth;
use rustls::server::danger::ClientCertVerifier;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// The body of a test server's response.
pub(crate) type ServerBody = BoxBody<Bytes, std::io::Error>;
type Service =
    dyn Fn(usize, http::Request<Incoming>) -> BoxFuture<'static, http::Response<ServerBody>> + Send + Sync;

/// A server on a port of its own. Dropping it ends it and its connections.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    accepted: Arc<AtomicUsize>,
    _tasks: JoinSet<()>,
}

impl Server {
    /// Each connection, with its number from 1, is given to `handle`.
    pub(crate) async fn raw<F, T>(handle: F) -> Server
    where
        F: Fn(usize, TcpStream) -> T + Send + Sync + 'static,
        T: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let accepted = Arc::new(AtomicUsize::new(0));
        let count = accepted.clone();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let number = count.fetch_add(1, Ordering::SeqCst) + 1;
                connections.spawn(handle(number, stream));
            }
        });
        Server { address, accepted, _tasks: tasks }
    }

    /// Every connection says `answer` after it has read a request's head, then stays open until the client closes it.
    pub(crate) async fn saying(answer: impl Into<Vec<u8>>) -> Server {
        let answer: Arc<Vec<u8>> = Arc::new(answer.into());
        Server::raw(move |_, mut stream| {
            let answer = answer.clone();
            async move {
                if read_head(&mut stream).await.is_some() {
                    let _ = stream.write_all(&answer).await;
                    read_to_end(&mut stream).await;
                }
            }
        })
        .await
    }

    /// The same, and then closes it.
    pub(crate) async fn saying_and_closing(answer: impl Into<Vec<u8>>) -> Server {
        let answer: Arc<Vec<u8>> = Arc::new(answer.into());
        Server::raw(move |_, mut stream| {
            let answer = answer.clone();
            async move {
                if read_head(&mut stream).await.is_some() {
                    let _ = stream.write_all(&answer).await;
                }
            }
        })
        .await
    }

    /// HTTP/1.1 without TLS by hyper. The service is told the connection's number.
    pub(crate) async fn http<F, T>(service: F) -> Server
    where
        F: Fn(usize, http::Request<Incoming>) -> T + Send + Sync + 'static,
        T: Future<Output = http::Response<ServerBody>> + Send + 'static,
    {
        let service = boxed(service);
        Server::raw(move |number, stream| {
            let service = service.clone();
            async move {
                let service = service_fn(move |request| ok(service(number, request)));
                let _ = hyper::server::conn::http1::Builder::new()
                    .title_case_headers(true)
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            }
        })
        .await
    }

    /// HTTP/2 or HTTP/1.1 over TLS by hyper, as ALPN decides.
    pub(crate) async fn https<F, T>(config: Arc<ServerConfig>, service: F) -> Server
    where
        F: Fn(usize, http::Request<Incoming>) -> T + Send + Sync + 'static,
        T: Future<Output = http::Response<ServerBody>> + Send + 'static,
    {
        let service = boxed(service);
        Server::tls(config, move |number, stream| {
            let service = service.clone();
            async move {
                let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                let service = service_fn(move |request| ok(service(number, request)));
                if http2 {
                    let builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
                    let _ = builder.serve_connection(TokioIo::new(stream), service).await;
                } else {
                    let builder = hyper::server::conn::http1::Builder::new();
                    let _ = builder.serve_connection(TokioIo::new(stream), service).await;
                }
            }
        })
        .await
    }

    /// Each TLS connection is given to `handle` after a handshake that worked.
    pub(crate) async fn tls<F, T>(config: Arc<ServerConfig>, handle: F) -> Server
    where
        F: Fn(usize, TlsStream<TcpStream>) -> T + Send + Sync + 'static,
        T: Future<Output = ()> + Send + 'static,
    {
        let acceptor = TlsAcceptor::from(config);
        let handle = Arc::new(handle);
        Server::raw(move |number, stream| {
            let (acceptor, handle) = (acceptor.clone(), handle.clone());
            async move {
                if let Ok(stream) = acceptor.accept(stream).await {
                    handle(number, stream).await;
                }
            }
        })
        .await
    }

    /// How many connections came.
    pub(crate) fn connections(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }

    pub(crate) fn key(&self) -> PoolKey {
        PoolKey::new("test", Scheme::Http, "localhost", self.address.port())
    }

    pub(crate) fn tls_key(&self) -> PoolKey {
        PoolKey { scheme: Scheme::Https, ..self.key() }
    }

    pub(crate) fn request(&self, method: &'static str, target: &str) -> Request {
        Request::new(method, format!("localhost:{}", self.address.port()), target)
    }

    /// A GET of `/` without TLS.
    pub(crate) async fn get(&self, network: &Network) -> Result<Response, Error> {
        network.send(self.request("GET", "/"), self.key()).await
    }

    /// A GET of `/` over TLS.
    pub(crate) async fn get_tls(&self, network: &Network) -> Result<Response, Error> {
        network.send(self.request("GET", "/"), self.tls_key()).await
    }
}

fn boxed<F, T>(service: F) -> Arc<Service>
where
    F: Fn(usize, http::Request<Incoming>) -> T + Send + Sync + 'static,
    T: Future<Output = http::Response<ServerBody>> + Send + 'static,
{
    Arc::new(move |number, request| Box::pin(service(number, request)))
}

async fn ok(
    response: BoxFuture<'static, http::Response<ServerBody>>,
) -> Result<http::Response<ServerBody>, Infallible> {
    Ok(response.await)
}

/// A response with this body.
pub(crate) fn full(body: impl Into<Bytes>) -> http::Response<ServerBody> {
    http::Response::new(Full::new(body.into()).map_err(|never| match never {}).boxed())
}

/// A response whose body is what comes out of the channel; the sender learns when the body is no longer wanted.
pub(crate) fn channel_response() -> (mpsc::Sender<Result<Bytes, std::io::Error>>, http::Response<ServerBody>)
{
    let (sender, receiver) = mpsc::channel(1);
    let frames = futures::stream::unfold(receiver, |mut receiver: mpsc::Receiver<_>| async {
        let chunk: Result<Bytes, std::io::Error> = receiver.recv().await?;
        Some((chunk.map(hyper::body::Frame::data), receiver))
    });
    let body = http_body_util::StreamBody::new(SyncStream(std::sync::Mutex::new(frames.boxed())));
    (sender, http::Response::new(BodyExt::boxed(body)))
}

/// hyper's boxed body wants `Sync`; a stream is only ever polled through `&mut`, behind this lock.
struct SyncStream<S>(S);

impl<S: futures::Stream + Unpin> futures::Stream for SyncStream<std::sync::Mutex<S>> {
    type Item = S::Item;

    fn poll_next(
        self: Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        let stream = self.get_mut().0.get_mut().expect("nobody else locks it");
        stream.poll_next_unpin(cx)
    }
}

/// Reads up to the empty line that ends a request's head; `None` if the client closes before.
pub(crate) async fn read_head(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    Some(head)
}

/// Reads until the client closes.
pub(crate) async fn read_to_end(stream: &mut TcpStream) {
    let mut buffer = [0; 4096];
    while stream.read(&mut buffer).await.is_ok_and(|n| n > 0) {}
}

/// Reads all of a response's body.
pub(crate) async fn read(mut body: Body) -> Result<Vec<u8>, Error> {
    let mut all = Vec::new();
    while let Some(chunk) = body.next().await {
        all.extend_from_slice(&chunk?);
    }
    Ok(all)
}

/// A network with the default settings.
pub(crate) fn network() -> Network {
    Network::new(NetworkConfig::default()).expect("the defaults are sound")
}

/// A network with changed settings.
pub(crate) fn network_with(change: impl FnOnce(&mut NetworkConfig)) -> Network {
    let mut config = NetworkConfig::default();
    change(&mut config);
    Network::new(config).expect("the settings are sound")
}

/// The first value of this name.
pub(crate) fn header<'a>(response: &'a Response, name: &str) -> Option<&'a [u8]> {
    response
        .headers
        .iter()
        .find(|(other, _)| other.eq_ignore_ascii_case(name.as_bytes()))
        .map(|(_, value)| value.as_ref())
}

/// A certificate authority made for one test.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    der: CertificateDer<'static>,
    pub(crate) pem: String,
}

impl Authority {
    pub(crate) fn new() -> Authority {
        let key = KeyPair::generate().expect("keys can be made");
        let mut params = CertificateParams::new(Vec::new()).expect("no names are sound names");
        // Two authorities of one name could be taken for one whose signature is wrong.
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let name = format!("test authority {}", NUMBER.fetch_add(1, Ordering::Relaxed));
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).expect("the parameters are sound");
        Authority { pem: certificate.pem(), der: certificate.der().clone(), issuer: Issuer::new(params, key) }
    }

    pub(crate) fn der(&self) -> CertificateDer<'static> {
        self.der.clone()
    }

    /// A certificate by this authority.
    pub(crate) fn sign(&self, params: &CertificateParams, key: &KeyPair) -> rcgen::Certificate {
        params.signed_by(key, &self.issuer).expect("the parameters are sound")
    }

    /// A list of certificates that this authority has revoked, by their numbers.
    pub(crate) fn revocation_list(&self, numbers: &[u64]) -> CertificateRevocationList {
        let revoked = numbers.iter().map(|number| RevokedCertParams {
            serial_number: SerialNumber::from(*number),
            revocation_time: date_time_ymd(2021, 1, 1),
            reason_code: None,
            invalidity_date: None,
        });
        let params = CertificateRevocationListParams {
            this_update: date_time_ymd(2021, 1, 1),
            next_update: date_time_ymd(3000, 1, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: revoked.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        params.signed_by(&self.issuer).expect("the parameters are sound")
    }

    /// A server's settings with a certificate for `names`, changed by `change`.
    pub(crate) fn server(
        &self,
        names: &[&str],
        alpn: &[&str],
        change: impl FnOnce(&mut CertificateParams),
    ) -> Arc<ServerConfig> {
        self.server_for(names, alpn, change, Arc::new(NoClientAuth))
    }

    /// A server's settings that let in only clients whom `verifier` knows.
    pub(crate) fn server_with_clients(
        &self,
        names: &[&str],
        alpn: &[&str],
        verifier: Arc<dyn ClientCertVerifier>,
    ) -> Arc<ServerConfig> {
        self.server_for(names, alpn, |_| {}, verifier)
    }

    fn server_for(
        &self,
        names: &[&str],
        alpn: &[&str],
        change: impl FnOnce(&mut CertificateParams),
        verifier: Arc<dyn ClientCertVerifier>,
    ) -> Arc<ServerConfig> {
        let key = KeyPair::generate().expect("keys can be made");
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).expect("the names are sound");
        change(&mut params);
        let certificate = params.signed_by(&key, &self.issuer).expect("the parameters are sound");
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("the provider knows them")
            .with_client_cert_verifier(verifier)
            .with_single_cert(vec![certificate.der().clone()], key)
            .expect("the key is the certificate's");
        config.alpn_protocols = alpn.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        Arc::new(config)
    }

    /// Settings for `localhost` with HTTP/2 and HTTP/1.1.
    pub(crate) fn localhost(&self) -> Arc<ServerConfig> {
        self.server(&["localhost"], &["h2", "http/1.1"], |_| {})
    }

    /// A network that trusts this authority and nobody else.
    pub(crate) fn network(&self, change: impl FnOnce(&mut NetworkConfig)) -> Network {
        network_with(|config| {
            config.roots = Roots::ExtraOnly;
            config.extra_roots_pem.push(self.pem.clone().into_bytes());
            change(config);
        })
    }
}
