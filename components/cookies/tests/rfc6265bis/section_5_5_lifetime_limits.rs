//! Section 5.5: nothing lives for ever.

use crate::support::*;

#[test]
fn nothing_lives_longer_than_400_days() {
    let jar = Jar::default();
    jar.set("https://a.example/", "a=1; Max-Age=99999999999999").unwrap();
    jar.set("https://a.example/", "b=2; Expires=Fri, 01 Jan 2999 00:00:00 GMT").unwrap();
    jar.set("https://a.example/", "c=3").unwrap();
    jar.advance(400 * 86_400 - 1);
    assert_eq!(jar.get("https://a.example/"), "a=1; b=2; c=3");
    jar.advance(1);
    assert_eq!(jar.get("https://a.example/"), "c=3");
}

#[test]
fn what_is_within_the_limit_ends_when_it_says() {
    let jar = Jar::default();
    jar.set("https://a.example/", &format!("a=1; Max-Age={}", 399 * 86_400)).unwrap();
    jar.advance(399 * 86_400 - 1);
    assert_eq!(jar.get("https://a.example/"), "a=1");
    jar.advance(1);
    assert_eq!(jar.get("https://a.example/"), "");
}
