use longhaul_http_cache::CacheMode;

use crate::support::{Rig, URL, get, method, mode, reply, with};

const FRESH: (&str, &str) = ("Cache-Control", "max-age=60");

#[tokio::test]
async fn only_responses_to_get_are_stored() {
    for (name, stored) in
        [("GET", true), ("POST", false), ("PUT", false), ("OPTIONS", false), ("HEAD", false)]
    {
        let rig = Rig::new();
        rig.ask(method(get(URL), name), |_| reply(200, &[FRESH], "a")).await;
        assert_eq!(rig.hits(get(URL)).await, stored, "{name}");
    }
}

#[tokio::test]
async fn statuses_are_stored_that_are_so_by_default_or_say_so() {
    for status in [200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501] {
        let rig = Rig::new();
        let modified = rig.date(-1000);
        rig.ask(get(URL), |_| reply(status, &[("Last-Modified", &modified)], "")).await;
        assert!(rig.hits(get(URL)).await, "{status}");
    }
    for status in [201, 202, 302, 307, 400, 403, 500, 502, 503, 504, 599] {
        let rig = Rig::new();
        let modified = rig.date(-1000);
        rig.ask(get(URL), |_| reply(status, &[("Last-Modified", &modified)], "")).await;
        assert!(!rig.hits(get(URL)).await, "{status}");
        let rig = Rig::new();
        rig.ask(get(URL), |_| reply(status, &[FRESH], "")).await;
        assert!(rig.hits(get(URL)).await, "{status} with explicit freshness");
    }
}

#[tokio::test]
async fn no_store_is_obeyed_on_either_side() {
    let rig = Rig::new();
    rig.store(&[("Cache-Control", "max-age=60, no-store")], "a").await;
    assert!(!rig.hits(get(URL)).await);
    rig.ask(with(get(URL), &[("Cache-Control", "no-store")]), |_| reply(200, &[FRESH], "a")).await;
    assert!(!rig.hits(get(URL)).await);
    rig.ask(mode(get(URL), CacheMode::NoStore), |_| reply(200, &[FRESH], "a")).await;
    assert!(!rig.hits(get(URL)).await);
    rig.store(&[FRESH], "a").await;
    assert!(rig.hits(get(URL)).await);
}

#[tokio::test]
async fn must_understand_overrides_no_store_where_the_status_is_understood() {
    const CONTROL: (&str, &str) = ("Cache-Control", "max-age=60, no-store, must-understand");
    let rig = Rig::new();
    rig.store(&[CONTROL], "a").await;
    assert!(rig.hits(get(URL)).await);
    let rig = Rig::new();
    rig.ask(get(URL), |_| reply(299, &[CONTROL], "a")).await;
    assert!(!rig.hits(get(URL)).await);
    rig.ask(get(URL), |_| reply(299, &[("Cache-Control", "max-age=60, must-understand")], "a")).await;
    assert!(!rig.hits(get(URL)).await, "not understood, and so not stored");
}

#[tokio::test]
async fn a_private_cache_stores_what_is_private_and_what_was_authorized() {
    let rig = Rig::new();
    let request = || with(get(URL), &[("Authorization", "Basic eDp5")]);
    rig.ask(request(), |_| reply(200, &[("Cache-Control", "private, max-age=60")], "a")).await;
    assert!(rig.hits(request()).await);
    // s-maxage is for others.
    let rig = Rig::new();
    rig.store(&[("Cache-Control", "s-maxage=60")], "a").await;
    assert!(!rig.hits(get(URL)).await);
}

#[tokio::test]
async fn a_newer_response_that_is_not_stored_takes_the_place_of_the_old_one() {
    let rig = Rig::new();
    rig.store(&[("Cache-Control", "max-age=60"), ("ETag", "\"1\"")], "a").await;
    let no_cache = mode(get(URL), CacheMode::NoCache);
    rig.ask(no_cache.clone(), |_| reply(200, &[("Cache-Control", "no-store")], "b")).await;
    assert!(!rig.hits(get(URL)).await);
    // An error is not what the resource has become.
    rig.store(&[("Cache-Control", "max-age=60"), ("ETag", "\"1\"")], "a").await;
    rig.ask(no_cache, |_| reply(500, &[], "error")).await;
    assert!(rig.hits(get(URL)).await);
}
