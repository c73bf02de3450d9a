//! Headers that say for how long: caching, HSTS, retrying.

use std::time::{Duration, SystemTime};

use longhaul_background_fetch::testing::{self as background_fetch, Judgement};
use longhaul_fetch::{HeaderList, StrictTransportSecurity};
use longhaul_hsts::{KnownHosts, Policy};
use longhaul_http_cache::{Headers, RequestHead, ResponseHead, testing as http_cache};
use longhaul_storage::ManualClock;
use sfv::{BareItem, Dictionary, ListEntry, Parser};
use url::{Url, form_urlencoded};

use super::header_text::headers_of_lines;

/// `Cache-Control` and its like, `No-Vary-Search`, `Strict-Transport-Security`, `Retry-After`, and what a background fetch makes of a
/// response. Input: a line with a status and two numbers (seconds that pass, stored bytes), then a header a line; those named `>name` are
/// the request's.
///
/// Asserts that `no-store` stores nothing, that nothing is younger later, that what belongs to a connection is not stored and what a 304
/// brings replaces what was there, that queries are compared as by a second reading with a parser of structured fields, that hosts are
/// known for as long as they said and no number overflows, that no retry is at once, and that bytes are only ever continued where they
/// end.
pub fn response_headers(data: &[u8]) {
    let (line, rest) = match data.iter().position(|byte| *byte == b'\n') {
        Some(end) => (&data[..end], &data[end + 1..]),
        None => (data, &[][..]),
    };
    let line = String::from_utf8_lossy(line);
    let mut numbers = line.split(' ').map(|number| number.parse::<u64>().unwrap_or_default());
    let mut number = || numbers.next().unwrap_or_default();
    let (status, seconds, stored) = (200 + (number() % 400) as u16, number(), number());
    let lines = |request: bool| {
        let lines = rest.split(|byte| *byte == b'\n').filter(|line| line.starts_with(b">") == request);
        headers_of_lines(lines.map(|line| line.strip_prefix(b">").unwrap_or(line)))
    };
    let (request, response) = (lines(true), lines(false));
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    let later = Duration::from_secs(seconds % (1 << 40));
    caching(status, &request, &response, now, later);
    strict_transport(&response, now, later);
    background(status, &request, &response, stored, now);
}

fn caching(status: u16, request: &HeaderList, response: &HeaderList, now: SystemTime, later: Duration) {
    let pairs =
        |list: &HeaderList| list.iter().map(|(name, value)| (name.to_vec(), value.to_vec())).collect();
    thread_local! {
        static ASKED: Url = "https://a.test/b?c=d".parse().expect("a URL");
    }
    let mut asks = RequestHead::get("partition", ASKED.with(Url::clone));
    asks.headers = pairs(request);
    let given = ResponseHead { status, reason: bytes::Bytes::new(), headers: pairs(response) };
    let soon = http_cache::judge(&asks, &given, now, Duration::ZERO);
    let then = http_cache::judge(&asks, &given, now, later);
    assert!(then.age >= soon.age);
    assert_eq!((then.may_store, then.lifetime), (soon.may_store, soon.lifetime));
    assert!(!then.stands_in || soon.stands_in, "what is too old now was not later");
    let no_store = |list: &HeaderList| {
        list.values("Cache-Control").any(|value| value.trim_ascii().eq_ignore_ascii_case(b"no-store"))
    };
    assert!(!(no_store(response) && soon.may_store));
    storing(&asks.headers, &given.headers);
    queries(&given.headers);
}

