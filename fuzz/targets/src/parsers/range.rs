//! Ranges.

use longhaul_background_fetch::testing as background_fetch;
use longhaul_fetch::{
    ContentRange, RangeWhitespace, build_a_content_range, parse_a_single_range_header_value,
    parse_content_range, serialize_range,
};
use longhaul_http_cache::testing as http_cache;

/// `Range` and `Content-Range`, as the Fetch layer, the HTTP cache and background fetches read them. Input: two numbers in decimal for
/// a resource's length and a position, each with a newline, then a header's value.
///
/// Asserts that what is read can be written and read again, that the readers agree where they read the same grammar, that byte
/// positions agree with counting the bytes of a resource one by one, and that no number overflows.
pub fn range(data: &[u8]) {
    let mut lines = data.splitn(3, |byte| *byte == b'\n');
    let mut number = || {
        let digits = lines.next().unwrap_or_default();
        std::str::from_utf8(digits).ok().and_then(|digits| digits.parse::<u64>().ok()).unwrap_or(0)
    };
    let (length, position) = (number(), number());
    let value = lines.next().unwrap_or_default();
    asked(value, length);
    given(value);
    let text = serialize_range(position, (length >= position).then_some(length));
    let read = parse_a_single_range_header_value(text.as_bytes(), RangeWhitespace::Refused);
    assert_eq!(read.map(|range| range.start), Ok(Some(position)));
}

fn asked(value: &[u8], length: u64) {
    let strict = parse_a_single_range_header_value(value, RangeWhitespace::Refused);
    let lenient = parse_a_single_range_header_value(value, RangeWhitespace::Allowed);
    if let Ok(strict) = strict {
        assert_eq!(lenient, Ok(strict), "whitespace that is not there changes nothing");
        assert!(strict.start.is_some() || strict.end.is_some());
        if let (Some(start), Some(end)) = (strict.start, strict.end) {
            assert!(start <= end);
        }
    }
    // Counting, for resources that can be counted.
    let within = http_cache::range_within(value, length);
    if let Some(range) = &within {
        assert!(range.start < range.end && range.end <= length);
    }
    if let (Ok(strict), 0..=512) = (strict, length) {
        let wanted: Vec<u64> = (0..length)
            .filter(|byte| match (strict.start, strict.end) {
                (Some(start), end) => *byte >= start && end.is_none_or(|end| *byte <= end),
                (None, last) => last.is_some_and(|last| length - *byte <= last),
            })
            .collect();
        let counted = wanted.first().zip(wanted.last()).map(|(first, last)| *first..*last + 1);
        assert_eq!(within, counted, "of {length}");
    }
}

fn given(value: &[u8]) {
    let fetch = parse_content_range(value);
    let background = background_fetch::content_range(value);
    let cache = http_cache::content_range(value);
    match fetch {
        Ok(ContentRange::Range { first, last, complete_length }) => {
            assert!(first <= last && complete_length.is_none_or(|length| last < length));
            if let Some(length) = complete_length {
                let built = build_a_content_range(first, last, length);
                assert_eq!(parse_content_range(built.as_bytes()), fetch);
            }
            // A position that no resource reaches is no position for those that count behind it.
            if last < u64::MAX {
                assert_eq!(background, Some((first, last, complete_length)));
                assert_eq!(cache.as_ref(), Some(&(first..last + 1, complete_length)));
            }
        }
        Ok(ContentRange::Unsatisfied { .. }) => assert!(background.is_none() && cache.is_none()),
        // NOTE: the cache is lenient about blanks and case, and about nothing else.
        Err(_) => {
            if let Some((range, complete)) = &cache {
                let complete = complete.map_or_else(|| "*".to_owned(), |length| length.to_string());
                let written = format!("bytes {}-{}/{complete}", range.start, range.end - 1);
                let plain = |text: &str| {
                    let mut plain: String = text.chars().filter(|char| !char.is_whitespace()).collect();
                    plain.make_ascii_lowercase();
                    plain.retain(|char| char != '0');
                    plain
                };
                assert_eq!(plain(&String::from_utf8_lossy(value)), plain(&written));
            }
        }
    }
    if let Some((first, last, complete)) = background {
        assert!(first <= last && complete.is_none_or(|complete| last < complete));
    }
    if let Some((range, complete)) = &cache {
        assert!(range.start < range.end && complete.is_none_or(|complete| range.end <= complete));
    }
}
