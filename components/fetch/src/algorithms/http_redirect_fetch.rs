//! HTTP-redirect fetch.

use std::time::Duration;

use crate::NetworkError;
use crate::concepts::fetch_params::FetchParams;
use crate::concepts::header_name::REQUEST_BODY_HEADER_NAMES;
use crate::concepts::header_name::is_cors_non_wildcard_request_header_name;
use crate::concepts::method::Method;
use crate::concepts::origin::same_origin;
use crate::concepts::referrer_policy::set_referrer_policy_on_redirect;
use crate::concepts::request::{Mode, Request, ResponseTainting};
use crate::concepts::request_observer::FetchEvent;
use crate::concepts::response::Response;

const REDIRECT_LIMIT: u16 = 20;

/// Whether a redirect leads anywhere.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Redirected {
    Yes,
    No,
}

/// Turns the request into the one that the redirect asks for. Main fetch begins once more with it then.
///
/// DEVIATION: the standard calls main fetch here; it loops in place of that, lest the stack grows with each redirect.
///
/// <https://fetch.spec.whatwg.org/#concept-http-redirect-fetch>
pub(super) fn http_redirect_fetch(
    params: &mut FetchParams,
    response: &Response,
) -> Result<Redirected, NetworkError> {
    // 2. What is behind the filter.
    let internal = response.unfiltered();
    // 4. It may lead nowhere, and is the response itself then.
    if redirect(&mut params.request, internal)? == Redirected::No {
        return Ok(Redirected::No);
    }
    // 15.–17. When it happened.
    let now = params.now();
    params.timing.redirect_end_time = now;
    params.timing.post_redirect_start_time = now;
    if params.timing.redirect_start_time == Duration::ZERO {
        params.timing.redirect_start_time = params.timing.start_time;
    }
    if let [.., from, to] = params.request.url_list.as_slice() {
        params.observe(FetchEvent::Redirected { from, to, status: internal.status });
    }
    // 20.–22. Once more from the top, to taint the response as it has to be.
    Ok(Redirected::Yes)
}

/// Steps 3 to 19: makes the request the one that the redirect asks for.
fn redirect(request: &mut Request, internal: &Response) -> Result<Redirected, NetworkError> {
    // 3.–5. Where to.
    let Some(location) = internal.location_url(request.current_url().fragment())? else {
        return Ok(Redirected::No);
    };
    // 6. HTTP leads to HTTP alone.
    if !matches!(location.scheme(), "http" | "https") {
        return Err(NetworkError::RedirectScheme(location.scheme().to_owned()));
    }
    // 7.–8. Not for ever.
    if request.redirect_count >= REDIRECT_LIMIT {
        return Err(NetworkError::RedirectLimit);
    }
    request.redirect_count += 1;
    // 9.–10. User names and passwords do not cross origins.
    let includes_credentials = !location.username().is_empty() || location.password().is_some();
    let is_cross_origin = !same_origin(&request.resolved_origin(), &location.origin());
    if includes_credentials
        && ((request.mode == Mode::Cors && is_cross_origin)
            || request.response_tainting == ResponseTainting::Cors)
    {
        return Err(NetworkError::CorsRedirectWithCredentials);
    }
    // 11. A body that was sent has to be there once more; only 303 always turns it away.
    let status = internal.status;
    if status != 303 && request.body.as_ref().is_some_and(|body| body.source().is_none()) {
        return Err(NetworkError::RedirectBodyNotReplayable);
    }
    // 12. Some redirects turn into a GET.
    let becomes_get = match status {
        301 | 302 => request.method == "POST",
        303 => !matches!(request.method.as_str(), "GET" | "HEAD"),
        _ => false,
    };
    if becomes_get {
        request.method = Method::GET;
        request.body = None;
        for name in REQUEST_BODY_HEADER_NAMES {
            request.header_list.delete(name);
        }
    }
    // 13. Credentials of the author's do not leave their origin.
    if !same_origin(&request.current_url().origin(), &location.origin()) {
        request.header_list.retain(|name, _| !is_cors_non_wildcard_request_header_name(name));
    }
    // 14. The body from its beginning.
    if let Some(body) = &request.body {
        request.body = Some(body.extract_again().ok_or(NetworkError::RedirectBodyNotReplayable)?);
    }
    // 18. The new URL.
    request.url_list.push(location);
    // 19. The server may have a say about referrers.
    set_referrer_policy_on_redirect(request, internal);
    Ok(Redirected::Yes)
}
