//! <https://webidl.spec.whatwg.org/#idl-exceptions>

use super::Held;

/// What a member throws, or what a promise rejects with.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Exception {
    /// A `TypeError`.
    #[error("TypeError: {0}")]
    TypeError(String),
    /// A `RangeError`.
    #[error("RangeError: {0}")]
    RangeError(String),
    /// A `SyntaxError` of JavaScript itself (JSON that does not parse); DOM's "SyntaxError" is a `DomException`.
    #[error("SyntaxError: {0}")]
    SyntaxError(String),
    /// A `DOMException`.
    #[error("{name}: {message}")]
    DomException {
        /// One of the names of [`DOM_EXCEPTION_CODES`], or a standard's own.
        name: &'static str,
        /// For people.
        message: String,
    },
    /// A `QuotaExceededError`.
    #[error("QuotaExceededError: {message}")]
    QuotaExceeded {
        /// The limit, if it may be told.
        quota: Option<f64>,
        /// What was asked for, if it may be told.
        requested: Option<f64>,
        /// For people.
        message: String,
    },
    /// A JavaScript value, thrown as it is.
    #[error("a value thrown by script")]
    Held(Held),
}

impl Exception {
    /// A `TypeError`.
    pub fn type_error(message: impl Into<String>) -> Self {
        Self::TypeError(message.into())
    }

    /// A `RangeError`.
    pub fn range_error(message: impl Into<String>) -> Self {
        Self::RangeError(message.into())
    }

    /// A `DOMException` of this name.
    pub fn dom(name: &'static str, message: impl Into<String>) -> Self {
        Self::DomException { name, message: message.into() }
    }
}

/// Every name with a legacy code, and the names without one (0).
///
/// <https://webidl.spec.whatwg.org/#dfn-error-names-table>
pub const DOM_EXCEPTION_CODES: &[(&str, u16)] = &[
    ("IndexSizeError", 1),
    ("HierarchyRequestError", 3),
    ("WrongDocumentError", 4),
    ("InvalidCharacterError", 5),
    ("NoModificationAllowedError", 7),
    ("NotFoundError", 8),
    ("NotSupportedError", 9),
    ("InUseAttributeError", 10),
    ("InvalidStateError", 11),
    ("SyntaxError", 12),
    ("InvalidModificationError", 13),
    ("NamespaceError", 14),
    ("InvalidAccessError", 15),
    ("TypeMismatchError", 17),
    ("SecurityError", 18),
    ("NetworkError", 19),
    ("AbortError", 20),
    ("URLMismatchError", 21),
    ("QuotaExceededError", 22),
    ("TimeoutError", 23),
    ("InvalidNodeTypeError", 24),
    ("DataCloneError", 25),
    ("EncodingError", 0),
    ("NotReadableError", 0),
    ("UnknownError", 0),
    ("ConstraintError", 0),
    ("DataError", 0),
    ("TransactionInactiveError", 0),
    ("ReadOnlyError", 0),
    ("VersionError", 0),
    ("OperationError", 0),
    ("NotAllowedError", 0),
    ("OptOutError", 0),
];

/// The legacy code of a `DOMException` name; 0 for a name without one.
pub fn dom_exception_code(name: &str) -> u16 {
    DOM_EXCEPTION_CODES.iter().find(|(known, _)| *known == name).map_or(0, |(_, code)| *code)
}
