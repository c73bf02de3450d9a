//! <https://infra.spec.whatwg.org/#forgiving-base64>

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// <https://infra.spec.whatwg.org/#forgiving-base64-encode>
pub(crate) fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let bits = group
            .iter()
            .enumerate()
            .fold(0_u32, |bits, (index, &byte)| bits | u32::from(byte) << (16 - 8 * index));
        for position in 0..4 {
            if position <= group.len() {
                text.push(char::from(ALPHABET[(bits >> (18 - 6 * position) & 0x3F) as usize]));
            } else {
                text.push('=');
            }
        }
    }
    text
}

/// <https://infra.spec.whatwg.org/#forgiving-base64-decode>
pub(crate) fn forgiving_decode(text: &str) -> Option<Vec<u8>> {
    // 1. Whitespace means nothing.
    let mut digits: Vec<u8> =
        text.bytes().filter(|byte| !matches!(byte, b'\t' | b'\n' | 0x0C | b'\r' | b' ')).collect();
    // 2. Padding, where it fits.
    if digits.len().is_multiple_of(4) {
        for _ in 0..2 {
            if digits.last() == Some(&b'=') {
                digits.pop();
            }
        }
    }
    // 3. One digit alone says nothing.
    if digits.len() % 4 == 1 {
        return None;
    }
    // 5.–9. Four digits are three bytes; what is left over is cut.
    let mut bytes = Vec::with_capacity(digits.len() * 3 / 4);
    for group in digits.chunks(4) {
        let mut bits = 0_u32;
        for (index, digit) in group.iter().enumerate() {
            let value = ALPHABET.iter().position(|known| known == digit)?;
            bits |= (value as u32) << (18 - 6 * index);
        }
        let [_, first, second, third] = bits.to_be_bytes();
        bytes.extend_from_slice(&[first, second, third][..group.len() - 1]);
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_is_decoded() {
        for (plain, encoded) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
        ] {
            assert_eq!(encode(plain.as_bytes()), encoded);
            assert_eq!(forgiving_decode(encoded).unwrap(), plain.as_bytes());
        }
    }

    #[test]
    fn decoding_forgives_whitespace_and_missing_padding_only() {
        assert_eq!(forgiving_decode(" Z g\n=\t=").unwrap(), b"f");
        assert_eq!(forgiving_decode("Zm8").unwrap(), b"fo");
        assert_eq!(forgiving_decode("ab").unwrap(), [0x69]);
        for bad in ["Z", "Zg=", "=", "Zm9v=", "Zg==Zg==", "Z_8"] {
            assert_eq!(forgiving_decode(bad), None, "{bad}");
        }
    }
}
