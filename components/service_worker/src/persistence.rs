//! Registrations, workers and scripts as rows of the profile.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use longhaul_fetch::{EnvironmentSettings, EnvironmentSnapshot, ReferrerPolicy};
use longhaul_storage::{Column, ColumnKind, Profile, Row, StorageError, TableDefinition, Transaction, Value};
use url::Url;

use crate::navigation_preload::NavigationPreloadState;
use crate::script_resource::{ScriptKind, ScriptResourceMap, StoredScript};
use crate::service_worker::{Resources, Worker, WorkerId, WorkerParts, WorkerState};
use crate::service_worker_registration::{Registration, Slot, Slots, UpdateViaCache};
use crate::service_workers::Inner;
use crate::update::WorkerType;

pub(crate) static REGISTRATIONS: TableDefinition = TableDefinition {
    name: "service_worker_registrations",
    columns: &[
        Column { name: "storage_key", kind: ColumnKind::Text },
        Column { name: "scope", kind: ColumnKind::Text },
        Column { name: "position", kind: ColumnKind::Integer },
        Column { name: "update_via_cache", kind: ColumnKind::Text },
        Column { name: "last_update_check", kind: ColumnKind::Integer },
        Column { name: "preload_enabled", kind: ColumnKind::Integer },
        Column { name: "preload_header", kind: ColumnKind::Blob },
    ],
    key_columns: 2,
};

pub(crate) static WORKERS: TableDefinition = TableDefinition {
    name: "service_workers",
    columns: &[
        Column { name: "storage_key", kind: ColumnKind::Text },
        Column { name: "scope", kind: ColumnKind::Text },
        Column { name: "id", kind: ColumnKind::Integer },
        Column { name: "slot", kind: ColumnKind::Text },
        Column { name: "script_url", kind: ColumnKind::Text },
        Column { name: "type", kind: ColumnKind::Text },
        Column { name: "skip_waiting", kind: ColumnKind::Integer },
        Column { name: "scripts_imported", kind: ColumnKind::Integer },
        Column { name: "environment", kind: ColumnKind::Text },
        Column { name: "handles_fetch", kind: ColumnKind::Integer },
    ],
    key_columns: 3,
};

pub(crate) static SCRIPTS: TableDefinition = TableDefinition {
    name: "service_worker_scripts",
    columns: &[
        Column { name: "storage_key", kind: ColumnKind::Text },
        Column { name: "scope", kind: ColumnKind::Text },
        Column { name: "worker", kind: ColumnKind::Integer },
        Column { name: "url", kind: ColumnKind::Text },
        Column { name: "source", kind: ColumnKind::Blob },
        Column { name: "type", kind: ColumnKind::Text },
        Column { name: "base_url", kind: ColumnKind::Text },
    ],
    key_columns: 4,
};

/// What [`load`] found.
pub(crate) struct Stored {
    pub(crate) registrations: Vec<Arc<Registration>>,
    pub(crate) last_worker_id: i64,
    /// Removes the rows that belong to nothing.
    pub(crate) leftovers: Transaction,
}

/// A worker's place in its row.
const WAITING: &str = "waiting";
const ACTIVE: &str = "active";

/// The stored workers of a registration, each with its place.
type SlottedWorkers = Vec<(String, Arc<Worker>)>;

/// Reads every registration. Blocks.
pub(crate) fn load(profile: &Profile) -> Result<Stored, StorageError> {
    let mut leftovers = Transaction::new();
    let mut scripts: HashMap<i64, ScriptResourceMap> = HashMap::new();
    let mut script_owners: HashMap<i64, Vec<Value>> = HashMap::new();
    for row in profile.rows(&SCRIPTS)? {
        if let Some((worker, url, script)) = read_script(&row) {
            script_owners.entry(worker).or_insert_with(|| row[..3].to_vec());
            // The limit was kept when the rows were written; what a damaged profile holds beyond it is left out.
            let _ = scripts.entry(worker).or_default().insert(url, script);
        } else {
            leftovers.delete(&SCRIPTS, row[..4].to_vec());
        }
    }
    let mut last_worker_id = 0;
    let mut workers: HashMap<(String, String), SlottedWorkers> = HashMap::new();
    for row in profile.rows(&WORKERS)? {
        last_worker_id = last_worker_id.max(row[2].as_integer().unwrap_or(0));
        let worker = row[2].as_integer().and_then(|id| read_worker(&row, scripts.remove(&id)?));
        match (worker, text(&row[0]), text(&row[1]), text(&row[3])) {
            (Some(worker), Some(storage_key), Some(scope), Some(slot)) => {
                script_owners.remove(&worker.id.0);
                workers.entry((storage_key, scope)).or_default().push((slot, worker));
            }
            _ => {
                tracing::warn!(scope = ?row[1], "a stored service worker cannot be read and is dropped");
                leftovers.delete(&WORKERS, row[..3].to_vec());
            }
        }
    }
    for owner in script_owners.into_values() {
        leftovers.delete_prefix(&SCRIPTS, owner);
    }
    let mut registrations: Vec<Arc<Registration>> = Vec::new();
    for row in profile.rows(&REGISTRATIONS)? {
        let stored = text(&row[0]).zip(text(&row[1])).and_then(|key| workers.remove(&key));
        match read_registration(&row, stored.unwrap_or_default()) {
            Some(registration) => registrations.push(registration),
            None => {
                leftovers.delete(&REGISTRATIONS, row[..2].to_vec());
                leftovers.delete_prefix(&WORKERS, row[..2].to_vec());
                leftovers.delete_prefix(&SCRIPTS, row[..2].to_vec());
            }
        }
    }
    for (storage_key, scope) in workers.into_keys() {
        let key = vec![Value::from(storage_key), Value::from(scope)];
        leftovers.delete_prefix(&WORKERS, key.clone());
        leftovers.delete_prefix(&SCRIPTS, key);
    }
    registrations.sort_by_key(|registration| registration.position);
    last_worker_id = registrations.iter().map(|known| known.position).fold(last_worker_id, i64::max);
    Ok(Stored { registrations, last_worker_id, leftovers })
}

