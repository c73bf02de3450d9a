//! <https://wicg.github.io/background-fetch/#perform-a-background-fetch-algorithm>: when the whole settles, and how.

use super::{Action, FetchKey, RecordState, Scheduler};
use crate::registration::FailureReason;

/// A record's result, once it has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RecordResult {
    /// The response is stored whole.
    Success,
    /// It failed for this reason (never [`FailureReason::None`]).
    Failure(FailureReason),
}

/// A background fetch's result, once it has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FetchResult {
    /// Every record succeeded.
    Success,
    /// It failed for this reason (never [`FailureReason::None`]).
    Failure(FailureReason),
}

impl Scheduler {
    /// Settles the background fetch once nothing is left to wait for.
    ///
    /// DEVIATION: the draft's test of the failure reason is inverted, so that no record's failure is ever seen. Here
    /// every record settles, and then the first one that failed, in request order, gives the reason; only a passed
    /// `downloadTotal` ends everything at once.
    pub(super) fn settle_if_done(&mut self, key: FetchKey) {
        let Some(fetch) = self.fetches.get(&key) else { return };
        // 5.5. One record went past what was declared: the whole fails now.
        if fetch.total_exceeded {
            self.settle(key, FetchResult::Failure(FailureReason::DownloadTotalExceeded));
            return;
        }
        // 6. Wait for every record.
        if fetch.unsettled > 0 {
            return;
        }
        let first_failure = fetch.records.iter().find_map(|record| match record.state {
            RecordState::Settled(RecordResult::Failure(reason)) => Some(reason),
            _ => None,
        });
        self.settle(key, first_failure.map_or(FetchResult::Success, FetchResult::Failure));
    }

    /// The page or the user ends it. What has not settled is aborted, whatever state it is in.
    pub(super) fn abort(&mut self, key: FetchKey) {
        if self.fetches.contains_key(&key) {
            self.settle(key, FetchResult::Failure(FailureReason::Aborted));
        }
    }

    /// It vanishes: its attempts are cancelled and nobody is told a result.
    pub(super) fn remove(&mut self, key: FetchKey) {
        self.stop_attempts(key);
        if let Some(fetch) = self.fetches.remove(&key) {
            self.forget_turns(key, fetch.storage_key);
        }
    }

    /// 7. Sets the abort-all flag, where records are still at it, and gives the whole its result.
    fn settle(&mut self, key: FetchKey, result: FetchResult) {
        self.stop_attempts(key);
        let Some(fetch) = self.fetches.remove(&key) else { return };
        self.forget_turns(key, fetch.storage_key);
        for (index, record) in fetch.records.iter().enumerate() {
            if !matches!(record.state, RecordState::Settled(_)) {
                self.actions.push(Action::SettleRecord {
                    fetch: key,
                    record: index,
                    result: RecordResult::Failure(FailureReason::Aborted),
                });
            }
        }
        self.actions.push(Action::Settle { fetch: key, result });
    }

    fn stop_attempts(&mut self, key: FetchKey) {
        let Some(fetch) = self.fetches.get_mut(&key) else { return };
        for index in 0..fetch.records.len() {
            if let RecordState::Running(attempt) = fetch.records[index].state {
                fetch.set_state(index, RecordState::Waiting);
                self.attempts.remove(&attempt);
                self.actions.push(Action::Cancel { fetch: key, record: index, attempt });
            }
        }
    }
}
