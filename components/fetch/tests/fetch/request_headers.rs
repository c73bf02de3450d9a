//! The headers that the user agent adds.

use std::sync::Arc;

use longhaul_fetch::{
    Body, CacheMode, CredentialsMode, Destination, EnvironmentSettings, FetchOptions, Initiator, Method,
    Mode, NetworkError, Referrer, ReferrerPolicy, Request, Resumption, Services, fetch,
};
use url::Url;

use crate::support::{FakeCookies, FakeNetwork, Seen, cors, reason, redirect, reply, request, run};

fn open_server() -> Arc<FakeNetwork> {
    FakeNetwork::new(|_| reply(200, &[("Access-Control-Allow-Origin", "*")], ""))
}

async fn sent(request: Request) -> Seen {
    let network = open_server();
    let response = run(&network, request).await;
    assert!(!response.is_network_error(), "{:?}", response.reason());
    network.seen().remove(0)
}

#[tokio::test]
async fn a_plain_request_carries_the_usual_headers() {
    let seen = sent(cors("/x?y#z")).await;
    assert_eq!((seen.url.as_str(), seen.target.as_str()), ("https://a.example/x?y", "/x?y"));
    for (name, value) in [
        ("accept", "*/*"),
        ("accept-language", "en"),
        ("accept-encoding", "gzip, deflate, br, zstd"),
        ("user-agent", longhaul_fetch::DEFAULT_USER_AGENT),
        ("referer", "https://a.example/page?query"),
        ("sec-fetch-dest", "empty"),
        ("sec-fetch-mode", "cors"),
        ("sec-fetch-site", "same-origin"),
    ] {
        assert_eq!(seen.header(name).as_deref(), Some(value), "{name}");
    }
    for absent in ["origin", "cookie", "range", "content-length", "cache-control", "pragma", "host"] {
        assert_eq!(seen.header(absent), None, "{absent}");
    }
}

#[tokio::test]
async fn what_the_author_set_stays() {
    let mut request = cors("/");
    for (name, value) in [("Accept", "x/y"), ("Accept-Language", "de"), ("User-Agent", "mine")] {
        request.header_list.append(name, value);
    }
    let seen = sent(request).await;
    assert_eq!(seen.header("accept").unwrap(), "x/y");
    assert_eq!(seen.header("accept-language").unwrap(), "de");
    assert_eq!(seen.header("user-agent").unwrap(), "mine");
}

#[tokio::test]
async fn accept_follows_the_destination() {
    let mut image = request(Mode::NoCors, "/");
    image.destination = Destination::Image;
    let seen = sent(image).await;
    assert_eq!(seen.header("accept").unwrap(), "image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5");
    assert_eq!(seen.header("sec-fetch-dest").unwrap(), "image");
}

#[tokio::test]
async fn insecure_servers_learn_less() {
    let mut request = Request::new(Url::parse("http://b.example/").unwrap());
    request.client = Some(Arc::new(EnvironmentSettings::for_url(Url::parse("http://a.example/").unwrap())));
    request.mode = Mode::Cors;
    let seen = sent(request).await;
    assert_eq!(seen.header("sec-fetch-site"), None);
    assert_eq!(seen.header("accept-encoding").unwrap(), "gzip, deflate");
}

#[tokio::test]
async fn lengths_are_told_where_they_are_known() {
    let mut empty = cors("/");
    empty.method = Method::POST;
    assert_eq!(sent(empty).await.header("content-length").unwrap(), "0");
    let mut bytes = cors("/");
    bytes.method = Method::POST;
    bytes.body = Some(Body::from_bytes("abc"));
    let seen = sent(bytes).await;
    assert_eq!((seen.header("content-length").unwrap().as_str(), &*seen.body), ("3", &b"abc"[..]));
    assert_eq!(seen.header("origin").unwrap(), "https://a.example");
}

