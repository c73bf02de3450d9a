//! Bodies: written in order, read while they grow, kept as long as somebody names them.

mod support;

use std::collections::HashSet;
use std::fs;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use futures::{FutureExt, StreamExt};
use longhaul_storage::testing::{DiskEvent, SimulatedDisk};
use longhaul_storage::{BodyError, BodyId, BodyWriter, Location, Profile, StorageError, Transaction};
use support::{TABLES, open, pattern, read_all};

fn open_simulated(folder: &std::path::Path, disk: &SimulatedDisk) -> Profile {
    Profile::open_with_disk(folder.to_owned(), TABLES, Arc::new(disk.clone())).expect("the profile opens").0
}

#[tokio::test]
async fn a_finished_body_lasts() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (profile, _) = open(folder.path());
    let (id, mut writer) = profile.bodies().create("key").await.expect("a body");
    for part in 0..50_u64 {
        writer.append(pattern(part * 100_000, 100_000)).await.expect("it is written");
    }
    assert_eq!(writer.written(), 5_000_000);
    assert_eq!(writer.finish().await.expect("it is finished"), 5_000_000);
    let state = profile.bodies().state(id).expect("it is there");
    assert_eq!((state.durable_length, state.written, state.complete), (5_000_000, 5_000_000, true));
    assert!(matches!(profile.bodies().reopen(id).await, Err(BodyError::NotWritable)));
    drop(profile);

    let (profile, report) = open(folder.path());
    assert!(report.findings.is_empty());
    assert_eq!(profile.quota().usage("key"), 5_000_000);
    assert_eq!(profile.bodies().state(id).expect("it is there").storage_key, "key");
    let bytes = read_all(profile.bodies().read(id).expect("a reader")).await.expect("bytes");
    assert!(bytes == pattern(0, 5_000_000));
    let part = profile.bodies().read_range(id, 70_000..4_000_001).expect("a reader");
    assert!(read_all(part).await.expect("bytes") == pattern(70_000, 3_930_001));
    let past = profile.bodies().read_range(id, 4_999_999..u64::MAX).expect("a reader");
    assert_eq!(read_all(past).await.expect("bytes"), pattern(4_999_999, 1));
    let beyond = profile.bodies().read_range(id, 6_000_000..7_000_000).expect("a reader");
    assert_eq!(read_all(beyond).await.expect("bytes"), []);
}

#[tokio::test]
async fn a_reader_follows_the_writer_over_a_pause() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for location in [Location::Directory(folder.path().to_owned()), Location::Memory] {
        let (profile, _) = Profile::open(location, TABLES).expect("the profile opens");
        let (id, mut writer) = profile.bodies().create("key").await.expect("a body");
        let mut reader = profile.bodies().read(id).expect("a reader");
        let whole = tokio::spawn(read_all(profile.bodies().read(id).expect("a reader")));
        assert!(reader.next().now_or_never().is_none(), "nothing is there yet");
        writer.append(Bytes::from_static(b"one")).await.expect("it is written");
        assert_eq!(reader.next().await.expect("a chunk").expect("bytes"), "one");
        drop(writer);
        let mut writer = profile.bodies().reopen(id).await.expect("it goes on");
        assert_eq!(writer.written(), 3, "what was written before the pause became durable");
        assert!(reader.next().now_or_never().is_none());
        writer.append(Bytes::from_static(b"two")).await.expect("it is written");
        assert_eq!(reader.next().await.expect("a chunk").expect("bytes"), "two");
        assert!(
            matches!(profile.bodies().reopen(id).await, Err(BodyError::NotWritable)),
            "one writer at a time"
        );
        writer.finish().await.expect("it is finished");
        assert!(reader.next().await.is_none());
        assert_eq!(whole.await.expect("no panic").expect("bytes"), b"onetwo");
    }
}

#[tokio::test]
async fn an_empty_body_can_be_finished() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (profile, _) = open(folder.path());
    let (id, writer) = profile.bodies().create("key").await.expect("a body");
    assert_eq!(writer.finish().await.expect("it is finished"), 0);
    profile.close();
    let (profile, _) = open(folder.path());
    assert!(profile.bodies().state(id).expect("it is there").complete);
    assert_eq!(read_all(profile.bodies().read(id).expect("a reader")).await.expect("bytes"), []);
}

