//! <https://html.spec.whatwg.org/#the-eventsource-interface>

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::{FutureExt, StreamExt};
use longhaul::UserAgent;
use longhaul::fetch::{
    self, CacheMode, CredentialsMode, EnvironmentSettings, FetchController, FetchOptions, MimeType, Mode,
    NetworkError,
};
use longhaul_idl::runtime::{
    AgentHandle, Dictionary, Exception, Held, ObjectRef, Realm, RealmId, TaskSource, Value,
};
use longhaul_idl::{EventSourceInit, EventSourceMethods, EventSourceStatics};
use tokio::sync::oneshot;
use url::Url;

use super::event_stream::{EventStream, StreamEvent};

/// How long to wait before the first reconnection, unless the stream says otherwise.
const RECONNECTION_TIME: Duration = Duration::from_secs(2);

/// <https://html.spec.whatwg.org/#dom-eventsource-readystate>
#[derive(Clone, Copy, PartialEq, Eq)]
enum ReadyState {
    Connecting,
    Open,
    Closed,
}

struct State {
    ready: ReadyState,
    controller: FetchController,
    /// Keeps the wrapper, whose listeners wait, until the source is closed.
    kept: Option<Held>,
}

/// <https://html.spec.whatwg.org/#eventsource>
pub(crate) struct EventSource {
    url: Url,
    with_credentials: bool,
    state: Mutex<State>,
}

longhaul_idl::platform_object!(EventSource => longhaul_idl::event_source);

impl EventSource {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Somebody listens: the wrapper, which has the listeners, lives until the source is closed.
    ///
    /// <https://html.spec.whatwg.org/#garbage-collection-2>
    pub(crate) fn keep(self: &Arc<Self>, realm: &dyn Realm) -> Result<(), Exception> {
        if self.state().ready == ReadyState::Closed {
            return Ok(());
        }
        let held = realm.hold(Value::Object(Arc::clone(self) as ObjectRef))?;
        let before = self.state().kept.replace(held);
        drop(before);
        Ok(())
    }

    fn fire(self: &Arc<Self>, realm: &dyn Realm, name: &str) {
        if let Err(exception) = crate::fire_event(realm, Arc::clone(self) as ObjectRef, name) {
            realm.report_exception(exception);
        }
    }

    /// <https://html.spec.whatwg.org/#announce-the-connection>
    fn announce(self: &Arc<Self>, realm: &dyn Realm) {
        {
            let mut state = self.state();
            if state.ready == ReadyState::Closed {
                return;
            }
            state.ready = ReadyState::Open;
        }
        self.fire(realm, "open");
    }

    /// <https://html.spec.whatwg.org/#fail-the-connection>
    fn fail(self: &Arc<Self>, realm: &dyn Realm) {
        let kept = {
            let mut state = self.state();
            if state.ready == ReadyState::Closed {
                return;
            }
            state.ready = ReadyState::Closed;
            state.kept.take()
        };
        self.fire(realm, "error");
        drop(kept);
    }

    /// <https://html.spec.whatwg.org/#dispatchMessage>, its last steps.
    fn dispatch(self: &Arc<Self>, realm: &dyn Realm, event: StreamEvent, origin: String) {
        if self.state().ready == ReadyState::Closed {
            return;
        }
        let init = Dictionary::new()
            .with("data", event.data)
            .with("origin", origin)
            .with("lastEventId", event.last_event_id)
            .with("source", Value::Null)
            .with("ports", Value::FrozenArray(Vec::new()));
        let args = vec![
            Value::Object(Arc::clone(self) as ObjectRef),
            Value::String(event.r#type.into()),
            Value::String("MessageEvent".into()),
            Value::Dictionary(init),
        ];
        if let Err(exception) = realm.core("fireEvent", args) {
            realm.report_exception(exception);
        }
    }
}

/// What the connections of one source need off the agent's thread.
struct Connections {
    source: Arc<EventSource>,
    agent: Arc<dyn AgentHandle>,
    realm: RealmId,
    user_agent: UserAgent,
    settings: Arc<EnvironmentSettings>,
}

/// How a connection ended.
enum End {
    /// It is tried again.
    Lost,
    /// It is not.
    Failed,
}

impl Connections {
    /// Runs steps in the realm and waits for them. `false` when the realm is gone.
    async fn run(&self, steps: impl FnOnce(&Arc<EventSource>, &dyn Realm) + Send + 'static) -> bool {
        let (done, doing) = oneshot::channel();
        let source = Arc::clone(&self.source);
        let task = move |realm: &dyn Realm| {
            steps(&source, realm);
            // It fails when the connections have ended.
            let _ = done.send(());
        };
        self.agent.queue_task(TaskSource::Networking, self.realm, Box::new(task));
        doing.await.is_ok()
    }

