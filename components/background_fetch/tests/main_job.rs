//! What a page and its worker see when nothing goes wrong, and what `fetch()` rejects.

mod support;

use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use futures::{FutureExt, StreamExt, stream};
use longhaul_background_fetch::{
    BackgroundFetchOptions, BackgroundFetchResult, BadStatusBody, DisplayEvent, EventKind, FailureReason,
    FetchError, FetchErrorClass, ImageResource, Lookup, PermissionState, RecordError, RegistrationKey,
};
use longhaul_fetch::cache_query::CacheQueryOptions;
use longhaul_fetch::{Body, BodyError, Mode};

use support::{
    After, Resource, SITE, Step, World, chunked, declared, drive, get, key, options, post, read, response,
    run, start, still, until,
};

#[test]
fn two_files_come_down_and_the_worker_has_them() {
    run(async {
        for world in [World::in_memory(), World::on_disk()] {
            let episode = world.server.put("/ep-5.mp3", Resource::new(200_000));
            let artwork = world.server.put("/ep-5.jpg", Resource::new(3_000));
            let fetches = world.open().await;
            let icons = vec![ImageResource { src: "/icon.png".into(), ..ImageResource::default() }];
            let options =
                BackgroundFetchOptions { title: "Episode 5".into(), icons, download_total: 203_000 };
            let requests = vec![get("/ep-5.mp3"), get("/ep-5.jpg")];
            let registration =
                still(fetches.fetch(key(), "my-fetch".into(), requests, options)).await.unwrap();
            assert_eq!(fetches.get_ids(&key()), ["my-fetch"]);
            assert_eq!(fetches.get(&key(), "my-fetch"), Some(registration.clone()));
            assert_eq!(fetches.get(&key(), "another"), None);
            drive(fetches.idle()).await;

            let had = world.workers.had();
            assert_eq!(had.len(), 1);
            assert_eq!((had[0].kind, had[0].id.as_str()), (EventKind::Success, "my-fetch"));
            assert_eq!(had[0].records, [Ok((200, episode)), Ok((200, artwork))]);
            assert_eq!(had[0].state.result, BackgroundFetchResult::Success);
            assert_eq!(had[0].state.origin, SITE);
            assert!(had[0].state.records_available);
            // Exactly what was declared is fine.
            assert_eq!((had[0].state.downloaded, had[0].state.download_total), (203_000, 203_000));
            assert!(world.server.log().iter().all(|asked| asked.identity), "no content coding was asked for");

            let state = registration.snapshot();
            assert!(!state.records_available && registration.records().is_empty());
            assert_eq!((state.result, state.downloaded), (BackgroundFetchResult::Success, 203_000));
            assert!(fetches.list().is_empty() && fetches.get_ids(&key()).is_empty());
            world.assert_nothing_is_kept();
            fetches.shutdown().await;
        }
    });
}

#[test]
fn what_fetch_rejects() {
    run(async {
        let mut world = World::in_memory();
        world.server.put("/a", Resource::new(10));
        world.server.will("/a", [Step::Hang]);
        let fetches = world.open().await;
        let fetch = |requests| fetches.fetch(key(), "id".to_owned(), requests, options());
        let error = fetch(vec![]).await.unwrap_err();
        assert!(matches!(error, FetchError::NoRequests) && error.class() == FetchErrorClass::Type);
        let mut no_cors = get("/a");
        no_cors.mode = Mode::NoCors;
        assert!(matches!(fetch(vec![get("/a"), no_cors]).await, Err(FetchError::NoCors)));
        world.workers.gone.store(true, Ordering::SeqCst);
        assert!(matches!(fetch(vec![get("/a")]).await, Err(FetchError::NoActiveWorker)));
        world.workers.gone.store(false, Ordering::SeqCst);
        still(fetch(vec![get("/a")])).await.unwrap();
        let error = fetch(vec![get("/a")]).await.unwrap_err();
        assert!(matches!(error, FetchError::DuplicateId) && error.class() == FetchErrorClass::Type);
        assert_eq!(fetches.list().len(), 1);
        fetches.shutdown().await;
        let error = fetch(vec![get("/a")]).await.unwrap_err();
        assert_eq!(error.class(), FetchErrorClass::Abort);

        world.permission = PermissionState::Denied;
        let fetches = world.open().await;
        let error = fetches.fetch(key(), "id".into(), vec![get("/a")], options()).await.unwrap_err();
        assert!(
            matches!(error, FetchError::PermissionDenied) && error.class() == FetchErrorClass::NotAllowed
        );
    });
}

