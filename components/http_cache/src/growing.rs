//! A body that is still on its way: it is read while it is written, by as many as want it.
//!
//! Whoever reads past what has come asks the network for more, so that no reader depends on another one. What came is
//! handed on at once and written behind the readers' backs. When the last reader leaves before the end, the rest is let
//! go, or fetched without anybody where little of it is missing.

use std::collections::VecDeque;
use std::fmt;
use std::future;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker, ready};
use std::time::Duration;

use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt as _};
use longhaul_storage::DiskFile;
use tokio::sync::watch;

use crate::error::BodyError;

/// The bytes of a response on their way.
pub type BodyStream = BoxStream<'static, Result<Bytes, BodyError>>;

/// How far the network may be ahead of the disk.
const FARTHEST_AHEAD: usize = 16 << 20;

/// So many bytes are fetched to their end when nobody reads them any more.
const WORTH_FINISHING: u64 = 256 << 10;

/// The largest chunk that is read from the file.
const CHUNK: u64 = 256 << 10;

/// How a body ended.
#[derive(Clone, Debug)]
pub(crate) enum End {
    Complete,
    Failed(BodyError),
    /// Nobody wanted the rest.
    Abandoned,
}

/// What to do with what comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Keeping {
    /// It is written to the file.
    All,
    /// It is not stored after all: only what some reader has still before it is kept.
    Nothing,
}

struct State {
    /// Everything before this place is in the file.
    written: u64,
    /// What follows.
    tail: VecDeque<Bytes>,
    tail_bytes: usize,
    received: u64,
    end: Option<End>,
    keeping: Keeping,
    /// What was given up before it was written: a reader that is behind this place cannot go on.
    lost: u64,
    readers: usize,
    file: Option<Arc<dyn DiskFile>>,
}

/// A body on its way. Places are counted from its first byte.
pub(crate) struct Growing {
    state: Mutex<State>,
    source: Mutex<Option<BodyStream>>,
    /// Those who wait for the network.
    waiting: Arc<Waiting>,
    changed: watch::Sender<()>,
    /// Whether what is to be stored is stored.
    settled: watch::Sender<bool>,
    /// How long it will be, if that is known.
    expected: Option<u64>,
    /// It is fetched to its end whoever leaves.
    finish: bool,
}

/// What there is at a place.
enum At {
    Chunk(Bytes),
    File(Arc<dyn DiskFile>, Range<u64>),
    Later,
    End,
    Failed(BodyError),
}

/// What the writer finds to do.
pub(crate) enum Work {
    /// These bytes come next, at this place.
    Write(u64, Vec<Bytes>),
    /// There is nothing more to write.
    Done(End, u64),
    /// Nothing is to be stored any more.
    Stop,
}

