//! HTTP-network-or-cache fetch: the headers that the user agent adds.

use super::http_cache_fetch::http_cache_fetch;
use super::http_network_fetch::IncludeCredentials;
use crate::NetworkError;
use crate::concepts::authentication_challenge::parse_challenges;
use crate::concepts::authentication_entry::{CredentialQuestion, Credentials, usable_challenge};
use crate::concepts::body::{Body, Content};
use crate::concepts::connection::NewConnection;
use crate::concepts::content_coding::{ACCEPTED_IN_THE_CLEAR, ACCEPTED_SECURELY};
use crate::concepts::content_security_policy::append_upgrade_insecure_requests_header;
use crate::concepts::cookies::append_a_request_cookie_header;
use crate::concepts::corp::embedder_policy_allows_credentials;
use crate::concepts::fetch_group::KEEPALIVE_QUOTA;
use crate::concepts::fetch_metadata::append_fetch_metadata_headers;
use crate::concepts::fetch_params::FetchParams;
use crate::concepts::internal_priority::append_priority_header;
use crate::concepts::origin::is_url_potentially_trustworthy;
use crate::concepts::origin_header::append_a_request_origin_header;
use crate::concepts::range::serialize_range;
use crate::concepts::request::{
    CacheMode, CredentialsMode, Initiator, Referrer, Request, ResponseTainting, TraversableForUserPrompts,
};
use crate::concepts::request_observer::FetchEvent;
use crate::concepts::response::Response;

/// How often one fetch asks for credentials, should each that it gets be refused.
const MOST_PROMPTS: u32 = 10;

/// The booleans with which the algorithm calls itself, and what belongs to them.
#[derive(Default)]
struct Attempt {
    is_authentication_fetch: bool,
    is_new_connection_fetch: bool,
    /// What the user gave or the URL holds.
    ///
    /// DEVIATION: the standard writes what the user gave into the request's URL, which scripts could read there.
    credentials: Option<Credentials>,
    /// What the credentials are for.
    realm: String,
    prompts: u32,
    proxy_prompts: u32,
}

/// What one run of the algorithm comes to.
#[allow(clippy::large_enum_variant, reason = "there is one at a time, and it is unpacked at once")]
enum Outcome {
    Done(Response),
    /// It calls itself.
    Again,
}

/// <https://fetch.spec.whatwg.org/#concept-http-network-or-cache-fetch>
pub(super) async fn http_network_or_cache_fetch(params: &mut FetchParams) -> Response {
    let mut attempt = Attempt::default();
    loop {
        match attempt_fetch(params, &mut attempt).await {
            Outcome::Done(response) => return response,
            // The body goes once more.
            Outcome::Again => {
                params.request.body = params.request.body.as_ref().and_then(Body::extract_again)
            }
        }
    }
}

async fn attempt_fetch(params: &mut FetchParams, attempt: &mut Attempt) -> Outcome {
    // 8.1.–8.2. A copy that headers are added to. OPTIMIZATION: the body is moved, never split: a redirect takes it once
    // more from its source, or fails.
    let mut http_request = params.request.clone_without_body();
    let content = params.request.body.as_mut().map(Body::take_content);
    let length = params.request.body.as_ref().and_then(Body::length);
    // 8.3.–8.4. Whether credentials go along.
    let include_credentials = include_credentials(&params.request);
    // 8.10. The quota of keepalive bodies.
    if let Err(reason) = check_keepalive_quota(params, content.as_ref(), length) {
        return Outcome::Done(Response::network_error(reason));
    }
    add_headers(&mut http_request, params, content.as_ref(), length, include_credentials);
    // 8.22. Authentication entries.
    if include_credentials == IncludeCredentials::Yes {
        add_authorization(&mut http_request, params, attempt);
    }
    // 8.24.–10.5. The HTTP cache, and the network.
    let has_range = http_request.header_list.contains("Range");
    let url_list = http_request.url_list.clone();
    params.new_connection =
        if attempt.is_new_connection_fetch { NewConnection::Yes } else { NewConnection::No };
    // NOTE: boxed, because redirects nest what waits for it, and their stack is not to grow with it.
    let mut response =
        Box::pin(http_cache_fetch(params, http_request, content, length, include_credentials)).await;
    if response.is_network_error() {
        return Outcome::Done(response);
    }
    // 11.–13.
    response.url_list = url_list;
    response.range_requested = has_range;
    response.request_includes_credentials = include_credentials == IncludeCredentials::Yes;
    // 14.–16. What has to be sent again.
    let again = match response.status {
        401 => ask_for_credentials(params, attempt, &response, include_credentials).await,
        407 => ask_for_proxy_credentials(params, attempt, &response).await,
        421 => Ok(may_use_a_new_connection(params, attempt)),
        _ => Ok(false),
    };
    match again {
        Err(reason) => return Outcome::Done(Response::network_error(reason)),
        // NOTE: the response that is not wanted is dropped, which frees its connection.
        Ok(true) => return Outcome::Again,
        Ok(false) => {}
    }
    // 17. Credentials that were accepted are kept.
    if attempt.is_authentication_fetch
        && response.status != 401
        && let Some(credentials) = attempt.credentials.take()
    {
        let entries = params.services.authentication_entries();
        entries.create(&params.request, &attempt.realm, credentials);
    }
    // 18.
    Outcome::Done(response)
}

