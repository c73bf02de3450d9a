//! Schemes other than HTTP's.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use longhaul_fetch::{
    Blob, BlobUrls, Body, BodyStream, Destination, FetchOptions, Method, Mode, NetworkError, Request,
    Response, ResponseType, SchemeHandler, Services, fetch,
};
use url::Url;

use crate::support::{FakeNetwork, cors, reason, reply, request, run, text};

fn no_network() -> Arc<FakeNetwork> {
    FakeNetwork::new(|_| reply(500, &[], ""))
}

/// Navigations at the top are no mixed content, whatever the scheme.
fn navigation(url: &str) -> Request {
    let mut navigation = request(Mode::Navigate, url);
    navigation.destination = Destination::Document;
    navigation
}

#[tokio::test]
async fn data_urls_hold_their_response() {
    let response = run(&no_network(), cors("data:text/PLAIN;a=b;A=c;base64,aGk=#x")).await;
    assert_eq!(response.header_list.get("content-type").unwrap(), b"text/plain;a=b");
    assert_eq!((response.r#type, response.status), (ResponseType::Basic, 200));
    assert!(response.url().is_some());
    assert_eq!(text(response).await, "hi");
    for bad in ["data:no-comma", "data:;base64,a"] {
        assert!(
            matches!(reason(&run(&no_network(), cors(bad)).await), NetworkError::SchemeFetch { .. }),
            "{bad}"
        );
    }
}

#[tokio::test]
async fn about_blank_is_empty_and_no_other_can_be_fetched() {
    let blank = run(&no_network(), request(Mode::NoCors, "about:blank")).await.into_unfiltered();
    assert_eq!(blank.header_list.get("content-type").unwrap(), b"text/html;charset=utf-8");
    for url in ["about:config", "file:///etc/passwd", "ftp://a.example/", "nobody:x"] {
        let response = run(&no_network(), navigation(url)).await;
        assert!(
            matches!(
                reason(&response),
                NetworkError::SchemeFetch { .. } | NetworkError::SchemeNotSupported(_)
            ),
            "{url}"
        );
        assert!(run(&no_network(), cors(url)).await.is_network_error(), "{url}");
    }
}

struct Handler;

impl SchemeHandler for Handler {
    fn fetch(&self, request: &Request) -> BoxFuture<'static, Response> {
        let mut response = Response::new();
        response.body = Some(Body::from_bytes(request.current_url().path().to_owned()));
        std::future::ready(response).boxed()
    }
}

#[tokio::test]
async fn embedders_add_schemes() {
    let services = Services::new(no_network()).with_scheme_handler("App", Arc::new(Handler));
    let response = fetch(&services, navigation("app:thing"), FetchOptions::default()).await;
    assert_eq!(response.url().unwrap().as_str(), "app:thing");
    assert_eq!(text(response).await, "thing");
}

struct Digits;

impl Blob for Digits {
    fn size(&self) -> u64 {
        10
    }

    fn content_type(&self) -> &str {
        "text/plain"
    }

    fn read(&self, range: Range<u64>) -> BodyStream {
        let range = usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap();
        BodyStream::from_bytes(Bytes::from_static(b"0123456789").slice(range))
    }
}

struct Store;

impl BlobUrls for Store {
    fn resolve(&self, url: &Url, _request: &Request) -> Option<Arc<dyn Blob>> {
        url.path().ends_with("/digits").then(|| Arc::new(Digits) as _)
    }
}

async fn blob(url: &str, method: Method, range: Option<&str>) -> Response {
    let services = Services::new(no_network()).with_blob_urls(Arc::new(Store));
    let mut request = cors(url);
    request.method = method;
    if let Some(range) = range {
        request.header_list.append("Range", range);
    }
    fetch(&services, request, FetchOptions::default()).await
}

const DIGITS: &str = "blob:https://a.example/digits";

#[tokio::test]
async fn blobs_are_given_whole_or_in_part() {
    let whole = blob(DIGITS, Method::GET, None).await;
    assert_eq!(whole.header_list.get("content-length").unwrap(), b"10");
    assert_eq!(text(whole).await, "0123456789");
    for (range, content_range, expected) in [
        ("bytes=2-4", "bytes 2-4/10", "234"),
        ("bytes=7-", "bytes 7-9/10", "789"),
        ("bytes=7-99", "bytes 7-9/10", "789"),
        ("bytes = -3", "bytes 7-9/10", "789"),
        ("bytes=-99", "bytes 0-9/10", "0123456789"),
    ] {
        let part = blob(DIGITS, Method::GET, Some(range)).await;
        assert_eq!(part.status, 206, "{range}");
        assert_eq!(part.header_list.get("content-range").unwrap(), content_range.as_bytes());
        assert_eq!(part.header_list.get("content-length").unwrap(), expected.len().to_string().as_bytes());
        assert_eq!(text(part).await, expected);
    }
    for range in ["bytes=10-", "bytes=-0", "bytes=5-2", "nonsense"] {
        assert_eq!(reason(&blob(DIGITS, Method::GET, Some(range)).await), &NetworkError::RangeNotSatisfiable);
    }
    assert!(blob(DIGITS, Method::POST, None).await.is_network_error());
    assert!(blob("blob:https://a.example/other", Method::GET, None).await.is_network_error());
}
