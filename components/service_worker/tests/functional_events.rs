//! Events, and the agents that come and go for them.

mod support;

use std::sync::atomic::Ordering;
use std::time::Duration;

use longhaul_service_worker::{Config, DispatchOutcome, FunctionalEvent, WorkerState};
use longhaul_storage::Location;
use support::{ORIGIN, World};

/// Stops the time that timers see, once nothing is waiting for the disk any more.
async fn stop_the_time(world: &World) {
    world.workers.idle().await;
    tokio::time::pause();
}

fn starts(world: &World) -> usize {
    world.host.starts.load(Ordering::Relaxed)
}

#[tokio::test]
async fn the_outcome_is_what_became_of_the_event() {
    let world = World::new().await;
    let registration = world.activated("/sw.js", "a reject why\nb throw\nc crash").await;
    assert_eq!(world.fire(&registration, "a").await, DispatchOutcome::Rejected("why".to_owned()));
    assert_eq!(world.fire(&registration, "b").await, DispatchOutcome::Delivered);
    assert_eq!(world.fire(&registration, "c").await, DispatchOutcome::Crashed("dead".to_owned()));
    // The next event starts the worker again.
    assert_eq!(starts(&world), 1);
    assert_eq!(world.fire(&registration, "d").await, DispatchOutcome::Delivered);
    assert_eq!(starts(&world), 2);
    assert!(world.workers.has_active_worker(ORIGIN, registration.scope().as_str()));
}

#[tokio::test]
async fn without_a_worker_there_is_nobody_to_tell() {
    let world = World::new().await;
    let event = FunctionalEvent::bare("push");
    let outcome = world.workers.fire_functional_event(ORIGIN, "https://a.example/", event).await;
    assert_eq!(outcome, DispatchOutcome::NoWorker);
    assert!(!outcome.is_delivered());
    let registration = world.register("/sw.js", "install hang").await.unwrap();
    assert_eq!(world.fire(&registration, "push").await, DispatchOutcome::NoWorker);
    assert!(!world.workers.has_active_worker(ORIGIN, registration.scope().as_str()));
}

#[tokio::test]
async fn an_event_waits_for_the_activation() {
    let world = World::new().await;
    let registration = world.register("/sw.js", "activate gate").await.unwrap();
    world.host.logged("activate /sw.js").await;
    let event = world.fire(&registration, "push");
    let open = async {
        tokio::task::yield_now().await;
        assert_eq!(world.host.log().last().unwrap(), "activate /sw.js");
        world.host.open_gate("activate");
    };
    let (outcome, ()) = tokio::join!(event, open);
    assert_eq!(outcome, DispatchOutcome::Delivered);
    assert_eq!(world.host.log(), ["start /sw.js", "install /sw.js", "activate /sw.js", "push /sw.js"]);
}

#[tokio::test]
async fn an_idle_worker_is_terminated_and_started_again_by_an_event() {
    let world = World::new().await;
    let registration = world.activated("/sw.js", "").await;
    let worker = registration.active().unwrap();
    stop_the_time(&world).await;
    assert!(worker.is_running());
    tokio::time::advance(Duration::from_secs(29)).await;
    assert!(worker.is_running());
    tokio::time::advance(Duration::from_secs(2)).await;
    world.host.logged("terminate /sw.js").await;
    assert!(!worker.is_running());
    assert_eq!(worker.state(), WorkerState::Activated);
    assert_eq!(world.fire(&registration, "push").await, DispatchOutcome::Delivered);
    assert!(worker.is_running());
    assert_eq!(starts(&world), 2);
}

#[tokio::test]
async fn an_event_keeps_the_worker_alive_and_starts_its_idle_time_anew() {
    let world = World::new().await;
    let registration = world.activated("/sw.js", "push gate").await;
    let worker = registration.active().unwrap();
    stop_the_time(&world).await;
    let event = world.fire(&registration, "push");
    let time = async {
        world.host.logged("push /sw.js").await;
        tokio::time::advance(Duration::from_secs(100)).await;
        assert!(worker.is_running());
        world.host.open_gate("push");
    };
    let (outcome, ()) = tokio::join!(event, time);
    assert_eq!(outcome, DispatchOutcome::Delivered);
    tokio::time::advance(Duration::from_secs(29)).await;
    tokio::task::yield_now().await;
    assert!(worker.is_running());
    world.host.logged("terminate /sw.js").await;
    assert_eq!(starts(&world), 1);
}

