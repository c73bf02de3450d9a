//! Section 5.1.3: which hosts a domain stands for.

use crate::support::*;

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
fn a_domain_reaches_its_subdomains_and_a_host_does_not() {
    let jar = Jar::default();
    jar.set("https://example.com/", "domain=1; Domain=example.com").unwrap();
    jar.set("https://example.com/", "host=1").unwrap();
    assert_eq!(jar.get("https://example.com/"), "domain=1; host=1");
    assert_eq!(jar.get("https://a.b.example.com/"), "domain=1");
    // The label has to be whole.
    assert_eq!(jar.get("https://badexample.com/"), "");
    assert_eq!(jar.get("https://com/"), "");
}

#[test]
fn hosts_are_compared_in_their_canonical_form() {
    let jar = Jar::default();
    jar.set("https://EXAMPLE.com/", "a=b; Domain=ExAmPlE.cOm").unwrap();
    assert_eq!(jar.get("https://example.COM/"), "a=b");
    jar.set("https://bücher.example/", "c=d; Domain=xn--bcher-kva.example").unwrap();
    assert_eq!(jar.get("https://a.xn--bcher-kva.example/"), "c=d");
}

#[test]
fn a_port_is_no_part_of_the_host() {
    let jar = Jar::default();
    jar.set("https://example.com:8443/", "a=b").unwrap();
    assert_eq!(jar.get("https://example.com/"), "a=b");
}
