//! Many records at once: time and memory grow with their number, not with its square.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use futures::{StreamExt, stream};
use longhaul_background_fetch::EventKind;
use longhaul_fetch::{Body, BodyError};

use support::{Resource, World, drive, get, key, options, post, run};

const RECORDS: usize = 10_000;

#[test]
fn ten_thousand_records_in_one_background_fetch() {
    run(async {
        let world = World::in_memory();
        world.server.put("/a", Resource::new(10));
        let fetches = world.open().await;
        let requests = (0..RECORDS).map(|n| get(&format!("/a?{n}"))).collect();
        let call = fetches.fetch(key(), "id".into(), requests, options());
        drive(call).await.unwrap();
        drive(fetches.idle()).await;
        let had = world.workers.had();
        assert_eq!((had.len(), had[0].kind), (1, EventKind::Success));
        assert_eq!(had[0].state.downloaded, 10 * RECORDS as u64);
        assert_eq!(had[0].records.iter().filter(|record| record.is_ok()).count(), RECORDS);
        world.assert_nothing_is_kept();
    });
}

#[test]
fn ten_thousand_records_are_taken_up_after_a_restart() {
    let world = World::on_disk();
    world.server.put("/a", Resource::new(10));
    run(async {
        let fetches = world.open().await;
        fetches.set_online(false);
        for id in 0..100 {
            let requests = (0..RECORDS / 100).map(|n| get(&format!("/a?{id}-{n}"))).collect();
            drive(fetches.fetch(key(), id.to_string(), requests, options())).await.unwrap();
        }
        drive(fetches.shutdown()).await;
    });
    world.forget_profile();
    run(async {
        let mut world = world;
        world.connectivity = longhaul_background_fetch::Connectivity::Offline;
        let fetches = world.open().await;
        assert_eq!(fetches.get_ids(&key()).len(), 100);
        let registrations = fetches.registrations();
        assert_eq!(registrations.iter().map(|one| one.records().len()).sum::<usize>(), RECORDS);
    });
}

#[test]
fn a_thousand_bodies_are_not_open_all_at_once() {
    run(async {
        let world = World::in_memory();
        world.server.put("/a", Resource::new(10));
        let fetches = world.open().await;
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let body = |_| {
            let (now, most) = (now.clone(), most.clone());
            let chunks = stream::iter(0..3).then(move |n| {
                let (now, most) = (now.clone(), most.clone());
                async move {
                    match n {
                        0 => {
                            let open = now.fetch_add(1, Ordering::SeqCst) + 1;
                            most.fetch_max(open, Ordering::SeqCst);
                        }
                        1 => tokio::task::yield_now().await,
                        _ => {
                            now.fetch_sub(1, Ordering::SeqCst);
                        }
                    }
                    Ok::<_, BodyError>(Bytes::from_static(b"x"))
                }
            });
            post("/a", Body::from_stream(chunks.boxed(), None, None))
        };
        let requests = (0..1_000).map(body).collect();
        fetches.set_online(false);
        let registration = drive(fetches.fetch(key(), "id".into(), requests, options())).await.unwrap();
        assert_eq!(registration.snapshot().upload_total, 3_000);
        let most = most.load(Ordering::SeqCst);
        assert!((2..=256).contains(&most), "{most} files at the same time");
    });
}
