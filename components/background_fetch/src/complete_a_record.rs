//! <https://wicg.github.io/background-fetch/#complete-a-record-algorithm>: one attempt at a record.

use std::sync::{Arc, PoisonError};

use futures::StreamExt;
use longhaul_fetch::{
    Body, BodyError, BodyStream, FailureClass, FetchController, NetworkError, Request, Response, Resumption,
    ServiceWorkersMode, TraversableForUserPrompts,
};
use longhaul_storage::{self as storage, BodyWriter, StorageError, Transaction};
use tokio::sync::oneshot;

use crate::background_fetch::{Admission, BackgroundFetch, Record, StoredResponse};
use crate::dependencies::BadStatusBody;
use crate::driver::Driver;
use crate::registration::FailureReason;
use crate::registry::persist;
use crate::response_validation::{Asked, AuthorRange, ContentRange, Stored, Verdict, judge};
use crate::scheduler::{AttemptId, Event, Outcome, RecordResult, Repeat};

/// Makes one attempt and tells the scheduler how it ended. When it is cancelled, what came so far is put away.
pub(crate) async fn complete_a_record(
    driver: Arc<Driver>,
    fetch: Arc<BackgroundFetch>,
    index: usize,
    id: AttemptId,
    mut cancelled: oneshot::Receiver<()>,
) {
    // An attempt before this one may still be putting its body away.
    let _turn = tokio::select! {
        biased;
        _ = &mut cancelled => return,
        turn = fetch.records[index].turn.lock() => turn,
    };
    let controller = FetchController::default();
    let mut attempt = Attempt { driver: &driver, fetch: &fetch, index, id, writer: None };
    let outcome = tokio::select! {
        biased;
        _ = &mut cancelled => None,
        outcome = attempt.run(controller.clone()) => Some(outcome),
    };
    controller.terminate();
    let outcome = match (outcome, attempt.writer.take()) {
        (Some(Outcome::Success | Outcome::BadStatus), Some(writer)) => {
            // Whole and durable, before anybody hears of it.
            let whole = match writer.finish().await {
                Ok(_) => outcome_of_whole(&fetch, index),
                Err(error) => storage_outcome(&fetch, index, &error),
            };
            Some(whole)
        }
        (outcome, Some(writer)) => {
            put_away(&fetch, index, writer).await;
            outcome
        }
        (outcome, None) => outcome,
    };
    if let Some(outcome) = outcome {
        driver.attempt_ended(id);
        driver.handle(Event::Ended { attempt: id, outcome });
    }
}

/// The record has its result: readers learn of it, and a body that nobody may see is let go.
pub(crate) fn settle(fetch: &BackgroundFetch, index: usize, result: RecordResult) {
    let mut data = fetch.lock();
    let record = &mut data.records[index];
    record.result = Some(result);
    record.failing = None;
    let exposed = matches!(result, RecordResult::Success | RecordResult::Failure(FailureReason::BadStatus));
    if !exposed {
        record.discarded.extend(record.body.take());
    }
    fetch.show(index, record, |_| {});
    data.dirty_records.insert(index);
    drop(data);
    fetch.publish();
}

/// What a finished body means: its response's status says.
pub(crate) fn outcome_of_whole(fetch: &BackgroundFetch, index: usize) -> Outcome {
    match &fetch.lock().records[index].response {
        Some(response) if (200..=299).contains(&response.status) => Outcome::Success,
        _ => Outcome::BadStatus,
    }
}

/// Makes what was written durable, and counts what is really there.
async fn put_away(fetch: &BackgroundFetch, index: usize, mut writer: BodyWriter) {
    let durable = match writer.checkpoint().await {
        Ok(durable) => durable,
        Err(_) => writer.durable_length(),
    };
    let mut data = fetch.lock();
    // A record that failed has let its body go, but what came for it stays counted.
    if data.records[index].body == Some(writer.id()) {
        data.set_stored(index, durable);
    }
}

