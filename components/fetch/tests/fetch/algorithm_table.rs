//! The README's table of algorithms is true as far as names go.

use std::fs;
use std::path::Path;

/// The text of all Rust files beneath.
fn sources(folder: &Path, text: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, text);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            text.push_str(&fs::read_to_string(path).unwrap());
        }
    }
}

#[test]
fn every_algorithm_has_its_function_and_its_test() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (mut code, mut tests) = (String::new(), String::new());
    sources(&root.join("src"), &mut code);
    sources(&root.join("tests"), &mut tests);
    tests.push_str(&code);
    let readme = fs::read_to_string(root.join("README.md")).unwrap();
    let mut rows = 0;
    for row in readme.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| algorithm")) {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [algorithm, function, test] = cells[..] else { panic!("{row}") };
        assert!(!algorithm.is_empty(), "{row}");
        let is_there = |text: &str, name: &str| {
            let name = name.trim_matches('`');
            !name.is_empty()
                && (text.contains(&format!("fn {name}(")) || text.contains(&format!("fn {name}<")))
        };
        assert!(is_there(&code, function), "no function: {row}");
        assert!(is_there(&tests, test), "no test: {row}");
        rows += 1;
    }
    println!("{rows} rows");
    assert!(rows > 90);
}
