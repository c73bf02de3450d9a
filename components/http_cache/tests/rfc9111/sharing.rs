//! Requests that meet: one goes to the server, and the others read along or fall through.

use std::time::Duration;

use bytes::Bytes;
use futures::stream::StreamExt as _;
use futures::{FutureExt as _, stream};
use longhaul_http_cache::{BodyError, BodyStream, CacheMode, Exchange, Lookup, Received};
use tokio::sync::mpsc;

use crate::support::{Rig, URL, get, mode, read, reply, whole, with};

async fn forward(rig: &Rig) -> Box<Exchange> {
    match rig.cache.lookup(get(URL)).await {
        Lookup::Forward(exchange) => exchange,
        other => panic!("{other:?}"),
    }
}

async fn body(received: Received) -> BodyStream {
    match received {
        Received::Response { answer, .. } => answer.body.unwrap(),
        Received::SendAgain(_) => panic!("there is a response"),
    }
}

/// A body that is given by hand.
fn by_hand() -> (mpsc::UnboundedSender<&'static str>, BodyStream) {
    let (sender, receiver) = mpsc::unbounded_channel::<&'static str>();
    let chunks = stream::unfold(receiver, |mut receiver| async move {
        let chunk = receiver.recv().await?;
        Some((
            if chunk == "!" {
                Err(BodyError::network(std::io::Error::other("cut off")))
            } else {
                Ok(Bytes::from(chunk))
            },
            receiver,
        ))
    });
    (sender, chunks.boxed())
}

const FRESH: &[(&str, &str)] = &[("Cache-Control", "max-age=60")];

#[tokio::test]
async fn those_who_wait_read_along_while_it_is_written() {
    let rig = Rig::new();
    let leader = forward(&rig).await;
    let cache = rig.cache.clone();
    let mut waiting = tokio::spawn(async move { cache.lookup(get(URL)).await });
    assert!((&mut waiting).now_or_never().is_none());
    let (sender, source) = by_hand();
    let mut first = body(leader.received(reply(200, FRESH, "").head, source).await).await;
    let Ok(Lookup::Stored(answer)) = waiting.await else { panic!("it reads along") };
    let mut second = answer.body.unwrap();
    sender.send("one").unwrap();
    // The second one asks the network itself; the first one has read nothing yet.
    assert_eq!(second.next().await.unwrap().unwrap(), "one");
    sender.send("two").unwrap();
    assert_eq!(first.next().await.unwrap().unwrap(), "one");
    assert_eq!(first.next().await.unwrap().unwrap(), "two");
    // The first one leaves, and the second one goes on.
    drop(first);
    sender.send("three").unwrap();
    drop(sender);
    assert_eq!(read(Some(second)).await.unwrap(), "twothree");
    rig.cache.settled().await;
    let came = rig.ask(get(URL), |_| reply(500, &[], "")).await;
    assert_eq!((came.is_from_cache(), came.text().as_str()), (true, "onetwothree"));
}

#[tokio::test]
async fn those_who_wait_fall_through_when_it_is_not_for_them() {
    let rig = Rig::new();
    let leader = forward(&rig).await;
    let waiting: Vec<_> = (0..3)
        .map(|_| {
            let cache = rig.cache.clone();
            tokio::spawn(async move { cache.lookup(get(URL)).await })
        })
        .collect();
    tokio::task::yield_now().await;
    drop(
        body(
            leader
                .received(reply(200, &[("Cache-Control", "no-store")], "").head, whole(&Bytes::new()))
                .await,
        )
        .await,
    );
    for waiting in waiting {
        assert!(matches!(waiting.await, Ok(Lookup::Forward(_))));
    }
    // Another variant is for others.
    let rig = Rig::new();
    let leader = forward(&rig).await;
    let cache = rig.cache.clone();
    let waiting = tokio::spawn(async move { cache.lookup(with(get(URL), &[("Foo", "1")])).await });
    tokio::task::yield_now().await;
    let head = reply(200, &[("Cache-Control", "max-age=60"), ("Vary", "Foo")], "").head;
    let _body = body(leader.received(head, by_hand().1).await).await;
    assert!(matches!(waiting.await, Ok(Lookup::Forward(_))));
}

#[tokio::test]
async fn when_the_leader_is_gone_another_one_leads() {
    let rig = Rig::new();
    let leader = forward(&rig).await;
    let (first, second) = (rig.cache.clone(), rig.cache.clone());
    let first = tokio::spawn(async move { first.lookup(get(URL)).await });
    let second = tokio::spawn(async move { second.lookup(get(URL)).await });
    tokio::task::yield_now().await;
    drop(leader);
    let (led, _, other) = futures::future::select_all([first, second]).await;
    let Ok(Lookup::Forward(leader)) = led else { panic!("somebody leads") };
    let answer = reply(200, FRESH, "a");
    let read_by_leader = body(leader.received(answer.head, whole(&answer.body)).await).await;
    let [other] = <[_; 1]>::try_from(other).unwrap();
    let Ok(Lookup::Stored(along)) = other.await else { panic!("the other one reads along") };
    assert_eq!(read(Some(read_by_leader)).await.unwrap(), "a");
    assert_eq!(read(along.body).await.unwrap(), "a");
}

