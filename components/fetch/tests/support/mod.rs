//! A network that answers from a script and remembers what went over the wire.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream, StreamExt as _};
use longhaul_fetch::{
    BodyError, ConnectionKey, ConnectionTiming, CookieRequest, CookieStore, EnvironmentSettings,
    FetchOptions, HeaderList, HttpVersion, Mode, Network, NetworkError, NewConnection, Request,
    RequestOrigin, Response, Services, WireBody, WireRequest, WireResponse, fetch,
};
use url::Url;

/// A request as it came over the wire.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) url: String,
    pub(crate) target: String,
    pub(crate) authority: String,
    pub(crate) headers: HeaderList,
    pub(crate) body: Vec<u8>,
    pub(crate) key: ConnectionKey,
    pub(crate) new_connection: NewConnection,
    pub(crate) has_proxy_credentials: bool,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        self.headers.get(name).map(|value| String::from_utf8(value).unwrap())
    }
}

pub(crate) enum Answer {
    Reply { status: u16, headers: Vec<(Bytes, Bytes)>, body: BoxStream<'static, Result<Bytes, NetworkError>> },
    Fail(NetworkError),
    Hang,
}

pub(crate) fn reply(status: u16, headers: &[(&str, &str)], body: impl AsRef<[u8]>) -> Answer {
    let body = Bytes::copy_from_slice(body.as_ref());
    reply_stream(status, headers, stream::iter((!body.is_empty()).then_some(Ok(body))).boxed())
}

pub(crate) fn reply_stream(
    status: u16,
    headers: &[(&str, &str)],
    body: BoxStream<'static, Result<Bytes, NetworkError>>,
) -> Answer {
    let bytes = |text: &str| Bytes::copy_from_slice(text.as_bytes());
    Answer::Reply {
        status,
        headers: headers.iter().map(|(name, value)| (bytes(name), bytes(value))).collect(),
        body,
    }
}

pub(crate) fn redirect(status: u16, location: &str) -> Answer {
    reply(status, &[("Location", location)], "")
}

type Script = dyn Fn(&Seen) -> Answer + Send + Sync;

pub(crate) struct FakeNetwork {
    script: Arc<Script>,
    seen: Arc<Mutex<Vec<Seen>>>,
    yields: AtomicBool,
    under_way: Arc<()>,
}

impl FakeNetwork {
    pub(crate) fn new(script: impl Fn(&Seen) -> Answer + Send + Sync + 'static) -> Arc<FakeNetwork> {
        Arc::new(FakeNetwork {
            script: Arc::new(script),
            seen: Arc::default(),
            yields: AtomicBool::new(false),
            under_way: Arc::default(),
        })
    }

    /// From now on it takes a while to answer.
    pub(crate) fn yield_before_answering(&self) {
        self.yields.store(true, Ordering::Relaxed);
    }

    /// The number of requests that wait for their answer.
    pub(crate) fn under_way(&self) -> usize {
        Arc::strong_count(&self.under_way) - 1
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

impl Network for FakeNetwork {
    fn send(
        &self,
        mut request: WireRequest,
        key: ConnectionKey,
    ) -> BoxFuture<'static, Result<WireResponse, NetworkError>> {
        let (script, seen) = (Arc::clone(&self.script), Arc::clone(&self.seen));
        let (yields, under_way) = (self.yields.load(Ordering::Relaxed), Arc::clone(&self.under_way));
        Box::pin(async move {
            let _under_way = under_way;
            if yields {
                tokio::task::yield_now().await;
                tokio::task::yield_now().await;
            }
            let mut body = Vec::new();
            let (mut stream, length): (BoxStream<'static, Result<Bytes, BodyError>>, _) = match request.body {
                WireBody::Empty => (stream::empty().boxed(), None),
                WireBody::Bytes(bytes) => (stream::iter([Ok(bytes)]).boxed(), None),
                WireBody::Stream { stream, length } => (stream, length),
            };
            // Like the real one, it does not ask for more once it has what was announced.
            while length != Some(body.len() as u64)
                && let Some(chunk) = stream.next().await
            {
                let chunk = chunk.map_err(|error| NetworkError::RequestBody(Box::new(error)))?;
                if let Some(told) = &mut request.on_body_chunk {
                    told(chunk.len() as u64);
                }
                body.extend_from_slice(&chunk);
            }
            let record = Seen {
                method: request.method,
                url: request.url.to_string(),
                target: request.target,
                authority: request.authority,
                headers: request.headers.into_iter().collect(),
                body,
                key,
                new_connection: request.new_connection,
                has_proxy_credentials: request.proxy_credentials.is_some(),
            };
            seen.lock().unwrap().push(record.clone());
            match script(&record) {
                Answer::Reply { status, headers, body } => {
                    if let Some(told) = &mut request.on_informational {
                        told(103, vec![(Bytes::from_static(b"link"), Bytes::from_static(b"</a>"))]);
                    }
                    Ok(WireResponse {
                        status,
                        reason: Bytes::new(),
                        version: HttpVersion::Http11,
                        headers,
                        body,
                        timing: ConnectionTiming::default(),
                        remote: Some("127.0.0.1:80".parse().unwrap()),
                        request_start_time: None,
                        upgraded: None,
                    })
                }
                Answer::Fail(error) => Err(error),
                Answer::Hang => std::future::pending().await,
            }
        })
    }
}

/// A cookie store that gives every URL its host as a cookie, and remembers what it was told.
#[derive(Default)]
pub(crate) struct FakeCookies(pub(crate) Mutex<Vec<(String, String)>>);

impl CookieStore for FakeCookies {
    fn cookie_header(&self, request: &CookieRequest) -> Option<Vec<u8>> {
        Some(format!("host={}", request.url.host_str()?).into_bytes())
    }

    fn set_cookie(&self, request: &CookieRequest, value: &[u8]) {
        let value = String::from_utf8(value.to_vec()).unwrap();
        self.0.lock().unwrap().push((request.url.to_string(), value));
    }
}

pub(crate) const PAGE: &str = "https://a.example/page?query";

/// A request of the page at `https://a.example/`.
pub(crate) fn request(mode: Mode, url: &str) -> Request {
    let page = Url::parse(PAGE).unwrap();
    let mut request = Request::new(page.join(url).unwrap());
    let client = EnvironmentSettings::for_url(page);
    request.origin = RequestOrigin::Origin(client.origin.clone());
    request.client = Some(Arc::new(client));
    request.mode = mode;
    request
}

pub(crate) fn cors(url: &str) -> Request {
    request(Mode::Cors, url)
}

pub(crate) async fn run(network: &Arc<FakeNetwork>, request: Request) -> Response {
    let services = Services::new(Arc::clone(network) as _);
    fetch(&services, request, FetchOptions::default()).await
}

/// All of the body that may be seen.
pub(crate) async fn text(response: Response) -> String {
    match response.body {
        Some(body) => String::from_utf8(body.read_all(None).await.unwrap().to_vec()).unwrap(),
        None => String::new(),
    }
}

pub(crate) fn reason(response: &Response) -> &NetworkError {
    response.reason().expect("the response is a network error")
}
