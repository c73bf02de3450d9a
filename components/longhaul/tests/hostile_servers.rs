//! Servers that break the rules, through the whole user agent: what its caller is told, and that the next fetch is not harmed.

#[allow(dead_code, reason = "each test binary uses its own part of it")]
mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use longhaul::UserAgent;
use longhaul::fetch::{BodyError, ConnectionFailure, NetworkError, TlsFailure};
use longhaul::net::{NetworkConfig, Roots};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, IsCa, Issuer, KeyIdMethod, KeyPair,
    RevokedCertParams, SerialNumber, date_time_ymd,
};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::TlsAcceptor;

use support::over::Over;
use support::{Server, body, fetch, read_head, reason, request, user_agent_with};

crate::over_http1!(
    each_fault_is_told_and_the_next_fetch_is_good,
    broken_bodies_are_never_taken_for_whole_ones,
    framing_that_contradicts_itself_is_read_in_one_way_only,
    bytes_behind_a_response_are_nobodys_answer,
);

/// A server that says `first` to its first connection, closes, and answers all others as it should.
async fn bad_once(over: Over, first: &[u8]) -> Server {
    let first = first.to_vec();
    let connections = Arc::new(AtomicUsize::new(0));
    over.raw(move |mut stream| {
        let (first, number) = (first.clone(), connections.fetch_add(1, Ordering::SeqCst));
        async move {
            read_head(&mut stream).await;
            let good: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\ngood";
            let _ = stream.write_all(if number == 0 { &first } else { good }).await;
            let _ = stream.shutdown().await;
            let mut rest = Vec::new();
            let _ = stream.read_to_end(&mut rest).await;
        }
    })
    .await
}

/// What is wrong: with the head, or with the body behind a good one.
enum Fault {
    Head(NetworkError),
    Body(BodyError),
}

async fn outcome(user_agent: &UserAgent, server: &Server) -> Result<String, Fault> {
    let response = fetch(user_agent, request(&server.origin(), "/")).await;
    if let Some(reason) = response.reason() {
        return Err(Fault::Head(reason.clone()));
    }
    match response.body.expect("a body").read_all(None).await {
        Ok(bytes) => Ok(String::from_utf8(bytes.to_vec()).unwrap()),
        Err(error) => Err(Fault::Body(error)),
    }
}

