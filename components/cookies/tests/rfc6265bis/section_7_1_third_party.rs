//! Section 7.1: a policy decides who has cookies at all.

use std::sync::Arc;

use longhaul_cookies::{AccessKind, BlockThirdParty, CookieAccess, CookieJar, CookiePolicy};
use longhaul_storage::ManualClock;

use crate::support::*;

fn with(policy: impl CookiePolicy) -> Jar {
    let clock = Arc::new(ManualClock::default());
    Jar { jar: CookieJar::new(clock.clone()).with_policy(Arc::new(policy)), clock }
}

#[test]
fn third_parties_may_be_left_with_their_partition_alone() {
    let jar = with(BlockThirdParty);
    let url = "https://embedded.example/";
    jar.set(url, "first=1; Secure; SameSite=None").unwrap();
    assert_eq!(
        jar.set_in(url, "third=1; Secure; SameSite=None", &under("https://top.example")),
        Err(Rejection::Policy)
    );
    jar.set_in(url, "own=1; Secure; SameSite=None; Partitioned", &under("https://top.example")).unwrap();
    assert_eq!(jar.get_in(url, &under("https://top.example")), "own=1");
    // At its own top level it has its own.
    assert_eq!(jar.get(url), "first=1");
    assert_eq!(jar.get_in("https://a.embedded.example/", &under("https://embedded.example")), "");
}

#[test]
fn without_a_policy_third_parties_have_their_cookies() {
    let jar = Jar::default();
    let url = "https://embedded.example/";
    jar.set_in(url, "third=1; Secure; SameSite=None", &under("https://top.example")).unwrap();
    assert_eq!(jar.get_in(url, &under("https://other.example")), "third=1");
}

#[test]
fn a_policy_is_told_who_asks_for_what() {
    struct NoReading;
    impl CookiePolicy for NoReading {
        fn allows(&self, access: &CookieAccess<'_>) -> bool {
            assert_eq!(access.third_party, access.top_level_site != "https://a.example");
            access.kind == AccessKind::Set || access.url.path() == "/readable"
        }
    }
    let jar = with(NoReading);
    jar.set("https://a.example/", "a=b").unwrap();
    assert_eq!(jar.get("https://a.example/"), "");
    assert_eq!(jar.get("https://a.example/readable"), "a=b");
}
