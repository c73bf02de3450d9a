//! Section 5.7: what may be set.

use crate::support::*;

#[test]
fn a_cookie_replaces_the_one_with_its_name_domain_and_path() {
    let jar = Jar::default();
    jar.set("https://a.example/", "a=1").unwrap();
    jar.set("https://a.example/", "a=2").unwrap();
    assert_eq!(jar.get("https://a.example/"), "a=2");
    assert_eq!(jar.jar.len(), 1);
    jar.set("https://a.example/x/y", "a=3").unwrap();
    assert_eq!(jar.get("https://a.example/x/z"), "a=3; a=2");
}

#[test]
fn host_only_and_domain_cookies_are_two() {
    let jar = Jar::default();
    jar.set("https://www.example.com/", "a=host").unwrap();
    jar.set("https://www.example.com/", "a=domain; Domain=www.example.com").unwrap();
    assert_eq!(jar.get("https://www.example.com/"), "a=host; a=domain");
    assert_eq!(jar.get("https://sub.www.example.com/"), "a=domain");
}

#[test]
fn only_urls_of_the_web_have_cookies() {
    let jar = Jar::default();
    for url in ["file:///x", "data:,x", "ftp://a.example/"] {
        assert_eq!(jar.set(url, "a=b"), Err(Rejection::Url), "{url}");
        assert_eq!(jar.get(url), "");
    }
    jar.set("wss://a.example/", "a=b; Secure; HttpOnly").unwrap();
    assert_eq!(jar.get("https://a.example/"), "a=b");
    assert_eq!(jar.get("wss://a.example/"), "a=b");
    assert_eq!(jar.get("ws://a.example/"), "");
}

#[test]
fn public_suffixes_share_no_cookies() {
    let jar = Jar::default();
    for (url, domain) in [
        ("https://a.co.uk/", "co.uk"),
        ("https://a.com/", "com"),
        ("https://a.github.io/", "github.io"),
        ("http://a.localhost/", "localhost"),
    ] {
        assert_eq!(jar.set(url, &format!("a=b; Domain={domain}")), Err(Rejection::PublicSuffix), "{domain}");
    }
    // The suffix itself gets a cookie of its own.
    jar.set("https://github.io/", "a=b; Domain=github.io").unwrap();
    assert_eq!(jar.get("https://github.io/"), "a=b");
    assert_eq!(jar.get("https://x.github.io/"), "");
}

#[test]
fn what_is_no_name_of_the_dns_shares_no_cookies() {
    let jar = Jar::default();
    // An empty label belongs to nobody, and so does what stands before it.
    jar.set("https://0../", "a=b; Domain=0..").unwrap();
    assert_eq!(jar.get("https://0../"), "a=b");
    assert_eq!(jar.get("https://127.0../"), "");
    assert_eq!(jar.set("https://a.b..c/", "a=b; Domain=b..c"), Err(Rejection::PublicSuffix));
    // Before a domain it may stand.
    jar.set("https://example.com/", "c=d; Domain=example.com").unwrap();
    assert_eq!(jar.get("https://a..example.com/"), "c=d");
}

#[test]
fn secure_cookies_come_over_secure_connections() {
    let jar = Jar::default();
    assert_eq!(jar.set("http://a.example/", "a=b; Secure"), Err(Rejection::SecureOverInsecure));
    for local in ["http://localhost:8000/", "http://127.0.0.1/", "http://x.localhost/", "http://[::1]:1/"] {
        jar.set(local, "a=b; Secure").unwrap();
        assert_eq!(jar.get(local), "a=b", "{local}");
    }
}

#[test]
fn an_insecure_connection_cannot_hide_secure_cookies() {
    let jar = Jar::default();
    jar.set("https://www.example.com/x/", "a=1; Secure; Path=/x; Domain=example.com").unwrap();
    for (url, header) in [
        ("http://www.example.com/", "a=2; Path=/x"),
        ("http://example.com/", "a=2; Path=/x/y"),
        ("http://sub.www.example.com/", "a=2; Path=/x; Domain=example.com"),
    ] {
        assert_eq!(jar.set(url, header), Err(Rejection::OverwritesSecure), "{url} {header}");
    }
    // Another name, a shorter path and a secure connection are all fine.
    jar.set("http://www.example.com/", "b=2; Path=/x").unwrap();
    jar.set("http://www.example.com/", "a=2; Path=/").unwrap();
    jar.set("https://www.example.com/", "a=3; Path=/x; Domain=example.com").unwrap();
    assert_eq!(jar.get("http://www.example.com/x"), "a=3; b=2; a=2");
}

#[test]
fn scripts_neither_see_nor_change_http_only_cookies() {
    let jar = Jar::default();
    let url = "https://a.example/";
    assert_eq!(jar.set_in(url, "a=1; HttpOnly", &script()), Err(Rejection::HttpOnlyByScript));
    jar.set(url, "a=1; HttpOnly").unwrap();
    assert_eq!(jar.set_in(url, "a=2", &script()), Err(Rejection::OverwritesHttpOnly));
    assert_eq!(jar.set_in(url, "a=; Max-Age=0", &script()), Err(Rejection::OverwritesHttpOnly));
    jar.set_in(url, "b=2", &script()).unwrap();
    assert_eq!(jar.get_in(url, &script()), "b=2");
    assert_eq!(jar.get(url), "a=1; b=2");
}

#[test]
fn same_site_none_has_to_be_secure() {
    let jar = Jar::default();
    assert_eq!(jar.set("https://a.example/", "a=b; SameSite=None"), Err(Rejection::SameSiteNoneInsecure));
    jar.set("https://a.example/", "a=b; SameSite=None; Secure").unwrap();
}

#[test]
fn other_sites_set_only_same_site_none() {
    let jar = Jar::default();
    let url = "https://a.example/";
    let cross = from(SameSiteContext::CrossSite);
    for flag in ["", "; SameSite=Lax", "; SameSite=Strict"] {
        assert_eq!(
            jar.set_in(url, &format!("a=b; Secure{flag}"), &cross),
            Err(Rejection::CrossSite),
            "{flag}"
        );
        let navigation = from(SameSiteContext::CrossSiteTopLevel);
        assert_eq!(jar.set_in(url, &format!("a=b; Secure{flag}"), &navigation), Ok(()), "{flag}");
    }
    assert_eq!(jar.set_in(url, "c=d; Secure; SameSite=None", &cross), Ok(()));
    let lenient = Jar::new(JarConfig::default().with_default_same_site(DefaultSameSite::None));
    assert_eq!(lenient.set_in(url, "a=b", &cross), Ok(()));
}
