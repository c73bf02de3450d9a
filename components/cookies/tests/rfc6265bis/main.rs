//! The rules of RFC 6265bis, a file for a section; each rule stands beside what it does not forbid.
//!
//! <https://datatracker.ietf.org/doc/html/draft-ietf-httpbis-rfc6265bis>

#[path = "../support/mod.rs"]
mod support;

mod partitioned;
mod section_5_1_1_dates;
mod section_5_1_3_domain_matching;
mod section_5_1_4_paths;
mod section_5_4_name_prefixes;
mod section_5_5_lifetime_limits;
mod section_5_6_set_cookie;
mod section_5_7_storage_model;
mod section_5_8_retrieval;
mod section_6_1_limits;
mod section_7_1_third_party;
mod watching;
