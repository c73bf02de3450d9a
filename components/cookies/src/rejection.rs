//! Why a cookie is not taken.

/// Why a cookie was not set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Rejection {
    /// The URL is not one that has cookies.
    #[error("the URL is not http(s) or ws(s), or it has no host")]
    Url,
    /// The string holds a control character other than a tab.
    #[error("it holds a control character")]
    ControlCharacter,
    /// Its name and value are more than 4096 octets.
    #[error("its name and value are larger than 4096 octets")]
    TooLarge,
    /// It has neither a name nor a value.
    #[error("it has neither a name nor a value")]
    Empty,
    /// The `Domain` attribute holds more than ASCII.
    #[error("its domain is not ASCII")]
    DomainNotAscii,
    /// The `Domain` attribute is a public suffix.
    #[error("its domain is a public suffix")]
    PublicSuffix,
    /// The `Domain` attribute is not the host or above it.
    #[error("its domain is not the host's")]
    DomainMismatch,
    /// A `Secure` cookie comes from an insecure connection.
    #[error("it is Secure and came over an insecure connection")]
    SecureOverInsecure,
    /// A script sets an `HttpOnly` cookie.
    #[error("it is HttpOnly and a script sets it")]
    HttpOnlyByScript,
    /// It would hide or replace a `Secure` cookie.
    #[error("it would hide a Secure cookie")]
    OverwritesSecure,
    /// It would replace an `HttpOnly` cookie.
    #[error("it would replace an HttpOnly cookie")]
    OverwritesHttpOnly,
    /// Its `SameSite` forbids that another site sets it.
    #[error("another site sets it, which its SameSite forbids")]
    CrossSite,
    /// `SameSite=None` without `Secure`.
    #[error("it has SameSite=None and is not Secure")]
    SameSiteNoneInsecure,
    /// Its name begins with `__Secure-` and it is not `Secure`.
    #[error("its name begins with __Secure- and it is not Secure")]
    SecurePrefix,
    /// Its name begins with `__Host-` and it is not `Secure`, not host-only, or its path is not `/`.
    #[error("its name begins with __Host- and it is not Secure, host-only, with the path /")]
    HostPrefix,
    /// Its name begins with `__Http-` or `__Host-Http-` and it is not `HttpOnly`, or a script sets it.
    #[error(
        "its name begins with __Http- or __Host-Http- and it is not Secure, HttpOnly and set by a response"
    )]
    HttpPrefix,
    /// It has no name, and its value looks like a name with a prefix.
    #[error("it has no name and pretends to one with a prefix")]
    PretendedPrefix,
    /// `Partitioned` without `Secure`.
    #[error("it is Partitioned and not Secure")]
    PartitionedInsecure,
    /// The user agent's policy keeps cookies from that site there.
    #[error("the user agent's cookie policy forbids it")]
    Policy,
    /// The store beneath does not take it.
    #[error("the store refuses it")]
    Store,
}
