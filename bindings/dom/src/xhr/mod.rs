//! <https://xhr.spec.whatwg.org/>

mod request;
mod response_value;
mod sending;
mod state;
mod upload;
mod xml_http_request;

pub(crate) use xml_http_request::XMLHttpRequest;
