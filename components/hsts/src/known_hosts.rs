//! The known HSTS hosts.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use longhaul_storage::{Clock, Profile, StorageError, WriteBehind};

use crate::host_name::{and_above, canonical};
use crate::persistence::{HSTS, from_row, key, row};
use crate::preload::Preload;

/// What a host says in `Strict-Transport-Security`.
///
/// <https://www.rfc-editor.org/rfc/rfc6797#section-6.1>
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// For how long it holds; nothing ends it.
    pub max_age: Duration,
    /// Whether it holds for the hosts below, too.
    pub include_subdomains: bool,
}

/// How many hosts are kept. Those that were noted longest ago go first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// In one partition, so that no site can push out what others have learned.
    pub per_partition: usize,
    /// In all.
    pub total: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { per_partition: 1_000, total: 50_000 }
    }
}

/// A host as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KnownHost {
    /// The partition in which it is known.
    pub partition: String,
    /// Its name.
    pub host: String,
    /// Whether the hosts below it are known with it.
    pub include_subdomains: bool,
    /// Until when.
    pub expires: SystemTime,
}

/// Why the hosts of a profile could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The profile could not be read.
    #[error("the known HSTS hosts could not be read: {0}")]
    Storage(#[from] StorageError),
    /// The thread that writes them could not be started.
    #[error("the thread that stores HSTS hosts could not be started: {0}")]
    Thread(#[from] std::io::Error),
}

/// Which hosts are reached over TLS alone.
///
/// <https://www.rfc-editor.org/rfc/rfc6797#section-8.2>
pub struct KnownHosts {
    clock: Arc<dyn Clock>,
    limits: Limits,
    preload: Preload,
    state: Mutex<State>,
    writer: Option<WriteBehind>,
}

#[derive(Debug, Default)]
struct State {
    partitions: HashMap<String, HashMap<String, Entry>>,
    total: usize,
    last_noted: i64,
}

/// Times are microseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) include_subdomains: bool,
    /// Never twice the same.
    pub(crate) noted: i64,
    pub(crate) expires: i64,
}

impl fmt::Debug for KnownHosts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = self.state().total;
        f.debug_struct("KnownHosts").field("known", &known).field("preloaded", &self.preload.len()).finish()
    }
}

