//! A request as it goes on the wire.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::BoxStream;

use crate::error::BodyAbort;
use crate::proxy::ProxyCredentials;

/// Hears how many bytes of the request's body were handed to the connection, each time some are.
pub type OnBodyChunk = Box<dyn FnMut(u64) + Send>;

/// Hears of each interim (1xx) response: its status and headers.
pub type OnInformational = Box<dyn FnMut(u16, Vec<(Bytes, Bytes)>) + Send>;

/// The body of a request.
#[derive(Default)]
pub enum RequestBody {
    /// None.
    #[default]
    Empty,
    /// All of it at hand; it can be sent again.
    Bytes(Bytes),
    /// Read as the connection takes it; it can be sent once.
    Stream {
        /// Its chunks.
        stream: BoxStream<'static, Result<Bytes, BodyAbort>>,
        /// Its length, if known; else HTTP/1.1 sends it chunked.
        length: Option<u64>,
    },
}

impl fmt::Debug for RequestBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RequestBody::Empty => f.write_str("Empty"),
            RequestBody::Bytes(bytes) => f.debug_tuple("Bytes").field(&bytes.len()).finish(),
            RequestBody::Stream { length, .. } => {
                f.debug_struct("Stream").field("length", length).finish_non_exhaustive()
            }
        }
    }
}

/// How urgent a request is that says nothing about it.
const USUAL_URGENCY: u8 = 3;

/// Which connections a request may take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ConnectionChoice {
    /// One from the pool, or a new one.
    #[default]
    Any,
    /// A new one. Those that the key has are given no more requests: a server that answers with 421 does not want them there.
    ///
    /// <https://www.rfc-editor.org/rfc/rfc9110#section-15.5.20>
    New,
    /// A new one, which goes when the request is over.
    NewAndDedicated,
}

/// Why the caller does not want a connection used.
pub type Objection = Arc<dyn std::error::Error + Send + Sync>;

/// Judges the address that a connection leads to.
pub type ConnectionCheck = Arc<dyn Fn(SocketAddr) -> BoxFuture<'static, Result<(), Objection>> + Send + Sync>;

/// Whether the caller could give the body once more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BodyReplay {
    /// It could, or there is none.
    #[default]
    Possible,
    /// It could not. Such a body is sent over HTTP/2 alone, where a server can refuse it before it is gone.
    Impossible,
}

/// What a switch of protocols means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Upgrade {
    /// Nobody has asked for one; it is an error.
    #[default]
    Refuse,
    /// The response with status 101 carries the connection. The request goes over a new HTTP/1.1 connection of its own.
    Accept,
}

/// A request. `Host` (`:authority` in HTTP/2) comes from `authority` and `Content-Length` from the body when they are not among
/// the headers.
pub struct Request {
    /// The method, a token.
    pub method: Bytes,
    /// Path and query, as they stand in the URL.
    pub target: String,
    /// The host, and the port unless it is the scheme's own.
    pub authority: String,
    /// The headers in order. Values may hold any byte that HTTP can carry.
    pub headers: Vec<(Bytes, Bytes)>,
    /// The body.
    pub body: RequestBody,
    /// Hears of the body's progress. A body that is sent again after a dead connection is not counted twice.
    pub on_body_chunk: Option<OnBodyChunk>,
    /// Hears of interim responses.
    ///
    /// FIXME: HTTP/2. hyper reads them and hands them to nobody; hearing them takes a connection driven by `h2` itself.
    pub on_informational: Option<OnInformational>,
    /// Which connections it may take.
    pub connection: ConnectionChoice,
    /// How urgent it is, from 0 to 7: where there are not connections for all, the smallest come first. It is not sent to anybody.
    ///
    /// <https://www.rfc-editor.org/rfc/rfc9218#section-4.1>
    pub urgency: u8,
    /// What a switch of protocols means.
    pub upgrade: Upgrade,
    /// Asked before a byte of the request leaves on a connection, whether new or not. It is not asked about a connection through a
    /// proxy, whose address says nothing about the server's. Its objection is the answer ([`Error::Forbidden`]).
    ///
    /// [`Error::Forbidden`]: crate::Error::Forbidden
    pub check: Option<ConnectionCheck>,
    /// What a proxy that has no credentials of its own is shown, of HTTP or SOCKS.
    pub proxy_credentials: Option<ProxyCredentials>,
    /// Whether the caller could give the body once more.
    pub body_replay: BodyReplay,
}

impl Request {
    /// A request without headers or body.
    pub fn new(method: impl Into<Bytes>, authority: impl Into<String>, target: impl Into<String>) -> Self {
        Request {
            method: method.into(),
            target: target.into(),
            authority: authority.into(),
            headers: Vec::new(),
            body: RequestBody::Empty,
            on_body_chunk: None,
            on_informational: None,
            connection: ConnectionChoice::Any,
            urgency: USUAL_URGENCY,
            upgrade: Upgrade::Refuse,
            check: None,
            proxy_credentials: None,
            body_replay: BodyReplay::Possible,
        }
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("authority", &self.authority)
            .field("target", &self.target)
            .field("headers", &self.headers)
            .field("body", &self.body)
            .finish_non_exhaustive()
    }
}
