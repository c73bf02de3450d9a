//! A service worker registration and its observers.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use url::Url;

use crate::deliveries::{Deliverer, Deliveries, deliveries};
use crate::navigation_preload::NavigationPreloadState;
use crate::service_worker::{Worker, WorkerHandle, WorkerState};

/// <https://w3c.github.io/ServiceWorker/#dfn-update-via-cache>
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum UpdateViaCache {
    /// The HTTP cache is used for imported scripts only.
    #[default]
    Imports,
    /// The HTTP cache is used for the worker's script and for imported ones.
    All,
    /// The HTTP cache is used for neither.
    None,
}

impl UpdateViaCache {
    /// The mode as scripts see it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Imports => "imports",
            Self::All => "all",
            Self::None => "none",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        [Self::Imports, Self::All, Self::None].into_iter().find(|mode| mode.as_str() == name)
    }
}

/// A service worker registration. Two handles are equal when they are of the same registration.
#[derive(Clone)]
pub struct RegistrationHandle {
    pub(crate) registration: Arc<Registration>,
}

impl RegistrationHandle {
    /// The registration's scope.
    pub fn scope(&self) -> &Url {
        &self.registration.scope
    }

    /// The registration's storage key.
    pub fn storage_key(&self) -> &str {
        &self.registration.storage_key
    }

    /// The worker that is being installed.
    pub fn installing(&self) -> Option<WorkerHandle> {
        self.registration.slots().installing.as_ref().map(Worker::handle)
    }

    /// The worker that waits to become active.
    pub fn waiting(&self) -> Option<WorkerHandle> {
        self.registration.slots().waiting.as_ref().map(Worker::handle)
    }

    /// The worker that takes functional events.
    pub fn active(&self) -> Option<WorkerHandle> {
        self.registration.slots().active.as_ref().map(Worker::handle)
    }

    /// The installing, else the waiting, else the active worker.
    pub fn newest(&self) -> Option<WorkerHandle> {
        self.registration.newest_worker().as_ref().map(Worker::handle)
    }

    /// How updates use the HTTP cache.
    pub fn update_via_cache(&self) -> UpdateViaCache {
        self.registration.slots().update_via_cache
    }

    /// Whether navigations are preloaded, and how.
    pub fn navigation_preload(&self) -> NavigationPreloadState {
        self.registration.slots().preload.clone()
    }

    /// What happens to the registration from now on. The first event, which is there at once, tells the workers of now.
    pub fn observe(&self) -> Deliveries<RegistrationEvent> {
        let (deliverer, observed) = deliveries();
        // The attributes stay as they are until the observer is in, so that it misses nothing and hears nothing twice.
        let slots = self.registration.slots();
        deliverer.tell(slots.workers_changed());
        self.registration.observers.lock().unwrap_or_else(PoisonError::into_inner).push(deliverer);
        drop(slots);
        observed
    }
}

impl PartialEq for RegistrationHandle {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.registration, &other.registration)
    }
}

impl Eq for RegistrationHandle {}

impl fmt::Debug for RegistrationHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RegistrationHandle")
            .field("storage_key", &self.storage_key())
            .field("scope", &self.scope().as_str())
            .field("installing", &self.installing())
            .field("waiting", &self.waiting())
            .field("active", &self.active())
            .finish()
    }
}

/// Something that happened to a registration, in the order in which it happened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RegistrationEvent {
    /// The registration's attributes changed to these.
    WorkersChanged {
        /// The installing worker.
        installing: Option<WorkerHandle>,
        /// The waiting worker.
        waiting: Option<WorkerHandle>,
        /// The active worker.
        active: Option<WorkerHandle>,
    },
    /// A new worker is being installed: fire `updatefound`.
    UpdateFound {
        /// The new worker.
        worker: WorkerHandle,
    },
    /// A worker of the registration has another state: fire `statechange` at it.
    StateChange {
        /// The worker.
        worker: WorkerHandle,
        /// Its state at the time of the event.
        state: WorkerState,
    },
}

/// <https://w3c.github.io/ServiceWorker/#dfn-service-worker-registration>
pub(crate) struct Registration {
    pub(crate) storage_key: String,
    pub(crate) scope: Url,
    /// Orders the registrations of a profile by their age.
    pub(crate) position: i64,
    slots: Mutex<Slots>,
    observers: Mutex<Vec<Deliverer<RegistrationEvent>>>,
}

