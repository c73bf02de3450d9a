//! What the two directions of one request share: its progress, its callbacks, and the fault that ended it.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::task::Waker;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::error::{Error, ProtocolError};
use crate::request::{OnBodyChunk, OnInformational};

/// The status of an interim response that asks for the request's body.
const CONTINUE: u16 = 100;

/// Where the request's body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyPhase {
    /// The connection has what there was and has not asked for more, so it is the server's turn.
    WithConnection,
    /// The connection waits for the caller to give more.
    WaitingForSource,
    /// All of it has been handed over.
    Done,
}

#[derive(Debug)]
struct Progress {
    body: BodyPhase,
    last_activity: Instant,
    reported: u64,
    interim_responses: usize,
    first_interim_response: Option<Instant>,
    continued: bool,
    failure: Option<Error>,
    abandoned: bool,
    waker: Option<Waker>,
}

/// One request under way. It outlives an attempt on a connection that turned out dead.
pub(crate) struct Exchange {
    progress: Mutex<Progress>,
    on_body_chunk: Mutex<Option<OnBodyChunk>>,
    on_informational: Mutex<Option<OnInformational>>,
    most_interim_responses: usize,
    failed: Notify,
}

impl Exchange {
    pub(crate) fn new(
        on_body_chunk: Option<OnBodyChunk>,
        on_informational: Option<OnInformational>,
        most_interim_responses: usize,
    ) -> Self {
        Exchange {
            progress: Mutex::new(Progress {
                body: BodyPhase::WithConnection,
                last_activity: Instant::now(),
                reported: 0,
                interim_responses: 0,
                first_interim_response: None,
                continued: false,
                failure: None,
                abandoned: false,
                waker: None,
            }),
            on_body_chunk: Mutex::new(on_body_chunk),
            on_informational: Mutex::new(on_informational),
            most_interim_responses,
            failed: Notify::new(),
        }
    }

    fn with<T>(&self, act: impl FnOnce(&mut Progress) -> T) -> T {
        act(&mut self.progress.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// An attempt begins.
    pub(crate) fn begin(&self, body: BodyPhase) {
        self.with(|progress| {
            progress.body = body;
            progress.last_activity = Instant::now();
        });
    }

    /// The connection asks for more of the body and there is none yet; `waker` is woken if the request is abandoned.
    pub(crate) fn waiting_for_source(&self, waker: &Waker) {
        self.with(|progress| {
            progress.body = BodyPhase::WaitingForSource;
            progress.waker = Some(waker.clone());
        });
    }

    /// The connection took body bytes, `total` of them up to now in this attempt. What an earlier attempt has reported is not
    /// reported again.
    pub(crate) fn took(&self, total: u64, phase: BodyPhase) {
        let news = self.with(|progress| {
            progress.body = phase;
            progress.last_activity = Instant::now();
            let news = total.saturating_sub(progress.reported);
            progress.reported += news;
            news
        });
        if news > 0
            && let Some(callback) = self.on_body_chunk.lock().unwrap_or_else(PoisonError::into_inner).as_mut()
        {
            callback(news);
        }
    }

    /// An interim response came.
    pub(crate) fn informational(&self, status: u16, headers: Vec<(Bytes, Bytes)>) {
        let (too_many, waker) = self.with(|progress| {
            let now = Instant::now();
            progress.last_activity = now;
            progress.first_interim_response.get_or_insert(now);
            progress.interim_responses += 1;
            progress.continued |= status == CONTINUE;
            let waker = if progress.continued { progress.waker.take() } else { None };
            (progress.interim_responses > self.most_interim_responses, waker)
        });
        if let Some(waker) = waker {
            waker.wake();
        }
        if too_many {
            self.fail(Error::Protocol(ProtocolError::TooManyInterimResponses));
        } else if let Some(callback) =
            self.on_informational.lock().unwrap_or_else(PoisonError::into_inner).as_mut()
        {
            callback(status, headers);
        }
    }

    /// Records why the request fails; the first reason counts.
    pub(crate) fn fail(&self, error: Error) {
        self.with(|progress| {
            progress.failure.get_or_insert(error);
        });
        self.failed.notify_one();
    }

    /// The recorded reason.
    pub(crate) fn failure(&self) -> Option<Error> {
        self.with(|progress| progress.failure.clone())
    }

    /// Waits until a reason is recorded.
    pub(crate) async fn failed(&self) -> Error {
        loop {
            if let Some(failure) = self.failure() {
                return failure;
            }
            self.failed.notified().await;
        }
    }

    /// Nobody wants the response any more: what is left of the request need not be sent.
    pub(crate) fn abandon(&self) {
        let waker = self.with(|progress| {
            progress.abandoned = true;
            progress.waker.take()
        });
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Whether the server has said that it wants the body.
    pub(crate) fn is_continued(&self) -> bool {
        self.with(|progress| progress.continued)
    }

    pub(crate) fn is_abandoned(&self) -> bool {
        self.with(|progress| progress.abandoned)
    }

    /// Whether all of the request has been handed to the connection.
    pub(crate) fn request_done(&self) -> bool {
        self.with(|progress| progress.body == BodyPhase::Done)
    }

    /// When to give up waiting for the response's head. Waiting for the caller's own body is not the server's fault.
    pub(crate) fn deadline(&self, timeout: Duration) -> Instant {
        self.with(|progress| match progress.body {
            BodyPhase::WaitingForSource => Instant::now() + timeout,
            BodyPhase::WithConnection | BodyPhase::Done => progress.last_activity + timeout,
        })
    }

    pub(crate) fn first_interim_response(&self) -> Option<Instant> {
        self.with(|progress| progress.first_interim_response)
    }
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchange").field("progress", &self.progress).finish_non_exhaustive()
    }
}
