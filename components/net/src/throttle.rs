//! One limit for the bytes of all response bodies together.
//!
//! A virtual schedule instead of a bucket that somebody must refill: each slice of a body takes the next piece of time on it. As a
//! body holds one slice at a time, bodies that all want more take turns.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How much time one slice may take; also how far the schedule may run ahead without anybody waiting, so that coarse timers do not
/// cost throughput.
const SLICE: Duration = Duration::from_millis(20);

/// The schedule. Times are durations since any fixed moment.
#[derive(Debug)]
pub(crate) struct Schedule {
    bytes_per_second: u64,
    free_at: Duration,
}

/// A slice: how many bytes, and when they may be handed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slice {
    pub(crate) bytes: usize,
    pub(crate) at: Duration,
}

impl Schedule {
    pub(crate) fn new(bytes_per_second: u64) -> Self {
        Schedule { bytes_per_second: bytes_per_second.max(1), free_at: Duration::ZERO }
    }

    /// Takes the next slice for somebody who has `available` bytes (at least one) to hand on.
    pub(crate) fn reserve(&mut self, now: Duration, available: usize) -> Slice {
        let most = self.bytes_per_second.saturating_mul(SLICE.as_millis() as u64) / 1000;
        let bytes = available.min(usize::try_from(most).unwrap_or(usize::MAX)).max(1);
        let start = self.free_at.max(now);
        self.free_at = start + self.cost(bytes);
        Slice { bytes, at: start.saturating_sub(SLICE) }
    }

    /// Gives back a slice that was not used.
    pub(crate) fn give_back(&mut self, slice: Slice) {
        self.free_at = self.free_at.saturating_sub(self.cost(slice.bytes));
    }

    fn cost(&self, bytes: usize) -> Duration {
        let nanoseconds = (bytes as u128 * 1_000_000_000).div_ceil(u128::from(self.bytes_per_second));
        Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX))
    }
}

/// The schedule on tokio's clock.
#[derive(Debug)]
pub(crate) struct Throttle {
    schedule: Mutex<Schedule>,
    epoch: Instant,
}

impl Throttle {
    pub(crate) fn new(bytes_per_second: u64) -> Self {
        Throttle { schedule: Mutex::new(Schedule::new(bytes_per_second)), epoch: Instant::now() }
    }

    /// Takes a slice; the moment is when it may be handed on, `None` for now.
    pub(crate) fn reserve(&self, available: usize) -> (Slice, Option<Instant>) {
        let now = self.epoch.elapsed();
        let slice = self.schedule.lock().unwrap_or_else(PoisonError::into_inner).reserve(now, available);
        (slice, (slice.at > now).then(|| self.epoch + slice.at))
    }

    pub(crate) fn give_back(&self, slice: Slice) {
        self.schedule.lock().unwrap_or_else(PoisonError::into_inner).give_back(slice);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn bodies_take_turns_in_equal_slices() {
        let mut schedule = Schedule::new(100_000);
        let slices: Vec<Slice> = (0..9).map(|_| schedule.reserve(Duration::ZERO, 1 << 20)).collect();
        assert!(slices.iter().all(|slice| slice.bytes == 2000));
        // The first two fall inside the allowance, the others follow 20 ms apart.
        let at: Vec<u128> = slices.iter().map(|slice| slice.at.as_millis()).collect();
        assert_eq!(at, [0, 0, 20, 40, 60, 80, 100, 120, 140]);
    }

    #[test]
    fn what_is_given_back_can_be_taken_again_and_idle_time_is_not_saved_up() {
        let mut schedule = Schedule::new(1000);
        let later = Duration::from_secs(100);
        let first = schedule.reserve(later, 500);
        let second = schedule.reserve(later, 500);
        schedule.give_back(second);
        assert_eq!(schedule.reserve(later, 500), second);
        assert_eq!((first.bytes, first.at), (20, later - SLICE));
        assert!(schedule.reserve(later, 500).at > later);
    }

    proptest! {
        /// Over any history no more is handed on than the rate allows, plus one slice and the bytes' rounding.
        #[test]
        fn the_rate_is_kept(
            rate in 1u64..10_000_000,
            asks in prop::collection::vec((1usize..200_000, 0u64..50_000), 1..200),
        ) {
            let mut schedule = Schedule::new(rate);
            let mut now = Duration::ZERO;
            let mut handed = 0u128;
            let mut largest = 0u128;
            for (available, pause) in asks {
                let slice = schedule.reserve(now, available);
                prop_assert!(slice.bytes >= 1 && slice.bytes <= available);
                now = now.max(slice.at) + Duration::from_micros(pause);
                handed += slice.bytes as u128;
                largest = largest.max(slice.bytes as u128);
                let allowed = (now + SLICE).as_nanos() * u128::from(rate) / 1_000_000_000 + largest + 1;
                prop_assert!(handed <= allowed, "{handed} > {allowed}");
            }
        }
    }
}
