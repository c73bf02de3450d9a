//! <https://fetch.spec.whatwg.org/#fetch-api>

mod body;
mod fetch_method;
mod headers;
mod request;
mod response;

pub(crate) use headers::Headers;
pub(crate) use request::Request;
pub(crate) use response::Response;

pub(crate) use fetch_method::{AbortObservers, fetch_method};
pub(crate) use headers::Guard;
pub(crate) use request::shape_from_info;
