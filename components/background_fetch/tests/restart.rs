//! Everything survives the end of the process, at whatever moment it comes.

mod support;

use std::time::Duration;

use longhaul_background_fetch::scheduler::SplitMix64;
use longhaul_background_fetch::{
    BackgroundFetchResult, DispatchOutcome, EventKind, FailureReason, PermissionState, RecordError, TABLES,
    live_bodies,
};
use longhaul_fetch::Body;
use longhaul_storage::Transaction;

use support::{
    Resource, SITE, Step, World, breathe, declared, drive, drive_by, get, key, post, run, start, still,
    timeout, until,
};

/// One life of the process; it ends without a word when the future does.
fn life<T>(world: &World, test: impl AsyncFnOnce() -> T) -> T {
    let result = run(async { test().await });
    world.forget_profile();
    result
}

/// Kills at random moments, sometimes with the power, until everything has come down.
fn random_kills(seed: u64) {
    let mut random = SplitMix64::new(seed);
    let world = World::on_disk();
    let mut files = Vec::new();
    for n in 0..4 {
        let path = format!("/{n}");
        let length = 1 + (random.next_u64() % 60_000) as usize;
        files.push(world.server.put(&path, Resource { chunk: 700, ..Resource::new(length) }));
    }
    let requests = |range: std::ops::Range<usize>| range.map(|n| get(&format!("/{n}"))).collect();
    // The first life promises both.
    life(&world, async || {
        let fetches = world.open().await;
        start(&fetches, "first", requests(0..3)).await;
        start(&fetches, "second", requests(3..4)).await;
    });
    for _ in 0..30 {
        for n in 0..4 {
            if random.next_u64().is_multiple_of(3) {
                let at = (random.next_u64() % 30_000) as usize;
                let step = match random.next_u64() % 4 {
                    0 => Step::Stall(at),
                    1 => Step::Fail(timeout()),
                    2 => Step::Hang,
                    _ => Step::Cut(at),
                };
                world.server.will(&format!("/{n}"), [step]);
            }
        }
        if random.next_u64().is_multiple_of(2) {
            world.workers.will([None]);
        }
        let breaths = random.next_u64() % 40;
        let torn = life(&world, async || {
            let fetches = world.open().await;
            for _ in 0..breaths {
                for registration in fetches.registrations() {
                    let state = registration.snapshot();
                    assert!(state.downloaded <= 240_000, "seed {seed}: bytes were counted twice");
                }
                breathe().await;
                tokio::time::advance(Duration::from_millis(100)).await;
            }
            fetches.list().len()
        });
        if random.next_u64().is_multiple_of(2) {
            world.disk.cut_power(|unsynced| (random.next_u64() % (unsynced as u64 + 1)) as usize);
        }
        if torn == 0 {
            break;
        }
    }
    // The last life has no faults left.
    life(&world, async || {
        let fetches = world.open().await;
        let mut rounds = 0;
        while !fetches.list().is_empty() && rounds < 50 {
            // Stalls and hangs that were planned and not met yet.
            fetches.set_online(false);
            fetches.set_online(true);
            let _ = tokio::time::timeout(Duration::from_secs(20), drive(fetches.idle())).await;
            rounds += 1;
        }
        assert!(fetches.list().is_empty(), "seed {seed}: something never ends");
        world.assert_nothing_is_kept();
    });
    for (id, range) in [("first", 0..3), ("second", 3..4)] {
        let had: Vec<_> = world.workers.had().into_iter().filter(|had| had.id == id).collect();
        assert!(!had.is_empty(), "seed {seed}: {id} had no event");
        for had in had {
            assert_eq!(had.kind, EventKind::Success, "seed {seed}");
            for (record, file) in had.records.iter().zip(&files[range.clone()]) {
                assert_eq!(record.as_ref(), Ok(&(200, file.clone())), "seed {seed}: a torn file");
            }
        }
    }
}

#[test]
fn random_kills_never_tear_a_file() {
    for seed in 1..=12 {
        random_kills(seed);
    }
}

