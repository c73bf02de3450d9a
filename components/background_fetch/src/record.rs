//! <https://wicg.github.io/background-fetch/#background-fetch-record-interface>: what a page holds of a record.

use std::sync::Arc;

use futures::future::{BoxFuture, Either, select};
use futures::stream::{self, BoxStream};
use futures::{FutureExt, StreamExt};
use longhaul_fetch::cache_query::{CacheQueryOptions, request_matches_cached_item};
use longhaul_fetch::{Body, BodyError, BodySource, BodyStream, Request, Response};
use longhaul_storage::{BodyId, BodyReader};
use tokio::sync::watch;

use crate::background_fetch::{BackgroundFetch, RecordData, RecordView};
use crate::driver::Driver;
use crate::registration::FailureReason;
use crate::scheduler::RecordResult;

/// Why there is no response.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// It was aborted. Scripts get an `AbortError`.
    #[error("the background fetch was aborted")]
    Aborted,
    /// It failed. Scripts get a `TypeError`.
    #[error("the record failed: {}", .0.as_str())]
    Failed(FailureReason),
    /// The records are not available any more. Scripts get a `TypeError`.
    #[error("the record is not available any more")]
    Unavailable,
}

/// One request of a background fetch, and what became of it.
#[derive(Clone)]
pub struct Record {
    driver: Arc<Driver>,
    fetch: Arc<BackgroundFetch>,
    index: usize,
    /// The download that it stood for when it was made; a later one is not its.
    seen: watch::Receiver<RecordView>,
}

impl Record {
    /// A copy of the request, its stored body included.
    pub fn request(&self) -> Request {
        let record = &self.fetch.records[self.index];
        let mut request = Request::from_snapshot(record.request.clone());
        request.body = record.body.map(|body| stored_body(&self.driver, body.id, body.length));
        request
    }

    /// The record's position among the requests.
    pub fn position(&self) -> usize {
        self.index
    }

    /// <https://wicg.github.io/background-fetch/#create-settled-fetches-algorithm>
    ///
    /// The response as soon as its headers have come; its body follows the download. An abort gives
    /// [`RecordError::Aborted`], here and in the body; a failure, or a download that had to start over, gives another
    /// error.
    pub fn response_ready(&self) -> BoxFuture<'static, Result<Response, RecordError>> {
        let record = self.clone();
        async move {
            let mut views = record.seen.clone();
            loop {
                let view = views.borrow_and_update().clone();
                if !RecordData::is_exposed(view.result) {
                    return Err(match view.result {
                        Some(RecordResult::Failure(FailureReason::Aborted)) => RecordError::Aborted,
                        Some(RecordResult::Failure(reason)) => RecordError::Failed(reason),
                        Some(RecordResult::Success) | None => RecordError::Unavailable,
                    });
                }
                if view.response.is_some() {
                    return record.response(&view).ok_or(RecordError::Unavailable);
                }
                // A result without a response is never exposed, so there is something to wait for.
                if view.result.is_some() || views.changed().await.is_err() {
                    return Err(RecordError::Unavailable);
                }
            }
        }
        .boxed()
    }

    fn response(&self, view: &RecordView) -> Option<Response> {
        let snapshot = view.response.as_deref()?.clone();
        let mut response = Response::from_snapshot(snapshot, None);
        if !response.is_null_body_status() {
            response.body = Some(match view.body {
                None => Body::from_bytes(bytes::Bytes::new()),
                Some(id) => {
                    let reader = self.driver.profile().bodies().read(id).ok()?;
                    Body::from_stream(follow(reader, self.seen.clone(), view.generation), None, None)
                }
            });
        }
        // 2.2 and 2.3. Neither says anything about what the script reads.
        response.header_list.delete("Content-Range");
        response.header_list.delete("Content-Length");
        Some(response)
    }
}

impl std::fmt::Debug for Record {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Record").field("fetch", &self.fetch.key).field("position", &self.index).finish()
    }
}

/// <https://wicg.github.io/background-fetch/#background-fetch-registration-match-all>
pub(crate) fn match_all(
    driver: &Arc<Driver>,
    fetch: &Arc<BackgroundFetch>,
    query: Option<&Request>,
    options: &CacheQueryOptions,
) -> Vec<Record> {
    if !fetch.lock().records_available {
        return Vec::new();
    }
    let matches = |index: &usize| {
        let Some(query) = query else { return true };
        let record = &fetch.records[*index];
        let request = Request::from_snapshot(record.request.clone());
        let response = record.view.borrow().response.as_deref().cloned();
        let response = response.map(|snapshot| Response::from_snapshot(snapshot, None));
        request_matches_cached_item(query, &request, response.as_ref(), options)
    };
    (0..fetch.records.len())
        .filter(matches)
        .map(|index| Record {
            driver: driver.clone(),
            fetch: fetch.clone(),
            index,
            seen: fetch.records[index].view.subscribe(),
        })
        .collect()
}

/// A request's body out of the store, as often as it is asked for.
pub(crate) fn stored_body(driver: &Arc<Driver>, id: BodyId, length: u64) -> Body {
    let bodies = driver.profile().bodies().clone();
    let open = move || match bodies.read(id) {
        Ok(reader) => {
            let chunks = reader.map(|chunk| chunk.map_err(|error| BodyError::Source(error.to_string())));
            BodyStream::new(chunks.boxed())
        }
        Err(error) => {
            BodyStream::new(stream::once(async move { Err(BodyError::Source(error.to_string())) }).boxed())
        }
    };
    Body::from_source(BodySource::Reopen(Arc::new(open)), Some(length))
}

/// The stored bytes as they come, until the record's fate ends them.
fn follow(
    reader: BodyReader,
    views: watch::Receiver<RecordView>,
    generation: u64,
) -> BoxStream<'static, Result<bytes::Bytes, BodyError>> {
    stream::unfold(Some((reader, views)), move |state| async move {
        let (mut reader, mut views) = state?;
        loop {
            let fate = fate(&views.borrow_and_update(), generation);
            if let Some(error) = fate {
                return Some((Err(error), None));
            }
            let chunk = match select(reader.next(), Box::pin(views.changed())).await {
                Either::Left((chunk, _)) => chunk,
                Either::Right((Ok(()), _)) => continue,
                // Whoever could change the record is gone: read what is there.
                Either::Right((Err(_), _)) => reader.next().await,
            };
            return match chunk {
                Some(Ok(chunk)) => Some((Ok(chunk), Some((reader, views)))),
                // A body that goes away under its reader was replaced or aborted; say which, if it is known.
                Some(Err(error)) => {
                    let error = fate_of(&views, generation).unwrap_or(BodyError::Source(error.to_string()));
                    Some((Err(error), None))
                }
                None => None,
            };
        }
    })
    .boxed()
}

fn fate_of(views: &watch::Receiver<RecordView>, generation: u64) -> Option<BodyError> {
    fate(&views.borrow(), generation)
}

/// Why nothing more may be read, if that is so.
fn fate(view: &RecordView, generation: u64) -> Option<BodyError> {
    match view.result {
        _ if view.generation != generation => {
            Some(BodyError::Source("the download had to start over".to_owned()))
        }
        Some(RecordResult::Failure(FailureReason::Aborted)) => Some(BodyError::Aborted),
        Some(RecordResult::Failure(FailureReason::BadStatus)) | Some(RecordResult::Success) | None => None,
        Some(RecordResult::Failure(reason)) => {
            Some(BodyError::Source(format!("the record failed: {}", reason.as_str())))
        }
    }
}
