//! What is expected of the tests that do not pass wholly, and why.

mod file;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

pub use file::SyntaxError;

use crate::checkout::Test;
use crate::report::{Status, TestResult};

/// What is expected where it is not the best.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Expectation {
    /// The status.
    pub status: Status,
    /// Why: the standard's step or the part that is missing, for people. Empty where nobody has said it yet.
    pub reason: String,
}

/// What is expected of one test.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct TestExpectation {
    /// Of the test itself, if it does not come to its end.
    pub test: Option<Expectation>,
    /// Of subtests that do not pass, by their names; a name that is used again has ` #2`, ` #3` after it.
    pub subtests: BTreeMap<String, Expectation>,
}

impl TestExpectation {
    fn is_empty(&self) -> bool {
        self.test.is_none() && self.subtests.is_empty()
    }

    fn all(&self) -> impl Iterator<Item = &Expectation> {
        self.test.iter().chain(self.subtests.values())
    }
}

/// The expectations of a folder, by test.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expectations(BTreeMap<String, TestExpectation>);

/// Something that did not come as it was expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Surprise {
    /// The test.
    pub test: String,
    /// The subtest; nothing for the test itself.
    pub subtest: Option<String>,
    /// What was expected.
    pub expected: Status,
    /// What came; nothing if there is no such subtest.
    pub actual: Option<Status>,
    /// Why, for people.
    pub message: Option<String>,
}

impl std::fmt::Display for Surprise {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let actual = self.actual.map_or("nothing", Status::name);
        write!(f, "{} instead of {}: {}", actual, self.expected, self.test)?;
        if let Some(subtest) = &self.subtest {
            write!(f, " | {subtest}")?;
        }
        Ok(())
    }
}

/// Why expectations could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExpectationsError {
    /// The file system said no.
    #[error("{}: {error}", path.display())]
    Io {
        /// Which file or folder.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A file says something that makes no sense.
    #[error("{}:{}: {}", path.display(), error.line, error.fault)]
    Syntax {
        /// The file.
        path: PathBuf,
        /// What and where.
        error: SyntaxError,
    },
}

/// What ends the name of a file with expectations.
const EXTENSION: &str = "expect";

impl Expectations {
    /// Reads those of a folder. There are none if there is no such folder.
    pub fn read(folder: &Path) -> Result<Expectations, ExpectationsError> {
        let mut expectations = Expectations::default();
        for path in files(folder)? {
            let failed = |error| ExpectationsError::Io { path: path.clone(), error };
            let text = std::fs::read_to_string(&path).map_err(failed)?;
            let read = file::parse(&text)
                .map_err(|error| ExpectationsError::Syntax { path: path.clone(), error })?;
            expectations.0.extend(read);
        }
        Ok(expectations)
    }

    /// What is expected of a test.
    pub fn of(&self, test: &str) -> Option<&TestExpectation> {
        self.0.get(test)
    }

    /// The expectations that give no reason: each needs one.
    pub fn without_reason(&self) -> Vec<String> {
        let lacking = |(test, expected): (&String, &TestExpectation)| {
            expected.all().any(|expectation| expectation.reason.is_empty()).then(|| test.clone())
        };
        self.0.iter().filter_map(lacking).collect()
    }

    /// Notes in a result what had been expected, where something else came, and gives that.
    pub fn judge(&self, result: &mut TestResult, best: Status) -> Vec<Surprise> {
        let nothing = TestExpectation::default();
        let expected = self.of(&result.test).unwrap_or(&nothing);
        let mut surprises = Vec::new();
        let test = result.test.clone();
        let mut surprise = |subtest: Option<String>, expected, actual, message: Option<&String>| {
            let test = test.clone();
            surprises.push(Surprise { test, subtest, expected, actual, message: message.cloned() });
        };
        let wanted = expected.test.as_ref().map_or(best, |expectation| expectation.status);
        if wanted != result.status {
            result.expected = Some(wanted);
            surprise(None, wanted, Some(result.status), result.message.as_ref());
        }
        let names: Vec<String> = result.unique_subtests().map(|(name, _)| name).collect();
        for (name, subtest) in names.iter().zip(&mut result.subtests) {
            let wanted = expected.subtests.get(name).map_or(Status::Pass, |expectation| expectation.status);
            if wanted != subtest.status {
                subtest.expected = Some(wanted);
                surprise(Some(name.clone()), wanted, Some(subtest.status), subtest.message.as_ref());
            }
        }
        let present: BTreeSet<&String> = names.iter().collect();
        for (name, expectation) in &expected.subtests {
            if !present.contains(name) {
                surprise(Some(name.clone()), expectation.status, None, None);
            }
        }
        surprises
    }

    /// Takes up what came of tests. Reasons stay where the status does.
    pub fn update(&mut self, results: &[TestResult]) {
        for result in results {
            let before = self.0.remove(&result.test).unwrap_or_default();
            let keep = |old: Option<&Expectation>, status| {
                let reason = old.filter(|old| old.status == status).map(|old| old.reason.clone());
                Expectation { status, reason: reason.unwrap_or_default() }
            };
            let mut now = TestExpectation::default();
            if !matches!(result.status, Status::Ok | Status::Pass) {
                now.test = Some(keep(before.test.as_ref(), result.status));
            }
            for (name, subtest) in result.unique_subtests() {
                if subtest.status != Status::Pass {
                    let expectation = keep(before.subtests.get(&name), subtest.status);
                    now.subtests.insert(name, expectation);
                }
            }
            if !now.is_empty() {
                self.0.insert(result.test.clone(), now);
            }
        }
    }

