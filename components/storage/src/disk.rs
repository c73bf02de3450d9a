//! The disk that holds the bodies, as a seam.
//!
//! The default is a folder of the profile. Tests put a disk in its place that fills up, fails to sync, or
//! forgets what was not synced; an embedder may put anything there that keeps the promises of [`Disk`].

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A flat folder of files. All functions may block.
pub trait Disk: Send + Sync + 'static {
    /// Makes an empty file; one with this name must not be there yet.
    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>>;

    /// Opens a file for reading and writing.
    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>>;

    /// Removes a file's name. Whoever has it open keeps it.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// The names of all files.
    fn list(&self) -> io::Result<Vec<String>>;

    /// Makes the names durable.
    fn sync_directory(&self) -> io::Result<()>;

    /// Whether operations may take so long that they must not run on a thread which others wait for.
    fn blocks(&self) -> bool {
        true
    }
}

/// An open file of a [`Disk`].
pub trait DiskFile: Send + Sync {
    /// Reads from a place into the buffer; fewer bytes than it holds, or none, only at the file's end.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Writes all of the bytes at a place. After an error any part of them may have been written.
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Makes everything written so far, and the length, durable.
    fn sync_data(&self) -> io::Result<()>;

    /// Cuts the file, or fills it up with zeros.
    fn set_length(&self, length: u64) -> io::Result<()>;

    /// How long the file is.
    fn length(&self) -> io::Result<u64>;
}

/// A folder of the file system: mode 0700, its files 0600.
pub(crate) struct FolderDisk {
    path: PathBuf,
    folder: File,
}

impl FolderDisk {
    /// Opens the folder, which is made if it is not there.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        match fs::DirBuilder::new().mode(0o700).create(path) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
        Ok(Self { path: path.to_owned(), folder: File::open(path)? })
    }

    fn options() -> OpenOptions {
        let mut options = OpenOptions::new();
        let no_links = i32::try_from(rustix::fs::OFlags::NOFOLLOW.bits()).unwrap_or(0);
        options.read(true).write(true).mode(0o600).custom_flags(no_links);
        options
    }
}

impl Disk for FolderDisk {
    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        Ok(Arc::new(Self::options().create_new(true).open(self.path.join(name))?))
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        Ok(Arc::new(Self::options().open(self.path.join(name))?))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path.join(name))
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            // A name that is no text was not made here.
            names.extend(entry?.file_name().into_string());
        }
        Ok(names)
    }

    fn sync_directory(&self) -> io::Result<()> {
        self.folder.sync_all()
    }
}

impl DiskFile for File {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            match FileExt::read_at(self, &mut buffer[filled..], offset + filled as u64) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        FileExt::write_all_at(self, bytes, offset)
    }

    fn sync_data(&self) -> io::Result<()> {
        File::sync_data(self)
    }

    fn set_length(&self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }
}

/// Files in memory, for profiles that leave nothing behind.
#[derive(Default)]
pub(crate) struct MemoryDisk {
    files: Mutex<HashMap<String, Arc<MemoryFile>>>,
}

#[derive(Default)]
struct MemoryFile {
    bytes: Mutex<Vec<u8>>,
}

impl MemoryDisk {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Arc<MemoryFile>>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Disk for MemoryDisk {
    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let mut files = self.lock();
        if files.contains_key(name) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let file = Arc::new(MemoryFile::default());
        files.insert(name.to_owned(), Arc::clone(&file));
        Ok(file)
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        match self.lock().get(name) {
            Some(file) => Ok(Arc::clone(file) as Arc<dyn DiskFile>),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.lock().remove(name).map(drop).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.lock().keys().cloned().collect())
    }

    fn sync_directory(&self) -> io::Result<()> {
        Ok(())
    }

    fn blocks(&self) -> bool {
        false
    }
}

impl MemoryFile {
    fn lock(&self) -> MutexGuard<'_, Vec<u8>> {
        self.bytes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl DiskFile for MemoryFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        Ok(read_slice(&self.lock(), buffer, offset))
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        write_slice(&mut self.lock(), bytes, offset)
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn set_length(&self, length: u64) -> io::Result<()> {
        let length = usize::try_from(length).map_err(|_| io::ErrorKind::FileTooLarge)?;
        self.lock().resize(length, 0);
        Ok(())
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.lock().len() as u64)
    }
}

/// Reads from a file's content as `read_at` does.
pub(crate) fn read_slice(content: &[u8], buffer: &mut [u8], offset: u64) -> usize {
    let rest = usize::try_from(offset).ok().and_then(|start| content.get(start..)).unwrap_or_default();
    let count = rest.len().min(buffer.len());
    buffer[..count].copy_from_slice(&rest[..count]);
    count
}

/// Writes into a file's content as `write_all_at` does.
pub(crate) fn write_slice(content: &mut Vec<u8>, bytes: &[u8], offset: u64) -> io::Result<()> {
    let start = usize::try_from(offset).map_err(|_| io::ErrorKind::FileTooLarge)?;
    let end = start.checked_add(bytes.len()).ok_or(io::ErrorKind::FileTooLarge)?;
    if content.len() < end {
        content.resize(end, 0);
    }
    content[start..end].copy_from_slice(bytes);
    Ok(())
}
