//! What the scheduler keeps of a background fetch and its records.

use std::collections::BTreeSet;
use std::time::Duration;

use super::fairness::StorageKeyNumber;
use super::{AttemptId, FetchKey, RecordResult, Repeat};
use crate::registration::FailureReason;

/// Why a record waits for a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pause {
    /// We chose to.
    Backoff,
    /// The server asked for it.
    RetryAfter,
}

/// An attempt that runs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attempt {
    pub(super) fetch: FetchKey,
    pub(super) record: usize,
    /// When something was last heard of it.
    pub(super) alive: Duration,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum RecordState {
    Waiting,
    Until { time: Duration, why: Pause },
    Running(AttemptId),
    Settled(RecordResult),
}

/// How long a record has been failing, not counting the time in which it was not allowed to try.
#[derive(Clone, Debug)]
pub(super) struct Failing {
    pub(super) gathered: Duration,
    pub(super) counting_since: Option<Duration>,
}

impl Failing {
    pub(super) fn at(&self, now: Duration) -> Duration {
        self.gathered + self.counting_since.map_or(Duration::ZERO, |since| now.saturating_sub(since))
    }
}

#[derive(Clone, Debug)]
pub(super) struct Record {
    pub(super) repeat: Repeat,
    pub(super) state: RecordState,
    /// Failures since the last progress that may pass.
    pub(super) failures: u32,
    /// Refusals since the last progress.
    pub(super) refusals: u32,
    pub(super) failing: Option<Failing>,
    pub(super) high_water: u64,
}

#[derive(Clone, Debug)]
pub(super) struct Fetch {
    pub(super) storage_key: StorageKeyNumber,
    pub(super) paused: bool,
    /// Their states are changed by `set_state` alone, which keeps what follows true.
    pub(super) records: Vec<Record>,
    // OPTIMIZATION: a background fetch may have many records, so that nobody looks at all of them for each event.
    /// How many are running.
    pub(super) running: usize,
    /// How many have no result.
    pub(super) unsettled: usize,
    /// The ones that are waiting.
    pub(super) waiting: BTreeSet<usize>,
    /// The ones that wait for a time.
    pub(super) until: BTreeSet<(Duration, usize)>,
    /// Whether a byte of any of them was ever received.
    pub(super) received_anything: bool,
    /// Whether one went past what was declared.
    pub(super) total_exceeded: bool,
}

impl Fetch {
    pub(super) fn new(storage_key: StorageKeyNumber, paused: bool, records: Vec<Record>) -> Fetch {
        let mut fetch = Fetch {
            storage_key,
            paused,
            running: 0,
            unsettled: records.len(),
            waiting: (0..records.len()).collect(),
            until: BTreeSet::new(),
            received_anything: records.iter().any(|record| record.high_water > 0),
            total_exceeded: false,
            records: Vec::new(),
        };
        let states: Vec<RecordState> = records.iter().map(|record| record.state.clone()).collect();
        let waiting = |record| Record { state: RecordState::Waiting, ..record };
        fetch.records = records.into_iter().map(waiting).collect();
        for (index, state) in states.into_iter().enumerate() {
            fetch.set_state(index, state);
        }
        fetch
    }

    pub(super) fn set_state(&mut self, index: usize, state: RecordState) {
        let Some(record) = self.records.get_mut(index) else { return };
        match std::mem::replace(&mut record.state, state.clone()) {
            RecordState::Waiting => drop(self.waiting.remove(&index)),
            RecordState::Until { time, .. } => drop(self.until.remove(&(time, index))),
            RecordState::Running(_) => self.running -= 1,
            RecordState::Settled(_) => self.unsettled += 1,
        }
        match state {
            RecordState::Waiting => drop(self.waiting.insert(index)),
            RecordState::Until { time, .. } => drop(self.until.insert((time, index))),
            RecordState::Running(_) => self.running += 1,
            RecordState::Settled(result) => {
                self.unsettled -= 1;
                self.total_exceeded |= result == RecordResult::Failure(FailureReason::DownloadTotalExceeded);
            }
        }
    }

    /// Lets those wait no longer whose time has come.
    pub(super) fn time_has_come(&mut self, now: Duration) {
        while let Some(&(time, index)) = self.until.first()
            && time <= now
        {
            self.set_state(index, RecordState::Waiting);
        }
    }

    pub(super) fn pausable(&self) -> bool {
        self.records.iter().all(|record| record.repeat == Repeat::Allowed)
    }
}
