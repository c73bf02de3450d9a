//! MIME sniffing: telling what bytes are from how they begin.

use super::mime_type::MimeType;

/// So many bytes are looked at.
///
/// <https://mimesniff.spec.whatwg.org/#reading-the-resource-header>
pub const RESOURCE_HEADER_LENGTH: usize = 1445;

/// The type of a resource that came with a supplied type and a header of bytes.
///
/// <https://mimesniff.spec.whatwg.org/#mime-type-sniffing-algorithm>
pub fn computed_mime_type(
    supplied: Option<&MimeType>,
    no_sniff: bool,
    check_for_apache_bug: bool,
    header: &[u8],
) -> MimeType {
    let header = &header[..header.len().min(RESOURCE_HEADER_LENGTH)];
    // 1. XML is what it says, and 2. unknown types say nothing.
    let Some(supplied) = supplied else { return identify_an_unknown_mime_type(header, !no_sniff) };
    if supplied.is_xml() || (no_sniff && !is_unknown(supplied)) {
        return supplied.clone();
    }
    if is_unknown(supplied) {
        return identify_an_unknown_mime_type(header, !no_sniff);
    }
    // 3. No sniffing.
    if no_sniff {
        return supplied.clone();
    }
    // 4. A server's known bug.
    if check_for_apache_bug {
        return distinguish_text_or_binary(header);
    }
    // 5. NOTE: whether it is a feed is no business of anyone here.
    if supplied.essence() == "text/html" {
        return supplied.clone();
    }
    // 6.–8. Pictures, sound and film.
    let matched = if supplied.essence().starts_with("image/") {
        match_an_image_type_pattern(header)
    } else if is_audio_or_video(supplied) {
        match_an_audio_or_video_type_pattern(header)
    } else {
        None
    };
    matched.map_or_else(|| supplied.clone(), known)
}

/// Whether a value of `Content-Type` is one that a server puts on everything.
///
/// <https://mimesniff.spec.whatwg.org/#supplied-mime-type-detection-algorithm>
pub fn has_apache_bug(content_type: &[u8]) -> bool {
    matches!(
        content_type,
        b"text/plain"
            | b"text/plain; charset=ISO-8859-1"
            | b"text/plain; charset=iso-8859-1"
            | b"text/plain; charset=UTF-8"
    )
}

/// <https://mimesniff.spec.whatwg.org/#minimize-a-supported-mime-type>
pub fn minimize_a_supported_mime_type(mime_type: &MimeType) -> String {
    let essence = mime_type.essence();
    if mime_type.is_javascript() {
        return "text/javascript".to_owned();
    }
    if mime_type.is_json() {
        return "application/json".to_owned();
    }
    if essence == "image/svg+xml" {
        return essence.to_owned();
    }
    if mime_type.is_xml() {
        return "application/xml".to_owned();
    }
    // NOTE: which types are supported is for whoever shows them; those of the web's own formats are told.
    let is_supported =
        ["text/", "image/", "audio/", "video/", "font/"].iter().any(|kind| essence.starts_with(kind))
            || matches!(essence, "application/wasm" | "application/pdf" | "application/octet-stream");
    if is_supported { essence.to_owned() } else { String::new() }
}

/// <https://mimesniff.spec.whatwg.org/#matching-an-image-type-pattern>
pub fn match_an_image_type_pattern(header: &[u8]) -> Option<&'static str> {
    const PATTERNS: &[(&[u8], &str)] = &[
        (b"\x00\x00\x01\x00", "image/x-icon"),
        (b"\x00\x00\x02\x00", "image/x-icon"),
        (b"BM", "image/bmp"),
        (b"GIF87a", "image/gif"),
        (b"GIF89a", "image/gif"),
        (b"\x89PNG\x0d\x0a\x1a\x0a", "image/png"),
        (b"\xff\xd8\xff", "image/jpeg"),
    ];
    if header.starts_with(b"RIFF") && header.get(8..14) == Some(b"WEBPVP") {
        return Some("image/webp");
    }
    first_match(PATTERNS, header)
}

