//! The door of the crate: every registration of a profile.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use longhaul_storage::{Clock, Profile, StorageError};
use tokio::runtime::Handle;
use tokio::sync::watch;

use crate::agent_host::AgentHost;
use crate::clients::Clients;
use crate::job::JobQueue;
use crate::persistence;
use crate::script_resource::ScriptLoader;
use crate::service_worker::{Worker, WorkerId};
use crate::service_worker_registration::Registration;
use crate::window_opener::{NoWindows, WindowOpener};

/// How long workers may take and stay.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Config {
    /// A running worker without an event is terminated after this time.
    pub idle_timeout: Duration,
    /// The most that an event may take, its `waitUntil` promises included.
    pub event_limit: Duration,
    /// The most that the evaluation of a worker's script may take.
    pub start_limit: Duration,
    /// How long after a navigation its worker is checked for an update: what has just been loaded goes first, and hears of it.
    pub update_delay: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            idle_timeout: Duration::from_secs(30),
            event_limit: Duration::from_secs(5 * 60),
            start_limit: Duration::from_secs(60),
            update_delay: Duration::from_secs(1),
        }
    }
}

/// The service workers of a profile. Clones are the same.
#[derive(Clone)]
pub struct ServiceWorkers {
    pub(crate) inner: Arc<Inner>,
}

/// [`ServiceWorkers`] that are not kept alive by it.
#[derive(Clone)]
pub struct WeakServiceWorkers {
    inner: Weak<Inner>,
}

impl WeakServiceWorkers {
    /// The service workers, if they are still there.
    pub fn upgrade(&self) -> Option<ServiceWorkers> {
        Some(ServiceWorkers { inner: self.inner.upgrade()? })
    }
}

impl std::fmt::Debug for WeakServiceWorkers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("WeakServiceWorkers")
    }
}

/// Why the stored service workers could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The profile could not be read.
    #[error("the stored service workers could not be read: {0}")]
    Storage(#[from] StorageError),
    /// The task that read them did not end.
    #[error("the stored service workers could not be read: the runtime is shutting down")]
    Runtime,
}

pub(crate) struct Inner {
    pub(crate) profile: Profile,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) loader: Arc<dyn ScriptLoader>,
    pub(crate) host: Arc<dyn AgentHost>,
    pub(crate) config: Config,
    pub(crate) window_opener: Mutex<Arc<dyn WindowOpener>>,
    runtime: Handle,
    /// Held while rows are changed, so that what was read of them still holds when the change is written.
    pub(crate) storing: tokio::sync::Mutex<()>,
    state: Mutex<State>,
    /// Counts the jobs, activations and events in progress.
    activity: Arc<watch::Sender<usize>>,
    /// Changes whenever a registration gets another active worker.
    pub(crate) active_changed: watch::Sender<u64>,
    stopped: watch::Sender<bool>,
}

type UnregisterCallback = Arc<dyn Fn(&str, &str) + Send + Sync>;

#[derive(Default)]
pub(crate) struct State {
    /// The registration map, in the order of registration.
    pub(crate) registrations: Vec<Arc<Registration>>,
    /// Registrations that are out of the map and not cleared yet, because they are in use.
    pub(crate) unregistered: Vec<Arc<Registration>>,
    pub(crate) queues: HashMap<(String, String), JobQueue>,
    pub(crate) clients: Clients,
    pub(crate) on_unregister: Vec<UnregisterCallback>,
    pub(crate) last_worker_id: i64,
}

impl ServiceWorkers {
    /// Reads the registrations of a profile. Nothing starts yet: see [`ServiceWorkers::resume`].
    ///
    /// Needs a tokio runtime, which jobs and activations run on from then on.
    pub async fn open(
        profile: Profile,
        clock: Arc<dyn Clock>,
        loader: Arc<dyn ScriptLoader>,
        host: Arc<dyn AgentHost>,
    ) -> Result<Self, OpenError> {
        Self::open_with(profile, clock, loader, host, Config::default()).await
    }

