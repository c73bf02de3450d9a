//! The body of a response.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::Stream;
use http_body::Body as _;
use hyper::body::Incoming;
use tokio::runtime::Handle;
use tokio::time::{Sleep, sleep, sleep_until};

use crate::connect::Protocol;
use crate::error::Error;
use crate::exchange::Exchange;
use crate::hyper_error::body_error;
use crate::message::header_list;
use crate::pool::{Disposal, Lease};
use crate::throttle::{Slice, Throttle};

/// A response's body, read as it is polled; not faster, so that a slow reader slows the server. It ends after an error. Dropping it
/// before its end closes the HTTP/1.1 connection or resets the HTTP/2 stream; at its end the connection goes back to the pool.
pub struct Body {
    /// `None` once it has ended.
    flow: Option<Flow>,
    exchange: Arc<Exchange>,
    runtime: Handle,
    limits: BodyLimits,
    idle: Option<Pin<Box<Sleep>>>,
    total: Option<Pin<Box<Sleep>>>,
    presence: BodyPresence,
    trailers: Vec<(Bytes, Bytes)>,
    /// The last piece that came, or what the throttle has not let through of it.
    pending: Bytes,
    turn: Option<Turn>,
    expected: Option<u64>,
    arrived: u64,
    handed_on: u64,
    ended_at: Option<Instant>,
}

/// Whether a response may have a body at all.
///
/// <https://www.rfc-editor.org/rfc/rfc9110#section-6.4.1>
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyPresence {
    /// To `HEAD`, or with a status that forbids it; a length then says what a body would have been.
    Never,
    Maybe,
}

/// What a body may cost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BodyLimits {
    pub(crate) idle: Duration,
    pub(crate) total: Option<Duration>,
    pub(crate) bytes: Option<u64>,
}

/// What is freed when the body ends.
struct Flow {
    incoming: Incoming,
    lease: Lease,
}

/// A place in the throttle's schedule, taken when there is something to hand on.
struct Turn {
    throttle: Arc<Throttle>,
    reserved: Option<(Slice, Pin<Box<Sleep>>)>,
}

impl Turn {
    /// How many of the `available` bytes may be handed on.
    fn poll(&mut self, available: usize, runtime: &Handle, cx: &mut Context<'_>) -> Poll<usize> {
        if self.reserved.is_none() {
            match self.throttle.reserve(available) {
                (slice, None) => return Poll::Ready(slice.bytes),
                (slice, Some(at)) => {
                    let _entered = runtime.enter();
                    self.reserved = Some((slice, Box::pin(sleep_until(at))));
                }
            }
        }
        match &mut self.reserved {
            Some((slice, sleep)) => {
                let bytes = slice.bytes;
                ready!(sleep.as_mut().poll(cx));
                self.reserved = None;
                Poll::Ready(bytes)
            }
            None => Poll::Ready(available),
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some((slice, _)) = self.reserved.take() {
            self.throttle.give_back(slice);
        }
    }
}

impl Body {
    pub(crate) fn new(
        incoming: Incoming,
        presence: BodyPresence,
        lease: Lease,
        exchange: Arc<Exchange>,
        runtime: Handle,
        limits: BodyLimits,
        throttle: Option<Arc<Throttle>>,
    ) -> Self {
        let expected = match presence {
            BodyPresence::Never => Some(0),
            BodyPresence::Maybe => incoming.size_hint().exact(),
        };
        let mut body = Body {
            flow: Some(Flow { incoming, lease }),
            exchange,
            runtime,
            limits,
            idle: None,
            total: None,
            presence,
            trailers: Vec::new(),
            pending: Bytes::new(),
            turn: throttle.map(|throttle| Turn { throttle, reserved: None }),
            expected,
            arrived: 0,
            handed_on: 0,
            ended_at: None,
        };
        if body.has_all() {
            body.complete();
        }
        body
    }

    /// When its last byte came; `None` before, and when it failed.
    pub fn ended_at(&self) -> Option<Instant> {
        self.ended_at
    }

    /// The length that the server announced, if it did.
    pub fn announced_length(&self) -> Option<u64> {
        self.expected
    }

    /// How many bytes have been handed on.
    pub fn received(&self) -> u64 {
        self.handed_on
    }

    /// The headers that came behind the body, once it has ended.
    pub fn trailers(&self) -> &[(Bytes, Bytes)] {
        &self.trailers
    }

    /// Whether no more can come.
    fn has_all(&self) -> bool {
        let Some(flow) = &self.flow else { return true };
        match self.expected {
            // Only chunks and HTTP/2 have trailers.
            Some(expected)
                if self.presence == BodyPresence::Never || flow.lease.protocol() == Protocol::Http1 =>
            {
                self.arrived >= expected
            }
            _ => flow.incoming.is_end_stream(),
        }
    }

