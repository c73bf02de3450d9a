//! A profile: one folder, one process, everything that has to last.

use std::fmt;
use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use crate::body::{Bodies, BodyStore, restore};
use crate::committer::{Committer, End, Engine};
use crate::control_socket;
use crate::database::{BODIES, Database, FORMAT, Fault, Soundness};
use crate::disk::{Disk, FolderDisk, MemoryDisk};
use crate::disposable::{self, Disposable};
use crate::error::{OpenError, StorageError};
use crate::lock::{LockError, PreviousEnd, ProfileLock};
use crate::quota::Quota;
use crate::reserve::Reserve;
use crate::salvage::{self, SalvageError};
use crate::table::{Misfit, Row, TableDefinition, Value};
use crate::transaction::Transaction;

/// What a storage key of a profile in memory may have.
const LIMIT_IN_MEMORY: u64 = 1 << 30;

/// Where a profile is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// In this folder, which is made if it is not there.
    Directory(PathBuf),
    /// Nowhere: everything is gone when the last handle is.
    Memory,
}

/// What was met while a profile was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct OpenReport {
    /// Whether the process that had it before closed it, or nobody had.
    pub clean: bool,
    /// What was damaged, one by one.
    pub findings: Vec<Finding>,
}

/// One thing that was damaged, in one line for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding(String);

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// An open profile. All clones are the same one; it is closed with the last of them.
#[derive(Clone)]
pub struct Profile {
    inner: Arc<Inner>,
}

struct Inner {
    directory: Option<PathBuf>,
    tables: Vec<&'static TableDefinition>,
    bodies: BodyStore,
    /// A second connection, for reading; a profile in memory has only one.
    reader: Option<Mutex<Option<Database>>>,
    lock: Mutex<Option<ProfileLock>>,
    /// They end with the profile.
    disposables: Mutex<Vec<Weak<disposable::Inner>>>,
}