#[test]
fn an_id_is_free_again_while_the_event_is_owed() {
    run(async {
        let world = World::in_memory();
        world.server.put("/a", Resource::new(10));
        world.workers.will([None]);
        let fetches = world.open().await;
        let first = start(&fetches, "id", vec![get("/a")]).await;
        still(world.workers.had_events(1)).await;
        world.server.will("/a", [Step::Hang]);
        world.server.will("/b", [Step::Hang]);
        let second = start(&fetches, "id", vec![get("/a")]).await;
        assert_ne!(first.unique_key(), second.unique_key());
        assert_eq!(fetches.get(&key(), "id"), Some(second.clone()));
        assert_eq!(fetches.find(&second.unique_key().to_string()).unwrap(), second);
        let third = start(&fetches, &second.unique_key().to_string(), vec![get("/b")]).await;
        let Err(Lookup::Ambiguous(_)) = fetches.find(third.id()) else { panic!("a key and an id") };
        assert_eq!(fetches.find(&format!("#{}", second.unique_key())).unwrap(), second);
        let Err(Lookup::Ambiguous(candidates)) = fetches.find("id") else { panic!("two have this id") };
        assert_eq!(candidates.len(), 2);
        assert!(matches!(fetches.find("other"), Err(Lookup::Unknown)));
    });
}

#[test]
fn bodies_are_stored_sent_and_counted() {
    run(async {
        let world = World::on_disk();
        let fetches = world.open().await;
        world.server.put("/answer", Resource::new(5));
        let body = Resource::new(150_000).bytes;
        let requests = vec![
            post("/answer", chunked(body.clone(), 999, After::End)),
            get("/answer"),
            post("/answer", Body::from_bytes("x")),
        ];
        let registration = start(&fetches, "up", requests).await;
        assert_eq!(registration.snapshot().upload_total, 150_001);
        assert!(!registration.snapshot().pausable);
        registration.pause();
        assert!(!registration.snapshot().paused, "a POST cannot be paused");
        let again = registration.records()[0].request().body.unwrap().read_all(None).await.unwrap();
        assert_eq!(again, body);
        drive(fetches.idle()).await;
        let state = registration.snapshot();
        assert_eq!((state.uploaded, state.downloaded), (150_001, 15));
        assert_eq!(state.result, BackgroundFetchResult::Success);
        let log = world.server.log();
        assert!(log.iter().any(|asked| asked.method == "POST" && asked.body == body));
        world.assert_nothing_is_kept();
    });
}

#[test]
fn a_failing_body_rejects_and_an_endless_one_blocks_nobody() {
    run(async {
        let world = World::on_disk();
        world.server.put("/a", Resource::new(10));
        let fetches = world.open().await;
        let failing =
            stream::iter([Ok(Bytes::from_static(b"abc")), Err(BodyError::Source("torn".into()))]).boxed();
        let requests =
            vec![post("/a", Body::from_bytes("fine")), post("/a", Body::from_stream(failing, None, None))];
        let error = still(fetches.fetch(key(), "id".into(), requests, options())).await.unwrap_err();
        assert!(matches!(error, FetchError::RequestBody { position: 1, .. }), "{error}");
        assert_eq!(error.class(), FetchErrorClass::Type);
        drive(fetches.idle()).await;
        world.assert_nothing_is_kept();

        let endless = stream::repeat_with(|| Ok(Bytes::from_static(b"more"))).then(|chunk| async {
            support::breathe().await;
            chunk
        });
        let endless = post("/a", Body::from_stream(endless.boxed(), None, None));
        let task = tokio::spawn({
            let fetches = fetches.clone();
            async move { fetches.fetch(key(), "endless".into(), vec![endless], options()).await.map(|_| ()) }
        });
        until(|| world.profile().quota().usage(SITE) > 0).await;
        // Another id goes ahead; the same one waits.
        start(&fetches, "other", vec![get("/a")]).await;
        still(world.workers.had_events(1)).await;
        let mut same = fetches.fetch(key(), "endless".into(), vec![get("/a")], options()).boxed();
        assert!((&mut same).now_or_never().is_none());
        // Aborted, it leaves nothing, and the one that waited has its turn.
        task.abort();
        still(same).await.unwrap();
        drive(fetches.idle()).await;
        assert_eq!(world.server.log().len(), 2);
        world.assert_nothing_is_kept();
    });
}

