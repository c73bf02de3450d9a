//! Servers that break HTTP/2 frame by frame, or drown a client in it. Each must end in an answer or in an error, soon.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use longhaul_net::{BodyAbort, Error, ProtocolError, Request, RequestBody, Response, Sent, Timeouts};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use crate::support::*;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PUSH_PROMISE: u8 = 5;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
/// `:status: 200` by its number in HPACK's static table.
const STATUS_200: u8 = 0x88;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut frame = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// Reads the client's preface and its frames up to the first request's head.
async fn read_request(stream: &mut TlsStream<TcpStream>) -> Option<()> {
    let mut preface = [0; 24];
    stream.read_exact(&mut preface).await.ok()?;
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head).await.ok()?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; length as usize];
        stream.read_exact(&mut payload).await.ok()?;
        if head[3] == HEADERS {
            return Some(());
        }
    }
}

/// A server that says its settings, waits for a request, then says `frames` over and over, `times` times, and `last` at the end. What
/// the client says meanwhile is read and left.
async fn server(authority: &Authority, frames: Vec<u8>, times: usize, last: Vec<u8>) -> Server {
    let said = Arc::new((frames, last));
    Server::tls(authority.server(&["localhost"], &["h2"], |_| {}), move |_, mut stream| {
        let said = said.clone();
        async move {
            let settings = frame(SETTINGS, 0, 0, &[]);
            if stream.write_all(&settings).await.is_err() || read_request(&mut stream).await.is_none() {
                return;
            }
            let (mut reader, mut writer) = tokio::io::split(stream);
            let saying = async {
                for _ in 0..times {
                    if writer.write_all(&said.0).await.is_err() {
                        return;
                    }
                }
                let _ = writer.write_all(&said.1).await;
                let _ = writer.flush().await;
                std::future::pending::<()>().await;
            };
            let hearing = async {
                let mut buffer = vec![0; 64 << 10];
                while reader.read(&mut buffer).await.is_ok_and(|bytes| bytes > 0) {}
            };
            tokio::select! { () = saying => {}, () = hearing => {} }
        }
    })
    .await
}

async fn get(frames: Vec<u8>, times: usize, last: Vec<u8>) -> Result<Response, Error> {
    let authority = Authority::new();
    let server = server(&authority, frames, times, last).await;
    let network = authority.network(|_| {});
    let answer = tokio::time::timeout(Duration::from_secs(20), server.get_tls(&network)).await;
    answer.expect("neither an answer nor an error came")
}

fn ok_head() -> Vec<u8> {
    frame(HEADERS, END_STREAM | END_HEADERS, 1, &[STATUS_200])
}

fn is_violation(error: &Error) -> bool {
    matches!(error, Error::Protocol(_)) && error.request_may_have_been_sent()
}

#[tokio::test]
async fn floods_that_mean_nothing_do_not_keep_the_answer_from_coming() {
    let floods = [
        ("PING", frame(PING, 0, 0, &[0; 8]), 20_000),
        ("SETTINGS", frame(SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 100]), 20_000),
        ("WINDOW_UPDATE", frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1]), 20_000),
        ("an unknown frame", frame(0x42, 0, 0, &[0; 16]), 20_000),
        ("PRIORITY", frame(2, 0, 1, &[0, 0, 0, 0, 16]), 20_000),
        // `:status: 103`, not to be remembered.
        ("interim responses", frame(HEADERS, END_HEADERS, 1, b"\x08\x03103"), 20_000),
    ];
    for (name, flood, times) in floods {
        match get(flood, times, ok_head()).await {
            Ok(response) => assert_eq!(response.status, 200, "{name}"),
            Err(error) => panic!("{name}: {error:?}"),
        }
    }
}

#[tokio::test]
async fn interim_responses_without_end_are_given_up_in_time() {
    let authority = Authority::new();
    let server =
        server(&authority, frame(HEADERS, END_HEADERS, 1, b"\x08\x03103"), usize::MAX, Vec::new()).await;
    let network = authority.network(|config| {
        config.timeouts = Timeouts { response_headers: Duration::from_millis(300), ..Timeouts::default() };
    });
    let error = server.get_tls(&network).await.expect_err("no final response comes");
    assert!(matches!(error, Error::ResponseTimeout), "{error:?}");
}

