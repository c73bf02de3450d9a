//! What can go wrong with a profile.

use std::io;
use std::path::PathBuf;

use crate::body::BodyId;
use crate::quota::QuotaExceeded;
use crate::table::Misfit;

/// Why a profile could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Another process, or another part of this one, has it open.
    #[error("the profile {} is in use{}", directory.display(), holder.map(|pid| format!(" by process {pid}")).unwrap_or_default())]
    InUse {
        /// The profile's folder.
        directory: PathBuf,
        /// The process that holds it, where it could be told.
        holder: Option<u32>,
    },
    /// A later version of this software wrote it.
    #[error("the profile is of format {found}, this version supports up to {supported}")]
    NewerFormat {
        /// The profile's format.
        found: i64,
        /// The newest format this version reads.
        supported: i64,
    },
    /// A file or folder of the profile could not be reached.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The metadata is damaged and could not even be set aside and made anew.
    #[error("the profile's metadata is damaged and could not be replaced: {reason}")]
    Damaged {
        /// What was found.
        reason: String,
    },
    /// A declared table cannot be one: its name, its columns or its key.
    #[error("the table `{table}` is not declared well")]
    InvalidTable {
        /// The table's name.
        table: &'static str,
    },
    /// The disk has no room even for the metadata.
    #[error("the disk is full")]
    DiskFull,
}

/// Why metadata could not be read or changed.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StorageError {
    /// The disk has no room for the change. Nothing of it happened.
    #[error("the disk is full")]
    DiskFull,
    /// The profile was closed.
    #[error("the profile is closed")]
    Closed,
    /// A row or a key does not fit its table.
    #[error("table `{table}`: {misfit}")]
    Misfit {
        /// The table's name.
        table: &'static str,
        /// How it does not fit.
        misfit: Misfit,
    },
    /// A transaction adds a reference to a body that is not there, or a length.
    #[error("there is no body {0}")]
    NoSuchBody(BodyId),
    /// The metadata turned out to be damaged while it was in use.
    #[error("the metadata is damaged: {reason}")]
    Damaged {
        /// What was found.
        reason: String,
    },
    /// The profile is only in memory and has no folder for what was asked.
    #[error("the profile has no folder")]
    NoDirectory,
    /// The system refused an operation.
    #[error("{operation}: {message}")]
    Io {
        /// What was tried.
        operation: &'static str,
        /// The kind of refusal.
        kind: io::ErrorKind,
        /// What the system said.
        message: String,
    },
}

impl StorageError {
    pub(crate) fn io(operation: &'static str, error: &io::Error) -> Self {
        if is_disk_full(error) {
            return Self::DiskFull;
        }
        Self::Io { operation, kind: error.kind(), message: error.to_string() }
    }
}

/// Why a body could not be written or read.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BodyError {
    /// The storage key has no room left for it. What was written before stays.
    #[error(transparent)]
    QuotaExceeded(#[from] QuotaExceeded),
    /// The disk has no room for it. What was written before stays.
    #[error("the disk is full")]
    DiskFull,
    /// The body was removed meanwhile.
    #[error("the body was removed")]
    Removed,
    /// The profile was closed before the body was finished, so nothing more will come.
    #[error("the body was left unfinished")]
    Abandoned,
    /// The file is shorter than what had been made durable. Its body has to start anew.
    #[error("the body's file has {found} bytes, {durable} had been stored")]
    Shorter {
        /// How many bytes had been durable.
        durable: u64,
        /// How many the file has.
        found: u64,
    },
    /// There is no such body.
    #[error("there is no such body")]
    NotFound,
    /// The body has a writer already, or is finished.
    #[error("the body is finished or being written")]
    NotWritable,
    /// The system refused an operation. After a failed sync, nothing past the durable length counts.
    #[error("{operation}: {message}")]
    Io {
        /// What was tried.
        operation: &'static str,
        /// The kind of refusal.
        kind: io::ErrorKind,
        /// What the system said.
        message: String,
    },
    /// The body's metadata could not be stored.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl BodyError {
    pub(crate) fn io(operation: &'static str, error: &io::Error) -> Self {
        if is_disk_full(error) {
            return Self::DiskFull;
        }
        Self::Io { operation, kind: error.kind(), message: error.to_string() }
    }
}

/// Whether the system says that there is no room: on the disk, or for this user.
pub(crate) fn is_disk_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}
