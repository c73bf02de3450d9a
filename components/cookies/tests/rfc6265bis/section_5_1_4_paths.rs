//! Section 5.1.4: default paths, and which paths a path stands for.

use crate::support::*;

#[test]
fn without_a_path_the_folder_of_the_request_is_taken() {
    for (request, beneath, beside) in
        [("/x/y", "/x/z", "/z"), ("/x/", "/x/z", "/xz"), ("/x/y/z", "/x/y", "/x/yy")]
    {
        let jar = Jar::default();
        jar.set(&format!("https://a.example{request}"), "a=b").unwrap();
        assert_eq!(jar.get(&format!("https://a.example{beneath}")), "a=b", "{request} {beneath}");
        assert_eq!(jar.get(&format!("https://a.example{beside}")), "", "{request} {beside}");
    }
    let jar = Jar::default();
    jar.set("https://a.example/x", "a=b").unwrap();
    assert_eq!(jar.get("https://a.example/anything"), "a=b");
}

#[test]
fn a_path_that_does_not_begin_with_a_slash_is_the_default() {
    for header in ["a=b; Path=x", "a=b; Path=", "a=b; Path=\"/\"", "a=b; Path"] {
        let jar = Jar::default();
        jar.set("https://a.example/x/y", header).unwrap();
        assert_eq!(jar.get("https://a.example/x/z"), "a=b", "{header}");
        assert_eq!(jar.get("https://a.example/"), "", "{header}");
    }
}

#[test]
fn paths_match_whole_segments_and_by_case() {
    let jar = Jar::default();
    jar.set("https://a.example/", "a=b; Path=/x").unwrap();
    jar.set("https://a.example/", "c=d; Path=/x/").unwrap();
    for (path, cookies) in [
        ("/x", "a=b"),
        ("/x/", "c=d; a=b"),
        ("/x/y", "c=d; a=b"),
        ("/xy", ""),
        ("/X", ""),
        ("/", ""),
        ("/x?y", "a=b"),
        ("/x%2Fy", ""),
    ] {
        assert_eq!(jar.get(&format!("https://a.example{path}")), cookies, "{path}");
    }
}

#[test]
fn a_path_is_no_wall_against_setting() {
    let jar = Jar::default();
    jar.set("https://a.example/x", "a=b; Path=/elsewhere").unwrap();
    assert_eq!(jar.get("https://a.example/elsewhere"), "a=b");
}