    fn complete(&mut self) {
        self.ended_at = Some(tokio::time::Instant::now().into_std());
        self.idle = None;
        self.total = None;
        if let Some(flow) = self.flow.take() {
            // A server that has answered without reading all of the request wants no more of it.
            let disposal = if self.exchange.request_done() { Disposal::Reusable } else { Disposal::Retired };
            self.exchange.abandon();
            drop(flow.incoming);
            flow.lease.dispose(disposal);
        }
    }

    fn fail(&mut self, error: Error) -> Poll<Option<Result<Bytes, Error>>> {
        self.cut_short();
        self.pending = Bytes::new();
        Poll::Ready(Some(Err(self.exchange.failure().unwrap_or(error))))
    }

    fn cut_short(&mut self) {
        self.idle = None;
        self.total = None;
        if let Some(flow) = self.flow.take() {
            let disposal = if self.exchange.request_done() { Disposal::CutShort } else { Disposal::Retired };
            self.exchange.abandon();
            // The stream's reset is queued before the lease, which may be the last to keep the connection.
            drop(flow.incoming);
            flow.lease.dispose(disposal);
        }
    }

    /// Hands on what is pending, as much as the throttle allows.
    fn poll_hand_on(&mut self, cx: &mut Context<'_>) -> Poll<Bytes> {
        let bytes = match &mut self.turn {
            None => self.pending.len(),
            Some(turn) => match turn.poll(self.pending.len(), &self.runtime, cx) {
                Poll::Ready(bytes) => bytes.min(self.pending.len()),
                Poll::Pending => return Poll::Pending,
            },
        };
        self.handed_on += bytes as u64;
        Poll::Ready(self.pending.split_to(bytes))
    }

    fn is_too_idle(&mut self, cx: &mut Context<'_>) -> bool {
        let (runtime, idle_timeout) = (&self.runtime, self.limits.idle);
        let idle = self.idle.get_or_insert_with(|| {
            let _entered = runtime.enter();
            Box::pin(sleep(idle_timeout))
        });
        idle.as_mut().poll(cx).is_ready()
    }

    /// Its time runs from the first time that somebody asks for a piece.
    fn is_too_slow(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(most) = self.limits.total else { return false };
        let runtime = &self.runtime;
        let total = self.total.get_or_insert_with(|| {
            let _entered = runtime.enter();
            Box::pin(sleep(most))
        });
        total.as_mut().poll(cx).is_ready()
    }

    /// The limit, if it has been passed or is certain to be.
    fn passed_limit(&self) -> Option<u64> {
        let size = self.arrived.max(self.expected.unwrap_or(0));
        self.limits.bytes.filter(|limit| size > *limit)
    }
}

impl Stream for Body {
    type Item = Result<Bytes, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        loop {
            // Nothing more is read while there is something to hand on.
            if !this.pending.is_empty() {
                return this.poll_hand_on(cx).map(|bytes| Some(Ok(bytes)));
            }
            if this.flow.is_none() {
                return Poll::Ready(None);
            }
            if let Some(limit) = this.passed_limit() {
                return this.fail(Error::BodyTooLarge { limit });
            }
            if this.is_too_slow(cx) {
                return this.fail(Error::BodyTooSlow);
            }
            let Some(flow) = &mut this.flow else { return Poll::Ready(None) };
            match Pin::new(&mut flow.incoming).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => {
                    this.idle = None;
                    match frame.into_data() {
                        Ok(data) => {
                            this.arrived += data.len() as u64;
                            this.pending = data;
                        }
                        Err(frame) => {
                            this.trailers = frame.trailers_ref().map(header_list).unwrap_or_default();
                        }
                    }
                    if let Some(limit) = this.passed_limit() {
                        return this.fail(Error::BodyTooLarge { limit });
                    }
                    if this.has_all() {
                        this.complete();
                    }
                }
                Poll::Ready(Some(Err(error))) => {
                    let error = body_error(&error, this.expected, this.arrived);
                    return this.fail(error);
                }
                Poll::Ready(None) => {
                    // hyper takes a reset with NO_ERROR for an end, but only the server's END_STREAM is one.
                    let cut = flow.lease.protocol() == Protocol::Http2 && !flow.incoming.is_end_stream();
                    if cut || this.expected.is_some_and(|expected| this.arrived < expected) {
                        return this
                            .fail(Error::Truncated { expected: this.expected, received: this.arrived });
                    }
                    this.complete();
                }
                Poll::Pending => {
                    return if this.is_too_idle(cx) { this.fail(Error::BodyTimeout) } else { Poll::Pending };
                }
            }
        }
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        self.cut_short();
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body")
            .field("handed_on", &self.handed_on)
            .field("expected", &self.expected)
            .finish_non_exhaustive()
    }
}
