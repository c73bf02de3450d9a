//! The limit for all response bodies together.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use futures::StreamExt;
use tokio::time::Instant;

use crate::support::*;

const RATE: u64 = 10_000;
const LENGTH: usize = 50_000;

/// The clock is stopped once both heads are there, and moves only when nothing else can.
#[tokio::test]
async fn two_bodies_share_the_rate_in_turns() {
    let server = Server::http(|_, _| async { full(vec![0; LENGTH]) }).await;
    let network = network_with(|config| config.throttle = Some(RATE));
    let mut bodies = [
        server.get(&network).await.expect("the server answers").body,
        server.get(&network).await.expect("the server answers").body,
    ];
    tokio::time::pause();
    let start = Instant::now();
    let mut received = [0usize; 2];
    let [first, second] = &mut bodies;
    let mut open = [true, true];
    while open != [false, false] {
        let (which, piece) = tokio::select! {
            piece = first.next(), if open[0] => (0, piece),
            piece = second.next(), if open[1] => (1, piece),
        };
        match piece {
            Some(piece) => {
                let length = piece.expect("a sound piece").len();
                assert!(length as u64 <= RATE / 50, "slices are small");
                received[which] += length;
                let allowed = start.elapsed().as_secs_f64() * RATE as f64 + 4.0 * (RATE as f64 / 50.0);
                assert!(
                    (received[0] + received[1]) as f64 <= allowed,
                    "{received:?} after {:?}",
                    start.elapsed()
                );
                if open == [true, true] {
                    assert!(
                        received[0].abs_diff(received[1]) as u64 <= 3 * RATE / 50,
                        "{received:?} is not fair"
                    );
                }
            }
            None => open[which] = false,
        }
    }
    assert_eq!(received, [LENGTH; 2]);
    let (least, took) = (2 * LENGTH as u64 / RATE, start.elapsed());
    assert!(took.as_secs() + 1 >= least && took.as_secs() <= least + 1, "{took:?}");
}

#[tokio::test]
async fn a_throttled_body_holds_the_server_back() {
    let finished = Arc::new(AtomicBool::new(false));
    let server = Server::http({
        let finished = finished.clone();
        move |_, _| {
            let finished = finished.clone();
            async move {
                let (sender, response) = channel_response();
                tokio::spawn(async move {
                    for _ in 0..2048 {
                        if sender.send(Ok(Bytes::from_static(&[0; 64 << 10]))).await.is_err() {
                            return;
                        }
                    }
                    finished.store(true, Ordering::SeqCst);
                });
                response
            }
        }
    })
    .await;
    let network = network_with(|config| config.throttle = Some(RATE));
    let mut body = server.get(&network).await.expect("the server answers").body;
    for _ in 0..20 {
        body.next().await.expect("a piece").expect("a sound piece");
    }
    assert!(!finished.load(Ordering::SeqCst), "128 MiB were taken to hand on {}", body.received());
}
