//! A process that is killed between two steps which belong together.

mod support;

use std::time::Duration;

use bytes::Bytes;
use futures::{StreamExt, stream};
use longhaul_background_fetch::{EventKind, FailureReason, PermissionState, TABLES, live_bodies};
use longhaul_fetch::{Body, BodyError};
use longhaul_storage::{Disk, Transaction, Value};

use support::{
    Resource, SITE, Step, World, breathe, declared, drive, get, key, options, post, run, start, still,
    timeout, until,
};

/// One life of the process; it ends without a word when the future does.
fn life<T>(world: &World, test: impl AsyncFnOnce() -> T) -> T {
    let result = run(async { test().await });
    world.forget_profile();
    result
}

/// How far the rows had come when the kill fell; the body was finished before.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Reached {
    /// Only the response's head, with nothing counted.
    Head,
    /// Every record, but not the whole.
    Records,
    /// The whole, but not the event that is owed.
    Whole,
}

/// Downloads, and then puts the rows back to what they were a moment before.
fn settled_but_for(reached: Reached) -> (World, Bytes) {
    let world = World::on_disk();
    let bytes = world.server.put("/a", Resource::new(10_000));
    world.workers.will([None]);
    life(&world, async || {
        let fetches = world.open().await;
        still(fetches.fetch(key(), "id".into(), vec![get("/a")], declared(10_000))).await.unwrap();
        still(world.workers.had_events(1)).await;
        still(fetches.shutdown()).await;
        let profile = world.profile();
        let mut transaction = Transaction::new();
        transaction.delete_prefix(TABLES[2], vec![1_i64.into()]);
        if reached != Reached::Whole {
            let mut row = profile.rows(TABLES[0]).unwrap().remove(0);
            assert_eq!(row[5].as_text(), Some("success"));
            row[5] = Value::from("active");
            transaction.put(TABLES[0], row);
        }
        if reached == Reached::Head {
            let mut row = profile.rows(TABLES[1]).unwrap().remove(0);
            assert_eq!((row[4].as_text(), row[5].as_integer()), (Some("success"), Some(10_000)));
            (row[4], row[5], row[15]) = (Value::Null, 0_i64.into(), 0_i64.into());
            transaction.put(TABLES[1], row);
        }
        still(profile.commit(transaction)).await.unwrap();
    });
    (world, bytes)
}

#[test]
fn what_was_finished_is_not_fetched_again_and_its_event_comes() {
    for reached in [Reached::Head, Reached::Records, Reached::Whole] {
        let (world, bytes) = settled_but_for(reached);
        // Killed in the handler, too: the event comes once more.
        for deliver in [None, Some(longhaul_background_fetch::DispatchOutcome::Delivered)] {
            world.workers.will([deliver.clone()]);
            let before = world.workers.had().len();
            life(&world, async || {
                let fetches = world.open().await;
                still(world.workers.had_events(before + 1)).await;
                assert_eq!(fetches.get_ids(&key()), [] as [String; 0], "{reached:?}");
                let had = world.workers.had().pop().unwrap();
                assert_eq!((had.kind, had.state.downloaded), (EventKind::Success, 10_000), "{reached:?}");
                assert_eq!(had.records, [Ok((200, bytes.clone()))], "{reached:?}");
                if deliver.is_some() {
                    still(fetches.idle()).await;
                    world.assert_nothing_is_kept();
                    assert_eq!(world.disk.list().unwrap(), [] as [String; 0]);
                } else {
                    assert_eq!(world.profile().quota().reserved(SITE), 0, "it is settled");
                }
            });
        }
        assert_eq!(world.server.log().len(), 1, "{reached:?}: it was all there");
    }
}

#[test]
fn a_call_of_fetch_that_was_not_answered_leaves_nothing() {
    for killed in [true, false] {
        let world = World::on_disk();
        life(&world, async || {
            let fetches = world.open().await;
            let endless = stream::iter([Ok::<_, BodyError>(Bytes::from(vec![1; 5_000]))]);
            let endless = Body::from_stream(endless.chain(stream::pending()).boxed(), None, None);
            let requests = vec![post("/a", Body::from_bytes("done")), post("/a", endless)];
            let call = fetches.fetch(key(), "id".into(), requests, declared(1_000));
            let taken = until(|| world.profile().quota().usage(SITE) == 5_004);
            // The call is polled until both bodies are here, and dropped then.
            tokio::select! {
                _ = call => panic!("a body has no end"),
                () = taken => {}
            }
            assert_eq!(fetches.get_ids(&key()), [] as [String; 0]);
            if !killed {
                still(fetches.idle()).await;
                until(|| world.profile().quota().usage(SITE) == 0).await;
                world.assert_nothing_is_kept();
                assert_eq!(world.disk.list().unwrap(), [] as [String; 0]);
                // The id is free.
                fetches.set_online(false);
                start(&fetches, "id", vec![get("/a")]).await;
            }
        });
        life(&world, async || {
            let fetches = world.open().await;
            assert_eq!(fetches.list().len(), usize::from(!killed));
            let live = live_bodies(&world.profile()).unwrap();
            assert!(live.is_empty(), "a body of a call that was never answered");
            still(world.profile().bodies().collect_garbage(&live)).await.unwrap();
            let usage = (world.profile().quota().usage(SITE), world.profile().quota().reserved(SITE));
            assert_eq!(usage, (0, 0));
            assert_eq!(world.disk.list().unwrap(), [] as [String; 0]);
        });
        assert_eq!(world.workers.had().len(), 0);
    }
}

