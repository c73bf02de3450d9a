//! Cookies.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use longhaul_cookies::{CookieJar, RetrievalContext};
use longhaul_storage::ManualClock;
use url::{Host, Url};

/// The longest that a cookie lives.
const LONGEST: u64 = 400 * 86_400;

/// `Set-Cookie`. Input: the values of headers, one a line, set one after the other from `https://www.page.test/dir/page`. A line that
/// begins with `@` is a URL instead, from which a plain cookie is set.
///
/// Asserts that a plain cookie goes just where hosts and paths match, that a second parser, written from RFC 6265bis alone, finds the
/// same cookie with the same attributes, that a refused one had a reason, that nobody overlays what is secure without a secure URL, that
/// what is set is sent and nothing else, that expired cookies are gone, and that what is sent has no control character but tabs.
pub fn cookies(data: &[u8]) {
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    let url: Url = "https://www.page.test/dir/page".parse().expect("a URL");
    let context = RetrievalContext::default();
    let jar = CookieJar::new(Arc::new(ManualClock::new(now)));
    let (elsewhere, lines): (Vec<&[u8]>, Vec<&[u8]>) =
        data.split(|byte| *byte == b'\n').take(8).partition(|line| line.starts_with(b"@"));
    if !elsewhere.is_empty() {
        let urls = elsewhere.iter().filter_map(|line| std::str::from_utf8(&line[1..]).ok()?.parse().ok());
        let mut urls: Vec<Url> = urls
            .filter(|url: &Url| matches!(url.scheme(), "http" | "https" | "ws" | "wss"))
            // What begins with a dot names no host.
            .filter(|url| url.host_str().is_some_and(|host| !host.starts_with('.')))
            .collect();
        urls.push(url.clone());
        plain_ones(&urls, now);
    }
    for line in lines {
        let alone = CookieJar::new(Arc::new(ManualClock::new(now)));
        let outcome = alone.set_cookie(&url, line, &context);
        let expected = parse_naively(line);
        let kept = alone.cookies();
        match (&outcome, expected) {
            (Ok(()), Some(expected)) => {
                assert!(!expected.refused(), "it was kept: {expected:?}");
                expected.is(&kept, now);
                secure_ones_stay(&alone, &kept);
            }
            (Err(_), Some(expected)) => {
                assert!(expected.refused(), "it was refused: {outcome:?} {expected:?}");
                assert!(kept.is_empty());
            }
            (outcome, None) => assert!(outcome.is_err() && kept.is_empty(), "{outcome:?}"),
        }
        assert_eq!(outcome.is_ok(), jar.set_cookie(&url, line, &context).is_ok());
    }
    let kept = jar.cookies();
    let header = jar.cookie_header(&url, &context).unwrap_or_default();
    assert!(!header.iter().any(|byte| byte.is_ascii_control() && *byte != b'\t'));
    let goes = |path: &str| match url.path().strip_prefix(path) {
        Some(rest) => rest.is_empty() || path.ends_with('/') || rest.starts_with('/'),
        None => false,
    };
    let sent = kept.iter().filter(|cookie| goes(&cookie.path)).count();
    // NOTE: a value has no semicolon, so that they part cookies.
    let parts = if header.is_empty() { 0 } else { header.iter().filter(|byte| **byte == b';').count() + 1 };
    assert_eq!(parts, sent, "{kept:?} as {}", header.escape_ascii());
    assert_eq!(jar.clear_host("www.page.test"), kept.len());
    assert_eq!(jar.cookie_header(&url, &context), None);
}

/// Over HTTP nobody replaces what is secure, nor hides it: <https://datatracker.ietf.org/doc/html/draft-ietf-httpbis-rfc6265bis#name-storage-model>.
fn secure_ones_stay(jar: &CookieJar, kept: &[longhaul_cookies::Cookie]) {
    let [cookie] = kept else { return };
    if cookie.partition.is_some() {
        return;
    }
    let url: Url = "http://www.page.test/dir/page".parse().expect("a URL");
    let other: Vec<u8> = cookie.name.chars().map(|character| character as u8).chain(*b"=other").collect();
    let set = jar.set_cookie(&url, &other, &RetrievalContext::default());
    // Its path would be the page's directory.
    let is_beneath = matches!(cookie.path.as_str(), "/" | "/dir");
    let name = cookie.name.to_ascii_lowercase();
    let promises = ["__secure-", "__host-", "__http-"].iter().any(|prefix| name.starts_with(prefix));
    assert_eq!(set.is_err(), promises || (cookie.secure && is_beneath), "{cookie:?}");
    if set.is_err() {
        assert_eq!(jar.cookies(), kept);
    }
}