/// Step 8.10.
fn check_keepalive_quota(
    params: &FetchParams,
    content: Option<&Content>,
    length: Option<u64>,
) -> Result<(), NetworkError> {
    let request = &params.request;
    // DEVIATION: what was put off has passed a quota of its own, which is larger.
    if content.is_none() || !request.keepalive || request.deferred {
        return Ok(());
    }
    // NOTE: a keepalive body whose length nobody knows cannot be held to anything.
    let length = length.ok_or(NetworkError::KeepaliveQuota)?;
    let inflight = params.record.as_ref().map_or(0, |record| record.inflight_keepalive_bytes());
    match length.saturating_add(inflight) > KEEPALIVE_QUOTA {
        true => Err(NetworkError::KeepaliveQuota),
        false => Ok(()),
    }
}

/// Step 8.22.2.
fn add_authorization(http_request: &mut Request, params: &FetchParams, attempt: &Attempt) {
    if http_request.header_list.contains("Authorization") {
        return;
    }
    let url_credentials = Credentials::of_url(http_request.current_url());
    let value = if let Some(credentials) = &attempt.credentials {
        // What this fetch is about to try comes before what was kept.
        Some(credentials.to_basic())
    } else if !http_request.use_url_credentials || url_credentials.is_none() {
        params.services.authentication_entries().for_request(http_request)
    } else {
        None
    };
    if let Some(value) = value {
        http_request.header_list.append("Authorization", value);
    }
}

/// Step 14: whether there are credentials to try.
async fn ask_for_credentials(
    params: &mut FetchParams,
    attempt: &mut Attempt,
    response: &Response,
    include_credentials: IncludeCredentials,
) -> Result<bool, NetworkError> {
    let request = &params.request;
    if request.response_tainting == ResponseTainting::Cors || include_credentials == IncludeCredentials::No {
        return Ok(false);
    }
    // What the author or an embedder put there is not ours to replace.
    if request.header_list.contains("Authorization") {
        return Ok(false);
    }
    // 14.1. Several challenges may come; the first that can be met is. NOTE: without one nothing is asked.
    let challenges = parse_challenges(&response.header_list, "WWW-Authenticate");
    let Some(challenge) = usable_challenge(&challenges) else { return Ok(false) };
    let realm = challenge.realm().to_owned();
    // What was kept for the place is not accepted any more.
    params.services.authentication_entries().forget(request, &realm);
    // 14.3. Those of the URL come first; NOTE: they need no window to be asked for.
    let url_credentials = Credentials::of_url(request.current_url())
        .filter(|_| request.use_url_credentials && !attempt.is_authentication_fetch);
    let has_prompt = request.traversable_for_user_prompts == TraversableForUserPrompts::Traversable;
    // 14.2. The body would have to go once more. DEVIATION: that fails in workers too, where nobody would be asked: as the public
    // tests assert and browsers do.
    if request.body.as_ref().is_some_and(|body| body.source().is_none()) {
        return Err(NetworkError::AuthenticationBodyNotReplayable);
    }
    if url_credentials.is_none() && (!has_prompt || attempt.prompts >= MOST_PROMPTS) {
        return Ok(false);
    }
    params.observe(FetchEvent::Authentication { is_proxy: false, realm: &realm });
    let credentials = match url_credentials {
        Some(credentials) => Some(credentials),
        None => {
            let question = question(params, realm.clone(), attempt.prompts, false);
            attempt.prompts += 1;
            params.services.credential_prompt().prompt(question).await
        }
    };
    // NOTE: a user who gives none wants to see what the server says without.
    let Some(credentials) = credentials else { return Ok(false) };
    attempt.is_authentication_fetch = true;
    attempt.credentials = Some(credentials);
    attempt.realm = realm;
    // 14.4.
    Ok(true)
}

/// Step 15: whether there are credentials for the proxy. Its own response is never given out.
async fn ask_for_proxy_credentials(
    params: &mut FetchParams,
    attempt: &mut Attempt,
    response: &Response,
) -> Result<bool, NetworkError> {
    let refused = NetworkError::ProxyAuthenticationRequired;
    let request = &params.request;
    // 15.1.
    if request.traversable_for_user_prompts != TraversableForUserPrompts::Traversable
        || attempt.proxy_prompts >= MOST_PROMPTS
        || request.body.as_ref().is_some_and(|body| body.source().is_none())
    {
        return Err(refused);
    }
    // 15.2.
    let challenges = parse_challenges(&response.header_list, "Proxy-Authenticate");
    let Some(challenge) = usable_challenge(&challenges) else { return Err(refused) };
    let realm = challenge.realm().to_owned();
    // 15.4.
    params.observe(FetchEvent::Authentication { is_proxy: true, realm: &realm });
    let question = question(params, realm.clone(), attempt.proxy_prompts, true);
    attempt.proxy_prompts += 1;
    let answer = params.services.credential_prompt().prompt(question).await;
    let credentials = answer.ok_or(refused)?;
    params.services.authentication_entries().create_for_proxy(&params.request, &realm, credentials);
    // 15.5.
    Ok(true)
}

fn question(params: &FetchParams, realm: String, attempts: u32, is_proxy: bool) -> CredentialQuestion {
    let client_id = params.request.client.as_ref().map(|client| client.id.clone());
    CredentialQuestion::new(params.request.current_url(), realm, is_proxy, attempts, client_id)
}

/// Step 16: whether a new connection may lead to the right server.
fn may_use_a_new_connection(params: &FetchParams, attempt: &mut Attempt) -> bool {
    let body = params.request.body.as_ref();
    let again = !attempt.is_new_connection_fetch && body.is_none_or(|body| body.source().is_some());
    if again {
        attempt.is_new_connection_fetch = true;
        params.observe(FetchEvent::Misdirected);
    }
    again
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
    append_upgrade_insecure_requests_header(request);
    append_priority_header(request);
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
