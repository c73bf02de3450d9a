//! The driver: carries out what the scheduler says, with tokio.
//!
//! One lock guards the scheduler and the maps; it is never held across I/O. A background fetch has a lock of its own,
//! taken after that one if both are needed.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use longhaul_storage::Profile;
use tokio::sync::{oneshot, watch};
use tokio::task::AbortHandle;
use tokio::time::Instant;

use crate::background_fetch::{BackgroundFetch, FailingSince, OwedEvent};
use crate::dependencies::{Dependencies, DisplayEvent, EventKind};
use crate::display::Subscribers;
use crate::options::ImageResource;
use crate::registration::{BackgroundFetchResult, FailureReason, Registration, RegistrationKey};
use crate::scheduler::{Action, AttemptId, Connectivity, Event, FetchKey, FetchResult, Scheduler};

/// See the module's documentation.
pub(crate) struct Driver {
    pub(crate) dependencies: Dependencies,
    pub(crate) subscribers: Subscribers,
    core: Mutex<Core>,
    /// How much is going on that has to end before all is idle, and whether everything is to stop.
    activity: watch::Sender<Activity>,
    this: Weak<Driver>,
}

struct Core {
    scheduler: Scheduler,
    /// Every background fetch there is, the settled ones whose event is owed included.
    fetches: BTreeMap<FetchKey, Arc<BackgroundFetch>>,
    /// <https://wicg.github.io/background-fetch/#service-worker-registration-active-background-fetches>
    active: HashMap<RegistrationKey, HashMap<String, FetchKey>>,
    /// Dropping one ends the attempt.
    attempts: HashMap<AttemptId, oneshot::Sender<()>>,
    /// One lock for each id that is being made, so that calls with it follow each other.
    making: HashMap<(RegistrationKey, String), Arc<tokio::sync::Mutex<()>>>,
    timer: Option<AbortHandle>,
    next_key: FetchKey,
    /// What displays are still to be told, in the order in which it happened.
    outbox: VecDeque<DisplayEvent>,
    /// Somebody is telling them.
    telling: bool,
}

/// What goes on.
#[derive(Clone, Copy, Debug, Default)]
struct Activity {
    /// Attempts, commits, deliveries and calls of `fetch()` that are under way.
    tasks: usize,
    /// Of those, the ones that a shutdown does not wait for.
    unawaited: usize,
    stopping: bool,
}

/// Whether a shutdown waits for a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AtShutdown {
    /// It ends soon: by itself, or because everything is to stop.
    Wait,
    /// Its caller polls it, or does not any more.
    Leave,
}

/// Counts something that goes on until it is dropped.
pub(crate) struct Busy {
    driver: Weak<Driver>,
    at_shutdown: AtShutdown,
}

impl Drop for Busy {
    fn drop(&mut self) {
        if let Some(driver) = self.driver.upgrade() {
            driver.activity.send_modify(|activity| {
                activity.tasks -= 1;
                activity.unawaited -= usize::from(self.at_shutdown == AtShutdown::Leave);
            });
        }
    }
}

impl Driver {
    pub(crate) fn new(dependencies: Dependencies, next_key: FetchKey) -> Arc<Driver> {
        let policy = dependencies.config.policy.clone();
        let scheduler = Scheduler::new(policy, dependencies.seed, dependencies.connectivity);
        Arc::new_cyclic(|this| Driver {
            dependencies,
            subscribers: Subscribers::default(),
            core: Mutex::new(Core {
                scheduler,
                fetches: BTreeMap::new(),
                active: HashMap::new(),
                attempts: HashMap::new(),
                making: HashMap::new(),
                timer: None,
                next_key,
                outbox: VecDeque::new(),
                telling: false,
            }),
            activity: watch::Sender::new(Activity::default()),
            this: this.clone(),
        })
    }

    pub(crate) fn profile(&self) -> &Profile {
        &self.dependencies.profile
    }

    /// Itself, for what it starts.
    fn shared(&self) -> Arc<Driver> {
        self.this.upgrade().expect("`self` is borrowed from an `Arc`, which is therefore alive")
    }

    fn core(&self) -> MutexGuard<'_, Core> {
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn registration(&self, fetch: &Arc<BackgroundFetch>) -> Registration {
        Registration { driver: self.shared(), fetch: fetch.clone() }
    }

    /// Keeps `idle` waiting until the result is dropped.
    pub(crate) fn busy(&self, at_shutdown: AtShutdown) -> Busy {
        self.activity.send_modify(|activity| {
            activity.tasks += 1;
            activity.unawaited += usize::from(at_shutdown == AtShutdown::Leave);
        });
        Busy { driver: self.this.clone(), at_shutdown }
    }

