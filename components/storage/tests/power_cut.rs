//! Many lives of one profile, each ended by a power cut at a random moment, against a model.

mod support;

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use longhaul_storage::testing::SimulatedDisk;
use longhaul_storage::{BodyError, BodyId, BodyWriter, Profile, Transaction};
use support::{NAMES, Random, TABLES, pattern, read_all, rounds};

/// What the profile promised about a body.
#[derive(Default, Debug)]
struct Promise {
    durable: u64,
    written: u64,
    complete: bool,
    removal_asked: bool,
}

async fn one_life(
    folder: &Path,
    disk: &SimulatedDisk,
    random: &mut Random,
    promises: &mut HashMap<BodyId, Promise>,
    names: &mut Vec<String>,
    context: &str,
) {
    let opened = Profile::open_with_disk(folder.to_owned(), TABLES, Arc::new(disk.clone()));
    let (profile, report) = opened.unwrap_or_else(|error| panic!("{context}: {error}"));
    assert!(report.findings.is_empty(), "{context}: {:?}", report.findings);

    // All that was promised is there.
    let rows = profile.rows(&NAMES).expect("rows");
    for name in names.iter() {
        assert!(rows.iter().any(|row| row[0].as_text() == Some(name)), "{context}: row {name} is lost");
    }
    for (id, promise) in &mut *promises {
        let Some(state) = profile.bodies().state(*id) else {
            assert!(promise.removal_asked, "{context}: body {id} is lost");
            continue;
        };
        assert!(state.durable_length >= promise.durable, "{context}: {state:?} {promise:?}");
        assert!(state.durable_length <= promise.written, "{context}: {state:?} {promise:?}");
        assert!(state.complete || !promise.complete, "{context}: {state:?} {promise:?}");
        let part = profile.bodies().read_range(*id, 0..state.durable_length).expect("a reader");
        let bytes = read_all(part).await.unwrap_or_else(|error| panic!("{context}: {error}"));
        assert!(bytes == pattern(0, bytes.len()), "{context}: body {id} is torn");
        assert_eq!(bytes.len() as u64, state.durable_length, "{context}");
        promise.durable = state.durable_length;
        promise.written = state.durable_length;
        promise.complete = state.complete;
    }
    promises.retain(|id, _| profile.bodies().state(*id).is_some());
    let stored: u64 = promises.values().map(|promise| promise.durable).sum();
    assert_eq!(profile.quota().usage("key"), stored, "{context}");

    let mut writers: Vec<BodyWriter> = Vec::new();
    for _ in 0..random.below(30) {
        match random.below(12) {
            0 | 1 => {
                let (id, writer) = profile.bodies().create("key").await.expect("a body");
                promises.insert(id, Promise::default());
                writers.push(writer);
            }
            2 => {
                let unfinished = promises.iter().find(|(id, promise)| {
                    !promise.complete
                        && !promise.removal_asked
                        && writers.iter().all(|writer| writer.id() != **id)
                });
                if let Some((&id, _)) = unfinished {
                    let writer = profile.bodies().reopen(id).await.expect("it goes on");
                    // A writer that was dropped, or failed, may have made more durable than it told.
                    let promise = promises.get_mut(&id).expect("it was just found");
                    assert!((promise.durable..=promise.written).contains(&writer.written()), "{context}");
                    promise.durable = writer.written();
                    promise.written = writer.written();
                    writers.push(writer);
                }
            }
            3 if !writers.is_empty() => {
                let writer = writers.swap_remove(random.below(writers.len()));
                let id = writer.id();
                if let Ok(length) = writer.finish().await {
                    let promise = promises.get_mut(&id).expect("it was made");
                    promise.durable = length;
                    promise.complete = true;
                }
            }
            4 if !writers.is_empty() => drop(writers.swap_remove(random.below(writers.len()))),
            5 if !writers.is_empty() => {
                let index = random.below(writers.len());
                let id = writers[index].id();
                match writers[index].checkpoint().await {
                    Ok(length) => promises.get_mut(&id).expect("it was made").durable = length,
                    Err(_) => drop(writers.swap_remove(index)),
                }
            }
            6 => disk.fail_syncs(1),
            7 => {
                let name = format!("row {}", names.len());
                let mut transaction = Transaction::new();
                transaction.put(&NAMES, vec![name.as_str().into()]);
                profile.commit(transaction).await.expect("a row is stored");
                names.push(name);
            }
            8 if promises.len() > 3 => {
                let index = random.below(promises.len());
                let (&id, promise) = promises.iter_mut().nth(index).expect("it is in range");
                if !promise.removal_asked {
                    promise.removal_asked = true;
                    let mut transaction = Transaction::new();
                    transaction.release_body(id);
                    let commit = profile.commit(transaction);
                    if random.below(2) == 0 {
                        commit.await.expect("it is released");
                        assert!(profile.bodies().state(id).is_none(), "{context}");
                    } else {
                        // The power may go while it is under way.
                        let _ = futures::FutureExt::now_or_never(commit);
                    }
                }
            }
            _ if !writers.is_empty() => {
                let index = random.below(writers.len());
                let (id, written) = (writers[index].id(), writers[index].written());
                let length = random.below(200_000);
                match writers[index].append(pattern(written, length)).await {
                    Ok(()) => promises.get_mut(&id).expect("it was made").written += length as u64,
                    Err(BodyError::Removed | BodyError::Io { .. }) => drop(writers.swap_remove(index)),
                    Err(error) => panic!("{context}: {error}"),
                }
            }
            _ => {}
        }
    }
    disk.fail_syncs(0);
    profile.crash();
    disk.cut_power(|unsynced| random.below(unsynced + 1));
}

/// `LONGHAUL_POWER_CUT_ROUNDS` sets how many profiles live; each has eight lives.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_was_promised_survives_every_power_cut() {
    for seed in 0..rounds("LONGHAUL_POWER_CUT_ROUNDS", 25) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let disk = SimulatedDisk::new();
        let mut random = Random::new(seed);
        let mut promises = HashMap::new();
        let mut names = Vec::new();
        for life in 0..8 {
            let context = format!("seed {seed}, life {life}");
            one_life(folder.path(), &disk, &mut random, &mut promises, &mut names, &context).await;
        }
    }
}
