//! <https://fetch.spec.whatwg.org/#fetch-method>

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use longhaul::fetch::{Body, DeferredFetchRecord, FetchController, FetchOptions, ServiceWorkersMode};
use longhaul_idl::runtime::{
    AgentHandle, Exception, Held, ObjectRef, PromiseOf, Realm, RealmId, Resolver, TaskSource, Value,
};
use longhaul_idl::{RequestInfo, RequestInit};

use super::body::AbortedWith;
use super::{Request, Response};
use crate::resource_timing::ResourceTiming;

/// The calls of `fetch()` whose signal may still abort them, by number.
#[derive(Default)]
pub(crate) struct AbortObservers {
    last: AtomicU64,
    calls: Mutex<HashMap<u64, Call>>,
}

/// What the abort of a signal ends.
#[derive(Clone)]
pub(super) enum Call {
    Fetch {
        controller: FetchController,
        aborted_with: AbortedWith,
        /// The promise, until it is settled.
        pending: Pending,
    },
    /// A fetch that `fetchLater()` has put off.
    Deferred(DeferredFetchRecord),
}

type Pending = Arc<Mutex<Option<Resolver>>>;

/// Keeps the signal's abort tied to a call, for as long as it lives.
#[derive(Clone)]
pub(super) struct AbortObservation(Arc<Observation>);

struct Observation {
    number: u64,
    agent: Arc<dyn AgentHandle>,
    realm: RealmId,
}

impl Drop for Observation {
    fn drop(&mut self) {
        let number = self.number;
        let forget = move |realm: &dyn Realm| {
            if let Ok(scope) = crate::global_scope(realm) {
                scope.abort_observers().take(number);
            }
            // It fails only when the realm cannot run anything any more.
            let _ = realm.core("forgetAbort", vec![Value::Number(number as f64)]);
        };
        self.agent.queue_task(TaskSource::Dom, self.realm, Box::new(forget));
    }
}

impl AbortObservation {
    /// Keeps up a body that nobody has looked at and nobody can look at any more.
    ///
    /// NOTE: the standard lets a user agent end such a fetch, as ours would at once, unlike engines that collect garbage now and then.
    /// Whoever holds the signal counts on there being something to abort.
    ///
    /// <https://fetch.spec.whatwg.org/#garbage-collection>
    pub(super) fn keep_for_a_while(self, body: Body) {
        let agent = Arc::clone(&self.0.agent);
        let kept = async move {
            let _observation = self;
            // NOTE: it may come to its end, break off, or be too long or too late: all the same, it is let go of then.
            let _ = tokio::time::timeout(A_WHILE, body.read_all(Some(READ_AHEAD))).await;
        };
        agent.spawn(kept.boxed());
    }
}

impl AbortObservers {
    fn add(&self, call: Call) -> u64 {
        let number = self.last.fetch_add(1, Ordering::Relaxed) + 1;
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).insert(number, call);
        number
    }

    fn take(&self, number: u64) -> Option<Call> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).remove(&number)
    }

    /// The abort steps that `fetch()` and `fetchLater()` add to their request's signal.
    pub(crate) fn aborted(&self, realm: &dyn Realm, number: u64, reason: Held) {
        match self.take(number) {
            None => {}
            Some(Call::Deferred(record)) => record.abort(),
            Some(Call::Fetch { controller, aborted_with, pending }) => {
                // 1.–3. The fetch ends.
                aborted_with.set_reason(reason.clone());
                controller.abort(None);
                // 4. The promise rejects, unless it has its response; that one's body breaks off, and so does the request's.
                if let Some(resolver) = take(&pending) {
                    realm.settle(resolver, Err(Exception::Held(reason.clone())));
                }
                aborted_with.abort(realm, reason);
            }
        }
    }
}

/// Ties a call to the abort of a signal, until what this gives is dropped.
pub(super) fn observe(realm: &dyn Realm, signal: Held, call: Call) -> Result<AbortObservation, Exception> {
    let number = crate::global_scope(realm)?.abort_observers().add(call);
    realm.core("observeAbort", vec![Value::Held(signal), Value::Number(number as f64)])?;
    let observation = Observation { number, agent: Arc::clone(realm.agent()), realm: realm.id() };
    Ok(AbortObservation(Arc::new(observation)))
}

/// A fetch for a request of script that is not a call of `fetch()`: the request's signal ends it, and its response's body, for as long
/// as this lives.
pub(crate) struct FollowedFetch {
    pub(crate) request: longhaul::fetch::Request,
    pub(crate) controller: FetchController,
    aborted_with: AbortedWith,
    _observation: Option<AbortObservation>,
}

