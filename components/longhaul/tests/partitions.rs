//! Two partitions share nothing that one of them could see the other by: no connection, no session of TLS, no cached response, no
//! preflight and no credentials that a user gave. Each test first shows that inside a partition the thing is shared, so that it would be noticed if it were nowhere.

#[allow(dead_code, reason = "each test binary uses its own part of it")]
mod support;

use std::sync::{Arc, Mutex};

use futures::FutureExt as _;
use futures::future::BoxFuture;
use longhaul::UserAgent;
use longhaul::fetch::{
    CredentialPrompt, CredentialQuestion, Credentials, CredentialsMode, EnvironmentSettings, Method, Request,
};
use rustls::HandshakeKind;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::TlsAcceptor;

use support::over::Over;
use support::{Server, body, fetch, reply, request, tls, user_agent_trusting};

/// Pages of two sites, which therefore have two network partition keys.
const SITES: [&str; 2] = ["https://one.example", "https://two.example"];

/// One after another: twice from the first site, twice from the second, and once more from each.
const VISITS: [usize; 6] = [0, 0, 1, 1, 0, 1];

const EVERYBODY: (&str, &str) = ("Access-Control-Allow-Origin", "*");

async fn visit(user_agent: &UserAgent, site: usize, url: &str, change: impl Fn(&mut Request)) {
    let mut request = request(SITES[site], url);
    change(&mut request);
    body(fetch(user_agent, request).await).await.unwrap();
}

