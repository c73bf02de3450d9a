//! Lives of a profile.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use futures::{FutureExt, StreamExt};
use longhaul_storage::{
    BodyError, BodyWriter, ColumnKind, Disk, OpenError, Profile, Reservation, Row, StorageError,
    TableDefinition, Transaction, Value, WriteBehind, connect_control_socket,
};
use tempfile::TempDir;

use super::damage::{Damaged, damage};
use super::disk::{FaultyDisk, OPERATIONS, Operation};
use super::model::{Body, NAMES, Rows, TABLES, THINGS, UNKNOWN, fits, pattern};
use crate::choices::Choices;

const STORAGE_KEYS: [&str; 2] = ["https://a.test", "https://b.test"];

thread_local! {
    /// The profile's folder, and an empty database to begin with.
    static PLACE: (TempDir, Vec<u8>) = {
        // NOTE: memory where there is some, as the disk that counts is simulated.
        let memory = PathBuf::from("/dev/shm");
        let folder = match memory.is_dir() {
            true => TempDir::new_in(memory),
            false => TempDir::new(),
        };
        let folder = folder.expect("a temporary folder");
        let opened = Profile::open_with_disk(folder.path().to_owned(), TABLES, Arc::new(FaultyDisk::default()));
        opened.expect("an empty profile").0.close();
        let database = fs::read(folder.path().join("metadata.sqlite")).expect("it was made");
        (folder, database)
    };
}

pub(super) fn lives(choices: &mut Choices<'_>) {
    PLACE.with(|(folder, database)| {
        for entry in fs::read_dir(folder.path()).expect("a folder of ours").flatten() {
            let name = entry.file_name();
            // OPTIMIZATION: the space that is kept for metadata holds nothing.
            if name != "reserve" && entry.path().is_file() {
                fs::remove_file(entry.path()).expect("a file of ours");
            }
        }
        fs::write(folder.path().join("metadata.sqlite"), database).expect("a file of ours");
        let _ = fs::remove_dir_all(folder.path().join("disposable"));
        let mut world = World {
            folder: folder.path().to_owned(),
            disk: FaultyDisk::default(),
            rows: Rows::default(),
            bodies: Vec::new(),
        };
        let mut last = Last::default();
        for _ in 0..1 + choices.below(4) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
            let runtime = runtime.expect("a runtime without I/O");
            match runtime.block_on(world.one_life(choices, &last)) {
                Some(end) => last = end,
                None => return,
            }
        }
    });
}

/// How the life before ended.
#[derive(Debug, Default)]
struct Last {
    killed: bool,
    damaged: Damaged,
}

struct World {
    folder: PathBuf,
    disk: FaultyDisk,
    rows: Rows,
    bodies: Vec<Body>,
}

/// What a life has besides the profile.
#[derive(Default)]
struct Held {
    writers: Vec<BodyWriter>,
    reservations: Vec<Arc<Reservation>>,
    /// The metadata may not grow.
    full: bool,
    /// An operation of the disk failed, or may have.
    faults: bool,
}

impl World {
    fn open(&self) -> Result<(Profile, longhaul_storage::OpenReport), OpenError> {
        Profile::open_with_disk(self.folder.clone(), TABLES, Arc::new(self.disk.clone()))
    }

    async fn one_life(&mut self, choices: &mut Choices<'_>, last: &Last) -> Option<Last> {
        if choices.once_in(16) {
            self.disk.fail_next(Some((Operation::List, io::ErrorKind::Other)));
        }
        let opened = match self.open() {
            Err(OpenError::Io { .. }) => self.open(),
            opened => opened,
        };
        self.disk.fail_next(None);
        let (profile, report) = match opened {
            Ok(opened) => opened,
            Err(error) => {
                assert!(last.damaged.metadata, "it cannot be opened: {error}");
                return None;
            }
        };
        if !last.damaged.findings {
            assert!(report.findings.is_empty(), "{:?}", report.findings);
        }
        assert!(!(last.killed && report.clean) || last.damaged.lock, "an unclean end looks clean");
        self.what_was_promised_is_there(&profile, &last.damaged).await;

        let mut held = Held::default();
        for _ in 0..24 {
            if choices.is_empty() {
                break;
            }
            self.step(choices, &profile, &mut held).await;
        }
        self.disk.fail_next(None);
        self.disk.simulated.fail_syncs(0);
        self.disk.simulated.set_capacity(None);

        let killed = choices.once_in(2);
        if killed {
            profile.crash();
            self.disk.simulated.cut_power(|unsynced| unsynced * choices.below(256) / 255);
        } else {
            profile.close();
            assert!(matches!(profile.commit(put(&self.rows)).await, Err(StorageError::Closed)));
            assert!(matches!(profile.rows(&THINGS), Err(StorageError::Closed)));
        }
        drop(held);
        let damaged = damage(choices, &self.folder, &self.disk, !killed, &mut self.rows, &mut self.bodies);
        Some(Last { killed, damaged })
    }

