//! `data:` URLs.

use data_url::{DataUrl as Parsed, DataUrlError};
use url::{Position, Url};

use super::mime_type::MimeType;

/// What a `data:` URL says.
///
/// <https://fetch.spec.whatwg.org/#data-url-struct>
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataUrl {
    /// The type that it states, or `text/plain;charset=US-ASCII`.
    pub mime_type: MimeType,
    /// Its bytes, decoded.
    pub body: Vec<u8>,
}

/// Why a `data:` URL says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidDataUrl {
    /// It is another URL.
    #[error("its scheme is another")]
    NotADataUrl,
    /// Nothing parts its type from its body.
    #[error("it has no comma")]
    NoComma,
    /// Its body is to be base64, and is not.
    #[error("its base64 cannot be decoded")]
    Base64,
}

/// <https://fetch.spec.whatwg.org/#data-url-processor>
///
/// # Errors
/// Where the standard returns failure.
pub fn data_url_processor(url: &Url) -> Result<DataUrl, InvalidDataUrl> {
    let parsed = Parsed::process(url.as_str()).map_err(|error| match error {
        // 1. Its scheme is `data`.
        DataUrlError::NotADataUrl => InvalidDataUrl::NotADataUrl,
        DataUrlError::NoComma => InvalidDataUrl::NoComma,
    })?;
    // 10.–11. Percent-encoding, then base64.
    let (body, _) = parsed.decode_to_vec().map_err(|_| InvalidDataUrl::Base64)?;
    // NOTE: its MIME type goes through our own parser, as every other.
    Ok(DataUrl { mime_type: mime_type(url), body })
}

/// The type that a `data:` URL states, or the one of those that state none.
fn mime_type(url: &Url) -> MimeType {
    // 5.–7. What stands before the comma,
    let text = &url[Position::BeforePath..Position::AfterQuery];
    let stated = text.split(',').next().unwrap_or_default().trim_matches(ASCII_WHITESPACE);
    // 11. but for the word that says how the body is written.
    let without_base64 = stated
        .split_at_checked(stated.len().wrapping_sub("base64".len()))
        .filter(|(_, word)| word.eq_ignore_ascii_case("base64"))
        .and_then(|(before, _)| before.trim_end_matches(' ').strip_suffix(';'));
    let stated = without_base64.unwrap_or(stated);
    // 12. Parameters alone are a text's.
    let parsed = match stated.starts_with(';') {
        true => format!("text/plain{stated}").parse(),
        false => stated.parse(),
    };
    // 13.–14.
    parsed.unwrap_or_else(|_| "text/plain;charset=US-ASCII".parse().expect("it is a MIME type"))
}

/// <https://infra.spec.whatwg.org/#ascii-whitespace>
const ASCII_WHITESPACE: [char; 5] = ['\t', '\n', '\x0C', '\r', ' '];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_says_nothing_is_named() {
        for (url, error) in [
            ("https://a.test/,x", InvalidDataUrl::NotADataUrl),
            ("data:text/plain", InvalidDataUrl::NoComma),
            ("data:;base64,a", InvalidDataUrl::Base64),
        ] {
            assert_eq!(data_url_processor(&url.parse().unwrap()), Err(error), "{url}");
        }
    }
}
