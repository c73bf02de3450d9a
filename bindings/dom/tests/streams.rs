//! Streams, and the bodies, blobs and forms that stand on them, in real realms.

mod support;

use std::collections::HashMap;

use support::server::Answer;
use support::suite::run_in_window;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_of_every_kind_and_hostile_scripts() {
    run_in_window(include_str!("scripts/streams.js"), "streams.js", HashMap::new(), 11).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_blobs_and_forms() {
    let answers = HashMap::from([
        ("/big.bin", Answer::ok("application/octet-stream", vec![7; 1_000_000])),
        ("/64mib", Answer::ok("application/octet-stream", vec![1; 64 << 20])),
    ]);
    run_in_window(include_str!("scripts/bodies.js"), "bodies.js", answers, 9).await;
}
