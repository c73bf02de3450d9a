//! Documents: HTML's order of scripts, elements that fetch, frames, navigation, policies; all over loopback servers.

#[allow(dead_code, unreachable_pub, reason = "each test binary uses its own part of this")]
#[path = "../support/server.rs"]
mod server;
#[allow(dead_code, reason = "the modules use different parts of it")]
mod site;

mod cookies;
mod errors;
mod messaging;
mod scripts;
