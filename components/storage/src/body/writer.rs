//! Writing a body.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::checkpoint::{Checkpoints, Demand, Outcome};
use super::entry::{Entry, Presence, WriterPresence};
use super::{BodyId, BodyStore};
use crate::disk::DiskFile;
use crate::error::{BodyError, StorageError};
use crate::quota::Reservation;
use crate::transaction::Completion;

/// How far writing may be ahead of the last checkpoint.
const FARTHEST_AHEAD: u64 = 64 << 20;

/// Appends to a body. There is one writer of a body at a time.
///
/// Dropped without [`finish`](Self::finish), it leaves the body unfinished; what was written is still made
/// durable, if the profile stays open for it.
pub struct BodyWriter {
    store: BodyStore,
    entry: Arc<Entry>,
    file: Arc<dyn DiskFile>,
    reservation: Option<Arc<Reservation>>,
    demands: Arc<watch::Sender<Demand>>,
    outcome: watch::Receiver<Outcome>,
    /// A write whose future was dropped before it was done.
    under_way: Option<JoinHandle<Result<(), BodyError>>>,
}

impl BodyWriter {
    pub(super) fn start(store: BodyStore, entry: Arc<Entry>, file: Arc<dyn DiskFile>, durable: u64) -> Self {
        let demand = Demand { written: durable, wanted: durable, completion: Completion::Incomplete };
        let (demands, demanded) = watch::channel(demand);
        let first = Outcome { durable, completion: Completion::Incomplete, failure: None };
        let (outcome_sender, outcome) = watch::channel(first);
        let checkpoints = Checkpoints {
            store: store.clone(),
            entry: Arc::clone(&entry),
            file: Arc::clone(&file),
            demands: demanded,
            outcome: outcome_sender,
        };
        tokio::spawn(checkpoints.run());
        Self { store, entry, file, reservation: None, demands: Arc::new(demands), outcome, under_way: None }
    }

    /// The body's name.
    pub fn id(&self) -> BodyId {
        self.entry.id()
    }

    /// How many bytes the body has.
    pub fn written(&self) -> u64 {
        self.demands.borrow().written
    }

    /// How many of them will still be there after a power cut.
    pub fn durable_length(&self) -> u64 {
        self.outcome.borrow().durable
    }

    /// Lets the bytes to come use up a reservation of the body's storage key.
    pub fn set_reservation(&mut self, reservation: Arc<Reservation>) {
        self.reservation = Some(reservation);
    }

    /// Writes bytes behind the ones that are there. When too much is not durable yet, it waits until less is.
    ///
    /// After an error nothing of the chunk was taken. When there is room again after `QuotaExceeded` or `DiskFull`,
    /// it may be tried again; once a checkpoint has failed, this writer gives its error for ever.
    pub async fn append(&mut self, chunk: Bytes) -> Result<(), BodyError> {
        self.settle().await?;
        if chunk.is_empty() {
            return Ok(());
        }
        let length = chunk.len() as u64;
        let room = FARTHEST_AHEAD.saturating_sub(length);
        let written = self.written();
        // A chunk larger than the bound goes alone.
        self.wait(|outcome| written.saturating_sub(outcome.durable) <= room).await?;

        let write = Write {
            store: self.store.clone(),
            entry: Arc::clone(&self.entry),
            file: Arc::clone(&self.file),
            demands: Arc::clone(&self.demands),
        };
        self.store.bodies.quota.charge(self.entry.storage_key(), length, self.reservation.as_deref())?;
        if !self.store.bodies.disk.blocks() {
            return write.run(&chunk, written);
        }
        self.under_way = Some(tokio::task::spawn_blocking(move || write.run(&chunk, written)));
        self.settle().await
    }

    /// Waits until everything written is durable; gives its length.
    pub async fn checkpoint(&mut self) -> Result<u64, BodyError> {
        self.settle().await?;
        let written = self.written();
        self.demands.send_modify(|demand| demand.wanted = written);
        self.wait(|outcome| outcome.durable >= written).await?;
        Ok(written)
    }

    /// Says that the body is all there, and waits until this is durable; gives its length.
    pub async fn finish(mut self) -> Result<u64, BodyError> {
        self.settle().await?;
        let written = self.written();
        self.demands.send_modify(|demand| demand.completion = Completion::Complete);
        self.wait(|outcome| outcome.completion == Completion::Complete).await?;
        Ok(written)
    }

    /// Waits for the write under way, and looks whether there is a body to write at all.
    async fn settle(&mut self) -> Result<(), BodyError> {
        if let Some(write) = &mut self.under_way {
            let result = write.await;
            self.under_way = None;
            result.map_err(|_| BodyError::Abandoned)??;
        }
        match self.entry.now().presence {
            Presence::Present => Ok(()),
            Presence::Removed => Err(BodyError::Removed),
            Presence::Closed => Err(StorageError::Closed.into()),
        }
    }

    /// Waits until the checkpoints have come so far.
    async fn wait(&mut self, reached: impl Fn(&Outcome) -> bool) -> Result<(), BodyError> {
        let reached_or_failed = |outcome: &Outcome| outcome.failure.is_some() || reached(outcome);
        let outcome = self.outcome.wait_for(reached_or_failed).await.map_err(|_| BodyError::Abandoned)?;
        match &outcome.failure {
            Some(failure) => Err(failure.clone()),
            None => Ok(()),
        }
    }
}

impl Drop for BodyWriter {
    fn drop(&mut self) {
        self.entry.progress.send_if_modified(|progress| {
            let live = progress.writer == WriterPresence::Live;
            if live {
                progress.writer = WriterPresence::Ending;
            }
            live
        });
    }
}

impl fmt::Debug for BodyWriter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("BodyWriter").field("entry", &self.entry).finish_non_exhaustive()
    }
}

/// One write, which comes to its end whether or not anybody waits for it.
struct Write {
    store: BodyStore,
    entry: Arc<Entry>,
    file: Arc<dyn DiskFile>,
    demands: Arc<watch::Sender<Demand>>,
}

impl Write {
    fn run(self, chunk: &[u8], offset: u64) -> Result<(), BodyError> {
        let quota = &self.store.bodies.quota;
        let length = chunk.len() as u64;
        if let Err(error) = self.file.write_all_at(chunk, offset) {
            quota.remove_stored(self.entry.storage_key(), length);
            return Err(BodyError::io("writing a body's file", &error));
        }
        let end = offset + length;
        let mut counted = false;
        self.entry.progress.send_modify(|progress| {
            // Once it is removed or its writing has ended, nobody else will take these bytes off the quota.
            counted = progress.presence != Presence::Removed && progress.writer != WriterPresence::None;
            if counted {
                progress.written = end;
            }
        });
        if !counted {
            quota.remove_stored(self.entry.storage_key(), length);
        }
        self.demands.send_modify(|demand| demand.written = end);
        Ok(())
    }
}
