//! Servers that misbehave: each has a defined outcome, either an exact failure reason or a recovery to identical bytes.

mod support;

use std::time::Duration;

use bytes::Bytes;
use longhaul_background_fetch::{BackgroundFetchResult, EventKind, FailureReason, RecordError};
use longhaul_fetch::{Body, Request, Response};
use longhaul_fetch::{ConnectionFailure, NetworkError, ResponseType, TlsFailure};

use support::{
    After, Asked, Resource, Step, World, breathe, chunked, declared, drive, drive_by, get, key, options,
    post, refused, reset, response, run, start, still, timeout, until,
};

/// Fetches `/a` once and gives the result's reason, the bytes if there are any, and what the server saw.
async fn outcome(world: &World, request: Request) -> (FailureReason, Option<Bytes>, Vec<Asked>) {
    let fetches = world.open().await;
    let registration = start(&fetches, "id", vec![request]).await;
    drive_by(Duration::from_secs(20), fetches.idle()).await;
    let state = registration.snapshot();
    let had = world.workers.had();
    assert_eq!(had.len(), 1);
    let expected = match state.failure_reason {
        FailureReason::None => EventKind::Success,
        FailureReason::Aborted => EventKind::Abort,
        _ => EventKind::Fail,
    };
    assert_eq!(had[0].kind, expected);
    assert_eq!(state.result == BackgroundFetchResult::Success, expected == EventKind::Success);
    world.assert_nothing_is_kept();
    let bytes = had[0].records[0].as_ref().ok().map(|(_, bytes)| bytes.clone());
    if state.failure_reason == FailureReason::FetchError {
        assert_eq!(had[0].records[0], Err(RecordError::Failed(FailureReason::FetchError)));
    }
    (state.failure_reason, bytes, world.server.log())
}

fn say(answer: impl FnOnce(&Asked) -> Response + Send + 'static) -> Step {
    Step::Say(Box::new(answer))
}

#[test]
fn only_http_is_fetched() {
    for url in
        ["data:text/plain,foo", "blob:https://a.example/1", "about:blank", "file:///a", "foobar:bazqux"]
    {
        run(async {
            let world = World::in_memory();
            let mut request = get("/a");
            request.url_list = vec![url.parse().unwrap()];
            let (reason, _, log) = outcome(&world, request).await;
            assert_eq!(reason, FailureReason::FetchError, "{url}");
            assert!(log.is_empty(), "{url} is not even asked for");
        });
    }
}

#[test]
fn final_at_once() {
    let failure = |failure| NetworkError::Connection { failure, request_may_have_been_sent: true };
    for error in [
        NetworkError::CorsMissingAllowOrigin,
        NetworkError::Tls(TlsFailure::Expired),
        NetworkError::PortBlocked(6000),
        NetworkError::MixedContent("http://a.example/".into()),
        NetworkError::Csp { directive: "connect-src".into() },
        NetworkError::SchemeNotSupported("ftp".into()),
        NetworkError::RedirectLimit,
        failure(ConnectionFailure::Protocol("not HTTP".into())),
    ] {
        run(async {
            let world = World::in_memory();
            world.server.will("/a", [Step::Fail(error.clone())]);
            let (reason, _, log) = outcome(&world, get("/a")).await;
            assert_eq!((reason, log.len()), (FailureReason::FetchError, 1), "{error}");
        });
    }
}

#[test]
fn nobody_there_is_final_after_three_attempts() {
    run(async {
        let world = World::in_memory();
        world.server.will("/a", (0..9).map(|_| Step::Fail(refused())));
        let (reason, _, log) = outcome(&world, get("/a")).await;
        assert_eq!((reason, log.len()), (FailureReason::FetchError, 3));
    });
}

#[test]
fn what_may_pass_is_repeated() {
    for error in [
        reset(),
        timeout(),
        NetworkError::Connection {
            failure: ConnectionFailure::Unreachable,
            request_may_have_been_sent: false,
        },
        NetworkError::Connection {
            failure: ConnectionFailure::ResolverTryAgain,
            request_may_have_been_sent: false,
        },
    ] {
        run(async {
            let world = World::in_memory();
            let bytes = world.server.put("/a", Resource::new(500));
            world.server.will("/a", (0..9).map(|_| Step::Fail(error.clone())));
            let (reason, got, log) = outcome(&world, get("/a")).await;
            assert_eq!((reason, got, log.len()), (FailureReason::None, Some(bytes), 10), "{error}");
        });
    }
}