fn storing(request: &Headers, response: &Headers) {
    fn of<'list>(headers: &'list Headers, name: &'list [u8]) -> impl Iterator<Item = &'list [u8]> {
        headers.iter().filter(move |(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| &value[..])
    }
    let named_by_connection = |headers: &Headers, name: &[u8]| {
        of(headers, b"Connection")
            .filter_map(|value| std::str::from_utf8(value).ok())
            .any(|value| value.split(',').any(|member| member.trim().as_bytes().eq_ignore_ascii_case(name)))
    };
    // <https://www.rfc-editor.org/rfc/rfc9111#section-3.1>
    let hops = [
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authentication-info",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ];
    let is_of_connection = |headers: &Headers, name: &[u8]| {
        hops.iter().any(|hop| hop.as_bytes().eq_ignore_ascii_case(name)) || named_by_connection(headers, name)
    };
    let stored = http_cache::stored_headers(response);
    assert!(response.iter().filter(|(name, _)| !is_of_connection(response, name)).eq(stored.iter()));
    // NOTE: a request's headers stand in for those of a 304.
    let updated = http_cache::updated_headers(&stored, request);
    for (name, _) in request.iter() {
        let describes_bytes = ["content-encoding", "content-length", "content-range"]
            .iter()
            .any(|fixed| fixed.as_bytes().eq_ignore_ascii_case(name));
        let expected = if describes_bytes || is_of_connection(request, name) { &stored } else { request };
        assert!(of(&updated, name).eq(of(expected, name)), "{}", name.escape_ascii());
    }
    let strong = response.first("ETag").is_some_and(|etag| etag.len() > 1 && etag.starts_with('"'));
    assert!(!http_cache::has_parts(response) || strong);
}

/// <https://httpwg.org/http-extensions/draft-ietf-httpbis-no-vary-search.html#name-parse-a-url-search-variance>: whether the order of
/// parameters matters, and which do not (or which alone do).
fn variance_naively(text: &str) -> Option<(bool, bool, Vec<String>)> {
    let dictionary = Parser::new(text).parse::<Dictionary>().ok()?;
    let strings = |entry: &ListEntry| match entry {
        ListEntry::InnerList(list) => list
            .items
            .iter()
            .map(|item| match &item.bare_item {
                BareItem::String(string) => Some(string.as_str().to_owned()),
                _ => None,
            })
            .collect::<Option<Vec<_>>>(),
        ListEntry::Item(_) => None,
    };
    let flag = |entry: &ListEntry| match entry {
        ListEntry::Item(item) => match item.bare_item {
            BareItem::Boolean(flag) => Some(flag),
            _ => None,
        },
        ListEntry::InnerList(_) => None,
    };
    let any_order = dictionary.get("key-order").map_or(Some(false), flag)?;
    let params = dictionary.get("params");
    let all = params.map(flag);
    let (all_but, names) = match (all, dictionary.get("except")) {
        (Some(Some(true)), None) => (true, Vec::new()),
        (Some(Some(true)), Some(except)) => (true, strings(except)?),
        (None | Some(Some(false)), None) => (false, Vec::new()),
        (Some(None), None) => (false, strings(params?)?),
        _ => return None,
    };
    Some((any_order, all_but, names))
}

fn queries(response: &Headers) {
    let values: Vec<&[u8]> = response.all("No-Vary-Search").map(|value| &value[..]).collect();
    if values.is_empty() {
        assert_eq!(http_cache::same_query(response, "a", "a"), None);
        return;
    }
    let values: Vec<&[u8]> = values.into_iter().skip_while(|value| value.is_empty()).collect();
    let expected = std::str::from_utf8(&values.join(&b','))
        .ok()
        .and_then(variance_naively)
        .filter(|(any_order, all_but, names)| *any_order || *all_but || !names.is_empty());
    for (left, right) in [("a=1&b=2", "b=2&a=1"), ("a=1", "a=2"), ("a=1&b=3&a=2", "a=2&a=1"), ("", "b=1")] {
        let same = http_cache::same_query(response, left, right);
        // NOTE: ours takes no parameters and no other types of members, and so says less of some.
        let (Some(same), Some((any_order, all_but, names))) = (same, &expected) else {
            assert!(same.is_none(), "{:?}", String::from_utf8_lossy(&values.join(&b',')));
            continue;
        };
        let names: Vec<String> = names
            .iter()
            .map(|name| {
                let text = name.replace('&', "%26").replace('=', "%3D");
                form_urlencoded::parse(text.as_bytes())
                    .next()
                    .map_or_else(String::new, |(name, _)| name.into_owned())
            })
            .collect();
        let counts = |query: &str| {
            let pairs = form_urlencoded::parse(query.as_bytes()).into_owned();
            let mut pairs: Vec<(String, String)> =
                pairs.filter(|(name, _)| names.contains(name) == *all_but).collect();
            if *any_order {
                pairs.sort_by(|(one, _), (other, _)| one.cmp(other));
            }
            pairs
        };
        assert_eq!(same, counts(left) == counts(right), "{left} {right}");
    }
}

fn strict_transport(response: &HeaderList, now: SystemTime, later: Duration) {
    let Some(policy) = StrictTransportSecurity::from_headers(response) else { return };
    let clock = std::sync::Arc::new(ManualClock::new(now));
    let hosts = KnownHosts::new(std::sync::Arc::clone(&clock) as _);
    let noted = Policy { max_age: policy.max_age, include_subdomains: policy.include_subdomains };
    hosts.note("partition", "a.test", noted);
    let known = |host| hosts.is_known("partition", host);
    assert_eq!(known("a.test"), !policy.max_age.is_zero());
    assert_eq!(known("b.a.test"), !policy.max_age.is_zero() && policy.include_subdomains);
    assert!(!known("test") && !known("ba.test") && !hosts.is_known("another", "a.test"));
    if now.checked_add(later).is_some() {
        clock.advance(later);
        assert!(!known("a.test") || later <= policy.max_age);
    }
}

fn background(status: u16, request: &HeaderList, response: &HeaderList, stored: u64, now: SystemTime) {
    let first = background_fetch::judge(status, response, request, None, now);
    let rest = background_fetch::judge(status, response, request, Some((response, 0, stored, None)), now);
    for judgement in [first, rest] {
        match judgement {
            Judgement::RetryAfter(wait) => assert!(wait >= Duration::from_secs(1)),
            Judgement::Begins(Some((first, last))) => assert!(first <= last && status == 206),
            Judgement::Continues(first, last) => assert!(first == stored && first <= last && status == 206),
            _ => {}
        }
    }
    assert!(!matches!(first, Judgement::Continues(..) | Judgement::AlreadyComplete));
    for complete in [None, Some(stored)] {
        let end = background_fetch::wanted_end(request, complete);
        assert!(end.is_none_or(|end| complete.is_none_or(|complete| end <= complete)));
    }
    if let Some(validator) = background_fetch::strong_validator(response) {
        assert!(!validator.starts_with(b"W/"));
    }
}
