//! Opaque-response blocking: what another origin has not shared does not even come near the page, unless it is something that
//! pages have always embedded.
//!
//! <https://github.com/annevk/orb>

use bytes::{Bytes, BytesMut};
use futures::stream::{self, StreamExt as _};

use super::body::BodyStream;
use super::keyword::keywords;
use super::mime_sniffing::{
    has_binary_data_bytes, match_an_audio_or_video_type_pattern, match_an_image_type_pattern,
    match_scriptable,
};
use super::mime_type::MimeType;
use super::nosniff::determine_nosniff;
use super::range::{ContentRange, parse_content_range};
use super::request::Request;
use super::response::Response;
use crate::NetworkError;

/// So many bytes are looked at.
const SNIFFED: usize = 1024;

keywords! {
    /// Which of a media element's requests it is; a media element may ask for later parts of what has shown itself to be media.
    NoCorsMediaRequestState {
        /// It is not a media element's.
        NotApplicable = "N/A",
        /// The first.
        Initial = "initial",
        /// One of those that follow, for the same resource.
        Subsequent = "subsequent",
    }
}

/// Whether the response to a no-cors request of another origin may go on.
///
/// <https://github.com/annevk/orb#the-algorithm>
pub(crate) async fn opaque_response_safelist_check(
    request: &Request,
    mut response: Response,
) -> Result<Response, NetworkError> {
    // 1.–2.
    let mime_type = response.header_list.extract_mime_type();
    let no_sniff = determine_nosniff(&response.header_list);
    let blocked = |mime_type: &Option<MimeType>| {
        NetworkError::OpaqueResponseBlocked(
            mime_type.as_ref().map_or_else(String::new, |mime_type| mime_type.essence().to_owned()),
        )
    };
    // 3. By type alone:
    if let Some(mime_type) = &mime_type {
        if is_safelisted(mime_type) {
            return Ok(response);
        }
        if is_never_sniffed(mime_type)
            || (response.status == 206 && is_blocklisted(mime_type))
            || (no_sniff && (is_blocklisted(mime_type) || mime_type.essence() == "text/plain"))
        {
            return Err(blocked(&Some(mime_type.clone())));
        }
    }
    // 4. It follows what has shown itself to be media.
    // NOTE: a background fetch that goes on was judged by its first part, and is spliced only to the same resource.
    let state = match request.resumption {
        Some(_) => NoCorsMediaRequestState::Subsequent,
        None => request.no_cors_media_request_state,
    };
    if state == NoCorsMediaRequestState::Subsequent {
        return Ok(response);
    }
    // 5. A part that does not begin at the beginning cannot be told.
    if response.status == 206 && !begins_at_zero(&response) {
        return Err(blocked(&mime_type));
    }
    // 6. How it begins.
    let Some(body) = response.body.take() else { return Ok(response) };
    let (header, body) = peek(body.into_stream()).await;
    let is_ok = response.is_ok_status();
    response.body = Some(crate::Body::from_stream(body.into_boxed(), None, None));
    // 7.–8. Media.
    if match_an_audio_or_video_type_pattern(&header).is_some() {
        return if matches!(response.status, 200 | 206) { Ok(response) } else { Err(blocked(&mime_type)) };
    }
    if state != NoCorsMediaRequestState::NotApplicable {
        return Err(blocked(&mime_type));
    }
    // 9. Pictures.
    if match_an_image_type_pattern(&header).is_some() {
        return Ok(response);
    }
    // 10.–11.
    if no_sniff || !is_ok {
        return Err(blocked(&mime_type));
    }
    // 12.
    let Some(known) = &mime_type else { return Ok(response) };
    // 13. It claims to be media and is none.
    if ["audio/", "image/", "video/", "font/"].iter().any(|kind| known.essence().starts_with(kind)) {
        return Err(blocked(&mime_type));
    }
    // 14.–16. DEVIATION: whether it is JavaScript is told from how it begins, since there is no parser of it here.
    if may_be_javascript(&header, known) { Ok(response) } else { Err(blocked(&mime_type)) }
}

/// What pages have always embedded.
fn is_safelisted(mime_type: &MimeType) -> bool {
    mime_type.is_javascript() || matches!(mime_type.essence(), "text/css" | "image/svg+xml")
}

/// Documents that hold data.
fn is_blocklisted(mime_type: &MimeType) -> bool {
    mime_type.essence() == "text/html" || mime_type.is_json() || mime_type.is_xml()
}

