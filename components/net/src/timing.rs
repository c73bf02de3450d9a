//! When each phase of a request began and ended.

use std::time::Instant;

/// One phase, from when to when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Phase {
    /// Its first moment.
    pub start: Instant,
    /// Its last moment.
    pub end: Instant,
}

/// The protocol of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Version {
    /// HTTP/1.0.
    Http10,
    /// HTTP/1.1.
    Http11,
    /// HTTP/2.
    Http2,
}

impl Version {
    /// The protocol's ALPN id.
    pub fn alpn_id(self) -> &'static str {
        match self {
            Version::Http10 => "http/1.0",
            Version::Http11 => "http/1.1",
            Version::Http2 => "h2",
        }
    }
}

/// Whether a request's connection had served another one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reuse {
    /// It was opened for this request (or for one that no longer needed it).
    Fresh,
    /// It had been used.
    Reused,
}

/// When things happened. The phases of connecting are absent when the connection was reused. The last byte's moment is
/// [`Body::ended_at`](crate::Body::ended_at).
///
/// <https://fetch.spec.whatwg.org/#connection-timing-info>
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Timing {
    /// When the request was handed in.
    pub started: Instant,
    /// Looking up the name; absent for an address.
    pub domain_lookup: Option<Phase>,
    /// Connecting, TLS included.
    pub connect: Option<Phase>,
    /// Agreeing on TLS, the end of `connect`.
    pub secure_connect: Option<Phase>,
    /// When the request began to be sent.
    pub request_start: Instant,
    /// When the first interim response came.
    pub first_interim_response: Option<Instant>,
    /// When the final response's head had come.
    pub response_start: Instant,
    /// Whether the connection was new.
    pub reuse: Reuse,
    /// What was spoken on it.
    pub protocol: Version,
}
