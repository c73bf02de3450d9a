//! <https://fetch.spec.whatwg.org/#request-class>

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use longhaul::fetch;
use longhaul::fetch::{
    CacheMode, CredentialsMode, HeaderList, Method, Mode, NoCorsMediaRequestState, Priority, RedirectMode,
    Referrer, ReferrerPolicy as Policy, RequestOrigin, TraversableForUserPrompts, is_forbidden_method,
    same_origin,
};
use longhaul_idl::runtime::{
    Buffer, ByteString, DomString, Exception, Held, ObjectRef, PromiseOf, Realm, Value,
};
use longhaul_idl::{
    BodyInit, HeadersInit, ReferrerPolicy, RequestCache, RequestCredentials, RequestDestination,
    RequestDuplex, RequestInfo, RequestInit, RequestMethods, RequestMode, RequestRedirect, RequestStatics,
};

use super::body::{self, AbortedWith, BodyState, BodyWithType, ExtractedBody, HasBody, KeepAlive, Package};
use super::headers::{Guard, Headers};
use crate::object_urls::blob_url_entry;
use crate::streams::BodyFailure;

/// <https://fetch.spec.whatwg.org/#request>
pub(crate) struct Request {
    state: Mutex<State>,
    headers: Arc<Headers>,
    signal: Mutex<Signal>,
}

struct State {
    /// The request; its header list is in `headers`.
    request: fetch::Request,
    /// What is known of its body.
    body: BodyState,
}

/// Where the request's signal is.
enum Signal {
    /// It follows no other signal and is made when somebody asks: nothing can ever abort it.
    Unmade,
    /// It follows another signal, and no script has seen it yet.
    Made(Held),
    /// In the slots of the wrapper, where the engine sees what it reaches.
    InSlots,
}

longhaul_idl::platform_object!(Request => longhaul_idl::request);

/// The `Request` object behind a union member.
fn request_of(object: &ObjectRef) -> Result<Arc<Request>, Exception> {
    object.downcast::<Request>().ok_or_else(|| Exception::type_error("the object is not a Request"))
}

/// A request to compare others with: that of the object, or the one that the constructor makes of a URL. Without body.
pub(crate) fn shape_from_info(realm: &dyn Realm, info: RequestInfo) -> Result<fetch::Request, Exception> {
    match info {
        RequestInfo::Request(object) => Ok(request_of(&object)?.shape()),
        info => Ok(Request::new(realm, info, RequestInit::default())?.shape()),
    }
}

/// What the constructor starts from.
struct Input {
    request: fetch::Request,
    fallback_mode: Option<Mode>,
    /// The object that the request is from.
    object: Option<Arc<Request>>,
}

impl Request {
    /// <https://fetch.spec.whatwg.org/#request-create>
    pub(crate) fn create(mut request: fetch::Request, guard: Guard) -> Arc<Self> {
        let headers = Headers::new(std::mem::take(&mut request.header_list), guard);
        Arc::new(Self {
            state: Mutex::new(State { request, body: BodyState::default() }),
            headers,
            signal: Mutex::new(Signal::Unmade),
        })
    }

