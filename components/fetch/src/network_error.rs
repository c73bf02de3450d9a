//! Why a fetch failed.

use std::fmt;

/// The reason that a network error carries, for people and for whoever decides about trying again. Scripts never see it.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    /// No response came from the server.
    #[error("{failure}")]
    Connection {
        /// What happened.
        failure: ConnectionFailure,
        /// Whether a byte of the request may have left this machine.
        request_may_have_been_sent: bool,
    },
    /// The server could not prove who it is.
    #[error("TLS: {0}")]
    Tls(TlsFailure),
    /// The response lacks `Access-Control-Allow-Origin`.
    #[error("CORS: the response has no Access-Control-Allow-Origin")]
    CorsMissingAllowOrigin,
    /// `Access-Control-Allow-Origin` names somebody else.
    #[error("CORS: Access-Control-Allow-Origin is {allowed:?}, the request comes from {origin:?}")]
    CorsOriginMismatch {
        /// What the header says, made printable.
        allowed: String,
        /// What the request's origin serializes to.
        origin: String,
    },
    /// `Access-Control-Allow-Origin` is `*` although the request carries credentials.
    #[error("CORS: Access-Control-Allow-Origin is * for a request with credentials")]
    CorsWildcardWithCredentials,
    /// The request carries credentials and `Access-Control-Allow-Credentials` is not `true`.
    #[error("CORS: Access-Control-Allow-Credentials is not true for a request with credentials")]
    CorsCredentialsNotAllowed,
    /// The preflight was answered with another status than 200 to 299.
    #[error("CORS preflight: status {0} is not ok")]
    PreflightStatus(u16),
    /// One of the preflight's lists cannot be parsed.
    #[error("CORS preflight: {0} cannot be parsed")]
    PreflightHeaderInvalid(&'static str),
    /// The preflight does not allow the method.
    #[error("CORS preflight: method {0} is not allowed")]
    PreflightMethodNotAllowed(String),
    /// The preflight does not allow a header.
    #[error("CORS preflight: header {0} is not allowed")]
    PreflightHeaderNotAllowed(String),
    /// A cross-origin redirect to a URL with user name or password.
    #[error("CORS: a redirect leads to a URL with credentials")]
    CorsRedirectWithCredentials,
    /// The request's mode is `same-origin` and its URL is of another origin.
    #[error("mode is same-origin, and {0} is of another origin")]
    NotSameOrigin(String),
    /// The request's mode is `no-cors` and its redirect mode is not `follow`.
    #[error("mode is no-cors, and redirect mode is not follow")]
    NoCorsRedirectMode,
    /// The request may only go to local schemes.
    #[error("only local URLs may be fetched here, {0} is none")]
    LocalUrlsOnly(String),
    /// The port is one that fetching may not reach.
    #[error("port {0} is blocked")]
    PortBlocked(u16),
    /// The document is secure and the URL is not.
    #[error("mixed content: {0} is not secure")]
    MixedContent(String),
    /// A content security policy or another policy of the embedder forbids it.
    #[error("blocked by policy: {directive}")]
    Csp {
        /// What of the policy was violated.
        directive: String,
    },
    /// The response asks not to be sniffed, and its type does not suit the destination.
    #[error("X-Content-Type-Options: nosniff, and type {0:?} is not one for this destination")]
    NoSniff(String),
    /// The response's type never suits the destination.
    #[error("type {0:?} is not one for this destination")]
    MimeTypeBlocked(String),
    /// `Cross-Origin-Resource-Policy` or the embedder's policy forbids it.
    #[error("Cross-Origin-Resource-Policy forbids it")]
    CrossOriginResourcePolicy,
    /// What came is not what the integrity metadata promised.
    #[error("integrity: {0}")]
    Integrity(&'static str),
    /// The embedder's integrity policy wants metadata, and there is none.
    #[error("the integrity policy asks for integrity metadata")]
    IntegrityPolicy,
    /// A public page may not reach addresses of that space.
    #[error("local network access: an address of space {space} may not be reached from here")]
    LocalNetworkAccess {
        /// Where the connection led.
        space: crate::IpAddressSpace,
    },
    /// Opaque-response blocking: the response of that type is nothing that pages embed.
    #[error("opaque-response blocking: type {0:?}")]
    OpaqueResponseBlocked(String),
    /// The keepalive fetches of the environment would have more than 64 KiB under way.
    #[error("more than 64 KiB of keepalive bodies are under way")]
    KeepaliveQuota,
    /// The server asks for credentials, and the request's body cannot be sent again with them.
    #[error("the server asks for credentials, and the request's body cannot be sent again")]
    AuthenticationBodyNotReplayable,
    /// The server does not agree to open a WebSocket.
    #[error("WebSocket: {0}")]
    WebSocket(&'static str),
    /// The response's status is 407, and nobody can be asked for the proxy's credentials.
    #[error("a proxy asks for credentials")]
    ProxyAuthenticationRequired,
    /// More than twenty redirects.
    #[error("more than 20 redirects")]
    RedirectLimit,
    /// A redirect although the redirect mode is `error`.
    #[error("redirected, and redirect mode is error")]
    RedirectForbidden,
    /// The redirect's `Location` is no URL.
    #[error("a redirect's Location cannot be parsed")]
    RedirectLocationInvalid,
    /// The redirect leads away from HTTP.
    #[error("a redirect leads to scheme {0:?}")]
    RedirectScheme(String),
    /// The redirect needs the body once more, which is gone.
    #[error("a redirect needs the request's body once more, which cannot be sent again")]
    RedirectBodyNotReplayable,
    /// The request's body cannot be sent twice, and the server speaks no HTTP/2.
    #[error("the request's body cannot be sent again, and so not over HTTP/1")]
    BodyNeedsHttp2,
    /// Nothing fetches that scheme.
    #[error("scheme {0:?} is not supported")]
    SchemeNotSupported(String),
    /// The URL of that scheme cannot be resolved or read.
    #[error("{scheme}: URL: {reason}")]
    SchemeFetch {
        /// The scheme.
        scheme: String,
        /// What is wrong.
        reason: String,
    },
    /// The request's range cannot be satisfied by a `blob:` URL.
    #[error("the range cannot be satisfied")]
    RangeNotSatisfiable,
    /// An earlier ranged response answers a request that asked for no range.
    #[error("a partial response answers a request without a range")]
    UnexpectedPartialResponse,
    /// The cache was to answer alone, and cannot.
    #[error("only-if-cached, and nothing is cached")]
    NotCached,
    /// A service worker answered with a response that may not be used for this request.
    #[error("the service worker's response may not be used: {0}")]
    ServiceWorkerResponse(&'static str),
    /// The request's body failed.
    #[error("the request's body: {0}")]
    RequestBody(Box<crate::BodyError>),
    /// The response's body failed before it could be given out.
    #[error("the response's body: {0}")]
    ResponseBody(Box<crate::BodyError>),
    /// The caller ended it.
    #[error("aborted")]
    Aborted,
    /// The environment it belonged to ended.
    #[error("terminated")]
    Terminated,
    /// The body ended before its announced length.
    #[error("the response's body ended early: {received} of {expected} bytes came")]
    BodyTruncated {
        /// Bytes that were announced.
        expected: u64,
        /// Bytes that came.
        received: u64,
    },
    /// The content coding is broken, ends early, or unpacks to far more than it may.
    #[error("content coding: {0}")]
    Decoding(String),
    /// There is no network.
    #[error("offline")]
    Offline,
    /// `Response.error()` and its like: somebody made a network error on purpose.
    #[error("a network error")]
    Generic,
}

/// Why no response came.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConnectionFailure {
    /// Nothing listens there.
    Refused,
    /// The name does not exist.
    UnknownHost,
    /// The resolver could not say.
    ResolverTryAgain,
    /// No route leads there.
    Unreachable,
    /// Nothing came in time.
    Timeout,
    /// The connection was cut.
    Reset,
    /// What came is not HTTP.
    Protocol(String),
    /// Anything else, by its text.
    Other(String),
}

impl fmt::Display for ConnectionFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConnectionFailure::Refused => f.write_str("connection refused"),
            ConnectionFailure::UnknownHost => f.write_str("unknown host"),
            ConnectionFailure::ResolverTryAgain => f.write_str("the resolver failed for now"),
            ConnectionFailure::Unreachable => f.write_str("network unreachable"),
            ConnectionFailure::Timeout => f.write_str("timed out"),
            ConnectionFailure::Reset => f.write_str("connection reset"),
            ConnectionFailure::Protocol(text) => write!(f, "protocol error: {text}"),
            ConnectionFailure::Other(text) => f.write_str(text),
        }
    }
}

