//! From a pool key to a connected, and if need be encrypted, byte stream.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_rustls::TlsConnector;

use crate::config::{HeaderLimits, Timeouts};
use crate::dialer::{ByteStream, Dialer};
use crate::error::{Error, Sent, TlsError};
use crate::happy_eyeballs::{HappyEyeballs, Step};
use crate::pool_key::{PoolKey, Scheme, Versions};
use crate::proxy::{Proxy, ProxyError, ProxyKind, authority, socks5, tunnel};
use crate::resolver::{ResolveError, Resolver, known_without_asking};
use crate::timing::Phase;
use crate::tls::{Tls, UncleanCloseIsEnd, handshake_error, server_name};

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
    /// The proxy in between.
    pub(crate) proxy: Option<Proxy>,
    /// Whether the proxy takes requests itself instead of passing bytes on.
    pub(crate) forwards: bool,
    pub(crate) domain_lookup: Option<Phase>,
    pub(crate) connect: Phase,
    pub(crate) secure_connect: Option<Phase>,
}

/// Opens connections.
pub(crate) struct Connector {
    pub(crate) resolver: Arc<dyn Resolver>,
    pub(crate) dialer: Arc<dyn Dialer>,
    pub(crate) tls: Tls,
    pub(crate) timeouts: Timeouts,
    pub(crate) header_limits: HeaderLimits,
}

/// A stream to the server or to the proxy, and how it came about.
struct Reached {
    stream: Box<dyn ByteStream>,
    remote: SocketAddr,
    domain_lookup: Option<Phase>,
    connect_start: Instant,
}

impl Connector {
    /// <https://fetch.spec.whatwg.org/#create-a-connection>
    pub(crate) async fn connect(
        &self,
        key: &PoolKey,
    ) -> Result<(Box<dyn ByteStream>, ConnectionInfo), Error> {
        let (host, port) = match &key.proxy {
            Some(proxy) => (proxy.host(), proxy.port()),
            None => (key.bare_host(), key.port),
        };
        let reached = timeout(self.timeouts.connect, self.reach(host, port))
            .await
            .unwrap_or(Err(Error::ConnectTimeout));
        let unreachable = |error| match &key.proxy {
            Some(_) => ProxyError::Unreachable(Box::new(error)).into(),
            None => error,
        };
        let Reached { mut stream, remote, domain_lookup, connect_start } = reached.map_err(unreachable)?;
        let mut forwards = false;
        if let Some(proxy) = &key.proxy {
            forwards = is_forwarded(proxy, key);
            stream = timeout(self.timeouts.proxy, self.pass_through(stream, proxy, key))
                .await
                .unwrap_or(Err(ProxyError::Timeout))?;
        }
        let mut protocol = Protocol::Http1;
        let mut secure_connect = None;
        if key.scheme == Scheme::Https {
            let start = Instant::now();
            (stream, protocol) = timeout(self.timeouts.tls, self.shake_hands(key, stream))
                .await
                .unwrap_or(Err(TlsError::Timeout))?;
            secure_connect = Some(phase_since(start));
        }
        let connect = phase_since(connect_start);
        let proxy = key.proxy.clone();
        let info =
            ConnectionInfo { remote, protocol, proxy, forwards, domain_lookup, connect, secure_connect };
        Ok((stream, info))
    }

    /// Looks up the host and connects to any of its addresses.
    async fn reach(&self, host: &str, port: u16) -> Result<Reached, Error> {
        let lookup_start = Instant::now();
        let (addresses, domain_lookup) = match known_without_asking(host, port) {
            Some(addresses) => (addresses, None),
            None => (self.look_up(host, port).await?, Some(phase_since(lookup_start))),
        };
        let connect_start = Instant::now();
        let (stream, remote) = connect_to_any(&*self.dialer, addresses).await?;
        Ok(Reached { stream, remote, domain_lookup, connect_start })
    }

