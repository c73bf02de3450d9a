//! The reference model of the scheduler.
//!
//! It is written the other way round: it counts time tick by tick, keeps no queues, and knows for how long a pause may
//! be instead of how long it is. What it can predict (cancellations, results) has to agree exactly; what is the
//! scheduler's choice (which attempt next, the jitter) has to be allowed, and no allowed attempt may be left out.
#![allow(unreachable_pub, reason = "a module of a test")]

use std::collections::BTreeMap;
use std::time::Duration;

use longhaul_background_fetch::FailureReason;
use longhaul_background_fetch::scheduler::{
    AttemptId, Connectivity, Event, FetchKey, FetchResult, Limits, Outcome, RecordResult, Repeat, RetryPolicy,
};

#[derive(Clone, Debug, PartialEq)]
pub enum State {
    Ready,
    /// It must not start before the first time, and has to by the second; a server may have asked for it.
    Waits {
        no_earlier: Duration,
        no_later: Duration,
        asked: bool,
    },
    Runs {
        attempt: AttemptId,
        silent_for: Duration,
    },
    Done(RecordResult),
}

#[derive(Clone, Debug)]
pub struct ModelRecord {
    pub get: bool,
    pub state: State,
    pub failures: u32,
    pub refusals: u32,
    pub failing_for: Option<Duration>,
    pub best: u64,
}

#[derive(Clone, Debug)]
pub struct ModelFetch {
    /// The position of its name.
    pub storage_key: usize,
    pub paused: bool,
    pub records: Vec<ModelRecord>,
}

impl ModelFetch {
    pub fn running(&self) -> usize {
        self.records.iter().filter(|record| matches!(record.state, State::Runs { .. })).count()
    }
}

/// What an event must bring about, in any order.
#[derive(Debug, Default, PartialEq)]
pub struct Expected {
    pub cancelled: Vec<AttemptId>,
    pub settled_records: Vec<(FetchKey, usize, RecordResult)>,
    pub settled: Vec<(FetchKey, FetchResult)>,
    pub paused: Vec<(FetchKey, bool)>,
}

pub struct Model {
    pub now: Duration,
    pub online: bool,
    pub fetches: BTreeMap<FetchKey, ModelFetch>,
    /// The names of storage keys that there ever were.
    pub storage_keys: Vec<String>,
    pub limits: Limits,
    pub retry: RetryPolicy,
}

impl Model {
    pub fn pass(&mut self, time: Duration) {
        self.now += time;
        for fetch in self.fetches.values_mut() {
            let counts = self.online && !fetch.paused;
            for record in &mut fetch.records {
                if let State::Runs { silent_for, .. } = &mut record.state {
                    *silent_for += time;
                }
                if let (Some(failing_for), true) = (&mut record.failing_for, counts) {
                    *failing_for += time;
                }
            }
        }
    }

    pub fn running(&self) -> Vec<(FetchKey, usize, AttemptId)> {
        let records =
            self.fetches.iter().flat_map(|(key, f)| f.records.iter().enumerate().map(move |r| (*key, r)));
        records
            .filter_map(|(key, (index, record))| match record.state {
                State::Runs { attempt, .. } => Some((key, index, attempt)),
                _ => None,
            })
            .collect()
    }

    pub fn running_count(&self) -> usize {
        self.fetches.values().map(ModelFetch::running).sum()
    }

    /// The record that an attempt runs for.
    fn record_of(&mut self, attempt: AttemptId) -> Option<(FetchKey, usize, &mut ModelRecord)> {
        self.fetches.iter_mut().find_map(|(key, fetch)| {
            let of_attempt = |record: &ModelRecord| match record.state {
                State::Runs { attempt: other, .. } => other == attempt,
                _ => false,
            };
            let index = fetch.records.iter().position(of_attempt)?;
            Some((*key, index, &mut fetch.records[index]))
        })
    }

    /// Those of which nothing was heard for too long, the oldest attempt first.
    fn silent(&self) -> Vec<(FetchKey, usize, AttemptId)> {
        let mut silent = Vec::new();
        for (key, fetch) in &self.fetches {
            for (index, record) in fetch.records.iter().enumerate() {
                match record.state {
                    State::Runs { attempt, silent_for } if silent_for >= self.retry.silence => {
                        silent.push((*key, index, attempt));
                    }
                    _ => {}
                }
            }
        }
        silent.sort_by_key(|(.., attempt)| *attempt);
        silent
    }

    pub fn stop_gets(&mut self, key: FetchKey, expected: &mut Expected) {
        for record in &mut self.fetches.get_mut(&key).unwrap().records {
            if let (State::Runs { attempt, .. }, true) = (&record.state, record.get) {
                expected.cancelled.push(*attempt);
                record.state = State::Ready;
            }
        }
    }

    pub fn try_again_now(&mut self, key: FetchKey) {
        for record in &mut self.fetches.get_mut(&key).unwrap().records {
            if matches!(record.state, State::Waits { asked: false, .. }) {
                record.state = State::Ready;
            }
        }
    }

