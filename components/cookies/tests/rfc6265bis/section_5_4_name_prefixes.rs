//! Section 5.4: names that promise something.

use crate::support::*;

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
fn http_prefixes_are_for_responses_alone() {
    let jar = Jar::default();
    let url = "https://a.example.com/";
    for header in
        ["__Http-a=b; HttpOnly", "__Http-a=b; Secure", "__hTTp-a=b", "__Host-Http-a=b; Secure; Path=/"]
    {
        assert!(jar.set(url, header).is_err(), "{header}");
    }
    assert_eq!(jar.set(url, "__Host-Http-a=b; Secure; HttpOnly; Path=/x"), Err(Rejection::HostPrefix));
    assert_eq!(jar.set_in(url, "__Http-a=b; Secure", &script()), Err(Rejection::HttpPrefix));
    assert_eq!(jar.set(url, "__Http-a=b; Secure; HttpOnly"), Ok(()));
    assert_eq!(jar.set(url, "__Host-Http-a=b; Secure; HttpOnly; Path=/"), Ok(()));
    assert_eq!(jar.get(url), "__Http-a=b; __Host-Http-a=b");
}

#[test]
fn what_only_looks_like_a_prefix_promises_nothing() {
    let jar = Jar::default();
    let url = "http://a.example.com/";
    for header in ["_Secure-a=b", "__Secure=b", "__Secur-a=b", "x__Host-=b", "__Host=b", "__Http=b"] {
        assert_eq!(jar.set(url, header), Ok(()), "{header}");
    }
    // A named cookie's value may look like anything.
    assert_eq!(jar.set(url, "a=__Host-b"), Ok(()));
}
