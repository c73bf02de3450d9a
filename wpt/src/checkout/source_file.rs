//! Which tests a file is, by its name and what it says.
//!
//! <https://web-platform-tests.org/writing-tests/file-names.html>

use super::{Kind, Test, Timeout, globals, html, metadata};

/// Whether a file's name and folder allow it to be a test, so that it is worth reading. The path is below the checkout.
pub(super) fn may_be_a_test(path: &str) -> bool {
    let Some((folder, name)) = path.rsplit_once('/') else { return false };
    let parts: Vec<&str> = folder.split('/').collect();
    let is_support = parts[0] == "common"
        || parts[0] == "conformance-checkers"
        || parts.iter().any(|part| matches!(*part, "resources" | "support" | "tools"))
        || parts.starts_with(&["css", "common"])
        || parts.starts_with(&["css", "CSS2", "archive"])
        || parts.starts_with(&["css21", "archive"]);
    !is_support && !name.starts_with(['.']) && !name.starts_with("MANIFEST") && kind_of_name(name).is_some()
}

enum Name {
    Any,
    Window,
    Worker,
    Html,
}

fn kind_of_name(name: &str) -> Option<Name> {
    let (stem, extension) = name.rsplit_once('.')?;
    match extension {
        "html" | "htm" => Some(Name::Html),
        "js" => {
            // The first that fits counts, as in the suite's manifest.
            let has = |flag: &str| stem.split('.').skip(1).any(|part| part == flag);
            if has("any") {
                Some(Name::Any)
            } else if has("worker") {
                name.ends_with(".worker.js").then_some(Name::Worker)
            } else if has("window") {
                name.ends_with(".window.js").then_some(Name::Window)
            } else {
                None
            }
        }
        _ => None,
    }
}

/// What follows the last `-` of a name and stands before its flags: `manual`, `crash`, ….
fn type_flag(name: &str) -> Option<&str> {
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    let (_, last) = stem.rsplit_once('-')?;
    last.split('.').next()
}

/// The tests that a file is. The path is below the checkout.
pub fn tests_of(path: &str, content: &[u8]) -> Vec<Test> {
    if !may_be_a_test(path) {
        return Vec::new();
    }
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let flag = type_flag(name);
    if matches!(flag, Some("manual" | "visual" | "print" | "support")) {
        return Vec::new();
    }
    let url = format!("/{path}");
    let text = String::from_utf8_lossy(content);
    match kind_of_name(name) {
        Some(Name::Html) => {
            let is_crash = flag == Some("crash") || folder.split('/').any(|part| part == "crashtests");
            // Most files are quickly told not to be tests.
            if !is_crash && !text.contains("/resources/testharness.js") {
                return Vec::new();
            }
            let found = html::read(&text);
            let timeout = timeout(found.is_long);
            if is_crash {
                return vec![Test::new(url, path, Kind::Crash, timeout)];
            }
            if !found.has_harness {
                return Vec::new();
            }
            let test =
                |variant: &String| Test::new(format!("{url}{variant}"), path, Kind::Testharness, timeout);
            variants(found.variants).iter().map(test).collect()
        }
        Some(kind) => {
            let meta = metadata::read(&text);
            let value = |name: &str| meta.iter().find(|(key, _)| *key == name).map(|(_, value)| *value);
            let pages: Vec<String> = match kind {
                Name::Any => globals::suffixes(value("global"))
                    .into_iter()
                    .map(|suffix| globals::page(&url, suffix))
                    .collect(),
                _ => vec![format!("{}.html", url.trim_end_matches(".js"))],
            };
            let timeout = timeout(meta.contains(&("timeout", "long")));
            let named =
                meta.iter().filter(|(key, _)| *key == "variant").map(|(_, value)| (*value).to_owned());
            let variants = variants(named.collect());
            let test = |page: &String, variant: &String| {
                Test::new(format!("{page}{variant}"), path, Kind::Testharness, timeout)
            };
            pages.iter().flat_map(|page| variants.iter().map(move |variant| test(page, variant))).collect()
        }
        None => Vec::new(),
    }
}

