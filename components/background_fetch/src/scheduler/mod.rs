//! The scheduler: a state machine without I/O.
//!
//! Events and the time go in, actions come out. Whoever drives it carries every action out in the order given, and
//! reports back with further events. It never looks at a clock, a socket or a file, so that tests replay weeks of bad
//! network in milliseconds.
//!
//! Call order: [`Scheduler::handle`] for every event, with a time that never goes backwards. When the last
//! [`Action::WakeAt`] has come due, [`Event::Wake`]. An attempt is named by its [`AttemptId`]; once it was cancelled or
//! has ended, further events of it are ignored, so that the driver need not care about races.

mod active_fetch;
mod fairness;
mod perform;
mod retry;

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Bound;
use std::time::Duration;

use self::active_fetch::{Attempt, Failing, Fetch, Pause, Record, RecordState};
pub use self::perform::{FetchResult, RecordResult};
pub use self::retry::{RetryPolicy, SplitMix64};

use crate::registration::FailureReason;

/// Names one background fetch for its whole life; never used again for another.
pub type FetchKey = u64;

/// Names one attempt at one record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AttemptId(pub u64);

impl fmt::Display for AttemptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// How many attempts may run at the same time.
///
/// The `shared_*` numbers are what makes it fair: a second attempt of a storage key (or of a background fetch) is only
/// started while fewer than that many run, so that the first attempt of another always finds a place.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Attempts in all.
    pub total: usize,
    /// Up to this many attempts in all, a storage key may have more than one.
    pub shared_total: usize,
    /// Attempts of one storage key.
    pub per_storage_key: usize,
    /// Up to this many attempts of a storage key, one of its background fetches may have more than one.
    pub shared_per_storage_key: usize,
    /// Attempts of one background fetch.
    pub per_fetch: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { total: 64, shared_total: 32, per_storage_key: 16, shared_per_storage_key: 4, per_fetch: 4 }
    }
}

/// What the scheduler decides by.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// How many attempts run at once.
    pub limits: Limits,
    /// When a failed attempt is repeated.
    pub retry: RetryPolicy,
}

/// Whether a request may be sent a second time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// A `GET`: it may be interrupted, resumed and repeated.
    Allowed,
    /// Anything else: once a byte may have left, it is never sent again.
    Never,
}

/// Whether the machine has a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connectivity {
    /// Attempts may be made.
    Online,
    /// No attempt is made and nothing counts as a failure.
    Offline,
}

/// One record of a background fetch that is handed to the scheduler, new or restored.
#[derive(Clone, Debug)]
pub struct NewRecord {
    /// Whether its request may be sent again.
    pub repeat: Repeat,
    /// A former process may have sent a byte of it. Only matters for [`Repeat::Never`].
    pub may_have_been_sent: bool,
    /// Its result, when it had settled before.
    pub result: Option<RecordResult>,
    /// The most bytes of it that were ever stored.
    pub high_water: u64,
    /// How long it had been failing without progress.
    pub without_progress: Option<Duration>,
}

impl NewRecord {
    /// A record of which nothing has happened yet.
    pub fn fresh(repeat: Repeat) -> Self {
        NewRecord { repeat, may_have_been_sent: false, result: None, high_water: 0, without_progress: None }
    }
}

/// A background fetch that is handed to the scheduler.
#[derive(Clone, Debug)]
pub struct NewFetch {
    /// Its unique key.
    pub key: FetchKey,
    /// Whose share of the attempts it uses.
    pub storage_key: String,
    /// It starts paused: by the user, or because permission is still to be asked.
    pub paused: bool,
    /// Its records in request order.
    pub records: Vec<NewRecord>,
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The record has its response, whole.
    Success,
    /// The response's status says no.
    BadStatus,
    /// The storage key may not store any more.
    QuotaExceeded,
    /// More was sent than the page had declared.
    DownloadTotalExceeded,
    /// It failed in a way that another attempt cannot mend.
    Fatal,
    /// One range ended cleanly and another is to be asked for at once.
    NextRange,
    /// The server asked to come back after this long.
    RetryAfter(Duration),
    /// Nobody listened, or the host has no address.
    RefusedOrUnknownHost,
    /// It failed in a way that may pass.
    Transient {
        /// Whether a byte of the request may have left this machine.
        may_have_been_sent: bool,
    },
}

