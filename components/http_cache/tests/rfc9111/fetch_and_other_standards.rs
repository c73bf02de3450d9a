//! RFC 5861 and 8246, `No-Vary-Search`, `Clear-Site-Data`, the bound.

use longhaul_http_cache::{CacheMode, Config, Lookup};

use crate::support::{Rig, URL, get, mode, reply, with};

#[tokio::test]
async fn rfc_5861_stale_while_revalidate() {
    let rig = Rig::new();
    rig.store(&[("Cache-Control", "max-age=10, stale-while-revalidate=20"), ("ETag", "\"1\"")], "a").await;
    rig.pass(9);
    assert!(!rig.ask(get(URL), |_| reply(500, &[], "")).await.revalidate, "it is fresh");
    rig.pass(20);
    let came = rig.ask(get(URL), |_| reply(500, &[], "")).await;
    assert!(came.is_from_cache() && came.revalidate);
    // Who validates in the background asks the server.
    let Lookup::Forward(exchange) = rig.cache.lookup(mode(get(URL), CacheMode::NoCache)).await else {
        panic!("it is to be validated")
    };
    assert!(exchange.headers().contains("If-None-Match"));
    let came = rig.ask(get(URL), |_| reply(500, &[], "")).await;
    assert!(came.is_from_cache() && !came.revalidate, "once is enough");
    drop(exchange);
    rig.pass(1);
    assert!(!rig.hits(get(URL)).await);
    rig.store(&[("Cache-Control", "max-age=0, must-revalidate, stale-while-revalidate=20")], "a").await;
    assert!(!rig.hits(get(URL)).await);
}

#[tokio::test]
async fn rfc_5861_stale_if_error() {
    for (control, status, stands_in) in [
        ("max-age=10, stale-if-error=20", 503, true),
        ("max-age=10, stale-if-error=20", 404, false),
        ("max-age=10, stale-if-error=5", 503, false),
        ("max-age=10, stale-if-error=20, must-revalidate", 503, false),
        ("max-age=10", 503, false),
    ] {
        let rig = Rig::new();
        rig.store(&[("Cache-Control", control)], "a").await;
        rig.pass(20);
        let came = rig.ask(get(URL), |_| reply(status, &[], "error")).await;
        assert_eq!(came.text() == "a", stands_in, "{control} {status}");
        // The same where no response comes at all.
        let rig = Rig::new();
        rig.store(&[("Cache-Control", control)], "a").await;
        rig.pass(20);
        let Lookup::Forward(exchange) = rig.cache.lookup(get(URL)).await else { panic!("it is stale") };
        let answer = exchange.failed().await;
        assert_eq!(answer.is_some(), control.ends_with("=20"), "{control}");
    }
}

#[tokio::test]
async fn rfc_8246_immutable_spares_a_reload() {
    let mut reload = mode(get(URL), CacheMode::NoCache);
    reload.is_reload = true;
    for (control, age, spared) in
        [("max-age=60, immutable", 10, true), ("max-age=60, immutable", 60, false), ("max-age=60", 10, false)]
    {
        let rig = Rig::new();
        rig.store(&[("Cache-Control", control)], "a").await;
        rig.pass(age);
        assert_eq!(rig.hits(reload.clone()).await, spared, "{control} {age}");
    }
    let rig = Rig::new();
    rig.store(&[("Cache-Control", "max-age=60, immutable")], "a").await;
    assert!(!rig.hits(mode(get(URL), CacheMode::NoCache)).await, "who asks for validation gets it");
    let rig = Rig::new();
    rig.store(&[("Cache-Control", "immutable")], "a").await;
    assert!(!rig.hits(get(URL)).await, "it is no lifetime");
}