#[test]
fn a_download_goes_on_at_its_durable_length() {
    let world = World::on_disk();
    let bytes = world.server.put("/a", Resource::new(10_000));
    world.server.will("/a", [Step::Stall(6_000)]);
    life(&world, async || {
        let fetches = world.open().await;
        let registration =
            still(fetches.fetch(key(), "id".into(), vec![get("/a")], declared(10_000))).await.unwrap();
        until(|| registration.snapshot().downloaded == 6_000).await;
        // A second passes, and a checkpoint with it.
        tokio::time::advance(Duration::from_secs(2)).await;
        let id = *live_bodies(&world.profile()).unwrap().iter().next().unwrap();
        until(|| world.profile().bodies().state(id).is_some_and(|state| state.durable_length == 6_000)).await;
    });
    world.disk.cut_power(|_| 0);
    life(&world, async || {
        let fetches = world.open().await;
        let registration = fetches.get(&key(), "id").expect("it is active");
        let state = registration.snapshot();
        assert_eq!((state.title.as_str(), state.download_total), ("A title", 10_000));
        assert!(state.downloaded >= 6_000);
        still(fetches.idle()).await;
        assert_eq!(world.workers.had()[0].records, [Ok((200, bytes))]);
        world.assert_nothing_is_kept();
    });
    let log = world.server.log();
    assert_eq!(log[1].resumption, Some((6_000, None, "\"v1\"".into())));
}

#[test]
fn a_shutdown_keeps_everything_that_came() {
    let world = World::on_disk();
    world.server.put("/a", Resource::new(10_000));
    world.server.will("/a", [Step::Stall(6_000)]);
    life(&world, async || {
        let fetches = world.open().await;
        let registration = start(&fetches, "id", vec![get("/a")]).await;
        until(|| registration.snapshot().downloaded == 6_000).await;
        still(fetches.shutdown()).await;
    });
    world.disk.cut_power(|_| 0);
    life(&world, async || {
        let fetches = world.open().await;
        assert!(fetches.get(&key(), "id").unwrap().snapshot().downloaded >= 6_000);
        still(fetches.idle()).await;
    });
    assert_eq!(world.server.log()[1].resumption.as_ref().map(|r| r.0), Some(6_000));
}

#[test]
fn an_event_is_owed_until_it_was_delivered() {
    let world = World::on_disk();
    let bytes = world.server.put("/a", Resource::new(100));
    world.workers.will([None, None]);
    for (deaths, shut_down) in [(1, false), (2, true)] {
        life(&world, async || {
            let fetches = world.open().await;
            if deaths == 1 {
                start(&fetches, "id", vec![get("/a")]).await;
            }
            still(world.workers.had_events(deaths)).await;
            assert_eq!(fetches.get_ids(&key()), [] as [String; 0], "a settled one is not active");
            if shut_down {
                still(fetches.shutdown()).await;
            }
        });
        world.disk.cut_power(|_| 0);
    }
    life(&world, async || {
        let fetches = world.open().await;
        still(fetches.idle()).await;
        world.assert_nothing_is_kept();
    });
    life(&world, async || {
        let fetches = world.open().await;
        still(fetches.idle()).await;
    });
    let had = world.workers.had();
    assert_eq!(had.len(), 3);
    for had in had {
        assert_eq!((had.kind, had.records), (EventKind::Success, vec![Ok((200, bytes.clone()))]));
    }
    assert_eq!(world.server.log().len(), 1);
}

#[test]
fn a_worker_that_crashes_is_tried_five_times_even_across_restarts() {
    let world = World::on_disk();
    world.server.put("/a", Resource::new(100));
    let crash = || Some(DispatchOutcome::Crashed("it fell".into()));
    world.workers.will([crash(), Some(DispatchOutcome::CouldNotStart("no".into()))]);
    world.workers.will((0..8).map(|_| crash()));
    life(&world, async || {
        let fetches = world.open().await;
        start(&fetches, "id", vec![get("/a")]).await;
        drive(world.workers.had_events(2)).await;
        for _ in 0..20 {
            breathe().await;
        }
        still(fetches.shutdown()).await;
    });
    life(&world, async || {
        let fetches = world.open().await;
        drive(fetches.idle()).await;
        world.assert_nothing_is_kept();
    });
    assert_eq!(world.workers.had().len(), 5);
}

