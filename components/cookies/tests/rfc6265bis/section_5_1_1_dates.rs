//! Section 5.1.1: dates, as far as they show in what a cookie does.

use crate::support::*;

/// The jar's clock begins on 9 September 2001 at 01:46:40; all of these are an hour later.
#[test]
fn a_date_is_understood_in_the_forms_that_servers_write() {
    for date in [
        "Sun, 09 Sep 2001 02:46:40 GMT",
        "Sunday, 09-Sep-01 02:46:40 GMT",
        "Sun Sep  9 02:46:40 2001",
        "9 sep 01 2:46:40",
        "2001 Sep 09 02:46:40",
        // Whatever follows a token's digits does not count.
        "09th September 2001 02:46:40.5 UTC",
    ] {
        let jar = Jar::default();
        jar.set("https://a.example/", &format!("a=b; Expires={date}")).unwrap();
        jar.advance(3_599);
        assert_eq!(jar.get("https://a.example/"), "a=b", "{date}");
        jar.advance(1);
        assert_eq!(jar.get("https://a.example/"), "", "{date}");
    }
}

#[test]
fn what_is_no_date_leaves_a_session_cookie() {
    for date in [
        "",
        "soon",
        "01 Jan 2030",
        "32 Jan 2030 00:00:00",
        "01 Jan 1600 00:00:00",
        "01 Jan 2030 24:00:00",
        "30 Feb 2030 00:00:00",
        "01 Jan 1 00:00:00",
    ] {
        let jar = Jar::default();
        jar.set("https://a.example/", &format!("a=b; Expires={date}")).unwrap();
        jar.advance(1_000 * 86_400);
        assert_eq!(jar.get("https://a.example/"), "a=b", "{date}");
    }
}

#[test]
fn years_of_two_digits_are_of_this_time() {
    let jar = Jar::default();
    // 69 is 2069, which the limit of 400 days cuts; 70 is 1970, which is over.
    jar.set("https://a.example/", "a=b; Expires=01 Jan 69 00:00:00").unwrap();
    jar.set("https://a.example/", "c=d; Expires=01 Jan 70 00:00:00").unwrap();
    assert_eq!(jar.get("https://a.example/"), "a=b");
}
