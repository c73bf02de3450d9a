//! Forms with boundaries.

use longhaul_dom::testing::{FormEntry, encode_multipart, parse_multipart};

/// `multipart/form-data`. Input: a line with the boundary, then the body.
///
/// Asserts that what was parsed and is written anew parses to the same entries (with the line breaks that writing gives texts). What
/// cannot be parsed is written as the texts of a form, which come back as they are: content never brings in entries.
pub fn form_data(data: &[u8]) {
    let (boundary, body) = match data.iter().position(|byte| *byte == b'\n') {
        Some(end) => (&data[..end], &data[end + 1..]),
        None => (&b"x"[..], data),
    };
    let entries = parse_multipart(body, boundary).unwrap_or_else(|| texts(body));
    let (bytes, boundary) = encode_multipart(&entries).expect("the system gives random bytes");
    let again = parse_multipart(&bytes, boundary.as_bytes()).expect("what we write can be read");
    assert_eq!(again, entries.iter().map(as_written).collect::<Vec<_>>());
}

/// `name=value` each, parted by `&`: any line breaks are theirs. The first few.
fn texts(body: &[u8]) -> Vec<FormEntry> {
    let body = String::from_utf8_lossy(body);
    let entry = |line: &str| {
        let (name, value) = line.split_once('=').unwrap_or(("", line));
        FormEntry { name: name.to_owned(), value: value.as_bytes().to_vec().into(), file: None }
    };
    body.split('&').take(4).map(entry).collect()
}

/// Texts have CR LF for every line break, file names are as they were, a type that says nothing is the general one. The format has one
/// spelling for a quote or a line break in a name and for the characters that write them: both come back as the former.
fn as_written(entry: &FormEntry) -> FormEntry {
    let lines = |text: &str| match text.contains(['\r', '\n']) {
        true => text.replace("\r\n", "\n").replace('\r', "\n").replace('\n', "\r\n"),
        false => text.to_owned(),
    };
    let escapes = |text: &str| match text.contains('%') {
        true => text.replace("%0A", "\n").replace("%0D", "\r").replace("%22", "\""),
        false => text.to_owned(),
    };
    let mut written = entry.clone();
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
