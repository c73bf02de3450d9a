//! Tasks that run for too long.

use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How many times its limit may pass by the clock while a task waits, or while others have the processor.
const PATIENCE: u32 = 8;

/// Where the system tells for how long a thread has had the processor.
#[derive(Clone, Debug)]
pub(super) struct ProcessorTime(PathBuf);

impl ProcessorTime {
    /// That of the thread that asks, if the system tells.
    pub(super) fn of_this_thread() -> Option<ProcessorTime> {
        let file = ProcessorTime(std::fs::canonicalize("/proc/thread-self/schedstat").ok()?);
        file.read().is_some().then_some(file)
    }

    /// For how long the thread has had the processor until now.
    fn read(&self) -> Option<Duration> {
        // The first number is in nanoseconds.
        let text = std::fs::read_to_string(&self.0).ok()?;
        text.split_whitespace().next()?.parse().ok().map(Duration::from_nanos)
    }
}

/// Watches the tasks of one agent.
pub(super) struct RunawayWatch {
    limit: Duration,
    /// The task that ran at the last look, and for how long its thread had had the processor when it was seen first.
    seen: Option<(Instant, Option<Duration>)>,
}

impl RunawayWatch {
    pub(super) fn new(limit: Duration) -> RunawayWatch {
        RunawayWatch { limit, seen: None }
    }

    /// The time between two looks.
    pub(super) fn between(&self) -> Duration {
        (self.limit / 8).clamp(Duration::from_millis(5), Duration::from_secs(1))
    }

    /// Looks whether the task that was begun then, if one runs, has run for too long.
    pub(super) fn runs_away(
        &mut self,
        running_since: Option<Instant>,
        processor_time: Option<&ProcessorTime>,
    ) -> bool {
        let Some(since) = running_since else { return false };
        let had = processor_time.and_then(ProcessorTime::read);
        let before = match self.seen {
            Some((task, before)) if task == since => before,
            _ => {
                self.seen = Some((since, had));
                had
            }
        };
        // What it had before it was seen first counts as well.
        let used = had.zip(before).map(|(had, before)| had.saturating_sub(before) + self.between());
        runs_too_long(since.elapsed(), used, self.limit)
    }
}

/// Whether a task has run for longer than its limit, given the time since it was begun and that for which it had the processor, if
/// that is known.
fn runs_too_long(elapsed: Duration, used: Option<Duration>, limit: Duration) -> bool {
    elapsed > limit && (used.is_none_or(|used| used > limit) || elapsed > limit * PATIENCE)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_task_that_others_hold_up_does_not_run_away() {
        let limit = 2 * SECOND;
        // It has had the processor all the time.
        assert!(!runs_too_long(2 * SECOND, Some(2 * SECOND), limit));
        assert!(runs_too_long(3 * SECOND, Some(3 * SECOND), limit));
        // It waits, or others have the processor.
        assert!(!runs_too_long(15 * SECOND, Some(SECOND), limit));
        assert!(runs_too_long(17 * SECOND, Some(SECOND), limit));
        // Nobody knows.
        assert!(runs_too_long(3 * SECOND, None, limit));
    }

    #[test]
    fn a_thread_that_works_has_the_processor_longer_and_longer() {
        let Some(time) = ProcessorTime::of_this_thread() else { return };
        let before = time.read().expect("it was told before");
        while time.read().expect("the thread lives") < before + Duration::from_millis(5) {
            std::hint::black_box(());
        }
        // One task is seen twice, and has not had so much of it.
        let mut watch = RunawayWatch::new(SECOND);
        let since = Instant::now().checked_sub(3 * SECOND).expect("the machine has run for so long");
        assert!(!watch.runs_away(Some(since), Some(&time)));
        assert!(!watch.runs_away(Some(since), Some(&time)));
        assert!(watch.runs_away(Some(since), None));
        assert!(!watch.runs_away(None, Some(&time)));
    }
}
