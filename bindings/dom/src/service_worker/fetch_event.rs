//! <https://w3c.github.io/ServiceWorker/#fetchevent-interface>: the native side of the events that ask for a response.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use futures::StreamExt;
use longhaul::fetch::BodyStream;
use longhaul::service_worker::{FetchAnswer, FetchEvent};
use longhaul_idl::RequestMethods;
use longhaul_idl::runtime::{
    AgentHandle, Dictionary, Exception, Held, ObjectRef, PromiseFuture, Realm, RealmId, Resolver, TaskSource,
    Value,
};
use tokio::sync::oneshot;

use crate::fetch::{Guard, Request, Response};

/// The events of a realm that wait for an answer, by number.
#[derive(Default)]
pub(crate) struct FetchEvents {
    last: AtomicU64,
    waiting: Mutex<HashMap<u64, Arc<FetchEvent>>>,
}

impl FetchEvents {
    fn add(&self, event: Arc<FetchEvent>) -> u64 {
        let number = self.last.fetch_add(1, Ordering::Relaxed) + 1;
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).insert(number, event);
        number
    }

    fn get(&self, number: u64) -> Option<Arc<FetchEvent>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).get(&number).cloned()
    }

    fn remove(&self, number: u64) -> Option<Arc<FetchEvent>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(&number)
    }
}

/// Whether the worker, whose script has run, listens to `fetch`.
///
/// <https://w3c.github.io/ServiceWorker/#dfn-set-of-event-types-to-handle>
pub fn handles_fetch(realm: &dyn Realm) -> bool {
    matches!(
        realm.core("globalListensTo", vec![Value::String("fetch".into())]),
        // NOTE: a realm that cannot say is asked.
        Ok(Value::Boolean(true)) | Err(_)
    )
}

/// Dispatches the event. What comes back resolves when its lifetime is over, and lets go of the fetch when it is dropped.
pub(super) fn fire_fetch_event(
    realm: &dyn Realm,
    event: &Arc<FetchEvent>,
) -> Result<(PromiseFuture, oneshot::Sender<()>), Exception> {
    let Some(request) = event.take_request() else {
        return Err(Exception::type_error("the event was dispatched before"));
    };
    let scope = crate::global_scope(realm)?;
    let mut init = Dictionary::new();
    let request = Request::create(request, Guard::Immutable);
    // NOTE: held, so that the wrapper that has the signal is the one that the event gets.
    let wrapper = realm.hold(Value::Object(Arc::clone(&request) as ObjectRef))?;
    let signal = request.signal(realm)?;
    init.insert("request", Value::Held(wrapper));
    init.insert("clientId", Value::String(event.client_id().into()));
    init.insert("resultingClientId", Value::String(event.resulting_client_id().into()));
    init.insert("replacesClientId", Value::String(event.replaces_client_id().into()));
    if let Some(preload) = preload_response(realm, event)? {
        init.insert("preloadResponse", Value::Held(preload));
    }
    let number = scope.fetch_events.add(Arc::clone(event));
    let (over, ended) = oneshot::channel();
    follow_abort(realm, event, number, ended);
    let args = vec![Value::Number(number as f64), Value::Held(signal), Value::Dictionary(init)];
    match realm.core("fireFetchEvent", args) {
        Ok(Value::Held(promise)) => Ok((realm.observe_promise(&promise), over)),
        Ok(_) => Err(Exception::type_error("the event has no lifetime")),
        Err(exception) => {
            scope.fetch_events.remove(number);
            Err(exception)
        }
    }
}

