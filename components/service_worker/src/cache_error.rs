//! What can go wrong with a cache.

use longhaul_fetch::BodyError as FetchBodyError;
use longhaul_storage::{BodyError, StorageError};
use url::Url;

use crate::exception_kind::ExceptionKind;

/// Why an operation on a cache failed. Nothing of it happened then.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CacheError {
    /// Only http(s) requests are kept.
    #[error("{0} is not http(s)")]
    Scheme(Url),
    /// Only GET requests are kept.
    #[error("a request with the method {0} cannot be kept")]
    Method(String),
    /// A partial response is not kept.
    #[error("a response with status 206 cannot be kept")]
    PartialResponse,
    /// A response that varies by everything would never be found again.
    #[error("a response with `Vary: *` cannot be kept")]
    VaryStar,
    /// A response that `add()` fetched is a network error, or its status is not ok.
    #[error("{url} was not fetched: {reason}")]
    NotFetched {
        /// The request's URL.
        url: Url,
        /// The status, or why there is none.
        reason: String,
    },
    /// Two requests of one `addAll()` stand for the same entry.
    #[error("{0} is named twice")]
    Duplicate(Url),
    /// The fetch was aborted.
    #[error("the fetch was aborted")]
    Aborted,
    /// The response's body broke off.
    #[error("the response's body could not be read: {0}")]
    Body(FetchBodyError),
    /// The storage key has no room left.
    #[error("the quota is exceeded")]
    QuotaExceeded,
    /// The disk has no room left.
    #[error("the disk is full")]
    DiskFull,
    /// The body of an entry is gone or damaged.
    #[error("a stored body cannot be read: {0}")]
    StoredBody(BodyError),
    /// The profile could not be read or changed.
    #[error("{0}")]
    Storage(StorageError),
    /// The runtime is shutting down.
    #[error("the user agent is shutting down")]
    Stopped,
}

impl CacheError {
    /// The exception that a script gets.
    pub fn kind(&self) -> ExceptionKind {
        match self {
            Self::Scheme(_)
            | Self::Method(_)
            | Self::PartialResponse
            | Self::VaryStar
            | Self::NotFetched { .. }
            | Self::Body(_) => ExceptionKind::TypeError,
            Self::Duplicate(_) => ExceptionKind::InvalidStateError,
            Self::Aborted => ExceptionKind::AbortError,
            // A page sees a full disk as the end of its quota.
            Self::QuotaExceeded | Self::DiskFull => ExceptionKind::QuotaExceededError,
            Self::StoredBody(_) | Self::Storage(_) | Self::Stopped => ExceptionKind::UnknownError,
        }
    }

    /// Why a body could not be stored.
    pub(crate) fn from_write(error: BodyError) -> Self {
        match error {
            BodyError::QuotaExceeded(_) => Self::QuotaExceeded,
            BodyError::DiskFull => Self::DiskFull,
            BodyError::Storage(error) => error.into(),
            error => Self::StoredBody(error),
        }
    }
}

impl From<StorageError> for CacheError {
    fn from(error: StorageError) -> Self {
        match error {
            StorageError::DiskFull => Self::DiskFull,
            error => Self::Storage(error),
        }
    }
}
