//! One byte range of a representation: RFC 9110, section 14.

/// What a `Range` field asks of a representation.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum RangeOutcome {
    /// No usable range: the whole representation with 200.
    Whole,
    /// The bytes from `first` to `last`, both included, with 206.
    Part {
        /// The first byte's offset.
        first: u64,
        /// The last byte's offset.
        last: u64,
    },
    /// No byte of it exists: 416.
    Unsatisfiable,
}

/// <https://www.rfc-editor.org/rfc/rfc9110#section-14.2>
///
/// A unit other than `bytes`, a malformed field and a list of several ranges are answered with the whole
/// representation, which the RFC permits.
pub(crate) fn evaluate(field: Option<&str>, length: u64) -> RangeOutcome {
    let Some(specification) = field.and_then(bytes_unit) else { return RangeOutcome::Whole };
    let Some((first, last)) = specification.trim_matches([' ', '\t']).split_once('-') else {
        return RangeOutcome::Whole;
    };
    match (digits(first), digits(last)) {
        // `-500`: the last 500 bytes, or all of them.
        (None, Some(suffix)) if first.is_empty() => match (suffix, length) {
            (0, _) | (_, 0) => RangeOutcome::Unsatisfiable,
            _ => RangeOutcome::Part { first: length.saturating_sub(suffix), last: length - 1 },
        },
        (Some(first), None) if last.is_empty() => from(first, u64::MAX, length),
        (Some(first), Some(last)) if first <= last => from(first, last, length),
        _ => RangeOutcome::Whole,
    }
}

fn from(first: u64, last: u64, length: u64) -> RangeOutcome {
    if first >= length {
        return RangeOutcome::Unsatisfiable;
    }
    RangeOutcome::Part { first, last: last.min(length - 1) }
}

/// What follows `bytes=`, if that is the unit (its name is case-insensitive).
fn bytes_unit(field: &str) -> Option<&str> {
    let (unit, rest) = field.split_once('=')?;
    unit.trim_matches([' ', '\t']).eq_ignore_ascii_case("bytes").then_some(rest)
}

/// Digits alone; a number past 64 bits is past the end of every file.
fn digits(text: &str) -> Option<u64> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use RangeOutcome::{Part, Unsatisfiable, Whole};

    #[test]
    fn single_open_and_suffix_ranges() {
        assert_eq!(evaluate(Some("bytes=0-0"), 10), Part { first: 0, last: 0 });
        assert_eq!(evaluate(Some("bytes=3-"), 10), Part { first: 3, last: 9 });
        assert_eq!(evaluate(Some("bytes=3-99999999999999999999999"), 10), Part { first: 3, last: 9 });
        assert_eq!(evaluate(Some("bytes=-4"), 10), Part { first: 6, last: 9 });
        assert_eq!(evaluate(Some("Bytes= 2-4"), 10), Part { first: 2, last: 4 });
        assert_eq!(evaluate(Some("bytes=-40"), 10), Part { first: 0, last: 9 });
    }

    #[test]
    fn ranges_without_a_byte_are_unsatisfiable() {
        assert_eq!(evaluate(Some("bytes=10-"), 10), Unsatisfiable);
        assert_eq!(evaluate(Some("bytes=-0"), 10), Unsatisfiable);
        assert_eq!(evaluate(Some("bytes=0-"), 0), Unsatisfiable);
        assert_eq!(evaluate(Some("bytes=-1"), 0), Unsatisfiable);
    }

    #[test]
    fn what_is_no_single_range_gives_the_whole() {
        for field in [
            "bytes=4-2",
            "bytes=",
            "bytes=-",
            "bytes=a-b",
            "items=0-1",
            "bytes",
            "bytes=0-1,3-4",
            "bytes=+1-2",
        ] {
            assert_eq!(evaluate(Some(field), 10), Whole, "{field}");
        }
        assert_eq!(evaluate(None, 10), Whole);
    }
}
