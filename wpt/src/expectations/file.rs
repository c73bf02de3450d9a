//! A file of expectations.
//!
//! ```text
//! # Remarks begin with a number sign.
//! /fetch/api/basic/keepalive.any.html
//! /fetch/api/basic/keepalive.any.worker.html
//!   TIMEOUT
//!     Why the test itself does not come to its end.
//!   FAIL "the subtest's name, as JSON"
//!     Why, in as many lines
//!     as it takes.
//! ```
//!
//! Tests that stand together share what follows them.

use std::collections::BTreeMap;

use super::{Expectation, TestExpectation};
use crate::report::Status;

/// What makes no sense in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntaxError {
    /// In which line, counted from 1.
    pub line: usize,
    /// What it is.
    pub fault: &'static str,
}

/// Reads a file.
pub(super) fn parse(text: &str) -> Result<BTreeMap<String, TestExpectation>, SyntaxError> {
    let mut all: BTreeMap<String, TestExpectation> = BTreeMap::new();
    let mut tests: Vec<String> = Vec::new();
    // What the reason that follows belongs to: nothing yet, the test itself, or a subtest.
    let mut entry: Option<Option<String>> = None;
    for (index, text) in text.lines().enumerate() {
        let fail = |fault| Err(SyntaxError { line: index + 1, fault });
        let content = text.trim();
        if content.is_empty() || (content.starts_with('#') && !text.starts_with("    ")) {
            continue;
        }
        match text.len() - text.trim_start().len() {
            0 => {
                if !content.starts_with('/') {
                    return fail("a test's name begins with a slash");
                }
                if entry.take().is_some() {
                    tests.clear();
                }
                if all.insert(content.to_owned(), TestExpectation::default()).is_some() {
                    return fail("this test is here twice");
                }
                tests.push(content.to_owned());
            }
            2 => {
                let (status, name) = content.split_once(' ').unwrap_or((content, ""));
                let Some(status) = Status::from_name(status) else { return fail("this is no status") };
                let name: Option<String> = match name.trim() {
                    "" => None,
                    json => match serde_json::from_str(json) {
                        Ok(name) => Some(name),
                        Err(_) => return fail("a subtest's name is a string of JSON"),
                    },
                };
                if tests.is_empty() {
                    return fail("it is not said of which test");
                }
                for test in &tests {
                    let of_test = all.entry(test.clone()).or_default();
                    let expectation = Expectation { status, reason: String::new() };
                    let double = match &name {
                        None => of_test.test.replace(expectation).is_some(),
                        Some(name) => of_test.subtests.insert(name.clone(), expectation).is_some(),
                    };
                    if double {
                        return fail("it is said twice of one test");
                    }
                }
                entry = Some(name);
            }
            4 => {
                let Some(name) = &entry else { return fail("a reason of nothing") };
                for test in &tests {
                    let of_test = all.entry(test.clone()).or_default();
                    let expectation = match name {
                        None => of_test.test.as_mut(),
                        Some(name) => of_test.subtests.get_mut(name),
                    };
                    if let Some(expectation) = expectation {
                        if !expectation.reason.is_empty() {
                            expectation.reason.push('\n');
                        }
                        expectation.reason.push_str(content);
                    }
                }
            }
            _ => return fail("indented by neither 0, 2 nor 4 spaces"),
        }
    }
    Ok(all)
}

/// A file's text.
pub(super) fn write(expected: &BTreeMap<&str, &TestExpectation>) -> String {
    let mut groups: Vec<(Vec<&str>, &TestExpectation)> = Vec::new();
    for (test, expectation) in expected {
        match groups.iter_mut().find(|(_, known)| known == expectation) {
            Some((tests, _)) => tests.push(test),
            None => groups.push((vec![test], expectation)),
        }
    }
    let mut text = String::new();
    for (tests, expected) in groups {
        if !text.is_empty() {
            text.push('\n');
        }
        for test in tests {
            text.push_str(&format!("{test}\n"));
        }
        let of_test = expected.test.iter().map(|expectation| (String::new(), expectation));
        let of_subtests = expected.subtests.iter().map(|(name, expectation)| {
            let json = serde_json::to_string(name).expect("a string is JSON");
            (format!(" {json}"), expectation)
        });
        for (name, expectation) in of_test.chain(of_subtests) {
            text.push_str(&format!("  {}{name}\n", expectation.status.name()));
            for line in expectation.reason.lines() {
                text.push_str(&format!("    {line}\n"));
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "\
/a/b.any.html
/a/b.any.worker.html
  TIMEOUT
    It waits for ever.
  FAIL \"x \\\"y\\\" #2\"
    Fetch, main fetch, step 3:
    #4 of the list.

/a/b.any.sharedworker.html
  NOTRUN \"x\"
";

    #[test]
    fn what_is_written_is_read() {
        let read = parse(&format!("# A remark.\n{FILE}")).expect("it is sound");
        assert_eq!(read.len(), 3);
        assert_eq!(read["/a/b.any.html"], read["/a/b.any.worker.html"]);
        let subtest = &read["/a/b.any.html"].subtests["x \"y\" #2"];
        assert_eq!(subtest.reason, "Fetch, main fetch, step 3:\n#4 of the list.");
        let order = ["/a/b.any.html", "/a/b.any.worker.html", "/a/b.any.sharedworker.html"];
        let by_name: BTreeMap<&str, &TestExpectation> =
            order.iter().map(|name| (*name, &read[*name])).collect();
        let again = parse(&write(&by_name)).expect("it is sound");
        assert_eq!(again, read);
    }

    #[test]
    fn nonsense_is_named_with_its_line() {
        for (text, line, fault) in [
            ("a.html\n", 1, "a test's name begins with a slash"),
            ("/a.html\n  BAD\n", 2, "this is no status"),
            ("/a.html\n  FAIL x\n", 2, "a subtest's name is a string of JSON"),
            ("  FAIL \"x\"\n", 1, "it is not said of which test"),
            ("/a.html\n    why\n", 2, "a reason of nothing"),
            ("/a.html\n   FAIL\n", 2, "indented by neither 0, 2 nor 4 spaces"),
            ("/a.html\n  FAIL \"x\"\n  PASS \"x\"\n", 3, "it is said twice of one test"),
            ("/a.html\n\n/a.html\n", 3, "this test is here twice"),
        ] {
            assert_eq!(parse(text), Err(SyntaxError { line, fault }), "{text}");
        }
    }
}
