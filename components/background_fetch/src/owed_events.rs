//! The functional events that workers are owed.
//!
//! <https://wicg.github.io/background-fetch/#perform-a-background-fetch-algorithm>, step 7.10.
//!
//! DEVIATION: the draft fires an event once. Here it is owed on disk until a worker has had it: after a crash it is
//! fired again.

use std::sync::Arc;
use std::time::Duration;

use crate::background_fetch::BackgroundFetch;
use crate::dependencies::{DispatchOutcome, DisplayEvent, Event, EventKind};
use crate::driver::Driver;
use crate::registry::{persist, remove};

/// Dispatches that crash or cannot start, before the event is dropped.
const TRIES: u32 = 5;

/// The pause after the first of them; it doubles with each.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// Delivers the event of a settled background fetch. When its worker has had it, nothing is kept.
pub(crate) async fn deliver(driver: Arc<Driver>, fetch: Arc<BackgroundFetch>) {
    // What cannot be stored is delivered all the same; it would only not survive a crash.
    let _ = persist(&driver, &fetch).await;
    tokio::select! {
        () = driver.stopping() => return,
        () = crate::progress::settling_update_was_passed_on(&fetch) => {}
    }
    loop {
        let owed = {
            let data = fetch.lock();
            if data.removed {
                return;
            }
            data.owed
        };
        let Some(owed) = owed else { break };
        if driver.is_stopping() {
            return;
        }
        let Some(outcome) = dispatch(&driver, &fetch, owed.kind).await else { return };
        let reason = match outcome {
            DispatchOutcome::Delivered => break,
            DispatchOutcome::NoWorker => {
                tracing::warn!(fetch = fetch.key, event = owed.kind.event_name(), "no worker for the event");
                break;
            }
            DispatchOutcome::CouldNotStart(reason) | DispatchOutcome::Crashed(reason) => reason,
        };
        let failures = owed.failures.saturating_add(1);
        if failures >= TRIES {
            tracing::warn!(
                fetch = fetch.key,
                event = owed.kind.event_name(),
                reason,
                "the event was tried {TRIES} times and is dropped"
            );
            break;
        }
        {
            let mut data = fetch.lock();
            if let Some(owed) = &mut data.owed {
                owed.failures = failures;
            }
            data.dirty = true;
        }
        let _ = persist(&driver, &fetch).await;
        tokio::select! {
            () = driver.stopping() => return,
            () = driver.in_time(FIRST_PAUSE * (1 << (failures - 1))) => {}
        }
    }
    // The records are not available any more.
    remove(&driver, &fetch).await;
    driver.forget(&fetch);
}

/// Dispatches one event. `None` when everything stops meanwhile: then it does not count as tried.
pub(crate) async fn dispatch(
    driver: &Arc<Driver>,
    fetch: &Arc<BackgroundFetch>,
    kind: EventKind,
) -> Option<DispatchOutcome> {
    let registration = driver.registration(fetch);
    let event = Event { kind, registration: registration.clone() };
    let dispatch = driver.dependencies.workers.dispatch(&fetch.registration, event);
    let outcome = tokio::select! {
        biased;
        () = driver.stopping() => return None,
        outcome = dispatch => outcome,
    };
    driver.show(DisplayEvent::WorkerEvent { registration, kind, outcome: outcome.clone() });
    Some(outcome)
}
