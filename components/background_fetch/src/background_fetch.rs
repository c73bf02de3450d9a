//! <https://wicg.github.io/background-fetch/#background-fetch-concept>: a background fetch and its records, in memory.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use longhaul_fetch::{HeaderList, RequestSnapshot, Response, ResponseSnapshot, ResponseType};
use longhaul_storage::{BodyId, Profile, Reservation};
use tokio::sync::{mpsc, watch};

use crate::dependencies::EventKind;
use crate::options::ImageResource;
use crate::registration::{BackgroundFetchResult, FailureReason, RegistrationKey, State};
use crate::response_validation::{AuthorRange, strong_validator, wanted_end};
use crate::scheduler::{FetchKey, NewFetch, NewRecord, RecordResult, Repeat};

/// The most that the time between two processes adds to how long a record has been failing.
const CREDIBLE_ABSENCE: Duration = Duration::from_secs(24 * 60 * 60);

/// A background fetch. What never changes lies open, the rest behind a lock that is never held across I/O.
pub(crate) struct BackgroundFetch {
    pub(crate) key: FetchKey,
    pub(crate) registration: RegistrationKey,
    pub(crate) id: String,
    pub(crate) origin: String,
    pub(crate) download_total: u64,
    pub(crate) upload_total: u64,
    pub(crate) created: SystemTime,
    pub(crate) records: Vec<Record>,
    /// Whether the user may pause it: every request is a `GET`.
    pub(crate) pausable: bool,
    /// What is set aside of the quota for response bodies still to come.
    pub(crate) reservation: Mutex<Option<Arc<Reservation>>>,
    /// Held while rows are committed, so that an older state never overwrites a newer one.
    pub(crate) committing: tokio::sync::Mutex<()>,
    /// Told whenever something that observers see has changed.
    pub(crate) changed: watch::Sender<()>,
    /// Observers keep a sender each until they have passed on the settling update.
    pub(crate) observers: Mutex<Option<ObserverCount>>,
    data: Mutex<Data>,
}

/// A channel through which nothing is ever sent: it closes once every observer is through.
pub(crate) type ObserverCount = (mpsc::Sender<()>, mpsc::Receiver<()>);

/// <https://wicg.github.io/background-fetch/#background-fetch-record>: what never changes of a record.
pub(crate) struct Record {
    pub(crate) request: RequestSnapshot,
    pub(crate) repeat: Repeat,
    pub(crate) author_range: AuthorRange,
    pub(crate) body: Option<RequestBody>,
    /// One attempt at a time: the next waits until the one before has put its body away.
    pub(crate) turn: tokio::sync::Mutex<()>,
    /// What readers of the record see.
    pub(crate) view: watch::Sender<RecordView>,
}

/// The stored body of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RequestBody {
    pub(crate) id: BodyId,
    pub(crate) length: u64,
}

/// What readers of a record see of its response.
#[derive(Clone, Debug, Default)]
pub(crate) struct RecordView {
    /// The response of the present download, once its headers have come.
    pub(crate) response: Option<Arc<ResponseSnapshot>>,
    /// Its body, where it has one.
    pub(crate) body: Option<BodyId>,
    /// Goes up when a download is replaced: readers of the one before have nothing to read any more.
    pub(crate) generation: u64,
    /// The record's result.
    pub(crate) result: Option<RecordResult>,
}

/// What changes of a background fetch.
#[derive(Debug)]
pub(crate) struct Data {
    pub(crate) title: String,
    pub(crate) icons: Vec<ImageResource>,
    pub(crate) result: BackgroundFetchResult,
    pub(crate) failure_reason: FailureReason,
    pub(crate) records_available: bool,
    pub(crate) paused: bool,
    pub(crate) owed: Option<OwedEvent>,
    pub(crate) records: Vec<RecordData>,
    pub(crate) downloaded: u64,
    pub(crate) uploaded: u64,
    /// The row of the background fetch itself has to be stored.
    pub(crate) dirty: bool,
    /// The records whose rows have to be stored.
    pub(crate) dirty_records: BTreeSet<usize>,
    /// It is to vanish: nothing of it may be stored any more.
    pub(crate) removed: bool,
}

/// An event that its worker has not had yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OwedEvent {
    pub(crate) kind: EventKind,
    /// Dispatches that crashed or could not start.
    pub(crate) failures: u32,
}