#[tokio::test]
async fn a_leader_that_never_reads_keeps_nobody_waiting() {
    let rig = Rig::new();
    let leader = forward(&rig).await;
    let answer = reply(200, FRESH, "all of it");
    let _unread = body(leader.received(answer.head, whole(&answer.body)).await).await;
    let reading = rig.ask(get(URL), |_| reply(500, &[], ""));
    let Ok(Lookup::Stored(along)) =
        tokio::time::timeout(Duration::from_secs(60), rig.cache.lookup(get(URL))).await
    else {
        panic!("it reads along")
    };
    assert_eq!(read(along.body).await.unwrap(), "all of it");
    assert_eq!(reading.await.text(), "all of it");
}

#[tokio::test]
async fn a_reader_that_was_asked_once_and_is_asked_no_more_keeps_nobody_waiting() {
    let rig = Rig::new();
    let leader = forward(&rig).await;
    let (sender, source) = by_hand();
    let mut first = body(leader.received(reply(200, FRESH, "").head, source).await).await;
    assert!(first.next().now_or_never().is_none());
    let Lookup::Stored(along) = rig.cache.lookup(get(URL)).await else { panic!("it reads along") };
    let along = tokio::spawn(async move { read(along.body).await });
    tokio::task::yield_now().await;
    // It waits for the same bytes and is asked last, and never again.
    assert!(first.next().now_or_never().is_none());
    sender.send("one").unwrap();
    sender.send("two").unwrap();
    drop(sender);
    assert_eq!(along.await.unwrap().unwrap(), "onetwo");
    assert_eq!(read(Some(first)).await.unwrap(), "onetwo");
}

#[tokio::test]
async fn a_request_that_must_be_answered_by_the_server_waits_for_nobody() {
    let rig = Rig::new();
    let _leader = forward(&rig).await;
    for request in [
        mode(get(URL), CacheMode::NoCache),
        mode(get(URL), CacheMode::Reload),
        mode(get(URL), CacheMode::NoStore),
        with(get(URL), &[("Range", "bytes=0-1")]),
        get("https://a.example/other"),
    ] {
        assert!(matches!(rig.cache.lookup(request).now_or_never(), Some(Lookup::Forward(_))));
    }
}

#[tokio::test]
async fn a_failure_reaches_all_who_read_along_and_nothing_is_kept() {
    let rig = Rig::new();
    let leader = forward(&rig).await;
    let (sender, source) = by_hand();
    let first = body(leader.received(reply(200, FRESH, "").head, source).await).await;
    let Lookup::Stored(along) = rig.cache.lookup(get(URL)).await else { panic!("it reads along") };
    sender.send("one").unwrap();
    sender.send("!").unwrap();
    assert_eq!(read(Some(first)).await, Err("cut off".to_owned()));
    assert_eq!(read(along.body).await, Err("cut off".to_owned()));
    rig.cache.settled().await;
    assert_eq!(rig.cache.usage(), 0);
}

#[tokio::test]
async fn a_body_that_nobody_reads_is_finished_if_little_is_missing() {
    for (headers, kept) in [
        (&[("Cache-Control", "max-age=60"), ("Content-Length", "3")][..], true),
        (&[("Cache-Control", "max-age=60"), ("Content-Length", "99999999")], false),
        (&[("Cache-Control", "max-age=60")], false),
    ] {
        let rig = Rig::new();
        let leader = forward(&rig).await;
        drop(body(leader.received(reply(200, headers, "").head, whole(&"abc".into())).await).await);
        rig.cache.settled().await;
        assert_eq!(rig.hits(get(URL)).await, kept, "{headers:?}");
    }
}

#[tokio::test]
async fn who_has_read_a_response_finds_it_stored() {
    let rig = Rig::new();
    for number in 0..50 {
        let url = format!("https://a.example/{number}");
        let Lookup::Forward(exchange) = rig.cache.lookup(get(&url)).await else {
            panic!("nothing is stored")
        };
        let answer = reply(200, FRESH, "0123456789");
        let body = body(exchange.received(answer.head, whole(&answer.body)).await).await;
        assert_eq!(read(Some(body)).await.unwrap(), "0123456789");
        // A range waits for nobody.
        let lookup = rig.cache.lookup(with(get(&url), &[("Range", "bytes=0-1")])).await;
        assert!(matches!(lookup, Lookup::Stored(_)), "{number}");
    }
}
