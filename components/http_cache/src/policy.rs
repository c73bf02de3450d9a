//! Constructing Responses from Caches: which stored response may answer, and how. No I/O happens here: requests, stored
//! responses and the time go in, decisions come out.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::cache_control::{CacheControl, Seconds};
use crate::freshness::is_pragma_no_cache;
use crate::message::{CacheMode, Headers, RequestHead, ResponseHead};
use crate::range::{Asked, content_range, is_plain, strong_etag};
use crate::stored::Stored;
use crate::vary;

/// What may be done with a stored response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It answers.
    Use,
    /// It answers, and is to be validated meanwhile.
    UseAndRevalidate,
    /// It answers once the server says so.
    Validate,
}

/// What a request says about caching.
pub(crate) struct Wishes {
    control: CacheControl,
    pragma_no_cache: bool,
}

impl Wishes {
    pub(crate) fn of(request: &RequestHead) -> Wishes {
        Wishes {
            control: CacheControl::of(&request.headers),
            pragma_no_cache: is_pragma_no_cache(&request.headers),
        }
    }

    /// <https://www.rfc-editor.org/rfc/rfc9111#section-5.2.1.7>
    pub(crate) fn only_if_cached(&self) -> bool {
        self.control.has("only-if-cached")
    }

    fn seconds(&self, name: &str) -> Option<Duration> {
        match self.control.seconds(name)? {
            Seconds::Some(seconds) => Some(Duration::from_secs(seconds)),
            // A request that asks for nonsense gets nothing old.
            Seconds::Invalid | Seconds::None => Some(Duration::ZERO),
        }
    }

    /// <https://www.rfc-editor.org/rfc/rfc9111#section-5.2.1>
    fn accept(&self, stored: &Stored, now: SystemTime) -> bool {
        let freshness = &stored.freshness;
        let age = freshness.current_age(now);
        let fresh_enough = freshness.lifetime > age
            && self.seconds("min-fresh").is_none_or(|least| freshness.lifetime >= age + least);
        let may_be_stale = !freshness.must_revalidate
            && match self.control.seconds("max-stale") {
                None => false,
                Some(Seconds::None) => true,
                Some(Seconds::Some(most)) => freshness.staleness(now) <= Duration::from_secs(most),
                Some(Seconds::Invalid) => false,
            };
        let young_enough = self.seconds("max-age").is_none_or(|most| age <= most && !most.is_zero());
        young_enough && (fresh_enough || may_be_stale)
    }
}

/// <https://www.rfc-editor.org/rfc/rfc9111#section-4>, with the cache modes of the Fetch Standard.
pub(crate) fn judge(request: &RequestHead, wishes: &Wishes, stored: &Stored, now: SystemTime) -> Verdict {
    match request.mode {
        // NOTE: these two take what is there.
        CacheMode::ForceCache | CacheMode::OnlyIfCached => return Verdict::Use,
        CacheMode::NoCache => {
            let spared = request.is_reload && stored.freshness.immutable && stored.freshness.is_fresh(now);
            return if spared { Verdict::Use } else { Verdict::Validate };
        }
        CacheMode::NoStore | CacheMode::Reload => return Verdict::Validate,
        CacheMode::Default => {}
    }
    let asks_for_validation =
        wishes.control.has("no-cache") || (wishes.control.is_empty() && wishes.pragma_no_cache);
    if stored.freshness.no_cache || asks_for_validation {
        return Verdict::Validate;
    }
    if wishes.accept(stored, now) {
        return Verdict::Use;
    }
    // <https://fetch.spec.whatwg.org/#concept-stale-while-revalidate-response>
    let freshness = &stored.freshness;
    if !freshness.is_fresh(now)
        && !freshness.must_revalidate
        && freshness.staleness(now) < freshness.stale_while_revalidate
        && !wishes.control.has("max-age")
        && !wishes.control.has("min-fresh")
    {
        return Verdict::UseAndRevalidate;
    }
    Verdict::Validate
}

