//! Errors as scripts see them.

/// Which exception a script gets for an error of this crate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExceptionKind {
    /// A `TypeError`.
    TypeError,
    /// A `QuotaExceededError`.
    QuotaExceededError,
    /// A `DOMException` named `SecurityError`.
    SecurityError,
    /// A `DOMException` named `InvalidStateError`.
    InvalidStateError,
    /// A `DOMException` named `AbortError`.
    AbortError,
    /// A `DOMException` named `UnknownError`: something broke beneath.
    UnknownError,
}

impl ExceptionKind {
    /// The exception's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::TypeError => "TypeError",
            Self::QuotaExceededError => "QuotaExceededError",
            Self::SecurityError => "SecurityError",
            Self::InvalidStateError => "InvalidStateError",
            Self::AbortError => "AbortError",
            Self::UnknownError => "UnknownError",
        }
    }
}
