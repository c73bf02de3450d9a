//! Forms in a line.

use url::form_urlencoded;

/// `application/x-www-form-urlencoded`. Input: the text.
///
/// Asserts that a second parser, written from the standard's steps, finds the same pairs, that they come back from how they are
/// written, and that what is written has no character but those that the format leaves as they are.
pub fn urlencoded(data: &[u8]) {
    let pairs: Vec<(String, String)> = form_urlencoded::parse(data).into_owned().collect();
    assert_eq!(pairs, parse_naively(data));
    let text = form_urlencoded::Serializer::new(String::new()).extend_pairs(&pairs).finish();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"*-._+%&=".contains(&byte);
    assert!(text.bytes().all(plain), "{text}");
    assert!(
        form_urlencoded::parse(text.as_bytes())
            .eq(pairs.iter().map(|(name, value)| (name.into(), value.into())))
    );
}

/// <https://url.spec.whatwg.org/#concept-urlencoded-parser>
fn parse_naively(data: &[u8]) -> Vec<(String, String)> {
    let decoded = |bytes: &[u8]| {
        let digit = |at: usize| bytes.get(at).and_then(|byte| char::from(*byte).to_digit(16));
        let (mut decoded, mut at) = (Vec::new(), 0);
        while at < bytes.len() {
            let (byte, length) = match (bytes[at], digit(at + 1), digit(at + 2)) {
                (b'+', ..) => (b' ', 1),
                (b'%', Some(high), Some(low)) => ((high * 16 + low) as u8, 3),
                (byte, ..) => (byte, 1),
            };
            decoded.push(byte);
            at += length;
        }
        String::from_utf8_lossy(&decoded).into_owned()
    };
    let sequences = data.split(|byte| *byte == b'&').filter(|sequence| !sequence.is_empty());
    let pair = |sequence: &[u8]| match sequence.iter().position(|byte| *byte == b'=') {
        Some(at) => (decoded(&sequence[..at]), decoded(&sequence[at + 1..])),
        None => (decoded(sequence), String::new()),
    };
    sequences.map(pair).collect()
}