/// <https://www.rfc-editor.org/rfc/rfc5861#section-4>
pub(crate) fn may_stand_in_for_an_error(wishes: &Wishes, stored: &Stored, now: SystemTime) -> bool {
    let freshness = &stored.freshness;
    if freshness.no_cache || freshness.must_revalidate {
        return false;
    }
    let longest = wishes.seconds("stale-if-error").or(freshness.stale_if_error);
    longest.is_some_and(|longest| freshness.staleness(now) <= longest)
}

/// What a stored response gives for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coverage {
    /// All of it.
    Whole,
    /// A range of it, as a 206.
    Part { start: u64, end: u64, length: Option<u64> },
    /// Not what is asked for.
    Insufficient,
}

/// <https://www.rfc-editor.org/rfc/rfc9111#section-3.3>
pub(crate) fn coverage(request: &RequestHead, stored: &Stored) -> Coverage {
    if request.method == "HEAD" {
        return Coverage::Whole;
    }
    let complete = stored.is_complete();
    if !request.headers.contains("Range") || stored.head.status != 200 {
        return if complete { Coverage::Whole } else { Coverage::Insufficient };
    }
    // NOTE: parts of an encoded response cannot be decoded.
    let (Some(asked), true) = (Asked::of(&request.headers), is_plain(&stored.head.headers)) else {
        return Coverage::Insufficient;
    };
    let range = match (stored.length, asked) {
        (Some(length), asked) => asked.within(length),
        (None, Asked::From(first, Some(last))) => Some(first..last.saturating_add(1)),
        (None, _) => None,
    };
    match range {
        Some(range) if stored.holds(&range) => {
            Coverage::Part { start: range.start, end: range.end, length: stored.length }
        }
        _ => Coverage::Insufficient,
    }
}

/// The one of several that answers: the latest whose selecting headers match.
///
/// <https://www.rfc-editor.org/rfc/rfc9111#section-4.1>
pub(crate) fn select<'a, T>(
    request: &RequestHead,
    candidates: &'a [T],
    stored: impl Fn(&T) -> &Arc<Stored>,
) -> Option<&'a T> {
    candidates
        .iter()
        .filter(|candidate| vary::matches(&stored(candidate).selecting, &request.headers))
        // NOTE: of those of one date, what came last.
        .max_by_key(|candidate| (stored(candidate).date(), stored(candidate).id))
}

/// Whether the author asked under conditions of his own, which are not the cache's to judge.
pub(crate) fn has_conditions(headers: &Headers) -> bool {
    ["If-Modified-Since", "If-None-Match", "If-Unmodified-Since", "If-Match", "If-Range"]
        .iter()
        .any(|name| headers.contains(name))
}

/// <https://www.rfc-editor.org/rfc/rfc9111#section-4.3.1>
pub(crate) fn conditions(stored: &Stored) -> Headers {
    let mut conditions = Headers::new();
    if let Some(etag) = stored.head.headers.all("ETag").next() {
        conditions.append("If-None-Match", etag.clone());
    }
    if let Some(date) = stored.head.headers.all("Last-Modified").next() {
        conditions.append("If-Modified-Since", date.clone());
    }
    conditions
}

/// How the rest of an incomplete response is asked for: by the first byte that is missing.
pub(crate) fn resumption(request: &RequestHead, stored: &Stored) -> Option<(u64, Headers)> {
    if request.method != "GET" || request.headers.contains("Range") || stored.head.status != 200 {
        return None;
    }
    let prefix = stored.prefix();
    let etag = strong_etag(&stored.head.headers)?;
    if prefix == 0 || stored.is_complete() || !is_plain(&stored.head.headers) {
        return None;
    }
    let mut headers = Headers::new();
    headers.append("Range", format!("bytes={prefix}-"));
    headers.append("If-Range", etag.to_owned());
    Some((prefix, headers))
}

