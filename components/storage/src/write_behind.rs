//! A table that is written in the background.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use futures::channel::oneshot;
use futures::executor::block_on;

use crate::error::StorageError;
use crate::profile::Profile;
use crate::table::{Row, TableDefinition, Value};
use crate::transaction::Transaction;

/// Writes the rows of one table on a thread of its own, all that have changed meanwhile in one transaction.
///
/// It is for state that is kept in memory and changes often, where a caller need not wait for the disk: cookies, say. A
/// change is durable once [`WriteBehind::flush`] has resolved after it; a row is always as it was put, or as it was
/// before. Dropped, it writes what is left.
#[derive(Debug)]
pub struct WriteBehind {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    table: &'static TableDefinition,
    pending: Mutex<Pending>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Pending {
    /// The row of each key that changed, or nothing where it went.
    rows: HashMap<Vec<Value>, Option<Row>>,
    /// Told once all that is pending now has been written.
    flushes: Vec<oneshot::Sender<Result<(), StorageError>>>,
    /// A write failed; the next change or flush tries again.
    failed: bool,
    stop: bool,
}

impl WriteBehind {
    /// Begins to write `table`, which has to be one of the profile's. Fails if there is no thread to be had.
    pub fn start(profile: Profile, table: &'static TableDefinition) -> std::io::Result<Self> {
        let shared = Arc::new(Shared { table, pending: Mutex::default(), changed: Condvar::new() });
        let of_thread = shared.clone();
        let thread = std::thread::Builder::new()
            // Linux keeps 15 octets of a name.
            .name(format!("write-{}", table.name).chars().take(15).collect())
            .spawn(move || of_thread.run(&profile))?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Puts a row in place of the one with its key.
    pub fn put(&self, row: Row) {
        let key = row.iter().take(self.shared.table.key_columns).cloned().collect();
        self.change(key, Some(row));
    }

    /// Removes the row with the key, if there is one.
    pub fn delete(&self, key: Vec<Value>) {
        self.change(key, None);
    }

    fn change(&self, key: Vec<Value>, row: Option<Row>) {
        let mut pending = self.shared.pending();
        pending.rows.insert(key, row);
        pending.failed = false;
        self.shared.changed.notify_one();
    }

    /// Resolves once everything changed so far is durable, or with the reason why it is not. What could not be written
    /// is tried again with the next change or flush.
    pub async fn flush(&self) -> Result<(), StorageError> {
        let (sender, receiver) = oneshot::channel();
        {
            let mut pending = self.shared.pending();
            pending.flushes.push(sender);
            pending.failed = false;
            self.shared.changed.notify_one();
        }
        receiver.await.unwrap_or(Err(StorageError::Closed))
    }
}

impl Drop for WriteBehind {
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
            let result = self.write(profile, &rows);
            if let Err(error) = &result {
                tracing::warn!(%error, table = self.table.name, rows = rows.len(), "rows could not be stored");
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

    fn write(&self, profile: &Profile, rows: &HashMap<Vec<Value>, Option<Row>>) -> Result<(), StorageError> {
        if rows.is_empty() {
            return Ok(());
        }
        let mut transaction = Transaction::new();
        for (key, row) in rows {
            match row {
                Some(row) => transaction.put(self.table, row.clone()),
                None => transaction.delete(self.table, key.clone()),
            }
        }
        block_on(profile.commit(transaction))
    }
}
