//! A background fetch outlives its process: SIGKILL at random moments loses at most one checkpoint, repeats no byte in
//! the file, and no event is lost.

mod support;

use std::hash::{BuildHasher, RandomState};

use futures::StreamExt;
use support::run::Run;
use support::site;
use support::tls_server::{ETAG, Options, TlsServer};

const MIB: u64 = 1024 * 1024;
/// The scheduler's checkpoint: what a kill may cost at the most.
const CHECKPOINT: u64 = 4 * MIB;

const WORKER: &str = r#"
addEventListener("install", () => skipWaiting());
addEventListener("backgroundfetchsuccess", (event) => event.waitUntil((async () => {
  const cache = await caches.open("kept");
  for (const record of await event.registration.matchAll()) {
    await cache.put(record.request, await record.responseReady);
  }
  await fetch("/success-event", { method: "POST" });
})()));
"#;

const PAGE: &str = r#"(async () => {
  await navigator.serviceWorker.register("sw.js");
  const swReg = await navigator.serviceWorker.ready;
  if (await caches.has("kept")) return;
  if (await swReg.backgroundFetch.get("big")) return;
  await swReg.backgroundFetch.fetch("big", "big.bin", { title: "big" });
})();"#;

/// A number below `bound`; printed by the caller where it decides a test's course.
fn random(bound: u64) -> u64 {
    RandomState::new().hash_one(0) % bound
}

#[test]
fn ten_kills_and_the_file_is_whole() {
    let length = 64 * MIB;
    let folder = tempfile::tempdir().unwrap();
    let authority = folder.path().join("authority.pem");
    let profile = folder.path().join("profile");
    let server = TlsServer::start(
        &authority,
        Options {
            script: PAGE.to_owned(),
            worker: WORKER.to_owned(),
            length,
            bytes_per_second: 2 * MIB,
            hold_success_events: 1,
        },
    );
    let target = format!("https://localhost:{}/", server.port);
    let authority = authority.to_str().unwrap();
    let start = || Run::start(&profile, &target, &["--cacert", authority]);

    // Ten kills, each after a random share of what is left, counted in bytes that the server sent.
    let mut kills = Vec::new();
    for kill in 0..10u64 {
        let before = server.sent.bytes();
        let left = length - server.reached();
        let step = left / (10 - kill) / 2 + random(left / (10 - kill) / 2 + 1);
        let run = start();
        server.sent.wait_for(before + step.max(1));
        run.kill();
        kills.push((server.ranges().len(), server.reached()));
        println!("kill {kill}: after {step} more bytes, {} reached", server.reached());
    }

    // One more while the handler of the success event runs: its beacon is held by the server.
    let run = start();
    server.success_events.wait_for(1);
    run.kill();

    let (status, events, stderr) = start().finish();
    assert!(status.success(), "{status}: {stderr}\n{events:#?}");
    // Twice: the one that was killed, and once more because that one had not been delivered.
    assert_eq!(server.success_events.bytes(), 2);
    let (status, _, stderr) = start().finish();
    assert!(status.success(), "{status}: {stderr}");
    assert_eq!(server.success_events.bytes(), 2, "a delivered event is not fired again");

    let ranges = server.ranges();
    println!("requests for the file: {ranges:#?}");
    assert!(ranges.iter().all(|r| r.version == "HTTP/2.0"), "HTTP/2 by ALPN");
    assert!(!ranges[0].has_range);
    for (seen, reached) in kills {
        // The first request after this kill; a kill that fell before the request was even sent has the same.
        let Some(next) = ranges.get(seen) else { panic!("no request follows the kill at {reached}") };
        if reached < CHECKPOINT && !next.has_range {
            continue; // Nothing was durable yet: it starts again.
        }
        assert_eq!(next.if_range.as_deref(), Some(ETAG));
        assert!(
            next.first_byte <= reached && reached - next.first_byte <= CHECKPOINT,
            "killed at {reached}, continued at {}: {} bytes were lost",
            next.first_byte,
            reached - next.first_byte
        );
    }

    kept_file_is(&profile, &format!("{target}big.bin"), length);
}

/// The response in the cache `kept` has the bytes of the test file.
fn kept_file_is(profile: &std::path::Path, url: &str, length: u64) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let location = longhaul::storage::Location::Directory(profile.to_owned());
        let user_agent =
            longhaul::UserAgent::builder().profile(location).offline(true).build().await.unwrap();
        let url: url::Url = url.parse().unwrap();
        let caches = user_agent.caches(&url.origin().ascii_serialization());
        let request = longhaul::fetch::Request::new(url);
        let response =
            caches.match_(&request, &Default::default()).await.unwrap().expect("the file is in the cache");
        let mut body = response.into_unfiltered().body.expect("it has a body").into_stream();
        let mut at = 0;
        while let Some(chunk) = body.next().await {
            for byte in chunk.unwrap() {
                assert_eq!(byte, site::byte_at(at), "byte {at}");
                at += 1;
            }
        }
        assert_eq!(at, length);
        user_agent.shutdown().await;
    });
}