    async fn what_was_promised_is_there(&mut self, profile: &Profile, damaged: &Damaged) {
        for (index, table) in TABLES.iter().enumerate() {
            let rows = profile.rows(table).expect("it was just opened");
            if damaged.metadata {
                for row in &rows {
                    assert!(self.rows.ever.contains(&(index, row.clone())), "a row was invented: {row:?}");
                }
                let key = |row: &Row| row[..table.key_columns].to_vec();
                self.rows.now[index] = rows.into_iter().map(|row| (key(&row), row)).collect();
            } else {
                assert_eq!(rows, self.rows.of(index), "rows of {}", table.name);
            }
        }
        for mut body in std::mem::take(&mut self.bodies) {
            let doubtful = body.doubtful || damaged.metadata;
            let Some(state) = profile.bodies().state(body.id) else {
                assert!(doubtful, "a body is lost: {body:?}");
                continue;
            };
            let reader = profile.bodies().read_range(body.id, 0..state.durable_length);
            if !doubtful {
                assert!((body.durable..=body.written).contains(&state.durable_length), "{state:?} {body:?}");
                assert!(state.complete || !body.complete, "{state:?} {body:?}");
                assert_eq!(state.storage_key, body.storage_key);
            }
            let mut bytes = Vec::new();
            let mut failed = false;
            match reader {
                Ok(mut reader) => {
                    // NOTE: what is damaged may say that more is to come.
                    while let Some(Some(chunk)) = reader.next().now_or_never() {
                        match chunk {
                            Ok(chunk) => bytes.extend_from_slice(&chunk),
                            Err(_) => failed = true,
                        }
                    }
                }
                Err(_) => failed = true,
            }
            assert!(bytes == pattern(0, bytes.len()), "a body is torn: {body:?}");
            assert!(doubtful || !failed, "a body cannot be read: {body:?}");
            if doubtful {
                // What is left of it is of no more interest.
                if failed || bytes.len() as u64 != state.durable_length {
                    release(profile, &body).await;
                    continue;
                }
                body.storage_key = match STORAGE_KEYS.iter().find(|key| **key == state.storage_key) {
                    Some(key) => key,
                    None => panic!("a body of {}", state.storage_key),
                };
            }
            (body.durable, body.written, body.complete) =
                (state.durable_length, state.durable_length, state.complete);
            // How many references a damaged one has left, nobody knows.
            body.doubtful = doubtful;
            self.bodies.push(body);
        }
        for key in STORAGE_KEYS {
            let stored: u64 =
                self.bodies.iter().filter(|body| body.storage_key == key).map(|body| body.durable).sum();
            if !damaged.metadata && !self.bodies.iter().any(|body| body.doubtful) {
                assert_eq!(profile.quota().usage(key), stored, "what {key} stores");
            }
            assert_eq!(profile.quota().reserved(key), 0, "nothing is reserved yet");
        }
    }