#[tokio::test]
async fn referrers_follow_the_policy_of_the_request_then_of_its_client() {
    let seen = sent(cors("https://b.example/")).await;
    assert_eq!(seen.header("referer").unwrap(), "https://a.example/");
    assert_eq!(seen.header("sec-fetch-site").unwrap(), "cross-site");
    let mut none = cors("/");
    none.referrer = Referrer::NoReferrer;
    assert_eq!(sent(none).await.header("referer"), None);
    let mut by_client = cors("/");
    let mut client = EnvironmentSettings::for_url(Url::parse("https://a.example/page").unwrap());
    client.policy_container.referrer_policy = ReferrerPolicy::Origin;
    by_client.client = Some(Arc::new(client));
    assert_eq!(sent(by_client).await.header("referer").unwrap(), "https://a.example/");
}

#[tokio::test]
async fn cache_modes_tell_the_caches_on_the_way() {
    for (mode, cache_control, pragma) in [
        (CacheMode::Default, None, None),
        (CacheMode::NoStore, Some("no-cache"), Some("no-cache")),
        (CacheMode::Reload, Some("no-cache"), Some("no-cache")),
        (CacheMode::NoCache, Some("max-age=0"), None),
        (CacheMode::ForceCache, None, None),
    ] {
        let mut request = cors("/");
        request.cache_mode = mode;
        let seen = sent(request).await;
        assert_eq!(seen.header("cache-control").as_deref(), cache_control, "{mode}");
        assert_eq!(seen.header("pragma").as_deref(), pragma, "{mode}");
    }
    let mut conditional = cors("/");
    conditional.header_list.append("If-None-Match", "\"x\"");
    assert_eq!(sent(conditional).await.header("pragma").unwrap(), "no-cache");
    let mut only_cached = request(Mode::SameOrigin, "/");
    only_cached.cache_mode = CacheMode::OnlyIfCached;
    let network = open_server();
    assert_eq!(reason(&run(&network, only_cached).await), &NetworkError::NotCached);
    assert!(network.seen().is_empty());
}

#[tokio::test]
async fn a_range_asks_for_bytes_as_they_are() {
    let mut request = cors("/");
    request.header_list.append("Range", "bytes=5-");
    assert_eq!(sent(request).await.header("accept-encoding").unwrap(), "identity");
    let mut identity = cors("/");
    identity.identity_encoding = true;
    assert_eq!(sent(identity).await.header("accept-encoding").unwrap(), "identity");
}

fn resumed(url: &str) -> Request {
    let mut request = cors(url);
    request.unsafe_request = true;
    request.header_list.append("Range", "bytes=0-99");
    request.resumption =
        Some(Resumption { first_byte: 40, last_byte: Some(99), if_range: b"\"etag\"".to_vec() });
    request
}

#[tokio::test]
async fn a_resumption_causes_no_preflight_and_no_bypass() {
    let network = FakeNetwork::new(|seen| match seen.target.as_str() {
        "/one" => {
            reply(302, &[("Location", "https://b.example/two"), ("Access-Control-Allow-Origin", "*")], "")
        }
        _ => reply(206, &[("Content-Range", "bytes 40-99/100"), ("Access-Control-Allow-Origin", "*")], "x"),
    });
    let response = run(&network, resumed("https://b.example/one")).await;
    assert_eq!((response.status, response.unfiltered().range_requested), (206, true));
    let seen = network.seen();
    assert_eq!(seen.iter().map(|seen| seen.method.as_str()).collect::<Vec<_>>(), ["GET", "GET"]);
    for seen in &seen {
        assert_eq!(seen.header("range").unwrap(), "bytes=40-99");
        assert_eq!(seen.header("if-range").unwrap(), "\"etag\"");
        assert_eq!(seen.header("accept-encoding").unwrap(), "identity");
        assert_eq!((seen.header("pragma"), seen.header("cache-control")), (None, None));
    }
}

#[tokio::test]
async fn a_resumption_may_be_opaque() {
    let network = FakeNetwork::new(|_| reply(206, &[("Content-Range", "bytes 40-99/100")], "x"));
    let mut opaque = resumed("https://b.example/");
    opaque.mode = Mode::NoCors;
    opaque.header_list.delete("Range");
    assert_eq!(run(&network, opaque).await.unfiltered().status, 206);
}

