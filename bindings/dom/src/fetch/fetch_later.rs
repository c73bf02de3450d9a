//! <https://fetch.spec.whatwg.org/#dom-window-fetchlater>

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use longhaul::fetch::{is_url_potentially_trustworthy, queue_a_deferred_fetch, total_request_length};
use longhaul_idl::runtime::{Exception, ObjectRef, Realm, TaskSource, Value};
use longhaul_idl::{DeferredRequestInit, FetchLaterResultMethods, RequestInfo};

use super::Request;
use super::body::AbortedWith;
use super::fetch_method::{AbortObservation, Call, observe};
use crate::WindowGlobal;
use crate::dom::node::lock;

/// The longest that anything is put off: a timer far away would never fire.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// <https://fetch.spec.whatwg.org/#fetchlaterresult>
#[derive(Default)]
pub(crate) struct FetchLaterResult {
    activated: AtomicBool,
}

longhaul_idl::platform_object!(FetchLaterResult => longhaul_idl::fetch_later_result);

impl FetchLaterResultMethods for FetchLaterResult {
    fn activated(self: &Arc<Self>, _: &dyn Realm) -> Result<bool, Exception> {
        Ok(self.activated.load(Ordering::Relaxed))
    }
}

/// <https://fetch.spec.whatwg.org/#dom-window-fetchlater>
pub(crate) fn fetch_later(
    window: &Arc<WindowGlobal>,
    realm: &dyn Realm,
    input: RequestInfo,
    init: DeferredRequestInit,
) -> Result<ObjectRef, Exception> {
    let activate_after = init.activate_after;
    // 1. What the constructor makes of the arguments.
    let object = Request::new(realm, input, init.into())?;
    // 2. Aborted before it began.
    let signal = object.followed_signal(realm)?;
    if let Some(signal) = &signal {
        let reason = realm.core("abortReason", vec![Value::Held(signal.clone())])?;
        if !reason.is_undefined() {
            return Err(Exception::Held(realm.hold(reason)?));
        }
    }
    // 3.
    let (request, _) = object.take_request_for(realm, &AbortedWith::default())?;
    // 4.–6. How long it may wait. NOTE: what is no number at all was refused by the conversion.
    let activate_after = match activate_after {
        Some(after) if after < 0.0 => {
            return Err(Exception::RangeError("activateAfter is less than 0".to_owned()));
        }
        Some(after) => {
            let after = Duration::try_from_secs_f64(after / 1000.0).unwrap_or(LONGEST);
            Some(after.min(LONGEST))
        }
        None => None,
    };
    // 7. Only a document that is shown may put something off.
    let context = window.context();
    if !context.is_fully_active(window) {
        return Err(Exception::type_error("the document is not fully active"));
    }
    // 8., 9. Where to.
    if !matches!(request.url().scheme(), "http" | "https") {
        return Err(Exception::type_error("only a fetch of an HTTP URL can be put off"));
    }
    if !is_url_potentially_trustworthy(request.url()) {
        return Err(Exception::type_error("only a fetch of a potentially trustworthy URL can be put off"));
    }
    // 10. A stream has no length.
    if request.body.as_ref().is_some_and(|body| body.length().is_none()) {
        return Err(Exception::type_error("a body whose length is not known cannot wait"));
    }
    // 11.–13. Whether there is room for it.
    let quota = context.available_deferred_fetch_quota(&request.url().origin());
    let requested = total_request_length(&request);
    if quota < requested {
        return Err(Exception::QuotaExceeded {
            quota: Some(quota as f64),
            requested: Some(requested as f64),
            message: format!("of what may be put off {quota} bytes are left, and this has {requested}"),
        });
    }
    // 14., 15. The record. Its abort steps are there for as long as it waits.
    let result = Arc::new(FetchLaterResult::default());
    let observation: Arc<Mutex<Option<AbortObservation>>> = Arc::default();
    let notify = {
        let (agent, id) = (Arc::clone(realm.agent()), realm.id());
        let (activated, observation) = (Arc::clone(&result), Arc::clone(&observation));
        move || {
            drop(observation);
            let activate = move |_: &dyn Realm| activated.activated.store(true, Ordering::Relaxed);
            agent.queue_task(TaskSource::Networking, id, Box::new(activate));
        }
    };
    let scope = window.scope();
    let user_agent = scope.user_agent();
    let record = {
        let _entered = user_agent.runtime().enter();
        queue_a_deferred_fetch(user_agent.services(), request, activate_after, Box::new(notify))
    };
    // 16.
    if let Some(signal) = signal {
        *lock(&observation) = Some(observe(realm, signal, Call::Deferred(record))?);
    }
    // 17.
    Ok(result)
}