    async fn step(&mut self, choices: &mut Choices<'_>, profile: &Profile, held: &mut Held) {
        match choices.below(20) {
            0..=2 => self.commit(choices, profile, held).await,
            3 | 4 => self.create(choices, profile, held).await,
            5..=8 => self.write(choices, held).await,
            9 => self.reopen(choices, profile, held).await,
            10 => self.read(choices, profile, held).await,
            11 => {
                if let Some(index) = choices.below(8).checked_rem(held.writers.len()) {
                    drop(held.writers.swap_remove(index));
                }
            }
            12 => {
                held.faults = true;
                match choices.below(4) {
                    0 => self.disk.simulated.fail_syncs(1 + u32::from(choices.byte() % 3)),
                    1 => self.disk.simulated.set_capacity(Some(u64::from(choices.byte()) << 8)),
                    2 => self.disk.simulated.set_capacity(None),
                    _ => {
                        let kinds = [
                            io::ErrorKind::Other,
                            io::ErrorKind::StorageFull,
                            io::ErrorKind::PermissionDenied,
                            io::ErrorKind::NotFound,
                        ];
                        self.disk.fail_next(Some((choices.pick(&OPERATIONS), choices.pick(&kinds))));
                    }
                }
            }
            13 => {
                held.full = !held.full;
                // So few that there is no room for more than there is.
                profile.limit_metadata_pages(held.full.then_some(1));
            }
            14 => match self.open() {
                Err(OpenError::InUse { holder, .. }) => assert_eq!(holder, Some(std::process::id())),
                other => panic!("it was opened twice: {other:?}"),
            },
            15 => {
                let key = choices.pick(&STORAGE_KEYS);
                let limit = choices.once_in(2).then(|| u64::from(choices.byte()) << 6);
                profile.quota().set_limit(key, limit);
                if let Some(limit) = limit {
                    assert_eq!(profile.quota().limit(key), limit);
                }
            }
            16 => {
                let key = choices.pick(&STORAGE_KEYS);
                let bytes = u64::from(choices.byte()) << choices.pick(&[0, 4, 56]);
                let before = profile.quota().reserved(key);
                let taken = before.saturating_add(profile.quota().usage(key));
                match profile.quota().reserve(key, bytes) {
                    Ok(reservation) => {
                        assert_eq!(profile.quota().reserved(key), before + bytes);
                        assert!(bytes == 0 || taken.saturating_add(bytes) <= profile.quota().limit(key));
                        held.reservations.push(Arc::new(reservation));
                    }
                    Err(_) => assert!(taken.saturating_add(bytes) > profile.quota().limit(key)),
                }
            }
            17 => self.write_behind(choices, profile, held).await,
            18 if choices.once_in(8) => control_socket(&self.folder, profile, choices.once_in(2)),
            18 => disposable(choices, profile),
            _ => self.look(profile, held),
        }
    }

    /// The rows are what they are meant to be, at any time.
    fn look(&self, profile: &Profile, held: &Held) {
        for (index, table) in TABLES.iter().enumerate() {
            assert_eq!(profile.rows(table).expect("rows"), self.rows.of(index));
        }
        for (key, row) in &self.rows.now[0] {
            assert_eq!(profile.row(&THINGS, key).expect("a row").as_ref(), Some(row));
            let prefix = &key[..1];
            let of_prefix: Vec<Row> =
                self.rows.of(0).into_iter().filter(|row| row.starts_with(prefix)).collect();
            assert_eq!(profile.rows_with_prefix(&THINGS, prefix).expect("rows"), of_prefix);
        }
        for body in self.bodies.iter().filter(|body| !body.doubtful) {
            let state = profile.bodies().state(body.id).expect("it has references");
            assert!(state.durable_length >= body.durable, "{state:?} {body:?}");
            assert!(state.written <= body.written, "{state:?} {body:?}");
            if let Some(writer) = held.writers.iter().find(|writer| writer.id() == body.id) {
                assert!(writer.durable_length() <= writer.written());
            }
        }
    }

    async fn commit(&mut self, choices: &mut Choices<'_>, profile: &Profile, held: &mut Held) {
        let mut transaction = Transaction::new();
        let (mut rows, mut bodies) = (self.rows.clone(), self.bodies.clone());
        let mut possible = true;
        for _ in 0..1 + choices.below(4) {
            let index = choices.below(2);
            let table = TABLES[index];
            match choices.below(8) {
                0..=2 => {
                    let row = row(choices, table, table.columns.len());
                    possible &= row.len() == table.columns.len() && fits(table, &row);
                    transaction.put(table, row.clone());
                    if possible {
                        rows.put(index, row);
                    }
                }
                3 => {
                    let key = row(choices, table, table.key_columns);
                    possible &= key.len() == table.key_columns && fits(table, &key);
                    transaction.delete(table, key.clone());
                    rows.delete(index, &key);
                }
                4 => {
                    let prefix = row(choices, table, table.key_columns - 1);
                    possible &= prefix.len() <= table.key_columns && fits(table, &prefix);
                    transaction.delete_prefix(table, prefix.clone());
                    rows.delete(index, &prefix);
                }
                5 => match choices.below(8).checked_rem(bodies.len()) {
                    Some(which) => {
                        transaction.retain_body(bodies[which].id);
                        // One whose end nobody heard of may be gone.
                        if bodies[which].doubtful {
                            continue;
                        }
                        possible &= bodies[which].references > 0;
                        bodies[which].references += 1;
                    }
                    None => {
                        possible = false;
                        transaction.put(&UNKNOWN, vec!["x".into()]);
                    }
                },
                _ => {
                    if let Some(which) = choices.below(8).checked_rem(bodies.len()) {
                        transaction.release_body(bodies[which].id);
                        bodies[which].references = bodies[which].references.saturating_sub(1);
                    }
                }
            }
        }
        let doubtful = self.bodies.iter().any(|body| body.doubtful);
        match profile.commit(transaction).await {
            Ok(()) => {
                assert!(possible || doubtful, "something impossible was done");
                for gone in bodies.iter().filter(|body| body.references == 0 && !body.doubtful) {
                    assert_eq!(profile.bodies().state(gone.id), None, "{gone:?} is still there");
                }
                bodies.retain(|body| body.references > 0);
                held.writers.retain(|writer| bodies.iter().any(|body| body.id == writer.id()));
                (self.rows, self.bodies) = (rows, bodies);
            }
            Err(StorageError::Misfit { .. } | StorageError::NoSuchBody(_)) => {
                assert!(!possible || doubtful, "something possible was refused");
            }
            Err(StorageError::DiskFull) if held.full => {}
            Err(error) => panic!("{error}"),
        }
    }

