//! Persistent cookies as rows of the profile, written by a thread of their own.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use futures::channel::oneshot;
use futures::executor::block_on;
use longhaul_storage::{Column, ColumnKind, Profile, Row, StorageError, TableDefinition, Transaction, Value};

use crate::same_site::SameSite;
use crate::site::{CookieKey, Fields};

pub(crate) static COOKIES: TableDefinition = TableDefinition {
    name: "cookies",
    columns: &[
        Column { name: "partition", kind: ColumnKind::Text },
        Column { name: "domain", kind: ColumnKind::Text },
        Column { name: "host_only", kind: ColumnKind::Integer },
        Column { name: "path", kind: ColumnKind::Text },
        Column { name: "name", kind: ColumnKind::Text },
        Column { name: "value", kind: ColumnKind::Text },
        Column { name: "secure", kind: ColumnKind::Integer },
        Column { name: "http_only", kind: ColumnKind::Integer },
        Column { name: "same_site", kind: ColumnKind::Text },
        Column { name: "creation", kind: ColumnKind::Integer },
        Column { name: "last_access", kind: ColumnKind::Integer },
        Column { name: "expires", kind: ColumnKind::Integer },
    ],
    key_columns: 5,
};

/// A cookie as it is stored. The partition is empty for an unpartitioned one.
pub(crate) struct StoredCookie {
    pub(crate) partition: String,
    pub(crate) key: CookieKey,
    pub(crate) value: String,
    pub(crate) fields: Fields,
}

impl StoredCookie {
    pub(crate) fn from_row(row: &Row) -> Option<Self> {
        let text = |index: usize| row[index].as_text().map(str::to_owned);
        let flag = |index: usize| row[index].as_integer().map(|number| number != 0);
        Some(Self {
            partition: text(0)?,
            key: CookieKey { domain: text(1)?, host_only: flag(2)?, path: text(3)?, name: text(4)? },
            value: text(5)?,
            fields: Fields {
                secure: flag(6)?,
                http_only: flag(7)?,
                same_site: SameSite::from_name(row[8].as_text()?)?,
                creation: row[9].as_integer()?,
                last_access: row[10].as_integer()?,
                stored_access: row[10].as_integer()?,
                expires: Some(row[11].as_integer()?),
            },
        })
    }
}

/// Writes what changes, many changes at a time. Dropped, it writes what is left.
pub(crate) struct Writer {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    pending: Mutex<Pending>,
    changed: Condvar,
}

#[derive(Default)]
struct Pending {
    /// The row of each key that changed, or nothing where it went.
    rows: HashMap<Vec<Value>, Option<Row>>,
    /// Told once all that is pending now has been written.
    flushes: Vec<oneshot::Sender<Result<(), StorageError>>>,
    /// A write failed; the next change or flush tries again.
    failed: bool,
    stop: bool,
}

impl Writer {
    pub(crate) fn start(profile: Profile) -> std::io::Result<Self> {
        let shared = Arc::new(Shared { pending: Mutex::default(), changed: Condvar::new() });
        let of_thread = shared.clone();
        let thread = std::thread::Builder::new()
            .name("cookie-writer".to_owned())
            .spawn(move || of_thread.run(&profile))?;
        Ok(Self { shared, thread: Some(thread) })
    }

    pub(crate) fn put(&self, partition: &str, key: &CookieKey, value: &str, fields: &Fields) {
        let row_key = row_key(partition, key);
        let mut row = row_key.clone();
        row.extend([
            Value::from(value),
            fields.secure.into(),
            fields.http_only.into(),
            fields.same_site.as_str().into(),
            fields.creation.into(),
            fields.last_access.into(),
            fields.expires.into(),
        ]);
        self.change(row_key, Some(row));
    }

    pub(crate) fn delete(&self, partition: &str, key: &CookieKey) {
        self.change(row_key(partition, key), None);
    }

    fn change(&self, key: Vec<Value>, row: Option<Row>) {
        let mut pending = self.shared.pending();
        pending.rows.insert(key, row);
        pending.failed = false;
        self.shared.changed.notify_one();
    }

    /// Resolves once everything changed so far is durable.
    pub(crate) fn flush(&self) -> oneshot::Receiver<Result<(), StorageError>> {
        let (sender, receiver) = oneshot::channel();
        let mut pending = self.shared.pending();
        pending.flushes.push(sender);
        pending.failed = false;
        self.shared.changed.notify_one();
        receiver
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.shared.pending().stop = true;
        self.shared.changed.notify_one();
        if let Some(thread) = self.thread.take() {
            // It does not panic; if it did, there is nothing left to write.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn pending(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, profile: &Profile) {
        loop {
            let (rows, flushes, stop) = {
                let mut pending = self.pending();
                loop {
                    let work = (!pending.rows.is_empty() && !pending.failed) || !pending.flushes.is_empty();
                    if work || pending.stop {
                        break;
                    }
                    pending = self.changed.wait(pending).unwrap_or_else(PoisonError::into_inner);
                }
                (std::mem::take(&mut pending.rows), std::mem::take(&mut pending.flushes), pending.stop)
            };
            let result = write(profile, &rows);
            if let Err(error) = &result {
                tracing::warn!(%error, cookies = rows.len(), "cookies could not be stored");
                let mut pending = self.pending();
                for (key, row) in rows {
                    // What changed again meanwhile is newer.
                    pending.rows.entry(key).or_insert(row);
                }
                pending.failed = true;
            }
            for flush in flushes {
                // Whoever asked may have gone away.
                let _ = flush.send(result.clone());
            }
            if stop {
                return;
            }
        }
    }
}

fn write(profile: &Profile, rows: &HashMap<Vec<Value>, Option<Row>>) -> Result<(), StorageError> {
    if rows.is_empty() {
        return Ok(());
    }
    let mut transaction = Transaction::new();
    for (key, row) in rows {
        match row {
            Some(row) => transaction.put(&COOKIES, row.clone()),
            None => transaction.delete(&COOKIES, key.clone()),
        }
    }
    block_on(profile.commit(transaction))
}

fn row_key(partition: &str, key: &CookieKey) -> Vec<Value> {
    vec![
        partition.into(),
        key.domain.as_str().into(),
        key.host_only.into(),
        key.path.as_str().into(),
        key.name.as_str().into(),
    ]
}