#[test]
fn what_waits_for_somebody_can_be_aborted_after_a_restart() {
    let mut world = World::on_disk();
    world.server.put("/a", Resource::new(100));
    world.permission = PermissionState::Prompt;
    life(&world, async || {
        let fetches = world.open().await;
        start(&fetches, "asked", vec![get("/a"), post("/a", Body::from_bytes("x"))]).await;
    });
    world.permission = PermissionState::Granted;
    life(&world, async || {
        let fetches = world.open().await;
        start(&fetches, "paused", vec![get("/a")]).await.pause();
        still(fetches.shutdown()).await;
    });
    life(&world, async || {
        let fetches = world.open().await;
        fetches.set_online(false);
        start(&fetches, "offline", vec![get("/a")]).await;
        assert!(fetches.get(&key(), "asked").unwrap().snapshot().paused, "nobody has said yes");
    });
    world.connectivity = longhaul_background_fetch::Connectivity::Offline;
    world.workers.will([None, None, None]);
    life(&world, async || {
        let fetches = world.open().await;
        for id in ["asked", "paused", "offline"] {
            let registration = fetches.get(&key(), id).expect(id);
            assert!(still(registration.abort()).await, "{id}");
            assert_eq!(registration.snapshot().failure_reason, FailureReason::Aborted);
        }
        assert_eq!(fetches.get_ids(&key()), [] as [String; 0]);
        // Their events come after the answers, and meet workers that never end.
        still(world.workers.had_events(3)).await;
    });
    life(&world, async || {
        let fetches = world.open().await;
        assert_eq!(fetches.get_ids(&key()), [] as [String; 0], "the aborts were promised");
        still(fetches.idle()).await;
        world.assert_nothing_is_kept();
    });
    assert!(world.workers.had().iter().all(|had| had.kind == EventKind::Abort));
    assert_eq!(world.server.log().len(), 1, "only the one that was paused had begun");
}

#[test]
fn an_id_that_was_used_again_while_an_event_is_owed_names_the_newer_one() {
    let world = World::on_disk();
    world.server.put("/old", Resource::new(100));
    let new = world.server.put("/new", Resource::new(200));
    world.server.will("/new", [Step::Hang]);
    world.workers.will([None]);
    let keys = life(&world, async || {
        let fetches = world.open().await;
        let first = start(&fetches, "id", vec![get("/old")]).await;
        still(world.workers.had_events(1)).await;
        let second = start(&fetches, "id", vec![get("/new")]).await;
        (first.unique_key(), second.unique_key())
    });
    assert_ne!(keys.0, keys.1);
    life(&world, async || {
        let fetches = world.open().await;
        assert_eq!(fetches.get(&key(), "id").map(|found| found.unique_key()), Some(keys.1));
        assert!(still(fetches.fetch(key(), "id".into(), vec![get("/old")], options())).await.is_err());
        still(fetches.idle()).await;
        world.assert_nothing_is_kept();
    });
    let had = world.workers.had();
    let of = |key: u64| had.iter().filter(|had| had.key == key).count();
    assert_eq!((had.len(), of(keys.0), of(keys.1)), (3, 2, 1));
    assert_eq!(had.iter().find(|had| had.key == keys.1).unwrap().records, [Ok((200, new))]);
}

#[test]
fn a_clock_that_jumps_gives_nothing_up() {
    let year = Duration::from_secs(365 * 24 * 60 * 60);
    for (forward, then) in [(true, year * 30), (false, year * 10)] {
        let mut world = World::on_disk();
        let bytes = world.server.put("/a", Resource::new(100));
        world.server.will("/a", [Step::Fail(timeout())]);
        life(&world, async || {
            let fetches = world.open().await;
            start(&fetches, "id", vec![get("/a")]).await;
            still(world.server.saw(1)).await;
            for _ in 0..20 {
                breathe().await;
            }
            still(fetches.shutdown()).await;
        });
        world.set_clock(|now| if forward { now + then } else { now - then });
        world.server.will("/a", [Step::Fail(timeout())]);
        life(&world, async || {
            let fetches = world.open().await;
            drive(fetches.idle()).await;
        });
        assert_eq!(world.workers.had()[0].records, [Ok((200, bytes))], "forward: {forward}");
    }
}

#[test]
fn what_a_removed_registration_left_behind_goes_without_an_event() {
    // The worker was unregistered, and the kill came before its background fetches were removed.
    let world = World::on_disk();
    world.server.put("/a", Resource::new(10_000));
    world.server.will("/a", [Step::Stall(5_000)]);
    life(&world, async || {
        let fetches = world.open().await;
        let registration = start(&fetches, "id", vec![get("/a")]).await;
        until(|| registration.snapshot().downloaded == 5_000).await;
        start(&fetches, "bodies", vec![post("/b", Body::from_bytes("x"))]).await;
        still(fetches.shutdown()).await;
    });
    let requests = world.server.log().len();
    world.workers.gone.store(true, std::sync::atomic::Ordering::SeqCst);
    life(&world, async || {
        let fetches = world.open().await;
        still(fetches.idle()).await;
        assert_eq!(fetches.list().len(), 0);
        world.assert_nothing_is_kept();
    });
    assert_eq!((world.server.log().len(), world.workers.had().len()), (requests, 0));
}
