//! What the adapter's tests share.

pub(crate) mod suite_server;
