//! What servers answer.

use bytes::Bytes;
use longhaul_fetch::{ConnectionFailure, NetworkError};

use super::page_request::URLS;
use crate::choices::Choices;

/// How a body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Whole,
    CutOff,
    Never,
}

#[derive(Clone, Debug)]
pub(crate) enum Answer {
    Reply { status: u16, headers: Vec<(Bytes, Bytes)>, chunks: Vec<Bytes>, end: End, address: [u8; 4] },
    Failure(NetworkError),
    Silence,
}

/// An answer, and how often the network says that there is nothing yet.
#[derive(Clone, Debug)]
pub(crate) struct Timed {
    pub(crate) answer: Answer,
    pub(crate) waits: u8,
    pub(crate) informs: bool,
}

/// `{…}` stands for what the request says.
const HEADERS: [(&str, &str); 46] = [
    ("Access-Control-Allow-Origin", "{origin}"),
    ("Access-Control-Allow-Origin", "*"),
    ("Access-Control-Allow-Credentials", "true"),
    ("Access-Control-Allow-Headers", "{headers}"),
    ("Access-Control-Allow-Methods", "{method}"),
    ("Access-Control-Allow-Headers", "*"),
    ("Access-Control-Allow-Methods", "*"),
    ("Access-Control-Max-Age", "60"),
    ("Access-Control-Expose-Headers", "*"),
    ("Access-Control-Expose-Headers", "x-secret, x-shown"),
    ("Access-Control-Allow-Origin", "null"),
    ("Access-Control-Allow-Origin", "https://b.test"),
    ("X-Secret", "secret"),
    ("X-Shown", "shown"),
    ("Set-Cookie", "a=b; Path=/"),
    ("Content-Type", "text/plain"),
    ("Content-Type", "text/html;charset=utf-8"),
    ("Content-Type", "text/javascript"),
    ("Content-Type", "image/png"),
    ("Content-Type", "application/json"),
    ("X-Content-Type-Options", "nosniff"),
    ("Content-Encoding", "gzip"),
    ("Content-Encoding", "br, gzip"),
    ("Content-Encoding", "deflate"),
    ("Content-Encoding", "zstd"),
    ("Content-Length", "5"),
    ("Content-Length", "3, 4"),
    ("Referrer-Policy", "unsafe-url"),
    ("Referrer-Policy", "no-referrer"),
    ("Referrer-Policy", "origin"),
    ("Timing-Allow-Origin", "*"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "cross-origin"),
    ("Strict-Transport-Security", "max-age=1000"),
    ("Clear-Site-Data", "\"cache\""),
    ("WWW-Authenticate", "Basic realm=\"x\""),
    ("Proxy-Authenticate", "Basic realm=\"p\""),
    ("Content-Range", "bytes 0-4/5"),
    ("Server-Timing", "a;dur=1"),
    ("Cache-Control", "max-age=60"),
    ("Link", "</a>; rel=preload"),
    ("Content-Security-Policy", "default-src 'none'"),
    ("Cross-Origin-Embedder-Policy", "require-corp"),
    ("ETag", "\"x\""),
    ("Retry-After", "1"),
    ("Service-Worker-Allowed", "/"),
];

/// `hello`, compressed.
const GZIP: &[u8] = &[
    0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0xcb, 0x48, 0xcd, 0xc9, 0xc9, 7, 0, 0x86, 0xa6, 0x10, 0x36, 5, 0, 0,
    0,
];

impl Timed {
    pub(crate) fn new(choices: &mut Choices<'_>) -> Timed {
        let waits = choices.byte();
        let (waits, informs) = (waits & 3, waits & 0x80 != 0);
        let answer = match choices.below(16) {
            14 => Answer::Failure(failure(choices)),
            15 => Answer::Silence,
            // Shared with whoever asks, more often than chance has it.
            shared => reply(choices, shared % 2 == 1),
        };
        Timed { answer, waits, informs }
    }
}

fn failure(choices: &mut Choices<'_>) -> NetworkError {
    let failure = choices.pick(&[
        ConnectionFailure::Refused,
        ConnectionFailure::UnknownHost,
        ConnectionFailure::Reset,
        ConnectionFailure::Timeout,
    ]);
    NetworkError::Connection { failure, request_may_have_been_sent: choices.once_in(2) }
}

fn reply(choices: &mut Choices<'_>, shared: bool) -> Answer {
    let mut headers: Vec<(String, String)> = Vec::new();
    let mut add = |name: &str, value: &str| headers.push((name.into(), value.into()));
    if shared {
        for (name, value) in &HEADERS[..5] {
            if *name != "Access-Control-Allow-Origin" || *value == "{origin}" {
                add(name, value);
            }
        }
    }
    let status = match choices.below(8) {
        0..3 => 200,
        3..6 => {
            add("Location", choices.pick(&URLS));
            choices.pick(&[302, 307, 303, 301, 308])
        }
        6 => choices.pick(&[204, 206, 304, 401, 407, 421, 404, 500, 300, 299, 416, 205]),
        _ => 200 + u16::from(choices.byte()) + u16::from(choices.byte()) % 145,
    };
    for _ in 0..choices.below(6) {
        let (name, value) = choices.pick(&HEADERS);
        add(name, value);
    }
    if choices.once_in(8) {
        let (name, value) = (choices.text(), choices.text());
        if longhaul_fetch::is_header_name(name.as_bytes())
            && longhaul_fetch::is_header_value(value.as_bytes())
        {
            add(&name, &value);
        }
    }
    let chunks = (0..choices.below(4))
        .map(|_| match choices.below(6) {
            0..2 => Bytes::from_static(b"hello"),
            2 => Bytes::from_static(GZIP),
            3 => Bytes::from_static(b"<script>secret</script>"),
            4 => Bytes::new(),
            _ => Bytes::copy_from_slice(choices.bytes()),
        })
        .collect();
    let end = choices.pick(&[End::Whole, End::Whole, End::Whole, End::CutOff, End::Never]);
    let address = choices.pick(&[[93, 184, 216, 34], [127, 0, 0, 1], [10, 0, 0, 1]]);
    let headers = headers.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
    Answer::Reply { status, headers, chunks, end, address }
}