impl Growing {
    pub(crate) fn new(source: BodyStream, expected: Option<u64>, finish: bool) -> Arc<Growing> {
        let state = State {
            written: 0,
            tail: VecDeque::new(),
            tail_bytes: 0,
            received: 0,
            end: None,
            keeping: Keeping::All,
            lost: 0,
            readers: 0,
            file: None,
        };
        Arc::new(Growing {
            state: Mutex::new(state),
            source: Mutex::new(Some(source)),
            waiting: Arc::default(),
            changed: watch::Sender::new(()),
            settled: watch::Sender::new(false),
            expected,
            finish,
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads a range of it; none once its rest was let go.
    pub(crate) fn reader(self: &Arc<Self>, range: Range<u64>) -> Option<BodyStream> {
        let mut state = self.lock();
        if matches!(state.end, Some(End::Abandoned | End::Failed(_)))
            || state.keeping == Keeping::Nothing && state.received > 0
        {
            return None;
        }
        state.readers += 1;
        drop(state);
        let reader = Reader { growing: Arc::clone(self), position: range.start, end: range.end };
        let chunks = stream::unfold(Some(reader), |reader| async move {
            let mut reader = reader?;
            match reader.next().await {
                Some(Ok(chunk)) => Some((Ok(chunk), Some(reader))),
                Some(Err(error)) => Some((Err(error), None)),
                None => None,
            }
        });
        Some(chunks.boxed())
    }

    /// It is stored, or never will be.
    pub(crate) fn settle(&self) {
        self.settled.send_replace(true);
    }

    /// Waits until it is stored, so that who has read a small response finds it. A disk that does not come to it soon, or has
    /// much to write, is not waited for.
    async fn wait_until_settled(&self) {
        const LARGEST: u64 = 1 << 20;
        const PATIENCE: Duration = Duration::from_millis(250);
        if self.lock().received >= LARGEST {
            return;
        }
        let mut settled = self.settled.subscribe();
        // Whatever comes of it, the body has ended.
        let _ = tokio::time::timeout(PATIENCE, settled.wait_for(|settled| *settled)).await;
    }

    /// How long it was to be.
    pub(crate) fn expected(&self) -> Option<u64> {
        self.expected
    }

    /// Whether it can still be read along.
    pub(crate) fn is_open(&self) -> bool {
        let state = self.lock();
        !matches!(state.end, Some(End::Abandoned | End::Failed(_))) && state.keeping == Keeping::All
    }

    /// The file that what was written is read from.
    pub(crate) fn set_file(&self, file: Arc<dyn DiskFile>) {
        self.lock().file = Some(file);
    }

    /// Nothing of it is to be stored any more.
    pub(crate) fn give_up(&self) {
        self.lock().keeping = Keeping::Nothing;
        self.changed.send_replace(());
    }

    /// Waits until there is something to do for the writer.
    pub(crate) async fn work(&self) -> Work {
        let mut changes = self.changed.subscribe();
        loop {
            changes.borrow_and_update();
            {
                let state = self.lock();
                if state.keeping == Keeping::Nothing {
                    return Work::Stop;
                }
                let is_worth_it = state.tail_bytes as u64 >= CHUNK || state.end.is_some();
                if state.tail_bytes > 0 && is_worth_it {
                    return Work::Write(state.written, state.tail.iter().cloned().collect());
                }
                if let Some(end) = &state.end {
                    return Work::Done(end.clone(), state.received);
                }
            }
            if changes.changed().await.is_err() {
                return Work::Stop;
            }
        }
    }

    /// So many bytes of the tail are in the file.
    pub(crate) fn has_written(&self, count: u64) {
        let mut state = self.lock();
        let end = state.written + count;
        while state.written < end
            && let Some(chunk) = state.tail.pop_front()
        {
            state.written += chunk.len() as u64;
            state.tail_bytes -= chunk.len();
        }
        drop(state);
        self.changed.send_replace(());
    }

    fn at(&self, range: Range<u64>) -> At {
        let state = self.lock();
        if range.start < state.lost {
            return At::Failed(BodyError::Lost);
        }
        if range.start < state.written {
            return match &state.file {
                Some(file) => {
                    let end = state.written.min(range.end).min(range.start + CHUNK);
                    At::File(Arc::clone(file), range.start..end)
                }
                None => At::Failed(BodyError::Lost),
            };
        }
        let mut place = state.written;
        for chunk in &state.tail {
            let after = place + chunk.len() as u64;
            if range.start < after {
                // Both are inside the chunk, whose length is a `usize`.
                let from = (range.start - place) as usize;
                let to = (range.end.min(after) - place) as usize;
                return At::Chunk(chunk.slice(from..to));
            }
            place = after;
        }
        match &state.end {
            None => At::Later,
            Some(End::Complete) => At::End,
            Some(End::Failed(error)) => At::Failed(error.clone()),
            Some(End::Abandoned) => At::Failed(BodyError::Lost),
        }
    }

    fn lock_source(&self) -> MutexGuard<'_, Option<BodyStream>> {
        self.source.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks the network for more, unless somebody else has got it meanwhile.
    async fn fetch_beyond(&self, position: u64) {
        let mut changes = self.changed.subscribe();
        loop {
            changes.borrow_and_update();
            {
                let state = self.lock();
                if state.received > position || state.end.is_some() {
                    return;
                }
                if state.tail_bytes < FARTHEST_AHEAD || state.keeping == Keeping::Nothing {
                    break;
                }
            }
            if changes.changed().await.is_err() {
                return;
            }
        }
        future::poll_fn(|context| self.poll_beyond(position, context)).await;
    }

    /// NOTE: nothing is held between two calls: a reader that was asked once, and is not asked again, stands in nobody's way.
    fn poll_beyond(&self, position: u64, context: &mut Context<'_>) -> Poll<()> {
        self.waiting.add(context.waker());
        let mut source = self.lock_source();
        {
            let state = self.lock();
            if state.received > position || state.end.is_some() {
                return Poll::Ready(());
            }
        }
        let Some(stream) = &mut *source else { return Poll::Ready(()) };
        let everybody = Waker::from(Arc::clone(&self.waiting));
        let item = ready!(stream.poll_next_unpin(&mut Context::from_waker(&everybody)));
        if !matches!(item, Some(Ok(_))) {
            *source = None;
        }
        self.take(item);
        drop(source);
        self.waiting.wake_all();
        Poll::Ready(())
    }

    fn take(&self, item: Option<Result<Bytes, BodyError>>) {
        let mut state = self.lock();
        match item {
            Some(Ok(chunk)) => {
                state.received += chunk.len() as u64;
                state.tail_bytes += chunk.len();
                if !chunk.is_empty() {
                    state.tail.push_back(chunk);
                }
                while state.keeping == Keeping::Nothing
                    && state.tail.len() > 1
                    && (state.readers <= 1 || state.tail_bytes > FARTHEST_AHEAD)
                    && let Some(chunk) = state.tail.pop_front()
                {
                    state.tail_bytes -= chunk.len();
                    state.written += chunk.len() as u64;
                    state.lost = state.written;
                }
            }
            Some(Err(error)) => state.end = Some(End::Failed(error)),
            None => state.end = Some(End::Complete),
        }
        drop(state);
        self.changed.send_replace(());
    }

    fn reader_left(self: &Arc<Self>) {
        let mut state = self.lock();
        state.readers -= 1;
        if state.readers > 0 || state.end.is_some() {
            return;
        }
        let missing = self.expected.map(|expected| expected.saturating_sub(state.received));
        let is_worth_it = state.keeping == Keeping::All
            && (self.finish || missing.is_some_and(|missing| missing <= WORTH_FINISHING));
        if is_worth_it && let Ok(runtime) = tokio::runtime::Handle::try_current() {
            drop(state);
            let this = Arc::clone(self);
            runtime.spawn(async move { this.finish_alone().await });
            return;
        }
        state.end = Some(End::Abandoned);
        drop(state);
        // Dropping it frees the connection.
        let source = self.lock_source().take();
        drop(source);
        self.changed.send_replace(());
    }

    async fn finish_alone(&self) {
        loop {
            let (received, is_over) = {
                let state = self.lock();
                (state.received, state.end.is_some() || state.keeping == Keeping::Nothing)
            };
            if is_over {
                break;
            }
            if received > self.expected.unwrap_or(0).max(WORTH_FINISHING) {
                self.lock().end = Some(End::Abandoned);
                self.changed.send_replace(());
                break;
            }
            self.fetch_beyond(received).await;
        }
        let source = self.lock_source().take();
        drop(source);
    }
}

/// Wakes all who wait, whoever of them asked the network last.
#[derive(Default)]
struct Waiting(Mutex<Vec<Waker>>);

impl Waiting {
    fn lock(&self) -> MutexGuard<'_, Vec<Waker>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, waker: &Waker) {
        let mut wakers = self.lock();
        if !wakers.iter().any(|known| known.will_wake(waker)) {
            wakers.push(waker.clone());
        }
    }

    fn wake_all(&self) {
        let wakers = std::mem::take(&mut *self.lock());
        wakers.into_iter().for_each(Waker::wake);
    }
}

impl Wake for Waiting {
    fn wake(self: Arc<Self>) {
        self.wake_all();
    }
}

impl fmt::Debug for Growing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.lock();
        f.debug_struct("Growing")
            .field("received", &state.received)
            .field("end", &state.end)
            .finish_non_exhaustive()
    }
}

