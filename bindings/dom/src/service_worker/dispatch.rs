//! Events for a service worker's global object.

use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use longhaul::background_fetch;
use longhaul::service_worker::{DispatchOutcome, FunctionalEvent};
use longhaul_idl::runtime::{Dictionary, Exception, ObjectRef, PromiseFuture, Realm, Value};

/// Dispatches an event at the realm's global object, a service worker's. What comes back resolves when the event's lifetime
/// is over; it may be awaited anywhere.
///
/// An event named `install` is an `InstallEvent`; one whose payload is a [`background_fetch::Event`] is of that event's
/// interface; any other is an `ExtendableEvent`.
///
/// <https://w3c.github.io/ServiceWorker/#fire-functional-event>
pub fn dispatch_functional_event(
    realm: &dyn Realm,
    event: &FunctionalEvent,
) -> BoxFuture<'static, DispatchOutcome> {
    match fire(realm, event) {
        Ok(over) => async move {
            match over.await {
                Ok(Value::String(reason)) => DispatchOutcome::Rejected(reason.into()),
                Ok(_) => DispatchOutcome::Delivered,
                Err(exception) => DispatchOutcome::Crashed(exception.to_string()),
            }
        }
        .boxed(),
        Err(exception) => futures::future::ready(DispatchOutcome::Crashed(exception.to_string())).boxed(),
    }
}

fn fire(realm: &dyn Realm, event: &FunctionalEvent) -> Result<PromiseFuture, Exception> {
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
    let args =
        vec![Value::String(event.name.into()), Value::String(interface.into()), Value::Dictionary(init)];
    match realm.core("fireExtendableEvent", args)? {
        Value::Held(promise) => Ok(realm.observe_promise(&promise)),
        _ => Err(Exception::type_error("the event has no lifetime")),
    }
}
