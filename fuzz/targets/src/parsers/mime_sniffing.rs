//! Sniffing.

use longhaul_fetch::{
    MimeType, computed_mime_type, distinguish_text_or_binary, has_apache_bug, identify_an_unknown_mime_type,
    match_a_font_type_pattern, match_an_archive_type_pattern, match_an_audio_or_video_type_pattern,
    match_an_image_type_pattern,
};

/// Sniffing: what a resource is told to be. Input: a line with flags (`n`: nosniff, `a`: the Apache bug) and the supplied type, then the
/// resource's first bytes.
///
/// Asserts that types which scripts run in are never made of what was not said to be such, that nosniff means what it says, and that
/// text and binary are told apart as by a second function.
pub fn mime_sniffing(data: &[u8]) {
    let (line, resource) = match data.iter().position(|byte| *byte == b'\n') {
        Some(end) => (&data[..end], &data[end + 1..]),
        None => (data, &[][..]),
    };
    let (no_sniff, line) = line.strip_prefix(b"n").map_or((false, line), |rest| (true, rest));
    let (apache_bug, line) = line.strip_prefix(b"a").map_or((false, line), |rest| (true, rest));
    let supplied = MimeType::from_bytes(line).ok();
    let apache_bug = apache_bug || has_apache_bug(line);
    let computed = computed_mime_type(supplied.as_ref(), no_sniff, apache_bug, resource);
    assert_eq!(computed.to_string().parse::<MimeType>().as_ref(), Ok(&computed));
    let unknown = ["unknown/unknown", "application/unknown", "*/*"];
    let known = supplied.as_ref().filter(|supplied| !unknown.contains(&supplied.essence()));
    match known {
        Some(supplied) if no_sniff => assert_eq!(computed, *supplied),
        Some(supplied) if computed != *supplied => {
            assert!(!is_scriptable(&computed), "{supplied} became {computed}");
        }
        None if no_sniff => assert!(!is_scriptable(&computed), "nothing became {computed}"),
        _ => {}
    }
    let binary = distinguish_text_or_binary(resource);
    let expected = if looks_binary(resource) { "application/octet-stream" } else { "text/plain" };
    assert_eq!(binary.essence(), expected);
    for (matched, kinds) in [
        (match_an_image_type_pattern(resource), &["image/"][..]),
        (match_an_audio_or_video_type_pattern(resource), &["audio/", "video/", "application/ogg"]),
        (match_a_font_type_pattern(resource), &["font/", "application/"]),
        (match_an_archive_type_pattern(resource), &["application/"]),
    ] {
        if let Some(matched) = matched {
            assert!(kinds.iter().any(|kind| matched.starts_with(kind)), "{matched}");
        }
    }
    assert!(!is_scriptable(&identify_an_unknown_mime_type(resource, false)));
}

fn is_scriptable(mime_type: &MimeType) -> bool {
    mime_type.is_xml()
        || mime_type.is_javascript()
        || matches!(mime_type.essence(), "text/html" | "application/pdf")
}

/// <https://mimesniff.spec.whatwg.org/#rules-for-text-or-binary>
fn looks_binary(resource: &[u8]) -> bool {
    let resource = &resource[..resource.len().min(1445)];
    if [&b"\xFE\xFF"[..], b"\xFF\xFE", b"\xEF\xBB\xBF"].iter().any(|mark| resource.starts_with(mark)) {
        return false;
    }
    resource.iter().any(|byte| matches!(byte, 0x00..=0x08 | 0x0B | 0x0E..=0x1A | 0x1C..=0x1F))
}
