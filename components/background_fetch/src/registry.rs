//! What of background fetches is kept in the profile: three tables.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, SystemTime};

use longhaul_fetch::{Request, RequestSnapshot, Response, ResponseSnapshot};
use longhaul_storage::{
    BodyId, Column, ColumnKind, Profile, Row, StorageError, TableDefinition, Transaction, Value,
};

use crate::background_fetch::{
    BackgroundFetch, Data, FailingSince, OwedEvent, Record, RecordData, RequestBody, StoredResponse,
};
use crate::dependencies::EventKind;
use crate::driver::Driver;
use crate::registration::{BackgroundFetchResult, FailureReason, RegistrationKey};
use crate::scheduler::{FetchKey, RecordResult};

const fn column(name: &'static str, kind: ColumnKind) -> Column {
    Column { name, kind }
}

/// One row a background fetch.
static FETCHES: TableDefinition = TableDefinition {
    name: "background_fetches",
    columns: &[
        column("unique_key", ColumnKind::Integer),
        column("storage_key", ColumnKind::Text),
        column("scope", ColumnKind::Text),
        column("id", ColumnKind::Text),
        column("title", ColumnKind::Text),
        column("state", ColumnKind::Text),
        column("failure_reason", ColumnKind::Text),
        column("paused", ColumnKind::Integer),
        column("download_total", ColumnKind::Integer),
        column("created_ms", ColumnKind::Integer),
        column("origin", ColumnKind::Text),
        column("icons", ColumnKind::Text),
        column("records", ColumnKind::Integer),
    ],
    key_columns: 1,
};

/// One row a record.
static RECORDS: TableDefinition = TableDefinition {
    name: "background_fetch_records",
    columns: &[
        column("unique_key", ColumnKind::Integer),
        column("position", ColumnKind::Integer),
        column("method", ColumnKind::Text),
        column("url", ColumnKind::Text),
        column("result", ColumnKind::Text),
        column("stored", ColumnKind::Integer),
        column("uploaded", ColumnKind::Integer),
        column("sent", ColumnKind::Integer),
        column("request", ColumnKind::Text),
        column("request_body", ColumnKind::Text),
        column("request_body_length", ColumnKind::Integer),
        column("response", ColumnKind::Text),
        column("response_body", ColumnKind::Text),
        column("first_byte", ColumnKind::Integer),
        column("complete_length", ColumnKind::Integer),
        column("high_water", ColumnKind::Integer),
        column("failing_noted_ms", ColumnKind::Integer),
        column("failing_for_ms", ColumnKind::Integer),
        column("start_over", ColumnKind::Integer),
    ],
    key_columns: 2,
};

/// One row an event that a worker has not had yet.
static OWED_EVENTS: TableDefinition = TableDefinition {
    name: "background_fetch_owed_events",
    columns: &[
        column("unique_key", ColumnKind::Integer),
        column("event", ColumnKind::Text),
        column("failures", ColumnKind::Integer),
    ],
    key_columns: 1,
};

/// The tables that a profile has to be opened with.
pub static TABLES: &[&TableDefinition] = &[&FETCHES, &RECORDS, &OWED_EVENTS];

/// The bodies that the profile's background fetches refer to.
///
/// Bodies that nobody refers to are to be collected before
/// [`BackgroundFetches::open`](crate::BackgroundFetches::open): it goes on with downloads at once, and the bodies it
/// makes are not among these.
pub fn live_bodies(profile: &Profile) -> Result<HashSet<BodyId>, StorageError> {
    let known: HashSet<Option<i64>> = profile.rows(&FETCHES)?.iter().map(|row| row[0].as_integer()).collect();
    let rows = profile.rows(&RECORDS)?;
    let rows = rows.iter().filter(|row| known.contains(&row[0].as_integer()));
    Ok(rows.flat_map(|row| [body_id(&row[9]), body_id(&row[12])]).flatten().collect())
}

/// Stores what is new of a background fetch. Once begun it goes on, even if nobody waits for it any more.
pub(crate) async fn persist(driver: &Arc<Driver>, fetch: &Arc<BackgroundFetch>) -> Result<(), StorageError> {
    let (profile, fetch) = (driver.profile().clone(), fetch.clone());
    let task = driver.dependencies.runtime.spawn(async move { commit_changes(&profile, &fetch).await });
    task.await.unwrap_or(Err(StorageError::Closed))
}

