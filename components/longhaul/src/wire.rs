//! The wire: `fetch`'s trait on one side, `net` on the other. Neither knows the other.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, TryStreamExt};
use longhaul_fetch::{
    BodyError, ConnectionFailure, ConnectionKey, ConnectionScheme, ConnectionTiming, HttpVersion,
    NetworkError, NewConnection, TlsFailure, UpgradedConnection, WireBody, WireRequest, WireResponse,
};
use longhaul_net::{
    BodyAbort, BodyReplay, ConnectionChoice, Error, Objection, Phase, PoolKey, Proxy, ProxyCredentials,
    ProxyError, ProxyKind, RequestBody, Scheme, SocksFailure, TlsError, Upgrade,
};
use longhaul_storage::Clock;
use tokio::sync::watch;
use url::Host;

/// [`longhaul_fetch::Network`] by [`longhaul_net::Network`].
pub(crate) struct Wire {
    network: longhaul_net::Network,
    /// One moment by `net`'s clock and by ours, between which times are converted.
    anchor: (Instant, Duration),
    online: watch::Receiver<bool>,
}

impl Wire {
    pub(crate) fn new(
        network: longhaul_net::Network,
        clock: &Arc<dyn Clock>,
        online: watch::Receiver<bool>,
    ) -> Self {
        Wire { network, anchor: (Instant::now(), clock.monotonic()), online }
    }
}

/// Whether a URL leads to this machine itself, which can be reached without a network.
fn is_loopback(url: &url::Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => {
            let name = name.strip_suffix('.').unwrap_or(name);
            name == "localhost" || name.ends_with(".localhost")
        }
        None => false,
    }
}

impl longhaul_fetch::Network for Wire {
    fn send(
        &self,
        request: WireRequest,
        key: ConnectionKey,
    ) -> BoxFuture<'static, Result<WireResponse, NetworkError>> {
        if !*self.online.borrow() && !is_loopback(&request.url) {
            return futures::future::ready(Err(NetworkError::Offline)).boxed();
        }
        let sending = self.network.send(net_request(request), pool_key(key));
        let anchor = self.anchor;
        async move {
            let response = match sending.await {
                Ok(response) => response,
                Err(Error::Proxy(ProxyError::AuthenticationRequired { proxy, challenges })) => {
                    return Ok(proxy_asks(&proxy, challenges));
                }
                Err(error) => return Err(network_error(error)),
            };
            Ok(WireResponse {
                status: response.status,
                version: match response.version {
                    longhaul_net::Version::Http10 => HttpVersion::Http10,
                    longhaul_net::Version::Http2 => HttpVersion::Http2,
                    _ => HttpVersion::Http11,
                },
                timing: connection_timing(&response.timing, anchor),
                request_start_time: Some(at(response.timing.request_start, anchor)),
                reason: response.reason,
                headers: response.headers,
                body: response.body.map_err(network_error).boxed(),
                // A proxy's address says nothing about where the server is.
                remote: response.proxy.is_none().then_some(response.remote),
                upgraded: response.upgraded.map(|upgraded| UpgradedConnection::new(Box::new(upgraded))),
            })
        }
        .boxed()
    }
}

/// The answer of a proxy that wants credentials, as the Fetch layer knows it. SOCKS has no words for what it wants, which is what
/// Basic is: a user name and a password.
fn proxy_asks(proxy: &Proxy, mut challenges: Vec<Bytes>) -> WireResponse {
    if matches!(proxy.kind(), ProxyKind::Socks5 | ProxyKind::Socks5Names) {
        challenges = vec![format!("Basic realm=\"{proxy}\"").into()];
    }
    let name = || Bytes::from_static(b"proxy-authenticate");
    WireResponse {
        status: 407,
        reason: Bytes::new(),
        version: HttpVersion::Http11,
        headers: challenges.into_iter().map(|challenge| (name(), challenge)).collect(),
        body: futures::stream::empty().boxed(),
        timing: ConnectionTiming::default(),
        request_start_time: None,
        remote: None,
        upgraded: None,
    }
}

fn pool_key(key: ConnectionKey) -> PoolKey {
    let scheme = match key.scheme {
        ConnectionScheme::Http => Scheme::Http,
        ConnectionScheme::Https => Scheme::Https,
    };
    let mut pool_key = PoolKey::new(key.network_partition_key, scheme, key.host, key.port);
    pool_key.credentials = key.credentials;
    pool_key
}

fn net_request(request: WireRequest) -> longhaul_net::Request {
    let mut out = longhaul_net::Request::new(request.method, request.authority, request.target);
    out.headers = request.headers;
    out.body = match request.body {
        WireBody::Empty => RequestBody::Empty,
        WireBody::Bytes(bytes) => RequestBody::Bytes(bytes),
        WireBody::Stream { stream, length } => {
            let stream = stream.map_err(|error| match error {
                BodyError::Aborted => BodyAbort::Aborted,
                other => BodyAbort::Source(other.to_string()),
            });
            RequestBody::Stream { stream: stream.boxed(), length }
        }
    };
    out.on_body_chunk = request.on_body_chunk;
    out.on_informational = request.on_informational;
    out.connection = match request.new_connection {
        NewConnection::No => ConnectionChoice::Any,
        NewConnection::Yes => ConnectionChoice::New,
        NewConnection::YesAndDedicated => ConnectionChoice::NewAndDedicated,
    };
    out.urgency = request.priority.urgency;
    out.upgrade = if request.upgrade { Upgrade::Accept } else { Upgrade::Refuse };
    out.proxy_credentials = request
        .proxy_credentials
        .map(|credentials| ProxyCredentials::new(credentials.username, credentials.password));
    out.body_replay = if request.body_needs_http2 { BodyReplay::Impossible } else { BodyReplay::Possible };
    if let Some(check) = request.connection_check {
        out.check = Some(Arc::new(move |address| {
            check(address).map(|judged| judged.map_err(|reason| Arc::new(reason) as Objection)).boxed()
        }));
    }
    out
}