impl Profile {
    /// Opens a profile and brings it in order: what a crash left half-written is dropped, and damaged metadata is
    /// set aside, its sound rows kept. Blocks; needs no runtime.
    pub fn open(
        location: Location,
        tables: &[&'static TableDefinition],
    ) -> Result<(Self, OpenReport), OpenError> {
        match location {
            Location::Directory(directory) => Self::open_directory(directory, tables, None),
            Location::Memory => Self::open_in_memory(tables),
        }
    }

    /// Opens a profile in a folder whose bodies are on another disk than that folder's.
    pub fn open_with_disk(
        directory: PathBuf,
        tables: &[&'static TableDefinition],
        disk: Arc<dyn Disk>,
    ) -> Result<(Self, OpenReport), OpenError> {
        Self::open_directory(directory, tables, Some(disk))
    }

    /// All sound rows of a table in the order of their keys. Blocks.
    pub fn rows(&self, table: &'static TableDefinition) -> Result<Vec<Row>, StorageError> {
        self.rows_with_prefix(table, &[])
    }

    /// The sound rows whose keys start with these values, in the order of their keys. Blocks.
    pub fn rows_with_prefix(
        &self,
        table: &'static TableDefinition,
        key_prefix: &[Value],
    ) -> Result<Vec<Row>, StorageError> {
        self.check(table, table.check_key_prefix(key_prefix))?;
        self.read(|database| database.rows(table, key_prefix))
    }

    /// The row with this key, if it is there and sound. Blocks.
    pub fn row(&self, table: &'static TableDefinition, key: &[Value]) -> Result<Option<Row>, StorageError> {
        self.check(table, table.check_key(key))?;
        Ok(self.read(|database| database.rows(table, key))?.pop())
    }

    /// Makes all changes of a transaction or none; they are durable once this is `Ok`. Transactions are committed in
    /// the order in which their commits were first polled, also when the future is dropped after that.
    pub async fn commit(&self, transaction: Transaction) -> Result<(), StorageError> {
        self.inner.bodies.committer.commit(transaction.changes).await
    }

    /// The bodies.
    pub fn bodies(&self) -> &BodyStore {
        &self.inner.bodies
    }

    /// How much each storage key may store.
    pub fn quota(&self) -> &Quota {
        &self.inner.bodies.bodies.quota
    }

    /// The profile's folder, if it has one.
    pub fn directory(&self) -> Option<&Path> {
        self.inner.directory.as_deref()
    }

    /// Opens rows and files that may be lost at any time, kept apart under a name, which is to be a plain word. It may be
    /// open once at a time. Blocks.
    pub fn disposable(
        &self,
        name: &'static str,
        tables: &[&'static TableDefinition],
    ) -> Result<Disposable, StorageError> {
        let disposable = match &self.inner.directory {
            None => Disposable::in_memory(tables)?,
            Some(directory) => {
                let held = lock(&self.inner.lock);
                if held.is_none() {
                    return Err(StorageError::Closed);
                }
                Disposable::in_folder(directory.join("disposable").join(name), tables)?
            }
        };
        lock(&self.inner.disposables).push(Arc::downgrade(disposable.inner()));
        Ok(disposable)
    }

    /// Listens for other processes that want to speak to this one; see
    /// [`connect_control_socket`](crate::connect_control_socket).
    pub fn bind_control_socket(&self) -> Result<UnixListener, StorageError> {
        let directory = self.inner.directory.as_deref().ok_or(StorageError::NoDirectory)?;
        if lock(&self.inner.lock).is_none() {
            return Err(StorageError::Closed);
        }
        control_socket::bind(directory)
            .map_err(|error| StorageError::io("binding the control socket", &error))
    }

    /// Commits what was submitted, notes the clean end, and lets others open the profile. Whatever still uses it
    /// gets [`StorageError::Closed`].
    pub fn close(&self) {
        self.inner.close();
    }

    /// Ends as a killed process would: nothing more is committed and no clean end is noted.
    #[cfg(feature = "testing")]
    pub fn crash(&self) {
        let inner = &self.inner;
        inner.bodies.bodies.close();
        inner.bodies.committer.crash();
        if let Some(reader) = &inner.reader {
            if let Some(database) = &*lock(reader) {
                // If this fails, the simulated crash only leaves more in the file than a real one.
                let _ = database.keep_log_on_close();
            }
            lock(reader).take();
        }
        lock(&inner.lock).take();
    }

    /// Lets the metadata grow up to this many pages only, as on a full disk.
    #[cfg(feature = "testing")]
    pub fn limit_metadata_pages(&self, pages: Option<u32>) {
        self.inner.bodies.committer.limit_pages(pages);
    }

    fn open_in_memory(tables: &[&'static TableDefinition]) -> Result<(Self, OpenReport), OpenError> {
        let tables = all_tables(tables)?;
        let open = || -> Result<Database, Fault> {
            let database = Database::in_memory()?;
            database.prepare(&tables)?;
            Ok(database)
        };
        let database = open().map_err(|fault| OpenError::Damaged { reason: fault.to_string() })?;
        let bodies = Arc::new(Bodies::new(Arc::new(MemoryDisk::default()), Quota::new(LIMIT_IN_MEMORY)));
        let engine = Engine::new(database, tables.clone(), Arc::clone(&bodies), None);
        let bodies = BodyStore { bodies, committer: Arc::new(Committer::inline(engine)) };
        let inner = Inner {
            directory: None,
            tables,
            bodies,
            reader: None,
            lock: Mutex::new(None),
            disposables: Mutex::default(),
        };
        Ok((Self { inner: Arc::new(inner) }, OpenReport { clean: true, findings: Vec::new() }))
    }

    fn open_directory(
        directory: PathBuf,
        tables: &[&'static TableDefinition],
        disk: Option<Arc<dyn Disk>>,
    ) -> Result<(Self, OpenReport), OpenError> {
        let tables = all_tables(tables)?;
        make_private_folder(&directory).map_err(|error| io_error(&directory, error))?;
        let lock_path = directory.join("lock");
        let (profile_lock, previous_end) = ProfileLock::acquire(&lock_path).map_err(|error| match error {
            LockError::InUse { holder } => OpenError::InUse { directory: directory.clone(), holder },
            LockError::Io(error) => io_error(&lock_path, error),
        })?;

        let path = directory.join("metadata.sqlite");
        let (database, mut findings) = open_database(&path, &tables, previous_end)?;
        let body_rows =
            database.rows(&BODIES, &[]).map_err(|fault| OpenError::Damaged { reason: fault.to_string() })?;
        let reader = Database::open_reader(&path).map_err(|fault| open_fault(&path, &fault))?;

        let folder = directory.join("bodies");
        let disk = match disk {
            Some(disk) => disk,
            None => Arc::new(FolderDisk::open(&folder).map_err(|error| io_error(&folder, error))?),
        };
        let bodies = Arc::new(Bodies::new(disk, Quota::new(default_limit(&directory))));
        findings.extend(restore(&bodies, &body_rows).map_err(|error| io_error(&folder, error))?);
        // The folders' own names have to last as well.
        salvage::sync_folder_of(&path).map_err(|error| io_error(&directory, error))?;

        let reserve = Reserve::open(directory.join("reserve"));
        let engine = Engine::new(database, tables.clone(), Arc::clone(&bodies), Some(reserve));
        let committer = Committer::start(engine).map_err(|error| io_error(&directory, error))?;
        let bodies = BodyStore { bodies, committer: Arc::new(committer) };
        for finding in &findings {
            tracing::warn!(%finding, "damage in the profile");
        }
        let inner = Inner {
            directory: Some(directory),
            tables,
            bodies,
            reader: Some(Mutex::new(Some(reader))),
            lock: Mutex::new(Some(profile_lock)),
            disposables: Mutex::default(),
        };
        let report = OpenReport {
            clean: previous_end == PreviousEnd::Clean,
            findings: findings.into_iter().map(Finding).collect(),
        };
        Ok((Self { inner: Arc::new(inner) }, report))
    }

    fn check(&self, table: &'static TableDefinition, fit: Result<(), Misfit>) -> Result<(), StorageError> {
        let declared = self.inner.tables.iter().any(|known| std::ptr::eq(*known, table));
        let fit = if declared { fit } else { Err(Misfit::UndeclaredTable) };
        fit.map_err(|misfit| StorageError::Misfit { table: table.name, misfit })
    }

    fn read<T>(&self, read: impl FnOnce(&Database) -> Result<T, Fault>) -> Result<T, StorageError> {
        let outcome = match &self.inner.reader {
            Some(reader) => lock(reader).as_ref().map(read),
            None => self.inner.bodies.committer.inline_database(read),
        };
        Ok(outcome.ok_or(StorageError::Closed)??)
    }
}

impl fmt::Debug for Profile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Profile").field("directory", &self.inner.directory).finish_non_exhaustive()
    }
}

impl Inner {
    fn close(&self) {
        for disposable in lock(&self.disposables).drain(..).filter_map(|disposable| disposable.upgrade()) {
            disposable.close();
        }
        self.bodies.bodies.close();
        let end = self.bodies.committer.close();
        if let Some(reader) = &self.reader {
            lock(reader).take();
        }
        let Some(profile_lock) = lock(&self.lock).take() else { return };
        if let Some(directory) = &self.directory
            && let Err(error) = control_socket::remove(directory)
        {
            tracing::warn!(%error, "the control socket could not be removed");
        }
        if end == Some(End::Clean)
            && let Err(error) = profile_lock.mark_clean()
        {
            tracing::warn!(%error, "the clean end could not be noted");
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.close();
    }
}

impl From<Fault> for StorageError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Full => Self::DiskFull,
            Fault::Damaged(reason) => Self::Damaged { reason },
            fault @ (Fault::Io(_) | Fault::NewerFormat(_)) => Self::Io {
                operation: "using the metadata",
                kind: io::ErrorKind::Other,
                message: fault.to_string(),
            },
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The declared tables and our own.
fn all_tables(declared: &[&'static TableDefinition]) -> Result<Vec<&'static TableDefinition>, OpenError> {
    let mut tables: Vec<&'static TableDefinition> = Vec::with_capacity(declared.len() + 1);
    for table in declared {
        let taken = tables.iter().any(|known| known.name.eq_ignore_ascii_case(table.name));
        if taken || !table.is_well_formed() {
            return Err(OpenError::InvalidTable { table: table.name });
        }
        tables.push(table);
    }
    tables.push(&BODIES);
    Ok(tables)
}

fn io_error(path: &Path, source: io::Error) -> OpenError {
    if crate::error::is_disk_full(&source) {
        return OpenError::DiskFull;
    }
    OpenError::Io { path: path.to_owned(), source }
}

fn open_fault(path: &Path, fault: &Fault) -> OpenError {
    match fault {
        Fault::Full => OpenError::DiskFull,
        Fault::NewerFormat(found) => OpenError::NewerFormat { found: *found, supported: FORMAT },
        Fault::Damaged(reason) => OpenError::Damaged { reason: reason.clone() },
        Fault::Io(reason) => io_error(path, io::Error::other(reason.clone())),
    }
}

/// Makes the folder, and keeps others out of it.
fn make_private_folder(directory: &Path) -> io::Result<()> {
    if !directory.is_dir() {
        DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
        salvage::sync_folder_of(directory)?;
    }
    if fs::metadata(directory)?.permissions().mode() & 0o777 != 0o700 {
        fs::set_permissions(directory, Permissions::from_mode(0o700))?;
    }
    Ok(())
}

/// Opens the metadata; damaged metadata is replaced first.
fn open_database(
    path: &Path,
    tables: &[&'static TableDefinition],
    previous_end: PreviousEnd,
) -> Result<(Database, Vec<String>), OpenError> {
    salvage::finish_replacement(path)
        .and_then(|()| salvage::create_file(path))
        .map_err(|error| io_error(path, error))?;
    let reason = match open_sound_database(path, tables, previous_end) {
        Ok(database) => return Ok((database, Vec::new())),
        Err(Fault::Damaged(reason)) => reason,
        Err(fault) => return Err(open_fault(path, &fault)),
    };
    let losses = salvage::replace_damaged(path, tables, &reason).map_err(|error| match error {
        SalvageError::Fault(fault) => open_fault(path, &fault),
        SalvageError::Io(error) => io_error(path, error),
    })?;
    let database =
        open_sound_database(path, tables, PreviousEnd::Clean).map_err(|fault| open_fault(path, &fault))?;
    Ok((database, losses))
}

/// How large metadata may be for its structure to be checked at every start.
const ALWAYS_CHECKED: u64 = 64 << 20;

fn open_sound_database(
    path: &Path,
    tables: &[&'static TableDefinition],
    previous_end: PreviousEnd,
) -> Result<Database, Fault> {
    let database = Database::open(path)?;
    let small = fs::metadata(path).is_ok_and(|file| file.len() <= ALWAYS_CHECKED);
    if previous_end == PreviousEnd::Unclean || small {
        database.check_structure()?;
    }
    database.prepare(tables)?;
    for table in tables {
        let mut damaged = 0_u64;
        database.scan(table, |row| damaged += u64::from(matches!(row, Soundness::Damaged(_))))?;
        if damaged > 0 {
            return Err(Fault::Damaged(format!("{damaged} damaged rows in table `{}`", table.name)));
        }
    }
    Ok(database)
}

/// A storage key may have most of a disk, as in the browsers, but never all.
fn default_limit(directory: &Path) -> u64 {
    match rustix::fs::statvfs(directory) {
        Ok(disk) => (disk.f_blocks.saturating_mul(disk.f_frsize) / 10).saturating_mul(6),
        Err(error) => {
            tracing::warn!(%error, "the size of the disk is not known");
            u64::MAX
        }
    }
}