#[tokio::test]
async fn the_last_reference_takes_the_file_and_readers_keep_theirs() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (profile, _) = open(folder.path());
    let (id, mut writer) = profile.bodies().create("key").await.expect("a body");
    writer.append(pattern(0, 200_000)).await.expect("it is written");
    writer.finish().await.expect("it is finished");
    let file = folder.path().join("bodies").join(id.to_string());
    let change = |retain: bool| {
        let mut transaction = Transaction::new();
        if retain {
            transaction.retain_body(id)
        } else {
            transaction.release_body(id)
        }
        profile.commit(transaction)
    };
    change(true).await.expect("a second reference");
    change(false).await.expect("one reference less");
    assert!(file.exists());
    let reader = profile.bodies().read(id).expect("a reader");
    change(false).await.expect("no reference left");
    assert!(!file.exists());
    assert_eq!(profile.quota().usage("key"), 0);
    assert!(profile.bodies().state(id).is_none());
    assert!(matches!(profile.bodies().read(id), Err(BodyError::NotFound)));
    assert!(matches!(profile.bodies().reopen(id).await, Err(BodyError::NotFound)));
    assert!(read_all(reader).await.expect("bytes") == pattern(0, 200_000));
    drop(profile);
    let (profile, report) = open(folder.path());
    assert!(report.findings.is_empty() && profile.bodies().state(id).is_none());
}

#[tokio::test]
async fn the_removal_of_an_unfinished_body_reaches_its_reader_and_its_writer() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for location in [Location::Directory(folder.path().to_owned()), Location::Memory] {
        let (profile, _) = Profile::open(location, TABLES).expect("the profile opens");
        let (id, mut writer) = profile.bodies().create("key").await.expect("a body");
        writer.append(pattern(0, 10)).await.expect("it is written");
        let reader = profile.bodies().read(id).expect("a reader");
        let mut transaction = Transaction::new();
        transaction.release_body(id);
        profile.commit(transaction).await.expect("no reference left");
        assert!(matches!(writer.append(pattern(10, 10)).await, Err(BodyError::Removed)));
        assert!(matches!(writer.finish().await, Err(BodyError::Removed)));
        assert!(matches!(read_all(reader).await, Err(BodyError::Removed)));
        assert_eq!(profile.quota().usage("key"), 0);
    }
}

#[tokio::test]
async fn closing_the_profile_ends_readers_and_writers() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (profile, _) = open(folder.path());
    let (id, mut writer) = profile.bodies().create("key").await.expect("a body");
    writer.append(pattern(0, 10)).await.expect("it is written");
    writer.checkpoint().await.expect("it is durable");
    let reader = profile.bodies().read(id).expect("a reader");
    profile.close();
    assert!(matches!(read_all(reader).await, Err(BodyError::Abandoned)));
    assert!(matches!(writer.append(pattern(10, 1)).await, Err(BodyError::Storage(StorageError::Closed))));
    assert!(writer.finish().await.is_err());
    let (profile, report) = open(folder.path());
    assert!(report.clean);
    assert_eq!(profile.bodies().state(id).expect("it is there").durable_length, 10);
}

#[tokio::test]
async fn garbage_is_what_nobody_names() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (profile, _) = open(folder.path());
    let mut ids = Vec::new();
    for _ in 0..4 {
        let (id, mut writer) = profile.bodies().create("key").await.expect("a body");
        writer.append(pattern(0, 100)).await.expect("it is written");
        writer.checkpoint().await.expect("it is durable");
        ids.push(id);
    }
    profile.crash();
    fs::write(folder.path().join("bodies/0123456789abcdef0123456789abcdef"), "no row").expect("a file");
    fs::write(folder.path().join("bodies/README"), "not ours").expect("a file");
    let (profile, report) = open(folder.path());
    assert!(!report.clean && report.findings.is_empty(), "{:?}", report.findings);
    let (_, live) = profile.bodies().create("key").await.expect("a body");
    let removed = profile.bodies().collect_garbage(&HashSet::from([ids[1], ids[2]])).await.expect("it works");
    assert_eq!(removed, 2, "not the one that is being written");
    let mut names: Vec<_> = fs::read_dir(folder.path().join("bodies"))
        .expect("a folder")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("text"))
        .collect();
    names.sort();
    let mut expected =
        vec!["README".to_owned(), ids[1].to_string(), ids[2].to_string(), live.id().to_string()];
    expected.sort();
    assert_eq!(names, expected);
    assert_eq!(profile.quota().usage("key"), 200);
}

