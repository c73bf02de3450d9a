//! Where what a script merely listens to is carried into its event loop.
//!
//! A page that awaits `activated` gives its agent nothing to do, so the agent is idle while the event is on its way: it has
//! left the layer that reports it, and the task that makes it one of the event loop has not run. Those tasks run here, in a
//! runtime that can tell when none of them has anything left to carry.

use std::sync::Arc;

use tokio::runtime::{Builder, Handle};
use tokio::sync::{oneshot, watch};

/// A runtime of one thread for the tasks that scripts' threads start. Clones are the same one; it ends with the last of
/// them, so it has to outlive the agents it was given to.
#[derive(Clone, Debug)]
pub struct Listeners(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    handle: Handle,
    /// How often the thread found nothing ready to run.
    parked: watch::Sender<u64>,
    /// Ends the thread when it is dropped.
    _alive: oneshot::Sender<()>,
}

impl Listeners {
    /// Starts the thread.
    pub fn start() -> std::io::Result<Listeners> {
        let parked = watch::Sender::new(0);
        let of_hook = parked.clone();
        let runtime = Builder::new_current_thread()
            .enable_all()
            // Called when every task that was ready has been polled, those included that other threads have woken.
            .on_thread_park(move || of_hook.send_modify(|count| *count += 1))
            .build()?;
        let handle = runtime.handle().clone();
        let (alive, ended) = oneshot::channel::<()>();
        std::thread::Builder::new().name("listeners".to_owned()).spawn(move || {
            // Nothing is sent: it ends when the sender is dropped.
            let _ = runtime.block_on(ended);
        })?;
        Ok(Listeners(Arc::new(Inner { handle, parked, _alive: alive })))
    }

    /// The runtime.
    pub(super) fn handle(&self) -> &Handle {
        &self.0.handle
    }

    /// Resolves once everything that had been reported when this was called is queued in the event loops that hear of it.
    pub async fn drained(&self) {
        let mut parked = self.0.parked.subscribe();
        // What was woken before this task stands before it in the queue, or is polled before the thread parks again.
        let of_task = self.0.parked.clone();
        let Ok(before) = self.0.handle.spawn(async move { *of_task.borrow() }).await else { return };
        // The sender lives as long as `self`, so this cannot fail.
        let _ = parked.wait_for(|count| *count > before).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn what_was_reported_has_arrived() {
        let listeners = Listeners::start().expect("threads");
        for _ in 0..200 {
            let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
            let arrived = watch::Sender::new(0);
            let of_task = arrived.clone();
            listeners.handle().spawn(async move {
                while receiver.recv().await.is_some() {
                    // More than one turn of the runtime for each.
                    tokio::task::yield_now().await;
                    of_task.send_modify(|count| *count += 1);
                }
            });
            for _ in 0..20 {
                sender.send(()).expect("it is received");
            }
            listeners.drained().await;
            assert_eq!(*arrived.borrow(), 20);
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn it_resolves_where_nothing_happens() {
        let listeners = Listeners::start().expect("threads");
        listeners.drained().await;
        listeners.clone().drained().await;
    }
}
