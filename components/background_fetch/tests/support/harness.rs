//! The scheduler beside its reference model, driven by operations.
#![allow(unreachable_pub, reason = "a module of a test")]

use std::collections::BTreeMap;
use std::time::Duration;

use longhaul_background_fetch::scheduler::{
    Action, AttemptId, Connectivity, Event, FetchKey, Limits, NewFetch, NewRecord, Outcome, Policy, Repeat,
    RetryPolicy, Scheduler,
};

use super::model::{Expected, Model};

#[derive(Clone, Debug)]
pub enum Op {
    Add {
        storage_key: u8,
        records: Vec<bool>,
        paused: bool,
    },
    Pause(usize),
    Resume(usize),
    Abort(usize),
    Remove(usize),
    Network(bool),
    Progress {
        attempt: usize,
        bytes: u64,
    },
    Sent {
        attempt: usize,
    },
    End {
        attempt: usize,
        outcome: Outcome,
    },
    StaleEnd {
        attempt: u64,
    },
    Pass(Duration),
    /// The same failure again and again, as soon as it is tried again.
    Burst {
        outcome: Outcome,
        rounds: u8,
    },
}

pub struct Harness {
    pub scheduler: Scheduler,
    pub model: Model,
    wake: Option<Duration>,
    pub next_key: FetchKey,
    /// How many events there were.
    pub events: usize,
    /// After so many events nobody wakes the scheduler while time passes, as on a machine that sleeps.
    pub sleeps_after: usize,
}

impl Harness {
    pub fn with(seed: u64, limits: Limits, retry: RetryPolicy) -> Harness {
        let policy = Policy { limits: limits.clone(), retry: retry.clone() };
        Harness {
            scheduler: Scheduler::new(policy, seed, Connectivity::Online),
            model: Model {
                now: Duration::ZERO,
                online: true,
                fetches: BTreeMap::new(),
                storage_keys: Vec::new(),
                limits,
                retry,
            },
            wake: None,
            next_key: 1,
            events: 0,
            sleeps_after: usize::MAX,
        }
    }

    pub fn handle(&mut self, event: Event) {
        self.events += 1;
        let mut expected = self.model.handle(&event);
        let mut actual = Expected::default();
        let actions = self.scheduler.handle(self.model.now, event);
        for action in &actions {
            match *action {
                // Looked at below, once all that ended has made its place.
                Action::Start { .. } => {}
                Action::Cancel { attempt, .. } => actual.cancelled.push(attempt),
                Action::SettleRecord { fetch, record, result } => {
                    actual.settled_records.push((fetch, record, result));
                }
                Action::Settle { fetch, result } => actual.settled.push((fetch, result)),
                Action::PausedChanged { fetch, paused } => actual.paused.push((fetch, paused)),
                Action::Failing { .. } => {}
                Action::WakeAt(time) => {
                    assert!(time >= self.model.now, "a time to wake that has passed");
                    self.wake = Some(time);
                }
            }
        }
        for side in [&mut expected, &mut actual] {
            side.cancelled.sort();
            // Of each there is one.
            side.settled_records.sort_by_key(|(fetch, record, _)| (*fetch, *record));
            side.settled.sort_by_key(|(fetch, _)| *fetch);
        }
        assert_eq!(actual, expected);
        for action in actions {
            if let Action::Start { fetch, record, attempt } = action {
                self.model.start(fetch, record, attempt);
            }
        }
        self.model.nothing_is_left_out();
        assert_eq!(self.scheduler.running(), self.model.running_count());
        for key in 1..self.next_key {
            assert_eq!(self.scheduler.is_active(key), self.model.fetches.contains_key(&key));
        }
    }

