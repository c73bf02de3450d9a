//! The request's body on its way to the connection, which takes a piece when it can send one.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use http_body::{Frame, SizeHint};
use tokio::time::{Sleep, sleep};

use crate::error::{BodyAbort, Error};
use crate::exchange::{BodyPhase, Exchange};

/// A body at hand is handed over in pieces of this size, so that progress can be seen.
const PIECE: usize = 64 << 10;

/// Where a body comes from.
pub(crate) enum BodySource {
    Bytes(Bytes),
    Stream { stream: BoxStream<'static, Result<Bytes, BodyAbort>>, length: Option<u64> },
}

impl BodySource {
    pub(crate) fn length(&self) -> Option<u64> {
        match self {
            BodySource::Bytes(bytes) => Some(bytes.len() as u64),
            BodySource::Stream { length, .. } => *length,
        }
    }
}

/// The body as hyper pulls it.
pub(crate) struct OutgoingBody {
    source: BodySource,
    length: Option<u64>,
    taken: u64,
    done: bool,
    /// Runs while the server has not said that it wants the body, which goes out at its end all the same.
    gate: Option<Pin<Box<Sleep>>>,
    exchange: Arc<Exchange>,
}

impl OutgoingBody {
    pub(crate) fn new(source: BodySource, exchange: Arc<Exchange>) -> Self {
        let length = source.length();
        let done = length == Some(0);
        exchange.begin(if done { BodyPhase::Done } else { BodyPhase::WithConnection });
        OutgoingBody { source, length, taken: 0, done, gate: None, exchange }
    }

    /// Holds the body back until the server says `100 Continue`, but not longer than `timeout`.
    ///
    /// <https://www.rfc-editor.org/rfc/rfc9110#section-10.1.1>
    pub(crate) fn expecting_continue(mut self, timeout: Duration) -> Self {
        if !self.done {
            self.gate = Some(Box::pin(sleep(timeout)));
        }
        self
    }

    fn poll_gate(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(gate) = &mut self.gate else { return Poll::Ready(()) };
        self.exchange.waiting_for_source(cx.waker());
        if self.exchange.is_continued() || gate.as_mut().poll(cx).is_ready() {
            self.gate = None;
            return Poll::Ready(());
        }
        Poll::Pending
    }

    /// The source, if nothing was taken from it.
    pub(crate) fn into_untouched_source(self) -> Option<BodySource> {
        (self.taken == 0).then_some(self.source)
    }

    fn poll_source(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyAbort>>> {
        match &mut self.source {
            BodySource::Bytes(bytes) if bytes.is_empty() => Poll::Ready(None),
            BodySource::Bytes(bytes) => Poll::Ready(Some(Ok(bytes.split_to(bytes.len().min(PIECE))))),
            BodySource::Stream { stream, .. } => loop {
                match ready!(stream.poll_next_unpin(cx)) {
                    // An empty chunk would end a chunked body, and says nothing.
                    Some(Ok(chunk)) if chunk.is_empty() => continue,
                    other => return Poll::Ready(other),
                }
            },
        }
    }

    fn abort(&mut self, abort: BodyAbort) -> Poll<Option<Result<Frame<Bytes>, BodyAbort>>> {
        self.done = true;
        self.exchange.fail(Error::RequestBody(abort.clone()));
        Poll::Ready(Some(Err(abort)))
    }
}

impl http_body::Body for OutgoingBody {
    type Data = Bytes;
    type Error = BodyAbort;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let this = self.get_mut();
        if this.done {
            return Poll::Ready(None);
        }
        if this.exchange.is_abandoned() {
            return this.abort(BodyAbort::Aborted);
        }
        if this.poll_gate(cx).is_pending() {
            return if this.exchange.is_abandoned() { this.abort(BodyAbort::Aborted) } else { Poll::Pending };
        }
        let Poll::Ready(next) = this.poll_source(cx) else {
            this.exchange.waiting_for_source(cx.waker());
            // It may have been abandoned before the waker was there.
            return if this.exchange.is_abandoned() { this.abort(BodyAbort::Aborted) } else { Poll::Pending };
        };
        match next {
            Some(Ok(chunk)) => {
                this.taken += chunk.len() as u64;
                match this.length {
                    Some(announced) if this.taken > announced => {
                        this.abort(BodyAbort::WrongLength { announced, given: this.taken })
                    }
                    length => {
                        this.done = length == Some(this.taken);
                        let phase = if this.done { BodyPhase::Done } else { BodyPhase::WithConnection };
                        this.exchange.took(this.taken, phase);
                        Poll::Ready(Some(Ok(Frame::data(chunk))))
                    }
                }
            }
            Some(Err(abort)) => this.abort(abort),
            None => match this.length {
                Some(announced) if this.taken < announced => {
                    this.abort(BodyAbort::WrongLength { announced, given: this.taken })
                }
                _ => {
                    this.done = true;
                    this.exchange.took(this.taken, BodyPhase::Done);
                    Poll::Ready(None)
                }
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        self.done
    }

    fn size_hint(&self) -> SizeHint {
        self.length
            .map_or_else(SizeHint::default, |length| SizeHint::with_exact(length.saturating_sub(self.taken)))
    }
}

impl fmt::Debug for OutgoingBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OutgoingBody")
            .field("taken", &self.taken)
            .field("length", &self.length)
            .finish_non_exhaustive()
    }
}
