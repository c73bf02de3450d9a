//! <https://w3c.github.io/FileAPI/#blob-section>

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use longhaul_idl::runtime::{Buffer, DomString, Exception, Held, ObjectRef, PromiseOf, Realm};
use longhaul_idl::{
    BlobMethods, BlobPart, BlobPropertyBag, BlobStatics, EndingType, FileMethods, FilePropertyBag,
    FileStatics,
};

use crate::hooks::held;
use crate::streams::stream_of_bytes;

/// The bytes of a blob and their type.
#[derive(Clone, Debug, Default)]
pub(crate) struct BlobData {
    pub(crate) bytes: Bytes,
    /// A MIME type, or nothing.
    pub(crate) r#type: String,
}

/// The longest blob. The engine's limit does not see these bytes, and a blob of two blobs is twice as long.
const LONGEST: usize = 1 << 29;

/// <https://w3c.github.io/FileAPI/#dfn-Blob>
pub(crate) struct Blob {
    data: BlobData,
}

/// <https://w3c.github.io/FileAPI/#dfn-file>
pub(crate) struct File {
    pub(crate) data: BlobData,
    name: String,
    last_modified: i64,
}

longhaul_idl::platform_object!(Blob => longhaul_idl::blob);
longhaul_idl::platform_object!(File => longhaul_idl::file);

