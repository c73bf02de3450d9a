//! Fetches that are aborted, terminated or dropped at random moments leave no task, no socket and no file descriptor behind.
//!
//! 1,000 of them by default; `LONGHAUL_TEST_ABORTS=10000` does as many. In a process of its own, whose descriptors it counts.

#[allow(dead_code, reason = "each test binary uses its own part of it")]
mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::StreamExt as _;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use longhaul::UserAgent;
use longhaul::fetch::{Body, BodySource, BodyStream, FetchOptions, Method};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use support::{Reply, Server, reply, reply_by_channel, request, tls, user_agent_trusting};

/// Fetches that are under way at once.
const AT_ONCE: usize = 24;
/// Kinds of answers that a server has.
const PATHS: [&str; 7] = ["/quick", "/silent", "/endless", "/redirect", "/upload", "/late", "/large"];

/// Numbers that are the same in every run (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }
}

async fn answer(request: http::Request<Incoming>) -> Reply {
    let allowed = [("Access-Control-Allow-Origin", "*"), ("Access-Control-Allow-Headers", "x-a")];
    if request.method() == http::Method::OPTIONS {
        tokio::task::yield_now().await;
        return reply(200, &allowed, "");
    }
    match request.uri().path() {
        "/silent" => std::future::pending().await,
        "/redirect" => {
            let location = format!("/endless?{}", request.uri().query().unwrap_or_default());
            reply(302, &[allowed[0], ("Location", &location)], "")
        }
        "/upload" => {
            let mut body = request.into_body();
            while let Some(Ok(_)) = body.frame().await {}
            reply(200, &allowed, "thanks")
        }
        "/late" => {
            for _ in 0..50 {
                tokio::task::yield_now().await;
            }
            reply(200, &allowed, "late")
        }
        "/large" => reply(200, &allowed, vec![0; 300_000]),
        "/endless" => {
            let (sender, reply) = reply_by_channel(200, &allowed);
            tokio::spawn(async move { while sender.send(Ok(Bytes::from_static(b"more"))).await.is_ok() {} });
            reply
        }
        _ => reply(200, &allowed, "quick"),
    }
}

fn open_descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// One fetch, given up somewhere on its way. Each has a URL of its own, for the HTTP cache lets one of a URL wait for another.
async fn give_up_somewhere(user_agent: UserAgent, origins: Arc<[String]>, seed: u64) {
    let mut random = Random(seed);
    // Seeds that lie close together begin alike.
    for _ in 0..8 {
        random.below(1);
    }
    let path = PATHS[random.below(PATHS.len())];
    let page = ["http://one.example", "https://two.example"][random.below(2)];
    let server = random.below(origins.len());
    let is_mute = server == origins.len() - 1;
    let mut request = request(page, &format!("{}{path}?{seed}", origins[server]));
    if path == "/upload" {
        request.method = Method::POST;
        let chunks = || {
            let chunks = futures::stream::repeat_with(|| Ok(Bytes::from_static(&[0; 1000]))).take(200);
            BodyStream::new(chunks.boxed())
        };
        request.body = Some(Body::from_source(BodySource::Reopen(Arc::new(chunks)), Some(200_000)));
    }
    if random.below(4) == 0 {
        request.use_cors_preflight = true;
        request.header_list.append("X-A", "1");
    }
    let options = FetchOptions::default();
    let controller = options.controller.clone();
    let fetching = tokio::spawn(user_agent.fetch(request, options));
    let (way, chunks) = (random.below(4), random.below(3));
    // From not even begun to long since waiting for the rest of the body.
    for _ in 0..random.below(300) {
        tokio::task::yield_now().await;
    }
    match way {
        0 => controller.abort(None),
        1 => controller.terminate(),
        2 => fetching.abort(),
        _ if path == "/silent" || is_mute => controller.abort(None),
        // A response whose body is dropped, read to some point or not at all.
        _ => {
            let response = fetching.await.unwrap();
            if let Some(body) = response.body {
                let mut body = body.into_stream();
                for _ in 0..chunks {
                    let _ = body.next().await;
                }
            }
            return;
        }
    }
    match fetching.await {
        // An abort may come after the head: then the body knows.
        Ok(response) => drop(response),
        Err(error) => assert!(error.is_cancelled(), "{error}"),
    }
}

/// Waits until `done`; what never comes true fails the test.
fn wait_until(what: &str, done: impl Fn() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < Duration::from_secs(20), "{what}");
        std::thread::yield_now();
    }
}

#[test]
fn nothing_is_left() {
    let count: u64 = std::env::var("LONGHAUL_TEST_ABORTS").map_or(1000, |text| text.parse().unwrap());
    let (pem, config) = tls();
    // The servers' tasks are not counted among the user agent's.
    let others = Runtime::new().unwrap();
    let servers = others.block_on(async {
        let plain = Server::streaming(answer).await;
        let secure = Server::streaming_tls(config, answer).await;
        // Accepts, and says nothing.
        let mute = Server::raw(|mut stream| async move {
            let mut bytes = Vec::new();
            let _ = tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut bytes).await;
        })
        .await;
        [plain, secure, mute]
    });
    let mute_origin = servers[2].origin().replacen("http:", "https:", 1);
    // The mute one's turn comes less often: it is always the same step that is cut off there.
    let [plain, secure] = [servers[0].origin(), servers[1].origin()];
    let origins: Arc<[String]> = [plain.clone(), secure.clone(), plain, secure, mute_origin].into();

    let runtime = Runtime::new().unwrap();
    runtime.block_on(async { tokio::task::yield_now().await });
    let descriptors = open_descriptors();
    let tasks = || runtime.metrics().num_alive_tasks();
    assert_eq!(tasks(), 0);
    let user_agent = runtime.block_on(user_agent_trusting(&pem));
    let quiet = tasks();

    runtime.block_on(async {
        let mut fetches = JoinSet::new();
        for number in 0..count {
            if fetches.len() >= AT_ONCE {
                fetches.join_next().await.unwrap().unwrap();
            }
            let seed = (number + 1_u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            fetches.spawn(give_up_somewhere(user_agent.clone(), origins.clone(), seed));
        }
        while let Some(ended) = fetches.join_next().await {
            ended.unwrap();
        }
    });

    // The user agent lives on, and so do connections that nobody uses: no more than the pool keeps, each with a few tasks. (Two
    // sites, with and without credentials, have six to each of two servers.)
    wait_until("tasks of fetches that are over", || tasks() <= quiet + 2 * 2 * 6 * 2 * 4);
    println!("{count} fetches; tasks: {quiet} before, {} after", tasks());
    assert!(servers[0].accepted() + servers[1].accepted() > 10 && servers[2].accepted() > 0);

    drop(user_agent);
    wait_until("tasks of a user agent that is gone", || tasks() == 0);
    others.block_on(async {
        for server in &servers {
            server.all_closed().await;
        }
    });
    wait_until("file descriptors", || open_descriptors() <= descriptors);
    println!("file descriptors: {descriptors} before, {} after", open_descriptors());
}
