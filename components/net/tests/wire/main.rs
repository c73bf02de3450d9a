//! The network against servers on loopback, good and bad ones.

mod bodies;
mod http1;
mod http2;
mod misbehaving_servers;
mod pool;
#[path = "../support/mod.rs"]
mod support;
mod throttle;
mod tls;
