//! <https://xhr.spec.whatwg.org/>

mod response_value;
mod upload;
mod xml_http_request;

pub(crate) use xml_http_request::XMLHttpRequest;
