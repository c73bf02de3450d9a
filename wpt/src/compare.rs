//! Two reports side by side.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::report::{Report, Status, TestResult, folder_of};

/// What two reports say of the tests that both have.
#[derive(Clone, Debug, Default)]
pub struct Comparison {
    /// By folder.
    pub folders: BTreeMap<String, Row>,
    /// The subtests that only the first one passes, each as its test and its name.
    pub only_first: Vec<(String, String)>,
    /// Those that only the second one passes.
    pub only_second: Vec<(String, String)>,
    /// Tests that only the first one has.
    pub missing_in_second: usize,
    /// Tests that only the second one has.
    pub missing_in_first: usize,
}

/// A folder's numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// Subtests that the first one passes.
    pub first: usize,
    /// Subtests that the second one passes.
    pub second: usize,
    /// Subtests that either has.
    pub of: usize,
}

/// Compares the tests that are in both, among those that `wanted` lets through.
pub fn compare(first: &Report, second: &Report, wanted: impl Fn(&str) -> bool) -> Comparison {
    let by_name = |report: &'_ Report| -> BTreeMap<String, TestResult> {
        let wanted = report.results.iter().filter(|result| wanted(&result.test));
        wanted.map(|result| (result.test.clone(), result.clone())).collect()
    };
    let (first, second) = (by_name(first), by_name(second));
    let mut comparison = Comparison {
        missing_in_second: first.keys().filter(|test| !second.contains_key(*test)).count(),
        missing_in_first: second.keys().filter(|test| !first.contains_key(*test)).count(),
        ..Comparison::default()
    };
    for (test, first) in &first {
        let Some(second) = second.get(test) else { continue };
        let statuses = |result: &TestResult| -> BTreeMap<String, Status> {
            result.unique_subtests().map(|(name, subtest)| (name, subtest.status)).collect()
        };
        let (first, second) = (statuses(first), statuses(second));
        let row = comparison.folders.entry(folder_of(test)).or_default();
        for name in first.keys().chain(second.keys()).collect::<BTreeSet<_>>() {
            let passes = |statuses: &BTreeMap<String, Status>| statuses.get(name) == Some(&Status::Pass);
            let (in_first, in_second) = (passes(&first), passes(&second));
            row.of += 1;
            row.first += usize::from(in_first);
            row.second += usize::from(in_second);
            match (in_first, in_second) {
                (true, false) => comparison.only_first.push((test.clone(), name.clone())),
                (false, true) => comparison.only_second.push((test.clone(), name.clone())),
                _ => {}
            }
        }
    }
    comparison
}

impl Comparison {
    /// All folders together.
    pub fn total(&self) -> Row {
        self.folders.values().fold(Row::default(), |sum, row| Row {
            first: sum.first + row.first,
            second: sum.second + row.second,
            of: sum.of + row.of,
        })
    }

    /// As a table, and what only one of them passes.
    pub fn text(&self, first: &str, second: &str) -> String {
        let width = self.folders.keys().map(String::len).max().unwrap_or_default().max("all of these".len());
        let (a, b) = (first.len().max(6), second.len().max(6));
        let mut text = format!("{:width$}  {first:>a$}  {second:>b$}      of\n", "folder");
        let all = ("all of these".to_owned(), self.total());
        for (folder, row) in self.folders.iter().chain([(&all.0, &all.1)]) {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{folder:width$}  {:>a$}  {:>b$}  {:>6}", row.first, row.second, row.of);
        }
        for (name, missing) in [(second, self.missing_in_second), (first, self.missing_in_first)] {
            if missing > 0 {
                let _ =
                    writeln!(text, "\n{missing} tests are not in the report of {name} and are not counted.");
            }
        }
        for (name, only) in [(first, &self.only_first), (second, &self.only_second)] {
            let _ = writeln!(
                text,
                "\n{} subtests pass in {name} only{}",
                only.len(),
                if only.is_empty() { "." } else { ":" }
            );
            for (test, subtest) in only {
                let _ = writeln!(text, "  {test} | {}", subtest.escape_debug());
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(json: &str) -> Report {
        serde_json::from_str(json).expect("it is a report")
    }

    #[test]
    fn the_numbers_are_of_what_both_have() {
        let first = report(
            r#"{"results":[
                {"test":"/a/b/c.html","status":"OK","subtests":[
                    {"name":"x","status":"PASS"},{"name":"x","status":"PASS"},{"name":"y","status":"FAIL"}]},
                {"test":"/a/only.html","status":"OK","subtests":[{"name":"z","status":"PASS"}]}]}"#,
        );
        let second = report(
            r#"{"results":[{"test":"/a/b/c.html","status":"OK","subtests":[
                {"name":"x","status":"PASS"},{"name":"x #2","status":"FAIL"},{"name":"y","status":"PASS"},{"name":"w","status":"NOTRUN"}]}]}"#,
        );
        let comparison = compare(&first, &second, |_| true);
        assert_eq!(comparison.total(), Row { first: 2, second: 2, of: 4 });
        assert_eq!(comparison.only_first, [("/a/b/c.html".to_owned(), "x #2".to_owned())]);
        assert_eq!(comparison.only_second, [("/a/b/c.html".to_owned(), "y".to_owned())]);
        assert_eq!((comparison.missing_in_second, comparison.missing_in_first), (1, 0));
        let text = comparison.text("A", "B");
        assert!(
            text.contains("a/b           ") && text.contains("1 tests are not in the report of B"),
            "{text}"
        );
        assert_eq!(compare(&first, &second, |test| test.contains("only")).total().of, 0);
    }
}
