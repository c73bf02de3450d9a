//! What every global object has behind it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, UNIX_EPOCH};

use longhaul::UserAgent;
use longhaul::fetch::EnvironmentSettings;
use longhaul_idl::runtime::{Exception, ObjectRef, Realm, RealmId};

use super::worker::OwnedWorkers;
use super::{DedicatedWorkerGlobal, ServiceWorkerGlobal, SharedWorkerGlobal, WindowGlobal, WorkerHost};
use crate::background_fetch::BackgroundFetchRegistrations;
use crate::cache::CacheStorage;
use crate::fetch::AbortObservers;
use crate::service_worker::{FetchEvents, ServiceWorkerContainer, ServiceWorkerObjects};
use crate::structured_clone::CloneTable;
use crate::web_crypto::Crypto;

/// Where console messages go.
pub trait ConsoleSink: Send + Sync + 'static {
    /// A message of a level (`debug`, `log`, `info`, `warn` or `error`), already put into text. The text is the page's: it may
    /// hold any character.
    fn message(&self, level: &str, text: &str);
}

/// The agent's clock for timers. The host queues a task that calls the core's `timerFired` with the number when the time has
/// come; timers of the same moment come in the order of their start.
pub trait TimerHost: Send + Sync + 'static {
    /// Starts a timer.
    fn start(&self, realm: RealmId, delay: Duration, number: u64);

    /// Ends a timer that has not fired.
    fn cancel(&self, realm: RealmId, number: u64);
}

/// What a global object is made from.
#[derive(Clone)]
pub struct GlobalOptions {
    /// The user agent it belongs to.
    pub user_agent: UserAgent,
    /// Its environment settings.
    pub environment: Arc<EnvironmentSettings>,
    /// Where its console messages go.
    pub console: Arc<dyn ConsoleSink>,
    /// Its timers.
    pub timers: Arc<dyn TimerHost>,
    /// What runs its workers, where it may have any.
    pub workers: Option<Arc<dyn WorkerHost>>,
}

impl std::fmt::Debug for GlobalOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GlobalOptions").field("environment", &self.environment).finish_non_exhaustive()
    }
}

/// The part of a global object that does not depend on which one it is.
pub(crate) struct GlobalScope {
    options: GlobalOptions,
    /// What the settings have become since, one after the other.
    changed: Versions,
    /// The time origin on the monotonic clock.
    time_origin: Duration,
    /// The time origin on the wall clock, in milliseconds.
    wall_clock_origin: f64,
    abort_observers: AbortObservers,
    pub(crate) background_fetches: BackgroundFetchRegistrations,
    pub(crate) clones: CloneTable,
    pub(crate) owned_workers: OwnedWorkers,
    pub(crate) service_workers: ServiceWorkerObjects,
    pub(crate) fetch_events: FetchEvents,
    caches: OnceLock<Arc<CacheStorage>>,
    container: OnceLock<Arc<ServiceWorkerContainer>>,
    crypto: OnceLock<Arc<Crypto>>,
    /// <https://html.spec.whatwg.org/#dom-workerglobalscope-closing>
    closing: AtomicBool,
}

impl GlobalScope {
    pub(crate) fn new(options: GlobalOptions) -> Arc<Self> {
        let clock = options.user_agent.clock();
        let since_epoch = clock.now().duration_since(UNIX_EPOCH).unwrap_or_default();
        // <https://html.spec.whatwg.org/#concept-settings-object-time-origin>: of a document, when its navigation began.
        let now = clock.monotonic();
        let time_origin = match options.environment.time_origin {
            Duration::ZERO => now,
            begun => begun.min(now),
        };
        let since_epoch = since_epoch.saturating_sub(now - time_origin);
        Arc::new(Self {
            time_origin,
            wall_clock_origin: since_epoch.as_secs_f64() * 1000.0,
            options,
            changed: Versions::default(),
            abort_observers: AbortObservers::default(),
            background_fetches: BackgroundFetchRegistrations::default(),
            clones: CloneTable::default(),
            owned_workers: OwnedWorkers::default(),
            service_workers: ServiceWorkerObjects::default(),
            fetch_events: FetchEvents::default(),
            caches: OnceLock::new(),
            container: OnceLock::new(),
            crypto: OnceLock::new(),
            closing: AtomicBool::new(false),
        })
    }

    /// <https://html.spec.whatwg.org/#close-a-worker>, what the worker itself sees of it.
    pub(crate) fn begin_closing(&self) {
        self.closing.store(true, Ordering::Release);
    }

    /// <https://html.spec.whatwg.org/#eligible-for-messaging>, of what is this global's, which is the realm's.
    pub(crate) fn is_eligible_for_messaging(&self, realm: &dyn Realm) -> bool {
        match realm.global().downcast::<WindowGlobal>() {
            Some(window) => window.context().is_fully_active(&window),
            None => !self.closing.load(Ordering::Acquire),
        }
    }

    pub(crate) fn user_agent(&self) -> &UserAgent {
        &self.options.user_agent
    }