/// What is wrong with the server's proof.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TlsFailure {
    /// The certificate's time is over.
    Expired,
    /// The certificate's time has not come.
    NotYetValid,
    /// The certificate is for other names.
    WrongHost,
    /// Nobody known signed the certificate.
    UnknownIssuer,
    /// The certificate was revoked.
    Revoked,
    /// A signature in the certificate's chain is wrong.
    BadSignature,
    /// The server wants to see a certificate of ours, or another one.
    ClientCertificate,
    /// Anything else, by its text.
    Other(String),
}

impl fmt::Display for TlsFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TlsFailure::Expired => f.write_str("the certificate has expired"),
            TlsFailure::NotYetValid => f.write_str("the certificate is not valid yet"),
            TlsFailure::WrongHost => f.write_str("the certificate is for another host"),
            TlsFailure::UnknownIssuer => f.write_str("the certificate's issuer is unknown"),
            TlsFailure::Revoked => f.write_str("the certificate was revoked"),
            TlsFailure::BadSignature => f.write_str("the certificate's signature is wrong"),
            TlsFailure::ClientCertificate => f.write_str("the server does not accept our certificate"),
            TlsFailure::Other(text) => f.write_str(text),
        }
    }
}

/// What kind of failure it is, for whoever decides about trying again.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub enum FailureClass {
    /// Some rule forbids it.
    Policy,
    /// The server does not share it across origins.
    Cors,
    /// The server could not prove who it is.
    Tls,
    /// Nobody is there.
    RefusedOrUnknownHost,
    /// It may work later.
    Transient,
    /// The caller or the end of its environment ended it.
    Aborted,
    /// The body failed on the way.
    Body,
    /// What came breaks a protocol.
    Protocol,
}

