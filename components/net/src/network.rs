//! The door: requests in, responses out.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures::future::BoxFuture;
use hyper::body::Incoming;
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep_until};

use crate::body::{Body, BodyLimits, BodyPresence};
use crate::config::{HeaderLimits, NetworkConfig, Timeouts};
use crate::connect::{ConnectionInfo, Connector, Protocol};
use crate::error::{ConfigError, Error, ProtocolError, Sent};
use crate::exchange::Exchange;
use crate::http1_heads::ResponseHead;
use crate::hyper_error::head_error;
use crate::message::{Prepared, TargetForm, header_list};
use crate::pool::{Disposal, Freshness, Lease, Pool};
use crate::pool_key::{PoolKey, Versions};
use crate::proxy::{Proxy, ProxyCredentials, ProxyError, ProxyResolver, ProxyTarget, Route, tunnel};
use crate::request::{BodyReplay, ConnectionCheck, ConnectionChoice, Request, Upgrade};
use crate::response::Response;
use crate::throttle::Throttle;
use crate::timing::{Phase, Reuse, Timing, Version};
use crate::tls::Tls;
use crate::upgraded::Upgraded;

/// How many connections one request may find dead before that is the answer.
const MOST_ATTEMPTS: usize = 5;
/// How many ways a proxy resolver may name for one request.
const MOST_ROUTES: usize = 16;

/// The pool of connections and everything beneath it. Clones share it; when the last clone, request and body are gone, nothing of it
/// is left running.
#[derive(Clone)]
pub struct Network {
    inner: Arc<Inner>,
}

struct Inner {
    pool: Arc<Pool>,
    timeouts: Timeouts,
    header_limits: HeaderLimits,
    max_response_body: Option<u64>,
    proxies: Option<Arc<dyn ProxyResolver>>,
    /// What the proxies that asked for credentials are shown.
    proxy_credentials: Mutex<HashMap<Proxy, ProxyCredentials>>,
    throttle: Option<Arc<Throttle>>,
}

impl Network {
    /// Builds it. Nothing is opened or spawned before the first request.
    pub fn new(config: NetworkConfig) -> Result<Network, ConfigError> {
        let must_not_be_zero = [
            ("max_per_key", config.max_per_key),
            ("max_total", config.max_total),
            ("throttle", config.throttle.map_or(1, |rate| usize::from(rate > 0))),
            ("header_limits.bytes", config.header_limits.bytes as usize),
            ("header_limits.count", config.header_limits.count),
        ];
        if let Some((name, _)) = must_not_be_zero.into_iter().find(|(_, value)| *value == 0) {
            return Err(ConfigError::Zero(name));
        }
        let tls = Tls::new(&config)?;
        let connector = Connector {
            resolver: config.resolver.clone(),
            dialer: config.dialer.clone(),
            tls,
            timeouts: config.timeouts,
            header_limits: config.header_limits,
        };
        Ok(Network {
            inner: Arc::new(Inner {
                pool: Pool::new(&config, connector),
                timeouts: config.timeouts,
                header_limits: config.header_limits,
                max_response_body: config.max_response_body,
                proxies: config.proxies.clone(),
                proxy_credentials: Mutex::default(),
                throttle: config.throttle.map(|rate| Arc::new(Throttle::new(rate))),
            }),
        })
    }

    /// Sends a request on a connection of `key` and gives the response once its head is there. Dropping the future gives the request
    /// up. It is to be polled inside a tokio runtime; the one of the first request drives all connections.
    pub fn send(&self, request: Request, key: PoolKey) -> BoxFuture<'static, Result<Response, Error>> {
        let inner = self.inner.clone();
        Box::pin(async move { inner.send(request, key).await })
    }

    /// Sets what that proxy is shown from now on when it has no credentials of its own; `None` forgets them.
    pub fn set_proxy_credentials(&self, proxy: &Proxy, credentials: Option<ProxyCredentials>) {
        let mut known = self.inner.proxy_credentials.lock().unwrap_or_else(PoisonError::into_inner);
        match credentials {
            Some(credentials) => known.insert(proxy.without_credentials(), credentials),
            None => known.remove(&proxy.without_credentials()),
        };
    }

    /// Closes every connection that serves nobody.
    pub fn close_idle(&self) {
        self.inner.pool.close_idle();
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Network").field("timeouts", &self.inner.timeouts).finish_non_exhaustive()
    }
}