/// What changes of a record.
#[derive(Debug, Default)]
pub(crate) struct RecordData {
    /// A byte of the request may have left. Only kept for requests that must not be repeated.
    pub(crate) sent: bool,
    pub(crate) uploaded: u64,
    /// The response whose body is being stored.
    pub(crate) response: Option<StoredResponse>,
    /// Where that body is stored.
    pub(crate) body: Option<BodyId>,
    /// Its stored bytes.
    pub(crate) stored: u64,
    pub(crate) high_water: u64,
    pub(crate) result: Option<RecordResult>,
    pub(crate) failing: Option<FailingSince>,
    /// What is stored must not be continued, though it looks as if it could.
    pub(crate) start_over: bool,
    /// Bodies to be released with the next commit.
    pub(crate) discarded: Vec<BodyId>,
}

/// A response, and which part of the resource its body is.
#[derive(Clone, Debug)]
pub(crate) struct StoredResponse {
    /// What scripts see of it.
    pub(crate) snapshot: Arc<ResponseSnapshot>,
    /// Its headers as they were sent.
    pub(crate) headers: HeaderList,
    pub(crate) r#type: ResponseType,
    /// The origin that it came from in the end.
    pub(crate) origin: Option<String>,
    pub(crate) status: u16,
    /// The position in the resource of the body's first byte.
    pub(crate) first_byte: u64,
    /// The length of the resource, where a `Content-Range` said so.
    pub(crate) complete_length: Option<u64>,
}

impl StoredResponse {
    /// The end (one past the last byte) of what is wanted of the resource, as far as that is known.
    pub(crate) fn wanted_end(&self, author: AuthorRange) -> Option<u64> {
        wanted_end(self.range_of(author), self.complete_length)
    }

    /// The part of the author's request that the server took notice of: a response that is no part is the whole.
    pub(crate) fn range_of(&self, author: AuthorRange) -> AuthorRange {
        if self.status == 206 { author } else { AuthorRange::None }
    }

    /// What a later request can name this version by; `None` where the stored bytes cannot be continued.
    pub(crate) fn validator(&self) -> Option<Vec<u8>> {
        // NOTE: several ranges come as one body whose positions are not the resource's.
        let positions_are_known = self.status != 206 || self.headers.contains("Content-Range");
        strong_validator(&self.headers).filter(|_| positions_are_known)
    }

    pub(crate) fn new(response: &Response, first_byte: u64, complete_length: Option<u64>) -> StoredResponse {
        StoredResponse {
            snapshot: Arc::new(response.snapshot()),
            headers: response.unfiltered().header_list.clone(),
            r#type: response.r#type,
            origin: response.url().map(|url| url.origin().ascii_serialization()),
            status: response.unfiltered().status,
            first_byte,
            complete_length,
        }
    }
}

/// For how long a record had been failing at a time of the wall clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FailingSince {
    pub(crate) noted: SystemTime,
    pub(crate) without_progress: Duration,
}

/// Whether bytes may be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// They may, and are counted.
    Granted,
    /// More than the page declared.
    DownloadTotalExceeded,
    /// The record has settled meanwhile.
    Settled,
}

