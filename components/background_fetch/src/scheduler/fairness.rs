//! Who is served next when more records wait than may be attempted at once.

use std::collections::BTreeMap;
use std::time::Duration;

use super::active_fetch::Attempt;
use super::{Action, AttemptId, Connectivity, FetchKey, RecordState, Scheduler};

/// Remembers in which order storage keys and background fetches were served last.
#[derive(Debug, Default)]
pub(super) struct Turns {
    next: u64,
    storage_keys: BTreeMap<StorageKeyNumber, u64>,
    fetches: BTreeMap<FetchKey, u64>,
}

/// Names a storage key for as long as it has a background fetch.
pub(super) type StorageKeyNumber = u64;

impl Turns {
    fn serve(&mut self, storage_key: StorageKeyNumber, fetch: FetchKey) {
        self.next += 1;
        self.storage_keys.insert(storage_key, self.next);
        self.fetches.insert(fetch, self.next);
    }
}

impl Scheduler {
    /// The number of a storage key. OPTIMIZATION: places are counted for many events, and numbers are compared faster than names.
    pub(super) fn number_of(&mut self, storage_key: &str) -> StorageKeyNumber {
        if let Some((number, uses)) = self.storage_keys.get_mut(storage_key) {
            *uses += 1;
            return *number;
        }
        self.next_storage_key += 1;
        self.storage_keys.insert(storage_key.to_owned(), (self.next_storage_key, 1));
        self.next_storage_key
    }

    /// Forgets when a background fetch that is gone was served, and its storage key if it has no other.
    pub(super) fn forget_turns(&mut self, key: FetchKey, storage_key: StorageKeyNumber) {
        self.turns.fetches.remove(&key);
        self.storage_keys.retain(|_, (number, uses)| {
            *uses -= usize::from(*number == storage_key);
            *uses > 0
        });
        if !self.storage_keys.values().any(|(number, _)| *number == storage_key) {
            self.turns.storage_keys.remove(&storage_key);
        }
    }

    /// Starts attempts while there are places: the storage key with the fewest running attempts first, within it the
    /// background fetch with the fewest, and between equals the one that was served longest ago. Within a background
    /// fetch it goes by request order.
    pub(super) fn start_what_may(&mut self, now: Duration) {
        if self.connectivity == Connectivity::Offline {
            return;
        }
        let limits = &self.policy.limits;
        let mut due: Vec<FetchKey> = Vec::new();
        for (&key, fetch) in self.fetches.iter_mut().filter(|(_, fetch)| !fetch.paused) {
            fetch.time_has_come(now);
            if !fetch.waiting.is_empty() {
                due.push(key);
            }
        }
        // OPTIMIZATION: after most events nothing waits.
        if due.is_empty() || self.attempts.len() >= limits.total {
            return;
        }
        // How much of each storage key runs.
        let mut running_of_key: BTreeMap<StorageKeyNumber, usize> = BTreeMap::new();
        for fetch in self.fetches.values() {
            *running_of_key.entry(fetch.storage_key).or_default() += fetch.running;
        }
        while self.attempts.len() < limits.total {
            let total = self.attempts.len();
            let chosen = due
                .iter()
                .filter_map(|key| {
                    let fetch = self.fetches.get(key)?;
                    let (of_key, of_fetch) =
                        (running_of_key.get(&fetch.storage_key).copied().unwrap_or(0), fetch.running);
                    let allowed = of_fetch < limits.per_fetch
                        && of_key < limits.per_storage_key
                        && (of_key == 0 || total < limits.shared_total)
                        && (of_fetch == 0 || of_key < limits.shared_per_storage_key);
                    let key_turn = self.turns.storage_keys.get(&fetch.storage_key).copied().unwrap_or(0);
                    let fetch_turn = self.turns.fetches.get(key).copied().unwrap_or(0);
                    allowed.then_some((of_key, key_turn, of_fetch, fetch_turn, *key))
                })
                .min();
            let Some((.., key)) = chosen else { return };
            let Some(fetch) = self.fetches.get_mut(&key) else { return };
            let Some(index) = fetch.waiting.first().copied() else {
                due.retain(|other| *other != key);
                continue;
            };
            let attempt = AttemptId(self.next_attempt);
            self.next_attempt += 1;
            fetch.set_state(index, RecordState::Running(attempt));
            *running_of_key.entry(fetch.storage_key).or_default() += 1;
            self.turns.serve(fetch.storage_key, key);
            self.attempts.insert(attempt, Attempt { fetch: key, record: index, alive: now });
            self.actions.push(Action::Start { fetch: key, record: index, attempt });
        }
    }
}