async fn each_fault_is_told_and_the_next_fetch_is_good(over: Over) {
    let huge = format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "a".repeat(1 << 20));
    let flood = "HTTP/1.1 102 Processing\r\n\r\n".repeat(1000);
    let heads: [(&str, &[u8]); 12] = [
        ("nothing", b""),
        ("no HTTP", b"220 mail.example ESMTP\r\n"),
        ("half a status line", b"HTTP/1.1 20"),
        ("a folded header", b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 0\r\n\r\n"),
        ("NUL in a header", b"HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 0\r\n\r\n"),
        ("a lone CR in a header", b"HTTP/1.1 200 OK\r\nX: a\rb\r\nContent-Length: 0\r\n\r\n"),
        ("a space before a colon", b"HTTP/1.1 200 OK\r\nX : a\r\nContent-Length: 0\r\n\r\n"),
        ("lengths that differ", b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nevil!"),
        ("lengths that differ in one header", b"HTTP/1.1 200 OK\r\nContent-Length: 4, 5\r\n\r\nevil!"),
        ("lengths that are written differently", b"HTTP/1.1 200 OK\r\nContent-Length: 4, 04\r\n\r\nevil"),
        ("huge headers", huge.as_bytes()),
        ("interim responses only", flood.as_bytes()),
    ];
    let user_agent = over.user_agent().await;
    for (name, head) in heads {
        let server = bad_once(over, head).await;
        match outcome(&user_agent, &server).await {
            Err(Fault::Head(NetworkError::Connection { failure, request_may_have_been_sent })) => {
                assert!(request_may_have_been_sent, "{name}");
                match (head.is_empty() || name == "half a status line", failure) {
                    (true, ConnectionFailure::Reset) | (false, ConnectionFailure::Protocol(_)) => {}
                    (_, failure) => panic!("{name}: {failure:?}"),
                }
            }
            Err(Fault::Head(other)) => panic!("{name}: {other:?}"),
            Err(Fault::Body(other)) => panic!("{name}: {other:?} in the body"),
            Ok(text) => panic!("{name}: {text:?} was taken for an answer"),
        }
        assert_eq!(outcome(&user_agent, &server).await.ok().as_deref(), Some("good"), "after {name}");
    }
}

async fn broken_bodies_are_never_taken_for_whole_ones(over: Over) {
    let bodies: [(&str, &[u8]); 6] = [
        ("cut short", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nevil"),
        ("chunks without an end", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nevil\r\n"),
        ("a chunk that is cut", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nevil"),
        (
            "a size that is none",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxy\r\nevil\r\n0\r\n\r\n",
        ),
        (
            "a size beyond all bounds",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nevil",
        ),
        (
            "no line end behind a chunk",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nevilevil\r\n0\r\n\r\n",
        ),
    ];
    let user_agent = over.user_agent().await;
    for (name, answer) in bodies {
        let server = bad_once(over, answer).await;
        match outcome(&user_agent, &server).await {
            Err(Fault::Body(_)) => {}
            Err(Fault::Head(reason)) => panic!("{name}: {reason:?} for a good head"),
            Ok(text) => panic!("{name}: {text:?} was taken for an answer"),
        }
        assert_eq!(outcome(&user_agent, &server).await.ok().as_deref(), Some("good"), "after {name}");
    }
}

async fn framing_that_contradicts_itself_is_read_in_one_way_only(over: Over) {
    // Chunks beside a length: the chunks count, and the connection is not used again. The same length twice is that length.
    for answer in [
        &b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfour\r\n0\r\n\r\n"
            [..],
        b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 4\r\n\r\nfour",
    ] {
        let server = bad_once(over, answer).await;
        let user_agent = over.user_agent().await;
        match outcome(&user_agent, &server).await {
            Ok(text) => assert_eq!(text, "four"),
            Err(_) => panic!("{}", String::from_utf8_lossy(answer)),
        }
        assert_eq!(outcome(&user_agent, &server).await.ok().as_deref(), Some("good"));
        assert_eq!(server.accepted(), 2);
    }
}

async fn bytes_behind_a_response_are_nobodys_answer(over: Over) {
    let server = over
        .raw(|mut stream| async move {
            read_head(&mut stream).await;
            let answer = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood";
            let smuggled = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil";
            let _ = stream.write_all(format!("{answer}{smuggled}").as_bytes()).await;
            let mut rest = Vec::new();
            let _ = stream.read_to_end(&mut rest).await;
        })
        .await;
    let user_agent = over.user_agent().await;
    for _ in 0..3 {
        assert_eq!(outcome(&user_agent, &server).await.ok().as_deref(), Some("good"));
    }
    assert_eq!(server.accepted(), 3);
}

/// An authority's certificate, a server's settings whose certificate has number 7, and a list that revokes the numbers given.
fn revocable(revoked: &[u64]) -> (String, Arc<ServerConfig>, String) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let pem = params.self_signed(&key).unwrap().pem();
    let authority = Issuer::new(params, key);
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    params.serial_number = Some(SerialNumber::from(7));
    let certificate = params.signed_by(&key, &authority).unwrap();
    let revoked = revoked.iter().map(|number| RevokedCertParams {
        serial_number: SerialNumber::from(*number),
        revocation_time: date_time_ymd(2021, 1, 1),
        reason_code: None,
        invalidity_date: None,
    });
    let list = CertificateRevocationListParams {
        this_update: date_time_ymd(2021, 1, 1),
        next_update: date_time_ymd(3000, 1, 1),
        crl_number: SerialNumber::from(1),
        issuing_distribution_point: None,
        revoked_certs: revoked.collect(),
        key_identifier_method: KeyIdMethod::Sha256,
    };
    let list = list.signed_by(&authority).unwrap().pem().unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der())),
        )
        .unwrap();
    (pem, Arc::new(config), list)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_certificate_is_refused_by_the_builders_list() {
    for (revoked, refused) in [(7, true), (8, false)] {
        let (pem, config, list) = revocable(&[revoked]);
        let acceptor = TlsAcceptor::from(config);
        let server = Server::raw(move |stream| {
            let acceptor = acceptor.clone();
            async move {
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                let mut buffer = [0; 4096];
                let _ = stream.read(&mut buffer).await;
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
                while stream.read(&mut buffer).await.is_ok_and(|bytes| bytes > 0) {}
            }
        })
        .await;
        let mut network = NetworkConfig::new().with_extra_roots_pem(pem);
        network.roots = Roots::ExtraOnly;
        let user_agent = UserAgent::builder().network(network).revocation_list(list).build().await.unwrap();
        let origin = server.origin().replacen("http:", "https:", 1);
        let response = fetch(&user_agent, request(&origin, "/")).await;
        match refused {
            true => assert_eq!(reason(&response), &NetworkError::Tls(TlsFailure::Revoked)),
            false => assert_eq!(body(response).await.unwrap(), ""),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_has_a_bound_where_one_is_set() {
    let server = Server::http(|_| support::reply(200, &[], vec![0; 5000])).await;
    let user_agent = user_agent_with(|config| config.max_response_body = Some(4999)).await;
    assert!(matches!(outcome(&user_agent, &server).await, Err(Fault::Body(_))));
}

const GOAWAY: u8 = 7;

/// A frame of HTTP/2.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut frame = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// A server of HTTP/2 that answers the first request with these bytes, and any other with `good`, as long as the client talks to it.
async fn bad_once_over_http2(first: Vec<u8>) -> Server {
    let requests = Arc::new(AtomicUsize::new(0));
    Over::Http2
        .raw(move |mut stream| {
            let (requests, first) = (requests.clone(), first.clone());
            async move {
                let _ = stream.write_all(&frame(4, 0, 0, &[])).await;
                let _ = stream.flush().await;
                let mut preface = [0; 24];
                let _ = stream.read_exact(&mut preface).await;
                loop {
                    let mut head = [0; 9];
                    if stream.read_exact(&mut head).await.is_err() {
                        return;
                    }
                    let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
                    let _ = stream.read_exact(&mut payload).await;
                    let number = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
                    // The head of a request.
                    if head[3] == 1 {
                        // `:status: 200`, and a body.
                        let good = [frame(1, 4, number, &[0x88]), frame(0, 1, number, b"good")].concat();
                        let is_first = requests.fetch_add(1, Ordering::SeqCst) == 0;
                        let _ = stream.write_all(if is_first { &first } else { &good }).await;
                        let _ = stream.flush().await;
                        if is_first && first[3] == GOAWAY {
                            return;
                        }
                    }
                }
            }
        })
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn each_fault_of_http2_is_told_and_the_next_fetch_is_good() {
    // One header of nearly 4 KiB goes to HPACK's table; its number stands for it a thousand times.
    let mut bomb = vec![0x88, 0x40, 1, b'x', 0x7F, 0xA1, 0x1E];
    bomb.extend([b'a'; 127 + 0x21 + (0x1E << 7)]);
    bomb.extend([0xBE; 1000]);
    let endless = [frame(1, 0, 1, &[0x88]), frame(9, 0, 1, &[0; 16_000]).repeat(1000)].concat();
    let faults: [(&str, Vec<u8>); 9] = [
        ("a reset", frame(3, 0, 1, &[0, 0, 0, 2])),
        ("a goodbye in the middle", frame(GOAWAY, 0, 0, &[0, 0, 0, 1, 0, 0, 0, 1])),
        ("a push", frame(5, 4, 1, &[0, 0, 0, 2, 0x82, 0x87, 0x84])),
        ("a body before its head", frame(0, 1, 1, b"evil")),
        ("a bomb of HPACK", frame(1, 5, 1, &bomb)),
        ("HPACK that names nothing", frame(1, 5, 1, &[0xFF, 0xFF, 0x7F])),
        ("a head without an end", endless),
        ("a frame beyond the limit", frame(0, 0, 1, &vec![0; 70_000])),
        ("HTTP/1.1", b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil".to_vec()),
    ];
    let user_agent = Over::Http2.user_agent().await;
    for (name, fault) in faults {
        let server = bad_once_over_http2(fault).await;
        match outcome(&user_agent, &server).await {
            Err(Fault::Head(NetworkError::Connection { request_may_have_been_sent, .. })) => {
                assert!(request_may_have_been_sent, "{name}");
            }
            Err(Fault::Head(other)) => panic!("{name}: {other:?}"),
            Err(Fault::Body(other)) => panic!("{name}: {other:?} in the body"),
            Ok(text) => panic!("{name}: {text:?} was taken for an answer"),
        }
        assert_eq!(outcome(&user_agent, &server).await.ok().as_deref(), Some("good"), "after {name}");
    }
}
