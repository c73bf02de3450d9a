//! What the fuzz targets do: each is a function that takes bytes and panics where something does not hold.
//!
//! The binaries in `../fuzz_targets` hand them what libFuzzer makes up; the tests of this crate hand them the seeds, on a stable
//! compiler. [`TARGETS`] has them all.

#![forbid(unsafe_code)]

mod choices;
mod cookie_jar;
mod facade;
mod fetching;
mod network;
mod parsers;
mod runtime;
mod scheduler;
mod store;

pub use cookie_jar::cookie_jar;
pub use facade::request_constructor::request_constructor;
pub use facade::scripts::{realms, scripts};
pub use fetching::fetch_algorithm::fetch_algorithm;
pub use network::http1_server::http1_server;
pub use network::http2_server::http2_server;
pub use network::proxy::proxy;
pub use network::resolver::resolver;
pub use parsers::content_security_policy::content_security_policy;
pub use parsers::cookies::cookies;
pub use parsers::cors_headers::cors_headers;
pub use parsers::data_url::data_url;
pub use parsers::form_data::form_data;
pub use parsers::header_list::header_list;
pub use parsers::link_header::link_header;
pub use parsers::mime_sniffing::mime_sniffing;
pub use parsers::mime_type::mime_type;
pub use parsers::policy_headers::policy_headers;
pub use parsers::range::range;
pub use parsers::response_headers::response_headers;
pub use parsers::urlencoded::urlencoded;
pub use scheduler::scheduler;
pub use store::store;

/// A fuzz target.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name: that of its binary and of its folder of seeds.
    pub name: &'static str,
    /// What it does with one input.
    pub run: fn(&[u8]),
}

macro_rules! targets {
    ($($name:ident),* $(,)?) => {
        /// All targets.
        pub static TARGETS: &[Target] = &[$(Target { name: stringify!($name), run: $name }),*];
    };
}

targets! {
    content_security_policy,
    cookie_jar,
    cookies,
    cors_headers,
    data_url,
    fetch_algorithm,
    form_data,
    header_list,
    http1_server,
    http2_server,
    link_header,
    mime_sniffing,
    mime_type,
    policy_headers,
    proxy,
    range,
    realms,
    request_constructor,
    resolver,
    response_headers,
    scheduler,
    scripts,
    store,
    urlencoded,
}