impl Inner {
    /// <https://fetch.spec.whatwg.org/#concept-http-network-fetch>, the part that speaks HTTP.
    async fn send(&self, request: Request, mut key: PoolKey) -> Result<Response, Error> {
        let started = Instant::now();
        let runtime = Handle::try_current().map_err(|_| Error::ShutDown)?;
        let upgrade = request.upgrade;
        let freshness = match (request.connection, upgrade) {
            (ConnectionChoice::Any, Upgrade::Refuse) => Freshness::Any,
            _ => Freshness::New,
        };
        if upgrade == Upgrade::Accept {
            key.versions = Versions::Http1Only;
        }
        let credentials = request.proxy_credentials.clone();
        let (check, body_replay) = (request.check.clone(), request.body_replay);
        let dedicated = request.connection == ConnectionChoice::NewAndDedicated;
        let urgency = request.urgency;
        let limits = (self.header_limits.interim_responses, self.timeouts.expect_continue);
        let mut prepared = Prepared::new(request, key.scheme, limits.0, limits.1)?;
        let sending = Sending { started, runtime, upgrade, check, body_replay, dedicated, urgency };
        let mut routes = self.routes(&key, credentials).await.into_iter().peekable();
        while let Some(proxy) = routes.next() {
            key.proxy = proxy;
            let error = match self.send_on_route(&mut prepared, &key, freshness, &sending).await {
                Ok(response) => return Ok(response),
                Err(error) => error,
            };
            let unreachable = matches!(error, Error::Proxy(ProxyError::Unreachable(_)));
            if !unreachable || routes.peek().is_none() {
                return Err(error);
            }
            tracing::debug!(%error, "trying the next route");
        }
        Err(Error::ClosedBeforeResponse { sent: Sent::No })
    }

    /// The ways to the key's server, at least one.
    async fn routes(&self, key: &PoolKey, credentials: Option<ProxyCredentials>) -> Vec<Option<Proxy>> {
        if let Some(proxy) = &key.proxy {
            return vec![Some(self.with_known_credentials(proxy.clone(), &credentials))];
        }
        let Some(proxies) = &self.proxies else { return vec![None] };
        let target = ProxyTarget { scheme: key.scheme, host: key.bare_host().to_owned(), port: key.port };
        let mut routes: Vec<Option<Proxy>> = proxies
            .routes(&target)
            .await
            .into_iter()
            .take(MOST_ROUTES)
            .map(|route| match route {
                Route::Direct => None,
                Route::Proxy(proxy) => Some(self.with_known_credentials(proxy, &credentials)),
            })
            .collect();
        if routes.is_empty() {
            routes.push(None);
        }
        routes
    }

    /// The proxy's own credentials come first, then those that the network was told of, then the request's.
    fn with_known_credentials(&self, proxy: Proxy, of_request: &Option<ProxyCredentials>) -> Proxy {
        if proxy.credentials().is_some() {
            return proxy;
        }
        let known = self.proxy_credentials.lock().unwrap_or_else(PoisonError::into_inner);
        match known.get(&proxy).or(of_request.as_ref()) {
            Some(credentials) => proxy.with_credentials(credentials.clone()),
            None => proxy,
        }
    }

