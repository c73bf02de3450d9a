//! <https://xhr.spec.whatwg.org/#interface-xmlhttprequest>

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, mpsc};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use futures::{FutureExt, StreamExt};
use longhaul::fetch::{
    self, BodyError, CredentialsMode, FetchController, FetchOptions, HeaderList, Method, MimeType, Mode,
    Response, is_forbidden_request_header, is_header_name, is_header_value, normalize_header_value,
};
use longhaul_idl::runtime::{
    AgentHandle, ByteString, DomString, Exception, Held, ObjectRef, Realm, RealmId, TaskSource, Value,
};
use longhaul_idl::{
    XMLHttpRequestBodyInit, XMLHttpRequestEventTargetMethods, XMLHttpRequestMethods,
    XMLHttpRequestResponseType as ResponseType, XMLHttpRequestSendBody, XMLHttpRequestStatics,
};
use tokio::sync::oneshot;
use url::Url;

use super::response_value;
use super::upload::Upload;
use crate::fetch::extract_bytes;
use crate::resource_timing::ResourceTiming;

/// The longest response that is kept.
const LONGEST: usize = 1 << 30;
/// Progress is told of at most so often.
const PROGRESS_EVERY: Duration = Duration::from_millis(50);

/// <https://xhr.spec.whatwg.org/#xmlhttprequest-state>
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum ReadyState {
    Unsent,
    Opened,
    HeadersReceived,
    Loading,
    Done,
}