fn read_script(row: &Row) -> Option<(i64, Url, StoredScript)> {
    let script_url = url(&row[3])?;
    let script = StoredScript {
        source: Bytes::copy_from_slice(row[4].as_blob()?),
        kind: ScriptKind::from_name(row[5].as_text()),
        base_url: url(&row[6]).unwrap_or_else(|| script_url.clone()),
        referrer_policy: ReferrerPolicy::Empty,
        used: true,
    };
    Some((row[2].as_integer()?, script_url, script))
}

fn read_worker(row: &Row, scripts: ScriptResourceMap) -> Option<Arc<Worker>> {
    let script_url = url(&row[4])?;
    // Without its script it cannot run.
    scripts.get(&script_url)?;
    let snapshot: EnvironmentSnapshot = serde_json::from_str(row[8].as_text()?).ok()?;
    let state = match row[3].as_text()? {
        WAITING => WorkerState::Installed,
        // NOTE: an `activate` event that was being handled is not fired again: the worker is active whatever came of it.
        ACTIVE => WorkerState::Activated,
        _ => return None,
    };
    Some(Worker::new(WorkerParts {
        id: WorkerId(row[2].as_integer()?),
        script_url,
        worker_type: WorkerType::from_name(row[5].as_text()?)?,
        environment: Arc::new(EnvironmentSettings::from_snapshot(snapshot)),
        state,
        resources: Resources {
            scripts,
            skip_waiting: row[6].as_integer() == Some(1),
            classic_scripts_imported: row[7].as_integer() == Some(1),
            force_bypass_cache_for_imports: false,
            handles_fetch: row[9].as_integer().map(|handles| handles != 0),
        },
    }))
}

fn read_registration(row: &Row, workers: SlottedWorkers) -> Option<Arc<Registration>> {
    let mut slots = Slots {
        update_via_cache: UpdateViaCache::from_name(row[3].as_text()?)?,
        last_update_check: row[4].as_integer().map(from_millis),
        preload: NavigationPreloadState {
            enabled: row[5].as_integer() == Some(1),
            header_value: row[6].as_blob().map_or_else(|| b"true".to_vec(), <[u8]>::to_vec),
        },
        ..Slots::default()
    };
    for (slot, worker) in workers {
        match slot.as_str() {
            WAITING => slots.waiting = Some(worker),
            _ => slots.active = Some(worker),
        }
    }
    // Without a worker there is no registration.
    slots.waiting.as_ref().or(slots.active.as_ref())?;
    Some(Registration::new(text(&row[0])?, url(&row[1])?, row[2].as_integer()?, slots))
}

impl Inner {
    /// Makes an installed worker durable, in place of the one that waited.
    pub(crate) async fn store_installed(
        &self,
        registration: &Arc<Registration>,
        worker: &Arc<Worker>,
    ) -> Result<(), StorageError> {
        let _one_at_a_time = self.storing.lock().await;
        let active = registration.worker(Slot::Active);
        let workers = [Some((worker.clone(), WAITING)), active.map(|active| (active, ACTIVE))];
        self.store_workers(registration, workers.into_iter().flatten().collect()).await
    }

    /// Makes it durable that a worker is active, in place of any other.
    pub(crate) async fn store_active(
        &self,
        registration: &Arc<Registration>,
        active: &Arc<Worker>,
    ) -> Result<(), StorageError> {
        let _one_at_a_time = self.storing.lock().await;
        // An unregistered one is out of the profile already, and stays out.
        if self.state().is_unregistered(registration) {
            return Ok(());
        }
        let waiting = registration.worker(Slot::Waiting);
        let workers = [Some((active.clone(), ACTIVE)), waiting.map(|waiting| (waiting, WAITING))];
        self.store_workers(registration, workers.into_iter().flatten().collect()).await
    }