impl Blob {
    pub(crate) fn new(bytes: Bytes, r#type: String) -> Arc<Self> {
        Arc::new(Self { data: BlobData { bytes, r#type } })
    }
}

impl File {
    pub(crate) fn new(data: BlobData, name: String, last_modified: i64) -> Arc<Self> {
        Arc::new(Self { data, name, last_modified })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn last_modified(&self) -> i64 {
        self.last_modified
    }
}

/// The data of a blob or of a file.
pub(crate) fn blob_data(object: &ObjectRef) -> Result<BlobData, Exception> {
    if let Some(blob) = object.downcast::<Blob>() {
        return Ok(blob.data.clone());
    }
    match object.downcast::<File>() {
        Some(file) => Ok(file.data.clone()),
        None => Err(Exception::type_error("the object is not a Blob")),
    }
}

/// Another object of the same bytes: what a structured clone of a blob or a file is.
pub(crate) fn copy_of(object: &ObjectRef) -> Result<ObjectRef, Exception> {
    if let Some(file) = object.downcast::<File>() {
        let File { data, name, last_modified } = &*file;
        return Ok(Arc::new(File { data: data.clone(), name: name.clone(), last_modified: *last_modified }));
    }
    blob_data(object).map(|data| Arc::new(Blob { data }) as ObjectRef)
}

impl BlobData {
    /// <https://w3c.github.io/FileAPI/#constructorBlob>
    fn from_parts(parts: Vec<BlobPart>, r#type: &str, endings: EndingType) -> Result<Self, Exception> {
        let mut bytes = BytesMut::new();
        for part in parts {
            let part = match part {
                BlobPart::BufferSource(buffer) => buffer.bytes,
                BlobPart::Blob(blob) => blob_data(&blob)?.bytes,
                BlobPart::UsvString(text) => match endings {
                    EndingType::Transparent => text.into(),
                    EndingType::Native => native_line_endings(&text).into(),
                },
            };
            if part.len() > LONGEST - bytes.len() {
                return Err(Exception::range_error("the blob is too long"));
            }
            bytes.extend_from_slice(&part);
        }
        Ok(Self { bytes: bytes.freeze(), r#type: normalized_type(r#type) })
    }

    /// <https://w3c.github.io/FileAPI/#slice-blob>
    fn slice(&self, start: Option<i64>, end: Option<i64>, content_type: Option<&str>) -> Self {
        let size = i64::try_from(self.bytes.len()).unwrap_or(i64::MAX);
        let clamp = |position: i64| if position < 0 { (size + position).max(0) } else { position.min(size) };
        let start = clamp(start.unwrap_or(0));
        let end = clamp(end.unwrap_or(size)).max(start);
        let range = usize::try_from(start).unwrap_or(0)..usize::try_from(end).unwrap_or(0);
        Self { bytes: self.bytes.slice(range), r#type: content_type.map(normalized_type).unwrap_or_default() }
    }
}

/// Lower-case; nothing, if there is a character outside U+0020 to U+007E.
fn normalized_type(r#type: &str) -> String {
    if r#type.bytes().all(|byte| (0x20..=0x7E).contains(&byte)) {
        r#type.to_ascii_lowercase()
    } else {
        String::new()
    }
}

/// <https://w3c.github.io/FileAPI/#convert-line-endings-to-native>, which are LF.
fn native_line_endings(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}

impl BlobStatics for Blob {
    fn construct(
        _: &dyn Realm,
        parts: Option<Vec<BlobPart>>,
        options: BlobPropertyBag,
    ) -> Result<ObjectRef, Exception> {
        let data = BlobData::from_parts(parts.unwrap_or_default(), &options.type_, options.endings)?;
        Ok(Arc::new(Self { data }))
    }
}

impl FileStatics for File {
    /// <https://w3c.github.io/FileAPI/#file-constructor>
    fn construct(
        realm: &dyn Realm,
        parts: Vec<BlobPart>,
        name: String,
        options: FilePropertyBag,
    ) -> Result<ObjectRef, Exception> {
        let data = BlobData::from_parts(parts, &options.type_, options.endings)?;
        let last_modified = match options.last_modified {
            Some(time) => time,
            None => crate::global_scope(realm)?.wall_clock_milliseconds(),
        };
        Ok(Arc::new(Self { data, name, last_modified }))
    }
}

macro_rules! blob_methods {
    ($($object:ty),*) => {$(
        impl BlobMethods for $object {
            fn size(self: &Arc<Self>, _: &dyn Realm) -> Result<u64, Exception> {
                Ok(self.data.bytes.len() as u64)
            }

            fn type_(self: &Arc<Self>, _: &dyn Realm) -> Result<DomString, Exception> {
                Ok(self.data.r#type.as_str().into())
            }

            fn slice(
                self: &Arc<Self>,
                _: &dyn Realm,
                start: Option<i64>,
                end: Option<i64>,
                content_type: Option<DomString>,
            ) -> Result<ObjectRef, Exception> {
                Ok(Arc::new(Blob { data: self.data.slice(start, end, content_type.as_deref()) }))
            }

            /// <https://w3c.github.io/FileAPI/#stream-method-algo>
            fn stream(self: &Arc<Self>, realm: &dyn Realm) -> Result<Held, Exception> {
                held(realm, stream_of_bytes(realm, self.data.bytes.clone())?)
            }

            /// <https://w3c.github.io/FileAPI/#dom-blob-textstream>
            fn text_stream(self: &Arc<Self>, realm: &dyn Realm) -> Result<Held, Exception> {
                let stream = stream_of_bytes(realm, self.data.bytes.clone())?;
                held(realm, realm.core("textStream", vec![stream])?)
            }

            fn text(self: &Arc<Self>, _: &dyn Realm) -> Result<PromiseOf<String>, Exception> {
                Ok(PromiseOf::resolved(utf8_decode(&self.data.bytes)))
            }

            fn array_buffer(self: &Arc<Self>, _: &dyn Realm) -> Result<PromiseOf<Buffer>, Exception> {
                Ok(PromiseOf::resolved(Buffer::array_buffer(self.data.bytes.clone())))
            }

            fn bytes(self: &Arc<Self>, _: &dyn Realm) -> Result<PromiseOf<Buffer>, Exception> {
                Ok(PromiseOf::resolved(Buffer::uint8_array(self.data.bytes.clone())))
            }
        }
    )*};
}
blob_methods!(Blob, File);

impl FileMethods for File {
    fn name(self: &Arc<Self>, _: &dyn Realm) -> Result<DomString, Exception> {
        Ok(self.name.as_str().into())
    }

    fn last_modified(self: &Arc<Self>, _: &dyn Realm) -> Result<i64, Exception> {
        Ok(self.last_modified)
    }
}

/// <https://encoding.spec.whatwg.org/#utf-8-decode>
pub(crate) fn utf8_decode(bytes: &[u8]) -> String {
    encoding_rs::UTF_8.decode_with_bom_removal(bytes).0.into_owned()
}