/// <https://mimesniff.spec.whatwg.org/#matching-an-audio-or-video-type-pattern>
pub fn match_an_audio_or_video_type_pattern(header: &[u8]) -> Option<&'static str> {
    const PATTERNS: &[(&[u8], &str)] =
        &[(b"ID3", "audio/mpeg"), (b"OggS\x00", "application/ogg"), (b"MThd\x00\x00\x00\x06", "audio/midi")];
    let kind = header.get(8..12);
    if header.starts_with(b"FORM") && kind == Some(b"AIFF") {
        return Some("audio/aiff");
    }
    if header.starts_with(b"RIFF") && kind == Some(b"AVI ") {
        return Some("video/avi");
    }
    if header.starts_with(b"RIFF") && kind == Some(b"WAVE") {
        return Some("audio/wave");
    }
    first_match(PATTERNS, header)
        .or_else(|| matches_the_signature_for_mp4(header).then_some("video/mp4"))
        .or_else(|| matches_the_signature_for_webm(header).then_some("video/webm"))
        .or_else(|| matches_the_signature_for_mp3_without_id3(header).then_some("audio/mpeg"))
}

/// <https://mimesniff.spec.whatwg.org/#matching-a-font-type-pattern>
pub fn match_a_font_type_pattern(header: &[u8]) -> Option<&'static str> {
    if header.get(34..36) == Some(b"LP") {
        return Some("application/vnd.ms-fontobject");
    }
    const PATTERNS: &[(&[u8], &str)] = &[
        (b"\x00\x01\x00\x00", "font/ttf"),
        (b"OTTO", "font/otf"),
        (b"ttcf", "font/collection"),
        (b"wOFF", "font/woff"),
        (b"wOF2", "font/woff2"),
    ];
    first_match(PATTERNS, header)
}

/// <https://mimesniff.spec.whatwg.org/#matching-an-archive-type-pattern>
pub fn match_an_archive_type_pattern(header: &[u8]) -> Option<&'static str> {
    const PATTERNS: &[(&[u8], &str)] = &[
        (b"\x1f\x8b\x08", "application/x-gzip"),
        (b"PK\x03\x04", "application/zip"),
        (b"Rar!\x1a\x07\x00", "application/x-rar-compressed"),
    ];
    first_match(PATTERNS, header)
}

/// <https://mimesniff.spec.whatwg.org/#signature-for-mp4>
fn matches_the_signature_for_mp4(header: &[u8]) -> bool {
    // 1.–5. A box that says how long it is, and is a file type.
    let Some(size) = header.first_chunk::<4>().map(|size| u32::from_be_bytes(*size) as usize) else {
        return false;
    };
    if header.len() < 12 || header.len() < size || !size.is_multiple_of(4) || &header[4..8] != b"ftyp" {
        return false;
    }
    // 6.–9. One of its brands.
    if &header[8..11] == b"mp4" {
        return true;
    }
    let brands = header.get(16..size).unwrap_or_default();
    brands.chunks_exact(4).any(|brand| &brand[..3] == b"mp4")
}

/// <https://mimesniff.spec.whatwg.org/#signature-for-webm>
fn matches_the_signature_for_webm(header: &[u8]) -> bool {
    // 1.–5. The document type is looked for near the beginning of an EBML header.
    if !header.starts_with(b"\x1a\x45\xdf\xa3") {
        return false;
    }
    let mut at = 4;
    while at < header.len() && at < 38 {
        if header.get(at..at + 2) == Some(b"\x42\x82") {
            at += 2;
            let Some(first) = header.get(at) else { return false };
            at += vint_length(*first);
            // Padding may stand before the word.
            let rest = header.get(at..).unwrap_or_default();
            let padding = rest.iter().take_while(|byte| **byte == 0).count();
            return rest[padding..].starts_with(b"webm");
        }
        at += 1;
    }
    false
}

/// <https://mimesniff.spec.whatwg.org/#parse-a-vint>
fn vint_length(first: u8) -> usize {
    first.leading_zeros().min(7) as usize + 1
}

/// <https://mimesniff.spec.whatwg.org/#signature-for-mp3-without-id3>
fn matches_the_signature_for_mp3_without_id3(header: &[u8]) -> bool {
    // A frame's header, and another one where the first frame ends.
    let Some(length) = mp3_frame_length(header) else { return false };
    header.get(length..).is_some_and(|next| mp3_frame_length(next).is_some())
}

