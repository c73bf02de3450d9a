//! The way to the wire: what is sent, over which connections, and what comes back.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use url::Url;

use super::authentication_entry::Credentials;
use super::body::BodyError;
use super::fetch_timing_info::ConnectionTiming;
use super::web_socket::UpgradedConnection;
use crate::{ChunkLengthCallback, NetworkError};

/// Obtains a connection for the key, sends one request over it and gives its final response.
///
/// Dropping the future gives the request up; dropping the response's body closes its connection or resets its stream.
pub trait Network: Send + Sync + 'static {
    /// Sends the request. A response is given once its head has come; its body streams.
    fn send(
        &self,
        request: WireRequest,
        key: ConnectionKey,
    ) -> BoxFuture<'static, Result<WireResponse, NetworkError>>;
}

/// What connections are shared by.
///
/// <https://fetch.spec.whatwg.org/#concept-connection>
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ConnectionKey {
    /// The request's network partition key.
    pub network_partition_key: Arc<str>,
    /// The URL's scheme.
    pub scheme: ConnectionScheme,
    /// The URL's host, serialized; an IPv6 address has no brackets.
    pub host: String,
    /// The URL's port, or its scheme's.
    pub port: u16,
    /// Whether requests with credentials go over it.
    pub credentials: bool,
}

/// The two schemes that lead to the network.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub enum ConnectionScheme {
    /// Plain text.
    Http,
    /// TLS.
    Https,
}

/// A request as it goes out.
pub struct WireRequest {
    /// The method.
    pub method: String,
    /// Path and query, as they are sent.
    pub target: String,
    /// Host and, if it is not the scheme's, port.
    pub authority: String,
    /// The URL it is for, without fragment, user name and password.
    pub url: Url,
    /// The headers in order. `Host` is left to the network, `Content-Length` is among them where it is known.
    pub headers: Vec<(Bytes, Bytes)>,
    /// The body.
    pub body: WireBody,
    /// Told the number of bytes of each body chunk that was handed to the connection.
    pub on_body_chunk: Option<ChunkLengthCallback>,
    /// Told the status and headers of each informational response.
    pub on_informational: Option<InformationalCallback>,
    /// Whether a connection that is there already will do.
    pub new_connection: NewConnection,
    /// Asked with the address that the connection leads to, before a byte of the request leaves; also for one that was used
    /// before. Not asked if a proxy lies between. Its error is the answer.
    pub connection_check: Option<ConnectionCheck>,
    /// How urgent it is.
    pub priority: WirePriority,
    /// What a proxy that asks for credentials is to be given. A proxy that wants some, or others, answers with status 407, also
    /// where it is asked for a tunnel.
    pub proxy_credentials: Option<Credentials>,
    /// The body cannot be given twice, and goes over HTTP/2 alone.
    pub body_needs_http2: bool,
    /// The connection is to speak another protocol afterwards: HTTP/1.1 on a connection of its own, whose bytes are given with
    /// status 101.
    pub upgrade: bool,
}

/// <https://fetch.spec.whatwg.org/#new-connection-setting>
#[derive(Copy, Clone, Debug, PartialEq, Eq, Default)]
pub enum NewConnection {
    /// Any will do.
    #[default]
    No,
    /// It has to be a new one, which others may use afterwards.
    Yes,
    /// It has to be a new one, which nobody else uses.
    YesAndDedicated,
}

/// Judges the address that a connection leads to.
pub type ConnectionCheck =
    Arc<dyn Fn(SocketAddr) -> BoxFuture<'static, Result<(), NetworkError>> + Send + Sync>;

/// How urgent a request is.
///
/// <https://www.rfc-editor.org/rfc/rfc9218#section-4>
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct WirePriority {
    /// From 0, the most urgent, to 7.
    pub urgency: u8,
    /// Parts of the response are of use by themselves.
    pub incremental: bool,
}

impl WirePriority {
    /// The urgency of what says nothing about it.
    pub const USUAL_URGENCY: u8 = 3;
}

impl Default for WirePriority {
    fn default() -> Self {
        WirePriority { urgency: WirePriority::USUAL_URGENCY, incremental: false }
    }
}

/// Takes the status and the headers of an informational response.
pub type InformationalCallback = Box<dyn FnMut(u16, Vec<(Bytes, Bytes)>) + Send>;

/// A request's body as it goes out.
pub enum WireBody {
    /// None.
    Empty,
    /// Bytes in memory.
    Bytes(Bytes),
    /// A stream.
    Stream {
        /// Its chunks; an error gives the request up.
        stream: BoxStream<'static, Result<Bytes, BodyError>>,
        /// The number of bytes, if it is known.
        length: Option<u64>,
    },
}

/// A response as it came in.
pub struct WireResponse {
    /// The status.
    pub status: u16,
    /// The reason phrase, empty over HTTP/2.
    pub reason: Bytes,
    /// The protocol's version.
    pub version: HttpVersion,
    /// The headers in order.
    pub headers: Vec<(Bytes, Bytes)>,
    /// The body, its transfer coding undone.
    pub body: BoxStream<'static, Result<Bytes, NetworkError>>,
    /// The connection's times, in the services' monotonic clock.
    pub timing: ConnectionTiming,
    /// When the request began to leave, by the same clock; if that is not known it counts as the moment of [`Network::send`].
    pub request_start_time: Option<Duration>,
    /// Who answered.
    pub remote: Option<SocketAddr>,
    /// The connection itself, with status 101.
    pub upgraded: Option<UpgradedConnection>,
}

/// The version of HTTP that a response came in.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum HttpVersion {
    /// HTTP/1.0
    Http10,
    /// HTTP/1.1
    Http11,
    /// HTTP/2
    Http2,
    /// HTTP/3
    Http3,
}

impl fmt::Debug for WireRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WireRequest")
            .field("method", &self.method)
            .field("url", &self.url.as_str())
            .field("headers", &self.headers)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for WireResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WireResponse")
            .field("status", &self.status)
            .field("headers", &self.headers)
            .finish_non_exhaustive()
    }
}
