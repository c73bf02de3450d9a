//! What a response's bytes are to script.

use bytes::Bytes;
use longhaul::fetch::{HeaderList, MimeType};
use longhaul_idl::XMLHttpRequestResponseType as ResponseType;
use longhaul_idl::runtime::{Buffer, DomString, Exception, Held, ObjectRef, Realm, Value};
use url::Url;

use crate::blob::{Blob, utf8_decode};
use crate::html::{declared_encoding, document_of_text, prescan};

/// <https://xhr.spec.whatwg.org/#response-mime-type>
fn response_mime_type(headers: &HeaderList) -> MimeType {
    MimeType::extract(headers).unwrap_or_else(|| "text/xml".parse().expect("it is a MIME type"))
}

/// <https://xhr.spec.whatwg.org/#final-mime-type>
fn final_mime_type(headers: &HeaderList, overridden: Option<&MimeType>) -> MimeType {
    overridden.cloned().unwrap_or_else(|| response_mime_type(headers))
}

/// <https://xhr.spec.whatwg.org/#final-charset>
fn final_charset(
    headers: &HeaderList,
    overridden: Option<&MimeType>,
) -> Option<&'static encoding_rs::Encoding> {
    let own = response_mime_type(headers);
    let label = overridden
        .and_then(|mime_type| mime_type.parameter("charset"))
        .or_else(|| own.parameter("charset"))?;
    encoding_rs::Encoding::for_label(label.as_bytes())
}

/// <https://xhr.spec.whatwg.org/#text-response>
pub(super) fn text(
    bytes: &[u8],
    headers: &HeaderList,
    overridden: Option<&MimeType>,
    response_type: ResponseType,
) -> DomString {
    let mut charset = final_charset(headers, overridden);
    // 3. The XML declaration's encoding.
    if charset.is_none() && response_type == ResponseType::Empty {
        let mime_type = final_mime_type(headers, overridden);
        if is_xml(&mime_type) {
            charset = declared_encoding(bytes);
        }
    }
    // 4., 5. A byte order mark decides before all.
    let text = charset.unwrap_or(encoding_rs::UTF_8).decode(bytes).0;
    text.into_owned().into()
}

/// <https://mimesniff.spec.whatwg.org/#xml-mime-type>
fn is_xml(mime_type: &MimeType) -> bool {
    matches!(mime_type.essence(), "text/xml" | "application/xml") || mime_type.essence().ends_with("+xml")
}

/// The object that `response` gives once the response is whole; `None` if there can be none.
pub(super) fn object(
    realm: &dyn Realm,
    bytes: Bytes,
    headers: &HeaderList,
    overridden: Option<&MimeType>,
    response_type: ResponseType,
) -> Result<Option<Held>, Exception> {
    match response_type {
        ResponseType::Arraybuffer => realm.hold(Value::Buffer(Buffer::array_buffer(bytes))).map(Some),
        // <https://xhr.spec.whatwg.org/#blob-response>
        ResponseType::Blob => {
            let r#type = final_mime_type(headers, overridden).to_string();
            realm.hold(Value::Object(Blob::new(bytes, r#type) as ObjectRef)).map(Some)
        }
        // <https://xhr.spec.whatwg.org/#json-response>
        ResponseType::Json => match realm.parse_json(&utf8_decode(&bytes)) {
            Ok(value) => realm.hold(value).map(Some),
            Err(_) => Ok(None),
        },
        _ => Ok(None),
    }
}

/// <https://xhr.spec.whatwg.org/#document-response>, of a response that has a body; `None` if it is no document.
pub(super) fn document(
    realm: &dyn Realm,
    bytes: &[u8],
    headers: &HeaderList,
    url: Option<&Url>,
    overridden: Option<&MimeType>,
    response_type: ResponseType,
) -> Option<ObjectRef> {
    // 2., 3.
    let mime_type = final_mime_type(headers, overridden);
    let is_html = mime_type.essence() == "text/html";
    if !is_html && !is_xml(&mime_type) {
        return None;
    }
    // 4. Old pages expect no document where they have asked for none.
    if response_type == ResponseType::Empty && is_html {
        return None;
    }
    // 5., 6. NOTE: a byte order mark decides before all.
    let charset = final_charset(headers, overridden);
    let charset = match is_html {
        true => charset.or_else(|| prescan(bytes)),
        false => charset.or_else(|| declared_encoding(bytes)),
    };
    // 7. NOTE: what is not well-formed is no document.
    let (text, charset, _) = charset.unwrap_or(encoding_rs::UTF_8).decode(bytes);
    let document = document_of_text(realm, mime_type.essence(), url?.clone(), &text).ok()?;
    // 8.–11.
    if let Some(data) = document.document_data() {
        data.set_encoding(charset);
    }
    Some(document)
}
