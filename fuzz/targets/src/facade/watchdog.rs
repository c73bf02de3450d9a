//! Ends scripts that do not end by themselves.

use std::fs;
use std::path::PathBuf;
use std::process;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use longhaul_quickjs::InterruptHandle;

/// So long a script may run. It is its thread's own time that counts, as a machine may have other work.
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
    running: Option<Running>,
    ended: bool,
}

/// A script that runs.
struct Running {
    engine: InterruptHandle,
    thread: ThreadTime,
    /// When it began, in its thread's time.
    since: Duration,
    script: String,
}

/// How much time a thread has had of the machine, as Linux tells it.
struct ThreadTime(PathBuf);

impl ThreadTime {
    fn of_this_thread() -> ThreadTime {
        ThreadTime(
            PathBuf::from("/proc").join(fs::read_link("/proc/thread-self").unwrap_or_default()).join("stat"),
        )
    }

    /// <https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html>: the fields 14 and 15, in hundredths of a second.
    fn now(&self) -> Duration {
        let text = fs::read_to_string(&self.0).unwrap_or_default();
        let behind_the_name = text.rsplit_once(')').map_or("", |(_, rest)| rest);
        let ticks =
            behind_the_name.split_ascii_whitespace().skip(11).take(2).filter_map(|n| n.parse::<u64>().ok());
        Duration::from_millis(ticks.sum::<u64>() * 10)
    }
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
        let thread = ThreadTime::of_this_thread();
        let since = thread.now();
        self.shared.lock().running = Some(Running { engine, thread, since, script: script.to_owned() });
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
            if let Some(running) = &watched.running {
                let time = running.thread.now().saturating_sub(running.since);
                if time > LIMIT + GRACE {
                    eprintln!("the engine does not end this script: {}", running.script);
                    process::abort();
                }
                if time > LIMIT {
                    running.engine.interrupt();
                }
            }
            let waited = self.changed.wait_timeout(watched, LIMIT / 4);
            watched = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}