/// What happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// A background fetch was added or restored.
    Add(NewFetch),
    /// The user pauses it. Ignored when one of its requests must not be repeated.
    Pause(FetchKey),
    /// The user lets it go on, or grants what was asked.
    Resume(FetchKey),
    /// The page or the user aborts it.
    Abort(FetchKey),
    /// It is to vanish without a trace.
    Remove(FetchKey),
    /// The network came or went.
    Network(Connectivity),
    /// The attempt has stored (or, for a body being sent, passed on) this many bytes of its record.
    Progress {
        /// The attempt.
        attempt: AttemptId,
        /// The bytes of the record that are stored by now.
        position: u64,
    },
    /// Bytes of the request's body went out: the attempt is alive, though nothing was received.
    Sent(AttemptId),
    /// The attempt ended by itself.
    Ended {
        /// The attempt.
        attempt: AttemptId,
        /// How.
        outcome: Outcome,
    },
    /// The time of the last [`Action::WakeAt`] has come.
    Wake,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Begin an attempt.
    Start {
        /// The background fetch.
        fetch: FetchKey,
        /// The record's position in it.
        record: usize,
        /// The attempt's name.
        attempt: AttemptId,
    },
    /// End an attempt; nothing more is to be heard of it.
    Cancel {
        /// The background fetch.
        fetch: FetchKey,
        /// The record's position in it.
        record: usize,
        /// The attempt's name.
        attempt: AttemptId,
    },
    /// A record has its result.
    SettleRecord {
        /// The background fetch.
        fetch: FetchKey,
        /// The record's position in it.
        record: usize,
        /// The result.
        result: RecordResult,
    },
    /// The whole has its result. The scheduler has forgotten it.
    Settle {
        /// The background fetch.
        fetch: FetchKey,
        /// The result.
        result: FetchResult,
    },
    /// Its paused flag changed.
    PausedChanged {
        /// The background fetch.
        fetch: FetchKey,
        /// The flag now.
        paused: bool,
    },
    /// How long the record has been failing, to be stored; `None` once it made progress.
    Failing {
        /// The background fetch.
        fetch: FetchKey,
        /// The record's position in it.
        record: usize,
        /// The time without progress.
        without_progress: Option<Duration>,
    },
    /// Send [`Event::Wake`] at this time. Replaces an earlier one.
    WakeAt(Duration),
}

/// The state machine. See the module's documentation for how it is driven.
#[derive(Debug)]
pub struct Scheduler {
    policy: Policy,
    random: SplitMix64,
    connectivity: Connectivity,
    fetches: BTreeMap<FetchKey, Fetch>,
    /// Those that run.
    attempts: BTreeMap<AttemptId, Attempt>,
    next_attempt: u64,
    /// The numbers of storage keys, and how many background fetches each has.
    storage_keys: BTreeMap<String, (fairness::StorageKeyNumber, usize)>,
    next_storage_key: fairness::StorageKeyNumber,
    /// Who was served when: the fairness between those that wait.
    turns: fairness::Turns,
    /// What the last `WakeAt` said, until it came due.
    armed: Option<Duration>,
    actions: Vec<Action>,
}

impl Scheduler {
    /// A scheduler with nothing to do. The same seed gives the same jitter.
    pub fn new(policy: Policy, seed: u64, connectivity: Connectivity) -> Self {
        Scheduler {
            policy,
            random: SplitMix64::new(seed),
            connectivity,
            fetches: BTreeMap::new(),
            attempts: BTreeMap::new(),
            next_attempt: 1,
            storage_keys: BTreeMap::new(),
            next_storage_key: 0,
            turns: fairness::Turns::default(),
            armed: None,
            actions: Vec::new(),
        }
    }

