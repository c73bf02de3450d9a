//! Messages between service workers and their clients.

use std::sync::Arc;

use longhaul::fetch::serialize_origin;
use longhaul::service_worker::{ClientMessage, FunctionalEvent, WorkerHandle};
use longhaul_idl::runtime::{Exception, Held, ObjectRef, PromiseFuture, Realm, Value};

use super::ServiceWorkerContainer;
use super::client::client_object;
use crate::html::ServiceWorkerGlobal;
use crate::structured_clone::{self, SerializedMessage};

/// A message to a service worker.
pub(super) struct WorkerMessage {
    message: SerializedMessage,
    origin: String,
    source: Source,
}

/// Who sent a message to a service worker.
enum Source {
    Worker(WorkerHandle),
    Client(String),
}

/// A message of a service worker's.
struct PageMessage {
    message: SerializedMessage,
    origin: String,
}

/// <https://w3c.github.io/ServiceWorker/#service-worker-postmessage-options>
pub(super) fn post_to_worker(
    realm: &dyn Realm,
    worker: &WorkerHandle,
    message: Value,
    transfer: Vec<Held>,
) -> Result<(), Exception> {
    // 4. What it holds.
    let message = structured_clone::serialize(realm, message, transfer)?;
    // 6.2.1.–6.2.2. Who sends it.
    let scope = crate::global_scope(realm)?;
    let source = match realm.global().downcast::<ServiceWorkerGlobal>() {
        Some(global) => Source::Worker(global.description().worker_scope.service_worker()),
        None => Source::Client(scope.settings().id.clone()),
    };
    let origin = serialize_origin(&scope.settings().origin);
    // 6. The worker runs, and gets it.
    let event = FunctionalEvent::new("message", Arc::new(WorkerMessage { message, origin, source }));
    scope.user_agent().service_workers().post_to_worker(worker, event);
    Ok(())
}

/// <https://w3c.github.io/ServiceWorker/#client-postmessage-options>
pub(super) fn post_to_client(
    realm: &dyn Realm,
    client_id: &str,
    message: Value,
    transfer: Vec<Held>,
) -> Result<(), Exception> {
    // 3. What it holds.
    let message = structured_clone::serialize(realm, message, transfer)?;
    let scope = crate::global_scope(realm)?;
    let source = super::clients::worker_global(realm)?.description().worker_scope.service_worker();
    let payload = Arc::new(PageMessage { message, origin: serialize_origin(&scope.settings().origin) });
    // 4. To the client's queue.
    scope.user_agent().service_workers().post_to_client(client_id, ClientMessage { source, payload });
    Ok(())
}

impl WorkerMessage {
    /// Dispatches the message in the worker; the end of the event's lifetime.
    pub(super) fn fire(&self, realm: &dyn Realm) -> Result<PromiseFuture, Exception> {
        let scope = crate::global_scope(realm)?;
        let service_workers = scope.user_agent().service_workers();
        let source = match &self.source {
            Source::Worker(worker) => Value::Object(scope.service_workers.worker(realm, worker.clone())?),
            // NOTE: a client that is gone meanwhile is nobody.
            Source::Client(id) => match service_workers.client(&scope.settings().storage_key, id) {
                Some(snapshot) => Value::Object(client_object(snapshot)),
                None => Value::Null,
            },
        };
        let handle = self.message.clone().into_handle(realm)?;
        let args = vec![handle, Value::String(self.origin.as_str().into()), source];
        match realm.core("fireExtendableMessage", args)? {
            Value::Held(promise) => Ok(realm.observe_promise(&promise)),
            _ => Err(Exception::type_error("the event has no lifetime")),
        }
    }
}

/// Steps 4.4 of postMessage(), in the client.
pub(super) fn receive(
    realm: &dyn Realm,
    container: Arc<ServiceWorkerContainer>,
    message: ClientMessage,
) -> Result<(), Exception> {
    let Some(page) = message.payload.downcast_ref::<PageMessage>() else { return Ok(()) };
    let source = crate::global_scope(realm)?.service_workers.worker(realm, message.source)?;
    let args = vec![
        Value::Object(container as ObjectRef),
        page.message.clone().into_handle(realm)?,
        Value::String(page.origin.as_str().into()),
        Value::Object(source as ObjectRef),
    ];
    realm.core("receiveMessage", args).map(drop)
}
