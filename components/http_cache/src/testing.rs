//! What the cache reads off headers, for fuzzers and tests: no cache, no clock.

use std::ops::Range;
use std::time::{Duration, SystemTime};

use crate::freshness::Freshness;
use crate::message::{Headers, RequestHead, ResponseHead};
use crate::no_vary_search::SearchVariance;
use crate::policy::{self, Wishes};
use crate::range::{self, Asked};
use crate::storable;
use crate::stored::{Key, Stored};
use crate::vary;

/// What is made of a request and a response to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// Whether the response may be stored.
    pub may_store: bool,
    /// How long it is fresh.
    pub lifetime: Duration,
    /// How old it is at the time of the second request.
    pub age: Duration,
    /// Whether it answers the second request without the server being asked first.
    pub answers: bool,
    /// Whether it stands in for a server that fails.
    pub stands_in: bool,
}

/// Stores the response in thought and asks for it again `later`, by an equal request.
pub fn judge(request: &RequestHead, response: &ResponseHead, now: SystemTime, later: Duration) -> Judgement {
    let selecting = vary::selecting(&request.headers, &response.headers);
    let stored = Stored::new(0, Key::of(request), selecting, response.clone(), now, now);
    let then = now.checked_add(later).unwrap_or(now);
    let wishes = Wishes::of(request);
    Judgement {
        may_store: storable::may_store(request, response),
        lifetime: Freshness::of(response, now, now).lifetime,
        age: stored.freshness.current_age(then),
        answers: vary::matches(&stored.selecting, &request.headers)
            && policy::judge(request, &wishes, &stored, then) != policy::Verdict::Validate,
        stands_in: policy::may_stand_in_for_an_error(&wishes, &stored, then),
    }
}

/// The bytes of a representation of `length` that a request's `Range` asks for.
pub fn range_within(value: &[u8], length: u64) -> Option<Range<u64>> {
    Asked::of(&one("Range", value)).and_then(|asked| asked.within(length))
}

/// What a response's `Content-Range` says: which bytes, and of how many.
pub fn content_range(value: &[u8]) -> Option<(Range<u64>, Option<u64>)> {
    range::content_range(&one("Content-Range", value))
}

/// Whether two queries, without their `?`, stand for the same, as a response's `No-Vary-Search` says; nothing if it says nothing.
pub fn same_query(response: &Headers, left: &str, right: &str) -> Option<bool> {
    SearchVariance::of(response).map(|variance| variance.equivalent(left, right))
}

/// The headers that are stored of a response.
pub fn stored_headers(response: &Headers) -> Headers {
    let mut headers = response.clone();
    storable::strip(&mut headers);
    headers
}

/// Stored headers once a 304 has brought new ones.
pub fn updated_headers(stored: &Headers, new: &Headers) -> Headers {
    let mut headers = stored.clone();
    storable::update(&mut headers, new);
    headers
}

/// Whether parts of the representation with these headers can be told to belong together, and are bytes of the representation itself.
pub fn has_parts(response: &Headers) -> bool {
    range::strong_etag(response).is_some() && range::is_plain(response)
}

fn one(name: &'static str, value: &[u8]) -> Headers {
    [(name, value.to_vec())].into_iter().collect()
}