#[tokio::test]
async fn a_body_of_empty_pieces_comes_to_its_end_or_to_an_error() {
    let head = frame(HEADERS, END_HEADERS, 1, &[STATUS_200]);
    let mut last = frame(DATA, 0, 1, b"x").to_vec();
    last.extend(frame(DATA, END_STREAM, 1, b""));
    let mut said = head.clone();
    said.extend(frame(DATA, 0, 1, b"").repeat(20_000));
    let response = get(said, 1, last).await.expect("the head is sound");
    let read = tokio::time::timeout(Duration::from_secs(20), read(response.body)).await.expect("it ends");
    assert!(read.as_ref().is_ok_and(|body| body == b"x") || read.is_err_and(|error| is_violation(&error)));
}

#[tokio::test]
async fn more_than_was_announced_is_an_error() {
    let mut said = frame(HEADERS, END_HEADERS, 1, b"\x88\x5c\x015");
    said.extend(frame(DATA, END_STREAM, 1, b"hello, world"));
    let error = match get(said, 1, Vec::new()).await {
        Ok(response) => {
            assert_eq!(response.body.announced_length(), Some(5));
            read(response.body).await.expect_err("too much")
        }
        Err(error) => error,
    };
    // h2 has one word for too much and for too little, so that the second is what this is taken for.
    assert!(is_violation(&error) || matches!(error, Error::Truncated { expected: Some(5), .. }), "{error:?}");
}

#[tokio::test]
async fn a_head_without_end_is_refused() {
    let begun = frame(HEADERS, 0, 1, &[STATUS_200]);
    // `x: aaa…`, again and again, and a head whose pieces hold nothing.
    let mut header = vec![0, 1, b'x', 0x7F, 0x81, 0x07];
    header.extend([b'a'; 1024]);
    for (name, piece) in [("large", header), ("empty", Vec::new())] {
        let authority = Authority::new();
        let more = frame(CONTINUATION, 0, 1, &piece);
        let mut said = begun.clone();
        said.extend(more.repeat(100_000.min((64 << 20) / more.len())));
        let server = server(&authority, said, 1, Vec::new()).await;
        let sending = server.request("GET", "/");
        let network = authority.network(|_| {});
        let answer = network.send(sending, server.tls_key());
        let error = tokio::time::timeout(Duration::from_secs(20), answer)
            .await
            .expect("it ends")
            .expect_err("the head never ends");
        assert!(is_violation(&error), "{name}: {error:?}");
    }
}

#[tokio::test]
async fn a_small_head_that_unpacks_to_a_large_one_is_refused() {
    // One header of nearly 4 KiB goes to the table; its number stands for it a thousand times.
    let mut block = vec![STATUS_200, 0x40, 1, b'x', 0x7F, 0xA1, 0x1E];
    block.extend([b'a'; 127 + 0x21 + (0x1E << 7)]);
    block.extend([0xBE; 1000]);
    assert!(block.len() < 6000);
    let error = get(frame(HEADERS, END_STREAM | END_HEADERS, 1, &block), 1, Vec::new()).await;
    let error = error.expect_err("four megabytes of headers");
    assert!(
        matches!(error, Error::Protocol(ProtocolError::HeadersTooLarge | ProtocolError::Http2(_)))
            && error.request_may_have_been_sent(),
        "{error:?}"
    );
}

#[tokio::test]
async fn violations_end_the_connection_and_are_called_so() {
    let violations: [(&str, Vec<u8>); 11] = [
        ("a push", frame(PUSH_PROMISE, END_HEADERS, 1, &[0, 0, 0, 2, 0x82, 0x87, 0x84])),
        ("DATA before a head", frame(DATA, 0, 1, b"hello")),
        ("DATA on no stream", frame(DATA, 0, 0, b"hello")),
        ("a head on a stream nobody opened", frame(HEADERS, END_HEADERS, 2, &[STATUS_200])),
        ("a frame beyond the limit", frame(DATA, 0, 1, &vec![0; 70_000])),
        ("a PING of the wrong size", frame(PING, 0, 0, &[0; 7])),
        ("SETTINGS of the wrong size", frame(SETTINGS, 0, 0, &[0; 5])),
        ("a window beyond its limit", frame(WINDOW_UPDATE, 0, 0, &[0x7F, 0xFF, 0xFF, 0xFF])),
        ("CONTINUATION of nothing", frame(CONTINUATION, END_HEADERS, 1, &[STATUS_200])),
        ("HPACK that names nothing", frame(HEADERS, END_HEADERS | END_STREAM, 1, &[0xFF, 0xFF, 0x7F])),
        (
            "a head in upper case",
            frame(HEADERS, END_HEADERS | END_STREAM, 1, &[STATUS_200, 0, 1, b'X', 1, b'y']),
        ),
    ];
    for (name, violation) in violations {
        let error = get(violation, 1, Vec::new()).await.expect_err(name);
        assert!(is_violation(&error), "{name}: {error:?}");
    }
}

