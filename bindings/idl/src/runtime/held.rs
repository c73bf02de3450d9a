//! JavaScript values that Rust keeps without ever touching them.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use super::RealmId;

/// A JavaScript value kept by its realm: a number here, the value there.
///
/// It may be sent anywhere and cloned; when the last clone is dropped its number goes to the realm's release queue, and the
/// realm lets the value go at its next task. A held value is a root: what it reaches is not collected. Once the realm is gone
/// the number means nothing and every use of it is an exception.
#[derive(Clone)]
pub struct Held(Arc<Inner>);

struct Inner {
    number: u64,
    realm: RealmId,
    queue: Arc<ReleaseQueue>,
}

impl Held {
    /// For adapters: a value that the realm keeps under this number.
    pub fn new(number: u64, realm: RealmId, queue: Arc<ReleaseQueue>) -> Self {
        Self(Arc::new(Inner { number, realm, queue }))
    }

    /// For adapters: the number the realm keeps the value under.
    pub fn number(&self) -> u64 {
        self.0.number
    }

    /// The realm that keeps the value.
    pub fn realm(&self) -> RealmId {
        self.0.realm
    }

    /// Whether both are the same handle. Two handles of one JavaScript value may differ.
    pub fn same(&self, other: &Held) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Held({} of {:?})", self.0.number, self.0.realm)
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.queue.0.lock().unwrap_or_else(PoisonError::into_inner).push(self.number);
    }
}

/// The numbers of dropped [`Held`] values, until the realm takes them.
#[derive(Debug, Default)]
pub struct ReleaseQueue(Mutex<Vec<u64>>);

impl ReleaseQueue {
    /// For adapters: the numbers dropped since the last call.
    pub fn take(&self) -> Vec<u64> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
