//! When a failed attempt is made again, and when it is given up.

use std::time::Duration;

use super::active_fetch::Attempt;
use super::perform::RecordResult;
use super::{Action, AttemptId, Connectivity, Failing, Outcome, Pause, RecordState, Repeat, Scheduler};
use crate::registration::FailureReason;

/// The numbers of the retry policy.
#[derive(Clone, Debug)]
pub struct RetryPolicy {
    /// The pause after the first failure that may pass; it doubles with each further one.
    pub first_pause: Duration,
    /// The longest pause of our own choosing.
    pub longest_pause: Duration,
    /// The longest pause that a server may ask for.
    pub longest_retry_after: Duration,
    /// A record without progress for this long is given up at its next failure.
    pub give_up_after: Duration,
    /// Attempts at a host that refuses or does not exist, before that is final.
    pub refused_attempts: u32,
    /// The pauses between those, before jitter. The last one is used again when there are more attempts.
    pub refused_pauses: [Duration; 2],
    /// An attempt that neither sends nor receives for this long is ended as a failure that may pass.
    pub silence: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        RetryPolicy {
            first_pause: Duration::from_secs(1),
            longest_pause: Duration::from_secs(15 * 60),
            longest_retry_after: Duration::from_secs(24 * 60 * 60),
            give_up_after: Duration::from_secs(14 * 24 * 60 * 60),
            refused_attempts: 3,
            refused_pauses: [Duration::from_millis(500), Duration::from_secs(1)],
            silence: Duration::from_secs(10 * 60),
        }
    }
}

impl RetryPolicy {
    /// The pause after the `failures`th failure in a row, before jitter.
    pub fn pause(&self, failures: u32) -> Duration {
        let doublings = failures.saturating_sub(1).min(31);
        self.first_pause.saturating_mul(1 << doublings).min(self.longest_pause)
    }

    /// The pause after the `refusals`th refusal in a row, before jitter.
    pub fn refused_pause(&self, refusals: u32) -> Duration {
        self.refused_pauses[usize::from(refusals > 1)]
    }
}

/// A small random generator with a seed: good enough for jitter, the same everywhere.
#[derive(Clone, Debug)]
pub struct SplitMix64(u64);

impl SplitMix64 {
    /// A generator that gives the same numbers for the same seed.
    pub fn new(seed: u64) -> Self {
        SplitMix64(seed)
    }

    /// The next number.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Between three quarters of `pause` and the whole: machines that failed together do not come back together, and
    /// no pause gets longer than the policy says.
    pub fn jitter(&mut self, pause: Duration) -> Duration {
        let quarter = pause / 4;
        let share = (self.next_u64() >> 40) as f64 / (1u64 << 24) as f64;
        pause - quarter.mul_f64(share)
    }
}

