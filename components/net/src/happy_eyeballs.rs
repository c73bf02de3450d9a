//! Which address to try when: several attempts run side by side, started one after another.
//!
//! The state machine does no I/O; time comes in as a duration since the first question. Resolvers of this crate answer for both
//! families at once, so the part of the RFC that waits for the slower family's answer has nothing to do here.
//!
//! <https://www.rfc-editor.org/rfc/rfc8305>

use std::collections::{HashSet, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

/// How long an attempt has for itself before the next one joins it.
///
/// <https://www.rfc-editor.org/rfc/rfc8305#section-8>
pub(crate) const CONNECTION_ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// A hostile resolver's answer is cut here.
const MOST_ADDRESSES: usize = 32;

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Start an attempt, then ask again.
    Start(SocketAddr),
    /// Ask again at this time, or when an attempt fails before it.
    WaitUntil(Duration),
    /// All have been started; ask again when one fails.
    WaitForAttempts,
    /// Every attempt failed.
    Exhausted,
}

/// The state of one host's attempts. It is over when an attempt succeeds: drop it and the other attempts.
#[derive(Debug)]
pub(crate) struct HappyEyeballs {
    waiting: VecDeque<SocketAddr>,
    running: HashSet<SocketAddr>,
    next_start: Duration,
}

impl HappyEyeballs {
    /// Takes the addresses in the resolver's order; its first one's family leads.
    pub(crate) fn new(addresses: impl IntoIterator<Item = SocketAddr>) -> Self {
        HappyEyeballs {
            waiting: interleave(addresses).into_iter().take(MOST_ADDRESSES).collect(),
            running: HashSet::new(),
            next_start: Duration::ZERO,
        }
    }

    /// What to do at `now`.
    ///
    /// <https://www.rfc-editor.org/rfc/rfc8305#section-5>
    pub(crate) fn step(&mut self, now: Duration) -> Step {
        let may_start = self.running.is_empty() || now >= self.next_start;
        match self.waiting.front() {
            Some(_) if !may_start => Step::WaitUntil(self.next_start),
            Some(&address) => {
                self.waiting.pop_front();
                self.running.insert(address);
                self.next_start = now + CONNECTION_ATTEMPT_DELAY;
                Step::Start(address)
            }
            None if self.running.is_empty() => Step::Exhausted,
            None => Step::WaitForAttempts,
        }
    }

    /// An attempt failed at `now`: the next one need not wait for its turn.
    pub(crate) fn failed(&mut self, address: SocketAddr, now: Duration) {
        if self.running.remove(&address) {
            self.next_start = now;
        }
    }
}

/// Alternates the families, each in its own order, without repeating an address.
///
/// <https://www.rfc-editor.org/rfc/rfc8305#section-4>
fn interleave(addresses: impl IntoIterator<Item = SocketAddr>) -> Vec<SocketAddr> {
    let mut seen = HashSet::new();
    let unique: Vec<SocketAddr> = addresses.into_iter().filter(|address| seen.insert(*address)).collect();
    let Some(first) = unique.first() else { return Vec::new() };
    let leads_with_v6 = first.is_ipv6();
    let (mut leading, mut other): (VecDeque<_>, VecDeque<_>) =
        unique.into_iter().partition(|address| address.is_ipv6() == leads_with_v6);
    let mut order = Vec::with_capacity(leading.len() + other.len());
    while !leading.is_empty() || !other.is_empty() {
        order.extend(leading.pop_front());
        order.extend(other.pop_front());
    }
    order
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn v4(last: u8) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, last], 80))
    }

    fn v6(last: u16) -> SocketAddr {
        SocketAddr::from(([0x2001, 0xdb8, 0, 0, 0, 0, 0, last], 80))
    }

    #[test]
    fn families_alternate_and_the_resolvers_first_one_leads() {
        assert_eq!(interleave([v6(1), v6(2), v4(1), v6(1), v4(2)]), [v6(1), v4(1), v6(2), v4(2)]);
        assert_eq!(interleave([v4(1), v6(1), v6(2)]), [v4(1), v6(1), v6(2)]);
        assert_eq!(HappyEyeballs::new([]).step(Duration::ZERO), Step::Exhausted);
    }

    #[test]
    fn the_next_attempt_joins_after_the_delay_or_at_once_after_a_failure() {
        let ms = Duration::from_millis;
        let mut eyeballs = HappyEyeballs::new([v6(1), v4(1), v6(2)]);
        assert_eq!(eyeballs.step(ms(0)), Step::Start(v6(1)));
        assert_eq!(eyeballs.step(ms(10)), Step::WaitUntil(ms(250)));
        assert_eq!(eyeballs.step(ms(250)), Step::Start(v4(1)));
        assert_eq!(eyeballs.step(ms(260)), Step::WaitUntil(ms(500)));
        eyeballs.failed(v6(1), ms(300));
        assert_eq!(eyeballs.step(ms(300)), Step::Start(v6(2)));
        assert_eq!(eyeballs.step(ms(300)), Step::WaitForAttempts);
        eyeballs.failed(v4(1), ms(301));
        eyeballs.failed(v6(2), ms(302));
        assert_eq!(eyeballs.step(ms(302)), Step::Exhausted);
    }

    proptest! {
        /// Whatever fails whenever: each address is tried exactly once, never two within the delay unless one failed in
        /// between, and the machine never waits for nothing.
        #[test]
        fn every_address_is_tried_once_and_in_time(
            hosts in prop::collection::vec((any::<bool>(), 0u8..12), 0..20),
            failures in prop::collection::vec((0usize..20, 0u64..400), 0..40),
        ) {
            let addresses: Vec<_> = hosts.iter().map(|&(six, n)| if six { v6(n.into()) } else { v4(n) }).collect();
            let unique: HashSet<_> = addresses.iter().copied().collect();
            let mut eyeballs = HappyEyeballs::new(addresses);
            let mut failures = failures.into_iter();
            let mut now = Duration::ZERO;
            let mut started = Vec::new();
            let mut running: Vec<SocketAddr> = Vec::new();
            let mut last_start: Option<Duration> = None;
            let mut failed_since_start = false;
            loop {
                match eyeballs.step(now) {
                    Step::Start(address) => {
                        prop_assert!(!started.contains(&address));
                        if let Some(last) = last_start {
                            prop_assert!(failed_since_start || now >= last + CONNECTION_ATTEMPT_DELAY);
                        }
                        started.push(address);
                        running.push(address);
                        last_start = Some(now);
                        failed_since_start = false;
                    }
                    Step::WaitUntil(until) => {
                        prop_assert!(until > now && !running.is_empty());
                        match failures.next() {
                            Some((which, after)) if now + Duration::from_millis(after) < until => {
                                now += Duration::from_millis(after);
                                let address = running.remove(which % running.len());
                                eyeballs.failed(address, now);
                                failed_since_start = true;
                            }
                            _ => now = until,
                        }
                    }
                    Step::WaitForAttempts => {
                        prop_assert!(!running.is_empty());
                        eyeballs.failed(running.remove(0), now);
                        failed_since_start = true;
                    }
                    Step::Exhausted => break,
                }
            }
            prop_assert!(running.is_empty());
            prop_assert_eq!(started.into_iter().collect::<HashSet<_>>(), unique);
        }
    }
}
