//! Names that promise something about their cookie.

use crate::rejection::Rejection;
use crate::retrieval_context::CookieApi;
use crate::set_cookie_string::{PathAttribute, SetCookieString};
use crate::site::CookieKey;

const SECURE: &str = "__Secure-";
const HOST: &str = "__Host-";
const HTTP: &str = "__Http-";
const HOST_HTTP: &str = "__Host-Http-";

/// Whether a cookie is what its name promises.
///
/// <https://datatracker.ietf.org/doc/html/draft-ietf-httpbis-rfc6265bis#name-cookie-name-prefixes-2>
///
/// NOTE: `__Http-` and `__Host-Http-` come from the draft that follows, as browsers already have them:
/// <https://datatracker.ietf.org/doc/html/draft-ietf-httpbis-layered-cookies>
pub(crate) fn keeps_promise(
    cookie: &SetCookieString,
    key: &CookieKey,
    api: CookieApi,
) -> Result<(), Rejection> {
    let name = &cookie.name;
    if has_prefix(name, SECURE) && !cookie.secure {
        return Err(Rejection::SecurePrefix);
    }
    // `__Host-Http-` begins with `__Host-`, so it promises both.
    if has_prefix(name, HOST) {
        let explicit_root = cookie.path == PathAttribute::Path("/".to_owned())
            || (cookie.path == PathAttribute::Default && key.path == "/");
        if !cookie.secure || !key.host_only || !explicit_root {
            return Err(Rejection::HostPrefix);
        }
    }
    if (has_prefix(name, HTTP) || has_prefix(name, HOST_HTTP))
        && (!cookie.secure || !cookie.http_only || api == CookieApi::NonHttp)
    {
        return Err(Rejection::HttpPrefix);
    }
    Ok(())
}

/// Whether the value of a cookie without a name would be read as a name with a prefix.
pub(crate) fn pretends_to_a_prefix(value: &str) -> bool {
    [SECURE, HOST, HTTP, HOST_HTTP].iter().any(|prefix| has_prefix(value, prefix))
}

fn has_prefix(text: &str, prefix: &str) -> bool {
    text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}
