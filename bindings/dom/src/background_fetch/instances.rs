//! <https://wicg.github.io/background-fetch/#get-a-backgroundfetchregistration-instance>

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use futures::StreamExt;
use futures::stream::BoxStream;
use longhaul::background_fetch::{BackgroundFetchResult, Registration, State};
use longhaul_idl::runtime::{Exception, Held, ObjectRef, Realm, TaskSource, Value};

use super::BackgroundFetchRegistration;

/// The realm's objects, one for each background fetch, by its unique key.
#[derive(Default)]
pub(crate) struct BackgroundFetchRegistrations(Mutex<HashMap<String, Instance>>);

enum Instance {
    /// Its `progress` events are to be heard: the object stays, and so does its wrapper.
    Active { object: Arc<BackgroundFetchRegistration>, wrapper: Option<Held> },
    /// Nothing happens to it any more; it stays for as long as a script has it.
    Settled(Weak<BackgroundFetchRegistration>),
}

impl Instance {
    fn object(&self) -> Option<Arc<BackgroundFetchRegistration>> {
        match self {
            Self::Active { object, .. } => Some(Arc::clone(object)),
            Self::Settled(object) => object.upgrade(),
        }
    }
}

impl BackgroundFetchRegistrations {
    /// The object of a background fetch.
    pub(crate) fn object(
        &self,
        realm: &dyn Realm,
        registration: Registration,
    ) -> Result<Arc<BackgroundFetchRegistration>, Exception> {
        let updates = registration.observe();
        let state = registration.snapshot();
        self.object_since(realm, registration, state, updates)
    }

    /// The same, with how it stood at a moment, and the stream of how it stands from then on.
    pub(crate) fn object_since(
        &self,
        realm: &dyn Realm,
        registration: Registration,
        state: State,
        updates: BoxStream<'static, State>,
    ) -> Result<Arc<BackgroundFetchRegistration>, Exception> {
        let key = registration.unique_key().to_string();
        let object = {
            let mut instances = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(object) = instances.get(&key).and_then(Instance::object) {
                return Ok(object);
            }
            instances.retain(|_, instance| instance.object().is_some());
            let object = BackgroundFetchRegistration::new(registration, state);
            let instance = if object.has_settled() {
                Instance::Settled(Arc::downgrade(&object))
            } else {
                Instance::Active { object: Arc::clone(&object), wrapper: None }
            };
            instances.insert(key.clone(), instance);
            object
        };
        if object.has_settled() {
            return Ok(object);
        }
        let held = realm.hold(Value::Object(Arc::clone(&object) as ObjectRef))?;
        let mut instances = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(Instance::Active { wrapper, .. }) = instances.get_mut(&key) {
            *wrapper = Some(held);
        }
        drop(instances);
        follow(realm, &object, key, updates);
        Ok(object)
    }

    fn settled(&self, key: &str) {
        let mut instances = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(instance) = instances.get_mut(key) else { return };
        let Some(object) = instance.object() else { return };
        let before = std::mem::replace(instance, Instance::Settled(Arc::downgrade(&object)));
        drop(instances);
        drop(before);
    }
}

/// Carries the state of a background fetch into the realm, for as long as the realm has the object.
///
/// <https://wicg.github.io/background-fetch/#update-background-fetch-instances>
fn follow(
    realm: &dyn Realm,
    object: &Arc<BackgroundFetchRegistration>,
    key: String,
    mut updates: BoxStream<'static, State>,
) {
    let agent = Arc::clone(realm.agent());
    let id = realm.id();
    let object = Arc::downgrade(object);
    // NOTE: the agent does not stay alive for this: it only listens.
    tokio::spawn(async move {
        while let Some(state) = updates.next().await {
            let Some(object) = object.upgrade() else { break };
            let key = key.clone();
            let update = move |realm: &dyn Realm| {
                if let Err(exception) = update(realm, &object, &key, state) {
                    realm.report_exception(exception);
                }
            };
            agent.queue_task(TaskSource::BackgroundFetch, id, Box::new(update));
        }
    });
}

fn update(
    realm: &dyn Realm,
    object: &Arc<BackgroundFetchRegistration>,
    key: &str,
    state: State,
) -> Result<(), Exception> {
    let settles = state.result != BackgroundFetchResult::None;
    // 6.3.–6.9. Only what is new, and nothing after the end.
    if object.update(state) {
        // 6.10. The event.
        crate::fire_event(realm, Arc::clone(object) as ObjectRef, "progress")?;
    }
    if settles {
        crate::global_scope(realm)?.background_fetches.settled(key);
    }
    Ok(())
}
