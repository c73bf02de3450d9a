//! <https://fetch.spec.whatwg.org/#response-class>

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use bytes::Bytes;
use longhaul::fetch;
use longhaul::fetch::{Body, NetworkError, is_null_body_status, is_redirect_status};
use longhaul_idl::runtime::{Buffer, ByteString, Exception, ObjectRef, PromiseOf, Realm, Value};
use longhaul_idl::{
    ResponseInit, ResponseMethods, ResponseStatics, ResponseType, XMLHttpRequestBodyInit as BodyInit,
};

use super::body::{self, AbortedWith, BodyWithType, Consumed};
use super::fetch_method::AbortObservation;
use super::headers::{Guard, Headers};

/// <https://fetch.spec.whatwg.org/#response>
pub(crate) struct Response {
    state: Mutex<State>,
    headers: Arc<Headers>,
    aborted_with: AbortedWith,
    /// Ends the body when the signal of the fetch aborts.
    observation: Mutex<Option<AbortObservation>>,
    serialized_url: OnceLock<String>,
}

struct State {
    /// The response; its header list is in `headers`.
    response: fetch::Response,
    /// The body was there and has been taken.
    disturbed: bool,
}

longhaul_idl::platform_object!(Response => longhaul_idl::response);

impl Response {
    /// <https://fetch.spec.whatwg.org/#response-create>
    pub(crate) fn create(mut response: fetch::Response, guard: Guard) -> Arc<Self> {
        let headers = Headers::new(std::mem::take(&mut response.header_list), guard);
        Arc::new(Self {
            state: Mutex::new(State { response, disturbed: false }),
            headers,
            aborted_with: AbortedWith::default(),
            observation: Mutex::new(None),
            serialized_url: OnceLock::new(),
        })
    }

