//! Content codings.

use async_compression::tokio::write::{BrotliEncoder, GzipEncoder, ZlibEncoder, ZstdEncoder};
use bytes::Bytes;
use longhaul::fetch::{BodyError, NetworkError};
use tokio::io::AsyncWriteExt as _;

use crate::support::over::Over;
use crate::support::{Server, body, chunk, fetch, read_head, reply, request};

crate::over_each!(
    every_coding_that_is_asked_for_is_undone,
    a_coding_that_ends_early_is_an_error_wherever_it_is_cut,
    a_bomb_is_given_up,
);

crate::over_http1!(a_connection_that_breaks_under_a_coding_is_not_its_end);

const CODINGS: [&str; 4] = ["gzip", "deflate", "br", "zstd"];

async fn encode(coding: &str, data: &[u8]) -> Vec<u8> {
    macro_rules! with {
        ($encoder:ident) => {{
            let mut encoder = $encoder::new(Vec::new());
            encoder.write_all(data).await.unwrap();
            encoder.shutdown().await.unwrap();
            encoder.into_inner()
        }};
    }
    match coding {
        "gzip" => with!(GzipEncoder),
        "deflate" => with!(ZlibEncoder),
        "br" => with!(BrotliEncoder),
        _ => with!(ZstdEncoder),
    }
}

fn text() -> Vec<u8> {
    (0..50_000_u32).flat_map(|number| (number.wrapping_mul(number) % 251).to_le_bytes()).collect()
}

/// Answers `/CODING/CUT` with the text in that coding without its last so many bytes.
async fn server(over: Over) -> Server {
    let mut encoded = Vec::new();
    for coding in CODINGS {
        encoded.push((coding, Bytes::from(encode(coding, &text()).await)));
    }
    over.server(move |seen| {
        let (name, cut) = seen.target[1..].split_once('/').unwrap();
        let (coding, data) = encoded.iter().find(|(coding, _)| *coding == name).unwrap();
        let data = data.slice(..data.len().saturating_sub(cut.parse().unwrap()));
        reply(200, &[("Content-Encoding", coding)], data)
    })
    .await
}

async fn every_coding_that_is_asked_for_is_undone(over: Over) {
    let server = server(over).await;
    let user_agent = over.user_agent().await;
    for coding in CODINGS {
        let response = fetch(&user_agent, request(&server.origin(), &format!("/{coding}/0"))).await;
        assert_eq!(response.header_list.get("Content-Encoding").unwrap(), coding.as_bytes());
        assert!(body(response).await.unwrap() == text(), "{coding}");
        let asked = server.seen().last().unwrap().header("Accept-Encoding").unwrap();
        assert!(asked.split(", ").any(|name| name == coding), "{asked}");
    }
    // All of it was read to its end, so that one connection was enough.
    assert_eq!(server.accepted(), 1);
}

async fn a_coding_that_ends_early_is_an_error_wherever_it_is_cut(over: Over) {
    let server = server(over).await;
    let user_agent = over.user_agent().await;
    for coding in CODINGS {
        for cut in [1, 30] {
            let response = fetch(&user_agent, request(&server.origin(), &format!("/{coding}/{cut}"))).await;
            let error = body(response).await.unwrap_err();
            assert!(matches!(error, BodyError::Decoding(_)), "{coding} without {cut}: {error}");
        }
    }
}

async fn a_connection_that_breaks_under_a_coding_is_not_its_end(over: Over) {
    // All of the coded bytes arrive, and one more was announced.
    let data = encode("gzip", b"hello").await;
    let length = data.len();
    let server = over
        .raw(move |mut stream| {
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n",
                length + 1
            );
            let answer = [head.as_bytes(), &data].concat();
            async move {
                read_head(&mut stream).await;
                stream.write_all(&answer).await.unwrap();
            }
        })
        .await;
    let response = fetch(&over.user_agent().await, request(&server.origin(), "/")).await;
    let expected = NetworkError::BodyTruncated { expected: length as u64 + 1, received: length as u64 };
    assert_eq!(body(response).await, Err(BodyError::Network(expected)));
}

async fn a_bomb_is_given_up(over: Over) {
    const MIB: usize = 1024 * 1024;
    // One mebibyte each, a thousand times smaller; both codings take several one after another for one.
    let coding = if over == Over::Http1Tls { "zstd" } else { "gzip" };
    let member = encode(coding, &vec![0; MIB]).await;
    assert!(member.len() < MIB / 900, "{}", member.len());
    let bomb = Bytes::from(member.repeat(120));
    let length = bomb.len();
    let server = over.server(move |_| reply(200, &[("Content-Encoding", coding)], bomb.clone())).await;
    let response = fetch(&over.user_agent().await, request(&server.origin(), "/")).await;
    let mut stream = response.body.unwrap().into_stream();
    let mut received = 0;
    let error = loop {
        match chunk(&mut stream).await.expect("an error before the end") {
            Ok(chunk) => received += chunk.len(),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, BodyError::Decoding(_)), "{error}");
    // The bound: 64 MiB, and 256 times what came.
    let most = 64 * MIB + 256 * length + MIB;
    assert!((64 * MIB..=most).contains(&received), "{received}");
    assert!(chunk(&mut stream).await.is_none());
    drop(stream);
    // The rest is not wanted.
    server.all_done().await;
}