#[test]
fn resets_in_the_middle_are_resumed_where_they_fell() {
    run(async {
        let world = World::on_disk();
        let bytes = world.server.put("/a", Resource::new(10_000));
        world.server.will(
            "/a",
            [Step::Cut(3_333), Step::Cut(1), Step::Fail(refused()), Step::Cut(0), Step::Cut(4_000)],
        );
        let (reason, got, log) = outcome(&world, get("/a")).await;
        assert_eq!((reason, got), (FailureReason::None, Some(bytes)));
        let firsts: Vec<u64> = log.iter().map(|asked| asked.resumption.as_ref().map_or(0, |r| r.0)).collect();
        assert_eq!(firsts, [0, 3_333, 3_334, 3_334, 3_334, 7_334]);
        assert!(log[1..].iter().all(|asked| asked.resumption.as_ref().is_some_and(|r| r.2 == "\"v1\"")));
    });
}

#[test]
fn a_short_body_is_resumed() {
    // A server that lies in Content-Length: the network layer sees that bytes are missing.
    run(async {
        let world = World::on_disk();
        let bytes = world.server.put("/a", Resource::new(4_000));
        world.server.will(
            "/a",
            [say(|asked| {
                let mut answer = response(
                    &asked.url,
                    200,
                    &[("ETag", "\"v1\""), ("Content-Length", "4000")],
                    Bytes::new(),
                );
                let lie = longhaul_fetch::BodyError::Network(NetworkError::BodyTruncated {
                    expected: 4_000,
                    received: 10,
                });
                let first = Resource::new(4_000).bytes.slice(..10);
                let stream = futures::stream::iter([Ok(first), Err(lie)]);
                answer.body = Some(Body::from_stream(Box::pin(stream), None, None));
                answer
            })],
        );
        let (reason, got, log) = outcome(&world, get("/a")).await;
        assert_eq!((reason, got), (FailureReason::None, Some(bytes)));
        assert_eq!(log[1].resumption.as_ref().map(|r| r.0), Some(10));
    });
}

#[test]
fn without_a_strong_validator_a_record_starts_over() {
    let recent =
        [("Last-Modified", "Wed, 21 Oct 2015 07:28:00 GMT"), ("Date", "Wed, 21 Oct 2015 07:28:30 GMT")];
    let sound =
        [("Last-Modified", "Wed, 21 Oct 2015 07:28:00 GMT"), ("Date", "Wed, 21 Oct 2015 09:28:30 GMT")];
    let coded = [("ETag", "\"v1\""), ("Content-Encoding", "gzip")];
    let cases: [(&[(&str, &str)], bool); 5] =
        [(&[], false), (&[("ETag", "W/\"v1\"")], false), (&recent, false), (&sound, true), (&coded, false)];
    for (headers, resumed) in cases {
        run(async {
            let world = World::on_disk();
            let bytes = world.server.put("/a", Resource::new(5_000).with_headers(headers));
            world.server.will("/a", [Step::Cut(2_000)]);
            let (reason, got, log) = outcome(&world, get("/a")).await;
            assert_eq!((reason, got), (FailureReason::None, Some(bytes)), "{headers:?}");
            assert_eq!(log[1].resumption.is_some(), resumed, "{headers:?}");
            assert_eq!(world.workers.had()[0].state.downloaded, 5_000);
        });
    }
}

#[test]
fn a_changed_file_starts_over_and_no_byte_counts_twice() {
    run(async {
        let world = World::on_disk();
        world.server.put("/a", Resource::new(5_000));
        world.server.will("/a", [Step::Cut(2_000)]);
        let fetches = world.open().await;
        start(&fetches, "id", vec![get("/a")]).await;
        still(world.server.saw(1)).await;
        let new = world.server.put("/a", Resource::new(6_000).with_headers(&[("ETag", "\"v2\"")]));
        drive(fetches.idle()).await;
        let had = world.workers.had();
        assert_eq!(had[0].records, [Ok((200, new))]);
        assert_eq!(had[0].state.downloaded, 6_000);
        assert!(world.server.log()[1].resumption.is_some());
        world.assert_nothing_is_kept();
    });
}

/// The first answer is cut after 2000 of 5000 bytes; the second is `answer`.
async fn second(
    answer: impl FnOnce(&Asked) -> Response + Send + 'static,
) -> (FailureReason, Option<Bytes>, Vec<Asked>) {
    let world = World::on_disk();
    world.server.put("/a", Resource::new(5_000));
    world.server.will("/a", [Step::Cut(2_000), say(answer)]);
    outcome(&world, get("/a")).await
}

