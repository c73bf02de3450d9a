//! The way to the wire: what is sent, over which connections, and what comes back.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use url::Url;

use super::body::BodyError;
use super::fetch_timing_info::ConnectionTiming;
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
    /// Who answered.
    pub remote: Option<SocketAddr>,
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
