//! Documents: HTML's order of scripts, elements that fetch, frames, navigation, policies; all over loopback servers.

#[allow(unreachable_pub, reason = "other test binaries have it in a module")]
#[path = "../support/rest.rs"]
mod rest;
#[allow(dead_code, unreachable_pub, reason = "each test binary uses its own part of this")]
#[path = "../support/server.rs"]
mod server;
mod site;

mod background_fetches;
mod clients;
mod cookies;
mod elements;
mod errors;
mod frames;
mod images;
mod inline_policies;
mod location;
mod messaging;
mod modules;
mod navigation;
mod policies;
mod ranges;
mod scripts;
mod traversal;
mod xml;