#[tokio::test]
async fn no_vary_search_lets_other_queries_be_answered() {
    let rig = Rig::new();
    let headers = [("Cache-Control", "max-age=60"), ("No-Vary-Search", "params=(\"utm\")")];
    rig.ask(get("https://a.example/x?a=1&utm=2"), |_| reply(200, &headers, "a")).await;
    assert!(rig.hits(get("https://a.example/x?a=1")).await);
    assert!(rig.hits(get("https://a.example/x?utm=7&a=1")).await);
    assert!(!rig.hits(get("https://a.example/x?a=2")).await);
    assert!(!rig.hits(get("https://a.example/y?a=1")).await);
    let rig = Rig::new();
    rig.ask(get("https://a.example/x?a=1&utm=2"), |_| reply(200, &headers[..1], "a")).await;
    assert!(!rig.hits(get("https://a.example/x?a=1")).await);
}

#[tokio::test]
async fn clear_site_data_clears_the_origin_in_its_partition() {
    for (value, url, cleared) in [
        ("\"cache\"", "https://a.example/y", true),
        ("\"cookies\", \"*\"", "https://a.example/y", true),
        ("\"cookies\"", "https://a.example/y", false),
        ("cache", "https://a.example/y", false),
        ("\"cache\"", "https://b.example/y", false),
        ("\"cache\"", "http://a.example/y", false),
    ] {
        let rig = Rig::new();
        rig.store(&[("Cache-Control", "max-age=60")], "a").await;
        rig.ask(get(url), |_| reply(200, &[("Clear-Site-Data", value)], "")).await;
        assert_eq!(!rig.hits(get(URL)).await, cleared, "{value} {url}");
    }
}

#[tokio::test]
async fn what_was_not_used_for_longest_goes_first() {
    let mut config = Config::with_capacity(20_000);
    config.memory = 0;
    let rig = Rig::with_config(config);
    let url = |number: usize| format!("https://a.example/{number}");
    let body = "x".repeat(4000);
    for number in 0..4 {
        rig.ask(get(&url(number)), |_| reply(200, &[("Cache-Control", "max-age=60")], &body)).await;
    }
    assert!(rig.hits(get(&url(0))).await);
    rig.ask(get(&url(4)), |_| reply(200, &[("Cache-Control", "max-age=60")], &body)).await;
    assert!(rig.cache.usage() <= 20_000);
    assert!(rig.hits(get(&url(0))).await && rig.hits(get(&url(4))).await);
    assert!(!rig.hits(get(&url(1))).await);
    // What is larger than its share is handed on, and not stored.
    let large = "x".repeat(30_000);
    let came = rig.ask(get(&url(5)), |_| reply(200, &[("Cache-Control", "max-age=60")], &large)).await;
    assert_eq!(came.text().len(), 30_000);
    assert!(!rig.hits(get(&url(5))).await);
}

#[tokio::test]
async fn entries_are_listed_and_cleared_by_origin() {
    let rig = Rig::new();
    rig.store(&[("Cache-Control", "max-age=60")], "a").await;
    rig.ask(get("https://b.example/"), |_| reply(404, &[], "")).await;
    let origin = get(URL).url.origin();
    let listed = rig.cache.list(Some(&origin)).await.unwrap();
    assert_eq!((listed.len(), listed[0].url.as_str(), listed[0].status), (1, URL, 200));
    assert_eq!(listed[0].fresh_until.duration_since(listed[0].stored_at).unwrap().as_secs(), 60);
    assert_eq!(rig.cache.clear(Some(&origin)).await.unwrap(), 1);
    assert_eq!(rig.cache.list(None).await.unwrap().len(), 1);
    assert_eq!(rig.cache.clear(None).await.unwrap(), 1);
    assert_eq!(rig.cache.usage(), 0);
}

#[tokio::test]
async fn force_cache_takes_what_is_there() {
    let rig = Rig::new();
    rig.store(&[("Cache-Control", "no-cache")], "a").await;
    assert!(rig.hits(mode(get(URL), CacheMode::ForceCache)).await);
    let other = with(mode(get("https://a.example/y"), CacheMode::ForceCache), &[]);
    assert!(!rig.hits(other).await);
}
