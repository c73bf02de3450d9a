//! What an embedder gives to background fetches, and what it is asked.

use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use longhaul_fetch::{FetchController, Request, Response};
use longhaul_storage::{Clock, Profile};

use crate::registration::{Registration, RegistrationKey};
use crate::scheduler::{Connectivity, Policy};

/// Everything that background fetches need from outside.
pub struct Dependencies {
    /// Where they are kept. It must have been opened with [`TABLES`](crate::TABLES).
    pub profile: Profile,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// What the jitter of retries is made from.
    pub seed: u64,
    /// Makes each attempt.
    pub fetcher: Arc<dyn RecordFetcher>,
    /// Runs service workers.
    pub workers: Arc<dyn ServiceWorkerHost>,
    /// The permission `background-fetch`.
    pub permission: Arc<dyn PermissionPolicy>,
    /// Shows them to the user.
    pub display: Arc<dyn Display>,
    /// Whether there is a network to begin with.
    pub connectivity: Connectivity,
    /// Where the work runs. Its timers must be enabled.
    pub runtime: tokio::runtime::Handle,
    /// What may be chosen.
    pub config: Config,
}

/// What may be chosen about background fetches.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Config {
    /// Parallelism and retries.
    pub policy: Policy,
    /// Whether scripts see the body of a response whose status is not ok.
    pub bad_status_body: BadStatusBody,
}

impl Config {
    /// With another policy.
    pub fn with_policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// With another way to treat the body of a response whose status is not ok.
    pub fn with_bad_status_body(mut self, bad_status_body: BadStatusBody) -> Self {
        self.bad_status_body = bad_status_body;
        self
    }
}

/// What becomes of the body of a response whose status is not ok.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BadStatusBody {
    /// It is not read; scripts see an empty one. What web-platform-tests assert.
    #[default]
    Empty,
    /// It is stored and exposed. What the draft says.
    Keep,
}

/// Makes one attempt at a record's request.
pub trait RecordFetcher: Send + Sync + 'static {
    /// Fetches `request`; a failure is a network error response. `upload_progress` is called with the length of each
    /// chunk of the request's body that was sent. Dropping the future, or the response's body, ends the attempt.
    fn fetch(
        &self,
        request: Request,
        controller: FetchController,
        upload_progress: Box<dyn FnMut(u64) + Send>,
    ) -> BoxFuture<'static, Response>;
}

/// Runs service workers.
pub trait ServiceWorkerHost: Send + Sync + 'static {
    /// Whether the registration exists and has an active worker.
    fn has_active_worker(&self, registration: &RegistrationKey) -> bool;

    /// Starts the worker if need be, dispatches the event to it and waits until the event is not active any more.
    fn dispatch(&self, registration: &RegistrationKey, event: Event) -> BoxFuture<'static, DispatchOutcome>;
}

/// A functional event for a service worker.
#[derive(Clone, Debug)]
pub struct Event {
    /// Which one.
    pub kind: EventKind,
    /// What its `registration` attribute stands for.
    pub registration: Registration,
}

/// The functional events of background fetches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EventKind {
    /// Every record succeeded.
    Success,
    /// A record failed.
    Fail,
    /// The page or the user ended it.
    Abort,
    /// The user clicked its display.
    Click,
}

impl EventKind {
    /// The event's type.
    pub fn event_name(self) -> &'static str {
        match self {
            EventKind::Success => "backgroundfetchsuccess",
            EventKind::Fail => "backgroundfetchfail",
            EventKind::Abort => "backgroundfetchabort",
            EventKind::Click => "backgroundfetchclick",
        }
    }

    /// Whether the event can update the display: it is a `BackgroundFetchUpdateUIEvent`.
    pub fn can_update_ui(self) -> bool {
        matches!(self, EventKind::Success | EventKind::Fail)
    }
}

/// How a dispatch ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DispatchOutcome {
    /// The worker had the event: its handlers ran and its promises settled, well or badly, or its time was up.
    Delivered,
    /// The worker could not be started.
    CouldNotStart(String),
    /// The worker died while it had the event.
    Crashed(String),
    /// The registration is gone or has no active worker.
    NoWorker,
}

/// The permission `background-fetch`.
pub trait PermissionPolicy: Send + Sync + 'static {
    /// Asks for an origin.
    fn request(&self, origin: &str) -> BoxFuture<'static, PermissionState>;
}

/// <https://www.w3.org/TR/permissions/#dom-permissionstate>
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PermissionState {
    /// It starts at once.
    Granted,
    /// `fetch()` rejects.
    Denied,
    /// It starts paused; the user resumes or aborts it.
    Prompt,
}

/// The same answer for everybody.
impl PermissionPolicy for PermissionState {
    fn request(&self, _origin: &str) -> BoxFuture<'static, PermissionState> {
        futures::future::ready(*self).boxed()
    }
}

/// <https://wicg.github.io/background-fetch/#background-fetch-display-algorithm>
///
/// Shows background fetches to the user. The user's side of it (pause, resume, abort, click) are methods of
/// [`Registration`]. Called while nothing is locked, but on the scheduler's threads: it must not block.
pub trait Display: Send + Sync + 'static {
    /// Something about a background fetch is to be shown. Shows nothing unless it is written.
    fn show(&self, _event: &DisplayEvent) {}
}

/// A display that shows nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoDisplay;

impl Display for NoDisplay {}

/// What a display is told.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum DisplayEvent {
    /// A background fetch was made, or restored from the profile.
    Registered(Registration),
    /// Its numbers changed. At most one in 16 ms.
    Progress(Registration),
    /// It is paused.
    Paused(Registration),
    /// It is not paused any more.
    Resumed(Registration),
    /// It has its result.
    Settled(Registration),
    /// Its worker was given an event, or was not.
    WorkerEvent {
        /// The background fetch.
        registration: Registration,
        /// Which event.
        kind: EventKind,
        /// How that ended.
        outcome: DispatchOutcome,
    },
    /// Its worker changed its title or icons.
    UiUpdated(Registration),
    /// Nothing is left of it.
    Removed(Registration),
}

impl DisplayEvent {
    /// Whom it is about.
    pub fn registration(&self) -> &Registration {
        match self {
            DisplayEvent::Registered(registration)
            | DisplayEvent::Progress(registration)
            | DisplayEvent::Paused(registration)
            | DisplayEvent::Resumed(registration)
            | DisplayEvent::Settled(registration)
            | DisplayEvent::WorkerEvent { registration, .. }
            | DisplayEvent::UiUpdated(registration)
            | DisplayEvent::Removed(registration) => registration,
        }
    }
}
