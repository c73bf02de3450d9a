//! Fetch controllers: what a caller holds to end a fetch that runs.

use std::any::Any;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use futures::future::BoxFuture;
use tokio::sync::watch;

use super::body::BodyStream;
use super::fetch_timing_info::FetchTiming;
use super::resource_timing::ResourceTiming;
use super::response::Response;
use crate::{EnvironmentSettings, NetworkError};

/// Ends a fetch, and knows its timing afterwards. Clones control the same fetch.
///
/// <https://fetch.spec.whatwg.org/#fetch-controller>
#[derive(Clone)]
pub struct FetchController(Arc<Inner>);

/// <https://fetch.spec.whatwg.org/#fetch-controller-state>
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum ControllerState {
    /// The fetch runs, or has ended by itself.
    Ongoing,
    /// Its environment ended.
    Terminated,
    /// The caller aborted it.
    Aborted,
}

/// Whatever the caller gave as the reason; the standard's serialized abort reason.
pub type AbortReason = Arc<dyn Any + Send + Sync>;

/// Goes on with a navigation behind a redirect, for another client if one is given. It is handed the controller, which keeps it and so
/// must not be kept by it.
pub(crate) type NextManualRedirectSteps =
    Box<dyn FnOnce(FetchController, Option<Arc<EnvironmentSettings>>) -> BoxFuture<'static, Response> + Send>;

struct Inner {
    state: watch::Sender<ControllerState>,
    rest: Mutex<Rest>,
}

#[derive(Default)]
struct Rest {
    abort_reason: Option<AbortReason>,
    full_timing_info: Option<FetchTiming>,
    resource_timing: Option<ResourceTiming>,
    next_manual_redirect_steps: Option<NextManualRedirectSteps>,
    /// The response's body, which goes at once when the fetch is ended, even if nobody reads it.
    body: Weak<Mutex<Option<BodyStream>>>,
}

impl FetchController {
    /// A controller for one fetch.
    pub fn new() -> FetchController {
        FetchController(Arc::new(Inner {
            state: watch::Sender::new(ControllerState::Ongoing),
            rest: Mutex::default(),
        }))
    }

    /// Aborts the fetch: its promise and its body fail with the reason, its connection is closed. The first abort or
    /// termination counts.
    ///
    /// <https://fetch.spec.whatwg.org/#fetch-controller-abort>
    pub fn abort(&self, reason: Option<AbortReason>) {
        self.end(ControllerState::Aborted, reason);
    }

    /// Ends the fetch without a word.
    ///
    /// <https://fetch.spec.whatwg.org/#fetch-controller-terminate>
    pub fn terminate(&self) {
        self.end(ControllerState::Terminated, None);
    }

    fn end(&self, state: ControllerState, reason: Option<AbortReason>) {
        let mut rest = self.rest();
        if self.is_canceled() {
            return;
        }
        // The reason is there before anybody can see the state.
        rest.abort_reason = reason;
        self.0.state.send_replace(state);
        let body = std::mem::take(&mut rest.body);
        let redirect = rest.next_manual_redirect_steps.take();
        drop(rest);
        drop(redirect);
        // A body that is being read at this moment is dropped by its reader, who is woken by the state.
        if let Some(body) = body.upgrade()
            && let Ok(mut body) = body.try_lock()
        {
            *body = None;
        }
    }

    /// Ends that body with the fetch.
    pub(crate) fn attach(&self, body: &Arc<Mutex<Option<BodyStream>>>) {
        let mut rest = self.rest();
        if self.is_canceled() {
            drop(rest);
            *body.lock().unwrap_or_else(PoisonError::into_inner) = None;
        } else {
            rest.body = Arc::downgrade(body);
        }
    }

    /// The state now.
    pub fn state(&self) -> ControllerState {
        *self.0.state.borrow()
    }

    /// Whether it was aborted or terminated.
    ///
    /// <https://fetch.spec.whatwg.org/#fetch-params-canceled>
    pub fn is_canceled(&self) -> bool {
        self.state() != ControllerState::Ongoing
    }

    /// What the abort was given.
    pub fn abort_reason(&self) -> Option<AbortReason> {
        self.rest().abort_reason.clone()
    }

    /// Waits until it is aborted or terminated, and says which.
    pub async fn canceled(&self) -> ControllerState {
        let mut state = self.0.state.subscribe();
        loop {
            let now = *state.borrow_and_update();
            if now != ControllerState::Ongoing {
                return now;
            }
            if state.changed().await.is_err() {
                // `self` holds the sender, so this cannot be reached; never resolving is what "never canceled" means.
                std::future::pending::<()>().await;
            }
        }
    }

    /// The whole timing, once the body has ended.
    ///
    /// <https://fetch.spec.whatwg.org/#extract-full-timing-info>
    pub fn full_timing_info(&self) -> Option<FetchTiming> {
        self.rest().full_timing_info.clone()
    }

    pub(crate) fn set_full_timing_info(&self, timing: FetchTiming) {
        self.rest().full_timing_info = Some(timing);
    }

    /// What Resource Timing is told, once the body has ended; nothing for what did not come by HTTP. A caller reports it if the
    /// request had an initiator type.
    ///
    /// <https://fetch.spec.whatwg.org/#finalize-and-report-timing>
    pub fn report_timing(&self) -> Option<ResourceTiming> {
        self.rest().resource_timing.clone()
    }

    pub(crate) fn set_report_timing(&self, timing: ResourceTiming) {
        self.rest().resource_timing = Some(timing);
    }

    /// Goes on behind the redirect that a navigation with redirect mode `manual` was given; nothing if there is none. What the
    /// redirect leads to may be for another client than the navigation was for so far. A navigation that goes past service workers
    /// is given a filtered response, behind which nothing leads on.
    ///
    /// <https://fetch.spec.whatwg.org/#fetch-controller-process-the-next-manual-redirect>
    pub fn process_the_next_manual_redirect(
        &self,
        reserved_client: Option<Arc<EnvironmentSettings>>,
    ) -> Option<BoxFuture<'static, Response>> {
        let steps = self.rest().next_manual_redirect_steps.take()?;
        Some(steps(self.clone(), reserved_client))
    }

    pub(crate) fn set_next_manual_redirect_steps(&self, steps: NextManualRedirectSteps) {
        self.rest().next_manual_redirect_steps = Some(steps);
    }

    /// The network error that suits the state.
    ///
    /// <https://fetch.spec.whatwg.org/#appropriate-network-error>
    pub(crate) fn appropriate_network_error(&self) -> NetworkError {
        match self.state() {
            ControllerState::Aborted => NetworkError::Aborted,
            ControllerState::Terminated | ControllerState::Ongoing => NetworkError::Terminated,
        }
    }

    fn rest(&self) -> std::sync::MutexGuard<'_, Rest> {
        self.0.rest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for FetchController {
    fn default() -> Self {
        FetchController::new()
    }
}

impl fmt::Debug for FetchController {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FetchController").field("state", &self.state()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn the_first_end_counts_and_clones_share_it() {
        let controller = FetchController::new();
        let other = controller.clone();
        assert!(controller.canceled().now_or_never().is_none());
        other.abort(Some(Arc::new(7_u8)));
        controller.terminate();
        assert_eq!(controller.canceled().await, ControllerState::Aborted);
        assert_eq!(controller.abort_reason().unwrap().downcast_ref::<u8>(), Some(&7));
        assert_eq!(controller.appropriate_network_error(), NetworkError::Aborted);
    }
}
