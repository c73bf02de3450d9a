//! Byte sequences as strings of the same numbers.

use std::fmt::Write as _;

/// The string whose code points are the bytes.
///
/// <https://infra.spec.whatwg.org/#isomorphic-decode>
pub fn isomorphic_decode(bytes: &[u8]) -> String {
    // OPTIMIZATION: most are ASCII, which is copied at once.
    if let Ok(text) = std::str::from_utf8(bytes)
        && text.is_ascii()
    {
        return text.to_owned();
    }
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

/// The bytes whose values are the code points; nothing if one is past U+00FF.
///
/// <https://infra.spec.whatwg.org/#isomorphic-encode>
pub fn isomorphic_encode(text: &str) -> Option<Vec<u8>> {
    if text.is_ascii() {
        return Some(text.as_bytes().to_vec());
    }
    text.chars().map(|character| u8::try_from(u32::from(character)).ok()).collect()
}

/// Text for people: bytes outside printable ASCII are escaped, and no more than `limit` of them are shown.
pub(crate) fn printable(bytes: &[u8], limit: usize) -> String {
    let mut text = String::new();
    for byte in bytes.iter().take(limit) {
        match byte {
            b' '..=b'~' => text.push(char::from(*byte)),
            _ => write!(text, "\\x{byte:02x}").unwrap_or(()),
        }
    }
    if bytes.len() > limit {
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_bytes_survive_and_wider_code_points_are_refused() {
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(isomorphic_encode(&isomorphic_decode(&all)).unwrap(), all);
        assert_eq!(isomorphic_encode("€"), None);
    }

    #[test]
    fn text_for_people_holds_no_control_characters() {
        assert_eq!(printable(b"a\x1b[0m\n", 100), "a\\x1b[0m\\x0a");
        assert_eq!(printable(b"abcdef", 3), "abc…");
    }
}
