//! What a jar tells those who watch it, and what it shows.

use std::sync::{Arc, Mutex};

use longhaul_cookies::{Cookie, CookieChange, CookieObserver};

use crate::support::*;

#[derive(Default)]
struct Notes(Mutex<Vec<String>>);

impl CookieObserver for Notes {
    fn changed(&self, change: &CookieChange) {
        let (what, cookie) = match change {
            CookieChange::Set(cookie) => ("set", cookie),
            CookieChange::Removed(cookie) => ("removed", cookie),
            CookieChange::Evicted(cookie) => ("evicted", cookie),
            _ => unreachable!("there are three kinds"),
        };
        self.0.lock().unwrap().push(format!("{what} {}={}", cookie.name, cookie.value));
    }
}

impl Notes {
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

#[test]
fn every_change_is_told_in_order() {
    let jar = Jar::new(JarConfig::default().with_limits(Limits { per_domain: 2, total: 100 }));
    let url = "https://a.example/";
    jar.set(url, "before=1").unwrap();
    let notes = Arc::new(Notes::default());
    jar.jar.observe(&(notes.clone() as Arc<dyn CookieObserver>));
    jar.set(url, "a=1").unwrap();
    jar.set(url, "a=2; HttpOnly").unwrap();
    jar.advance(1);
    assert_eq!(jar.get(url), "before=1; a=2");
    jar.advance(1);
    jar.set(url, "b=3").unwrap();
    assert_eq!(notes.take(), ["set a=1", "set a=2", "set b=3", "evicted before=1"]);
    jar.set(url, "b=; Max-Age=0").unwrap();
    jar.set(url, "never=; Max-Age=0").unwrap();
    assert!(jar.set(url, "bad=\0").is_err());
    assert_eq!(notes.take(), ["removed b=3"]);
    jar.jar.clear();
    assert_eq!(notes.take(), ["removed a=2"]);
    drop(notes);
    jar.set(url, "c=4").unwrap();
}

#[test]
fn an_observer_may_change_the_jar() {
    struct Mirror(Mutex<Option<Arc<Jar>>>, Notes);
    impl CookieObserver for Mirror {
        fn changed(&self, change: &CookieChange) {
            self.1.changed(change);
            let jar = self.0.lock().unwrap().clone();
            if let (CookieChange::Set(cookie), Some(jar)) = (change, jar)
                && cookie.name == "a"
            {
                jar.set("https://a.example/", "mirrored=1").unwrap();
            }
        }
    }
    let jar = Arc::new(Jar::default());
    let mirror = Arc::new(Mirror(Mutex::new(Some(jar.clone())), Notes::default()));
    jar.jar.observe(&(mirror.clone() as Arc<dyn CookieObserver>));
    jar.set("https://a.example/", "a=1").unwrap();
    assert_eq!(mirror.1.take(), ["set a=1", "set mirrored=1"]);
    mirror.0.lock().unwrap().take();
}

fn names(cookies: &[Cookie]) -> Vec<&str> {
    cookies.iter().map(|cookie| cookie.name.as_str()).collect()
}

#[test]
fn a_jar_shows_its_cookies_and_clears_some() {
    let jar = Jar::default();
    jar.set("https://a.example.com/", "shared=1; Domain=example.com; Secure; SameSite=Lax").unwrap();
    jar.set("https://a.example.com/x/", "own=2; HttpOnly; Max-Age=100").unwrap();
    jar.set("https://b.example.com/", "other=3").unwrap();
    jar.set("https://elsewhere.example/", "far=4; Max-Age=1").unwrap();
    jar.set_in(
        "https://b.example.com/",
        "p=5; Secure; SameSite=None; Partitioned",
        &under("https://top.example"),
    )
    .unwrap();
    jar.advance(1);
    let cookies = jar.jar.cookies();
    assert_eq!(names(&cookies), ["shared", "own", "other", "p"]);
    let [shared, own, _, partitioned] = &cookies[..] else { unreachable!("there are four") };
    assert_eq!((shared.domain.as_str(), shared.host_only, shared.secure), ("example.com", false, true));
    assert_eq!((shared.same_site, own.same_site), (Some("Lax"), None));
    assert_eq!((own.path.as_str(), own.http_only, own.host_only), ("/x", true, true));
    assert_eq!(own.expires.unwrap().duration_since(own.last_access).unwrap().as_secs(), 100);
    assert_eq!(shared.expires, None);
    assert_eq!(partitioned.partition.as_deref(), Some("https://top.example"));
    // No value is printed by accident.
    assert!(!format!("{own:?}").contains('2'));

    assert_eq!(jar.jar.clear_host("a.example.com"), 2);
    assert_eq!(names(&jar.jar.cookies()), ["other", "p"]);
    assert_eq!(jar.jar.clear_site("x.example.com", "https://example.com"), 1);
    assert_eq!(names(&jar.jar.cookies()), ["p"]);
    assert_eq!(jar.jar.clear_site("example.com", "https://top.example"), 1);
    jar.set("https://a.example/", "s=1").unwrap();
    jar.jar.clear();
    assert!(jar.jar.cookies().is_empty());
    assert_eq!(jar.get("https://a.example/"), "");
}
