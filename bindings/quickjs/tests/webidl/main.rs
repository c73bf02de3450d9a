//! Each rule of Web IDL in a realm, with interfaces made from `interfaces.webidl` by the generator and implemented in
//! `support/`. Nothing in the adapter knows any of them.

#![allow(missing_docs, unreachable_pub, reason = "a test's own interfaces")]

mod callbacks;
mod checklist;
mod conversions;
mod ended_realms;
mod engine;
mod globals;
mod hosted;
mod legacy;
mod modules;
mod observable_arrays;
mod promises;
mod shapes;
mod support;

use longhaul_idl::runtime;

include!(concat!(env!("OUT_DIR"), "/test_interfaces.rs"));
