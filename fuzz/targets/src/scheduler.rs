//! The scheduler of background fetches.

#[path = "../../../components/background_fetch/tests/support/harness.rs"]
mod harness;
#[path = "../../../components/background_fetch/tests/support/model.rs"]
mod model;

use std::time::Duration;

use longhaul_background_fetch::scheduler::{Limits, Outcome, RetryPolicy};

use crate::choices::Choices;
use harness::{Harness, Op};

/// After so many events time passes at once and things come to an end: an hour without answers is some for each attempt.
const MOST_EVENTS: usize = 40;

/// The scheduler: arbitrary operations, faults and times against the reference model that `cargo test` has. Input: choices.
///
/// Asserts that cancellations and results are just the model's, that every attempt is allowed and none that is allowed is left out, that
/// no time to wake has passed, and that everything settles once nothing is in the way.
pub fn scheduler(data: &[u8]) {
    let mut choices = Choices::new(data);
    let limits = match choices.once_in(2) {
        true => {
            Limits { total: 5, shared_total: 3, per_storage_key: 3, shared_per_storage_key: 2, per_fetch: 2 }
        }
        false => Limits::default(),
    };
    let mut retry = RetryPolicy::default();
    if choices.once_in(2) {
        retry.give_up_after = Duration::from_secs(20 * 60);
    }
    let mut harness = Harness::with(u64::from(choices.byte()), limits, retry);
    harness.sleeps_after = MOST_EVENTS;
    while !choices.is_empty() && harness.events < MOST_EVENTS {
        harness.run(operation(&mut choices));
    }
    harness.sleeps_after = usize::MAX;
    harness.come_to_an_end();
}

fn operation(choices: &mut Choices<'_>) -> Op {
    let which = |choices: &mut Choices<'_>| usize::from(choices.byte());
    match choices.below(16) {
        0 | 1 => {
            let shape = choices.byte();
            let records = (0..1 + shape % 5).map(|_| !choices.once_in(6)).collect();
            Op::Add { storage_key: shape >> 6, records, paused: shape & 0x20 != 0 }
        }
        2 => Op::Pause(which(choices)),
        3 => Op::Resume(which(choices)),
        4 => Op::Abort(which(choices)),
        5 => Op::Remove(which(choices)),
        6 => Op::Network(!choices.once_in(2)),
        7 => Op::Progress { attempt: which(choices), bytes: u64::from(choices.byte()) },
        8 => Op::Sent { attempt: which(choices) },
        9..=11 => Op::End { attempt: which(choices), outcome: outcome(choices) },
        12 => Op::StaleEnd { attempt: u64::from(choices.byte()) },
        13 | 14 => {
            let unit = choices.pick(&[1, 1000, 60_000, 3_600_000]);
            let most = if unit > 60_000 { 3 } else { 255 };
            // NOTE: what nobody answers is tried again all the time, so that days would take a thousand times as long as minutes.
            Op::Pass(Duration::from_millis(unit * u64::from(choices.byte().min(most))))
        }
        _ => Op::Burst { outcome: outcome(choices), rounds: choices.byte() % 8 },
    }
}

fn outcome(choices: &mut Choices<'_>) -> Outcome {
    match choices.below(12) {
        0 => Outcome::Success,
        1 => Outcome::BadStatus,
        2 => Outcome::QuotaExceeded,
        3 => Outcome::DownloadTotalExceeded,
        4 => Outcome::Fatal,
        5 => Outcome::NextRange,
        6 => Outcome::RetryAfter(Duration::from_secs(u64::from(choices.byte()) * 800)),
        // What a header can say.
        7 => {
            Outcome::RetryAfter(choices.pick(&[Duration::MAX, Duration::ZERO, Duration::from_secs(u64::MAX)]))
        }
        8 | 9 => Outcome::RefusedOrUnknownHost,
        _ => Outcome::Transient { may_have_been_sent: choices.once_in(2) },
    }
}
