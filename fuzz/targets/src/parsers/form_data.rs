//! Forms.

use longhaul_dom::testing::{FormEntry, encode_multipart, parse_multipart};
use url::form_urlencoded;

/// Forms: `multipart/form-data` and `application/x-www-form-urlencoded`. Input: a line with the boundary, then the body.
///
/// Asserts that what was parsed and is written anew parses to the same entries (with the line breaks that writing gives texts), and
/// that a form cannot bring in entries by the content of another.
pub fn form_data(data: &[u8]) {
    let (boundary, body) = match data.iter().position(|byte| *byte == b'\n') {
        Some(end) => (&data[..end], &data[end + 1..]),
        None => (&b"x"[..], data),
    };
    if let Some(entries) = parse_multipart(body, boundary) {
        let (bytes, boundary) = encode_multipart(&entries).expect("the system gives random bytes");
        let again = parse_multipart(&bytes, boundary.as_bytes()).expect("what we write can be read");
        assert_eq!(again, entries.iter().map(as_written).collect::<Vec<_>>());
    }
    let pairs: Vec<(String, String)> = form_urlencoded::parse(body).into_owned().collect();
    let text = form_urlencoded::Serializer::new(String::new()).extend_pairs(&pairs).finish();
    assert_eq!(form_urlencoded::parse(text.as_bytes()).into_owned().collect::<Vec<_>>(), pairs);
    // Whatever a form's texts are, they come back as they are.
    let entries: Vec<FormEntry> = pairs
        .into_iter()
        .map(|(name, value)| FormEntry { name, value: value.into_bytes().into(), file: None })
        .collect();
    let (bytes, boundary) = encode_multipart(&entries).expect("the system gives random bytes");
    let again = parse_multipart(&bytes, boundary.as_bytes()).expect("what we write can be read");
    assert_eq!(again, entries.iter().map(as_written).collect::<Vec<_>>());
}

/// Texts have CR LF for every line break, file names are as they were, a type that says nothing is the general one. The format has one
/// spelling for a quote or a line break in a name and for the characters that write them: both come back as the former.
fn as_written(entry: &FormEntry) -> FormEntry {
    let lines = |text: &str| text.replace("\r\n", "\n").replace('\r', "\n").replace('\n', "\r\n");
    let mut written = entry.clone();
    let escapes = |text: &str| text.replace("%0A", "\n").replace("%0D", "\r").replace("%22", "\"");
    written.name = escapes(&lines(&entry.name));
    match &mut written.file {
        Some((name, kind)) => {
            *name = escapes(name);
            if kind.is_empty() {
                *kind = "application/octet-stream".to_owned();
            }
        }
        None => written.value = lines(&String::from_utf8_lossy(&entry.value)).into_bytes().into(),
    }
    written
}
