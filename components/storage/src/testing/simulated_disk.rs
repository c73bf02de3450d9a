//! A disk for simulations: it fills up, fails to sync, and loses what was not synced when the power is cut.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::disk::{Disk, DiskFile, read_slice, write_slice};

/// A disk in memory which does what it is told. Its clones are the same disk, so a test keeps one and gives another
/// to [`Profile::open_with_disk`](crate::Profile::open_with_disk), once for each life of the process it simulates.
#[derive(Clone, Default)]
pub struct SimulatedDisk {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    released: Condvar,
}

#[derive(Default)]
struct State {
    /// By name; what is in `durable_names` only is back after a power cut.
    files: HashMap<String, Arc<Mutex<Content>>>,
    durable_names: HashMap<String, Arc<Mutex<Content>>>,
    capacity: Option<u64>,
    failing_syncs: u32,
    syncs_held: bool,
    syncs: u64,
    log: Vec<DiskEvent>,
}

#[derive(Default)]
struct Content {
    current: Vec<u8>,
    durable: Vec<u8>,
}

/// Something that happened on a [`SimulatedDisk`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DiskEvent {
    /// A file was made.
    Created(String),
    /// So many bytes were written to a file.
    Written(String, usize),
    /// A file was made durable.
    Synced(String),
    /// A file was to be made durable and was not.
    SyncFailed(String),
    /// The names were made durable.
    DirectorySynced,
    /// A file was removed.
    Removed(String),
}

impl SimulatedDisk {
    /// An empty disk without bounds.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many bytes all files together may have from now on; `None` for as many as there is memory.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.lock().capacity = bytes;
    }

    /// Lets the next syncs fail. What they should have made durable is lost, as on Linux.
    pub fn fail_syncs(&self, count: u32) {
        self.lock().failing_syncs = count;
    }

    /// Lets syncs wait until they are released again.
    pub fn hold_syncs(&self, hold: bool) {
        self.lock().syncs_held = hold;
        self.shared.released.notify_all();
    }

    /// How many times a file was made durable.
    pub fn syncs(&self) -> u64 {
        self.lock().syncs
    }

    /// What happened since the last time this was asked.
    pub fn take_log(&self) -> Vec<DiskEvent> {
        std::mem::take(&mut self.lock().log)
    }

    /// Cuts the power: of what was not synced, `keep` decides how much the disk has by chance. It gets a number of
    /// bytes and gives one that is not larger.
    pub fn cut_power(&self, mut keep: impl FnMut(usize) -> usize) {
        let mut state = self.lock();
        state.files = state.durable_names.clone();
        for content in state.files.values() {
            let mut content = lock(content);
            let unsynced = content.current.len().saturating_sub(content.durable.len());
            let kept = content.durable.len() + keep(unsynced).min(unsynced);
            let mut survived = content.durable.clone();
            if kept > survived.len() {
                survived.extend_from_slice(&content.current[survived.len()..kept]);
            }
            content.durable.clone_from(&survived);
            content.current = survived;
        }
    }

    /// What is in a file now.
    pub fn content(&self, name: &str) -> Option<Vec<u8>> {
        let file = self.lock().files.get(name).cloned()?;
        let bytes = lock(&file).current.clone();
        Some(bytes)
    }

    /// Puts other bytes into a file, durably, as a failing medium would.
    pub fn overwrite(&self, name: &str, bytes: Vec<u8>) {
        if let Some(file) = self.lock().files.get(name) {
            *lock(file) = Content { durable: bytes.clone(), current: bytes };
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.shared.state)
    }

    fn file(&self, name: &str, content: &Arc<Mutex<Content>>) -> Arc<dyn DiskFile> {
        Arc::new(SimulatedFile { disk: self.clone(), name: name.to_owned(), content: Arc::clone(content) })
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Disk for SimulatedDisk {
    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let mut state = self.lock();
        if state.files.contains_key(name) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let content = Arc::new(Mutex::new(Content::default()));
        state.files.insert(name.to_owned(), Arc::clone(&content));
        state.log.push(DiskEvent::Created(name.to_owned()));
        drop(state);
        Ok(self.file(name, &content))
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let content = self.lock().files.get(name).cloned().ok_or(io::ErrorKind::NotFound)?;
        Ok(self.file(name, &content))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut state = self.lock();
        state.files.remove(name).ok_or(io::ErrorKind::NotFound)?;
        state.log.push(DiskEvent::Removed(name.to_owned()));
        Ok(())
    }

    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.lock().files.keys().cloned().collect())
    }

    fn sync_directory(&self) -> io::Result<()> {
        let mut state = self.lock();
        state.durable_names = state.files.clone();
        state.log.push(DiskEvent::DirectorySynced);
        Ok(())
    }
}

struct SimulatedFile {
    disk: SimulatedDisk,
    name: String,
    content: Arc<Mutex<Content>>,
}

impl DiskFile for SimulatedFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        Ok(read_slice(&lock(&self.content).current, buffer, offset))
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut state = self.disk.lock();
        let used: u64 = state.files.values().map(|content| lock(content).current.len() as u64).sum();
        let mut content = lock(&self.content);
        let growth = (offset + bytes.len() as u64).saturating_sub(content.current.len() as u64);
        let room = state.capacity.map_or(u64::MAX, |capacity| capacity.saturating_sub(used));
        if growth > room {
            // As on a real disk, a part of it gets there.
            let part = usize::try_from(room).unwrap_or(usize::MAX).min(bytes.len());
            write_slice(&mut content.current, &bytes[..part], offset)?;
            return Err(io::ErrorKind::StorageFull.into());
        }
        state.log.push(DiskEvent::Written(self.name.clone(), bytes.len()));
        write_slice(&mut content.current, bytes, offset)
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.disk.lock();
        while state.syncs_held {
            state = self.disk.shared.released.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let mut content = lock(&self.content);
        if state.failing_syncs > 0 {
            state.failing_syncs -= 1;
            state.log.push(DiskEvent::SyncFailed(self.name.clone()));
            // Linux drops what it could not write and calls it clean.
            let durable = content.durable.len();
            content.current[durable..].fill(0);
            return Err(io::Error::other("the disk does not answer"));
        }
        state.syncs += 1;
        state.log.push(DiskEvent::Synced(self.name.clone()));
        content.durable = content.current.clone();
        Ok(())
    }

    fn set_length(&self, length: u64) -> io::Result<()> {
        let length = usize::try_from(length).map_err(|_| io::ErrorKind::FileTooLarge)?;
        let mut content = lock(&self.content);
        content.current.resize(length, 0);
        content.durable.truncate(length);
        Ok(())
    }

    fn length(&self) -> io::Result<u64> {
        Ok(lock(&self.content).current.len() as u64)
    }
}
