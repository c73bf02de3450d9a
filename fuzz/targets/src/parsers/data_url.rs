//! `data:` URLs.

use futures::FutureExt as _;
use longhaul_fetch::{
    ConnectionKey, FetchOptions, MimeType, Network, NetworkError, Request, Services, WireRequest,
    WireResponse, fetch,
};
use url::Url;

use crate::runtime;

struct Nowhere;

impl Network for Nowhere {
    fn send(
        &self,
        _: WireRequest,
        _: ConnectionKey,
    ) -> futures::future::BoxFuture<'static, Result<WireResponse, NetworkError>> {
        futures::future::pending().boxed()
    }
}

thread_local! {
    static SERVICES: Services = Services::new(std::sync::Arc::new(Nowhere));
}

/// `data:` URLs, fetched. Input: what follows the colon.
///
/// Asserts that a second processor, written from the standard's steps alone, gives the same type and the same bytes, that one that
/// it refuses is a network error, and that nothing waits.
pub fn data_url(data: &[u8]) {
    let Ok(url) = Url::parse(&format!("data:{}", String::from_utf8_lossy(data))) else { return };
    let expected = process_naively(&url);
    let _entered = runtime::enter();
    let fetching =
        SERVICES.with(|services| fetch(services, Request::new(url.clone()), FetchOptions::default()));
    let response = fetching.now_or_never().expect("nothing has to be waited for");
    let Some((mime_type, bytes)) = expected else {
        assert!(response.is_network_error(), "{url}");
        return;
    };
    let response = response.into_unfiltered();
    assert!(!response.is_network_error(), "{url}: {:?}", response.reason());
    let given = response.header_list.get("Content-Type").expect("there always is one");
    let read = |bytes: &[u8]| MimeType::from_bytes(bytes).map(|read| read.to_string());
    assert_eq!(read(&given), read(mime_type.as_bytes()), "{url}");
    let body = response.body.expect("there is one").read_all(None);
    assert_eq!(body.now_or_never().expect("it is there").expect("it is whole"), bytes, "{url}");
}

/// <https://fetch.spec.whatwg.org/#data-url-processor>
fn process_naively(url: &Url) -> Option<(String, Vec<u8>)> {
    let text = url.as_str().split('#').next()?.strip_prefix("data:")?;
    let (mime_type, body) = text.split_once(',')?;
    let mut mime_type = mime_type.trim_matches(['\t', '\n', '\x0C', '\r', ' ']).to_owned();
    let mut bytes = decode_percent(body.as_bytes());
    let lower = mime_type.to_ascii_lowercase();
    if let Some(before) = lower.strip_suffix("base64").map(|before| before.trim_end_matches(' '))
        && let Some(before) = before.strip_suffix(';')
    {
        bytes = decode_base64(&bytes)?;
        mime_type.truncate(before.len());
    }
    if mime_type.starts_with(';') {
        mime_type.insert_str(0, "text/plain");
    }
    if mime_type.parse::<MimeType>().is_err() {
        mime_type = "text/plain;charset=US-ASCII".to_owned();
    }
    Some((mime_type, bytes))
}

fn decode_percent(bytes: &[u8]) -> Vec<u8> {
    let digit = |byte: Option<&u8>| byte.and_then(|byte| char::from(*byte).to_digit(16));
    let mut decoded = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        match (bytes[at], digit(bytes.get(at + 1)), digit(bytes.get(at + 2))) {
            (b'%', Some(high), Some(low)) => {
                decoded.push((high * 16 + low) as u8);
                at += 3;
            }
            (byte, _, _) => {
                decoded.push(byte);
                at += 1;
            }
        }
    }
    decoded
}

/// <https://infra.spec.whatwg.org/#forgiving-base64-decode>
fn decode_base64(text: &[u8]) -> Option<Vec<u8>> {
    let mut text: Vec<u8> =
        text.iter().copied().filter(|byte| !matches!(byte, b'\t' | b'\n' | 0x0C | b'\r' | b' ')).collect();
    if text.len().is_multiple_of(4) {
        for _ in 0..2 {
            if text.last() == Some(&b'=') {
                text.pop();
            }
        }
    }
    if text.len() % 4 == 1 {
        return None;
    }
    let (mut bits, mut count) = (0_u32, 0);
    let mut decoded = Vec::new();
    for byte in text {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            decoded.push((bits >> count) as u8);
        }
    }
    Some(decoded)
}
