//! What a profile keeps.

use std::sync::Arc;
use std::time::Duration;

use futures::executor::block_on;
use longhaul_cookies::{CookieJar, JarConfig, Limits, RetrievalContext, TABLES};
use longhaul_storage::{Clock, Location, ManualClock, Profile};
use tempfile::TempDir;
use url::Url;

fn open(folder: &TempDir) -> Profile {
    Profile::open(Location::Directory(folder.path().join("profile")), TABLES).unwrap().0
}

fn url() -> Url {
    Url::parse("https://a.example/").unwrap()
}

fn get(jar: &CookieJar) -> String {
    let header = jar.cookie_header(&url(), &RetrievalContext::default());
    String::from_utf8(header.unwrap_or_default()).unwrap()
}

fn set(jar: &CookieJar, header: &str) {
    jar.set_cookie(&url(), header.as_bytes(), &RetrievalContext::default()).unwrap();
}

fn stored(profile: &Profile) -> Vec<String> {
    let mut names: Vec<_> =
        profile.rows(TABLES[0]).unwrap().iter().map(|row| row[4].as_text().unwrap().to_owned()).collect();
    names.sort_unstable();
    names
}

#[test]
fn persistent_cookies_come_back_and_session_cookies_do_not() {
    let folder = TempDir::new().unwrap();
    let clock = Arc::new(ManualClock::default());
    {
        let profile = open(&folder);
        let jar = CookieJar::open(&profile, clock.clone()).unwrap();
        set(&jar, "z=1; Max-Age=100; Secure; SameSite=Strict; HttpOnly");
        set(&jar, "y=2; Max-Age=100; Path=/; Domain=a.example");
        set(&jar, "x=3");
        set(&jar, "w=4; Max-Age=10");
        let partitioned = RetrievalContext {
            partition_key: Some("https://top.example".to_owned()),
            ..RetrievalContext::default()
        };
        jar.set_cookie(&url(), b"v=5; Max-Age=100; Secure; Partitioned", &partitioned).unwrap();
        block_on(jar.flush()).unwrap();
        assert_eq!(stored(&profile), ["v", "w", "y", "z"]);
    }
    clock.advance(Duration::from_secs(20));
    let profile = open(&folder);
    let jar = CookieJar::open(&profile, clock).unwrap();
    assert_eq!(get(&jar), "z=1; y=2");
    let partitioned = RetrievalContext {
        partition_key: Some("https://top.example".to_owned()),
        ..RetrievalContext::default()
    };
    assert_eq!(jar.cookie_header(&url(), &partitioned).unwrap(), b"z=1; y=2; v=5");
    block_on(jar.flush()).unwrap();
    // The expired one is gone from the profile too.
    assert_eq!(stored(&profile), ["v", "y", "z"]);
}

#[test]
fn what_is_dropped_unflushed_is_written() {
    let folder = TempDir::new().unwrap();
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::default());
    let profile = open(&folder);
    let jar = CookieJar::open(&profile, clock.clone()).unwrap();
    for number in 0..100 {
        set(&jar, &format!("n{number}=1; Max-Age=100"));
    }
    drop(jar);
    assert_eq!(stored(&profile).len(), 100);
    let again = CookieJar::open(&profile, clock).unwrap();
    assert_eq!(again.len(), 100);
}

#[test]
fn removed_replaced_and_evicted_cookies_leave_the_profile() {
    let folder = TempDir::new().unwrap();
    let profile = open(&folder);
    let config = JarConfig::default().with_limits(Limits { per_domain: 3, total: 100 });
    let clock = Arc::new(ManualClock::default());
    let jar = CookieJar::open_with_config(&profile, clock.clone(), config).unwrap();
    set(&jar, "a=1; Max-Age=100");
    set(&jar, "b=1; Max-Age=100");
    set(&jar, "a=; Max-Age=0");
    // A session cookie takes the place of a persistent one.
    set(&jar, "b=2");
    block_on(jar.flush()).unwrap();
    assert_eq!(stored(&profile), Vec::<String>::new());
    for name in ["c", "d", "e"] {
        clock.advance(Duration::from_secs(1));
        set(&jar, &format!("{name}=1; Max-Age=100"));
    }
    clock.advance(Duration::from_secs(1));
    set(&jar, "f=1; Max-Age=100");
    block_on(jar.flush()).unwrap();
    assert_eq!(stored(&profile), ["d", "e", "f"]);
    jar.clear();
    block_on(jar.flush()).unwrap();
    assert_eq!(stored(&profile), Vec::<String>::new());
}

#[test]
fn the_order_of_creation_survives() {
    let folder = TempDir::new().unwrap();
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::default());
    let profile = open(&folder);
    let jar = CookieJar::open(&profile, clock.clone()).unwrap();
    // All at the same time.
    for name in ["q", "c", "z", "a"] {
        set(&jar, &format!("{name}=1; Max-Age=100"));
    }
    drop(jar);
    let jar = CookieJar::open(&profile, clock).unwrap();
    set(&jar, "b=1");
    assert_eq!(get(&jar), "q=1; c=1; z=1; a=1; b=1");
}

#[test]
fn the_last_access_is_kept_by_the_hour() {
    let folder = TempDir::new().unwrap();
    let profile = open(&folder);
    let clock = Arc::new(ManualClock::default());
    let last_access = || profile.rows(TABLES[0]).unwrap()[0][10].as_integer().unwrap();
    let jar = CookieJar::open(&profile, clock.clone()).unwrap();
    set(&jar, "a=1; Max-Age=100000");
    block_on(jar.flush()).unwrap();
    let created = last_access();
    for seconds in [1_800, 1_799] {
        clock.advance(Duration::from_secs(seconds));
        assert_eq!(get(&jar), "a=1");
        block_on(jar.flush()).unwrap();
        assert_eq!(last_access(), created);
    }
    clock.advance(Duration::from_secs(1));
    assert_eq!(get(&jar), "a=1");
    block_on(jar.flush()).unwrap();
    assert_eq!(last_access() - created, 3_600 * 1_000_000);
}