#[test]
fn updates_are_coalesced_and_end_with_the_settling_one_before_the_event() {
    run(async {
        let world = World::in_memory();
        world.server.put("/a", Resource { chunk: 100, ..Resource::new(100_000) });
        let fetches = world.open().await;
        let registration = start(&fetches, "id", vec![get("/a")]).await;
        let mut states = registration.observe();
        let mut seen = Vec::new();
        while let Some(state) = still(states.next()).await {
            if state.result != BackgroundFetchResult::None {
                assert!(world.workers.had().is_empty(), "the event waits until the update was passed on");
            }
            seen.push(state);
        }
        // A thousand chunks came and no time passed.
        assert!(seen.len() <= 2, "{} updates in no time", seen.len());
        let last = seen.last().unwrap();
        assert_eq!((last.downloaded, last.result), (100_000, BackgroundFetchResult::Success));
        still(fetches.idle()).await;
        assert_eq!(world.workers.had().len(), 1);
        assert!(
            still(registration.observe().next()).await.is_none(),
            "nothing comes from one that has settled"
        );
    });
}

#[test]
fn whoever_began_it_hears_of_all_that_came_of_it_however_late_he_listens() {
    run(async {
        let world = World::in_memory();
        world.server.put("/a", Resource::new(1000));
        let fetches = world.open().await;
        let registration = start(&fetches, "id", vec![get("/a")]).await;
        still(fetches.idle()).await;
        let (first, mut states) = registration.observe_from_the_start();
        assert_eq!((first.downloaded, first.result), (0, BackgroundFetchResult::None));
        assert!(first.records_available);
        let last = still(states.next()).await.unwrap();
        assert_eq!((last.downloaded, last.result), (1000, BackgroundFetchResult::Success));
        assert!(still(states.next()).await.is_none(), "nothing follows the settling update");
    });
}

#[test]
fn an_observer_that_sleeps_does_not_hold_the_event_for_ever() {
    run(async {
        let world = World::in_memory();
        world.server.put("/a", Resource::new(10));
        let fetches = world.open().await;
        let registration = start(&fetches, "id", vec![get("/a")]).await;
        let _never_polled = registration.observe();
        drive(fetches.idle()).await;
        assert_eq!(world.workers.had().len(), 1);
    });
}

#[test]
fn displays_are_told_everything_in_order() {
    run(async {
        let world = World::in_memory();
        world.server.put("/a", Resource::new(10_000));
        world.server.will("/a", [Step::Stall(5_000)]);
        let fetches = world.open().await;
        let events = fetches.observe_all();
        let registration = start(&fetches, "id", vec![get("/a")]).await;
        until(|| registration.snapshot().downloaded == 5_000).await;
        registration.pause();
        registration.click();
        still(world.workers.had_events(1)).await;
        registration.resume();
        drive(fetches.idle()).await;
        fetches.shutdown().await;
        let names = events.map(|event| match event {
            DisplayEvent::Registered(_) => "registered",
            DisplayEvent::Progress(_) => "progress",
            DisplayEvent::Paused(_) => "paused",
            DisplayEvent::Resumed(_) => "resumed",
            DisplayEvent::Settled(_) => "settled",
            DisplayEvent::WorkerEvent { kind, .. } => kind.event_name(),
            DisplayEvent::Removed(_) => "removed",
            _ => "other",
        });
        let mut names: Vec<&str> = names.collect().await;
        names.retain(|name| *name != "progress");
        let expected = ["registered", "paused", "backgroundfetchclick", "resumed", "settled"];
        assert_eq!(names[..5], expected);
        assert_eq!(names[5..], ["backgroundfetchsuccess", "removed"]);
    });
}

#[test]
fn records_are_found_and_the_display_is_updated() {
    run(async {
        let world = World::in_memory();
        for path in ["/a", "/b"] {
            world.server.put(path, Resource::new(10));
        }
        world.server.will("/b", [Step::Hang]);
        let fetches = world.open().await;
        let registration = start(&fetches, "id", vec![get("/a?x"), get("/b"), get("/a")]).await;
        let found = |path: &str, options: CacheQueryOptions| {
            let records = registration.match_all(Some(&get(path)), &options);
            records.iter().map(|record| record.position()).collect::<Vec<_>>()
        };
        let exact = CacheQueryOptions::default();
        let ignore_search = CacheQueryOptions { ignore_search: true, ..exact };
        assert_eq!(found("/a", exact), [2]);
        assert_eq!(found("/a", ignore_search), [0, 2]);
        assert_eq!(found("/c", exact), [] as [usize; 0]);
        assert_eq!(registration.records().len(), 3);
        let icons = vec![ImageResource { src: "new.png".into(), ..ImageResource::default() }];
        still(registration.update_ui(Some("New".into()), None)).await;
        still(registration.update_ui(None, Some(icons.clone()))).await;
        let state = registration.snapshot();
        assert_eq!((state.title.as_str(), state.icons), ("New", icons));
    });
}

