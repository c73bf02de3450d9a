//! What can go wrong.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use longhaul_storage::StorageError;

/// Why the cache could not be opened, read as a whole, or cleared.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CacheError {
    /// The rows or the files failed.
    #[error("the HTTP cache: {0}")]
    Storage(#[from] StorageError),
}

/// Why a body broke off.
#[derive(Clone)]
#[non_exhaustive]
pub enum BodyError {
    /// What came from the network broke off.
    Network(Arc<dyn Error + Send + Sync>),
    /// Stored bytes are not what was stored. The entry is removed.
    Damaged,
    /// Bytes on their way were not kept for a reader that is far behind, or its entry is gone.
    Lost,
}

impl BodyError {
    /// A failure of the network.
    pub fn network(error: impl Error + Send + Sync + 'static) -> BodyError {
        BodyError::Network(Arc::new(error))
    }
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BodyError::Network(error) => error.fmt(f),
            BodyError::Damaged => f.write_str("a stored response is damaged"),
            BodyError::Lost => f.write_str("a response that others read along is gone"),
        }
    }
}

impl fmt::Debug for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BodyError({self})")
    }
}

impl Error for BodyError {}
