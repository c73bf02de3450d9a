//! What stands around the Fetch layer.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::future::{BoxFuture, FutureExt as _};
use futures::stream::{self, BoxStream, StreamExt as _};
use longhaul_fetch::{
    ConnectionFailure, ConnectionKey, ConnectionTiming, CookieRequest, CookieStore, CredentialPrompt,
    CredentialQuestion, Credentials, HstsStore, HttpVersion, Network, NetworkError, NetworkPartitionKey,
    StrictTransportSecurity, WireBody, WireRequest, WireResponse,
};

use super::answer::{Answer, End, Timed};
use super::rules::{Judge, Seen};

/// A network whose servers follow a script, and which judges every request.
#[derive(Clone)]
pub(crate) struct Wire {
    answers: Arc<Mutex<VecDeque<Timed>>>,
    judge: Judge,
}

impl Wire {
    pub(crate) fn new(answers: VecDeque<Timed>, judge: Judge) -> Wire {
        Wire { answers: Arc::new(Mutex::new(answers)), judge }
    }

    fn next(&self) -> Option<Timed> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }
}

/// Says so many times that there is nothing yet.
pub(crate) async fn wait(times: u8) {
    let mut left = times;
    std::future::poll_fn(|context: &mut Context<'_>| {
        if left == 0 {
            return Poll::Ready(());
        }
        left -= 1;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

impl Network for Wire {
    fn send(
        &self,
        request: WireRequest,
        key: ConnectionKey,
    ) -> BoxFuture<'static, Result<WireResponse, NetworkError>> {
        let wire = self.clone();
        wire.judge.may_still_send(&request.url);
        async move {
            let timed = wire.next();
            let timed = timed.unwrap_or_else(|| Timed {
                answer: Answer::Reply {
                    status: 200,
                    headers: vec![("access-control-allow-origin".into(), "{origin}".into())],
                    chunks: vec![Bytes::from_static(b"hello")],
                    end: End::Whole,
                    address: [93, 184, 216, 34],
                },
                waits: 0,
                informs: false,
            });
            wait(timed.waits / 2).await;
            exchange(wire, request, key, timed).await
        }
        .boxed()
    }
}

async fn exchange(
    wire: Wire,
    mut request: WireRequest,
    key: ConnectionKey,
    timed: Timed,
) -> Result<WireResponse, NetworkError> {
    let mut seen = Seen::of(&request, &key);
    let address = match &timed.answer {
        Answer::Reply { address, .. } => *address,
        Answer::Failure(_) | Answer::Silence => [93, 184, 216, 34],
    };
    if let Some(check) = &request.connection_check {
        check(SocketAddr::from((address, key.port))).await?;
    }
    wire.judge.rules(|rules| rules.request_leaves(&seen));
    seen.body = match request.body {
        WireBody::Empty => Vec::new(),
        WireBody::Bytes(bytes) => bytes.to_vec(),
        WireBody::Stream { mut stream, .. } => {
            let mut body = Vec::new();
            while let Some(chunk) = stream.next().await {
                let chunk = chunk.map_err(|error| NetworkError::RequestBody(Box::new(error)))?;
                if let Some(told) = &mut request.on_body_chunk {
                    told(chunk.len() as u64);
                }
                body.extend_from_slice(&chunk);
            }
            body
        }
    };
    if timed.informs
        && let Some(told) = &mut request.on_informational
    {
        told(103, vec![(Bytes::from_static(b"link"), Bytes::from_static(b"</a>"))]);
    }
    wire.judge.rules(|rules| rules.body_left(&seen));
    wait(timed.waits).await;
    let (status, headers, chunks, end, address) = match timed.answer {
        Answer::Failure(reason) => return Err(reason),
        Answer::Silence => std::future::pending().await,
        Answer::Reply { status, headers, chunks, end, address } => (status, headers, chunks, end, address),
    };
    let headers: Vec<(Bytes, Bytes)> =
        headers.into_iter().map(|(name, value)| (name, fill_in(&value, &seen))).collect();
    wire.judge.rules(|rules| rules.answer_comes(&seen, status, &headers));
    Ok(WireResponse {
        status,
        reason: Bytes::from_static(b"Reason"),
        version: HttpVersion::Http11,
        headers,
        body: body(chunks, end, timed.waits),
        timing: ConnectionTiming::default(),
        request_start_time: None,
        remote: Some(SocketAddr::from((address, key.port))),
        upgraded: None,
    })
}

fn fill_in(value: &Bytes, seen: &Seen) -> Bytes {
    let name = match &value[..] {
        b"{origin}" => "Origin",
        b"{headers}" => "Access-Control-Request-Headers",
        b"{method}" => "Access-Control-Request-Method",
        _ => return value.clone(),
    };
    seen.headers.get(name).map_or_else(|| Bytes::from_static(b"*"), Bytes::from)
}

fn body(chunks: Vec<Bytes>, end: End, waits: u8) -> BoxStream<'static, Result<Bytes, NetworkError>> {
    let last = match end {
        End::Whole => stream::empty().boxed(),
        End::CutOff => {
            let failure = ConnectionFailure::Reset;
            stream::iter([Err(NetworkError::Connection { failure, request_may_have_been_sent: true })])
                .boxed()
        }
        End::Never => stream::pending().boxed(),
    };
    let chunks = stream::iter(chunks).then(move |chunk| async move {
        wait(waits / 2).await;
        Ok(chunk)
    });
    chunks.chain(last).boxed()
}

/// Gives every URL a cookie, and tells the rules who sets one.
pub(crate) struct Cookies(pub(crate) Judge);

impl CookieStore for Cookies {
    fn cookie_header(&self, request: &CookieRequest) -> Option<Vec<u8>> {
        Some(format!("host={}", request.url.host_str()?).into_bytes())
    }

    fn set_cookie(&self, request: &CookieRequest, _: &[u8]) {
        self.0.rules(|rules| rules.cookie_is_set(&request.url));
    }
}

/// Knows one host.
pub(crate) struct Hsts;

impl HstsStore for Hsts {
    fn should_upgrade(&self, host: &str, _: &NetworkPartitionKey) -> bool {
        host == "hsts.test"
    }

    fn observe(&self, host: &str, _: &StrictTransportSecurity, _: &NetworkPartitionKey) {
        assert!(host.parse::<std::net::IpAddr>().is_err(), "an address is known by {host}");
    }
}

/// The password that the user gives.
pub(crate) const USERS_PASSWORD: &str = "typed-in";

/// A user who answers, but for every third question.
#[derive(Default)]
pub(crate) struct User;

impl CredentialPrompt for User {
    fn prompt(&self, question: CredentialQuestion) -> BoxFuture<'static, Option<Credentials>> {
        async move {
            wait(1).await;
            (question.attempts < 2)
                .then(|| Credentials { username: "user".into(), password: USERS_PASSWORD.into() })
        }
        .boxed()
    }
}