struct Attempt<'a> {
    driver: &'a Arc<Driver>,
    fetch: &'a Arc<BackgroundFetch>,
    index: usize,
    id: AttemptId,
    /// Outside the future that may be dropped, so that what it wrote can be put away.
    writer: Option<BodyWriter>,
}

impl Attempt<'_> {
    fn record(&self) -> &Record {
        &self.fetch.records[self.index]
    }

    async fn run(&mut self, controller: FetchController) -> Outcome {
        // An attempt before this one finished the body, and was cancelled before it could say so.
        if self.is_whole() {
            return outcome_of_whole(self.fetch, self.index);
        }
        // DEVIATION: only http(s) is fetched. Any other scheme fails its record, `data:` too, though the Fetch layer could
        // read that one: this is what web-platform-tests assert.
        let is_http = |url: &url::Url| matches!(url.scheme(), "http" | "https");
        if !self.record().request.url_list.iter().all(is_http) {
            return Outcome::Fatal;
        }
        // 4 to 8. The request: for the rest where there is one, else for everything.
        let resumption = self.resume().await;
        let mut request = Request::from_snapshot(self.record().request.clone());
        // 5. NOTE: `keepalive` stays unset. It would count the body against the client's fetch group, to which a
        // background request does not belong.
        // 6. No service worker sees it.
        request.service_workers_mode = ServiceWorkersMode::None;
        // Nobody may be there to answer a prompt.
        request.traversable_for_user_prompts = TraversableForUserPrompts::NoTraversable;
        // NOTE: which also keeps the body out of the HTTP cache: it is stored once, here.
        request.identity_encoding = true;
        request.resumption.clone_from(&resumption);
        request.body =
            self.record().body.map(|body| crate::record::stored_body(self.driver, body.id, body.length));
        if self.record().repeat == Repeat::Never {
            // From here on a byte may have left; after a crash it must not be sent again.
            self.mark_sent(true);
            if let Err(error) = persist(self.driver, self.fetch).await {
                self.mark_sent(false);
                return match error {
                    StorageError::DiskFull => Outcome::QuotaExceeded,
                    _ => Outcome::Transient { may_have_been_sent: false },
                };
            }
        }
        // 11. The fetch.
        let upload_progress = self.upload_progress();
        let response = self.driver.dependencies.fetcher.fetch(request, controller, upload_progress).await;
        self.process_response(response, resumption.is_some()).await
    }

    fn is_whole(&self) -> bool {
        let data = self.fetch.lock();
        let record = &data.records[self.index];
        let state = record.body.and_then(|body| self.driver.profile().bodies().state(body));
        !record.start_over && state.is_some_and(|state| state.complete)
    }

    /// Opens the stored body for what follows it, if what is stored can be continued at all.
    async fn resume(&mut self) -> Option<Resumption> {
        let (body, validator, end) = {
            let data = self.fetch.lock();
            let record = &data.records[self.index];
            let response = record.response.as_ref()?;
            if record.start_over || record.stored == 0 || self.record().repeat == Repeat::Never {
                return None;
            }
            (record.body?, response.validator()?, response.wanted_end(self.record().author_range))
        };
        let writer = match self.driver.profile().bodies().reopen(body).await {
            Ok(writer) => writer,
            Err(error) => {
                tracing::warn!(fetch = self.fetch.key, record = self.index, %error, "the record starts over");
                self.fetch.lock().records[self.index].start_over = true;
                return None;
            }
        };
        let mut data = self.fetch.lock();
        data.set_stored(self.index, writer.written());
        let record = &data.records[self.index];
        let response = record.response.as_ref()?;
        let first_byte = response.first_byte.saturating_add(record.stored);
        let range = response.range_of(self.record().author_range);
        let nothing = record.stored == 0;
        drop(data);
        self.fetch.publish();
        if nothing {
            return None;
        }
        self.take_writer(writer);
        let last_byte = match range {
            // Never past what the page asked for.
            AuthorRange::From { last: Some(_), .. } => {
                end.and_then(|end| end.checked_sub(1)).filter(|last| *last >= first_byte)
            }
            _ => None,
        };
        Some(Resumption { first_byte, last_byte, if_range: validator })
    }

    fn take_writer(&mut self, mut writer: BodyWriter) {
        let reservation = self.fetch.reservation.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(reservation) = reservation {
            writer.set_reservation(reservation);
        }
        self.writer = Some(writer);
    }

    fn mark_sent(&self, sent: bool) {
        let mut data = self.fetch.lock();
        data.records[self.index].sent = sent;
        data.dirty_records.insert(self.index);
    }

    /// *Process request body*.
    fn upload_progress(&self) -> Box<dyn FnMut(u64) + Send> {
        let (driver, fetch) = (self.driver.clone(), self.fetch.clone());
        let (index, id) = (self.index, self.id);
        let total = self.record().body.map_or(0, |body| body.length);
        let mut transmitted: u64 = 0;
        Box::new(move |bytes| {
            transmitted = transmitted.saturating_add(bytes).min(total);
            {
                let mut data = fetch.lock();
                // A body that is sent once more (a redirect) counts once.
                let more = transmitted.saturating_sub(data.records[index].uploaded);
                data.records[index].uploaded += more;
                if more > 0 {
                    data.dirty_records.insert(index);
                }
                data.uploaded += more;
            }
            fetch.publish();
            driver.handle(Event::Sent(id));
        })
    }

    /// *Process response*.
    async fn process_response(&mut self, response: Response, resumed: bool) -> Outcome {
        // 1. A network error: nothing of it is counted or shown.
        if let Some(reason) = response.reason() {
            let outcome = network_outcome(reason, Phase::BeforeResponse);
            if self.record().repeat == Repeat::Allowed {
                return outcome;
            }
            let uploaded = self.fetch.lock().records[self.index].uploaded > 0;
            return match outcome {
                // A redirect may have been followed to a host that refuses: the first one had the request.
                Outcome::Transient { .. } | Outcome::RefusedOrUnknownHost
                    if uploaded || reason.request_may_have_been_sent() =>
                {
                    Outcome::Transient { may_have_been_sent: true }
                }
                outcome => {
                    self.mark_sent(false);
                    outcome
                }
            };
        }
        let verdict = self.judge(&response, resumed);
        match verdict {
            Verdict::Invalid => Outcome::Fatal,
            Verdict::StartOver => {
                self.fetch.lock().records[self.index].start_over = true;
                Outcome::Transient { may_have_been_sent: true }
            }
            Verdict::RetryAfter(wait) if self.record().repeat == Repeat::Allowed => Outcome::RetryAfter(wait),
            Verdict::AlreadyComplete => Outcome::Success,
            Verdict::BadStatus | Verdict::RetryAfter(_) => {
                let keep = self.driver.dependencies.config.bad_status_body == BadStatusBody::Keep;
                if let Err(outcome) = self.begin(StoredResponse::new(&response, 0, None), keep).await {
                    return outcome;
                }
                let body = response.into_unfiltered().body.filter(|_| keep);
                self.store(body, None).await.unwrap_or(Outcome::BadStatus)
            }
            Verdict::Begin(range) => {
                let first_byte = range.map_or(0, |range| range.first);
                let stored =
                    StoredResponse::new(&response, first_byte, range.and_then(|range| range.complete));
                let status = stored.status;
                let body = response.into_unfiltered().body;
                if let Err(outcome) = self.begin(stored, body.is_some()).await {
                    return outcome;
                }
                match self.store(body, range).await {
                    Some(outcome) => outcome,
                    None if status == 206 => self.end_of_range(0),
                    None => Outcome::Success,
                }
            }
            Verdict::Continue(range) => {
                let before = {
                    let mut data = self.fetch.lock();
                    let record = &mut data.records[self.index];
                    if let Some(stored) = &mut record.response
                        && stored.complete_length.is_none()
                        && range.complete.is_some()
                    {
                        stored.complete_length = range.complete;
                        data.dirty_records.insert(self.index);
                    }
                    data.records[self.index].stored
                };
                match self.store(response.into_unfiltered().body, Some(range)).await {
                    Some(outcome) => outcome,
                    None => self.end_of_range(before),
                }
            }
        }
    }

    fn judge(&self, response: &Response, resumed: bool) -> Verdict {
        let now = self.driver.dependencies.clock.now();
        let internal = response.unfiltered();
        let data = self.fetch.lock();
        let stored = data.records[self.index].response.as_ref().filter(|_| resumed);
        let Some(stored) = stored else {
            let asked = Asked::Beginning(self.record().author_range);
            return judge(internal.status, &internal.header_list, &asked, now);
        };
        let asked = Asked::Rest(Stored {
            headers: &stored.headers,
            first_byte: stored.first_byte,
            bytes: data.records[self.index].stored,
            complete_length: stored.complete_length,
        });
        let verdict = judge(internal.status, &internal.header_list, &asked, now);
        // No splicing: every part comes from the same origin and may be seen to the same extent.
        let origin = response.url().map(|url| url.origin().ascii_serialization());
        let same = origin == stored.origin && response.r#type == stored.r#type;
        match verdict {
            Verdict::Continue(_) | Verdict::AlreadyComplete if !same => Verdict::StartOver,
            verdict => verdict,
        }
    }

    /// A new response takes the place of what was stored: a new body, and readers of the one before get an error.
    async fn begin(&mut self, response: StoredResponse, with_body: bool) -> Result<(), Outcome> {
        let bodies = self.driver.profile().bodies();
        let writer = if with_body {
            let created = bodies.create(&self.fetch.registration.storage_key).await;
            let (_, writer) = created.map_err(|error| storage_outcome(self.fetch, self.index, &error))?;
            Some(writer)
        } else {
            None
        };
        let replaced = {
            let mut data = self.fetch.lock();
            if data.records[self.index].result.is_some() || data.removed {
                // It settled or vanished while the body was made, which nobody wants now.
                drop(data);
                self.let_go(writer);
                return Err(Outcome::Fatal);
            }
            let record = &mut data.records[self.index];
            let replaced = record.response.is_some();
            record.discarded.extend(record.body.take());
            record.response = Some(response);
            record.body = writer.as_ref().map(BodyWriter::id);
            record.start_over = false;
            data.dirty_records.insert(self.index);
            data.set_stored(self.index, 0);
            self.fetch
                .show(self.index, &data.records[self.index], |view| view.generation += u64::from(replaced));
            replaced
        };
        self.fetch.publish();
        self.writer = None;
        // The row names the new body and its validator before a byte of it counts.
        persist(self.driver, self.fetch).await.map_err(|error| match error {
            StorageError::DiskFull => Outcome::QuotaExceeded,
            _ => Outcome::Transient { may_have_been_sent: true },
        })?;
        if replaced {
            self.fetch.renew_reservation(self.driver.profile());
        }
        if let Some(writer) = writer {
            self.take_writer(writer);
        }
        Ok(())
    }

    /// Releases a body that no row names.
    fn let_go(&self, writer: Option<BodyWriter>) {
        let Some(writer) = writer else { return };
        let profile = self.driver.profile().clone();
        self.driver.spawn(async move {
            let mut transaction = Transaction::new();
            transaction.release_body(writer.id());
            drop(writer);
            if let Err(error) = profile.commit(transaction).await {
                tracing::warn!(%error, "an unused body stays until the profile is opened again");
            }
        });
    }

    /// Stores a body as it comes, but not past the part that it says it is. `None` when it ended cleanly.
    async fn store(&mut self, body: Option<Body>, part: Option<ContentRange>) -> Option<Outcome> {
        let mut stream: BodyStream = body?.into_stream();
        let mut room = part.map_or(u64::MAX, |part| part.length());
        while let Some(chunk) = stream.next().await {
            let chunk = match chunk {
                Ok(chunk) => chunk,
                Err(error) => return Some(body_outcome(&error)),
            };
            if chunk.is_empty() {
                continue;
            }
            // What is beyond its own `Content-Range` has no place.
            let Some(left) = room.checked_sub(chunk.len() as u64) else { return Some(Outcome::Fatal) };
            room = left;
            // 1. More than declared: not a byte of it is stored.
            match self.fetch.admit(self.index, chunk.len() as u64) {
                Admission::Granted => {}
                Admission::DownloadTotalExceeded => return Some(Outcome::DownloadTotalExceeded),
                Admission::Settled => return Some(Outcome::Fatal),
            }
            let Some(writer) = &mut self.writer else { return Some(Outcome::Fatal) };
            // 2. and 3. Stored, or the quota is exceeded.
            if let Err(error) = writer.append(chunk).await {
                let written = writer.written();
                self.fetch.set_stored(self.index, written);
                return Some(storage_outcome(self.fetch, self.index, &error));
            }
            let position = {
                let mut data = self.fetch.lock();
                let record = &mut data.records[self.index];
                record.high_water = record.high_water.max(record.stored);
                record.stored
            };
            // 4. Those who watch learn of it.
            self.fetch.publish();
            self.driver.handle(Event::Progress { attempt: self.id, position });
        }
        None
    }

    /// A part ended cleanly: either everything is there now, or the next part is asked for.
    fn end_of_range(&self, before: u64) -> Outcome {
        let data = self.fetch.lock();
        let record = &data.records[self.index];
        let Some(response) = &record.response else { return Outcome::Fatal };
        let end = response.first_byte.saturating_add(record.stored);
        let resumable = response.validator().is_some();
        match response.wanted_end(self.record().author_range) {
            Some(wanted) if end == wanted => Outcome::Success,
            // It sent more than its own `Content-Range` has room for.
            Some(wanted) if end > wanted => Outcome::Fatal,
            // Only a named version can be asked for its next part.
            // DEVIATION: a part of unknown total length that cannot be continued counts as the whole; the draft asks
            // for ever.
            None if !resumable => Outcome::Success,
            Some(_) if !resumable => Outcome::Fatal,
            _ if record.stored > before => Outcome::NextRange,
            _ => Outcome::Transient { may_have_been_sent: true },
        }
    }
}