    async fn look_up(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, Error> {
        self.resolver.resolve(host, port).await.map_err(|error| match error {
            ResolveError::UnknownHost => Error::UnknownHost,
            ResolveError::TryAgain => Error::ResolverTryAgain,
        })
    }

    /// Has the proxy at the other end of `stream` connect it to the key's server, unless it forwards requests.
    async fn pass_through(
        &self,
        mut stream: Box<dyn ByteStream>,
        proxy: &Proxy,
        key: &PoolKey,
    ) -> Result<Box<dyn ByteStream>, ProxyError> {
        if proxy.kind() == ProxyKind::Https {
            let unreachable = |error: TlsError| ProxyError::Unreachable(Box::new(error.into()));
            let config = self.tls.config_for_proxy(key).map_err(unreachable)?;
            let name = server_name(proxy.host()).map_err(unreachable)?;
            let secured = TlsConnector::from(config).connect(name, stream).await;
            stream = Box::new(secured.map_err(|error| unreachable(handshake_error(&error)))?);
        }
        match proxy.kind() {
            _ if is_forwarded(proxy, key) => Ok(stream),
            ProxyKind::Http | ProxyKind::Https => {
                tunnel::open(stream, proxy, &authority(key.bare_host(), key.port), self.header_limits).await
            }
            ProxyKind::Socks5Names => {
                socks5::open(&mut *stream, proxy, key.bare_host(), key.port).await?;
                Ok(stream)
            }
            ProxyKind::Socks5 => {
                let addresses = match known_without_asking(key.bare_host(), key.port) {
                    Some(addresses) => Ok(addresses),
                    None => self.look_up(key.bare_host(), key.port).await,
                };
                let address = addresses
                    .and_then(|addresses| addresses.into_iter().next().ok_or(Error::UnknownHost))
                    .map_err(|error| ProxyError::Target(Box::new(error)))?;
                socks5::open(&mut *stream, proxy, &address.ip().to_string(), address.port()).await?;
                Ok(stream)
            }
        }
    }

    async fn shake_hands(
        &self,
        key: &PoolKey,
        stream: Box<dyn ByteStream>,
    ) -> Result<(Box<dyn ByteStream>, Protocol), TlsError> {
        let connector = TlsConnector::from(self.tls.config_for(key)?);
        let stream = connector
            .connect(server_name(key.bare_host())?, stream)
            .await
            .map_err(|error| handshake_error(&error))?;
        Ok(match stream.get_ref().1.alpn_protocol() {
            Some(b"h2") => (Box::new(stream), Protocol::Http2),
            _ => (Box::new(UncleanCloseIsEnd(stream)), Protocol::Http1),
        })
    }
}

/// Whether the proxy is given whole requests. A connection that is to become another protocol's is always a tunnel.
fn is_forwarded(proxy: &Proxy, key: &PoolKey) -> bool {
    matches!(proxy.kind(), ProxyKind::Http | ProxyKind::Https)
        && key.scheme == Scheme::Http
        && key.versions == Versions::Any
}

fn phase_since(start: Instant) -> Phase {
    Phase { start: start.into_std(), end: Instant::now().into_std() }
}

/// Runs the attempts that [`HappyEyeballs`] asks for; the first to connect wins and the others are dropped.
async fn connect_to_any(
    dialer: &dyn Dialer,
    addresses: Vec<SocketAddr>,
) -> Result<(Box<dyn ByteStream>, SocketAddr), Error> {
    let epoch = Instant::now();
    let mut eyeballs = HappyEyeballs::new(addresses);
    let mut attempts = FuturesUnordered::new();
    let mut error: Option<Error> = None;
    loop {
        let finished = match eyeballs.step(epoch.elapsed()) {
            Step::Start(address) => {
                let dialing = dialer.dial(address);
                attempts.push(async move { (address, dialing.await) });
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
            Some((address, Ok(stream))) => return Ok((stream, address)),
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