/// The parts of a registration that change.
#[derive(Default)]
pub(crate) struct Slots {
    pub(crate) installing: Option<Arc<Worker>>,
    pub(crate) waiting: Option<Arc<Worker>>,
    pub(crate) active: Option<Arc<Worker>>,
    pub(crate) update_via_cache: UpdateViaCache,
    pub(crate) last_update_check: Option<SystemTime>,
    /// An update check is waiting for its time.
    pub(crate) update_is_due: bool,
    pub(crate) preload: NavigationPreloadState,
}

impl Slots {
    fn workers_changed(&self) -> RegistrationEvent {
        RegistrationEvent::WorkersChanged {
            installing: self.installing.as_ref().map(Worker::handle),
            waiting: self.waiting.as_ref().map(Worker::handle),
            active: self.active.as_ref().map(Worker::handle),
        }
    }
}

/// A registration as a job's promise gives it.
pub struct Registered {
    /// The registration.
    pub registration: RegistrationHandle,
    /// [`RegistrationHandle::observe`] from the moment on in which the promise resolved: later the new worker may already
    /// have gone on.
    pub events: Deliveries<RegistrationEvent>,
}

impl fmt::Debug for Registered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registered").field("registration", &self.registration).finish_non_exhaustive()
    }
}

/// Which of a registration's workers is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Slot {
    Installing,
    Waiting,
    Active,
}

/// After this time without an update check a registration is stale.
const STALE_AFTER: Duration = Duration::from_secs(86_400);

impl Registration {
    pub(crate) fn new(storage_key: String, scope: Url, position: i64, slots: Slots) -> Arc<Self> {
        Arc::new(Self { storage_key, scope, position, slots: Mutex::new(slots), observers: Mutex::default() })
    }

    pub(crate) fn handle(self: &Arc<Self>) -> RegistrationHandle {
        RegistrationHandle { registration: self.clone() }
    }

    pub(crate) fn slots(&self) -> MutexGuard<'_, Slots> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// <https://w3c.github.io/ServiceWorker/#get-newest-worker>
    pub(crate) fn newest_worker(&self) -> Option<Arc<Worker>> {
        let slots = self.slots();
        slots.installing.as_ref().or(slots.waiting.as_ref()).or(slots.active.as_ref()).cloned()
    }

    pub(crate) fn worker(&self, slot: Slot) -> Option<Arc<Worker>> {
        let slots = self.slots();
        match slot {
            Slot::Installing => slots.installing.clone(),
            Slot::Waiting => slots.waiting.clone(),
            Slot::Active => slots.active.clone(),
        }
    }

    /// The workers that the registration has, the newest first.
    pub(crate) fn workers(&self) -> Vec<Arc<Worker>> {
        let slots = self.slots();
        [&slots.installing, &slots.waiting, &slots.active].into_iter().flatten().cloned().collect()
    }

    /// <https://w3c.github.io/ServiceWorker/#dfn-service-worker-registration>, *stale*
    pub(crate) fn is_stale(&self, now: SystemTime) -> bool {
        self.slots()
            .last_update_check
            .is_some_and(|last| now.duration_since(last).is_ok_and(|age| age > STALE_AFTER))
    }

    /// <https://w3c.github.io/ServiceWorker/#update-registration-state>
    pub(crate) fn update_registration_state(&self, slot: Slot, worker: Option<Arc<Worker>>) {
        let mut slots = self.slots();
        match slot {
            Slot::Installing => slots.installing = worker,
            Slot::Waiting => slots.waiting = worker,
            Slot::Active => slots.active = worker,
        }
        // Told before anybody can see or change them again, so that observers hear of each change in its order.
        self.notify(slots.workers_changed());
    }

    /// <https://w3c.github.io/ServiceWorker/#update-worker-state>
    pub(crate) fn update_worker_state(&self, worker: &Arc<Worker>, state: WorkerState) {
        worker.set_state(state);
        self.notify(RegistrationEvent::StateChange { worker: worker.handle(), state });
    }

    pub(crate) fn notify(&self, event: RegistrationEvent) {
        let mut observers = self.observers.lock().unwrap_or_else(PoisonError::into_inner);
        observers.retain(|observer| observer.tell(event.clone()));
    }
}