#[test]
fn a_bad_status_has_an_empty_body_unless_it_is_kept() {
    run(async {
        for (policy, text) in [(BadStatusBody::Empty, ""), (BadStatusBody::Keep, "no such thing")] {
            let mut world = World::in_memory();
            world.config = world.config.with_bad_status_body(policy);
            let fetches = world.open().await;
            let registration = start(&fetches, "id", vec![get("/missing")]).await;
            drive(fetches.idle()).await;
            let had = world.workers.had();
            assert_eq!(had[0].kind, EventKind::Fail);
            assert_eq!(had[0].records, [Ok((404, Bytes::from(text)))]);
            assert_eq!(had[0].state.failure_reason, FailureReason::BadStatus);
            assert_eq!(registration.snapshot().downloaded, text.len() as u64);
            assert_eq!(world.server.log().len(), 1);
            world.assert_nothing_is_kept();
        }
    });
}

#[test]
fn the_first_failed_record_in_request_order_gives_the_reason() {
    run(async {
        let world = World::in_memory();
        world.server.put("/a", Resource::new(10));
        world.server.will("/late", [Step::Fail(support::timeout())]);
        world.server.will("/cors", [Step::Fail(longhaul_fetch::NetworkError::CorsMissingAllowOrigin)]);
        let fetches = world.open().await;
        let requests = vec![get("/a"), get("/late"), get("/cors"), get("/a?2")];
        let registration = start(&fetches, "id", requests).await;
        drive(fetches.idle()).await;
        // The CORS failure came first, and everything else went on.
        assert_eq!(registration.snapshot().failure_reason, FailureReason::BadStatus);
        let had = world.workers.had();
        assert_eq!(had[0].records[2], Err(RecordError::Failed(FailureReason::FetchError)));
        assert!(had[0].records[0].is_ok() && had[0].records[3].is_ok());
        // Nothing of the CORS failure is counted.
        assert_eq!(had[0].state.downloaded, 20);
    });
}

#[test]
fn a_response_can_be_read_while_it_comes() {
    run(async {
        let world = World::on_disk();
        let bytes = world.server.put("/a", Resource::new(10_000));
        world.server.will("/a", [Step::Stall(4_000)]);
        let fetches = world.open().await;
        let registration = start(&fetches, "id", vec![get("/a")]).await;
        let record = registration.records().remove(0);
        // The headers are there, the body follows; a pause and a resumption in between are not seen.
        let response = still(record.response_ready()).await.unwrap();
        let mut body = response.body.unwrap().into_stream();
        let mut got = Vec::new();
        while got.len() < 4_000 {
            got.extend_from_slice(&still(body.next()).await.unwrap().unwrap());
        }
        assert_eq!(got, bytes[..4_000]);
        registration.pause();
        registration.resume();
        while let Some(chunk) = still(body.next()).await {
            got.extend_from_slice(&chunk.unwrap());
        }
        assert_eq!(got, bytes);
        assert_eq!(world.server.log()[1].resumption, Some((4_000, None, "\"v1\"".into())));
        still(fetches.idle()).await;
    });
}

#[test]
fn readers_of_a_replaced_body_get_an_error_and_later_ones_the_new_body() {
    run(async {
        let world = World::in_memory();
        world.server.put("/a", Resource::new(10_000));
        world.server.will("/a", [Step::Stall(4_000)]);
        let fetches = world.open().await;
        let registration = start(&fetches, "id", vec![get("/a")]).await;
        let record = registration.records().remove(0);
        let response = still(record.response_ready()).await.unwrap();
        until(|| registration.snapshot().downloaded == 4_000).await;
        let new = world.server.put("/a", Resource::new(7_000).with_headers(&[("ETag", "\"v2\"")]));
        registration.pause();
        world.workers.will([None]);
        registration.resume();
        still(world.workers.had_events(1)).await;
        let error = still(response.body.unwrap().read_all(None)).await.unwrap_err();
        assert!(matches!(error, BodyError::Source(_)), "{error:?}");
        assert_eq!(still(read(&record)).await, Ok((200, new)));
        assert_eq!(registration.snapshot().downloaded, 7_000, "no byte counts twice");
    });
}

