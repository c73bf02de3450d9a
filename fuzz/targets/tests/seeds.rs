//! Every seed and every regression once, on a stable compiler.

use std::path::PathBuf;

use longhaul_fuzz_targets::TARGETS;

fn fuzz() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().expect("it lies in `fuzz/`").to_owned()
}

/// The files of a folder, in order.
fn files(folder: PathBuf) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("it can be read").path()).collect();
    files.sort();
    files
}

#[test]
fn every_seed_passes_its_target() {
    // For `fuzz/coverage`: one target alone, with what runs have gathered.
    let only = std::env::var("FUZZ_TARGET").ok();
    let with_corpus = std::env::var_os("FUZZ_CORPUS").is_some();
    for target in TARGETS.iter().filter(|target| only.as_deref().is_none_or(|only| only == target.name)) {
        let mut seeds = files(fuzz().join("seeds").join(target.name));
        assert!(!seeds.is_empty(), "{} has no seeds", target.name);
        let corpus = fuzz().join("corpus").join(target.name);
        if with_corpus && corpus.is_dir() {
            seeds.extend(files(corpus));
        }
        for seed in seeds {
            let bytes = std::fs::read(&seed).expect("it can be read");
            // NOTE: a target that fails names no file; this does.
            let run = std::panic::catch_unwind(|| (target.run)(&bytes));
            assert!(run.is_ok(), "{} fails {}", seed.display(), target.name);
        }
    }
}

#[test]
fn every_target_has_a_binary_and_every_folder_a_target() {
    let manifest = std::fs::read_to_string(fuzz().join("Cargo.toml")).expect("it can be read");
    let mut names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
    names.sort_unstable();
    let mut binaries: Vec<&str> = manifest
        .lines()
        .filter_map(|line| line.strip_prefix("path = \"fuzz_targets/")?.strip_suffix(".rs\""))
        .collect();
    binaries.sort_unstable();
    assert_eq!(binaries, names);
    for name in &names {
        let source =
            std::fs::read_to_string(fuzz().join(format!("fuzz_targets/{name}.rs"))).expect("it is there");
        assert!(source.contains(&format!("longhaul_fuzz_targets::{name})")), "{name} runs another target");
    }
    for folder in files(fuzz().join("seeds")) {
        let name = folder.file_name().expect("it has one").to_string_lossy().into_owned();
        assert!(names.contains(&name.as_str()), "seeds/{name} belongs to no target");
    }
}
