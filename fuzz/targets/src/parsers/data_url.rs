//! `data:` URLs.

use longhaul_fetch::{MimeType, data_url_processor};
use url::Url;

/// `data:` URLs. Input: what follows the colon.
///
/// Asserts that a second processor, written from the standard's steps alone, gives the same type and the same bytes, and refuses the
/// same. (That a response is made of them is for `fetch_algorithm`.)
pub fn data_url(data: &[u8]) {
    let Ok(url) = Url::parse(&format!("data:{}", String::from_utf8_lossy(data))) else { return };
    let processed = data_url_processor(&url).ok();
    let expected = process_naively(&url);
    assert_eq!(processed.map(|processed| (processed.mime_type, processed.body)), expected, "{url}");
}

/// <https://fetch.spec.whatwg.org/#data-url-processor>
fn process_naively(url: &Url) -> Option<(MimeType, Vec<u8>)> {
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
    let general = || "text/plain;charset=US-ASCII".parse().expect("it is a MIME type");
    Some((mime_type.parse().unwrap_or_else(|_| general()), bytes))
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