    /// The environment's settings as they are now.
    pub(crate) fn settings(&self) -> &Arc<EnvironmentSettings> {
        self.changed.last().unwrap_or(&self.options.environment)
    }

    /// Changes what a document may change of them.
    pub(crate) fn change_settings(&self, change: impl FnOnce(&mut EnvironmentSettings)) {
        let mut settings = EnvironmentSettings::clone(self.settings());
        change(&mut settings);
        if settings != **self.settings() {
            self.changed.push(Arc::new(settings));
        }
    }

    /// What it was made with, for another environment.
    pub(crate) fn options(&self, environment: Arc<EnvironmentSettings>) -> GlobalOptions {
        GlobalOptions { environment, ..self.options.clone() }
    }

    pub(crate) fn timers(&self) -> &dyn TimerHost {
        &*self.options.timers
    }

    pub(crate) fn console(&self) -> &dyn ConsoleSink {
        &*self.options.console
    }

    pub(crate) fn workers(&self) -> Option<&Arc<dyn WorkerHost>> {
        self.options.workers.as_ref()
    }

    pub(crate) fn abort_observers(&self) -> &AbortObservers {
        &self.abort_observers
    }

    pub(crate) fn caches(&self) -> Arc<CacheStorage> {
        let make = || {
            let settings = self.settings();
            let storage = settings.origin.is_tuple().then(|| self.user_agent().caches(&settings.storage_key));
            CacheStorage::new(storage)
        };
        Arc::clone(self.caches.get_or_init(make))
    }

    pub(crate) fn container(&self, realm: &dyn Realm) -> Arc<ServiceWorkerContainer> {
        if let Some(container) = self.container.get() {
            return Arc::clone(container);
        }
        let container = Arc::clone(self.container.get_or_init(Arc::default));
        ServiceWorkerContainer::observe_controller(&container, self, realm);
        container
    }

    pub(crate) fn crypto(&self) -> Arc<Crypto> {
        Arc::clone(self.crypto.get_or_init(|| Arc::new(Crypto::default())))
    }

    /// <https://w3c.github.io/hr-time/#dfn-current-high-resolution-time>, in steps of 100 µs, or of 5 µs where the environment
    /// is isolated.
    pub(crate) fn now(&self) -> f64 {
        self.relative_time(self.user_agent().clock().monotonic())
    }

    /// <https://w3c.github.io/hr-time/#dfn-relative-high-resolution-time>
    pub(crate) fn relative_time(&self, time: Duration) -> f64 {
        let step = if self.settings().cross_origin_isolated { 5 } else { 100 };
        let elapsed = time.saturating_sub(self.time_origin);
        let microseconds = elapsed.as_micros() / step * step;
        microseconds as f64 / 1000.0
    }

    /// <https://w3c.github.io/hr-time/#dom-performance-timeorigin>
    pub(crate) fn time_origin(&self) -> f64 {
        (self.wall_clock_origin * 10.0).floor() / 10.0
    }

    pub(crate) fn wall_clock_milliseconds(&self) -> i64 {
        let since_epoch = self.user_agent().clock().now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX)
    }
}

/// Settings that follow one another. What was given out stays where it is.
#[derive(Default)]
struct Versions(OnceLock<Box<Version>>);

struct Version {
    settings: Arc<EnvironmentSettings>,
    next: Versions,
}

impl Versions {
    /// The place behind the last one.
    fn end(&self) -> (Option<&Arc<EnvironmentSettings>>, &Versions) {
        let (mut last, mut place) = (None, self);
        while let Some(version) = place.0.get() {
            last = Some(&version.settings);
            place = &version.next;
        }
        (last, place)
    }

    fn last(&self) -> Option<&Arc<EnvironmentSettings>> {
        self.end().0
    }

    fn push(&self, settings: Arc<EnvironmentSettings>) {
        // NOTE: only the document's own thread changes them, so the place is free.
        let _ = self.end().1.0.set(Box::new(Version { settings, next: Versions::default() }));
    }
}

impl Drop for Versions {
    fn drop(&mut self) {
        // However many there are, they go without a call for each.
        let mut next = self.0.take();
        while let Some(mut version) = next {
            next = version.next.0.take();
        }
    }
}

/// The scope of a realm's global object.
pub(crate) fn global_scope(realm: &dyn Realm) -> Result<Arc<GlobalScope>, Exception> {
    scope_of(&realm.global()).ok_or_else(|| Exception::type_error("the global object is of another kind"))
}

fn scope_of(global: &ObjectRef) -> Option<Arc<GlobalScope>> {
    if let Some(window) = global.downcast::<WindowGlobal>() {
        return Some(window.scope());
    }
    if let Some(worker) = global.downcast::<DedicatedWorkerGlobal>() {
        return Some(worker.scope());
    }
    if let Some(worker) = global.downcast::<SharedWorkerGlobal>() {
        return Some(worker.scope());
    }
    global.downcast::<ServiceWorkerGlobal>().map(|worker| worker.scope())
}
