//! Agents, event loops, page loading, and the `longhaul` command.
//!
//! [`agent`] runs pages and service workers, each in a thread with an engine and an event loop of its own; [`server`] serves a
//! folder on loopback; [`display`] shows progress; [`control`] is the user's side of it from another process; [`profile`] is what it
//! keeps; [`commands`] puts them together.

#![forbid(unsafe_code)]

pub mod agent;
pub mod commands;
pub mod control;
pub mod display;
pub mod escape;
pub mod exit;
pub mod profile;
pub mod server;
