//! The native ends of streams: what the core's streams pull from, push into and convert with.

mod body_sink;
mod body_source;
mod codec;
mod text;

use std::sync::Arc;

use longhaul_idl::runtime::{Exception, PlatformObject, Value};

pub(crate) use body_sink::{BodyFailure, drain};
pub(crate) use body_source::{BodySource, stream_of_bytes};

pub(crate) use body_sink::{sink_chunk, sink_end, sink_error};
pub(crate) use body_source::{cancel_body, has_body_ended, pull_body};
pub(crate) use codec::{codec_finish, codec_input, codec_output, new_codec};
pub(crate) use text::{decode_text, encode_text, new_text_decoder};

/// The native object that the core gives to a hook.
pub(crate) fn native<T: PlatformObject>(value: &Value) -> Result<Arc<T>, Exception> {
    match value {
        Value::Object(object) => object.downcast::<T>(),
        _ => None,
    }
    .ok_or_else(|| Exception::type_error("the hook takes another object"))
}
