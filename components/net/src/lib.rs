//! Bytes over the wire: looking up names, connecting, TLS, pools of connections, HTTP/1.1 and HTTP/2.
//!
//! This crate knows sockets, TLS, HTTP messages and the [`PoolKey`] it is given. It never learns of origins, cookies or who is
//! asking. No type of `hyper` or `http` is in its API.
//!
//! # Limits
//!
//! What hyper refuses to carry, or keeps to itself:
//! - Names of headers go out in Title-Case on HTTP/1.1 and come in in lower case.
//! - A reason phrase with bytes beyond ASCII comes in empty.
//! - Interim responses are heard on HTTP/1.1 only.
//!
//! Values of headers are bytes and stay as they are, except that NUL, CR, LF and other controls cannot be sent
//! ([`Error::Unrepresentable`]) and make a response malformed.
#![forbid(unsafe_code)]

mod body;
mod config;
mod connect;
mod error;
mod exchange;
mod happy_eyeballs;
mod hyper_error;
mod message;
mod network;
mod outgoing_body;
mod pool;
mod pool_key;
mod request;
mod resolver;
mod response;
mod task_group;
mod throttle;
mod timing;
mod tls;

pub use body::Body;
pub use config::{HeaderLimits, Http2Config, NetworkConfig, Roots, Timeouts};
pub use error::{BodyAbort, ConfigError, Error, ProtocolError, RequestLinePart, Sent, TlsError};
pub use network::Network;
pub use pool_key::{PoolKey, ProxyId, Scheme};
pub use request::{OnBodyChunk, OnInformational, Request, RequestBody};
pub use resolver::{ResolveError, Resolver, StaticResolver, SystemResolver};
pub use response::Response;
pub use timing::{Phase, Reuse, Timing, Version};