    async fn create(&mut self, choices: &mut Choices<'_>, profile: &Profile, held: &mut Held) {
        let storage_key = choices.pick(&STORAGE_KEYS);
        let bodies = profile.bodies();
        match bodies.create(storage_key).await {
            Ok((id, mut writer)) => {
                if choices.once_in(4)
                    && let Some(reservation) = held.reservations.pop()
                {
                    writer.set_reservation(reservation);
                }
                let new = (0, 0, false, 1, false);
                let (durable, written, complete, references, doubtful) = new;
                self.bodies.push(Body { id, storage_key, durable, written, complete, references, doubtful });
                held.writers.push(writer);
            }
            Err(BodyError::DiskFull) if held.full || held.faults => {}
            Err(BodyError::Io { .. }) if held.faults => {}
            Err(error) => panic!("{error}"),
        }
    }

    async fn write(&mut self, choices: &mut Choices<'_>, held: &mut Held) {
        let Some(index) = choices.below(8).checked_rem(held.writers.len()) else { return };
        let writer = &mut held.writers[index];
        let id = writer.id();
        let body =
            self.bodies.iter_mut().find(|body| body.id == id).expect("writers of what is gone are let go");
        let outcome = match choices.below(6) {
            0 => match held.writers.swap_remove(index).finish().await {
                Ok(length) => {
                    assert_eq!(length, body.written);
                    body.durable = length;
                    body.complete = true;
                    return;
                }
                Err(error) => {
                    assert!(may_fail(&error, held), "{error}");
                    return;
                }
            },
            1 => match writer.checkpoint().await {
                Ok(length) => {
                    assert_eq!(length, body.written);
                    body.durable = length;
                    Ok(())
                }
                Err(error) => Err(error),
            },
            _ => {
                let length = usize::from(choices.byte()) << choices.pick(&[0, 2, 6]);
                let appended = writer.append(Bytes::from(pattern(writer.written(), length))).await;
                if appended.is_ok() {
                    body.written += length as u64;
                    assert_eq!(writer.written(), body.written);
                }
                appended
            }
        };
        match outcome {
            Ok(()) => {}
            // What was written before stays, and there may be room later.
            Err(BodyError::QuotaExceeded(exceeded)) => {
                assert!(exceeded.usage.saturating_add(exceeded.requested) > exceeded.limit, "{exceeded:?}");
            }
            Err(error) => {
                assert!(may_fail(&error, held), "{error}");
                drop(held.writers.swap_remove(index));
            }
        }
    }

    async fn reopen(&mut self, choices: &mut Choices<'_>, profile: &Profile, held: &mut Held) {
        let Some(which) = choices.below(8).checked_rem(self.bodies.len()) else { return };
        let body = &mut self.bodies[which];
        let live = held.writers.iter().any(|writer| writer.id() == body.id);
        match profile.bodies().reopen(body.id).await {
            Ok(writer) => {
                assert!(!live && (body.doubtful || !body.complete), "{body:?}");
                if !body.doubtful {
                    assert!((body.durable..=body.written).contains(&writer.written()), "{body:?}");
                }
                (body.durable, body.written) = (writer.written(), writer.written());
                held.writers.push(writer);
            }
            // A writer that was dropped may have come to the end of what it was to do.
            Err(BodyError::NotWritable) => assert!(live || body.complete || body.doubtful, "{body:?}"),
            Err(error) => assert!(body.doubtful || may_fail(&error, held), "{error}"),
        }
    }

