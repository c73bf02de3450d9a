//! Those who watch a jar.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use crate::cookie::CookieChange;

/// Told of every change of a jar, in the order in which they happened.
///
/// It may read and change the jar; what it changes is told once it has returned. It is called on whichever thread
/// changes cookies, so it should hand on what takes long.
pub trait CookieObserver: Send + Sync + 'static {
    /// A cookie was set, removed or evicted. Cookies that merely expire are not told, since nobody looks at them then.
    fn changed(&self, change: &CookieChange);
}

#[derive(Default)]
pub(crate) struct Observers(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    observers: Vec<Weak<dyn CookieObserver>>,
    untold: VecDeque<CookieChange>,
    /// Some thread is telling; it will tell what comes meanwhile too.
    telling: bool,
}

impl Observers {
    pub(crate) fn add(&self, observer: &Arc<dyn CookieObserver>) {
        self.inner().observers.push(Arc::downgrade(observer));
    }

    /// Whether somebody listens; nobody needs to describe changes otherwise.
    pub(crate) fn any(&self) -> bool {
        let mut inner = self.inner();
        inner.observers.retain(|observer| observer.strong_count() > 0);
        !inner.observers.is_empty()
    }

    /// Puts changes in the queue. To be called while the jar is locked, which keeps their order.
    pub(crate) fn queue(&self, changes: Vec<CookieChange>) {
        if !changes.is_empty() {
            self.inner().untold.extend(changes);
        }
    }

    /// Tells what is in the queue. To be called while the jar is not locked.
    pub(crate) fn tell(&self) {
        let mut inner = self.inner();
        if inner.telling {
            return;
        }
        inner.telling = true;
        while let Some(change) = inner.untold.pop_front() {
            let observers: Vec<_> = inner.observers.iter().filter_map(Weak::upgrade).collect();
            drop(inner);
            for observer in observers {
                observer.changed(&change);
            }
            inner = self.inner();
        }
        inner.telling = false;
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