#[tokio::test]
async fn a_short_file_is_named_and_spoils_nothing_else() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (profile, _) = open(folder.path());
    let mut ids = Vec::new();
    for _ in 0..4 {
        let (id, mut writer) = profile.bodies().create("key").await.expect("a body");
        writer.append(pattern(0, 1000)).await.expect("it is written");
        writer.checkpoint().await.expect("it is durable");
        ids.push(id);
    }
    profile.close();
    let path = |index: usize| folder.path().join("bodies").join(ids[index].to_string());
    fs::OpenOptions::new().write(true).open(path(0)).expect("a file").set_len(999).expect("it is cut");
    fs::remove_file(path(1)).expect("it is removed");
    fs::write(path(2), pattern(0, 5000)).expect("it grows");
    let (profile, report) = open(folder.path());
    let lines: Vec<_> = report.findings.iter().map(ToString::to_string).collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines.iter().any(|line| line.contains(&ids[0].to_string()) && line.contains("999")));
    assert!(lines.iter().any(|line| line.contains(&ids[1].to_string())));
    for (index, length) in [(0, 999), (1, 0)] {
        assert!(matches!(
            profile.bodies().reopen(ids[index]).await,
            Err(BodyError::Shorter { durable: 1000, found }) if found == length
        ));
        assert!(matches!(profile.bodies().read(ids[index]), Err(BodyError::Shorter { .. })));
    }
    assert_eq!(fs::metadata(path(2)).expect("it is there").len(), 1000, "cut to what was durable");
    for index in [2, 3] {
        let mut writer = profile.bodies().reopen(ids[index]).await.expect("it goes on");
        writer.append(pattern(1000, 1000)).await.expect("it is written");
        writer.finish().await.expect("it is finished");
        let bytes = read_all(profile.bodies().read(ids[index]).expect("a reader")).await.expect("bytes");
        assert!(bytes == pattern(0, 2000));
    }
}

#[tokio::test]
async fn a_file_that_is_cut_while_it_is_read_is_noticed() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (profile, _) = open(folder.path());
    let (id, mut writer) = profile.bodies().create("key").await.expect("a body");
    writer.append(pattern(0, 300_000)).await.expect("it is written");
    writer.finish().await.expect("it is finished");
    let path = folder.path().join("bodies").join(id.to_string());
    fs::OpenOptions::new().write(true).open(path).expect("a file").set_len(100_000).expect("it is cut");
    let outcome = read_all(profile.bodies().read(id).expect("a reader")).await;
    assert!(
        matches!(outcome, Err(BodyError::Shorter { found: 100_000, .. })),
        "{:?}",
        outcome.map(|b| b.len())
    );
}

#[tokio::test]
async fn the_quota_bounds_what_is_written() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (profile, _) = open(folder.path());
    profile.quota().set_limit("key", Some(1000));
    let (_, mut other) = profile.bodies().create("other").await.expect("a body");
    let (id, mut writer) = profile.bodies().create("key").await.expect("a body");
    writer.append(pattern(0, 900)).await.expect("it is written");
    let exceeded = writer.append(pattern(900, 101)).await;
    assert!(
        matches!(exceeded, Err(BodyError::QuotaExceeded(error)) if error.usage == 900 && error.requested == 101)
    );
    other.append(pattern(0, 5000)).await.expect("another key has its own quota");
    writer.append(pattern(900, 100)).await.expect("exactly the limit fits");
    assert_eq!(profile.quota().usage("key"), 1000);
    writer.finish().await.expect("it is finished");
    let mut transaction = Transaction::new();
    transaction.release_body(id);
    profile.commit(transaction).await.expect("no reference left");
    assert_eq!(profile.quota().usage("key"), 0);

    let reservation = Arc::new(profile.quota().reserve("key", 800).expect("there is room"));
    let (_, mut stranger) = profile.bodies().create("key").await.expect("a body");
    assert!(matches!(stranger.append(pattern(0, 201)).await, Err(BodyError::QuotaExceeded(_))));
    let (_, mut writer) = profile.bodies().create("key").await.expect("a body");
    writer.set_reservation(Arc::clone(&reservation));
    writer.append(pattern(0, 800)).await.expect("it was reserved");
    assert_eq!((reservation.remaining(), profile.quota().usage("key")), (0, 800));
}

