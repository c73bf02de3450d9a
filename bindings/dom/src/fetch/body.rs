//! <https://fetch.spec.whatwg.org/#body-mixin>

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use longhaul::fetch::{Body, BodyError, HeaderList, MimeType};
use longhaul_idl::XMLHttpRequestBodyInit as BodyInit;
use longhaul_idl::runtime::{Buffer, Exception, Held, ObjectRef, PromiseOf, Value};

use crate::blob::{Blob, blob_data, utf8_decode};
use crate::url_search_params::URLSearchParams;

/// A body and the type it came with.
///
/// <https://fetch.spec.whatwg.org/#body-with-type>
pub(super) struct BodyWithType {
    pub(super) body: Body,
    pub(super) r#type: Option<String>,
}

/// <https://fetch.spec.whatwg.org/#concept-bodyinit-extract>
pub(super) fn extract(object: BodyInit) -> Result<BodyWithType, Exception> {
    let (bytes, r#type) = match object {
        BodyInit::Blob(blob) => {
            let data = blob_data(&blob)?;
            (data.bytes, (!data.r#type.is_empty()).then_some(data.r#type))
        }
        BodyInit::BufferSource(buffer) => (buffer.bytes, None),
        BodyInit::UrlSearchParams(params) => {
            let params = params
                .downcast::<URLSearchParams>()
                .ok_or_else(|| Exception::type_error("the object is not a URLSearchParams"))?;
            let r#type = "application/x-www-form-urlencoded;charset=UTF-8".to_owned();
            (Bytes::from(params.serialize()), Some(r#type))
        }
        BodyInit::UsvString(text) => (Bytes::from(text), Some("text/plain;charset=UTF-8".to_owned())),
    };
    Ok(BodyWithType { body: Body::from_bytes(bytes), r#type })
}

/// Why a fetch was aborted, for the body that it breaks off: shared by the call to `fetch()` and its response.
#[derive(Clone, Default)]
pub(super) struct AbortedWith(Arc<Mutex<Option<Held>>>);

impl AbortedWith {
    pub(super) fn set(&self, reason: Held) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(reason);
    }

    fn exception(&self) -> Exception {
        match self.0.lock().unwrap_or_else(PoisonError::into_inner).clone() {
            Some(reason) => Exception::Held(reason),
            None => Exception::dom("AbortError", "the operation was aborted"),
        }
    }
}

/// The longest body that is read into memory as a whole.
const LONGEST: usize = 1 << 30;

/// All bytes of a body, for the methods that consume it.
pub(super) type Consumed = BoxFuture<'static, Result<Bytes, Exception>>;

/// <https://fetch.spec.whatwg.org/#concept-body-consume-body>, from "fully read" on.
///
/// `kept` lives until the body has been read.
pub(super) fn read(body: Option<Body>, aborted_with: AbortedWith, kept: impl Send + 'static) -> Consumed {
    async move {
        let Some(body) = body else { return Ok(Bytes::new()) };
        let bytes = body.read_all(Some(LONGEST)).await.map_err(|error| match error {
            BodyError::Aborted => aborted_with.exception(),
            BodyError::TooLarge => Exception::range_error("the body is too long to be read as a whole"),
            // NOTE: what went wrong beneath is not for scripts.
            _ => Exception::type_error("the body could not be read"),
        });
        drop(kept);
        bytes
    }
    .boxed()
}

/// What a body could not be given twice.
pub(super) fn unusable() -> Exception {
    Exception::type_error("the body has been read already")
}

pub(super) fn array_buffer(bytes: Consumed) -> PromiseOf<Buffer> {
    PromiseOf::new(async move { Ok(Buffer::array_buffer(bytes.await?)) })
}

pub(super) fn uint8_array(bytes: Consumed) -> PromiseOf<Buffer> {
    PromiseOf::new(async move { Ok(Buffer::uint8_array(bytes.await?)) })
}

pub(super) fn text(bytes: Consumed) -> PromiseOf<String> {
    PromiseOf::new(async move { Ok(utf8_decode(&bytes.await?)) })
}

pub(super) fn json(bytes: Consumed) -> PromiseOf<Value> {
    PromiseOf::new(async move {
        let text = utf8_decode(&bytes.await?);
        Ok(Value::in_realm(move |realm| realm.parse_json(&text)))
    })
}

/// <https://fetch.spec.whatwg.org/#dom-body-blob>; the type comes from the headers as they are at the call.
pub(super) fn blob(bytes: Consumed, headers: &HeaderList) -> PromiseOf<ObjectRef> {
    let r#type = MimeType::extract(headers).map(|mime_type| mime_type.to_string()).unwrap_or_default();
    PromiseOf::new(async move { Ok(Blob::new(bytes.await?, r#type) as ObjectRef) })
}
