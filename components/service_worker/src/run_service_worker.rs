//! Run Service Worker, Terminate Service Worker, and what happens between: events, and idleness.

use std::sync::{Arc, Weak};

use longhaul_fetch::EnvironmentSettings;

use crate::agent_host::{DispatchOutcome, FunctionalEvent, StartError, WorkerAgent, WorkerDescription};
use crate::service_worker::{Worker, WorkerState};
use crate::service_worker_registration::Registration;
use crate::service_workers::{Activity, Inner};
use crate::worker_scope::WorkerScope;

/// A running worker with one event more to handle, for as long as this lives.
pub(crate) struct PendingEvent {
    inner: Arc<Inner>,
    registration: Arc<Registration>,
    worker: Arc<Worker>,
    /// The last field: it ends after the others have let go.
    _activity: Activity,
}

impl PendingEvent {
    fn begin(inner: &Arc<Inner>, registration: &Arc<Registration>, worker: &Arc<Worker>) -> Self {
        let activity = inner.begin_activity();
        worker.running().pending_events += 1;
        worker.activity.notify_waiters();
        Self {
            inner: inner.clone(),
            registration: registration.clone(),
            worker: worker.clone(),
            _activity: activity,
        }
    }
}

impl Drop for PendingEvent {
    fn drop(&mut self) {
        let none_left = {
            let mut running = self.worker.running();
            running.pending_events -= 1;
            running.pending_events == 0
        };
        self.worker.activity.notify_waiters();
        if none_left {
            // What waited for the end of the worker's events goes on.
            self.inner.try_clear_if_unregistered(&self.registration);
            self.inner.try_activate(&self.registration);
        }
    }
}

/// Calls when it is dropped.
pub(crate) struct Told(Option<Box<dyn FnOnce() + Send>>);

impl Told {
    pub(crate) fn new(call: impl FnOnce() + Send + 'static) -> Self {
        Self(Some(Box::new(call)))
    }

    pub(crate) fn nobody() -> Self {
        Self(None)
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        if let Some(call) = self.0.take() {
            call();
        }
    }
}

impl Inner {
    /// Starts the worker's agent unless it runs. The worker counts as busy until what this gives is dropped.
    ///
    /// <https://w3c.github.io/ServiceWorker/#run-service-worker>
    pub(crate) async fn run_service_worker(
        self: &Arc<Self>,
        registration: &Arc<Registration>,
        worker: &Arc<Worker>,
    ) -> Result<(PendingEvent, Arc<dyn WorkerAgent>), StartError> {
        let pending = PendingEvent::begin(self, registration, worker);
        let _one_start = worker.start.lock().await;
        // 1. It runs.
        if let Some(agent) = self.running_agent(worker) {
            return Ok((pending, agent));
        }
        // 2. It must not.
        if worker.state() == WorkerState::Redundant || self.is_stopped() {
            return Err(StartError::Redundant);
        }
        // 3-9. The host makes the agent and evaluates the script.
        // DEVIATION: a script that throws when it is evaluated again counts as a failure; the standard would go on.
        let start = self.host.start(self.describe(registration, worker));
        let agent = tokio::select! {
            () = self.stopping() => return Err(StartError::Redundant),
            started = tokio::time::timeout(self.config.start_limit, start) => {
                started.map_err(|_| StartError::TimedOut)??
            }
        };
        // What it listens to after its first evaluation is what it is asked for.
        worker.resources().handles_fetch.get_or_insert(agent.handles_fetch());
        // The worker may have been removed while its script ran.
        let generation = {
            let mut running = worker.running();
            running.generation = running.generation.wrapping_add(1);
            running.agent = Some(agent.clone());
            running.generation
        };
        if worker.state() == WorkerState::Redundant || self.is_stopped() {
            self.terminate(worker);
            return Err(StartError::Redundant);
        }
        self.spawn_watcher(terminate_when_idle(Arc::downgrade(self), worker.clone(), generation));
        Ok((pending, agent))
    }

