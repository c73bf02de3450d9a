//! Background fetches' events, delivered by the service-worker layer.

use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use longhaul_background_fetch::{DispatchOutcome, Event, RegistrationKey, ServiceWorkerHost};
use longhaul_service_worker::{
    AgentHost, DispatchOutcome as Outcome, FunctionalEvent, ServiceWorkers, StartError, WorkerAgent,
    WorkerDescription,
};
use tokio::sync::watch;

/// [`ServiceWorkerHost`] by [`ServiceWorkers`].
pub(crate) struct Workers {
    pub(crate) service_workers: ServiceWorkers,
    /// Whether agents may be started: before that, events wait.
    pub(crate) started: watch::Receiver<bool>,
}

impl ServiceWorkerHost for Workers {
    fn has_active_worker(&self, registration: &RegistrationKey) -> bool {
        self.service_workers.has_active_worker(&registration.storage_key, &registration.scope)
    }

    fn dispatch(&self, registration: &RegistrationKey, event: Event) -> BoxFuture<'static, DispatchOutcome> {
        let (service_workers, mut started, registration) =
            (self.service_workers.clone(), self.started.clone(), registration.clone());
        async move {
            if started.wait_for(|started| *started).await.is_err() {
                return DispatchOutcome::CouldNotStart(
                    "the user agent ended before it was started".to_owned(),
                );
            }
            let functional = FunctionalEvent::new(event.kind.event_name(), Arc::new(event));
            let fired = service_workers.fire_functional_event(
                &registration.storage_key,
                &registration.scope,
                functional,
            );
            match fired.await {
                Outcome::CouldNotStart(reason) => DispatchOutcome::CouldNotStart(reason),
                Outcome::Crashed(reason) => DispatchOutcome::Crashed(reason),
                Outcome::NoWorker => DispatchOutcome::NoWorker,
                // A handler that rejects or takes for ever has had the event.
                _ => DispatchOutcome::Delivered,
            }
        }
        .boxed()
    }
}

/// The agent host of a user agent that was given none: it runs nothing.
pub(crate) struct NoAgents;

impl AgentHost for NoAgents {
    fn start(
        &self,
        _worker: WorkerDescription,
    ) -> BoxFuture<'static, Result<Arc<dyn WorkerAgent>, StartError>> {
        let error = StartError::Host("this user agent was built without an agent host".to_owned());
        futures::future::ready(Err(error)).boxed()
    }
}
