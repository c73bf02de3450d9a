//! What can go wrong before a background fetch is one.

use longhaul_storage::{BodyError, QuotaExceeded, StorageError};

use crate::background_fetches::Summary;

/// Why `fetch()` rejects.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// No request was given.
    #[error("at least one request is needed")]
    NoRequests,
    /// A request's mode is `no-cors`.
    #[error("a request's mode is no-cors")]
    NoCors,
    /// The service worker registration has no active worker.
    #[error("there is no active service worker")]
    NoActiveWorker,
    /// The registration has an active background fetch of this id.
    #[error("there is an active background fetch with this id already")]
    DuplicateId,
    /// A request's body failed while it was read.
    #[error("the body of request {position} failed: {reason}")]
    RequestBody {
        /// The request's position.
        position: usize,
        /// What its stream said.
        reason: String,
    },
    /// The permission `background-fetch` is denied.
    #[error("the permission background-fetch is denied")]
    PermissionDenied,
    /// The quota has no room for what was declared, or for the requests' bodies.
    #[error(transparent)]
    QuotaExceeded(#[from] QuotaExceeded),
    /// The disk has no room for it.
    #[error("the disk is full")]
    DiskFull,
    /// It could not be stored.
    #[error("it could not be stored: {0}")]
    Storage(StorageError),
    /// A request's body could not be stored.
    #[error("a request's body could not be stored: {0}")]
    BodyStorage(BodyError),
    /// Everything is being shut down.
    #[error("background fetches are being shut down")]
    ShuttingDown,
}

/// Which exception scripts get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FetchErrorClass {
    /// A `TypeError`.
    Type,
    /// A `NotAllowedError`.
    NotAllowed,
    /// A `QuotaExceededError` whose `quota` and `requested` are null.
    QuotaExceeded,
    /// An `AbortError`.
    Abort,
}

impl FetchError {
    /// Which exception scripts get.
    pub fn class(&self) -> FetchErrorClass {
        match self {
            FetchError::NoRequests
            | FetchError::NoCors
            | FetchError::NoActiveWorker
            | FetchError::DuplicateId
            | FetchError::RequestBody { .. }
            | FetchError::Storage(_)
            | FetchError::BodyStorage(_) => FetchErrorClass::Type,
            FetchError::PermissionDenied => FetchErrorClass::NotAllowed,
            FetchError::QuotaExceeded(_) | FetchError::DiskFull => FetchErrorClass::QuotaExceeded,
            FetchError::ShuttingDown => FetchErrorClass::Abort,
        }
    }
}

impl From<StorageError> for FetchError {
    fn from(error: StorageError) -> Self {
        match error {
            StorageError::DiskFull => FetchError::DiskFull,
            other => FetchError::Storage(other),
        }
    }
}

impl From<BodyError> for FetchError {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::QuotaExceeded(exceeded) => FetchError::QuotaExceeded(exceeded),
            BodyError::DiskFull => FetchError::DiskFull,
            BodyError::Storage(error) => error.into(),
            other => FetchError::BodyStorage(other),
        }
    }
}

/// Why the background fetches of a profile could not be restored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The profile's metadata could not be read.
    #[error("the background fetches could not be read: {0}")]
    Storage(#[from] StorageError),
    /// The task that read them did not end.
    #[error("the background fetches could not be read: the runtime is shutting down")]
    Runtime,
}

/// Why a name does not lead to one background fetch.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Lookup {
    /// It leads to none.
    #[error("there is no such background fetch")]
    Unknown,
    /// It leads to several.
    #[error("{} background fetches go by this name", .0.len())]
    Ambiguous(Vec<Summary>),
}
