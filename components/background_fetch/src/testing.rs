//! What background fetches read off headers, for fuzzers and tests.

use std::time::{Duration, SystemTime};

use longhaul_fetch::HeaderList;

use crate::response_validation::{self as validation, Asked, Stored, Verdict};

/// What a record's attempt makes of a response's head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// It begins a new body; the first byte and the last, where it is a part.
    Begins(Option<(u64, u64)>),
    /// It goes on behind what is stored; the first byte and the last.
    Continues(u64, u64),
    /// Nothing was missing.
    AlreadyComplete,
    /// Its status is not ok.
    BadStatus,
    /// The record begins anew.
    StartsOver,
    /// The server wants us back later.
    RetryAfter(Duration),
    /// It is not what was asked for.
    Invalid,
}

/// Judges the answer to a request, which is for the rest where something is stored: the head it came with, the position of the first
/// stored byte, the number of stored bytes and the length of the whole.
pub fn judge(
    status: u16,
    headers: &HeaderList,
    request: &HeaderList,
    stored: Option<(&HeaderList, u64, u64, Option<u64>)>,
    now: SystemTime,
) -> Judgement {
    let asked = match stored {
        None => Asked::Beginning(validation::author_range(request)),
        Some((headers, first_byte, bytes, complete_length)) => {
            Asked::Rest(Stored { headers, first_byte, bytes, complete_length })
        }
    };
    match validation::judge(status, headers, &asked, now) {
        Verdict::Begin(part) => Judgement::Begins(part.map(|part| (part.first, part.last))),
        Verdict::Continue(part) => Judgement::Continues(part.first, part.last),
        Verdict::AlreadyComplete => Judgement::AlreadyComplete,
        Verdict::BadStatus => Judgement::BadStatus,
        Verdict::StartOver => Judgement::StartsOver,
        Verdict::RetryAfter(wait) => Judgement::RetryAfter(wait),
        Verdict::Invalid => Judgement::Invalid,
    }
}

/// The end of what a request wants of a resource that is so long, where that is known.
pub fn wanted_end(request: &HeaderList, complete_length: Option<u64>) -> Option<u64> {
    validation::wanted_end(validation::author_range(request), complete_length)
}

/// What a response's `Content-Range` says: the first byte, the last and the length of the whole.
pub fn content_range(value: &[u8]) -> Option<(u64, u64, Option<u64>)> {
    let headers: HeaderList = [("Content-Range", value)].into_iter().collect();
    validation::content_range(&headers).map(|range| (range.first, range.last, range.complete))
}

/// The validator by which the rest of a response is asked for.
pub fn strong_validator(headers: &HeaderList) -> Option<Vec<u8>> {
    validation::strong_validator(headers)
}