    pub fn pass(&mut self, time: Duration) {
        let end = self.model.now + time;
        let before = self.events;
        while let Some(wake) = self.wake.filter(|wake| *wake <= end && self.events < self.sleeps_after) {
            self.model.pass(wake - self.model.now);
            self.wake = None;
            self.handle(Event::Wake);
            assert!(self.events - before < 100_000, "it never sleeps");
        }
        self.model.pass(end - self.model.now);
        // A driver may wake it at any other time too; it says anew when next.
        self.wake = None;
        self.handle(Event::Wake);
    }

    pub fn run(&mut self, op: Op) {
        let key = |harness: &Harness, n: usize| 1 + n as FetchKey % harness.next_key;
        let attempt = |harness: &Harness, n: usize| {
            let running = harness.model.running();
            (!running.is_empty()).then(|| running[n % running.len()])
        };
        match op {
            Op::Add { storage_key, records, paused } => {
                let records = records
                    .into_iter()
                    .map(|get| NewRecord::fresh(if get { Repeat::Allowed } else { Repeat::Never }));
                let new = NewFetch {
                    key: self.next_key,
                    storage_key: format!("https://{storage_key}.example"),
                    paused,
                    records: records.collect(),
                };
                self.next_key += 1;
                self.handle(Event::Add(new));
            }
            Op::Pause(n) => self.handle(Event::Pause(key(self, n))),
            Op::Resume(n) => self.handle(Event::Resume(key(self, n))),
            Op::Abort(n) => self.handle(Event::Abort(key(self, n))),
            Op::Remove(n) => self.handle(Event::Remove(key(self, n))),
            Op::Network(online) => {
                self.handle(Event::Network(if online {
                    Connectivity::Online
                } else {
                    Connectivity::Offline
                }));
            }
            Op::Progress { attempt: n, bytes } => {
                if let Some((key, index, attempt)) = attempt(self, n) {
                    let best = self.model.fetches[&key].records[index].best;
                    // Sometimes less than there was before: a download that started over.
                    let position = (best + bytes).saturating_sub(20);
                    self.handle(Event::Progress { attempt, position });
                }
            }
            Op::Sent { attempt: n } => {
                if let Some((.., attempt)) = attempt(self, n) {
                    self.handle(Event::Sent(attempt));
                }
            }
            Op::End { attempt: n, outcome } => {
                if let Some((.., attempt)) = attempt(self, n) {
                    self.handle(Event::Ended { attempt, outcome });
                }
            }
            Op::StaleEnd { attempt } => {
                if !self.model.running().iter().any(|(.., a)| a.0 == attempt) {
                    let attempt = AttemptId(attempt);
                    self.handle(Event::Ended { attempt, outcome: Outcome::Success });
                    self.handle(Event::Progress { attempt, position: u64::MAX });
                }
            }
            Op::Pass(time) => self.pass(time),
            Op::Burst { outcome, rounds } => {
                for _ in 0..rounds {
                    for (.., attempt) in self.model.running() {
                        self.handle(Event::Ended { attempt, outcome: outcome.clone() });
                    }
                    let until = self.wake.map_or(Duration::ZERO, |wake| wake.saturating_sub(self.model.now));
                    self.pass(until.min(Duration::from_secs(3600)));
                }
            }
        }
    }

    /// Whatever happened: with a network, no pauses and servers that answer, everything settles.
    pub fn come_to_an_end(&mut self) {
        self.handle(Event::Network(Connectivity::Online));
        let paused = self.model.fetches.iter().filter(|(_, fetch)| fetch.paused).map(|(key, _)| *key);
        for key in paused.collect::<Vec<_>>() {
            self.handle(Event::Resume(key));
        }
        let mut rounds = 0;
        while !self.model.fetches.is_empty() {
            rounds += 1;
            assert!(rounds < 10_000, "it does not come to an end");
            for (.., attempt) in self.model.running() {
                self.handle(Event::Ended { attempt, outcome: Outcome::Success });
            }
            // The next thing that time brings may be weeks away.
            let until = self.wake.map_or(Duration::ZERO, |wake| wake.saturating_sub(self.model.now));
            self.pass(until.max(Duration::from_secs(3600)));
        }
    }
}
