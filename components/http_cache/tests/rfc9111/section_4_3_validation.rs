use longhaul_http_cache::{CacheMode, Source};

use crate::support::{Rig, URL, get, header, method, mode, reply, with};

#[tokio::test]
async fn both_validators_go_along() {
    let rig = Rig::new();
    let modified = rig.date(-100);
    rig.store(&[("Cache-Control", "max-age=0"), ("ETag", "W/\"1\""), ("Last-Modified", &modified)], "a")
        .await;
    let came = rig.ask(get(URL), |_| reply(304, &[("Cache-Control", "max-age=60")], "")).await;
    assert_eq!(came.sent("If-None-Match").as_deref(), Some("W/\"1\""));
    assert_eq!(came.sent("If-Modified-Since"), Some(modified));
    assert_eq!((came.source, came.text().as_str()), (Some(Source::Validated), "a"));
    assert!(rig.hits(get(URL)).await, "it is fresh again");
}

#[tokio::test]
async fn a_new_response_takes_the_place_of_a_stale_one() {
    let rig = Rig::new();
    rig.store(&[("Cache-Control", "max-age=0"), ("ETag", "\"1\"")], "a").await;
    let came = rig.store(&[("Cache-Control", "max-age=60"), ("ETag", "\"2\"")], "b").await;
    assert_eq!((came.source, came.text().as_str()), (Some(Source::Network), "b"));
    assert_eq!(rig.ask(get(URL), |_| reply(500, &[], "")).await.text(), "b");
    assert_eq!(rig.cache.list(None).await.unwrap().len(), 1);
}

#[tokio::test]
async fn without_a_validator_nothing_is_asked_for() {
    let rig = Rig::new();
    rig.store(&[("Cache-Control", "max-age=0")], "a").await;
    let came = rig.store(&[], "b").await;
    assert_eq!((came.sent("If-None-Match"), came.sent("If-Modified-Since")), (None, None));
    assert_eq!(came.text(), "b");
}

#[tokio::test]
async fn a_304_about_another_response_is_not_believed() {
    let rig = Rig::new();
    rig.store(&[("Cache-Control", "max-age=0"), ("ETag", "\"1\"")], "a").await;
    let came = rig
        .ask(get(URL), |sent| match header(sent, "If-None-Match") {
            Some(_) => reply(304, &[("ETag", "\"2\"")], ""),
            None => reply(200, &[], "whole"),
        })
        .await;
    assert_eq!((came.sent.len(), came.text().as_str()), (2, "whole"));
}

#[tokio::test]
async fn a_304_to_the_authors_own_conditions_is_the_authors() {
    let rig = Rig::new();
    rig.store(&[("Cache-Control", "max-age=0"), ("ETag", "\"1\"")], "a").await;
    let request = mode(with(get(URL), &[("If-None-Match", "\"1\"")]), CacheMode::NoCache);
    let came = rig.ask(request, |_| reply(304, &[("ETag", "\"1\"")], "")).await;
    assert_eq!((came.sent("If-None-Match"), came.status), (None, 304));
}

#[tokio::test]
async fn ranges_are_validated_with_the_whole() {
    let rig = Rig::new();
    rig.store(&[("Cache-Control", "max-age=0"), ("ETag", "\"1\"")], "0123456789").await;
    let came =
        rig.ask(with(get(URL), &[("Range", "bytes=2-4")]), |_| reply(304, &[("ETag", "\"1\"")], "")).await;
    assert_eq!((came.status, came.text().as_str()), (206, "234"));
}

#[tokio::test]
async fn the_answer_to_head_freshens_or_removes() {
    let head = || method(mode(get(URL), CacheMode::Reload), "HEAD");
    for (headers, kept) in [
        (&[("ETag", "\"1\""), ("Cache-Control", "max-age=60"), ("X", "new")][..], true),
        (&[("ETag", "\"2\""), ("Cache-Control", "max-age=60")], false),
        (&[("Content-Length", "5"), ("Cache-Control", "max-age=60")], false),
        (&[("Content-Length", "1"), ("Cache-Control", "max-age=60"), ("X", "new")], true),
    ] {
        let rig = Rig::new();
        rig.store(&[("ETag", "\"1\""), ("Cache-Control", "max-age=10"), ("X", "old")], "a").await;
        rig.pass(20);
        rig.ask(head(), |_| reply(200, headers, "")).await;
        let came = rig.ask(get(URL), |_| reply(500, &[], "asked")).await;
        assert_eq!(came.is_from_cache(), kept, "{headers:?}");
        if kept {
            assert_eq!((came.header("X").as_deref(), came.text().as_str()), (Some("new"), "a"));
        }
    }
}
