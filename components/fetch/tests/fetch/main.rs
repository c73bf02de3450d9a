//! Whole fetches, over a network that answers from a script.

#[path = "../support/mod.rs"]
mod support;

mod abort;
mod algorithm_table;
mod body;
mod cors;
mod environment_and_credentials;
mod policy;
mod redirect;
mod request_headers;
mod scheme;
mod service_worker;
mod standard_tables;
mod tracing_spans;
