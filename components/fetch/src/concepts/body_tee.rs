//! Splitting a body's stream into two.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::ready;
use futures::stream::{Stream, StreamExt as _};
use futures::task::{ArcWake, AtomicWaker, waker};

use super::body::{BodyError, BodyStream};

/// How far one branch may lag behind the other; past it the lagging branch fails rather than memory.
///
/// DEVIATION: the standard lets the faster branch read on without limit and keeps everything for the slower one. A limit that
/// held the faster one back instead would stop it for ever when nobody reads the other.
const MAXIMUM_LAG: usize = 256 * 1024 * 1024;

/// What a chunk costs besides its bytes: its place in the queue, and the part of the buffer it was cut from that it keeps.
const CHUNK_OVERHEAD: usize = 128;

/// Two streams that each give what the one gave.
///
/// <https://streams.spec.whatwg.org/#readablestream-tee>
pub(super) fn tee(stream: BodyStream) -> (BodyStream, BodyStream) {
    let shared =
        Arc::new(Mutex::new(Shared { source: Some(stream), lanes: [Lane::default(), Lane::default()] }));
    let wakers = Arc::new(Wakers::default());
    let first = Branch { shared: Arc::clone(&shared), wakers: Arc::clone(&wakers), index: 0 };
    let second = Branch { shared, wakers, index: 1 };
    (BodyStream::new(first.boxed()), BodyStream::new(second.boxed()))
}

struct Shared {
    /// Gone once it has ended.
    source: Option<BodyStream>,
    lanes: [Lane; 2],
}

/// What one branch has not read yet.
#[derive(Default)]
struct Lane {
    waiting: VecDeque<Result<Bytes, BodyError>>,
    /// The memory that takes.
    cost: usize,
    /// The branch was dropped, or fell behind too far.
    is_closed: bool,
}

impl Lane {
    fn push(&mut self, item: Result<Bytes, BodyError>) {
        if self.is_closed {
            return;
        }
        self.cost += cost(&item);
        if self.cost > MAXIMUM_LAG {
            // NOTE: the queue itself, which has grown with it, goes too.
            self.waiting = VecDeque::from([Err(BodyError::TooFarBehind)]);
            self.cost = cost(&self.waiting[0]);
            self.is_closed = true;
        } else {
            self.waiting.push_back(item);
        }
    }

    fn pop(&mut self) -> Option<Result<Bytes, BodyError>> {
        let item = self.waiting.pop_front()?;
        self.cost -= cost(&item);
        Some(item)
    }
}

fn cost(item: &Result<Bytes, BodyError>) -> usize {
    CHUNK_OVERHEAD + item.as_ref().map_or(0, Bytes::len)
}

/// Both branches' wakers. The source wakes both, since whoever asked it last may have lost interest.
#[derive(Default)]
struct Wakers([AtomicWaker; 2]);

impl ArcWake for Wakers {
    fn wake_by_ref(wakers: &Arc<Self>) {
        wakers.0.iter().for_each(AtomicWaker::wake);
    }
}

struct Branch {
    shared: Arc<Mutex<Shared>>,
    wakers: Arc<Wakers>,
    index: usize,
}

impl Stream for Branch {
    type Item = Result<Bytes, BodyError>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.wakers.0[self.index].register(context.waker());
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        let Shared { source, lanes } = &mut *shared;
        let lane = &mut lanes[self.index];
        if let Some(item) = lane.pop() {
            return Poll::Ready(Some(item));
        }
        if lane.is_closed {
            return Poll::Ready(None);
        }
        let Some(stream) = source else { return Poll::Ready(None) };
        let waker = waker(Arc::clone(&self.wakers));
        let item = ready!(stream.poll_next_unpin(&mut Context::from_waker(&waker)));
        match &item {
            Some(item) => {
                if item.is_err() {
                    *source = None;
                }
                lanes[1 - self.index].push(item.clone());
            }
            None => *source = None,
        }
        self.wakers.0[1 - self.index].wake();
        Poll::Ready(item)
    }
}

impl Drop for Branch {
    fn drop(&mut self) {
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        let lane = &mut shared.lanes[self.index];
        lane.is_closed = true;
        lane.waiting = VecDeque::new();
    }
}