    pub fn fail(&mut self, key: FetchKey, index: usize, outcome: &Outcome, expected: &mut Expected) {
        let online = self.online;
        let fetch = self.fetches.get_mut(&key).unwrap();
        let got_bytes = fetch.records.iter().any(|record| record.best > 0);
        let paused = fetch.paused;
        let now = self.now;
        let retry = &self.retry;
        let record = &mut fetch.records[index];
        let done = |reason| Some(RecordResult::Failure(reason));
        let result = match (outcome, record.get) {
            (Outcome::Success, _) => Some(RecordResult::Success),
            (Outcome::BadStatus, _) | (Outcome::RetryAfter(_), false) => done(FailureReason::BadStatus),
            (Outcome::QuotaExceeded, _) => done(FailureReason::QuotaExceeded),
            (Outcome::DownloadTotalExceeded, _) => done(FailureReason::DownloadTotalExceeded),
            (Outcome::Fatal, _)
            | (Outcome::NextRange, false)
            | (Outcome::Transient { may_have_been_sent: true }, false) => done(FailureReason::FetchError),
            (Outcome::NextRange, true) => {
                record.state = State::Ready;
                return;
            }
            _ if !online || paused => {
                record.state = State::Ready;
                return;
            }
            (outcome, _) => {
                let failing_for = *record.failing_for.get_or_insert(Duration::ZERO);
                let refused = *outcome == Outcome::RefusedOrUnknownHost;
                if refused {
                    record.refusals += 1;
                } else {
                    record.refusals = 0;
                    record.failures += 1;
                }
                let left = retry.give_up_after.saturating_sub(failing_for);
                let hopeless = refused && record.refusals >= retry.refused_attempts && !got_bytes;
                if hopeless || left.is_zero() {
                    done(FailureReason::FetchError)
                } else {
                    // First of all, how long it is between without the jitter.
                    let doubled = |n: u32| {
                        let mut pause = retry.first_pause;
                        for _ in 1..n.min(40) {
                            pause = (pause * 2).min(retry.longest_pause);
                        }
                        pause
                    };
                    let (least, most, asked) = match outcome {
                        Outcome::RetryAfter(time) => {
                            let time = (*time).min(retry.longest_retry_after);
                            let own = doubled(record.failures);
                            (time.max(own * 3 / 4), time.max(own), true)
                        }
                        Outcome::RefusedOrUnknownHost if record.refusals < retry.refused_attempts => {
                            let pause = retry.refused_pauses[if record.refusals == 1 { 0 } else { 1 }];
                            (pause * 3 / 4, pause, false)
                        }
                        Outcome::RefusedOrUnknownHost => {
                            let pause =
                                doubled(record.refusals - retry.refused_attempts + 1 + record.failures);
                            (pause * 3 / 4, pause, false)
                        }
                        _ => {
                            let pause = doubled(record.failures);
                            (pause * 3 / 4, pause, false)
                        }
                    };
                    record.state = State::Waits {
                        no_earlier: now + least.min(left),
                        no_later: now + most.min(left),
                        asked,
                    };
                    None
                }
            }
        };
        if let Some(result) = result {
            record.state = State::Done(result);
            expected.settled_records.push((key, index, result));
            self.settle_if_done(key, expected);
        }
    }

    pub fn settle_if_done(&mut self, key: FetchKey, expected: &mut Expected) {
        let fetch = &self.fetches[&key];
        let mut first_failure = None;
        let mut open = false;
        let mut exceeded = false;
        for record in &fetch.records {
            match record.state {
                State::Done(RecordResult::Failure(reason)) => {
                    exceeded |= reason == FailureReason::DownloadTotalExceeded;
                    first_failure = first_failure.or(Some(reason));
                }
                State::Done(RecordResult::Success) => {}
                _ => open = true,
            }
        }
        if exceeded {
            self.settle(key, FetchResult::Failure(FailureReason::DownloadTotalExceeded), expected);
        } else if !open {
            self.settle(key, first_failure.map_or(FetchResult::Success, FetchResult::Failure), expected);
        }
    }

    pub fn settle(&mut self, key: FetchKey, result: FetchResult, expected: &mut Expected) {
        for (index, record) in self.fetches.remove(&key).unwrap().records.into_iter().enumerate() {
            if let State::Runs { attempt, .. } = record.state {
                expected.cancelled.push(attempt);
            }
            if !matches!(record.state, State::Done(_)) {
                let aborted = RecordResult::Failure(FailureReason::Aborted);
                expected.settled_records.push((key, index, aborted));
            }
        }
        expected.settled.push((key, result));
    }

