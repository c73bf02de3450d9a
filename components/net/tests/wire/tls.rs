//! TLS: whom we trust, what is agreed on, what is remembered.

use std::sync::Arc;
use std::time::Duration;

use longhaul_net::{Error, NetworkConfig, PoolKey, StaticResolver, Timeouts, TlsError, Version};
use rcgen::{CertificateParams, date_time_ymd};
use rustls::HandshakeKind;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;

use crate::support::*;

async fn handshake_error(
    names: &[&str],
    change: impl FnOnce(&mut CertificateParams),
    configure: impl FnOnce(&mut NetworkConfig),
) -> TlsError {
    let authority = Authority::new();
    let config = authority.server(names, &["h2", "http/1.1"], change);
    let server = Server::https(config, |_, _| async { full("never") }).await;
    let error = server.get_tls(&authority.network(configure)).await.expect_err("the certificate is bad");
    assert!(!error.request_may_have_been_sent());
    match error {
        Error::Tls(error) => error,
        other => panic!("not a fault of TLS: {other:?}"),
    }
}

#[tokio::test]
async fn bad_certificates_are_told_apart() {
    let expired = |params: &mut CertificateParams| params.not_after = date_time_ymd(2020, 1, 1);
    assert_eq!(handshake_error(&["localhost"], expired, |_| {}).await, TlsError::Expired);
    let early = |params: &mut CertificateParams| params.not_before = date_time_ymd(3000, 1, 1);
    assert_eq!(handshake_error(&["localhost"], early, |_| {}).await, TlsError::NotYetValid);
    assert_eq!(handshake_error(&["example.com"], |_| {}, |_| {}).await, TlsError::WrongHost);
    let stranger = Authority::new();
    let trust_a_stranger =
        |config: &mut NetworkConfig| config.extra_roots_pem = vec![stranger.pem.into_bytes()];
    assert_eq!(handshake_error(&["localhost"], |_| {}, trust_a_stranger).await, TlsError::UnknownIssuer);
    let for_clients = |params: &mut CertificateParams| {
        params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
    };
    assert_eq!(handshake_error(&["localhost"], for_clients, |_| {}).await, TlsError::InvalidPurpose);
}

#[tokio::test]
async fn alpn_decides_and_its_absence_means_http1() {
    let authority = Authority::new();
    let network = authority.network(|_| {});
    for (alpn, version) in
        [(&["h2", "http/1.1"][..], Version::Http2), (&["http/1.1"], Version::Http11), (&[], Version::Http11)]
    {
        let server =
            Server::https(authority.server(&["localhost"], alpn, |_| {}), |_, _| async { full("secret") })
                .await;
        let response = server.get_tls(&network).await.expect("the server answers");
        assert_eq!(response.version, version);
        assert!(response.timing.secure_connect.is_some());
        assert_eq!(read(response.body).await.expect("a sound body"), b"secret");
    }
}

#[tokio::test]
async fn addresses_and_other_names_are_checked_against_the_certificate() {
    let authority = Authority::new();
    let config = authority.server(&["127.0.0.1", "named.test"], &["h2"], |_| {});
    let server = Server::https(config, |_, _| async { full("x") }).await;
    let resolver = StaticResolver::alone()
        .with("named.test", ["127.0.0.1:0".parse().expect("an address")])
        .with("other.test", ["127.0.0.1:0".parse().expect("an address")]);
    let network = authority.network(|config| config.resolver = Arc::new(resolver));
    let send = |host: &str| {
        network.send(server.request("GET", "/"), PoolKey { host: host.to_owned(), ..server.tls_key() })
    };
    assert!(send("127.0.0.1").await.is_ok());
    assert!(send("named.test").await.is_ok());
    assert!(send("named.test.").await.is_ok());
    assert!(matches!(send("other.test").await, Err(Error::Tls(TlsError::WrongHost))));
}

