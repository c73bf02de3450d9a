//! Runs web-platform-tests in the headless host.
//!
//! [`checkout`] finds the tests; [`server`] serves them; [`run`] gives each to a process of its own, whose inside is [`child`];
//! [`report`] writes down what came of it, [`expectations`] says what was to come, and [`compare`] puts two reports side by side.

#![forbid(unsafe_code)]

pub mod checkout;
pub mod child;
pub mod commands;
pub mod compare;
pub mod expectations;
pub mod report;
pub mod run;
pub mod server;
