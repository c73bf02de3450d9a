//! RFC 9111, section by section: each rule, and where it does not apply.

#![allow(missing_docs)]

#[allow(dead_code, reason = "each test binary uses its own part of it")]
#[path = "../support/mod.rs"]
mod support;

mod fetch_and_other_standards;
mod section_3_1_storing_header_fields;
mod section_3_2_updating_stored_header_fields;
mod section_3_3_storing_incomplete_responses;
mod section_3_4_combining_partial_content;
mod section_3_storing_responses;
mod section_4_1_vary;
mod section_4_2_freshness;
mod section_4_3_validation;
mod section_4_4_invalidating;
mod section_4_constructing_responses;
mod section_5_2_cache_control;
mod sharing;