#[test]
fn an_open_reader_keeps_its_file() {
    run(async {
        let world = World::on_disk();
        let bytes = world.server.put("/a", Resource::new(300_000));
        let fetches = world.open().await;
        let registration = start(&fetches, "id", vec![get("/a")]).await;
        let response = still(registration.records()[0].response_ready()).await.unwrap();
        still(fetches.idle()).await;
        assert!(!registration.snapshot().records_available);
        assert_eq!(still(response.body.unwrap().read_all(None)).await.unwrap(), bytes);
    });
}

#[test]
fn an_unregistered_worker_and_a_cleared_storage_key_leave_nothing() {
    run(async {
        let world = World::on_disk();
        world.server.put("/a", Resource::new(10_000));
        let fetches = world.open().await;
        let other = RegistrationKey { storage_key: SITE.into(), scope: format!("{SITE}/other/") };
        for clear in [false, true] {
            world.server.will("/a", [Step::Stall(5_000), Step::Stall(5_000)]);
            let gone =
                still(fetches.fetch(key(), "id".into(), vec![get("/a")], declared(10_000))).await.unwrap();
            let kept =
                still(fetches.fetch(other.clone(), "id".into(), vec![get("/a")], options())).await.unwrap();
            until(|| gone.snapshot().downloaded + kept.snapshot().downloaded == 10_000).await;
            let response = still(gone.records()[0].response_ready()).await.unwrap();
            if clear {
                fetches.clear_storage_key(SITE)
            } else {
                fetches.unregistered(&key())
            }
            assert!(fetches.get(&key(), "id").is_none());
            let error = still(response.body.unwrap().read_all(None)).await.unwrap_err();
            assert_eq!(error, BodyError::Aborted);
            assert_eq!(fetches.get(&other, "id").is_some(), !clear);
            if !clear {
                assert!(still(kept.abort()).await);
            }
            still(fetches.idle()).await;
            world.assert_nothing_is_kept();
        }
        assert_eq!(world.workers.had().len(), 1, "only the abort of the other one has an event");
    });
}

#[test]
fn many_background_fetches_at_once() {
    run(async {
        let world = World::in_memory();
        world.server.put("/a", Resource::new(2_000));
        let fetches = world.open().await;
        for n in 0..150 {
            let key = RegistrationKey {
                storage_key: format!("https://{}.example", n % 10),
                scope: format!("https://{}.example/", n % 10),
            };
            let requests = (0..4).map(|m| get(&format!("/a?{m}"))).collect();
            still(fetches.fetch(key, format!("id-{n}"), requests, options())).await.unwrap();
        }
        drive(fetches.idle()).await;
        let had = world.workers.had();
        assert_eq!(had.len(), 150);
        assert!(had.iter().all(|had| had.kind == EventKind::Success && had.state.downloaded == 8_000));
        world.assert_nothing_is_kept();
    });
}

#[test]
fn a_reply_of_the_authors_own_range_is_accepted_and_resumed_inside_it() {
    run(async {
        let world = World::on_disk();
        let bytes = world.server.put("/a", Resource::new(10_000));
        world.server.will("/a", [Step::Cut(1_500)]);
        let fetches = world.open().await;
        let mut request = get("/a");
        request.header_list.append("Range", "bytes=2000-5999");
        start(&fetches, "id", vec![request]).await;
        drive(fetches.idle()).await;
        let had = world.workers.had();
        assert_eq!(had[0].records, [Ok((206, bytes.slice(2_000..6_000)))]);
        assert_eq!(world.server.log()[1].resumption, Some((3_500, Some(5_999), "\"v1\"".into())));
    });
}

#[test]
fn a_response_without_a_body_is_a_success() {
    run(async {
        let world = World::in_memory();
        world.server.will(
            "/a",
            [Step::Say(Box::new(|asked| {
                let mut answer = response(&asked.url, 204, &[], Bytes::new());
                answer.body = None;
                answer
            }))],
        );
        let fetches = world.open().await;
        start(&fetches, "id", vec![get("/a")]).await;
        drive(fetches.idle()).await;
        assert_eq!(world.workers.had()[0].records, [Ok((204, Bytes::new()))]);
        assert!(world.profile().quota().usage(SITE) == 0);
        tokio::time::advance(Duration::from_secs(1)).await;
    });
}
