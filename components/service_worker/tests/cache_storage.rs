//! Caches and what is in them.

use std::collections::HashSet;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, stream};
use longhaul_fetch::{Body, BodyError, BodyStream, Method, NetworkError, Request, Response, ResponseType};
use longhaul_service_worker::{
    Cache, CacheError, CacheQueryOptions, CacheStorage, Caches, ExceptionKind, MultiCacheQueryOptions,
    TABLES, live_bodies,
};
use longhaul_storage::testing::SimulatedDisk;
use longhaul_storage::{Location, Profile};
use tempfile::TempDir;
use url::Url;

const KEY: &str = "https://a.example";

struct Fixture {
    profile: Profile,
    caches: Caches,
}

impl Fixture {
    async fn new() -> Self {
        Self::at(Location::Memory).await
    }

    async fn at(location: Location) -> Self {
        let (profile, _) = Profile::open(location, TABLES).unwrap();
        let caches = Caches::open(profile.clone()).await.unwrap();
        Self { profile, caches }
    }

    fn storage(&self) -> CacheStorage {
        self.caches.storage(KEY)
    }

    async fn cache(&self) -> Cache {
        self.storage().open("c").await.unwrap()
    }

    /// How many bytes the entries take.
    fn usage(&self) -> u64 {
        self.profile.quota().usage(KEY)
    }
}

fn request(path: &str) -> Request {
    Request::new(Url::parse(KEY).unwrap().join(path).unwrap())
}

fn response(body: &str) -> Response {
    let mut response = Response::new();
    response.body = Some(Body::from_bytes(body.to_owned()));
    response
}

fn with_header(mut response: Response, name: &str, value: &str) -> Response {
    response.header_list.append(name, value);
    response
}

async fn text(response: Response) -> String {
    let body = response.into_unfiltered().body.unwrap().read_all(None).await.unwrap();
    String::from_utf8(body.to_vec()).unwrap()
}

async fn found(cache: &Cache, path: &str) -> Option<String> {
    match cache.match_(&request(path), &CacheQueryOptions::default()).await.unwrap() {
        Some(response) => Some(text(response).await),
        None => None,
    }
}

