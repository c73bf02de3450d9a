//! <https://fetch.spec.whatwg.org/#body-mixin>
//!
//! A body is native until a script asks for its stream. From then on the stream, which lives in the slots of the wrapper, is the
//! body; what reads it here asks the core.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use bytes::{Bytes, BytesMut};
use longhaul::fetch::{self, Body, BodyError, HeaderList, MimeType};
use longhaul_idl::runtime::{Buffer, Exception, Held, ObjectRef, PlatformObject, PromiseOf, Realm, Value};
use longhaul_idl::{BodyInit, LonghaulNativeMethods, XMLHttpRequestBodyInit};

use crate::blob::{Blob, blob_data, utf8_decode};
use crate::form_data::{self, FormData};
use crate::hooks::arguments;
use crate::multipart_form_data;
use crate::promise::promise_in_realm;
use crate::streams::{BodyFailure, BodySource, drain, native};
use crate::url_search_params::URLSearchParams;

/// A body and the type it came with.
///
/// <https://fetch.spec.whatwg.org/#body-with-type>
pub(super) struct BodyWithType {
    pub(super) body: ExtractedBody,
    pub(super) r#type: Option<String>,
}

/// What a body is made from.
pub(super) enum ExtractedBody {
    /// Bytes that are there.
    Native(Body),
    /// A stream of script, neither disturbed nor locked.
    Stream(Held),
}

/// Whether the request outlives its page, which no stream of script can.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum KeepAlive {
    Yes,
    No,
}

