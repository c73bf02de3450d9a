use crate::support::{Rig, URL, get, reply};

#[tokio::test]
async fn headers_of_the_connection_are_not_stored() {
    let rig = Rig::new();
    rig.store(
        &[
            ("Cache-Control", "max-age=60"),
            ("Connection", "X-Hop, close"),
            ("X-Hop", "1"),
            ("Keep-Alive", "timeout=5"),
            ("Proxy-Authenticate", "Basic"),
            ("Transfer-Encoding", "chunked"),
            ("Upgrade", "h3"),
            ("X-Unknown", "kept"),
            ("Set-Cookie", "a=b"),
        ],
        "a",
    )
    .await;
    let came = rig.ask(get(URL), |_| reply(500, &[], "")).await;
    for gone in ["Connection", "X-Hop", "Keep-Alive", "Proxy-Authenticate", "Transfer-Encoding", "Upgrade"] {
        assert_eq!(came.header(gone), None, "{gone}");
    }
    assert_eq!(came.header("X-Unknown").as_deref(), Some("kept"));
}
