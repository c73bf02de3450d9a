//! Ranges of bytes, asked for and given.

use std::ops::Range;

use crate::message::Headers;

/// What a `Range` asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// From this byte to that one, which is included, or to the end.
    From(u64, Option<u64>),
    /// So many bytes of the end.
    Last(u64),
}

impl Asked {
    /// The one range of a request; none if there are several, or anything else.
    ///
    /// <https://www.rfc-editor.org/rfc/rfc9110#section-14.1.2>
    pub(crate) fn of(headers: &Headers) -> Option<Asked> {
        let value = headers.first("Range")?;
        let (unit, set) = value.split_once('=')?;
        if !unit.trim().eq_ignore_ascii_case("bytes")
            || set.contains(',')
            || headers.all("Range").count() != 1
        {
            return None;
        }
        let (first, last) = set.trim().split_once('-')?;
        match (first.trim(), last.trim()) {
            ("", "") => None,
            ("", last) => Some(Asked::Last(number(last)?)),
            (first, "") => Some(Asked::From(number(first)?, None)),
            (first, last) => {
                let (first, last) = (number(first)?, number(last)?);
                (first <= last).then_some(Asked::From(first, Some(last)))
            }
        }
    }

    /// The bytes of a representation that is so long; none if there are none.
    pub(crate) fn within(self, length: u64) -> Option<Range<u64>> {
        let range = match self {
            Asked::From(first, last) => first..last.map_or(length, |last| last.saturating_add(1)).min(length),
            Asked::Last(count) => length.saturating_sub(count)..length,
        };
        (range.start < range.end).then_some(range)
    }
}

/// A position or a length: digits and nothing else, where Rust would take a plus sign before them.
fn number(text: &str) -> Option<u64> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

/// What a 206 holds: which bytes, and of how many.
///
/// <https://www.rfc-editor.org/rfc/rfc9110#section-14.4>
pub(crate) fn content_range(headers: &Headers) -> Option<(Range<u64>, Option<u64>)> {
    let value = headers.first("Content-Range")?;
    let (unit, rest) = value.split_once(' ')?;
    if !unit.eq_ignore_ascii_case("bytes") {
        return None;
    }
    let (range, complete) = rest.trim().split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let (first, last) = (number(first.trim())?, number(last.trim())?);
    let complete = match complete.trim() {
        "*" => None,
        complete => Some(number(complete)?),
    };
    let end = last.checked_add(1)?;
    (first <= last && complete.is_none_or(|complete| end <= complete)).then_some((first..end, complete))
}

/// A validator by which parts of a representation may be told to belong together.
///
/// <https://www.rfc-editor.org/rfc/rfc9110#section-8.8.1>
pub(crate) fn strong_etag(headers: &Headers) -> Option<&str> {
    headers.first("ETag").filter(|etag| etag.starts_with('"') && etag.len() > 1)
}

/// Whether the bytes are those of the representation itself.
pub(crate) fn is_plain(headers: &Headers) -> bool {
    headers.list("Content-Encoding").all(|coding| coding.eq_ignore_ascii_case("identity"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(value: &'static str) -> Option<Asked> {
        Asked::of(&[("Range", value)].into_iter().collect())
    }

    #[test]
    fn ranges_are_read_and_cut() {
        assert_eq!(asked("bytes=0-4").and_then(|asked| asked.within(3)), Some(0..3));
        assert_eq!(asked("Bytes=2-").and_then(|asked| asked.within(3)), Some(2..3));
        assert_eq!(asked("bytes=-2").and_then(|asked| asked.within(3)), Some(1..3));
        assert_eq!(asked("bytes=3-").and_then(|asked| asked.within(3)), None);
        assert_eq!(asked("bytes=-0").and_then(|asked| asked.within(3)), None);
        for nonsense in ["bytes=-", "bytes=4-2", "bytes=0-1,3-4", "lines=0-1", "bytes=+1-2", "bytes 0-1"] {
            assert_eq!(asked(nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn content_ranges_that_lie_are_none() {
        let parse = |value: &'static str| content_range(&[("Content-Range", value)].into_iter().collect());
        assert_eq!(parse("bytes 2-4/10"), Some((2..5, Some(10))));
        assert_eq!(parse("bytes 2-4/*"), Some((2..5, None)));
        for nonsense in [
            "bytes 4-2/10",
            "bytes 2-10/10",
            "bytes */10",
            "bytes=2-4/10",
            "bytes 0-18446744073709551615/*",
            "bytes +2-4/10",
            "bytes 2-4/+10",
        ] {
            assert_eq!(parse(nonsense), None, "{nonsense}");
        }
    }
}
