//! <https://encoding.spec.whatwg.org/#interface-textencoder>

use std::sync::Arc;

use longhaul_idl::runtime::{Buffer, DomString, Exception, ObjectRef, Realm};
use longhaul_idl::{TextEncoderEncodeIntoResult, TextEncoderMethods, TextEncoderStatics};

/// <https://encoding.spec.whatwg.org/#textencoder>
pub(crate) struct TextEncoder;

longhaul_idl::platform_object!(TextEncoder => longhaul_idl::text_encoder);

impl TextEncoderStatics for TextEncoder {
    fn construct(_: &dyn Realm) -> Result<ObjectRef, Exception> {
        Ok(Arc::new(Self))
    }
}

impl TextEncoderMethods for TextEncoder {
    fn encoding(self: &Arc<Self>, _: &dyn Realm) -> Result<DomString, Exception> {
        Ok("utf-8".into())
    }

    fn encode(self: &Arc<Self>, _: &dyn Realm, input: String) -> Result<Buffer, Exception> {
        Ok(Buffer::uint8_array(input.into_bytes()))
    }

    /// <https://encoding.spec.whatwg.org/#dom-textencoder-encodeinto>
    fn encode_into(
        self: &Arc<Self>,
        realm: &dyn Realm,
        source: String,
        destination: Buffer,
    ) -> Result<TextEncoderEncodeIntoResult, Exception> {
        // 4. As many whole code points as there is room for.
        let room = destination.bytes.len();
        let written = source.floor_char_boundary(room.min(source.len()));
        let fitting = &source[..written];
        if let Some(held) = &destination.held {
            realm.write_buffer(held, 0, fitting.as_bytes())?;
        }
        // 5. What was read, in code units, and what was written, in bytes.
        let read = fitting.encode_utf16().count();
        Ok(TextEncoderEncodeIntoResult { read: Some(read as u64), written: Some(written as u64) })
    }
}
