//! A disk that does not do all it is asked.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use longhaul_storage::testing::SimulatedDisk;
use longhaul_storage::{Disk, DiskFile};

/// An operation of a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    Create,
    Open,
    Remove,
    List,
    SyncDirectory,
    Read,
    Write,
    SetLength,
    Length,
}

/// All of them.
pub(super) const OPERATIONS: [Operation; 9] = [
    Operation::Create,
    Operation::Open,
    Operation::Remove,
    Operation::List,
    Operation::SyncDirectory,
    Operation::Read,
    Operation::Write,
    Operation::SetLength,
    Operation::Length,
];

/// The storage's own simulated disk, the next operation of which may fail. It works on the caller's thread, so that the same input does
/// the same again.
#[derive(Clone, Default)]
pub(super) struct FaultyDisk {
    pub(super) simulated: SimulatedDisk,
    fault: Arc<Mutex<Option<(Operation, io::ErrorKind)>>>,
}

impl FaultyDisk {
    /// Lets the next operation of this kind fail; `None` lets none.
    pub(super) fn fail_next(&self, fault: Option<(Operation, io::ErrorKind)>) {
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = fault;
    }

    fn check(&self, operation: Operation) -> io::Result<()> {
        let mut fault = self.fault.lock().unwrap_or_else(PoisonError::into_inner);
        match *fault {
            Some((failing, kind)) if failing == operation => {
                *fault = None;
                Err(kind.into())
            }
            _ => Ok(()),
        }
    }

    fn file(&self, file: Arc<dyn DiskFile>) -> Arc<dyn DiskFile> {
        Arc::new(FaultyFile { disk: self.clone(), file })
    }
}

impl Disk for FaultyDisk {
    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        self.check(Operation::Create)?;
        Ok(self.file(self.simulated.create(name)?))
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        self.check(Operation::Open)?;
        Ok(self.file(self.simulated.open(name)?))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.check(Operation::Remove)?;
        self.simulated.remove(name)
    }

    fn list(&self) -> io::Result<Vec<String>> {
        self.check(Operation::List)?;
        self.simulated.list()
    }

    fn sync_directory(&self) -> io::Result<()> {
        self.check(Operation::SyncDirectory)?;
        self.simulated.sync_directory()
    }

    fn blocks(&self) -> bool {
        false
    }
}

struct FaultyFile {
    disk: FaultyDisk,
    file: Arc<dyn DiskFile>,
}

impl DiskFile for FaultyFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.disk.check(Operation::Read)?;
        self.file.read_at(buffer, offset)
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.disk.check(Operation::Write)?;
        self.file.write_all_at(bytes, offset)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn set_length(&self, length: u64) -> io::Result<()> {
        self.disk.check(Operation::SetLength)?;
        self.file.set_length(length)
    }

    fn length(&self) -> io::Result<u64> {
        self.disk.check(Operation::Length)?;
        self.file.length()
    }
}
