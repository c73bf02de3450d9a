//! What can go wrong between here and a server, each fault by its name.

use std::io;
use std::sync::Arc;

use thiserror::Error;

use crate::proxy::ProxyError;
use crate::request::Objection;

/// Whether a server may have seen the request when it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sent {
    /// No byte of the request was acted on; sending it again cannot repeat anything.
    No,
    /// Some of it may have arrived.
    Possibly,
}

/// Why a request or its response's body failed.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// No address exists for the host's name.
    #[error("the host is unknown")]
    UnknownHost,
    /// The name could not be looked up just now.
    #[error("the name cannot be looked up at the moment")]
    ResolverTryAgain,
    /// Nobody listens at the address.
    #[error("the connection was refused")]
    Refused,
    /// No route leads to the address.
    #[error("the host cannot be reached")]
    Unreachable,
    /// Another fault of this machine's network while connecting.
    #[error("connecting failed: {0}")]
    Connect(Arc<io::Error>),
    /// Looking up, connecting or shaking hands took too long.
    #[error("connecting took too long")]
    ConnectTimeout,
    /// The server reset the connection or the stream.
    #[error("the connection was reset")]
    Reset {
        /// Whether the server may have seen the request.
        sent: Sent,
    },
    /// The connection ended before a response began.
    #[error("the connection was closed before a response")]
    ClosedBeforeResponse {
        /// Whether the server may have seen the request.
        sent: Sent,
    },
    /// No response began in time after the request was sent.
    #[error("no response came in time")]
    ResponseTimeout,
    /// The response's body stood still for too long.
    #[error("the response body stood still for too long")]
    BodyTimeout,
    /// The response's body ended before its end.
    #[error("the response body ended after {received} bytes{}", .expected.map(|n| format!(" of {n}")).unwrap_or_default())]
    Truncated {
        /// How many bytes were announced, if a number was.
        expected: Option<u64>,
        /// How many came.
        received: u64,
    },
    /// TLS could not be agreed on.
    #[error("TLS: {0}")]
    Tls(#[from] TlsError),
    /// The proxy led nowhere.
    #[error("proxy: {0}")]
    Proxy(#[from] ProxyError),
    /// The response's body took longer than is allowed.
    #[error("the response body took too long")]
    BodyTooSlow,
    /// The response's body is larger than is allowed.
    #[error("the response body is larger than {limit} bytes")]
    BodyTooLarge {
        /// What is allowed.
        limit: u64,
    },
    /// The server broke the rules of HTTP.
    #[error("HTTP: {0}")]
    Protocol(ProtocolError),
    /// The caller does not want the connection used.
    #[error("{0}")]
    Forbidden(Objection),
    /// The connection is none of HTTP/2, and the request's body is for that alone.
    #[error("the request body can be sent over HTTP/2 only")]
    BodyNeedsHttp2,
    /// The request's body failed.
    #[error("the request body failed: {0}")]
    RequestBody(BodyAbort),
    /// A header of the request cannot be carried.
    #[error("the header {} cannot be sent", .header.escape_debug())]
    Unrepresentable {
        /// The header's name, bytes that are no UTF-8 replaced.
        header: String,
    },
    /// The method, the target or the authority of the request cannot be carried.
    #[error("the request's {0} cannot be sent")]
    UnrepresentableRequestLine(RequestLinePart),
    /// The runtime that the [`Network`](crate::Network) uses has ended, or there is none where the request was sent from.
    #[error("the network was shut down")]
    ShutDown,
}

/// What of a request line was wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum RequestLinePart {
    /// The method is no token, or is `CONNECT`.
    #[error("method")]
    Method,
    /// The target is no path with an optional query.
    #[error("target")]
    Target,
    /// The authority is no host with an optional port.
    #[error("authority")]
    Authority,
}

/// How a server broke the rules of HTTP.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ProtocolError {
    /// A response's head cannot be parsed: a bad status line, a bad header, a NUL or lone CR, lengths that contradict.
    #[error("the response's head is malformed ({0})")]
    MalformedHead(String),
    /// The header list is longer than is allowed.
    #[error("the response's headers are too many or too large")]
    HeadersTooLarge,
    /// The body's framing is broken.
    #[error("the response body is malformed ({0})")]
    MalformedBody(String),
    /// HTTP/2 was violated.
    #[error("HTTP/2: {0}")]
    Http2(String),
    /// More interim responses than is sane.
    #[error("too many interim responses")]
    TooManyInterimResponses,
    /// Something else.
    #[error("{0}")]
    Other(String),
}