/// A server that remembers how each connection's handshake went, and how many requests came over it.
async fn handshakes(
    keep_alive: bool,
    alpn: &[u8],
) -> (String, Server, Arc<Mutex<Vec<(HandshakeKind, usize)>>>) {
    let (pem, mut config) = tls();
    Arc::get_mut(&mut config).unwrap().alpn_protocols = vec![alpn.to_vec()];
    let acceptor = TlsAcceptor::from(config);
    let seen: Arc<Mutex<Vec<(HandshakeKind, usize)>>> = Arc::default();
    let record = seen.clone();
    let server = Server::raw(move |stream| {
        let (acceptor, record) = (acceptor.clone(), record.clone());
        async move {
            let Ok(mut stream) = acceptor.accept(stream).await else { return };
            let kind = stream.get_ref().1.handshake_kind().unwrap();
            let index = {
                let mut record = record.lock().unwrap();
                record.push((kind, 0));
                record.len() - 1
            };
            let answer: &[u8] = match keep_alive {
                true => b"HTTP/1.1 200 OK\r\nAccess-Control-Allow-Origin: *\r\nContent-Length: 0\r\n\r\n",
                false => {
                    b"HTTP/1.1 200 OK\r\nAccess-Control-Allow-Origin: *\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                }
            };
            let mut head = Vec::new();
            while let Ok(byte) = stream.read_u8().await {
                head.push(byte);
                if head.ends_with(b"\r\n\r\n") {
                    head.clear();
                    record.lock().unwrap()[index].1 += 1;
                    stream.write_all(answer).await.unwrap();
                    if !keep_alive {
                        let _ = stream.shutdown().await;
                        return;
                    }
                }
            }
        }
    })
    .await;
    (pem, server, seen)
}

fn secure(server: &Server, path: &str) -> String {
    format!("{}{path}", server.origin().replacen("http:", "https:", 1))
}

#[tokio::test(flavor = "multi_thread")]
async fn no_connection() {
    let (pem, server, seen) = handshakes(true, b"http/1.1").await;
    let user_agent = user_agent_trusting(&pem).await;
    for site in VISITS {
        visit(&user_agent, site, &secure(&server, "/"), |_| {}).await;
    }
    let requests: Vec<usize> = seen.lock().unwrap().iter().map(|(_, requests)| *requests).collect();
    assert_eq!(requests, [3, 3], "one connection for each site");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_http2_connection() {
    let (pem, config) = tls();
    let server = Server::https(config, |_| reply(200, &[EVERYBODY], "")).await;
    let user_agent = user_agent_trusting(&pem).await;
    for site in VISITS {
        visit(&user_agent, site, &format!("{}/", server.origin()), |_| {}).await;
    }
    assert_eq!(server.accepted(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_tls_session() {
    let (pem, server, seen) = handshakes(false, b"http/1.1").await;
    let user_agent = user_agent_trusting(&pem).await;
    for site in VISITS {
        visit(&user_agent, site, &secure(&server, "/"), |_| {}).await;
    }
    use HandshakeKind::{Full, Resumed};
    let kinds: Vec<HandshakeKind> = seen.lock().unwrap().iter().map(|(kind, _)| *kind).collect();
    assert_eq!(kinds, [Full, Resumed, Full, Resumed, Resumed, Resumed]);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_cached_response() {
    let (pem, config) = tls();
    let server =
        Server::https(config, |_| reply(200, &[EVERYBODY, ("Cache-Control", "max-age=1000")], "kept")).await;
    let user_agent = user_agent_trusting(&pem).await;
    for site in VISITS {
        visit(&user_agent, site, &format!("{}/kept", server.origin()), |_| {}).await;
    }
    assert_eq!(server.lines(), ["GET /kept", "GET /kept"], "each site has asked once");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_preflight() {
    let (pem, config) = tls();
    let server = Server::https(config, |_| {
        let allowed = [
            EVERYBODY,
            ("Access-Control-Allow-Methods", "PUT"),
            ("Access-Control-Allow-Headers", "x-a"),
            ("Access-Control-Max-Age", "1000"),
        ];
        reply(200, &allowed, "")
    })
    .await;
    let user_agent = user_agent_trusting(&pem).await;
    for site in VISITS {
        visit(&user_agent, site, &format!("{}/put", server.origin()), |request| {
            request.method = Method::PUT;
            request.use_cors_preflight = true;
            request.header_list.append("X-A", "1");
        })
        .await;
    }
    let (ask, put) = ("OPTIONS /put", "PUT /put");
    assert_eq!(server.lines(), [ask, put, put, ask, put, put, put, put]);
}

/// A user who knows a password, and how often they were asked for it.
#[derive(Default)]
struct User(Mutex<u32>);

impl CredentialPrompt for User {
    fn prompt(&self, question: CredentialQuestion) -> BoxFuture<'static, Option<Credentials>> {
        assert_eq!((question.realm.as_str(), question.attempts), ("inside", 0));
        let mut asked = self.0.lock().unwrap();
        *asked += 1;
        let credentials = Credentials { username: "user".into(), password: format!("number {asked}") };
        std::future::ready(Some(credentials)).boxed()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_authentication_entry() {
    for over in [Over::Http1, Over::Http1Tls, Over::Http2] {
        let server = over
            .server(|seen| match seen.header("Authorization") {
                Some(_) => reply(200, &[("Cache-Control", "no-store")], ""),
                None => reply(401, &[("WWW-Authenticate", "Basic realm=\"inside\"")], ""),
            })
            .await;
        let user = Arc::new(User::default());
        let user_agent = over.builder().credential_prompt(user.clone()).build().await.unwrap();
        for site in VISITS {
            // The server's own page, in a frame of the site's.
            let url: url::Url = format!("{}/in", server.origin()).parse().unwrap();
            let mut page = EnvironmentSettings::for_url(url.clone());
            let top = EnvironmentSettings::for_url(SITES[site].parse().unwrap());
            page.network_partition_key = top.network_partition_key;
            let mut request = Request::new(url);
            request.client = Some(page.into_shared());
            request.credentials_mode = CredentialsMode::SameOrigin;
            let response = fetch(&user_agent, request).await;
            assert_eq!(response.unfiltered().status, 200);
        }
        let basic =
            |number: u32| Credentials { username: "user".into(), password: format!("number {number}") };
        let (one, two) = (Some(basic(1).to_basic()), Some(basic(2).to_basic()));
        let sent: Vec<_> = server.seen().iter().map(|seen| seen.header("Authorization")).collect();
        assert_eq!(sent, [None, one.clone(), one.clone(), None, two.clone(), two.clone(), one, two]);
        assert_eq!(*user.0.lock().unwrap(), 2, "once for each site");
        assert_eq!(user_agent.services().authentication_entries().list().len(), 2);
    }
}
