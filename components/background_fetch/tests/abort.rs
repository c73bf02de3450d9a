//! An abort settles promptly, whatever state it meets.

mod support;

use futures::FutureExt as _;
use longhaul_background_fetch::{
    BackgroundFetchResult, BackgroundFetches, EventKind, FailureReason, PermissionState, RecordError,
    Registration,
};
use longhaul_fetch::{Body, BodyError};

use support::{Resource, Step, World, breathe, get, post, read, run, start, still, timeout, until};

/// No time passes from here on.
async fn assert_settles(world: &World, fetches: &BackgroundFetches, registration: &Registration) {
    assert!(still(registration.abort()).await);
    let state = registration.snapshot();
    assert_eq!(
        (state.result, state.failure_reason),
        (BackgroundFetchResult::Failure, FailureReason::Aborted)
    );
    assert!(!still(registration.abort()).await, "it was not active any more");
    still(fetches.idle()).await;
    let had = world.workers.had();
    assert_eq!(had.len(), 1);
    assert_eq!(had[0].kind, EventKind::Abort);
    assert_eq!(had[0].records.last(), Some(&Err(RecordError::Aborted)));
    world.assert_nothing_is_kept();
}

#[test]
fn before_the_first_byte() {
    run(async {
        let world = World::in_memory();
        world.server.will("/a", [Step::Hang]);
        let fetches = world.open().await;
        let registration = start(&fetches, "id", vec![get("/a")]).await;
        still(world.server.saw(1)).await;
        assert_settles(&world, &fetches, &registration).await;
    });
}

#[test]
fn before_the_attempt_has_even_begun() {
    run(async {
        let world = World::in_memory();
        world.server.put("/a", Resource::new(10));
        let fetches = world.open().await;
        let registration = start(&fetches, "id", vec![get("/a")]).await;
        let abort = registration.abort();
        assert!(still(abort).await);
        still(fetches.idle()).await;
        assert_eq!(world.workers.had()[0].kind, EventKind::Abort);
    });
}

#[test]
fn the_event_waits_for_the_answer() {
    run(async {
        let world = World::on_disk();
        world.server.will("/a", [Step::Hang]);
        let fetches = world.open().await;
        let registration = start(&fetches, "id", vec![get("/a")]).await;
        still(world.server.saw(1)).await;
        let mut abort = Box::pin(registration.abort());
        assert!(abort.as_mut().now_or_never().is_none(), "it has yet to be stored");
        // Everybody else goes on meanwhile.
        for _ in 0..100 {
            breathe().await;
        }
        assert_eq!(registration.snapshot().failure_reason, FailureReason::Aborted);
        assert!(world.workers.had().is_empty());
        assert!(still(abort).await);
        still(fetches.idle()).await;
        assert_eq!(world.workers.had()[0].kind, EventKind::Abort);
    });
}

#[test]
fn in_the_middle() {
    run(async {
        let world = World::on_disk();
        world.server.put("/done", Resource::new(100));
        world.server.put("/a", Resource::new(10_000));
        world.server.will("/a", [Step::Stall(5_000)]);
        let fetches = world.open().await;
        let registration = start(&fetches, "id", vec![get("/done"), get("/a")]).await;
        until(|| registration.snapshot().downloaded == 5_100).await;
        still(read(&registration.records()[0])).await.unwrap();
        for _ in 0..20 {
            breathe().await;
        }
        let response = still(registration.records()[1].response_ready()).await.unwrap();
        assert_settles(&world, &fetches, &registration).await;
        let error = still(response.body.unwrap().read_all(None)).await.unwrap_err();
        assert_eq!(error, BodyError::Aborted);
        assert!(world.workers.had()[0].records[0].is_ok(), "what had succeeded stays");
    });
}

#[test]
fn while_paused() {
    run(async {
        let world = World::on_disk();
        world.server.put("/a", Resource::new(10_000));
        world.server.will("/a", [Step::Stall(5_000)]);
        let fetches = world.open().await;
        let registration = start(&fetches, "id", vec![get("/a")]).await;
        until(|| registration.snapshot().downloaded == 5_000).await;
        registration.pause();
        assert!(registration.snapshot().paused);
        still(fetches.idle()).await;
        assert_settles(&world, &fetches, &registration).await;
    });
}

#[test]
fn while_offline() {
    run(async {
        let world = World::in_memory();
        let fetches = world.open().await;
        fetches.set_online(false);
        let registration = start(&fetches, "id", vec![get("/a")]).await;
        assert_settles(&world, &fetches, &registration).await;
        assert!(world.server.log().is_empty());
    });
}

#[test]
fn while_permission_is_asked() {
    run(async {
        let mut world = World::in_memory();
        world.permission = PermissionState::Prompt;
        let fetches = world.open().await;
        let registration = start(&fetches, "id", vec![post("/a", Body::from_bytes("x"))]).await;
        assert!(registration.snapshot().paused);
        still(fetches.idle()).await;
        assert_settles(&world, &fetches, &registration).await;
        assert!(world.server.log().is_empty());
    });
}

#[test]
fn a_granted_prompt_goes_on() {
    run(async {
        let mut world = World::in_memory();
        world.permission = PermissionState::Prompt;
        world.server.put("/a", Resource::new(10));
        let fetches = world.open().await;
        let registration = start(&fetches, "id", vec![get("/a")]).await;
        still(fetches.idle()).await;
        assert!(world.server.log().is_empty());
        registration.resume();
        still(fetches.idle()).await;
        assert_eq!(registration.snapshot().result, BackgroundFetchResult::Success);
    });
}

#[test]
fn between_two_attempts() {
    run(async {
        let world = World::in_memory();
        world.server.will("/a", [Step::Fail(timeout())]);
        let fetches = world.open().await;
        let registration = start(&fetches, "id", vec![get("/a")]).await;
        still(world.server.saw(1)).await;
        support::breathe().await;
        assert_settles(&world, &fetches, &registration).await;
        assert_eq!(world.server.log().len(), 1);
    });
}

#[test]
fn while_a_body_is_sent() {
    run(async {
        let world = World::in_memory();
        world.server.will("/a", [Step::Hang]);
        let fetches = world.open().await;
        let registration = start(&fetches, "id", vec![post("/a", Body::from_bytes("x"))]).await;
        still(world.server.saw(1)).await;
        assert_settles(&world, &fetches, &registration).await;
    });
}

#[test]
fn after_it_settled_it_is_too_late() {
    run(async {
        let world = World::in_memory();
        world.server.put("/a", Resource::new(10));
        let fetches = world.open().await;
        let registration = start(&fetches, "id", vec![get("/a")]).await;
        still(fetches.idle()).await;
        assert!(!still(registration.abort()).await);
        assert_eq!(registration.snapshot().result, BackgroundFetchResult::Success);
    });
}
