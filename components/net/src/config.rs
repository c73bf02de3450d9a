//! What an embedder may set.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

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
}

/// How long things may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// Looking up the name and connecting to any of its addresses.
    pub connect: Duration,
    /// The handshake of TLS.
    pub tls: Duration,
    /// From the last of the request that the connection took to the head of the response.
    pub response_headers: Duration,
    /// Between two pieces of the response's body, while somebody waits for one.
    pub body_idle: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Timeouts {
            connect: Duration::from_secs(60),
            tls: Duration::from_secs(30),
            response_headers: Duration::from_secs(300),
            body_idle: Duration::from_secs(300),
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
}

impl Default for Http2Config {
    fn default() -> Self {
        Http2Config { stream_window: 4 << 20, connection_window: 16 << 20 }
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
///
/// FIXME: proxies will be set here too.
#[derive(Clone)]
#[non_exhaustive]
pub struct NetworkConfig {
    /// Looks up names.
    pub resolver: Arc<dyn Resolver>,
    /// Whom to trust.
    pub roots: Roots,
    /// More roots: files in PEM, each with one certificate or more.
    pub extra_roots_pem: Vec<Vec<u8>>,
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
}

impl Default for NetworkConfig {
    fn default() -> Self {
        NetworkConfig {
            resolver: Arc::new(SystemResolver::new()),
            roots: Roots::WebPki,
            extra_roots_pem: Vec::new(),
            max_per_key: 6,
            max_total: 256,
            idle_timeout: Duration::from_secs(90),
            timeouts: Timeouts::default(),
            throttle: None,
            http2: Http2Config::default(),
            header_limits: HeaderLimits::default(),
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
