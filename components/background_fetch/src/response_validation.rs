//! Whether a response belongs to what is stored already.
//!
//! <https://wicg.github.io/background-fetch/#validate-partial-response-algorithm>

use std::time::{Duration, SystemTime};

use longhaul_fetch::HeaderList;

/// How much older than the response's `Date` a `Last-Modified` has to be before it counts as strong: clocks of servers
/// differ, and a file may change twice in one second.
const LAST_MODIFIED_MARGIN: Duration = Duration::from_secs(60);

/// The pause for a `Retry-After` that says "now".
const SHORTEST_RETRY_AFTER: Duration = Duration::from_secs(1);

/// The `Content-Range` of a partial response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ContentRange {
    pub(crate) first: u64,
    pub(crate) last: u64,
    /// The length of the whole resource, unless it is `*`.
    pub(crate) complete: Option<u64>,
}

impl ContentRange {
    /// How many bytes it has room for.
    pub(crate) fn length(&self) -> u64 {
        // A sound one is neither empty nor the whole of all numbers.
        (self.last - self.first).saturating_add(1)
    }
}

/// The range that the page's own request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AuthorRange {
    /// The request has no `Range`.
    None,
    /// From a position on, possibly up to another.
    From { first: u64, last: Option<u64> },
    /// The last so many bytes, several ranges, or nothing that we can read.
    Other,
}

/// What is stored of a record, as far as the next response has to fit it.
#[derive(Clone, Debug)]
pub(crate) struct Stored<'a> {
    /// The headers of the response whose body is stored, unfiltered.
    pub(crate) headers: &'a HeaderList,
    /// The position in the resource of the first stored byte.
    pub(crate) first_byte: u64,
    pub(crate) bytes: u64,
    pub(crate) complete_length: Option<u64>,
}

impl Stored<'_> {
    /// The position in the resource behind the last stored byte.
    fn end(&self) -> u64 {
        self.first_byte.saturating_add(self.bytes)
    }
}

/// What an attempt asked for.
#[derive(Clone, Debug)]
pub(crate) enum Asked<'a> {
    /// The record from its beginning.
    Beginning(AuthorRange),
    /// What follows the stored bytes.
    Rest(Stored<'a>),
}

/// What is to be done with a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It begins a new body: this part of the resource, or else the whole of what was asked for.
    Begin(Option<ContentRange>),
    /// It goes on where the stored body ends.
    Continue(ContentRange),
    /// Nothing was missing.
    AlreadyComplete,
    /// Its status is not ok.
    BadStatus,
    /// It is of no use, and neither is what is stored: start over.
    StartOver,
    /// The server wants us to come back later.
    RetryAfter(Duration),
    /// It is not what was asked for.
    Invalid,
}

/// <https://wicg.github.io/background-fetch/#complete-a-record-algorithm>, *process response*, as far as it looks at
/// status and headers.
pub(crate) fn judge(status: u16, headers: &HeaderList, asked: &Asked<'_>, now: SystemTime) -> Verdict {
    match (status, asked) {
        (206, Asked::Beginning(author)) => match (content_range(headers), author) {
            // 4.1. A part, and it says which.
            (Some(range), AuthorRange::None) if range.first == 0 => begin(range),
            (Some(range), AuthorRange::From { first, .. }) if range.first == *first => begin(range),
            (Some(range), AuthorRange::Other) => begin(range),
            // DEVIATION: several ranges come as `multipart/byteranges`, which has no `Content-Range`; the author asked.
            (None, AuthorRange::Other) if !headers.contains("Content-Range") => Verdict::Begin(None),
            _ => Verdict::Invalid,
        },
        (206, Asked::Rest(stored)) => continued(headers, stored),
        // 416 says how long the resource is: if that is what we have, nothing is missing.
        (416, Asked::Rest(stored)) => match unsatisfied_length(headers) {
            Some(length) if length == stored.end() => Verdict::AlreadyComplete,
            _ => Verdict::StartOver,
        },
        (429 | 503, _) => match retry_after(headers, now) {
            Some(wait) => Verdict::RetryAfter(wait),
            None => Verdict::BadStatus,
        },
        (200..=299, _) => Verdict::Begin(None),
        _ => Verdict::BadStatus,
    }
}

fn begin(range: ContentRange) -> Verdict {
    Verdict::Begin(Some(range))
}