#[tokio::test]
async fn a_full_disk_loses_nothing_that_was_there() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let disk = SimulatedDisk::new();
    let profile = open_simulated(folder.path(), &disk);
    let (id, mut writer) = profile.bodies().create("key").await.expect("a body");
    writer.append(pattern(0, 1000)).await.expect("it is written");
    disk.set_capacity(Some(1500));
    assert!(matches!(writer.append(pattern(1000, 1000)).await, Err(BodyError::DiskFull)));
    assert_eq!((writer.written(), profile.quota().usage("key")), (1000, 1000), "nothing of it counts");
    assert_eq!(writer.checkpoint().await.expect("what was written is durable"), 1000);
    disk.set_capacity(None);
    writer.append(pattern(1000, 1000)).await.expect("there is room again");
    writer.finish().await.expect("it is finished");
    let bytes = read_all(profile.bodies().read(id).expect("a reader")).await.expect("bytes");
    assert!(bytes == pattern(0, 2000));
}

#[tokio::test]
async fn after_a_failed_sync_only_the_durable_part_is_believed() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let disk = SimulatedDisk::new();
    let profile = open_simulated(folder.path(), &disk);
    let (id, mut writer) = profile.bodies().create("key").await.expect("a body");
    writer.append(pattern(0, 1000)).await.expect("it is written");
    writer.checkpoint().await.expect("it is durable");
    writer.append(pattern(1000, 1000)).await.expect("it is written");
    disk.fail_syncs(1);
    assert!(matches!(writer.checkpoint().await, Err(BodyError::Io { .. })));
    assert!(
        matches!(writer.append(pattern(2000, 10)).await, Err(BodyError::Io { .. })),
        "it is over for this writer"
    );
    drop(writer);
    let mut reader = profile.bodies().read(id).expect("a reader");
    let mut writer = profile.bodies().reopen(id).await.expect("it goes on");
    assert_eq!((writer.written(), writer.durable_length()), (1000, 1000));
    assert_eq!(profile.quota().usage("key"), 1000);
    assert_eq!(reader.next().await.expect("a chunk").expect("bytes"), pattern(0, 1000));
    assert!(reader.next().now_or_never().is_none(), "no byte that was not durable");
    writer.append(pattern(1000, 500)).await.expect("it is written");
    writer.finish().await.expect("it is finished");
    assert_eq!(read_all(reader).await.expect("bytes"), pattern(1000, 500));
    assert_eq!(disk.content(&id.to_string()).expect("a file"), pattern(0, 1500));
}

#[tokio::test]
async fn a_file_is_synced_before_its_length_is_committed() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let disk = SimulatedDisk::new();
    let profile = open_simulated(folder.path(), &disk);
    let (id, mut writer) = profile.bodies().create("key").await.expect("a body");
    writer.append(pattern(0, 1000)).await.expect("it is written");
    disk.hold_syncs(true);
    let mut waiting = Box::pin(writer.checkpoint());
    assert!((&mut waiting).now_or_never().is_none());
    // A commit that was submitted after the checkpoint began goes through, and the length is still not there.
    profile.commit(Transaction::new()).await.expect("a commit");
    assert_eq!(profile.bodies().state(id).expect("it is there").durable_length, 0);
    disk.hold_syncs(false);
    assert_eq!(waiting.await.expect("it is durable"), 1000);
    assert_eq!(
        disk.take_log(),
        [
            DiskEvent::Created(id.to_string()),
            DiskEvent::Written(id.to_string(), 1000),
            DiskEvent::Synced(id.to_string()),
            DiskEvent::DirectorySynced
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_trickle_becomes_durable_after_a_second() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let disk = SimulatedDisk::new();
    let profile = open_simulated(folder.path(), &disk);
    let (id, mut writer) = profile.bodies().create("key").await.expect("a body");
    let start = tokio::time::Instant::now();
    writer.append(pattern(0, 10)).await.expect("it is written");
    while profile.bodies().state(id).expect("it is there").durable_length == 0 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(start.elapsed() >= Duration::from_secs(1), "{:?}", start.elapsed());
    assert_eq!((disk.syncs(), writer.durable_length()), (1, 10));
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(disk.syncs(), 1, "nothing new, nothing to do");
}

#[tokio::test]
async fn four_mebibytes_become_durable_by_themselves() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let disk = SimulatedDisk::new();
    let profile = open_simulated(folder.path(), &disk);
    let (id, mut writer) = profile.bodies().create("key").await.expect("a body");
    let mut reader = profile.bodies().read(id).expect("a reader");
    writer.append(pattern(0, 4 << 20)).await.expect("it is written");
    assert!(reader.next().await.is_some());
    let mut other = profile.bodies().create("key").await.expect("a body").1;
    // Long before a second has passed; the writer waits for nothing but this.
    while writer.durable_length() == 0 {
        other.append(pattern(0, 1)).await.expect("it is written");
    }
    assert_eq!(writer.durable_length(), 4 << 20);
}

