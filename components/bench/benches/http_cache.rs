//! What a hit of the HTTP cache costs beside doing without one (a map, a file), and what opening a large cache costs.
//!
//! `LONGHAUL_ENTRIES` sets how many entries the large cache has (50,000), `LONGHAUL_ENTRY_BYTES` how large each is.

#![allow(missing_docs)]

use std::collections::HashMap;
use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::stream::{self, StreamExt as _};
use longhaul_http_cache::{BodyStream, Config, HttpCache, Lookup, Received, RequestHead, ResponseHead};
use longhaul_storage::{Clock, Location, Profile, SystemClock};

fn request(url: &str) -> RequestHead {
    let headers =
        [("Accept", "*/*"), ("Accept-Encoding", "gzip, deflate, br, zstd"), ("User-Agent", "bench")];
    let mut request = RequestHead::get("https://top.example", url.parse().expect("it is a URL"));
    request.headers = headers.into_iter().collect();
    request
}

fn head() -> ResponseHead {
    let headers = [
        ("Content-Type", "text/javascript"),
        ("Cache-Control", "public, max-age=31536000"),
        ("ETag", "\"5f3e-0123456789abcdef\""),
        ("Last-Modified", "Tue, 14 Nov 2023 22:13:50 GMT"),
        ("Vary", "Accept-Encoding"),
        ("Server", "bench"),
    ];
    ResponseHead { status: 200, reason: Bytes::from_static(b"OK"), headers: headers.into_iter().collect() }
}

async fn read(mut body: BodyStream) -> usize {
    let mut count = 0;
    while let Some(chunk) = body.next().await {
        count += chunk.expect("the body is sound").len();
    }
    count
}

async fn store(cache: &HttpCache, url: &str, body: Bytes) {
    let Lookup::Forward(exchange) = cache.lookup(request(url)).await else { return };
    let chunks: Vec<_> = body.chunks(64 << 10).map(|chunk| Ok(body.slice_ref(chunk))).collect();
    if let Received::Response { answer, .. } = exchange.received(head(), stream::iter(chunks).boxed()).await {
        read(answer.body.expect("it has one")).await;
    }
    cache.settled().await;
}

async fn hit(cache: &HttpCache, request: &RequestHead) -> usize {
    match cache.lookup(request.clone()).await {
        Lookup::Stored(answer) => read(answer.body.expect("it has one")).await,
        _ => panic!("it is stored"),
    }
}

/// The median of so many rounds.
fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn print(what: &str, ours: Duration, peer: &str, theirs: Duration) {
    let ratio = ours.as_secs_f64() / theirs.as_secs_f64().max(1e-9);
    println!("{what:<28}{ours:>12.2?}   {peer:<24}{theirs:>12.2?}   ratio {ratio:.2}");
}

fn open(location: Location, memory: usize) -> (Profile, HttpCache) {
    let (profile, _) = Profile::open(location, &[]).expect("the profile opens");
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let mut config = Config::with_capacity(2 << 30);
    config.memory = memory;
    let cache = HttpCache::open(&profile, clock, config).expect("the cache opens");
    (profile, cache)
}

/// One that reads files as a program would that needs no cache: in chunks, on a thread that may wait.
async fn read_file(path: &Path) -> usize {
    let path = path.to_owned();
    let reading = tokio::task::spawn_blocking(move || fs::read(path).expect("the file is there").len());
    reading.await.expect("it ends")
}

