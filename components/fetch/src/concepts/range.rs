//! Ranges: `Range` and `Content-Range`.

/// What a `Range` of a single range asks for; at least one is there.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct SingleRange {
    /// The first byte. None if the last so many bytes are asked for.
    pub start: Option<u64>,
    /// The last byte, or how many of the last bytes.
    pub end: Option<u64>,
}

/// Whether a parser of `Range` allows tabs and spaces around its parts.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum RangeWhitespace {
    /// It does.
    Allowed,
    /// It does not.
    Refused,
}

/// What a `Content-Range` in bytes says.
///
/// <https://www.rfc-editor.org/rfc/rfc9110#field.content-range>
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum ContentRange {
    /// These bytes, both ends included, of that many, if it is known of how many.
    Range {
        /// The first byte.
        first: u64,
        /// The last byte.
        last: u64,
        /// The length of the whole.
        complete_length: Option<u64>,
    },
    /// What was asked for lies outside; so many there are.
    Unsatisfied {
        /// The length of the whole.
        complete_length: u64,
    },
}

/// The value of `Range` is no single range.
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a single byte range")]
pub struct InvalidRange;

/// The value of `Content-Range` is not one in bytes.
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a Content-Range in bytes")]
pub struct InvalidContentRange;

/// The value of `Range` for the bytes from `first` to `last`, or to the end.
pub fn serialize_range(first: u64, last: Option<u64>) -> String {
    match last {
        Some(last) => format!("bytes={first}-{last}"),
        None => format!("bytes={first}-"),
    }
}

/// <https://fetch.spec.whatwg.org/#build-a-content-range>
pub fn build_a_content_range(first: u64, last: u64, complete_length: u64) -> String {
    format!("bytes {first}-{last}/{complete_length}")
}

/// <https://fetch.spec.whatwg.org/#simple-range-header-value>
pub fn parse_a_single_range_header_value(
    value: &[u8],
    whitespace: RangeWhitespace,
) -> Result<SingleRange, InvalidRange> {
    let skip = |rest: &[u8]| match whitespace {
        RangeWhitespace::Allowed => rest.len() - rest.trim_ascii_start_of_tab_or_space().len(),
        RangeWhitespace::Refused => 0,
    };
    // 2.–3. The unit.
    let mut rest = value.strip_prefix(b"bytes").ok_or(InvalidRange)?;
    // 4.–7. The equals sign.
    rest = &rest[skip(rest)..];
    rest = rest.strip_prefix(b"=").ok_or(InvalidRange)?;
    rest = &rest[skip(rest)..];
    // 8.–10. The start.
    let start = take_number(&mut rest)?;
    rest = &rest[skip(rest)..];
    // 11.–13. The hyphen.
    rest = rest.strip_prefix(b"-").ok_or(InvalidRange)?;
    rest = &rest[skip(rest)..];
    // 14.–15. The end.
    let end = take_number(&mut rest)?;
    // 16.–19. Nothing follows, one of both is there, and the start is not behind the end.
    if !rest.is_empty() || (start.is_none() && end.is_none()) {
        return Err(InvalidRange);
    }
    if matches!((start, end), (Some(start), Some(end)) if start > end) {
        return Err(InvalidRange);
    }
    Ok(SingleRange { start, end })
}

/// Parses `bytes first-last/length`, `bytes first-last/*` and `bytes */length`.
///
/// <https://www.rfc-editor.org/rfc/rfc9110#field.content-range>
pub fn parse_content_range(value: &[u8]) -> Result<ContentRange, InvalidContentRange> {
    let (unit, rest) = value.split_at_checked(5).ok_or(InvalidContentRange)?;
    if !unit.eq_ignore_ascii_case(b"bytes") {
        return Err(InvalidContentRange);
    }
    let rest = rest.strip_prefix(b" ").ok_or(InvalidContentRange)?;
    let slash = rest.iter().position(|byte| *byte == b'/').ok_or(InvalidContentRange)?;
    let (range, complete) = (&rest[..slash], &rest[slash + 1..]);
    if range == b"*" {
        return Ok(ContentRange::Unsatisfied { complete_length: number(complete)? });
    }
    let hyphen = range.iter().position(|byte| *byte == b'-').ok_or(InvalidContentRange)?;
    let (first, last) = (number(&range[..hyphen])?, number(&range[hyphen + 1..])?);
    let complete_length = if complete == b"*" { None } else { Some(number(complete)?) };
    // A range that ends before it begins, or behind the whole, is invalid.
    if first > last || complete_length.is_some_and(|length| last >= length) {
        return Err(InvalidContentRange);
    }
    Ok(ContentRange::Range { first, last, complete_length })
}