    /// Takes in what happened at `now` (a monotonic time) and says what is to be done about it.
    pub fn handle(&mut self, now: Duration, event: Event) -> Vec<Action> {
        match event {
            Event::Add(fetch) => self.add(now, fetch),
            Event::Pause(key) => self.pause(now, key),
            Event::Resume(key) => self.resume(now, key),
            Event::Abort(key) => self.abort(key),
            Event::Remove(key) => self.remove(key),
            Event::Network(connectivity) => self.network(now, connectivity),
            // OPTIMIZATION: bytes neither free a place nor bring a time nearer, so nothing else is looked at.
            Event::Progress { attempt, position } => {
                self.progress(now, attempt, position);
                return std::mem::take(&mut self.actions);
            }
            Event::Sent(attempt) => {
                self.sent(now, attempt);
                return std::mem::take(&mut self.actions);
            }
            Event::Ended { attempt, outcome } => self.ended(now, attempt, outcome),
            Event::Wake => self.armed = None,
        }
        self.cancel_silent_attempts(now);
        self.start_what_may(now);
        self.arm(now);
        std::mem::take(&mut self.actions)
    }

    /// Whether the background fetch has not settled yet.
    pub fn is_active(&self, key: FetchKey) -> bool {
        self.fetches.contains_key(&key)
    }

    /// Whether there is work that nobody has paused.
    pub fn has_unpaused_work(&self) -> bool {
        self.fetches.values().any(|fetch| !fetch.paused)
    }

    /// How many attempts are running.
    pub fn running(&self) -> usize {
        self.attempts.len()
    }

    /// Whether the machine has a network, as far as the scheduler was told.
    pub fn connectivity(&self) -> Connectivity {
        self.connectivity
    }

    fn add(&mut self, now: Duration, new: NewFetch) {
        let counts = self.connectivity == Connectivity::Online && !new.paused;
        let mut records = Vec::with_capacity(new.records.len());
        for (index, record) in new.records.into_iter().enumerate() {
            let state = match record.result {
                Some(result) => RecordState::Settled(result),
                // A request that must not be repeated and may have left before a crash has had its one chance.
                None if record.repeat == Repeat::Never && record.may_have_been_sent => {
                    let result = RecordResult::Failure(FailureReason::FetchError);
                    self.actions.push(Action::SettleRecord { fetch: new.key, record: index, result });
                    RecordState::Settled(result)
                }
                None => RecordState::Waiting,
            };
            records.push(Record {
                repeat: record.repeat,
                state,
                failures: 0,
                refusals: 0,
                failing: record
                    .without_progress
                    .map(|gathered| Failing { gathered, counting_since: counts.then_some(now) }),
                high_water: record.high_water,
            });
        }
        let storage_key = self.number_of(&new.storage_key);
        self.fetches.insert(new.key, Fetch::new(storage_key, new.paused, records));
        self.settle_if_done(new.key);
    }

    fn pause(&mut self, now: Duration, key: FetchKey) {
        let Some(fetch) = self.fetches.get_mut(&key) else { return };
        // Only a fetch whose every request is a GET may be paused: another must not be sent a second time.
        if fetch.paused || !fetch.pausable() {
            return;
        }
        fetch.paused = true;
        self.actions.push(Action::PausedChanged { fetch: key, paused: true });
        self.interrupt(now, key);
    }

    fn resume(&mut self, now: Duration, key: FetchKey) {
        let Some(fetch) = self.fetches.get_mut(&key) else { return };
        if !fetch.paused {
            return;
        }
        fetch.paused = false;
        self.actions.push(Action::PausedChanged { fetch: key, paused: false });
        if self.connectivity == Connectivity::Online {
            self.let_go_on(now, key);
        }
    }

    fn network(&mut self, now: Duration, connectivity: Connectivity) {
        if self.connectivity == connectivity {
            return;
        }
        self.connectivity = connectivity;
        let keys: Vec<FetchKey> =
            self.fetches.iter().filter(|(_, f)| !f.paused).map(|(key, _)| *key).collect();
        for key in keys {
            match connectivity {
                Connectivity::Offline => self.interrupt(now, key),
                Connectivity::Online => self.let_go_on(now, key),
            }
        }
    }

