//! What goes with a request.

mod support;

use longhaul_cookies::{DefaultSameSite, JarConfig, RetrievalContext, SameSiteContext};
use support::{Jar, from, under};

#[test]
fn longer_paths_come_first_then_the_older() {
    let jar = Jar::default();
    for (name, path) in [("a", "/"), ("b", "/x/y"), ("c", "/x"), ("d", "/x/y"), ("e", "/")] {
        jar.set("https://a.example/x/y/z", &format!("{name}=1; Path={path}")).unwrap();
    }
    assert_eq!(jar.get("https://a.example/x/y/z"), "b=1; d=1; c=1; a=1; e=1");
    assert_eq!(jar.get("https://a.example/x"), "c=1; a=1; e=1");
    assert_eq!(jar.get("https://a.example/xy"), "a=1; e=1");
}

#[test]
fn a_changed_cookie_keeps_its_age() {
    let jar = Jar::default();
    jar.set("https://a.example/", "a=1").unwrap();
    jar.set("https://a.example/", "b=1").unwrap();
    jar.advance(5);
    jar.set("https://a.example/", "a=2").unwrap();
    assert_eq!(jar.get("https://a.example/"), "a=2; b=1");
    // One that was removed in between is new.
    jar.set("https://a.example/", "a=; Max-Age=0").unwrap();
    jar.set("https://a.example/", "a=3").unwrap();
    assert_eq!(jar.get("https://a.example/"), "b=1; a=3");
}

#[test]
fn nothing_is_nothing() {
    let jar = Jar::default();
    let url = url::Url::parse("https://a.example/").unwrap();
    assert_eq!(jar.jar.cookie_header(&url, &RetrievalContext::default()), None);
}

#[test]
fn secure_cookies_go_over_secure_connections() {
    let jar = Jar::default();
    jar.set("https://a.example/", "a=1; Secure").unwrap();
    jar.set("https://a.example/", "b=2").unwrap();
    assert_eq!(jar.get("http://a.example/"), "b=2");
    assert_eq!(jar.get("https://a.example:8443/"), "a=1; b=2");
}

fn four_flags(config: JarConfig) -> Jar {
    let jar = Jar::new(config);
    for header in ["n=1; Secure; SameSite=None", "l=1; SameSite=Lax", "s=1; SameSite=Strict", "d=1"] {
        jar.set("https://a.example/", header).unwrap();
    }
    jar
}

#[test]
fn same_site_by_the_context() {
    use SameSiteContext::{CrossSite, CrossSiteTopLevel, CrossSiteTopLevelUnsafe, SameSite};
    let jar = four_flags(JarConfig::default());
    for (context, cookies) in [
        (SameSite, "n=1; l=1; s=1; d=1"),
        (CrossSiteTopLevel, "n=1; l=1; d=1"),
        (CrossSiteTopLevelUnsafe, "n=1"),
        (CrossSite, "n=1"),
    ] {
        assert_eq!(jar.get_in("https://a.example/", &from(context)), cookies, "{context:?}");
    }
}

#[test]
fn a_young_cookie_may_go_with_an_unsafe_navigation() {
    let jar = four_flags(JarConfig::default().with_default_same_site(DefaultSameSite::LaxAllowingUnsafe));
    let post = from(SameSiteContext::CrossSiteTopLevelUnsafe);
    jar.advance(119);
    assert_eq!(jar.get_in("https://a.example/", &post), "n=1; d=1");
    assert_eq!(jar.get_in("https://a.example/", &from(SameSiteContext::CrossSite)), "n=1");
    jar.advance(2);
    assert_eq!(jar.get_in("https://a.example/", &post), "n=1");
    assert_eq!(jar.get_in("https://a.example/", &from(SameSiteContext::CrossSiteTopLevel)), "n=1; l=1; d=1");
}

#[test]
fn the_default_may_be_none() {
    let jar = four_flags(JarConfig::default().with_default_same_site(DefaultSameSite::None));
    assert_eq!(jar.get_in("https://a.example/", &from(SameSiteContext::CrossSite)), "n=1; d=1");
}

#[test]
fn partitioned_cookies_stay_with_their_top_level_site() {
    let jar = Jar::default();
    let url = "https://embedded.example/";
    let partitioned = "a=1; Secure; SameSite=None; Partitioned";
    jar.set_in(url, partitioned, &under("https://one.example")).unwrap();
    jar.set_in(url, "u=2; Secure; SameSite=None", &under("https://one.example")).unwrap();
    assert_eq!(jar.get_in(url, &under("https://one.example")), "a=1; u=2");
    assert_eq!(jar.get_in(url, &under("https://two.example")), "u=2");
    assert_eq!(jar.get(url), "u=2");
    // The same cookie in another partition is another cookie.
    jar.set_in(url, "a=3; Secure; SameSite=None; Partitioned", &under("https://two.example")).unwrap();
    assert_eq!(jar.get_in(url, &under("https://one.example")), "a=1; u=2");
    assert_eq!(jar.get_in(url, &under("https://two.example")), "u=2; a=3");
}

#[test]
fn without_a_partition_the_site_is_its_own_top_level() {
    let jar = Jar::default();
    jar.set("https://a.one.example/", "a=1; Secure; Partitioned").unwrap();
    assert_eq!(jar.get("https://a.one.example/"), "a=1");
    assert_eq!(
        jar.get_in(
            "https://a.one.example/",
            &RetrievalContext {
                partition_key: Some("https://one.example".to_owned()),
                ..RetrievalContext::default()
            }
        ),
        "a=1"
    );
    assert_eq!(
        jar.set("https://a.one.example/", "a=1; Partitioned"),
        Err(longhaul_cookies::Rejection::PartitionedInsecure)
    );
}

#[test]
fn clearing_leaves_nothing() {
    let jar = four_flags(JarConfig::default());
    jar.jar.clear();
    assert!(jar.jar.is_empty());
    assert_eq!(jar.get("https://a.example/"), "");
}
