//! Connections that become another protocol's, and requests that want a connection of their own.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use longhaul_net::{
    BodyReplay, ConnectionChoice, Error, Network, Objection, PoolKey, Proxy, ProxyKind, Request, Upgrade,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::TcpStream;

use crate::support::*;

fn upgrade_request(server: &Server) -> Request {
    let mut request = server.request("GET", "/chat");
    request.upgrade = Upgrade::Accept;
    for (name, value) in [("Connection", "Upgrade"), ("Upgrade", "echo")] {
        request.headers.push((name.into(), value.into()));
    }
    request
}

const SWITCH: &[u8] = b"HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nfirst";

async fn echo(mut stream: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.expect("a head"));
    }
    assert!(String::from_utf8_lossy(&head).contains("Upgrade: echo"));
    stream.write_all(SWITCH).await.expect("the client reads");
    let (mut reader, mut writer) = tokio::io::split(stream);
    let _ = tokio::io::copy(&mut reader, &mut writer).await;
    let _ = writer.shutdown().await;
}

async fn converse(network: &Network, request: Request, key: PoolKey) {
    let response = network.send(request, key).await.expect("it switches");
    assert_eq!(response.status, 101);
    let mut stream = response.upgraded.expect("the connection");
    let mut first = [0; 5];
    stream.read_exact(&mut first).await.expect("what came with the head is not lost");
    assert_eq!(&first, b"first");
    stream.write_all(b"hello").await.expect("the server reads");
    stream.shutdown().await.expect("the server reads");
    let mut all = Vec::new();
    stream.read_to_end(&mut all).await.expect("the server closes");
    assert_eq!(all, b"hello");
}

#[tokio::test]
async fn an_upgraded_connection_carries_bytes_both_ways() {
    let server = Server::raw(|_, stream| echo(stream)).await;
    converse(&network(), upgrade_request(&server), server.key()).await;
}

#[tokio::test]
async fn over_tls_it_is_http1_even_where_http2_is_spoken() {
    let authority = Authority::new();
    let server = Server::tls(authority.localhost(), |_, stream| async {
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
        echo(stream).await;
    })
    .await;
    converse(&authority.network(|_| {}), upgrade_request(&server), server.tls_key()).await;
}

#[tokio::test]
async fn through_a_proxy_it_is_a_tunnel_without_tls_too() {
    let server = Server::raw(|_, stream| echo(stream)).await;
    let address = server.address;
    let tunnels = Server::raw(move |_, mut stream| async move {
        let head = read_head(&mut stream).await.expect("a head");
        assert!(head.starts_with(b"CONNECT localhost:"), "{}", String::from_utf8_lossy(&head));
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.expect("the client reads");
        let mut server = TcpStream::connect(address).await.expect("it listens");
        let _ = copy_bidirectional(&mut stream, &mut server).await;
    })
    .await;
    let proxy = Proxy::new(ProxyKind::Http, "127.0.0.1", tunnels.address.port());
    let key = PoolKey { proxy: Some(proxy), ..server.key() };
    converse(&network(), upgrade_request(&server), key).await;
}

#[tokio::test]
async fn a_server_may_decline_and_its_answer_is_one_like_any_other() {
    let server = Server::saying("HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno").await;
    let response = network().send(upgrade_request(&server), server.key()).await.expect("an answer");
    assert!(response.status == 403 && response.upgraded.is_none());
    assert_eq!(read(response.body).await.expect("a sound body"), b"no");
    let switches = Server::saying(SWITCH).await;
    let response = switches.get(&network()).await.expect("an answer");
    assert!(response.status == 101 && response.upgraded.is_none(), "nobody asked");
}

#[tokio::test]
async fn a_new_connection_takes_the_place_of_those_there_were() {
    let authority = Authority::new();
    for alpn in ["http/1.1", "h2"] {
        let config = authority.server(&["localhost"], &[alpn], |_| {});
        let server = Server::https(config, |number, _| async move { full(number.to_string()) }).await;
        let network = authority.network(|_| {});
        let on = |connection| {
            let mut request = server.request("GET", "/");
            request.connection = connection;
            let sending = network.send(request, server.tls_key());
            async { String::from_utf8(read(sending.await.expect("an answer").body).await.expect("a body")) }
        };
        let mut numbers = Vec::new();
        for choice in [
            ConnectionChoice::Any,
            ConnectionChoice::Any,
            ConnectionChoice::New,
            ConnectionChoice::Any,
            ConnectionChoice::NewAndDedicated,
            ConnectionChoice::Any,
        ] {
            numbers.push(on(choice).await.expect("a number"));
        }
        assert_eq!(numbers, ["1", "1", "2", "2", "3", "4"], "{alpn}");
    }
}

#[derive(Debug, thiserror::Error)]
#[error("not there")]
struct NotThere;

#[tokio::test]
async fn an_objection_to_the_address_keeps_the_request_here_on_new_and_old_connections() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let server = Server::http(move |number, _| {
        count.fetch_add(1, Ordering::SeqCst);
        async move { full(number.to_string()) }
    })
    .await;
    let network = network();
    let address = server.address;
    let get = |allowed: bool| {
        let mut request = server.request("GET", "/");
        request.check = Some(Arc::new(move |remote| {
            assert_eq!(remote, address);
            Box::pin(async move { if allowed { Ok(()) } else { Err(Arc::new(NotThere) as Objection) } })
        }));
        network.send(request, server.key())
    };
    for allowed in [false, true, false, true] {
        match get(allowed).await {
            Ok(response) => assert!(allowed && read(response.body).await.expect("a body") == b"1"),
            Err(Error::Forbidden(objection)) => assert!(!allowed && objection.is::<NotThere>()),
            Err(other) => panic!("{other:?}"),
        }
    }
    assert_eq!((asked.load(Ordering::SeqCst), server.connections()), (2, 1));
}

#[tokio::test]
async fn a_body_for_http2_alone_does_not_leave_over_http1() {
    let server = Server::http(|_, _| async { full("never") }).await;
    let mut request = server.request("POST", "/");
    request.body_replay = BodyReplay::Impossible;
    let error = network().send(request, server.key()).await.expect_err("it is HTTP/1.1");
    assert!(matches!(error, Error::BodyNeedsHttp2) && !error.request_may_have_been_sent(), "{error:?}");
}
