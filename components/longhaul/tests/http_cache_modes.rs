//! Every cache mode of the Fetch Standard with no entry, a fresh one, a stale one with a validator and one without: what went
//! over the wire, and what came back.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use longhaul::UserAgent;
use longhaul::fetch::{CacheMode, EnvironmentSettings, FetchOptions, Mode, NetworkError, Request};
use longhaul::storage::Location;

type Seen = Arc<Mutex<HashMap<String, Vec<String>>>>;

/// Answers what the path says with a body that counts, or with 304; gives its origin.
fn serve(seen: Seen) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let origin = format!("http://localhost:{}", listener.local_addr().unwrap().port());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, seen) = (stream.unwrap(), Arc::clone(&seen));
            std::thread::spawn(move || {
                let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
                while let Some(Ok(first)) = lines.next() {
                    let mut told = Vec::new();
                    while let Some(Ok(line)) = lines.next()
                        && !line.is_empty()
                    {
                        let (name, value) = line.split_once(": ").unwrap();
                        if ["if-none-match", "cache-control", "pragma"]
                            .contains(&name.to_lowercase().as_str())
                        {
                            told.push(format!("{name}: {value}"));
                        }
                    }
                    told.sort();
                    let path = first.split(' ').nth(1).unwrap().to_owned();
                    let mut seen = seen.lock().unwrap();
                    let requests = seen.entry(path.clone()).or_default();
                    let is_valid = told.iter().any(|line| line == "If-None-Match: \"1\"");
                    requests.push(told.join(", "));
                    let mut head = String::new();
                    if path.ends_with("fresh") {
                        head.push_str("Cache-Control: max-age=1000\r\nETag: \"1\"\r\n");
                    } else if path.ends_with("with-validator") {
                        head.push_str("Cache-Control: max-age=0\r\nETag: \"1\"\r\n");
                    } else {
                        head.push_str("Cache-Control: max-age=0\r\n");
                    }
                    let answer = if is_valid {
                        format!("HTTP/1.1 304 Not Modified\r\n{head}\r\n")
                    } else {
                        let body = format!("body {}", requests.len());
                        format!("HTTP/1.1 200 OK\r\n{head}Content-Length: {}\r\n\r\n{body}", body.len())
                    };
                    drop(seen);
                    if stream.write_all(answer.as_bytes()).is_err() {
                        return;
                    }
                }
            });
        }
    });
    origin
}

async fn cell(
    user_agent: &UserAgent,
    client: &Arc<EnvironmentSettings>,
    url: &str,
    mode: CacheMode,
) -> String {
    let mut request = Request::new(url.parse().unwrap());
    request.client = Some(Arc::clone(client));
    request.mode = Mode::SameOrigin;
    request.cache_mode = mode;
    let response = user_agent.fetch(request, FetchOptions::default()).await;
    if let Some(reason) = response.reason() {
        assert_eq!(*reason, NetworkError::NotCached);
        return "network error".to_owned();
    }
    let cache_state = response.unfiltered().cache_state;
    let status = response.status;
    let body = response.into_unfiltered().body.unwrap().read_all(None).await.unwrap();
    let from = if cache_state.as_str().is_empty() { "network" } else { cache_state.as_str() };
    format!("{status} {:?} ({from})", String::from_utf8_lossy(&body))
}

