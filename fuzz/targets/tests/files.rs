//! What lies beside the targets: planted defects, and what OSS-Fuzz and ClusterFuzzLite build.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use longhaul_fuzz_targets::TARGETS;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("it lies in `fuzz/`").to_owned()
}

/// Whether the patch applies to the files as they are: all that it takes away stands in one place of its file.
fn applies(patch: &str, root: &Path) -> bool {
    let mut parts = patch.split("\n--- a/");
    let _ = parts.next();
    parts.all(|part| {
        let (name, rest) = part.split_once('\n').expect("a file's name");
        let file = fs::read_to_string(root.join(name)).expect("the file is there");
        rest.split("\n@@ ").skip(1).all(|hunk| {
            let lines = hunk.lines().skip(1).filter(|line| !line.starts_with('+') && !line.starts_with('\\'));
            let before: Vec<&str> = lines
                .take_while(|line| !line.starts_with("diff "))
                .map(|line| line.get(1..).unwrap_or_default())
                .collect();
            file.matches(&before.join("\n")).count() == 1
        })
    })
}

/// The targets that reach more than a parser.
const DEEP: [&str; 9] = [
    "fetch_algorithm",
    "http1_server",
    "http2_server",
    "proxy",
    "request_constructor",
    "resolver",
    "scheduler",
    "scripts",
    "store",
];

#[test]
fn planted_defects_apply() {
    let folder = root().join("fuzz/planted");
    let mut planted = Vec::new();
    for entry in fs::read_dir(folder).expect("it is there") {
        let path = entry.expect("it can be read").path();
        if path.extension().is_none_or(|extension| extension != "patch") {
            continue;
        }
        let name = path.file_stem().expect("it has a name").to_string_lossy().into_owned();
        assert!(TARGETS.iter().any(|target| target.name == name), "{name} is no target");
        let patch = fs::read_to_string(&path).expect("it can be read");
        assert!(patch.contains("\nshows as: "), "{name} does not say how it shows");
        planted.push(name);
        assert!(applies(&patch, &root()), "{} does not apply", path.display());
    }
    planted.sort_unstable();
    assert_eq!(planted, DEEP);
}

#[test]
fn a_patch_that_does_not_apply_is_noticed() {
    let patch = "diff --git a/Cargo.toml b/Cargo.toml\n--- a/Cargo.toml\n+++ b/Cargo.toml\n@@ -1,1 +1,1 @@\n-[nothing]\n+[x]\n";
    assert!(!applies(patch, &root()));
}

/// Runs `build.sh` with a compiler that only pretends, and looks at what it puts out.
#[test]
fn what_is_built_elsewhere_is_every_target_with_its_seeds_and_words() {
    let folder = std::env::temp_dir().join(format!("longhaul-fuzz-build-{}", std::process::id()));
    let (tools, out, source) = (folder.join("tools"), folder.join("out"), folder.join("src"));
    for folder in [&tools, &out, &source] {
        fs::create_dir_all(folder).expect("a folder");
    }
    let fuzz = source.join("longhaul/fuzz");
    fs::create_dir_all(&fuzz).expect("a folder");
    for name in ["fuzz_targets", "seeds", "dictionaries", "lengths"] {
        std::os::unix::fs::symlink(root().join("fuzz").join(name), fuzz.join(name)).expect("a link");
    }
    let tool = |name: &str, text: &str| {
        let path = tools.join(name);
        fs::write(&path, format!("#!/bin/bash -eu\n{text}\n")).expect("a file");
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(&path, mode).expect("it may be run");
    };
    tool(
        "cargo",
        "[[ \"$1 $2 $3\" == '+nightly fuzz build' ]]\nmkdir -p target/x86_64-unknown-linux-gnu/release\n\
         for t in fuzz_targets/*.rs; do touch target/x86_64-unknown-linux-gnu/release/$(basename $t .rs); done",
    );
    tool("zip", "[[ \"$1 $2 $4\" == '-q -r .' ]]\nls > \"$3\"");
    let path = format!("{}:{}", tools.display(), std::env::var("PATH").unwrap_or_default());
    let status = Command::new("bash")
        .arg("-eu")
        .arg(root().join(".clusterfuzzlite/build.sh"))
        .env("PATH", path)
        .env("SRC", &source)
        .env("OUT", &out)
        .status()
        .expect("bash runs");
    assert!(status.success());
    for target in TARGETS {
        assert!(out.join(target.name).is_file(), "{} is not built", target.name);
        let corpus = out.join(format!("{}_seed_corpus.zip", target.name));
        let listed = fs::read_to_string(&corpus).expect("it has seeds");
        assert!(!listed.trim().is_empty(), "{} has no seeds", target.name);
        let has_words = root().join(format!("fuzz/dictionaries/{}.dict", target.name)).is_file();
        assert_eq!(out.join(format!("{}.dict", target.name)).is_file(), has_words);
        let options =
            fs::read_to_string(out.join(format!("{}.options", target.name))).expect("it has options");
        let length = options.lines().find_map(|line| line.strip_prefix("max_len = "));
        assert!(
            length.is_some_and(|length| length.parse::<usize>().is_ok()),
            "{} has no length",
            target.name
        );
    }
    fs::remove_dir_all(&folder).expect("it was ours");
}