impl FollowedFetch {
    /// # Errors
    /// What the signal was aborted with.
    pub(crate) fn new(realm: &dyn Realm, object: &Arc<Request>) -> Result<Self, Exception> {
        let signal = object.followed_signal(realm)?;
        let controller = FetchController::new();
        let aborted_with = AbortedWith::default();
        let mut observation = None;
        if let Some(signal) = signal {
            let reason = realm.core("abortReason", vec![Value::Held(signal.clone())])?;
            if !reason.is_undefined() {
                return Err(Exception::Held(realm.hold(reason)?));
            }
            let call = Call::Fetch {
                controller: controller.clone(),
                aborted_with: aborted_with.clone(),
                pending: Pending::default(),
            };
            observation = Some(observe(realm, signal, call)?);
        }
        let request = object.take_request(realm)?;
        Ok(Self { request, controller, aborted_with, _observation: observation })
    }

    /// What the signal was aborted with, if it was.
    pub(crate) fn abort_reason(&self) -> Option<Held> {
        self.aborted_with.reason()
    }
}

fn take(pending: &Pending) -> Option<Resolver> {
    pending.lock().unwrap_or_else(PoisonError::into_inner).take()
}

/// So much of a body is fetched before script asks for it: a page that looks at heads only keeps no connections.
const READ_AHEAD: usize = 64 << 10;

/// So long a body goes on that is collected while its signal may still abort it.
const A_WHILE: Duration = Duration::from_secs(5);

/// <https://fetch.spec.whatwg.org/#dom-global-fetch>
pub(crate) fn fetch_method(
    realm: &dyn Realm,
    input: RequestInfo,
    init: RequestInit,
) -> Result<PromiseOf<ObjectRef>, Exception> {
    let scope = crate::global_scope(realm)?;
    // 2.–3. What the constructor makes of the arguments; what it throws rejects.
    let object = Request::new(realm, input, init)?;
    // 4. Aborted before it began.
    let signal = object.followed_signal(realm)?;
    let aborted_with = AbortedWith::default();
    let (mut request, _) = object.take_request_for(realm, &aborted_with)?;
    if let Some(signal) = &signal {
        let reason = realm.core("abortReason", vec![Value::Held(signal.clone())])?;
        if !reason.is_undefined() {
            let reason = realm.hold(reason)?;
            aborted_with.abort(realm, reason.clone());
            return Err(Exception::Held(reason));
        }
    }
    // 5.–6. What a service worker fetches goes past service workers.
    if realm.global().downcast::<crate::ServiceWorkerGlobal>().is_some() {
        request.service_workers_mode = ServiceWorkersMode::None;
    }
    // 7.–10. The promise, and the abort steps.
    let (promise, resolver) = realm.new_promise()?;
    let pending: Pending = Arc::new(Mutex::new(Some(resolver)));
    let controller = FetchController::new();
    let observation = match signal {
        Some(signal) => {
            let call = Call::Fetch {
                controller: controller.clone(),
                aborted_with: aborted_with.clone(),
                pending: Arc::clone(&pending),
            };
            Some(observe(realm, signal, call)?)
        }
        None => None,
    };
    // 11. The fetch; its response comes back in a task.
    let url = request.url().to_string();
    let timing = ResourceTiming::new(realm, request.url(), "fetch");
    let mut options = FetchOptions { controller, read_ahead: READ_AHEAD, ..FetchOptions::default() };
    if let Some(timing) = timing.clone() {
        options.process_response_end_of_body = Some(Box::new(move |at_end| timing.end(at_end)));
    }
    let fetching = scope.user_agent().fetch(request, options);
    let agent = Arc::clone(realm.agent());
    let id = realm.id();
    let process_response = async move {
        let mut response = fetching.await;
        if let Some(timing) = timing {
            timing.head(&response);
        }
        // NOTE: what is known to be empty is at its end already: a later abort finds nothing to break off.
        if response.body.is_some() && response.header_list.get("Content-Length").as_deref() == Some(b"0") {
            response.body = Some(Body::from_bytes(Bytes::new()));
        }
        let settle = move |realm: &dyn Realm| {
            // 11.1. The abort was faster.
            let Some(resolver) = take(&pending) else { return };
            // 11.2.–11.3. NOTE: an abort from elsewhere looks like any failure to a script.
            let result = if response.is_network_error() {
                // NOTE: the reason is for people, not for scripts.
                if let (Some(reason), Ok(scope)) = (response.reason(), crate::global_scope(realm)) {
                    scope.console().message("error", &format!("fetch() of {url}: {reason}"));
                }
                Err(Exception::type_error("the fetch failed"))
            } else {
                // 11.4.–11.5. The response.
                Ok(Value::Object(Response::of_fetch(response, aborted_with, observation)))
            };
            realm.settle(resolver, result);
        };
        agent.queue_task(TaskSource::Networking, id, Box::new(settle));
    };
    realm.agent().spawn(process_response.boxed());
    Ok(PromiseOf::Held(promise))
}
