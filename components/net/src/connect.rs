//! From a pool key to a connected, and if need be encrypted, byte stream.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_rustls::TlsConnector;

use crate::config::Timeouts;
use crate::error::{Error, Sent, TlsError};
use crate::happy_eyeballs::{HappyEyeballs, Step};
use crate::pool_key::{PoolKey, Scheme};
use crate::resolver::{ResolveError, Resolver, known_without_asking};
use crate::timing::Phase;
use crate::tls::{Tls, handshake_error, server_name};

/// A byte stream, encrypted or not.
pub(crate) trait Io: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// What is to be spoken on a new connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http1,
    Http2,
}

/// What is known of a connection once it stands.
#[derive(Clone, Debug)]
pub(crate) struct ConnectionInfo {
    pub(crate) remote: SocketAddr,
    pub(crate) protocol: Protocol,
    pub(crate) domain_lookup: Option<Phase>,
    pub(crate) connect: Phase,
    pub(crate) secure_connect: Option<Phase>,
}

/// Opens connections.
pub(crate) struct Connector {
    pub(crate) resolver: Arc<dyn Resolver>,
    pub(crate) tls: Tls,
    pub(crate) timeouts: Timeouts,
}

impl Connector {
    /// <https://fetch.spec.whatwg.org/#create-a-connection>
    ///
    /// FIXME: proxies plug in here: `key.proxy` decides whom to connect to and what is said before TLS.
    pub(crate) async fn connect(&self, key: &PoolKey) -> Result<(Box<dyn Io>, ConnectionInfo), Error> {
        let (tcp, domain_lookup, connect_start) = timeout(self.timeouts.connect, self.connect_tcp(key))
            .await
            .unwrap_or(Err(Error::ConnectTimeout))?;
        let remote = tcp.peer_addr().map_err(|error| connect_error(error, Duration::ZERO))?;
        // Small requests must not wait for acknowledgements; a socket that refuses the option still works.
        let _ = tcp.set_nodelay(true);
        let (io, protocol, secure_connect): (Box<dyn Io>, _, _) = match key.scheme {
            Scheme::Http => (Box::new(tcp), Protocol::Http1, None),
            Scheme::Https => {
                let start = Instant::now();
                let (io, protocol) = timeout(self.timeouts.tls, self.shake_hands(key, tcp))
                    .await
                    .unwrap_or(Err(TlsError::Timeout))?;
                (io, protocol, Some(phase_since(start)))
            }
        };
        let connect = phase_since(connect_start);
        Ok((io, ConnectionInfo { remote, protocol, domain_lookup, connect, secure_connect }))
    }

    async fn connect_tcp(&self, key: &PoolKey) -> Result<(TcpStream, Option<Phase>, Instant), Error> {
        let lookup_start = Instant::now();
        let host = key.bare_host();
        let (addresses, domain_lookup) = match known_without_asking(host, key.port) {
            Some(addresses) => (addresses, None),
            None => {
                let addresses = self.resolver.resolve(host, key.port).await.map_err(|error| match error {
                    ResolveError::UnknownHost => Error::UnknownHost,
                    ResolveError::TryAgain => Error::ResolverTryAgain,
                })?;
                (addresses, Some(phase_since(lookup_start)))
            }
        };
        let connect_start = Instant::now();
        Ok((connect_to_any(addresses).await?, domain_lookup, connect_start))
    }

    async fn shake_hands(&self, key: &PoolKey, tcp: TcpStream) -> Result<(Box<dyn Io>, Protocol), TlsError> {
        let connector = TlsConnector::from(self.tls.config_for(key)?);
        let stream = connector
            .connect(server_name(key.bare_host())?, tcp)
            .await
            .map_err(|error| handshake_error(&error))?;
        let protocol = match stream.get_ref().1.alpn_protocol() {
            Some(b"h2") => Protocol::Http2,
            _ => Protocol::Http1,
        };
        Ok((Box::new(stream), protocol))
    }
}

fn phase_since(start: Instant) -> Phase {
    Phase { start: start.into_std(), end: Instant::now().into_std() }
}

/// Runs the attempts that [`HappyEyeballs`] asks for; the first to connect wins and the others are dropped.
async fn connect_to_any(addresses: Vec<SocketAddr>) -> Result<TcpStream, Error> {
    let epoch = Instant::now();
    let mut eyeballs = HappyEyeballs::new(addresses);
    let mut attempts = FuturesUnordered::new();
    let mut error: Option<Error> = None;
    loop {
        let finished = match eyeballs.step(epoch.elapsed()) {
            Step::Start(address) => {
                attempts.push(async move { (address, TcpStream::connect(address).await) });
                continue;
            }
            Step::WaitUntil(until) => tokio::select! {
                finished = attempts.next() => finished,
                () = sleep_until(epoch + until) => continue,
            },
            Step::WaitForAttempts => attempts.next().await,
            // Without a single address nothing was tried: the name means nobody.
            Step::Exhausted => return Err(error.unwrap_or(Error::UnknownHost)),
        };
        match finished {
            Some((_, Ok(stream))) => return Ok(stream),
            Some((address, Err(fault))) => {
                eyeballs.failed(address, epoch.elapsed());
                let fault = connect_error(fault, epoch.elapsed());
                if error.as_ref().is_none_or(|known| telling(&fault) > telling(known)) {
                    error = Some(fault);
                }
            }
            // The machine waits for attempts only while some are running.
            None => return Err(error.unwrap_or(Error::Unreachable)),
        }
    }
}

/// Which of several addresses' faults says most about the host.
fn telling(error: &Error) -> u8 {
    match error {
        Error::Refused => 3,
        Error::ConnectTimeout => 2,
        Error::Unreachable => 0,
        _ => 1,
    }
}

fn connect_error(error: io::Error, after: Duration) -> Error {
    tracing::debug!(%error, ?after, "an address failed");
    match error.kind() {
        io::ErrorKind::ConnectionRefused => Error::Refused,
        io::ErrorKind::TimedOut => Error::ConnectTimeout,
        io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted => Error::Reset { sent: Sent::No },
        io::ErrorKind::NetworkUnreachable
        | io::ErrorKind::HostUnreachable
        | io::ErrorKind::NetworkDown
        | io::ErrorKind::AddrNotAvailable => Error::Unreachable,
        _ => Error::Connect(Arc::new(error)),
    }
}