async fn commit_changes(profile: &Profile, fetch: &BackgroundFetch) -> Result<(), StorageError> {
    // What is read under this lock is at least as new as what the holder before committed.
    let _order = fetch.committing.lock().await;
    let mut changes = Changes::default();
    let mut transaction = Transaction::new();
    {
        let mut data = fetch.lock();
        if data.removed {
            return Ok(());
        }
        if std::mem::take(&mut data.dirty) {
            changes.fetch = true;
            transaction.put(&FETCHES, fetch_row(fetch, &data));
            if let Some(owed) = data.owed {
                transaction.put(&OWED_EVENTS, owed_row(fetch.key, owed));
            }
        }
        for index in std::mem::take(&mut data.dirty_records) {
            let record = &mut data.records[index];
            changes.records.push(index);
            transaction.put(&RECORDS, record_row(fetch, index, record));
            for body in std::mem::take(&mut record.discarded) {
                // One that was lost need not be let go.
                if profile.bodies().state(body).is_some() {
                    changes.released.push((index, body));
                    transaction.release_body(body);
                }
            }
        }
    }
    if transaction.is_empty() {
        return Ok(());
    }
    let committed = profile.commit(transaction).await;
    if let Err(error) = &committed {
        tracing::warn!(fetch = fetch.key, %error, "a background fetch could not be stored");
        let mut data = fetch.lock();
        data.dirty |= changes.fetch;
        data.dirty_records.extend(changes.records);
        for (index, body) in changes.released {
            data.records[index].discarded.push(body);
        }
    }
    committed
}

/// What a transaction is about, to be marked again if it fails.
#[derive(Default)]
struct Changes {
    fetch: bool,
    records: Vec<usize>,
    released: Vec<(usize, BodyId)>,
}

/// Removes every trace of a background fetch. Readers that are open keep their files until they end.
pub(crate) async fn remove(driver: &Arc<Driver>, fetch: &Arc<BackgroundFetch>) {
    let _order = fetch.committing.lock().await;
    let mut transaction = Transaction::new();
    {
        let mut data = fetch.lock();
        if data.removed {
            return;
        }
        data.removed = true;
        data.records_available = false;
        for body in fetch.take_bodies(&mut data) {
            if driver.profile().bodies().state(body).is_some() {
                transaction.release_body(body);
            }
        }
        for (index, record) in data.records.iter().enumerate() {
            // Whoever still reads something unfinished is told that nothing more will come. The finished stays.
            if record.result.is_none() {
                fetch.records[index].view.send_modify(|view| {
                    view.result = Some(RecordResult::Failure(FailureReason::Aborted));
                });
            }
        }
    }
    fetch.reservation.lock().unwrap_or_else(PoisonError::into_inner).take();
    fetch.publish();
    for table in TABLES {
        transaction.delete_prefix(table, vec![integer(fetch.key)]);
    }
    if let Err(error) = driver.profile().commit(transaction).await {
        tracing::warn!(fetch = fetch.key, %error, "a background fetch could not be removed from the profile");
    }
}

fn fetch_row(fetch: &BackgroundFetch, data: &Data) -> Row {
    let state = match data.result {
        BackgroundFetchResult::None if data.paused => "paused",
        BackgroundFetchResult::None => "active",
        result => result.as_str(),
    };
    vec![
        integer(fetch.key),
        text(&fetch.registration.storage_key),
        text(&fetch.registration.scope),
        text(&fetch.id),
        text(&data.title),
        text(state),
        text(data.failure_reason.as_str()),
        Value::Integer(i64::from(data.paused)),
        integer(fetch.download_total),
        milliseconds(since_epoch(fetch.created)),
        text(&fetch.origin),
        json(&data.icons),
        integer(fetch.records.len() as u64),
    ]
}

fn record_row(fetch: &BackgroundFetch, index: usize, record: &RecordData) -> Row {
    let fixed = &fetch.records[index];
    let request = Request::from_snapshot(fixed.request.clone());
    let response = record.response.as_ref();
    let body = |id: Option<BodyId>| id.map_or(Value::Null, |id| Value::Text(id.to_string()));
    vec![
        integer(fetch.key),
        integer(index as u64),
        text(request.method.as_str()),
        text(request.url().as_str()),
        match record.result {
            None => Value::Null,
            Some(RecordResult::Success) => text("success"),
            Some(RecordResult::Failure(reason)) => text(reason.as_str()),
        },
        integer(record.stored),
        integer(record.uploaded),
        Value::Integer(i64::from(record.sent)),
        json(&fixed.request),
        body(fixed.body.map(|body| body.id)),
        fixed.body.map_or(Value::Null, |body| integer(body.length)),
        response.map_or(Value::Null, |response| json(&*response.snapshot)),
        body(record.body),
        response.map_or(Value::Null, |response| integer(response.first_byte)),
        response.and_then(|response| response.complete_length).map_or(Value::Null, integer),
        integer(record.high_water),
        record.failing.map_or(Value::Null, |failing| milliseconds(since_epoch(failing.noted))),
        record.failing.map_or(Value::Null, |failing| milliseconds(failing.without_progress)),
        Value::Integer(i64::from(record.start_over)),
    ]
}

