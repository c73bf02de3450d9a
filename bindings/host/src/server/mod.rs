//! The embedded server: one folder, on loopback, for the pages of `longhaul run`.
//!
//! It speaks HTTP/1.1 on 127.0.0.1 and, where the machine has it, ::1; answers GET and HEAD with strong entity tags,
//! `Last-Modified`, single ranges and conditions; lists no folder; refuses hidden files, paths and symbolic links that
//! leave the folder (403), and requests whose `Host` is not its own (421), so that no page of the web can read the folder
//! through a name that it made resolve to this machine.
//!
//! # Generated files
//!
//! A served folder may hold `longhaul-serve.json`, an object with one member a generated file:
//!
//! ```json
//! { "/ep-5.mp3": { "type": "audio/mpeg", "size": 58720256, "seed": 5 } }
//! ```
//!
//! `type` is the media type (from the name when absent), `size` the length in bytes, `seed` chooses the bytes.
//! The same seed gives the same bytes on every machine, each computed from its offset alone, so that any range is
//! as cheap as any other and nothing is held in memory. The entity tag is strong and made of seed and size: changing
//! either is a changed file. The folder's own file of that name, if there is one, is hidden. The manifest itself is
//! not served.

mod conditional;
mod generated;
mod media_type;
mod port;
mod range;
mod respond;
mod site;

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use http::Method;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use url::Url;

pub use generated::{GeneratedFile, GeneratedFiles, MANIFEST_NAME, ManifestError, read_manifest};
pub use port::PortChoice;
pub use site::{Site, SiteError};

/// How many connections are served at once; further ones wait to be accepted.
const CONNECTIONS: usize = 256;
/// How long a client may take over a request's head, and an idle connection stay.
const HEAD_TIMEOUT: Duration = Duration::from_secs(60);

/// A running server. Dropping it closes its connections.
#[derive(Debug)]
pub struct Server {
    port: u16,
    _tasks: JoinSet<()>,
}

impl Server {
    /// Serves `site` at the first port of `choice` that is free. Needs a tokio runtime.
    pub async fn start(site: Site, choice: &PortChoice) -> Result<Server, ServerError> {
        let (listener, port) = bind(choice).await?;
        let site = Arc::new(site);
        let mut tasks = JoinSet::new();
        // A machine without IPv6, or with somebody else on that port there, is served on 127.0.0.1 alone: `localhost` is
        // tried on both by every client.
        if let Ok(second) = TcpListener::bind(SocketAddr::from((Ipv6Addr::LOCALHOST, port))).await {
            tasks.spawn(accept(second, site.clone(), port));
        }
        tasks.spawn(accept(listener, site, port));
        Ok(Server { port, _tasks: tasks })
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `http://localhost:PORT/`.
    pub fn url(&self) -> Url {
        Url::parse(&format!("http://localhost:{}/", self.port)).expect("a port makes a valid URL")
    }
}

async fn bind(choice: &PortChoice) -> Result<(TcpListener, u16), ServerError> {
    let mut taken = None;
    for &port in choice.ports() {
        match TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await {
            Ok(listener) => {
                let port =
                    listener.local_addr().map_err(|source| ServerError::Listen { port, source })?.port();
                return Ok((listener, port));
            }
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                taken.get_or_insert(port);
            }
            Err(source) => return Err(ServerError::Listen { port, source }),
        }
    }
    Err(ServerError::PortInUse { port: taken.unwrap_or_default() })
}

async fn accept(listener: TcpListener, site: Arc<Site>, port: u16) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let Ok(place) = places.clone().acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                // Small answers do not wait for the acknowledgement of the head before them. A socket that refuses is only slower.
                let _ = stream.set_nodelay(true);
                let site = site.clone();
                connections.spawn(async move {
                    serve(stream, site, port).await;
                    drop(place);
                });
            }
            // Out of descriptors, or a client that went at once: neither ends the server.
            Err(error) => {
                tracing::debug!(%error, "accept");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

async fn serve(stream: TcpStream, site: Arc<Site>, port: u16) {
    let service = service_fn(move |request| {
        let site = site.clone();
        async move {
            Ok::<_, Infallible>(match *request.method() {
                Method::POST => respond::respond_to_upload(site, port, request).await,
                _ => respond::respond(site, port, &request).await,
            })
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = connection.await {
        tracing::debug!(%error, "connection");
    }
}

/// Why the server did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// Another process listens there.
    #[error("port {port} is in use")]
    PortInUse {
        /// The port that was asked for first.
        port: u16,
    },
    /// The system refuses to listen.
    #[error("cannot listen on port {port}: {source}")]
    Listen {
        /// The port.
        port: u16,
        /// What the system said.
        source: io::Error,
    },
}
