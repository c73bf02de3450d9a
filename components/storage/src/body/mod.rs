//! Bodies: files that are written in order, read while they grow, and counted by references.

mod checkpoint;
mod entry;
mod id;
mod reader;
mod restore;
mod writer;

use std::collections::HashSet;
use std::fmt;
use std::io;
use std::ops::Range;
use std::sync::Arc;

pub(crate) use entry::{Bodies, Entry, Presence, Progress, WriterPresence};
pub use id::{BodyId, InvalidBodyId};
pub use reader::BodyReader;
pub(crate) use restore::restore;
pub use writer::BodyWriter;

use crate::committer::Committer;
use crate::error::{BodyError, StorageError};
use crate::transaction::{Change, Completion};
use entry::run_on;

/// The bodies of a profile.
///
/// A body belongs to a storage key, whose quota its bytes count against. Its asynchronous functions need a tokio
/// runtime with its timer on.
#[derive(Clone)]
pub struct BodyStore {
    pub(crate) bodies: Arc<Bodies>,
    pub(crate) committer: Arc<Committer>,
}

/// How far a body is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BodyState {
    /// How many bytes will still be there after a power cut.
    pub durable_length: u64,
    /// How many bytes can be read now.
    pub written: u64,
    /// Whether it was finished, and so is all there.
    pub complete: bool,
    /// Whose quota it counts against.
    pub storage_key: String,
}

impl BodyStore {
    /// Makes an empty body with one reference, which belongs to the caller: either a row names the body from now
    /// on, and the reference is released together with that row, or [`collect_garbage`](Self::collect_garbage)
    /// finds at the next start that nobody names it.
    pub async fn create(&self, storage_key: &str) -> Result<(BodyId, BodyWriter), BodyError> {
        let id = BodyId::random().map_err(|error| BodyError::io("naming a body", &error))?;
        let progress = Progress {
            written: 0,
            durable: 0,
            completion: Completion::Incomplete,
            presence: Presence::Present,
            writer: WriterPresence::Live,
            shorter: None,
        };
        let entry = Arc::new(Entry::new(id, storage_key.to_owned(), progress));
        let disk = Arc::clone(&self.bodies.disk);
        let made = Arc::clone(&entry);
        let file = run_on(&self.bodies.disk, move || made.create_file(&*disk))
            .await
            .map_err(|_| BodyError::Abandoned)?
            .map_err(|error| BodyError::io("making a body's file", &error))?;
        // If this future is dropped while the row is committed, nobody ever learns the body's name.
        let newborn = Newborn { store: self, id: Some(id) };
        // The file's name becomes durable with the first checkpoint; until then the body is empty anyway.
        if let Err(error) = self.committer.commit(vec![Change::CreateBody(Arc::clone(&entry))]).await {
            let disk = Arc::clone(&self.bodies.disk);
            // Without a row the next start removes the file too.
            let _ = run_on(&self.bodies.disk, move || disk.remove(&id.to_string())).await;
            newborn.keep();
            return Err(full_or_storage(error));
        }
        newborn.keep();
        Ok((id, BodyWriter::start(self.clone(), entry, file, 0)))
    }

    /// Goes on writing an unfinished body behind its durable length. Waits for a writer that was dropped to come
    /// to its end.
    pub async fn reopen(&self, id: BodyId) -> Result<BodyWriter, BodyError> {
        let entry = self.bodies.get(id).ok_or(BodyError::NotFound)?;
        let mut changes = entry.progress.subscribe();
        loop {
            let progress = *changes.borrow_and_update();
            match progress {
                Progress { presence: Presence::Removed, .. } => return Err(BodyError::Removed),
                Progress { presence: Presence::Closed, .. } => return Err(StorageError::Closed.into()),
                Progress { shorter: Some(found), durable, .. } => {
                    return Err(BodyError::Shorter { durable, found });
                }
                Progress { completion: Completion::Complete, .. }
                | Progress { writer: WriterPresence::Live, .. } => return Err(BodyError::NotWritable),
                Progress { writer: WriterPresence::Ending, .. } => {
                    changes.changed().await.map_err(|_| BodyError::Removed)?;
                }
                Progress { writer: WriterPresence::None, .. } => {
                    let taken = entry.progress.send_if_modified(|now| {
                        let free = now.writer == WriterPresence::None;
                        if free {
                            now.writer = WriterPresence::Live;
                        }
                        free
                    });
                    if taken {
                        break;
                    }
                }
            }
        }
        // From here on the place must be given back whatever happens, also when this future is dropped.
        let place = Place { entry: Some(Arc::clone(&entry)) };
        let disk = Arc::clone(&self.bodies.disk);
        let reopened = Arc::clone(&entry);
        let (file, durable) = run_on(&self.bodies.disk, move || cut_to_durable(&reopened, &*disk))
            .await
            .map_err(|_| BodyError::Abandoned)??;
        place.keep();
        Ok(BodyWriter::start(self.clone(), entry, file, durable))
    }

