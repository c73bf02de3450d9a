//! One process at a time, and whether the last one ended well.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::FlockOperation;
use rustix::io::Errno;

/// The lock on a profile. The system gives it up when the process ends, however that happens.
///
/// The locked file holds the number of the process while it runs and is emptied at a clean end, so that a number
/// found in it by the next one tells of an unclean one.
#[derive(Debug)]
pub(crate) struct ProfileLock {
    file: File,
}

/// How the process that had the profile before ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PreviousEnd {
    Clean,
    Unclean,
}

#[derive(Debug)]
pub(crate) enum LockError {
    InUse { holder: Option<u32> },
    Io(io::Error),
}

impl From<io::Error> for LockError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl ProfileLock {
    pub(crate) fn acquire(path: &Path) -> Result<(Self, PreviousEnd), LockError> {
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => {
                return Err(LockError::InUse { holder: holder(&mut file) });
            }
            Err(error) => return Err(LockError::Io(error.into())),
        }
        let end = if file.metadata()?.len() == 0 { PreviousEnd::Clean } else { PreviousEnd::Unclean };
        file.set_len(0)?;
        file.seek(SeekFrom::Start(0))?;
        // On a full disk the profile still opens: without a number the next start only checks less.
        match writeln!(file, "{}", std::process::id()).and_then(|()| file.sync_all()) {
            Err(error) if !crate::error::is_disk_full(&error) => Err(error.into()),
            _ => Ok((Self { file }, end)),
        }
    }

    /// Says that everything is in order.
    pub(crate) fn mark_clean(&self) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.sync_all()
    }
}

impl Drop for ProfileLock {
    fn drop(&mut self) {
        // Closing the file is not enough: a process that this one is just starting has a copy of the descriptor until it
        // executes its program, and the lock lasts as long as the last copy. Where this fails, that is still its end.
        let _ = rustix::fs::flock(&self.file, FlockOperation::Unlock);
    }
}

fn holder(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.take(32).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_learns_who_is_first() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("lock");
        let (first, end) = ProfileLock::acquire(&path).expect("nobody has it");
        assert_eq!(end, PreviousEnd::Clean);
        match ProfileLock::acquire(&path) {
            Err(LockError::InUse { holder }) => assert_eq!(holder, Some(std::process::id())),
            other => panic!("{other:?}"),
        }
        drop(first);
        let (second, end) = ProfileLock::acquire(&path).expect("the first is gone");
        assert_eq!(end, PreviousEnd::Unclean);
        second.mark_clean().expect("the file can be emptied");
        drop(second);
        assert_eq!(ProfileLock::acquire(&path).expect("nobody has it").1, PreviousEnd::Clean);
    }

    #[test]
    fn a_copy_of_the_descriptor_holds_nothing() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("lock");
        let (first, _) = ProfileLock::acquire(&path).expect("nobody has it");
        let of_a_forked_process = first.file.try_clone().expect("a copy");
        drop(first);
        ProfileLock::acquire(&path).expect("nobody has it any more");
        drop(of_a_forked_process);
    }

    #[test]
    fn nonsense_in_the_file_is_no_process() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("lock");
        let (_first, _) = ProfileLock::acquire(&path).expect("nobody has it");
        std::fs::write(&path, [0xff; 4096]).expect("the file can be written");
        assert!(matches!(ProfileLock::acquire(&path), Err(LockError::InUse { holder: None })));
    }
}