/// The length of the frame at the beginning, if there is one.
///
/// <https://mimesniff.spec.whatwg.org/#match-an-mp3-header>
fn mp3_frame_length(bytes: &[u8]) -> Option<usize> {
    const RATES: [u32; 16] = [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0];
    const LOW_RATES: [u32; 16] = [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0];
    const SAMPLE_RATES: [u32; 3] = [44_100, 48_000, 32_000];
    let [sync, flags, rates, _] = *bytes.first_chunk::<4>()?;
    if sync != 0xff || flags & 0xe0 != 0xe0 || (flags & 0x06) >> 1 == 0 || (flags & 0x06) >> 1 != 1 {
        return None;
    }
    let bit_rate = usize::from(rates >> 4);
    let sample_rate = usize::from((rates & 0x0c) >> 2);
    if bit_rate == 0 || bit_rate == 15 || sample_rate == 3 {
        return None;
    }
    let version = (flags & 0x18) >> 3;
    let is_low = version & 1 == 0;
    let bit_rate = if is_low { LOW_RATES } else { RATES }[bit_rate] * 1000;
    let divisor = if version == 3 {
        1
    } else if version == 2 {
        2
    } else {
        4
    };
    let sample_rate = SAMPLE_RATES[sample_rate] / divisor;
    let scale = if is_low { 72 } else { 144 };
    let padding = u32::from(rates & 0x02 != 0);
    Some((bit_rate * scale / sample_rate + padding) as usize)
}

/// <https://mimesniff.spec.whatwg.org/#identifying-a-resource-with-an-unknown-mime-type>
pub fn identify_an_unknown_mime_type(header: &[u8], sniff_scriptable: bool) -> MimeType {
    // 1. What scripts can run in, only if that is allowed.
    if sniff_scriptable && let Some(essence) = match_scriptable(header) {
        return known(essence);
    }
    // 2. Other texts,
    const TEXTS: &[(&[u8], &str)] = &[
        (b"%!PS-Adobe-", "application/postscript"),
        (b"\xfe\xff", "text/plain"),
        (b"\xff\xfe", "text/plain"),
        (b"\xef\xbb\xbf", "text/plain"),
    ];
    // 3.–5. pictures, sound, film and archives,
    let matched = first_match(TEXTS, header)
        .or_else(|| match_an_image_type_pattern(header))
        .or_else(|| match_an_audio_or_video_type_pattern(header))
        .or_else(|| match_an_archive_type_pattern(header));
    // 6.–7. or at least text.
    known(matched.unwrap_or(if has_binary_data_bytes(header) {
        "application/octet-stream"
    } else {
        "text/plain"
    }))
}

/// HTML, XML and PDF by how they begin.
pub(crate) fn match_scriptable(header: &[u8]) -> Option<&'static str> {
    const TAGS: &[&[u8]] = &[
        b"<!DOCTYPE HTML",
        b"<HTML",
        b"<HEAD",
        b"<SCRIPT",
        b"<IFRAME",
        b"<H1",
        b"<DIV",
        b"<FONT",
        b"<TABLE",
        b"<A",
        b"<STYLE",
        b"<TITLE",
        b"<B",
        b"<BODY",
        b"<BR",
        b"<P",
    ];
    let is_space = |byte: &u8| matches!(byte, b'\t' | b'\n' | 0x0c | b'\r' | b' ');
    let skipped = header.iter().take_while(|byte| is_space(byte)).count();
    let text = &header[skipped..];
    let is_tag = |tag: &&[u8]| {
        text.get(..tag.len()).is_some_and(|start| start.eq_ignore_ascii_case(tag))
            && matches!(text.get(tag.len()), Some(b' ' | b'>'))
    };
    if text.starts_with(b"<!--") || TAGS.iter().any(is_tag) {
        Some("text/html")
    } else if text.starts_with(b"<?xml") {
        Some("text/xml")
    } else if header.starts_with(b"%PDF-") {
        Some("application/pdf")
    } else {
        None
    }
}

/// <https://mimesniff.spec.whatwg.org/#rules-for-text-or-binary>
pub fn distinguish_text_or_binary(header: &[u8]) -> MimeType {
    // 1.–3. A byte order mark, or nothing that no text has.
    let has_mark = header.starts_with(b"\xfe\xff")
        || header.starts_with(b"\xff\xfe")
        || header.starts_with(b"\xef\xbb\xbf");
    known(if has_mark || !has_binary_data_bytes(header) { "text/plain" } else { "application/octet-stream" })
}

/// <https://mimesniff.spec.whatwg.org/#binary-data-byte>
pub(crate) fn has_binary_data_bytes(header: &[u8]) -> bool {
    header.iter().any(|byte| matches!(byte, 0x00..=0x08 | 0x0b | 0x0e..=0x1a | 0x1c..=0x1f))
}

fn is_unknown(mime_type: &MimeType) -> bool {
    matches!(mime_type.essence(), "unknown/unknown" | "application/unknown" | "*/*")
}

