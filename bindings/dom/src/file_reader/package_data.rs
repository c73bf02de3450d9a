//! <https://w3c.github.io/FileAPI/#readOperation>: what a blob's bytes become.

use longhaul::fetch::MimeType;
use longhaul_idl::runtime::{Buffer, DomString, Value};

use crate::base64;
use crate::blob::BlobData;

/// What to make of the bytes.
pub(super) enum Kind {
    ArrayBuffer,
    BinaryString,
    Text { label: Option<DomString> },
    DataUrl,
}

/// <https://w3c.github.io/FileAPI/#blob-package-data>
pub(super) fn package(blob: &BlobData, kind: &Kind) -> Value {
    match kind {
        Kind::ArrayBuffer => Value::Buffer(Buffer::array_buffer(blob.bytes.clone())),
        Kind::BinaryString => Value::String(binary_string(blob)),
        Kind::Text { label } => Value::String(text(blob, label.as_deref())),
        Kind::DataUrl => Value::String(data_url(blob)),
    }
}

pub(super) fn binary_string(blob: &BlobData) -> DomString {
    blob.bytes.iter().map(|byte| char::from(*byte)).collect::<String>().into()
}

pub(super) fn text(blob: &BlobData, label: Option<&str>) -> DomString {
    // 1., 2. What the caller says, else what the type says, else UTF-8.
    let named = label.and_then(|label| encoding_rs::Encoding::for_label(label.as_bytes()));
    let of_type = || {
        let mime_type: MimeType = blob.r#type.parse().ok()?;
        encoding_rs::Encoding::for_label(mime_type.parameter("charset")?.as_bytes())
    };
    let encoding = named.or_else(of_type).unwrap_or(encoding_rs::UTF_8);
    encoding.decode(&blob.bytes).0.into_owned().into()
}

pub(super) fn data_url(blob: &BlobData) -> DomString {
    let r#type = if blob.r#type.is_empty() { "application/octet-stream" } else { &blob.r#type };
    format!("data:{type};base64,{}", base64::encode(&blob.bytes), r#type = r#type).into()
}
