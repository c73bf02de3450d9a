//! Servers that break the rules, and what each is called.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use longhaul_net::{
    Error, PoolKey, ProtocolError, ResolveError, Resolver, Scheme, Sent, StaticResolver, Timeouts,
};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

use crate::support::*;

async fn error_of(answer: &[u8]) -> Error {
    let server = Server::saying(answer).await;
    server.get(&network()).await.expect_err("the head is bad")
}

async fn body_error_of(answer: &[u8]) -> Error {
    let server = Server::raw({
        let answer = answer.to_vec();
        move |_, mut stream| {
            let answer = answer.clone();
            async move {
                if read_head(&mut stream).await.is_some() {
                    stream.write_all(&answer).await.expect("the client reads");
                }
            }
        }
    })
    .await;
    let response = server.get(&network()).await.expect("the head is sound");
    read(response.body).await.expect_err("the body is bad")
}

#[tokio::test]
async fn malformed_heads_are_named() {
    let heads: [&[u8]; 9] = [
        b"hello, world\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 1000 Too High\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX-A: a\0b\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX-A: a\rb\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX A: b\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX-A: b\r\n folded\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5, 6\r\n\r\nhello!",
    ];
    for head in heads {
        let error = error_of(head).await;
        assert!(
            matches!(error, Error::Protocol(ProtocolError::MalformedHead(_))),
            "{}: {error:?}",
            String::from_utf8_lossy(head)
        );
    }
}

#[tokio::test]
async fn heads_that_are_too_large_or_have_too_many_headers_are_refused() {
    let large = format!("HTTP/1.1 200 OK\r\nX-A: {}\r\n\r\n", "a".repeat(300 << 10));
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "X-A: b\r\n".repeat(1001));
    let endless = format!("HTTP/1.1 200 OK\r\nX-A: {}", "a".repeat(1 << 20));
    for head in [large, many, endless] {
        let error = error_of(head.as_bytes()).await;
        assert!(matches!(error, Error::Protocol(ProtocolError::HeadersTooLarge)), "{error:?}");
    }
    let within = format!("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n{}\r\n", "X-A: b\r\n".repeat(900));
    let server = Server::saying(within).await;
    assert_eq!(server.get(&network()).await.expect("it is within the limits").headers.len(), 901);
}

