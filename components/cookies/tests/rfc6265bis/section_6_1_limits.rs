//! Section 6.1, and the end of 5.7: how many there may be, and which go first.

use crate::support::*;

#[test]
fn a_domain_keeps_its_limit_and_gives_up_insecure_cookies_first() {
    let limits = Limits { per_domain: 3, total: 1000 };
    let jar = Jar::new(JarConfig::default().with_limits(limits));
    let url = "https://a.example/";
    for header in ["a=1; Secure", "b=2", "c=3; Secure"] {
        jar.set(url, header).unwrap();
        jar.advance(1);
    }
    jar.set("https://b.example/", "x=1").unwrap();
    jar.set(url, "d=4; Secure").unwrap();
    assert_eq!(jar.get(url), "a=1; c=3; d=4");
    // Now the one that was not used for longest.
    jar.advance(1);
    jar.set("https://a.example/c/", "a=5; Secure; Path=/c").unwrap();
    assert_eq!(jar.get("https://a.example/c"), "a=5; c=3; d=4");
    assert_eq!(jar.get("https://b.example/"), "x=1");
}

#[test]
fn expired_cookies_are_the_first_to_go() {
    let jar = Jar::new(JarConfig::default().with_limits(Limits { per_domain: 2, total: 1000 }));
    let url = "https://a.example/";
    jar.set(url, "a=1").unwrap();
    jar.advance(1);
    jar.set(url, "b=2; Secure; Max-Age=5").unwrap();
    jar.advance(10);
    jar.set(url, "c=3").unwrap();
    assert_eq!(jar.get(url), "a=1; c=3");
}

#[test]
fn the_jar_keeps_its_limit() {
    let jar = Jar::new(JarConfig::default().with_limits(Limits { per_domain: 50, total: 100 }));
    for number in 0..500 {
        jar.set(&format!("https://a{number}.example/"), "a=b").unwrap();
        jar.advance(1);
        assert!(jar.jar.len() <= 100);
    }
    assert_eq!(jar.get("https://a499.example/"), "a=b");
    assert_eq!(jar.get("https://a0.example/"), "");
}
