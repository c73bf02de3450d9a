//! Reading a body.

use std::fmt;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::Stream;
use futures::stream::{self, BoxStream, StreamExt};
use tokio::sync::watch;

use super::BodyId;
use super::entry::{Entry, Presence, Progress, run_on};
use crate::disk::{Disk, DiskFile};
use crate::error::BodyError;
use crate::transaction::Completion;

/// The largest chunk a reader gives.
const LARGEST_CHUNK: u64 = 64 << 10;

/// The bytes of a body, as a stream. It keeps the file, also when the body is removed meanwhile: what was finished
/// before is then read to its end.
pub struct BodyReader {
    id: BodyId,
    chunks: BoxStream<'static, Result<Bytes, BodyError>>,
}

impl BodyReader {
    pub(super) fn new(
        disk: Arc<dyn Disk>,
        entry: &Entry,
        file: Arc<dyn DiskFile>,
        range: Range<u64>,
    ) -> Self {
        let place =
            Place { disk, file, progress: entry.progress.subscribe(), position: range.start, end: range.end };
        let chunks = stream::unfold(Some(place), |place| async move {
            let mut place = place?;
            match place.next_chunk().await {
                Ok(Some(chunk)) => Some((Ok(chunk), Some(place))),
                Ok(None) => None,
                Err(error) => Some((Err(error), None)),
            }
        });
        Self { id: entry.id(), chunks: chunks.boxed() }
    }
}

impl Stream for BodyReader {
    type Item = Result<Bytes, BodyError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.chunks.poll_next_unpin(context)
    }
}

impl fmt::Debug for BodyReader {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("BodyReader").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Where a reader is.
struct Place {
    disk: Arc<dyn Disk>,
    file: Arc<dyn DiskFile>,
    progress: watch::Receiver<Progress>,
    position: u64,
    end: u64,
}

impl Place {
    async fn next_chunk(&mut self) -> Result<Option<Bytes>, BodyError> {
        loop {
            if self.position >= self.end {
                return Ok(None);
            }
            let progress = *self.progress.borrow_and_update();
            let available = progress.written.min(self.end).saturating_sub(self.position);
            if available > 0 {
                let chunk = self.read(available.min(LARGEST_CHUNK)).await?;
                if !chunk.is_empty() {
                    self.position += chunk.len() as u64;
                    return Ok(Some(chunk));
                }
                // What was not durable may have been taken back while we read.
                if self.progress.borrow().written > self.position {
                    return Err(BodyError::Shorter { durable: progress.durable, found: self.position });
                }
                continue;
            }
            if progress.completion == Completion::Complete {
                return Ok(None);
            }
            match progress.presence {
                Presence::Present => {}
                Presence::Removed => return Err(BodyError::Removed),
                Presence::Closed => return Err(BodyError::Abandoned),
            }
            self.progress.changed().await.map_err(|_| BodyError::Abandoned)?;
        }
    }

    async fn read(&self, length: u64) -> Result<Bytes, BodyError> {
        let file = Arc::clone(&self.file);
        let offset = self.position;
        run_on(&self.disk, move || {
            // At most LARGEST_CHUNK, so it fits any address space.
            let mut buffer = vec![0; length as usize];
            let count = file.read_at(&mut buffer, offset)?;
            buffer.truncate(count);
            Ok(Bytes::from(buffer))
        })
        .await
        .map_err(|_| BodyError::Abandoned)?
        .map_err(|error: std::io::Error| BodyError::io("reading a body's file", &error))
    }
}