/// What no page has ever embedded.
fn is_never_sniffed(mime_type: &MimeType) -> bool {
    matches!(
        mime_type.essence(),
        "application/gzip"
            | "application/msexcel"
            | "application/mspowerpoint"
            | "application/msword"
            | "application/msword-template"
            | "application/pdf"
            | "application/vnd.apple.mpegurl"
            | "application/vnd.ces-quickpoint"
            | "application/vnd.ces-quicksheet"
            | "application/vnd.ces-quickword"
            | "application/vnd.ms-excel"
            | "application/vnd.ms-excel.sheet.macroenabled.12"
            | "application/vnd.ms-powerpoint"
            | "application/vnd.ms-powerpoint.presentation.macroenabled.12"
            | "application/vnd.ms-word"
            | "application/vnd.ms-word.document.12"
            | "application/vnd.ms-word.document.macroenabled.12"
            | "application/vnd.msword"
            | "application/vnd.openxmlformats-officedocument.presentationml.presentation"
            | "application/vnd.openxmlformats-officedocument.presentationml.template"
            | "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
            | "application/vnd.openxmlformats-officedocument.spreadsheetml.template"
            | "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
            | "application/vnd.openxmlformats-officedocument.wordprocessingml.template"
            | "application/vnd.presentation-openxml"
            | "application/vnd.presentation-openxmlm"
            | "application/vnd.spreadsheet-openxml"
            | "application/vnd.wordprocessing-openxml"
            | "application/x-gzip"
            | "application/x-protobuf"
            | "application/x-protobuffer"
            | "application/zip"
            | "audio/mpegurl"
            | "multipart/byteranges"
            | "multipart/signed"
            | "text/event-stream"
            | "text/csv"
            | "text/vtt"
    )
}

/// <https://github.com/annevk/orb#validate-a-partial-response>
fn begins_at_zero(response: &Response) -> bool {
    let range = response.header_list.get("Content-Range");
    let range = range.and_then(|range| parse_content_range(&range).ok());
    matches!(range, Some(ContentRange::Range { first: 0, .. }))
}

/// Whether bytes of that type may be the beginning of a script, and are not that of data.
fn may_be_javascript(header: &[u8], mime_type: &MimeType) -> bool {
    // An encoding that is not ASCII's kin is decoded first.
    let by_mark = encoding_rs::Encoding::for_bom(header).map(|(encoding, _)| encoding);
    let encoding = by_mark.unwrap_or_else(|| mime_type.legacy_encoding(encoding_rs::UTF_8));
    let (text, _, _) = encoding.decode(header);
    let text = text.trim_start();
    if has_binary_data_bytes(text.as_bytes())
        || match_scriptable(text.as_bytes()).is_some()
        || text.starts_with('<')
    {
        return false;
    }
    // What is empty gives nothing away, but claims to be data.
    if text.is_empty() {
        return !is_blocklisted(mime_type);
    }
    // Guards that servers put before data.
    if [")]}'", "{}&&", "for(;;);", "while(1);"].iter().any(|guard| text.starts_with(guard)) {
        return false;
    }
    !begins_like_json(text)
}

/// Whether it begins with an object whose first key is quoted, or is, as far as it is seen, an array or a lone value of JSON.
fn begins_like_json(text: &str) -> bool {
    if let Some(inside) = text.strip_prefix('{') {
        let inside = inside.trim_start();
        return inside.starts_with('}')
            || inside.strip_prefix('"').is_some_and(|key| {
                let end = key.char_indices().scan(false, |is_escaped, (at, character)| {
                    let is_end = character == '"' && !*is_escaped;
                    *is_escaped = character == '\\' && !*is_escaped;
                    Some((at, is_end))
                });
                let mut end = end.filter(|(_, is_end)| *is_end).map(|(at, _)| at);
                end.next().is_none_or(|end| {
                    let behind = key[end + 1..].trim_start();
                    behind.is_empty() || behind.starts_with(':')
                })
            });
    }
    text.starts_with('[') && text.trim_end().ends_with(']') && !text.contains(';')
}

