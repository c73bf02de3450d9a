//! The README's table of algorithms is whole, and true as far as names go.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Every algorithm that the Fetch Standard marks up as one, by its name and what it belongs to, and those that it only words so; as of
/// November 2026.
const STANDARD: &str = include_str!("algorithms_of_the_standard.txt");

/// The text of all files with that ending beneath, by their paths.
fn sources(folder: PathBuf, ending: &str, texts: &mut Vec<(PathBuf, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(path, ending, texts);
        } else if path.extension().is_some_and(|extension| extension == ending) {
            let text = fs::read_to_string(&path).unwrap();
            texts.push((path, text));
        }
    }
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// Where the functions of a crate are; those of this one have no crate in front.
fn folder(name: &str) -> Option<&'static str> {
    Some(match name {
        "net" => "components/net/src",
        "cookies" => "components/cookies/src",
        "http_cache" => "components/http_cache/src",
        "dom" => "bindings/dom/src",
        _ => return None,
    })
}

fn defines(text: &str, function: &str) -> bool {
    text.contains(&format!("fn {function}(")) || text.contains(&format!("fn {function}<"))
}

/// Whether the file that the path names, and no other one, has the function.
fn is_function(path: &str) -> bool {
    let (krate, path) = match path.split_once("::") {
        // A file of this crate may be called like another crate.
        Some((krate, rest)) if rest.contains("::") && folder(krate).is_some() => {
            (folder(krate).unwrap(), rest)
        }
        _ => ("components/fetch/src", path),
    };
    let Some((file, function)) = path.rsplit_once("::") else { return false };
    let ending = format!("{}.rs", file.replace("::", "/"));
    let mut texts = Vec::new();
    sources(workspace().join(krate), "rs", &mut texts);
    let files: Vec<_> = texts.iter().filter(|(path, _)| path.ends_with(&ending)).collect();
    matches!(files[..], [(_, text)] if defines(text, function))
}

/// Whether a function is one that the test runner calls.
fn is_test_in(text: &str, name: &str) -> bool {
    text.match_indices(&format!("fn {name}(")).any(|(at, _)| {
        let before = text[..at].trim_end().trim_end_matches("async").trim_end();
        let last_line = before.rsplit('\n').next().unwrap_or_default().trim();
        last_line == "#[test]" || (last_line.starts_with("#[tokio::test") && last_line.ends_with(']'))
    })
}

struct Tests {
    rust: Vec<(PathBuf, String)>,
    scripts: Vec<(PathBuf, String)>,
}

impl Tests {
    fn find() -> Tests {
        let (mut rust, mut scripts) = (Vec::new(), Vec::new());
        for crates in ["fetch", "net", "cookies", "http_cache", "longhaul"] {
            for part in ["src", "tests"] {
                sources(workspace().join("components").join(crates).join(part), "rs", &mut rust);
            }
        }
        sources(workspace().join("bindings/dom/tests/scripts"), "js", &mut scripts);
        Tests { rust, scripts }
    }

    fn have(&self, name: &str) -> bool {
        match name.strip_prefix('"') {
            Some(_) => self.scripts.iter().any(|(_, text)| text.contains(&format!("test({name}, "))),
            None => self.rust.iter().any(|(_, text)| is_test_in(text, name)),
        }
    }
}

#[test]
fn every_algorithm_has_its_function_and_its_test_or_a_reason() {
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let tests = Tests::find();
    let mut rows = BTreeSet::new();
    for row in readme.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| algorithm")) {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [algorithm, function, test] = cells[..] else { panic!("{row}") };
        assert!(is_function(function.trim_matches('`')), "no function: {row}");
        assert!(tests.have(test.trim_matches('`')), "no test: {row}");
        assert!(rows.insert(algorithm), "twice: {row}");
    }
    let (_, left_out) = readme.split_once("Left out, and why:").unwrap();
    let (left_out, _) = left_out.split_once("Of what is there").unwrap();
    for algorithm in STANDARD.lines() {
        let reasoned = left_out.contains(&format!("*{algorithm}*"));
        assert_ne!(rows.contains(algorithm), reasoned, "{algorithm}");
    }
    println!("{} algorithms of the standard, {} rows", STANDARD.lines().count(), rows.len());
    assert!(STANDARD.lines().count() > 150);
}

#[test]
fn the_check_finds_what_is_not_there() {
    assert!(is_function("main_fetch::main_fetch") && is_function("net::pool::mod::obtain"));
    for wrong in
        ["main_fetch", "main_fetch::scheme_fetch", "nowhere::main_fetch", "net::main_fetch::main_fetch"]
    {
        assert!(!is_function(wrong), "{wrong}");
    }
    let text = "#[test]\nfn a() {}\n#[tokio::test]\nasync fn b() {}\nfn c() {}\n#[cfg(test)]\nfn d() {}";
    assert_eq!(
        ["a", "b", "c", "d", "e"].map(|name| is_test_in(text, name)),
        [true, true, false, false, false]
    );
}
