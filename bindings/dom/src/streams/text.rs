//! What text streams convert with.

use std::sync::Arc;

use longhaul_idl::runtime::{Buffer, Dictionary, Exception, ObjectRef, Realm, Value};

use crate::hooks::{arguments, text};
use crate::streams::native;
use crate::text_decoder::TextDecoder;

fn flag(value: &Value) -> bool {
    matches!(value, Value::Boolean(true))
}

/// A decoder and the name of its encoding.
pub(crate) fn new_text_decoder(_: &dyn Realm, args: Vec<Value>) -> Result<Value, Exception> {
    let [label, fatal, ignore_bom] = arguments(args)?;
    let decoder = Arc::new(TextDecoder::new(&text(label)?, flag(&fatal), flag(&ignore_bom))?);
    let encoding = decoder.encoding_name();
    let made = Dictionary::new().with("decoder", decoder as ObjectRef).with("encoding", encoding);
    Ok(Value::Dictionary(made))
}

/// <https://encoding.spec.whatwg.org/#decode-and-enqueue-a-chunk>
pub(crate) fn decode_text(_: &dyn Realm, args: Vec<Value>) -> Result<Value, Exception> {
    let [decoder, chunk, more] = arguments(args)?;
    let bytes = match chunk {
        Value::Buffer(buffer) => buffer.bytes,
        Value::Undefined if !flag(&more) => bytes::Bytes::new(),
        _ => return Err(Exception::type_error("the chunk is not a BufferSource")),
    };
    let text = native::<TextDecoder>(&decoder)?.decode_bytes(&bytes, flag(&more))?;
    Ok(Value::String(text.into()))
}

/// <https://encoding.spec.whatwg.org/#utf-8-encode>
pub(crate) fn encode_text(_: &dyn Realm, args: Vec<Value>) -> Result<Value, Exception> {
    let [given] = arguments(args)?;
    Ok(Value::Buffer(Buffer::uint8_array(text(given)?)))
}
