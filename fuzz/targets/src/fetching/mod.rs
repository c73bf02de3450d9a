//! The Fetch layer: any request, any server.

pub(crate) mod answer;
pub(crate) mod fetch_algorithm;
pub(crate) mod page_request;
pub(crate) mod rules;
pub(crate) mod run;
pub(crate) mod seams;