/// <https://datatracker.ietf.org/doc/html/draft-ietf-httpbis-rfc6265bis#name-the-cookie-header-field>, of cookies with a domain and
/// without.
fn plain_ones(urls: &[Url], now: SystemTime) {
    let context = RetrievalContext::default();
    for from in urls {
        let jar = CookieJar::new(Arc::new(ManualClock::new(now)));
        let host = from.host_str().unwrap_or_default();
        let set = jar.set_cookie(from, b"n=v", &context);
        assert_eq!(set.is_ok(), !host.is_empty(), "{from}");
        let directory = match from.path().rfind('/') {
            Some(last) if from.path().starts_with('/') => &from.path()[..last],
            _ => "",
        };
        let beneath = |path: &str| match path.strip_prefix(directory) {
            Some(rest) => rest.is_empty() || directory.ends_with('/') || rest.starts_with('/'),
            None => false,
        };
        for to in urls {
            let expected = !host.is_empty()
                && to.host_str() == Some(host)
                && (directory.is_empty() || beneath(to.path()));
            let sent = jar.cookie_header(to, &context);
            assert_eq!(sent.is_some(), expected, "from {from} to {to}");
        }
        // The host itself as a domain leads to the hosts beneath it too, unless it is an address or everybody's.
        let jar = CookieJar::new(Arc::new(ManualClock::new(now)));
        // A host may have a semicolon, which ends what can be said of it.
        if host.contains(';')
            || jar.set_cookie(from, format!("n=v; Path=/; Domain={host}").as_bytes(), &context).is_err()
        {
            continue;
        }
        let alone = jar.cookies().iter().any(|cookie| cookie.host_only);
        for to in urls {
            let to_host = to.host_str().unwrap_or_default();
            let is_beneath = to_host.strip_suffix(host).is_some_and(|rest| rest.ends_with('.'));
            let expected = to_host == host
                || (!alone && is_beneath && !matches!(to.host(), Some(Host::Ipv4(_) | Host::Ipv6(_))));
            assert_eq!(jar.cookie_header(to, &context).is_some(), expected, "from {from} to {to}");
        }
    }
}

#[derive(Debug, Default)]
struct Naive {
    name: String,
    value: String,
    expires: Option<i64>,
    max_age: Option<i64>,
    domain: String,
    path: Option<String>,
    secure: bool,
    http_only: bool,
    same_site: Option<&'static str>,
    partitioned: bool,
}

impl Naive {
    /// Whether a jar has a reason to refuse it from that URL.
    fn refused(&self) -> bool {
        let prefixed = |text: &str, prefix: &str| text.to_ascii_lowercase().starts_with(prefix);
        let pretends = |text: &str| {
            prefixed(text, "__secure-") || prefixed(text, "__host-") || prefixed(text, "__http-")
        };
        let has_parent_domain = !matches!(self.domain.as_str(), "" | "www.page.test");
        (self.name.is_empty() && (self.value.is_empty() || pretends(&self.value)))
            || !matches!(self.domain.as_str(), "" | "www.page.test" | "page.test")
            || (self.same_site == Some("None") && !self.secure)
            || (self.partitioned && !self.secure)
            || (pretends(&self.name) && !self.secure)
            || (prefixed(&self.name, "__host-")
                && (self.path.as_deref() != Some("/") || !self.domain.is_empty() || has_parent_domain))
            || ((prefixed(&self.name, "__http-") || prefixed(&self.name, "__host-http-")) && !self.http_only)
    }

    fn is(&self, kept: &[longhaul_cookies::Cookie], now: SystemTime) {
        let now_seconds = 1_700_000_000_i64;
        let expires = match (self.max_age, self.expires) {
            (Some(seconds), _) if seconds <= 0 => Some(i64::MIN),
            (Some(seconds), _) => Some(now_seconds.saturating_add(seconds)),
            (None, expires) => expires,
        };
        if expires.is_some_and(|expires| expires <= now_seconds) {
            assert!(kept.is_empty(), "{self:?} has expired");
            return;
        }
        let [kept] = kept else { panic!("{self:?} was set, there are {kept:?}") };
        assert_eq!((&kept.name, &kept.value), (&self.name, &self.value));
        assert_eq!(
            (kept.secure, kept.http_only, kept.same_site),
            (self.secure, self.http_only, self.same_site)
        );
        assert_eq!(kept.host_only, self.domain.is_empty(), "{self:?}");
        let domain = if self.domain.is_empty() { "www.page.test" } else { &self.domain };
        assert_eq!(kept.domain, domain);
        assert_eq!(kept.path, self.path.as_deref().unwrap_or("/dir"));
        assert_eq!(kept.partition.is_some(), self.partitioned);
        let latest = now_seconds + LONGEST as i64;
        let expires = expires.map(|expires| expires.min(latest));
        let since = |time: SystemTime| time.duration_since(now).expect("it lies ahead").as_secs() as i64;
        assert_eq!(kept.expires.map(since), expires.map(|expires| expires - now_seconds));
    }
}

/// <https://datatracker.ietf.org/doc/html/draft-ietf-httpbis-rfc6265bis#name-the-set-cookie-header-field>; nothing if the whole is
/// refused.
fn parse_naively(line: &[u8]) -> Option<Naive> {
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
    let mut cookie = Naive { name: name.into(), value: value.into(), ..Naive::default() };
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
            "domain" => cookie.domain = value.strip_prefix('.').unwrap_or(value).to_ascii_lowercase(),
            "path" => cookie.path = value.starts_with('/').then(|| value.to_owned()),
            "secure" => cookie.secure = true,
            "httponly" => cookie.http_only = true,
            "samesite" => {
                cookie.same_site = match value.to_ascii_lowercase().as_str() {
                    "none" => Some("None"),
                    "lax" => Some("Lax"),
                    "strict" => Some("Strict"),
                    _ => None,
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
