//! What an observer is told, in the order in which it happened.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use futures::Stream;

/// What happens from a moment on: a stream, or, with [`Deliveries::to`], calls at the very moment in which it happens.
pub struct Deliveries<T> {
    sink: Option<Arc<Mutex<Sink<T>>>>,
}

/// The other end.
pub(crate) struct Deliverer<T>(Arc<Mutex<Sink<T>>>);

enum Sink<T> {
    /// Kept until somebody takes them.
    Waiting { kept: VecDeque<T>, waker: Option<Waker>, is_over: bool },
    /// Told at once; `false` ends it.
    Direct(Box<dyn FnMut(T) -> bool + Send>),
    /// Nobody listens any more.
    Closed,
}

pub(crate) fn deliveries<T>() -> (Deliverer<T>, Deliveries<T>) {
    let sink = Arc::new(Mutex::new(Sink::Waiting { kept: VecDeque::new(), waker: None, is_over: false }));
    (Deliverer(sink.clone()), Deliveries { sink: Some(sink) })
}

fn lock<T>(sink: &Mutex<Sink<T>>) -> MutexGuard<'_, Sink<T>> {
    sink.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<T> Deliverer<T> {
    /// Tells the observer; `false` if it is gone.
    pub(crate) fn tell(&self, item: T) -> bool {
        let mut sink = lock(&self.0);
        let waker = match &mut *sink {
            Sink::Waiting { kept, waker, .. } => {
                kept.push_back(item);
                waker.take()
            }
            Sink::Direct(call) => {
                let goes_on = call(item);
                if !goes_on {
                    *sink = Sink::Closed;
                }
                return goes_on;
            }
            Sink::Closed => return false,
        };
        drop(sink);
        if let Some(waker) = waker {
            waker.wake();
        }
        true
    }
}

impl<T> Drop for Deliverer<T> {
    fn drop(&mut self) {
        let mut sink = lock(&self.0);
        let waker = match &mut *sink {
            Sink::Waiting { waker, is_over, .. } => {
                *is_over = true;
                waker.take()
            }
            Sink::Direct(_) | Sink::Closed => {
                *sink = Sink::Closed;
                None
            }
        };
        drop(sink);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl<T> Deliveries<T> {
    /// Nothing ever happens.
    pub(crate) fn none() -> Self {
        Self { sink: None }
    }

    /// Calls with what has been kept so far, and from then on with everything as it happens, before whoever makes it happen goes
    /// on; until the call gives `false`. It must be quick, and must not ask the service workers for anything.
    pub fn to(mut self, mut call: impl FnMut(T) -> bool + Send + 'static) {
        let Some(shared) = self.sink.take() else { return };
        let mut sink = lock(&shared);
        let Sink::Waiting { kept, is_over, .. } = std::mem::replace(&mut *sink, Sink::Closed) else { return };
        for item in kept {
            if !call(item) {
                return;
            }
        }
        if !is_over {
            *sink = Sink::Direct(Box::new(call));
        }
    }

    /// The next one, if it is there.
    pub fn next_now(&mut self) -> Option<T> {
        match &mut *lock(self.sink.as_ref()?) {
            Sink::Waiting { kept, .. } => kept.pop_front(),
            Sink::Direct(_) | Sink::Closed => None,
        }
    }
}

impl<T> Stream for Deliveries<T> {
    type Item = T;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        let Some(sink) = &self.sink else { return Poll::Ready(None) };
        match &mut *lock(sink) {
            Sink::Waiting { kept, waker, is_over } => match kept.pop_front() {
                Some(item) => Poll::Ready(Some(item)),
                None if *is_over => Poll::Ready(None),
                None => {
                    *waker = Some(context.waker().clone());
                    Poll::Pending
                }
            },
            Sink::Direct(_) | Sink::Closed => Poll::Ready(None),
        }
    }
}

impl<T> Drop for Deliveries<T> {
    fn drop(&mut self) {
        if let Some(sink) = self.sink.take() {
            let before = std::mem::replace(&mut *lock(&sink), Sink::Closed);
            drop(before);
        }
    }
}

impl<T> fmt::Debug for Deliveries<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Deliveries")
    }
}

#[cfg(test)]
mod tests {
    use futures::{FutureExt as _, StreamExt as _};

    use super::*;

    #[test]
    fn what_was_kept_comes_before_what_happens_next() {
        let (deliverer, mut observed) = deliveries();
        assert!(deliverer.tell(1) && deliverer.tell(2));
        assert_eq!(observed.next_now(), Some(1));
        let told = Arc::new(Mutex::new(Vec::new()));
        let seen = told.clone();
        observed.to(move |item| {
            seen.lock().unwrap().push(item);
            item < 4
        });
        assert!(deliverer.tell(3));
        assert!(!deliverer.tell(4) && !deliverer.tell(5));
        assert_eq!(*told.lock().unwrap(), [2, 3, 4]);
    }

    #[test]
    fn a_stream_of_them_ends_with_either_end() {
        let (deliverer, mut observed) = deliveries();
        assert!(observed.next().now_or_never().is_none());
        assert!(deliverer.tell(1));
        drop(deliverer);
        assert_eq!(observed.next().now_or_never(), Some(Some(1)));
        assert_eq!(observed.next().now_or_never(), Some(None));
        let (deliverer, observed) = deliveries();
        drop(observed);
        assert!(!deliverer.tell(1));
    }
}
