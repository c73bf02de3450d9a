//! What keeps the cache within its bounds: counting what is there, and removing what was not used for longest and the files that
//! nobody speaks of.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use longhaul_storage::StorageError;

use crate::body::{self, file_name};
use crate::cache::HttpCache;
use crate::table::{Entry, Rows};

impl HttpCache {
    pub(crate) fn is_counted(&self) -> bool {
        self.inner.counted.load(Ordering::Acquire)
    }

    /// Counts what is there. To be called while the rows are held.
    pub(crate) fn count(&self, rows: &Rows<'_>) -> Result<(), StorageError> {
        let (count, bytes) = rows.totals()?;
        self.inner.count.store(count, Ordering::Relaxed);
        self.inner.bytes.store(bytes, Ordering::Relaxed);
        self.inner.counted.store(true, Ordering::Release);
        Ok(())
    }

    /// Removes what was not used for longest, until the rest fits. Gives what is gone. To be called while the rows are held.
    pub(crate) fn evict(&self, rows: &Rows<'_>, but: i64) -> Result<Vec<Entry>, StorageError> {
        let mut all = Vec::new();
        if !self.is_counted() {
            self.count(rows)?;
        }
        if self.usage() <= self.inner.config.capacity {
            return Ok(all);
        }
        self.write_touches(rows)?;
        while self.usage() > self.inner.config.capacity {
            let oldest: Vec<Entry> =
                rows.oldest(16)?.into_iter().filter(|entry| entry.stored.id != but).collect();
            if oldest.is_empty() {
                break;
            }
            for entry in oldest {
                if self.usage() <= self.inner.config.capacity {
                    break;
                }
                rows.remove(&entry)?;
                self.forget(std::slice::from_ref(&entry), &[]);
                all.push(entry);
            }
        }
        if self.usage() > self.inner.config.capacity {
            // What is counted is not what can be found: damaged rows.
            self.count(rows)?;
            if self.usage() > self.inner.config.capacity && self.inner.count.load(Ordering::Relaxed) > 1 {
                rows.clear()?;
                self.memory().clear();
                self.inner.count.store(0, Ordering::Relaxed);
                self.inner.bytes.store(0, Ordering::Relaxed);
            }
        }
        Ok(all)
    }

    pub(crate) async fn remove_files(&self, files: Vec<u128>) {
        if files.is_empty() {
            return;
        }
        let disk = Arc::clone(self.inner.store.disk());
        let removing = move || {
            for file in files {
                // What cannot be removed now has no row, and goes with the next start.
                let _ = disk.remove(&file_name(file));
            }
            Ok(())
        };
        // Nothing depends on it.
        let _ = body::run_on(self.inner.store.disk(), removing).await;
    }

    /// Counts what is there, and removes the files of earlier sessions that no row speaks of: on a thread of its own, and
    /// little by little, so that nobody waits for it.
    pub(crate) fn look_around(&self) -> Result<(), StorageError> {
        /// So many files are looked up while the rows are held.
        const AT_ONCE: usize = 64;
        if !self.inner.store.disk().blocks() {
            return self.inner.store.with_rows(|rows| self.count(&Rows(rows)));
        }
        let session = format!("{:016x}", self.inner.names.session);
        let weak = Arc::downgrade(&self.inner);
        let looking = move || {
            let names = {
                let Some(inner) = weak.upgrade() else { return };
                let this = HttpCache { inner };
                let counting = this
                    .inner
                    .store
                    .with_rows(|rows| if this.is_counted() { Ok(()) } else { this.count(&Rows(rows)) });
                if counting.is_err() {
                    return;
                }
                let names = this.inner.store.disk().list().unwrap_or_default().into_iter();
                let earlier = names.filter(|name| !name.starts_with(&session));
                earlier.filter_map(|name| u128::from_str_radix(&name, 16).ok()).collect::<Vec<u128>>()
            };
            for some in names.chunks(AT_ONCE) {
                let Some(inner) = weak.upgrade() else { return };
                let orphans = inner.store.with_rows(|rows| {
                    let rows = Rows(rows);
                    let mut orphans = Vec::new();
                    for &file in some {
                        if !rows.is_used(file)? {
                            orphans.push(file);
                        }
                    }
                    Ok(orphans)
                });
                for orphan in orphans.unwrap_or_default() {
                    // The next start tries again.
                    let _ = inner.store.disk().remove(&file_name(orphan));
                }
            }
        };
        // Without the thread they only take room, and are counted when something is stored.
        let _ = std::thread::Builder::new().name("longhaul-http-cache".to_owned()).spawn(looking);
        Ok(())
    }
}
