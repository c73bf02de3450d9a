//! Headers that say for how long: caching, HSTS, retrying.

use std::time::{Duration, SystemTime};

use longhaul_background_fetch::testing::{self as background_fetch, Judgement};
use longhaul_fetch::{HeaderList, StrictTransportSecurity};
use longhaul_hsts::{KnownHosts, Policy};
use longhaul_http_cache::{RequestHead, ResponseHead, testing as http_cache};
use longhaul_storage::ManualClock;

use super::header_text::headers_of;

/// `Cache-Control` and its like, `Strict-Transport-Security`, `Retry-After`, and what a background fetch makes of a response. Input: a
/// line with a status and two numbers (seconds that pass, stored bytes), then a header a line; those named `>name` are the request's.
///
/// Asserts that `no-store` stores nothing, that nothing is younger later, that hosts are known for as long as they said and no number
/// overflows, that no retry is at once, and that bytes are only ever continued where they end.
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
        headers_of(
            &lines.map(|line| line.strip_prefix(b">").unwrap_or(line)).collect::<Vec<_>>().join(&b'\n'),
        )
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
    let mut asks = RequestHead::get("partition", "https://a.test/b?c=d".parse().expect("a URL"));
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
    if let Some(validator) = background_fetch::strong_validator(response) {
        assert!(!validator.starts_with(b"W/"));
    }
}
