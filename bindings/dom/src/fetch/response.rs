//! <https://fetch.spec.whatwg.org/#response-class>

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use bytes::Bytes;
use longhaul::fetch;
use longhaul::fetch::{Body, HeaderList, NetworkError, is_null_body_status, is_redirect_status};
use longhaul_idl::runtime::{Buffer, ByteString, Exception, Held, ObjectRef, PromiseOf, Realm, Value};
use longhaul_idl::{BodyInit, ResponseInit, ResponseMethods, ResponseStatics, ResponseType};

use super::body::{self, AbortedWith, BodyState, BodyWithType, ExtractedBody, HasBody, KeepAlive, Package};
use super::fetch_method::AbortObservation;
use super::headers::{Guard, Headers};
use crate::streams::BodyFailure;

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
    /// What is known of its body.
    body: BodyState,
}

/// A response that is given away.
pub(crate) struct TakenResponse {
    pub(crate) response: fetch::Response,
    /// What the stream of script failed with, if the body is one.
    pub(crate) failure: BodyFailure,
    /// Whether the body is a stream of script, which ends with its agent.
    pub(crate) is_of_script: bool,
}

longhaul_idl::platform_object!(Response => longhaul_idl::response);

impl Drop for Response {
    fn drop(&mut self) {
        let observation = self.observation.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        let response = std::mem::replace(&mut state.response, fetch::Response::new());
        if let (Some(observation), Some(body)) = (observation, response.into_unfiltered().body) {
            observation.keep_for_a_while(body);
        }
    }
}

impl Response {
    /// <https://fetch.spec.whatwg.org/#response-create>
    pub(crate) fn create(mut response: fetch::Response, guard: Guard) -> Arc<Self> {
        let headers = Headers::new(std::mem::take(&mut response.header_list), guard);
        Arc::new(Self {
            state: Mutex::new(State { response, body: BodyState::default() }),
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

    /// What has to live for as long as the body is read, lest the signal of its fetch breaks it off no more.
    pub(crate) fn keep_followed(&self) -> Box<dyn std::any::Any + Send + Sync> {
        HasBody::kept(self)
    }

    /// Why the fetch that it is of was aborted, if it was.
    pub(crate) fn fetch_aborted_with(&self) -> AbortedWith {
        self.aborted_with.clone()
    }

    /// The response for giving it away, its body taken, with what is known of the body.
    ///
    /// # Errors
    /// A `TypeError` if the body was taken before.
    pub(crate) fn take(self: &Arc<Self>, realm: &dyn Realm) -> Result<TakenResponse, Exception> {
        if self.is_unusable(realm)? {
            return Err(body::unusable());
        }
        let body = if self.has_body() { self.take_body(realm)? } else { None };
        let mut response = {
            let mut state = self.state();
            match &body {
                Some(_) => state.response.clone_without_body(),
                // NOTE: nothing that a script can see is taken, and an opaque filter's body, which is behind it, may be wanted again.
                None => state.response.clone(),
            }
        };
        response.header_list = self.headers.list();
        let Some(taken) = body else {
            return Ok(TakenResponse { response, failure: BodyFailure::default(), is_of_script: false });
        };
        let is_of_script = taken.is_of_script();
        response.body = Some(taken.body);
        Ok(TakenResponse { response, failure: taken.failure, is_of_script })
    }

    /// <https://fetch.spec.whatwg.org/#initialize-a-response>
    fn initialize(
        self: &Arc<Self>,
        realm: &dyn Realm,
        init: ResponseInit,
        body: Option<BodyWithType>,
    ) -> Result<(), Exception> {
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
            self.set_body(realm, body)?;
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
    fn construct(
        realm: &dyn Realm,
        body: Option<BodyInit>,
        init: ResponseInit,
    ) -> Result<ObjectRef, Exception> {
        // 1.–2. A new response.
        let object = Self::create(fetch::Response::new(), Guard::Response);
        // 3.–4. The body.
        let body = body.map(|body| body::extract(realm, body, KeepAlive::No)).transpose()?;
        // 5. The rest.
        object.initialize(realm, init, body)?;
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
        let body = ExtractedBody::Native(Body::from_bytes(bytes));
        let body = BodyWithType { body, r#type: Some("application/json".to_owned()) };
        object.initialize(realm, init, Some(body))?;
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
    fn clone(self: &Arc<Self>, realm: &dyn Realm) -> Result<ObjectRef, Exception> {
        // 1. A body that is gone cannot be split.
        if self.is_unusable(realm)? {
            return Err(body::unusable());
        }
        // 2.–3. Another object with the other branch.
        let branch = if self.is_in_script() { Some(self.tee(realm)?) } else { None };
        let mut response = self.state().response.clone();
        response.header_list = self.headers.list();
        let mut object = Self::create(response, self.headers.guard());
        let own = Arc::get_mut(&mut object).expect("nobody else has the new object");
        own.aborted_with = self.aborted_with.clone();
        own.observation = Mutex::new(self.observation.lock().unwrap_or_else(PoisonError::into_inner).clone());
        if let Some(branch) = branch {
            object.set_body_of(realm, branch, self.origin())?;
        }
        Ok(object)
    }

    super::body_members!();
}

impl HasBody for Response {
    fn with_body<T>(&self, run: impl FnOnce(&mut Option<Body>, &mut BodyState) -> T) -> T {
        let mut state = self.state();
        let State { response, body } = &mut *state;
        run(&mut response.body, body)
    }

    fn aborted_with(&self) -> AbortedWith {
        self.aborted_with.clone()
    }

    fn kept(&self) -> Box<dyn std::any::Any + Send + Sync> {
        Box::new(self.observation.lock().unwrap_or_else(PoisonError::into_inner).take())
    }

    fn header_list(&self) -> HeaderList {
        self.headers.list()
    }
}