fn timeout(is_long: bool) -> Timeout {
    if is_long { Timeout::Long } else { Timeout::Normal }
}

fn variants(named: Vec<String>) -> Vec<String> {
    let mut variants: Vec<_> =
        named.into_iter().filter(|variant| variant.is_empty() || variant.starts_with(['?', '#'])).collect();
    if variants.is_empty() {
        variants.push(String::new());
    }
    variants
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkout::Scheme;

    fn ids(path: &str, content: &str) -> Vec<String> {
        tests_of(path, content.as_bytes()).into_iter().map(|test| test.id).collect()
    }

    #[test]
    fn script_tests_have_a_page_for_each_global_and_variant() {
        assert_eq!(ids("a/b.any.js", ""), ["/a/b.any.html", "/a/b.any.worker.html"]);
        assert_eq!(
            ids("a/b.https.any.js", "// META: global=worker\n// META: variant=?1\n// META: variant=?2"),
            [
                "/a/b.https.any.worker.html?1",
                "/a/b.https.any.worker.html?2",
                "/a/b.https.any.sharedworker.html?1",
                "/a/b.https.any.sharedworker.html?2",
                "/a/b.https.any.serviceworker.html?1",
                "/a/b.https.any.serviceworker.html?2"
            ]
        );
        assert_eq!(ids("a/b.https.window.js", ""), ["/a/b.https.window.html"]);
        assert_eq!(ids("a/b.worker.js", ""), ["/a/b.worker.html"]);
        assert_eq!(ids("a/b.js", "// META: global=window"), [""; 0]);
    }

    #[test]
    fn flags_in_the_name_say_how_the_page_is_reached() {
        let test = |path: &str, content: &str| tests_of(path, content.as_bytes()).remove(0);
        assert_eq!(test("a/b.any.js", "").scheme, Scheme::Http);
        assert_eq!(test("a/b.https.any.js", "").scheme, Scheme::Https);
        assert_eq!(test("a/b.any.js", "// META: global=serviceworker").scheme, Scheme::Https);
        assert_eq!(test("a/b.h2.any.js", "").scheme, Scheme::H2);
        assert!(test("a/b.www.sub.any.js", "").www);
        assert_eq!(test("a/https.any.js", "").scheme, Scheme::Http);
        assert_eq!(test("a/b.any.js", "// META: timeout=long").timeout, Timeout::Long);
    }

    #[test]
    fn html_tests_load_the_harness_and_crash_tests_need_not() {
        let harness = "<script src='/resources/testharness.js'></script>";
        assert_eq!(ids("a/b.html", harness), ["/a/b.html"]);
        assert_eq!(ids("a/b.html", "<p>"), [""; 0]);
        assert_eq!(
            ids(
                "a/b.htm",
                &format!("<meta name=variant content=?x><meta name=variant content='#y'>{harness}")
            ),
            ["/a/b.htm?x", "/a/b.htm#y"]
        );
        for path in ["a/b-crash.html", "a/b-crash.https.html", "a/crashtests/b.html"] {
            let found = tests_of(path, b"<p>");
            assert_eq!(found.len(), 1, "{path}");
            assert_eq!(found[0].kind, Kind::Crash);
        }
    }

    #[test]
    fn support_files_are_no_tests() {
        let harness = "<script src='/resources/testharness.js'></script>";
        for path in [
            "b.html",
            "a/resources/b.html",
            "common/b.html",
            "a/tools/c/b.html",
            "a/b-manual.html",
            "a/b-manual.https.html",
        ] {
            assert_eq!(ids(path, harness), [""; 0], "{path}");
        }
        assert_eq!(ids("a/resources/b.any.js", ""), [""; 0]);
        assert_eq!(ids("a/common/b.any.js", "").len(), 2);
    }
}
