//! The one writer of the metadata: it takes what has gathered and commits it in one go.

use std::sync::mpsc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use tokio::sync::oneshot;

use crate::body::{Bodies, BodyId, Entry};
use crate::database::{BODIES, Database, Fault};
use crate::error::StorageError;
use crate::reserve::Reserve;
use crate::table::{Row, TableDefinition, Value};
use crate::transaction::{Change, Completion};

/// How many transactions go into one commit at most.
const LARGEST_GROUP: usize = 256;

/// Commits transactions in the order in which they come.
pub(crate) enum Committer {
    /// A thread of its own, because each commit waits for the disk.
    Thread { sender: Mutex<Option<mpsc::Sender<Command>>>, thread: Mutex<Option<JoinHandle<End>>> },
    /// On the caller's thread: in memory nothing has to be waited for.
    Inline(Mutex<Option<Engine>>),
}

pub(crate) enum Command {
    Commit(Job),
    Close,
    #[cfg(feature = "testing")]
    LimitPages(Option<u32>, mpsc::Sender<()>),
    #[cfg(feature = "testing")]
    Crash,
}

pub(crate) struct Job {
    changes: Vec<Change>,
    reply: oneshot::Sender<Result<(), StorageError>>,
}

/// How the metadata was left behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// All is in the file, and no damage was seen.
    Clean,
    /// The next one has to look at it closely.
    Unclean,
}

impl Committer {
    /// Starts the thread.
    pub(crate) fn start(engine: Engine) -> std::io::Result<Self> {
        let (sender, receiver) = mpsc::channel();
        let thread = thread::Builder::new()
            .name("longhaul-commits".to_owned())
            .spawn(move || serve(engine, &receiver))?;
        Ok(Self::Thread { sender: Mutex::new(Some(sender)), thread: Mutex::new(Some(thread)) })
    }

    pub(crate) fn inline(engine: Engine) -> Self {
        Self::Inline(Mutex::new(Some(engine)))
    }

    /// Commits changes. They are committed even if nobody waits for the answer.
    pub(crate) async fn commit(&self, changes: Vec<Change>) -> Result<(), StorageError> {
        // The sender is dropped without an answer only when the profile is closed.
        self.submit(changes).await.unwrap_or(Err(StorageError::Closed))
    }

    /// Commits changes from a thread that may wait.
    pub(crate) fn commit_blocking(&self, changes: Vec<Change>) -> Result<(), StorageError> {
        let mut answer = self.submit(changes);
        match self {
            Self::Thread { .. } => futures::executor::block_on(answer).unwrap_or(Err(StorageError::Closed)),
            Self::Inline(_) => answer.try_recv().unwrap_or(Err(StorageError::Closed)),
        }
    }

    /// Commits changes of whose end nobody needs to hear.
    pub(crate) fn commit_unheard(&self, changes: Vec<Change>) {
        drop(self.submit(changes));
    }

    fn submit(&self, changes: Vec<Change>) -> oneshot::Receiver<Result<(), StorageError>> {
        let (reply, answer) = oneshot::channel();
        let job = Job { changes, reply };
        match self {
            Self::Thread { sender, .. } => {
                if let Some(sender) = &*lock(sender) {
                    // If the thread has ended, the job is dropped, and so is the sender of its answer.
                    let _ = sender.send(Command::Commit(job));
                }
            }
            Self::Inline(engine) => {
                if let Some(engine) = &mut *lock(engine) {
                    engine.run(vec![job]);
                }
            }
        }
        answer
    }

    /// The metadata itself, where it is not in a file that can be read otherwise.
    pub(crate) fn inline_database<T>(&self, read: impl FnOnce(&Database) -> T) -> Option<T> {
        match self {
            Self::Thread { .. } => None,
            Self::Inline(engine) => lock(engine).as_ref().map(|engine| read(&engine.database)),
        }
    }

    /// Commits what was submitted so far and nothing after it. `None` if it was closed before.
    pub(crate) fn close(&self) -> Option<End> {
        self.end(Command::Close)
    }

    /// Stops as a killed process would: what was not yet taken up is lost.
    #[cfg(feature = "testing")]
    pub(crate) fn crash(&self) {
        self.end(Command::Crash);
    }

    /// Lets the metadata grow up to this many pages only.
    #[cfg(feature = "testing")]
    pub(crate) fn limit_pages(&self, pages: Option<u32>) {
        if let Self::Thread { sender, .. } = self
            && let Some(sender) = &*lock(sender)
        {
            let (done, wait) = mpsc::channel();
            let _ = sender.send(Command::LimitPages(pages, done));
            let _ = wait.recv();
        }
    }