#[tokio::test]
async fn bodies_that_end_early_are_truncated() {
    let error = body_error_of(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello").await;
    assert!(matches!(error, Error::Truncated { expected: Some(10), received: 5 }), "{error:?}");
    let error = body_error_of(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n").await;
    assert!(matches!(error, Error::Truncated { expected: None, received: 5 }), "{error:?}");
    assert!(error.request_may_have_been_sent());
}

#[tokio::test]
async fn broken_chunks_are_malformed() {
    let error = body_error_of(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\nhello\r\n").await;
    assert!(matches!(error, Error::Protocol(ProtocolError::MalformedBody(_))), "{error:?}");
}

#[tokio::test]
async fn a_length_beside_chunks_does_not_count() {
    let server = Server::saying(
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    )
    .await;
    let response = server.get(&network()).await.expect("chunks win");
    assert_eq!(read(response.body).await.expect("a sound body"), b"hello");
}

#[tokio::test]
async fn a_body_without_framing_ends_with_the_connection() {
    let server = Server::raw(|_, mut stream| async move {
        read_head(&mut stream).await;
        stream.write_all(b"HTTP/1.0 200 OK\r\n\r\nuntil the end").await.expect("the client reads");
    })
    .await;
    let response = server.get(&network()).await.expect("the head is sound");
    assert_eq!(response.version, longhaul_net::Version::Http10);
    assert_eq!(read(response.body).await.expect("a sound body"), b"until the end");
}

#[tokio::test]
async fn a_reset_in_the_body_is_a_reset() {
    let server = Server::raw(|_, mut stream| async move {
        read_head(&mut stream).await;
        stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")
            .await
            .expect("the client reads");
        // When the server is dropped, the socket resets instead of closing.
        stream.set_zero_linger().expect("the socket is open");
        std::future::pending::<()>().await
    })
    .await;
    let response = server.get(&network()).await.expect("the head is sound");
    let mut body = response.body;
    let first = futures::StreamExt::next(&mut body).await.expect("a piece").expect("a sound piece");
    assert_eq!(first, "hello");
    drop(server);
    let error =
        futures::StreamExt::next(&mut body).await.expect("an error").expect_err("the rest never comes");
    assert!(matches!(error, Error::Reset { sent: Sent::Possibly }), "{error:?}");
    assert!(futures::StreamExt::next(&mut body).await.is_none());
}

#[tokio::test]
async fn a_server_that_closes_without_an_answer_may_have_seen_the_request() {
    let server = Server::raw(|_, mut stream| async move {
        read_head(&mut stream).await;
    })
    .await;
    let error = server.get(&network()).await.expect_err("nothing comes");
    assert!(matches!(error, Error::ClosedBeforeResponse { sent: Sent::Possibly }), "{error:?}");
    assert!(error.request_may_have_been_sent());
    assert_eq!(server.connections(), 1, "a fresh connection's failure is the answer");
}

fn short(change: impl FnOnce(&mut Timeouts)) -> longhaul_net::Network {
    let mut timeouts = Timeouts::default();
    change(&mut timeouts);
    network_with(|config| config.timeouts = timeouts)
}

#[tokio::test]
async fn servers_that_never_answer_or_fall_silent_are_given_up() {
    let moment = Duration::from_millis(50);
    let silent = Server::saying("").await;
    let error =
        silent.get(&short(|timeouts| timeouts.response_headers = moment)).await.expect_err("nothing comes");
    assert!(matches!(error, Error::ResponseTimeout), "{error:?}");
    let stuck = Server::saying("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello").await;
    let response = stuck.get(&short(|timeouts| timeouts.body_idle = moment)).await.expect("the head comes");
    let error = read(response.body).await.expect_err("the rest never comes");
    assert!(matches!(error, Error::BodyTimeout), "{error:?}");
}

#[tokio::test]
async fn nobody_listens_or_nobody_is_known() {
    let free =
        TcpListener::bind("127.0.0.1:0").await.expect("a free port").local_addr().expect("it is bound");
    let network = network_with(|config| config.resolver = Arc::new(StaticResolver::alone()));
    let send = |host: &str| {
        let request = longhaul_net::Request::new("GET", "x.test", "/");
        network.send(request, PoolKey::new("test", Scheme::Http, host, free.port()))
    };
    let error = send("127.0.0.1").await.expect_err("nobody listens");
    assert!(matches!(error, Error::Refused), "{error:?}");
    assert!(!error.request_may_have_been_sent());
    let error = send("nowhere.test").await.expect_err("nobody is known");
    assert!(matches!(error, Error::UnknownHost), "{error:?}");
}

#[tokio::test]
async fn a_dead_address_does_not_hide_a_live_one() {
    let dead =
        TcpListener::bind("127.0.0.1:0").await.expect("a free port").local_addr().expect("it is bound");
    let server = Server::http(|_, _| async { full("x") }).await;
    let resolver = StaticResolver::alone().with("both.test", [dead, server.address]);
    let network = network_with(|config| config.resolver = Arc::new(resolver));
    let key = PoolKey { host: "both.test".to_owned(), ..server.key() };
    let response = network.send(server.request("GET", "/"), key).await.expect("the second address answers");
    assert_eq!(response.remote, server.address);
}

/// A resolver that never answers.
struct Stuck;

impl Resolver for Stuck {
    fn resolve(&self, _: &str, _: u16) -> BoxFuture<'static, Result<Vec<SocketAddr>, ResolveError>> {
        Box::pin(std::future::pending())
    }
}

#[tokio::test(start_paused = true)]
async fn looking_up_and_connecting_end_in_time() {
    let network = network_with(|config| config.resolver = Arc::new(Stuck));
    let request = longhaul_net::Request::new("GET", "x.test", "/");
    let error = network.send(request, PoolKey::new("test", Scheme::Http, "x.test", 80)).await;
    assert!(matches!(error, Err(Error::ConnectTimeout)), "{error:?}");
}