/// When a failure came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    BeforeResponse,
    InBody,
}

fn network_outcome(reason: &NetworkError, phase: Phase) -> Outcome {
    let transient = Outcome::Transient {
        may_have_been_sent: phase == Phase::InBody || reason.request_may_have_been_sent(),
    };
    match reason.class() {
        FailureClass::RefusedOrUnknownHost => Outcome::RefusedOrUnknownHost,
        FailureClass::Transient => transient,
        // A body that was cut off can be continued; a broken content coding would be broken again.
        FailureClass::Body => match reason {
            NetworkError::BodyTruncated { .. } => transient,
            _ => Outcome::Fatal,
        },
        // A connection that dies in the middle of a chunk looks like a broken protocol.
        FailureClass::Protocol if phase == Phase::InBody => transient,
        FailureClass::Protocol | FailureClass::Policy | FailureClass::Cors | FailureClass::Tls => {
            Outcome::Fatal
        }
        // Somebody else ended it, not the user: those cancel the attempt, and nobody hears of its outcome.
        FailureClass::Aborted => transient,
    }
}

fn body_outcome(error: &BodyError) -> Outcome {
    match error {
        BodyError::Network(reason) => network_outcome(reason, Phase::InBody),
        BodyError::Aborted | BodyError::Source(_) => Outcome::Transient { may_have_been_sent: true },
        _ => Outcome::Fatal,
    }
}

fn storage_outcome(fetch: &BackgroundFetch, index: usize, error: &storage::BodyError) -> Outcome {
    match error {
        storage::BodyError::QuotaExceeded(_)
        | storage::BodyError::DiskFull
        | storage::BodyError::Storage(StorageError::DiskFull) => Outcome::QuotaExceeded,
        error => {
            tracing::warn!(fetch = fetch.key, record = index, %error, "a body could not be stored");
            Outcome::Transient { may_have_been_sent: true }
        }
    }
}
