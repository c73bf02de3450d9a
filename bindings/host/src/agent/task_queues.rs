//! The task queues of an event loop, one a task source, and its timers.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashSet, VecDeque};
use std::time::Instant;

use longhaul_idl::runtime::{RealmId, TaskSource};

/// How many tasks may wait. A script that gets this far ahead of its own event loop will never catch up, and what it
/// queued is outside the memory limit of its engine.
const LIMIT: usize = 1 << 17;

/// <https://html.spec.whatwg.org/#task-queue>: the waiting tasks `T`, by source.
#[derive(Debug)]
pub(super) struct TaskQueues<T> {
    queues: BTreeMap<TaskSource, VecDeque<(u64, T)>>,
    next: u64,
    waiting: usize,
}

impl<T> Default for TaskQueues<T> {
    fn default() -> Self {
        TaskQueues { queues: BTreeMap::new(), next: 0, waiting: 0 }
    }
}

impl<T> TaskQueues<T> {
    /// Queues a task; gives it back if too many wait already.
    pub(super) fn push(&mut self, source: TaskSource, task: T) -> Result<(), T> {
        if self.waiting >= LIMIT {
            return Err(task);
        }
        self.next += 1;
        self.waiting += 1;
        self.queues.entry(source).or_default().push_back((self.next, task));
        Ok(())
    }

    /// The next task to run. <https://html.spec.whatwg.org/#event-loop-processing-model>, step 2, leaves the choice of the
    /// queue open: what the user did goes first, all else in the order in which it was queued.
    pub(super) fn pop(&mut self) -> Option<T> {
        let user =
            self.queues.get_key_value(&TaskSource::UserInteraction).filter(|(_, queue)| !queue.is_empty());
        let source = match user {
            Some((source, _)) => *source,
            None => self
                .queues
                .iter()
                .filter_map(|(source, queue)| queue.front().map(|(number, _)| (*number, *source)))
                .min()
                .map(|(_, source)| source)?,
        };
        let (_, task) = self.queues.get_mut(&source)?.pop_front()?;
        self.waiting -= 1;
        Some(task)
    }
}

/// Names a timer within its agent: the number that its realm gave it.
pub(super) type TimerKey = (RealmId, u64);

/// The timers that run, ordered by deadline, those of one deadline by their start.
#[derive(Debug, Default)]
pub(super) struct Timers {
    heap: BinaryHeap<Reverse<(Instant, u64, TimerKey)>>,
    running: HashSet<TimerKey>,
    started: u64,
}

impl Timers {
    /// Starts a timer; gives whether it was not running already.
    pub(super) fn start(&mut self, key: TimerKey, deadline: Instant) -> bool {
        if self.running.len() >= LIMIT || !self.running.insert(key) {
            return false;
        }
        self.started += 1;
        self.heap.push(Reverse((deadline, self.started, key)));
        true
    }

    /// Stops a timer; gives whether it was running.
    pub(super) fn cancel(&mut self, key: TimerKey) -> bool {
        let running = self.running.remove(&key);
        // Stopped timers leave the heap when they come up, or here once they are most of it.
        if self.heap.len() > 64 && self.heap.len() > 2 * self.running.len() {
            let running = &self.running;
            self.heap.retain(|Reverse((_, _, key))| running.contains(key));
        }
        running
    }

    /// The next timer whose time has come.
    pub(super) fn due(&mut self, now: Instant) -> Option<TimerKey> {
        while let Some(Reverse((deadline, _, key))) = self.heap.peek().copied() {
            if self.running.contains(&key) && deadline > now {
                return None;
            }
            self.heap.pop();
            if self.running.remove(&key) {
                return Some(key);
            }
        }
        None
    }

    /// When the next one is due.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse((deadline, _, _))| *deadline)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn tasks_come_in_order_but_the_user_first() {
        let mut queues = TaskQueues::default();
        for (source, task) in [
            (TaskSource::Timer, "timer 1"),
            (TaskSource::Networking, "network 1"),
            (TaskSource::Timer, "timer 2"),
            (TaskSource::UserInteraction, "click"),
            (TaskSource::Dom, "dom 1"),
        ] {
            queues.push(source, task).expect("there is room");
        }
        let order: Vec<_> = std::iter::from_fn(|| queues.pop()).collect();
        assert_eq!(order, ["click", "timer 1", "network 1", "timer 2", "dom 1"]);
    }

    #[test]
    fn the_queues_have_an_end() {
        let mut queues = TaskQueues::default();
        let mut refused = 0;
        for number in 0..LIMIT + 10 {
            refused += usize::from(queues.push(TaskSource::Dom, number).is_err());
        }
        assert_eq!(refused, 10);
        assert_eq!(queues.pop(), Some(0));
        assert_eq!(queues.push(TaskSource::Dom, 0), Ok(()));
    }

    #[test]
    fn timers_fire_by_deadline_then_by_start() {
        let start = Instant::now();
        let realm = RealmId(1);
        let at = |milliseconds| start + Duration::from_millis(milliseconds);
        let mut timers = Timers::default();
        for (number, deadline) in [(1, 20), (2, 10), (3, 10), (4, 30), (5, 0)] {
            assert!(timers.start((realm, number), at(deadline)));
        }
        assert!(!timers.start((realm, 4), at(1)), "a number is used once at a time");
        assert!(timers.cancel((realm, 3)));
        assert!(!timers.cancel((realm, 3)));
        let mut fired = Vec::new();
        while let Some((_, number)) = timers.due(at(20)) {
            fired.push(number);
        }
        assert_eq!(fired, [5, 2, 1]);
        assert_eq!(timers.next_deadline(), Some(at(30)));
        assert_eq!(timers.due(at(29)), None);
        assert_eq!(timers.due(at(30)), Some((realm, 4)));
        assert_eq!(timers.next_deadline(), None);
    }

    #[test]
    fn stopped_timers_do_not_pile_up() {
        let start = Instant::now();
        let mut timers = Timers::default();
        for number in 0..10_000 {
            timers.start((RealmId(1), number), start + Duration::from_secs(3600));
            timers.cancel((RealmId(1), number));
        }
        assert!(timers.heap.len() <= 65, "{}", timers.heap.len());
    }
}
