//! The adapter knows no interface of any standard by name: it reads tables.

use std::{fs, path::Path};

use longhaul_idl::{core_bindings, tables};

/// The names of globals in `[Exposed]`, which are no interfaces there.
const GLOBAL_NAMES: &[&str] = &["Window", "Worker", "DedicatedWorker", "SharedWorker", "ServiceWorker"];
/// The line that takes the engine's own extras away.
const ENGINE_EXTRAS: &str = "for (const name of [\"DOMException\", \"performance\"";

/// A line's code, without what a comment says.
fn code(line: &str) -> &str {
    line.split("//").next().unwrap_or_default()
}

fn words(code: &str) -> impl Iterator<Item = &str> {
    code.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}

#[test]
fn no_source_of_the_adapter_names_an_interface() {
    // Web IDL's own exceptions are the adapter's business.
    let own: Vec<&str> = core_bindings().iter().map(|binding| binding.descriptor.name).collect();
    assert_eq!(own, ["DOMException", "QuotaExceededError"]);
    let names: Vec<&str> = tables::INTERFACES
        .iter()
        .map(|interface| interface.name)
        .filter(|name| !own.contains(name) && !GLOBAL_NAMES.contains(name))
        .collect();
    for known in ["Request", "BackgroundFetchManager", "EventTarget", "ReadableStream", "console"] {
        assert!(names.contains(&known), "{known} is no interface any more");
    }
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let mut lines = 0;
    for entry in fs::read_dir(sources).expect("the folder is there") {
        let path = entry.expect("it can be listed").path();
        let text = fs::read_to_string(&path).expect("it is text");
        for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.contains(ENGINE_EXTRAS)) {
            lines += 1;
            for word in words(code(line)).filter(|word| names.contains(word)) {
                found.push(format!("{}:{}: {word}", path.display(), number + 1));
            }
        }
    }
    assert!(lines > 5_000, "only {lines} lines were looked at");
    assert!(found.is_empty(), "{found:#?}");
}
