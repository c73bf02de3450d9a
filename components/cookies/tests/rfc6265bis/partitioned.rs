//! CHIPS: `Partitioned`, and a jar for each top-level site.
//!
//! <https://datatracker.ietf.org/doc/html/draft-cutler-httpbis-partitioned-cookies>

use crate::support::*;

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
    assert_eq!(jar.set("https://a.one.example/", "a=1; Partitioned"), Err(Rejection::PartitionedInsecure));
}