fn part(asked: &Asked, range: &str, etag: &str) -> Response {
    let bytes = Resource::new(5_000).bytes.slice(2_000..);
    response(&asked.url, 206, &[("Content-Range", range), ("ETag", etag)], bytes)
}

#[test]
fn partial_responses_that_do_not_fit() {
    let whole = || Some(Resource::new(5_000).bytes);
    run(async {
        // Another range, or none that makes sense: not what was asked for.
        for range in ["bytes 1000-4999/5000", "bytes=2000-4999/5000", "bytes 2000-4999/4000", "nonsense"] {
            let (reason, ..) = second(move |asked| part(asked, range, "\"v1\"")).await;
            assert_eq!(reason, FailureReason::FetchError, "{range}");
        }
        // It goes on, even with an unknown length: then the end is asked for once more and found.
        let (reason, got, log) = second(|asked| part(asked, "bytes 2000-4999/*", "\"v1\"")).await;
        assert_eq!((reason, got, log.len()), (FailureReason::None, whole(), 3));
        assert_eq!(log[2].resumption.as_ref().map(|r| r.0), Some(5_000));
        // Another version, another origin, another tainting, or an impossible 416: it starts over.
        let (reason, got, log) = second(|asked| part(asked, "bytes 2000-4999/5000", "\"v2\"")).await;
        assert_eq!((reason, got, log.len()), (FailureReason::None, whole(), 3));
        assert!(log[2].resumption.is_none());
        let (reason, got, log) = second(|asked| {
            let other = Asked { url: "https://other.example/a".parse().unwrap(), ..asked.clone() };
            part(&other, "bytes 2000-4999/5000", "\"v1\"")
        })
        .await;
        assert_eq!((reason, got), (FailureReason::None, whole()));
        assert!(log[2].resumption.is_none());
        let (reason, got, log) = second(|asked| {
            let basic = part(asked, "bytes 2000-4999/5000", "\"v1\"");
            basic.into_unfiltered().filtered(ResponseType::Cors)
        })
        .await;
        assert_eq!((reason, got), (FailureReason::None, whole()));
        assert!(log[2].resumption.is_none());
        let (reason, got, log) =
            second(|asked| response(&asked.url, 416, &[("Content-Range", "bytes */1000")], Bytes::new()))
                .await;
        assert_eq!((reason, got, log.len()), (FailureReason::None, whole(), 3));
        // A CORS failure of a later part is final like any other.
        let (reason, got, _) =
            second(|_| Response::network_error(NetworkError::CorsMissingAllowOrigin)).await;
        assert_eq!((reason, got), (FailureReason::FetchError, None));
        // Another status is the record's answer now.
        let (reason, got, _) =
            second(|asked| response(&asked.url, 410, &[], Bytes::from_static(b"gone"))).await;
        assert_eq!((reason, got), (FailureReason::BadStatus, Some(Bytes::new())));
    });
}

#[test]
fn a_partial_first_answer() {
    run(async {
        // Nobody asked for a part, and it is not the beginning.
        let world = World::in_memory();
        world.server.will("/a", [say(|asked| part(asked, "bytes 2000-4999/5000", "\"v1\""))]);
        assert_eq!(outcome(&world, get("/a")).await.0, FailureReason::FetchError);
        // The beginning is fine, and the rest is asked for at once.
        let world = World::in_memory();
        let bytes = world.server.put("/a", Resource::new(5_000));
        world.server.will(
            "/a",
            [say(|asked| {
                let bytes = Resource::new(5_000).bytes.slice(..1_000);
                response(&asked.url, 206, &[("Content-Range", "bytes 0-999/5000"), ("ETag", "\"v1\"")], bytes)
            })],
        );
        let (reason, got, log) = outcome(&world, get("/a")).await;
        assert_eq!((reason, got), (FailureReason::None, Some(bytes)));
        assert_eq!(log[1].resumption.as_ref().map(|r| r.0), Some(1_000));
        // More than its own Content-Range has room for.
        let world = World::in_memory();
        world.server.will(
            "/a",
            [say(|asked| {
                let bytes = Resource::new(5_000).bytes;
                response(&asked.url, 206, &[("Content-Range", "bytes 0-999/1000"), ("ETag", "\"v1\"")], bytes)
            })],
        );
        assert_eq!(outcome(&world, get("/a")).await.0, FailureReason::FetchError);
    });
}

