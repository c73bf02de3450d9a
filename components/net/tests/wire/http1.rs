//! Messages of HTTP/1.1.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use longhaul_net::{Error, ProtocolError, Reuse, StaticResolver, Version};
use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc;

use crate::support::*;

#[tokio::test]
async fn bytes_of_headers_and_reason_are_kept_both_ways() {
    let (heads, mut head) = mpsc::unbounded_channel();
    let server = Server::raw(move |_, mut stream| {
        let heads = heads.clone();
        async move {
            while let Some(head) = read_head(&mut stream).await {
                heads.send(head).expect("the test still listens");
                let answer = b"HTTP/1.1 299 Quite G\xF6\xF6d\r\nX-oNe: \t a\xE9\x01\xFF\x0C \r\nSet-Cookie: a=1\r\nSET-COOKIE: b=2\r\nContent-Length: 0\r\n\r\n";
                stream.write_all(answer).await.expect("the client reads");
            }
        }
    })
    .await;
    let mut request = server.request("PURGE", "/a%20b?c='d'");
    request.headers = vec![
        (Bytes::from_static(b"x-latin"), Bytes::from_static(b"caf\xE9 \xFF")),
        (Bytes::from_static(b"X-Twice"), Bytes::from_static(b"1")),
        (Bytes::from_static(b"x-twice"), Bytes::from_static(b"2")),
        (Bytes::from_static(b"X-Empty"), Bytes::new()),
        (Bytes::from_static(b"X-Bell"), Bytes::from_static(b"\x07\x1F\x7F")),
    ];
    let response = network().send(request, server.key()).await.expect("the server answers");
    let expected = [
        &b"PURGE /a%20b?c='d' HTTP/1.1\r\nHost: localhost:"[..],
        server.address.port().to_string().as_bytes(),
        b"\r\nx-latin: caf\xE9 \xFF\r\nX-Twice: 1\r\nx-twice: 2\r\nX-Empty: \r\nX-Bell: \x07\x1F\x7F\r\n\r\n",
    ]
    .concat();
    assert_eq!(
        head.recv().await.as_deref().map(String::from_utf8_lossy),
        Some(String::from_utf8_lossy(&expected))
    );
    assert_eq!((response.status, response.reason.as_ref()), (299, &b"Quite G\xF6\xF6d"[..]));
    assert_eq!(response.version, Version::Http11);
    assert_eq!(header(&response, "X-oNe"), Some(&b"a\xE9\x01\xFF\x0C"[..]));
    let cookies: Vec<&[u8]> = response
        .headers
        .iter()
        .filter(|(name, _)| name.eq_ignore_ascii_case(b"set-cookie"))
        .map(|(_, value)| value.as_ref())
        .collect();
    assert_eq!(cookies, [b"a=1", b"b=2"]);
    assert_eq!(response.remote, server.address);
}

