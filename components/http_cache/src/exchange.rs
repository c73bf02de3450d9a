//! A request that goes to the network, and what the cache makes of the answer.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use futures::stream::StreamExt as _;

use crate::cache::{Answer, HttpCache};
use crate::cache_control::CacheControl;
use crate::flight::{Lead, Live, Outcome, Ticket};
use crate::growing::{BodyStream, Growing};
use crate::memory::Hot;
use crate::message::{CacheMode, Headers, RequestHead, ResponseHead};
use crate::policy::{self, Coverage, HeadAnswer, Wishes};
use crate::range::content_range;
use crate::storable;
use crate::stored::{Key, Stored, in_millis};
use crate::vary;
use crate::write::{self, Base};

/// Why a request goes to the network.
pub(crate) enum Purpose {
    /// The cache has nothing to do with it, but for what it makes invalid.
    Pass,
    /// What comes may be stored.
    Store,
    /// To know whether what is stored is still right.
    Validate(Arc<Hot>),
    /// To get the rest of what is stored.
    Resume { hot: Arc<Hot>, prefix: u64, headers: Headers },
}

/// A request on its way to the network. Dropped, it tells whoever waits for it that nothing comes.
pub struct Exchange {
    cache: HttpCache,
    request: RequestHead,
    key: Key,
    purpose: Purpose,
    ticket: Ticket,
    request_time: SystemTime,
}

/// Where a response comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// From the network.
    Network,
    /// It was stored, and the server has confirmed it.
    Validated,
    /// It was stored, and takes the place of an error.
    Stored,
}

/// What became of an exchange.
#[derive(Debug)]
pub enum Received {
    /// This is the response.
    Response {
        /// From where.
        source: Source,
        /// The response.
        answer: Answer,
    },
    /// What came cannot be used with what is stored. The request is to be sent once more, with this exchange's headers.
    SendAgain(Box<Exchange>),
}

impl Exchange {
    pub(crate) fn new(
        cache: HttpCache,
        request: RequestHead,
        key: Key,
        purpose: Purpose,
        ticket: Ticket,
    ) -> Exchange {
        let request_time = in_millis(cache.inner.clock.now());
        Exchange { cache, request, key, purpose, ticket, request_time }
    }

    /// The headers to add to the request.
    pub fn headers(&self) -> Headers {
        match &self.purpose {
            Purpose::Pass | Purpose::Store => Headers::new(),
            Purpose::Validate(hot) => policy::conditions(&hot.stored),
            Purpose::Resume { headers, .. } => headers.clone(),
        }
    }

    /// Whether a 304 that comes is the answer to these headers, and not to the author's.
    pub fn validates(&self) -> bool {
        matches!(self.purpose, Purpose::Validate(_))
    }

    /// No response came. A stored one may stand in for it.
    ///
    /// <https://www.rfc-editor.org/rfc/rfc5861#section-4>
    pub async fn failed(self) -> Option<Answer> {
        self.stand_in().await
    }

    async fn stand_in(&self) -> Option<Answer> {
        let Purpose::Validate(hot) = &self.purpose else { return None };
        let now = self.cache.inner.clock.now();
        if !policy::may_stand_in_for_an_error(&Wishes::of(&self.request), &hot.stored, now) {
            return None;
        }
        let coverage = policy::coverage(&self.request, &hot.stored);
        self.cache.answer(&self.request, hot, coverage, Some(now)).await.ok()
    }

