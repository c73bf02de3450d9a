//! Writing entries: bodies behind their readers' backs, and rows once the bytes are there.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::{Bytes, BytesMut};
use longhaul_storage::{DiskFile, StorageError};
use tokio::sync::watch;

use crate::body::{Checksums, file_name, run_on};
use crate::cache::{HttpCache, files};
use crate::error::BodyError;
use crate::flight::{Live, Ticket};
use crate::growing::{End, Growing, Work};
use crate::memory::{Hot, SMALL};
use crate::message::RequestHead;
use crate::policy;
use crate::range::{is_plain, strong_etag};
use crate::stored::{Part, Stored};
use crate::table::{Entry, Rows};
use crate::vary;

/// A file from this size on is synced before a row speaks of it: looking at it first, as at a smaller one, takes long.
const SYNCED: u64 = 1 << 20;

/// So many variants of one URL are kept.
const VARIANTS: usize = 16;

/// So many parts of one representation are kept.
const PARTS: usize = 32;

/// What the bytes come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Base {
    /// They are a response of their own.
    Nothing,
    /// They are a part of a representation that is so long, whose other parts are kept if they fit.
    Parts { length: Option<u64> },
}

/// Writes a body as it comes, and then the entry.
pub(crate) fn start(
    cache: HttpCache,
    request: RequestHead,
    live: Arc<Live>,
    base: Base,
    start: u64,
    ticket: Ticket,
) {
    let writing = Writing::new(cache.inner.writing.clone(), Arc::clone(&live.growing));
    tokio::spawn(async move {
        let mut writer = Writer { cache, live, file: None, checksums: Checksums::default(), small: None };
        match writer.write().await {
            Some((end, received)) => writer.commit(&request, base, start, end, received, &ticket).await,
            None => {
                writer.live.growing.give_up();
                writer.discard().await;
            }
        }
        // Until now others could read along, and from now on they find it stored.
        drop(ticket);
        drop(writing);
    });
}

/// Counts while it lives. At its end nobody has to wait any more.
struct Writing {
    count: watch::Sender<usize>,
    growing: Arc<Growing>,
}

impl Writing {
    fn new(count: watch::Sender<usize>, growing: Arc<Growing>) -> Writing {
        count.send_modify(|count| *count += 1);
        Writing { count, growing }
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        self.growing.settle();
        self.count.send_modify(|count| *count -= 1);
    }
}

struct Writer {
    cache: HttpCache,
    live: Arc<Live>,
    file: Option<(u128, Arc<dyn DiskFile>)>,
    checksums: Checksums,
    /// All of the body, if it is small.
    small: Option<Bytes>,
}

impl Writer {
    /// None if nothing is to be stored after all.
    async fn write(&mut self) -> Option<(End, u64)> {
        let largest = self.cache.inner.config.largest();
        loop {
            match self.live.growing.work().await {
                Work::Stop => return None,
                Work::Done(end, received) => return Some((end, received)),
                Work::Write(at, chunks) => {
                    let count: u64 = chunks.iter().map(|chunk| chunk.len() as u64).sum();
                    if at + count > largest || self.append(at, chunks, count).await.is_err() {
                        return None;
                    }
                    self.live.growing.has_written(count);
                }
            }
        }
    }

    async fn append(&mut self, at: u64, chunks: Vec<Bytes>, count: u64) -> Result<(), BodyError> {
        let mut bytes = BytesMut::with_capacity(usize::try_from(count).map_err(|_| BodyError::Lost)?);
        for chunk in chunks {
            bytes.extend_from_slice(&chunk);
        }
        let bytes = bytes.freeze();
        self.checksums.add(&bytes);
        self.small = (at == 0 && count <= SMALL).then(|| bytes.clone());
        let disk = Arc::clone(self.cache.inner.store.disk());
        let name = match &self.file {
            Some((name, _)) => *name,
            None => self.cache.file(),
        };
        let open = self.file.as_ref().map(|(_, file)| Arc::clone(file));
        let writing = move || {
            let write = || -> std::io::Result<Arc<dyn DiskFile>> {
                let file = match open {
                    Some(file) => file,
                    None => disk.create(&file_name(name))?,
                };
                file.write_all_at(&bytes, at)?;
                Ok(file)
            };
            write().map_err(|error| {
                tracing::warn!(%error, "a response cannot be written to the HTTP cache");
                BodyError::Lost
            })
        };
        let written = run_on(self.cache.inner.store.disk(), writing).await;
        if let Ok(file) = &written {
            self.live.growing.set_file(Arc::clone(file));
            self.file = Some((name, Arc::clone(file)));
        } else if self.file.is_none() {
            self.cache.remove_files(vec![name]).await;
        }
        written.map(drop)
    }

