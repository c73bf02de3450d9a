//! Ranges that the page asks for and servers answer badly: nothing is spliced, cut short, or worse.

mod support;

use bytes::Bytes;
use longhaul_background_fetch::FailureReason;
use longhaul_fetch::Request;

use support::{After, Asked, Resource, Step, World, chunked, drive, get, response, run, start, still};

fn with_range(range: &str) -> Request {
    let mut request = get("/a");
    request.header_list.append("Range", range);
    request
}

/// An answer of a server that has its own idea of what was asked for.
fn say(status: u16, headers: &'static [(&'static str, &'static str)], bytes: Bytes, after: After) -> Step {
    Step::Say(Box::new(move |asked: &Asked| {
        let answer = response(&asked.url, status, headers, Bytes::new());
        let mut answer = answer.into_unfiltered();
        answer.body = Some(chunked(bytes, 1000, after));
        answer.filtered(longhaul_fetch::ResponseType::Basic)
    }))
}

#[test]
fn a_server_that_ignores_the_authors_range_is_resumed_to_the_end_of_the_whole() {
    for cut in [1_500, 7_000] {
        run(async {
            let world = World::on_disk();
            let bytes = world.server.put("/a", Resource { ranges: false, ..Resource::new(10_000) });
            world.server.will("/a", [Step::Cut(cut)]);
            let fetches = world.open().await;
            start(&fetches, "id", vec![with_range("bytes=2000-5999")]).await;
            still(world.server.saw(1)).await;
            // It learns about ranges just when the rest is asked for.
            world.server.put("/a", Resource::new(10_000));
            drive(fetches.idle()).await;
            assert_eq!(world.workers.had()[0].records, [Ok((200, bytes))], "cut at {cut}");
            assert_eq!(world.server.log()[1].resumption, Some((cut as u64, None, "\"v1\"".into())));
        });
    }
}

#[test]
fn several_ranges_in_one_answer_are_never_continued() {
    const HEADERS: &[(&str, &str)] =
        &[("ETag", "\"v1\""), ("Content-Type", "multipart/byteranges; boundary=x")];
    run(async {
        let world = World::on_disk();
        world.server.put("/a", Resource::new(10_000));
        let whole = Bytes::from(vec![b'm'; 3_000]);
        world.server.will(
            "/a",
            [
                say(206, HEADERS, whole.slice(..1_000), After::Reset),
                say(206, HEADERS, whole.clone(), After::End),
            ],
        );
        let fetches = world.open().await;
        start(&fetches, "id", vec![with_range("bytes=0-9,5000-5009")]).await;
        drive(fetches.idle()).await;
        let had = world.workers.had();
        assert_eq!(had[0].records, [Ok((206, whole))]);
        assert_eq!(had[0].state.downloaded, 3_000);
        let log = world.server.log();
        assert_eq!(log.len(), 2);
        assert!(log.iter().all(|asked| asked.resumption.is_none()));
    });
}

#[test]
fn a_part_that_is_longer_than_it_says_is_not_stored() {
    const HEADERS: &[(&str, &str)] = &[("ETag", "\"v1\""), ("Content-Range", "bytes 0-999/5000")];
    for after in [After::End, After::Reset, After::Nothing] {
        run(async {
            let world = World::on_disk();
            world.server.put("/a", Resource::new(5_000));
            world.server.will("/a", [say(206, HEADERS, Resource::new(5_000).bytes, after)]);
            let fetches = world.open().await;
            let registration = start(&fetches, "id", vec![get("/a")]).await;
            still(fetches.idle()).await;
            let state = registration.snapshot();
            assert_eq!(state.failure_reason, FailureReason::FetchError);
            assert!(state.downloaded <= 1_000, "{} bytes of 1000 were taken", state.downloaded);
            world.assert_nothing_is_kept();
        });
    }
}

#[test]
fn a_range_at_the_end_of_all_numbers_overflows_nothing() {
    const HEADERS: &[(&str, &str)] = &[
        ("ETag", "\"v1\""),
        ("Content-Range", "bytes 18446744073709551600-18446744073709551613/18446744073709551614"),
    ];
    run(async {
        let world = World::on_disk();
        let bytes = Resource::new(1_000).bytes;
        // Too much of it, then a part of it that is cut off.
        for (bytes, failure) in
            [(bytes.clone(), FailureReason::FetchError), (bytes.slice(..14), FailureReason::None)]
        {
            world.server.will("/a", [say(206, HEADERS, bytes, After::Reset)]);
            let headers = HEADERS;
            world.server.will("/a", [say(416, headers, Bytes::new(), After::End)]);
            world.server.will("/a", [say(206, HEADERS, Resource::new(14).bytes, After::End)]);
            let fetches = world.open().await;
            let registration = start(&fetches, "id", vec![with_range("bytes=18446744073709551600-")]).await;
            drive(fetches.idle()).await;
            assert_eq!(registration.snapshot().failure_reason, failure);
            world.assert_nothing_is_kept();
            still(fetches.shutdown()).await;
            world.server.forget_steps();
            world.profile().close();
        }
    });
}
