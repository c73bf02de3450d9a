//! The runtime that targets run on: one thread, a clock that stands still until nothing else is left to do.

use tokio::runtime::{Builder, EnterGuard, Runtime};

thread_local! {
    static RUNTIME: &'static Runtime = Box::leak(Box::new(
        Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime without I/O"),
    ));
}

/// Makes it this thread's.
pub(crate) fn enter() -> EnterGuard<'static> {
    RUNTIME.with(|runtime| runtime.enter())
}

/// One that ends with the input, so that no task outlives it.
pub(crate) fn fresh() -> Runtime {
    Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime without I/O")
}
