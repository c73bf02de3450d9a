//! The runtime that targets run on: one thread, a clock that stands still until nothing else is left to do.

use tokio::runtime::{Builder, Runtime};

/// One that ends with the input, so that no task outlives it.
pub(crate) fn fresh() -> Runtime {
    Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime without I/O")
}