    /// [`ServiceWorkers::open`] with other limits.
    pub async fn open_with(
        profile: Profile,
        clock: Arc<dyn Clock>,
        loader: Arc<dyn ScriptLoader>,
        host: Arc<dyn AgentHost>,
        config: Config,
    ) -> Result<Self, OpenError> {
        let reader = profile.clone();
        let stored = tokio::task::spawn_blocking(move || persistence::load(&reader))
            .await
            .map_err(|_| OpenError::Runtime)??;
        // What an interrupted installation or removal left behind goes.
        if !stored.leftovers.is_empty() {
            profile.commit(stored.leftovers).await?;
        }
        let state = State {
            registrations: stored.registrations,
            last_worker_id: stored.last_worker_id,
            ..State::default()
        };
        let inner = Inner {
            profile,
            clock,
            loader,
            host,
            config,
            window_opener: Mutex::new(Arc::new(NoWindows)),
            runtime: Handle::current(),
            storing: tokio::sync::Mutex::new(()),
            state: Mutex::new(state),
            activity: Arc::new(watch::Sender::new(0)),
            active_changed: watch::Sender::new(0),
            stopped: watch::Sender::new(false),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The same, without keeping them alive.
    pub fn downgrade(&self) -> WeakServiceWorkers {
        WeakServiceWorkers { inner: Arc::downgrade(&self.inner) }
    }

    /// Activates the workers that the last session left waiting. To be called once the host can start agents.
    pub fn resume(&self) {
        let registrations = self.inner.state().registrations.clone();
        for registration in registrations {
            self.inner.try_activate(&registration);
        }
    }

    /// Calls back with the storage key and the scope of each registration that is unregistered from now on.
    pub fn on_unregister(&self, callback: impl Fn(&str, &str) + Send + Sync + 'static) {
        self.inner.state().on_unregister.push(Arc::new(callback));
    }

    /// Resolves once no job, activation or event is in progress.
    pub async fn idle(&self) {
        let mut activity = self.inner.activity.subscribe();
        // The sender lives as long as `self`, so this cannot fail.
        let _ = activity.wait_for(|running| *running == 0).await;
    }

    /// Ends every agent and every job. Nothing starts any more; what is stored stays.
    ///
    /// <https://w3c.github.io/ServiceWorker/#on-user-agent-shutdown>
    pub async fn stop_all(&self) {
        self.inner.stopped.send_replace(true);
        let workers: Vec<Arc<Worker>> = {
            let mut state = self.inner.state();
            state.queues.clear();
            state.registrations.iter().chain(&state.unregistered).flat_map(|r| r.workers()).collect()
        };
        for worker in workers {
            self.inner.terminate(&worker);
        }
        self.idle().await;
    }
}

impl Inner {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs something in the background, until it is done or everything stops.
    pub(crate) fn spawn(self: &Arc<Self>, task: impl Future<Output = ()> + Send + 'static) {
        let activity = self.begin_activity();
        let inner = self.clone();
        self.runtime.spawn(async move {
            tokio::select! {
                () = inner.stopping() => {}
                () = task => {}
            }
            // NOTE: in this order, so that nothing is held any more by what is not in progress.
            drop(inner);
            drop(activity);
        });
    }

    /// Runs something that is no work in itself, such as a timer.
    pub(crate) fn spawn_watcher(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.runtime.spawn(task);
    }

    pub(crate) fn begin_activity(&self) -> Activity {
        self.activity.send_modify(|running| *running += 1);
        Activity { count: self.activity.clone() }
    }

    pub(crate) fn is_stopped(&self) -> bool {
        *self.stopped.borrow()
    }

    /// Resolves when everything stops.
    pub(crate) async fn stopping(&self) {
        let mut stopped = self.stopped.subscribe();
        // The sender lives as long as `self`, so this cannot fail.
        let _ = stopped.wait_for(|stopped| *stopped).await;
    }

    pub(crate) fn new_worker_id(&self) -> WorkerId {
        let mut state = self.state();
        state.last_worker_id += 1;
        WorkerId(state.last_worker_id)
    }
}

/// Something in progress, for as long as it lives.
pub(crate) struct Activity {
    count: Arc<watch::Sender<usize>>,
}

impl Drop for Activity {
    fn drop(&mut self) {
        self.count.send_modify(|running| *running -= 1);
    }
}
