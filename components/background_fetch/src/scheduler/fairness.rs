//! Who is served next when more records wait than may be attempted at once.

use std::collections::HashMap;
use std::time::Duration;

use super::{Action, AttemptId, Connectivity, FetchKey, RecordState, Scheduler};

/// Remembers in which order storage keys and background fetches were served last.
#[derive(Debug, Default)]
pub(super) struct Turns {
    next: u64,
    storage_keys: HashMap<String, u64>,
    fetches: HashMap<FetchKey, u64>,
}

impl Turns {
    fn serve(&mut self, storage_key: &str, fetch: FetchKey) {
        self.next += 1;
        self.storage_keys.insert(storage_key.to_owned(), self.next);
        self.fetches.insert(fetch, self.next);
    }
}

impl Scheduler {
    /// Starts attempts while there are places: the storage key with the fewest running attempts first, within it the
    /// background fetch with the fewest, and between equals the one that was served longest ago. Within a background
    /// fetch it goes by request order.
    pub(super) fn start_what_may(&mut self, now: Duration) {
        if self.connectivity == Connectivity::Offline {
            return;
        }
        let limits = self.policy.limits.clone();
        // What waits, in request order, and how much of everything runs.
        let mut due: HashMap<FetchKey, std::vec::IntoIter<usize>> = HashMap::new();
        let mut running_of_fetch: HashMap<FetchKey, usize> = HashMap::new();
        let mut running_of_key: HashMap<String, usize> = HashMap::new();
        for (&key, fetch) in &mut self.fetches {
            let running = fetch.running;
            running_of_fetch.insert(key, running);
            *running_of_key.entry(fetch.storage_key.clone()).or_default() += running;
            if !fetch.paused {
                fetch.time_has_come(now);
                let waiting: Vec<usize> = fetch.waiting.iter().copied().take(limits.per_fetch).collect();
                if !waiting.is_empty() {
                    due.insert(key, waiting.into_iter());
                }
            }
        }
        self.turns.storage_keys.retain(|storage_key, _| running_of_key.contains_key(storage_key));
        self.turns.fetches.retain(|key, _| running_of_fetch.contains_key(key));
        while self.attempts.len() < limits.total {
            let total = self.attempts.len();
            let chosen = due
                .keys()
                .filter_map(|key| {
                    let storage_key = &self.fetches.get(key)?.storage_key;
                    let of_key = running_of_key.get(storage_key).copied().unwrap_or(0);
                    let of_fetch = running_of_fetch.get(key).copied().unwrap_or(0);
                    let allowed = of_fetch < limits.per_fetch
                        && of_key < limits.per_storage_key
                        && (of_key == 0 || total < limits.shared_total)
                        && (of_fetch == 0 || of_key < limits.shared_per_storage_key);
                    let key_turn = self.turns.storage_keys.get(storage_key).copied().unwrap_or(0);
                    let fetch_turn = self.turns.fetches.get(key).copied().unwrap_or(0);
                    allowed.then_some((of_key, key_turn, of_fetch, fetch_turn, *key))
                })
                .min();
            let Some((.., key)) = chosen else { return };
            let Some(index) = due.get_mut(&key).and_then(Iterator::next) else {
                due.remove(&key);
                continue;
            };
            let attempt = AttemptId(self.next_attempt);
            self.next_attempt += 1;
            let Some(fetch) = self.fetches.get_mut(&key) else { return };
            fetch.set_state(index, RecordState::Running { attempt, alive: now });
            *running_of_fetch.entry(key).or_default() += 1;
            *running_of_key.entry(fetch.storage_key.clone()).or_default() += 1;
            self.turns.serve(&fetch.storage_key, key);
            self.attempts.insert(attempt, (key, index));
            self.actions.push(Action::Start { fetch: key, record: index, attempt });
        }
    }
}