    fn request(&self, last_event_id: &str) -> fetch::Request {
        let mut request = fetch::Request::new(self.source.url.clone());
        request.client = Some(Arc::clone(&self.settings));
        request.mode = Mode::Cors;
        request.credentials_mode =
            if self.source.with_credentials { CredentialsMode::Include } else { CredentialsMode::SameOrigin };
        request.use_url_credentials = true;
        request.cache_mode = CacheMode::NoStore;
        request.initiator_type = Some("other".to_owned());
        request.header_list.append("Accept", "text/event-stream");
        if !last_event_id.is_empty() {
            request.header_list.append("Last-Event-ID", last_event_id);
        }
        request
    }

    /// One connection, from its request to its end.
    async fn connect(&self, stream: &mut EventStream) -> End {
        let controller = {
            let mut state = self.source.state();
            if state.ready == ReadyState::Closed {
                return End::Failed;
            }
            state.controller = FetchController::new();
            state.controller.clone()
        };
        let options = FetchOptions { controller, ..FetchOptions::default() };
        let mut response = self.user_agent.fetch(self.request(&stream.last_event_id), options).await;
        // 15. What it may be.
        if let Some(reason) = response.reason() {
            // NOTE: what is forbidden, or no address of a server, is so the next time too.
            let is_passing = matches!(reason, NetworkError::Connection { .. } | NetworkError::Offline);
            return if is_passing && !response.aborted { End::Lost } else { End::Failed };
        }
        let is_stream = MimeType::extract(&response.header_list)
            .is_some_and(|mime_type| mime_type.essence() == "text/event-stream");
        if response.status != 200 || !is_stream {
            return End::Failed;
        }
        let origin = response.url().map_or_else(String::new, |url| url.origin().ascii_serialization());
        let Some(body) = response.body.take() else { return End::Lost };
        if !self.run(|source, realm| source.announce(realm)).await {
            return End::Failed;
        }
        let mut chunks = body.into_stream();
        while let Some(Ok(bytes)) = chunks.next().await {
            let Ok(events) = stream.push(&bytes) else { return End::Failed };
            for event in events {
                let origin = origin.clone();
                if !self.run(move |source, realm| source.dispatch(realm, event, origin)).await {
                    return End::Failed;
                }
            }
        }
        End::Lost
    }

    /// Connects again and again, until the source is closed.
    async fn keep_connected(self) {
        let (mut last_event_id, mut wait) = (String::new(), RECONNECTION_TIME);
        loop {
            let mut stream = EventStream::new(std::mem::take(&mut last_event_id));
            let end = self.connect(&mut stream).await;
            last_event_id = stream.last_event_id;
            wait = stream.reconnection_time.unwrap_or(wait);
            if matches!(end, End::Failed) {
                self.run(|source, realm| source.fail(realm)).await;
                return;
            }
            // <https://html.spec.whatwg.org/#reestablish-the-connection>
            let told = self.run(|source, realm| {
                {
                    let mut state = source.state();
                    if state.ready == ReadyState::Closed {
                        return;
                    }
                    state.ready = ReadyState::Connecting;
                }
                source.fire(realm, "error");
            });
            if !told.await || self.source.state().ready == ReadyState::Closed {
                return;
            }
            tokio::time::sleep(wait).await;
            if self.source.state().ready != ReadyState::Connecting {
                return;
            }
        }
    }
}

impl EventSourceStatics for EventSource {
    /// <https://html.spec.whatwg.org/#dom-eventsource>
    fn construct(realm: &dyn Realm, url: String, init: EventSourceInit) -> Result<ObjectRef, Exception> {
        let scope = crate::global_scope(realm)?;
        let settings = scope.settings().clone();
        let url =
            settings.api_base_url.join(&url).map_err(|_| Exception::dom("SyntaxError", "that is no URL"))?;
        let source = Arc::new(Self {
            url,
            with_credentials: init.with_credentials,
            state: Mutex::new(State {
                ready: ReadyState::Connecting,
                controller: FetchController::new(),
                kept: None,
            }),
        });
        let connections = Connections {
            source: Arc::clone(&source),
            agent: Arc::clone(realm.agent()),
            realm: realm.id(),
            user_agent: scope.user_agent().clone(),
            settings,
        };
        realm.agent().spawn(connections.keep_connected().boxed());
        Ok(source)
    }
}

impl EventSourceMethods for EventSource {
    fn url(self: &Arc<Self>, _: &dyn Realm) -> Result<String, Exception> {
        Ok(self.url.to_string())
    }

    fn with_credentials(self: &Arc<Self>, _: &dyn Realm) -> Result<bool, Exception> {
        Ok(self.with_credentials)
    }

    fn ready_state(self: &Arc<Self>, _: &dyn Realm) -> Result<u16, Exception> {
        Ok(self.state().ready as u16)
    }

    /// <https://html.spec.whatwg.org/#dom-eventsource-close>
    fn close(self: &Arc<Self>, _: &dyn Realm) -> Result<(), Exception> {
        let kept = {
            let mut state = self.state();
            state.ready = ReadyState::Closed;
            state.controller.abort(None);
            state.kept.take()
        };
        drop(kept);
        Ok(())
    }
}
