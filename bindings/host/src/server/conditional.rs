//! Conditional requests: RFC 9110, section 13, and the dates they compare.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::header::{
    HeaderMap, HeaderName, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE,
};

/// What a request's conditions make of it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    /// Answer as usual.
    Proceed,
    /// 304.
    NotModified,
    /// 412.
    Failed,
}

/// <https://www.rfc-editor.org/rfc/rfc9110#section-13.2.2>
pub(crate) fn evaluate(
    headers: &HeaderMap,
    entity_tag: &str,
    last_modified: Option<SystemTime>,
) -> Condition {
    // 1, 2. If-Match, or without it If-Unmodified-Since.
    if let Some(list) = field(headers, &IF_MATCH) {
        if !lists(&list, entity_tag, Comparison::Strong) {
            return Condition::Failed;
        }
    } else if let (Some(date), Some(modified)) = (date(headers, &IF_UNMODIFIED_SINCE), last_modified)
        && whole_seconds(modified) > date
    {
        return Condition::Failed;
    }
    // 3, 4. If-None-Match, or without it If-Modified-Since. Only GET and HEAD come here.
    if let Some(list) = field(headers, &IF_NONE_MATCH) {
        if lists(&list, entity_tag, Comparison::Weak) {
            return Condition::NotModified;
        }
    } else if let (Some(date), Some(modified)) = (date(headers, &IF_MODIFIED_SINCE), last_modified)
        && whole_seconds(modified) <= date
    {
        return Condition::NotModified;
    }
    Condition::Proceed
}