/// What is sent, and its type.
fn extract(body: XMLHttpRequestSendBody) -> Result<(Bytes, Option<String>), Exception> {
    extract_bytes(match body {
        XMLHttpRequestSendBody::Document(document) => {
            let document = document.downcast::<crate::dom::node::Node>();
            let document = document.ok_or_else(|| Exception::type_error("the object is no document"))?;
            let is_html = document.document_data().is_some_and(|data| data.is_html());
            let text = crate::dom::serialize(&document, false, !is_html);
            let r#type = if is_html { "text/html;charset=UTF-8" } else { "application/xml;charset=UTF-8" };
            return Ok((Bytes::from(text), Some(r#type.to_owned())));
        }
        XMLHttpRequestSendBody::Blob(blob) => XMLHttpRequestBodyInit::Blob(blob),
        XMLHttpRequestSendBody::BufferSource(buffer) => XMLHttpRequestBodyInit::BufferSource(buffer),
        XMLHttpRequestSendBody::FormData(form) => XMLHttpRequestBodyInit::FormData(form),
        XMLHttpRequestSendBody::UrlSearchParams(params) => XMLHttpRequestBodyInit::UrlSearchParams(params),
        XMLHttpRequestSendBody::UsvString(text) => XMLHttpRequestBodyInit::UsvString(text),
    })
}

/// What came before the body.
#[derive(Clone, Default)]
struct Head {
    status: u16,
    status_message: Vec<u8>,
    headers: HeaderList,
    url: Option<Url>,
    has_body: bool,
}

struct State {
    ready: ReadyState,
    send: bool,
    upload_listener: bool,
    upload_complete: bool,
    method: Method,
    url: Option<Url>,
    author_headers: HeaderList,
    timeout: u32,
    cross_origin_credentials: bool,
    synchronous: bool,
    override_mime_type: Option<MimeType>,
    response_type: ResponseType,
    /// `None` is a network error.
    head: Option<Head>,
    received: BytesMut,
    response_object: Option<Option<Held>>,
    /// The document that it is, once script has asked for it.
    response_document: Option<Option<ObjectRef>>,
    controller: Option<FetchController>,
    /// Which fetch is meant: what belongs to an earlier one is passed over.
    generation: u64,
    /// Keeps the wrapper, whose listeners wait.
    kept: Option<Held>,
    started: Instant,
    last_progress: Option<Instant>,
    uploaded: u64,
    upload_length: u64,
}

/// <https://xhr.spec.whatwg.org/#xmlhttprequest>
pub(crate) struct XMLHttpRequest {
    state: Mutex<State>,
    upload: OnceLock<Arc<Upload>>,
}

longhaul_idl::platform_object!(XMLHttpRequest => longhaul_idl::xml_http_request);

impl XMLHttpRequestEventTargetMethods for XMLHttpRequest {}

/// Why there is no response.
#[derive(Clone, Copy)]
enum Failure {
    Network,
    Timeout,
    Abort,
}

impl Failure {
    fn event(self) -> &'static str {
        match self {
            Self::Network => "error",
            Self::Timeout => "timeout",
            Self::Abort => "abort",
        }
    }

    fn exception(self) -> Exception {
        match self {
            Self::Network => Exception::dom("NetworkError", "the request failed"),
            Self::Timeout => Exception::dom("TimeoutError", "the request took too long"),
            Self::Abort => Exception::dom("AbortError", "the request was aborted"),
        }
    }
}

fn invalid_state(why: &str) -> Exception {
    Exception::dom("InvalidStateError", why.to_owned())
}

fn is_window(realm: &dyn Realm) -> Result<bool, Exception> {
    Ok(crate::global_scope(realm)?.settings().is_window)
}

impl XMLHttpRequest {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn upload_object(&self) -> Arc<Upload> {
        Arc::clone(self.upload.get_or_init(Arc::default))
    }

    fn fire(self: &Arc<Self>, realm: &dyn Realm, name: &str) {
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

    fn own_progress(self: &Arc<Self>, realm: &dyn Realm, name: &str, loaded: u64, total: u64) {
        Self::progress(realm, Arc::clone(self) as ObjectRef, name, loaded, total);
    }

    fn upload_progress(self: &Arc<Self>, realm: &dyn Realm, name: &str, loaded: u64, total: u64) {
        Self::progress(realm, self.upload_object() as ObjectRef, name, loaded, total);
    }

    /// Changes the state and tells of it.
    fn become_ready(self: &Arc<Self>, realm: &dyn Realm, ready: ReadyState) {
        self.state().ready = ready;
        self.fire(realm, "readystatechange");
    }

    /// Whether a task still belongs to the fetch that runs.
    fn is_current(&self, generation: u64) -> bool {
        let state = self.state();
        state.generation == generation && state.send
    }

    /// <https://xhr.spec.whatwg.org/#dom-xmlhttprequest-open>
    fn open_request(
        self: &Arc<Self>,
        realm: &dyn Realm,
        method: &ByteString,
        url: &str,
        asynchronous: bool,
        credentials: [Option<String>; 2],
    ) -> Result<(), Exception> {
        let scope = crate::global_scope(realm)?;
        // 2.–4. The method.
        let method =
            Method::new(&method.0).map_err(|_| Exception::dom("SyntaxError", "that is no method"))?;
        if method.is_forbidden() {
            return Err(Exception::dom("SecurityError", "the method is forbidden"));
        }
        let method = method.normalized();
        // 5., 6. The URL.
        let mut url = scope
            .settings()
            .api_base_url
            .join(url)
            .map_err(|_| Exception::dom("SyntaxError", "that is no URL"))?;
        // 8. The author's credentials.
        let [username, password] = credentials;
        if url.host().is_some() {
            if let Some(username) = username {
                // It fails for a URL without a host only.
                let _ = url.set_username(&username);
            }
            if let Some(password) = password {
                let _ = url.set_password(Some(&password));
            }
        }
        let was_opened;
        {
            let mut state = self.state();
            // 9. What a page that blocks cannot have.
            if !asynchronous
                && scope.settings().is_window
                && (state.timeout != 0 || state.response_type != ResponseType::Empty)
            {
                return Err(Exception::dom(
                    "InvalidAccessError",
                    "a synchronous request of a page has no timeout and no response type",
                ));
            }
            // 10. What runs is over.
            if let Some(controller) = state.controller.take() {
                controller.terminate();
            }
            // 11. All begins anew.
            state.generation += 1;
            state.send = false;
            state.upload_listener = false;
            state.kept = None;
            state.method = method;
            state.url = Some(url);
            state.synchronous = !asynchronous;
            state.author_headers = HeaderList::new();
            state.head = None;
            state.received = BytesMut::new();
            state.response_object = None;
            state.response_document = None;
            was_opened = state.ready == ReadyState::Opened;
        }
        // 12.
        if !was_opened {
            self.become_ready(realm, ReadyState::Opened);
        }
        Ok(())
    }

    /// The request that `send()` makes, and the length of its body.
    fn request(
        &self,
        realm: &dyn Realm,
        body: Option<XMLHttpRequestSendBody>,
    ) -> Result<fetch::Request, Exception> {
        let settings = crate::global_scope(realm)?.settings().clone();
        let mut state = self.state();
        let url = state.url.clone().ok_or_else(|| invalid_state("the request is not opened"))?;
        // 3. These methods carry no body.
        let body = body.filter(|_| state.method != Method::GET && state.method != Method::HEAD);
        let mut request_body = None;
        // 4. The body and its type.
        if let Some(body) = body {
            // 4.2.–4.3. A document is a text, of its own type.
            let is_text =
                matches!(body, XMLHttpRequestSendBody::Document(_) | XMLHttpRequestSendBody::UsvString(_));
            let (bytes, r#type) = extract(body)?;
            let author = state.author_headers.get("Content-Type");
            match author {
                // 4.4. A text is UTF-8, whatever the author says.
                Some(author) if is_text => {
                    if let Ok(parsed) = MimeType::from_bytes(&author)
                        && parsed
                            .parameter("charset")
                            .is_some_and(|charset| !charset.eq_ignore_ascii_case("UTF-8"))
                    {
                        let corrected = with_utf8(&parsed);
                        state.author_headers.set("Content-Type", corrected.as_bytes());
                    }
                }
                Some(_) => {}
                None => {
                    if let Some(r#type) = r#type {
                        state.author_headers.set("Content-Type", r#type.as_bytes());
                    }
                }
            }
            request_body = Some(fetch::Body::from_bytes(bytes));
        }
        // 6. The request.
        let mut request = fetch::Request::new(url);
        request.method = state.method.clone();
        request.header_list = state.author_headers.clone();
        request.unsafe_request = true;
        request.client = Some(settings);
        request.mode = Mode::Cors;
        request.use_cors_preflight = state.upload_listener;
        request.credentials_mode = if state.cross_origin_credentials {
            CredentialsMode::Include
        } else {
            CredentialsMode::SameOrigin
        };
        request.use_url_credentials = true;
        request.initiator_type = Some("xmlhttprequest".to_owned());
        state.upload_length = request_body.as_ref().and_then(fetch::Body::length).unwrap_or(0);
        state.upload_complete = request_body.is_none();
        request.body = request_body;
        Ok(request)
    }

    /// <https://xhr.spec.whatwg.org/#request-error-steps>
    fn fail(self: &Arc<Self>, realm: &dyn Realm, failure: Failure) -> Result<(), Exception> {
        let (synchronous, upload) = {
            let mut state = self.state();
            // 1.–3.
            state.ready = ReadyState::Done;
            state.send = false;
            state.generation += 1;
            state.head = None;
            state.received = BytesMut::new();
            state.response_object = None;
            state.response_document = None;
            state.controller = None;
            let upload = !state.upload_complete && state.upload_listener;
            let synchronous = state.synchronous;
            if !synchronous {
                state.upload_complete = true;
            }
            (synchronous, upload)
        };
        // 4.
        if synchronous {
            self.state().kept = None;
            return Err(failure.exception());
        }
        // 5.–8. NOTE: a listener may open it anew; what is left is told of all the same.
        self.fire(realm, "readystatechange");
        if upload {
            self.upload_progress(realm, failure.event(), 0, 0);
            self.upload_progress(realm, "loadend", 0, 0);
        }
        self.own_progress(realm, failure.event(), 0, 0);
        self.own_progress(realm, "loadend", 0, 0);
        let mut state = self.state();
        if !state.send {
            state.kept = None;
        }
        Ok(())
    }

    /// <https://xhr.spec.whatwg.org/#handle-response-end-of-body>
    fn finish(self: &Arc<Self>, realm: &dyn Realm) {
        let (transmitted, length, synchronous) = {
            let mut state = self.state();
            let length = state.head.as_ref().map_or(0, |head| content_length(&head.headers));
            state.send = false;
            state.controller = None;
            (state.received.len() as u64, length, state.synchronous)
        };
        if !synchronous {
            self.own_progress(realm, "progress", transmitted, length);
        }
        self.become_ready(realm, ReadyState::Done);
        self.own_progress(realm, "load", transmitted, length);
        self.own_progress(realm, "loadend", transmitted, length);
        let mut state = self.state();
        if !state.send {
            state.kept = None;
        }
    }

    /// A piece of the response's body.
    fn receive(self: &Arc<Self>, realm: &dyn Realm, bytes: &Bytes) {
        let tell = {
            let mut state = self.state();
            state.received.extend_from_slice(bytes);
            let now = Instant::now();
            let due = state.last_progress.is_none_or(|last| now.duration_since(last) >= PROGRESS_EVERY);
            if due {
                state.last_progress = Some(now);
                if state.ready == ReadyState::HeadersReceived {
                    state.ready = ReadyState::Loading;
                }
            }
            due
        };
        if !tell {
            return;
        }
        self.fire(realm, "readystatechange");
        let (received, length) = {
            let state = self.state();
            (state.received.len() as u64, state.head.as_ref().map_or(0, |head| content_length(&head.headers)))
        };
        self.own_progress(realm, "progress", received, length);
    }

    /// Ends the request once its time is over.
    fn watch_time(self: &Arc<Self>, realm: &dyn Realm) {
        let (timeout, elapsed, generation) = {
            let state = self.state();
            (u64::from(state.timeout), state.started.elapsed(), state.generation)
        };
        if timeout == 0 {
            return;
        }
        let wait = Duration::from_millis(timeout).saturating_sub(elapsed);
        let (this, agent, id) = (Arc::clone(self), Arc::clone(realm.agent()), realm.id());
        realm.agent().spawn(
            async move {
                tokio::time::sleep(wait).await;
                let over = move |realm: &dyn Realm| {
                    let controller = {
                        let mut state = this.state();
                        let limit = Duration::from_millis(u64::from(state.timeout));
                        let is_over = state.timeout != 0 && state.started.elapsed() >= limit;
                        if state.generation != generation || !state.send || !is_over {
                            return;
                        }
                        state.controller.take()
                    };
                    if let Some(controller) = controller {
                        controller.terminate();
                    }
                    // It throws for synchronous requests only.
                    let _ = this.fail(realm, Failure::Timeout);
                };
                agent.queue_task(TaskSource::Networking, id, Box::new(over));
            }
            .boxed(),
        );
    }

    /// Step 10 of `send()`.
    fn send_asynchronously(
        self: &Arc<Self>,
        realm: &dyn Realm,
        request: fetch::Request,
    ) -> Result<(), Exception> {
        let controller = FetchController::new();
        let (generation, has_upload, upload_length) = {
            let mut state = self.state();
            state.controller = Some(controller.clone());
            (state.generation, !state.upload_complete && state.upload_listener, state.upload_length)
        };
        self.state().kept = Some(realm.hold(Value::Object(Arc::clone(self) as ObjectRef))?);
        // 10.1.–10.4. It begins; a listener may have ended it.
        self.own_progress(realm, "loadstart", 0, 0);
        if has_upload {
            self.upload_progress(realm, "loadstart", 0, upload_length);
        }
        if self.state().ready != ReadyState::Opened || !self.is_current(generation) {
            return Ok(());
        }
        let in_realm = InRealm {
            agent: Arc::clone(realm.agent()),
            id: realm.id(),
            request: Arc::clone(self),
            generation,
        };
        let mut options = FetchOptions { controller, ..FetchOptions::default() };
        let timing = ResourceTiming::new(realm, request.url(), "xmlhttprequest");
        if let Some(timing) = timing.clone() {
            options.process_response_end_of_body = Some(Box::new(move |at_end| timing.end(at_end)));
        }
        let on_chunk = in_realm.clone();
        options.process_request_body_chunk_length =
            Some(Box::new(move |length| on_chunk.run(move |request, realm| request.uploaded(realm, length))));
        let on_end = in_realm.clone();
        options.process_request_end_of_body =
            Some(Box::new(move || on_end.run(|request, realm| request.upload_ended(realm))));
        let fetching = crate::global_scope(realm)?.user_agent().fetch(request, options);
        let process = async move {
            let mut response = fetching.await;
            if let Some(timing) = timing {
                timing.head(&response);
            }
            let body = response.body.take();
            let head = head_of(&response, body.is_some());
            let Some(head) = head else {
                // NOTE: what `abort()` ends never comes here; what ends the whole document's fetches does.
                let failure = if response.aborted { Failure::Abort } else { Failure::Network };
                in_realm.run(move |request, realm| drop(request.fail(realm, failure)));
                return;
            };
            // 10.9. The head.
            in_realm.run(move |request, realm| {
                request.state().head = Some(head);
                request.become_ready(realm, ReadyState::HeadersReceived);
            });
            let mut total = 0_usize;
            if let Some(body) = body {
                let mut chunks = body.into_stream();
                loop {
                    match chunks.next().await {
                        None => break,
                        Some(Ok(bytes)) if bytes.len() <= LONGEST - total => {
                            total += bytes.len();
                            // NOTE: the next piece is asked for once this one has been taken, so that no more than one waits.
                            let (taken, taking) = oneshot::channel();
                            in_realm.run(move |request, realm| {
                                request.receive(realm, &bytes);
                                // It fails when the fetch is over.
                                let _ = taken.send(());
                            });
                            if taking.await.is_err() {
                                return;
                            }
                        }
                        // What is too long fails as what breaks off does.
                        Some(ended) => {
                            let is_aborted = matches!(ended, Err(BodyError::Aborted));
                            let failure = if is_aborted { Failure::Abort } else { Failure::Network };
                            in_realm.run(move |request, realm| drop(request.fail(realm, failure)));
                            return;
                        }
                    }
                }
            }
            in_realm.run(|request, realm| request.finish(realm));
        };
        realm.agent().spawn(process.boxed());
        self.watch_time(realm);
        Ok(())
    }

    /// Step 11 of `send()`: nothing else runs in the agent meanwhile.
    fn send_synchronously(
        self: &Arc<Self>,
        realm: &dyn Realm,
        request: fetch::Request,
    ) -> Result<(), Exception> {
        let scope = crate::global_scope(realm)?;
        let controller = FetchController::new();
        let mut options = FetchOptions { controller: controller.clone(), ..FetchOptions::default() };
        let timing = ResourceTiming::new(realm, request.url(), "xmlhttprequest");
        if let Some(timing) = timing.clone() {
            options.process_response_end_of_body = Some(Box::new(move |at_end| timing.end(at_end)));
        }
        let fetching = scope.user_agent().fetch(request, options);
        let (sender, receiver) = mpsc::channel();
        realm.agent().spawn(
            async move {
                let mut response = fetching.await;
                if let Some(timing) = timing {
                    timing.head(&response);
                }
                let body = response.body.take();
                let head = head_of(&response, body.is_some());
                let bytes = match body {
                    Some(body) => body.read_all(Some(LONGEST)).await.ok(),
                    None => Some(Bytes::new()),
                };
                // It fails when nobody waits any more.
                let _ = sender.send(head.zip(bytes));
            }
            .boxed(),
        );
        let timeout = self.state().timeout;
        let answer = if timeout == 0 {
            receiver.recv().map_err(|_| Failure::Network)
        } else {
            receiver.recv_timeout(Duration::from_millis(timeout.into())).map_err(|error| match error {
                mpsc::RecvTimeoutError::Timeout => Failure::Timeout,
                mpsc::RecvTimeoutError::Disconnected => Failure::Network,
            })
        };
        match answer.and_then(|answer| answer.ok_or(Failure::Network)) {
            Ok((head, bytes)) => {
                {
                    let mut state = self.state();
                    state.head = Some(head);
                    state.received = BytesMut::from(&*bytes);
                }
                self.finish(realm);
                Ok(())
            }
            Err(failure) => {
                controller.terminate();
                self.fail(realm, failure)
            }
        }
    }

    /// A piece of the request's body was sent.
    fn uploaded(self: &Arc<Self>, realm: &dyn Realm, length: u64) {
        let (sent, total) = {
            let mut state = self.state();
            state.uploaded += length;
            let now = Instant::now();
            let due = state.last_progress.is_none_or(|last| now.duration_since(last) >= PROGRESS_EVERY);
            if !due || !state.upload_listener {
                return;
            }
            state.last_progress = Some(now);
            (state.uploaded, state.upload_length)
        };
        self.upload_progress(realm, "progress", sent, total);
    }

    /// The request's body was sent.
    fn upload_ended(self: &Arc<Self>, realm: &dyn Realm) {
        let (sent, total) = {
            let mut state = self.state();
            state.upload_complete = true;
            state.last_progress = None;
            if !state.upload_listener {
                return;
            }
            (state.uploaded, state.upload_length)
        };
        for name in ["progress", "load", "loadend"] {
            self.upload_progress(realm, name, sent, total);
        }
    }
}

/// Where the tasks of one fetch run.
#[derive(Clone)]
struct InRealm {
    agent: Arc<dyn AgentHandle>,
    id: RealmId,
    request: Arc<XMLHttpRequest>,
    generation: u64,
}

impl InRealm {
    /// Queues a task, which is passed over when another fetch has taken this one's place.
    fn run(&self, steps: impl FnOnce(&Arc<XMLHttpRequest>, &dyn Realm) + Send + 'static) {
        let (request, generation) = (Arc::clone(&self.request), self.generation);
        let task = move |realm: &dyn Realm| {
            if request.is_current(generation) {
                steps(&request, realm);
            }
        };
        self.agent.queue_task(TaskSource::Networking, self.id, Box::new(task));
    }
}

fn head_of(response: &Response, has_body: bool) -> Option<Head> {
    if response.is_network_error() {
        return None;
    }
    Some(Head {
        status: response.status,
        status_message: response.status_message.clone(),
        headers: response.header_list.clone(),
        url: response.url().cloned(),
        has_body,
    })
}

fn content_length(headers: &HeaderList) -> u64 {
    headers.extract_length().ok().flatten().unwrap_or(0)
}

/// A MIME type whose charset is UTF-8.
fn with_utf8(mime_type: &MimeType) -> String {
    let mut text = mime_type.essence().to_owned();
    for (name, value) in mime_type.parameters() {
        let value = if name == "charset" { "UTF-8" } else { value };
        let is_token = !value.is_empty() && value.bytes().all(|byte| fetch::is_token(&[byte]));
        let value = if is_token {
            value.to_owned()
        } else {
            format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
        };
        text.push_str(&format!(";{name}={value}"));
    }
    text
}

impl XMLHttpRequestStatics for XMLHttpRequest {
    fn construct(_: &dyn Realm) -> Result<ObjectRef, Exception> {
        Ok(Arc::new(Self {
            state: Mutex::new(State {
                ready: ReadyState::Unsent,
                send: false,
                upload_listener: false,
                upload_complete: true,
                method: Method::GET,
                url: None,
                author_headers: HeaderList::new(),
                timeout: 0,
                cross_origin_credentials: false,
                synchronous: false,
                override_mime_type: None,
                response_type: ResponseType::Empty,
                head: None,
                received: BytesMut::new(),
                response_object: None,
                response_document: None,
                controller: None,
                generation: 0,
                kept: None,
                started: Instant::now(),
                last_progress: None,
                uploaded: 0,
                upload_length: 0,
            }),
            upload: OnceLock::new(),
        }))
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
            state.head = None;
            state.received = BytesMut::new();
            state.response_object = None;
            state.response_document = None;
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

impl XMLHttpRequest {
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
}
