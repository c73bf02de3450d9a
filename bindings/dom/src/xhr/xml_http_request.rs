//! <https://xhr.spec.whatwg.org/#interface-xmlhttprequest>

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use longhaul::fetch::{is_forbidden_request_header, is_header_name, is_header_value, normalize_header_value};
use longhaul_idl::runtime::{ByteString, DomString, Exception, ObjectRef, Realm, Value};
use longhaul_idl::{
    XMLHttpRequestEventTargetMethods, XMLHttpRequestMethods, XMLHttpRequestResponseType as ResponseType,
    XMLHttpRequestSendBody, XMLHttpRequestStatics,
};

use super::response_value;
use super::sending::Failure;
use super::state::{ReadyState, State};
use super::upload::Upload;

/// <https://xhr.spec.whatwg.org/#xmlhttprequest>
pub(crate) struct XMLHttpRequest {
    state: Mutex<State>,
    upload: OnceLock<Arc<Upload>>,
}

longhaul_idl::platform_object!(XMLHttpRequest => longhaul_idl::xml_http_request);

impl XMLHttpRequestEventTargetMethods for XMLHttpRequest {}

pub(super) fn invalid_state(why: &str) -> Exception {
    Exception::dom("InvalidStateError", why.to_owned())
}

fn is_window(realm: &dyn Realm) -> Result<bool, Exception> {
    Ok(crate::global_scope(realm)?.settings().is_window)
}

impl XMLHttpRequest {
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn upload_object(&self) -> Arc<Upload> {
        Arc::clone(self.upload.get_or_init(Arc::default))
    }

    pub(super) fn fire(self: &Arc<Self>, realm: &dyn Realm, name: &str) {
        if let Err(exception) = crate::fire_event(realm, Arc::clone(self) as ObjectRef, name) {
            realm.report_exception(exception);
        }
    }

    fn progress(realm: &dyn Realm, target: ObjectRef, name: &str, loaded: u64, total: u64) {
        let numbers = [Value::Number(loaded as f64), Value::Number(total as f64)];
        let mut args = vec![Value::Object(target), Value::String(name.into())];
        args.extend(numbers);
        if let Err(exception) = realm.core("fireProgressEvent", args) {
            realm.report_exception(exception);
        }
    }

    pub(super) fn own_progress(self: &Arc<Self>, realm: &dyn Realm, name: &str, loaded: u64, total: u64) {
        Self::progress(realm, Arc::clone(self) as ObjectRef, name, loaded, total);
    }

    pub(super) fn upload_progress(self: &Arc<Self>, realm: &dyn Realm, name: &str, loaded: u64, total: u64) {
        Self::progress(realm, self.upload_object() as ObjectRef, name, loaded, total);
    }

    /// Changes the state and tells of it.
    pub(super) fn become_ready(self: &Arc<Self>, realm: &dyn Realm, ready: ReadyState) {
        self.state().ready = ready;
        self.fire(realm, "readystatechange");
    }

    /// The text that has come so far.
    fn text(&self) -> DomString {
        let state = self.state();
        match &state.head {
            Some(head) if state.ready >= ReadyState::Loading => response_value::text(
                &state.received,
                &head.headers,
                state.override_mime_type.as_ref(),
                state.response_type,
            ),
            _ => DomString::default(),
        }
    }

    /// Whether a task still belongs to the fetch that runs.
    pub(super) fn is_current(&self, generation: u64) -> bool {
        let state = self.state();
        state.generation == generation && state.send
    }
}

impl XMLHttpRequestStatics for XMLHttpRequest {
    fn construct(_: &dyn Realm) -> Result<ObjectRef, Exception> {
        Ok(Arc::new(Self { state: Mutex::new(State::new()), upload: OnceLock::new() }))
    }
}

impl XMLHttpRequestMethods for XMLHttpRequest {
    fn ready_state(self: &Arc<Self>, _: &dyn Realm) -> Result<u16, Exception> {
        Ok(self.state().ready as u16)
    }

    fn open(self: &Arc<Self>, realm: &dyn Realm, method: ByteString, url: String) -> Result<(), Exception> {
        self.open_request(realm, &method, &url, true, [None, None])
    }

