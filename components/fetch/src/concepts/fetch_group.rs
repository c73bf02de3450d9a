//! Fetch groups: what an environment has under way.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::deferred_fetch::{DeferredFetchRecord, Notify, process_a_deferred_fetch};
use super::fetch_controller::FetchController;
use super::request::Request;
use crate::services::Services;

/// So many bytes of bodies may the keepalive fetches of one group have under way.
pub const KEEPALIVE_QUOTA: u64 = 64 * 1024;

/// The fetches of one environment, those under way and those put off. Clones are the same group.
///
/// Two groups always compare equal: what is under way is no part of what an environment is.
///
/// <https://fetch.spec.whatwg.org/#concept-fetch-group>
#[derive(Clone, Default)]
pub struct FetchGroup(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    /// By the order in which they began.
    fetch_records: BTreeMap<u64, FetchRecord>,
    deferred_fetch_records: Vec<DeferredFetchRecord>,
    next: u64,
}

/// <https://fetch.spec.whatwg.org/#concept-fetch-record>
struct FetchRecord {
    controller: FetchController,
    keepalive: bool,
    body_length: u64,
    silenced: Arc<AtomicBool>,
}

/// A record whose fetch is not done. Dropping it sets the request's done flag.
pub(crate) struct OpenRecord {
    group: FetchGroup,
    number: u64,
    silenced: Silenced,
}

/// Whether a fetch has outlived its environment, whose callbacks nobody waits for any more.
#[derive(Clone, Default)]
pub(crate) struct Silenced(Arc<AtomicBool>);

impl Silenced {
    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

impl FetchGroup {
    /// A group of nothing.
    pub fn new() -> FetchGroup {
        FetchGroup::default()
    }

    /// Ends the group with its environment: fetches end without a word, keepalive ones go on but tell nobody, deferred ones are
    /// sent. To be called where a tokio runtime is at hand if there may be deferred fetches.
    ///
    /// <https://fetch.spec.whatwg.org/#concept-fetch-group-terminate>
    pub fn terminate(&self, services: &Services) {
        // 1. NOTE: records of fetches that are done are not kept.
        let mut ended = Vec::new();
        for record in self.inner().fetch_records.values() {
            if record.keepalive {
                record.silenced.store(true, Ordering::Release);
            } else {
                ended.push(record.controller.clone());
            }
        }
        // The lock is given back before anything is dropped that may come back here.
        for controller in ended {
            controller.terminate();
        }
        // 2.
        self.process_deferred_fetches(services, Notify::No);
    }

    /// Sends what was put off, because it may soon be too late.
    ///
    /// <https://fetch.spec.whatwg.org/#process-deferred-fetches>
    pub fn process_deferred_fetches(&self, services: &Services, notify: Notify) {
        let records = std::mem::take(&mut self.inner().deferred_fetch_records);
        for record in records {
            process_a_deferred_fetch(services, &record, notify);
        }
    }

    /// Aborts every fetch that is under way, as `window.stop()` does. The group goes on.
    ///
    /// <https://html.spec.whatwg.org/#abort-a-document>
    pub fn abort(&self) {
        // The lock is given back before anything is dropped that may come back here.
        let under_way: Vec<_> =
            self.inner().fetch_records.values().map(|record| record.controller.clone()).collect();
        for controller in under_way {
            controller.abort(None);
        }
    }

    /// The bytes of the bodies of keepalive fetches that are not done; [`KEEPALIVE_QUOTA`] is what they may be.
    pub fn keepalive_bytes_under_way(&self) -> u64 {
        let inner = self.inner();
        let keepalive = inner.fetch_records.values().filter(|record| record.keepalive);
        keepalive.fold(0, |sum, record| sum.saturating_add(record.body_length))
    }

    /// The number of fetches that are not done.
    pub fn fetches_under_way(&self) -> usize {
        self.inner().fetch_records.len()
    }

