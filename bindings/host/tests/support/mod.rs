//! What the end-to-end tests share: a server whose answers are written byte by byte, and the `longhaul` command
//! as a real process whose JSON lines are read as they come.

#![allow(dead_code, unreachable_pub, reason = "each test binary uses its own part of this")]

pub mod run;
pub mod server;
pub mod site;
pub mod tls_server;