    fn open_2(
        self: &Arc<Self>,
        realm: &dyn Realm,
        method: ByteString,
        url: String,
        r#async: bool,
        username: Option<String>,
        password: Option<String>,
    ) -> Result<(), Exception> {
        self.open_request(realm, &method, &url, r#async, [username, password])
    }

    /// <https://xhr.spec.whatwg.org/#dom-xmlhttprequest-setrequestheader>
    fn set_request_header(
        self: &Arc<Self>,
        _: &dyn Realm,
        name: ByteString,
        value: ByteString,
    ) -> Result<(), Exception> {
        let mut state = self.state();
        // 1., 2.
        if state.ready != ReadyState::Opened || state.send {
            return Err(invalid_state("headers are set between open() and send()"));
        }
        // 3., 4.
        let value = normalize_header_value(&value.0);
        if !is_header_name(&name.0) || !is_header_value(value) {
            return Err(Exception::dom("SyntaxError", "that is no header"));
        }
        // 5., 6.
        if !is_forbidden_request_header(&name.0, value) {
            state.author_headers.combine(&name.0, value);
        }
        Ok(())
    }

    fn timeout(self: &Arc<Self>, _: &dyn Realm) -> Result<u32, Exception> {
        Ok(self.state().timeout)
    }

    /// <https://xhr.spec.whatwg.org/#dom-xmlhttprequest-timeout>
    fn set_timeout(self: &Arc<Self>, realm: &dyn Realm, value: u32) -> Result<(), Exception> {
        let is_window = is_window(realm)?;
        let runs = {
            let mut state = self.state();
            if is_window && state.synchronous && state.ready != ReadyState::Unsent {
                return Err(Exception::dom(
                    "InvalidAccessError",
                    "a synchronous request of a page has no timeout",
                ));
            }
            state.timeout = value;
            state.send
        };
        if runs {
            self.watch_time(realm);
        }
        Ok(())
    }

    fn with_credentials(self: &Arc<Self>, _: &dyn Realm) -> Result<bool, Exception> {
        Ok(self.state().cross_origin_credentials)
    }

    /// <https://xhr.spec.whatwg.org/#dom-xmlhttprequest-withcredentials>
    fn set_with_credentials(self: &Arc<Self>, _: &dyn Realm, value: bool) -> Result<(), Exception> {
        let mut state = self.state();
        if state.ready > ReadyState::Opened || state.send {
            return Err(invalid_state("the request has been sent"));
        }
        state.cross_origin_credentials = value;
        Ok(())
    }

    fn upload(self: &Arc<Self>, _: &dyn Realm) -> Result<ObjectRef, Exception> {
        Ok(self.upload_object())
    }

    /// <https://xhr.spec.whatwg.org/#dom-xmlhttprequest-send>
    fn send(
        self: &Arc<Self>,
        realm: &dyn Realm,
        body: Option<XMLHttpRequestSendBody>,
    ) -> Result<(), Exception> {
        // 1., 2.
        {
            let state = self.state();
            if state.ready != ReadyState::Opened || state.send {
                return Err(invalid_state("the request is not opened, or sent already"));
            }
        }
        // 5. Who listens to the upload decides about a preflight.
        let upload = Value::Object(self.upload_object() as ObjectRef);
        let listens = matches!(realm.core("hasListeners", vec![upload])?, Value::Boolean(true));
        self.state().upload_listener = listens;
        // 3., 4., 6.
        let request = self.request(realm, body)?;
        // 7.–9.
        let synchronous = {
            let mut state = self.state();
            state.send = true;
            state.generation += 1;
            state.started = Instant::now();
            state.last_progress = None;
            state.uploaded = 0;
            state.synchronous
        };
        if synchronous {
            self.send_synchronously(realm, request)
        } else {
            self.send_asynchronously(realm, request)
        }
    }

    /// <https://xhr.spec.whatwg.org/#dom-xmlhttprequest-abort>
    fn abort(self: &Arc<Self>, realm: &dyn Realm) -> Result<(), Exception> {
        // 1.
        let (ready, send, controller) = {
            let mut state = self.state();
            (state.ready, state.send, state.controller.take())
        };
        if let Some(controller) = controller {
            controller.abort(None);
        }
        // 2.
        let runs = ready == ReadyState::Opened && send
            || matches!(ready, ReadyState::HeadersReceived | ReadyState::Loading);
        if runs {
            // It throws for synchronous requests only, which nobody can abort.
            self.fail(realm, Failure::Abort)?;
        }
        // 3.
        let mut state = self.state();
        if state.ready == ReadyState::Done {
            state.ready = ReadyState::Unsent;
            state.forget_response();
        }
        Ok(())
    }

    fn response_url(self: &Arc<Self>, _: &dyn Realm) -> Result<String, Exception> {
        let url = self.state().head.as_ref().and_then(|head| head.url.clone());
        Ok(url.map_or_else(String::new, |mut url| {
            url.set_fragment(None);
            url.to_string()
        }))
    }

    fn status(self: &Arc<Self>, _: &dyn Realm) -> Result<u16, Exception> {
        Ok(self.state().head.as_ref().map_or(0, |head| head.status))
    }

    fn status_text(self: &Arc<Self>, _: &dyn Realm) -> Result<ByteString, Exception> {
        Ok(ByteString(self.state().head.as_ref().map_or_else(Vec::new, |head| head.status_message.clone())))
    }

    fn get_response_header(
        self: &Arc<Self>,
        _: &dyn Realm,
        name: ByteString,
    ) -> Result<Option<ByteString>, Exception> {
        Ok(self.state().head.as_ref().and_then(|head| head.headers.get(&name.0)).map(ByteString))
    }

    /// <https://xhr.spec.whatwg.org/#the-getallresponseheaders()-method>
    fn get_all_response_headers(self: &Arc<Self>, _: &dyn Realm) -> Result<ByteString, Exception> {
        let state = self.state();
        let Some(head) = &state.head else { return Ok(ByteString(Vec::new())) };
        // 1.–3. Combined, in the order of their names in upper case.
        let combined = head.headers.sort_and_combine();
        let mut sorted: Vec<(&[u8], &[u8])> = combined.iter().collect();
        sorted.sort_by_key(|(name, _)| name.to_ascii_uppercase());
        // 4. NOTE: a header that is several in the list (`Set-Cookie`) is never shown to a script.
        let mut output = Vec::new();
        for (name, value) in sorted {
            output.extend_from_slice(name);
            output.extend_from_slice(b": ");
            output.extend_from_slice(value);
            output.extend_from_slice(b"\r\n");
        }
        Ok(ByteString(output))
    }

    /// <https://xhr.spec.whatwg.org/#dom-xmlhttprequest-overridemimetype>
    fn override_mime_type(self: &Arc<Self>, _: &dyn Realm, mime: DomString) -> Result<(), Exception> {
        let mut state = self.state();
        if state.ready >= ReadyState::Loading {
            return Err(invalid_state("the response is there already"));
        }
        let parsed = mime.parse().or_else(|_| "application/octet-stream".parse());
        state.override_mime_type = parsed.ok();
        Ok(())
    }

    fn response_type(self: &Arc<Self>, _: &dyn Realm) -> Result<ResponseType, Exception> {
        Ok(self.state().response_type)
    }

    /// <https://xhr.spec.whatwg.org/#dom-xmlhttprequest-responsetype>
    fn set_response_type(self: &Arc<Self>, realm: &dyn Realm, value: ResponseType) -> Result<(), Exception> {
        let is_window = is_window(realm)?;
        let mut state = self.state();
        // 1. Workers have no documents.
        if !is_window && value == ResponseType::Document {
            return Ok(());
        }
        // 2., 3.
        if state.ready >= ReadyState::Loading {
            return Err(invalid_state("the response is there already"));
        }
        if is_window && state.synchronous && state.ready != ReadyState::Unsent {
            return Err(Exception::dom(
                "InvalidAccessError",
                "a synchronous request of a page has no response type",
            ));
        }
        state.response_type = value;
        Ok(())
    }

    /// <https://xhr.spec.whatwg.org/#the-response-attribute>
    fn response(self: &Arc<Self>, realm: &dyn Realm) -> Result<Value, Exception> {
        let (response_type, ready) = {
            let state = self.state();
            (state.response_type, state.ready)
        };
        // 1. Text.
        if matches!(response_type, ResponseType::Empty | ResponseType::Text) {
            return Ok(Value::String(self.text()));
        }
        // 2.–4. Anything else is there once the request is done.
        if ready != ReadyState::Done {
            return Ok(Value::Null);
        }
        // 7. A document.
        if response_type == ResponseType::Document {
            return Ok(self.response_xml(realm)?.map_or(Value::Null, Value::Object));
        }
        let (known, head, bytes, overridden) = {
            let state = self.state();
            let bytes = Bytes::copy_from_slice(&state.received);
            (state.response_object.clone(), state.head.clone(), bytes, state.override_mime_type.clone())
        };
        let object = match (known, head) {
            (Some(known), _) => known,
            (None, None) => None,
            // 8. A response without a body has no JSON.
            (None, Some(head)) if response_type == ResponseType::Json && !head.has_body => None,
            // 5.–9.
            (None, Some(head)) => {
                let object =
                    response_value::object(realm, bytes, &head.headers, overridden.as_ref(), response_type)?;
                self.state().response_object = Some(object.clone());
                object
            }
        };
        Ok(object.map_or(Value::Null, Value::Held))
    }

    /// <https://xhr.spec.whatwg.org/#the-responsetext-attribute>
    fn response_text(self: &Arc<Self>, _: &dyn Realm) -> Result<String, Exception> {
        if !matches!(self.state().response_type, ResponseType::Empty | ResponseType::Text) {
            return Err(invalid_state("the response is no text"));
        }
        Ok(self.text().into_usv_string())
    }

    /// <https://xhr.spec.whatwg.org/#the-responsexml-attribute>
    fn response_xml(self: &Arc<Self>, realm: &dyn Realm) -> Result<Option<ObjectRef>, Exception> {
        if !matches!(self.state().response_type, ResponseType::Empty | ResponseType::Document) {
            return Err(invalid_state("the response is no document"));
        }
        // 3. A response that is not whole, or failed, has none.
        let (known, head, bytes, overridden, response_type) = {
            let state = self.state();
            if state.ready != ReadyState::Done {
                return Ok(None);
            }
            let bytes = Bytes::copy_from_slice(&state.received);
            let overridden = state.override_mime_type.clone();
            (state.response_document.clone(), state.head.clone(), bytes, overridden, state.response_type)
        };
        if let Some(known) = known {
            return Ok(known);
        }
        // 4.–6.
        let document = head.filter(|head| head.has_body).and_then(|head| {
            let url = head.url.as_ref();
            response_value::document(realm, &bytes, &head.headers, url, overridden.as_ref(), response_type)
        });
        self.state().response_document = Some(document.clone());
        Ok(document)
    }
}