#[cfg(test)]
mod tests {
    use futures::channel::mpsc;
    use futures::{FutureExt as _, SinkExt as _};

    use super::*;

    #[tokio::test]
    async fn both_branches_see_everything_in_any_order() {
        let (mut sender, receiver) = mpsc::channel::<Result<Bytes, BodyError>>(8);
        let (mut first, mut second) = tee(BodyStream::new(receiver.boxed()));
        assert!(first.next().now_or_never().is_none() && second.next().now_or_never().is_none());
        sender.send(Ok(Bytes::from_static(b"a"))).await.unwrap();
        assert_eq!(first.next().await.unwrap().unwrap(), "a");
        sender.send(Ok(Bytes::from_static(b"b"))).await.unwrap();
        drop(sender);
        assert_eq!(first.next().await.unwrap().unwrap(), "b");
        assert!(first.next().await.is_none());
        assert_eq!(second.next().await.unwrap().unwrap(), "a");
        assert_eq!(second.next().await.unwrap().unwrap(), "b");
        assert!(second.next().await.is_none());
    }

    #[tokio::test]
    async fn a_waiting_branch_is_woken_by_the_other() {
        let (mut sender, receiver) = mpsc::channel::<Result<Bytes, BodyError>>(8);
        let (mut first, second) = tee(BodyStream::new(receiver.boxed()));
        let reading = tokio::spawn(second.collect::<Vec<_>>());
        tokio::task::yield_now().await;
        let other = tokio::spawn(async move { first.next().await });
        tokio::task::yield_now().await;
        sender.send(Ok(Bytes::from_static(b"a"))).await.unwrap();
        assert!(other.await.unwrap().is_some());
        sender.send(Err(BodyError::Aborted)).await.unwrap();
        let seen = reading.await.unwrap();
        assert_eq!(seen, [Ok(Bytes::from_static(b"a")), Err(BodyError::Aborted)]);
    }

    #[tokio::test]
    async fn dropping_both_branches_drops_the_source() {
        let (mut sender, receiver) = mpsc::channel::<Result<Bytes, BodyError>>(1);
        let (first, second) = tee(BodyStream::new(receiver.boxed()));
        drop(first);
        assert!(!sender.is_closed());
        drop(second);
        assert!(sender.send(Ok(Bytes::new())).await.is_err());
    }

    #[tokio::test]
    async fn a_branch_does_not_wait_for_one_that_lost_interest() {
        let (mut sender, receiver) = mpsc::channel::<Result<Bytes, BodyError>>(8);
        let (first, mut second) = tee(BodyStream::new(receiver.boxed()));
        let reading = tokio::spawn(first.collect::<Vec<_>>());
        tokio::task::yield_now().await;
        // The second asks last, and then never again.
        assert!(second.next().now_or_never().is_none());
        sender.send(Ok(Bytes::from_static(b"a"))).await.unwrap();
        drop(sender);
        assert_eq!(reading.await.unwrap(), [Ok(Bytes::from_static(b"a"))]);
    }

    #[tokio::test]
    async fn small_chunks_count_for_the_memory_they_take() {
        let count = MAXIMUM_LAG / CHUNK_OVERHEAD + 1;
        let chunks = futures::stream::repeat_with(|| Ok(Bytes::new())).take(count);
        let (mut first, second) = tee(BodyStream::new(chunks.boxed()));
        while first.next().await.is_some() {}
        assert_eq!(second.collect::<Vec<_>>().await, [Err(BodyError::TooFarBehind)]);
    }

    #[tokio::test]
    async fn a_branch_that_lags_too_far_fails_and_the_other_does_not() {
        let chunk = Bytes::from(vec![0; MAXIMUM_LAG / 4]);
        let chunks: Vec<_> = (0..5).map(|_| Ok(chunk.clone())).collect();
        let (first, second) = tee(BodyStream::new(futures::stream::iter(chunks).boxed()));
        assert!(first.collect::<Vec<_>>().await.iter().all(Result::is_ok));
        assert_eq!(second.collect::<Vec<_>>().await, [Err(BodyError::TooFarBehind)]);
    }
}
