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
    /// The status, 200 to 999; or 101 with [`Response::upgraded`].
    pub status: u16,
    /// The reason phrase; empty in HTTP/2.
    ///
    /// NOTE: hyper gives an empty one for a phrase with bytes beyond ASCII.
    pub reason: Bytes,
    /// The version of HTTP it came in.
    pub version: Version,
    /// The headers; their values are the bytes that came.
    ///
    /// NOTE: names are in lower case, because hyper keeps the case that came on HTTP/1.1 to itself. Headers of one name keep their
    /// order.
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
