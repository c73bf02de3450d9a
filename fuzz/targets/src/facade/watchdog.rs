//! Ends scripts that do not end by themselves.

use std::process;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use longhaul_quickjs::InterruptHandle;

/// So long a script may run.
const LIMIT: Duration = Duration::from_secs(1);

/// So long after that the engine may take to notice.
const GRACE: Duration = Duration::from_secs(15);

/// Interrupts an engine whose script has run for too long, and ends the process where that does not help.
pub(super) struct Watchdog {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    watched: Mutex<Watched>,
    changed: Condvar,
}

#[derive(Default)]
struct Watched {
    /// Whose script runs, since when, and what it is.
    running: Option<(InterruptHandle, Instant, String)>,
    ended: bool,
}

impl Watchdog {
    pub(super) fn new() -> Watchdog {
        let shared = Arc::<Shared>::default();
        let of_thread = Arc::clone(&shared);
        let thread = thread::Builder::new().name("watchdog".to_owned()).spawn(move || of_thread.watch());
        thread.expect("a thread");
        Watchdog { shared }
    }

    /// Watches for as long as `run` takes.
    pub(super) fn watch<T>(&self, engine: InterruptHandle, script: &str, run: impl FnOnce() -> T) -> T {
        self.shared.lock().running = Some((engine, Instant::now(), script.to_owned()));
        let result = run();
        self.shared.lock().running = None;
        result
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.shared.lock().ended = true;
        self.shared.changed.notify_all();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Watched> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// NOTE: it looks from time to time, so that a script costs nobody a wake-up.
    fn watch(&self) {
        let mut watched = self.lock();
        while !watched.ended {
            if let Some((engine, since, script)) = &watched.running {
                let time = since.elapsed();
                if time > LIMIT + GRACE {
                    eprintln!("the engine does not end this script: {script}");
                    process::abort();
                }
                if time > LIMIT {
                    engine.interrupt();
                }
            }
            let waited = self.changed.wait_timeout(watched, LIMIT / 4);
            watched = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}