/// <https://www.rfc-editor.org/rfc/rfc9110#section-13.1.5>: whether the `Range` field counts.
pub(crate) fn range_applies(
    headers: &HeaderMap,
    entity_tag: &str,
    last_modified: Option<SystemTime>,
    now: SystemTime,
) -> bool {
    let Some(validator) = field(headers, &IF_RANGE) else { return true };
    if validator.starts_with('"') || validator.starts_with("W/") {
        return validator == entity_tag;
    }
    // A date must match exactly, and be old enough that a second change within it cannot hide.
    match (parse_date(&validator), last_modified) {
        (Some(date), Some(modified)) => {
            whole_seconds(modified) == date
                && now.duration_since(date).is_ok_and(|age| age > Duration::from_secs(1))
        }
        _ => false,
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Comparison {
    Strong,
    Weak,
}

fn lists(list: &str, entity_tag: &str, comparison: Comparison) -> bool {
    list.trim() == "*"
        || list.split(',').map(str::trim).any(|tag| {
            tag == entity_tag
                || (comparison == Comparison::Weak && tag.strip_prefix("W/") == Some(entity_tag))
        })
}

fn field(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let values: Vec<&str> =
        headers.get_all(name).iter().map(|value| value.to_str().unwrap_or_default()).collect();
    (!values.is_empty()).then(|| values.join(", "))
}

fn date(headers: &HeaderMap, name: &HeaderName) -> Option<SystemTime> {
    field(headers, name).as_deref().and_then(parse_date)
}

fn whole_seconds(time: SystemTime) -> SystemTime {
    let seconds = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    UNIX_EPOCH + Duration::from_secs(seconds)
}

const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// <https://www.rfc-editor.org/rfc/rfc9110#section-5.6.7>: the preferred form, which is the only one that this
/// server sends and so the only one that it gets back.
fn parse_date(text: &str) -> Option<SystemTime> {
    let (_, rest) = text.trim().split_once(", ")?;
    let mut parts = rest.split(' ');
    let day: i64 = parts.next()?.parse().ok()?;
    let month = parts.next()?;
    let month = MONTHS.iter().position(|name| *name == month)? as i64 + 1;
    let year: i64 = parts.next()?.parse().ok()?;
    let mut clock = parts.next()?.split(':').map(|part| part.parse::<u64>().ok());
    let (hour, minute, second) = (clock.next()??, clock.next()??, clock.next()??);
    if parts.next() != Some("GMT")
        || !(1..=31).contains(&day)
        || !(1970..=9999).contains(&year)
        || hour > 23
        || minute > 59
    {
        return None;
    }
    let days = u64::try_from(days_from_civil(year, month, day)).ok()?;
    Some(UNIX_EPOCH + Duration::from_secs(days * 86_400 + hour * 3600 + minute * 60 + second.min(60)))
}

/// A time as `Last-Modified` and `Date` spell it.
pub(crate) fn http_date(time: SystemTime) -> String {
    let seconds = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let (days, of_day) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = civil_from_days(days as i64);
    format!(
        "{}, {day:02} {} {year:04} {:02}:{:02}:{:02} GMT",
        DAYS[(days % 7) as usize],
        MONTHS[(month - 1) as usize],
        of_day / 3600,
        of_day / 60 % 60,
        of_day % 60
    )
}

/// Days from 1970-01-01, by counting years from March so that the leap day is the last.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month <= 2 { (year - 1, month + 9) } else { (year, month - 3) };
    365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1 - 719_468
}

/// The inverse, for days on or after 1970-01-01.
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days / 146_097;
    let of_era = days % 146_097;
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let (month, carry) = if from_march < 10 { (from_march + 3, 0) } else { (from_march - 9, 1) };
    (era * 400 + year_of_era + carry, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn headers(name: HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    #[test]
    fn dates_go_there_and_back() {
        for (seconds, text) in [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
            (1_795_219_200, "Sat, 21 Nov 2026 00:00:00 GMT"),
            (4_107_542_399, "Sun, 28 Feb 2100 23:59:59 GMT"),
        ] {
            let time = UNIX_EPOCH + Duration::from_secs(seconds);
            assert_eq!(http_date(time), text);
            assert_eq!(parse_date(text), Some(time));
        }
        for bad in [
            "",
            "Sun, 06 Nov 1994",
            "Sun, 40 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 99999 08:49:37 GMT",
            "x, y",
        ] {
            assert_eq!(parse_date(bad), None, "{bad}");
        }
    }

    #[test]
    fn tags_come_before_dates() {
        let modified = Some(UNIX_EPOCH + Duration::from_secs(784_111_777));
        let tag = "\"a\"";
        assert_eq!(evaluate(&HeaderMap::new(), tag, modified), Condition::Proceed);
        assert_eq!(
            evaluate(&headers(IF_NONE_MATCH, "\"b\", W/\"a\""), tag, modified),
            Condition::NotModified
        );
        assert_eq!(evaluate(&headers(IF_NONE_MATCH, "\"b\""), tag, modified), Condition::Proceed);
        assert_eq!(evaluate(&headers(IF_MATCH, "W/\"a\""), tag, modified), Condition::Failed);
        assert_eq!(evaluate(&headers(IF_MATCH, "*"), tag, modified), Condition::Proceed);
        let date = "Sun, 06 Nov 1994 08:49:37 GMT";
        assert_eq!(evaluate(&headers(IF_MODIFIED_SINCE, date), tag, modified), Condition::NotModified);
        assert_eq!(evaluate(&headers(IF_UNMODIFIED_SINCE, date), tag, modified), Condition::Proceed);
        let earlier = "Sun, 06 Nov 1994 08:49:36 GMT";
        assert_eq!(evaluate(&headers(IF_MODIFIED_SINCE, earlier), tag, modified), Condition::Proceed);
        assert_eq!(evaluate(&headers(IF_UNMODIFIED_SINCE, earlier), tag, modified), Condition::Failed);
    }

    #[test]
    fn a_range_needs_the_very_same_validator() {
        let modified = UNIX_EPOCH + Duration::from_secs(784_111_777);
        let later = modified + Duration::from_secs(60);
        let applies = |value, now| range_applies(&headers(IF_RANGE, value), "\"a\"", Some(modified), now);
        assert!(range_applies(&HeaderMap::new(), "\"a\"", Some(modified), later));
        assert!(applies("\"a\"", later));
        assert!(!applies("\"b\"", later));
        assert!(!applies("W/\"a\"", later));
        assert!(applies("Sun, 06 Nov 1994 08:49:37 GMT", later));
        assert!(!applies("Sun, 06 Nov 1994 08:49:37 GMT", modified));
        assert!(!applies("Sun, 06 Nov 1994 08:49:38 GMT", later));
        assert!(!applies("nonsense", later));
    }
}
