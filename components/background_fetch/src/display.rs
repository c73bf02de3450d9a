//! <https://wicg.github.io/background-fetch/#background-fetch-display-algorithm>: telling displays.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use futures::StreamExt;
use futures::stream::{self, BoxStream};
use tokio::sync::Notify;

use crate::background_fetch::BackgroundFetch;
use crate::dependencies::DisplayEvent;
use crate::driver::Driver;
use crate::registration::BackgroundFetchResult;

/// Those who watch everything.
#[derive(Default)]
pub(crate) struct Subscribers(Mutex<Vec<Weak<Subscriber>>>);

struct Subscriber {
    queue: Mutex<Queue>,
    filled: Notify,
}

#[derive(Default)]
struct Queue {
    events: VecDeque<DisplayEvent>,
    closed: bool,
}

impl Subscribers {
    pub(crate) fn send(&self, event: DisplayEvent) {
        self.each(|queue| {
            // Whoever is slow gets the newest numbers once: they are read from the registration anyway.
            let told = matches!(event, DisplayEvent::Progress(_))
                && queue.events.iter().any(|waiting| {
                    matches!(waiting, DisplayEvent::Progress(_))
                        && waiting.registration() == event.registration()
                });
            if !told {
                queue.events.push_back(event.clone());
            }
        });
    }

    /// Nothing more will come.
    pub(crate) fn close(&self) {
        self.each(|queue| queue.closed = true);
    }

    fn each(&self, change: impl Fn(&mut Queue)) {
        let mut subscribers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        subscribers.retain(|subscriber| {
            let Some(subscriber) = subscriber.upgrade() else { return false };
            change(&mut subscriber.queue.lock().unwrap_or_else(PoisonError::into_inner));
            subscriber.filled.notify_one();
            true
        });
    }
}

/// Everything that displays are told from now on.
pub(crate) fn observe_all(driver: &Arc<Driver>) -> BoxStream<'static, DisplayEvent> {
    let subscriber = Arc::new(Subscriber { queue: Mutex::default(), filled: Notify::new() });
    let mut subscribers = driver.subscribers.0.lock().unwrap_or_else(PoisonError::into_inner);
    subscribers.push(Arc::downgrade(&subscriber));
    stream::unfold(subscriber, |subscriber| async move {
        loop {
            {
                let mut queue = subscriber.queue.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(event) = queue.events.pop_front() {
                    drop(queue);
                    return Some((event, subscriber));
                }
                if queue.closed {
                    return None;
                }
            }
            subscriber.filled.notified().await;
        }
    })
    .boxed()
}

/// Shows a background fetch's numbers until it settles.
pub(crate) fn show_progress(driver: &Arc<Driver>, fetch: &Arc<BackgroundFetch>) {
    let mut states = crate::progress::observe(driver, fetch);
    let (weak, fetch) = (Arc::downgrade(driver), fetch.clone());
    let mut numbers = (fetch.snapshot().downloaded, fetch.snapshot().uploaded);
    driver.dependencies.runtime.spawn(async move {
        while let Some(state) = states.next().await {
            let Some(driver) = weak.upgrade() else { return };
            let now = (state.downloaded, state.uploaded);
            if state.result == BackgroundFetchResult::None && now != numbers {
                numbers = now;
                driver.show_progress(&fetch);
            }
        }
    });
}
