//! Everything at once on several threads: whatever the order, each background fetch settles once and leaves nothing.

mod support;

use std::time::Duration;

use futures::{FutureExt, StreamExt};
use longhaul_background_fetch::scheduler::{Policy, SplitMix64};
use longhaul_background_fetch::{BackgroundFetchResult, DisplayEvent, EventKind};

use support::{Resource, Step, World, get, key, options};

#[test]
fn users_pages_and_networks_interfere() {
    let mut world = World::on_disk();
    let mut policy = Policy::default();
    policy.retry.first_pause = Duration::from_millis(1);
    world.config = world.config.with_policy(policy);
    let mut random = SplitMix64::new(42);
    let files: Vec<_> =
        (0..5).map(|n| world.server.put(&format!("/{n}"), Resource::new(20_000 + n))).collect();
    for n in 0..5 {
        let path = format!("/{n}");
        world.server.will(&path, (0..40).map(|_| Step::Cut((random.next_u64() % 20_000) as usize)));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap();
    let (mut events, aborted) = runtime.block_on(async {
        let fetches = world.open().await;
        let events = fetches.observe_all();
        let mut users = Vec::new();
        for n in 0..60u64 {
            let mut random = SplitMix64::new(n);
            let fetches = fetches.clone();
            users.push(tokio::spawn(async move {
                let requests = (0..5).map(|n| get(&format!("/{n}"))).collect();
                let id = format!("id-{n}");
                let registration = fetches.fetch(key(), id, requests, options()).await.unwrap();
                let mut states = registration.observe();
                for _ in 0..random.next_u64() % 12 {
                    match random.next_u64() % 8 {
                        0 | 1 => registration.pause(),
                        2 | 3 => registration.resume(),
                        4 => fetches.set_online(random.next_u64().is_multiple_of(2)),
                        5 if n % 3 == 0 => return u64::from(registration.abort().await),
                        6 => registration.click(),
                        _ => {
                            let _ = registration.records()[0].response_ready().now_or_never();
                        }
                    }
                    tokio::task::yield_now().await;
                }
                fetches.set_online(true);
                registration.resume();
                let mut last = registration.snapshot();
                while let Some(state) = states.next().await {
                    assert_eq!(
                        last.result,
                        BackgroundFetchResult::None,
                        "something follows the settling update"
                    );
                    // Another user may have paused the network, and nobody this one.
                    fetches.set_online(true);
                    last = state;
                }
                0
            }));
        }
        let mut aborted = 0;
        for user in users {
            aborted += user.await.unwrap();
        }
        fetches.set_online(true);
        fetches.idle().await;
        world.assert_nothing_is_kept();
        fetches.shutdown().await;
        (events.collect::<Vec<_>>().await, aborted)
    });
    let had: Vec<_> = world.workers.had().into_iter().filter(|had| had.kind != EventKind::Click).collect();
    assert_eq!(had.len(), 60);
    assert_eq!(had.iter().filter(|had| had.kind == EventKind::Abort).count() as u64, aborted);
    for had in had.iter().filter(|had| had.kind == EventKind::Success) {
        for (record, file) in had.records.iter().zip(&files) {
            assert_eq!(record.as_ref(), Ok(&(200, file.clone())));
        }
    }
    // For each of them the display has one beginning, one result and one end, in that order.
    events.retain(|event| {
        matches!(event, DisplayEvent::Registered(_) | DisplayEvent::Settled(_) | DisplayEvent::Removed(_))
    });
    for n in 0..60 {
        let id = format!("id-{n}");
        let of_it: Vec<_> = events.iter().filter(|event| event.registration().id() == id).collect();
        assert!(
            matches!(
                of_it[..],
                [DisplayEvent::Registered(_), DisplayEvent::Settled(_), DisplayEvent::Removed(_)]
            ),
            "{of_it:?}"
        );
    }
    drop(runtime);
}