async fn hits(name: &str, size: usize, rounds: usize, folder: &Path) {
    const URL: &str = "https://a.example/script.js";
    let body = Bytes::from((0..size).map(|index| (index % 251) as u8).collect::<Vec<u8>>());
    let wanted = request(URL);
    let file = folder.join(format!("plain-{size}"));
    fs::write(&file, &body).expect("there is room");
    let map: HashMap<String, (ResponseHead, Bytes)> =
        HashMap::from([(URL.to_owned(), (head(), body.clone()))]);

    let (mut in_memory, mut in_map, mut on_disk, mut in_file) = (vec![], vec![], vec![], vec![]);
    // In a profile in memory nothing is read from anywhere.
    let (_profile, memory) = open(Location::Memory, 64 << 20);
    store(&memory, URL, body.clone()).await;
    let (_other, disk) = open(Location::Directory(folder.join(format!("profile-{size}"))), 0);
    store(&disk, URL, body.clone()).await;
    for _ in 0..rounds {
        let start = Instant::now();
        assert_eq!(black_box(hit(&memory, &wanted).await), size);
        in_memory.push(start.elapsed());
        let start = Instant::now();
        let (head, body) = map.get(wanted.url.as_str()).expect("it is there").clone();
        black_box((head, body.to_vec()));
        in_map.push(start.elapsed());
        let start = Instant::now();
        assert_eq!(black_box(hit(&disk, &wanted).await), size);
        on_disk.push(start.elapsed());
        let start = Instant::now();
        assert_eq!(black_box(read_file(&file).await), size);
        in_file.push(start.elapsed());
    }
    print(&format!("hit of {name}, memory"), median(in_memory), "map and a copy", median(in_map));
    print(&format!("hit of {name}, disk"), median(on_disk), "fs::read on a thread", median(in_file));
}

/// What this process has in memory, and the most that it had.
fn resident() -> (u64, u64) {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let number = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name))?;
        line.split_whitespace().nth(1)?.parse::<u64>().ok()
    };
    (number("VmRSS:").unwrap_or(0), number("VmHWM:").unwrap_or(0))
}

fn setting(name: &str, default: usize) -> usize {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

/// A process of its own opens the large cache, so that nothing else is in its memory.
async fn measure_opening(directory: &Path) {
    let before = resident().0;
    let start = Instant::now();
    let (profile, cache) = open(Location::Directory(directory.to_owned()), Config::default().memory);
    let opening = start.elapsed();
    let entries = setting("LONGHAUL_ENTRIES", 50_000);
    let start = Instant::now();
    // Far more of them than memory takes.
    for number in (0..entries).step_by(5) {
        let lookup =
            cache.lookup(request(&format!("https://site-{}.example/file/{number}", number % 500))).await;
        assert!(matches!(lookup, Lookup::Stored(_) | Lookup::Forward(_)));
    }
    let each = start.elapsed() / u32::try_from(entries.div_ceil(5)).unwrap_or(1);
    let (after, most) = resident();
    println!(
        "{entries} entries of {} MiB: profile and cache open in {opening:.2?} (wanted: under 100 ms), \
         one lookup {each:.2?}, memory {} KiB more than before, {} KiB at most (wanted: under 32 MiB)",
        cache.usage() >> 20,
        after.saturating_sub(before),
        most.saturating_sub(before),
    );
    drop(profile);
}

async fn fill(directory: &Path) {
    let (_profile, cache) = open(Location::Directory(directory.to_owned()), 0);
    let entries = setting("LONGHAUL_ENTRIES", 50_000);
    let body = Bytes::from(vec![7; setting("LONGHAUL_ENTRY_BYTES", 20_000)]);
    let start = Instant::now();
    let storing = stream::iter(0..entries).for_each_concurrent(16, |number| {
        let (cache, body) = (&cache, body.clone());
        async move {
            let url = format!("https://site-{}.example/file/{number}", number % 500);
            let Lookup::Forward(exchange) = cache.lookup(request(&url)).await else { return };
            let chunk = stream::iter([Ok(body)]).boxed();
            if let Received::Response { answer, .. } = exchange.received(head(), chunk).await {
                read(answer.body.expect("it has one")).await;
            }
        }
    });
    storing.await;
    cache.settled().await;
    println!(
        "{entries} entries stored, each in {:.2?}",
        start.elapsed() / u32::try_from(entries).unwrap_or(1)
    );
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime starts");
    if let Some(directory) = std::env::var_os("LONGHAUL_BENCH_OPEN") {
        return runtime.block_on(measure_opening(Path::new(&directory)));
    }
    let folder = tempfile::tempdir().expect("there is a temporary folder");
    runtime.block_on(async {
        hits("1 KiB", 1 << 10, 2001, folder.path()).await;
        hits("10 MiB", 10 << 20, 101, folder.path()).await;
        fill(&folder.path().join("large")).await;
    });
    drop(runtime);
    for _ in 0..3 {
        let this = std::env::current_exe().expect("this program has a path");
        let child = std::process::Command::new(this)
            .env("LONGHAUL_BENCH_OPEN", folder.path().join("large"))
            .status()
            .expect("it starts again");
        assert!(child.success());
    }
}
