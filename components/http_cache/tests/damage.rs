//! Files that are not what was written count as misses, and are removed.

#[allow(dead_code, reason = "each test binary uses its own part of it")]
mod support;

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use longhaul_http_cache::{CacheMode, Config, Lookup};
use longhaul_storage::Location;

use support::{Rig, URL, get, mode, reply};

async fn stored(length: usize) -> (tempfile::TempDir, Rig, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().join("profile");
    let mut config = Config::default();
    config.memory = 0;
    let rig = Rig::at(Location::Directory(directory.clone()), config);
    let body = "0123456789".repeat(length / 10);
    rig.ask(get(URL), |_| reply(200, &[("Cache-Control", "max-age=60")], &body)).await;
    assert!(rig.hits(get(URL)).await);
    let mut files = fs::read_dir(directory.join("disposable/http_cache/files")).unwrap();
    let file = files.next().unwrap().unwrap().path();
    assert!(files.next().is_none());
    (folder, rig, file)
}

async fn is_gone(rig: Rig, file: &Path, what: &str) {
    let rig = rig.reopened();
    let lookup = rig.cache.lookup(mode(get(URL), CacheMode::OnlyIfCached)).await;
    assert!(matches!(lookup, Lookup::NotCached), "{what}");
    assert_eq!(rig.cache.usage(), 0, "{what}");
    assert!(!file.exists(), "{what}");
}

#[tokio::test]
async fn a_flipped_byte_a_cut_and_a_missing_file_are_misses() {
    for length in [100, 700_000, 3_000_000] {
        let (_folder, rig, file) = stored(length).await;
        OpenOptions::new().write(true).open(&file).unwrap().write_all_at(b"x", length as u64 - 5).unwrap();
        is_gone(rig, &file, "a byte").await;
        let (_folder, rig, file) = stored(length).await;
        OpenOptions::new().write(true).open(&file).unwrap().set_len(length as u64 - 1).unwrap();
        is_gone(rig, &file, "a cut").await;
        let (_folder, rig, file) = stored(length).await;
        let content = vec![0; length];
        fs::write(&file, content).unwrap();
        is_gone(rig, &file, "zeros, as after a power cut").await;
        let (_folder, rig, file) = stored(length).await;
        fs::remove_file(&file).unwrap();
        is_gone(rig, &file, "nothing").await;
    }
}

#[tokio::test]
async fn damaged_rows_are_an_empty_cache() {
    let (folder, rig, _) = stored(100).await;
    drop(rig);
    let rows = folder.path().join("profile/disposable/http_cache/metadata.sqlite");
    fs::write(rows, vec![0x5a; 40_000]).unwrap();
    let rig = Rig::at(Location::Directory(folder.path().join("profile")), Config::default());
    assert!(!rig.hits(get(URL)).await);
    rig.store(&[("Cache-Control", "max-age=60")], "a").await;
    assert!(rig.hits(get(URL)).await);
}
