//! The HTTP cache: `fetch`'s trait on one side, `http_cache` on the other. Neither knows the other.

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt};
use longhaul_fetch::{
    BodyError, CacheMode, CacheState, HeaderList, HttpCacheExchange, HttpCacheLookup, HttpCacheReceived,
    HttpCacheRequest, HttpCacheResponse,
};
use longhaul_http_cache as cache;

/// [`longhaul_fetch::HttpCache`] by [`longhaul_http_cache::HttpCache`].
pub(crate) struct Cache(pub(crate) cache::HttpCache);

impl longhaul_fetch::HttpCache for Cache {
    fn lookup(&self, request: HttpCacheRequest) -> BoxFuture<'static, HttpCacheLookup> {
        let cache = self.0.clone();
        async move {
            match cache.lookup(request_head(request)).await {
                cache::Lookup::Stored(answer) => {
                    let revalidate = answer.revalidate;
                    HttpCacheLookup::Stored { response: response(answer), revalidate }
                }
                cache::Lookup::Forward(exchange) => HttpCacheLookup::Forward(Box::new(Exchange(exchange))),
                cache::Lookup::NotCached => HttpCacheLookup::NotCached,
            }
        }
        .boxed()
    }
}

struct Exchange(Box<cache::Exchange>);

impl HttpCacheExchange for Exchange {
    fn headers(&self) -> HeaderList {
        self.0.headers().into_iter().collect()
    }

    fn received(self: Box<Self>, response: HttpCacheResponse) -> BoxFuture<'static, HttpCacheReceived> {
        async move {
            let head = cache::ResponseHead {
                status: response.status,
                reason: response.status_message.into(),
                headers: headers(&response.header_list),
            };
            let body = response.body.unwrap_or_else(|| futures::stream::empty().boxed());
            let body = body.map(|chunk| chunk.map_err(cache::BodyError::network)).boxed();
            match self.0.received(head, body).await {
                cache::Received::Response { source, answer } => {
                    let cache_state = match source {
                        cache::Source::Network => CacheState::None,
                        cache::Source::Validated => CacheState::Validated,
                        cache::Source::Stored => CacheState::Local,
                    };
                    HttpCacheReceived::Response { response: self::response(answer), cache_state }
                }
                cache::Received::SendAgain(exchange) => {
                    HttpCacheReceived::SendAgain(Box::new(Exchange(exchange)))
                }
            }
        }
        .boxed()
    }

    fn failed(self: Box<Self>) -> BoxFuture<'static, Option<HttpCacheResponse>> {
        async move { self.0.failed().await.map(response) }.boxed()
    }
}

fn request_head(request: HttpCacheRequest) -> cache::RequestHead {
    cache::RequestHead {
        partition: request.partition.as_str().to_owned(),
        method: request.method,
        headers: headers(&request.header_list),
        mode: match request.cache_mode {
            CacheMode::Default => cache::CacheMode::Default,
            CacheMode::NoStore => cache::CacheMode::NoStore,
            CacheMode::Reload => cache::CacheMode::Reload,
            CacheMode::NoCache => cache::CacheMode::NoCache,
            CacheMode::ForceCache => cache::CacheMode::ForceCache,
            CacheMode::OnlyIfCached => cache::CacheMode::OnlyIfCached,
        },
        credentials: request.include_credentials,
        is_reload: request.reload_navigation,
        url: request.url,
    }
}

fn headers(list: &HeaderList) -> cache::Headers {
    list.iter().map(|(name, value)| (Bytes::copy_from_slice(name), Bytes::copy_from_slice(value))).collect()
}

fn response(answer: cache::Answer) -> HttpCacheResponse {
    HttpCacheResponse {
        status: answer.head.status,
        status_message: answer.head.reason.to_vec(),
        header_list: answer.head.headers.into_iter().collect(),
        body: answer.body.map(|body| body.map(|chunk| chunk.map_err(body_error)).boxed()),
    }
}

fn body_error(error: cache::BodyError) -> BodyError {
    if let cache::BodyError::Network(inner) = &error
        && let Some(inner) = inner.downcast_ref::<BodyError>()
    {
        return inner.clone();
    }
    BodyError::Source(error.to_string())
}