#[tokio::test]
async fn an_event_that_never_ends_is_ended() {
    let world = World::new().await;
    let registration = world.activated("/sw.js", "push hang").await;
    stop_the_time(&world).await;
    // Time stands still but for what this waits for.
    let before = tokio::time::Instant::now();
    let outcome = world.fire(&registration, "push").await;
    assert_eq!(outcome, DispatchOutcome::TimedOut);
    assert!(outcome.is_delivered());
    assert!(before.elapsed() >= Duration::from_secs(300));
    assert!(!registration.active().unwrap().is_running());
    assert_eq!(world.fire(&registration, "other").await, DispatchOutcome::Delivered);
}

#[tokio::test]
async fn a_script_that_never_ends_is_ended() {
    let mut config = Config::default();
    config.start_limit = Duration::from_millis(1);
    let world = World::at(Location::Memory, config).await;
    let error = world.register("/sw.js", "start hang").await.unwrap_err();
    assert_eq!(error.to_string(), "the worker's script ran longer than the limit");
    assert!(world.workers.get_registrations(ORIGIN).is_empty());
}

#[tokio::test]
async fn many_events_at_once_start_one_agent() {
    let world = World::new().await;
    world.host.open_gate("start");
    let registration = world.activated("/sw.js", "start gate").await;
    world.host.crash_last();
    let fires = (0..20).map(|_| world.fire(&registration, "push"));
    let open = async {
        tokio::task::yield_now().await;
        world.host.open_gate("start");
    };
    let (outcomes, ()) = tokio::join!(futures::future::join_all(fires), open);
    assert!(outcomes.iter().all(|outcome| *outcome == DispatchOutcome::Delivered));
    assert_eq!(starts(&world), 2);
}

#[tokio::test]
async fn a_worker_that_dies_takes_its_events_along() {
    let world = World::new().await;
    let registration = world.activated("/sw.js", "push hang").await;
    let crash = async {
        world.host.logged("push /sw.js").await;
        world.host.crash_last();
    };
    let (outcome, ()) = tokio::join!(world.fire(&registration, "push"), crash);
    assert_eq!(outcome, DispatchOutcome::Crashed("dead".to_owned()));
    assert_eq!(world.fire(&registration, "other").await, DispatchOutcome::Delivered);
}

#[tokio::test]
async fn a_worker_that_cannot_start_is_no_delivery() {
    let world = World::new().await;
    // A script that hangs the second time is run for as long as the limit allows.
    world.host.open_gate("start");
    let registration = world.activated("/sw.js", "start gate").await;
    stop_the_time(&world).await;
    world.host.crash_last();
    let outcome = world.fire(&registration, "push").await;
    assert!(matches!(&outcome, DispatchOutcome::CouldNotStart(_)), "{outcome:?}");
    assert!(!outcome.is_delivered());
}

#[tokio::test]
async fn unregistering_waits_for_the_event_in_progress() {
    let world = World::new().await;
    let registration = world.activated("/sw.js", "push gate").await;
    let worker = registration.active().unwrap();
    let unregister = async {
        world.host.logged("push /sw.js").await;
        assert!(world.workers.unregister(ORIGIN, registration.scope().as_str()).await);
        assert_eq!(worker.state(), WorkerState::Activated);
        world.host.open_gate("push");
    };
    let (outcome, ()) = tokio::join!(world.fire(&registration, "push"), unregister);
    assert_eq!(outcome, DispatchOutcome::Delivered);
    assert_eq!(worker.state(), WorkerState::Redundant);
}

#[tokio::test]
async fn the_end_does_not_wait_for_events() {
    let world = World::new().await;
    let registration = world.activated("/sw.js", "push hang").await;
    let stop = async {
        world.host.logged("push /sw.js").await;
        world.workers.stop_all().await;
    };
    let (outcome, ()) = tokio::join!(world.fire(&registration, "push"), stop);
    assert!(!outcome.is_delivered(), "{outcome:?}");
}

#[tokio::test]
async fn an_event_nobody_waits_for_any_more_lets_go_of_the_worker() {
    let world = World::new().await;
    let registration = world.activated("/sw.js", "push hang").await;
    let worker = registration.active().unwrap();
    tokio::select! {
        _ = world.fire(&registration, "push") => panic!("it hangs"),
        () = world.host.logged("push /sw.js") => {}
    }
    world.workers.idle().await;
    stop_the_time(&world).await;
    tokio::time::advance(Duration::from_secs(31)).await;
    world.host.logged("terminate /sw.js").await;
    assert!(!worker.is_running());
}
