//! Storing Responses in Caches.

use crate::cache_control::CacheControl;
use crate::freshness::is_heuristically_cacheable;
use crate::message::{Headers, RequestHead, ResponseHead};

/// What the cache knows the meaning of: what the freshness of these statuses depends on, it handles.
fn is_understood(status: u16) -> bool {
    is_heuristically_cacheable(status) || matches!(status, 302 | 303 | 307)
}

/// Whether a response may be stored.
///
/// <https://www.rfc-editor.org/rfc/rfc9111#section-3>
pub(crate) fn may_store(request: &RequestHead, response: &ResponseHead) -> bool {
    let control = CacheControl::of(&response.headers);
    let must_understand = control.has("must-understand");
    // The method. NOTE: what answers a HEAD changes entries, and is none; POST is stored by nobody.
    request.method == "GET"
        // The status is final, and understood where that matters. A 304 is no response of its own.
        && (200..=599).contains(&response.status)
        && response.status != 304
        && (!must_understand || is_understood(response.status))
        // Nobody forbids it. NOTE: to who understands the status, `must-understand` overrides `no-store`.
        && (!control.has("no-store") || must_understand)
        && !CacheControl::of(&request.headers).has("no-store")
        // It says that it may be, or needs not say so. NOTE: `private` is the permission of a cache such as this one.
        && (control.has("public")
            || control.has("private")
            || control.has("max-age")
            || response.headers.contains("Expires")
            || is_heuristically_cacheable(response.status))
        // It would never match again.
        && response.headers.list("Vary").all(|name| name != "*")
}

/// Removes the headers that are not stored.
///
/// <https://www.rfc-editor.org/rfc/rfc9111#section-3.1>
pub(crate) fn strip(headers: &mut Headers) {
    let named: Vec<String> = headers.list("Connection").map(str::to_owned).collect();
    headers.retain(|name| {
        !is_connection_specific(name)
            && !named.iter().any(|named| named.as_bytes().eq_ignore_ascii_case(name))
    });
}

fn is_connection_specific(name: &[u8]) -> bool {
    [
        "Connection",
        "Keep-Alive",
        "Proxy-Authenticate",
        "Proxy-Authentication-Info",
        "Proxy-Authorization",
        "Proxy-Connection",
        "TE",
        "Trailer",
        "Transfer-Encoding",
        "Upgrade",
    ]
    .iter()
    .any(|known| known.as_bytes().eq_ignore_ascii_case(name))
}

/// Updates stored headers with those of a 304, or of the answer to a HEAD.
///
/// <https://www.rfc-editor.org/rfc/rfc9111#section-3.2>
pub(crate) fn update(stored: &mut Headers, new: &Headers) {
    let mut new = new.clone();
    strip(&mut new);
    // NOTE: what describes the bytes that are stored stays with them.
    new.retain(|name| {
        !["Content-Encoding", "Content-Length", "Content-Range"]
            .iter()
            .any(|fixed| fixed.as_bytes().eq_ignore_ascii_case(name))
    });
    let mut names: Vec<String> = Vec::new();
    for (name, _) in new.iter() {
        names.push(String::from_utf8_lossy(name).into_owned());
    }
    for name in &names {
        stored.remove(name);
    }
    for (name, value) in new {
        stored.append(name, value);
    }
}
