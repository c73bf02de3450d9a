//! Rows and files that may be lost at any time: what a cache keeps.
//!
//! They live beside the profile's own metadata, so that nothing of theirs is read when a profile is opened, no write of
//! theirs waits for the disk, and damage to them costs nobody else anything. A commit survives the end of the process;
//! after a power cut the last commits may be missing, and a file may lack bytes that a row speaks of. Whoever stores a
//! file therefore keeps its length and a checksum in a row, and looks before it believes.

use std::fmt;
use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::database::{Database, End, Fault};
use crate::disk::{Disk, FolderDisk, MemoryDisk};
use crate::error::StorageError;
use crate::salvage;
use crate::table::{Misfit, Row, TableDefinition, Value};

/// Disposable rows and files of a profile; from [`Profile::disposable`](crate::Profile::disposable). Clones are the same.
#[derive(Clone)]
pub struct Disposable {
    inner: Arc<Inner>,
}

pub(crate) struct Inner {
    tables: Vec<&'static TableDefinition>,
    folder: Option<PathBuf>,
    database: Mutex<Option<Database>>,
    disk: Arc<dyn Disk>,
}

impl Disposable {
    pub(crate) fn in_memory(tables: &[&'static TableDefinition]) -> Result<Self, StorageError> {
        let database = Database::in_memory()?;
        database.prepare(tables)?;
        Ok(Self::new(tables, None, database, Arc::new(MemoryDisk::default())))
    }

    pub(crate) fn in_folder(
        folder: PathBuf,
        tables: &[&'static TableDefinition],
    ) -> Result<Self, StorageError> {
        let io_error = |error: io::Error| StorageError::io("opening what is disposable", &error);
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder).map_err(io_error)?;
        let files = folder.join("files");
        let database = match open(&folder, tables) {
            Ok(database) => database,
            Err(Fault::Damaged(reason)) => {
                tracing::warn!(reason, folder = %folder.display(), "what is disposable is damaged, and begins anew");
                start_anew(&folder).map_err(io_error)?;
                open(&folder, tables)?
            }
            Err(fault) => return Err(fault.into()),
        };
        let disk = FolderDisk::open(&files).map_err(io_error)?;
        Ok(Self::new(tables, Some(folder), database, Arc::new(disk)))
    }

    fn new(
        tables: &[&'static TableDefinition],
        folder: Option<PathBuf>,
        database: Database,
        disk: Arc<dyn Disk>,
    ) -> Self {
        let database = Mutex::new(Some(database));
        Self { inner: Arc::new(Inner { tables: tables.to_vec(), folder, database, disk }) }
    }

    pub(crate) fn inner(&self) -> &Arc<Inner> {
        &self.inner
    }

    /// The files.
    pub fn disk(&self) -> &Arc<dyn Disk> {
        &self.inner.disk
    }

    /// Reads and changes rows, all of it or nothing. Blocks.
    ///
    /// If the rows turn out to be damaged as a whole, they are all removed, and the work fails.
    pub fn with_rows<T>(
        &self,
        work: impl FnOnce(&DisposableRows<'_>) -> Result<T, StorageError>,
    ) -> Result<T, StorageError> {
        let mut slot = self.inner.lock();
        let database = slot.as_ref().ok_or(StorageError::Closed)?;
        let rows = DisposableRows { database, tables: &self.inner.tables };
        let outcome = run(database, || work(&rows));
        if let Err(StorageError::Damaged { reason }) = &outcome {
            tracing::warn!(reason, "what is disposable is damaged, and begins anew");
            *slot = None;
            *slot = self.inner.replacement();
        }
        outcome
    }

    /// [`with_rows`](Self::with_rows) on a thread that may wait for the disk.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&DisposableRows<'_>) -> Result<T, StorageError> + Send + 'static,
    ) -> Result<T, StorageError> {
        if !self.inner.disk.blocks() {
            return self.with_rows(work);
        }
        let this = self.clone();
        tokio::task::spawn_blocking(move || this.with_rows(work)).await.map_err(|_| StorageError::Closed)?
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, Option<Database>> {
        self.database.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whatever still uses it gets [`StorageError::Closed`].
    pub(crate) fn close(&self) {
        self.lock().take();
    }

    fn replacement(&self) -> Option<Database> {
        let made = match &self.folder {
            None => Database::in_memory().and_then(|database| {
                database.prepare(&self.tables)?;
                Ok(database)
            }),
            Some(folder) => start_anew(folder)
                .map_err(|error| Fault::Io(error.to_string()))
                .and_then(|()| open(folder, &self.tables)),
        };
        made.inspect_err(|fault| tracing::warn!(%fault, "what is disposable could not begin anew")).ok()
    }
}

impl fmt::Debug for Disposable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Disposable").field("folder", &self.inner.folder).finish_non_exhaustive()
    }
}

fn path_of(folder: &Path) -> PathBuf {
    folder.join("metadata.sqlite")
}

fn open(folder: &Path, tables: &[&'static TableDefinition]) -> Result<Database, Fault> {
    let path = path_of(folder);
    salvage::create_file(&path).map_err(|error| Fault::Io(error.to_string()))?;
    let database = Database::open(&path).map_err(|fault| match fault {
        Fault::NewerFormat(format) => Fault::Damaged(format!("it is of format {format}")),
        fault => fault,
    })?;
    // NOTE: with this only the moving of the log into the file waits for the disk, not each commit. The file stays sound
    // whenever the power goes.
    database.connection.pragma_update(None, "synchronous", "NORMAL")?;
    database.prepare(tables)?;
    Ok(database)
}

/// Removes the rows. The files without rows are for their owner to find.
fn start_anew(folder: &Path) -> io::Result<()> {
    for suffix in ["", "-wal", "-shm"] {
        let mut path = path_of(folder).into_os_string();
        path.push(suffix);
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

fn run<T>(database: &Database, work: impl FnOnce() -> Result<T, StorageError>) -> Result<T, StorageError> {
    let connection = &database.connection;
    let fault = |error: rusqlite::Error| StorageError::from(Fault::from(error));
    connection.execute_batch("BEGIN").map_err(fault)?;
    let outcome = work().and_then(|value| connection.execute_batch("COMMIT").map_err(fault).map(|()| value));
    if outcome.is_err() {
        database.roll_back();
    }
    outcome
}

/// The rows, while nobody else changes them.
pub struct DisposableRows<'a> {
    database: &'a Database,
    tables: &'a [&'static TableDefinition],
}

impl DisposableRows<'_> {
    /// The sound rows whose keys start with these values, in the order of their keys.
    pub fn rows(
        &self,
        table: &'static TableDefinition,
        key_prefix: &[Value],
    ) -> Result<Vec<Row>, StorageError> {
        self.check(table, table.check_key_prefix(key_prefix))?;
        Ok(self.database.rows(table, key_prefix)?)
    }

    /// The first sound rows in the order of the keys, at most so many.
    pub fn first_rows(
        &self,
        table: &'static TableDefinition,
        count: usize,
    ) -> Result<Vec<Row>, StorageError> {
        self.check(table, Ok(()))?;
        Ok(self.database.rows_from(End::First, table, count)?)
    }

    /// The last sound rows in the order of the keys, the very last one first, at most so many.
    pub fn last_rows(&self, table: &'static TableDefinition, count: usize) -> Result<Vec<Row>, StorageError> {
        self.check(table, Ok(()))?;
        Ok(self.database.rows_from(End::Last, table, count)?)
    }

    /// How many rows there are, and the sum of one of their columns, damaged rows included.
    pub fn totals(
        &self,
        table: &'static TableDefinition,
        column: &'static str,
    ) -> Result<(u64, u64), StorageError> {
        let known = table.columns.iter().any(|known| known.name == column);
        let fit = if known { Ok(()) } else { Err(Misfit::UndeclaredTable) };
        self.check(table, fit)?;
        Ok(self.database.totals(table, column)?)
    }

    /// Stores a row, in place of the one with the same key if there is one.
    pub fn put(&self, table: &'static TableDefinition, row: &[Value]) -> Result<(), StorageError> {
        self.check(table, table.check_row(row))?;
        Ok(self.database.put(table, row)?)
    }

    /// Removes the rows whose keys start with these values; with none given, all rows of the table.
    pub fn delete_prefix(
        &self,
        table: &'static TableDefinition,
        key_prefix: &[Value],
    ) -> Result<(), StorageError> {
        self.check(table, table.check_key_prefix(key_prefix))?;
        Ok(self.database.delete(table, key_prefix)?)
    }

    fn check(&self, table: &'static TableDefinition, fit: Result<(), Misfit>) -> Result<(), StorageError> {
        let declared = self.tables.iter().any(|known| std::ptr::eq(*known, table));
        let fit = if declared { fit } else { Err(Misfit::UndeclaredTable) };
        fit.map_err(|misfit| StorageError::Misfit { table: table.name, misfit })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Column, ColumnKind, Location, Profile};

    static THINGS: TableDefinition = TableDefinition {
        name: "things",
        columns: &[
            Column { name: "name", kind: ColumnKind::Text },
            Column { name: "size", kind: ColumnKind::Integer },
        ],
        key_columns: 1,
    };

    fn names(store: &Disposable) -> Vec<String> {
        let rows = store.with_rows(|rows| rows.rows(&THINGS, &[])).unwrap();
        rows.iter().map(|row| row[0].as_text().unwrap().to_owned()).collect()
    }

    #[test]
    fn rows_last_and_work_is_done_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let location = || Location::Directory(folder.path().join("profile"));
        {
            let (profile, _) = Profile::open(location(), &[]).unwrap();
            let store = profile.disposable("things", &[&THINGS]).unwrap();
            store
                .with_rows(|rows| {
                    rows.put(&THINGS, &["b".into(), 2_i64.into()])?;
                    rows.put(&THINGS, &["a".into(), 5_i64.into()])
                })
                .unwrap();
            let failed = store.with_rows(|rows| {
                rows.delete_prefix(&THINGS, &[])?;
                rows.put(&THINGS, &["c".into()])
            });
            assert!(matches!(failed, Err(StorageError::Misfit { .. })));
            assert_eq!(names(&store), ["a", "b"]);
            profile.close();
            assert!(matches!(store.with_rows(|_| Ok(())), Err(StorageError::Closed)));
        }
        let (profile, _) = Profile::open(location(), &[]).unwrap();
        let store = profile.disposable("things", &[&THINGS]).unwrap();
        assert_eq!(store.with_rows(|rows| rows.totals(&THINGS, "size")).unwrap(), (2, 7));
        let first = store.with_rows(|rows| rows.first_rows(&THINGS, 1)).unwrap();
        assert_eq!(first, [vec!["a".into(), 5_i64.into()]]);
        let last = store.with_rows(|rows| rows.last_rows(&THINGS, 2)).unwrap();
        assert_eq!(last, [vec!["b".into(), 2_i64.into()], vec!["a".into(), 5_i64.into()]]);
    }

    #[test]
    fn numbers_that_are_too_large_together_cost_no_row() {
        let (profile, _) = Profile::open(Location::Memory, &[]).unwrap();
        let store = profile.disposable("cache", &[&THINGS]).unwrap();
        for name in ["a", "b"] {
            let row = [name.into(), Value::Integer(i64::MAX)];
            store.with_rows(|rows| rows.put(&THINGS, &row)).unwrap();
        }
        let (count, sum) = store.with_rows(|rows| rows.totals(&THINGS, "size")).unwrap();
        assert_eq!(count, 2);
        assert!(sum > i64::MAX as u64, "{sum}");
        assert_eq!(store.with_rows(|rows| rows.rows(&THINGS, &[])).unwrap().len(), 2);
    }

    #[test]
    fn damage_costs_nothing_but_what_is_disposable() {
        let folder = tempfile::tempdir().unwrap();
        let directory = folder.path().join("profile");
        {
            let (profile, _) = Profile::open(Location::Directory(directory.clone()), &[]).unwrap();
            let store = profile.disposable("things", &[&THINGS]).unwrap();
            store.with_rows(|rows| rows.put(&THINGS, &["a".into(), 1_i64.into()])).unwrap();
        }
        fs::write(path_of(&directory.join("disposable").join("things")), [0x5a; 9000]).unwrap();
        let (profile, report) = Profile::open(Location::Directory(directory), &[]).unwrap();
        assert!(report.clean && report.findings.is_empty());
        let store = profile.disposable("things", &[&THINGS]).unwrap();
        assert!(names(&store).is_empty());
        store.with_rows(|rows| rows.put(&THINGS, &["b".into(), 1_i64.into()])).unwrap();
        assert_eq!(names(&store), ["b"]);
    }

    #[test]
    fn in_memory_it_is_the_same() {
        let (profile, _) = Profile::open(Location::Memory, &[]).unwrap();
        let store = profile.disposable("things", &[&THINGS]).unwrap();
        store.with_rows(|rows| rows.put(&THINGS, &["a".into(), 1_i64.into()])).unwrap();
        assert_eq!(names(&store), ["a"]);
    }
}