/// The promise of the navigation preload's response, if there is a preload.
fn preload_response(realm: &dyn Realm, event: &FetchEvent) -> Result<Option<Held>, Exception> {
    let Some(preload) = event.take_preload() else { return Ok(None) };
    let (promise, resolver) = realm.new_promise()?;
    let (agent, id) = (Arc::clone(realm.agent()), realm.id());
    realm.agent().spawn(Box::pin(async move {
        let response = preload.await;
        let settle = move |realm: &dyn Realm| {
            let result = if response.is_network_error() {
                // NOTE: the reason is for people, not for scripts.
                if let (Some(reason), Ok(scope)) = (response.reason(), crate::global_scope(realm)) {
                    scope.console().message("error", &format!("navigation preload: {reason}"));
                }
                Err(Exception::type_error("the navigation preload failed"))
            } else {
                Ok(Value::Object(Response::create(response, Guard::Immutable) as ObjectRef))
            };
            realm.settle(resolver, result);
        };
        agent.queue_task(TaskSource::Networking, id, Box::new(settle));
    }));
    Ok(Some(promise))
}

/// Carries an abort of the fetch to the signal of the event's request, until the event is over.
fn follow_abort(realm: &dyn Realm, event: &FetchEvent, number: u64, ended: oneshot::Receiver<()>) {
    let (agent, id) = (Arc::clone(realm.agent()), realm.id());
    let controller = event.controller().clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = controller.canceled() => {
                let abort = move |realm: &dyn Realm| {
                    if let Err(exception) = realm.core("abortFetchEvent", vec![Value::Number(number as f64)]) {
                        realm.report_exception(exception);
                    }
                };
                agent.queue_task(TaskSource::Dom, id, Box::new(abort));
            }
            _ = ended => {}
        }
    });
}

/// What the handlers made of the event: a response, nothing, or the name of what went wrong. Gives a promise if the event has to
/// last until the body has been read.
pub(crate) fn answer_fetch(realm: &dyn Realm, number: u64, answer: Value) -> Result<Value, Exception> {
    let scope = crate::global_scope(realm)?;
    let Some(event) = scope.fetch_events.get(number) else { return Ok(Value::Undefined) };
    let mut result = Value::Undefined;
    let answer = match answer {
        Value::Object(object) => {
            let response =
                object.downcast::<Response>().ok_or_else(|| Exception::type_error("that is no Response"))?;
            let mut taken = response.take(realm)?;
            if taken.is_of_script
                && let Some(body) = taken.response.body.take()
            {
                // The worker has to live for as long as somebody reads what its script makes.
                let (lifetime, resolver) = realm.new_promise()?;
                let ending =
                    BodyEnd { agent: Arc::clone(realm.agent()), realm: realm.id(), resolver: Some(resolver) };
                taken.response.body = Some(body.map_stream(|stream| ending.of(stream)));
                result = Value::Held(lifetime);
            }
            FetchAnswer::Respond(Box::new(taken.response))
        }
        Value::String(failure) => {
            let reason = match &*failure {
                "canceled" => "its `fetch` event was canceled",
                "rejected" => "the promise given to respondWith() was rejected",
                "no response" => "respondWith() was given something else than a Response",
                _ => "the body of the Response given to respondWith() has been read, or is being read",
            };
            scope.console().message("error", &format!("fetch event: {reason}"));
            FetchAnswer::Failed(reason)
        }
        _ => FetchAnswer::Fallback,
    };
    event.answer(answer);
    scope.fetch_events.remove(number);
    Ok(result)
}

/// Settles a promise of the worker's once a body has ended, or nobody reads it any more.
struct BodyEnd {
    agent: Arc<dyn AgentHandle>,
    realm: RealmId,
    resolver: Option<Resolver>,
}

impl BodyEnd {
    fn of(self, stream: BodyStream) -> BodyStream {
        // NOTE: the end is told when the stream has given its last chunk, or is dropped before.
        let chunks = futures::stream::unfold((stream, self), |(mut stream, end)| async move {
            let chunk = stream.next().await?;
            Some((chunk, (stream, end)))
        });
        BodyStream::new(chunks.boxed())
    }
}

impl Drop for BodyEnd {
    fn drop(&mut self) {
        let Some(resolver) = self.resolver.take() else { return };
        let settle = move |realm: &dyn Realm| realm.settle(resolver, Ok(Value::Undefined));
        self.agent.queue_task(TaskSource::Networking, self.realm, Box::new(settle));
    }
}