    /// The deferred fetches that have not been sent.
    pub fn deferred_fetch_records(&self) -> Vec<DeferredFetchRecord> {
        let mut inner = self.inner();
        inner.deferred_fetch_records.retain(DeferredFetchRecord::is_pending);
        inner.deferred_fetch_records.clone()
    }

    pub(crate) fn append_deferred(&self, record: DeferredFetchRecord) {
        let mut inner = self.inner();
        inner.deferred_fetch_records.retain(DeferredFetchRecord::is_pending);
        inner.deferred_fetch_records.push(record);
    }

    pub(crate) fn append(&self, request: &Request, controller: &FetchController) -> OpenRecord {
        let mut inner = self.inner();
        let number = inner.next;
        inner.next += 1;
        let silenced = Silenced::default();
        let record = FetchRecord {
            controller: controller.clone(),
            // A deferred fetch has a quota of its own, which it has passed already.
            keepalive: request.keepalive,
            body_length: if request.deferred {
                0
            } else {
                request.body.as_ref().and_then(|body| body.length()).unwrap_or(0)
            },
            silenced: Arc::clone(&silenced.0),
        };
        inner.fetch_records.insert(number, record);
        OpenRecord { group: self.clone(), number, silenced }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl OpenRecord {
    /// The bytes of the keepalive fetches that began before this one and are not done.
    ///
    /// DEVIATION: the standard counts all of them, this one included, which would count a body twice.
    pub(crate) fn inflight_keepalive_bytes(&self) -> u64 {
        let inner = self.group.inner();
        let earlier = inner.fetch_records.range(..self.number);
        earlier
            .filter(|(_, record)| record.keepalive)
            .fold(0, |sum, (_, record)| sum.saturating_add(record.body_length))
    }

    pub(crate) fn silenced(&self) -> Silenced {
        self.silenced.clone()
    }
}

impl Drop for OpenRecord {
    fn drop(&mut self) {
        let record = self.group.inner().fetch_records.remove(&self.number);
        drop(record);
    }
}

impl PartialEq for FetchGroup {
    fn eq(&self, _: &FetchGroup) -> bool {
        true
    }
}

impl fmt::Debug for FetchGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = self.inner();
        f.debug_struct("FetchGroup")
            .field("fetches", &inner.fetch_records.len())
            .field("deferred", &inner.deferred_fetch_records.len())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::*;
    use crate::{Body, ControllerState};

    fn request(keepalive: bool, length: usize) -> Request {
        let mut request = Request::new(Url::parse("https://a.example/").unwrap());
        request.keepalive = keepalive;
        request.body = Some(Body::from_bytes(vec![0; length]));
        request
    }

    #[test]
    fn bodies_of_earlier_keepalive_fetches_count_until_they_are_done() {
        let group = FetchGroup::new();
        let controller = FetchController::new();
        let first = group.append(&request(true, 10), &controller);
        let plain = group.append(&request(false, 100), &controller);
        let second = group.append(&request(true, 5), &controller);
        let third = group.append(&request(true, 1), &controller);
        assert_eq!((first.inflight_keepalive_bytes(), second.inflight_keepalive_bytes()), (0, 10));
        assert_eq!((plain.inflight_keepalive_bytes(), third.inflight_keepalive_bytes()), (10, 15));
        assert_eq!(group.keepalive_bytes_under_way(), 16);
        drop(first);
        assert_eq!(third.inflight_keepalive_bytes(), 5);
        assert_eq!(group.fetches_under_way(), 3);
    }

    #[tokio::test]
    async fn the_end_spares_keepalive_fetches_and_silences_them() {
        let group = FetchGroup::new();
        let (plain, kept) = (FetchController::new(), FetchController::new());
        let one = group.append(&request(false, 0), &plain);
        let two = group.append(&request(true, 0), &kept);
        group.terminate(&crate::services::tests::unconnected());
        assert_eq!((plain.state(), kept.state()), (ControllerState::Terminated, ControllerState::Ongoing));
        assert!(!one.silenced().is_set() && two.silenced().is_set());
    }
}