#[tokio::test]
async fn caches_have_names_in_the_order_of_their_making() {
    let fixture = Fixture::new().await;
    let storage = fixture.storage();
    for name in ["z", "a", "m", "z", "ü \u{0}"] {
        storage.open(name).await.unwrap();
    }
    assert_eq!(storage.keys().await.unwrap(), ["z", "a", "m", "ü \u{0}"]);
    assert!(storage.has("a").await.unwrap());
    assert!(!storage.has("A").await.unwrap());
    assert!(storage.delete("a").await.unwrap());
    assert!(!storage.delete("a").await.unwrap());
    storage.open("a").await.unwrap();
    assert_eq!(storage.keys().await.unwrap(), ["z", "m", "ü \u{0}", "a"]);
    assert!(fixture.caches.storage("https://b.example").keys().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_response_is_kept_with_its_head_and_its_body() {
    let fixture = Fixture::new().await;
    let cache = fixture.cache().await;
    let mut kept = with_header(response("hello"), "Content-Type", "text/plain");
    kept.status = 404;
    kept.status_message = b"N\xf8".to_vec();
    kept.url_list = vec![request("/x").url().clone()];
    cache.put(&request("/x#fragment"), kept.filtered(ResponseType::Basic)).await.unwrap();
    let options = CacheQueryOptions::default();
    let back = cache.match_(&request("/x"), &options).await.unwrap().unwrap();
    assert_eq!((back.r#type, back.status), (ResponseType::Basic, 404));
    assert_eq!(back.status_message, b"N\xf8");
    assert_eq!(back.url(), Some(request("/x").url()));
    assert_eq!(back.header_list.get("content-type").unwrap(), b"text/plain");
    assert_eq!(text(back).await, "hello");
    // It can be read again, and at the same time.
    let one = cache.match_(&request("/x"), &options).await.unwrap().unwrap();
    let two = cache.match_(&request("/x"), &options).await.unwrap().unwrap();
    assert_eq!(tokio::join!(text(one), text(two)), ("hello".to_owned(), "hello".to_owned()));
    assert!(cache.match_(&request("/y"), &options).await.unwrap().is_none());
}

#[tokio::test]
async fn opaque_and_bodyless_responses_stay_what_they_are() {
    let fixture = Fixture::new().await;
    let cache = fixture.cache().await;
    cache.put(&request("/opaque"), response("secret").filtered(ResponseType::Opaque)).await.unwrap();
    cache.put(&request("/null"), Response::new()).await.unwrap();
    let options = CacheQueryOptions::default();
    let opaque = cache.match_(&request("/opaque"), &options).await.unwrap().unwrap();
    assert_eq!((opaque.r#type, opaque.status), (ResponseType::Opaque, 0));
    assert!(opaque.body.is_none());
    assert_eq!(text(opaque).await, "secret");
    assert!(cache.match_(&request("/null"), &options).await.unwrap().unwrap().body.is_none());
}

#[tokio::test]
async fn what_must_not_be_kept_is_refused_by_name() {
    let fixture = Fixture::new().await;
    let cache = fixture.cache().await;
    let mut post = request("/x");
    post.method = Method::POST;
    let mut partial = response("x");
    partial.status = 206;
    let cases = [
        (Request::new(Url::parse("data:,x").unwrap()), response("x")),
        (post, response("x")),
        (request("/x"), partial),
        (request("/x"), with_header(response("x"), "Vary", "Accept, *")),
    ];
    for (request, response) in cases {
        let error = cache.put(&request, response).await.unwrap_err();
        assert_eq!(error.kind(), ExceptionKind::TypeError, "{error}");
    }
    assert!(cache.keys(None, &CacheQueryOptions::default()).await.unwrap().is_empty());
    assert_eq!(fixture.usage(), 0);
    // An opaque response shows no headers: it varies by none, and is found whatever they say.
    let opaque = with_header(response("x"), "Vary", "*").filtered(ResponseType::Opaque);
    cache.put(&request("/x"), opaque).await.unwrap();
    assert!(cache.match_(&request("/x"), &CacheQueryOptions::default()).await.unwrap().is_some());
    // What is asked for twice is not even fetched.
    let never = |_, _| -> BoxFuture<'static, Response> { unreachable!("nothing is fetched") };
    let error = cache.add_all(vec![request("/y"), request("/y#z")], never).await.unwrap_err();
    assert_eq!(error.kind(), ExceptionKind::InvalidStateError, "{error}");
}

#[tokio::test]
async fn a_put_takes_the_place_of_the_entry_and_goes_to_the_end() {
    let fixture = Fixture::new().await;
    let cache = fixture.cache().await;
    for (path, body) in [("/a", "1"), ("/b", "22"), ("/a", "333")] {
        cache.put(&request(path), response(body)).await.unwrap();
    }
    assert_eq!(found(&cache, "/a").await.unwrap(), "333");
    let keys = cache.keys(None, &CacheQueryOptions::default()).await.unwrap();
    let keys: Vec<_> = keys.iter().map(|request| request.url().path()).collect();
    assert_eq!(keys, ["/b", "/a"]);
    assert_eq!(fixture.usage(), 5);
}

#[tokio::test]
async fn queries_look_at_search_method_and_vary() {
    let fixture = Fixture::new().await;
    let cache = fixture.cache().await;
    let mut english = request("/x?a");
    english.header_list.append("Accept-Language", "en");
    let mut german = request("/x?a");
    german.header_list.append("Accept-Language", "de");
    cache.put(&english, with_header(response("en"), "Vary", "Accept-Language")).await.unwrap();
    cache.put(&german, with_header(response("de"), "Vary", "accept-language")).await.unwrap();
    cache.put(&request("/x?b"), response("b")).await.unwrap();
    let exact = CacheQueryOptions::default();
    let all = |request: &Request, options: CacheQueryOptions| {
        let (cache, request) = (cache.clone(), request.clone_without_body());
        async move {
            let responses = cache.match_all(Some(&request), &options).await.unwrap();
            futures::future::join_all(responses.into_iter().map(text)).await
        }
    };
    assert_eq!(all(&english, exact).await, ["en"]);
    assert_eq!(all(&german, exact).await, ["de"]);
    assert_eq!(all(&request("/x?a"), exact).await, Vec::<String>::new());
    assert_eq!(all(&request("/x?a"), CacheQueryOptions { ignore_vary: true, ..exact }).await, ["en", "de"]);
    let loose = CacheQueryOptions { ignore_search: true, ignore_vary: true, ..exact };
    assert_eq!(all(&request("/x"), loose).await, ["en", "de", "b"]);
    let mut head = request("/x?b");
    head.method = Method::HEAD;
    assert_eq!(all(&head, exact).await, Vec::<String>::new());
    assert_eq!(all(&head, CacheQueryOptions { ignore_method: true, ..exact }).await, ["b"]);
    assert_eq!(cache.match_all(None, &exact).await.unwrap().len(), 3);
    assert_eq!(cache.keys(Some(&request("/x")), &loose).await.unwrap().len(), 3);
    assert!(!cache.delete(&head, &exact).await.unwrap());
    assert!(cache.delete(&request("/x"), &loose).await.unwrap());
    assert!(!cache.delete(&request("/x"), &loose).await.unwrap());
    assert_eq!(fixture.usage(), 0);
}

#[tokio::test]
async fn a_storage_is_searched_through_in_order() {
    let fixture = Fixture::new().await;
    let storage = fixture.storage();
    for name in ["one", "two"] {
        storage.open(name).await.unwrap().put(&request("/x"), response(name)).await.unwrap();
    }
    let search = |cache_name: Option<&str>| {
        let options = MultiCacheQueryOptions {
            cache_name: cache_name.map(str::to_owned),
            ..MultiCacheQueryOptions::default()
        };
        let storage = storage.clone();
        async move {
            match storage.match_(&request("/x"), &options).await.unwrap() {
                Some(response) => Some(text(response).await),
                None => None,
            }
        }
    };
    assert_eq!(search(None).await.unwrap(), "one");
    assert_eq!(search(Some("two")).await.unwrap(), "two");
    assert_eq!(search(Some("three")).await, None);
}

#[tokio::test]
async fn a_body_that_breaks_off_leaves_the_entry_as_it_was() {
    let fixture = Fixture::new().await;
    let cache = fixture.cache().await;
    cache.put(&request("/x"), response("old")).await.unwrap();
    for (error, kind) in [
        (BodyError::Aborted, ExceptionKind::AbortError),
        (BodyError::Network(NetworkError::Generic), ExceptionKind::TypeError),
    ] {
        let mut torn = Response::new();
        let chunks = stream::iter([Ok(Bytes::from("new")), Err(error)]);
        torn.body = Some(Body::from_stream(chunks.boxed(), None, None));
        assert_eq!(cache.put(&request("/x"), torn).await.unwrap_err().kind(), kind);
    }
    assert_eq!(found(&cache, "/x").await.unwrap(), "old");
}

#[tokio::test]
async fn the_quota_ends_a_put_and_nothing_else() {
    let fixture = Fixture::new().await;
    let cache = fixture.cache().await;
    cache.put(&request("/x"), response("old")).await.unwrap();
    fixture.profile.quota().set_limit(KEY, Some(100));
    for path in ["/x", "/y"] {
        let error = cache.put(&request(path), response(&"n".repeat(200))).await.unwrap_err();
        assert!(matches!(error, CacheError::QuotaExceeded), "{error:?}");
        assert_eq!(error.kind(), ExceptionKind::QuotaExceededError);
    }
    assert_eq!(found(&cache, "/x").await.unwrap(), "old");
    assert_eq!(found(&cache, "/y").await, None);
    cache.put(&request("/y"), response("small")).await.unwrap();
    assert_eq!(found(&cache, "/y").await.unwrap(), "small");
}

#[tokio::test]
async fn a_full_disk_ends_a_put_and_nothing_else() {
    let temporary = TempDir::new().unwrap();
    let disk = SimulatedDisk::new();
    let (profile, _) =
        Profile::open_with_disk(temporary.path().join("profile"), TABLES, Arc::new(disk.clone())).unwrap();
    let caches = Caches::open(profile.clone()).await.unwrap();
    let fixture = Fixture { profile, caches };
    let cache = fixture.cache().await;
    cache.put(&request("/x"), response("old")).await.unwrap();
    disk.set_capacity(Some(100));
    let error = cache.put(&request("/x"), response(&"n".repeat(1000))).await.unwrap_err();
    assert!(matches!(error, CacheError::DiskFull), "{error:?}");
    assert_eq!(error.kind(), ExceptionKind::QuotaExceededError);
    assert_eq!(found(&cache, "/x").await.unwrap(), "old");
    disk.set_capacity(None);
    cache.put(&request("/x"), response("new")).await.unwrap();
    assert_eq!(found(&cache, "/x").await.unwrap(), "new");
}

#[tokio::test]
async fn a_put_is_seen_when_all_of_it_is_there() {
    let fixture = Fixture::new().await;
    let cache = fixture.cache().await;
    cache.put(&request("/x"), response("old")).await.unwrap();
    let (chunks, body) = futures::channel::mpsc::unbounded();
    let mut slow = Response::new();
    slow.body = Some(Body::from_stream(body.boxed(), None, None));
    let x = request("/x");
    let put = cache.put(&x, slow);
    let feed = async {
        chunks.unbounded_send(Ok(Bytes::from("ne"))).unwrap();
        tokio::task::yield_now().await;
        assert_eq!(found(&cache, "/x").await.unwrap(), "old");
        // A put of another entry is not held back.
        cache.put(&request("/y"), response("other")).await.unwrap();
        chunks.unbounded_send(Ok(Bytes::from("w"))).unwrap();
        drop(chunks);
    };
    let (result, ()) = tokio::join!(put, feed);
    result.unwrap();
    assert_eq!(found(&cache, "/x").await.unwrap(), "new");
    assert_eq!(found(&cache, "/y").await.unwrap(), "other");
}

#[tokio::test]
async fn a_reader_keeps_its_body() {
    let fixture = Fixture::new().await;
    let cache = fixture.cache().await;
    cache.put(&request("/x"), response(&"a".repeat(300_000))).await.unwrap();
    let held = cache.match_(&request("/x"), &CacheQueryOptions::default()).await.unwrap().unwrap();
    let mut body: BodyStream = held.body.unwrap().into_stream();
    let first = body.next().await.unwrap().unwrap().len();
    assert!(cache.delete(&request("/x"), &CacheQueryOptions::default()).await.unwrap());
    let rest = body.fold(0, |sum, chunk| async move { sum + chunk.unwrap().len() }).await;
    assert_eq!(first + rest, 300_000);
}

#[tokio::test]
async fn a_deleted_cache_serves_its_holders() {
    let fixture = Fixture::new().await;
    let storage = fixture.storage();
    let cache = fixture.cache().await;
    cache.put(&request("/x"), response("1")).await.unwrap();
    assert!(storage.delete("c").await.unwrap());
    assert!(!storage.has("c").await.unwrap());
    assert_eq!(found(&cache, "/x").await.unwrap(), "1");
    cache.put(&request("/y"), response("2")).await.unwrap();
    assert_eq!(found(&cache, "/y").await.unwrap(), "2");
    // One of the same name is another.
    let other = fixture.cache().await;
    assert_eq!(found(&other, "/x").await, None);
    other.put(&request("/z"), response("3")).await.unwrap();
    assert_eq!(found(&cache, "/z").await, None);
    drop(cache);
    // The holder is gone, and its entries with it, at the latest when the caches are opened again.
    let again = Caches::open(fixture.profile.clone()).await.unwrap();
    assert_eq!(live_bodies(&fixture.profile).unwrap().len(), 1);
    assert_eq!(found(&again.storage(KEY).open("c").await.unwrap(), "/z").await.unwrap(), "3");
}

#[tokio::test]
async fn deleting_what_nobody_holds_frees_its_bytes() {
    let fixture = Fixture::new().await;
    fixture.cache().await.put(&request("/x"), response("12345")).await.unwrap();
    assert_eq!(fixture.usage(), 5);
    assert_eq!(live_bodies(&fixture.profile).unwrap().len(), 1);
    assert!(fixture.storage().delete("c").await.unwrap());
    assert_eq!(live_bodies(&fixture.profile).unwrap(), HashSet::new());
    assert_eq!(fixture.usage(), 0);
    fixture.cache().await.put(&request("/x"), response("1")).await.unwrap();
    fixture.storage().open("d").await.unwrap().put(&request("/x"), response("2")).await.unwrap();
    fixture.storage().clear().await.unwrap();
    assert_eq!(fixture.usage(), 0);
    assert!(fixture.storage().keys().await.unwrap().is_empty());
}

#[tokio::test]
async fn add_all_is_all_or_nothing() {
    let fixture = Fixture::new().await;
    let cache = fixture.cache().await;
    let asked = Arc::new(Mutex::new(Vec::new()));
    let fetch = {
        let asked = asked.clone();
        move |request: Request, _controller| {
            let path = request.url().path().to_owned();
            asked.lock().unwrap().push(path.clone());
            async move {
                match path.as_str() {
                    "/error" => Response::network_error(NetworkError::Generic),
                    "/aborted" => Response::network_error(NetworkError::Aborted),
                    "/404" => {
                        let mut response = response("no");
                        response.status = 404;
                        response
                    }
                    "/vary" => with_header(response("x"), "Vary", "*"),
                    path => response(path),
                }
            }
            .boxed()
        }
    };
    cache.add_all(vec![request("/a"), request("/b")], fetch.clone()).await.unwrap();
    cache.add(request("/c"), fetch.clone()).await.unwrap();
    assert_eq!(found(&cache, "/b").await.unwrap(), "/b");
    assert_eq!(found(&cache, "/c").await.unwrap(), "/c");
    for (bad, kind) in [
        ("/error", ExceptionKind::TypeError),
        ("/aborted", ExceptionKind::AbortError),
        ("/404", ExceptionKind::TypeError),
        ("/vary", ExceptionKind::TypeError),
    ] {
        let error = cache.add_all(vec![request("/new"), request(bad)], fetch.clone()).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{bad}");
    }
    let twice = cache.add_all(vec![request("/new"), request("/new#again")], fetch.clone()).await.unwrap_err();
    assert_eq!(twice.kind(), ExceptionKind::InvalidStateError);
    assert_eq!(found(&cache, "/new").await, None);
    asked.lock().unwrap().clear();
    let mut post = request("/d");
    post.method = Method::POST;
    assert!(cache.add_all(vec![request("/d"), post], fetch).await.is_err());
    assert!(asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn entries_survive_and_what_was_torn_does_not() {
    let temporary = TempDir::new().unwrap();
    let location = || Location::Directory(temporary.path().join("profile"));
    {
        let fixture = Fixture::at(location()).await;
        let cache = fixture.cache().await;
        cache.put(&request("/a"), response("1")).await.unwrap();
        cache.put(&request("/b"), response("2")).await.unwrap();
        let deleted = fixture.storage().open("deleted").await.unwrap();
        deleted.put(&request("/a"), response("3")).await.unwrap();
        fixture.storage().delete("deleted").await.unwrap();
        // A put that is cut off in the middle of its body, as by the end of the process.
        let mut endless = Response::new();
        let chunks = stream::iter([Ok(Bytes::from("torn"))]).chain(stream::pending());
        endless.body = Some(Body::from_stream(chunks.boxed(), None, None));
        let a = request("/a");
        assert!(cache.put(&a, endless).now_or_never().is_none());
        fixture.profile.close();
        drop(deleted);
    }
    let fixture = Fixture::at(location()).await;
    let live = live_bodies(&fixture.profile).unwrap();
    assert_eq!(live.len(), 2);
    fixture.profile.bodies().collect_garbage(&live).await.unwrap();
    assert_eq!(fixture.usage(), 2);
    let cache = fixture.cache().await;
    assert_eq!(found(&cache, "/a").await.unwrap(), "1");
    assert_eq!(found(&cache, "/b").await.unwrap(), "2");
    assert_eq!(fixture.storage().keys().await.unwrap(), ["c"]);
    // New entries do not take the places of old ones.
    cache.put(&request("/c"), response("3")).await.unwrap();
    assert_eq!(found(&cache, "/a").await.unwrap(), "1");
    assert_eq!(cache.keys(None, &CacheQueryOptions::default()).await.unwrap().len(), 3);
}

/// The profile is let go of at its last holder's end, and another one can have it then.
#[tokio::test]
async fn caches_end_with_their_holders() {
    let temporary = TempDir::new().unwrap();
    let location = || Location::Directory(temporary.path().join("profile"));
    let open = || Profile::open(location(), TABLES);
    let Fixture { profile, caches } = Fixture::at(location()).await;
    drop(profile);
    let storage = caches.storage(KEY);
    let cache = storage.open("c").await.unwrap();
    cache.put(&request("/a"), response("1")).await.unwrap();
    assert_eq!(found(&cache, "/a").await.unwrap(), "1");
    drop(caches);
    // Each of the others goes on.
    assert_eq!(storage.keys().await.unwrap(), ["c"]);
    drop(storage);
    assert_eq!(found(&cache, "/a").await.unwrap(), "1");
    open().expect_err("the profile is in use");
    drop(cache);
    open().expect("the profile is free");
}

#[tokio::test]
async fn puts_at_once_leave_one_entry_of_one_of_them() {
    let fixture = Fixture::new().await;
    let cache = fixture.cache().await;
    let puts = (0..20).map(|number| {
        let cache = cache.clone();
        async move { cache.put(&request("/x"), response(&number.to_string())).await.unwrap() }
    });
    futures::future::join_all(puts).await;
    assert_eq!(cache.keys(None, &CacheQueryOptions::default()).await.unwrap().len(), 1);
    let body = found(&cache, "/x").await.unwrap();
    assert_eq!(fixture.usage(), body.len() as u64);
}

/// Names the profile of [`the_process_that_is_killed`].
const PROFILE: &str = "LONGHAUL_TEST_PROFILE";

#[tokio::test]
#[ignore = "a process of its own, which `a_killed_put_leaves_the_entry_as_it_was` starts"]
async fn the_process_that_is_killed() {
    let directory = std::env::var_os(PROFILE).expect("the test that starts this process names the profile");
    let fixture = Fixture::at(Location::Directory(directory.into())).await;
    let cache = fixture.cache().await;
    cache.put(&request("/x"), response("old")).await.unwrap();
    let mut endless = Response::new();
    let announce = stream::once(async {
        println!("torn");
        Ok(Bytes::from_static(b"end"))
    });
    let chunks = stream::iter((0..100).map(|_| Ok(Bytes::from(vec![b'n'; 65_536]))))
        .chain(announce)
        .chain(stream::pending());
    endless.body = Some(Body::from_stream(chunks.boxed(), None, None));
    cache.put(&request("/x"), endless).await.unwrap();
}

#[tokio::test]
async fn a_killed_put_leaves_the_entry_as_it_was() {
    let temporary = TempDir::new().unwrap();
    let directory = temporary.path().join("profile");
    let mut process = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "the_process_that_is_killed", "--nocapture"])
        .env(PROFILE, &directory)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let torn = lines.any(|line| line.unwrap().ends_with("torn"));
    process.kill().unwrap();
    process.wait().unwrap();
    assert!(torn, "the process ended before its put was under way");

    let fixture = Fixture::at(Location::Directory(directory)).await;
    let live = live_bodies(&fixture.profile).unwrap();
    fixture.profile.bodies().collect_garbage(&live).await.unwrap();
    let cache = fixture.cache().await;
    assert_eq!(found(&cache, "/x").await.unwrap(), "old");
    assert_eq!(fixture.usage(), 3);
}

#[tokio::test]
async fn a_put_that_nobody_waits_for_any_more_is_there_or_is_not() {
    let temporary = TempDir::new().unwrap();
    let location = Location::Directory(temporary.path().join("profile"));
    let fixture = Fixture::at(location).await;
    let cache = fixture.cache().await;
    cache.put(&request("/x"), response("old")).await.unwrap();
    for polls in 0..60 {
        let (x, new) = (request("/x"), format!("new {polls}"));
        {
            let mut put = Box::pin(cache.put(&x, response(&new)));
            for _ in 0..polls {
                if futures::poll!(&mut put).is_ready() {
                    break;
                }
                tokio::task::yield_now().await;
            }
        }
        // What was begun ends before this does: commits go in their order.
        cache.put(&request("/y"), response("other")).await.unwrap();
        let now = found(&cache, "/x").await.expect("there is an entry at all times");
        assert!(now == new || now.starts_with("new ") || now == "old", "{now}");
        // Another holder of the profile sees the same.
        let stored = Caches::open(fixture.profile.clone()).await.unwrap();
        let stored = stored.storage(KEY).open("c").await.unwrap();
        assert_eq!(found(&stored, "/x").await, Some(now), "after {polls} polls");
    }
}

#[tokio::test]
async fn a_delete_that_nobody_waits_for_any_more_is_done_or_is_not() {
    let temporary = TempDir::new().unwrap();
    let fixture = Fixture::at(Location::Directory(temporary.path().join("profile"))).await;
    let storage = fixture.storage();
    for polls in 0..20 {
        storage.open("c").await.unwrap();
        {
            let mut delete = Box::pin(storage.delete("c"));
            for _ in 0..polls {
                if futures::poll!(&mut delete).is_ready() {
                    break;
                }
                tokio::task::yield_now().await;
            }
        }
        storage.open("z").await.unwrap();
        storage.delete("z").await.unwrap();
        let stored = Caches::open(fixture.profile.clone()).await.unwrap().storage(KEY);
        assert_eq!(stored.has("c").await.unwrap(), storage.has("c").await.unwrap(), "after {polls} polls");
    }
}

#[tokio::test]
async fn opaque_responses_count_for_more_than_their_bytes() {
    let folder = TempDir::new().unwrap();
    let location = || Location::Directory(folder.path().join("profile"));
    let opaque = |body: &str| {
        let mut response = response(body);
        response.url_list.push("https://b.example/".parse().unwrap());
        response.filtered(ResponseType::Opaque)
    };
    let padding = {
        let fixture = Fixture::at(location()).await;
        let cache = fixture.cache().await;
        cache.put(&request("/seen"), response("abc")).await.unwrap();
        assert_eq!(fixture.storage().padding().await.unwrap(), 0);
        cache.put(&request("/opaque"), opaque("abc")).await.unwrap();
        let padding = fixture.storage().padding().await.unwrap();
        assert!(padding > 0);
        // Another body, or the same again, tells nothing.
        cache.put(&request("/opaque"), opaque("abcdef")).await.unwrap();
        assert_eq!(fixture.storage().padding().await.unwrap(), padding);
        cache.put(&request("/other"), opaque("abc")).await.unwrap();
        assert_ne!(fixture.storage().padding().await.unwrap(), 2 * padding);
        fixture.profile.close();
        padding
    };
    let fixture = Fixture::at(location()).await;
    fixture.cache().await.delete(&request("/other"), &CacheQueryOptions::default()).await.unwrap();
    assert_eq!(fixture.storage().padding().await.unwrap(), padding, "in another session it is the same");
    assert_eq!(fixture.caches.storage("https://c.example").padding().await.unwrap(), 0);
}

#[tokio::test]
async fn caches_have_the_order_of_the_calls_that_made_them() {
    let (profile, _) = Profile::open(Location::Memory, longhaul_service_worker::TABLES).unwrap();
    let storage = Caches::open(profile).await.unwrap().storage("https://a.example");
    let first = storage.open("first");
    let second = storage.open("second");
    // The later call gets there first.
    second.await.unwrap();
    first.await.unwrap();
    storage.open("second").await.unwrap();
    assert_eq!(storage.keys().await.unwrap(), ["first", "second"]);
}
