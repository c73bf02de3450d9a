//! Events for a service worker's global object.

use std::any::Any;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use longhaul::background_fetch;
use longhaul::service_worker::{DispatchOutcome, FetchEvent, FunctionalEvent};
use longhaul_idl::runtime::{Dictionary, Exception, ObjectRef, PromiseFuture, Realm, Value};

use super::messages::WorkerMessage;
use crate::html::ServiceWorkerGlobal;

/// Dispatches an event at the realm's global object, a service worker's. What comes back resolves when the event's lifetime
/// is over; it may be awaited anywhere.
///
/// An event named `install` is an `InstallEvent`; one whose payload is a [`background_fetch::Event`] is of that event's
/// interface, one whose payload is a [`FetchEvent`] is answered; any other is an `ExtendableEvent`.
///
/// <https://w3c.github.io/ServiceWorker/#fire-functional-event>
pub fn dispatch_functional_event(
    realm: &dyn Realm,
    event: &FunctionalEvent,
) -> BoxFuture<'static, DispatchOutcome> {
    match fire(realm, event) {
        Ok((over, kept)) => async move {
            let outcome = over.await;
            drop(kept);
            match outcome {
                Ok(Value::String(reason)) => DispatchOutcome::Rejected(reason.into()),
                Ok(_) => DispatchOutcome::Delivered,
                Err(exception) => DispatchOutcome::Crashed(exception.to_string()),
            }
        }
        .boxed(),
        Err(exception) => futures::future::ready(DispatchOutcome::Crashed(exception.to_string())).boxed(),
    }
}

/// The end of the event's lifetime, and what is dropped then.
type Fired = (PromiseFuture, Option<Box<dyn Any + Send>>);

fn fire(realm: &dyn Realm, event: &FunctionalEvent) -> Result<Fired, Exception> {
    if let Ok(fetch) = Arc::clone(&event.payload).downcast::<FetchEvent>() {
        let (over, kept) = super::fetch_event::fire_fetch_event(realm, &fetch)?;
        return Ok((over, Some(Box::new(kept))));
    }
    if let Ok(message) = Arc::clone(&event.payload).downcast::<WorkerMessage>() {
        return Ok((message.fire(realm)?, None));
    }
    let mut init = Dictionary::new();
    let interface = match event.payload.downcast_ref::<background_fetch::Event>() {
        Some(background) => {
            let scope = crate::global_scope(realm)?;
            let registration = scope.background_fetches.object(realm, background.registration.clone())?;
            init.insert("registration", Value::Object(Arc::clone(&registration) as ObjectRef));
            if background.kind.can_update_ui() {
                "BackgroundFetchUpdateUIEvent"
            } else {
                "BackgroundFetchEvent"
            }
        }
        None if event.name == "install" => "InstallEvent",
        None => "ExtendableEvent",
    };
    // What the user clicked at may be shown to the user.
    let interaction = (event.name == background_fetch::EventKind::Click.event_name())
        .then(|| Interaction::begin(realm))
        .flatten()
        .map(|interaction| Box::new(interaction) as Box<dyn Any + Send>);
    let args =
        vec![Value::String(event.name.into()), Value::String(interface.into()), Value::Dictionary(init)];
    match realm.core("fireExtendableEvent", args)? {
        Value::Held(promise) => Ok((realm.observe_promise(&promise), interaction)),
        _ => Err(Exception::type_error("the event has no lifetime")),
    }
}

/// Lets the worker show a window, until the event is over.
struct Interaction(Arc<ServiceWorkerGlobal>);

impl Interaction {
    fn begin(realm: &dyn Realm) -> Option<Self> {
        let global = realm.global().downcast::<ServiceWorkerGlobal>()?;
        global.set_interaction(true);
        Some(Self(global))
    }
}

impl Drop for Interaction {
    fn drop(&mut self) {
        self.0.set_interaction(false);
    }
}