/// The first bytes of a stream, and the whole of it again.
async fn peek(stream: BodyStream) -> (Bytes, BodyStream) {
    let mut stream = stream.fuse();
    let mut header = BytesMut::new();
    let mut seen = Vec::new();
    while header.len() < SNIFFED
        && let Some(chunk) = stream.next().await
    {
        // NOTE: a body that breaks off is judged by what came of it, and breaks off for its reader too.
        if let Ok(chunk) = &chunk {
            header.extend_from_slice(&chunk[..chunk.len().min(SNIFFED - header.len())]);
        }
        let is_end = chunk.is_err();
        seen.push(chunk);
        if is_end {
            break;
        }
    }
    (header.freeze(), BodyStream::new(stream::iter(seen).chain(stream).boxed()))
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::*;
    use crate::Body;

    async fn passes(status: u16, headers: &[(&str, &str)], body: &'static [u8]) -> bool {
        with_state(NoCorsMediaRequestState::NotApplicable, status, headers, body).await
    }

    async fn with_state(
        state: NoCorsMediaRequestState,
        status: u16,
        headers: &[(&str, &str)],
        body: &'static [u8],
    ) -> bool {
        let mut request = Request::new(Url::parse("https://b.example/").unwrap());
        request.no_cors_media_request_state = state;
        let mut response = Response::new();
        response.status = status;
        response.header_list = headers.iter().copied().collect();
        response.body = Some(Body::from_bytes(body));
        match opaque_response_safelist_check(&request, response).await {
            Ok(response) => {
                assert_eq!(response.body.unwrap().read_all(None).await.unwrap(), body);
                true
            }
            Err(_) => false,
        }
    }

    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";

    #[tokio::test]
    async fn data_is_blocked_and_what_is_embedded_passes() {
        for (content_type, body, expected) in [
            ("application/json", &b"{\"a\": 1}"[..], false),
            ("application/json", b"", false),
            ("application/json", b"{ \"a\\\"b\" : 1}", false),
            ("application/json", b"fn()", true),
            ("application/json", b"\xff\xfe\"\0u\0s\0e\0\"\0;\0", true),
            ("application/json; charset=utf-16", b"\"\0u\0s\0e\0\"\0;\0", true),
            ("text/html", b"<html>", false),
            ("text/html", b"<!-- x -->", false),
            ("text/html", b"var x = 1;", true),
            ("text/xml", b"<x/>", false),
            ("text/plain", b"function f() {}", true),
            ("text/plain", b")]}'\n[1]", false),
            ("text/plain", b"{\"secret\"", false),
            ("text/javascript", b"{\"a\": 1}", true),
            ("text/css", b"<html>", true),
            ("image/png", PNG, true),
            ("text/html", PNG, true),
            ("image/png", b"hello", false),
            ("font/ttf", b"\0\x01\0\0", false),
            ("application/pdf", PNG, false),
            ("text/csv", b"a,b", false),
            ("audio/ogg", b"OggS\0", true),
        ] {
            let headers = [("Content-Type", content_type)];
            assert_eq!(passes(200, &headers, body).await, expected, "{content_type}: {body:?}");
        }
        assert!(passes(200, &[], b"{\"a\": 1}").await);
    }

    #[tokio::test]
    async fn nosniff_and_failures_leave_less() {
        let no_sniff = ("X-Content-Type-Options", "nosniff");
        assert!(!passes(200, &[("Content-Type", "text/plain"), no_sniff], b"f()").await);
        assert!(!passes(200, &[no_sniff], b"f()").await);
        assert!(!passes(200, &[("Content-Type", "text/html"), no_sniff], b"f()").await);
        assert!(!passes(404, &[("Content-Type", "text/plain")], b"f()").await);
        assert!(passes(404, &[("Content-Type", "image/png")], PNG).await);
    }

    #[tokio::test]
    async fn parts_have_to_begin_at_the_beginning_or_follow() {
        let part = |range: &'static str| [("Content-Type", "image/png"), ("Content-Range", range)];
        assert!(passes(206, &part("bytes 0-7/10"), PNG).await);
        assert!(!passes(206, &part("bytes 1-7/10"), PNG).await);
        assert!(!passes(206, &[], PNG).await);
        let media = [("Content-Type", "video/mp4"), ("Content-Range", "bytes 5-7/10")];
        assert!(with_state(NoCorsMediaRequestState::Subsequent, 206, &media, b"xyz").await);
        assert!(!with_state(NoCorsMediaRequestState::Initial, 206, &media, b"xyz").await);
        assert!(!with_state(NoCorsMediaRequestState::Initial, 200, &[], PNG).await);
    }
}
