//! What a user agent's fetches over loopback cost beside curl's: many small ones one after another on a connection that is kept, and
//! one large download; over HTTP/1.1 without TLS and with it, and over HTTP/2.
//!
//! The server is a process of its own. Each pair of runs is ours and then curl's, so that both see the machine in the same mood; what
//! is printed is the median of the pairs' ratios. curl's time has its start in it, which the number of requests makes small.
//!
//! `LONGHAUL_PAIRS` sets how many pairs (7), `LONGHAUL_REQUESTS` how many small requests a run (5,000), `LONGHAUL_DOWNLOAD_MIB` how
//! large the download is (1,024).

#![allow(missing_docs)]

use std::convert::Infallible;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::stream::{self, StreamExt as _};
use http_body_util::StreamBody;
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use longhaul::UserAgent;
use longhaul::fetch::{CacheMode, EnvironmentSettings, FetchOptions, Request};
use longhaul::net::{NetworkConfig, Roots};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// What is said where, and how curl is told so.
const WAYS: [(&str, &str, &str); 3] = [
    ("HTTP/1.1", "http", "--http1.1"),
    ("HTTP/1.1, TLS", "https", "--http1.1"),
    ("HTTP/2, TLS", "https", "--http2"),
];

const SMALL: usize = 1 << 10;
const PIECE: usize = 256 << 10;

fn setting(name: &str, default: usize) -> usize {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

fn download_bytes() -> usize {
    setting("LONGHAUL_DOWNLOAD_MIB", 1024) << 20
}

/// `/big` is the download, anything else is small.
async fn answer(
    request: http::Request<Incoming>,
) -> Result<
    http::Response<StreamBody<impl stream::Stream<Item = Result<Frame<Bytes>, Infallible>>>>,
    Infallible,
> {
    let size = if request.uri().path() == "/big" { download_bytes() } else { SMALL };
    let piece = Bytes::from(vec![7; PIECE.min(size)]);
    let pieces = stream::iter((0..size.div_ceil(PIECE)).map(move |_| Ok(Frame::data(piece.clone()))));
    let response =
        http::Response::builder().header("content-length", size).header("cache-control", "no-store");
    Ok(response.body(StreamBody::new(pieces)).expect("the head is sound"))
}

async fn serve(stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static, is_http2: bool) {
    // However a connection ends, its client knows best.
    if is_http2 {
        let mut server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
        server.max_frame_size(64 << 10).max_send_buf_size(4 << 20);
        let _ = server.serve_connection(TokioIo::new(stream), service_fn(answer)).await;
    } else {
        let server = hyper::server::conn::http1::Builder::new();
        let _ = server.serve_connection(TokioIo::new(stream), service_fn(answer)).await;
    }
}

async fn accept(listener: TcpListener, acceptor: Option<TlsAcceptor>) {
    while let Ok((stream, _)) = listener.accept().await {
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            let _ = TcpStream::set_nodelay(&stream, true);
            match acceptor {
                None => serve(stream, false).await,
                Some(acceptor) => {
                    if let Ok(stream) = acceptor.accept(stream).await {
                        let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                        serve(stream, is_http2).await;
                    }
                }
            }
        });
    }
}

fn tls(alpn: &[u8], certificate: &rcgen::CertifiedKey<rcgen::KeyPair>) -> TlsAcceptor {
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(certificate.signing_key.serialize_der()));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider knows them")
        .with_no_client_auth()
        .with_single_cert(vec![certificate.cert.der().clone()], key)
        .expect("the key is the certificate's");
    config.alpn_protocols = vec![alpn.to_vec()];
    TlsAcceptor::from(Arc::new(config))
}

/// The server's process: says its ports, one for each way, and serves until it is ended.
async fn serve_all(pem: &Path) {
    let certificate = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("keys can be made");
    std::fs::write(pem, certificate.cert.pem()).expect("there is room");
    let acceptors = [None, Some(tls(b"http/1.1", &certificate)), Some(tls(b"h2", &certificate))];
    for acceptor in acceptors {
        let listener =
            TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.expect("there is a free port");
        println!("{}", listener.local_addr().expect("it is bound").port());
        tokio::spawn(accept(listener, acceptor));
    }
    std::io::stdout().flush().expect("somebody listens");
    std::future::pending().await
}

