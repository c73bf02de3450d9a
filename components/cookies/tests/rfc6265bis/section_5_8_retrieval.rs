//! Section 5.8: what goes with a request, and what a script sees.

use crate::support::*;

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
fn secure_cookies_go_over_secure_connections() {
    let jar = Jar::default();
    jar.set("https://a.example/", "a=1; Secure").unwrap();
    jar.set("https://a.example/", "b=2").unwrap();
    assert_eq!(jar.get("http://a.example/"), "b=2");
    assert_eq!(jar.get("https://a.example:8443/"), "a=1; b=2");
}

#[test]
fn a_nameless_cookie_goes_without_an_equals_sign() {
    let jar = Jar::default();
    jar.set("https://a.example/", "value").unwrap();
    jar.set("https://a.example/", "name=").unwrap();
    assert_eq!(jar.get("https://a.example/"), "value; name=");
}

#[test]
fn a_script_sees_what_is_not_http_only() {
    let jar = Jar::default();
    jar.set("https://a.example/", "hidden=1; HttpOnly").unwrap();
    jar.set("https://a.example/", "seen=2").unwrap();
    assert_eq!(jar.get_in("https://a.example/", &script()), "seen=2");
    assert_eq!(jar.get("https://a.example/"), "hidden=1; seen=2");
}
