//! Cookies.

use longhaul_cookies::{PathAttribute, SameSite, SetCookieString};

/// `Set-Cookie`. Input: the header's value.
///
/// Asserts that a second parser, written from RFC 6265bis alone, finds the same name, value and attributes, and refuses the same.
/// (Whether such a cookie is kept, and where it is sent, is for `cookie_jar`.)
pub fn cookies(data: &[u8]) {
    assert_eq!(SetCookieString::parse(data).ok(), parse_naively(data));
}

/// <https://datatracker.ietf.org/doc/html/draft-ietf-httpbis-rfc6265bis#name-the-set-cookie-header-field>; nothing if the whole is
/// refused.
fn parse_naively(line: &[u8]) -> Option<SetCookieString> {
    if line.iter().any(|byte| matches!(byte, 0x00..=0x08 | 0x0A..=0x1F | 0x7F)) {
        return None;
    }
    let text: String = line.iter().map(|byte| char::from(*byte)).collect();
    let mut parts = text.split(';');
    let pair = parts.next()?;
    let blank: &[char] = &[' ', '\t'];
    let (name, value) = pair.split_once('=').unwrap_or(("", pair));
    let (name, value) = (name.trim_matches(blank), value.trim_matches(blank));
    if name.chars().count() + value.chars().count() > 4096 {
        return None;
    }
    let mut cookie = SetCookieString {
        name: name.into(),
        value: value.into(),
        expires: None,
        max_age: None,
        domain: None,
        path: PathAttribute::Absent,
        secure: false,
        http_only: false,
        same_site: SameSite::Default,
        partitioned: false,
    };
    for part in parts {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        let (name, value) = (name.trim_matches(blank).to_ascii_lowercase(), value.trim_matches(blank));
        if value.chars().count() > 1024 {
            continue;
        }
        match name.as_str() {
            "expires" => cookie.expires = parse_date(value).or(cookie.expires),
            "max-age" => {
                let (sign, digits) = value.strip_prefix('-').map_or((1, value), |digits| (-1, digits));
                if !digits.is_empty() && digits.chars().all(|digit| digit.is_ascii_digit()) {
                    cookie.max_age = Some(sign * digits.parse::<i64>().unwrap_or(i64::MAX));
                }
            }
            "domain" => cookie.domain = Some(value.strip_prefix('.').unwrap_or(value).to_ascii_lowercase()),
            "path" if value.starts_with('/') => cookie.path = PathAttribute::Path(value.to_owned()),
            "path" => cookie.path = PathAttribute::Default,
            "secure" => cookie.secure = true,
            "httponly" => cookie.http_only = true,
            "samesite" => {
                cookie.same_site = match value.to_ascii_lowercase().as_str() {
                    "none" => SameSite::None,
                    "lax" => SameSite::Lax,
                    "strict" => SameSite::Strict,
                    _ => SameSite::Default,
                }
            }
            "partitioned" => cookie.partitioned = true,
            _ => {}
        }
    }
    Some(cookie)
}

/// <https://datatracker.ietf.org/doc/html/draft-ietf-httpbis-rfc6265bis#name-dates>, by counting days.
fn parse_date(text: &str) -> Option<i64> {
    let delimiter =
        |char: char| matches!(u32::from(char), 0x09 | 0x20..=0x2F | 0x3B..=0x40 | 0x5B..=0x60 | 0x7B..=0x7E);
    let leading = |text: &str| text.chars().take_while(char::is_ascii_digit).collect::<String>();
    let number = |text: &str, least: usize, most: usize| {
        let digits = leading(text);
        (least..=most).contains(&digits.len()).then(|| digits.parse::<i64>().expect("few digits"))
    };
    let (mut time, mut day, mut month, mut year) = (None, None, None, None);
    for token in text.split(delimiter).filter(|token| !token.is_empty()) {
        let clock = {
            let mut fields = token.splitn(3, ':');
            let mut whole = || {
                let field = fields.next()?;
                number(field, 1, 2).filter(|_| leading(field).len() == field.len())
            };
            let (hour, minute) = (whole(), whole());
            let second = fields.next().and_then(|field| number(field, 1, 2));
            hour.zip(minute).zip(second)
        };
        let months = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
        let named = token
            .get(..3)
            .and_then(|start| months.iter().position(|month| start.eq_ignore_ascii_case(month)));
        if time.is_none() && clock.is_some() {
            time = clock;
        } else if day.is_none() && number(token, 1, 2).is_some() {
            day = number(token, 1, 2);
        } else if month.is_none() && named.is_some() {
            month = named;
        } else if year.is_none() {
            year = number(token, 2, 4);
        }
    }
    let (((hour, minute), second), day, month, year) = (time?, day?, month?, year?);
    let year = if (70..100).contains(&year) {
        year + 1900
    } else if year < 70 {
        year + 2000
    } else {
        year
    };
    let leap = |year: i64| year % 4 == 0 && year % 100 != 0 || year % 400 == 0;
    let length = |year: i64, month: usize| {
        [31, 28 + i64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month]
    };
    if year < 1601 || hour > 23 || minute > 59 || second > 59 || !(1..=length(year, month)).contains(&day) {
        return None;
    }
    let years: i64 = (1601..year).map(|year| 365 + i64::from(leap(year))).sum();
    let months: i64 = (0..month).map(|month| length(year, month)).sum();
    // 1601-01-01 is 134,774 days before 1970-01-01.
    let days = years + months + day - 1 - 134_774;
    Some(days * 86_400 + hour * 3_600 + minute * 60 + second)
}