    fn running_agent(&self, worker: &Worker) -> Option<Arc<dyn WorkerAgent>> {
        let mut running = worker.running();
        if running.agent.as_ref().is_some_and(|agent| !agent.alive()) {
            running.agent = None;
            running.generation = running.generation.wrapping_add(1);
        }
        running.agent.clone()
    }

    fn describe(
        self: &Arc<Self>,
        registration: &Arc<Registration>,
        worker: &Arc<Worker>,
    ) -> WorkerDescription {
        let environment = EnvironmentSettings {
            time_origin: self.clock.monotonic(),
            ..EnvironmentSettings::clone(&worker.environment)
        };
        WorkerDescription {
            id: worker.id,
            storage_key: registration.storage_key.clone(),
            scope: registration.scope.clone(),
            script_url: worker.script_url.clone(),
            worker_type: worker.worker_type,
            scripts: Arc::new(worker.resources().scripts.sources()),
            policy_container: environment.policy_container.clone(),
            environment: Arc::new(environment),
            worker_scope: WorkerScope::new(self, registration, worker),
        }
    }

    /// <https://w3c.github.io/ServiceWorker/#terminate-service-worker>
    pub(crate) fn terminate(&self, worker: &Worker) {
        let agent = {
            let mut running = worker.running();
            running.generation = running.generation.wrapping_add(1);
            running.agent.take()
        };
        worker.activity.notify_waiters();
        if let Some(agent) = agent {
            agent.terminate();
        }
    }

    /// Dispatches an event at a worker, starting it if need be, and waits for its `waitUntil` promises.
    pub(crate) async fn dispatch_to(
        self: &Arc<Self>,
        registration: &Arc<Registration>,
        worker: &Arc<Worker>,
        event: FunctionalEvent,
    ) -> DispatchOutcome {
        self.dispatch_telling(registration, worker, event, Told::nobody()).await
    }

    /// The same; `told` is told when the event is on its way in the worker, before anything can come of it.
    pub(crate) async fn dispatch_telling(
        self: &Arc<Self>,
        registration: &Arc<Registration>,
        worker: &Arc<Worker>,
        event: FunctionalEvent,
        told: Told,
    ) -> DispatchOutcome {
        let (pending, agent) = match self.run_service_worker(registration, worker).await {
            Ok(running) => running,
            Err(error) => return DispatchOutcome::CouldNotStart(error.to_string()),
        };
        let handled = agent.dispatch(event);
        drop(told);
        let outcome = tokio::select! {
            () = self.stopping() => DispatchOutcome::Crashed("the user agent is shutting down".to_owned()),
            outcome = tokio::time::timeout(self.config.event_limit, handled) => match outcome {
                Ok(outcome) => outcome,
                Err(_) => {
                    self.terminate(worker);
                    DispatchOutcome::TimedOut
                }
            }
        };
        drop(pending);
        outcome
    }
}

/// Terminates the agent of this generation once it has had no event for the configured time.
///
/// <https://w3c.github.io/ServiceWorker/#service-worker-lifetime>
async fn terminate_when_idle(inner: Weak<Inner>, worker: Arc<Worker>, generation: u64) {
    let Some(idle_timeout) = inner.upgrade().map(|inner| inner.config.idle_timeout) else { return };
    loop {
        let activity = worker.activity.notified();
        tokio::pin!(activity);
        activity.as_mut().enable();
        let busy = {
            let running = worker.running();
            if running.generation != generation {
                return;
            }
            running.pending_events > 0
        };
        if busy {
            activity.await;
            continue;
        }
        tokio::select! {
            () = activity => continue,
            () = tokio::time::sleep(idle_timeout) => {}
        }
        let agent = {
            let mut running = worker.running();
            if running.generation != generation {
                return;
            }
            if running.pending_events > 0 {
                continue;
            }
            running.generation = running.generation.wrapping_add(1);
            running.agent.take()
        };
        if let Some(agent) = agent {
            agent.terminate();
        }
        return;
    }
}