#[test]
fn a_pause_and_a_prompt_survive_but_offline_does_not() {
    let mut world = World::on_disk();
    world.server.put("/a", Resource::new(100));
    life(&world, async || {
        let fetches = world.open().await;
        fetches.set_online(false);
        start(&fetches, "offline", vec![get("/a?offline")]).await;
        start(&fetches, "paused", vec![get("/a?paused")]).await.pause();
        still(fetches.shutdown()).await;
    });
    world.permission = PermissionState::Prompt;
    life(&world, async || {
        let fetches = world.open().await;
        start(&fetches, "asked", vec![get("/a?asked")]).await;
        still(fetches.idle()).await;
        assert_eq!(fetches.get_ids(&key()), ["paused", "asked"]);
    });
    life(&world, async || {
        let fetches = world.open().await;
        still(fetches.idle()).await;
        for registration in fetches.registrations() {
            assert!(registration.snapshot().paused);
            registration.resume();
        }
        still(fetches.idle()).await;
        world.assert_nothing_is_kept();
    });
    assert_eq!(world.workers.had().len(), 3);
    assert_eq!(world.server.log().len(), 3);
}

#[test]
fn a_post_that_may_have_left_is_not_sent_again() {
    let world = World::on_disk();
    world.server.put("/a", Resource::new(100));
    world.server.will("/sent", [Step::Hang]);
    world.server.will("/refused", [Step::Fail(support::refused())]);
    life(&world, async || {
        let fetches = world.open().await;
        let requests = vec![post("/sent", Body::from_bytes("once")), get("/a")];
        let registration = start(&fetches, "sent", requests).await;
        until(|| registration.snapshot().uploaded == 4).await;
        still(world.server.saw(2)).await;
        fetches.set_online(false);
        start(&fetches, "waits", vec![post("/a", Body::from_bytes("later"))]).await;
    });
    life(&world, async || {
        let fetches = world.open().await;
        let state = fetches.get(&key(), "waits").expect("nothing of it had left").snapshot();
        assert_eq!((state.upload_total, state.uploaded), (5, 0));
        still(fetches.idle()).await;
        world.assert_nothing_is_kept();
    });
    let had = world.workers.had();
    let sent = had.iter().find(|had| had.id == "sent").unwrap();
    assert_eq!(sent.state.failure_reason, FailureReason::FetchError);
    assert_eq!(sent.records[0], Err(RecordError::Failed(FailureReason::FetchError)));
    assert!(sent.records[1].is_ok());
    let waits = had.iter().find(|had| had.id == "waits").unwrap();
    assert_eq!((waits.kind, waits.state.uploaded), (EventKind::Success, 5));
    assert_eq!(world.server.log().iter().filter(|asked| asked.url.path() == "/sent").count(), 1);
}

#[test]
fn uploaded_survives() {
    let world = World::on_disk();
    world.server.put("/a", Resource::new(100));
    world.server.will("/b", [Step::Hang]);
    life(&world, async || {
        let fetches = world.open().await;
        let requests = vec![post("/a", Body::from_bytes("twelve bytes")), get("/b")];
        let registration = start(&fetches, "id", requests).await;
        until(|| registration.snapshot().downloaded == 100).await;
        still(fetches.shutdown()).await;
    });
    life(&world, async || {
        let fetches = world.open().await;
        let state = fetches.get(&key(), "id").unwrap().snapshot();
        assert_eq!((state.uploaded, state.upload_total, state.downloaded), (12, 12, 100));
    });
}

