//! One test's result.

use std::collections::HashMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// What came of a test or a subtest.
///
/// <https://web-platform-tests.org/writing-tests/testharness-api.html>
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Status {
    /// A subtest, or a test without any, passed.
    #[serde(rename = "PASS")]
    Pass,
    /// A subtest, or a test without any, failed.
    #[serde(rename = "FAIL")]
    Fail,
    /// It took too long.
    #[serde(rename = "TIMEOUT", alias = "EXTERNAL-TIMEOUT")]
    Timeout,
    /// A subtest was not reached.
    #[serde(rename = "NOTRUN")]
    NotRun,
    /// An optional feature is not there.
    #[serde(rename = "PRECONDITION_FAILED")]
    PreconditionFailed,
    /// The harness came to its end; its subtests say the rest.
    #[serde(rename = "OK")]
    Ok,
    /// The harness could not do its work, or the page did not load.
    #[serde(rename = "ERROR", alias = "INTERNAL-ERROR")]
    Error,
    /// The user agent went down.
    #[serde(rename = "CRASH")]
    Crash,
    /// It was left out.
    #[serde(rename = "SKIP")]
    Skip,
}

impl Status {
    /// All of them.
    pub const ALL: [Status; 9] = [
        Status::Pass,
        Status::Fail,
        Status::Timeout,
        Status::NotRun,
        Status::PreconditionFailed,
        Status::Ok,
        Status::Error,
        Status::Crash,
        Status::Skip,
    ];

    /// The name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Status::Pass => "PASS",
            Status::Fail => "FAIL",
            Status::Timeout => "TIMEOUT",
            Status::NotRun => "NOTRUN",
            Status::PreconditionFailed => "PRECONDITION_FAILED",
            Status::Ok => "OK",
            Status::Error => "ERROR",
            Status::Crash => "CRASH",
            Status::Skip => "SKIP",
        }
    }

    /// The status of a name.
    pub fn from_name(name: &str) -> Option<Status> {
        Status::ALL.into_iter().find(|status| status.name() == name)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A subtest's result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubtestResult {
    /// Its name.
    pub name: String,
    /// What came of it.
    pub status: Status,
    /// Why, for people.
    #[serde(default)]
    pub message: Option<String>,
    /// What had been expected, where that was something else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<Status>,
    /// Statuses that are taken as well: none here, where nothing is allowed to vary.
    #[serde(default)]
    pub known_intermittent: Vec<Status>,
}

/// A test's result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestResult {
    /// Its name.
    pub test: String,
    /// Its subtests, in the order in which the page made them.
    #[serde(default)]
    pub subtests: Vec<SubtestResult>,
    /// What came of it.
    pub status: Status,
    /// Why, for people.
    #[serde(default)]
    pub message: Option<String>,
    /// How long it took, in milliseconds.
    #[serde(default)]
    pub duration: Option<u64>,
    /// What had been expected, where that was something else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<Status>,
    /// Statuses that are taken as well: none here, where nothing is allowed to vary.
    #[serde(default)]
    pub known_intermittent: Vec<Status>,
    /// What the page printed, and what nobody caught in it.
    #[serde(skip)]
    pub console: Vec<String>,
}

impl TestResult {
    /// A result without subtests.
    pub fn without_subtests(test: &str, status: Status, message: Option<String>) -> TestResult {
        TestResult {
            test: test.to_owned(),
            subtests: Vec::new(),
            status,
            message,
            duration: None,
            expected: None,
            known_intermittent: Vec::new(),
            console: Vec::new(),
        }
    }

    /// The subtests by names of their own: a name that is used again gets ` #2`, ` #3` and so on.
    pub fn unique_subtests(&self) -> impl Iterator<Item = (String, &SubtestResult)> {
        let mut seen: HashMap<&str, usize> = HashMap::new();
        self.subtests.iter().map(move |subtest| {
            let count = seen.entry(&subtest.name).or_default();
            *count += 1;
            let name = match count {
                1 => subtest.name.clone(),
                count => format!("{} #{count}", subtest.name),
            };
            (name, subtest)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_used_again_are_told_apart() {
        let subtest = |name: &str| SubtestResult {
            name: name.to_owned(),
            status: Status::Pass,
            message: None,
            expected: None,
            known_intermittent: Vec::new(),
        };
        let mut result = TestResult::without_subtests("/a.html", Status::Ok, None);
        result.subtests = vec![subtest("a"), subtest("b"), subtest("a"), subtest("a")];
        let names: Vec<_> = result.unique_subtests().map(|(name, _)| name).collect();
        assert_eq!(names, ["a", "b", "a #2", "a #3"]);
    }

    #[test]
    fn statuses_keep_their_names() {
        for status in Status::ALL {
            assert_eq!(Status::from_name(status.name()), Some(status));
            let json = serde_json::to_string(&status).expect("it has a name");
            assert_eq!(json, format!("{:?}", status.name()));
        }
    }
}