    /// A response came. Its body is as it came over the wire, its codings still on it.
    pub async fn received(mut self, head: ResponseHead, body: BodyStream) -> Received {
        let now = in_millis(self.cache.inner.clock.now());
        let network = |head, body| Received::Response {
            source: Source::Network,
            answer: Answer { head, body: Some(body), revalidate: false },
        };
        let invalidated = policy::invalidated(&self.request, &head);
        if !invalidated.is_empty() {
            self.cache.invalidate(&self.request.partition, &invalidated).await;
        }
        if policy::clears_cache(&self.request, &head) {
            let cleared =
                self.cache.clear_partition(&self.request.partition, &self.request.url.origin()).await;
            if let Err(error) = cleared {
                tracing::warn!(%error, "Clear-Site-Data");
            }
            return network(head, body);
        }
        match std::mem::replace(&mut self.purpose, Purpose::Store) {
            Purpose::Pass if self.is_answer_to_get(&head) => {
                self.request.method = "GET".to_owned();
                self.ticket = self.cache.inner.flights.join(&self.key, Lead::Never);
            }
            Purpose::Pass => return network(head, body),
            Purpose::Store => {}
            Purpose::Validate(hot) if head.status == 304 => {
                return self.validated(hot, head, now).await;
            }
            purpose @ Purpose::Validate(_) => {
                self.purpose = purpose;
                if matches!(head.status, 500 | 502 | 503 | 504)
                    && let Some(answer) = self.stand_in().await
                {
                    return Received::Response { source: Source::Stored, answer };
                }
            }
            Purpose::Resume { hot, prefix, .. } => {
                let begins_there = head.status == 206
                    && policy::may_combine(&hot.stored, &head)
                    && content_range(&head.headers).is_some_and(|(range, _)| range.start == prefix);
                if begins_there {
                    return self.resumed(hot, prefix, head, body, now).await;
                }
                if matches!(head.status, 206 | 304 | 412 | 416) {
                    // Nobody asked for a part, so nobody else can use it.
                    drop(body);
                    self.cache.remove(self.key.clone(), Some(hot.stored.id)).await;
                    return Received::SendAgain(Box::new(self));
                }
            }
        }
        if self.request.method == "HEAD" {
            self.head_answered(&head, now).await;
            return network(head, body);
        }
        let has_range = self.request.headers.contains("Range");
        let is_part = head.status == 206;
        // NOTE: conditions of the author's own may have chosen the response.
        let storable = self.request.mode != CacheMode::NoStore
            && !self.ticket.is_doomed()
            && storable::may_store(&self.request, &head)
            && (!is_part || (has_range && content_range(&head.headers).is_some()));
        if !storable {
            self.ticket.tell(Outcome::NotShared);
            if (200..400).contains(&head.status) && head.status != 304 && !is_part
                || matches!(head.status, 404 | 410)
            {
                self.remove_outdated().await;
            }
            return network(head, body);
        }
        let (stored_head, start, expected, length) = stored_form(&head);
        let selecting = vary::selecting(&self.request.headers, &stored_head.headers);
        let stored =
            Stored::new(self.cache.tick(), self.key.clone(), selecting, stored_head, self.request_time, now);
        // NOTE: nobody reads the body of a redirect, nor of a status that has none.
        let finish = (300..400).contains(&head.status) || matches!(head.status, 204 | 205);
        let growing = Growing::new(body, expected, finish);
        let Some(reader) = growing.reader(0..u64::MAX) else {
            // Nothing has come yet, so there is nothing that could be gone.
            return network(head, futures::stream::empty().boxed());
        };
        let base = if is_part { Base::Parts { length } } else { Base::Nothing };
        let live = Arc::new(Live { stored: Arc::new(stored), growing });
        if self.ticket.leads() && !is_part {
            self.ticket.tell(Outcome::Live(Arc::clone(&live)));
        }
        write::start(self.cache, self.request, live, base, start, self.ticket);
        network(head, reader)
    }

    /// Whether the answer to a POST or PATCH is also what a GET would get, and says for how long.
    ///
    /// <https://www.rfc-editor.org/rfc/rfc9110#section-9.3.3>
    fn is_answer_to_get(&self, head: &ResponseHead) -> bool {
        let control = CacheControl::of(&head.headers);
        let location = head.headers.all("Content-Location").next();
        let location = location.and_then(|location| str::from_utf8(location).ok());
        matches!(self.request.method.as_str(), "POST" | "PATCH")
            && self.request.mode != CacheMode::NoStore
            && head.status == 200
            && (control.has("max-age") || head.headers.contains("Expires"))
            && location
                .and_then(|location| self.request.url.join(location.trim()).ok())
                .is_some_and(|url| Key::new(&self.request.partition, &url) == self.key)
    }