async fn table(location: Location) -> String {
    let seen = Seen::default();
    let origin = serve(Arc::clone(&seen));
    let user_agent = UserAgent::builder().profile(location).build().await.unwrap();
    let client = EnvironmentSettings::for_url(format!("{origin}/page").parse().unwrap()).into_shared();
    let mut table = String::new();
    for mode in [
        CacheMode::Default,
        CacheMode::NoStore,
        CacheMode::Reload,
        CacheMode::NoCache,
        CacheMode::ForceCache,
        CacheMode::OnlyIfCached,
    ] {
        for state in ["no-entry", "fresh", "stale-with-validator", "stale-without"] {
            let path = format!("/{}/{state}", mode.as_str());
            let url = format!("{origin}{path}");
            if state != "no-entry" {
                assert_eq!(
                    cell(&user_agent, &client, &url, CacheMode::Default).await,
                    "200 \"body 1\" (network)"
                );
                stored(&user_agent, &url).await;
            }
            let before = seen.lock().unwrap().get(&path).map_or(0, Vec::len);
            let came = cell(&user_agent, &client, &url, mode).await;
            let sent = match seen.lock().unwrap().get(&path).and_then(|requests| requests.get(before)) {
                None => "nothing".to_owned(),
                Some(headers) if headers.is_empty() => "GET".to_owned(),
                Some(headers) => format!("GET, {headers}"),
            };
            writeln!(table, "{:<15}{state:<22}{sent:<50}{came}", mode.as_str()).unwrap();
        }
    }
    user_agent.shutdown().await;
    table
}

/// Waits until an entry is written, which happens behind the reader's back.
async fn stored(user_agent: &UserAgent, url: &str) {
    let cache = user_agent.http_cache().unwrap();
    while !cache.list(None).await.unwrap().iter().any(|entry| entry.url == url) {
        tokio::task::yield_now().await;
    }
}

const EXPECTED: &str = r#"
default        no-entry              GET                                               200 "body 1" (network)
default        fresh                 nothing                                           200 "body 1" (local)
default        stale-with-validator  GET, If-None-Match: "1"                           200 "body 1" (validated)
default        stale-without         GET                                               200 "body 2" (network)
no-store       no-entry              GET, Cache-Control: no-cache, Pragma: no-cache    200 "body 1" (network)
no-store       fresh                 GET, Cache-Control: no-cache, Pragma: no-cache    200 "body 2" (network)
no-store       stale-with-validator  GET, Cache-Control: no-cache, Pragma: no-cache    200 "body 2" (network)
no-store       stale-without         GET, Cache-Control: no-cache, Pragma: no-cache    200 "body 2" (network)
reload         no-entry              GET, Cache-Control: no-cache, Pragma: no-cache    200 "body 1" (network)
reload         fresh                 GET, Cache-Control: no-cache, Pragma: no-cache    200 "body 2" (network)
reload         stale-with-validator  GET, Cache-Control: no-cache, Pragma: no-cache    200 "body 2" (network)
reload         stale-without         GET, Cache-Control: no-cache, Pragma: no-cache    200 "body 2" (network)
no-cache       no-entry              GET, Cache-Control: max-age=0                     200 "body 1" (network)
no-cache       fresh                 GET, Cache-Control: max-age=0, If-None-Match: "1" 200 "body 1" (validated)
no-cache       stale-with-validator  GET, Cache-Control: max-age=0, If-None-Match: "1" 200 "body 1" (validated)
no-cache       stale-without         GET, Cache-Control: max-age=0                     200 "body 2" (network)
force-cache    no-entry              GET                                               200 "body 1" (network)
force-cache    fresh                 nothing                                           200 "body 1" (local)
force-cache    stale-with-validator  nothing                                           200 "body 1" (local)
force-cache    stale-without         nothing                                           200 "body 1" (local)
only-if-cached no-entry              nothing                                           network error
only-if-cached fresh                 nothing                                           200 "body 1" (local)
only-if-cached stale-with-validator  nothing                                           200 "body 1" (local)
only-if-cached stale-without         nothing                                           200 "body 1" (local)
"#;

#[tokio::test(flavor = "multi_thread")]
async fn every_mode_and_every_state_on_disk() {
    let folder = tempfile::tempdir().unwrap();
    let table = table(Location::Directory(folder.path().join("profile"))).await;
    println!(
        "mode           stored                went over the wire                                came back\n{table}"
    );
    assert_eq!(table.trim(), EXPECTED.trim());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_mode_and_every_state_in_memory() {
    assert_eq!(table(Location::Memory).await.trim(), EXPECTED.trim());
}
