//! Section 5.6: how `Set-Cookie` is read.

use crate::support::*;

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
fn octets_that_are_not_utf_8_come_back_as_they_came() {
    let jar = Jar::default();
    let url = url::Url::parse("https://a.example/").unwrap();
    let context = RetrievalContext::default();
    jar.jar.set_cookie(&url, b"\xff\xfe=\x80b", &context).unwrap();
    assert_eq!(jar.jar.cookie_header(&url, &context).unwrap(), b"\xff\xfe=\x80b");
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
fn an_empty_last_domain_means_the_host_alone() {
    let jar = Jar::default();
    jar.set("https://a.example.com/", "a=b; Domain=example.com; Domain=").unwrap();
    assert_eq!(jar.get("https://a.example.com/"), "a=b");
    assert_eq!(jar.get("https://example.com/"), "");
}

#[test]
fn control_characters_refuse_the_whole_header() {
    let jar = Jar::default();
    let url = "https://a.example/";
    for header in ["a=b\0", "a\x01=b", "a=b; Path=/\x7f", "a=b\r", "a=b; x\n"] {
        assert_eq!(jar.set(url, header), Err(Rejection::ControlCharacter), "{header:?}");
    }
    // A tab is whitespace.
    jar.set(url, "\ta\t=\tb\tc\t; Path=/").unwrap();
    assert_eq!(jar.get(url), "a=b\tc");
}

#[test]
fn name_and_value_have_4096_octets_together() {
    let jar = Jar::default();
    let url = "https://a.example/";
    jar.set(url, &format!("{}={}", "n".repeat(96), "v".repeat(4_000))).unwrap();
    assert_eq!(jar.set(url, &format!("{}={}", "n".repeat(97), "v".repeat(4_000))), Err(Rejection::TooLarge));
    // The attributes are not counted, and whitespace around is not either.
    jar.set(url, &format!("a={}  ; Path=/{}", "v".repeat(4_095), "x".repeat(900))).unwrap();
}

#[test]
fn an_attribute_of_more_than_1024_octets_is_ignored() {
    let jar = Jar::default();
    let url = "https://a.example/";
    jar.set(url, &format!("a=b; Path=/{}", "x".repeat(1_024))).unwrap();
    assert_eq!(jar.get(url), "a=b");
    jar.set(url, &format!("c=d; Path=/{}", "x".repeat(1_023))).unwrap();
    assert_eq!(jar.get(url), "a=b");
}

#[test]
fn the_last_attribute_of_a_name_counts() {
    let jar = Jar::default();
    jar.set("https://a.example/", "a=b; Path=/x; path=/y; Max-Age=0; MAX-AGE=10; Unknown=1; =2; ;").unwrap();
    assert_eq!(jar.get("https://a.example/y"), "a=b");
    assert_eq!(jar.get("https://a.example/x"), "");
}

#[test]
fn a_max_age_that_is_no_number_is_ignored() {
    for (value, alive) in [("x", true), ("1x", true), ("+1", true), ("1.5", true), ("", true), ("-1", false)]
    {
        let jar = Jar::default();
        jar.set("https://a.example/", &format!("a=b; Max-Age={value}")).unwrap();
        jar.advance(2);
        assert_eq!(jar.get("https://a.example/") == "a=b", alive, "{value}");
    }
}

#[test]
fn percent_and_quotes_are_what_they_are() {
    let jar = Jar::default();
    jar.set("https://a.example/", "a=\"b%20c\"").unwrap();
    assert_eq!(jar.get("https://a.example/"), "a=\"b%20c\"");
}