    /// <https://fetch.spec.whatwg.org/#dom-request>
    pub(crate) fn new(
        realm: &dyn Realm,
        input: RequestInfo,
        mut init: RequestInit,
    ) -> Result<Arc<Self>, Exception> {
        let settings = crate::global_scope(realm)?.settings().clone();
        let base = &settings.api_base_url;
        // 1.–6. A URL or another request.
        let Input { request: source, fallback_mode, object: input_object } = Input::new(input, base)?;
        // 7.–11. The author's window can only be taken away.
        let mut traversable = source.traversable_for_user_prompts;
        match init.window {
            Value::Undefined => {}
            Value::Null => traversable = TraversableForUserPrompts::NoTraversable,
            _ => return Err(Exception::type_error("window can only be null")),
        }
        let init_is_empty = is_empty(&init);
        // 12. A new request with what carries over.
        let mut request = fetch::Request::new(source.url().clone());
        request.url_list.clone_from(&source.url_list);
        request.earlier_urls.clone_from(&source.earlier_urls);
        request.top_level_navigation_initiator_origin = source.top_level_navigation_initiator_origin;
        request.blob_url_entry = source.blob_url_entry;
        if request.blob_url_entry.is_none() {
            let scope = crate::global_scope(realm)?;
            request.blob_url_entry = blob_url_entry(&scope, request.url());
        }
        request.method = source.method;
        request.header_list = source.header_list;
        request.unsafe_request = true;
        request.duplex = fetch::RequestDuplex::Half;
        request.client = Some(settings.clone());
        request.traversable_for_user_prompts = traversable;
        request.priority = source.priority;
        request.origin = source.origin;
        request.referrer = source.referrer;
        request.referrer_policy = source.referrer_policy;
        request.mode = source.mode;
        request.credentials_mode = source.credentials_mode;
        request.cache_mode = source.cache_mode;
        request.redirect_mode = source.redirect_mode;
        request.integrity_metadata = source.integrity_metadata;
        request.keepalive = source.keepalive;
        request.reload_navigation = source.reload_navigation;
        request.history_navigation = source.history_navigation;
        request.initiator_type = Some("fetch".to_owned());
        // NOTE: the step's list lacks it, but a worker that passes a media element's request on asks for the same.
        request.no_cors_media_request_state = source.no_cors_media_request_state;
        // 13. A request that is changed is the author's own.
        if !init_is_empty {
            if request.mode == Mode::Navigate {
                request.mode = Mode::SameOrigin;
            }
            request.reload_navigation = false;
            request.history_navigation = false;
            request.no_cors_media_request_state = NoCorsMediaRequestState::NotApplicable;
            request.origin = RequestOrigin::Client;
            request.referrer = Referrer::Client;
            request.referrer_policy = Policy::Empty;
            request.url_list = vec![request.current_url().clone()];
            request.earlier_urls.clear();
            request.top_level_navigation_initiator_origin = None;
        }
        // 14.–26. The members of init, but headers, body and signal.
        apply(&mut request, &mut init, fallback_mode, &settings)?;
        // 27.–29. The signal follows the author's, or the input's.
        let followed = match init.signal.take() {
            Some(signal) => signal,
            None => input_object.as_ref().map(|object| object.followed_signal(realm)).transpose()?.flatten(),
        };
        let signal = dependent_signal(realm, followed)?;
        // 30.–31. The headers and their guard.
        let mut guard = Guard::Request;
        if request.mode == Mode::NoCors {
            if !request.method.is_cors_safelisted() {
                return Err(Exception::type_error(format!(
                    "the method {} cannot be used without CORS",
                    request.method.as_str()
                )));
            }
            guard = Guard::RequestNoCors;
        }
        let object = Self::create(request, guard);
        // 32. The headers go through the guard if anything was given.
        if !init_is_empty {
            object.fill_headers(init.headers)?;
        }
        // 33.–39. The body.
        object.fill_body(realm, init.body.flatten(), init.duplex.is_some(), input_object.as_ref())?;
        *object.signal_place() = signal;
        Ok(object)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn signal_place(&self) -> MutexGuard<'_, Signal> {
        self.signal.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Step 32 of the constructor.
    fn fill_headers(&self, init: Option<HeadersInit>) -> Result<(), Exception> {
        let before = self.headers.list();
        self.headers.set_list(HeaderList::new());
        match init {
            Some(init) => self.headers.fill(init),
            None => before.iter().try_for_each(|(name, value)| self.headers.append_header(name, value)),
        }
    }

    /// Steps 33 to 39 of the constructor.
    fn fill_body(
        self: &Arc<Self>,
        realm: &dyn Realm,
        init: Option<BodyInit>,
        has_duplex: bool,
        input: Option<&Arc<Request>>,
    ) -> Result<(), Exception> {
        let input = input.filter(|input| input.has_body());
        // 34. These methods carry none.
        let (method, keepalive) = {
            let state = self.state();
            (state.request.method.clone(), state.request.keepalive)
        };
        if (init.is_some() || input.is_some()) && (method == Method::GET || method == Method::HEAD) {
            return Err(Exception::type_error(format!(
                "a request with method {} has no body",
                method.as_str()
            )));
        }
        // 35.–36. The author's.
        if let Some(init) = init {
            let keepalive = if keepalive { KeepAlive::Yes } else { KeepAlive::No };
            let BodyWithType { body, r#type } = body::extract(realm, init, keepalive)?;
            if let Some(r#type) = r#type
                && !self.headers.contains("Content-Type")
            {
                self.headers.append_header(b"Content-Type", r#type.as_bytes())?;
            }
            // 38.1. A stream goes one way first.
            if matches!(body, ExtractedBody::Stream(_)) {
                if !has_duplex {
                    return Err(Exception::type_error(
                        "a request whose body is a stream needs duplex: \"half\"",
                    ));
                }
                self.check_stream_body()?;
            }
            // DEVIATION: the input's body counts as read, though it is not used, as the tests have it.
            if let Some(input) = input {
                input.disturb(realm)?;
            }
            return self.set_body(realm, body);
        }
        // 38. NOTE: `duplex` is asked for a new body only.
        let Some(input) = input else { return Ok(()) };
        if input.is_unusable(realm)? {
            return Err(body::unusable());
        }
        if input.is_without_source() {
            self.check_stream_body()?;
        }
        // 39. Else the input's, which is gone from there.
        if input.is_in_script() {
            let origin = input.origin();
            let object = Value::Object(Arc::clone(input) as ObjectRef);
            let proxy = body::held(realm.core("proxyBody", vec![object])?)?;
            return self.set_body_of(realm, proxy, origin);
        }
        let body = input.take_body(realm)?;
        self.state().request.body = body.map(|taken| taken.body);
        Ok(())
    }

    /// Steps 38.2 and 38.3 of the constructor.
    fn check_stream_body(&self) -> Result<(), Exception> {
        let mut state = self.state();
        // 38.2. It cannot be sent without asking first.
        if !matches!(state.request.mode, Mode::SameOrigin | Mode::Cors) {
            return Err(Exception::type_error(
                "a request whose body is a stream has the mode same-origin or cors",
            ));
        }
        // 38.3. So it is asked.
        state.request.use_cors_preflight = true;
        Ok(())
    }

    /// The request without its body.
    pub(crate) fn shape(&self) -> fetch::Request {
        let mut request = self.state().request.clone_without_body();
        request.header_list = self.headers.list();
        request
    }

    /// The request with its body, which is gone from here.
    pub(crate) fn take_request(self: &Arc<Self>, realm: &dyn Realm) -> Result<fetch::Request, Exception> {
        Ok(self.take_request_for(realm, &AbortedWith::default())?.0)
    }

    /// [`Self::take_request`], and what the abort of a fetch of it ends besides.
    pub(super) fn take_request_for(
        self: &Arc<Self>,
        realm: &dyn Realm,
        aborted_with: &AbortedWith,
    ) -> Result<(fetch::Request, BodyFailure), Exception> {
        let mut request = self.shape();
        let Some(taken) = self.take_body(realm)? else { return Ok((request, BodyFailure::default())) };
        taken.abort_with(aborted_with);
        request.body = Some(taken.body);
        Ok((request, taken.failure))
    }

    /// The signal, if it is one that may abort.
    pub(super) fn followed_signal(self: &Arc<Self>, realm: &dyn Realm) -> Result<Option<Held>, Exception> {
        let made = match &*self.signal_place() {
            Signal::Unmade => return Ok(None),
            Signal::Made(signal) => Some(signal.clone()),
            Signal::InSlots => None,
        };
        match made {
            Some(signal) => Ok(Some(signal)),
            None => RequestMethods::signal(self, realm).map(Some),
        }
    }
}

impl Input {
    /// Steps 1 to 6 of the constructor.
    fn new(input: RequestInfo, base: &url::Url) -> Result<Self, Exception> {
        match input {
            RequestInfo::UsvString(text) => {
                let url = url::Url::options().base_url(Some(base)).parse(&text).map_err(|_| {
                    Exception::type_error(format!("\"{}\" is not a URL", crate::shown(&text)))
                })?;
                if !url.username().is_empty() || url.password().is_some() {
                    return Err(Exception::type_error(format!(
                        "{} holds credentials",
                        crate::shown(url.as_str())
                    )));
                }
                Ok(Self { request: fetch::Request::new(url), fallback_mode: Some(Mode::Cors), object: None })
            }
            RequestInfo::Request(object) => {
                let object = request_of(&object)?;
                Ok(Self { request: object.shape(), fallback_mode: None, object: Some(object) })
            }
        }
    }
}

/// Whether no member is there.
fn is_empty(init: &RequestInit) -> bool {
    init.method.is_none()
        && init.headers.is_none()
        && init.body.is_none()
        && init.referrer.is_none()
        && init.referrer_policy.is_none()
        && init.mode.is_none()
        && init.credentials.is_none()
        && init.cache.is_none()
        && init.redirect.is_none()
        && init.integrity.is_none()
        && init.keepalive.is_none()
        && init.signal.is_none()
        && init.duplex.is_none()
        && init.priority.is_none()
        && init.window.is_undefined()
}

/// Steps 14 to 26 of the constructor.
fn apply(
    request: &mut fetch::Request,
    init: &mut RequestInit,
    fallback_mode: Option<Mode>,
    settings: &fetch::EnvironmentSettings,
) -> Result<(), Exception> {
    // 14. The referrer: none, the client, or a URL of this origin.
    if let Some(referrer) = init.referrer.take() {
        request.referrer = if referrer.is_empty() {
            Referrer::NoReferrer
        } else {
            let parsed = settings.api_base_url.join(&referrer).map_err(|_| {
                Exception::type_error(format!("the referrer \"{}\" is not a URL", crate::shown(&referrer)))
            })?;
            let is_client = parsed.scheme() == "about" && parsed.path() == "client";
            if is_client || !same_origin(&parsed.origin(), &settings.origin) {
                Referrer::Client
            } else {
                Referrer::Url(parsed)
            }
        };
    }
    // 15. How much of it is told.
    if let Some(policy) = init.referrer_policy {
        request.referrer_policy = keyword(Policy::from_keyword(policy.as_str()))?;
    }
    // 16.–18. The mode.
    let mode = match init.mode {
        Some(mode) => Some(keyword(Mode::from_keyword(mode.as_str()))?),
        None => fallback_mode,
    };
    match mode {
        Some(Mode::Navigate) => {
            return Err(Exception::type_error("a script cannot make a request that navigates"));
        }
        Some(mode) => request.mode = mode,
        None => {}
    }
    // 19.–20. Credentials and cache.
    if let Some(credentials) = init.credentials {
        request.credentials_mode = keyword(CredentialsMode::from_keyword(credentials.as_str()))?;
    }
    if let Some(cache) = init.cache {
        request.cache_mode = keyword(CacheMode::from_keyword(cache.as_str()))?;
    }
    // 21. The cache alone is asked only for what is of this origin.
    if request.cache_mode == CacheMode::OnlyIfCached && request.mode != Mode::SameOrigin {
        return Err(Exception::type_error("the cache mode only-if-cached needs the mode same-origin"));
    }
    // 22.–24. Redirects, integrity, keepalive.
    if let Some(redirect) = init.redirect {
        request.redirect_mode = keyword(RedirectMode::from_keyword(redirect.as_str()))?;
    }
    if let Some(integrity) = init.integrity.take() {
        request.integrity_metadata = integrity.into();
    }
    if let Some(keepalive) = init.keepalive {
        request.keepalive = keepalive;
    }
    // 25. The method.
    if let Some(method) = init.method.take() {
        let text = crate::shown(&String::from_utf8_lossy(&method));
        let parsed = Method::new(&*method)
            .map_err(|_| Exception::type_error(format!("\"{text}\" is not a method")))?;
        if is_forbidden_method(&method) {
            return Err(Exception::type_error(format!("the method {text} is not for scripts")));
        }
        request.method = parsed.normalized();
    }
    // 26. NOTE: the priority comes after the signal there, which is no different.
    if let Some(priority) = init.priority {
        request.priority = keyword(Priority::from_keyword(priority.as_str()))?;
    }
    Ok(())
}

/// The value of a keyword that IDL has let through.
fn keyword<T>(value: Option<T>) -> Result<T, Exception> {
    value.ok_or_else(|| Exception::type_error("the value is not known"))
}

impl RequestStatics for Request {
    fn construct(realm: &dyn Realm, input: RequestInfo, init: RequestInit) -> Result<ObjectRef, Exception> {
        Ok(Self::new(realm, input, init)?)
    }
}

impl RequestMethods for Request {
    fn method(self: &Arc<Self>, _: &dyn Realm) -> Result<ByteString, Exception> {
        Ok(self.state().request.method.as_str().into())
    }

    fn url(self: &Arc<Self>, _: &dyn Realm) -> Result<String, Exception> {
        Ok(self.state().request.url().to_string())
    }

    fn headers(self: &Arc<Self>, _: &dyn Realm) -> Result<ObjectRef, Exception> {
        Ok(Arc::clone(&self.headers) as ObjectRef)
    }

    fn destination(self: &Arc<Self>, _: &dyn Realm) -> Result<RequestDestination, Exception> {
        let destination = self.state().request.destination;
        Ok(RequestDestination::from_name(destination.as_str()).unwrap_or(RequestDestination::Empty))
    }

    /// <https://fetch.spec.whatwg.org/#dom-request-referrer>
    fn referrer(self: &Arc<Self>, _: &dyn Realm) -> Result<String, Exception> {
        Ok(match &self.state().request.referrer {
            Referrer::NoReferrer => String::new(),
            Referrer::Client => "about:client".to_owned(),
            Referrer::Url(url) => url.to_string(),
        })
    }

    fn referrer_policy(self: &Arc<Self>, _: &dyn Realm) -> Result<ReferrerPolicy, Exception> {
        let policy = self.state().request.referrer_policy;
        Ok(ReferrerPolicy::from_name(policy.as_str()).unwrap_or(ReferrerPolicy::Empty))
    }

    fn mode(self: &Arc<Self>, _: &dyn Realm) -> Result<RequestMode, Exception> {
        let mode = self.state().request.mode;
        // NOTE: no script ever holds a request whose mode has no name here.
        Ok(RequestMode::from_name(mode.as_str()).unwrap_or(RequestMode::SameOrigin))
    }

    fn credentials(self: &Arc<Self>, _: &dyn Realm) -> Result<RequestCredentials, Exception> {
        Ok(match self.state().request.credentials_mode {
            CredentialsMode::Omit => RequestCredentials::Omit,
            CredentialsMode::SameOrigin => RequestCredentials::SameOrigin,
            CredentialsMode::Include => RequestCredentials::Include,
        })
    }

    fn cache(self: &Arc<Self>, _: &dyn Realm) -> Result<RequestCache, Exception> {
        Ok(match self.state().request.cache_mode {
            CacheMode::Default => RequestCache::Default,
            CacheMode::NoStore => RequestCache::NoStore,
            CacheMode::Reload => RequestCache::Reload,
            CacheMode::NoCache => RequestCache::NoCache,
            CacheMode::ForceCache => RequestCache::ForceCache,
            CacheMode::OnlyIfCached => RequestCache::OnlyIfCached,
        })
    }

    fn redirect(self: &Arc<Self>, _: &dyn Realm) -> Result<RequestRedirect, Exception> {
        Ok(match self.state().request.redirect_mode {
            RedirectMode::Follow => RequestRedirect::Follow,
            RedirectMode::Error => RequestRedirect::Error,
            RedirectMode::Manual => RequestRedirect::Manual,
        })
    }

    fn integrity(self: &Arc<Self>, _: &dyn Realm) -> Result<DomString, Exception> {
        Ok(self.state().request.integrity_metadata.as_str().into())
    }

    fn keepalive(self: &Arc<Self>, _: &dyn Realm) -> Result<bool, Exception> {
        Ok(self.state().request.keepalive)
    }

    fn is_reload_navigation(self: &Arc<Self>, _: &dyn Realm) -> Result<bool, Exception> {
        Ok(self.state().request.reload_navigation)
    }

    fn is_history_navigation(self: &Arc<Self>, _: &dyn Realm) -> Result<bool, Exception> {
        Ok(self.state().request.history_navigation)
    }

    fn signal(self: &Arc<Self>, realm: &dyn Realm) -> Result<Held, Exception> {
        let before = std::mem::replace(&mut *self.signal_place(), Signal::InSlots);
        let object: ObjectRef = Arc::clone(self) as ObjectRef;
        if let Signal::Made(signal) = before {
            realm.core("setRequestSignal", vec![Value::Object(Arc::clone(&object)), Value::Held(signal)])?;
        }
        held(realm.core("requestSignal", vec![Value::Object(object)])?)
    }

    fn duplex(self: &Arc<Self>, _: &dyn Realm) -> Result<RequestDuplex, Exception> {
        Ok(RequestDuplex::Half)
    }

    /// <https://fetch.spec.whatwg.org/#dom-request-clone>
    fn clone(self: &Arc<Self>, realm: &dyn Realm) -> Result<ObjectRef, Exception> {
        // 1.–2. A body that is gone cannot be split.
        if self.is_unusable(realm)? {
            return Err(body::unusable());
        }
        let branch = if self.is_in_script() { Some(self.tee(realm)?) } else { None };
        let request = {
            let mut state = self.state();
            let mut request = state.request.clone();
            request.header_list = self.headers.list();
            request
        };
        // 3.–5. Its signal follows this one's.
        let signal = dependent_signal(realm, self.followed_signal(realm)?)?;
        let object = Self::create(request, self.headers.guard());
        *object.signal_place() = signal;
        if let Some(branch) = branch {
            object.set_body_of(realm, branch, self.origin())?;
        }
        Ok(object)
    }

    super::body_members!();
}

impl HasBody for Request {
    fn with_body<T>(&self, run: impl FnOnce(&mut Option<fetch::Body>, &mut BodyState) -> T) -> T {
        let mut state = self.state();
        let State { request, body } = &mut *state;
        run(&mut request.body, body)
    }

    fn aborted_with(&self) -> AbortedWith {
        AbortedWith::default()
    }

    fn kept(&self) -> Box<dyn std::any::Any + Send + Sync> {
        Box::new(())
    }

    fn header_list(&self) -> HeaderList {
        self.headers.list()
    }
}

/// A signal that follows another, if there is one to follow.
fn dependent_signal(realm: &dyn Realm, followed: Option<Held>) -> Result<Signal, Exception> {
    match followed {
        Some(signal) => {
            held(realm.core("createDependentSignal", vec![Value::Held(signal)])?).map(Signal::Made)
        }
        None => Ok(Signal::Unmade),
    }
}

fn held(value: Value) -> Result<Held, Exception> {
    match value {
        Value::Held(held) => Ok(held),
        _ => Err(Exception::type_error("no signal could be made")),
    }
}
