//! The objects of a realm that stand for service workers and their registrations.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use longhaul::service_worker::{
    Deliveries, RegistrationEvent, RegistrationHandle, WorkerHandle, WorkerId, WorkerState,
};
use longhaul_idl::runtime::{Exception, Held, ObjectRef, Realm, TaskSource, Value};

use super::service_worker_registration::Workers;
use super::{ServiceWorker, ServiceWorkerRegistration};

/// One object for each service worker and each registration that the realm has seen.
///
/// <https://w3c.github.io/ServiceWorker/#environment-settings-object-service-worker-object-map>
#[derive(Default)]
pub(crate) struct ServiceWorkerObjects {
    registrations: Mutex<Vec<(RegistrationHandle, Kept<ServiceWorkerRegistration>)>>,
    workers: Mutex<HashMap<WorkerId, Kept<ServiceWorker>>>,
}

/// An object whose wrapper stays, so that listeners on it are heard.
struct Kept<T> {
    object: Arc<T>,
    /// Absent until the realm holds the wrapper, and again when nothing will happen to the object any more.
    wrapper: Option<Held>,
}

/// What happened to a registration since it was looked at.
pub(crate) type RegistrationEvents = Deliveries<RegistrationEvent>;

impl ServiceWorkerObjects {
    /// <https://w3c.github.io/ServiceWorker/#get-the-service-worker-registration-object>
    pub(crate) fn registration(
        &self,
        realm: &dyn Realm,
        handle: RegistrationHandle,
    ) -> Result<Arc<ServiceWorkerRegistration>, Exception> {
        let events = handle.observe();
        self.registration_with_events(realm, handle, events)
    }

    /// The same, with the stream of what happens to it from a moment on: the object begins as it was then.
    pub(crate) fn registration_with_events(
        &self,
        realm: &dyn Realm,
        handle: RegistrationHandle,
        mut events: RegistrationEvents,
    ) -> Result<Arc<ServiceWorkerRegistration>, Exception> {
        let workers = match events.next_now() {
            Some(RegistrationEvent::WorkersChanged { installing, waiting, active }) => {
                Workers { installing, waiting, active }
            }
            // NOTE: observing begins with the workers of that moment; without them there is no worker.
            _ => Workers::default(),
        };
        let known = {
            let registrations = self.registrations.lock().unwrap_or_else(PoisonError::into_inner);
            let known = registrations.iter().find(|(known, _)| *known == handle);
            known.map(|(_, kept)| Arc::clone(&kept.object))
        };
        if let Some(object) = known {
            self.meet_new_worker(realm, &object, workers)?;
            return Ok(object);
        }
        let object = {
            let mut registrations = self.registrations.lock().unwrap_or_else(PoisonError::into_inner);
            let object = ServiceWorkerRegistration::new(handle.clone(), workers.clone());
            registrations.push((handle.clone(), Kept { object: Arc::clone(&object), wrapper: None }));
            object
        };
        let wrapper = realm.hold(Value::Object(Arc::clone(&object) as ObjectRef))?;
        let mut registrations = self.registrations.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, kept)) = registrations.iter_mut().find(|(known, _)| *known == handle) {
            kept.wrapper = Some(wrapper);
        }
        drop(registrations);
        // Workers that the realm meets here are in the state that their place stands for; what they came to since is in the
        // events.
        let places =
            [(workers.installing, WorkerState::Installing), (workers.waiting, WorkerState::Installed)];
        for (worker, state) in places {
            if let Some(worker) = worker {
                self.worker_in_state(realm, worker, state)?;
            }
        }
        follow(realm, &object, events);
        Ok(object)
    }

    /// What tells of a registration may come before the task that puts its new worker into `installing`: it is there all the same.
    fn meet_new_worker(
        &self,
        realm: &dyn Realm,
        object: &Arc<ServiceWorkerRegistration>,
        now: Workers,
    ) -> Result<(), Exception> {
        let shown = object.workers();
        let is_shown = |worker: &WorkerHandle| {
            [&shown.installing, &shown.waiting, &shown.active]
                .into_iter()
                .flatten()
                .any(|known| known == worker)
        };
        // NOTE: it begins where every worker does; the tasks on their way take it further.
        let Some(new) = now.installing.or(now.waiting).filter(|worker| !is_shown(worker)) else {
            return Ok(());
        };
        self.worker_in_state(realm, new.clone(), WorkerState::Installing)?;
        object.set_workers(realm, Some(new), shown.waiting, shown.active);
        Ok(())
    }

    /// <https://w3c.github.io/ServiceWorker/#get-the-service-worker-object>
    pub(crate) fn worker(
        &self,
        realm: &dyn Realm,
        handle: WorkerHandle,
    ) -> Result<Arc<ServiceWorker>, Exception> {
        let state = handle.state();
        self.worker_in_state(realm, handle, state)
    }

    /// The same; an object that is new begins in `state`.
    fn worker_in_state(
        &self,
        realm: &dyn Realm,
        handle: WorkerHandle,
        state: WorkerState,
    ) -> Result<Arc<ServiceWorker>, Exception> {
        let id = handle.id();
        let object = {
            let mut workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(kept) = workers.get(&id) {
                return Ok(Arc::clone(&kept.object));
            }
            let object = ServiceWorker::new(handle, state);
            workers.insert(id, Kept { object: Arc::clone(&object), wrapper: None });
            object
        };
        if object.current_state() != WorkerState::Redundant {
            let wrapper = realm.hold(Value::Object(Arc::clone(&object) as ObjectRef))?;
            if let Some(kept) = self.workers.lock().unwrap_or_else(PoisonError::into_inner).get_mut(&id) {
                kept.wrapper = Some(wrapper);
            }
        }
        Ok(object)
    }

    /// Nothing happens to the worker any more; its wrapper may go.
    fn release_worker(&self, id: WorkerId) {
        let released = {
            let mut workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner);
            workers.get_mut(&id).and_then(|kept| kept.wrapper.take())
        };
        drop(released);
    }
}

