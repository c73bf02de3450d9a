//! What developer tools and logs may see of a fetch.

use std::fmt;
use std::net::SocketAddr;

use url::Url;

use super::header_list::HeaderList;
use super::request::Request;
use super::response::{CacheState, Response};
use crate::NetworkError;

/// Names a fetch; no other one of the same user agent has the same.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FetchId(pub(crate) u64);

/// Sees every step of every fetch. Its methods are called while fetches wait, and must not block.
pub trait RequestObserver: Send + Sync + 'static {
    /// Something happened.
    fn observe(&self, fetch: FetchId, event: FetchEvent<'_>);
}

/// A step of a fetch.
#[derive(Debug)]
#[non_exhaustive]
pub enum FetchEvent<'a> {
    /// It begins.
    Started(&'a Request),
    /// Its URL was made secure.
    Upgraded {
        /// What it was.
        from: &'a Url,
        /// What it is.
        to: &'a Url,
        /// What wanted it.
        by: Upgrade,
    },
    /// Somebody else than the network answers: the embedder's interceptor.
    Overridden,
    /// A service worker is asked.
    ServiceWorkerAsked,
    /// It has answered, or left it to the network.
    ServiceWorkerAnswered(Option<&'a Response>),
    /// The server is asked beforehand.
    PreflightSent(&'a Request),
    /// It need not be asked, because it said so before.
    PreflightCached,
    /// The HTTP cache has decided.
    Cache(CacheDecision),
    /// A request goes out, with the headers as they are on the wire.
    RequestSent {
        /// Its method.
        method: &'a str,
        /// Its URL.
        url: &'a Url,
        /// All its headers.
        headers: &'a HeaderList,
    },
    /// An informational response came.
    Informational(u16),
    /// A response's head came, unfiltered.
    ResponseReceived {
        /// The response.
        response: &'a Response,
        /// Who answered.
        remote: Option<SocketAddr>,
    },
    /// Credentials are asked for or sent again.
    Authentication {
        /// Whether it is a proxy that wants them.
        is_proxy: bool,
        /// What they are for.
        realm: &'a str,
    },
    /// The request is sent again over a new connection.
    Misdirected,
    /// A redirect is followed.
    Redirected {
        /// From where.
        from: &'a Url,
        /// Where to.
        to: &'a Url,
        /// The redirect's status.
        status: u16,
    },
    /// The response goes to whoever asked.
    Answered(&'a Response),
    /// There is none.
    Failed(&'a NetworkError),
    /// The body has ended.
    Finished {
        /// Its bytes as they came.
        encoded: u64,
        /// Its bytes behind its content codings.
        decoded: u64,
    },
}

/// What made a URL secure.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Upgrade {
    /// The policy: `upgrade-insecure-requests`.
    Policy,
    /// Mixed content.
    MixedContent,
    /// Strict transport security.
    Hsts,
}

/// What the HTTP cache does for a request.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CacheDecision {
    /// It is not asked.
    Bypassed,
    /// It has nothing.
    Missed,
    /// It answers.
    Answered(CacheState),
    /// It answers with what is stale, and asks anew behind.
    AnsweredStale,
    /// It has something that the server is asked about.
    Revalidating,
}

/// The span of `tracing` that a fetch is in from its beginning to the end of its body. What all parts beneath tell of their doings
/// while they work for it is told within.
pub(crate) fn fetch_span(id: FetchId, request: &Request) -> tracing::Span {
    tracing::debug_span!(
        "fetch",
        %id,
        method = %request.method,
        url = %request.url(),
        status = tracing::field::Empty,
        reason = tracing::field::Empty,
    )
}

/// The default observer: an event of `tracing` each, within the fetch's span.
pub(crate) struct Tracing;

impl RequestObserver for Tracing {
    fn observe(&self, fetch: FetchId, event: FetchEvent<'_>) {
        match event {
            FetchEvent::Failed(reason) => tracing::debug!(%fetch, %reason, "network error"),
            FetchEvent::Started(request) => {
                tracing::debug!(%fetch, method = %request.method, url = %request.url(), mode = %request.mode, "fetch");
            }
            FetchEvent::Redirected { from, to, status } => {
                tracing::debug!(%fetch, %from, %to, status, "redirected");
            }
            FetchEvent::ResponseReceived { response, remote } => {
                tracing::debug!(%fetch, status = response.status, ?remote, "response");
            }
            FetchEvent::Cache(decision) => tracing::debug!(%fetch, ?decision, "cache"),
            event => tracing::trace!(%fetch, step = event.name()),
        }
    }
}

impl FetchEvent<'_> {
    /// The step's name.
    pub fn name(&self) -> &'static str {
        match self {
            FetchEvent::Started(_) => "started",
            FetchEvent::Upgraded { .. } => "upgraded",
            FetchEvent::Overridden => "overridden",
            FetchEvent::ServiceWorkerAsked => "service worker asked",
            FetchEvent::ServiceWorkerAnswered(_) => "service worker answered",
            FetchEvent::PreflightSent(_) => "preflight sent",
            FetchEvent::PreflightCached => "preflight cached",
            FetchEvent::Cache(_) => "cache",
            FetchEvent::RequestSent { .. } => "request sent",
            FetchEvent::Informational(_) => "informational",
            FetchEvent::ResponseReceived { .. } => "response received",
            FetchEvent::Authentication { .. } => "authentication",
            FetchEvent::Misdirected => "misdirected",
            FetchEvent::Redirected { .. } => "redirected",
            FetchEvent::Answered(_) => "answered",
            FetchEvent::Failed(_) => "failed",
            FetchEvent::Finished { .. } => "finished",
        }
    }
}

impl fmt::Display for FetchId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