    /// The response to a call of `fetch()`, whose abort ends the body.
    pub(super) fn of_fetch(
        response: fetch::Response,
        aborted_with: AbortedWith,
        observation: Option<AbortObservation>,
    ) -> Arc<Self> {
        let mut object = Self::create(response, Guard::Immutable);
        let own = Arc::get_mut(&mut object).expect("nobody else has the new object");
        own.aborted_with = aborted_with;
        own.observation = Mutex::new(observation);
        object
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The response for storing it, its body taken.
    ///
    /// # Errors
    /// A `TypeError` if the body was taken before.
    pub(crate) fn take_response(&self) -> Result<fetch::Response, Exception> {
        let mut state = self.state();
        if state.disturbed {
            return Err(body::unusable());
        }
        let mut response = if state.response.body.is_some() {
            state.disturbed = true;
            let husk = state.response.clone_without_body();
            std::mem::replace(&mut state.response, husk)
        } else {
            // NOTE: nothing that a script can see is taken, and an opaque filter's body, which is behind it, may be wanted again.
            state.response.clone()
        };
        response.header_list = self.headers.list();
        Ok(response)
    }

    /// Takes the body in order to read it.
    fn consume(&self) -> Result<Consumed, Exception> {
        let mut state = self.state();
        if state.disturbed {
            return Err(body::unusable());
        }
        let taken = state.response.body.take();
        state.disturbed = taken.is_some();
        let observation = self.observation.lock().unwrap_or_else(PoisonError::into_inner).take();
        Ok(body::read(taken, self.aborted_with.clone(), observation))
    }

    /// <https://fetch.spec.whatwg.org/#initialize-a-response>
    fn initialize(self: &Arc<Self>, init: ResponseInit, body: Option<BodyWithType>) -> Result<(), Exception> {
        // 1. A final status.
        if !(200..=599).contains(&init.status) {
            return Err(Exception::range_error(format!(
                "{} is not a status between 200 and 599",
                init.status
            )));
        }
        // 2. A reason phrase.
        if !init
            .status_text
            .iter()
            .all(|&byte| byte == b'\t' || (0x20..=0x7E).contains(&byte) || byte >= 0x80)
        {
            return Err(Exception::type_error("the status text holds a byte that it cannot"));
        }
        // 3.–4. Status and message.
        {
            let mut state = self.state();
            state.response.status = init.status;
            state.response.status_message = init.status_text.0;
        }
        // 5. Headers.
        if let Some(headers) = init.headers {
            self.headers.fill(headers)?;
        }
        // 6. The body and its type.
        if let Some(BodyWithType { body, r#type }) = body {
            if is_null_body_status(init.status) {
                return Err(Exception::type_error(format!(
                    "a response with status {} has no body",
                    init.status
                )));
            }
            self.state().response.body = Some(body);
            if let Some(r#type) = r#type
                && !self.headers.contains("Content-Type")
            {
                self.headers.append_unguarded("Content-Type", r#type.as_bytes());
            }
        }
        Ok(())
    }
}

impl ResponseStatics for Response {
    /// <https://fetch.spec.whatwg.org/#dom-response>
    fn construct(_: &dyn Realm, body: Option<BodyInit>, init: ResponseInit) -> Result<ObjectRef, Exception> {
        // 1.–2. A new response.
        let object = Self::create(fetch::Response::new(), Guard::Response);
        // 3.–4. The body.
        let body = body.map(body::extract).transpose()?;
        // 5. The rest.
        object.initialize(init, body)?;
        Ok(object)
    }

    fn error(_: &dyn Realm) -> Result<ObjectRef, Exception> {
        Ok(Self::create(fetch::Response::network_error(NetworkError::Generic), Guard::Immutable))
    }

    /// <https://fetch.spec.whatwg.org/#dom-response-redirect>
    fn redirect(realm: &dyn Realm, url: String, status: u16) -> Result<ObjectRef, Exception> {
        // 1.–2. The URL.
        let base = crate::global_scope(realm)?.settings().api_base_url.clone();
        let parsed = base
            .join(&url)
            .map_err(|_| Exception::type_error(format!("\"{}\" is not a URL", crate::shown(&url))))?;
        // 3. The status.
        if !is_redirect_status(status) {
            return Err(Exception::range_error(format!("{status} is not a redirect status")));
        }
        // 4.–7. The response.
        let mut response = fetch::Response::new();
        response.status = status;
        response.header_list.append("Location", parsed.as_str());
        Ok(Self::create(response, Guard::Immutable))
    }

    /// <https://fetch.spec.whatwg.org/#dom-response-json>
    fn json(realm: &dyn Realm, data: Value, init: ResponseInit) -> Result<ObjectRef, Exception> {
        // 1.–2. The body.
        let bytes = Bytes::from(realm.to_json(data)?);
        // 3.–4. The response.
        let object = Self::create(fetch::Response::new(), Guard::Response);
        let body =
            BodyWithType { body: Body::from_bytes(bytes), r#type: Some("application/json".to_owned()) };
        object.initialize(init, Some(body))?;
        Ok(object)
    }
}

impl ResponseMethods for Response {
    fn type_(self: &Arc<Self>, _: &dyn Realm) -> Result<ResponseType, Exception> {
        Ok(match self.state().response.r#type {
            fetch::ResponseType::Basic => ResponseType::Basic,
            fetch::ResponseType::Cors => ResponseType::Cors,
            fetch::ResponseType::Default => ResponseType::Default,
            fetch::ResponseType::Error => ResponseType::Error,
            fetch::ResponseType::Opaque => ResponseType::Opaque,
            fetch::ResponseType::OpaqueRedirect => ResponseType::Opaqueredirect,
        })
    }

    /// <https://fetch.spec.whatwg.org/#dom-response-url>
    fn url(self: &Arc<Self>, _: &dyn Realm) -> Result<String, Exception> {
        let url = self.serialized_url.get_or_init(|| match self.state().response.url() {
            None => String::new(),
            Some(url) => {
                let mut url = url.clone();
                url.set_fragment(None);
                url.into()
            }
        });
        Ok(url.clone())
    }

    fn redirected(self: &Arc<Self>, _: &dyn Realm) -> Result<bool, Exception> {
        Ok(self.state().response.url_list.len() > 1)
    }

    fn status(self: &Arc<Self>, _: &dyn Realm) -> Result<u16, Exception> {
        Ok(self.state().response.status)
    }

    fn ok(self: &Arc<Self>, _: &dyn Realm) -> Result<bool, Exception> {
        Ok(self.state().response.is_ok_status())
    }

    fn status_text(self: &Arc<Self>, _: &dyn Realm) -> Result<ByteString, Exception> {
        Ok(self.state().response.status_message.clone().into())
    }

    fn headers(self: &Arc<Self>, _: &dyn Realm) -> Result<ObjectRef, Exception> {
        Ok(Arc::clone(&self.headers) as ObjectRef)
    }

    /// <https://fetch.spec.whatwg.org/#dom-response-clone>
    fn clone(self: &Arc<Self>, _: &dyn Realm) -> Result<ObjectRef, Exception> {
        let mut state = self.state();
        // 1. A body that is gone cannot be split.
        if state.disturbed {
            return Err(body::unusable());
        }
        // 2.–3. Another object with the other branch.
        let mut response = state.response.clone();
        response.header_list = self.headers.list();
        let mut object = Self::create(response, self.headers.guard());
        let own = Arc::get_mut(&mut object).expect("nobody else has the new object");
        own.aborted_with = self.aborted_with.clone();
        own.observation = Mutex::new(self.observation.lock().unwrap_or_else(PoisonError::into_inner).clone());
        Ok(object)
    }

    fn body_used(self: &Arc<Self>, _: &dyn Realm) -> Result<bool, Exception> {
        Ok(self.state().disturbed)
    }

    fn array_buffer(self: &Arc<Self>, _: &dyn Realm) -> Result<PromiseOf<Buffer>, Exception> {
        Ok(body::array_buffer(self.consume()?))
    }

    fn blob(self: &Arc<Self>, _: &dyn Realm) -> Result<PromiseOf<ObjectRef>, Exception> {
        Ok(body::blob(self.consume()?, &self.headers.list()))
    }

    fn bytes(self: &Arc<Self>, _: &dyn Realm) -> Result<PromiseOf<Buffer>, Exception> {
        Ok(body::uint8_array(self.consume()?))
    }

    fn json(self: &Arc<Self>, _: &dyn Realm) -> Result<PromiseOf<Value>, Exception> {
        Ok(body::json(self.consume()?))
    }

    fn text(self: &Arc<Self>, _: &dyn Realm) -> Result<PromiseOf<String>, Exception> {
        Ok(body::text(self.consume()?))
    }
}