    async fn discard(self) {
        if let Some((name, _)) = self.file {
            self.cache.remove_files(vec![name]).await;
        }
    }

    async fn commit(
        mut self,
        request: &RequestHead,
        base: Base,
        start: u64,
        end: End,
        received: u64,
        ticket: &Ticket,
    ) {
        let mut stored = Stored::clone(&self.live.stored);
        let is_whole = matches!(end, End::Complete);
        match base {
            Base::Nothing if is_whole => stored.length = Some(received),
            Base::Nothing => {
                // <https://www.rfc-editor.org/rfc/rfc9111#section-3.3>
                let length =
                    stored.head.headers.first("Content-Length").and_then(|length| length.parse().ok());
                stored.length = length;
                let is_resumable = stored.head.status == 200
                    && strong_etag(&stored.head.headers).is_some()
                    && is_plain(&stored.head.headers)
                    && length.is_none_or(|length: u64| length > received);
                if !is_resumable || received == 0 {
                    return self.discard().await;
                }
            }
            Base::Parts { length } => {
                stored.length = length;
                // NOTE: a server that says more than it sends, to the end, is taken by what it sends, where nothing else is to
                // be combined with it.
                let promised = self.live.growing.expected().and_then(|expected| start.checked_add(expected));
                let sent = start.saturating_add(received);
                if is_whole
                    && length.is_some_and(|length| promised == Some(length) && sent < length)
                    && strong_etag(&stored.head.headers).is_none()
                {
                    stored.length = Some(sent);
                    stored.head.headers.set("Content-Length", sent.to_string());
                }
                let fits = length.is_none_or(|length| start.saturating_add(received) <= length);
                if !fits || received == 0 {
                    return self.discard().await;
                }
            }
        }
        if let Some((name, file)) = &self.file {
            let checksums = std::mem::take(&mut self.checksums).finish();
            stored.parts = vec![Part { file: *name, start, length: received, checksums }];
            if received >= SYNCED {
                let file = Arc::clone(file);
                let syncing = move || file.sync_data().map_err(|_| BodyError::Lost);
                if run_on(self.cache.inner.store.disk(), syncing).await.is_err() {
                    return self.discard().await;
                }
            }
        }
        if ticket.is_doomed() {
            return self.discard().await;
        }
        let bytes = self.small.take().filter(|bytes| bytes.len() as u64 == received);
        let (cache, request) = (self.cache.clone(), request.clone());
        let committing = self.cache.rows(move |rows| put(&cache, rows, &request, stored, base, bytes));
        match committing.await {
            Ok(Some(gone)) => self.cache.remove_files(gone).await,
            Ok(None) => self.discard().await,
            Err(error) => {
                tracing::warn!(%error, "a response cannot be stored");
                self.discard().await;
            }
        }
    }
}

