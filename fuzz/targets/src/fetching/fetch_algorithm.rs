//! The fetch algorithm.

use std::collections::VecDeque;
use std::sync::Arc;

use longhaul_fetch::Services;

use super::answer::Timed;
use super::page_request::PageRequest;
use super::rules::Judge;
use super::run::{Ending, run};
use super::seams::{Cookies, Hsts, User, Wire};
use crate::choices::Choices;
use crate::runtime;

/// The fetch algorithm: any request that a page can make, any sequence of servers' answers, an end at any point where something is
/// waited for. Input: choices, of the request (so many as the first byte says) and then of the answers.
///
/// Asserts, at each request that leaves: no credentials, cookies or keys of the author's where they must not be, the connection's key,
/// `Origin` and `Referer` as the standards have them, a preflight before whatever needs one, no mixed content, no bad port, no more
/// than 20 redirects, the body whole or not at all. Of what the page gets: that another origin's response is never the page's own,
/// that an opaque one shows nothing, that CORS shares what it shares, that integrity holds. And that a fetch that was ended ends at
/// once and sends nothing more.
pub fn fetch_algorithm(data: &[u8]) {
    let mut choices = Choices::new(data);
    let mut pages = Choices::new(choices.bytes());
    let ending = Ending::new(&mut pages);
    let asked = PageRequest::new(&mut pages);
    let checks_local_network = !pages.once_in(4);
    let blocks_opaque = !pages.once_in(4);
    let mut answers = VecDeque::new();
    while !choices.is_empty() && answers.len() < 64 {
        answers.push_back(Timed::new(&mut choices));
    }
    let judge = Judge::new(&asked);
    let wire = Wire::new(answers, judge.clone());
    runtime::fresh().block_on(async {
        let services = Services::new(Arc::new(wire))
            .with_cookies(Arc::new(Cookies(judge.clone())))
            .with_hsts(Arc::new(Hsts))
            .with_credential_prompt(Arc::new(User))
            .with_local_network_access_checks(checks_local_network)
            .with_opaque_response_blocking(blocks_opaque);
        run(&services, asked, judge, ending).await;
    });
}
