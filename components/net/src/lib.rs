//! Bytes over the wire: looking up names, connecting, TLS, pools of connections, HTTP/1.1 and HTTP/2.
//!
//! This crate knows sockets, TLS, HTTP messages and the [`PoolKey`] it is given. It never learns of origins, cookies or who is
//! asking. No type of `hyper` or `http` is in its API.
//!
//! # Limits
//!
//! What hyper refuses to carry, or keeps to itself:
//! - Interim responses are heard on HTTP/1.1 only; so `Expect: 100-continue` holds a body back there only. hyper reads and drops
//!   those of HTTP/2, and hearing them would take driving `h2` without it.
//! - A server's push is refused from the start, HTTP/3 is not spoken, and connections are never coalesced across hosts.
//! - Trailers are read ([`Body::trailers`]) and never sent.
//!
//! Headers are bytes and stay as they are; on HTTP/1.1 that goes for the case of their names too. NUL, CR and LF cannot be sent
//! ([`Error::Unrepresentable`]) and make a response malformed; HTTP/2 takes no other controls either.
#![forbid(unsafe_code)]

mod body;
mod certificates;
mod config;
mod connect;
mod dialer;
mod error;
mod exchange;
mod happy_eyeballs;
#[cfg(feature = "hickory")]
mod hickory_resolver;
mod http1_heads;
mod hyper_error;
mod message;
mod network;
mod outgoing_body;
mod pool;
mod pool_key;
mod proxy;
mod request;
mod resolver;
mod response;
mod task_group;
mod throttle;
mod timing;
mod tls;
mod upgraded;

pub use body::Body;
pub use certificates::{
    CertificateOverride, CertificateRequest, ClientCertificates, ClientIdentity, IdentityError,
    RejectedCertificate,
};
pub use config::{HeaderLimits, Http2Config, NetworkConfig, Roots, Timeouts};
pub use dialer::{ByteStream, Dialer, TcpDialer};
pub use error::{BodyAbort, ConfigError, Error, ProtocolError, RequestLinePart, Sent, TlsError};
#[cfg(feature = "hickory")]
pub use hickory_resolver::{HickoryResolver, NameServer};
pub use network::Network;
pub use pool_key::{PoolKey, Scheme, Versions};
pub use proxy::{
    Proxy, ProxyCredentials, ProxyError, ProxyKind, ProxyParseError, ProxyResolver, ProxyRules, ProxyTarget,
    Route, SocksFailure,
};
pub use request::{
    BodyReplay, ConnectionCheck, ConnectionChoice, Objection, OnBodyChunk, OnInformational, Request,
    RequestBody, Upgrade,
};
pub use resolver::{ResolveError, Resolver, StaticResolver, SystemResolver};
pub use response::Response;
pub use timing::{Phase, Reuse, Timing, Version};
pub use upgraded::Upgraded;