impl KnownHosts {
    /// No hosts; what is noted is kept in memory alone.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let (limits, preload) = (Limits::default(), Preload::default());
        KnownHosts { clock, limits, preload, state: Mutex::default(), writer: None }
    }

    /// The hosts of a profile. Blocks while it reads.
    ///
    /// What is noted is written in the background; [`KnownHosts::flush`] waits for that, and dropping them does too.
    pub fn open(profile: &Profile, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        let writer = WriteBehind::start(profile.clone(), &HSTS)?;
        let now = micros(clock.now());
        let mut state = State::default();
        for stored in profile.rows(&HSTS)? {
            let Some((partition, host, entry)) = from_row(&stored) else {
                tracing::warn!(host = ?stored[1], "a stored HSTS host cannot be read and is left out");
                continue;
            };
            if entry.expires <= now {
                writer.delete(key(&partition, &host));
                continue;
            }
            state.last_noted = state.last_noted.max(entry.noted);
            state.insert(&partition, &host, entry);
        }
        Ok(KnownHosts { state: Mutex::new(state), writer: Some(writer), ..KnownHosts::new(clock) })
    }

    /// The same with other limits.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// The same with a list that holds in every partition.
    #[must_use]
    pub fn with_preload(mut self, preload: Preload) -> Self {
        self.preload = preload;
        self
    }

    /// Whether the host is to be reached over TLS alone when it is asked in `partition`.
    ///
    /// <https://www.rfc-editor.org/rfc/rfc6797#section-8.2>
    pub fn is_known(&self, partition: &str, host: &str) -> bool {
        let Some(host) = canonical(host) else { return false };
        if self.preload.has(&host) {
            return true;
        }
        let now = micros(self.clock.now());
        let state = self.state();
        let Some(hosts) = state.partitions.get(partition) else { return false };
        // Congruent first, then the superdomains that speak for what is below.
        and_above(&host).any(|name| {
            hosts
                .get(name)
                .is_some_and(|entry| entry.expires > now && (name == host || entry.include_subdomains))
        })
    }

    /// Notes what a host has said, over TLS without any fault, when it was asked in `partition`. A maximum age of nothing
    /// ends what was known about it.
    ///
    /// <https://www.rfc-editor.org/rfc/rfc6797#section-8.1>
    pub fn note(&self, partition: &str, host: &str, policy: Policy) {
        // 8.1.1. An address has no policy.
        let Some(host) = canonical(host) else { return };
        let now = micros(self.clock.now());
        let mut state = self.state();
        if policy.max_age.is_zero() {
            state.remove(partition, &host, self.writer.as_ref());
            return;
        }
        let max_age = i64::try_from(policy.max_age.as_micros()).unwrap_or(i64::MAX);
        let noted = now.max(state.last_noted.saturating_add(1));
        state.last_noted = noted;
        let entry = Entry {
            include_subdomains: policy.include_subdomains,
            noted,
            expires: now.saturating_add(max_age),
        };
        state.insert(partition, &host, entry);
        if let Some(writer) = &self.writer {
            writer.put(row(partition, &host, &entry));
        }
        state.evict(partition, self.limits, self.writer.as_ref());
    }

    /// The hosts that are known, by partition and name, without those of the preload list.
    pub fn hosts(&self) -> Vec<KnownHost> {
        let now = micros(self.clock.now());
        let state = self.state();
        let mut hosts: Vec<_> = state
            .iter()
            .filter(|(_, _, entry)| entry.expires > now)
            .map(|(partition, host, entry)| KnownHost {
                partition: partition.to_owned(),
                host: host.to_owned(),
                include_subdomains: entry.include_subdomains,
                expires: instant(entry.expires),
            })
            .collect();
        drop(state);
        hosts.sort_by(|a, b| (&a.partition, &a.host).cmp(&(&b.partition, &b.host)));
        hosts
    }

    /// Forgets the hosts that the test picks, and gives their number.
    pub fn remove_where(&self, mut test: impl FnMut(&KnownHost) -> bool) -> usize {
        let picked: Vec<_> = self.hosts().into_iter().filter(|host| test(host)).collect();
        let mut state = self.state();
        for host in &picked {
            state.remove(&host.partition, &host.host, self.writer.as_ref());
        }
        picked.len()
    }

    /// Forgets every host.
    pub fn clear(&self) {
        self.remove_where(|_| true);
    }

    /// Waits until everything noted so far is durable.
    pub async fn flush(&self) -> Result<(), StorageError> {
        match &self.writer {
            Some(writer) => writer.flush().await,
            None => Ok(()),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn iter(&self) -> impl Iterator<Item = (&str, &str, &Entry)> {
        self.partitions.iter().flat_map(|(partition, hosts)| {
            hosts.iter().map(move |(host, entry)| (partition.as_str(), host.as_str(), entry))
        })
    }

    fn insert(&mut self, partition: &str, host: &str, entry: Entry) {
        let hosts = self.partitions.entry(partition.to_owned()).or_default();
        if hosts.insert(host.to_owned(), entry).is_none() {
            self.total += 1;
        }
    }

    fn remove(&mut self, partition: &str, host: &str, writer: Option<&WriteBehind>) {
        let Some(hosts) = self.partitions.get_mut(partition) else { return };
        if hosts.remove(host).is_none() {
            return;
        }
        if hosts.is_empty() {
            self.partitions.remove(partition);
        }
        self.total -= 1;
        if let Some(writer) = writer {
            writer.delete(key(partition, host));
        }
    }

    /// Forgets what is more than the limits allow, in the partition that has just learned one and in all.
    fn evict(&mut self, partition: &str, limits: Limits, writer: Option<&WriteBehind>) {
        let here = self.partitions.get(partition).filter(|hosts| hosts.len() > limits.per_partition);
        let oldest = here.and_then(|hosts| hosts.iter().min_by_key(|(_, entry)| entry.noted));
        if let Some((host, _)) = oldest {
            self.remove(partition, &host.clone(), writer);
        }
        if self.total > limits.total {
            // Some more than needed, so that not every new host looks at all others.
            let excess = self.total - limits.total + limits.total / 20;
            let mut all: Vec<_> =
                self.iter().map(|(partition, host, entry)| (entry.noted, partition, host)).collect();
            all.sort_unstable();
            let victims: Vec<_> = all
                .into_iter()
                .take(excess)
                .map(|(_, partition, host)| (partition.to_owned(), host.to_owned()))
                .collect();
            for (partition, host) in victims {
                self.remove(&partition, &host, writer);
            }
        }
    }
}

fn micros(time: SystemTime) -> i64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

fn instant(micros: i64) -> SystemTime {
    let since = Duration::from_micros(micros.unsigned_abs());
    SystemTime::UNIX_EPOCH.checked_add(since).unwrap_or(SystemTime::UNIX_EPOCH)
}
