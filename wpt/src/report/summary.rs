//! Numbers for people.

use std::collections::BTreeMap;
use std::fmt;

use super::{Status, TestResult};

/// How many subtests had which result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Those that passed.
    pub passed: usize,
    /// Those that failed.
    pub failed: usize,
    /// Those that took too long.
    pub timed_out: usize,
    /// Those that were not reached, or whose precondition is not met.
    pub not_run: usize,
    /// All of them.
    pub all: usize,
    /// The tests that they belong to.
    pub tests: usize,
    /// Tests that did not come to their end: an error, a crash, or too slow.
    pub broken: usize,
}

impl Counts {
    /// Counts a test in.
    pub fn add(&mut self, result: &TestResult) {
        self.tests += 1;
        self.broken += usize::from(matches!(result.status, Status::Error | Status::Crash | Status::Timeout));
        for subtest in &result.subtests {
            self.all += 1;
            match subtest.status {
                Status::Pass => self.passed += 1,
                Status::Timeout => self.timed_out += 1,
                Status::NotRun | Status::PreconditionFailed => self.not_run += 1,
                _ => self.failed += 1,
            }
        }
    }

    /// The counts of all results.
    pub fn of<'a>(results: impl IntoIterator<Item = &'a TestResult>) -> Counts {
        let mut counts = Counts::default();
        for result in results {
            counts.add(result);
        }
        counts
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counts { passed, failed, timed_out, not_run, all, .. } = self;
        write!(
            f,
            "subtests: {passed} passed, {failed} failed, {timed_out} timed out, {not_run} not run, of {all}"
        )
    }
}

/// The folder that a test is counted under: at most two names deep.
pub fn folder_of(test: &str) -> String {
    let path = test.split(['?', '#']).next().unwrap_or_default();
    let names: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    names[..names.len() - 1].iter().take(2).copied().collect::<Vec<_>>().join("/")
}

/// A table of the results by folder.
pub fn table(results: &[TestResult]) -> String {
    let mut folders: BTreeMap<String, Counts> = BTreeMap::new();
    for result in results {
        folders.entry(folder_of(&result.test)).or_default().add(result);
    }
    let width = folders.keys().map(String::len).max().unwrap_or_default().max("folder".len());
    let mut text =
        format!("{:width$}  passed      of  failed  timed out  not run  tests  broken\n", "folder");
    for (folder, counts) in &folders {
        text.push_str(&format!(
            "{folder:width$}  {:>6}  {:>6}  {:>6}  {:>9}  {:>7}  {:>5}  {:>6}\n",
            counts.passed,
            counts.all,
            counts.failed,
            counts.timed_out,
            counts.not_run,
            counts.tests,
            counts.broken
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::SubtestResult;
    use super::*;

    fn result(test: &str, statuses: &[Status]) -> TestResult {
        let subtest = |status: &Status| SubtestResult {
            name: "x".to_owned(),
            status: *status,
            message: None,
            expected: None,
            known_intermittent: Vec::new(),
        };
        TestResult {
            subtests: statuses.iter().map(subtest).collect(),
            ..TestResult::without_subtests(test, Status::Ok, None)
        }
    }

    #[test]
    fn every_subtest_is_counted_once() {
        let results = [
            result("/fetch/api/basic/a.any.html", &[Status::Pass, Status::Fail, Status::Timeout]),
            result("/fetch/api/b.html?x/y", &[Status::NotRun, Status::Pass, Status::PreconditionFailed]),
        ];
        assert_eq!(
            Counts::of(&results).to_string(),
            "subtests: 2 passed, 1 failed, 1 timed out, 2 not run, of 6"
        );
        let table = table(&results);
        assert_eq!(table.lines().count(), 2, "{table}");
        assert!(table.lines().nth(1).is_some_and(|row| row.starts_with("fetch/api ")), "{table}");
    }

    #[test]
    fn folders_are_two_deep() {
        assert_eq!(folder_of("/fetch/api/basic/a.any.html"), "fetch/api");
        assert_eq!(folder_of("/background-fetch/a.html?b/c/d"), "background-fetch");
        assert_eq!(folder_of("/a.html"), "");
    }
}
