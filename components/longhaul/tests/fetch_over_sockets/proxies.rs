//! Proxies that want to know who asks.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};

use futures::FutureExt as _;
use futures::future::BoxFuture;
use longhaul::UserAgent;
use longhaul::fetch::{CredentialPrompt, CredentialQuestion, Credentials, NetworkError};
use longhaul::net::{Proxy, ProxyKind};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::TcpStream;

use crate::support::over::Over;
use crate::support::{Server, body, fetch, reason, reply, request};

crate::over_each!(
    a_socks_proxy_is_given_what_the_user_says,
    an_http_proxy_is_given_what_the_user_says,
    without_a_user_a_proxy_that_asks_is_a_network_error,
);

/// What the only user of both proxies is called.
const NAME_AND_PASSWORD: (&str, &str) = ("user", "right");

/// Connects to this machine, whatever name it is told.
async fn socks(mut stream: TcpStream) -> Option<()> {
    let mut greeting = [0; 2];
    stream.read_exact(&mut greeting).await.ok()?;
    let mut methods = vec![0; greeting[1].into()];
    stream.read_exact(&mut methods).await.ok()?;
    if !methods.contains(&2) {
        stream.write_all(&[5, 0xFF]).await.ok()?;
        return None;
    }
    stream.write_all(&[5, 2]).await.ok()?;
    stream.read_u8().await.ok()?;
    let mut given = [const { String::new() }; 2];
    for text in &mut given {
        let mut bytes = vec![0; stream.read_u8().await.ok()?.into()];
        stream.read_exact(&mut bytes).await.ok()?;
        *text = String::from_utf8(bytes).ok()?;
    }
    let is_right = given == [NAME_AND_PASSWORD.0, NAME_AND_PASSWORD.1];
    stream.write_all(&[1, u8::from(!is_right)]).await.ok()?;
    if !is_right {
        return None;
    }
    let mut head = [0; 5];
    stream.read_exact(&mut head).await.ok()?;
    assert_eq!(head[3], 3, "a name");
    let mut name = vec![0; head[4].into()];
    stream.read_exact(&mut name).await.ok()?;
    let port = stream.read_u16().await.ok()?;
    let mut server = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.ok()?;
    stream.write_all(&[5, 0, 0, 1, 127, 0, 0, 1, 0, 80]).await.ok()?;
    copy_bidirectional(&mut stream, &mut server).await.ok()?;
    None
}

/// Opens tunnels, and passes on requests for `http:`, to this machine, for those who say who they are.
async fn http_proxy(mut stream: TcpStream) -> Option<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).ok()?;
    let right = Credentials { username: NAME_AND_PASSWORD.0.into(), password: NAME_AND_PASSWORD.1.into() };
    let expected = format!("proxy-authorization: {}\r\n", right.to_basic());
    if !head.to_ascii_lowercase().contains(&expected.to_ascii_lowercase()) {
        let answer = "HTTP/1.1 407 Who?\r\nProxy-Authenticate: Basic realm=\"way\"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        stream.write_all(answer.as_bytes()).await.ok()?;
        return None;
    }
    let target = head.split(' ').nth(1)?;
    let port = target.trim_start_matches("http://").split('/').next()?.rsplit(':').next()?.parse().ok()?;
    let mut server = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.ok()?;
    if head.starts_with("CONNECT ") {
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.ok()?;
    } else {
        let path = target.splitn(4, '/').nth(3)?;
        server.write_all(head.replacen(target, &format!("/{path}"), 1).as_bytes()).await.ok()?;
    }
    copy_bidirectional(&mut stream, &mut server).await.ok()?;
    None
}

/// A user who gets the password wrong the first time.
#[derive(Default)]
struct User(Mutex<Vec<(String, u32)>>);

impl CredentialPrompt for User {
    fn prompt(&self, question: CredentialQuestion) -> BoxFuture<'static, Option<Credentials>> {
        assert!(question.is_proxy);
        let password = if question.attempts == 0 { "wrong" } else { NAME_AND_PASSWORD.1 };
        self.0.lock().unwrap().push((question.realm, question.attempts));
        let answer = Credentials { username: NAME_AND_PASSWORD.0.into(), password: password.into() };
        std::future::ready(Some(answer)).boxed()
    }
}

async fn through(over: Over, kind: ProxyKind, proxy: &Server, user: Option<Arc<User>>) -> UserAgent {
    let port = proxy.origin().rsplit(':').next().unwrap().parse().unwrap();
    let mut network = over.network();
    network.proxies = Some(Arc::new(Proxy::new(kind, "127.0.0.1", port)));
    let builder = UserAgent::builder().network(network);
    match user {
        Some(user) => builder.credential_prompt(user).build().await.unwrap(),
        None => builder.build().await.unwrap(),
    }
}

/// Two fetches through a proxy: the first one asks twice, the second never.
async fn asks(over: Over, kind: ProxyKind, proxy: Server, realm: String) {
    let server = over.server(|seen| reply(200, &[], seen.target.clone())).await;
    let user = Arc::new(User::default());
    let user_agent = through(over, kind, &proxy, Some(user.clone())).await;
    for target in ["/first", "/second"] {
        let response = fetch(&user_agent, request(&server.origin(), target)).await;
        assert_eq!(body(response).await.unwrap(), target);
    }
    assert_eq!(*user.0.lock().unwrap(), [(realm.clone(), 0), (realm, 1)]);
    let entries = user_agent.services().authentication_entries().list();
    assert!(entries.len() == 1 && entries[0].is_proxy, "{entries:?}");
    assert!(
        server.seen().iter().all(|seen| seen.header("Proxy-Authorization").is_none() || over == Over::Http1)
    );
}

async fn a_socks_proxy_is_given_what_the_user_says(over: Over) {
    let proxy = Server::raw(|stream| async { _ = socks(stream).await }).await;
    let realm = proxy.origin().replace("http://localhost", "socks5h://127.0.0.1");
    asks(over, ProxyKind::Socks5Names, proxy, realm).await;
}

async fn an_http_proxy_is_given_what_the_user_says(over: Over) {
    let proxy = Server::raw(|stream| async { _ = http_proxy(stream).await }).await;
    asks(over, ProxyKind::Http, proxy, "way".to_owned()).await;
}

async fn without_a_user_a_proxy_that_asks_is_a_network_error(over: Over) {
    let server = over.server(|_| reply(200, &[], "")).await;
    let socks = Server::raw(|stream| async { _ = socks(stream).await }).await;
    let http = Server::raw(|stream| async { _ = http_proxy(stream).await }).await;
    for (kind, proxy) in [(ProxyKind::Socks5Names, &socks), (ProxyKind::Http, &http)] {
        let user_agent = through(over, kind, proxy, None).await;
        let response = fetch(&user_agent, request(&server.origin(), "/")).await;
        assert_eq!(reason(&response), &NetworkError::ProxyAuthenticationRequired);
    }
    assert_eq!(server.accepted(), 0);
}
