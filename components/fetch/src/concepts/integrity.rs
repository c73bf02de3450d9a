//! Subresource integrity.

use data_url::forgiving_base64;
use sha2::{Digest as _, Sha256, Sha384, Sha512};

/// The hash functions, weakest first.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Algorithm {
    Sha256,
    Sha384,
    Sha512,
}

/// Whether the bytes are what the metadata promises. Metadata that names no hash promises nothing.
///
/// <https://w3c.github.io/webappsec-subresource-integrity/#does-response-match-metadatalist>
pub(crate) fn do_bytes_match_integrity_metadata(bytes: &[u8], metadata: &str) -> bool {
    // 1.–2. What can be parsed; nothing is no promise.
    let parsed = parse_metadata(metadata);
    // 3. Only the strongest function counts,
    let Some(strongest) = parsed.iter().map(|(algorithm, _)| *algorithm).max() else { return true };
    let actual = match strongest {
        Algorithm::Sha256 => Sha256::digest(bytes).to_vec(),
        Algorithm::Sha384 => Sha384::digest(bytes).to_vec(),
        Algorithm::Sha512 => Sha512::digest(bytes).to_vec(),
    };
    // 4.–5. and one of its values has to be right.
    parsed.iter().any(|(algorithm, expected)| *algorithm == strongest && *expected == actual)
}

/// <https://w3c.github.io/webappsec-subresource-integrity/#parse-metadata>
pub(crate) fn parse_metadata(metadata: &str) -> Vec<(Algorithm, Vec<u8>)> {
    metadata.split_ascii_whitespace().filter_map(parse).collect()
}

fn parse(token: &str) -> Option<(Algorithm, Vec<u8>)> {
    let expression = token.split('?').next()?;
    let (algorithm, value) = expression.split_once('-')?;
    let algorithm = match algorithm.to_ascii_lowercase().as_str() {
        "sha256" => Algorithm::Sha256,
        "sha384" => Algorithm::Sha384,
        "sha512" => Algorithm::Sha512,
        _ => return None,
    };
    // A value that cannot be decoded matches nothing, but it was promised. URL-safe letters are known too.
    let value = value.replace('-', "+").replace('_', "/");
    Some((algorithm, forgiving_base64::decode_to_vec(value.as_bytes()).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHA256_OF_ABC: &str = "sha256-ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=";

    #[test]
    fn the_strongest_function_decides() {
        assert!(do_bytes_match_integrity_metadata(b"abc", SHA256_OF_ABC));
        assert!(do_bytes_match_integrity_metadata(b"abc", &format!("{SHA256_OF_ABC}?option other-x")));
        assert!(!do_bytes_match_integrity_metadata(b"abd", SHA256_OF_ABC));
        assert!(!do_bytes_match_integrity_metadata(b"abc", &format!("{SHA256_OF_ABC} sha512-AAAA")));
        assert!(do_bytes_match_integrity_metadata(b"abc", &format!("sha256-AAAA {SHA256_OF_ABC}")));
        assert!(!do_bytes_match_integrity_metadata(b"abc", "sha384-!"));
    }

    #[test]
    fn metadata_without_a_known_function_promises_nothing() {
        assert!(do_bytes_match_integrity_metadata(b"abc", "md5-AAAA"));
        assert!(do_bytes_match_integrity_metadata(b"abc", "nonsense"));
    }
}
