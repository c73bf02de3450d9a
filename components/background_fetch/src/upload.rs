//! <https://wicg.github.io/background-fetch/#background-fetch-manager-fetch>: taking over requests and their bodies.

use std::sync::{Arc, Mutex, PoisonError};

use futures::{StreamExt, TryStreamExt, stream};
use longhaul_fetch::{Body, Mode, Request};
use longhaul_storage::{BodyId, Transaction};
use url::Url;

use crate::background_fetch::{BackgroundFetch, Data, Record, RecordData, RequestBody};
use crate::dependencies::PermissionState;
use crate::driver::{AtShutdown, Driver};
use crate::error::FetchError;
use crate::options::BackgroundFetchOptions;
use crate::registration::{BackgroundFetchResult, FailureReason, Registration, RegistrationKey};
use crate::scheduler::Repeat;

/// Bodies of one call that are read at the same time. Each has a file open, of which a process may have about 1000.
const OPEN_BODIES: usize = 128;

pub(crate) async fn fetch(
    driver: &Arc<Driver>,
    registration: RegistrationKey,
    id: String,
    requests: Vec<Request>,
    options: BackgroundFetchOptions,
) -> Result<Registration, FetchError> {
    let _busy = driver.busy(AtShutdown::Leave);
    tokio::select! {
        biased;
        () = driver.stopping() => Err(FetchError::ShuttingDown),
        result = take_over(driver, registration, id, requests, options) => result,
    }
}

async fn take_over(
    driver: &Arc<Driver>,
    registration: RegistrationKey,
    id: String,
    requests: Vec<Request>,
    options: BackgroundFetchOptions,
) -> Result<Registration, FetchError> {
    // 5. At least one request.
    if requests.is_empty() {
        return Err(FetchError::NoRequests);
    }
    // 6.2. None of them no-cors.
    if requests.iter().any(|request| request.mode == Mode::NoCors) {
        return Err(FetchError::NoCors);
    }
    // 8. DEVIATION: the draft has one queue for the whole registration, which an endless body would block. Here only
    // calls with the same id wait for each other.
    let making = driver.making(&registration, &id);
    let _order = making.lock().await;
    // 8.1. and 8.2. Permission.
    let origin = origin(&registration);
    let paused = match driver.dependencies.permission.request(&origin).await {
        PermissionState::Denied => return Err(FetchError::PermissionDenied),
        PermissionState::Granted => false,
        PermissionState::Prompt => true,
    };
    // 8.4. An active worker.
    let workers = &driver.dependencies.workers;
    if !workers.has_active_worker(&registration) {
        return Err(FetchError::NoActiveWorker);
    }
    // 8.5. The id is free.
    if driver.active(&registration, &id).is_some() {
        return Err(FetchError::DuplicateId);
    }
    // NOTE: what is declared is set aside now; the draft only notices when the space runs out.
    let quota = driver.profile().quota();
    let reservation = match options.download_total {
        0 => None,
        total => Some(Arc::new(quota.reserve(&registration.storage_key, total)?)),
    };
    // 8.6. to 8.10. The bodies, all at once.
    let mut stored = StoredBodies { driver, bodies: Mutex::default() };
    let records = requests.into_iter().enumerate().map(|(position, request)| {
        let stored = &stored;
        let storage_key = &registration.storage_key;
        async move { Ok::<_, FetchError>((position, stored.take_over(position, request, storage_key).await?)) }
    });
    let records = stream::iter(records).buffer_unordered(OPEN_BODIES);
    let mut records: Vec<(usize, Record)> = records.try_collect().await?;
    records.sort_unstable_by_key(|(position, _)| *position);
    let records: Vec<Record> = records.into_iter().map(|(_, record)| record).collect();
    // The worker may have been unregistered while the bodies were read.
    if !workers.has_active_worker(&registration) {
        return Err(FetchError::NoActiveWorker);
    }
    // 8.11. The background fetch.
    let data = Data {
        title: options.title,
        icons: options.icons,
        result: BackgroundFetchResult::None,
        failure_reason: FailureReason::None,
        records_available: true,
        paused,
        owed: None,
        records: records.iter().map(|_| RecordData::default()).collect(),
        dirty_records: (0..records.len()).collect(),
        downloaded: 0,
        uploaded: 0,
        dirty: true,
        removed: false,
    };
    let fetch = BackgroundFetch::new(
        driver.next_key(),
        registration,
        id,
        origin,
        options.download_total,
        driver.dependencies.clock.now(),
        records,
        data,
    );
    *fetch.reservation.lock().unwrap_or_else(PoisonError::into_inner) = reservation;
    // From here on it cannot be given up half way: its rows are there or they are not.
    stored.disarm();
    let (task_driver, task_fetch) = (driver.clone(), fetch.clone());
    let (done, result) = tokio::sync::oneshot::channel();
    driver.spawn(async move {
        let committed = crate::registry::persist(&task_driver, &task_fetch).await;
        if done.is_closed() || committed.is_err() {
            crate::registry::remove(&task_driver, &task_fetch).await;
        } else {
            // 8.12. and 8.15. In its place, and begun.
            task_driver.add(&task_fetch);
            if !task_driver.dependencies.workers.has_active_worker(&task_fetch.registration) {
                task_driver.remove_where(|other| other.key == task_fetch.key);
            }
        }
        let _ = done.send(committed);
    });
    // 8.13. Durable, so the promise may resolve.
    result.await.map_err(|_| FetchError::ShuttingDown)??;
    Ok(driver.registration(&fetch))
}

