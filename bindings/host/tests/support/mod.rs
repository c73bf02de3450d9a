//! What the tests share: the `longhaul` command as a real process, whose JSON lines are read as they come; folders for it
//! to serve; and a server whose answers are written byte by byte.

#![allow(dead_code, unreachable_pub, reason = "each test binary uses its own part of this")]

pub mod command;
pub mod folder;
pub mod pages;
pub mod rest;
pub mod run;
pub mod server;
pub mod site;
pub mod tls_server;