#[test]
fn retry_after_is_kept() {
    run(async {
        let world = World::in_memory();
        let bytes = world.server.put("/a", Resource::new(100));
        let busy = |status, value: &'static str| {
            say(move |asked| response(&asked.url, status, &[("Retry-After", value)], Bytes::new()))
        };
        world.server.will("/a", [busy(503, "100"), busy(429, "50")]);
        let fetches = world.open().await;
        start(&fetches, "id", vec![get("/a")]).await;
        still(world.server.saw(1)).await;
        for (seconds, requests) in [(99, 1), (2, 2), (48, 2), (3, 3)] {
            for _ in 0..20 {
                breathe().await;
            }
            tokio::time::advance(Duration::from_secs(seconds)).await;
            still(world.server.saw(requests)).await;
            for _ in 0..20 {
                breathe().await;
            }
            assert_eq!(world.server.log().len(), requests);
        }
        still(fetches.idle()).await;
        assert_eq!(world.workers.had()[0].records, [Ok((200, bytes))]);
    });
    run(async {
        // Without it, and for a POST, it is an answer like any other.
        let world = World::in_memory();
        world.server.will("/a", [say(|asked| response(&asked.url, 503, &[], Bytes::new()))]);
        assert_eq!(outcome(&world, get("/a")).await.0, FailureReason::BadStatus);
        let world = World::in_memory();
        let later = |asked: &Asked| response(&asked.url, 503, &[("Retry-After", "1")], Bytes::new());
        world.server.will("/a", [say(later)]);
        let (reason, _, log) = outcome(&world, post("/a", Body::from_bytes("x"))).await;
        assert_eq!((reason, log.len()), (FailureReason::BadStatus, 1));
    });
}

#[test]
fn more_than_declared_ends_everything_at_once() {
    run(async {
        let world = World::on_disk();
        world.server.put("/small", Resource::new(1_000));
        world.server.put("/big", Resource::new(10_000));
        world.server.will("/hangs", [Step::Hang]);
        let fetches = world.open().await;
        let requests = vec![get("/small"), get("/big"), get("/hangs")];
        let registration = still(fetches.fetch(key(), "id".into(), requests, declared(5_500))).await.unwrap();
        still(fetches.idle()).await;
        let state = registration.snapshot();
        assert_eq!(state.failure_reason, FailureReason::DownloadTotalExceeded);
        assert!(state.downloaded <= 5_500, "at most what was declared was ever stored");
        let had = world.workers.had();
        assert_eq!(had[0].kind, EventKind::Fail);
        // Which of the two brought the byte too many is a race.
        let exceeded = Err(RecordError::Failed(FailureReason::DownloadTotalExceeded));
        assert_eq!(had[0].records[..2].iter().filter(|record| **record == exceeded).count(), 1);
        assert_eq!(had[0].records[2], Err(RecordError::Aborted));
        world.assert_nothing_is_kept();
    });
}

#[test]
fn a_server_that_never_answers_is_asked_again() {
    run(async {
        let mut world = World::in_memory();
        let mut policy = longhaul_background_fetch::scheduler::Policy::default();
        policy.retry.silence = Duration::from_secs(600);
        world.config = world.config.with_policy(policy);
        let bytes = world.server.put("/a", Resource::new(100));
        world.server.will("/a", [Step::Hang, Step::Stall(10)]);
        let (reason, got, log) = outcome(&world, get("/a")).await;
        assert_eq!((reason, got, log.len()), (FailureReason::None, Some(bytes), 3));
    });
}

#[test]
fn a_server_that_always_starts_over_is_given_up() {
    run(async {
        let world = World::in_memory();
        world.server.put("/a", Resource { ranges: false, ..Resource::new(5_000) });
        world.server.will("/a", (0..100_000).map(|_| Step::Cut(2_000)));
        let fetches = world.open().await;
        let registration = start(&fetches, "id", vec![get("/a")]).await;
        drive_by(Duration::from_secs(3600), fetches.idle()).await;
        assert_eq!(registration.snapshot().failure_reason, FailureReason::FetchError);
    });
}

#[test]
fn a_post_is_repeated_only_while_nothing_of_it_has_left() {
    run(async {
        let world = World::in_memory();
        let bytes = world.server.put("/a", Resource::new(100));
        world.server.will("/a", [Step::Fail(refused())]);
        let (reason, got, log) = outcome(&world, post("/a", Body::from_bytes("x"))).await;
        assert_eq!((reason, got, log.len()), (FailureReason::None, Some(bytes), 2));
        for step in [Step::Fail(reset()), Step::Cut(10)] {
            let world = World::in_memory();
            world.server.put("/a", Resource::new(100));
            world.server.will("/a", [step]);
            let (reason, _, log) = outcome(&world, post("/a", Body::from_bytes("x"))).await;
            assert_eq!((reason, log.len()), (FailureReason::FetchError, 1));
        }
    });
}

