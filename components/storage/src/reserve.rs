//! Space kept for metadata, so that a full disk cannot keep us from writing down that the disk is full.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

const SIZE: usize = 2 << 20;

/// A file without meaning which is removed when metadata finds no room, and made again when there is some.
pub(crate) struct Reserve {
    path: PathBuf,
    held: bool,
}

impl Reserve {
    pub(crate) fn open(path: PathBuf) -> Self {
        let held = fs::metadata(&path).is_ok_and(|file| file.len() == SIZE as u64);
        let mut reserve = Self { path, held };
        reserve.fill();
        reserve
    }

    /// Gives the space back to the disk. `false` if there was none.
    pub(crate) fn release(&mut self) -> bool {
        let released = self.held && fs::remove_file(&self.path).is_ok();
        self.held = false;
        released
    }

    /// Takes the space again if it is not held.
    pub(crate) fn fill(&mut self) {
        if self.held {
            return;
        }
        match self.write() {
            Ok(()) => self.held = true,
            Err(error) => {
                tracing::warn!(%error, "no space could be set aside for metadata");
                // Part of it would only take space away.
                let _ = fs::remove_file(&self.path);
            }
        }
    }

    fn write(&self) -> io::Result<()> {
        let mut file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&self.path)?;
        let block = [0; 64 << 10];
        for _ in 0..SIZE / block.len() {
            file.write_all(&block)?;
        }
        // Without this a disk may say only later that it has no room.
        file.sync_data()
    }
}