/// Whether a 304 is about this stored response.
///
/// <https://www.rfc-editor.org/rfc/rfc9111#section-4.3.4>
pub(crate) fn is_validated_by(stored: &Stored, response: &ResponseHead) -> bool {
    let weak = |etag: &str| etag.strip_prefix("W/").unwrap_or(etag).to_owned();
    let old = stored.head.headers.first("ETag");
    match (old, response.headers.first("ETag")) {
        (Some(old), Some(new)) => weak(old) == weak(new),
        (None, Some(_)) if strong_etag(&response.headers).is_some() => false,
        _ => true,
    }
}

/// Whether a 206 holds bytes of the representation of which others are stored.
///
/// <https://www.rfc-editor.org/rfc/rfc9111#section-3.4>
pub(crate) fn may_combine(stored: &Stored, response: &ResponseHead) -> bool {
    let same_validator =
        strong_etag(&stored.head.headers).is_some_and(|etag| strong_etag(&response.headers) == Some(etag));
    let Some((range, length)) = content_range(&response.headers) else { return false };
    let same_length = match (stored.length, length) {
        (Some(stored), Some(new)) => stored == new,
        (Some(stored), None) => range.end <= stored,
        (None, _) => true,
    };
    same_validator
        && same_length
        && stored.head.status == 200
        && is_plain(&stored.head.headers)
        && is_plain(&response.headers)
}

/// Whether the parts of two stored responses belong to the same representation.
///
/// <https://www.rfc-editor.org/rfc/rfc9111#section-3.4>
pub(crate) fn may_combine_parts(old: &Stored, new: &Stored) -> bool {
    let same_validator =
        strong_etag(&old.head.headers).is_some_and(|etag| strong_etag(&new.head.headers) == Some(etag));
    let same_length = match (old.length, new.length) {
        (Some(old), Some(new)) => old == new,
        _ => true,
    };
    same_validator
        && same_length
        && old.head.status == 200
        && is_plain(&old.head.headers)
        && is_plain(&new.head.headers)
}

/// What the answer to a HEAD says about a stored response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HeadAnswer {
    /// It is still right.
    Same,
    /// It is not.
    Changed,
}

/// <https://www.rfc-editor.org/rfc/rfc9111#section-4.3.5>
pub(crate) fn freshened_by_head(stored: &Stored, response: &ResponseHead) -> HeadAnswer {
    let same = |name: &str| {
        response.headers.first(name).is_none_or(|new| stored.head.headers.first(name) == Some(new))
    };
    let length = response.headers.first("Content-Length").and_then(|length| length.parse::<u64>().ok());
    let same_length = match (length, stored.length) {
        (Some(new), Some(old)) => new == old,
        _ => true,
    };
    if same("ETag") && same("Last-Modified") && same_length { HeadAnswer::Same } else { HeadAnswer::Changed }
}

/// The URLs whose responses an unsafe request makes invalid.
///
/// <https://www.rfc-editor.org/rfc/rfc9111#section-4.4>
pub(crate) fn invalidated(request: &RequestHead, response: &ResponseHead) -> Vec<url::Url> {
    let is_safe = matches!(request.method.as_str(), "GET" | "HEAD" | "OPTIONS" | "TRACE");
    if is_safe || !(200..400).contains(&response.status) {
        return Vec::new();
    }
    let named = ["Location", "Content-Location"].iter().filter_map(|name| {
        let url = request.url.join(response.headers.first(name)?).ok()?;
        (url.origin() == request.url.origin()).then_some(url)
    });
    std::iter::once(request.url.clone()).chain(named).collect()
}

/// <https://w3c.github.io/webappsec-clear-site-data/#header>
pub(crate) fn clears_cache(request: &RequestHead, response: &ResponseHead) -> bool {
    let is_trustworthy = request.url.scheme() == "https"
        || request.url.host_str().is_some_and(|host| {
            host == "localhost" || host.ends_with(".localhost") || host == "127.0.0.1" || host == "[::1]"
        });
    is_trustworthy
        && response.headers.list("Clear-Site-Data").any(|kind| kind == "\"cache\"" || kind == "\"*\"")
}