    /// How far a body is, if it is there.
    pub fn state(&self, id: BodyId) -> Option<BodyState> {
        let entry = self.bodies.get(id)?;
        let progress = entry.now();
        Some(BodyState {
            durable_length: progress.durable,
            written: progress.written,
            complete: progress.completion == Completion::Complete,
            storage_key: entry.storage_key().to_owned(),
        })
    }

    /// Reads a body from its start. The reader follows a writer, waits while an unfinished body has none, and
    /// ends when the body is finished.
    pub fn read(&self, id: BodyId) -> Result<BodyReader, BodyError> {
        self.read_range(id, 0..u64::MAX)
    }

    /// Reads a part of a body. A range that goes past the end of a finished body ends there.
    pub fn read_range(&self, id: BodyId, range: Range<u64>) -> Result<BodyReader, BodyError> {
        let entry = self.bodies.get(id).ok_or(BodyError::NotFound)?;
        let progress = entry.now();
        if let Some(found) = progress.shorter {
            return Err(BodyError::Shorter { durable: progress.durable, found });
        }
        // NOTE: opening does not wait for data, and has to happen now: after a removal there is nothing to open.
        let file = match entry.open_file(&*self.bodies.disk) {
            Ok(file) => file,
            // A crash can take the name of a file of which nothing was durable yet.
            Err(error) if error.kind() == io::ErrorKind::NotFound && progress.durable == 0 => entry
                .create_file(&*self.bodies.disk)
                .map_err(|error| BodyError::io("making a body's file", &error))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(BodyError::Shorter { durable: progress.durable, found: 0 });
            }
            Err(error) => return Err(BodyError::io("opening a body's file", &error)),
        };
        Ok(BodyReader::new(Arc::clone(&self.bodies.disk), &entry, file, range))
    }

    /// Removes the bodies that are not in `live` and that nobody writes; says how many. For the start, when
    /// nobody has a reference yet that is not in a row.
    pub async fn collect_garbage(&self, live: &HashSet<BodyId>) -> Result<usize, StorageError> {
        let changes: Vec<_> = self
            .bodies
            .all()
            .iter()
            .filter(|entry| !live.contains(&entry.id()) && entry.now().writer == WriterPresence::None)
            .map(|entry| Change::RemoveBody(entry.id()))
            .collect();
        let count = changes.len();
        if count > 0 {
            self.committer.commit(changes).await?;
        }
        Ok(count)
    }
}

impl fmt::Debug for BodyStore {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.bodies.all()).finish()
    }
}

/// A body whose name its maker does not know yet. Dropped, it is removed.
struct Newborn<'a> {
    store: &'a BodyStore,
    id: Option<BodyId>,
}

impl Newborn<'_> {
    fn keep(mut self) {
        self.id = None;
    }
}

impl Drop for Newborn<'_> {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            self.store.committer.commit_unheard(vec![Change::RemoveBody(id)]);
        }
    }
}

/// The right to be a body's only writer, given back on drop.
struct Place {
    entry: Option<Arc<Entry>>,
}

impl Place {
    fn keep(mut self) {
        self.entry = None;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(entry) = &self.entry {
            entry.progress.send_modify(|progress| progress.writer = WriterPresence::None);
        }
    }
}

/// Opens a body's file for more and forgets what was not durable.
fn cut_to_durable(
    entry: &Entry,
    disk: &dyn crate::disk::Disk,
) -> Result<(Arc<dyn crate::disk::DiskFile>, u64), BodyError> {
    let durable = entry.now().durable;
    let failed = |error: io::Error| BodyError::io("opening a body's file", &error);
    let shorter = |found| {
        entry.progress.send_modify(|progress| progress.shorter = Some(found));
        Err(BodyError::Shorter { durable, found })
    };
    let file = match entry.open_file(disk) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound && durable == 0 => {
            entry.create_file(disk).map_err(failed)?
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => return shorter(0),
        Err(error) => return Err(failed(error)),
    };
    let found = file.length().map_err(failed)?;
    if found < durable {
        return shorter(found);
    }
    if found > durable {
        file.set_length(durable).map_err(failed)?;
    }
    Ok((file, durable))
}

/// A full disk is the same to a writer wherever it shows.
fn full_or_storage(error: StorageError) -> BodyError {
    match error {
        StorageError::DiskFull => BodyError::DiskFull,
        StorageError::NoSuchBody(_) => BodyError::Removed,
        error => BodyError::Storage(error),
    }
}