/// Why TLS could not be agreed on.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TlsError {
    /// The certificate's time is over.
    #[error("the certificate has expired")]
    Expired,
    /// The certificate's time has not come.
    #[error("the certificate is not valid yet")]
    NotYetValid,
    /// The certificate is for other hosts.
    #[error("the certificate is not for this host")]
    WrongHost,
    /// Nobody we trust has signed it.
    #[error("the certificate's issuer is unknown")]
    UnknownIssuer,
    /// It has been revoked.
    #[error("the certificate was revoked")]
    Revoked,
    /// Whether it has been revoked cannot be told.
    #[error("whether the certificate was revoked is unknown ({0})")]
    RevocationUnknown(String),
    /// It may not be used for a server.
    #[error("the certificate is not for servers")]
    InvalidPurpose,
    /// Its signature is wrong.
    #[error("the certificate's signature is wrong")]
    BadSignature,
    /// Any other fault of the certificate.
    #[error("the certificate is invalid ({0})")]
    InvalidCertificate(String),
    /// It is signed in a way that is no longer, or not yet, trusted.
    #[error("the certificate's signature algorithm is not supported")]
    SignatureAlgorithm,
    /// The server wants to see a certificate of ours, or another one.
    #[error("the server does not accept our certificate ({0})")]
    ClientCertificate(String),
    /// The server ended the handshake.
    #[error("the server refused the handshake ({0})")]
    Alert(String),
    /// No version, cipher suite or other parameter in common.
    #[error("no agreement with the server ({0})")]
    Incompatible(String),
    /// The host can be no name in TLS.
    #[error("the host is no valid server name")]
    InvalidServerName,
    /// The handshake took too long.
    #[error("the handshake took too long")]
    Timeout,
    /// The connection ended during the handshake.
    #[error("the connection ended during the handshake")]
    Closed,
    /// Any other fault.
    #[error("{0}")]
    Other(String),
}

/// Why a request's body ended before its end.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum BodyAbort {
    /// The caller gave it up.
    #[error("it was aborted")]
    Aborted,
    /// Its source failed.
    #[error("{0}")]
    Source(String),
    /// It gave more or fewer bytes than were announced.
    #[error("it gave {given} bytes where {announced} were announced")]
    WrongLength {
        /// What was announced.
        announced: u64,
        /// What it gave (at least, when it gave too many).
        given: u64,
    },
}

impl Error {
    /// Whether a server may have seen some of the request; only when not is it always safe to send it again.
    pub fn request_may_have_been_sent(&self) -> bool {
        match self {
            Error::UnknownHost
            | Error::ResolverTryAgain
            | Error::Refused
            | Error::Unreachable
            | Error::Connect(_)
            | Error::ConnectTimeout
            | Error::Tls(_)
            | Error::Proxy(_)
            | Error::Forbidden(_)
            | Error::BodyNeedsHttp2
            | Error::Unrepresentable { .. }
            | Error::UnrepresentableRequestLine(_)
            | Error::ShutDown => false,
            Error::Reset { sent } | Error::ClosedBeforeResponse { sent } => *sent == Sent::Possibly,
            Error::ResponseTimeout
            | Error::BodyTimeout
            | Error::BodyTooSlow
            | Error::BodyTooLarge { .. }
            | Error::Truncated { .. }
            | Error::Protocol(_)
            | Error::RequestBody(_) => true,
        }
    }
}

/// Why a [`Network`](crate::Network) could not be built.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// Text given as roots holds no certificate, or a broken one.
    #[error("the certificate file number {index} is not usable: {reason}")]
    BadRoots {
        /// Which of `extra_roots_pem`, from 0.
        index: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// A list of revoked certificates cannot be read.
    #[error("the revocation list number {index} is not usable: {reason}")]
    BadRevocationList {
        /// Which of `revocation_lists`, from 0.
        index: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// The platform's verifier looks after revocation by itself.
    #[error("revocation lists cannot be used with the platform's verifier")]
    RevocationListsUnused,
    /// There is nobody to trust.
    #[error("no root certificate is configured")]
    NoRoots,
    /// A limit or rate that lets nothing through.
    #[error("{0} must not be zero")]
    Zero(&'static str),
    /// TLS cannot be set up.
    #[error("TLS: {0}")]
    Tls(String),
    /// Names cannot be looked up as configured.
    #[error("resolver: {0}")]
    Resolver(String),
}