    async fn send_on_route(
        &self,
        prepared: &mut Prepared,
        key: &PoolKey,
        mut freshness: Freshness,
        sending: &Sending,
    ) -> Result<Response, Error> {
        for attempt in 1.. {
            let lease = self.pool.obtain(key.clone(), freshness, sending.urgency).await?;
            let (reuse, protocol) = (lease.reuse(), lease.protocol());
            sending.judge(lease.info()).await?;
            prepared.check(protocol)?;
            if sending.dedicated {
                lease.leave_pool();
            }
            // Only a body that is still there is sent again, see below.
            let Some(message) = prepared.message(protocol, target_form(lease.info())) else { break };
            let error = match self.attempt(lease, message, prepared, sending).await {
                Ok(response) => return Ok(response),
                Err(error) => error,
            };
            // https://www.rfc-editor.org/rfc/rfc9110#section-9.2.2: what was not sent may always be sent again; what may have been,
            // only if twice is like once, and then only because a connection kept from earlier often turns out dead.
            let found_dead = match &error {
                Error::ClosedBeforeResponse { .. } => reuse == Reuse::Reused,
                // In HTTP/2 that is the server's answer to this very request.
                Error::Reset { .. } => reuse == Reuse::Reused && protocol == Protocol::Http1,
                _ => false,
            };
            let unsent = matches!(
                error,
                Error::ClosedBeforeResponse { sent: Sent::No } | Error::Reset { sent: Sent::No }
            );
            let may_retry = unsent || (found_dead && prepared.is_idempotent());
            if !may_retry || !prepared.can_send_again() || attempt >= MOST_ATTEMPTS {
                return Err(error);
            }
            tracing::debug!(%error, attempt, "the connection was dead; trying another");
            if freshness == Freshness::Any {
                freshness = Freshness::DistrustIdle;
            }
        }
        Err(Error::ClosedBeforeResponse { sent: Sent::No })
    }

    /// Sends the request on one connection.
    async fn attempt(
        &self,
        mut lease: Lease,
        message: http::Request<crate::outgoing_body::OutgoingBody>,
        prepared: &mut Prepared,
        sending: &Sending,
    ) -> Result<Response, Error> {
        let exchange = prepared.exchange().clone();
        let headers = prepared.own_headers().clone();
        let request_start = Instant::now();
        let answering = async {
            tokio::select! {
                biased;
                result = lease.send(message, &headers) => Ok(result),
                error = exchange.failed() => Err(error),
                () = self.response_overdue(&exchange) => Err(Error::ResponseTimeout),
            }
        };
        let mut response = match answering.await {
            Ok(Ok(response)) => response,
            Ok(Err((error, message))) => {
                let unsent = message.is_some();
                if let Some(message) = message {
                    prepared.take_back(message);
                }
                // The connection that gave the message back will not take another.
                lease.dispose(if unsent { Disposal::Retired } else { Disposal::CutShort });
                let error = match head_error(&error) {
                    _ if unsent => Error::ClosedBeforeResponse { sent: Sent::No },
                    error => error,
                };
                return Err(exchange.failure().unwrap_or(error));
            }
            // The lease's end closes the connection or resets the stream.
            Err(error) => {
                exchange.abandon();
                return Err(error);
            }
        };
        let response_start = Instant::now();
        let mut upgraded = None;
        if response.status() == http::StatusCode::SWITCHING_PROTOCOLS {
            let stream = hyper::upgrade::on(&mut response).await.map_err(|error| head_error(&error))?;
            // NOTE: a connection that nobody wanted to switch is of no use to anybody.
            upgraded = (sending.upgrade == Upgrade::Accept).then(|| Upgraded::new(stream));
            lease.leave_pool();
        }
        let presence = match response.status() {
            http::StatusCode::SWITCHING_PROTOCOLS
            | http::StatusCode::NO_CONTENT
            | http::StatusCode::NOT_MODIFIED => BodyPresence::Never,
            _ if prepared.is_head() => BodyPresence::Never,
            _ => BodyPresence::Maybe,
        };
        let times = [sending.started, request_start, response_start];
        let mut response = self.response(response, presence, lease, exchange, times, &sending.runtime)?;
        response.upgraded = upgraded;
        Ok(response)
    }

    /// Ends when the response's head is overdue.
    async fn response_overdue(&self, exchange: &Exchange) {
        loop {
            let deadline = exchange.deadline(self.timeouts.response_headers);
            if deadline <= Instant::now() {
                return;
            }
            sleep_until(deadline).await;
        }
    }

