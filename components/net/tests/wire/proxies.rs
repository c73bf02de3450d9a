//! Proxies: what they are told, what they may answer, and what becomes of it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use longhaul_net::{
    Error, Network, PoolKey, Proxy, ProxyCredentials, ProxyError, ProxyKind, ProxyResolver, ProxyTarget,
    RequestBody, Response, Route, SocksFailure, Timeouts, Version,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy_bidirectional};
use tokio::net::TcpStream;

use crate::support::*;

/// What a proxy was told, head by head.
type Heads = Arc<Mutex<Vec<String>>>;

fn heard(heads: &Heads) -> Vec<String> {
    heads.lock().expect("not poisoned").clone()
}

async fn read_head_of(stream: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    String::from_utf8(head).ok()
}

/// A tunnel's proxy. It asks for `password`, if there is one.
async fn serve_tunnel(mut stream: impl AsyncRead + AsyncWrite + Unpin, heads: Heads, password: Option<&str>) {
    let Some(head) = read_head_of(&mut stream).await else { return };
    let granted = password.is_none_or(|password| head.contains(password));
    let target = head.split(' ').nth(1).expect("a request line").to_owned();
    heads.lock().expect("not poisoned").push(head);
    if !granted {
        let answer =
            "HTTP/1.1 407 Who?\r\nProxy-Authenticate: Basic realm=\"p\"\r\nContent-Length: 4\r\n\r\nevil";
        let _ = stream.write_all(answer.as_bytes()).await;
        return;
    }
    let mut server = TcpStream::connect(target).await.expect("the target is a test's server");
    let _ = stream.write_all(b"HTTP/1.1 200 Here you are\r\n\r\n").await;
    let _ = copy_bidirectional(&mut stream, &mut server).await;
}

async fn tunnel_proxy(password: Option<&'static str>) -> (Server, Heads) {
    let heads = Heads::default();
    let seen = heads.clone();
    let server = Server::raw(move |_, stream| serve_tunnel(stream, seen.clone(), password)).await;
    (server, heads)
}

fn proxy(kind: ProxyKind, server: &Server) -> Proxy {
    Proxy::new(kind, "127.0.0.1", server.address.port())
}

fn through(proxy: Proxy) -> Network {
    network_with(|config| config.proxies = Some(Arc::new(proxy)))
}

/// `text` in Base64 as `Basic` has it.
const USER_PASSWORD: &str = "Basic dXNlcjpwYXNzd29yZA==";

fn credentials() -> ProxyCredentials {
    ProxyCredentials::new("user", "password")
}