    fn end(&self, command: Command) -> Option<End> {
        match self {
            Self::Thread { sender, thread } => {
                let sender = lock(sender).take();
                if let Some(sender) = sender {
                    let _ = sender.send(command);
                }
                let thread = lock(thread).take()?;
                Some(thread.join().unwrap_or(End::Unclean))
            }
            Self::Inline(engine) => lock(engine).take().map(|_| End::Clean),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn serve(mut engine: Engine, receiver: &mpsc::Receiver<Command>) -> End {
    let mut open = true;
    while open {
        let mut group = Vec::new();
        let mut command = receiver.recv().ok();
        loop {
            match command {
                Some(Command::Commit(job)) => group.push(job),
                Some(Command::Close) | None => {
                    open = false;
                    break;
                }
                #[cfg(feature = "testing")]
                Some(Command::LimitPages(pages, done)) => {
                    engine.limit_pages(pages);
                    let _ = done.send(());
                }
                #[cfg(feature = "testing")]
                Some(Command::Crash) => {
                    drop(group);
                    return engine.crash();
                }
            }
            if group.len() == LARGEST_GROUP {
                break;
            }
            match receiver.try_recv() {
                Ok(next) => command = Some(next),
                Err(_) => break,
            }
        }
        if !group.is_empty() {
            engine.run(group);
        }
    }
    engine.close()
}

/// Applies transactions to the database and, once they are durable, to the bodies.
pub(crate) struct Engine {
    database: Database,
    tables: Vec<&'static TableDefinition>,
    bodies: Arc<Bodies>,
    reserve: Option<Reserve>,
    /// Whether damage was met since the profile was opened.
    damage: bool,
}

/// What a transaction means for the bodies.
enum Effect {
    Created(Arc<Entry>),
    Length(BodyId, u64, Completion),
    Removed(BodyId),
}

/// Why one transaction was not applied.
enum Refusal {
    /// It asks for something impossible; the others of its group are not concerned.
    Impossible(StorageError),
    /// The database failed.
    Fault(Fault),
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<rusqlite::Error> for Refusal {
    fn from(error: rusqlite::Error) -> Self {
        Self::Fault(error.into())
    }
}

type Applied = Result<Vec<Effect>, StorageError>;

impl Engine {
    pub(crate) fn new(
        database: Database,
        tables: Vec<&'static TableDefinition>,
        bodies: Arc<Bodies>,
        reserve: Option<Reserve>,
    ) -> Self {
        Self { database, tables, bodies, reserve, damage: false }
    }

    fn run(&mut self, jobs: Vec<Job>) {
        let mut outcome = self.attempt(&jobs);
        if matches!(outcome, Err(Fault::Full)) && self.reserve.as_mut().is_some_and(Reserve::release) {
            tracing::warn!("the disk is full; metadata now uses the space kept for it");
            outcome = self.attempt(&jobs);
        }
        match outcome {
            Ok(applied) => {
                let mut removed = false;
                for (job, applied) in jobs.into_iter().zip(applied) {
                    let result = applied.map(|effects| {
                        for effect in effects {
                            removed |= matches!(effect, Effect::Removed(_));
                            self.apply_to_bodies(effect);
                        }
                    });
                    // Nobody has to wait for the answer.
                    let _ = job.reply.send(result);
                }
                if removed && let Some(reserve) = &mut self.reserve {
                    reserve.fill();
                }
            }
            // One transaction's size or one bad page must not take the others with it.
            Err(_) if jobs.len() > 1 => {
                for job in jobs {
                    self.run(vec![job]);
                }
            }
            Err(fault) => {
                self.damage |= matches!(fault, Fault::Damaged(_));
                tracing::warn!(%fault, "a commit failed");
                for job in jobs {
                    let _ = job.reply.send(Err(fault.clone().into()));
                }
            }
        }
    }

    fn attempt(&self, jobs: &[Job]) -> Result<Vec<Applied>, Fault> {
        let connection = &self.database.connection;
        let run = || -> Result<Vec<Applied>, Fault> {
            connection.execute_batch("BEGIN IMMEDIATE")?;
            let applied = jobs.iter().map(|job| self.apply_job(job)).collect::<Result<_, _>>()?;
            connection.execute_batch("COMMIT")?;
            Ok(applied)
        };
        let outcome = run();
        if outcome.is_err() {
            self.database.roll_back();
        }
        outcome
    }

    fn apply_job(&self, job: &Job) -> Result<Applied, Fault> {
        let connection = &self.database.connection;
        connection.execute_batch("SAVEPOINT job")?;
        let mut effects = Vec::new();
        let applied = job.changes.iter().try_for_each(|change| self.apply(change, &mut effects).map(drop));
        match applied {
            Ok(()) => {
                connection.execute_batch("RELEASE job")?;
                Ok(Ok(effects))
            }
            Err(Refusal::Impossible(error)) => {
                connection.execute_batch("ROLLBACK TO job; RELEASE job")?;
                Ok(Err(error))
            }
            Err(Refusal::Fault(fault)) => Err(fault),
        }
    }

    fn apply(&self, change: &Change, effects: &mut Vec<Effect>) -> Result<(), Refusal> {
        match change {
            Change::Put(table, row) => {
                self.check(table, table.check_row(row))?;
                self.database.put(table, row)?;
            }
            Change::Delete(table, key) => {
                self.check(table, table.check_key(key))?;
                self.database.delete(table, key)?;
            }
            Change::DeletePrefix(table, prefix) => {
                self.check(table, table.check_key_prefix(prefix))?;
                self.database.delete(table, prefix)?;
            }
            Change::CreateBody(entry) => {
                let row = BodyRow {
                    storage_key: entry.storage_key().to_owned(),
                    durable_length: 0,
                    completion: Completion::Incomplete,
                    references: 1,
                };
                self.database.put(&BODIES, &row.to_row(entry.id()))?;
                effects.push(Effect::Created(Arc::clone(entry)));
            }
            Change::BodyLength(id, length, completion) => {
                let mut row = self.body(*id)?.ok_or(Refusal::Impossible(StorageError::NoSuchBody(*id)))?;
                row.durable_length = *length;
                row.completion = *completion;
                self.database.put(&BODIES, &row.to_row(*id))?;
                effects.push(Effect::Length(*id, *length, *completion));
            }
            Change::RetainBody(id) => {
                let mut row = self.body(*id)?.ok_or(Refusal::Impossible(StorageError::NoSuchBody(*id)))?;
                row.references = row.references.saturating_add(1);
                self.database.put(&BODIES, &row.to_row(*id))?;
            }
            // What is not there needs not be removed: its row may have been lost to damage.
            Change::ReleaseBody(id) => match self.body(*id)? {
                None => tracing::debug!(%id, "a body that is not there was released"),
                Some(row) if row.references <= 1 => self.remove_body(*id, effects)?,
                Some(mut row) => {
                    row.references -= 1;
                    self.database.put(&BODIES, &row.to_row(*id))?;
                }
            },
            Change::RemoveBody(id) => self.remove_body(*id, effects)?,
        }
        Ok(())
    }

    fn remove_body(&self, id: BodyId, effects: &mut Vec<Effect>) -> Result<(), Refusal> {
        self.database.delete(&BODIES, &[id.to_string().into()])?;
        effects.push(Effect::Removed(id));
        Ok(())
    }

    fn body(&self, id: BodyId) -> Result<Option<BodyRow>, Fault> {
        let rows = self.database.rows(&BODIES, &[id.to_string().into()])?;
        Ok(rows.first().and_then(|row| BodyRow::from_row(row)).map(|(_, row)| row))
    }

    fn check(
        &self,
        table: &'static TableDefinition,
        fit: Result<(), crate::table::Misfit>,
    ) -> Result<(), Refusal> {
        let declared = self.tables.iter().any(|known| std::ptr::eq(*known, table));
        let fit = if declared { fit } else { Err(crate::table::Misfit::UndeclaredTable) };
        fit.map_err(|misfit| Refusal::Impossible(StorageError::Misfit { table: table.name, misfit }))
    }

    fn apply_to_bodies(&self, effect: Effect) {
        match effect {
            Effect::Created(entry) => self.bodies.insert(entry),
            Effect::Length(id, length, completion) => self.bodies.set_durable(id, length, completion),
            Effect::Removed(id) => self.bodies.remove(id),
        }
    }

    fn close(self) -> End {
        match self.database.checkpoint() {
            Ok(()) if !self.damage => End::Clean,
            Ok(()) => End::Unclean,
            Err(error) => {
                tracing::warn!(%error, "the log of the metadata stays beside it");
                End::Unclean
            }
        }
    }

    #[cfg(feature = "testing")]
    fn crash(self) -> End {
        // If this fails, the simulated crash only leaves more in the file than a real one.
        let _ = self.database.keep_log_on_close();
        End::Unclean
    }

    #[cfg(feature = "testing")]
    fn limit_pages(&mut self, pages: Option<u32>) {
        let pages = pages.map_or(i64::from(u32::MAX) - 1, i64::from);
        let set =
            self.database.connection.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(()));
        if let Err(error) = set {
            tracing::warn!(%error, "the number of pages could not be limited");
        }
    }
}

/// A row of [`BODIES`].
pub(crate) struct BodyRow {
    pub(crate) storage_key: String,
    pub(crate) durable_length: u64,
    pub(crate) completion: Completion,
    references: i64,
}

impl BodyRow {
    /// `None` if it is not what we write.
    pub(crate) fn from_row(row: &[Value]) -> Option<(BodyId, Self)> {
        let [id, storage_key, durable_length, complete, references] = row else { return None };
        let completion = match complete.as_integer()? {
            0 => Completion::Incomplete,
            1 => Completion::Complete,
            _ => return None,
        };
        let body = Self {
            storage_key: storage_key.as_text()?.to_owned(),
            durable_length: durable_length.as_integer()?.try_into().ok()?,
            completion,
            references: references.as_integer()?,
        };
        Some((id.as_text()?.parse().ok()?, body))
    }

    fn to_row(&self, id: BodyId) -> Row {
        vec![
            id.to_string().into(),
            self.storage_key.as_str().into(),
            // No file can be longer than this.
            i64::try_from(self.durable_length).unwrap_or(i64::MAX).into(),
            (self.completion == Completion::Complete).into(),
            self.references.into(),
        ]
    }
}