impl From<crate::BodyError> for NetworkError {
    fn from(error: crate::BodyError) -> NetworkError {
        match error {
            crate::BodyError::Network(error) => error,
            crate::BodyError::Aborted => NetworkError::Aborted,
            crate::BodyError::Decoding(text) => NetworkError::Decoding(text),
            error => NetworkError::ResponseBody(Box::new(error)),
        }
    }
}

impl NetworkError {
    /// What kind of failure it is.
    pub fn class(&self) -> FailureClass {
        use NetworkError as E;
        match self {
            E::Connection { failure, .. } => match failure {
                ConnectionFailure::Refused | ConnectionFailure::UnknownHost => {
                    FailureClass::RefusedOrUnknownHost
                }
                ConnectionFailure::ResolverTryAgain
                | ConnectionFailure::Unreachable
                | ConnectionFailure::Timeout
                | ConnectionFailure::Reset
                | ConnectionFailure::Other(_) => FailureClass::Transient,
                ConnectionFailure::Protocol(_) => FailureClass::Protocol,
            },
            E::Tls(_) => FailureClass::Tls,
            E::CorsMissingAllowOrigin
            | E::CorsOriginMismatch { .. }
            | E::CorsWildcardWithCredentials
            | E::CorsCredentialsNotAllowed
            | E::PreflightStatus(_)
            | E::PreflightHeaderInvalid(_)
            | E::PreflightMethodNotAllowed(_)
            | E::PreflightHeaderNotAllowed(_)
            | E::CorsRedirectWithCredentials => FailureClass::Cors,
            E::NotSameOrigin(_)
            | E::NoCorsRedirectMode
            | E::LocalUrlsOnly(_)
            | E::PortBlocked(_)
            | E::MixedContent(_)
            | E::Csp { .. }
            | E::NoSniff(_)
            | E::MimeTypeBlocked(_)
            | E::CrossOriginResourcePolicy
            | E::Integrity(_)
            | E::IntegrityPolicy
            | E::LocalNetworkAccess { .. }
            | E::OpaqueResponseBlocked(_)
            | E::KeepaliveQuota
            | E::ProxyAuthenticationRequired
            | E::RedirectForbidden
            | E::SchemeNotSupported(_)
            | E::SchemeFetch { .. }
            | E::UnexpectedPartialResponse
            | E::NotCached
            | E::ServiceWorkerResponse(_)
            | E::Generic => FailureClass::Policy,
            E::RedirectLimit
            | E::RedirectLocationInvalid
            | E::RedirectScheme(_)
            | E::RangeNotSatisfiable
            | E::WebSocket(_) => FailureClass::Protocol,
            E::RedirectBodyNotReplayable
            | E::AuthenticationBodyNotReplayable
            | E::BodyNeedsHttp2
            | E::RequestBody(_)
            | E::ResponseBody(_)
            | E::BodyTruncated { .. }
            | E::Decoding(_) => FailureClass::Body,
            E::Aborted | E::Terminated => FailureClass::Aborted,
            E::Offline => FailureClass::Transient,
        }
    }

