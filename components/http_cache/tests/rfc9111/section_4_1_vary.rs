use longhaul_http_cache::{CacheMode, Config};
use longhaul_storage::Location;

use crate::support::{Rig, URL, get, mode, reply, with};

const VARY: &[(&str, &str)] = &[("Cache-Control", "max-age=60"), ("Vary", "Foo, bar")];

#[tokio::test]
async fn a_response_answers_requests_with_the_same_headers_only() {
    let rig = Rig::new();
    rig.ask(with(get(URL), &[("foo", "1"), ("Other", "1")]), |_| reply(200, VARY, "one")).await;
    assert!(rig.hits(with(get(URL), &[("Foo", " 1 ")])).await);
    assert!(!rig.hits(with(get(URL), &[("Foo", "2")])).await);
    assert!(!rig.hits(get(URL)).await);
    assert!(!rig.hits(with(get(URL), &[("Foo", "1"), ("Bar", "")])).await);
}

#[tokio::test]
async fn lines_and_whitespace_do_not_matter_but_values_do() {
    let rig = Rig::new();
    rig.ask(with(get(URL), &[("Foo", "1,2"), ("Foo", "3")]), |_| reply(200, VARY, "one")).await;
    assert!(rig.hits(with(get(URL), &[("Foo", "1, 2 ,3")])).await);
    assert!(!rig.hits(with(get(URL), &[("Foo", "1, 3, 2")])).await);
}

#[tokio::test]
async fn several_variants_are_kept_and_the_latest_answers() {
    let rig = Rig::new();
    for value in ["1", "2", "3"] {
        rig.ask(with(get(URL), &[("Foo", value)]), |_| reply(200, VARY, value)).await;
    }
    for value in ["1", "2", "3"] {
        let came = rig.ask(with(get(URL), &[("Foo", value)]), |_| reply(500, &[], "")).await;
        assert_eq!(came.text(), value);
    }
    // One that varies by nothing answers all; it is the latest.
    rig.pass(1);
    rig.ask(with(get(URL), &[("Foo", "4")]), |_| reply(200, &[("Cache-Control", "max-age=60")], "any")).await;
    let came = rig.ask(with(get(URL), &[("Foo", "1")]), |_| reply(500, &[], "")).await;
    assert_eq!(came.text(), "any");
}

#[tokio::test]
async fn of_two_of_the_same_second_the_later_one_answers_also_in_the_next_session() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::at(Location::Directory(folder.path().join("profile")), Config::default());
    let url = |number: u32| format!("{URL}?{number}");
    for number in 0..12 {
        rig.ask(with(get(&url(number)), &[("Foo", "1")]), |_| reply(200, VARY, "one")).await;
        let any = [("Cache-Control", "max-age=60")];
        rig.ask(with(get(&url(number)), &[("Foo", "2")]), |_| reply(200, &any, "any")).await;
    }
    let rig = rig.reopened();
    for number in 0..12 {
        let came = rig.ask(with(get(&url(number)), &[("Foo", "1")]), |_| reply(500, &[], "")).await;
        assert_eq!(came.text(), "any", "{number}");
    }
    // What comes now is later than what came in the session before.
    let request = mode(with(get(&url(0)), &[("Foo", "3")]), CacheMode::Reload);
    rig.ask(request, |_| reply(200, VARY, "three")).await;
    let came = rig.reopened().ask(with(get(&url(0)), &[("Foo", "3")]), |_| reply(500, &[], "")).await;
    assert_eq!(came.text(), "three");
}

#[tokio::test]
async fn an_asterisk_matches_nothing() {
    for vary in ["*", "Foo, *"] {
        let rig = Rig::new();
        rig.store(&[("Cache-Control", "max-age=60"), ("Vary", vary)], "a").await;
        assert!(!rig.hits(get(URL)).await, "{vary}");
    }
}

#[tokio::test]
async fn with_credentials_and_without_are_kept_apart() {
    let rig = Rig::new();
    let mut request = get(URL);
    request.credentials = true;
    rig.ask(request.clone(), |_| reply(200, &[("Cache-Control", "max-age=60")], "mine")).await;
    assert!(!rig.hits(get(URL)).await);
    rig.store(&[("Cache-Control", "max-age=60")], "anybody's").await;
    assert_eq!(rig.ask(request, |_| reply(500, &[], "")).await.text(), "mine");
}
