//! Bodies on their way out and back.

use std::io::Write as _;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures::channel::mpsc;
use futures::stream::{self, StreamExt as _};
use futures::{FutureExt as _, SinkExt as _};
use longhaul_fetch::{Body, BodyError, FailureClass, FetchOptions, Method, NetworkError, Services, fetch};

use crate::support::{FakeNetwork, cors, reason, reply, reply_stream, run, text};

/// A gzip member without compression.
fn gzip_stored(data: &[u8]) -> Vec<u8> {
    let mut out = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255, 1];
    out.extend(u16::try_from(data.len()).unwrap().to_le_bytes());
    out.extend((!u16::try_from(data.len()).unwrap()).to_le_bytes());
    out.write_all(data).unwrap();
    let crc = data.iter().fold(!0_u32, |crc, byte| {
        (0..8).fold(
            crc ^ u32::from(*byte),
            |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 },
        )
    });
    out.extend((!crc).to_le_bytes());
    out.extend(u32::try_from(data.len()).unwrap().to_le_bytes());
    out
}

#[tokio::test]
async fn encoded_bodies_are_decoded_and_counted_on_both_sides() {
    let encoded = gzip_stored(b"hello");
    let length = encoded.len() as u64;
    let network = FakeNetwork::new(move |_| reply(200, &[("Content-Encoding", "gzip")], &encoded));
    let seen = Arc::new(Mutex::new(None));
    let told = Arc::clone(&seen);
    let options = FetchOptions {
        process_response_end_of_body: Some(Box::new(move |timing| {
            *told.lock().unwrap() = Some((timing.encoded_body_size, timing.decoded_body_size));
        })),
        ..FetchOptions::default()
    };
    let response = fetch(&Services::new(network), cors("/"), options).await;
    assert!(response.header_list.contains("Content-Encoding"));
    assert_eq!(*seen.lock().unwrap(), None);
    assert_eq!(text(response).await, "hello");
    assert_eq!(*seen.lock().unwrap(), Some((length, 5)));
}

#[tokio::test]
async fn an_encoded_body_that_ends_early_is_an_error() {
    let mut encoded = gzip_stored(b"hello");
    encoded.truncate(encoded.len() - 3);
    let network = FakeNetwork::new(move |_| reply(200, &[("Content-Encoding", "gzip")], &encoded));
    let body = run(&network, cors("/")).await.body.unwrap();
    assert!(matches!(body.read_all(None).await, Err(BodyError::Decoding(_))));
}

#[tokio::test]
async fn a_body_streams_and_its_failure_comes_through() {
    let (mut sender, receiver) = mpsc::channel::<Result<Bytes, NetworkError>>(1);
    let receiver = Mutex::new(Some(receiver));
    let network =
        FakeNetwork::new(move |_| reply_stream(200, &[], receiver.lock().unwrap().take().unwrap().boxed()));
    let mut body = run(&network, cors("/")).await.body.unwrap().into_stream();
    assert!(body.next().now_or_never().is_none());
    sender.send(Ok(Bytes::from_static(b"ab"))).await.unwrap();
    assert_eq!(body.next().await.unwrap().unwrap(), "ab");
    let truncated = NetworkError::BodyTruncated { expected: 5, received: 2 };
    sender.send(Err(truncated.clone())).await.unwrap();
    assert_eq!(body.next().await, Some(Err(BodyError::Network(truncated))));
    assert_eq!(body.next().await, None);
}

#[tokio::test]
async fn uploads_tell_their_progress_and_their_end() {
    let chunks = || stream::iter([Ok(Bytes::from_static(b"abc")), Ok(Bytes::from_static(b"de"))]).boxed();
    for (body, expected) in [
        (Body::from_stream(chunks(), None, None), vec![3, 2]),
        (Body::from_stream(chunks(), None, Some(5)), vec![3, 2]),
        (Body::from_bytes("abcde"), vec![5]),
    ] {
        let network = FakeNetwork::new(|_| reply(200, &[], ""));
        let told = Arc::new(Mutex::new((Vec::new(), 0)));
        let (progress, end) = (Arc::clone(&told), Arc::clone(&told));
        let options = FetchOptions {
            process_request_body_chunk_length: Some(Box::new(move |count| {
                progress.lock().unwrap().0.push(count)
            })),
            process_request_end_of_body: Some(Box::new(move || end.lock().unwrap().1 += 1)),
            ..FetchOptions::default()
        };
        let mut request = cors("/");
        request.method = Method::POST;
        request.body = Some(body);
        let response = fetch(&Services::new(Arc::clone(&network) as _), request, options).await;
        assert!(!response.is_network_error());
        assert_eq!(*told.lock().unwrap(), (expected, 1));
        assert_eq!(network.seen()[0].body, b"abcde");
    }
}

