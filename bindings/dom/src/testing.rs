//! The encodings of forms without a realm, for fuzzers and tests.

use bytes::Bytes;

use crate::blob::{BlobData, File};
use crate::form_data::{Entry, EntryValue};
use crate::multipart_form_data;

/// An entry of a form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormEntry {
    /// Its name.
    pub name: String,
    /// Its value: a text's bytes, or a file's.
    pub value: Bytes,
    /// A file's name and type.
    pub file: Option<(String, String)>,
}

/// What `multipart/form-data` with this boundary holds; nothing if it is none.
pub fn parse_multipart(bytes: &[u8], boundary: &[u8]) -> Option<Vec<FormEntry>> {
    let entries = multipart_form_data::parse_multipart(bytes, boundary, 0)?;
    Some(
        entries
            .into_iter()
            .map(|Entry { name, value }| match value {
                EntryValue::Text(text) => FormEntry { name, value: text.into(), file: None },
                EntryValue::File(file) => FormEntry {
                    name,
                    value: file.data.bytes.clone(),
                    file: Some((file.name().to_owned(), file.data.r#type.clone())),
                },
            })
            .collect(),
    )
}

/// A form as `multipart/form-data`, and its boundary; nothing if there is no randomness for it. A text's value is read as UTF-8.
pub fn encode_multipart(entries: &[FormEntry]) -> Option<(Bytes, String)> {
    let entries: Vec<Entry> = entries
        .iter()
        .map(|entry| Entry {
            name: entry.name.clone(),
            value: match &entry.file {
                Some((name, r#type)) => {
                    let data = BlobData { bytes: entry.value.clone(), r#type: r#type.clone() };
                    EntryValue::File(File::new(data, name.clone(), 0))
                }
                None => EntryValue::Text(String::from_utf8_lossy(&entry.value).into_owned()),
            },
        })
        .collect();
    multipart_form_data::encode_multipart(&entries).ok()
}
