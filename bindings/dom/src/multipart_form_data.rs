//! `multipart/form-data`: forms as bytes.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use longhaul_idl::runtime::{Exception, ObjectRef};
use memchr::memmem;

use crate::blob::{BlobData, File, blob_data};
use crate::form_data::{Entry, EntryValue};

/// The longest encoded form. It is made in memory.
const LONGEST: usize = 1 << 30;

/// The bytes of a form and their boundary.
///
/// <https://html.spec.whatwg.org/#multipart/form-data-encoding-algorithm>
///
/// # Errors
/// A `RangeError` when the form is too long.
pub(crate) fn encode_multipart(entries: &[Entry]) -> Result<(Bytes, String), Exception> {
    let boundary = boundary()?;
    let mut body = Vec::new();
    for Entry { name, value } in entries {
        let name = with_crlf(name);
        let name = escaped(&name);
        let mut write =
            |pieces: &[&str]| pieces.iter().for_each(|piece| body.extend_from_slice(piece.as_bytes()));
        write(&["--", &boundary, "\r\nContent-Disposition: form-data; name=\"", &name, "\""]);
        match value {
            EntryValue::Text(text) => write(&["\r\n\r\n", &with_crlf(text)]),
            EntryValue::File(file) => {
                let object: ObjectRef = Arc::clone(file) as ObjectRef;
                let BlobData { bytes, r#type } = blob_data(&object)?;
                let r#type = if r#type.is_empty() { "application/octet-stream" } else { &r#type };
                let filename = escaped(file.name());
                write(&["; filename=\"", &filename, "\"\r\nContent-Type: ", r#type, "\r\n\r\n"]);
                if bytes.len() > LONGEST.saturating_sub(body.len()) {
                    return Err(Exception::range_error("the form is too long"));
                }
                body.extend_from_slice(&bytes);
            }
        }
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    Ok((body.into(), boundary))
}

fn boundary() -> Result<String, Exception> {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789AB";
    let mut random = [0; 16];
    getrandom::fill(&mut random)
        .map_err(|_| Exception::dom("OperationError", "the system gives no random bytes"))?;
    let letters = random.iter().map(|byte| char::from(LETTERS[usize::from(byte & 63)]));
    Ok(format!("----LonghaulFormBoundary{}", letters.collect::<String>()))
}

/// Every line ends with CR LF.
fn with_crlf(text: &str) -> Cow<'_, str> {
    match text.contains(['\r', '\n']) {
        true => text.replace("\r\n", "\n").replace('\r', "\n").replace('\n', "\r\n").into(),
        false => text.into(),
    }
}

fn escaped(text: &str) -> Cow<'_, str> {
    match text.contains(['\r', '\n', '"']) {
        true => text.replace('\n', "%0A").replace('\r', "%0D").replace('"', "%22").into(),
        false => text.into(),
    }
}

/// <https://www.rfc-editor.org/rfc/rfc7578>; `None` if the bytes are not that.
pub(crate) fn parse_multipart(bytes: &[u8], boundary: &[u8], now: i64) -> Option<Vec<Entry>> {
    let delimiter = [b"--", boundary].concat();
    let between = [b"\r\n", &*delimiter].concat();
    let mut entries = Vec::new();
    let mut rest = bytes;
    while let Some(after) = rest.strip_prefix(b"\r\n") {
        rest = after;
    }
    rest = rest.strip_prefix(&*delimiter)?;
    loop {
        // The end.
        if let Some(end) = rest.strip_prefix(b"--") {
            return (end.is_empty() || end.starts_with(b"\r\n")).then_some(entries);
        }
        // A part.
        rest = rest.strip_prefix(b"\r\n")?;
        let part;
        (part, rest) = parse_part_headers(rest)?;
        let end = memmem::find(rest, &between)?;
        let (content, after) = rest.split_at(end);
        rest = &after[between.len()..];
        let value = match part.filename {
            Some(filename) => {
                let r#type = part.content_type.unwrap_or_else(|| "text/plain".to_owned());
                let data = BlobData { bytes: Bytes::copy_from_slice(content), r#type };
                EntryValue::File(File::new(data, filename, now))
            }
            None => EntryValue::Text(utf8_decode_without_bom(content)),
        };
        entries.push(Entry { name: part.name, value });
    }
}

struct Part {
    name: String,
    filename: Option<String>,
    content_type: Option<String>,
}

fn parse_part_headers(bytes: &[u8]) -> Option<(Part, &[u8])> {
    let mut rest = bytes;
    let mut disposition = None;
    let mut content_type = None;
    loop {
        let end = memmem::find(rest, b"\r\n")?;
        let (line, after) = rest.split_at(end);
        rest = &after[2..];
        if line.is_empty() {
            let (name, filename) = disposition?;
            return Some((Part { name, filename, content_type }, rest));
        }
        let colon = line.iter().position(|&byte| byte == b':')?;
        let (name, value) = (line[..colon].trim_ascii(), line[colon + 1..].trim_ascii());
        if name.eq_ignore_ascii_case(b"Content-Disposition") {
            disposition = Some(parse_disposition(value)?);
        } else if name.eq_ignore_ascii_case(b"Content-Type") {
            content_type = Some(value.iter().map(|&byte| char::from(byte)).collect());
        }
    }
}

/// `form-data`, a name, perhaps a file name.
fn parse_disposition(value: &[u8]) -> Option<(String, Option<String>)> {
    let kind = value.get(..9)?;
    if !kind.eq_ignore_ascii_case(b"form-data") {
        return None;
    }
    let mut rest = value[9..].trim_ascii_start();
    let (mut name, mut filename) = (None, None);
    while let Some(after) = rest.strip_prefix(b";") {
        rest = after.trim_ascii_start();
        if rest.is_empty() {
            break;
        }
        let equals = rest.iter().position(|&byte| byte == b'=')?;
        let parameter = rest[..equals].trim_ascii();
        rest = &rest[equals + 1..];
        let text;
        if let Some(quoted) = rest.strip_prefix(b"\"") {
            let end = quoted.iter().position(|&byte| byte == b'"')?;
            text = &quoted[..end];
            rest = quoted[end + 1..].trim_ascii_start();
        } else {
            let end = rest.iter().position(|&byte| byte == b';').unwrap_or(rest.len());
            text = rest[..end].trim_ascii();
            rest = &rest[end..];
        }
        if parameter.eq_ignore_ascii_case(b"name") {
            name = Some(unescaped(text));
        } else if parameter.eq_ignore_ascii_case(b"filename") {
            filename = Some(unescaped(text));
        }
    }
    rest.is_empty().then_some(())?;
    Some((name?, filename))
}

/// NOTE: a byte order mark is a part of the name.
fn unescaped(text: &[u8]) -> String {
    let text = utf8_decode_without_bom(text);
    match text.contains('%') {
        true => text.replace("%0A", "\n").replace("%0D", "\r").replace("%22", "\""),
        false => text,
    }
}

/// <https://encoding.spec.whatwg.org/#utf-8-decode-without-bom>
fn utf8_decode_without_bom(bytes: &[u8]) -> String {
    encoding_rs::UTF_8.decode_without_bom_handling(bytes).0.into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(name: &str, value: &str) -> Entry {
        Entry { name: name.to_owned(), value: EntryValue::Text(value.to_owned()) }
    }

    fn shown(entries: &[Entry]) -> Vec<(String, String)> {
        let value = |entry: &Entry| match &entry.value {
            EntryValue::Text(text) => text.clone(),
            EntryValue::File(file) => {
                let data = blob_data(&(Arc::clone(file) as ObjectRef)).expect("a file has data");
                format!("{} {} {:?}", file.name(), data.r#type, data.bytes)
            }
        };
        entries.iter().map(|entry| (entry.name.clone(), value(entry))).collect()
    }

    #[test]
    fn what_is_encoded_is_parsed_again() {
        let data = BlobData { bytes: Bytes::from_static(b"\r\n--x\r\n\0"), r#type: String::new() };
        let file = EntryValue::File(File::new(data, "a\"\r\n.txt".to_owned(), 0));
        let marked = text("\u{FEFF}m", "\u{FEFF}");
        let entries =
            [text("a\n\"", "one\rtwo"), Entry { name: "é".to_owned(), value: file }, text("", ""), marked];
        let (bytes, boundary) = encode_multipart(&entries).expect("it is short");
        let parsed = parse_multipart(&bytes, boundary.as_bytes(), 0).expect("it is well formed");
        let expected = [
            ("a\r\n\"", "one\r\ntwo"),
            ("é", "a\"\r\n.txt application/octet-stream b\"\\r\\n--x\\r\\n\\0\""),
            ("", ""),
            ("\u{FEFF}m", "\u{FEFF}"),
        ];
        assert_eq!(shown(&parsed), expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }

    #[test]
    fn what_is_no_form_is_refused() {
        for bytes in [
            "",
            "--b",
            "--b\r\n",
            "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nx",
            "--b\r\nContent-Disposition: form-data; name=\"a\r\n\r\nx\r\n--b--",
            "--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--",
            "--b\r\nContent-Disposition: attachment; name=\"a\"\r\n\r\nx\r\n--b--",
            "--b\r\n\r\nx\r\n--b--",
            "--b\r\nno header\r\n\r\nx\r\n--b--",
            "--b--x",
        ] {
            assert!(parse_multipart(bytes.as_bytes(), b"b", 0).is_none(), "{bytes:?}");
        }
        assert!(parse_multipart(b"--b--", b"b", 0).is_some_and(|entries| entries.is_empty()));
    }
}
