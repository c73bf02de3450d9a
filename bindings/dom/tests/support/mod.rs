//! Agents for tests: each a thread with an engine and a task queue, as a host has them.

pub(crate) mod agent;
pub(crate) mod server;
pub(crate) mod suite;
