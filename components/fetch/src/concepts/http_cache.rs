//! The HTTP cache, as fetching sees it.

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use url::Url;

use super::body::BodyError;
use super::header_list::HeaderList;
use super::network_partition_key::NetworkPartitionKey;
use super::request::CacheMode;
use super::response::CacheState;

/// Keeps responses as RFC 9111 has it. What it gives and takes are bodies as they come over the wire, their content codings
/// still on them.
pub trait HttpCache: Send + Sync + 'static {
    /// Selects a response for the request, or says how it is to be sent.
    fn lookup(&self, request: HttpCacheRequest) -> BoxFuture<'static, HttpCacheLookup>;
}

/// A request as the HTTP cache sees it: just before it would be sent.
#[derive(Clone, Debug)]
pub struct HttpCacheRequest {
    /// The HTTP cache partition. What is stored in one is not there for the others.
    pub partition: NetworkPartitionKey,
    /// The method.
    pub method: String,
    /// The URL.
    pub url: Url,
    /// All headers.
    pub header_list: HeaderList,
    /// The cache mode.
    pub cache_mode: CacheMode,
    /// Whether credentials go along.
    pub include_credentials: bool,
    /// It is made because a user reloads a page.
    pub reload_navigation: bool,
}

/// A response that goes into the HTTP cache or comes out of it.
pub struct HttpCacheResponse {
    /// The status.
    pub status: u16,
    /// The status message.
    pub status_message: Vec<u8>,
    /// The headers.
    pub header_list: HeaderList,
    /// The body.
    pub body: Option<BoxStream<'static, Result<Bytes, BodyError>>>,
}

/// What the HTTP cache says to a request.
pub enum HttpCacheLookup {
    /// This answers it.
    Stored {
        /// The response.
        response: HttpCacheResponse,
        /// It is stale, and to be validated in the background.
        revalidate: bool,
    },
    /// It has to be sent; the exchange is to be told what comes.
    Forward(Box<dyn HttpCacheExchange>),
    /// Nothing is stored, and the request is for nothing else.
    NotCached,
}

/// A request on its way, for the HTTP cache. Dropping it says that nothing came.
pub trait HttpCacheExchange: Send {
    /// The headers to add, by which a stored response is validated or completed.
    fn headers(&self) -> HeaderList;
    /// A response came.
    fn received(self: Box<Self>, response: HttpCacheResponse) -> BoxFuture<'static, HttpCacheReceived>;
    /// No response came. A stored one may stand in for it.
    fn failed(self: Box<Self>) -> BoxFuture<'static, Option<HttpCacheResponse>>;
}

/// What the HTTP cache makes of a response.
pub enum HttpCacheReceived {
    /// This is the response.
    Response {
        /// The response.
        response: HttpCacheResponse,
        /// Whether it was stored.
        cache_state: CacheState,
    },
    /// What came cannot be used with what is stored: the request is to be sent again, with this exchange's headers.
    SendAgain(Box<dyn HttpCacheExchange>),
}
