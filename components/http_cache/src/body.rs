//! Reading stored bytes: nothing is given out that is not what was stored.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures::future;
use futures::stream::{self, StreamExt as _};
use longhaul_storage::{Disk, DiskFile};

use crate::error::BodyError;
use crate::growing::BodyStream;
use crate::stored::{Part, Stored};

/// So many bytes share a checksum.
pub(crate) const BLOCK: u64 = 256 << 10;

/// A body up to this size is looked at as a whole before any of it is given out, each time.
const READ_AT_ONCE: u64 = 1 << 20;

/// And up to this size, once a session.
const VERIFIED_FIRST: u64 = 64 << 20;

/// So many blocks of a longer one are read at a time.
const READ_AHEAD: usize = 8;

/// The name of a file.
pub(crate) fn file_name(file: u128) -> String {
    format!("{file:032x}")
}

/// The checksums of bytes as they are written.
#[derive(Debug, Default)]
pub(crate) struct Checksums {
    done: Vec<u32>,
    current: crc32fast::Hasher,
    filled: u64,
}

impl Checksums {
    pub(crate) fn add(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            // At most `BLOCK`.
            let room = (BLOCK - self.filled) as usize;
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.current.update(now);
            self.filled += now.len() as u64;
            bytes = later;
            if self.filled == BLOCK {
                self.done.push(std::mem::take(&mut self.current).finalize());
                self.filled = 0;
            }
        }
    }

    pub(crate) fn finish(mut self) -> Vec<u32> {
        if self.filled > 0 {
            self.done.push(self.current.finalize());
        }
        self.done
    }
}

/// Whether a body was looked at in this session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verified {
    Yes,
    No,
}

/// Opens a range of a body. The bytes are there, or the whole counts as damaged.
pub(crate) async fn open(
    disk: &Arc<dyn Disk>,
    stored: &Arc<Stored>,
    range: Range<u64>,
    verified: Verified,
) -> Result<BodyStream, BodyError> {
    if range.is_empty() {
        return Ok(stream::empty().boxed());
    }
    let (on, stored) = (Arc::clone(disk), Arc::clone(stored));
    let opening = move || -> Result<Opened, BodyError> {
        let mut pieces = Vec::new();
        let mut position = range.start;
        while position < range.end {
            let part = stored.part_at(position).ok_or(BodyError::Damaged)?;
            let end = part.range().end.min(range.end);
            let file = on.open(&file_name(part.file)).map_err(|_| BodyError::Damaged)?;
            if file.length().ok() != Some(part.length)
                || part.checksums.len() as u64 != part.length.div_ceil(BLOCK)
            {
                return Err(BodyError::Damaged);
            }
            if verified == Verified::No && part.length > READ_AT_ONCE && part.length <= VERIFIED_FIRST {
                for block in 0..part.checksums.len() {
                    read_block(&*file, part, block)?;
                }
            }
            pieces.push(Piece { file, part: part.clone(), range: position - part.start..end - part.start });
            position = end;
        }
        if range.end - range.start > READ_AT_ONCE {
            return Ok(Opened::Pieces(pieces));
        }
        let mut gathered = BytesMut::new();
        for mut piece in pieces {
            while let Some(chunk) = piece.next()? {
                if gathered.is_empty()
                    && piece.range.is_empty()
                    && chunk.len() as u64 == range.end - range.start
                {
                    return Ok(Opened::Bytes(chunk));
                }
                gathered.extend_from_slice(&chunk);
            }
        }
        Ok(Opened::Bytes(gathered.freeze()))
    };
    let opened = run_on(disk, opening).await?;
    Ok(match opened {
        Opened::Bytes(bytes) => stream::once(future::ready(Ok(bytes))).boxed(),
        Opened::Pieces(pieces) => {
            let disk = Arc::clone(disk);
            let state = Reading { pieces: pieces.into(), ready: VecDeque::new() };
            stream::unfold(Some(state), move |state| {
                let disk = Arc::clone(&disk);
                async move {
                    let mut state = state?;
                    if state.ready.is_empty() {
                        let reading = move || state.read_ahead().map(|()| state);
                        state = match run_on(&disk, reading).await {
                            Ok(state) => state,
                            Err(error) => return Some((Err(error), None)),
                        };
                    }
                    let chunk = state.ready.pop_front()?;
                    Some((Ok(chunk), Some(state)))
                }
            })
            .boxed()
        }
    })
}

/// A long body while it is read.
struct Reading {
    pieces: VecDeque<Piece>,
    ready: VecDeque<Bytes>,
}

impl Reading {
    /// Reads some blocks at once: going to a thread that may wait costs more than reading one.
    fn read_ahead(&mut self) -> Result<(), BodyError> {
        while self.ready.len() < READ_AHEAD
            && let Some(piece) = self.pieces.front_mut()
        {
            match piece.next() {
                Ok(Some(chunk)) => self.ready.push_back(chunk),
                Ok(None) => drop(self.pieces.pop_front()),
                Err(error) if self.ready.is_empty() => return Err(error),
                // What was read before comes first; the error is met again.
                Err(_) => break,
            }
        }
        Ok(())
    }
}

enum Opened {
    Bytes(Bytes),
    Pieces(Vec<Piece>),
}

/// What of a part is still to be read, counted from its first byte.
struct Piece {
    file: Arc<dyn DiskFile>,
    part: Part,
    range: Range<u64>,
}

impl Piece {
    fn next(&mut self) -> Result<Option<Bytes>, BodyError> {
        if self.range.is_empty() {
            return Ok(None);
        }
        let block = self.range.start / BLOCK;
        let bytes = read_block(&*self.file, &self.part, block as usize)?;
        let first = block * BLOCK;
        let end = (first + bytes.len() as u64).min(self.range.end);
        // Both are inside the block.
        let chunk = bytes.slice((self.range.start - first) as usize..(end - first) as usize);
        self.range.start = end;
        Ok(Some(chunk))
    }
}

fn read_block(file: &dyn DiskFile, part: &Part, block: usize) -> Result<Bytes, BodyError> {
    let first = block as u64 * BLOCK;
    let length = BLOCK.min(part.length.saturating_sub(first)) as usize;
    let mut buffer = vec![0; length];
    let count = file.read_at(&mut buffer, first).map_err(|_| BodyError::Damaged)?;
    if count != length || part.checksums.get(block) != Some(&crc32fast::hash(&buffer)) {
        return Err(BodyError::Damaged);
    }
    Ok(buffer.into())
}

/// Runs disk work where it may wait.
pub(crate) async fn run_on<T: Send + 'static>(
    disk: &Arc<dyn Disk>,
    work: impl FnOnce() -> Result<T, BodyError> + Send + 'static,
) -> Result<T, BodyError> {
    if !disk.blocks() {
        return work();
    }
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(BodyError::Lost))
}