    /// Makes these the stored workers of a registration. A worker's scripts do not change once it is stored.
    async fn store_workers(
        &self,
        registration: &Arc<Registration>,
        workers: Vec<(Arc<Worker>, &str)>,
    ) -> Result<(), StorageError> {
        let (profile, prefix) = (self.profile.clone(), registration_key(registration));
        let stored = tokio::task::spawn_blocking(move || profile.rows_with_prefix(&WORKERS, &prefix)).await;
        // The task ends early only when the runtime shuts down.
        let stored = stored.unwrap_or(Err(StorageError::Closed))?;
        let mut transaction = Transaction::new();
        transaction.put(&REGISTRATIONS, registration_row(registration));
        for row in &stored {
            if !workers.iter().any(|(worker, _)| row[2].as_integer() == Some(worker.id.0)) {
                transaction.delete(&WORKERS, row[..3].to_vec());
                transaction.delete_prefix(&SCRIPTS, row[..3].to_vec());
            }
        }
        for (worker, slot) in &workers {
            transaction.put(&WORKERS, worker_row(registration, worker, slot));
            if stored.iter().any(|row| row[2].as_integer() == Some(worker.id.0)) {
                continue;
            }
            for (url, script) in worker.resources().scripts.iter() {
                let mut row = worker_key(registration, worker);
                row.extend([
                    Value::from(url.as_str()),
                    Value::from(&script.source[..]),
                    Value::from(script.kind.as_str()),
                    Value::from(script.base_url.as_str()),
                ]);
                transaction.put(&SCRIPTS, row);
            }
        }
        self.profile.commit(transaction).await
    }

    /// Stores what of a registration can change by itself. A registration without a stored worker is left out.
    pub(crate) async fn store_registration(&self, registration: &Arc<Registration>) {
        let _one_at_a_time = self.storing.lock().await;
        let has_stored_worker = {
            let slots = registration.slots();
            slots.waiting.is_some() || slots.active.is_some()
        };
        if !has_stored_worker || self.state().is_unregistered(registration) {
            return;
        }
        let mut transaction = Transaction::new();
        transaction.put(&REGISTRATIONS, registration_row(registration));
        if let Err(error) = self.profile.commit(transaction).await {
            // The update check is done once more after a restart, which is no loss.
            tracing::warn!(scope = %registration.scope, %error, "a registration could not be stored");
        }
    }

    /// Removes everything of a registration.
    pub(crate) async fn delete_stored(&self, registration: &Arc<Registration>) {
        let _one_at_a_time = self.storing.lock().await;
        let mut transaction = Transaction::new();
        let key = registration_key(registration);
        transaction.delete(&REGISTRATIONS, key.clone());
        transaction.delete_prefix(&WORKERS, key.clone());
        transaction.delete_prefix(&SCRIPTS, key);
        if let Err(error) = self.profile.commit(transaction).await {
            tracing::warn!(scope = %registration.scope, %error, "a registration could not be removed from the profile");
        }
    }
}

fn registration_row(registration: &Registration) -> Row {
    let mut row = registration_key(registration);
    let slots = registration.slots();
    let last_update_check = slots.last_update_check.map(to_millis);
    row.extend([
        Value::from(registration.position),
        Value::from(slots.update_via_cache.as_str()),
        Value::from(last_update_check),
        Value::from(slots.preload.enabled),
        Value::from(&slots.preload.header_value[..]),
    ]);
    row
}

fn registration_key(registration: &Registration) -> Vec<Value> {
    vec![Value::from(registration.storage_key.as_str()), Value::from(registration.scope.as_str())]
}

fn worker_key(registration: &Registration, worker: &Worker) -> Vec<Value> {
    let mut key = registration_key(registration);
    key.push(Value::from(worker.id.0));
    key
}

fn worker_row(registration: &Registration, worker: &Worker, slot: &str) -> Row {
    let environment = serde_json::to_string(&worker.environment.snapshot());
    let resources = worker.resources();
    let mut row = worker_key(registration, worker);
    row.extend([
        Value::from(slot),
        Value::from(worker.script_url.as_str()),
        Value::from(worker.worker_type.as_str()),
        Value::from(resources.skip_waiting),
        Value::from(resources.classic_scripts_imported),
        // Strings, flags and lists of them always have a JSON form; a row without one is dropped when it is read.
        environment.map_or(Value::Null, Value::from),
        Value::from(resources.handles_fetch.map(i64::from)),
    ]);
    row
}

fn text(value: &Value) -> Option<String> {
    value.as_text().map(str::to_owned)
}

fn url(value: &Value) -> Option<Url> {
    Url::parse(value.as_text()?).ok()
}

fn to_millis(time: SystemTime) -> i64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

fn from_millis(millis: i64) -> SystemTime {
    // The arithmetic cannot overflow: an i64 of milliseconds is within what a system time holds on every target.
    SystemTime::UNIX_EPOCH + Duration::from_millis(u64::try_from(millis).unwrap_or(0))
}
