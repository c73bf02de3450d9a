use longhaul_http_cache::{CacheMode, Lookup};

use crate::support::{Rig, URL, get, method, mode, reply, with};

const FRESH: &[(&str, &str)] = &[("Cache-Control", "max-age=60"), ("ETag", "\"1\"")];

#[tokio::test]
async fn the_url_without_its_fragment_and_the_partition_are_the_key() {
    let rig = Rig::new();
    rig.store(FRESH, "a").await;
    assert!(rig.hits(get(&format!("{URL}#part"))).await);
    assert!(!rig.hits(get(&format!("{URL}?"))).await);
    assert!(!rig.hits(get(&format!("{URL}y"))).await);
    let mut elsewhere = get(URL);
    elsewhere.partition = "https://other.example".to_owned();
    assert!(!rig.hits(elsewhere).await);
}

#[tokio::test]
async fn an_answer_from_the_cache_has_its_age() {
    let rig = Rig::new();
    rig.store(&[("Cache-Control", "max-age=60"), ("Age", "7")], "a").await;
    rig.pass(20);
    let came = rig.ask(get(URL), |_| reply(500, &[], "")).await;
    assert_eq!(came.header("Age").as_deref(), Some("27"));
}

#[tokio::test]
async fn head_is_answered_from_what_get_stored() {
    let rig = Rig::new();
    rig.store(FRESH, "body").await;
    let came = rig.ask(method(get(URL), "HEAD"), |_| reply(500, &[], "")).await;
    assert_eq!((came.is_from_cache(), came.status, came.text().as_str()), (true, 200, ""));
    assert!(!rig.hits(method(get(URL), "POST")).await);
}

#[tokio::test]
async fn only_if_cached_never_reaches_the_server() {
    let rig = Rig::new();
    let only = mode(get(URL), CacheMode::OnlyIfCached);
    assert!(matches!(rig.cache.lookup(only.clone()).await, Lookup::NotCached));
    let came = rig.ask(with(get(URL), &[("Cache-Control", "only-if-cached")]), |_| reply(500, &[], "")).await;
    assert_eq!((came.is_from_cache(), came.status), (true, 504));
    rig.store(&[("Cache-Control", "max-age=0")], "a").await;
    assert!(rig.hits(only).await);
}
