//! Runs tests, each in a process of its own, several at a time.

mod process;

use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::Instant;

pub use process::TestProcess;

use crate::checkout::{Kind, Test, Timeout};
use crate::report::{Status, TestResult};
use crate::server::Server;

/// How tests are run.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// How many at a time.
    pub jobs: usize,
    /// What the suite's own timeouts are multiplied with.
    pub timeout_multiplier: f64,
    /// The program that a test's process runs; it has the `child` command.
    pub program: PathBuf,
}

/// Runs tests; `done` is told of each as it ends, with its place in `tests`. The results come in the order of `tests`.
///
/// # Errors
/// No process could be started, or no temporary folder made.
pub fn run(
    tests: &[Test],
    server: &Server,
    options: &RunOptions,
    mut done: impl FnMut(usize, &TestResult),
) -> std::io::Result<Vec<TestResult>> {
    let profiles = tempfile::Builder::new().prefix("longhaul-wpt").tempdir()?;
    // Long ones first, so that none is left alone at the end.
    let mut order: Vec<usize> = (0..tests.len()).collect();
    order.sort_by_key(|index| tests[*index].timeout != Timeout::Long);
    let (next, order) = (AtomicUsize::new(0), &order);
    let failure = Mutex::new(None);
    let mut results: Vec<Option<TestResult>> = vec![None; tests.len()];
    let (sender, receiver) = mpsc::channel();
    std::thread::scope(|scope| {
        for _ in 0..options.jobs.max(1) {
            let (sender, next, failure, profiles) = (sender.clone(), &next, &failure, profiles.path());
            scope.spawn(move || {
                while let Some(index) = order.get(next.fetch_add(1, Ordering::Relaxed)).copied() {
                    let profile = profiles.join(index.to_string());
                    let result = run_one(&tests[index], server, options, &profile);
                    // It is thrown away whole in the end, if this does not work.
                    let _ = std::fs::remove_dir_all(&profile);
                    match result {
                        Ok(result) => {
                            if sender.send((index, result)).is_err() {
                                return;
                            }
                        }
                        Err(error) => {
                            *failure.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(error);
                            next.store(order.len(), Ordering::Relaxed);
                        }
                    }
                }
            });
        }
        drop(sender);
        for (index, result) in receiver {
            done(index, &result);
            results[index] = Some(result);
        }
    });
    match failure.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner) {
        Some(error) => Err(error),
        None => Ok(results.into_iter().flatten().collect()),
    }
}

/// How much longer than the suite's timeout a test's process waits for the page to say itself that it is over, and how much
/// longer the runner waits for the process: so many seconds, multiplied as the timeouts are.
const GRACE: f64 = 5.0;

impl RunOptions {
    /// So many seconds of the suite's time, in milliseconds.
    fn milliseconds(&self, seconds: f64) -> u64 {
        (seconds * 1000.0 * self.timeout_multiplier) as u64
    }
}

fn run_one(
    test: &Test,
    server: &Server,
    options: &RunOptions,
    profile: &std::path::Path,
) -> std::io::Result<TestResult> {
    let began = Instant::now();
    let order = crate::child::Order {
        url: server.url(test.scheme, test.www, &test.id),
        profile: profile.to_owned(),
        load_only: test.kind == Kind::Crash,
        limit: options.milliseconds(f64::from(test.timeout.seconds()) + GRACE),
    };
    let outcome = TestProcess::run(&order, server, options)?;
    let mut result = TestResult::without_subtests(&test.id, outcome.status, outcome.message);
    result.subtests = outcome.subtests;
    result.console = outcome.console;
    result.duration = u64::try_from(began.elapsed().as_millis()).ok();
    Ok(result)
}

/// The tests of one part of several, which together hold each once. A file's tests stay together.
pub fn chunk(tests: Vec<Test>, this: usize, total: usize) -> Vec<Test> {
    let in_this = |test: &Test| {
        // FNV-1a: the same on every machine, and in every version.
        let hash = test.source.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        hash % total as u64 == this as u64 - 1
    };
    tests.into_iter().filter(in_this).collect()
}

/// What differs between runs of the same tests: the test, the subtest or nothing for the test itself, and the statuses.
pub fn differences(runs: &[Vec<TestResult>]) -> Vec<(String, Option<String>, Vec<Option<Status>>)> {
    use std::collections::BTreeMap;
    let mut seen: BTreeMap<(&str, Option<String>), Vec<Option<Status>>> = BTreeMap::new();
    for (number, run) in runs.iter().enumerate() {
        let mut note = |test, subtest, status| {
            seen.entry((test, subtest)).or_insert_with(|| vec![None; runs.len()])[number] = Some(status);
        };
        for result in run {
            note(&result.test, None, result.status);
            for (name, subtest) in result.unique_subtests() {
                note(&result.test, Some(name), subtest.status);
            }
        }
    }
    seen.into_iter()
        .filter(|(_, statuses)| statuses.windows(2).any(|pair| pair[0] != pair[1]))
        .map(|((test, subtest), statuses)| (test.to_owned(), subtest, statuses))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_hold_each_test_once_and_keep_files_together() {
        let tests: Vec<Test> =
            (0..50).flat_map(|n| crate::checkout::tests_of(&format!("a/{n}.any.js"), b"")).collect();
        let chunks: Vec<_> = (1..=3).map(|this| chunk(tests.clone(), this, 3)).collect();
        let mut all: Vec<_> = chunks.iter().flatten().map(|test| test.id.clone()).collect();
        all.sort();
        let mut wanted: Vec<_> = tests.iter().map(|test| test.id.clone()).collect();
        wanted.sort();
        assert_eq!(all, wanted);
        for chunk in &chunks {
            assert!(chunk.len() > 10 && chunk.len() % 2 == 0, "{}", chunk.len());
        }
    }

    #[test]
    fn runs_are_compared_subtest_by_subtest() {
        let run = |status| {
            let mut result = TestResult::without_subtests("/a.html", Status::Ok, None);
            result.subtests.push(crate::report::SubtestResult {
                name: "x".into(),
                status,
                message: None,
                expected: None,
                known_intermittent: Vec::new(),
            });
            vec![result]
        };
        assert_eq!(differences(&[run(Status::Pass), run(Status::Pass)]), []);
        assert_eq!(
            differences(&[run(Status::Pass), run(Status::Fail)]),
            [("/a.html".to_owned(), Some("x".to_owned()), vec![Some(Status::Pass), Some(Status::Fail)])]
        );
        assert_eq!(differences(&[run(Status::Pass), Vec::new()]).len(), 2);
    }
}
