//! Whole fetches of a user agent over real sockets.

#[path = "../support/mod.rs"]
mod support;

mod abort;
mod broken_bodies;
mod clear_site_data;
mod content_codings;
mod cookies;
mod cors;
mod hsts;
mod http2;
mod misdirected;
mod policies;
mod priorities;
mod proxies;
mod redirects;
mod stale_while_revalidate;
mod uploads;