    /// <https://www.rfc-editor.org/rfc/rfc9111#section-4.3.4>
    async fn validated(mut self, hot: Arc<Hot>, head: ResponseHead, now: SystemTime) -> Received {
        if !policy::is_validated_by(&hot.stored, &head) {
            // It is about something else that we do not have.
            self.cache.remove(hot.stored.key.clone(), Some(hot.stored.id)).await;
            self.purpose = Purpose::Store;
            return Received::SendAgain(Box::new(self));
        }
        let mut updated = hot.stored.head.clone();
        storable::update(&mut updated.headers, &head.headers);
        let stored = hot.stored.with_head(updated, self.request_time, now);
        let keep = !self.ticket.is_doomed();
        let hot = write::freshen(&self.cache, &hot, stored, keep).await;
        let coverage = policy::coverage(&self.request, &hot.stored);
        match self.cache.answer(&self.request, &hot, coverage, None).await {
            Ok(answer) if coverage != Coverage::Insufficient => {
                Received::Response { source: Source::Validated, answer }
            }
            // It was damaged, and is removed.
            _ => {
                self.purpose = Purpose::Store;
                Received::SendAgain(Box::new(self))
            }
        }
    }

    /// The rest of an incomplete response.
    ///
    /// <https://www.rfc-editor.org/rfc/rfc9111#section-3.4>
    async fn resumed(
        self,
        hot: Arc<Hot>,
        prefix: u64,
        head: ResponseHead,
        body: BodyStream,
        now: SystemTime,
    ) -> Received {
        let beginning = match self.cache.open_body(&hot, 0..prefix).await {
            Ok(beginning) => beginning,
            // It was damaged, and is removed.
            Err(_) => return Received::SendAgain(Box::new(self)),
        };
        self.ticket.tell(Outcome::NotShared);
        let mut combined = hot.stored.head.clone();
        storable::update(&mut combined.headers, &head.headers);
        let length = content_range(&head.headers).and_then(|(_, length)| length).or(hot.stored.length);
        if let Some(length) = length {
            combined.headers.set("Content-Length", length.to_string());
        }
        let mut stored = hot.stored.with_head(combined.clone(), self.request_time, now);
        stored.id = self.cache.tick();
        stored.parts = Vec::new();
        let growing = Growing::new(body, length.map(|length| length - prefix), false);
        let Some(rest) = growing.reader(0..u64::MAX) else { return Received::SendAgain(Box::new(self)) };
        let live = Arc::new(Live { stored: Arc::new(stored), growing });
        write::start(self.cache, self.request, live, Base::Parts { length }, prefix, self.ticket);
        let answer = Answer { head: combined, body: Some(beginning.chain(rest).boxed()), revalidate: false };
        Received::Response { source: Source::Network, answer }
    }

    /// <https://www.rfc-editor.org/rfc/rfc9111#section-4.3.5>
    async fn head_answered(&self, head: &ResponseHead, now: SystemTime) {
        if head.status != 200 || self.ticket.is_doomed() {
            return;
        }
        let Some(hot) = self.cache.select(&self.request, &self.key).await else { return };
        if hot.stored.head.status != 200 {
            return;
        }
        match policy::freshened_by_head(&hot.stored, head) {
            HeadAnswer::Same => {
                let mut updated = hot.stored.head.clone();
                storable::update(&mut updated.headers, &head.headers);
                let stored = hot.stored.with_head(updated, self.request_time, now);
                write::freshen(&self.cache, &hot, stored, true).await;
            }
            HeadAnswer::Changed => self.cache.remove(hot.stored.key.clone(), Some(hot.stored.id)).await,
        }
    }

    /// A newer response came that is not stored: what is stored is no longer what the server says.
    async fn remove_outdated(&self) {
        if self.request.method != "GET" {
            return;
        }
        for hot in self.cache.candidates(&self.key).await {
            if vary::matches(&hot.stored.selecting, &self.request.headers) {
                self.cache.remove(self.key.clone(), Some(hot.stored.id)).await;
            }
        }
    }
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchange").field("url", &self.key.url()).finish_non_exhaustive()
    }
}

/// The head to store, where the bytes begin, how many come, and how long the whole is.
fn stored_form(head: &ResponseHead) -> (ResponseHead, u64, Option<u64>, Option<u64>) {
    let mut stored = head.clone();
    storable::strip(&mut stored.headers);
    if head.status != 206 {
        let expected = head.headers.first("Content-Length").and_then(|length| length.parse().ok());
        return (stored, 0, expected, expected);
    }
    let (range, length) = content_range(&head.headers).unwrap_or((0..0, None));
    stored.status = 200;
    stored.reason = Bytes::from_static(b"OK");
    stored.headers.remove("Content-Range");
    stored.headers.remove("Content-Length");
    if let Some(length) = length {
        stored.headers.append("Content-Length", length.to_string());
    }
    (stored, range.start, Some(range.end - range.start), length)
}
