//! HTTP-network-or-cache fetch: the headers that the user agent adds.

use super::http_cache_fetch::http_cache_fetch;
use super::http_network_fetch::IncludeCredentials;
use crate::NetworkError;
use crate::concepts::body::{Body, Content};
use crate::concepts::content_coding::{ACCEPTED_IN_THE_CLEAR, ACCEPTED_SECURELY};
use crate::concepts::cookies::append_a_request_cookie_header;
use crate::concepts::corp::embedder_policy_allows_credentials;
use crate::concepts::fetch_metadata::append_fetch_metadata_headers;
use crate::concepts::fetch_params::FetchParams;
use crate::concepts::origin::is_url_potentially_trustworthy;
use crate::concepts::origin_header::append_a_request_origin_header;
use crate::concepts::range::serialize_range;
use crate::concepts::request::{CacheMode, CredentialsMode, Initiator, Referrer, Request, ResponseTainting};
use crate::concepts::response::Response;

/// <https://fetch.spec.whatwg.org/#concept-http-network-or-cache-fetch>
pub(super) async fn http_network_or_cache_fetch(params: &mut FetchParams) -> Response {
    // 8.1.–8.2. A copy that headers are added to. OPTIMIZATION: the body is moved, never split: a redirect takes it once
    // more from its source, or fails.
    let mut http_request = params.request.clone_without_body();
    let content = params.request.body.as_mut().map(Body::take_content);
    let length = params.request.body.as_ref().and_then(Body::length);
    // 8.3.–8.4. Whether credentials go along.
    let include_credentials = include_credentials(&params.request);
    add_headers(&mut http_request, params, content.as_ref(), length, include_credentials);
    // FIXME: 8.22. Authentication entries; 8.23. proxy-authentication entries.
    // 8.24.–10.5. The HTTP cache, and the network.
    let has_range = http_request.header_list.contains("Range");
    let url_list = http_request.url_list.clone();
    // NOTE: boxed, because redirects nest what waits for it, and their stack is not to grow with it.
    let mut response =
        Box::pin(http_cache_fetch(params, http_request, content, length, include_credentials)).await;
    if response.is_network_error() {
        return response;
    }
    // 11.–13.
    response.url_list = url_list;
    response.range_requested = has_range;
    response.request_includes_credentials = include_credentials == IncludeCredentials::Yes;
    // FIXME: 14. Prompts for 401, which no window can show yet.
    // 15. A proxy asks for credentials. FIXME: 15.2.–15.4. Asking the user, for whom no window can show a prompt yet.
    if response.status == 407 {
        return Response::network_error(NetworkError::ProxyAuthenticationRequired);
    }
    // FIXME: 16. A new connection for 421.
    // 18.
    response
}

fn include_credentials(request: &Request) -> IncludeCredentials {
    let by_mode = match request.credentials_mode {
        CredentialsMode::Include => true,
        CredentialsMode::SameOrigin => request.response_tainting == ResponseTainting::Basic,
        CredentialsMode::Omit => false,
    };
    if by_mode && embedder_policy_allows_credentials(request) {
        IncludeCredentials::Yes
    } else {
        IncludeCredentials::No
    }
}

/// Steps 8.5 to 8.22.
fn add_headers(
    request: &mut Request,
    params: &FetchParams,
    content: Option<&Content>,
    length: Option<u64>,
    include_credentials: IncludeCredentials,
) {
    // 8.5.–8.8. `Content-Length`.
    let content_length = match content {
        None if matches!(request.method.as_str(), "POST" | "PUT") => Some(0),
        None => None,
        Some(_) => length,
    };
    if let Some(content_length) = content_length {
        request.header_list.append("Content-Length", content_length.to_string());
    }
    // FIXME: 8.10. The quota of keepalive bodies, which needs fetch groups.
    // 8.11. `Referer`.
    if let Referrer::Url(url) = &request.referrer {
        request.header_list.append("Referer", url.as_str());
    }
    // 8.12.–8.13. `Origin` and `Sec-Fetch-*`.
    append_a_request_origin_header(request);
    append_fetch_metadata_headers(request);
    // 8.14. `Sec-Purpose`.
    if request.initiator == Initiator::Prefetch {
        request.header_list.set("Sec-Purpose", "prefetch");
    }
    // 8.15. `User-Agent`.
    if !request.header_list.contains("User-Agent") && !params.services.user_agent().is_empty() {
        request.header_list.append("User-Agent", params.services.user_agent());
    }
    // 8.16. Conditions of the author's bypass the cache.
    const CONDITIONS: [&str; 5] =
        ["If-Modified-Since", "If-None-Match", "If-Unmodified-Since", "If-Match", "If-Range"];
    if request.cache_mode == CacheMode::Default
        && CONDITIONS.iter().any(|name| request.header_list.contains(name))
    {
        request.cache_mode = CacheMode::NoStore;
    }
    // 8.17.–8.18. What caches on the way are told.
    if request.cache_mode == CacheMode::NoCache
        && !request.prevent_no_cache_cache_control_header_modification
        && !request.header_list.contains("Cache-Control")
    {
        request.header_list.append("Cache-Control", "max-age=0");
    }
    if matches!(request.cache_mode, CacheMode::NoStore | CacheMode::Reload) {
        if !request.header_list.contains("Pragma") {
            request.header_list.append("Pragma", "no-cache");
        }
        if !request.header_list.contains("Cache-Control") {
            request.header_list.append("Cache-Control", "no-cache");
        }
    }
    // DEVIATION: a resumed background fetch asks for the rest. It comes behind the steps above, which would otherwise tell
    // caches on the way to fetch everything anew.
    if let Some(resumption) = request.resumption.clone() {
        request.header_list.set("Range", serialize_range(resumption.first_byte, resumption.last_byte));
        request.header_list.set("If-Range", resumption.if_range);
    }
    // 8.19. Parts of an encoded response cannot be decoded.
    if request.header_list.contains("Range") || request.identity_encoding {
        request.header_list.set("Accept-Encoding", "identity");
    }
    // 8.20. What HTTP asks for. NOTE: `Host` and `Connection` are the network's.
    if !request.header_list.contains("Accept-Encoding") {
        let accepted = if is_url_potentially_trustworthy(request.current_url()) {
            ACCEPTED_SECURELY
        } else {
            ACCEPTED_IN_THE_CLEAR
        };
        request.header_list.append("Accept-Encoding", accepted);
    }
    // 8.21. Cookies.
    if include_credentials == IncludeCredentials::Yes {
        append_a_request_cookie_header(request, &params.services);
    }
}