#[tokio::test]
async fn sessions_are_resumed_inside_a_partition_and_never_across() {
    let authority = Authority::new();
    let (kinds, mut kind) = mpsc::unbounded_channel();
    let server =
        Server::tls(authority.server(&["localhost"], &["http/1.1"], |_| {}), move |_, mut stream| {
            let kinds = kinds.clone();
            async move {
                kinds.send(stream.get_ref().1.handshake_kind()).expect("the test still listens");
                let mut buffer = [0; 4096];
                while stream.read(&mut buffer).await.is_ok_and(|n| n > 0) {
                    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
                    stream.write_all(answer).await.expect("the client reads");
                }
            }
        })
        .await;
    let network = authority.network(|_| {});
    let mut seen = Vec::new();
    for (partition, credentials) in [("a", false), ("a", false), ("b", false), ("b", false), ("a", true)] {
        let key = PoolKey { network_partition_key: partition.into(), credentials, ..server.tls_key() };
        let response = network.send(server.request("GET", "/"), key).await.expect("the server answers");
        read(response.body).await.expect("an empty body");
        seen.push(kind.recv().await.flatten().expect("the handshake is over"));
    }
    use HandshakeKind::{Full, Resumed};
    assert_eq!(seen, [Full, Resumed, Full, Resumed, Full]);
}

#[tokio::test]
async fn servers_that_do_not_speak_tls_are_found_out() {
    let authority = Authority::new();
    let plain = Server::raw(|_, mut stream| async move {
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        read_to_end(&mut stream).await;
    })
    .await;
    let error = plain.get_tls(&authority.network(|_| {})).await.expect_err("that is no TLS");
    assert!(matches!(error, Error::Tls(TlsError::Other(_))), "{error:?}");
    let closing = Server::raw(|_, mut stream| async move {
        let _ = stream.read_u8().await;
    })
    .await;
    let error = closing.get_tls(&authority.network(|_| {})).await.expect_err("it closes");
    assert!(matches!(error, Error::Tls(TlsError::Closed)), "{error:?}");
    let silent = Server::raw(|_, mut stream| async move { read_to_end(&mut stream).await }).await;
    let hasty = authority.network(|config| {
        config.timeouts = Timeouts { tls: Duration::from_millis(50), ..Timeouts::default() };
    });
    let error = silent.get_tls(&hasty).await.expect_err("nothing comes");
    assert!(matches!(error, Error::Tls(TlsError::Timeout)), "{error:?}");
}

/// Answers over HTTP/1.1 with that text, and closes TCP without the alert that ends TLS.
async fn closing_without_notice(authority: &Authority, answer: &'static str) -> Server {
    Server::tls(authority.server(&["localhost"], &["http/1.1"], |_| {}), move |_, mut stream| async move {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.expect("the client asks"));
        }
        stream.write_all(answer.as_bytes()).await.expect("the client reads");
        stream.flush().await.expect("the client reads");
        // Dropping the TLS stream sends nothing.
    })
    .await
}

#[tokio::test]
async fn an_end_without_notice_ends_what_only_the_end_delimits() {
    let authority = Authority::new();
    let network = authority.network(|_| {});
    let server = closing_without_notice(&authority, "HTTP/1.1 200 OK\r\n\r\nuntil the end").await;
    let response = server.get_tls(&network).await.expect("the head is sound");
    assert_eq!(read(response.body).await.expect("an end"), b"until the end");
    let framed = [
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
    ];
    for answer in framed {
        let server = closing_without_notice(&authority, answer).await;
        let response = server.get_tls(&network).await.expect("the head is sound");
        let error = read(response.body).await.expect_err("the rest never comes");
        assert!(matches!(error, Error::Truncated { received: 5, .. }), "{answer}: {error:?}");
    }
    let server = closing_without_notice(&authority, "HTTP/1.1 200 OK\r\nX-A: b").await;
    let error = server.get_tls(&network).await.expect_err("half a head");
    assert!(matches!(error, Error::ClosedBeforeResponse { .. }), "{error:?}");
}
