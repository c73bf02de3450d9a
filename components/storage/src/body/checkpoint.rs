//! Checkpoints: what was written becomes durable while writing goes on.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::entry::{Entry, WriterPresence, run_on};
use super::{BodyStore, full_or_storage};
use crate::disk::DiskFile;
use crate::error::BodyError;
use crate::transaction::{Change, Completion};

/// So many bytes are worth a checkpoint.
const GATHERED: u64 = 4 << 20;

/// Fewer bytes wait at most so long.
const PATIENCE: Duration = Duration::from_secs(1);

/// What a writer wants from its checkpoints.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Demand {
    /// How many bytes are in the file.
    pub(crate) written: u64,
    /// Up to where somebody waits for durability.
    pub(crate) wanted: u64,
    /// Whether the body is to be complete with what is written.
    pub(crate) completion: Completion,
}

/// What the checkpoints came to.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    pub(crate) durable: u64,
    pub(crate) completion: Completion,
    /// Why there will be no more of them.
    pub(crate) failure: Option<BodyError>,
}

/// Makes the checkpoints of one writer, one at a time. It lives a little longer than the writer, for the last one.
pub(crate) struct Checkpoints {
    pub(crate) store: BodyStore,
    pub(crate) entry: Arc<Entry>,
    pub(crate) file: Arc<dyn DiskFile>,
    pub(crate) demands: watch::Receiver<Demand>,
    pub(crate) outcome: watch::Sender<Outcome>,
}

/// What comes next.
enum Next {
    Checkpoint(Demand),
    End,
}

impl Checkpoints {
    pub(crate) async fn run(mut self) {
        let mut durable = self.outcome.borrow().durable;
        while let Next::Checkpoint(demand) = self.gather(durable).await {
            match self.make(durable, demand).await {
                Ok(()) => {
                    durable = demand.written;
                    self.outcome.send_modify(|outcome| {
                        outcome.durable = durable;
                        outcome.completion = demand.completion;
                    });
                    if demand.completion == Completion::Complete {
                        break;
                    }
                }
                Err(error) => {
                    tracing::warn!(id = %self.entry.id(), %error, "a checkpoint failed");
                    self.outcome.send_modify(|outcome| outcome.failure = Some(error));
                    break;
                }
            }
        }
    }

    /// Waits until there is enough for a checkpoint, or somebody waits for one.
    async fn gather(&mut self, durable: u64) -> Next {
        let mut deadline = None;
        loop {
            let demand = *self.demands.borrow_and_update();
            let gathered = demand.written.saturating_sub(durable);
            if gathered >= GATHERED || demand.wanted > durable || demand.completion == Completion::Complete {
                return Next::Checkpoint(demand);
            }
            let changed = if gathered == 0 {
                self.demands.changed().await
            } else {
                let deadline = *deadline.get_or_insert_with(|| Instant::now() + PATIENCE);
                tokio::select! {
                    changed = self.demands.changed() => changed,
                    () = tokio::time::sleep_until(deadline) => return Next::Checkpoint(demand),
                }
            };
            if changed.is_err() {
                // The writer is gone and nothing of it is under way any more.
                let demand = *self.demands.borrow();
                return if demand.written > durable { Next::Checkpoint(demand) } else { Next::End };
            }
        }
    }

    /// First the file, then the row that vouches for it.
    async fn make(&self, durable: u64, demand: Demand) -> Result<(), BodyError> {
        let store = self.store.clone();
        let file = Arc::clone(&self.file);
        let id = self.entry.id();
        let work = move || {
            if demand.written > durable {
                file.sync_data().map_err(|error| BodyError::io("syncing a body's file", &error))?;
            }
            if durable == 0 {
                store
                    .bodies
                    .disk
                    .sync_directory()
                    .map_err(|error| BodyError::io("syncing the folder of the bodies", &error))?;
            }
            let change = Change::BodyLength(id, demand.written, demand.completion);
            store.committer.commit_blocking(vec![change]).map_err(full_or_storage)
        };
        run_on(&self.store.bodies.disk, work).await.map_err(|_| BodyError::Abandoned)?
    }
}

impl Drop for Checkpoints {
    /// Also runs when the runtime ends before the writer does.
    fn drop(&mut self) {
        self.entry.progress.send_if_modified(|progress| {
            let live = progress.writer == WriterPresence::Live;
            if live {
                progress.writer = WriterPresence::Ending;
            }
            live
        });
        self.outcome.send_modify(|outcome| {
            if outcome.failure.is_none() && outcome.completion == Completion::Incomplete {
                outcome.failure = Some(BodyError::Abandoned);
            }
        });
        self.entry.end_writing(&self.store.bodies.quota);
    }
}