#[tokio::test]
async fn interim_responses_reach_the_caller_before_the_final_one() {
    let server = Server::saying(
        "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    )
    .await;
    let heard = Arc::new(Mutex::new(Vec::new()));
    let mut request = server.request("GET", "/");
    let hear = heard.clone();
    request.on_informational = Some(Box::new(move |status, headers| {
        hear.lock().expect("not poisoned").push((status, headers));
    }));
    let response = network().send(request, server.key()).await.expect("the server answers");
    assert!(
        response.timing.first_interim_response.is_some_and(|first| first <= response.timing.response_start)
    );
    assert_eq!(read(response.body).await.expect("a sound body"), b"ok");
    let link = (Bytes::from_static(b"link"), Bytes::from_static(b"</a.css>"));
    assert_eq!(*heard.lock().expect("not poisoned"), [(103, vec![link]), (103, vec![])]);
}

#[tokio::test]
async fn a_flood_of_interim_responses_is_ended() {
    let server = Server::saying("HTTP/1.1 102 Processing\r\n\r\n".repeat(1000)).await;
    let error = server.get(&network()).await.expect_err("no final response comes");
    assert!(matches!(error, Error::Protocol(ProtocolError::TooManyInterimResponses)), "{error:?}");
}

#[tokio::test]
async fn a_switch_of_protocols_that_nobody_asked_for_is_an_answer_without_a_body() {
    let server = Server::saying(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nwhat the other protocol says",
    )
    .await;
    let network = network();
    for connections in 1..=2 {
        let response = server.get(&network).await.expect("an answer");
        assert!(response.status == 101 && response.upgraded.is_none());
        assert_eq!(read(response.body).await.expect("nothing is sound"), b"");
        assert_eq!(server.connections(), connections, "nobody else gets the connection");
    }
}

/// <https://fetch.spec.whatwg.org/#header-list-extract-a-length>
#[tokio::test]
async fn a_length_that_is_none_is_no_length_and_two_that_differ_are_a_fault() {
    let network = network();
    for (lengths, expected) in [
        ("Content-Length: 3", Some("abc")),
        ("Content-Length: 3, 3\r\ncontent-length:3", Some("abc")),
        ("Content-Length: 3s", Some("abcdef")),
        ("Content-Length: -1", Some("abcdef")),
        ("Content-Length:", Some("abcdef")),
        ("Content-Length: x, x", Some("abcdef")),
        ("Content-Length: 3, 03", None),
        ("Content-Length: 3\r\nContent-Length: x", None),
    ] {
        let server = Server::saying_and_closing(format!("HTTP/1.1 200 OK\r\n{lengths}\r\n\r\nabcdef")).await;
        match (server.get(&network).await, expected) {
            (Ok(response), Some(expected)) => {
                assert_eq!(
                    read(response.body).await.expect("a sound body"),
                    expected.as_bytes(),
                    "{lengths}"
                );
            }
            (Err(Error::Protocol(_)), None) => {}
            (answer, _) => panic!("{lengths}: {answer:?}"),
        }
    }
}

#[tokio::test]
async fn statuses_have_up_to_three_digits_and_need_no_phrase() {
    let network = network();
    for (line, expected) in [
        ("HTTP/1.1 7 Low", Some((7, "Low"))),
        ("HTTP/1.1 099 Low", Some((99, "Low"))),
        ("HTTP/1.0 200", Some((200, ""))),
        ("HTTP/1.1 999  High ", Some((999, "High"))),
        ("HTTP/1.1 1000 Higher", None),
        ("HTTP/1.1 20x OK", None),
        ("HTTP/1.1", None),
    ] {
        let server = Server::saying(format!("{line}\r\nX: y\r\nContent-Length: 2\r\n\r\nok")).await;
        match (server.get(&network).await, expected) {
            (Ok(response), Some((status, reason))) => {
                assert_eq!((response.status, response.reason.as_ref()), (status, reason.as_bytes()));
                assert_eq!(read(response.body).await.expect("a sound body"), b"ok");
            }
            (Err(Error::Protocol(_)), None) => {}
            (answer, _) => panic!("{line}: {answer:?}"),
        }
    }
}

#[tokio::test]
async fn a_head_without_its_empty_line_is_whole_where_the_connection_ends_in_the_clear() {
    let server = Server::saying_and_closing("HTTP/1.1 200 OK\nX-A: 1\nX-a: \nX-B: 2").await;
    let response = server.get(&network()).await.expect("an answer");
    let headers: Vec<_> =
        response.headers.iter().map(|(name, value)| (name.as_ref(), value.as_ref())).collect();
    assert_eq!(headers, [(&b"X-A"[..], &b"1"[..]), (b"X-a", b""), (b"X-B", b"2")]);
    assert_eq!(read(response.body).await.expect("nothing is sound"), b"");
}

#[tokio::test]
async fn responses_without_a_body_leave_the_connection_usable() {
    let server = Server::raw(|_, mut stream| async move {
        while let Some(head) = read_head(&mut stream).await {
            let answer = if head.starts_with(b"HEAD") {
                "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"
            } else {
                "HTTP/1.1 204 No Content\r\n\r\n"
            };
            stream.write_all(answer.as_bytes()).await.expect("the client reads");
        }
    })
    .await;
    let network = network();
    for method in ["HEAD", "GET", "HEAD"] {
        let response =
            network.send(server.request(method, "/"), server.key()).await.expect("the server answers");
        assert_eq!(response.body.announced_length(), Some(0));
        assert!(response.body.ended_at().is_some());
        assert_eq!(read(response.body).await.expect("nothing is sound"), b"");
    }
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn the_times_of_connecting_belong_to_the_first_request_only() {
    let server = Server::http(|_, _| async { full("x") }).await;
    let network = network_with(|config| {
        config.resolver = Arc::new(
            StaticResolver::alone().with("named.test", ["127.0.0.1:0".parse().expect("an address")]),
        );
    });
    let key = longhaul_net::PoolKey { host: "named.test".to_owned(), ..server.key() };
    let mut first = network.send(server.request("GET", "/"), key.clone()).await.expect("the server answers");
    let timing = first.timing.clone();
    assert_eq!(timing.reuse, Reuse::Fresh);
    let (lookup, connect) =
        (timing.domain_lookup.expect("a name"), timing.connect.expect("a new connection"));
    assert!(
        timing.started <= lookup.start && lookup.end <= connect.start && connect.end <= timing.request_start
    );
    assert!(timing.request_start <= timing.response_start && timing.secure_connect.is_none());
    while let Some(chunk) = futures::StreamExt::next(&mut first.body).await {
        chunk.expect("a sound body");
    }
    assert!(first.body.ended_at().is_some_and(|ended| ended >= timing.response_start));
    let second = network.send(server.request("GET", "/"), key).await.expect("the server answers");
    assert_eq!(second.timing.reuse, Reuse::Reused);
    assert!(second.timing.domain_lookup.is_none() && second.timing.connect.is_none());
}
