//! Servers that are functions in this process, without a socket, on a clock that is turned by hand.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use longhaul_net::{
    ByteStream, Dialer, Error, Http2Config, Network, PoolKey, Request, Scheme, StaticResolver, Timeouts,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::time::{Instant, sleep};

use crate::support::*;

/// Each connection's other end is given to a task of `serve`.
struct InMemory<S>(S);

impl<S, T> Dialer for InMemory<S>
where
    S: Fn(DuplexStream) -> T + Send + Sync,
    T: Future<Output = ()> + Send + 'static,
{
    fn dial(&self, address: SocketAddr) -> BoxFuture<'static, io::Result<Box<dyn ByteStream>>> {
        let known = address == SocketAddr::from(([192, 0, 2, 1], 80));
        let (ours, theirs) = duplex(64 << 10);
        if known {
            tokio::spawn((self.0)(theirs));
        }
        Box::pin(async move {
            if known {
                Ok(Box::new(ours) as Box<dyn ByteStream>)
            } else {
                Err(io::ErrorKind::ConnectionRefused.into())
            }
        })
    }
}

fn in_memory<S, T>(serve: S, change: impl FnOnce(&mut longhaul_net::NetworkConfig)) -> Network
where
    S: Fn(DuplexStream) -> T + Send + Sync + 'static,
    T: Future<Output = ()> + Send + 'static,
{
    network_with(|config| {
        config.dialer = Arc::new(InMemory(serve));
        let address = SocketAddr::from(([192, 0, 2, 1], 0));
        config.resolver = Arc::new(StaticResolver::alone().with("memory.test", [address]));
        change(config);
    })
}

async fn get(network: &Network) -> Result<longhaul_net::Response, Error> {
    let key = PoolKey::new("test", Scheme::Http, "memory.test", 80);
    network.send(Request::new("GET", "memory.test", "/"), key).await
}

async fn read_request(stream: &mut DuplexStream) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.expect("a head"));
    }
}

/// Keeps a connection open for ever.
async fn hold<T>(stream: T) {
    std::future::pending::<()>().await;
    drop(stream);
}

#[tokio::test(start_paused = true)]
async fn a_server_needs_no_socket() {
    let network = in_memory(
        |mut stream| async move {
            read_request(&mut stream).await;
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await.expect("it is read");
            hold(stream).await;
        },
        |_| {},
    );
    let response = get(&network).await.expect("an answer");
    assert_eq!(response.remote, SocketAddr::from(([192, 0, 2, 1], 80)));
    assert_eq!(read(response.body).await.expect("a sound body"), b"ok");
    let key = PoolKey::new("test", Scheme::Http, "memory.test", 81);
    let error = network.send(Request::new("GET", "memory.test:81", "/"), key).await;
    assert!(matches!(error, Err(Error::Refused)), "{error:?}");
}

/// Writes `text` byte by byte, a second between any two.
async fn trickle(mut stream: DuplexStream, text: impl IntoIterator<Item = u8>) {
    read_request(&mut stream).await;
    for byte in text {
        if stream.write_u8(byte).await.is_err() {
            return;
        }
        sleep(Duration::from_secs(1)).await;
    }
    hold(stream).await;
}