/// The origin that the user is shown: the scope's.
pub(crate) fn origin(registration: &RegistrationKey) -> String {
    match Url::parse(&registration.scope) {
        Ok(scope) => scope.origin().ascii_serialization(),
        Err(_) => registration.storage_key.clone(),
    }
}

/// Bodies that are stored but belong to nobody yet. Dropped, it lets them go.
struct StoredBodies<'a> {
    driver: &'a Arc<Driver>,
    bodies: Mutex<Vec<BodyId>>,
}

impl StoredBodies<'_> {
    async fn take_over(
        &self,
        position: usize,
        mut request: Request,
        storage_key: &str,
    ) -> Result<Record, FetchError> {
        let body = match request.body.take() {
            Some(body) => Some(self.store(position, body, storage_key).await?),
            // The draft waits for these for ever.
            None => None,
        };
        Ok(Record::new(request.snapshot(), &request, body))
    }

    async fn store(&self, position: usize, body: Body, storage_key: &str) -> Result<RequestBody, FetchError> {
        let (id, mut writer) = self.driver.profile().bodies().create(storage_key).await?;
        self.bodies.lock().unwrap_or_else(PoisonError::into_inner).push(id);
        let mut stream = body.into_stream();
        while let Some(chunk) = stream.next().await {
            let chunk =
                chunk.map_err(|error| FetchError::RequestBody { position, reason: error.to_string() })?;
            writer.append(chunk).await?;
        }
        let length = writer.finish().await?;
        Ok(RequestBody { id, length })
    }

    fn disarm(&mut self) {
        self.bodies.get_mut().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

impl Drop for StoredBodies<'_> {
    fn drop(&mut self) {
        let bodies = std::mem::take(self.bodies.get_mut().unwrap_or_else(PoisonError::into_inner));
        if bodies.is_empty() {
            return;
        }
        let profile = self.driver.profile().clone();
        self.driver.spawn( async move {
            let mut transaction = Transaction::new();
            for body in bodies {
                transaction.release_body(body);
            }
            if let Err(error) = profile.commit(transaction).await {
                tracing::warn!(%error, "bodies of a rejected background fetch stay until the profile is opened again");
            }
        });
    }
}

impl Record {
    pub(crate) fn new(
        snapshot: longhaul_fetch::RequestSnapshot,
        request: &Request,
        body: Option<RequestBody>,
    ) -> Record {
        Record {
            repeat: if request.method == "GET" { Repeat::Allowed } else { Repeat::Never },
            author_range: crate::response_validation::author_range(&request.header_list),
            request: snapshot,
            body,
            turn: tokio::sync::Mutex::new(()),
            view: tokio::sync::watch::Sender::default(),
        }
    }
}
