//! A response as it came off the wire.

use std::net::SocketAddr;

use bytes::Bytes;

use crate::body::Body;
use crate::proxy::Proxy;
use crate::timing::{Timing, Version};
use crate::upgraded::Upgraded;

/// A response. Its body is still under way.
#[derive(Debug)]
#[non_exhaustive]
pub struct Response {
    /// The status, of at most three digits; 101 with [`Response::upgraded`] if the request wanted it.
    pub status: u16,
    /// The reason phrase; empty in HTTP/2.
    pub reason: Bytes,
    /// The version of HTTP it came in.
    pub version: Version,
    /// The headers as they came, in their order. Values are without spaces and tabs around them; in HTTP/2 names are in lower case.
    pub headers: Vec<(Bytes, Bytes)>,
    /// The body. Dropping it early closes the HTTP/1.1 connection or resets the HTTP/2 stream.
    pub body: Body,
    /// When things happened.
    pub timing: Timing,
    /// Who answered: the server, or the proxy that the connection goes through.
    pub remote: SocketAddr,
    /// The proxy that the connection goes through.
    pub proxy: Option<Proxy>,
    /// The connection, when the status is 101 and the request wanted it.
    pub upgraded: Option<Upgraded>,
}