struct Reader {
    growing: Arc<Growing>,
    position: u64,
    end: u64,
}

impl Reader {
    async fn next(&mut self) -> Option<Result<Bytes, BodyError>> {
        while self.position < self.end {
            match self.growing.at(self.position..self.end) {
                At::Chunk(chunk) => {
                    self.position += chunk.len() as u64;
                    return Some(Ok(chunk));
                }
                At::File(file, range) => {
                    let chunk = read(file, range).await;
                    if let Ok(chunk) = &chunk {
                        self.position += chunk.len() as u64;
                    }
                    return Some(chunk);
                }
                At::Later => self.growing.fetch_beyond(self.position).await,
                At::End => {
                    self.growing.wait_until_settled().await;
                    return None;
                }
                At::Failed(error) => return Some(Err(error)),
            }
        }
        None
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.growing.reader_left();
    }
}

async fn read(file: Arc<dyn DiskFile>, range: Range<u64>) -> Result<Bytes, BodyError> {
    let reading = tokio::task::spawn_blocking(move || {
        // At most `CHUNK`.
        let mut buffer = vec![0; (range.end - range.start) as usize];
        let count = file.read_at(&mut buffer, range.start)?;
        buffer.truncate(count);
        Ok::<_, std::io::Error>(Bytes::from(buffer))
    });
    match reading.await {
        Ok(Ok(chunk)) if !chunk.is_empty() => Ok(chunk),
        _ => Err(BodyError::Lost),
    }
}