/// Ends the server with the benchmark.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(pem: &Path) -> (Server, Vec<u16>) {
    let this = std::env::current_exe().expect("this program has a path");
    let mut command = Command::new(this);
    command.env("LONGHAUL_BENCH_SERVE", pem).stdout(Stdio::piped());
    let mut child = command.spawn().expect("it starts again");
    let output = child.stdout.take().expect("it is piped");
    let lines = BufReader::new(output).lines().take(WAYS.len());
    let ports = lines.map(|line| line.expect("it speaks").parse().expect("it is a port")).collect();
    (Server(child), ports)
}

async fn fetch(user_agent: &UserAgent, url: String) -> usize {
    let page = EnvironmentSettings::for_url(url.parse().expect("it is a URL"));
    let mut request = Request::new(page.api_base_url.clone());
    request.client = Some(page.into_shared());
    request.cache_mode = CacheMode::NoStore;
    let response = user_agent.fetch(request, FetchOptions::default()).await;
    assert_eq!(response.reason(), None);
    let mut body = response.body.expect("it has one").into_stream();
    let mut received = 0;
    while let Some(chunk) = body.next().await {
        received += chunk.expect("the body is sound").len();
    }
    received
}

fn curl(pem: &Path, version: &str, url: &str) -> Duration {
    let started = Instant::now();
    let mut command = Command::new("curl");
    command.args(["--silent", "--fail", "--ipv4", "--output", "/dev/null", version, "--cacert"]).arg(pem);
    let status = command.arg(url).status().expect("curl is installed");
    assert!(status.success(), "curl: {status}");
    started.elapsed()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Runs the pairs; `amount` is what one run moves, in `unit`s.
async fn compare(
    what: &str,
    amount: f64,
    unit: &str,
    ours: impl AsyncFn() -> Duration,
    theirs: impl Fn() -> Duration,
) {
    let (mut rates, mut peer_rates, mut ratios) = (vec![], vec![], vec![]);
    for _ in 0..setting("LONGHAUL_PAIRS", 7) {
        let rate = amount / ours().await.as_secs_f64();
        let peer_rate = amount / theirs().as_secs_f64();
        rates.push(rate);
        peer_rates.push(peer_rate);
        ratios.push(rate / peer_rate);
    }
    println!(
        "{what:<32}{:>9.0} {unit:<12} curl {:>9.0} {unit:<12} ratio {:.2}",
        median(rates),
        median(peer_rates),
        median(ratios)
    );
}

async fn measure(pem: &Path, ports: &[u16]) {
    let mut network = NetworkConfig::default();
    network.roots = Roots::ExtraOnly;
    network.extra_roots_pem.push(std::fs::read(pem).expect("the server wrote it"));
    let user_agent = UserAgent::builder().network(network).build().await.expect("it is built");
    let requests = setting("LONGHAUL_REQUESTS", 5000);
    for ((name, scheme, version), port) in WAYS.into_iter().zip(ports) {
        let url = |path: &str| format!("{scheme}://localhost:{port}/{path}");
        let many = format!("{}?[1-{requests}]", url("small"));
        let ours = async || {
            let started = Instant::now();
            for number in 1..=requests {
                assert_eq!(fetch(&user_agent, format!("{}?{number}", url("small"))).await, SMALL);
            }
            started.elapsed()
        };
        compare(&format!("1 KiB, {name}"), requests as f64, "requests/s", ours, || curl(pem, version, &many))
            .await;
        let ours = async || {
            let started = Instant::now();
            assert_eq!(fetch(&user_agent, url("big")).await, download_bytes());
            started.elapsed()
        };
        let size = (download_bytes() >> 20) as f64;
        compare(&format!("{size} MiB, {name}"), size, "MiB/s", ours, || curl(pem, version, &url("big")))
            .await;
    }
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime starts");
    if let Some(pem) = std::env::var_os("LONGHAUL_BENCH_SERVE") {
        return runtime.block_on(serve_all(Path::new(&pem)));
    }
    let folder = tempfile::tempdir().expect("there is a temporary folder");
    let pem = folder.path().join("server.pem");
    let (_server, ports) = start(&pem);
    runtime.block_on(measure(&pem, &ports));
}