async fn with_cookies(request: Request) -> (Vec<Seen>, Vec<(String, String)>) {
    let network = FakeNetwork::new(|seen| {
        if seen.target == "/one" {
            let headers =
                [("Location", "/two"), ("Set-Cookie", "hop=1"), ("Access-Control-Allow-Origin", "*")];
            return reply(302, &headers, "");
        }
        let headers = [
            ("Set-Cookie", "a=1"),
            ("Set-Cookie", "b=2"),
            ("Access-Control-Allow-Origin", "https://a.example"),
            ("Access-Control-Allow-Credentials", "true"),
        ];
        reply(200, &headers, "")
    });
    let cookies = Arc::new(FakeCookies::default());
    let services = Services::new(Arc::clone(&network) as _).with_cookies(Arc::clone(&cookies) as _);
    let response = fetch(&services, request, FetchOptions::default()).await;
    assert!(!response.is_network_error(), "{:?}", response.reason());
    let stored = cookies.0.lock().unwrap().clone();
    (network.seen(), stored)
}

#[tokio::test]
async fn cookies_go_and_come_on_each_hop_where_credentials_do() {
    let (seen, stored) = with_cookies(cors("/one")).await;
    assert!(seen.iter().all(|seen| seen.header("cookie").as_deref() == Some("host=a.example")));
    assert!(seen.iter().all(|seen| seen.key.credentials));
    let stored: Vec<_> = stored.iter().map(|(url, value)| (url.as_str(), value.as_str())).collect();
    let (one, two) = ("https://a.example/one", "https://a.example/two");
    assert_eq!(stored, [(one, "hop=1"), (two, "a=1"), (two, "b=2")]);
    let (seen, stored) = with_cookies(cors("https://b.example/")).await;
    assert!(!seen[0].headers.contains("cookie") && !seen[0].key.credentials && stored.is_empty());
    let mut included = cors("https://b.example/");
    included.credentials_mode = CredentialsMode::Include;
    let (seen, stored) = with_cookies(included).await;
    assert_eq!((seen[0].header("cookie").unwrap().as_str(), stored.len()), ("host=b.example", 2));
    let mut omitted = cors("/");
    omitted.credentials_mode = CredentialsMode::Omit;
    let (seen, stored) = with_cookies(omitted).await;
    assert!(!seen[0].headers.contains("cookie") && stored.is_empty());
}

#[tokio::test]
async fn connections_are_kept_apart_by_partition_and_credentials() {
    let seen = sent(cors("https://[2001:db8::1]:8443/")).await;
    assert_eq!(seen.key.host, "2001:db8::1");
    assert_eq!((seen.key.port, &*seen.key.network_partition_key), (8443, "https://a.example"));
    assert_eq!(seen.authority, "[2001:db8::1]:8443");
    let network = FakeNetwork::new(|_| redirect(302, "https://user:pw@a.example/"));
    run(&network, cors("/")).await;
    assert!(network.seen().iter().all(|seen| !seen.url.contains("pw")));
}

#[tokio::test]
async fn the_host_is_that_of_the_url_whatever_a_header_says() {
    let mut request = cors("/");
    request.header_list.append("Host", "b.example");
    let seen = sent(request).await;
    assert_eq!((seen.header("Host"), seen.authority.as_str()), (None, "a.example"));
}

#[tokio::test]
async fn a_prefetch_says_what_it_is_for() {
    let mut prefetch = request(Mode::NoCors, "/");
    assert_eq!(sent(request(Mode::NoCors, "/")).await.header("sec-purpose"), None);
    prefetch.initiator = Initiator::Prefetch;
    let seen = sent(prefetch).await;
    assert_eq!(seen.header("sec-purpose").as_deref(), Some("prefetch"));
    assert!(seen.header("accept").unwrap().starts_with("text/html,"));
}