    async fn read(&mut self, choices: &mut Choices<'_>, profile: &Profile, held: &Held) {
        let Some(which) = choices.below(8).checked_rem(self.bodies.len()) else { return };
        let body = &self.bodies[which];
        let start = u64::from(choices.byte()) << 4;
        let end = start.saturating_add(u64::from(choices.byte()) << choices.pick(&[0, 4, 56]));
        let mut reader = match profile.bodies().read_range(body.id, start..end) {
            Ok(reader) => reader,
            Err(error) => {
                assert!(body.doubtful || may_fail(&error, held), "{error}");
                return;
            }
        };
        let mut position = start;
        while let Some(Some(chunk)) = reader.next().now_or_never() {
            match chunk {
                Ok(chunk) => {
                    let end = position + chunk.len() as u64;
                    // A sync that failed takes back what was not durable, and says so to the writer.
                    if end <= body.durable || !held.faults {
                        assert!(chunk[..] == pattern(position, chunk.len()), "torn at {position}: {body:?}");
                    }
                    position = end;
                }
                Err(error) => assert!(body.doubtful || may_fail(&error, held), "{error}"),
            }
        }
        assert!(
            position <= end.min(body.written).max(start) || body.doubtful,
            "more than was written: {body:?}"
        );
    }

    async fn write_behind(&mut self, choices: &mut Choices<'_>, profile: &Profile, held: &Held) {
        if held.full {
            return;
        }
        let writer = WriteBehind::start(profile.clone(), &NAMES).expect("a thread");
        for _ in 0..choices.below(6) {
            let key = Value::Blob(choices.pick(&[&b"a"[..], b"b", b""]).to_vec());
            if choices.once_in(3) {
                writer.delete(vec![key.clone()]);
                self.rows.delete(1, &[key]);
            } else {
                let row = vec![key, Value::Integer(i64::from(choices.byte()))];
                writer.put(row.clone());
                self.rows.put(1, row);
            }
        }
        if choices.once_in(2) {
            writer.flush().await.expect("there is room");
        }
    }
}

/// A transaction that has something to do.
fn put(rows: &Rows) -> Transaction {
    let mut transaction = Transaction::new();
    transaction.put(&NAMES, rows.of(1).pop().unwrap_or_else(|| vec![Value::Blob(Vec::new()), Value::Null]));
    transaction
}

async fn release(profile: &Profile, body: &Body) {
    // However many references it has.
    while profile.bodies().state(body.id).is_some() {
        let mut transaction = Transaction::new();
        transaction.release_body(body.id);
        profile.commit(transaction).await.expect("it is released");
    }
}

/// Whether what was done to the disk explains it.
fn may_fail(error: &BodyError, held: &Held) -> bool {
    match error {
        BodyError::DiskFull => held.full || held.faults,
        BodyError::Storage(StorageError::DiskFull) => held.full,
        BodyError::Io { .. } | BodyError::Shorter { .. } | BodyError::Abandoned => held.faults,
        _ => false,
    }
}

/// Values for so many columns of a table: mostly as many, and mostly fitting.
fn row(choices: &mut Choices<'_>, table: &TableDefinition, columns: usize) -> Row {
    let columns = match choices.once_in(16) {
        true => choices.below(6),
        false => columns,
    };
    let kinds = table.columns.iter().map(|column| column.kind).chain(std::iter::repeat(ColumnKind::Text));
    kinds
        .take(columns)
        .enumerate()
        .map(|(column, kind)| match (choices.once_in(12), kind) {
            (true, _) => match choices.below(4) {
                0 => Value::Null,
                1 => Value::Integer(i64::from(choices.byte()) - 128),
                2 => Value::Text(choices.text()),
                _ => Value::Blob(choices.bytes().to_vec()),
            },
            (false, ColumnKind::Text) if column == 0 => choices.pick(&["x", "y", ""]).into(),
            (false, ColumnKind::Text) => Value::Text(choices.text()),
            (false, ColumnKind::Integer) => Value::Integer(choices.pick(&[0, 1, -1, i64::MAX, i64::MIN])),
            (false, ColumnKind::Blob) if column == 0 => choices.pick(&[&b"a"[..], b"b", b""]).into(),
            (false, ColumnKind::Blob) => Value::Blob(vec![choices.byte(); choices.pick(&[0, 1, 900, 9000])]),
        })
        .collect()
}