fn owed_row(key: FetchKey, owed: OwedEvent) -> Row {
    vec![integer(key), text(owed.kind.event_name()), integer(u64::from(owed.failures))]
}

/// What was found of background fetches in a profile.
pub(crate) struct Restored {
    pub(crate) fetches: Vec<Arc<BackgroundFetch>>,
    /// Removes the rows that belong to nothing.
    pub(crate) leftovers: Transaction,
    pub(crate) next_key: FetchKey,
}

/// Reads everything. What is damaged is named in the log; what it belonged to fails, the rest is kept, as far as its
/// registration is still there. Blocks.
pub(crate) fn restore(
    profile: &Profile,
    is_registered: impl Fn(&RegistrationKey) -> bool,
) -> Result<Restored, StorageError> {
    let fetch_rows = profile.rows(&FETCHES)?;
    let record_rows = profile.rows(&RECORDS)?;
    let owed_rows = profile.rows(&OWED_EVENTS)?;
    let keys = fetch_rows.iter().chain(&record_rows).chain(&owed_rows).filter_map(|row| row[0].as_integer());
    let keys: HashSet<i64> = keys.collect();
    let next_key = keys.iter().copied().max().unwrap_or(0).max(0) as u64 + 1;
    let mut orphans = keys;
    let mut fetches = Vec::new();
    let mut records_of: HashMap<i64, Vec<&Row>> = HashMap::new();
    for row in &record_rows {
        if let Some(key) = row[0].as_integer() {
            records_of.entry(key).or_default().push(row);
        }
    }
    let owed_of: HashMap<Option<i64>, &Row> =
        owed_rows.iter().map(|row| (row[0].as_integer(), row)).collect();
    for row in &fetch_rows {
        let Some(key) = row[0].as_integer() else { continue };
        let records = records_of.remove(&key).unwrap_or_default();
        match read_fetch(row, records.into_iter(), owed_of.get(&Some(key)).copied()) {
            // A kill came between the end of a registration and that of its background fetches.
            Some(fetch) if !is_registered(&fetch.registration) => {}
            Some(fetch) => {
                orphans.remove(&key);
                fetches.push(fetch);
            }
            None => tracing::warn!(fetch = key, "a stored background fetch cannot be read and is removed"),
        }
    }
    fetches.sort_by_key(|fetch| fetch.key);
    let mut leftovers = Transaction::new();
    let orphaned = |row: &&Row| row[0].as_integer().is_some_and(|key| orphans.contains(&key));
    for row in record_rows.iter().filter(orphaned) {
        for body in [body_id(&row[9]), body_id(&row[12])].into_iter().flatten() {
            if profile.bodies().state(body).is_some() {
                leftovers.release_body(body);
            }
        }
    }
    for key in orphans {
        for table in TABLES {
            leftovers.delete_prefix(table, vec![Value::Integer(key)]);
        }
    }
    Ok(Restored { fetches, leftovers, next_key })
}