    /// Stops what may be stopped and counted against nobody.
    fn interrupt(&mut self, now: Duration, key: FetchKey) {
        let Some(fetch) = self.fetches.get_mut(&key) else { return };
        for index in 0..fetch.records.len() {
            let record = &mut fetch.records[index];
            if let Some(failing) = &mut record.failing {
                failing.gathered = failing.at(now);
                failing.counting_since = None;
            }
            if let RecordState::Running(attempt) = record.state {
                // A request that must not be repeated goes on: it may yet get through.
                if record.repeat == Repeat::Allowed {
                    fetch.set_state(index, RecordState::Waiting);
                    self.attempts.remove(&attempt);
                    self.actions.push(Action::Cancel { fetch: key, record: index, attempt });
                }
            }
        }
    }

    /// The opposite of `interrupt`: the clock of failures runs again, and what waited by our own choice tries at once.
    fn let_go_on(&mut self, now: Duration, key: FetchKey) {
        let Some(fetch) = self.fetches.get_mut(&key) else { return };
        for index in 0..fetch.records.len() {
            let record = &mut fetch.records[index];
            if let Some(failing) = &mut record.failing {
                failing.counting_since = Some(now);
            }
            if matches!(record.state, RecordState::Until { why: Pause::Backoff, .. }) {
                fetch.set_state(index, RecordState::Waiting);
            }
        }
    }

    fn progress(&mut self, now: Duration, attempt: AttemptId, position: u64) {
        let Some(Attempt { fetch: key, record: index, alive }) = self.attempts.get_mut(&attempt) else {
            return;
        };
        *alive = now;
        let (key, index) = (*key, *index);
        let Some(fetch) = self.fetches.get_mut(&key) else { return };
        fetch.received_anything |= position > 0;
        let Some(record) = fetch.records.get_mut(index) else { return };
        // NOTE: only what goes beyond all that was ever stored is progress. A server that lets every download start
        // again from zero would otherwise be retried for ever.
        if position > record.high_water {
            record.high_water = position;
            record.failures = 0;
            record.refusals = 0;
            if record.failing.take().is_some() {
                self.actions.push(Action::Failing { fetch: key, record: index, without_progress: None });
            }
        }
    }

    fn sent(&mut self, now: Duration, attempt: AttemptId) {
        if let Some(Attempt { alive, .. }) = self.attempts.get_mut(&attempt) {
            *alive = now;
        }
    }

    /// An attempt of which nothing was heard for too long ends here, whatever the fetcher's own timeouts do.
    fn cancel_silent_attempts(&mut self, now: Duration) {
        let limit = self.policy.retry.silence;
        let is_silent = |(_, attempt): &(&AttemptId, &Attempt)| now >= attempt.alive.saturating_add(limit);
        let silent: Vec<(AttemptId, Attempt)> =
            self.attempts.iter().filter(is_silent).map(|(id, attempt)| (*id, *attempt)).collect();
        for (attempt, Attempt { fetch, record, .. }) in silent {
            self.actions.push(Action::Cancel { fetch, record, attempt });
            self.ended(now, attempt, Outcome::Transient { may_have_been_sent: true });
        }
    }

    /// Asks to be woken for the next thing that time alone will bring.
    fn arm(&mut self, now: Duration) {
        let silence = self.policy.retry.silence;
        let offline = self.connectivity == Connectivity::Offline;
        let retries = self.fetches.values().filter(|fetch| !fetch.paused && !offline).filter_map(|fetch| {
            let after_now = (Bound::Excluded((now, usize::MAX)), Bound::Unbounded);
            fetch.until.range(after_now).next().map(|(time, _)| *time)
        });
        let silences = self.attempts.values().map(|attempt| attempt.alive.saturating_add(silence));
        let next = retries.chain(silences).min();
        // An earlier wake that is already set looks again by itself, so only a nearer one is worth an action.
        if let Some(next) = next
            && self.armed.is_none_or(|armed| next < armed)
        {
            self.armed = Some(next);
            self.actions.push(Action::WakeAt(next));
        }
    }
}