fn proxy_error(result: Result<Response, Error>) -> ProxyError {
    match result {
        Err(error @ Error::Proxy(_)) if error.request_may_have_been_sent() => {
            panic!("{error} was sent nowhere")
        }
        Err(Error::Proxy(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn plain_requests_are_handed_to_the_proxy_whole_and_keep_their_connection() {
    let heads = Heads::default();
    let seen = heads.clone();
    let server = Server::http(move |_, request: http::Request<_>| {
        let line = format!("{} {:?}", request.uri(), request.headers().get("proxy-authorization"));
        seen.lock().expect("not poisoned").push(line);
        async { full("from the proxy") }
    })
    .await;
    let network = through(proxy(ProxyKind::Http, &server).with_credentials(credentials()));
    for path in ["/a?b", "/c"] {
        let request = longhaul_net::Request::new("GET", "site.test:81", path);
        let key = PoolKey::new("test", longhaul_net::Scheme::Http, "site.test", 81);
        let response = network.send(request, key).await.expect("the proxy answers");
        assert_eq!(response.proxy.as_ref().map(Proxy::port), Some(server.address.port()));
        assert_eq!(read(response.body).await.expect("a sound body"), b"from the proxy");
    }
    let authorization = format!("{:?}", Some(http::HeaderValue::from_static(USER_PASSWORD)));
    assert_eq!(
        heard(&heads),
        [
            format!("http://site.test:81/a?b {authorization}"),
            format!("http://site.test:81/c {authorization}")
        ]
    );
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn encrypted_requests_go_through_a_tunnel_in_both_versions() {
    let authority = Authority::new();
    for (alpn, version) in [("h2", Version::Http2), ("http/1.1", Version::Http11)] {
        let config = authority.server(&["localhost"], &[alpn], |_| {});
        let server = Server::https(config, |_, _| async { full("secret") }).await;
        let (tunnels, heads) = tunnel_proxy(None).await;
        let network =
            authority.network(|config| config.proxies = Some(Arc::new(proxy(ProxyKind::Http, &tunnels))));
        for _ in 0..2 {
            let response = server.get_tls(&network).await.expect("it passes");
            assert_eq!(response.version, version);
            assert_eq!(read(response.body).await.expect("a sound body"), b"secret");
        }
        let port = server.address.port();
        assert_eq!(
            heard(&heads),
            [format!("CONNECT localhost:{port} HTTP/1.1\r\nhost: localhost:{port}\r\n\r\n")],
            "one tunnel for both requests, and nothing of them in it"
        );
    }
}

#[tokio::test]
async fn a_proxy_may_itself_be_reached_by_tls_and_must_prove_who_it_is() {
    let authority = Authority::new();
    let server = Server::https(authority.localhost(), |_, _| async { full("secret") }).await;
    let heads = Heads::default();
    for (names, trusted) in [(["127.0.0.1"], true), (["other.test"], false)] {
        let seen = heads.clone();
        let config = authority.server(&names, &["http/1.1"], |_| {});
        let tunnels = Server::tls(config, move |_, stream| serve_tunnel(stream, seen.clone(), None)).await;
        let network =
            authority.network(|config| config.proxies = Some(Arc::new(proxy(ProxyKind::Https, &tunnels))));
        let result = server.get_tls(&network).await;
        if trusted {
            assert_eq!(read(result.expect("it passes").body).await.expect("a sound body"), b"secret");
        } else {
            let error = proxy_error(result);
            assert!(matches!(error, ProxyError::Unreachable(fault) if matches!(*fault, Error::Tls(_))));
        }
    }
    assert_eq!(heard(&heads).len(), 1, "the impostor was told nothing");
}

#[tokio::test]
async fn a_proxy_that_asks_is_told_once_somebody_knows() {
    let authority = Authority::new();
    let server = Server::https(authority.localhost(), |_, _| async { full("secret") }).await;
    let (tunnels, heads) = tunnel_proxy(Some(USER_PASSWORD)).await;
    let network =
        authority.network(|config| config.proxies = Some(Arc::new(proxy(ProxyKind::Http, &tunnels))));
    let asking = match proxy_error(server.get_tls(&network).await) {
        ProxyError::AuthenticationRequired { proxy, challenges } => {
            assert_eq!(challenges, ["Basic realm=\"p\""]);
            proxy
        }
        other => panic!("{other}"),
    };
    network.set_proxy_credentials(&asking, Some(credentials()));
    let response = server.get_tls(&network).await.expect("it passes");
    assert_eq!(read(response.body).await.expect("a sound body"), b"secret");
    network.set_proxy_credentials(&asking, None);
    let mut request = server.request("GET", "/");
    request.proxy_credentials = Some(credentials());
    let response = network.send(request, server.tls_key()).await.expect("the request itself knows");
    assert_eq!(response.status, 200);
    assert!(server.get_tls(&network).await.is_err(), "another's connection is not used");
    // Whoever shows the same credentials goes through the same tunnel.
    assert_eq!(heard(&heads).len(), 3);
}

#[tokio::test]
async fn a_407_means_the_proxy_only_when_the_proxy_says_it() {
    let answer =
        "HTTP/1.1 407 Who?\r\nProxy-Authenticate: Basic realm=\"p\"\r\nContent-Length: 4\r\n\r\nevil";
    let server = Server::saying(answer).await;
    let error = proxy_error(server.get(&through(proxy(ProxyKind::Http, &server))).await);
    assert!(matches!(error, ProxyError::AuthenticationRequired { .. }), "{error}");
    let response = server.get(&network()).await.expect("a response like any other");
    assert_eq!((response.status, response.proxy), (407, None));
}

/// A SOCKS proxy for one connection. It wants `password`, if there is one, and gives back what it was asked for.
async fn serve_socks(mut stream: TcpStream, heads: Heads, password: Option<&str>) -> Option<()> {
    assert_eq!(stream.read_u8().await.ok()?, 5);
    let mut methods = vec![0; stream.read_u8().await.ok()?.into()];
    stream.read_exact(&mut methods).await.ok()?;
    if let Some(password) = password {
        if !methods.contains(&2) {
            stream.write_all(&[5, 0xFF]).await.ok()?;
            return None;
        }
        stream.write_all(&[5, 2]).await.ok()?;
        assert_eq!(stream.read_u8().await.ok()?, 1);
        let mut given = Vec::new();
        for _ in 0..2 {
            let mut text = vec![0; stream.read_u8().await.ok()?.into()];
            stream.read_exact(&mut text).await.ok()?;
            given.push(String::from_utf8(text).ok()?);
        }
        if given.join(":") != password {
            stream.write_all(&[1, 9]).await.ok()?;
            return None;
        }
        stream.write_all(&[1, 0]).await.ok()?;
    } else {
        stream.write_all(&[5, 0]).await.ok()?;
    }
    let mut head = [0; 4];
    stream.read_exact(&mut head).await.ok()?;
    assert_eq!(head[..3], [5, 1, 0]);
    let host = match head[3] {
        1 => std::net::Ipv4Addr::from(stream.read_u32().await.ok()?).to_string(),
        3 => {
            let mut name = vec![0; stream.read_u8().await.ok()?.into()];
            stream.read_exact(&mut name).await.ok()?;
            String::from_utf8(name).ok()?
        }
        _ => std::net::Ipv6Addr::from(stream.read_u128().await.ok()?).to_string(),
    };
    let port = stream.read_u16().await.ok()?;
    heads.lock().expect("not poisoned").push(host);
    let mut server = TcpStream::connect(("127.0.0.1", port)).await.ok()?;
    // A name as its own address, which has to be read to its end.
    stream.write_all(&[5, 0, 0, 3, 3, b'a', b'b', b'c', 0, 80]).await.ok()?;
    copy_bidirectional(&mut stream, &mut server).await.ok()?;
    None
}

async fn socks_proxy(password: Option<&'static str>) -> (Server, Heads) {
    let heads = Heads::default();
    let seen = heads.clone();
    let server = Server::raw(move |_, stream| {
        let seen = seen.clone();
        async move {
            serve_socks(stream, seen, password).await;
        }
    })
    .await;
    (server, heads)
}

#[tokio::test]
async fn socks_is_told_the_name_or_the_address() {
    let server = Server::http(|_, _| async { full("behind") }).await;
    for (kind, told) in [(ProxyKind::Socks5Names, "localhost"), (ProxyKind::Socks5, "127.0.0.1")] {
        let (socks, heads) = socks_proxy(None).await;
        let response = server.get(&through(proxy(kind, &socks))).await.expect("it passes");
        assert_eq!(read(response.body).await.expect("a sound body"), b"behind");
        assert_eq!(heard(&heads), [told]);
    }
}

#[tokio::test]
async fn socks_may_want_a_password() {
    let server = Server::http(|_, _| async { full("behind") }).await;
    let (socks, _) = socks_proxy(Some("user:password")).await;
    let known = proxy(ProxyKind::Socks5Names, &socks);
    for stranger in [known.clone(), known.clone().with_credentials(ProxyCredentials::new("user", "wrong"))] {
        let error = proxy_error(server.get(&through(stranger)).await);
        assert!(matches!(error, ProxyError::AuthenticationRequired { proxy, .. } if proxy == known));
    }
    let response =
        server.get(&through(known.clone().with_credentials(credentials()))).await.expect("it passes");
    assert_eq!(response.status, 200);
    let mut request = server.request("GET", "/");
    request.proxy_credentials = Some(credentials());
    let response =
        through(known.clone()).send(request, server.key()).await.expect("the request itself knows");
    assert_eq!(response.status, 200);
    let long = ProxyCredentials::new("u".repeat(256), "");
    let error = proxy_error(server.get(&through(known.with_credentials(long))).await);
    assert!(matches!(error, ProxyError::TooLong), "{error}");
}

/// Several ways, the first ones of which nobody answers.
struct Ways(Vec<Route>);

impl ProxyResolver for Ways {
    fn routes(&self, target: &ProxyTarget) -> futures::future::BoxFuture<'static, Vec<Route>> {
        assert_eq!(target.host, "localhost");
        Box::pin(std::future::ready(self.0.clone()))
    }
}

#[tokio::test]
async fn the_next_way_is_tried_when_a_proxy_cannot_be_reached_and_the_body_is_still_there() {
    let server = Server::http(|_, request: http::Request<hyper::body::Incoming>| async {
        use http_body_util::BodyExt;
        full(request.into_body().collect().await.expect("a sound body").to_bytes())
    })
    .await;
    let nobody = || Route::Proxy(Proxy::new(ProxyKind::Http, "127.0.0.1", 1));
    let post = || {
        let chunks = futures::stream::iter([Ok("one".into()), Ok("two".into())]);
        let mut request = server.request("POST", "/");
        request.body = RequestBody::Stream { stream: Box::pin(chunks), length: None };
        request
    };
    let network = network_with(|config| {
        config.proxies = Some(Arc::new(Ways(vec![nobody(), nobody(), Route::Direct])));
    });
    let response = network.send(post(), server.key()).await.expect("the last way leads there");
    assert_eq!(read(response.body).await.expect("a sound body"), b"onetwo");
    let network = network_with(|config| config.proxies = Some(Arc::new(Ways(vec![nobody()]))));
    let error = proxy_error(network.send(post(), server.key()).await);
    assert!(matches!(error, ProxyError::Unreachable(fault) if matches!(*fault, Error::Refused)));
    let network = network_with(|config| config.proxies = Some(Arc::new(Ways(Vec::new()))));
    assert_eq!(server.get(&network).await.expect("no way at all means straight there").proxy, None);
}

#[tokio::test]
async fn two_proxies_never_share_a_connection() {
    let (first, _) = socks_proxy(None).await;
    let (second, _) = socks_proxy(None).await;
    let server = Server::http(|number, _| async move { full(number.to_string()) }).await;
    let network = network();
    let by = |proxy: Option<Proxy>| {
        let key = PoolKey { proxy, ..server.key() };
        let sending = network.send(server.request("GET", "/"), key);
        async { read(sending.await.expect("it passes").body).await.expect("a sound body") }
    };
    let ways = [
        Some(proxy(ProxyKind::Socks5, &first)),
        Some(proxy(ProxyKind::Socks5, &second)),
        Some(proxy(ProxyKind::Socks5, &first).with_credentials(credentials())),
        None,
    ];
    for round in 0..2 {
        for (index, way) in ways.iter().enumerate() {
            assert_eq!(by(way.clone()).await, (index + 1).to_string().as_bytes(), "round {round}");
        }
    }
}

#[tokio::test]
async fn garbage_from_a_tunnels_proxy_is_the_proxys_fault_and_nobody_elses() {
    let authority = Authority::new();
    let huge = format!("HTTP/1.1 200 OK\r\nX: {}", "a".repeat(1 << 20));
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "X-A: b\r\n".repeat(1001));
    let answers: [(&[u8], &str); 8] = [
        (b"hello\r\n\r\n", "broke its protocol"),
        (b"HTTP/1.1 200 OK\r\nX-A: a\0b\r\n\r\n", "broke its protocol"),
        (b"HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 I am your bank\r\n\r\n", "before the tunnel was used"),
        (b"HTTP/1.1 502 No\r\nContent-Length: 4\r\n\r\nevil", "status 502"),
        (b"HTTP/1.1 302 Away\r\nLocation: https://evil.test/\r\n\r\n", "status 302"),
        (b"HTTP/1.1 101 Switch\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n", "status 101"),
        (huge.as_bytes(), "broke its protocol"),
        (many.as_bytes(), "broke its protocol"),
    ];
    for (answer, telling) in answers {
        let server = Server::saying(answer).await;
        let network =
            authority.network(|config| config.proxies = Some(Arc::new(proxy(ProxyKind::Http, &server))));
        let error = proxy_error(server.get_tls(&network).await);
        assert!(error.to_string().contains(telling), "{}: {error}", String::from_utf8_lossy(answer));
    }
}

#[tokio::test]
async fn garbage_from_a_socks_proxy_is_the_proxys_fault() {
    let replies: [(&[u8], &str); 8] = [
        (b"HTTP/1.1 400 Bad\r\n\r\n", "version 72"),
        (&[5, 2], "not offered"),
        (&[5, 0xFF], "credentials"),
        (&[5, 0, 4, 0, 0, 1], "version 4"),
        (&[5, 0, 5, 0, 0, 7], "address type 7"),
        (&[5, 0, 5, 2, 0, 1], "not allowed"),
        (&[5, 0, 5, 99, 0, 1], "code 99"),
        (&[5, 0, 5, 4, 0, 1], "host cannot be reached"),
    ];
    for (reply, telling) in replies {
        let server = Server::raw(move |_, mut stream| async move {
            let _ = stream.write_all(reply).await;
            read_to_end(&mut stream).await;
        })
        .await;
        let error = proxy_error(server.get(&through(proxy(ProxyKind::Socks5Names, &server))).await);
        assert!(error.to_string().contains(telling), "{reply:?}: {error}");
    }
    let server = Server::raw(|_, mut stream| async move {
        let _ = stream.write_all(&[5, 0, 5, 5, 0, 1]).await;
    })
    .await;
    let error = proxy_error(server.get(&through(proxy(ProxyKind::Socks5Names, &server))).await);
    assert!(matches!(error, ProxyError::Closed | ProxyError::Socks(SocksFailure::Refused)), "{error}");
}

#[tokio::test]
async fn silent_and_closing_proxies_are_given_up() {
    let authority = Authority::new();
    let silent = Server::raw(|_, mut stream| async move { read_to_end(&mut stream).await }).await;
    let closing = Server::raw(|_, _| std::future::ready(())).await;
    let timeouts = Timeouts { proxy: Duration::from_millis(50), ..Timeouts::default() };
    for kind in [ProxyKind::Http, ProxyKind::Https, ProxyKind::Socks5Names] {
        for (server, timed_out) in [(&silent, true), (&closing, false)] {
            let network = authority.network(|config| {
                config.proxies = Some(Arc::new(proxy(kind, server)));
                config.timeouts = timeouts;
            });
            let error = proxy_error(server.get_tls(&network).await);
            match error {
                ProxyError::Timeout => assert!(timed_out, "{kind:?}"),
                ProxyError::Closed | ProxyError::Unreachable(_) => assert!(!timed_out, "{kind:?}"),
                other => panic!("{kind:?}: {other}"),
            }
        }
    }
}
