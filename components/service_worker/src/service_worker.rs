//! A service worker: its state, its scripts, and the agent that runs it, if one does.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use longhaul_fetch::EnvironmentSettings;
use tokio::sync::{Notify, watch};
use url::Url;

use crate::agent_host::WorkerAgent;
use crate::messages::WorkerMessages;
use crate::script_resource::ScriptResourceMap;
use crate::update::WorkerType;

/// Names a service worker within its profile, restarts of the process included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WorkerId(pub(crate) i64);

impl fmt::Display for WorkerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "service-worker-{}", self.0)
    }
}

/// <https://w3c.github.io/ServiceWorker/#dfn-state>
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WorkerState {
    /// Its script has been fetched.
    Parsed,
    /// Its `install` event is being handled.
    Installing,
    /// It waits to become active.
    Installed,
    /// Its `activate` event is being handled.
    Activating,
    /// It takes functional events.
    Activated,
    /// It was replaced, removed, or failed to install.
    Redundant,
}

impl WorkerState {
    /// The state as scripts see it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Parsed => "parsed",
            Self::Installing => "installing",
            Self::Installed => "installed",
            Self::Activating => "activating",
            Self::Activated => "activated",
            Self::Redundant => "redundant",
        }
    }
}

impl fmt::Display for WorkerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A service worker. Two handles are equal when they are of the same worker.
#[derive(Clone)]
pub struct WorkerHandle {
    pub(crate) worker: Arc<Worker>,
}

impl WorkerHandle {
    /// The worker's name.
    pub fn id(&self) -> WorkerId {
        self.worker.id
    }

    /// Where its script came from.
    pub fn script_url(&self) -> &Url {
        &self.worker.script_url
    }

    /// Classic or module.
    pub fn worker_type(&self) -> WorkerType {
        self.worker.worker_type
    }

    /// Its state now.
    pub fn state(&self) -> WorkerState {
        self.worker.state()
    }

    /// Whether its script listened to `fetch` when it was evaluated first, if it has been.
    pub fn handles_fetch(&self) -> Option<bool> {
        self.worker.resources().handles_fetch
    }

    /// Whether an agent runs it at the moment.
    pub fn is_running(&self) -> bool {
        self.worker.running().agent.as_ref().is_some_and(|agent| agent.alive())
    }
}

impl PartialEq for WorkerHandle {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.worker, &other.worker)
    }
}

impl Eq for WorkerHandle {}

impl fmt::Debug for WorkerHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkerHandle").field("id", &self.id()).field("state", &self.state()).finish()
    }
}

/// <https://w3c.github.io/ServiceWorker/#dfn-service-worker>
pub(crate) struct Worker {
    pub(crate) id: WorkerId,
    pub(crate) script_url: Url,
    pub(crate) worker_type: WorkerType,
    pub(crate) environment: Arc<EnvironmentSettings>,
    state: watch::Sender<WorkerState>,
    resources: Mutex<Resources>,
    running: Mutex<Running>,
    messages: Mutex<WorkerMessages>,
    /// Held while the agent is being started, so that two events start one agent.
    pub(crate) start: tokio::sync::Mutex<()>,
    /// Tells the idle timer that an event began or ended, or that the agent is gone.
    pub(crate) activity: Notify,
}

/// What a worker has gathered so far.
#[derive(Default)]
pub(crate) struct Resources {
    pub(crate) scripts: ScriptResourceMap,
    pub(crate) classic_scripts_imported: bool,
    pub(crate) skip_waiting: bool,
    pub(crate) force_bypass_cache_for_imports: bool,
    /// Whether the script listened to `fetch` when it was evaluated first; unknown before that.
    pub(crate) handles_fetch: Option<bool>,
}

/// The agent, and how many events it has to handle.
#[derive(Default)]
pub(crate) struct Running {
    pub(crate) agent: Option<Arc<dyn WorkerAgent>>,
    /// Counts the starts and the terminations, so that a timer knows whether it still means this agent.
    pub(crate) generation: u64,
    /// The size of the set of extended events.
    pub(crate) pending_events: usize,
}

/// What a [`Worker`] is made from.
pub(crate) struct WorkerParts {
    pub(crate) id: WorkerId,
    pub(crate) script_url: Url,
    pub(crate) worker_type: WorkerType,
    pub(crate) environment: Arc<EnvironmentSettings>,
    pub(crate) state: WorkerState,
    pub(crate) resources: Resources,
}

impl Worker {
    pub(crate) fn new(parts: WorkerParts) -> Arc<Self> {
        let WorkerParts { id, script_url, worker_type, environment, state, resources } = parts;
        Arc::new(Self {
            id,
            script_url,
            worker_type,
            environment,
            state: watch::Sender::new(state),
            resources: Mutex::new(resources),
            running: Mutex::default(),
            messages: Mutex::default(),
            start: tokio::sync::Mutex::new(()),
            activity: Notify::new(),
        })
    }

    pub(crate) fn handle(self: &Arc<Self>) -> WorkerHandle {
        WorkerHandle { worker: self.clone() }
    }

    pub(crate) fn state(&self) -> WorkerState {
        *self.state.borrow()
    }

    pub(crate) fn watch_state(&self) -> watch::Receiver<WorkerState> {
        self.state.subscribe()
    }

    pub(crate) fn set_state(&self, state: WorkerState) {
        self.state.send_replace(state);
    }

    pub(crate) fn resources(&self) -> MutexGuard<'_, Resources> {
        self.resources.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn running(&self) -> MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn messages(&self) -> MutexGuard<'_, WorkerMessages> {
        self.messages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// <https://w3c.github.io/ServiceWorker/#service-worker-has-no-pending-events>
    pub(crate) fn has_no_pending_events(&self) -> bool {
        self.running().pending_events == 0
    }
}
