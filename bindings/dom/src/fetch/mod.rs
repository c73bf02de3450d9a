//! <https://fetch.spec.whatwg.org/#fetch-api>

mod body;
mod body_members;
mod fetch_later;
mod fetch_method;
mod headers;
mod request;
mod response;

pub(crate) use body::extract_bytes;
pub(crate) use headers::Headers;
pub(crate) use request::Request;
pub(crate) use response::{Response, TakenResponse};

pub(crate) use body::{AbortedWith, body_exception, collect_body, package_body};
use body_members::body_members;
pub(crate) use fetch_later::fetch_later;
pub(crate) use fetch_method::{AbortObservers, FollowedFetch, fetch_method};
pub(crate) use headers::Guard;
pub(crate) use request::shape_from_info;
