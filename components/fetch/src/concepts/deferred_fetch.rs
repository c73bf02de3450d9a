//! Deferred fetching: what is fetched at the last moment, or after a while.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::task::AbortHandle;
use url::Origin;

use super::request::{Referrer, Request, ServiceWorkersMode};
use crate::FetchOptions;
use crate::algorithms::fetch::{fetch, populate_request_from_client};
use crate::services::Services;

/// A fetch that has been put off. Clones are the same one.
///
/// <https://fetch.spec.whatwg.org/#deferred-fetch-record>
#[derive(Clone)]
pub struct DeferredFetchRecord(Arc<Inner>);

struct Inner {
    url_origin: Origin,
    total_request_length: u64,
    state: Mutex<State>,
}

struct State {
    invoke_state: InvokeState,
    request: Option<Request>,
    notify_invoked: Option<Box<dyn FnOnce() + Send>>,
    timer: Option<AbortHandle>,
}

/// <https://fetch.spec.whatwg.org/#deferred-fetch-record-invoke-state>
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum InvokeState {
    /// It waits.
    Pending,
    /// It was sent.
    Sent,
    /// It was aborted, and will never be sent.
    Aborted,
}

/// Whether somebody is left to hear that a deferred fetch was sent.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Notify {
    /// There is.
    Yes,
    /// The environment has ended.
    No,
}

/// Puts a fetch off until its environment ends, or until `activate_after` has passed. `on_activated_without_termination` is
/// called once it was sent before the end of its environment; a caller with an event loop queues a task there.
///
/// Whether there is room for it is for the caller to ask [`DeferredFetchQuota`](crate::DeferredFetchQuota). With a time it has
/// to be called where a tokio runtime is at hand.
///
/// <https://fetch.spec.whatwg.org/#queue-a-deferred-fetch>
pub fn queue_a_deferred_fetch(
    services: &Services,
    mut request: Request,
    activate_after: Option<Duration>,
    on_activated_without_termination: Box<dyn FnOnce() + Send>,
) -> DeferredFetchRecord {
    // 1.
    populate_request_from_client(&mut request);
    // 2.–3.
    request.service_workers_mode = ServiceWorkersMode::None;
    request.keepalive = true;
    request.deferred = true;
    let client = request.client.clone();
    // 4.
    let record = DeferredFetchRecord(Arc::new(Inner {
        url_origin: request.url().origin(),
        total_request_length: total_request_length(&request),
        state: Mutex::new(State {
            invoke_state: InvokeState::Pending,
            request: Some(request),
            notify_invoked: Some(on_activated_without_termination),
            timer: None,
        }),
    }));
    // 5.
    if let Some(client) = client {
        client.fetch_group.append_deferred(record.clone());
    }
    // 6. NOTE: whoever believes that the environment is about to be frozen calls `process_deferred_fetches`.
    if let Some(after) = activate_after {
        let (services, waiting) = (services.clone(), Arc::downgrade(&record.0));
        let timer = tokio::spawn(async move {
            tokio::time::sleep(after).await;
            if let Some(inner) = waiting.upgrade() {
                process_a_deferred_fetch(&services, &DeferredFetchRecord(inner), Notify::Yes);
            }
        });
        record.state().timer = Some(timer.abort_handle());
    }
    // 7.
    record
}

/// What a request counts against the quota.
///
/// <https://fetch.spec.whatwg.org/#total-request-length>
pub fn total_request_length(request: &Request) -> u64 {
    // 1. NOTE: a serialized URL is ASCII, whose length is its bytes.
    let mut url = request.url().clone();
    url.set_fragment(None);
    let mut total = url.as_str().len();
    // 2.
    total += match (&request.referrer, &request.client) {
        (Referrer::Url(url), _) => url.as_str().len(),
        (Referrer::Client, Some(client)) => client.creation_url.as_str().len(),
        (Referrer::Client, None) | (Referrer::NoReferrer, _) => 0,
    };
    // 3.
    total += request.header_list.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>();
    // 4.–5.
    let body = request.body.as_ref().and_then(|body| body.length()).unwrap_or(0);
    (total as u64).saturating_add(body)
}

/// <https://fetch.spec.whatwg.org/#process-a-deferred-fetch>
pub(crate) fn process_a_deferred_fetch(services: &Services, record: &DeferredFetchRecord, notify: Notify) {
    let (request, callback) = {
        let mut state = record.state();
        // 1.
        if state.invoke_state != InvokeState::Pending {
            return;
        }
        // 2.
        state.invoke_state = InvokeState::Sent;
        if let (Notify::No, Some(timer)) = (notify, state.timer.take()) {
            timer.abort();
        }
        (state.request.take(), state.notify_invoked.take())
    };
    // 3. NOTE: nobody looks at the response.
    if let Some(request) = request {
        let fetching = fetch(services, request, FetchOptions::default());
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(async move { drop(fetching.await) })),
            Err(_) => {
                tracing::warn!("a deferred fetch is lost: its environment ended outside of the runtime")
            }
        }
    }
    // 4.
    if let (Notify::Yes, Some(callback)) = (notify, callback) {
        callback();
    }
}

impl DeferredFetchRecord {
    /// Gives it up, if it has not been sent.
    pub fn abort(&self) {
        let mut state = self.state();
        if state.invoke_state == InvokeState::Pending {
            state.invoke_state = InvokeState::Aborted;
            if let Some(timer) = state.timer.take() {
                timer.abort();
            }
            let dropped = (state.request.take(), state.notify_invoked.take());
            drop(state);
            drop(dropped);
        }
    }

    /// What became of it.
    pub fn invoke_state(&self) -> InvokeState {
        self.state().invoke_state
    }

    /// Whether it still waits.
    pub fn is_pending(&self) -> bool {
        self.invoke_state() == InvokeState::Pending
    }

    /// The origin that it goes to.
    pub fn url_origin(&self) -> &Origin {
        &self.0.url_origin
    }

    /// What it counts against the quota.
    pub fn total_request_length(&self) -> u64 {
        self.0.total_request_length
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for DeferredFetchRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeferredFetchRecord")
            .field("invoke_state", &self.invoke_state())
            .field("total_request_length", &self.0.total_request_length)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::*;
    use crate::Body;

    #[test]
    fn url_referrer_headers_and_body_count() {
        let mut request = Request::new(Url::parse("https://a.example/x#fragment").unwrap());
        request.referrer = Referrer::Url(Url::parse("https://b.example/").unwrap());
        request.header_list.append("a", "bc");
        request.body = Some(Body::from_bytes("12345"));
        assert_eq!(total_request_length(&request), 19 + 18 + 3 + 5);
        request.referrer = Referrer::NoReferrer;
        request.body = None;
        assert_eq!(total_request_length(&request), 19 + 3);
    }

    #[tokio::test]
    async fn what_is_aborted_is_never_sent() {
        let services = crate::services::tests::unconnected();
        let request = Request::new(Url::parse("https://a.example/").unwrap());
        let record =
            queue_a_deferred_fetch(&services, request, None, Box::new(|| panic!("nobody is to be told")));
        record.abort();
        process_a_deferred_fetch(&services, &record, Notify::Yes);
        assert_eq!(record.invoke_state(), InvokeState::Aborted);
    }
}