    /// Starts something that a shutdown waits for.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let busy = self.busy(AtShutdown::Wait);
        self.dependencies.runtime.spawn(async move {
            task.await;
            drop(busy);
        });
    }

    /// Waits; may be called outside the runtime.
    pub(crate) fn sleep_until(&self, deadline: Instant) -> tokio::time::Sleep {
        let _inside = self.dependencies.runtime.enter();
        tokio::time::sleep_until(deadline)
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.activity.borrow().stopping
    }

    /// Resolves when everything is to stop, or has gone.
    pub(crate) fn stop(&self) -> impl Future<Output = ()> + Send + 'static {
        let mut activity = self.activity.subscribe();
        async move {
            let _ = activity.wait_for(|activity| activity.stopping).await;
        }
    }

    /// Resolves when everything is to stop.
    pub(crate) async fn stopping(&self) {
        // The sender lives as long as `self`, so this cannot fail.
        let _ = self.activity.subscribe().wait_for(|activity| activity.stopping).await;
    }

    /// Gives the scheduler an event and carries out what it says.
    pub(crate) fn handle(&self, event: Event) {
        self.handle_locked(&mut self.core(), event);
        self.tell();
    }

    fn handle_locked(&self, core: &mut Core, event: Event) {
        if self.is_stopping() {
            return;
        }
        for action in core.scheduler.handle(self.dependencies.clock.monotonic(), event) {
            self.carry_out(core, action);
        }
    }

    fn carry_out(&self, core: &mut Core, action: Action) {
        match action {
            Action::Start { fetch, record, attempt } => {
                let Some(fetch) = core.fetches.get(&fetch).cloned() else { return };
                let (cancel, cancelled) = oneshot::channel();
                core.attempts.insert(attempt, cancel);
                let driver = self.shared();
                self.spawn(async move {
                    crate::complete_a_record::complete_a_record(driver, fetch, record, attempt, cancelled)
                        .await;
                });
            }
            Action::Cancel { attempt, .. } => {
                core.attempts.remove(&attempt);
            }
            Action::WakeAt(time) => {
                let wait = time.saturating_sub(self.dependencies.clock.monotonic());
                let driver = self.this.clone();
                let timer = self.dependencies.runtime.spawn(async move {
                    tokio::time::sleep(wait).await;
                    if let Some(driver) = driver.upgrade() {
                        driver.handle(Event::Wake);
                    }
                });
                if let Some(earlier) = core.timer.replace(timer.abort_handle()) {
                    earlier.abort();
                }
            }
            Action::PausedChanged { fetch, paused } => {
                let Some(fetch) = core.fetches.get(&fetch).cloned() else { return };
                {
                    let mut data = fetch.lock();
                    data.paused = paused;
                    data.dirty = true;
                }
                fetch.publish();
                let registration = self.registration(&fetch);
                core.outbox.push_back(match paused {
                    true => DisplayEvent::Paused(registration),
                    false => DisplayEvent::Resumed(registration),
                });
                self.persist_soon(fetch);
            }
            Action::Failing { fetch, record, without_progress } => {
                let Some(fetch) = core.fetches.get(&fetch).cloned() else { return };
                {
                    let mut data = fetch.lock();
                    let noted = self.dependencies.clock.now();
                    let failing =
                        without_progress.map(|without| FailingSince { noted, without_progress: without });
                    data.records[record].failing = failing;
                    data.dirty_records.insert(record);
                }
                self.persist_soon(fetch);
            }
            Action::SettleRecord { fetch, record, result } => {
                let Some(fetch) = core.fetches.get(&fetch).cloned() else { return };
                crate::complete_a_record::settle(&fetch, record, result);
                self.persist_soon(fetch);
            }
            Action::Settle { fetch, result } => {
                let Some(fetch) = core.fetches.get(&fetch).cloned() else { return };
                remove_active(core, &fetch);
                self.settle(&fetch, result);
                core.outbox.push_back(DisplayEvent::Settled(self.registration(&fetch)));
            }
        }
    }

    /// <https://wicg.github.io/background-fetch/#perform-a-background-fetch-algorithm>, step 7.
    fn settle(&self, fetch: &Arc<BackgroundFetch>, result: FetchResult) {
        {
            let mut data = fetch.lock();
            // 7.3. The result, and why.
            let (result, reason) = match result {
                FetchResult::Success => (BackgroundFetchResult::Success, FailureReason::None),
                FetchResult::Failure(reason) => (BackgroundFetchResult::Failure, reason),
            };
            data.result = result;
            data.failure_reason = reason;
            data.paused = false;
            // 7.7. Which event its worker is owed.
            let kind = match reason {
                FailureReason::Aborted => EventKind::Abort,
                FailureReason::None => EventKind::Success,
                _ => EventKind::Fail,
            };
            data.owed = Some(OwedEvent { kind, failures: 0 });
            data.dirty = true;
        }
        fetch.reservation.lock().unwrap_or_else(PoisonError::into_inner).take();
        // 7.5. Everybody learns of it.
        fetch.publish();
        let (driver, fetch) = (self.shared(), fetch.clone());
        // 7.10. The event.
        self.spawn(async move { crate::owed_events::deliver(driver, fetch).await });
    }

    /// Tells displays what is in the outbox. It was put there under the lock and is told without it, in that order.
    fn tell(&self) {
        {
            let mut core = self.core();
            if std::mem::replace(&mut core.telling, true) {
                // Whoever is at it will see ours too.
                return;
            }
        }
        loop {
            let event = {
                let mut core = self.core();
                let Some(event) = core.outbox.pop_front() else {
                    core.telling = false;
                    return;
                };
                event
            };
            self.dependencies.display.show(&event);
            self.subscribers.send(event);
        }
    }

    pub(crate) fn show(&self, event: DisplayEvent) {
        self.core().outbox.push_back(event);
        self.tell();
    }

    /// Tells displays that numbers changed, unless it has settled: nothing follows that.
    pub(crate) fn show_progress(&self, fetch: &Arc<BackgroundFetch>) {
        {
            let mut core = self.core();
            if fetch.lock().result != BackgroundFetchResult::None {
                return;
            }
            core.outbox.push_back(DisplayEvent::Progress(self.registration(fetch)));
        }
        self.tell();
    }

    /// Stores what is new, in the background.
    fn persist_soon(&self, fetch: Arc<BackgroundFetch>) {
        let driver = self.shared();
        self.spawn(async move {
            // A failure was logged; what could not be stored stays marked and is tried again with the next change.
            let _ = crate::registry::persist(&driver, &fetch).await;
        });
    }

    /// A lock that calls of `fetch()` with the same id share.
    pub(crate) fn making(&self, registration: &RegistrationKey, id: &str) -> Arc<tokio::sync::Mutex<()>> {
        let mut core = self.core();
        core.making.retain(|_, lock| Arc::strong_count(lock) > 1);
        core.making.entry((registration.clone(), id.to_owned())).or_default().clone()
    }

    pub(crate) fn next_key(&self) -> FetchKey {
        let mut core = self.core();
        let key = core.next_key;
        core.next_key += 1;
        key
    }

    /// Puts a background fetch, durable by now, in its place and begins.
    pub(crate) fn add(&self, fetch: &Arc<BackgroundFetch>) {
        let plan = fetch.plan(self.dependencies.clock.now());
        {
            let mut core = self.core();
            core.outbox.push_back(DisplayEvent::Registered(self.registration(fetch)));
            core.fetches.insert(fetch.key, fetch.clone());
            let ids = core.active.entry(fetch.registration.clone()).or_default();
            ids.insert(fetch.id.clone(), fetch.key);
            self.handle_locked(&mut core, Event::Add(plan));
        }
        crate::display::show_progress(&self.shared(), fetch);
        self.tell();
    }

    /// Puts a settled one, whose event is owed, in its place.
    pub(crate) fn add_settled(&self, fetch: &Arc<BackgroundFetch>) {
        self.core().fetches.insert(fetch.key, fetch.clone());
        self.show(DisplayEvent::Registered(self.registration(fetch)));
        let (driver, fetch) = (self.shared(), fetch.clone());
        self.spawn(async move { crate::owed_events::deliver(driver, fetch).await });
    }

    /// Nothing is left of it.
    pub(crate) fn forget(&self, fetch: &Arc<BackgroundFetch>) {
        let known = self.core().fetches.remove(&fetch.key).is_some();
        if known {
            self.show(DisplayEvent::Removed(self.registration(fetch)));
        }
    }

    pub(crate) fn active(&self, registration: &RegistrationKey, id: &str) -> Option<Registration> {
        let core = self.core();
        let key = core.active.get(registration)?.get(id)?;
        core.fetches.get(key).map(|fetch| self.registration(fetch))
    }

    pub(crate) fn active_ids(&self, registration: &RegistrationKey) -> Vec<String> {
        let core = self.core();
        let ids = core.active.get(registration);
        let mut ids: Vec<(&String, &FetchKey)> = ids.into_iter().flatten().collect();
        ids.sort_by_key(|(_, key)| **key);
        ids.into_iter().map(|(id, _)| id.clone()).collect()
    }

    pub(crate) fn all(&self) -> Vec<Registration> {
        self.core().fetches.values().map(|fetch| self.registration(fetch)).collect()
    }

    pub(crate) async fn abort(&self, fetch: &Arc<BackgroundFetch>, told: impl FnOnce(bool)) {
        // Held until the answer is given.
        let _through = crate::progress::through(fetch);
        let active = {
            let mut core = self.core();
            let active = core.scheduler.is_active(fetch.key) && !self.is_stopping();
            self.handle_locked(&mut core, Event::Abort(fetch.key));
            active
        };
        self.tell();
        if active {
            // An abort that cannot be stored still holds for this process.
            let _ = crate::registry::persist(&self.shared(), fetch).await;
        }
        told(active);
    }

    pub(crate) fn pause(&self, fetch: &Arc<BackgroundFetch>) {
        self.handle(Event::Pause(fetch.key));
    }

    pub(crate) fn resume(&self, fetch: &Arc<BackgroundFetch>) {
        self.handle(Event::Resume(fetch.key));
    }

    pub(crate) fn set_connectivity(&self, connectivity: Connectivity) {
        self.handle(Event::Network(connectivity));
    }

    pub(crate) fn click(&self, fetch: &Arc<BackgroundFetch>) {
        let (driver, fetch) = (self.shared(), fetch.clone());
        self.spawn(async move {
            crate::owed_events::dispatch(&driver, &fetch, EventKind::Click).await;
        });
    }

    pub(crate) async fn update_ui(
        &self,
        fetch: &Arc<BackgroundFetch>,
        title: Option<String>,
        icons: Option<Vec<ImageResource>>,
    ) {
        {
            let mut data = fetch.lock();
            data.icons = icons.unwrap_or_else(|| std::mem::take(&mut data.icons));
            data.title = title.unwrap_or_else(|| std::mem::take(&mut data.title));
            data.dirty = true;
        }
        fetch.publish();
        self.show(DisplayEvent::UiUpdated(self.registration(fetch)));
        let _ = crate::registry::persist(&self.shared(), fetch).await;
    }

    /// Ends background fetches without a word and keeps nothing of them.
    pub(crate) fn remove_where(&self, condition: impl Fn(&BackgroundFetch) -> bool) {
        let removed = {
            let mut core = self.core();
            let fetches = core.fetches.values().filter(|fetch| condition(fetch));
            let removed: Vec<Arc<BackgroundFetch>> = fetches.cloned().collect();
            for fetch in &removed {
                self.handle_locked(&mut core, Event::Remove(fetch.key));
                remove_active(&mut core, fetch);
                core.fetches.remove(&fetch.key);
                core.outbox.push_back(DisplayEvent::Removed(self.registration(fetch)));
            }
            removed
        };
        self.tell();
        for fetch in removed {
            let driver = self.shared();
            self.spawn(async move { crate::registry::remove(&driver, &fetch).await });
        }
    }

    pub(crate) async fn idle(&self) {
        let mut activity = self.activity.subscribe();
        loop {
            let Activity { tasks, stopping, .. } = *activity.borrow_and_update();
            if stopping || (tasks == 0 && !self.core().scheduler.has_unpaused_work()) {
                return;
            }
            // Every change of the scheduler's that ends work starts a task, so its end is always seen here.
            if activity.changed().await.is_err() {
                return;
            }
        }
    }

    pub(crate) async fn shutdown(&self) {
        self.activity.send_modify(|activity| activity.stopping = true);
        {
            let mut core = self.core();
            core.attempts.clear();
            if let Some(timer) = core.timer.take() {
                timer.abort();
            }
        }
        let mut activity = self.activity.subscribe();
        // The sender lives as long as `self`, so this cannot fail.
        let _ = activity.wait_for(|activity| activity.tasks == activity.unawaited).await;
        self.subscribers.close();
    }

    pub(crate) fn attempt_ended(&self, attempt: AttemptId) {
        self.core().attempts.remove(&attempt);
    }

    /// Waits; may be called outside the runtime.
    pub(crate) fn in_time(&self, wait: Duration) -> tokio::time::Sleep {
        self.sleep_until(Instant::now() + wait)
    }
}

/// Takes it out of its registration's map, if it is the one there.
fn remove_active(core: &mut Core, fetch: &BackgroundFetch) {
    if let Some(ids) = core.active.get_mut(&fetch.registration) {
        if ids.get(&fetch.id) == Some(&fetch.key) {
            ids.remove(&fetch.id);
        }
        if ids.is_empty() {
            core.active.remove(&fetch.registration);
        }
    }
}
