//! The standard's algorithms, a file each, in the order in which they call each other.

pub(crate) mod fetch;

mod main_fetch;

mod scheme_fetch;

mod http_fetch;

mod http_redirect_fetch;

mod http_network_or_cache_fetch;

mod http_cache_fetch;

mod http_network_fetch;

mod cors_preflight_fetch;

mod fetch_response_handover;
