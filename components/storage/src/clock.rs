//! Time as a parameter, so that tests can replay years in milliseconds.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// The two times a component may ask for.
pub trait Clock: Send + Sync + 'static {
    /// The wall clock. It may jump in both directions; only for times that are stored or shown.
    fn now(&self) -> SystemTime;

    /// A time since some fixed start which never goes backwards; for everything that measures or waits.
    fn monotonic(&self) -> Duration;
}

/// The machine's own clocks.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    start: Instant,
}

impl SystemClock {
    /// A clock whose monotonic time starts now.
    pub fn new() -> Self {
        Self { start: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }

    fn monotonic(&self) -> Duration {
        self.start.elapsed()
    }
}

/// A clock that stands still until a test moves it.
#[derive(Debug)]
pub struct ManualClock {
    times: Mutex<(SystemTime, Duration)>,
}

impl ManualClock {
    /// A clock whose wall time is `now` and whose monotonic time is zero.
    pub fn new(now: SystemTime) -> Self {
        Self { times: Mutex::new((now, Duration::ZERO)) }
    }

    /// Lets `duration` pass on both clocks.
    pub fn advance(&self, duration: Duration) {
        let mut times = self.times.lock().unwrap_or_else(PoisonError::into_inner);
        times.0 += duration;
        times.1 += duration;
    }

    /// Sets the wall clock alone, as an administrator or a time server would.
    pub fn set_wall_clock(&self, now: SystemTime) {
        self.times.lock().unwrap_or_else(PoisonError::into_inner).0 = now;
    }
}

impl Default for ManualClock {
    /// A clock that stands a billion seconds after the Unix epoch.
    fn default() -> Self {
        Self::new(SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000))
    }
}

impl Clock for ManualClock {
    fn now(&self) -> SystemTime {
        self.times.lock().unwrap_or_else(PoisonError::into_inner).0
    }

    fn monotonic(&self) -> Duration {
        self.times.lock().unwrap_or_else(PoisonError::into_inner).1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jump_of_the_wall_clock_leaves_the_monotonic_clock_alone() {
        let clock = ManualClock::default();
        clock.advance(Duration::from_secs(5));
        clock.set_wall_clock(SystemTime::UNIX_EPOCH);
        assert_eq!(clock.monotonic(), Duration::from_secs(5));
        assert_eq!(clock.now(), SystemTime::UNIX_EPOCH);
    }
}