#[tokio::test]
async fn a_writer_is_at_most_64_mebibytes_ahead() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let disk = SimulatedDisk::new();
    let profile = open_simulated(folder.path(), &disk);
    let (_, mut writer) = profile.bodies().create("key").await.expect("a body");
    disk.hold_syncs(true);
    let chunk = Bytes::from(vec![7; 4 << 20]);
    for _ in 0..16 {
        writer.append(chunk.clone()).await.expect("it is written");
    }
    let mut blocked = Box::pin(writer.append(chunk.clone()));
    assert!((&mut blocked).now_or_never().is_none());
    profile.commit(Transaction::new()).await.expect("others are not held up");
    assert!((&mut blocked).now_or_never().is_none());
    disk.hold_syncs(false);
    blocked.await.expect("it is written once there is room");
    assert_eq!(writer.finish().await.expect("it is finished"), 68 << 20);
}

#[tokio::test]
async fn a_dropped_append_does_not_tear_the_body() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (profile, _) = open(folder.path());
    let (id, mut writer) = profile.bodies().create("key").await.expect("a body");
    let mut expected = Vec::new();
    for round in 0..200_u8 {
        let chunk = Bytes::from(vec![round; 10_000]);
        // Polled once: the write has begun. What had begun is there, whole.
        match writer.append(chunk.clone()).now_or_never() {
            Some(result) => result.expect("it is written"),
            None => writer.append(Bytes::new()).await.expect("the write comes to its end"),
        }
        expected.extend_from_slice(&chunk);
    }
    assert_eq!(writer.written(), expected.len() as u64);
    writer.finish().await.expect("it is finished");
    assert!(read_all(profile.bodies().read(id).expect("a reader")).await.expect("bytes") == expected);
}

#[test]
fn a_runtime_that_ends_lets_go_of_the_body() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (profile, _) = open(folder.path());
    let runtime =
        || tokio::runtime::Builder::new_multi_thread().enable_all().worker_threads(1).build().expect("tokio");
    let first = runtime();
    let (id, writer) = first.block_on(async {
        let (id, mut writer) = profile.bodies().create("key").await.expect("a body");
        writer.append(pattern(0, 100)).await.expect("it is written");
        writer.checkpoint().await.expect("it is durable");
        (id, writer)
    });
    drop(first);
    drop(writer);
    runtime().block_on(async {
        let writer = profile.bodies().reopen(id).await.expect("it goes on");
        assert_eq!(writer.written(), 100);
        writer.finish().await.expect("it is finished");
    });
}

async fn release(profile: &Profile, (id, writer): (BodyId, BodyWriter)) {
    drop(writer);
    let mut transaction = Transaction::new();
    transaction.release_body(id);
    profile.commit(transaction).await.expect("it is released");
}

#[tokio::test]
async fn a_body_whose_maker_went_away_goes_too() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let disk = SimulatedDisk::new();
    let profile = open_simulated(folder.path(), &disk);
    for polls in 0..8 {
        {
            let mut create = Box::pin(profile.bodies().create("a"));
            for _ in 0..polls {
                if let Poll::Ready(made) = futures::poll!(&mut create) {
                    // It was made: now it is its maker's.
                    release(&profile, made.expect("a body")).await;
                    break;
                }
                // Its file is made on a thread of these.
                tokio::task::spawn_blocking(|| ()).await.expect("nothing panics");
            }
        }
        // Commits come in their order, so this one is behind the others.
        release(&profile, profile.bodies().create("a").await.expect("a body")).await;
        assert_eq!(format!("{:?}", profile.bodies()), "[]", "after {polls} polls");
    }
    // A file that had no row yet goes at the next start.
    profile.close();
    let _profile = open_simulated(folder.path(), &disk);
    assert_eq!(longhaul_storage::Disk::list(&disk).expect("it can be read"), [] as [String; 0]);
}

#[tokio::test]
async fn a_file_that_is_cut_while_nobody_has_it_open_is_not_written_on() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let disk = SimulatedDisk::new();
    let profile = open_simulated(folder.path(), &disk);
    let (id, mut writer) = profile.bodies().create("key").await.expect("a body");
    writer.append(pattern(0, 1_000)).await.expect("it is written");
    writer.checkpoint().await.expect("it is durable");
    drop(writer);
    disk.overwrite(&id.to_string(), vec![0; 400]);
    for _ in 0..2 {
        let error = profile.bodies().reopen(id).await.expect_err("there would be a hole in it");
        assert!(matches!(error, BodyError::Shorter { durable: 1_000, found: 400 }), "{error}");
    }
}
