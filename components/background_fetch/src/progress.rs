//! <https://wicg.github.io/background-fetch/#update-background-fetch-instances>: telling those who watch.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::{self, BoxStream};
use futures::{FutureExt, StreamExt};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use crate::background_fetch::BackgroundFetch;
use crate::driver::Driver;
use crate::registration::{BackgroundFetchResult, FailureReason, State};

/// At most one update in this time, as a screen shows no more.
pub(crate) const INTERVAL: Duration = Duration::from_millis(16);

/// How long the functional event waits for observers to pass on the settling update.
pub(crate) const SETTLING_PATIENCE: Duration = Duration::from_secs(1);

struct Observer {
    runtime: Handle,
    /// Ends the stream, so that a stopped driver is not kept alive by those who watch.
    stop: BoxFuture<'static, ()>,
    fetch: Arc<BackgroundFetch>,
    changed: watch::Receiver<()>,
    /// Held until the settling update has been passed on.
    through: Option<mpsc::Sender<()>>,
    last: State,
    /// No earlier than this.
    next: Option<Instant>,
}

/// DEVIATION: updates are coalesced; the draft leaves that open.
pub(crate) fn observe(driver: &Arc<Driver>, fetch: &Arc<BackgroundFetch>) -> BoxStream<'static, State> {
    let last = fetch.snapshot();
    observe_since(driver, fetch, last)
}

/// How it stood when it was registered, and all that came of it, however much of it has happened.
pub(crate) fn observe_from_the_start(
    driver: &Arc<Driver>,
    fetch: &Arc<BackgroundFetch>,
) -> (State, BoxStream<'static, State>) {
    let start = State {
        uploaded: 0,
        downloaded: 0,
        result: BackgroundFetchResult::None,
        failure_reason: FailureReason::None,
        records_available: true,
        ..fetch.snapshot()
    };
    (start.clone(), observe_since(driver, fetch, start))
}

fn observe_since(
    driver: &Arc<Driver>,
    fetch: &Arc<BackgroundFetch>,
    last: State,
) -> BoxStream<'static, State> {
    let through = through(fetch);
    let mut changed = fetch.changed.subscribe();
    // What may have changed before counts as well.
    changed.mark_changed();
    let observer = Observer {
        runtime: driver.dependencies.runtime.clone(),
        stop: driver.stop().boxed(),
        fetch: fetch.clone(),
        changed,
        last,
        through,
        next: None,
    };
    stream::unfold(observer, next).boxed()
}

async fn next(mut observer: Observer) -> Option<(State, Observer)> {
    // Asked again after the settling update: it was passed on, and nothing follows it.
    if observer.last.result != BackgroundFetchResult::None {
        observer.through = None;
        return None;
    }
    loop {
        tokio::select! {
            changed = observer.changed.changed() => changed.ok()?,
            () = &mut observer.stop => return None,
        }
        let mut state = observer.fetch.snapshot();
        while state.result == BackgroundFetchResult::None
            && let Some(next) = observer.next
            && Instant::now() < next
        {
            let sleep = {
                // The stream may be polled outside the runtime.
                let _inside = observer.runtime.enter();
                tokio::time::sleep_until(next)
            };
            tokio::select! {
                () = sleep => {}
                changed = observer.changed.changed() => changed.ok()?,
            }
            state = observer.fetch.snapshot();
        }
        // It vanished without settling.
        if state.result == BackgroundFetchResult::None && !state.records_available {
            return None;
        }
        if state == observer.last {
            continue;
        }
        observer.next = Some(Instant::now() + INTERVAL);
        observer.last = state.clone();
        return Some((state, observer));
    }
}

/// As long as somebody holds it, the functional event waits (but not for ever).
pub(crate) fn through(fetch: &BackgroundFetch) -> Option<mpsc::Sender<()>> {
    let observers = fetch.observers.lock().unwrap_or_else(PoisonError::into_inner);
    observers.as_ref().map(|(sender, _)| sender.clone())
}

/// Waits until every observer has passed on the settling update, but not for ever.
pub(crate) async fn settling_update_was_passed_on(fetch: &BackgroundFetch) {
    let observers = fetch.observers.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some((sender, mut receiver)) = observers {
        drop(sender);
        // Nothing is ever sent: `recv` ends when the last sender is gone.
        let _ = tokio::time::timeout(SETTLING_PATIENCE, receiver.recv()).await;
    }
}
