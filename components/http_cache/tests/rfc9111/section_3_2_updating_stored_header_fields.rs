use crate::support::{Rig, URL, get, reply};

#[tokio::test]
async fn a_304_replaces_headers_but_not_those_of_the_bytes() {
    let rig = Rig::new();
    rig.store(
        &[
            ("Cache-Control", "max-age=0"),
            ("ETag", "\"1\""),
            ("A", "old"),
            ("A", "older"),
            ("B", "stays"),
            ("Content-Length", "4"),
            ("Content-Encoding", "identity"),
            ("Content-Type", "text/plain"),
        ],
        "body",
    )
    .await;
    let new = [
        ("Cache-Control", "max-age=60"),
        ("ETag", "\"1\""),
        ("a", "new"),
        ("C", "added"),
        ("Content-Length", "0"),
        ("Content-Encoding", "gzip"),
        ("Content-Range", "bytes 0-0/9"),
        ("Content-Type", "text/html"),
        ("Connection", "D"),
        ("D", "1"),
    ];
    let came = rig.ask(get(URL), |_| reply(304, &new, "")).await;
    let again = rig.ask(get(URL), |_| reply(500, &[], "")).await;
    assert!(again.is_from_cache());
    for came in [came, again] {
        assert_eq!((came.status, came.text().as_str()), (200, "body"));
        let expected = [
            ("A", Some("new")),
            ("B", Some("stays")),
            ("C", Some("added")),
            ("Content-Length", Some("4")),
            ("Content-Encoding", Some("identity")),
            ("Content-Range", None),
            ("Content-Type", Some("text/html")),
            ("D", None),
        ];
        for (name, value) in expected {
            assert_eq!(came.header(name).as_deref(), value, "{name}");
        }
    }
}
