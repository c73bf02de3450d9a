//! Rows that are written in the background.

mod support;

use futures::executor::block_on;
use longhaul_storage::{StorageError, WriteBehind};
use support::{NAMES, THINGS, open, thing};

#[test]
fn the_last_change_of_a_row_is_what_is_stored() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (profile, _) = open(folder.path());
    let writer = WriteBehind::start(profile.clone(), &THINGS).expect("a thread");
    for number in 0..10 {
        writer.put(thing("a", number));
    }
    let mut changed = thing("a", 3);
    changed[2] = "changed".into();
    writer.put(changed.clone());
    writer.delete(vec!["a".into(), 4_i64.into()]);
    writer.delete(vec!["a".into(), 99_i64.into()]);
    block_on(writer.flush()).expect("it is stored");
    let rows = profile.rows(&THINGS).expect("rows");
    assert_eq!(rows.len(), 9);
    assert_eq!(rows[3], changed);
    assert_eq!(rows[4], thing("a", 5));
}

#[test]
fn what_is_left_is_written_when_it_is_dropped() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (profile, _) = open(folder.path());
    let writer = WriteBehind::start(profile.clone(), &NAMES).expect("a thread");
    for number in 0..1_000 {
        writer.put(vec![number.to_string().into()]);
    }
    drop(writer);
    assert_eq!(profile.rows(&NAMES).expect("rows").len(), 1_000);
}

#[test]
fn what_a_full_disk_refused_is_tried_again() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (profile, _) = open(folder.path());
    let writer = WriteBehind::start(profile.clone(), &NAMES).expect("a thread");
    profile.limit_metadata_pages(Some(1));
    for number in 0..5_000 {
        writer.put(vec![format!("{number}-{}", "x".repeat(500)).into()]);
    }
    let refused = block_on(writer.flush());
    assert!(matches!(refused, Err(StorageError::DiskFull)), "{refused:?}");
    profile.limit_metadata_pages(None);
    block_on(writer.flush()).expect("there is room again");
    assert_eq!(profile.rows(&NAMES).expect("rows").len(), 5_000);
}