fn read_fetch<'a>(
    row: &Row,
    record_rows: impl Iterator<Item = &'a Row>,
    owed: Option<&Row>,
) -> Option<Arc<BackgroundFetch>> {
    let key = read_integer(&row[0])?;
    let registration = RegistrationKey { storage_key: read_text(&row[1])?, scope: read_text(&row[2])? };
    let mut result = match row[5].as_text()? {
        "success" => BackgroundFetchResult::Success,
        "failure" => BackgroundFetchResult::Failure,
        _ => BackgroundFetchResult::None,
    };
    let mut failure_reason = FailureReason::parse(row[6].as_text()?)?;
    let expected = read_integer(&row[12])?;
    let mut records: Vec<(u64, Record, RecordData)> = record_rows
        .filter_map(|row| Some((read_integer(&row[1])?, read_record(row)?)))
        .map(|(n, (r, d))| (n, r, d))
        .collect();
    records.sort_by_key(|(position, ..)| *position);
    let whole = records.len() as u64 == expected && records.iter().zip(0..).all(|((n, ..), i)| *n == i);
    let (records, mut states): (Vec<Record>, Vec<RecordData>) =
        records.into_iter().map(|(_, record, state)| (record, state)).unzip();
    let mut owed = owed.and_then(read_owed);
    if !whole && result == BackgroundFetchResult::None {
        tracing::warn!(fetch = key, "records of a stored background fetch cannot be read, so it fails");
        result = BackgroundFetchResult::Failure;
        failure_reason = FailureReason::FetchError;
    }
    if result != BackgroundFetchResult::None {
        // Nobody works at those any more, so nobody must wait for them.
        for record in states.iter_mut().filter(|record| record.result.is_none()) {
            record.result = Some(RecordResult::Failure(FailureReason::FetchError));
        }
    }
    if result != BackgroundFetchResult::None && owed.is_none() {
        // Settled rows exist only while an event is owed, so its row was lost.
        let kind = match failure_reason {
            FailureReason::None => EventKind::Success,
            FailureReason::Aborted => EventKind::Abort,
            _ => EventKind::Fail,
        };
        owed = Some(OwedEvent { kind, failures: 0 });
    }
    let data = Data {
        title: read_text(&row[4])?,
        icons: serde_json::from_str(row[11].as_text()?).ok()?,
        result,
        failure_reason,
        records_available: true,
        paused: row[7].as_integer()? != 0,
        owed: if result == BackgroundFetchResult::None { None } else { owed },
        downloaded: states.iter().map(|state| state.stored).fold(0, u64::saturating_add),
        uploaded: states.iter().map(|state| state.uploaded).fold(0, u64::saturating_add),
        records: states,
        dirty: !whole,
        dirty_records: BTreeSet::new(),
        removed: false,
    };
    Some(BackgroundFetch::new(
        key,
        registration,
        read_text(&row[3])?,
        read_text(&row[10])?,
        read_integer(&row[8])?,
        read_time(&row[9])?,
        records,
        data,
    ))
}

fn read_record(row: &Row) -> Option<(Record, RecordData)> {
    let snapshot: RequestSnapshot = serde_json::from_str(row[8].as_text()?).ok()?;
    let request = Request::from_snapshot(snapshot.clone());
    let body = match &row[9] {
        Value::Null => None,
        id => Some(RequestBody { id: body_id(id)?, length: read_integer(&row[10])? }),
    };
    let result = match &row[4] {
        Value::Null => None,
        value => match value.as_text()? {
            "success" => Some(RecordResult::Success),
            reason => Some(RecordResult::Failure(FailureReason::parse(reason)?)),
        },
    };
    let response = match &row[11] {
        Value::Null => None,
        value => {
            let snapshot: ResponseSnapshot = serde_json::from_str(value.as_text()?).ok()?;
            let response = Response::from_snapshot(snapshot, None);
            Some(StoredResponse::new(
                &response,
                read_integer(&row[13])?,
                row[14].as_integer().map(|n| n as u64),
            ))
        }
    };
    let failing = match (&row[16], &row[17]) {
        (Value::Integer(_), Value::Integer(_)) => Some(FailingSince {
            noted: read_time(&row[16])?,
            without_progress: Duration::from_millis(read_integer(&row[17])?),
        }),
        _ => None,
    };
    let state = RecordData {
        sent: row[7].as_integer()? != 0,
        uploaded: read_integer(&row[6])?,
        response,
        body: body_id(&row[12]),
        stored: read_integer(&row[5])?,
        high_water: read_integer(&row[15])?,
        result,
        failing,
        start_over: row[18].as_integer()? != 0,
        discarded: Vec::new(),
    };
    Some((Record::new(snapshot, &request, body), state))
}

fn read_owed(row: &Row) -> Option<OwedEvent> {
    let name = row[1].as_text()?;
    let kind = [EventKind::Success, EventKind::Fail, EventKind::Abort]
        .into_iter()
        .find(|k| k.event_name() == name)?;
    Some(OwedEvent { kind, failures: u32::try_from(row[2].as_integer()?).ok()? })
}

/// A number without a sign; the largest ones look negative in the table, and come back as they were.
fn integer(number: u64) -> Value {
    Value::Integer(number as i64)
}

fn read_integer(value: &Value) -> Option<u64> {
    value.as_integer().map(|number| number as u64)
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn read_text(value: &Value) -> Option<String> {
    value.as_text().map(str::to_owned)
}

fn json(value: &impl serde::Serialize) -> Value {
    // Only maps with keys that are no strings and failing writers make this fail; there are none of either.
    serde_json::to_string(value).map_or(Value::Null, Value::Text)
}

fn milliseconds(duration: Duration) -> Value {
    Value::Integer(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX))
}

fn since_epoch(time: SystemTime) -> Duration {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

fn read_time(value: &Value) -> Option<SystemTime> {
    let milliseconds = u64::try_from(value.as_integer()?).ok()?;
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(milliseconds))
}

fn body_id(value: &Value) -> Option<BodyId> {
    value.as_text()?.parse().ok()
}