fn is_audio_or_video(mime_type: &MimeType) -> bool {
    let essence = mime_type.essence();
    essence.starts_with("audio/") || essence.starts_with("video/") || essence == "application/ogg"
}

fn first_match(patterns: &[(&[u8], &'static str)], header: &[u8]) -> Option<&'static str> {
    patterns.iter().find(|(pattern, _)| header.starts_with(pattern)).map(|(_, essence)| *essence)
}

fn known(essence: &'static str) -> MimeType {
    essence.parse().expect("the standard's own types are types")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn computed(supplied: &str, no_sniff: bool, header: &[u8]) -> String {
        let supplied = supplied.parse::<MimeType>().ok();
        computed_mime_type(supplied.as_ref(), no_sniff, false, header).to_string()
    }

    #[test]
    fn what_is_unknown_is_told_by_its_bytes() {
        for (header, expected) in [
            (&b"  <!doctype html>"[..], "text/html"),
            (b"<a href", "text/html"),
            (b"<abbr>", "text/plain"),
            (b"<?xml version", "text/xml"),
            (b"%PDF-1.7", "application/pdf"),
            (b"\x89PNG\r\n\x1a\n", "image/png"),
            (b"RIFF\0\0\0\0WEBPVP8 ", "image/webp"),
            (b"RIFF\0\0\0\0WAVE", "audio/wave"),
            (b"\x1f\x8b\x08", "application/x-gzip"),
            (b"\0\0\0\x14ftypisom\0\0\0\0mp42", "video/mp4"),
            (b"\x1a\x45\xdf\xa3\x9f\x42\x82\x84webm", "video/webm"),
            (b"hello", "text/plain"),
            (b"hello\x01", "application/octet-stream"),
            (b"", "text/plain"),
        ] {
            assert_eq!(computed("", false, header), expected, "{header:?}");
        }
        assert_eq!(computed("", true, b"<html>"), "text/plain");
        assert_eq!(computed("unknown/unknown", false, b"GIF89a"), "image/gif");
    }

    #[test]
    fn what_is_known_is_believed_but_for_pictures_and_film() {
        assert_eq!(computed("image/png", false, b"GIF89a"), "image/gif");
        assert_eq!(computed("image/png", true, b"GIF89a"), "image/png");
        assert_eq!(computed("image/svg+xml", false, b"GIF89a"), "image/svg+xml");
        assert_eq!(computed("audio/mpeg", false, b"OggS\0"), "application/ogg");
        assert_eq!(computed("text/plain", false, b"<html>"), "text/plain");
        assert!(has_apache_bug(b"text/plain") && !has_apache_bug(b"text/plain;charset=utf-8"));
        assert_eq!(distinguish_text_or_binary(b"\0").essence(), "application/octet-stream");
    }

    #[test]
    fn frames_of_mp3_are_found_in_pairs() {
        // 128 kbit/s at 44.1 kHz: 417 bytes a frame.
        let mut two = vec![0_u8; 417 + 4];
        two[..4].copy_from_slice(&[0xff, 0xfb, 0x90, 0x00]);
        assert_eq!(match_an_audio_or_video_type_pattern(&two), None);
        two[417..].copy_from_slice(&[0xff, 0xfb, 0x90, 0x00]);
        assert_eq!(match_an_audio_or_video_type_pattern(&two), Some("audio/mpeg"));
    }

    #[test]
    fn types_are_told_in_their_plainest_form() {
        let plain = |text: &str| minimize_a_supported_mime_type(&text.parse().unwrap());
        assert_eq!(plain("application/x-javascript;charset=x"), "text/javascript");
        assert_eq!(plain("application/ld+json"), "application/json");
        assert_eq!(plain("image/svg+xml"), "image/svg+xml");
        assert_eq!(plain("application/rss+xml"), "application/xml");
        assert_eq!(plain("text/html;charset=utf-8"), "text/html");
        assert_eq!(plain("application/x-strange"), "");
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(header in proptest::collection::vec(any::<u8>(), 0..600), start in 0..4_usize) {
            let starts: [&[u8]; 4] = [b"", b"\x1a\x45\xdf\xa3\x42\x82", b"\0\0\0\x20ftyp", b"\xff\xfb\x90"];
            let mut bytes = starts[start].to_vec();
            bytes.extend(header);
            let _ = computed_mime_type(None, false, false, &bytes);
            let _ = match_a_font_type_pattern(&bytes);
        }
    }
}