#[tokio::test]
async fn a_goaway_that_crosses_the_request_loses_nothing_and_repeats_nothing() {
    for (last_seen, again) in [(0u8, true), (1, false)] {
        let authority = Authority::new();
        let config = authority.server(&["localhost"], &["h2"], |_| {});
        let server = Server::tls(config, move |number, mut stream| async move {
            let settings = frame(SETTINGS, 0, 0, &[]);
            stream.write_all(&settings).await.expect("the client reads");
            if read_request(&mut stream).await.is_none() {
                return;
            }
            let said = match number {
                1 => frame(GOAWAY, 0, 0, &[0, 0, 0, last_seen, 0, 0, 0, 0]),
                _ => ok_head(),
            };
            let _ = stream.write_all(&said).await;
            if number == 1 && last_seen == 1 {
                // It has seen the request, and goes without an answer.
                return;
            }
            let mut buffer = [0; 4096];
            while stream.read(&mut buffer).await.is_ok_and(|bytes| bytes > 0) {}
        })
        .await;
        let network = authority.network(|_| {});
        let mut post = server.request("POST", "/");
        post.body = RequestBody::Bytes("once".into());
        let result = network.send(post, server.tls_key()).await;
        match result {
            Ok(response) => assert!(again && response.status == 200),
            Err(error) => assert!(!again && error.request_may_have_been_sent(), "{error:?}"),
        }
        assert_eq!(server.connections(), if again { 2 } else { 1 });
    }
}

#[tokio::test]
async fn a_reset_stream_may_have_been_seen() {
    for (code, sent) in
        [(8u8, Sent::Possibly), (2, Sent::Possibly), (11, Sent::Possibly), (13, Sent::Possibly)]
    {
        let error =
            get(frame(RST_STREAM, 0, 1, &[0, 0, 0, code]), 1, Vec::new()).await.expect_err("no answer");
        match error {
            Error::Reset { sent: told } => assert_eq!(told, sent, "code {code}"),
            other => panic!("code {code}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_window_of_nothing_stops_the_upload_and_ends_in_time() {
    let authority = Authority::new();
    let config = authority.server(&["localhost"], &["h2"], |_| {});
    let server = Server::tls(config, |_, mut stream| async move {
        // The initial window of streams is nothing, and stays so.
        let settings = frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]);
        stream.write_all(&settings).await.expect("the client reads");
        let mut buffer = [0; 4096];
        while stream.read(&mut buffer).await.is_ok_and(|bytes| bytes > 0) {}
    })
    .await;
    let network = authority.network(|config| {
        config.timeouts = Timeouts { response_headers: Duration::from_millis(200), ..Timeouts::default() };
    });
    let taken = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = taken.clone();
    let chunks = futures::stream::repeat_with(move || {
        count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        Ok::<_, BodyAbort>(bytes::Bytes::from_static(&[0; 64 << 10]))
    });
    let mut request: Request = server.request("POST", "/");
    request.body = RequestBody::Stream { stream: chunks.boxed(), length: None };
    let error = network.send(request, server.tls_key()).await.expect_err("nothing can be sent");
    assert!(matches!(error, Error::ResponseTimeout), "{error:?}");
    let taken = taken.load(std::sync::atomic::Ordering::SeqCst);
    assert!(taken <= 32, "{taken} pieces of a body that cannot be sent were taken");
}

#[tokio::test]
async fn trailers_come_behind_the_body_in_both_versions() {
    let trailer = [("x-sum".into(), "5".into())];
    let mut answer = frame(HEADERS, END_HEADERS, 1, &[STATUS_200]);
    answer.extend(frame(DATA, 0, 1, b"hello"));
    answer.extend(frame(HEADERS, END_HEADERS | END_STREAM, 1, b"\x00\x05x-sum\x015"));
    let second = get(answer, 1, Vec::new()).await.expect("an answer");
    let chunked = Server::saying(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 5\r\n\r\n",
    )
    .await;
    let first = chunked.get(&network()).await.expect("an answer");
    for response in [first, second] {
        let (version, mut body) = (response.version, response.body);
        assert_eq!(body.trailers(), []);
        let mut all = Vec::new();
        while let Some(chunk) = body.next().await {
            all.extend_from_slice(&chunk.expect("a sound body"));
        }
        assert_eq!(all, b"hello");
        assert_eq!(body.trailers(), trailer, "{version:?}");
    }
}