/// <https://wicg.github.io/background-fetch/#validate-partial-response-algorithm>
fn continued(headers: &HeaderList, stored: &Stored<'_>) -> Verdict {
    // 4.1. Another version of the resource.
    // DEVIATION: the draft gives up; here the record starts over.
    let changed = |name| stored.headers.contains(name) && stored.headers.get(name) != headers.get(name);
    if changed("ETag") || changed("Last-Modified") || has_content_coding(headers) {
        return Verdict::StartOver;
    }
    // 2. Which part it is.
    let Some(range) = content_range(headers) else { return Verdict::Invalid };
    // 3. It has to begin where the stored bytes end.
    if range.first != stored.end() {
        return Verdict::Invalid;
    }
    // 4.2. Both speak of a resource of the same length.
    match (stored.complete_length, range.complete) {
        (Some(before), Some(now)) if before != now => Verdict::Invalid,
        // `*` contradicts nothing.
        _ => Verdict::Continue(range),
    }
}

/// <https://wicg.github.io/background-fetch/#extract-content-range-values-algorithm>
///
/// DEVIATION: the draft's grammar begins with `bytes=`, which no server sends. RFC 9110's is `bytes `. Several headers
/// that differ are a failure, the draft takes the first.
pub(crate) fn content_range(headers: &HeaderList) -> Option<ContentRange> {
    let value = single(headers, "Content-Range")?;
    let (range, complete) = after_unit(&value)?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let range = ContentRange {
        first: digits(first)?,
        last: digits(last)?,
        complete: if complete == "*" { None } else { Some(digits(complete)?) },
    };
    let sound = range.first <= range.last
        && range.last < u64::MAX
        && range.complete.is_none_or(|complete| range.last < complete);
    sound.then_some(range)
}

/// The length in `Content-Range: bytes */N`.
fn unsatisfied_length(headers: &HeaderList) -> Option<u64> {
    digits(after_unit(&single(headers, "Content-Range")?)?.strip_prefix("*/")?)
}

fn single(headers: &HeaderList, name: &'static str) -> Option<String> {
    let mut values = headers.values(name);
    let first = values.next()?;
    if values.any(|other| other != first) {
        return None;
    }
    Some(std::str::from_utf8(first).ok()?.trim_matches([' ', '\t']).to_owned())
}

fn after_unit(value: &str) -> Option<&str> {
    let (unit, rest) = value.split_once(' ')?;
    unit.eq_ignore_ascii_case("bytes").then(|| rest.trim_start_matches([' ', '\t']))
}

fn digits(text: &str) -> Option<u64> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

/// Reads a request's own `Range`.
pub(crate) fn author_range(headers: &HeaderList) -> AuthorRange {
    if !headers.contains("Range") {
        return AuthorRange::None;
    }
    let range = || {
        let value = single(headers, "Range")?;
        let (unit, range) = value.split_once('=')?;
        if !unit.trim().eq_ignore_ascii_case("bytes") {
            return None;
        }
        let (first, last) = range.trim().split_once('-')?;
        let first = digits(first)?;
        let last = if last.is_empty() { None } else { Some(digits(last)?) };
        last.is_none_or(|last| first <= last && last < u64::MAX).then_some(AuthorRange::From { first, last })
    };
    range().unwrap_or(AuthorRange::Other)
}

/// The end (one past the last byte) of what a record wants, as far as that is known.
pub(crate) fn wanted_end(author: AuthorRange, complete: Option<u64>) -> Option<u64> {
    match (author, complete) {
        (AuthorRange::From { last: Some(last), .. }, Some(complete)) => Some(complete.min(last + 1)),
        (AuthorRange::From { last: Some(last), .. }, None) => Some(last + 1),
        (_, complete) => complete,
    }
}

/// What a later request can name the stored bytes' version by: a strong `ETag`, or else a `Last-Modified` that is
/// strong. `None` too where the stored bytes are not the ones that were sent.
///
/// <https://www.rfc-editor.org/rfc/rfc9110#section-13.1.5>
pub(crate) fn strong_validator(headers: &HeaderList) -> Option<Vec<u8>> {
    if has_content_coding(headers) {
        return None;
    }
    if headers.contains("ETag") {
        let etag = single(headers, "ETag")?;
        let opaque = etag.strip_prefix('"')?.strip_suffix('"')?;
        return (!opaque.contains('"')).then(|| etag.into_bytes());
    }
    // RFC 9110, 8.8.2.2: strong if the response is clearly younger than the change.
    let text = single(headers, "Last-Modified")?;
    let modified = httpdate::parse_http_date(&text).ok()?;
    let date = httpdate::parse_http_date(&single(headers, "Date")?).ok()?;
    (date.duration_since(modified).ok()? >= LAST_MODIFIED_MARGIN).then(|| text.into_bytes())
}

