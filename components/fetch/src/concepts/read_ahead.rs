//! Bodies that are read before anybody asks for their bytes, up to a limit, so that an answer that nobody looks at does not keep its
//! connection.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use futures::stream::{Stream, StreamExt as _};
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use super::body::{BodyError, BodyStream};

/// The same bytes, of which up to `limit` are fetched ahead; the chunk that passes the limit is kept too.
///
/// This is the buffer of HTTP-network fetch, whose upper limit is ours to choose.
///
/// <https://fetch.spec.whatwg.org/#concept-http-network-fetch>
pub(super) fn read_ahead(mut stream: BodyStream, limit: usize, when_dropped: WhenDropped) -> BodyStream {
    // NOTE: outside of a runtime nothing runs by itself.
    let Ok(runtime) = Handle::try_current() else { return stream };
    let buffer = Arc::new(Buffer::default());
    let filled = Arc::clone(&buffer);
    let task = runtime.spawn(async move {
        loop {
            let has_room = filled.room.notified();
            let (is_full, is_abandoned) = {
                let state = filled.lock();
                (state.bytes >= limit, state.is_abandoned)
            };
            if is_full && is_abandoned {
                return;
            }
            if is_full {
                // 16.1.1.4. The fetch is suspended.
                has_room.await;
                continue;
            }
            let item = stream.next().await;
            let is_last = !matches!(item, Some(Ok(_)));
            if is_last {
                // The connection is free before anybody hears of the end.
                stream = BodyStream::from_bytes(Bytes::new());
            }
            filled.take(item);
            if is_last {
                return;
            }
        }
    });
    BodyStream::new(ReadAhead { buffer, filling: task.abort_handle(), when_dropped }.boxed())
}

/// What becomes of the fetch when the body is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WhenDropped {
    /// It ends.
    Ends,
    /// It goes on up to the limit: nobody can have canceled a body that nobody may see, and its end is told elsewhere.
    GoesOn,
}

#[derive(Default)]
struct Buffer {
    state: Mutex<State>,
    /// Told when bytes were taken away.
    room: Notify,
}

#[derive(Default)]
struct State {
    chunks: VecDeque<Bytes>,
    bytes: usize,
    /// How it ended.
    end: Option<Result<(), BodyError>>,
    reader: Option<Waker>,
    /// Whether nobody will read it any more.
    is_abandoned: bool,
}

impl Buffer {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, item: Option<Result<Bytes, BodyError>>) {
        let reader = {
            let mut state = self.lock();
            match item {
                Some(Ok(chunk)) => {
                    state.bytes += chunk.len();
                    state.chunks.push_back(chunk);
                }
                Some(Err(error)) => state.end = Some(Err(error)),
                None => state.end = Some(Ok(())),
            }
            state.reader.take()
        };
        if let Some(reader) = reader {
            reader.wake();
        }
    }
}

struct ReadAhead {
    buffer: Arc<Buffer>,
    filling: AbortHandle,
    when_dropped: WhenDropped,
}

impl Stream for ReadAhead {
    type Item = Result<Bytes, BodyError>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut state = self.buffer.lock();
        if let Some(chunk) = state.chunks.pop_front() {
            state.bytes -= chunk.len();
            drop(state);
            self.buffer.room.notify_one();
            return Poll::Ready(Some(Ok(chunk)));
        }
        match &mut state.end {
            None => {
                state.reader = Some(context.waker().clone());
                Poll::Pending
            }
            // The error is told once.
            Some(end) => Poll::Ready(std::mem::replace(end, Ok(())).err().map(Err)),
        }
    }
}

impl Drop for ReadAhead {
    fn drop(&mut self) {
        match self.when_dropped {
            WhenDropped::Ends => self.filling.abort(),
            WhenDropped::GoesOn => {
                self.buffer.lock().is_abandoned = true;
                self.buffer.room.notify_one();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures::stream;

    use super::*;

    /// Chunks of ten bytes, and how many of them were asked for.
    fn counted(chunks: usize) -> (BodyStream, Arc<AtomicUsize>) {
        let asked = Arc::<AtomicUsize>::default();
        let count = Arc::clone(&asked);
        let stream = stream::iter(0..chunks).map(move |_| {
            count.fetch_add(1, Ordering::Relaxed);
            Ok(Bytes::from_static(b"0123456789"))
        });
        (BodyStream::new(stream.boxed()), asked)
    }

    async fn let_others_run() {
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn what_nobody_reads_is_fetched_up_to_the_limit() {
        let (stream, asked) = counted(1000);
        let mut stream = read_ahead(stream, 25, WhenDropped::Ends);
        let_others_run().await;
        assert_eq!(asked.load(Ordering::Relaxed), 3);
        assert_eq!(stream.next().await, Some(Ok(Bytes::from_static(b"0123456789"))));
        let_others_run().await;
        assert_eq!(asked.load(Ordering::Relaxed), 4);
        drop(stream);
        let_others_run().await;
        assert_eq!(asked.load(Ordering::Relaxed), 4);
    }

    #[tokio::test]
    async fn what_nobody_may_see_comes_up_to_the_limit_though_it_is_dropped() {
        for (chunks, expected) in [(2, 2), (1000, 3)] {
            let (stream, asked) = counted(chunks);
            drop(read_ahead(stream, 25, WhenDropped::GoesOn));
            let_others_run().await;
            assert_eq!(asked.load(Ordering::Relaxed), expected);
            assert_eq!(Arc::strong_count(&asked), 1, "the source is let go");
        }
    }

    #[tokio::test]
    async fn the_source_is_let_go_when_it_has_ended_though_nobody_reads() {
        let (alive, gone) = tokio::sync::oneshot::channel::<()>();
        let source = stream::iter([Ok(Bytes::from_static(b"all")), Err(BodyError::Aborted)]);
        let source = source.chain(stream::once(async move {
            drop(alive);
            Ok(Bytes::new())
        }));
        let stream = read_ahead(BodyStream::new(source.boxed()), 1000, WhenDropped::Ends);
        assert!(gone.await.is_err(), "the source was dropped with what it holds");
        let items: Vec<_> = stream.collect().await;
        assert_eq!(items, [Ok(Bytes::from_static(b"all")), Err(BodyError::Aborted)]);
    }
}