#[tokio::test]
async fn an_upload_that_fails_fails_the_fetch_with_its_reason() {
    let network = FakeNetwork::new(|_| reply(200, &[], ""));
    let failing = BodyError::Source("the disk is gone".into());
    for (error, expected) in [
        (failing.clone(), NetworkError::RequestBody(Box::new(failing.clone()))),
        (BodyError::Aborted, NetworkError::Aborted),
    ] {
        let mut request = cors("/");
        request.method = Method::POST;
        let chunks = stream::iter([Ok(Bytes::from_static(b"ab")), Err(error)]).boxed();
        request.body = Some(Body::from_stream(chunks, None, Some(9)));
        let response = run(&network, request).await;
        assert_eq!(reason(&response), &expected);
        assert!(matches!(reason(&response).class(), FailureClass::Body | FailureClass::Aborted));
    }
}

#[tokio::test]
async fn some_responses_have_no_body_whatever_comes() {
    for (method, status) in [("HEAD", 200), ("GET", 204), ("GET", 205), ("GET", 304)] {
        let network = FakeNetwork::new(move |_| reply(status, &[], "unwanted"));
        let mut request = cors("/");
        request.method = Method::new(method).unwrap();
        let response = run(&network, request).await;
        assert_eq!((response.status, response.body.is_none()), (status, true), "{method} {status}");
    }
}

#[tokio::test]
async fn early_hints_are_told() {
    let network = FakeNetwork::new(|_| reply(200, &[], ""));
    let told = Arc::new(Mutex::new(Vec::new()));
    let hints = Arc::clone(&told);
    let options = FetchOptions {
        process_early_hints_response: Some(Box::new(move |status, headers| {
            hints.lock().unwrap().push((status, headers.len()));
        })),
        ..FetchOptions::default()
    };
    let response = fetch(&Services::new(network), cors("/"), options).await;
    assert!(!response.is_network_error());
    assert_eq!(*told.lock().unwrap(), [(103, 1)]);
}

#[tokio::test]
async fn an_empty_upload_ends_too() {
    for body in [Body::from_bytes(""), Body::from_stream(stream::empty().boxed(), None, Some(0))] {
        let network = FakeNetwork::new(|_| reply(200, &[], ""));
        let ends = Arc::new(Mutex::new(0));
        let told = Arc::clone(&ends);
        let options = FetchOptions {
            process_request_end_of_body: Some(Box::new(move || *told.lock().unwrap() += 1)),
            ..FetchOptions::default()
        };
        let mut request = cors("/");
        request.method = Method::POST;
        request.body = Some(body);
        assert!(!fetch(&Services::new(network), request, options).await.is_network_error());
        assert_eq!(*ends.lock().unwrap(), 1);
    }
}

#[tokio::test]
async fn what_was_uploaded_is_not_kept_for_the_response() {
    let network = FakeNetwork::new(|_| reply(200, &[], "answer"));
    let bytes = Arc::new(vec![b'x'; 1000]);
    struct Kept(Arc<Vec<u8>>);
    impl AsRef<[u8]> for Kept {
        fn as_ref(&self) -> &[u8] {
            &self.0
        }
    }
    let mut request = cors("/");
    request.method = Method::POST;
    request.body = Some(Body::from_bytes(Bytes::from_owner(Kept(Arc::clone(&bytes)))));
    let response = run(&network, request).await;
    assert_eq!(Arc::strong_count(&bytes), 1);
    assert_eq!(text(response).await, "answer");
}
