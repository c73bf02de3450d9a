use longhaul_http_cache::{Lookup, Received, RequestHead};

use crate::support::{Rig, URL, get, method, reply, whole};

const FRESH: &[(&str, &str)] = &[("Cache-Control", "max-age=60")];

async fn stored(rig: &Rig, request: RequestHead) {
    rig.ask(request, |_| reply(200, FRESH, "a")).await;
}

#[tokio::test]
async fn unsafe_methods_invalidate_unless_they_fail() {
    for (name, status, invalid) in [
        ("POST", 200, true),
        ("PUT", 201, true),
        ("DELETE", 204, true),
        ("PATCH", 303, true),
        ("M-SEARCH", 200, true),
        ("POST", 400, false),
        ("DELETE", 500, false),
        ("OPTIONS", 200, false),
    ] {
        let rig = Rig::new();
        stored(&rig, get(URL)).await;
        rig.ask(method(get(URL), name), |_| reply(status, &[], "")).await;
        assert_eq!(!rig.hits(get(URL)).await, invalid, "{name} {status}");
    }
}

#[tokio::test]
async fn what_is_named_is_invalid_too_on_the_same_origin() {
    for (name, value, url, invalid) in [
        ("Location", "/other", "https://a.example/other", true),
        ("Content-Location", "other?x", "https://a.example/other?x", true),
        ("Location", "https://b.example/other", "https://b.example/other", false),
        ("Link", "</other>", "https://a.example/other", false),
    ] {
        let rig = Rig::new();
        stored(&rig, get(url)).await;
        rig.ask(method(get(URL), "POST"), |_| reply(201, &[(name, value)], "")).await;
        assert_eq!(!rig.hits(get(url)).await, invalid, "{name}: {value}");
    }
}

#[tokio::test]
async fn other_partitions_keep_theirs() {
    let rig = Rig::new();
    stored(&rig, get(URL)).await;
    let mut elsewhere = method(get(URL), "POST");
    elsewhere.partition = "https://other.example".to_owned();
    rig.ask(elsewhere, |_| reply(200, &[], "")).await;
    assert!(rig.hits(get(URL)).await);
}

#[tokio::test]
async fn what_is_on_its_way_is_not_stored_afterwards() {
    let rig = Rig::new();
    let Lookup::Forward(exchange) = rig.cache.lookup(get(URL)).await else { panic!("nothing is stored") };
    rig.ask(method(get(URL), "POST"), |_| reply(200, &[], "")).await;
    let old = reply(200, FRESH, "old");
    let Received::Response { answer, .. } = exchange.received(old.head, whole(&old.body)).await else {
        panic!("there is a response")
    };
    assert_eq!(crate::support::read(answer.body).await.unwrap(), "old");
    rig.cache.settled().await;
    assert!(!rig.hits(get(URL)).await);
}

#[tokio::test]
async fn the_answer_to_a_post_that_says_it_is_what_is_there_is_stored() {
    for (name, location, control, is_stored) in [
        ("POST", "", "max-age=60", true),
        ("PATCH", "/x", "max-age=60", true),
        ("PUT", "/x", "max-age=60", false),
        ("POST", "/y", "max-age=60", false),
        ("POST", "/x", "public", false),
    ] {
        let rig = Rig::new();
        let headers = [("Content-Location", location), ("Cache-Control", control)];
        rig.ask(method(get(URL), name), |_| reply(200, &headers, "new")).await;
        assert_eq!(rig.hits(get(URL)).await, is_stored, "{name} {location} {control}");
    }
}