    pub fn handle(&mut self, event: &Event) -> Expected {
        let mut expected = Expected::default();
        let known = |model: &Model, key: &FetchKey| model.fetches.contains_key(key);
        match event {
            Event::Add(new) => {
                let records = new.records.iter().map(|record| ModelRecord {
                    get: record.repeat == Repeat::Allowed,
                    state: State::Ready,
                    failures: 0,
                    refusals: 0,
                    failing_for: None,
                    best: 0,
                });
                let known = self.storage_keys.iter().position(|name| *name == new.storage_key);
                let storage_key = known.unwrap_or_else(|| {
                    self.storage_keys.push(new.storage_key.clone());
                    self.storage_keys.len() - 1
                });
                let fetch = ModelFetch { storage_key, paused: new.paused, records: records.collect() };
                self.fetches.insert(new.key, fetch);
            }
            Event::Pause(key) if known(self, key) => {
                let fetch = self.fetches.get_mut(key).unwrap();
                if !fetch.paused && fetch.records.iter().all(|record| record.get) {
                    fetch.paused = true;
                    expected.paused.push((*key, true));
                    self.stop_gets(*key, &mut expected);
                }
            }
            Event::Resume(key) if known(self, key) => {
                let fetch = self.fetches.get_mut(key).unwrap();
                if fetch.paused {
                    fetch.paused = false;
                    expected.paused.push((*key, false));
                    if self.online {
                        self.try_again_now(*key);
                    }
                }
            }
            Event::Abort(key) if known(self, key) => {
                self.settle(*key, FetchResult::Failure(FailureReason::Aborted), &mut expected);
            }
            Event::Remove(key) if known(self, key) => {
                for record in self.fetches.remove(key).unwrap().records {
                    if let State::Runs { attempt, .. } = record.state {
                        expected.cancelled.push(attempt);
                    }
                }
            }
            Event::Network(connectivity) => {
                let online = *connectivity == Connectivity::Online;
                if online != self.online {
                    self.online = online;
                    let keys: Vec<_> =
                        self.fetches.iter().filter(|(_, f)| !f.paused).map(|(k, _)| *k).collect();
                    for key in keys {
                        if online { self.try_again_now(key) } else { self.stop_gets(key, &mut expected) }
                    }
                }
            }
            Event::Progress { attempt, position } => {
                if let Some((.., record)) = self.record_of(*attempt) {
                    record.state = State::Runs { attempt: *attempt, silent_for: Duration::ZERO };
                    if *position > record.best {
                        record.best = *position;
                        record.failures = 0;
                        record.refusals = 0;
                        record.failing_for = None;
                    }
                }
            }
            Event::Sent(attempt) => {
                if let Some((.., record)) = self.record_of(*attempt) {
                    record.state = State::Runs { attempt: *attempt, silent_for: Duration::ZERO };
                }
            }
            Event::Ended { attempt, outcome } => {
                if let Some((key, index, _)) = self.record_of(*attempt) {
                    self.fail(key, index, outcome, &mut expected);
                }
            }
            _ => {}
        }
        if !matches!(event, Event::Progress { .. } | Event::Sent(_)) {
            for (key, index, attempt) in self.silent() {
                // One that ended may have ended others.
                if self.fetches.contains_key(&key) {
                    expected.cancelled.push(attempt);
                    self.fail(key, index, &Outcome::Transient { may_have_been_sent: true }, &mut expected);
                }
            }
        }
        expected
    }

    fn has_a_place(&self, fetch: &ModelFetch) -> bool {
        let (mut total, mut of_key) = (0, 0);
        for other in self.fetches.values() {
            let running = other.running();
            total += running;
            of_key += if other.storage_key == fetch.storage_key { running } else { 0 };
        }
        let of_fetch = fetch.running();
        let l = &self.limits;
        total < l.total
            && of_key < l.per_storage_key
            && of_fetch < l.per_fetch
            && (of_key == 0 || total < l.shared_total)
            && (of_fetch == 0 || of_key < l.shared_per_storage_key)
    }

    pub fn start(&mut self, key: FetchKey, index: usize, attempt: AttemptId) {
        assert!(self.online, "an attempt while offline");
        let fetch = &self.fetches[&key];
        assert!(!fetch.paused, "an attempt while paused");
        assert!(self.has_a_place(fetch), "more attempts than allowed");
        let record = &mut self.fetches.get_mut(&key).unwrap().records[index];
        match record.state {
            State::Ready => {}
            State::Waits { no_earlier, .. } => assert!(self.now >= no_earlier, "too early"),
            _ => panic!("an attempt at a record that runs or is done"),
        }
        record.state = State::Runs { attempt, silent_for: Duration::ZERO };
    }

    /// Nothing that could run is left waiting.
    pub fn nothing_is_left_out(&self) {
        if !self.online {
            return;
        }
        let due = |record: &ModelRecord| match record.state {
            State::Ready => true,
            State::Waits { no_later, .. } => no_later <= self.now,
            _ => false,
        };
        for (key, fetch) in self.fetches.iter().filter(|(_, fetch)| !fetch.paused) {
            let Some(index) = fetch.records.iter().position(due) else { continue };
            assert!(!self.has_a_place(fetch), "record {index} of {key} could run and does not");
        }
    }
}