#[test]
fn an_abort_that_was_promised_survives() {
    let world = World::on_disk();
    world.server.will("/a", [Step::Hang]);
    world.workers.will([None]);
    life(&world, async || {
        let fetches = world.open().await;
        let registration = start(&fetches, "id", vec![get("/a")]).await;
        assert!(still(registration.abort()).await);
        // Its event comes after the answer, and meets a worker that never ends.
        still(world.workers.had_events(1)).await;
    });
    life(&world, async || {
        let fetches = world.open().await;
        assert!(fetches.get(&key(), "id").is_none());
        drive(fetches.idle()).await;
        world.assert_nothing_is_kept();
    });
    assert!(world.workers.had().iter().all(|had| had.kind == EventKind::Abort));
    assert!(world.server.log().len() <= 1);
}

#[test]
fn rows_that_belong_to_nothing_go_and_a_lost_record_fails_its_background_fetch() {
    let world = World::on_disk();
    world.server.put("/a", Resource::new(100));
    life(&world, async || {
        let fetches = world.open().await;
        fetches.set_online(false);
        start(&fetches, "lost", vec![get("/a"), get("/a?2")]).await;
        start(&fetches, "orphan", vec![post("/a", Body::from_bytes("x"))]).await;
        start(&fetches, "sound", vec![get("/a")]).await;
        still(fetches.shutdown()).await;
        // As if the storage had found two rows damaged and dropped them.
        let profile = world.profile();
        let mut transaction = Transaction::new();
        transaction.delete(TABLES[1], vec![1_i64.into(), 1_i64.into()]);
        transaction.delete(TABLES[0], vec![2_i64.into()]);
        still(profile.commit(transaction)).await.unwrap();
    });
    life(&world, async || {
        let fetches = world.open().await;
        still(fetches.idle()).await;
        world.assert_nothing_is_kept();
    });
    let had = world.workers.had();
    assert_eq!(had.len(), 2);
    let lost = had.iter().find(|had| had.id == "lost").unwrap();
    assert_eq!((lost.kind, lost.state.failure_reason), (EventKind::Fail, FailureReason::FetchError));
    let sound = had.iter().find(|had| had.id == "sound").unwrap();
    assert_eq!(sound.state.result, BackgroundFetchResult::Success);
}

#[test]
fn nobody_waits_for_the_records_of_one_that_failed_for_a_lost_record() {
    let world = World::on_disk();
    life(&world, async || {
        let fetches = world.open().await;
        fetches.set_online(false);
        start(&fetches, "lost", vec![get("/a"), get("/b")]).await;
        still(fetches.shutdown()).await;
        let mut transaction = Transaction::new();
        transaction.delete(TABLES[1], vec![1_i64.into(), 1_i64.into()]);
        still(world.profile().commit(transaction)).await.unwrap();
    });
    // It fails, and its worker does not get to the end of the event.
    world.workers.will([None]);
    for expected in 1..3 {
        life(&world, async || {
            let fetches = world.open().await;
            still(world.workers.had_events(expected)).await;
            still(fetches.shutdown()).await;
        });
    }
    for had in world.workers.had() {
        assert!(matches!(had.records[..], [Err(_)]), "{had:?}");
    }
}

#[test]
fn the_table_makes_sense_to_people() {
    let world = World::on_disk();
    life(&world, async || {
        let fetches = world.open().await;
        fetches.set_online(false);
        start(&fetches, "id", vec![get("/a?x=1")]).await.pause();
        still(fetches.shutdown()).await;
        let rows = world.profile().rows(TABLES[0]).unwrap();
        let texts: Vec<&str> = rows[0].iter().filter_map(|value| value.as_text()).collect();
        assert_eq!(texts, [SITE, &format!("{SITE}/"), "id", "A title", "paused", "", SITE, "[]"]);
        let records = world.profile().rows(TABLES[1]).unwrap();
        assert_eq!(records[0][2].as_text(), Some("GET"));
        assert_eq!(records[0][3].as_text(), Some("https://site.example/a?x=1"));
        drive_by(Duration::from_millis(1), std::future::ready(())).await;
    });
}