    /// The same failure, where an earlier hop of the fetch has sent the request already, or where it was another request that
    /// was sent.
    pub(crate) fn with_request_sent(self, sent: bool) -> NetworkError {
        match self {
            NetworkError::Connection { failure, .. } => {
                NetworkError::Connection { failure, request_may_have_been_sent: sent }
            }
            NetworkError::Offline if sent => NetworkError::Connection {
                failure: ConnectionFailure::Unreachable,
                request_may_have_been_sent: true,
            },
            error => error,
        }
    }

    /// Whether a byte of the request may have left this machine before it failed.
    pub fn request_may_have_been_sent(&self) -> bool {
        match self {
            NetworkError::Connection { request_may_have_been_sent, .. } => *request_may_have_been_sent,
            NetworkError::Tls(_)
            | NetworkError::Offline
            | NetworkError::PortBlocked(_)
            | NetworkError::MixedContent(_)
            | NetworkError::SchemeNotSupported(_)
            | NetworkError::NotCached
            | NetworkError::BodyNeedsHttp2
            | NetworkError::NoCorsRedirectMode
            | NetworkError::IntegrityPolicy
            | NetworkError::KeepaliveQuota
            | NetworkError::LocalUrlsOnly(_) => false,
            _ => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_failure_is_one_line() {
        for error in [
            NetworkError::Connection {
                failure: ConnectionFailure::Refused,
                request_may_have_been_sent: false,
            },
            NetworkError::Tls(TlsFailure::Expired),
            NetworkError::CorsOriginMismatch { allowed: "a".into(), origin: "b\n".into() },
            NetworkError::SchemeNotSupported("x\n".into()),
        ] {
            let text = error.to_string();
            assert!(!text.is_empty() && !text.contains('\n'), "{text}");
        }
    }

    #[test]
    fn nobody_there_differs_from_not_now() {
        let class = |failure| NetworkError::Connection { failure, request_may_have_been_sent: false }.class();
        assert_eq!(class(ConnectionFailure::Refused), FailureClass::RefusedOrUnknownHost);
        assert_eq!(class(ConnectionFailure::ResolverTryAgain), FailureClass::Transient);
        assert_eq!(class(ConnectionFailure::Protocol(String::new())), FailureClass::Protocol);
        assert_eq!(NetworkError::CorsMissingAllowOrigin.class(), FailureClass::Cors);
        assert_eq!(NetworkError::Terminated.class(), FailureClass::Aborted);
    }
}
