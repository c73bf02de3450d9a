//! What may be set.

mod support;

use longhaul_cookies::{DefaultSameSite, JarConfig, Limits, Rejection, SameSiteContext};
use support::{Jar, from, script};

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
fn what_is_neither_named_nor_valued_is_refused() {
    let jar = Jar::default();
    for header in ["", "=", " ; Path=/", "=;"] {
        assert_eq!(jar.set("https://a.example/", header), Err(Rejection::Empty), "{header}");
    }
    jar.set("https://a.example/", "value").unwrap();
    assert_eq!(jar.get("https://a.example/"), "value");
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
fn the_domain_is_the_host_or_above_it() {
    let jar = Jar::default();
    let url = "https://a.example.com/";
    assert_eq!(jar.set(url, "a=b; Domain=example.com"), Ok(()));
    assert_eq!(jar.set(url, "a=b; Domain=.EXAMPLE.com"), Ok(()));
    assert_eq!(jar.set(url, "a=b; Domain=b.example.com"), Err(Rejection::DomainMismatch));
    assert_eq!(jar.set(url, "a=b; Domain=x.a.example.com"), Err(Rejection::DomainMismatch));
    assert_eq!(jar.set(url, "a=b; Domain=ample.com"), Err(Rejection::DomainMismatch));
    assert_eq!(jar.set(url, "a=b; Domain=example.com:443"), Err(Rejection::DomainMismatch));
    assert_eq!(jar.set(url, "a=b; Domain=exämple.com"), Err(Rejection::DomainNotAscii));
    assert_eq!(jar.set("https://1.2.3.4/", "a=b; Domain=2.3.4"), Err(Rejection::DomainMismatch));
    assert_eq!(jar.set("https://1.2.3.4/", "a=b; Domain=1.2.3.4"), Ok(()));
    assert_eq!(jar.set("https://[::1]/", "c=d"), Ok(()));
    assert_eq!(jar.get("https://[::1]/"), "c=d");
    assert_eq!(jar.get("https://1.2.3.4/"), "a=b");
    assert_eq!(jar.get("https://example.com/"), "a=b");
}

#[test]
fn an_empty_last_domain_means_the_host_alone() {
    let jar = Jar::default();
    jar.set("https://a.example.com/", "a=b; Domain=example.com; Domain=").unwrap();
    assert_eq!(jar.get("https://a.example.com/"), "a=b");
    assert_eq!(jar.get("https://example.com/"), "");
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

#[test]
fn prefixes_keep_their_promise() {
    let jar = Jar::default();
    let url = "https://a.example.com/";
    assert_eq!(jar.set(url, "__Secure-a=b"), Err(Rejection::SecurePrefix));
    assert_eq!(jar.set(url, "__secure-a=b"), Err(Rejection::SecurePrefix));
    assert_eq!(jar.set(url, "__Secure-a=b; Secure"), Ok(()));
    for header in [
        "__Host-a=b; Secure",
        "__Host-a=b; Path=/",
        "__Host-a=b; Secure; Path=/x",
        "__hOsT-a=b; Secure; Path=/; Domain=a.example.com",
    ] {
        assert_eq!(jar.set(url, header), Err(Rejection::HostPrefix), "{header}");
    }
    assert_eq!(jar.set(url, "__Host-a=b; Secure; Path=/"), Ok(()));
    assert_eq!(jar.get(url), "__Secure-a=b; __Host-a=b");
}

#[test]
fn a_nameless_cookie_cannot_pretend_to_a_prefix() {
    let jar = Jar::default();
    for header in [
        "__Host-a=b",
        "=__Host-a=b; Secure; Path=/",
        "=__Secure-a",
        "=__secure-a=b; Secure",
        "__HOST-a; Secure",
    ] {
        assert!(jar.set("https://a.example/", header).is_err(), "{header}");
    }
    assert_eq!(jar.set("https://a.example/", "=__Host-a=b; Secure; Path=/"), Err(Rejection::PretendedPrefix));
}

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
fn max_age_counts_before_expires_and_the_past_removes() {
    let jar = Jar::default();
    jar.set("https://a.example/", "a=1; Max-Age=10; Expires=Thu, 01 Jan 1970 00:00:00 GMT").unwrap();
    assert_eq!(jar.get("https://a.example/"), "a=1");
    jar.advance(10);
    assert_eq!(jar.get("https://a.example/"), "");
    for removal in ["a=; Max-Age=0", "a=; Max-Age=-5", "a=; Expires=Thu, 01 Jan 1970 00:00:00 GMT"] {
        jar.set("https://a.example/", "a=1; Max-Age=10").unwrap();
        jar.set("https://a.example/", removal).unwrap();
        assert_eq!(jar.get("https://a.example/"), "", "{removal}");
        assert_eq!(jar.jar.len(), 0, "{removal}");
    }
}

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

#[test]
fn octets_that_are_not_utf_8_come_back_as_they_came() {
    let jar = Jar::default();
    let url = url::Url::parse("https://a.example/").unwrap();
    let context = longhaul_cookies::RetrievalContext::default();
    jar.jar.set_cookie(&url, b"\xff\xfe=\x80b", &context).unwrap();
    assert_eq!(jar.jar.cookie_header(&url, &context).unwrap(), b"\xff\xfe=\x80b");
}