/// Carries what happens to a registration into the realm, for as long as the realm has the object.
fn follow(realm: &dyn Realm, object: &Arc<ServiceWorkerRegistration>, events: RegistrationEvents) {
    let agent = Arc::clone(realm.agent());
    let id = realm.id();
    let object = Arc::downgrade(object);
    // NOTE: queued as it happens, so that it comes before the worker's events that follow.
    events.to(move |event| {
        let Some(object) = object.upgrade() else { return false };
        let apply = move |realm: &dyn Realm| {
            if let Err(exception) = apply(realm, &object, event) {
                realm.report_exception(exception);
            }
        };
        agent.queue_task(TaskSource::Dom, id, Box::new(apply));
        true
    });
}

fn apply(
    realm: &dyn Realm,
    object: &Arc<ServiceWorkerRegistration>,
    event: RegistrationEvent,
) -> Result<(), Exception> {
    match event {
        // <https://w3c.github.io/ServiceWorker/#update-registration-state>
        RegistrationEvent::WorkersChanged { installing, waiting, active } => {
            object.set_workers(realm, installing, waiting, active);
            Ok(())
        }
        RegistrationEvent::UpdateFound { .. } => {
            crate::fire_event(realm, Arc::clone(object) as ObjectRef, "updatefound")
        }
        // <https://w3c.github.io/ServiceWorker/#update-worker-state>
        RegistrationEvent::StateChange { worker, state } => {
            let scope = crate::global_scope(realm)?;
            let worker = scope.service_workers.worker(realm, worker)?;
            worker.set_state(state);
            let fired = crate::fire_event(realm, Arc::clone(&worker) as ObjectRef, "statechange");
            if state == WorkerState::Redundant {
                scope.service_workers.release_worker(worker.id());
            }
            fired
        }
        // NOTE: what else may come to be reported changes no attribute.
        _ => Ok(()),
    }
}
