use bytes::Bytes;
use longhaul_http_cache::{Lookup, Received, ResponseHead};

use crate::support::{Rig, URL, broken, get, header, read, reply, with};

const HEADERS: &[(&str, &str)] =
    &[("Cache-Control", "max-age=60"), ("ETag", "\"1\""), ("Content-Length", "10")];

async fn cut_off(rig: &Rig, headers: &[(&str, &str)]) {
    let Lookup::Forward(exchange) = rig.cache.lookup(get(URL)).await else { panic!("nothing is stored") };
    let headers = headers.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
    let head = ResponseHead { status: 200, reason: Bytes::new(), headers };
    let Received::Response { answer, .. } = exchange.received(head, broken("01234")).await else {
        panic!("there is a response")
    };
    assert_eq!(read(answer.body).await, Err("cut off".to_owned()));
    rig.cache.settled().await;
}

#[tokio::test]
async fn an_incomplete_response_does_not_answer_but_is_completed() {
    let rig = Rig::new();
    cut_off(&rig, HEADERS).await;
    let part = [("ETag", "\"1\""), ("Content-Range", "bytes 5-9/10"), ("Cache-Control", "max-age=60")];
    let came = rig.ask(get(URL), |_| reply(206, &part, "56789")).await;
    assert_eq!(
        (came.sent("Range").as_deref(), came.sent("If-Range").as_deref()),
        (Some("bytes=5-"), Some("\"1\""))
    );
    assert_eq!((came.status, came.text().as_str()), (200, "0123456789"));
    let came = rig.ask(get(URL), |_| reply(500, &[], "")).await;
    assert_eq!((came.is_from_cache(), came.text().as_str()), (true, "0123456789"));
}

#[tokio::test]
async fn a_resource_that_changed_meanwhile_is_taken_as_it_is_now() {
    let rig = Rig::new();
    cut_off(&rig, HEADERS).await;
    let came =
        rig.ask(get(URL), |_| reply(200, &[("Cache-Control", "max-age=60"), ("ETag", "\"2\"")], "new")).await;
    assert_eq!((came.sent.len(), came.text().as_str()), (1, "new"));
    assert!(rig.hits(get(URL)).await);
}

#[tokio::test]
async fn a_server_that_gives_another_part_is_asked_for_all() {
    for (status, headers) in [
        (206, [("ETag", "\"2\""), ("Content-Range", "bytes 5-9/10")]),
        (206, [("ETag", "\"1\""), ("Content-Range", "bytes 6-9/10")]),
        (416, [("ETag", "\"1\""), ("Content-Range", "bytes */4")]),
    ] {
        let rig = Rig::new();
        cut_off(&rig, HEADERS).await;
        let came = rig
            .ask(get(URL), |sent| match header(sent, "Range") {
                Some(_) => reply(status, &headers, "56789"),
                None => reply(200, &[], "whole"),
            })
            .await;
        assert_eq!((came.sent.len(), came.text().as_str()), (2, "whole"), "{status} {headers:?}");
    }
}

#[tokio::test]
async fn what_cannot_be_resumed_is_not_kept() {
    for headers in [
        &[("Cache-Control", "max-age=60"), ("Content-Length", "10")][..],
        &[("Cache-Control", "max-age=60"), ("ETag", "W/\"1\""), ("Content-Length", "10")],
        &[("Cache-Control", "max-age=60"), ("ETag", "\"1\""), ("Content-Encoding", "gzip")],
    ] {
        let rig = Rig::new();
        cut_off(&rig, headers).await;
        assert_eq!(rig.cache.usage(), 0, "{headers:?}");
        let came = rig.ask(get(URL), |_| reply(200, &[], "whole")).await;
        assert_eq!(came.sent("Range"), None);
    }
}

#[tokio::test]
async fn ranges_are_answered_from_what_is_there() {
    let rig = Rig::new();
    cut_off(&rig, HEADERS).await;
    let came = rig.ask(with(get(URL), &[("Range", "bytes=1-3")]), |_| reply(500, &[], "")).await;
    assert_eq!((came.status, came.text().as_str()), (206, "123"));
    assert_eq!(came.header("Content-Range").as_deref(), Some("bytes 1-3/10"));
    assert!(!rig.hits(with(get(URL), &[("Range", "bytes=1-5")])).await);
}