impl BackgroundFetch {
    #[expect(
        clippy::too_many_arguments,
        reason = "every one is a field, and there is one caller for new and restored"
    )]
    pub(crate) fn new(
        key: FetchKey,
        registration: RegistrationKey,
        id: String,
        origin: String,
        download_total: u64,
        created: SystemTime,
        records: Vec<Record>,
        data: Data,
    ) -> Arc<BackgroundFetch> {
        let lengths = records.iter().filter_map(|record| record.body).map(|body| body.length);
        let upload_total = lengths.fold(0, u64::saturating_add);
        let fetch = BackgroundFetch {
            key,
            registration,
            id,
            origin,
            download_total,
            upload_total,
            created,
            pausable: records.iter().all(|record| record.repeat == Repeat::Allowed),
            records,
            reservation: Mutex::new(None),
            committing: tokio::sync::Mutex::new(()),
            changed: watch::Sender::new(()),
            observers: Mutex::new(Some(mpsc::channel(1))),
            data: Mutex::new(data),
        };
        {
            let data = fetch.lock();
            for (index, record) in data.records.iter().enumerate() {
                fetch.show(index, record, |_| {});
            }
        }
        Arc::new(fetch)
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Data> {
        self.data.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn snapshot(&self) -> State {
        let data = self.lock();
        State {
            upload_total: self.upload_total,
            uploaded: data.uploaded,
            download_total: self.download_total,
            downloaded: data.downloaded,
            result: data.result,
            failure_reason: data.failure_reason,
            records_available: data.records_available,
            paused: data.paused,
            pausable: self.pausable,
            title: data.title.clone(),
            icons: data.icons.clone(),
            origin: self.origin.clone(),
        }
    }

    /// Tells observers to look again.
    pub(crate) fn publish(&self) {
        self.changed.send_replace(());
    }

    /// Lets readers of a record see what it is now.
    pub(crate) fn show(&self, index: usize, record: &RecordData, change: impl FnOnce(&mut RecordView)) {
        self.records[index].view.send_modify(|view| {
            view.response = record.response.as_ref().map(|response| response.snapshot.clone());
            view.body = record.body;
            view.result = record.result;
            change(view);
        });
    }

    /// Counts bytes that are about to be stored, unless they would go past what the page declared.
    pub(crate) fn admit(&self, index: usize, bytes: u64) -> Admission {
        let mut data = self.lock();
        if data.records[index].result.is_some() || data.removed {
            return Admission::Settled;
        }
        // The draft's `>`: exactly the declared total is fine.
        if self.download_total > 0 && data.downloaded.saturating_add(bytes) > self.download_total {
            return Admission::DownloadTotalExceeded;
        }
        data.records[index].stored += bytes;
        data.downloaded += bytes;
        Admission::Granted
    }

    /// Sets a record's stored bytes to what is really there.
    pub(crate) fn set_stored(&self, index: usize, stored: u64) {
        let mut data = self.lock();
        data.set_stored(index, stored);
    }

    /// Sets aside anew what is still to come, after stored bytes were given up or a restart.
    pub(crate) fn renew_reservation(&self, profile: &Profile) {
        let missing = self.download_total.saturating_sub(self.lock().downloaded);
        let mut reservation = self.reservation.lock().unwrap_or_else(PoisonError::into_inner);
        if self.download_total == 0 {
            return;
        }
        // Where there is no room any more, the bytes are counted as they come.
        match &*reservation {
            // Other records are being written against it, so it has to stay the same one.
            Some(kept) => drop(kept.extend(missing.saturating_sub(kept.remaining()))),
            None => {
                let renewed = profile.quota().reserve(&self.registration.storage_key, missing);
                *reservation = renewed.ok().map(Arc::new);
            }
        }
    }

    /// What the scheduler has to know of it.
    pub(crate) fn plan(&self, now: SystemTime) -> NewFetch {
        let data = self.lock();
        let records = self.records.iter().zip(&data.records).map(|(record, state)| NewRecord {
            repeat: record.repeat,
            may_have_been_sent: state.sent,
            result: state.result,
            high_water: state.high_water,
            // A wall clock that went back adds nothing.
            without_progress: state.failing.map(|failing| {
                // One that jumped forward must not use up all patience at once.
                let since = now.duration_since(failing.noted).unwrap_or_default().min(CREDIBLE_ABSENCE);
                failing.without_progress + if data.paused { Duration::ZERO } else { since }
            }),
        });
        NewFetch {
            key: self.key,
            storage_key: self.registration.storage_key.clone(),
            paused: data.paused,
            records: records.collect(),
        }
    }

    /// Every body that it refers to, to be released when nothing is left of it.
    pub(crate) fn take_bodies(&self, data: &mut Data) -> Vec<BodyId> {
        let requests = self.records.iter().filter_map(|record| record.body).map(|body| body.id);
        let mut bodies: Vec<BodyId> = requests.collect();
        for record in &mut data.records {
            bodies.append(&mut record.discarded);
            bodies.extend(record.body.take());
        }
        bodies
    }
}

impl Data {
    pub(crate) fn set_stored(&mut self, index: usize, stored: u64) {
        let record = &mut self.records[index];
        self.downloaded = self.downloaded.saturating_sub(record.stored).saturating_add(stored);
        record.stored = stored;
    }
}

impl RecordData {
    /// Whether scripts may see the response.
    ///
    /// <https://wicg.github.io/background-fetch/#background-fetch-response-exposed>
    pub(crate) fn is_exposed(result: Option<RecordResult>) -> bool {
        matches!(
            result,
            None | Some(RecordResult::Success) | Some(RecordResult::Failure(FailureReason::BadStatus))
        )
    }
}
