//! Looking names up over UDP and over HTTPS, at servers that know two names.

use std::sync::Arc;

use bytes::Bytes;
use http_body_util::BodyExt;
use longhaul_net::{HickoryResolver, NameServer, ResolveError, Resolver};
use tokio::net::UdpSocket;

use crate::support::*;

/// What a name server answers: it knows `known.test` by an address of each family, fails for `broken.test`, and says of any other
/// name that there is none.
fn answer(query: &[u8]) -> Vec<u8> {
    let labels_end = 12 + query[12..].iter().position(|byte| *byte == 0).expect("the name has an end");
    let question = &query[12..labels_end + 5];
    let name = &query[12..labels_end];
    let is_v4 = query[labels_end + 2] == 1;
    let (code, address): (u8, &[u8]) = match name {
        b"\x05known\x04test" if is_v4 => (0, &[192, 0, 2, 1]),
        b"\x05known\x04test" => (0, &[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]),
        b"\x06broken\x04test" => (2, &[]),
        _ => (3, &[]),
    };
    let answers = u8::from(!address.is_empty());
    let mut message = vec![query[0], query[1], 0x81, 0x80 | code, 0, 1, 0, answers, 0, 0, 0, 0];
    message.extend(question);
    if answers == 1 {
        message.extend([0xC0, 12, 0, query[labels_end + 2], 0, 1, 0, 0, 0, 60, 0, address.len() as u8]);
        message.extend(address);
    }
    message
}

async fn check(resolver: &HickoryResolver) {
    let expected = ["192.0.2.1:8", "[2001:db8::1]:8"].map(|address| address.parse().expect("an address"));
    for name in ["known.test", "known.test."] {
        let mut addresses = resolver.resolve(name, 8).await.expect("it is known");
        addresses.sort();
        assert_eq!(addresses, expected);
    }
    assert_eq!(resolver.resolve("other.test", 8).await, Err(ResolveError::UnknownHost));
    assert_eq!(resolver.resolve("broken.test", 8).await, Err(ResolveError::TryAgain));
    assert_eq!(resolver.resolve(&"a".repeat(300), 8).await, Err(ResolveError::UnknownHost));
}

#[tokio::test]
async fn over_udp() {
    let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a free port");
    let address = socket.local_addr().expect("it is bound");
    let server = tokio::spawn(async move {
        let mut buffer = [0; 1500];
        while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
            socket.send_to(&answer(&buffer[..length]), from).await.expect("the resolver listens");
        }
    });
    check(&HickoryResolver::new(&[NameServer::Plain(address)], &[]).expect("sound settings")).await;
    server.abort();
}

#[tokio::test]
async fn over_https_and_only_from_the_server_that_was_named() {
    let authority = Authority::new();
    let config = authority.server(&["dns.test"], &["h2"], |_| {});
    let server = Server::https(config, |_, request: http::Request<hyper::body::Incoming>| async {
        assert_eq!(request.uri().path(), "/dns-query");
        let query: Bytes = request.into_body().collect().await.expect("a sound body").to_bytes();
        let mut response = full(answer(&query));
        let content_type = http::HeaderValue::from_static("application/dns-message");
        response.headers_mut().insert("content-type", content_type);
        response
    })
    .await;
    let asking = |name: &str| {
        let (name, path) = (name.to_owned(), "/dns-query".to_owned());
        let server = NameServer::Https { address: server.address, name, path };
        HickoryResolver::new(&[server], &[authority.pem.clone().into_bytes()]).expect("sound settings")
    };
    check(&asking("dns.test")).await;
    assert_eq!(asking("other.test").resolve("known.test", 8).await, Err(ResolveError::TryAgain));
    // The whole way: a request to a name that only this server knows.
    let network = network_with(|config| config.resolver = Arc::new(asking("dns.test")));
    let request = longhaul_net::Request::new("GET", "other.test", "/");
    let key = longhaul_net::PoolKey::new("test", longhaul_net::Scheme::Http, "other.test", 80);
    let error = network.send(request, key).await.expect_err("nobody has that name");
    assert!(matches!(error, longhaul_net::Error::UnknownHost), "{error:?}");
}
