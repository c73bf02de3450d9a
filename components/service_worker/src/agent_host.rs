//! What this crate asks of whoever runs JavaScript: an agent for a worker, and events delivered to it.

use std::any::Any;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;
use longhaul_fetch::{EnvironmentSettings, PolicyContainer};
use url::Url;

use crate::service_worker::WorkerId;
use crate::update::WorkerType;
use crate::worker_scope::WorkerScope;

/// Starts the agents of service workers.
pub trait AgentHost: Send + Sync + 'static {
    /// Makes an agent, evaluates the worker's script in it and gives the agent back once it is ready for events.
    ///
    /// Dropping the future before it is ready means that nobody wants the agent any more: the host ends it.
    fn start(
        &self,
        worker: WorkerDescription,
    ) -> BoxFuture<'static, Result<Arc<dyn WorkerAgent>, StartError>>;
}

/// The running agent of one service worker.
pub trait WorkerAgent: Send + Sync + 'static {
    /// Dispatches an event and resolves once every promise given to its `waitUntil` has settled.
    ///
    /// Gives [`DispatchOutcome::Crashed`] when the agent ends before that. Dropping the future withdraws the interest
    /// in the outcome; it does not end the event.
    fn dispatch(&self, event: FunctionalEvent) -> BoxFuture<'static, DispatchOutcome>;

    /// Whether the script, once evaluated, listened to `fetch`. A worker that did not is not asked for responses.
    fn handles_fetch(&self) -> bool;

    /// Ends the agent at once, a running script included. Dispatches in flight give [`DispatchOutcome::Crashed`].
    fn terminate(&self);

    /// Whether the agent can still take an event.
    fn alive(&self) -> bool;
}

/// All that a host needs to know of a worker in order to run it.
#[derive(Clone)]
#[non_exhaustive]
pub struct WorkerDescription {
    /// Names the worker for as long as it exists, restarts of the process included.
    pub id: WorkerId,
    /// The storage key of the worker's registration.
    pub storage_key: String,
    /// The scope of the worker's registration.
    pub scope: Url,
    /// Where the worker's script came from.
    pub script_url: Url,
    /// Classic or module.
    pub worker_type: WorkerType,
    /// The script and the scripts it imports, as far as they are known.
    pub scripts: Arc<HashMap<Url, Bytes>>,
    /// The policy container made from the script's response.
    pub policy_container: PolicyContainer,
    /// The environment settings for the worker's global object.
    pub environment: Arc<EnvironmentSettings>,
    /// What the worker's global object may ask of the service-worker machinery: imports, `skipWaiting()`, `claim()`.
    pub worker_scope: WorkerScope,
}

impl fmt::Debug for WorkerDescription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkerDescription")
            .field("id", &self.id)
            .field("storage_key", &self.storage_key)
            .field("scope", &self.scope.as_str())
            .field("script_url", &self.script_url.as_str())
            .field("worker_type", &self.worker_type)
            .finish_non_exhaustive()
    }
}

/// An event for a worker's global object. The payload is between whoever fires it and the host.
#[derive(Clone)]
pub struct FunctionalEvent {
    /// The event's type, such as `backgroundfetchsuccess`.
    pub name: &'static str,
    /// What the host makes the event from.
    pub payload: Arc<dyn Any + Send + Sync>,
}

impl FunctionalEvent {
    /// An event with a payload.
    pub fn new(name: &'static str, payload: Arc<dyn Any + Send + Sync>) -> Self {
        Self { name, payload }
    }

    /// An event that carries nothing, as `install` and `activate` do.
    pub fn bare(name: &'static str) -> Self {
        Self { name, payload: Arc::new(()) }
    }
}

impl fmt::Debug for FunctionalEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FunctionalEvent").field("name", &self.name).finish_non_exhaustive()
    }
}

/// What became of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DispatchOutcome {
    /// Its handlers ran and every promise given to `waitUntil` was fulfilled.
    Delivered,
    /// Its handlers ran and a promise given to `waitUntil` was rejected, for this reason.
    Rejected(String),
    /// Its handlers or their promises took longer than the limit; the worker was terminated.
    TimedOut,
    /// The worker's script did not run, so that no handler saw the event.
    CouldNotStart(String),
    /// The agent ended while the event was being handled.
    Crashed(String),
    /// There is no registration, or it has no active worker.
    NoWorker,
}

impl DispatchOutcome {
    /// Whether the event has had its chance: it reached the handlers and needs no second delivery.
    pub fn is_delivered(&self) -> bool {
        matches!(self, Self::Delivered | Self::Rejected(_) | Self::TimedOut)
    }
}

/// Why a worker's agent did not get ready.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The script threw while it was evaluated, or did not compile.
    #[error("{file}:{line}: {message}")]
    ScriptThrew {
        /// The exception's message.
        message: String,
        /// The script it was thrown in.
        file: String,
        /// The line, counted from 1; 0 where it is not known.
        line: u32,
    },
    /// The agent ended before its script had run to the end.
    #[error("the worker ended while it was starting: {0}")]
    Terminated(String),
    /// The script ran longer than the limit.
    #[error("the worker's script ran longer than the limit")]
    TimedOut,
    /// The worker is redundant, or the user agent is shutting down.
    #[error("the worker is not to run any more")]
    Redundant,
    /// The host has no agent to give.
    #[error("the host could not make an agent: {0}")]
    Host(String),
}