/// Stores an entry in the place of those that it replaces. Gives the files to remove; none if a newer one is there.
fn put(
    cache: &HttpCache,
    rows: &Rows<'_>,
    request: &RequestHead,
    mut stored: Stored,
    base: Base,
    bytes: Option<Bytes>,
) -> Result<Option<Vec<u128>>, StorageError> {
    let key = stored.key.clone();
    let (mut gone, mut left): (Vec<Entry>, Vec<Entry>) = rows
        .entries(&key)?
        .into_iter()
        .partition(|entry| vary::matches(&entry.stored.selecting, &request.headers));
    if gone.iter().any(|entry| entry.stored.freshness.response_time > stored.freshness.response_time) {
        return Ok(None);
    }
    if base != Base::Nothing {
        let fits = |entry: &&Entry| policy::may_combine_parts(&entry.stored, &stored);
        if let Some(entry) = gone.iter().find(fits) {
            let mut parts: Vec<Part> = entry.stored.parts.clone();
            parts.extend(stored.parts);
            stored.length = stored.length.or(entry.stored.length);
            stored.parts = without_covered(parts);
        }
        if stored.parts.len() > PARTS {
            stored.parts = stored.parts.split_off(stored.parts.len() - PARTS);
        }
    }
    while left.len() >= VARIANTS
        && let Some(oldest) = (0..left.len()).min_by_key(|index| left[*index].last_used)
    {
        gone.push(left.swap_remove(oldest));
    }
    for entry in &gone {
        rows.remove(entry)?;
    }
    let entry = Entry { stored, last_used: cache.tick() };
    rows.put(&entry)?;
    cache.forget(&gone, std::slice::from_ref(&entry));
    let kept: Vec<u128> = entry.stored.parts.iter().map(|part| part.file).collect();
    let id = entry.stored.id;
    left.push(entry);
    let evicted = cache.evict(rows, id)?;
    left.retain(|entry| evicted.iter().all(|evicted| evicted.stored.id != entry.stored.id));
    for hot in cache.remember(&key, left) {
        if hot.stored.id == id {
            hot.verified.store(true, Ordering::Relaxed);
            if let Some(bytes) = &bytes
                && hot.stored.length == Some(bytes.len() as u64)
            {
                // It is new, so nobody has set it.
                let _ = hot.bytes.set(bytes.clone());
            }
        }
    }
    gone.extend(evicted);
    Ok(Some(files(&gone).into_iter().filter(|file| !kept.contains(file)).collect()))
}

/// In the order of their starts, without those that lie inside others.
fn without_covered(mut parts: Vec<Part>) -> Vec<Part> {
    parts.sort_by_key(|part| (part.start, u64::MAX - part.length));
    let mut kept: Vec<Part> = Vec::new();
    for part in parts {
        if kept.iter().all(|known| known.range().end < part.range().end) {
            kept.push(part);
        }
    }
    kept
}

/// Stores the new head of an entry that was validated. Gives the entry as it is now.
pub(crate) async fn freshen(cache: &HttpCache, old: &Arc<Hot>, stored: Stored, keep: bool) -> Arc<Hot> {
    let fresh = Arc::new(Hot::new(stored.clone()));
    if let Some(bytes) = old.bytes.get() {
        // It is new, so nobody has set it.
        let _ = fresh.bytes.set(bytes.clone());
    }
    fresh.verified.store(old.verified.load(Ordering::Relaxed), Ordering::Relaxed);
    if !keep {
        return fresh;
    }
    let (this, known) = (cache.clone(), Arc::clone(&fresh));
    let freshening = cache.rows(move |rows| {
        let mut entries = rows.entries(&stored.key)?;
        let Some(entry) = entries.iter_mut().find(|entry| entry.stored.id == stored.id) else {
            return Ok(());
        };
        rows.remove(entry)?;
        let before = entry.clone();
        entry.last_used = this.tick();
        // NOTE: parts may have come since.
        entry.stored =
            Stored { parts: before.stored.parts.clone(), length: before.stored.length, ..stored.clone() };
        rows.put(entry)?;
        this.forget(std::slice::from_ref(&before), std::slice::from_ref(entry));
        for hot in this.remember(&stored.key, entries) {
            if hot.stored.id == stored.id && hot.stored.parts == stored.parts {
                if let Some(bytes) = known.bytes.get() {
                    // It is new, so nobody has set it.
                    let _ = hot.bytes.set(bytes.clone());
                }
                hot.verified.store(known.verified.load(Ordering::Relaxed), Ordering::Relaxed);
            }
        }
        Ok(())
    });
    if let Err(error) = freshening.await {
        tracing::warn!(%error, "a stored response cannot be updated");
    }
    fresh
}