/// Rows that may be lost, but not while the profile is open.
fn disposable(choices: &mut Choices<'_>, profile: &Profile) {
    let opened = profile.disposable("cache", &[&THINGS]).expect("it is open once at a time");
    let mut rows = Rows::default();
    // What was damaged since the last time is begun anew, which costs the work that came upon it.
    let _ = opened.with_rows(|stored| stored.rows(&THINGS, &[]));
    let result = opened.with_rows(|stored| {
        stored.delete_prefix(&THINGS, &[])?;
        for _ in 0..choices.below(8) {
            let row = row(choices, &THINGS, 4);
            match stored.put(&THINGS, &row) {
                Ok(()) => rows.put(0, row),
                Err(StorageError::Misfit { .. }) => assert!(row.len() != 4 || !fits(&THINGS, &row)),
                Err(error) => return Err(error),
            }
        }
        if choices.once_in(2) {
            stored.delete_prefix(&THINGS, &["x".into()])?;
            rows.delete(0, &["x".into()]);
        }
        let all = rows.of(0);
        assert_eq!(stored.rows(&THINGS, &[])?, all);
        let count = choices.below(4);
        assert_eq!(stored.first_rows(&THINGS, count)?, all[..count.min(all.len())]);
        assert_eq!(stored.last_rows(&THINGS, count)?.len(), count.min(all.len()));
        Ok(())
    });
    result.expect("rows of a file of ours");
    let count = rows.now[0].len() as u64;
    let totals = opened.with_rows(|stored| stored.totals(&THINGS, "number"));
    assert_eq!(totals.expect("they can be counted").0, count);
    assert!(opened.with_rows(|stored| stored.totals(&THINGS, "nothing")).is_err());
    files(choices, &**opened.disk());
}

/// A folder's files, or memory's, beside bytes of which everything is known.
fn files(choices: &mut Choices<'_>, disk: &dyn Disk) {
    const NAMES: [&str; 2] = ["0123", "4567"];
    let mut known: BTreeMap<&str, Vec<u8>> = BTreeMap::new();
    for name in NAMES {
        let _ = disk.remove(name);
    }
    for _ in 0..choices.below(8) {
        let name = choices.pick(&NAMES);
        let what = choices.below(8);
        let file = match (what, known.contains_key(name)) {
            (0, _) => {
                disk.remove(name).ok();
                known.remove(name);
                continue;
            }
            (_, true) => disk.open(name).expect("it is there"),
            (1, false) => {
                assert_eq!(disk.open(name).err().map(|error| error.kind()), Some(io::ErrorKind::NotFound));
                continue;
            }
            (_, false) => {
                known.insert(name, Vec::new());
                disk.create(name).expect("there is room")
            }
        };
        let content = known.get_mut(name).expect("it was made");
        let place = choices.below(256);
        match what {
            1 => assert!(disk.create(name).is_err(), "it is there already"),
            2 => {
                content.resize(place, 0);
                file.set_length(place as u64).expect("there is room");
            }
            3 => {
                file.sync_data().expect("a disk that does as it is told");
                disk.sync_directory().expect("a disk that does as it is told");
            }
            _ => {
                let bytes = choices.bytes();
                let end = place + bytes.len();
                if !bytes.is_empty() {
                    content.resize(content.len().max(end), 0);
                    content[place..end].copy_from_slice(bytes);
                }
                file.write_all_at(bytes, place as u64).expect("there is room");
            }
        }
        assert_eq!(file.length().expect("a file of ours"), content.len() as u64);
        let mut read = vec![0; 600];
        let from = place / 2;
        let length = file.read_at(&mut read, from as u64).expect("a file of ours");
        assert_eq!(read[..length], content[from.min(content.len())..]);
    }
    let mut names = disk.list().expect("a folder of ours");
    names.sort_unstable();
    assert_eq!(names, known.into_keys().collect::<Vec<_>>());
}

/// Another process may speak to the one that has the profile.
fn control_socket(folder: &Path, profile: &Profile, again: bool) {
    let reaches = || connect_control_socket(folder).expect("a folder of ours").is_some();
    let listener = profile.bind_control_socket().expect("a folder of ours");
    assert!(reaches());
    if again {
        drop(listener);
        assert!(!reaches(), "nobody listens any more");
        let _listener = profile.bind_control_socket().expect("the socket of a dead one is in nobody's way");
        assert!(reaches());
    }
}
