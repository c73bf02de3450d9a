//! A cache in front of a server that is a function.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::{Bytes, BytesMut};
use futures::stream::{self, StreamExt as _};
use longhaul_http_cache::{
    Answer, BodyError, BodyStream, CacheMode, Config, Headers, HttpCache, Lookup, Received, RequestHead,
    ResponseHead, Source,
};
use longhaul_storage::{Location, ManualClock, Profile};

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Came {
    pub(crate) status: u16,
    pub(crate) headers: Headers,
    pub(crate) body: Result<Bytes, String>,
    pub(crate) revalidate: bool,
    /// What the cache added to each request that went to the server.
    pub(crate) sent: Vec<Headers>,
    pub(crate) source: Option<Source>,
}

impl Came {
    pub(crate) fn is_from_cache(&self) -> bool {
        self.sent.is_empty()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(self.body.as_ref().unwrap()).into_owned()
    }

    pub(crate) fn header(&self, name: &str) -> Option<String> {
        header(&self.headers, name)
    }

    /// What the cache added to the last request.
    pub(crate) fn sent(&self, name: &str) -> Option<String> {
        header(self.sent.last()?, name)
    }
}

pub(crate) fn header(headers: &Headers, name: &str) -> Option<String> {
    let mut values = headers.all(name).map(|value| String::from_utf8_lossy(value).into_owned());
    let first = values.next()?;
    Some(values.fold(first, |all, next| format!("{all}, {next}")))
}

/// A response of the server.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) head: ResponseHead,
    pub(crate) body: Bytes,
}

pub(crate) fn reply(status: u16, headers: &[(&str, &str)], body: &str) -> Reply {
    let headers = headers.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
    Reply {
        head: ResponseHead { status, reason: Bytes::new(), headers },
        body: Bytes::copy_from_slice(body.as_bytes()),
    }
}

/// A cache in memory with a clock that stands still.
pub(crate) struct Rig {
    pub(crate) cache: HttpCache,
    pub(crate) clock: Arc<ManualClock>,
    profile: Profile,
    config: Config,
}

pub(crate) const URL: &str = "https://a.example/x";

pub(crate) fn get(url: &str) -> RequestHead {
    RequestHead::get("https://top.example", url.parse().unwrap())
}

pub(crate) fn with(mut request: RequestHead, headers: &[(&str, &str)]) -> RequestHead {
    for (name, value) in headers {
        request.headers.append(name.to_string(), value.to_string());
    }
    request
}

pub(crate) fn mode(mut request: RequestHead, mode: CacheMode) -> RequestHead {
    request.mode = mode;
    request
}

pub(crate) fn method(mut request: RequestHead, method: &str) -> RequestHead {
    request.method = method.to_owned();
    request
}

pub(crate) async fn read(body: Option<BodyStream>) -> Result<Bytes, String> {
    let mut all = BytesMut::new();
    if let Some(mut body) = body {
        while let Some(chunk) = body.next().await {
            all.extend_from_slice(&chunk.map_err(|error| error.to_string())?);
        }
    }
    Ok(all.freeze())
}

pub(crate) fn whole(body: &Bytes) -> BodyStream {
    stream::iter((!body.is_empty()).then(|| Ok(body.clone()))).boxed()
}

impl Rig {
    pub(crate) fn new() -> Rig {
        Rig::with_config(Config::default())
    }

    pub(crate) fn with_config(config: Config) -> Rig {
        Rig::at(Location::Memory, config)
    }

    pub(crate) fn at(location: Location, config: Config) -> Rig {
        let (profile, _) = Profile::open(location, &[]).unwrap();
        // A whole second, since dates have no more.
        let clock = Arc::new(ManualClock::new(UNIX_EPOCH + Duration::from_secs(1_700_000_000)));
        let cache = HttpCache::open(&profile, clock.clone(), config.clone()).unwrap();
        Rig { cache, clock, profile, config }
    }

    /// The same profile in another session. Only what is on disk is still there.
    pub(crate) fn reopened(self) -> Rig {
        let Some(directory) = self.profile.directory().map(std::path::Path::to_owned) else { return self };
        let Rig { cache, clock, profile, config } = self;
        profile.close();
        drop((cache, profile));
        let (profile, _) = Profile::open(Location::Directory(directory), &[]).unwrap();
        let cache = HttpCache::open(&profile, clock.clone(), config.clone()).unwrap();
        Rig { cache, clock, profile, config }
    }

    pub(crate) fn pass(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    pub(crate) fn date(&self, seconds: i64) -> String {
        use longhaul_storage::Clock as _;
        let now = self.clock.now();
        let time: SystemTime = if seconds < 0 {
            now - Duration::from_secs(seconds.unsigned_abs())
        } else {
            now + Duration::from_secs(seconds.unsigned_abs())
        };
        httpdate::fmt_http_date(time)
    }

    /// Asks, and lets the server answer where it has to.
    pub(crate) async fn ask(&self, request: RequestHead, server: impl Fn(&Headers) -> Reply) -> Came {
        let mut sent = Vec::new();
        let (answer, source) = match self.cache.lookup(request).await {
            Lookup::Stored(answer) => (answer, None),
            Lookup::NotCached => panic!("there is nothing, and it may not be asked for"),
            Lookup::Forward(mut exchange) => loop {
                let headers = exchange.headers();
                let reply = server(&headers);
                sent.push(headers);
                match exchange.received(reply.head, whole(&reply.body)).await {
                    Received::Response { answer, source } => break (answer, Some(source)),
                    Received::SendAgain(next) => exchange = next,
                }
            },
        };
        let came = came(answer, sent, source).await;
        self.cache.settled().await;
        came
    }

    /// Asks for the URL, to which the server gives that.
    pub(crate) async fn store(&self, headers: &[(&str, &str)], body: &str) -> Came {
        self.ask(get(URL), |_| reply(200, headers, body)).await
    }

    /// Whether the URL is answered without the server.
    pub(crate) async fn hits(&self, request: RequestHead) -> bool {
        let came = self.ask(request, |_| reply(500, &[], "asked")).await;
        came.is_from_cache()
    }
}

async fn came(answer: Answer, sent: Vec<Headers>, source: Option<Source>) -> Came {
    Came {
        status: answer.head.status,
        headers: answer.head.headers,
        revalidate: answer.revalidate,
        body: read(answer.body).await,
        sent,
        source,
    }
}

/// A body that breaks off.
pub(crate) fn broken(beginning: &str) -> BodyStream {
    let chunk = Ok(Bytes::copy_from_slice(beginning.as_bytes()));
    stream::iter([chunk, Err(BodyError::network(std::io::Error::other("cut off")))]).boxed()
}