    fn response(
        &self,
        response: http::Response<Incoming>,
        presence: BodyPresence,
        lease: Lease,
        exchange: Arc<Exchange>,
        [started, request_start, response_start]: [Instant; 3],
        runtime: &Handle,
    ) -> Result<Response, Error> {
        let (parts, incoming) = response.into_parts();
        let fault = if parts.headers.len() > self.header_limits.count {
            Some(Error::Protocol(ProtocolError::HeadersTooLarge))
        } else if parts.status == http::StatusCode::PROXY_AUTHENTICATION_REQUIRED && lease.info().forwards {
            // The proxy's answer and not the server's. A server that gives one by itself is not listened to about proxies.
            lease.info().proxy.as_ref().map(|proxy| {
                let challenges = tunnel::challenges(&parts.headers);
                ProxyError::AuthenticationRequired { proxy: proxy.without_credentials(), challenges }.into()
            })
        } else {
            None
        };
        if let Some(fault) = fault {
            exchange.abandon();
            return Err(fault);
        }
        let version = match parts.version {
            http::Version::HTTP_2 => Version::Http2,
            http::Version::HTTP_10 => Version::Http10,
            _ => Version::Http11,
        };
        let head = lease.response_head().unwrap_or_else(|| ResponseHead {
            status: parts.status.as_u16(),
            reason: Bytes::new(),
            headers: header_list(&parts.headers),
        });
        let info = lease.info();
        let (remote, proxy) = (info.remote, info.proxy.clone());
        let fresh = |phase| (lease.reuse() == Reuse::Fresh).then(|| clamp(phase, started));
        let timing = Timing {
            started: started.into_std(),
            domain_lookup: info.domain_lookup.and_then(fresh),
            connect: fresh(info.connect),
            secure_connect: info.secure_connect.and_then(fresh),
            request_start: request_start.into_std(),
            first_interim_response: exchange.first_interim_response().map(Instant::into_std),
            response_start: response_start.into_std(),
            reuse: lease.reuse(),
            protocol: version,
        };
        let body = Body::new(
            incoming,
            presence,
            lease,
            exchange,
            runtime.clone(),
            BodyLimits {
                idle: self.timeouts.body_idle,
                total: self.timeouts.body_total,
                bytes: self.max_response_body,
            },
            self.throttle.clone(),
        );
        let ResponseHead { status, reason, headers } = head;
        Ok(Response { status, reason, version, headers, body, timing, remote, proxy, upgraded: None })
    }
}

/// What stays the same over all attempts at one request.
struct Sending {
    started: Instant,
    runtime: Handle,
    upgrade: Upgrade,
    check: Option<ConnectionCheck>,
    body_replay: BodyReplay,
    dedicated: bool,
    urgency: u8,
}

impl Sending {
    /// Whether the request may go over that connection, which goes back to the pool if not.
    async fn judge(&self, info: &ConnectionInfo) -> Result<(), Error> {
        if self.body_replay == BodyReplay::Impossible && info.protocol != Protocol::Http2 {
            return Err(Error::BodyNeedsHttp2);
        }
        match &self.check {
            Some(check) if info.proxy.is_none() => check(info.remote).await.map_err(Error::Forbidden),
            _ => Ok(()),
        }
    }
}

/// How the request's target is written on that connection.
fn target_form(info: &ConnectionInfo) -> TargetForm {
    match &info.proxy {
        Some(proxy) if info.forwards => TargetForm::Absolute { authorization: proxy.authorization() },
        _ => TargetForm::Origin,
    }
}

/// A connection may have been begun for an earlier request, whose time is none of this one's business.
///
/// <https://fetch.spec.whatwg.org/#clamp-and-coarsen-connection-timing-info>
fn clamp(phase: Phase, started: Instant) -> Phase {
    let started = started.into_std();
    Phase { start: phase.start.max(started), end: phase.end.max(started) }
}
