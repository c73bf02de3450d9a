//! The jar of cookies.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use longhaul_cookies::{Cookie, CookieJar, PathAttribute, RetrievalContext, SameSite, SetCookieString};
use longhaul_storage::ManualClock;
use url::{Host, Url};

/// The longest that a cookie lives.
const LONGEST: u64 = 400 * 86_400;
/// The time of all of it, in seconds since 1970.
const NOW: u64 = 1_700_000_000;

/// The jar of cookies. Input: values of `Set-Cookie`, one a line, set one after the other from `https://www.page.test/dir/page`. A line that
/// begins with `@` is a URL instead, from which a plain cookie is set.
///
/// Asserts that a plain cookie goes just where hosts and paths match, that a cookie is kept with the attributes that it was set with and a
/// refused one had a reason, that nobody overlays what is secure without a secure URL, that what is set is sent and nothing else, that
/// expired cookies are gone, and that what is sent has no control character but tabs.
pub fn cookie_jar(data: &[u8]) {
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(NOW);
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
        let kept = alone.cookies();
        match SetCookieString::parse(line) {
            Ok(cookie) if outcome.is_ok() => {
                assert!(!is_refused(&cookie), "it was kept: {cookie:?}");
                is_kept(&cookie, &kept);
                secure_ones_stay(&alone, &kept);
            }
            Ok(cookie) => {
                assert!(is_refused(&cookie), "it was refused: {outcome:?} {cookie:?}");
                assert!(kept.is_empty());
            }
            Err(reason) => assert!(outcome == Err(reason) && kept.is_empty(), "{outcome:?}"),
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
fn secure_ones_stay(jar: &CookieJar, kept: &[Cookie]) {
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

/// Whether a jar has a reason to refuse it from `https://www.page.test`.
fn is_refused(cookie: &SetCookieString) -> bool {
    let prefixed = |text: &str, prefix: &str| text.to_ascii_lowercase().starts_with(prefix);
    let pretends =
        |text: &str| prefixed(text, "__secure-") || prefixed(text, "__host-") || prefixed(text, "__http-");
    let domain = cookie.domain.as_deref().unwrap_or_default();
    let SetCookieString { name, value, .. } = cookie;
    (name.is_empty() && (value.is_empty() || pretends(value)))
        || !matches!(domain, "" | "www.page.test" | "page.test")
        || (cookie.same_site == SameSite::None && !cookie.secure)
        || (cookie.partitioned && !cookie.secure)
        || (pretends(name) && !cookie.secure)
        || (prefixed(name, "__host-")
            && (cookie.path != PathAttribute::Path("/".into()) || !domain.is_empty()))
        || ((prefixed(name, "__http-") || prefixed(name, "__host-http-")) && !cookie.http_only)
}

/// What was set is kept as it was said, unless it has expired.
fn is_kept(cookie: &SetCookieString, kept: &[Cookie]) {
    let now = NOW as i64;
    let expires = match cookie.max_age {
        Some(seconds) if seconds <= 0 => Some(i64::MIN),
        Some(seconds) => Some(now.saturating_add(seconds)),
        None => cookie.expires,
    };
    if expires.is_some_and(|expires| expires <= now) {
        assert!(kept.is_empty(), "{cookie:?} has expired");
        return;
    }
    let [kept] = kept else { panic!("{cookie:?} was set, there are {kept:?}") };
    assert_eq!((&kept.name, &kept.value), (&cookie.name, &cookie.value));
    let same_site = match cookie.same_site {
        SameSite::None => Some("None"),
        SameSite::Lax => Some("Lax"),
        SameSite::Strict => Some("Strict"),
        SameSite::Default => None,
    };
    assert_eq!((kept.secure, kept.http_only, kept.same_site), (cookie.secure, cookie.http_only, same_site));
    let domain = cookie.domain.as_deref().filter(|domain| !domain.is_empty());
    assert_eq!(kept.host_only, domain.is_none(), "{cookie:?}");
    assert_eq!(kept.domain, domain.unwrap_or("www.page.test"));
    let path = match &cookie.path {
        PathAttribute::Path(path) => path,
        PathAttribute::Absent | PathAttribute::Default => "/dir",
    };
    assert_eq!(kept.path, path);
    assert_eq!(kept.partition.is_some(), cookie.partitioned);
    let expires = expires.map(|expires| expires.min(now + LONGEST as i64));
    let since =
        |time: SystemTime| time.duration_since(SystemTime::UNIX_EPOCH).expect("it lies ahead").as_secs();
    assert_eq!(kept.expires.map(|time| since(time) as i64), expires);
}