/// Whether the body went through a content coding, so that its stored bytes are not at the resource's positions.
pub(crate) fn has_content_coding(headers: &HeaderList) -> bool {
    headers.values("Content-Encoding").any(|value| {
        let value = String::from_utf8_lossy(value);
        value.split(',').any(|coding| !matches!(coding.trim().to_ascii_lowercase().as_str(), "" | "identity"))
    })
}

/// <https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3>
fn retry_after(headers: &HeaderList, now: SystemTime) -> Option<Duration> {
    let value = single(headers, "Retry-After")?;
    let wait = match digits(&value) {
        Some(seconds) => Duration::from_secs(seconds),
        None if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) => Duration::MAX,
        None => httpdate::parse_http_date(&value).ok()?.duration_since(now).unwrap_or_default(),
    };
    Some(wait.max(SHORTEST_RETRY_AFTER))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(list: &[(&str, &str)]) -> HeaderList {
        let mut headers = HeaderList::new();
        for (name, value) in list {
            headers.append(name, value);
        }
        headers
    }

    fn verdict(status: u16, response: &[(&str, &str)], asked: &Asked<'_>) -> Verdict {
        judge(status, &headers(response), asked, SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000))
    }

    #[test]
    fn content_range_is_rfc_9110s() {
        let parse = |value| content_range(&headers(&[("content-range", value)]));
        let range = |first, last, complete| Some(ContentRange { first, last, complete });
        assert_eq!(parse("bytes 0-9/10"), range(0, 9, Some(10)));
        assert_eq!(parse("BYTES 5-9/*"), range(5, 9, None));
        for bad in [
            "bytes=0-9/10",
            "bytes 9-5/10",
            "bytes 0-10/10",
            "bytes */10",
            "bytes 0-9",
            "bytes -9/10",
            "bytes 0-+9/10",
            "lines 0-9/10",
            "bytes 0-18446744073709551615/*",
            "bytes 0-99999999999999999999/*",
            "",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
        let twice = headers(&[("Content-Range", "bytes 0-9/10"), ("Content-Range", "bytes 1-9/10")]);
        assert_eq!(content_range(&twice), None);
    }

    #[test]
    fn only_strong_validators_count() {
        let strong =
            |list: &[(&str, &str)]| strong_validator(&headers(list)).map(|v| String::from_utf8(v).unwrap());
        assert_eq!(strong(&[("ETag", "\"a\"")]).as_deref(), Some("\"a\""));
        assert_eq!(strong(&[("ETag", "W/\"a\"")]), None);
        assert_eq!(strong(&[("ETag", "a")]), None);
        assert_eq!(strong(&[("ETag", "\"a\", \"b\"")]), None);
        assert_eq!(strong(&[("ETag", "\"a\""), ("Content-Encoding", "gzip")]), None);
        assert_eq!(strong(&[("ETag", "\"a\""), ("Content-Encoding", "identity")]).as_deref(), Some("\"a\""));
        let modified = ("Last-Modified", "Wed, 21 Oct 2015 07:28:00 GMT");
        assert_eq!(
            strong(&[modified, ("Date", "Wed, 21 Oct 2015 07:29:00 GMT")]).as_deref(),
            Some("Wed, 21 Oct 2015 07:28:00 GMT")
        );
        assert_eq!(strong(&[modified, ("Date", "Wed, 21 Oct 2015 07:28:59 GMT")]), None);
        assert_eq!(strong(&[modified]), None);
        // A weak ETag says that the server distrusts byte equality: no falling back behind it.
        assert_eq!(strong(&[("ETag", "W/\"a\""), modified, ("Date", "Wed, 21 Oct 2020 07:28:00 GMT")]), None);
        assert_eq!(strong(&[]), None);
    }

    #[test]
    fn the_authors_range_is_read() {
        let read = |value| author_range(&headers(&[("Range", value)]));
        assert_eq!(author_range(&headers(&[])), AuthorRange::None);
        assert_eq!(read("bytes=5-"), AuthorRange::From { first: 5, last: None });
        assert_eq!(read("bytes=5-9"), AuthorRange::From { first: 5, last: Some(9) });
        for other in ["bytes=-5", "bytes=0-1,3-4", "bytes=9-5", "lines=1-2", ""] {
            assert_eq!(read(other), AuthorRange::Other, "{other}");
        }
        assert_eq!(wanted_end(AuthorRange::From { first: 5, last: Some(9) }, Some(8)), Some(8));
        assert_eq!(wanted_end(AuthorRange::From { first: 5, last: Some(9) }, None), Some(10));
        assert_eq!(wanted_end(AuthorRange::None, None), None);
    }

    #[test]
    fn the_first_response() {
        let asked = Asked::Beginning(AuthorRange::None);
        assert_eq!(verdict(200, &[], &asked), Verdict::Begin(None));
        assert_eq!(verdict(204, &[], &asked), Verdict::Begin(None));
        assert_eq!(
            verdict(206, &[("Content-Range", "bytes 0-9/20")], &asked),
            Verdict::Begin(Some(ContentRange { first: 0, last: 9, complete: Some(20) }))
        );
        assert_eq!(verdict(206, &[("Content-Range", "bytes 1-9/20")], &asked), Verdict::Invalid);
        assert_eq!(verdict(206, &[], &asked), Verdict::Invalid);
        assert_eq!(verdict(416, &[("Content-Range", "bytes */0")], &asked), Verdict::BadStatus);
        assert_eq!(verdict(404, &[], &asked), Verdict::BadStatus);
        assert_eq!(verdict(0, &[], &asked), Verdict::BadStatus);
        assert_eq!(verdict(503, &[], &asked), Verdict::BadStatus);
        assert_eq!(
            verdict(503, &[("Retry-After", "7")], &asked),
            Verdict::RetryAfter(Duration::from_secs(7))
        );
        assert_eq!(
            verdict(429, &[("Retry-After", "Sun, 09 Sep 2001 01:46:50 GMT")], &asked),
            Verdict::RetryAfter(Duration::from_secs(10))
        );
        assert_eq!(verdict(429, &[("Retry-After", "soon")], &asked), Verdict::BadStatus);
    }

    #[test]
    fn the_authors_own_range() {
        let asked = Asked::Beginning(AuthorRange::From { first: 5, last: Some(9) });
        assert_eq!(
            verdict(206, &[("Content-Range", "bytes 5-9/20")], &asked),
            Verdict::Begin(Some(ContentRange { first: 5, last: 9, complete: Some(20) }))
        );
        assert_eq!(verdict(206, &[("Content-Range", "bytes 0-9/20")], &asked), Verdict::Invalid);
        assert_eq!(verdict(200, &[], &asked), Verdict::Begin(None));
        let asked = Asked::Beginning(AuthorRange::Other);
        assert_eq!(verdict(206, &[], &asked), Verdict::Begin(None));
    }

    #[test]
    fn the_rest() {
        let before = headers(&[("ETag", "\"a\""), ("Last-Modified", "x")]);
        let stored = Stored { headers: &before, first_byte: 5, bytes: 10, complete_length: Some(20) };
        let asked = Asked::Rest(stored.clone());
        let same = [("ETag", "\"a\""), ("Last-Modified", "x")];
        let with = |range| {
            let mut list = same.to_vec();
            list.push(("Content-Range", range));
            list
        };
        assert_eq!(
            verdict(206, &with("bytes 15-19/20"), &asked),
            Verdict::Continue(ContentRange { first: 15, last: 19, complete: Some(20) })
        );
        assert_eq!(
            verdict(206, &with("bytes 15-19/*"), &asked),
            Verdict::Continue(ContentRange { first: 15, last: 19, complete: None })
        );
        assert_eq!(verdict(206, &with("bytes 14-19/20"), &asked), Verdict::Invalid);
        assert_eq!(verdict(206, &with("bytes 15-19/21"), &asked), Verdict::Invalid);
        assert_eq!(verdict(206, &same, &asked), Verdict::Invalid);
        assert_eq!(verdict(206, &[("Content-Range", "bytes 15-19/20")], &asked), Verdict::StartOver);
        assert_eq!(
            verdict(206, &[("ETag", "\"b\""), ("Content-Range", "bytes 15-19/20")], &asked),
            Verdict::StartOver
        );
        assert_eq!(verdict(200, &[], &asked), Verdict::Begin(None));
        assert_eq!(verdict(416, &[("Content-Range", "bytes */15")], &asked), Verdict::AlreadyComplete);
        assert_eq!(verdict(416, &[("Content-Range", "bytes */16")], &asked), Verdict::StartOver);
        assert_eq!(verdict(416, &[], &asked), Verdict::StartOver);
        assert_eq!(verdict(404, &[], &asked), Verdict::BadStatus);
    }
}
