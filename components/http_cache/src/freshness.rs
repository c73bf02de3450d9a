//! Freshness: how long a response may be used, and how old it is.

use std::time::{Duration, SystemTime};

use http_cache_semantics::{CacheOptions, CachePolicy};

use crate::cache_control::{CacheControl, Seconds, delta_seconds};
use crate::message::{Headers, ResponseHead};

/// The statuses that may be stored without being told so.
///
/// <https://www.rfc-editor.org/rfc/rfc9110#section-15.1>
pub(crate) fn is_heuristically_cacheable(status: u16) -> bool {
    matches!(status, 200 | 203 | 204 | 206 | 300 | 301 | 308 | 404 | 405 | 410 | 414 | 501)
}

/// What a response says about its use, worked out once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Freshness {
    /// <https://www.rfc-editor.org/rfc/rfc9111#section-4.2.1>
    pub(crate) lifetime: Duration,
    /// Its age when it came.
    pub(crate) initial_age: Duration,
    /// When it came.
    pub(crate) response_time: SystemTime,
    /// It must be validated each time.
    pub(crate) no_cache: bool,
    /// It must not be used stale.
    pub(crate) must_revalidate: bool,
    /// <https://www.rfc-editor.org/rfc/rfc8246>
    pub(crate) immutable: bool,
    /// <https://www.rfc-editor.org/rfc/rfc5861#section-3>
    pub(crate) stale_while_revalidate: Duration,
    /// <https://www.rfc-editor.org/rfc/rfc5861#section-4>
    pub(crate) stale_if_error: Option<Duration>,
}

impl Freshness {
    pub(crate) fn of(head: &ResponseHead, request_time: SystemTime, response_time: SystemTime) -> Freshness {
        let control = CacheControl::of(&head.headers);
        let seconds = |name| match control.seconds(name) {
            Some(Seconds::Some(seconds)) => Some(Duration::from_secs(seconds)),
            _ => None,
        };
        Freshness {
            lifetime: freshness_lifetime(head, &control, response_time),
            initial_age: corrected_initial_age(&head.headers, request_time, response_time),
            response_time,
            // NOTE: a response's `Pragma` has no meaning in RFC 9111; every browser heeds it where there is no `Cache-Control`.
            no_cache: control.has("no-cache") || (control.is_empty() && is_pragma_no_cache(&head.headers)),
            must_revalidate: control.has("must-revalidate"),
            immutable: control.has("immutable"),
            stale_while_revalidate: seconds("stale-while-revalidate").unwrap_or_default(),
            stale_if_error: seconds("stale-if-error"),
        }
    }

    /// <https://www.rfc-editor.org/rfc/rfc9111#section-4.2.3>
    pub(crate) fn current_age(&self, now: SystemTime) -> Duration {
        // NOTE: where the clock was set back, no time has passed.
        self.initial_age + now.duration_since(self.response_time).unwrap_or_default()
    }

    pub(crate) fn is_fresh(&self, now: SystemTime) -> bool {
        self.lifetime > self.current_age(now)
    }

    /// By how much its age is past its lifetime.
    pub(crate) fn staleness(&self, now: SystemTime) -> Duration {
        self.current_age(now).saturating_sub(self.lifetime)
    }
}

/// <https://www.rfc-editor.org/rfc/rfc9111#section-5.4>
pub(crate) fn is_pragma_no_cache(headers: &Headers) -> bool {
    headers.list("Pragma").any(|directive| directive.eq_ignore_ascii_case("no-cache"))
}

pub(crate) fn http_date(headers: &Headers, name: &str) -> Option<SystemTime> {
    httpdate::parse_http_date(headers.first(name)?).ok()
}

/// <https://www.rfc-editor.org/rfc/rfc9111#section-4.2.1>
///
/// The rules are `http-cache-semantics`'. It gets the head in the one form that it reads as the standard means it, because
/// on its own it takes directives in capitals for unknown ones, cuts quoted values at commas, takes an age that does not
/// fit for none, reads only one of HTTP's three dates, and gives every status that it does not know no lifetime at all.
fn freshness_lifetime(head: &ResponseHead, control: &CacheControl, response_time: SystemTime) -> Duration {
    let mut plain = http::HeaderMap::new();
    let mut set = |name: &'static str, value: String| {
        // Numbers and dates are always header values.
        if let Ok(value) = value.parse() {
            plain.insert(name, value);
        }
    };
    let date = |name| http_date(&head.headers, name).map(httpdate::fmt_http_date);
    if let Some(date) = date("Date") {
        set("date", date);
    }
    if let Some(max_age) = control.seconds("max-age") {
        let seconds = if let Seconds::Some(seconds) = max_age { seconds } else { 0 };
        set("cache-control", format!("max-age={seconds}"));
    } else if head.headers.contains("Expires") {
        set("expires", date("Expires").unwrap_or_else(|| "0".to_owned()));
    } else if let Some(last_modified) = date("Last-Modified")
        // A guess is allowed for some statuses only, or where the response may be stored explicitly.
        && (is_heuristically_cacheable(head.status) || control.has("public"))
    {
        set("last-modified", last_modified);
    }
    let mut request = http::Request::new(());
    *request.uri_mut() = http::Uri::from_static("/");
    let mut response = http::Response::new(());
    *response.headers_mut() = plain;
    let options =
        CacheOptions { shared: false, immutable_min_time_to_live: Duration::ZERO, ..CacheOptions::default() };
    // NOTE: it has no age here, so that all of its lifetime is left.
    CachePolicy::new_options(&request, &response, response_time, options).time_to_live(response_time)
}

/// <https://www.rfc-editor.org/rfc/rfc9111#section-4.2.3>
fn corrected_initial_age(headers: &Headers, request_time: SystemTime, response_time: SystemTime) -> Duration {
    // NOTE: `Date` has whole seconds, and so has what it is compared with.
    let apparent = http_date(headers, "Date")
        .and_then(|date| response_time.duration_since(date).ok())
        .map_or(Duration::ZERO, |age| Duration::from_secs(age.as_secs()));
    let age_value =
        headers.list("Age").next().and_then(delta_seconds).map_or(Duration::ZERO, Duration::from_secs);
    let response_delay = response_time.duration_since(request_time).unwrap_or_default();
    apparent.max(age_value + response_delay)
}
