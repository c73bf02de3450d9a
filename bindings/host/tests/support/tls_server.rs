//! A throttled file server of hyper over TLS (HTTP/1.1 and HTTP/2 by ALPN), which notes every range it is asked for.

use std::convert::Infallible;
use std::path::Path;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Frame, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::server::Sent;
use super::site;

const SLICE: u64 = 32 * 1024;

/// What was asked for the big file, and how far the server had come when it was asked.
#[derive(Clone, Debug)]
pub struct RangeRequest {
    pub first_byte: u64,
    pub has_range: bool,
    pub if_range: Option<String>,
    pub version: String,
}

struct State {
    script: String,
    worker: String,
    length: u64,
    bytes_per_second: u64,
    sent: Arc<Sent>,
    /// One past the last byte of the file that was ever handed to the network.
    reached: AtomicU64,
    ranges: Mutex<Vec<RangeRequest>>,
    success_events: Arc<Sent>,
    /// The first answers to `/success-event` that never come.
    hold_success_events: AtomicU64,
}

/// The server; it lives as long as its runtime.
pub struct TlsServer {
    pub port: u16,
    pub sent: Arc<Sent>,
    /// Counts how often the worker told of its success event.
    pub success_events: Arc<Sent>,
    state: Arc<State>,
    _runtime: tokio::runtime::Runtime,
}

pub struct Options {
    pub script: String,
    pub worker: String,
    pub length: u64,
    pub bytes_per_second: u64,
    pub hold_success_events: u64,
}

pub const ETAG: &str = "\"the-one\"";

impl TlsServer {
    /// Starts the server with a fresh authority, whose certificate is written to `authority`.
    pub fn start(authority: &Path, options: Options) -> TlsServer {
        let certified = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        std::fs::write(authority, certified.cert.pem()).unwrap();
        let key = tokio_rustls::rustls::pki_types::PrivateKeyDer::Pkcs8(
            certified.signing_key.serialize_der().into(),
        );
        let provider = Arc::new(tokio_rustls::rustls::crypto::aws_lc_rs::default_provider());
        let mut config = tokio_rustls::rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certified.cert.der().clone()], key)
            .unwrap();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));

        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind(("127.0.0.1", 0))).unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(State {
            script: options.script,
            worker: options.worker,
            length: options.length,
            bytes_per_second: options.bytes_per_second,
            sent: Arc::default(),
            reached: AtomicU64::new(0),
            ranges: Mutex::default(),
            success_events: Arc::default(),
            hold_success_events: AtomicU64::new(options.hold_success_events),
        });
        let serving = state.clone();
        runtime.spawn(async move {
            loop {
                let Ok((stream, _)) = listener.accept().await else { continue };
                // A small buffer, so that what has been sent is close to what has arrived.
                let _ = socket2::SockRef::from(&stream).set_send_buffer_size(64 * 1024);
                let (acceptor, state) = (acceptor.clone(), serving.clone());
                tokio::spawn(async move {
                    let Ok(stream) = acceptor.accept(stream).await else { return };
                    let service = service_fn(move |request| {
                        let state = state.clone();
                        async move { Ok::<_, Infallible>(answer(state, request).await) }
                    });
                    let _ = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new())
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        TlsServer {
            port,
            sent: state.sent.clone(),
            success_events: state.success_events.clone(),
            state,
            _runtime: runtime,
        }
    }

    pub fn ranges(&self) -> Vec<RangeRequest> {
        self.state.ranges.lock().unwrap().clone()
    }

    /// One past the last byte of the file that has ever been handed to the network.
    pub fn reached(&self) -> u64 {
        self.state.reached.load(Ordering::SeqCst)
    }
}

type Answer = Response<BoxBody<Bytes, Infallible>>;

fn whole(content_type: &str, text: impl Into<Bytes>) -> Answer {
    Response::builder().header("content-type", content_type).body(Full::new(text.into()).boxed()).unwrap()
}

async fn answer(state: Arc<State>, request: Request<Incoming>) -> Answer {
    match request.uri().path() {
        "/" => whole("text/html", "<!doctype html><title>t</title><script src=page.js></script>"),
        "/page.js" => whole("text/javascript", state.script.clone()),
        "/sw.js" => whole("text/javascript", state.worker.clone()),
        "/success-event" => {
            state.success_events.add(1);
            let held = |n: u64| n.checked_sub(1);
            if state.hold_success_events.fetch_update(Ordering::SeqCst, Ordering::SeqCst, held).is_ok() {
                std::future::pending::<()>().await;
            }
            whole("text/plain", "noted")
        }
        "/big.bin" => file(&state, &request),
        _ => Response::builder().status(404).body(Full::default().boxed()).unwrap(),
    }
}

fn file(state: &Arc<State>, request: &Request<Incoming>) -> Answer {
    let header =
        |name: &str| request.headers().get(name).map(|v| String::from_utf8_lossy(v.as_bytes()).into_owned());
    let range = header("range");
    let first_byte = range
        .as_deref()
        .and_then(|v| v.strip_prefix("bytes=")?.strip_suffix('-')?.parse::<u64>().ok())
        .filter(|_| header("if-range").is_none_or(|v| v == ETAG));
    state.ranges.lock().unwrap().push(RangeRequest {
        first_byte: first_byte.unwrap_or(0),
        has_range: range.is_some(),
        if_range: header("if-range"),
        version: format!("{:?}", request.version()),
    });
    let length = state.length;
    let builder = Response::builder()
        .header("etag", ETAG)
        .header("accept-ranges", "bytes")
        .header("content-type", "application/octet-stream");
    let builder = match first_byte {
        Some(first) if first >= length => {
            return builder
                .status(416)
                .header("content-range", format!("bytes */{length}"))
                .body(Full::default().boxed())
                .unwrap();
        }
        Some(first) => {
            builder.status(206).header("content-range", format!("bytes {first}-{}/{length}", length - 1))
        }
        None => builder.status(200),
    };
    let next = first_byte.unwrap_or(0);
    let ticks = SLICE as f64 / state.bytes_per_second as f64;
    let mut pace = interval(Duration::from_secs_f64(ticks));
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    builder
        .header("content-length", length - next)
        .body(Paced { state: state.clone(), next, pace }.boxed())
        .unwrap()
}

/// The file from `next` on, a slice a tick.
struct Paced {
    state: Arc<State>,
    next: u64,
    pace: Interval,
}

impl Body for Paced {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.next >= self.state.length {
            return Poll::Ready(None);
        }
        if self.pace.poll_tick(cx).is_pending() {
            return Poll::Pending;
        }
        let end = (self.next + SLICE).min(self.state.length);
        let slice = site::bytes(self.next..end);
        self.next = end;
        self.state.reached.fetch_max(end, Ordering::SeqCst);
        self.state.sent.add(slice.len() as u64);
        Poll::Ready(Some(Ok(Frame::data(slice.into()))))
    }
}
