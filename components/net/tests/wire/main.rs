//! The network against servers on loopback, good and bad ones.

mod bodies;
mod certificates;
#[cfg(feature = "hickory")]
mod hickory;
mod http1;
mod http2;
mod http2_floods;
mod memory;
mod misbehaving_servers;
mod pool;
mod proxies;
#[path = "../support/mod.rs"]
mod support;
mod throttle;
mod tls;
mod upgrades;