#[tokio::test(start_paused = true)]
async fn a_head_that_trickles_in_for_ever_is_given_up() {
    let begun = Instant::now();
    let network = in_memory(
        |stream| trickle(stream, b"HTTP/1.1 200 OK\r\nX: ".iter().copied().chain(std::iter::repeat(b'a'))),
        |config| config.timeouts.response_headers = Duration::from_secs(60),
    );
    assert!(matches!(get(&network).await, Err(Error::ResponseTimeout)));
    assert_eq!(begun.elapsed().as_secs(), 60);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_trickles_in_has_a_limit_where_one_is_set() {
    let head = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n";
    let body = move || head.iter().copied().chain(std::iter::repeat(b'a'));
    let settings = |total| Timeouts { body_total: total, ..Timeouts::default() };
    let limited = in_memory(
        move |stream| trickle(stream, body()),
        |config| config.timeouts = settings(Some(Duration::from_secs(1000))),
    );
    let response = get(&limited).await.expect("a head");
    let begun = Instant::now();
    assert!(matches!(read(response.body).await, Err(Error::BodyTooSlow)));
    assert_eq!(begun.elapsed().as_secs(), 1000);
    // A slow body is a body all the same.
    let short = b"HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n";
    let slow = short.iter().copied().chain(std::iter::repeat_n(b'a', 2000));
    let patient =
        in_memory(move |stream| trickle(stream, slow.clone()), |config| config.timeouts = settings(None));
    let response = get(&patient).await.expect("a head");
    assert_eq!(read(response.body).await.expect("a sound body").len(), 2000);
}

#[tokio::test(start_paused = true)]
async fn a_body_beyond_the_limit_is_refused_announced_or_not() {
    for (head, taken) in [("Content-Length: 11\r\n\r\n", 0), ("\r\n", 10)] {
        let answer = format!("HTTP/1.1 200 OK\r\n{head}");
        let network = in_memory(
            move |mut stream| {
                let answer = answer.clone();
                async move {
                    read_request(&mut stream).await;
                    stream.write_all(answer.as_bytes()).await.expect("it is read");
                    stream.write_all(b"0123456789").await.expect("it is read");
                    sleep(Duration::from_secs(1)).await;
                    let _ = stream.write_all(b"!").await;
                }
            },
            |config| config.max_response_body = Some(10),
        );
        let mut body = get(&network).await.expect("a head").body;
        let mut received = 0;
        let error = loop {
            match futures::StreamExt::next(&mut body).await.expect("an error comes") {
                Ok(chunk) => received += chunk.len(),
                Err(error) => break error,
            }
        };
        assert!(matches!(error, Error::BodyTooLarge { limit: 10 }), "{error:?}");
        assert_eq!(received, taken);
    }
}

#[tokio::test(start_paused = true)]
async fn an_expected_body_waits_for_the_word_or_for_its_time() {
    for (says, after) in [(true, 10), (false, 1000)] {
        let network = in_memory(
            move |mut stream| async move {
                read_request(&mut stream).await;
                let begun = Instant::now();
                if says {
                    sleep(Duration::from_millis(10)).await;
                    stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await.expect("it is read");
                }
                let mut body = [0; 5];
                stream.read_exact(&mut body).await.expect("a body");
                let waited = begun.elapsed().as_millis();
                let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nWaited: {waited}\r\n\r\n");
                stream.write_all(answer.as_bytes()).await.expect("it is read");
                hold(stream).await;
            },
            |_| {},
        );
        let mut request = Request::new("POST", "memory.test", "/");
        request.headers.push(("Expect".into(), "100-continue".into()));
        request.body = longhaul_net::RequestBody::Bytes("hello".into());
        let key = PoolKey::new("test", Scheme::Http, "memory.test", 80);
        let response = network.send(request, key).await.expect("an answer");
        let waited: u64 = std::str::from_utf8(header(&response, "waited").expect("a header"))
            .expect("text")
            .parse()
            .expect("a number");
        // Timers of tokio are coarse by a millisecond.
        assert!(waited.abs_diff(after) <= 2, "{waited}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_has_died_is_noticed_by_its_silence() {
    let authority = Authority::new();
    let acceptor = tokio_rustls::TlsAcceptor::from(authority.server(&["memory.test"], &["h2"], |_| {}));
    let network = in_memory(
        move |stream| {
            let acceptor = acceptor.clone();
            async move {
                let stream = acceptor.accept(stream).await.expect("a handshake");
                let mut connection = h2::server::handshake(stream).await.expect("a preface");
                let (_, mut respond) = connection.accept().await.expect("a request").expect("a sound one");
                let mut body = respond.send_response(http::Response::new(()), false).expect("it is open");
                body.send_data("some".into(), false).expect("it is open");
                // What is written goes out; then nothing is read or written any more.
                let _ = tokio::time::timeout(Duration::from_secs(1), connection.accept()).await;
                hold((connection, body)).await;
            }
        },
        |config| {
            config.roots = longhaul_net::Roots::ExtraOnly;
            config.extra_roots_pem.push(authority.pem.clone().into_bytes());
            config.http2 = Http2Config {
                keep_alive_interval: Some(Duration::from_secs(5)),
                keep_alive_timeout: Duration::from_secs(3),
                ..Http2Config::default()
            };
        },
    );
    let key = PoolKey::new("test", Scheme::Https, "memory.test", 80);
    let response = network.send(Request::new("GET", "memory.test", "/"), key).await.expect("a head");
    let begun = Instant::now();
    let error = read(response.body).await.expect_err("the rest never comes");
    assert!(matches!(error, Error::Reset { .. }), "{error:?}");
    let waited = begun.elapsed().as_secs();
    assert!((7..=15).contains(&waited), "{waited}");
}