/// A moment by our clock. Both tick alike; one before the anchor belongs to a connection older than this user agent.
fn at(moment: Instant, (instant, monotonic): (Instant, Duration)) -> Duration {
    match moment.checked_duration_since(instant) {
        Some(after) => monotonic + after,
        None => monotonic.saturating_sub(instant.duration_since(moment)),
    }
}

fn connection_timing(timing: &longhaul_net::Timing, anchor: (Instant, Duration)) -> ConnectionTiming {
    let mut out = ConnectionTiming {
        alpn_negotiated_protocol: timing.protocol.alpn_id().to_owned(),
        ..ConnectionTiming::default()
    };
    if let Some(connect) = timing.connect {
        out.connection_start_time = at(connect.start, anchor);
        out.connection_end_time = at(connect.end, anchor);
        // What needs no lookup is looked up in no time.
        let lookup = timing.domain_lookup.unwrap_or(Phase { start: connect.start, end: connect.start });
        out.domain_lookup_start_time = at(lookup.start, anchor);
        out.domain_lookup_end_time = at(lookup.end, anchor);
    }
    if let Some(secure) = timing.secure_connect {
        out.secure_connection_start_time = at(secure.start, anchor);
    }
    out
}

fn network_error(error: Error) -> NetworkError {
    let request_may_have_been_sent = error.request_may_have_been_sent();
    let failure = match error {
        Error::Tls(error) => return NetworkError::Tls(tls_failure(error)),
        // The check that the Fetch layer gave answers in its own words.
        Error::Forbidden(objection) => {
            return objection.downcast_ref::<NetworkError>().cloned().unwrap_or(NetworkError::Generic);
        }
        // What was said about the way to the server's name is said about the server.
        Error::Proxy(ProxyError::Target(error)) => return network_error(*error),
        Error::Proxy(ProxyError::Timeout) => ConnectionFailure::Timeout,
        Error::Proxy(ProxyError::Socks(SocksFailure::Refused)) => ConnectionFailure::Refused,
        Error::Proxy(ProxyError::Socks(
            SocksFailure::HostUnreachable | SocksFailure::NetworkUnreachable | SocksFailure::TtlExpired,
        )) => ConnectionFailure::Unreachable,
        // NOTE: A proxy that is down is no sign that the server is: it counts as a way that cannot be reached just now.
        fault @ Error::Proxy(ProxyError::Unreachable(_) | ProxyError::Closed) => {
            tracing::debug!(%fault, "a proxy leads nowhere");
            ConnectionFailure::Unreachable
        }
        Error::Truncated { expected: Some(expected), received } => {
            return NetworkError::BodyTruncated { expected, received };
        }
        Error::BodyNeedsHttp2 => return NetworkError::BodyNeedsHttp2,
        Error::RequestBody(BodyAbort::Aborted) => {
            return NetworkError::RequestBody(Box::new(BodyError::Aborted));
        }
        Error::RequestBody(fault) => {
            return NetworkError::RequestBody(Box::new(BodyError::Source(fault.to_string())));
        }
        Error::UnknownHost => ConnectionFailure::UnknownHost,
        Error::ResolverTryAgain => ConnectionFailure::ResolverTryAgain,
        Error::Refused => ConnectionFailure::Refused,
        Error::Unreachable => ConnectionFailure::Unreachable,
        Error::ConnectTimeout | Error::ResponseTimeout | Error::BodyTimeout | Error::BodyTooSlow => {
            ConnectionFailure::Timeout
        }
        // A body whose length nobody announced and whose end nobody said was cut off.
        Error::Reset { .. }
        | Error::ClosedBeforeResponse { .. }
        | Error::Truncated { expected: None, .. } => ConnectionFailure::Reset,
        Error::Protocol(fault) => ConnectionFailure::Protocol(fault.to_string()),
        fault @ (Error::Unrepresentable { .. } | Error::UnrepresentableRequestLine(_)) => {
            ConnectionFailure::Protocol(fault.to_string())
        }
        other => ConnectionFailure::Other(other.to_string()),
    };
    NetworkError::Connection { failure, request_may_have_been_sent }
}

fn tls_failure(error: TlsError) -> TlsFailure {
    match error {
        TlsError::Expired => TlsFailure::Expired,
        TlsError::NotYetValid => TlsFailure::NotYetValid,
        TlsError::WrongHost => TlsFailure::WrongHost,
        TlsError::UnknownIssuer => TlsFailure::UnknownIssuer,
        TlsError::Revoked => TlsFailure::Revoked,
        TlsError::BadSignature => TlsFailure::BadSignature,
        TlsError::ClientCertificate(_) => TlsFailure::ClientCertificate,
        other => TlsFailure::Other(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use longhaul_net::Sent;

    use super::*;

    #[test]
    fn whether_the_request_left_is_kept() {
        for sent in [Sent::No, Sent::Possibly] {
            let error = network_error(Error::Reset { sent });
            assert_eq!(error.request_may_have_been_sent(), sent == Sent::Possibly, "{error}");
        }
    }

    #[test]
    fn this_machine_is_there_without_a_network() {
        for (text, loopback) in [
            ("http://localhost:8000/", true),
            ("http://a.localhost./", true),
            ("http://127.9.9.9/", true),
            ("http://[::1]/", true),
            ("http://localhost.example/", false),
            ("http://10.0.0.1/", false),
        ] {
            assert_eq!(is_loopback(&text.parse().unwrap()), loopback, "{text}");
        }
    }
}