#[test]
fn a_post_waits_for_the_network() {
    run(async {
        let world = World::in_memory();
        world.server.put("/a", Resource::new(100));
        let fetches = world.open().await;
        fetches.set_online(false);
        let registration = start(&fetches, "id", vec![post("/a", Body::from_bytes("x")), get("/a")]).await;
        for _ in 0..20 {
            breathe().await;
        }
        assert!(world.server.log().is_empty());
        fetches.set_online(true);
        still(fetches.idle()).await;
        assert_eq!(registration.snapshot().result, BackgroundFetchResult::Success);
    });
}

#[test]
fn offline_in_the_middle_is_resumed() {
    run(async {
        let world = World::on_disk();
        let bytes = world.server.put("/a", Resource::new(5_000));
        world.server.will("/a", [Step::Stall(2_500)]);
        let fetches = world.open().await;
        let registration = start(&fetches, "id", vec![get("/a")]).await;
        until(|| registration.snapshot().downloaded == 2_500).await;
        fetches.set_online(false);
        assert!(!registration.snapshot().paused, "offline is not the user's pause");
        fetches.set_online(true);
        still(fetches.idle()).await;
        assert_eq!(world.workers.had()[0].records, [Ok((200, bytes))]);
        assert_eq!(world.server.log()[1].resumption.as_ref().map(|r| r.0), Some(2_500));
    });
}

#[test]
fn the_quota_is_reserved_and_enforced() {
    run(async {
        let world = World::on_disk();
        // In one piece, which does not fit as a whole, so that there is room for the other one whichever comes first.
        world.server.put("/a", Resource { chunk: 10_000, ..Resource::new(10_000) });
        world.server.put("/b", Resource::new(100));
        let fetches = world.open().await;
        let quota = world.profile().quota().clone();
        quota.set_limit(support::SITE, Some(5_000));
        let error =
            still(fetches.fetch(key(), "a".into(), vec![get("/a")], declared(5_001))).await.unwrap_err();
        assert_eq!(error.class(), longhaul_background_fetch::FetchErrorClass::QuotaExceeded);
        // Reserved, so that another cannot take it.
        world.server.will("/b", [Step::Hang]);
        let first = still(fetches.fetch(key(), "b".into(), vec![get("/b")], declared(4_000))).await.unwrap();
        assert!(still(fetches.fetch(key(), "c".into(), vec![get("/b")], declared(1_001))).await.is_err());
        // Bodies to be sent count as well.
        let body = Resource::new(2_000).bytes;
        let request = post("/b", chunked(body, 100, After::End));
        let error = still(fetches.fetch(key(), "d".into(), vec![request], options())).await.unwrap_err();
        assert_eq!(error.class(), longhaul_background_fetch::FetchErrorClass::QuotaExceeded);
        assert!(still(first.abort()).await);
        still(fetches.idle()).await;
        // Nothing declared: it is noticed when it happens, and other records are not lost.
        let registration = start(&fetches, "e", vec![get("/b"), get("/a")]).await;
        still(fetches.idle()).await;
        assert_eq!(registration.snapshot().failure_reason, FailureReason::QuotaExceeded);
        let had = world.workers.had();
        assert!(had[1].records[0].is_ok());
        assert_eq!(had[1].records[1], Err(RecordError::Failed(FailureReason::QuotaExceeded)));
        world.assert_nothing_is_kept();
    });
}

#[test]
fn a_full_disk_is_quota_exceeded_and_nothing_else_is_lost() {
    run(async {
        let world = World::on_disk();
        let small = world.server.put("/small", Resource::new(1_000));
        world.server.put("/big", Resource::new(100_000));
        world.server.will("/small", [Step::Stall(500)]);
        let fetches = world.open().await;
        let other = start(&fetches, "other", vec![get("/small")]).await;
        until(|| other.snapshot().downloaded == 500).await;
        world.disk.set_capacity(Some(20_000));
        let registration = start(&fetches, "id", vec![get("/big")]).await;
        still(world.workers.had_events(1)).await;
        assert_eq!(registration.snapshot().failure_reason, FailureReason::QuotaExceeded);
        world.disk.set_capacity(None);
        other.pause();
        other.resume();
        still(fetches.idle()).await;
        assert_eq!(world.workers.had()[1].records, [Ok((200, small))]);
        world.assert_nothing_is_kept();
    });
}