fn number(digits: &[u8]) -> Result<u64, InvalidContentRange> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(InvalidContentRange);
    }
    std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok()).ok_or(InvalidContentRange)
}

/// Takes digits off the front. DEVIATION: a number past what 64 bits hold is no range; no resource is that long.
fn take_number(rest: &mut &[u8]) -> Result<Option<u64>, InvalidRange> {
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (number, behind) = rest.split_at(digits);
    *rest = behind;
    if number.is_empty() {
        return Ok(None);
    }
    let number = std::str::from_utf8(number).ok().and_then(|digits| digits.parse().ok());
    number.map(Some).ok_or(InvalidRange)
}

trait TabOrSpace {
    fn trim_ascii_start_of_tab_or_space(&self) -> &[u8];
}

impl TabOrSpace for [u8] {
    fn trim_ascii_start_of_tab_or_space(&self) -> &[u8] {
        let start = self.iter().position(|byte| !matches!(byte, b'\t' | b' ')).unwrap_or(self.len());
        &self[start..]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn strict(value: &str) -> Option<(Option<u64>, Option<u64>)> {
        parse_a_single_range_header_value(value.as_bytes(), RangeWhitespace::Refused)
            .ok()
            .map(|range| (range.start, range.end))
    }

    #[test]
    fn single_ranges_parse() {
        assert_eq!(strict("bytes=0-"), Some((Some(0), None)));
        assert_eq!(strict("bytes=5-9"), Some((Some(5), Some(9))));
        assert_eq!(strict("bytes=-500"), Some((None, Some(500))));
        for bad in [
            "bytes 0-",
            "bytes=",
            "bytes=-",
            "bytes=9-5",
            "bytes=0-1,2-3",
            "Bytes=0-",
            "bytes= 0-",
            "bytes=+1-",
        ] {
            assert_eq!(strict(bad), None, "{bad}");
        }
        let lax = parse_a_single_range_header_value(b"bytes \t= 1 - 2", RangeWhitespace::Allowed).unwrap();
        assert_eq!((lax.start, lax.end), (Some(1), Some(2)));
        assert!(parse_a_single_range_header_value(b"bytes=1-2 ", RangeWhitespace::Allowed).is_err());
    }

    #[test]
    fn content_ranges_parse_as_http_writes_them() {
        assert_eq!(
            parse_content_range(b"bytes 2-5/10"),
            Ok(ContentRange::Range { first: 2, last: 5, complete_length: Some(10) })
        );
        assert_eq!(
            parse_content_range(b"bytes 2-5/*"),
            Ok(ContentRange::Range { first: 2, last: 5, complete_length: None })
        );
        assert_eq!(parse_content_range(b"bytes */7"), Ok(ContentRange::Unsatisfied { complete_length: 7 }));
        for bad in [
            "bytes=2-5/10",
            "bytes 5-2/10",
            "bytes 2-10/10",
            "bytes 2-5",
            "bytes -5/10",
            "bytes */*",
            "lines 1-2/3",
            "",
        ] {
            assert_eq!(parse_content_range(bad.as_bytes()), Err(InvalidContentRange), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn ranges_survive_serialisation(first: u64, length in proptest::option::of(any::<u64>())) {
            let last = length.map(|length| first.saturating_add(length));
            prop_assert_eq!(strict(&serialize_range(first, last)), Some((Some(first), last)));
        }

        #[test]
        fn content_ranges_survive_serialisation(first in 0..u64::MAX / 4, length in 0..u64::MAX / 4, more in 1..u64::MAX / 4) {
            let (last, complete) = (first + length, first + length + more);
            prop_assert_eq!(
                parse_content_range(build_a_content_range(first, last, complete).as_bytes()),
                Ok(ContentRange::Range { first, last, complete_length: Some(complete) })
            );
        }

        #[test]
        fn no_bytes_make_the_parsers_panic(value in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = parse_content_range(&value);
            let _ = parse_a_single_range_header_value(&value, RangeWhitespace::Allowed);
            let mut value = value;
            value.splice(0..0, *b"bytes ");
            let _ = parse_content_range(&value);
        }
    }
}