/// <https://fetch.spec.whatwg.org/#concept-bodyinit-extract>
pub(super) fn extract(
    realm: &dyn Realm,
    object: BodyInit,
    keepalive: KeepAlive,
) -> Result<BodyWithType, Exception> {
    let object = match object {
        BodyInit::ReadableStream(stream) => {
            if keepalive == KeepAlive::Yes {
                return Err(Exception::type_error("a keepalive request has no stream for a body"));
            }
            realm.core("checkBodyStream", vec![Value::Held(stream.clone())])?;
            return Ok(BodyWithType { body: ExtractedBody::Stream(stream), r#type: None });
        }
        BodyInit::Blob(blob) => XMLHttpRequestBodyInit::Blob(blob),
        BodyInit::BufferSource(buffer) => XMLHttpRequestBodyInit::BufferSource(buffer),
        BodyInit::FormData(form) => XMLHttpRequestBodyInit::FormData(form),
        BodyInit::UrlSearchParams(params) => XMLHttpRequestBodyInit::UrlSearchParams(params),
        BodyInit::UsvString(text) => XMLHttpRequestBodyInit::UsvString(text),
    };
    let (bytes, r#type) = extract_bytes(object)?;
    Ok(BodyWithType { body: ExtractedBody::Native(Body::from_bytes(bytes)), r#type })
}

/// The same for a body that is no stream: its bytes and their type.
pub(crate) fn extract_bytes(object: XMLHttpRequestBodyInit) -> Result<(Bytes, Option<String>), Exception> {
    Ok(match object {
        XMLHttpRequestBodyInit::Blob(blob) => {
            let data = blob_data(&blob)?;
            (data.bytes, (!data.r#type.is_empty()).then_some(data.r#type))
        }
        XMLHttpRequestBodyInit::BufferSource(buffer) => (buffer.bytes, None),
        XMLHttpRequestBodyInit::FormData(form) => {
            let form = form
                .downcast::<FormData>()
                .ok_or_else(|| Exception::type_error("the object is not a FormData"))?;
            let (bytes, boundary) = multipart_form_data::encode_multipart(&form.entries())?;
            (bytes, Some(format!("multipart/form-data; boundary={boundary}")))
        }
        XMLHttpRequestBodyInit::UrlSearchParams(params) => {
            let params = params
                .downcast::<URLSearchParams>()
                .ok_or_else(|| Exception::type_error("the object is not a URLSearchParams"))?;
            let r#type = "application/x-www-form-urlencoded;charset=UTF-8".to_owned();
            (Bytes::from(params.serialize()), Some(r#type))
        }
        XMLHttpRequestBodyInit::UsvString(text) => {
            (Bytes::from(text), Some("text/plain;charset=UTF-8".to_owned()))
        }
    })
}

/// What the abort of a fetch ends in script: shared by the call to `fetch()`, its request's body and its response's.
#[derive(Clone, Default)]
pub(crate) struct AbortedWith(Arc<Mutex<Ended>>);

#[derive(Default)]
struct Ended {
    reason: Option<Held>,
    /// The stream of the response's body, once script has it.
    source: Option<Weak<BodySource>>,
    /// The number of the stream that the request's body comes from.
    drained: Option<u64>,
}

impl AbortedWith {
    fn with<T>(&self, run: impl FnOnce(&mut Ended) -> T) -> T {
        run(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Why the fetch is about to be aborted. NOTE: before it is: what reads the body elsewhere asks for it.
    pub(super) fn set_reason(&self, reason: Held) {
        self.with(|ended| ended.reason = Some(reason));
    }

    /// The fetch was aborted for this reason: both bodies end at once.
    pub(super) fn abort(&self, realm: &dyn Realm, reason: Held) {
        self.set_reason(reason.clone());
        let (source, drained) = self.with(|ended| (ended.source.take(), ended.drained.take()));
        if let Some(number) = drained {
            let args = vec![Value::Number(number as f64), Value::Held(reason.clone())];
            if let Err(exception) = realm.core("drainCanceled", args) {
                realm.report_exception(exception);
            }
        }
        if let Some(source) = source.and_then(|source| source.upgrade()) {
            source.abort(realm, Value::Held(reason));
        }
    }

    pub(super) fn reason(&self) -> Option<Held> {
        self.with(|ended| ended.reason.clone())
    }

    fn exception(&self) -> Exception {
        match self.reason() {
            Some(reason) => Exception::Held(reason),
            None => Exception::dom("AbortError", "the operation was aborted"),
        }
    }
}

/// What script is told of a body that broke off.
pub(crate) fn body_exception(error: &BodyError, aborted_with: &AbortedWith) -> Exception {
    match error {
        BodyError::Aborted => aborted_with.exception(),
        BodyError::TooLarge => Exception::range_error("the body is too long to be read as a whole"),
        // NOTE: what went wrong beneath is not for scripts.
        _ => Exception::type_error("the body could not be read"),
    }
}

/// The longest body that is read into memory as a whole.
const LONGEST: usize = 1 << 30;

/// What a body could not be given twice.
pub(super) fn unusable() -> Exception {
    Exception::type_error("the body is disturbed or locked")
}

/// What a body is besides its bytes.
#[derive(Default)]
pub(super) struct BodyState {
    /// The native body was there and has been taken.
    pub(super) disturbed: bool,
    /// The body is the stream in the wrapper's slots; what it was made from, and how long it is.
    pub(super) in_script: Option<Origin>,
}

/// Where the bytes of a stream come from.
#[derive(Clone, Default)]
pub(super) struct Origin {
    source: Option<fetch::BodySource>,
    length: Option<u64>,
}

/// A body that is given away.
pub(super) struct TakenBody {
    pub(super) body: Body,
    /// What its stream failed with, if it is one of script.
    pub(super) failure: BodyFailure,
    /// The number of that stream.
    drained: Option<u64>,
}

impl TakenBody {
    fn native(body: Body) -> Self {
        Self { body, failure: BodyFailure::default(), drained: None }
    }

    /// Whether it is a stream of script, which ends with its agent.
    pub(super) fn is_of_script(&self) -> bool {
        self.drained.is_some()
    }

    /// The fetch that sends this body has such an end.
    pub(super) fn abort_with(&self, aborted_with: &AbortedWith) {
        aborted_with.with(|ended| ended.drained = self.drained);
    }
}

/// What is made of all bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Package {
    ArrayBuffer,
    Blob,
    Bytes,
    FormData,
    Json,
    Text,
}

/// An object that includes `Body`.
pub(super) trait HasBody: PlatformObject + Sized {
    /// The native body and what is known of it.
    fn with_body<T>(&self, run: impl FnOnce(&mut Option<Body>, &mut BodyState) -> T) -> T;

    /// How the fetch that the body is of may end.
    fn aborted_with(&self) -> AbortedWith;

    /// What has to live for as long as the body is read.
    fn kept(&self) -> Box<dyn std::any::Any + Send + Sync>;

    /// The headers as they are now.
    fn header_list(&self) -> HeaderList;

    /// Gives a new object its body.
    fn set_body(self: &Arc<Self>, realm: &dyn Realm, body: ExtractedBody) -> Result<(), Exception> {
        match body {
            ExtractedBody::Native(body) => {
                self.with_body(|own, _| *own = Some(body));
                Ok(())
            }
            ExtractedBody::Stream(stream) => {
                self.with_body(|_, state| state.in_script = Some(Origin::default()));
                let object = Arc::clone(self) as ObjectRef;
                // NOTE: the wrapper, whose slots have the stream, must live until somebody else has it: held things do until the
                // next task.
                realm.hold(Value::Object(Arc::clone(&object)))?;
                realm.core("setBodyStream", vec![Value::Object(object), Value::Held(stream)]).map(drop)
            }
        }
    }

    /// What the body's stream was made from, where it is one of script.
    fn origin(&self) -> Option<Origin> {
        self.with_body(|_, state| state.in_script.clone())
    }

    /// Gives a new object a stream of the bytes that another body has: what they come from, and how many they are, stays.
    fn set_body_of(
        self: &Arc<Self>,
        realm: &dyn Realm,
        stream: Held,
        origin: Option<Origin>,
    ) -> Result<(), Exception> {
        self.set_body(realm, ExtractedBody::Stream(stream))?;
        self.with_body(|_, state| state.in_script = Some(origin.unwrap_or_default()));
        Ok(())
    }

    /// Whether there is a body, or was one.
    fn has_body(&self) -> bool {
        self.with_body(|body, state| body.is_some() || state.disturbed || state.in_script.is_some())
    }

    /// Whether the body cannot be sent again: it is a stream without a source.
    fn is_without_source(&self) -> bool {
        self.with_body(|body, state| match &state.in_script {
            Some(origin) => origin.source.is_none(),
            None => body.as_ref().is_some_and(|body| body.source().is_none()),
        })
    }

    fn is_in_script(&self) -> bool {
        self.with_body(|_, state| state.in_script.is_some())
    }

    /// <https://fetch.spec.whatwg.org/#body-unusable>
    fn is_unusable(self: &Arc<Self>, realm: &dyn Realm) -> Result<bool, Exception> {
        if !self.is_in_script() {
            return Ok(self.with_body(|_, state| state.disturbed));
        }
        let object = Value::Object(Arc::clone(self) as ObjectRef);
        Ok(matches!(realm.core("isBodyUnusable", vec![object])?, Value::Boolean(true)))
    }

    /// <https://fetch.spec.whatwg.org/#dom-body-bodyused>
    fn body_used(self: &Arc<Self>, realm: &dyn Realm) -> Result<bool, Exception> {
        if !self.is_in_script() {
            return Ok(self.with_body(|_, state| state.disturbed));
        }
        let object = Value::Object(Arc::clone(self) as ObjectRef);
        Ok(matches!(realm.core("isBodyDisturbed", vec![object])?, Value::Boolean(true)))
    }

    /// <https://fetch.spec.whatwg.org/#dom-body-body>
    fn body_stream(self: &Arc<Self>, realm: &dyn Realm) -> Result<Option<Held>, Exception> {
        enum Found {
            None,
            Spent,
            InScript,
            Native(Body),
        }
        let found = self.with_body(|body, state| {
            if state.in_script.is_some() {
                return Found::InScript;
            }
            if state.disturbed {
                return Found::Spent;
            }
            let Some(body) = body.take() else { return Found::None };
            state.in_script = Some(Origin { source: body.source().cloned(), length: body.length() });
            Found::Native(body)
        });
        let object = Value::Object(Arc::clone(self) as ObjectRef);
        let stream = match found {
            Found::None => return Ok(None),
            Found::InScript => realm.core("bodyStream", vec![object])?,
            Found::Spent => realm.core("spentBodyStream", vec![object])?,
            Found::Native(body) => {
                let aborted_with = self.aborted_with();
                let source = BodySource::new(body.into_stream(), aborted_with.clone(), self.kept());
                aborted_with.with(|ended| ended.source = Some(Arc::downgrade(&source)));
                realm.core("bodyStreamOfSource", vec![object, Value::Object(source as ObjectRef)])?
            }
        };
        held(stream).map(Some)
    }

    /// Takes the body in order to read or send it.
    fn take_body(self: &Arc<Self>, realm: &dyn Realm) -> Result<Option<TakenBody>, Exception> {
        let Some(origin) = self.with_body(|_, state| state.in_script.clone()) else {
            return self.with_body(|body, state| {
                if state.disturbed {
                    return Err(unusable());
                }
                let taken = body.take();
                state.disturbed = taken.is_some();
                Ok(taken.map(TakenBody::native))
            });
        };
        if let Some(stream) = self.take_source(realm)? {
            let body = Body::from_stream(stream.into_boxed(), origin.source, origin.length);
            return Ok(Some(TakenBody::native(body)));
        }
        let object = Arc::clone(self) as ObjectRef;
        let (body, failure, number) = drain(realm, object, origin.source, origin.length)?;
        Ok(Some(TakenBody { body, failure, drained: Some(number) }))
    }

    /// Another body stands in for this one, which counts as read.
    fn disturb(self: &Arc<Self>, realm: &dyn Realm) -> Result<(), Exception> {
        if self.is_in_script() {
            let object = Value::Object(Arc::clone(self) as ObjectRef);
            return realm.core("disturbBody", vec![object]).map(drop);
        }
        self.with_body(|body, state| state.disturbed |= body.take().is_some());
        Ok(())
    }

    /// OPTIMIZATION: the native stream behind a stream of script that nobody has touched.
    fn take_source(self: &Arc<Self>, realm: &dyn Realm) -> Result<Option<fetch::BodyStream>, Exception> {
        let object = Value::Object(Arc::clone(self) as ObjectRef);
        let source = match realm.core("takeBodySource", vec![object])? {
            Value::Held(source) => realm.platform_object(&source),
            _ => None,
        };
        Ok(source.and_then(|source| source.downcast::<BodySource>()).and_then(|source| source.take()))
    }

    /// <https://fetch.spec.whatwg.org/#concept-body-consume-body>
    fn consume<T: Send + 'static>(
        self: &Arc<Self>,
        realm: &dyn Realm,
        package: Package,
    ) -> Result<PromiseOf<T>, Exception> {
        // NOTE: the body of an aborted fetch is errored, however often one asks.
        let aborted_with = self.aborted_with();
        if !self.is_in_script()
            && self.has_body()
            && let Some(reason) = aborted_with.reason()
        {
            return Ok(PromiseOf::rejected(Exception::Held(reason)));
        }
        let mime_type = MimeType::extract(&self.header_list());
        let native_body = if self.is_in_script() {
            match self.take_source(realm)? {
                Some(stream) => Some(Body::from_stream(stream.into_boxed(), None, None)),
                None => {
                    let collector = Arc::new(BodyCollector { bytes: Mutex::default(), package, mime_type });
                    let object = Value::Object(Arc::clone(self) as ObjectRef);
                    let args = vec![object, Value::Object(collector as ObjectRef)];
                    return held(realm.core("consumeBody", args)?).map(PromiseOf::Held);
                }
            }
        } else {
            self.take_body(realm)?.map(|taken| taken.body)
        };
        let kept = self.kept();
        promise_in_realm(realm, async move {
            let bytes = match native_body {
                Some(body) => body
                    .read_all(Some(LONGEST))
                    .await
                    .map_err(|error| body_exception(&error, &aborted_with))?,
                None => Bytes::new(),
            };
            drop(kept);
            Ok(Value::in_realm(move |realm| package_bytes(realm, bytes, package, mime_type.as_ref())))
        })
    }

    /// <https://fetch.spec.whatwg.org/#dom-body-textstream>
    fn text_stream(self: &Arc<Self>, realm: &dyn Realm) -> Result<Held, Exception> {
        // 1. Read or locked.
        if self.is_unusable(realm)? {
            return Err(unusable());
        }
        // 2.–5. Its stream, or an empty one.
        let stream = self.body_stream(realm)?.map_or(Value::Null, Value::Held);
        held(realm.core("textStream", vec![stream])?)
    }

    /// <https://fetch.spec.whatwg.org/#concept-body-clone>, for a body that is a stream of script: the other branch.
    fn tee(self: &Arc<Self>, realm: &dyn Realm) -> Result<Held, Exception> {
        held(realm.core("teeBody", vec![Value::Object(Arc::clone(self) as ObjectRef)])?)
    }
}

pub(super) fn held(value: Value) -> Result<Held, Exception> {
    match value {
        Value::Held(held) => Ok(held),
        _ => Err(Exception::type_error("the core gave no object")),
    }
}

/// The bytes of a stream of script, as they are read.
pub(crate) struct BodyCollector {
    bytes: Mutex<BytesMut>,
    package: Package,
    mime_type: Option<MimeType>,
}

longhaul_idl::platform_object!(BodyCollector => longhaul_idl::longhaul_native);

impl LonghaulNativeMethods for BodyCollector {}

pub(crate) fn collect_body(_: &dyn Realm, args: Vec<Value>) -> Result<Value, Exception> {
    let [collector, chunk] = arguments(args)?;
    let Value::Buffer(chunk) = chunk else {
        return Err(Exception::type_error("the hook takes a Uint8Array"));
    };
    let collector = native::<BodyCollector>(&collector)?;
    let mut bytes = collector.bytes.lock().unwrap_or_else(PoisonError::into_inner);
    if chunk.bytes.len() > LONGEST - bytes.len() {
        return Err(Exception::range_error("the body is too long to be read as a whole"));
    }
    bytes.extend_from_slice(&chunk.bytes);
    Ok(Value::Undefined)
}

pub(crate) fn package_body(realm: &dyn Realm, args: Vec<Value>) -> Result<Value, Exception> {
    let [collector] = arguments(args)?;
    let collector = native::<BodyCollector>(&collector)?;
    let bytes = std::mem::take(&mut *collector.bytes.lock().unwrap_or_else(PoisonError::into_inner));
    package_bytes(realm, bytes.freeze(), collector.package, collector.mime_type.as_ref())
}

/// What the methods that consume a body make of its bytes.
fn package_bytes(
    realm: &dyn Realm,
    bytes: Bytes,
    package: Package,
    mime_type: Option<&MimeType>,
) -> Result<Value, Exception> {
    Ok(match package {
        Package::ArrayBuffer => Value::Buffer(Buffer::array_buffer(bytes)),
        Package::Bytes => Value::Buffer(Buffer::uint8_array(bytes)),
        Package::Text => Value::String(utf8_decode(&bytes).into()),
        Package::Json => realm.parse_json(&utf8_decode(&bytes))?,
        Package::Blob => {
            let r#type = mime_type.map(ToString::to_string).unwrap_or_default();
            Value::Object(Blob::new(bytes, r#type) as ObjectRef)
        }
        Package::FormData => Value::Object(form_data::parse_body(realm, &bytes, mime_type)? as ObjectRef),
    })
}
