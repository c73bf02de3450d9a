//! Parsers of what servers send. Their inputs are what they parse, so that a dictionary and an example help.

pub(crate) mod content_security_policy;
pub(crate) mod cookies;
pub(crate) mod cors_headers;
pub(crate) mod data_url;
pub(crate) mod form_data;
pub(crate) mod header_list;
pub(crate) mod header_text;
pub(crate) mod link_header;
pub(crate) mod mime_sniffing;
pub(crate) mod mime_type;
pub(crate) mod policy_headers;
pub(crate) mod range;
pub(crate) mod response_headers;
pub(crate) mod urlencoded;
