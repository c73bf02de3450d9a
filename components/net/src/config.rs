//! What an embedder may set.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::certificates::{CertificateOverride, ClientCertificates};
use crate::dialer::{Dialer, TcpDialer};
use crate::proxy::ProxyResolver;
use crate::resolver::{Resolver, SystemResolver};

/// Whom to trust besides `extra_roots_pem`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Roots {
    /// Mozilla's roots, as `webpki-roots` carries them.
    #[default]
    WebPki,
    /// Nobody else.
    ExtraOnly,
    /// Whom the operating system trusts, judged in its way.
    #[cfg(feature = "platform-verifier")]
    Platform,
}

/// How long things may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// Looking up the name and connecting to any of its addresses.
    pub connect: Duration,
    /// From the connection to a proxy to the connection to the server behind it.
    pub proxy: Duration,
    /// The handshake of TLS.
    pub tls: Duration,
    /// How long a request's body waits for a server that is asked whether it wants it (`Expect: 100-continue`).
    pub expect_continue: Duration,
    /// From the last of the request that the connection took to the head of the response.
    pub response_headers: Duration,
    /// Between two pieces of the response's body, while somebody waits for one.
    pub body_idle: Duration,
    /// The whole of the response's body, if that is to have a limit.
    pub body_total: Option<Duration>,
}

impl Default for Timeouts {
    fn default() -> Self {
        Timeouts {
            connect: Duration::from_secs(60),
            proxy: Duration::from_secs(30),
            tls: Duration::from_secs(30),
            expect_continue: Duration::from_secs(1),
            response_headers: Duration::from_secs(300),
            body_idle: Duration::from_secs(300),
            body_total: None,
        }
    }
}

/// Settings of HTTP/2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Http2Config {
    /// Bytes a server may send on one stream before they are read.
    pub stream_window: u32,
    /// Bytes a server may send on all streams of a connection before they are read. Several times the stream's, so that a few
    /// streams that nobody reads do not hold back the others.
    pub connection_window: u32,
    /// How long a connection with requests on it may be silent before the server is asked whether it is still there; `None` never
    /// asks.
    pub keep_alive_interval: Option<Duration>,
    /// How long the server has for its answer before the connection counts as dead.
    pub keep_alive_timeout: Duration,
}

impl Default for Http2Config {
    fn default() -> Self {
        Http2Config {
            stream_window: 4 << 20,
            connection_window: 16 << 20,
            keep_alive_interval: Some(Duration::from_secs(20)),
            keep_alive_timeout: Duration::from_secs(20),
        }
    }
}

/// Limits of a response's head, in HTTP/1.1 and HTTP/2 alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeaderLimits {
    /// Bytes of all headers together.
    pub bytes: u32,
    /// How many headers.
    pub count: usize,
    /// How many interim responses before the final one.
    pub interim_responses: usize,
}

impl Default for HeaderLimits {
    fn default() -> Self {
        HeaderLimits { bytes: 256 << 10, count: 1000, interim_responses: 64 }
    }
}

/// All settings of a [`Network`](crate::Network).
#[derive(Clone)]
#[non_exhaustive]
pub struct NetworkConfig {
    /// Looks up names.
    pub resolver: Arc<dyn Resolver>,
    /// Chooses proxies; `None` uses none. [`ProxyRules::from_environment`] reads `HTTP_PROXY` and its like.
    ///
    /// [`ProxyRules::from_environment`]: crate::ProxyRules::from_environment
    pub proxies: Option<Arc<dyn ProxyResolver>>,
    /// Opens byte streams to addresses.
    pub dialer: Arc<dyn Dialer>,
    /// Whom to trust.
    pub roots: Roots,
    /// More roots: files in PEM, each with one certificate or more.
    pub extra_roots_pem: Vec<Vec<u8>>,
    /// Lists of revoked certificates: files in PEM, each with one list or more, or one list in DER. A certificate whose issuer has no
    /// list counts as not revoked.
    pub revocation_lists: Vec<Vec<u8>>,
    /// Chooses certificates of ours for servers that want one.
    pub client_certificates: Option<Arc<dyn ClientCertificates>>,
    /// Has the last word about servers' certificates that were found wanting.
    pub certificate_override: Option<Arc<dyn CertificateOverride>>,
    /// HTTP/1.1 connections per key.
    pub max_per_key: usize,
    /// Connections in all.
    pub max_total: usize,
    /// How long an unused connection is kept.
    pub idle_timeout: Duration,
    /// How long things may take.
    pub timeouts: Timeouts,
    /// Bytes per second of all response bodies together; `None` for no limit.
    pub throttle: Option<u64>,
    /// Settings of HTTP/2.
    pub http2: Http2Config,
    /// Limits of a response's head.
    pub header_limits: HeaderLimits,
    /// The most bytes of a response's body, if that is to have a limit.
    pub max_response_body: Option<u64>,
}

impl Default for NetworkConfig {
    fn default() -> Self {
        NetworkConfig {
            resolver: Arc::new(SystemResolver::new()),
            proxies: None,
            dialer: Arc::new(TcpDialer::new()),
            roots: Roots::WebPki,
            extra_roots_pem: Vec::new(),
            revocation_lists: Vec::new(),
            client_certificates: None,
            certificate_override: None,
            max_per_key: 6,
            max_total: 256,
            idle_timeout: Duration::from_secs(90),
            timeouts: Timeouts::default(),
            throttle: None,
            http2: Http2Config::default(),
            header_limits: HeaderLimits::default(),
            max_response_body: None,
        }
    }
}

impl NetworkConfig {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets who looks up names.
    pub fn with_resolver(mut self, resolver: Arc<dyn Resolver>) -> Self {
        self.resolver = resolver;
        self
    }

    /// Adds the roots of a file in PEM.
    pub fn with_extra_roots_pem(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.extra_roots_pem.push(pem.into());
        self
    }

    /// Adds a list of revoked certificates, in PEM or DER.
    pub fn with_revocation_list(mut self, list: impl Into<Vec<u8>>) -> Self {
        self.revocation_lists.push(list.into());
        self
    }

    /// Sets who chooses proxies.
    pub fn with_proxies(mut self, proxies: Arc<dyn ProxyResolver>) -> Self {
        self.proxies = Some(proxies);
        self
    }

    /// Sets what opens byte streams.
    pub fn with_dialer(mut self, dialer: Arc<dyn Dialer>) -> Self {
        self.dialer = dialer;
        self
    }

    /// Sets the bytes per second of all response bodies together.
    pub fn with_throttle(mut self, bytes_per_second: Option<u64>) -> Self {
        self.throttle = bytes_per_second;
        self
    }

    /// Sets how long things may take.
    pub fn with_timeouts(mut self, timeouts: Timeouts) -> Self {
        self.timeouts = timeouts;
        self
    }
}

impl fmt::Debug for NetworkConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NetworkConfig")
            .field("roots", &self.roots)
            .field("extra_roots_pem", &self.extra_roots_pem.len())
            .field("revocation_lists", &self.revocation_lists.len())
            .field("max_per_key", &self.max_per_key)
            .field("max_total", &self.max_total)
            .field("idle_timeout", &self.idle_timeout)
            .field("timeouts", &self.timeouts)
            .field("throttle", &self.throttle)
            .field("http2", &self.http2)
            .field("header_limits", &self.header_limits)
            .finish_non_exhaustive()
    }
}
