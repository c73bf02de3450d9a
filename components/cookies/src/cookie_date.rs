//! Dates as the `Expires` attribute spells them.

/// Seconds since 1970 for a date, or nothing if it is none.
///
/// <https://datatracker.ietf.org/doc/html/draft-ietf-httpbis-rfc6265bis#name-dates>
pub(crate) fn parse(text: &str) -> Option<i64> {
    let (mut time, mut day, mut month, mut year) = (None, None, None, None);
    // 2. Each token is the first thing that it can be and that has not been found yet.
    for token in text.split(is_delimiter).filter(|token| !token.is_empty()) {
        if time.is_none() {
            time = parse_time(token);
            if time.is_some() {
                continue;
            }
        }
        if day.is_none() {
            day = parse_number(token, 1, 2);
            if day.is_some() {
                continue;
            }
        }
        if month.is_none() {
            month = parse_month(token);
            if month.is_some() {
                continue;
            }
        }
        if year.is_none() {
            year = parse_number(token, 2, 4);
        }
    }
    // 3-4. Years of two digits are of this time.
    let year = match year? {
        year @ 70..=99 => year + 1900,
        year @ 0..=69 => year + 2000,
        year => year,
    };
    let ((hour, minute, second), day, month) = (time?, day?, month?);
    // 5. Nothing out of its range.
    if !(1..=31).contains(&day) || year < 1601 || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    // 6. Only dates that exist.
    if day > days_of_month(year, month) {
        return None;
    }
    Some(days_since_epoch(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second)
}

fn is_delimiter(character: char) -> bool {
    matches!(character, '\t' | ' '..='/' | ';'..='@' | '['..='`' | '{'..='~')
}

/// A number of `least` to `most` digits, followed by a character that is no digit, or nothing.
fn parse_number(token: &str, least: usize, most: usize) -> Option<i64> {
    let digits = token.bytes().take_while(u8::is_ascii_digit).count();
    if !(least..=most).contains(&digits) {
        return None;
    }
    token[..digits].parse().ok()
}

fn parse_time(token: &str) -> Option<(i64, i64, i64)> {
    let mut parts = token.splitn(3, ':');
    let whole =
        |part: &str| part.bytes().all(|byte| byte.is_ascii_digit()).then(|| parse_number(part, 1, 2))?;
    let hour = whole(parts.next()?)?;
    let minute = whole(parts.next()?)?;
    let second = parse_number(parts.next()?, 1, 2)?;
    Some((hour, minute, second))
}

fn parse_month(token: &str) -> Option<i64> {
    const MONTHS: [&str; 12] =
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    let start = token.get(..3)?;
    (1..).zip(MONTHS).find(|(_, name)| name.eq_ignore_ascii_case(start)).map(|(number, _)| number)
}

fn days_of_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 in the Gregorian calendar, for years after 0.
fn days_since_epoch(year: i64, month: i64, day: i64) -> i64 {
    // Years begin in March here, so that a leap day is the last of its year.
    let year = if month <= 2 { year - 1 } else { year };
    let month = (month + 9) % 12;
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    year * 365 + year / 4 - year / 100 + year / 400 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_forms_are_understood() {
        for text in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
            "6 nov 1994 8:49:37",
            "1994 November 6 08:49:37abc",
        ] {
            assert_eq!(parse(text), Some(784_111_777), "{text}");
        }
        assert_eq!(parse("Thu, 01 Jan 1970 00:00:00 GMT"), Some(0));
        assert_eq!(parse("29 Feb 2000 00:00:00"), Some(951_782_400));
        assert_eq!(parse("01 Jan 69 00:00:00"), Some(3_124_224_000));
    }

    #[test]
    fn what_is_no_date_is_none() {
        for text in [
            "",
            "Sun, 06 Nov 1994",
            "06 1994 08:49:37",
            "Nov 1994 08:49:37",
            "06 Nov 08:49:37",
            "30 Feb 2001 00:00:00",
            "29 Feb 1900 00:00:00",
            "32 Jan 2001 00:00:00",
            "00 Jan 2001 00:00:00",
            "01 Jan 1600 00:00:00",
            "01 Jan 2001 24:00:00",
            "01 Jan 2001 00:60:00",
            "01 Jan 2001 00:00:60",
            "01 Jan 2001 00:00",
            "01 Jan 20011 00:00:00",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn nothing_panics(text in "\\PC*") {
            parse(&text);
        }
    }
}
