//! What a page holds of a background fetch: `BackgroundFetchRegistration`.

use std::fmt;
use std::sync::Arc;

use futures::stream::BoxStream;
use longhaul_fetch::Request;
use longhaul_fetch::cache_query::CacheQueryOptions;

use crate::background_fetch::BackgroundFetch;
use crate::driver::Driver;
use crate::options::ImageResource;
use crate::record::Record;
use crate::scheduler::FetchKey;

/// A service worker registration, by its name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RegistrationKey {
    /// The storage key it belongs to.
    pub storage_key: String,
    /// Its scope URL.
    pub scope: String,
}

/// <https://wicg.github.io/background-fetch/#enumdef-backgroundfetchresult>
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum BackgroundFetchResult {
    /// It has not settled.
    #[default]
    None,
    /// Every record succeeded.
    Success,
    /// It was aborted, or a record failed.
    Failure,
}

impl BackgroundFetchResult {
    /// The value of the enumeration as scripts see it.
    pub fn as_str(self) -> &'static str {
        match self {
            BackgroundFetchResult::None => "",
            BackgroundFetchResult::Success => "success",
            BackgroundFetchResult::Failure => "failure",
        }
    }
}

/// <https://wicg.github.io/background-fetch/#enumdef-backgroundfetchfailurereason>
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum FailureReason {
    /// It has not settled, or succeeded.
    #[default]
    None,
    /// The user or the page ended it.
    Aborted,
    /// A response's status was not ok.
    BadStatus,
    /// A fetch failed for another reason.
    FetchError,
    /// The storage key may not store any more.
    QuotaExceeded,
    /// More came than the page had declared.
    DownloadTotalExceeded,
}

impl FailureReason {
    /// The value of the enumeration as scripts see it.
    pub fn as_str(self) -> &'static str {
        match self {
            FailureReason::None => "",
            FailureReason::Aborted => "aborted",
            FailureReason::BadStatus => "bad-status",
            FailureReason::FetchError => "fetch-error",
            FailureReason::QuotaExceeded => "quota-exceeded",
            FailureReason::DownloadTotalExceeded => "download-total-exceeded",
        }
    }

    /// The reason that has this value, if one has.
    pub fn parse(text: &str) -> Option<FailureReason> {
        [
            FailureReason::None,
            FailureReason::Aborted,
            FailureReason::BadStatus,
            FailureReason::FetchError,
            FailureReason::QuotaExceeded,
            FailureReason::DownloadTotalExceeded,
        ]
        .into_iter()
        .find(|reason| reason.as_str() == text)
    }
}

/// A background fetch as it stands at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// Bytes of request bodies in all.
    pub upload_total: u64,
    /// Bytes of request bodies that were sent.
    pub uploaded: u64,
    /// What the page declared, or 0.
    pub download_total: u64,
    /// Bytes of response bodies that are stored.
    pub downloaded: u64,
    /// Its result.
    pub result: BackgroundFetchResult,
    /// Why it failed.
    pub failure_reason: FailureReason,
    /// Whether its records may still be had.
    pub records_available: bool,
    /// Whether the user paused it, or permission is still to be asked.
    pub paused: bool,
    /// Whether the user may pause it: every request is a `GET`.
    pub pausable: bool,
    /// Its title.
    pub title: String,
    /// Its icons.
    pub icons: Vec<ImageResource>,
    /// The origin that asked for it.
    pub origin: String,
}

/// A handle to one background fetch. It outlives the background fetch itself: what it was at last can still be read.
#[derive(Clone)]
pub struct Registration {
    pub(crate) driver: Arc<Driver>,
    pub(crate) fetch: Arc<BackgroundFetch>,
}

impl Registration {
    /// What tells it apart from every other one of the profile. Its id does not: ids are used again.
    pub fn unique_key(&self) -> FetchKey {
        self.fetch.key
    }

    /// The id that the page gave it.
    pub fn id(&self) -> &str {
        &self.fetch.id
    }

    /// The service worker registration it belongs to.
    pub fn registration_key(&self) -> &RegistrationKey {
        &self.fetch.registration
    }

    /// How it stands.
    pub fn snapshot(&self) -> State {
        self.fetch.snapshot()
    }

    /// <https://wicg.github.io/background-fetch/#background-fetch-registration-abort>
    ///
    /// Whether it was still active. Resolves once the abort survives a crash.
    pub async fn abort(&self) -> bool {
        let mut active = false;
        self.abort_then(|told| active = told).await;
        active
    }

    /// [`abort`](Registration::abort) that tells whether it was still active by a call. The functional event waits (briefly) until
    /// that call has returned.
    pub async fn abort_then(&self, told: impl FnOnce(bool)) {
        self.driver.abort(&self.fetch, told).await;
    }

    /// The user pauses it. Does nothing where a request is not a `GET`, since that one could not be sent again.
    pub fn pause(&self) {
        self.driver.pause(&self.fetch);
    }

    /// The user lets it go on, or allows what started paused because permission is `prompt`.
    pub fn resume(&self) {
        self.driver.resume(&self.fetch);
    }

    /// <https://wicg.github.io/background-fetch/#fire-a-background-fetch-click-event>
    ///
    /// The user clicked its display.
    pub fn click(&self) {
        self.driver.click(&self.fetch);
    }

    /// <https://wicg.github.io/background-fetch/#background-fetch-update-ui-event-update-ui>, steps 4 to 7.
    pub async fn update_ui(&self, title: Option<String>, icons: Option<Vec<ImageResource>>) {
        self.driver.update_ui(&self.fetch, title, icons).await;
    }

    /// <https://wicg.github.io/background-fetch/#update-background-fetch-instances>
    ///
    /// How it stands whenever that changes, at most once in 16 ms. The settling update comes at once and is the last.
    /// A changed title, icon or paused flag gives an update too; a `progress` event is due only where `downloaded`,
    /// `uploaded`, `result` or `failure_reason` changed.
    /// Nothing comes from one that has settled before. The functional event waits (briefly) until the stream is polled
    /// again after the settling update, or dropped.
    pub fn observe(&self) -> BoxStream<'static, State> {
        crate::progress::observe(&self.driver, &self.fetch)
    }

    /// How it stood when it was registered, and [`observe`](Registration::observe) from that moment on: what
    /// has happened since comes as the first update, the settling one included. It is for whoever called
    /// [`fetch`](crate::BackgroundFetches::fetch), which may have settled before anybody hears that it began.
    pub fn observe_from_the_start(&self) -> (State, BoxStream<'static, State>) {
        crate::progress::observe_from_the_start(&self.driver, &self.fetch)
    }

    /// All records in request order; none once they are not available any more.
    pub fn records(&self) -> Vec<Record> {
        self.match_all(None, &CacheQueryOptions::default())
    }

    /// <https://wicg.github.io/background-fetch/#background-fetch-registration-match-all>
    ///
    /// The records that match, in request order; none once they are not available any more.
    pub fn match_all(&self, request: Option<&Request>, options: &CacheQueryOptions) -> Vec<Record> {
        crate::record::match_all(&self.driver, &self.fetch, request, options)
    }
}

impl PartialEq for Registration {
    fn eq(&self, other: &Self) -> bool {
        self.fetch.key == other.fetch.key && Arc::ptr_eq(&self.driver, &other.driver)
    }
}

impl Eq for Registration {}

impl fmt::Debug for Registration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registration")
            .field("unique_key", &self.fetch.key)
            .field("id", &self.fetch.id)
            .finish()
    }
}
