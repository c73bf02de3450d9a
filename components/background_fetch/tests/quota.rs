//! What is declared is set aside once: neither twice, nor for longer than it is needed.

mod support;

use longhaul_background_fetch::{FailureReason, RecordError};
use longhaul_fetch::NetworkError;

use support::{Resource, SITE, Step, World, declared, drive, get, key, run, still, until};

#[test]
fn a_record_that_starts_over_sets_nothing_aside_twice() {
    run(async {
        let world = World::on_disk();
        world.server.put("/a", Resource::new(5_000));
        let b = world.server.put("/b", Resource::new(5_000));
        world.server.will("/a", [Step::Cut(3_000), Step::Stall(1_000)]);
        world.server.will("/b", [Step::Stall(2_000)]);
        let fetches = world.open().await;
        let quota = world.profile().quota().clone();
        quota.set_limit(SITE, Some(10_000));
        let requests = vec![get("/a"), get("/b")];
        let registration =
            still(fetches.fetch(key(), "id".into(), requests, declared(10_000))).await.unwrap();
        until(|| registration.snapshot().downloaded == 5_000).await;
        assert_eq!((quota.usage(SITE), quota.reserved(SITE)), (5_000, 5_000));
        // Another version of the first, while the second is still being written against what was set aside.
        let a = world.server.put("/a", Resource::new(5_000).with_headers(&[("ETag", "\"v2\"")]));
        drive(async {
            while world.server.log().len() < 3 || registration.snapshot().downloaded != 3_000 {
                support::breathe().await;
            }
        })
        .await;
        until(|| (quota.usage(SITE), quota.reserved(SITE)) == (3_000, 7_000)).await;
        registration.pause();
        registration.resume();
        drive(fetches.idle()).await;
        assert_eq!(registration.snapshot().failure_reason, FailureReason::None);
        assert_eq!(world.workers.had()[0].records, [Ok((200, a)), Ok((200, b))]);
        assert_eq!(world.workers.had()[0].state.downloaded, 10_000);
        world.assert_nothing_is_kept();
    });
}

#[test]
fn what_is_not_used_is_free_as_soon_as_it_is_settled() {
    run(async {
        let world = World::on_disk();
        world.server.put("/a", Resource::new(1_000));
        // The handler takes its time: the space does not wait for it.
        world.workers.will([None]);
        let fetches = world.open().await;
        let quota = world.profile().quota().clone();
        still(fetches.fetch(key(), "id".into(), vec![get("/a")], declared(50_000))).await.unwrap();
        still(world.workers.had_events(1)).await;
        until(|| (quota.usage(SITE), quota.reserved(SITE)) == (1_000, 0)).await;
    });
}

#[test]
fn exactly_what_was_declared_is_enough_and_one_byte_more_is_too_much() {
    for (declared_total, reason) in
        [(5_500, FailureReason::None), (5_499, FailureReason::DownloadTotalExceeded)]
    {
        run(async {
            let world = World::on_disk();
            world.server.put("/a", Resource { chunk: 100, ..Resource::new(5_500) });
            let fetches = world.open().await;
            let requests = vec![get("/a")];
            let registration =
                still(fetches.fetch(key(), "id".into(), requests, declared(declared_total))).await.unwrap();
            still(fetches.idle()).await;
            let state = registration.snapshot();
            assert_eq!(state.failure_reason, reason);
            assert!(state.downloaded <= declared_total);
        });
    }
}

#[test]
fn what_came_for_a_record_that_failed_is_let_go_while_others_go_on() {
    run(async {
        let world = World::on_disk();
        world.server.put("/a", Resource::new(5_000));
        world.server.put("/b", Resource::new(5_000));
        // The rest of it is not for us to see, and so nothing of it is.
        let cors = Step::Fail(NetworkError::CorsMissingAllowOrigin);
        world.server.will("/a", [Step::Cut(3_000), cors]);
        world.server.will("/b", [Step::Stall(2_000)]);
        let fetches = world.open().await;
        let registration =
            still(fetches.fetch(key(), "id".into(), vec![get("/a"), get("/b")], declared(0))).await.unwrap();
        let live = still(registration.records()[0].response_ready()).await.unwrap();
        drive(async {
            let ready = || registration.records()[0].response_ready();
            while ready().await.map(drop) != Err(RecordError::Failed(FailureReason::FetchError)) {
                support::breathe().await;
            }
        })
        .await;
        assert!(still(live.body.unwrap().read_all(None)).await.is_err(), "it was being read");
        until(|| world.profile().quota().usage(SITE) == 2_000).await;
        assert!(fetches.get(&key(), "id").is_some(), "the other record goes on");
        registration.pause();
        registration.resume();
        drive(fetches.idle()).await;
        assert_eq!(registration.snapshot().failure_reason, FailureReason::FetchError);
        assert_eq!(world.server.log().iter().filter(|asked| asked.url.path() == "/a").count(), 2);
        world.assert_nothing_is_kept();
    });
}
