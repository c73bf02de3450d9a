//! What is known of each body while the profile is open.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::sync::watch;

use super::BodyId;
use crate::disk::{Disk, DiskFile};
use crate::quota::Quota;
use crate::transaction::Completion;

/// All bodies of the profile.
pub(crate) struct Bodies {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) quota: Quota,
    entries: Mutex<HashMap<BodyId, Arc<Entry>>>,
}

/// One body.
pub(crate) struct Entry {
    id: BodyId,
    storage_key: String,
    /// Everybody who reads or writes the body watches this.
    pub(crate) progress: watch::Sender<Progress>,
    /// The file, while anybody has it open.
    file: Mutex<Option<Weak<dyn DiskFile>>>,
}

/// How far a body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Progress {
    /// How many bytes can be read. They count as stored in the quota.
    pub(crate) written: u64,
    /// How many of them will still be there after a power cut.
    pub(crate) durable: u64,
    pub(crate) completion: Completion,
    pub(crate) presence: Presence,
    pub(crate) writer: WriterPresence,
    /// How long the file was when it was found to be shorter than what had been durable.
    pub(crate) shorter: Option<u64>,
}

/// Whether a body is still there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Presence {
    Present,
    Removed,
    /// The profile was closed.
    Closed,
}

/// Whether somebody writes a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WriterPresence {
    None,
    Live,
    /// It was dropped; what it wrote is being made durable.
    Ending,
}

impl Bodies {
    pub(crate) fn new(disk: Arc<dyn Disk>, quota: Quota) -> Self {
        Self { disk, quota, entries: Mutex::default() }
    }

    pub(crate) fn insert(&self, entry: Arc<Entry>) {
        self.lock().insert(entry.id, entry);
    }

    pub(crate) fn get(&self, id: BodyId) -> Option<Arc<Entry>> {
        self.lock().get(&id).cloned()
    }

    pub(crate) fn all(&self) -> Vec<Arc<Entry>> {
        self.lock().values().cloned().collect()
    }

    /// Takes note of a committed length.
    pub(crate) fn set_durable(&self, id: BodyId, length: u64, completion: Completion) {
        if let Some(entry) = self.get(id) {
            entry.progress.send_modify(|progress| {
                progress.durable = length;
                progress.completion = completion;
            });
        }
    }

    /// Removes a body whose row is gone.
    pub(crate) fn remove(&self, id: BodyId) {
        let Some(entry) = self.lock().remove(&id) else { return };
        entry.progress.send_modify(|progress| {
            if progress.presence == Presence::Present {
                self.quota.remove_stored(&entry.storage_key, progress.written);
            }
            progress.presence = Presence::Removed;
        });
        match self.disk.remove(&id.to_string()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                // It has no row any more, so the next start removes it.
                tracing::warn!(%id, %error, "a body's file could not be removed");
            }
            _ => {}
        }
    }

    /// Tells all readers and writers that nothing more will come.
    pub(crate) fn close(&self) {
        for entry in self.all() {
            entry.progress.send_if_modified(|progress| {
                let open = progress.presence == Presence::Present;
                if open {
                    progress.presence = Presence::Closed;
                }
                open
            });
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<BodyId, Arc<Entry>>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    pub(crate) fn new(id: BodyId, storage_key: String, progress: Progress) -> Self {
        Self { id, storage_key, progress: watch::Sender::new(progress), file: Mutex::new(None) }
    }

    pub(crate) fn id(&self) -> BodyId {
        self.id
    }

    pub(crate) fn storage_key(&self) -> &str {
        &self.storage_key
    }

    pub(crate) fn now(&self) -> Progress {
        *self.progress.borrow()
    }

    /// Opens the file, or shares it with those who have it open.
    pub(crate) fn open_file(&self, disk: &dyn Disk) -> io::Result<Arc<dyn DiskFile>> {
        let mut shared = self.lock_file();
        if let Some(file) = shared.as_ref().and_then(Weak::upgrade) {
            return Ok(file);
        }
        let file = disk.open(&self.id.to_string())?;
        *shared = Some(Arc::downgrade(&file));
        Ok(file)
    }

    /// Makes the file. One that a crash left behind is used as it is.
    pub(crate) fn create_file(&self, disk: &dyn Disk) -> io::Result<Arc<dyn DiskFile>> {
        match disk.create(&self.id.to_string()) {
            Ok(file) => {
                *self.lock_file() = Some(Arc::downgrade(&file));
                Ok(file)
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => self.open_file(disk),
            Err(error) => Err(error),
        }
    }

    /// After this only the durable part is believed, and nobody writes.
    pub(crate) fn end_writing(&self, quota: &Quota) {
        self.progress.send_modify(|progress| {
            if progress.presence != Presence::Removed {
                quota.remove_stored(&self.storage_key, progress.written.saturating_sub(progress.durable));
            }
            progress.written = progress.durable;
            progress.writer = WriterPresence::None;
        });
    }

    fn lock_file(&self) -> MutexGuard<'_, Option<Weak<dyn DiskFile>>> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Entry")
            .field("id", &self.id)
            .field("progress", &self.now())
            .finish_non_exhaustive()
    }
}

/// Runs disk work where it may block.
pub(crate) async fn run_on<T: Send + 'static>(
    disk: &Arc<dyn Disk>,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, tokio::task::JoinError> {
    if disk.blocks() { tokio::task::spawn_blocking(work).await } else { Ok(work()) }
}
