//! Hostile servers, proxies and resolvers, through the whole fetch stack over streams in memory.

pub(crate) mod dialer;
pub(crate) mod echo;
pub(crate) mod http1_server;
pub(crate) mod http2_server;
pub(crate) mod judged;
pub(crate) mod proxy;
pub(crate) mod resolver;
pub(crate) mod stack;
pub(crate) mod transport;