impl Scheduler {
    pub(super) fn ended(&mut self, now: Duration, attempt: AttemptId, outcome: Outcome) {
        let Some(Attempt { fetch: key, record: index, .. }) = self.attempts.remove(&attempt) else { return };
        let online = self.connectivity == Connectivity::Online;
        let Some(fetch) = self.fetches.get_mut(&key) else { return };
        let received_anything = fetch.received_anything;
        let paused = fetch.paused;
        let Some(record) = fetch.records.get_mut(index) else { return };
        let repeat = record.repeat;
        let result = match outcome {
            Outcome::Success => Some(RecordResult::Success),
            Outcome::BadStatus => Some(RecordResult::Failure(FailureReason::BadStatus)),
            Outcome::QuotaExceeded => Some(RecordResult::Failure(FailureReason::QuotaExceeded)),
            Outcome::DownloadTotalExceeded => {
                Some(RecordResult::Failure(FailureReason::DownloadTotalExceeded))
            }
            Outcome::Fatal => Some(RecordResult::Failure(FailureReason::FetchError)),
            Outcome::RetryAfter(_) if repeat == Repeat::Never => {
                Some(RecordResult::Failure(FailureReason::BadStatus))
            }
            Outcome::NextRange if repeat == Repeat::Never => {
                Some(RecordResult::Failure(FailureReason::FetchError))
            }
            Outcome::Transient { may_have_been_sent: true } if repeat == Repeat::Never => {
                Some(RecordResult::Failure(FailureReason::FetchError))
            }
            Outcome::NextRange => {
                fetch.set_state(index, RecordState::Waiting);
                return;
            }
            Outcome::RetryAfter(_) | Outcome::RefusedOrUnknownHost | Outcome::Transient { .. } => None,
        };
        if let Some(result) = result {
            fetch.set_state(index, RecordState::Settled(result));
            self.actions.push(Action::SettleRecord { fetch: key, record: index, result });
            self.settle_if_done(key);
            return;
        }

        // Offline nothing counts. (Only a request that must not be repeated gets here: others were cancelled.)
        if !online || paused {
            fetch.set_state(index, RecordState::Waiting);
            return;
        }
        let failing =
            record.failing.get_or_insert(Failing { gathered: Duration::ZERO, counting_since: Some(now) });
        let without_progress = failing.at(now);
        let policy = &self.policy.retry;
        let refused = outcome == Outcome::RefusedOrUnknownHost;
        if refused {
            record.refusals += 1;
        } else {
            record.refusals = 0;
            record.failures += 1;
        }
        let refusal_is_final = refused && record.refusals >= policy.refused_attempts && !received_anything;
        if refusal_is_final || without_progress >= policy.give_up_after {
            let result = RecordResult::Failure(FailureReason::FetchError);
            fetch.set_state(index, RecordState::Settled(result));
            self.actions.push(Action::SettleRecord { fetch: key, record: index, result });
            self.settle_if_done(key);
            return;
        }
        let (pause, why) = match outcome {
            // Never earlier than the server asked, unless it asked for more than we grant.
            Outcome::RetryAfter(asked) => (
                asked.min(policy.longest_retry_after).max(self.random.jitter(policy.pause(record.failures))),
                Pause::RetryAfter,
            ),
            Outcome::RefusedOrUnknownHost if record.refusals < policy.refused_attempts => {
                (self.random.jitter(policy.refused_pause(record.refusals)), Pause::Backoff)
            }
            Outcome::RefusedOrUnknownHost => {
                let failures = record.refusals - policy.refused_attempts + 1;
                (self.random.jitter(policy.pause(failures.saturating_add(record.failures))), Pause::Backoff)
            }
            _ => (self.random.jitter(policy.pause(record.failures)), Pause::Backoff),
        };
        // The last attempt is made when the time is up, not after it.
        let pause = pause.min(policy.give_up_after - without_progress);
        fetch.set_state(index, RecordState::Until { time: now.saturating_add(pause), why });
        self.actions.push(Action::Failing {
            fetch: key,
            record: index,
            without_progress: Some(without_progress),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pauses_at_a_refusing_host_stay_under_four_seconds() {
        let policy = RetryPolicy::default();
        let longest: Duration = (1..policy.refused_attempts).map(|n| policy.refused_pause(n)).sum();
        assert!(longest < Duration::from_secs(4), "{longest:?}");
    }

    #[test]
    fn a_pause_doubles_up_to_the_longest() {
        let policy = RetryPolicy::default();
        assert_eq!(policy.pause(1), Duration::from_secs(1));
        assert_eq!(policy.pause(4), Duration::from_secs(8));
        assert_eq!(policy.pause(u32::MAX), policy.longest_pause);
    }

    #[test]
    fn jitter_keeps_between_three_quarters_and_the_whole() {
        let mut random = SplitMix64::new(7);
        let whole = Duration::from_secs(8);
        let mut seen = std::collections::HashSet::new();
        for _ in 0..1000 {
            let pause = random.jitter(whole);
            assert!(pause > whole * 3 / 4 && pause <= whole, "{pause:?}");
            seen.insert(pause);
        }
        assert!(seen.len() > 900, "jitter that does not vary is none");
    }
}
