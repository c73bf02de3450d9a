//! `bindings/README.md` says how long the adapter is.

use std::{fs, path::Path};

#[test]
fn the_readme_knows_the_size_of_the_adapter() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let sources = fs::read_dir(root.join("src")).expect("the folder is there");
    let lines: usize = sources
        .map(|entry| entry.expect("it can be listed").path())
        .map(|path| fs::read_to_string(path).expect("it is text").lines().count())
        .sum();
    let readme = fs::read_to_string(root.join("../README.md")).expect("the README is there");
    let said = readme.split(" lines in `quickjs/src`").next().and_then(|before| before.rsplit(' ').next());
    let said: usize = said.and_then(|said| said.parse().ok()).expect("the README says a number of lines");
    // NOTE: a few lines more or less are no news.
    assert!(said.abs_diff(lines) * 20 <= lines, "the README says {said}, and there are {lines}");
}