    /// Writes them to a folder, a file for each of the suite's files. Files of tests that all pass are removed; tests that are not in
    /// `tests` keep theirs.
    pub fn write(&self, folder: &Path, tests: &[Test]) -> Result<(), ExpectationsError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |error| ExpectationsError::Io { path, error }
        };
        let mut by_source: BTreeMap<&str, BTreeMap<&str, &TestExpectation>> = BTreeMap::new();
        for test in tests {
            let of_source = by_source.entry(&test.source).or_default();
            if let Some(expected) = self.0.get(&test.id) {
                of_source.insert(&test.id, expected);
            }
        }
        for (source, expected) in by_source {
            let path = folder.join(format!("{source}.{EXTENSION}"));
            if expected.is_empty() {
                match std::fs::remove_file(&path) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => {
                        return Err(failed(&path)(error));
                    }
                    _ => continue,
                }
            }
            if let Some(parent) = path.parent() {
                std::fs::create_dir_all(parent).map_err(failed(parent))?;
            }
            std::fs::write(&path, file::write(&expected)).map_err(failed(&path))?;
        }
        Ok(())
    }
}

fn files(folder: &Path) -> Result<Vec<PathBuf>, ExpectationsError> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let failed = |error| ExpectationsError::Io { path: folder.clone(), error };
        let entries = match std::fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(failed(error)),
        };
        for entry in entries {
            let path = entry.map_err(failed)?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == EXTENSION) {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkout::tests_of;
    use crate::report::SubtestResult;

    fn result(test: &str, status: Status, subtests: &[(&str, Status)]) -> TestResult {
        let subtest = |(name, status): &(&str, Status)| SubtestResult {
            name: (*name).to_owned(),
            status: *status,
            message: None,
            expected: None,
            known_intermittent: Vec::new(),
        };
        TestResult {
            subtests: subtests.iter().map(subtest).collect(),
            ..TestResult::without_subtests(test, status, None)
        }
    }

    #[test]
    fn surprises_go_both_ways() {
        let mut expectations = Expectations::default();
        expectations.update(&[result(
            "/a.html",
            Status::Ok,
            &[("x", Status::Fail), ("y", Status::Pass), ("z", Status::NotRun)],
        )]);
        let judge = |status, subtests: &[(&str, Status)]| {
            let mut result = result("/a.html", status, subtests);
            let surprises = expectations.judge(&mut result, Status::Ok);
            surprises.iter().map(Surprise::to_string).collect::<Vec<_>>()
        };
        let as_expected = [("x", Status::Fail), ("y", Status::Pass), ("z", Status::NotRun)];
        assert_eq!(judge(Status::Ok, &as_expected), [""; 0]);
        assert_eq!(
            judge(Status::Error, &[("x", Status::Pass), ("y", Status::Fail)]),
            [
                "ERROR instead of OK: /a.html",
                "PASS instead of FAIL: /a.html | x",
                "FAIL instead of PASS: /a.html | y",
                "nothing instead of NOTRUN: /a.html | z"
            ]
        );
    }

    #[test]
    fn reasons_stay_as_long_as_the_status_does() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let tests = tests_of("a/b.any.js", b"");
        let ids: Vec<&str> = tests.iter().map(|test| test.id.as_str()).collect();
        let mut expectations = Expectations::default();
        let both = |status| {
            [
                result(ids[0], Status::Ok, &[("x", status), ("w", Status::Fail)]),
                result(ids[1], Status::Ok, &[("x", status), ("w", Status::Fail)]),
            ]
        };
        expectations.update(&both(Status::Fail));
        expectations.write(folder.path(), &tests).expect("it is written");
        let path = folder.path().join("a/b.any.js.expect");
        let text = std::fs::read_to_string(&path).expect("there is a file");
        // Both globals share what is said of them.
        assert_eq!(text.matches("FAIL \"x\"").count(), 1, "{text}");
        assert_eq!(Expectations::read(folder.path()).expect("it is read").without_reason(), ids);
        std::fs::write(
            &path,
            text.replace("\"x\"\n", "\"x\"\n    No such step.\n")
                .replace("\"w\"\n", "\"w\"\n    Nor this.\n"),
        )
        .expect("it is written");
        let mut expectations = Expectations::read(folder.path()).expect("it is read");
        assert_eq!(expectations.without_reason(), [""; 0]);
        expectations.update(&both(Status::Fail));
        let reason =
            |expectations: &Expectations| expectations.of(ids[1]).expect("one").subtests["x"].reason.clone();
        assert_eq!(reason(&expectations), "No such step.");
        expectations.update(&both(Status::Timeout));
        assert_eq!(reason(&expectations), "");
        expectations.update(&[
            result(ids[0], Status::Ok, &[("x", Status::Pass)]),
            result(ids[1], Status::Ok, &[("x", Status::Pass)]),
        ]);
        expectations.write(folder.path(), &tests).expect("it is written");
        assert!(!path.exists());
    }
}
