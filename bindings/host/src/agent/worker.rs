//! The agents of workers: <https://html.spec.whatwg.org/#run-a-worker>.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use bytes::Bytes;
use futures::future::BoxFuture;
use longhaul::UserAgent;
use longhaul::fetch::{
    CredentialsMode, Destination, EnvironmentSettings, FetchOptions, Mode, ParserMetadata, PolicyContainer,
    ReferrerPolicy, Request, RequestOrigin,
};
use longhaul::service_worker::ClientKind;
use longhaul_dom::{
    ConsoleSink, DedicatedWorkerGlobal, GlobalOptions, ModuleMap, ModuleMapOptions, PortEnd,
    SharedWorkerGlobal, WorkerControl, WorkerError, WorkerEvents, WorkerHost, WorkerModule, WorkerOptions,
    WorkerRequest, WorkerThread,
};
use longhaul_idl::runtime::{
    Exposure, ModuleLoader as _, ModuleState, ModuleType, ObjectRef, Realm, RealmId, TaskSource,
};
use longhaul_quickjs::{RealmOptions, ScriptError, ScriptErrorKind};
use tokio::runtime::Handle;
use tokio::sync::watch;
use url::Url;

use super::event_loop::{Agent, AgentEnd, AgentLimits, Shared};
use super::listeners::Listeners;
use super::window::client_id;

/// The largest script that is loaded.
const LIMIT: usize = 64 << 20;
/// How many workers one agent may have: each is a thread.
const MOST: usize = 512;

/// What workers are made with.
#[derive(Clone)]
pub struct WorkerAgents {
    /// Who fetches.
    pub user_agent: UserAgent,
    /// What each worker may use up.
    pub limits: AgentLimits,
    /// What carries to workers what their scripts listen to.
    pub listeners: Listeners,
    /// Where their consoles go.
    pub console: Arc<dyn ConsoleSink>,
    /// Told of each exception that nobody dealt with, a line.
    pub on_error: Arc<dyn Fn(String) + Send + Sync>,
    /// Runs what they wait for.
    pub runtime: Handle,
}

impl WorkerAgents {
    /// The host of the workers that an agent's scripts make.
    pub fn for_agent(self, agent: &Agent) -> Arc<dyn WorkerHost> {
        Arc::new(AgentWorkers { agents: self, owner: Arc::downgrade(&agent.shared), above: None })
    }
}

struct AgentWorkers {
    agents: WorkerAgents,
    owner: Weak<Shared>,
    /// Who hears of what the agent, itself a worker, does not deal with.
    above: Option<Arc<dyn WorkerEvents>>,
}

impl WorkerHost for AgentWorkers {
    fn start_dedicated(
        &self,
        request: WorkerRequest,
        inside: PortEnd,
        events: Arc<dyn WorkerEvents>,
    ) -> Arc<dyn WorkerControl> {
        let running = Arc::new(Running::default());
        let start = start(
            self.agents.clone(),
            request,
            Kind::Dedicated(inside),
            events,
            Arc::clone(&running),
            self.owner.clone(),
        );
        self.spawn(start);
        Arc::new(Control { running, _shared: None })
    }

    fn connect_shared(
        &self,
        request: WorkerRequest,
        port: PortEnd,
        events: Arc<dyn WorkerEvents>,
    ) -> Arc<dyn WorkerControl> {
        let workers = self.agents.user_agent.extension::<SharedWorkers>();
        let key = SharedKey {
            storage_key: request.owner.storage_key.clone(),
            url: request.url.to_string(),
            name: request.name.to_string(),
        };
        let mut known = workers.lock();
        known.retain(|_, shared| shared.strong_count() > 0);
        let existing = known.get(&key).and_then(Weak::upgrade).filter(|shared| !shared.running.is_over());
        if let Some(shared) = existing {
            drop(known);
            // 10.4. The same worker must have been asked for in the same way.
            if shared.is_module != request.is_module || shared.credentials != request.credentials {
                events.failed("a shared worker of that name has another type or credentials mode");
                return Arc::new(Control { running: Arc::default(), _shared: None });
            }
            shared.running.adopt(&self.owner);
            shared.connect(port, events);
            return Arc::new(Control { running: Arc::default(), _shared: Some(shared) });
        }
        let shared = Arc::new(SharedAgent {
            is_module: request.is_module,
            credentials: request.credentials,
            running: Arc::default(),
            state: Mutex::new(SharedState { ports: vec![port], realm: None, owners: vec![events] }),
        });
        known.insert(key, Arc::downgrade(&shared));
        drop(known);
        let events = Arc::new(SharedEvents(Arc::downgrade(&shared)));
        let running = Arc::clone(&shared.running);
        let kind = Kind::Shared(Arc::downgrade(&shared));
        let start = start(self.agents.clone(), request, kind, events, running, self.owner.clone());
        // NOTE: it goes on when the first owner does not; who owns it waits for it.
        let starting = self.agents.runtime.spawn(start);
        self.spawn(async move {
            // A panic of the task is printed by the panic hook.
            let _ = starting.await;
        });
        Arc::new(Control { running: Arc::default(), _shared: Some(shared) })
    }

    fn uncaught(&self, error: WorkerError) {
        match &self.above {
            Some(above) => above.error(error),
            None => {
                (self.agents.on_error)(format!("{}:{}: {}", error.filename, error.line, error.message));
            }
        }
    }

    fn not_started(&self, reason: &str) {
        (self.agents.on_error)(reason.to_owned());
    }
}

impl AgentWorkers {
    /// Runs a start as work of the owner, which waits for it.
    fn spawn(&self, start: impl Future<Output = ()> + Send + 'static) {
        use longhaul_idl::runtime::AgentHandle as _;
        if let Some(owner) = self.owner.upgrade() {
            owner.spawn(Box::pin(start));
        }
    }
}

/// A worker that is started, runs, or is over.
struct Running {
    agent: Mutex<Option<Agent>>,
    /// Whether somebody wants it to end.
    ended: watch::Sender<bool>,
}

impl Default for Running {
    fn default() -> Self {
        Running { agent: Mutex::default(), ended: watch::Sender::new(false) }
    }
}

impl Running {
    fn lock(&self) -> MutexGuard<'_, Option<Agent>> {
        self.agent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn terminate(&self) {
        self.ended.send_replace(true);
        let agent = self.lock().take();
        // NOTE: its end ends the agent, outside the lock.
        drop(agent);
    }

    fn is_over(&self) -> bool {
        *self.ended.borrow() || self.lock().as_ref().is_some_and(|agent| !agent.alive())
    }

    /// The owner is not idle before the worker is.
    fn adopt(&self, owner: &Weak<Shared>) {
        if let (Some(agent), Some(owner)) = (&*self.lock(), owner.upgrade()) {
            owner.adopt(&agent.shared);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.terminate();
    }
}

struct Control {
    running: Arc<Running>,
    /// Kept: a shared worker ends with its last owner.
    _shared: Option<Arc<SharedAgent>>,
}

impl WorkerControl for Control {
    fn terminate(&self) {
        self.running.terminate();
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        self.running.terminate();
    }
}

/// The shared workers of a user agent.
#[derive(Default)]
struct SharedWorkers(Mutex<HashMap<SharedKey, Weak<SharedAgent>>>);

impl SharedWorkers {
    fn lock(&self) -> MutexGuard<'_, HashMap<SharedKey, Weak<SharedAgent>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(PartialEq, Eq, Hash)]
struct SharedKey {
    storage_key: String,
    url: String,
    name: String,
}

struct SharedAgent {
    is_module: bool,
    credentials: CredentialsMode,
    running: Arc<Running>,
    state: Mutex<SharedState>,
}

struct SharedState {
    /// Ports that wait for the script.
    ports: Vec<PortEnd>,
    /// The realm, once the script has run.
    realm: Option<RealmId>,
    owners: Vec<Arc<dyn WorkerEvents>>,
}

impl SharedAgent {
    fn lock(&self) -> MutexGuard<'_, SharedState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn connect(&self, port: PortEnd, events: Arc<dyn WorkerEvents>) {
        let mut state = self.lock();
        state.owners.push(events);
        match state.realm {
            Some(realm) => {
                drop(state);
                self.fire_connect(realm, port);
            }
            None => state.ports.push(port),
        }
    }

    fn fire_connect(&self, realm: RealmId, port: PortEnd) {
        if let Some(agent) = &*self.running.lock() {
            // Nobody waits for what it gives.
            drop(agent.queue(TaskSource::Dom, realm, move |realm| {
                if let Err(exception) = longhaul_dom::fire_connect(realm, port) {
                    realm.report_exception(exception);
                }
            }));
        }
    }

    fn ready(&self, realm: RealmId) {
        let ports = {
            let mut state = self.lock();
            state.realm = Some(realm);
            std::mem::take(&mut state.ports)
        };
        for port in ports {
            self.fire_connect(realm, port);
        }
    }
}

impl Drop for SharedAgent {
    fn drop(&mut self) {
        self.running.terminate();
    }
}

/// A shared worker tells all who own it.
struct SharedEvents(Weak<SharedAgent>);

impl SharedEvents {
    fn each(&self, tell: impl Fn(&dyn WorkerEvents)) {
        let owners = self.0.upgrade().map(|shared| shared.lock().owners.clone()).unwrap_or_default();
        for owner in owners {
            tell(&*owner);
        }
    }
}

impl WorkerEvents for SharedEvents {
    fn failed(&self, reason: &str) {
        self.each(|owner| owner.failed(reason));
    }

    fn error(&self, error: WorkerError) {
        self.each(|owner| owner.error(error.clone()));
    }

    fn ended(&self) {
        self.each(|owner| owner.ended());
    }
}

enum Kind {
    Dedicated(PortEnd),
    Shared(Weak<SharedAgent>),
}

impl Kind {
    /// What its script is fetched as.
    fn destination(&self) -> Destination {
        match self {
            Kind::Dedicated(_) => Destination::Worker,
            Kind::Shared(_) => Destination::SharedWorker,
        }
    }
}

/// A script that came, with the settings it made.
struct Loaded {
    text: String,
    url: Url,
    environment: Arc<EnvironmentSettings>,
    referrer_policy: ReferrerPolicy,
}

/// <https://html.spec.whatwg.org/#run-a-worker>, from step 12.
async fn start(
    agents: WorkerAgents,
    request: WorkerRequest,
    kind: Kind,
    events: Arc<dyn WorkerEvents>,
    running: Arc<Running>,
    owner: Weak<Shared>,
) {
    let mut ended = running.ended.subscribe();
    // 12. The script.
    let loading = async {
        let loaded = load(&agents.user_agent, &request, kind.destination()).await?;
        let modules = load_modules(&agents.user_agent, &request, kind.destination(), &loaded).await?;
        Ok::<_, String>((loaded, modules))
    };
    let loaded = tokio::select! {
        // The sender lives as long as `running`.
        _ = ended.wait_for(|ended| *ended) => return,
        loaded = loading => loaded,
    };
    let (loaded, modules) = match loaded {
        Ok(loaded) => loaded,
        Err(reason) => {
            running.ended.send_replace(true);
            events.failed(&format!("{}: {reason}", request.url));
            events.ended();
            return;
        }
    };
    if let Err(reason) = run(agents, request, kind, (loaded, modules), &events, &running, &owner).await {
        running.terminate();
        events.failed(&reason);
        events.ended();
    }
}

/// The agent, its realm, and the script in it.
async fn run(
    agents: WorkerAgents,
    request: WorkerRequest,
    kind: Kind,
    (loaded, modules): (Loaded, Arc<ModuleMap>),
    events: &Arc<dyn WorkerEvents>,
    running: &Arc<Running>,
    owner: &Weak<Shared>,
) -> Result<(), String> {
    let Loaded { text, url, environment, .. } = loaded;
    let Some(owner) = owner.upgrade() else { return Ok(()) };
    if owner.workers() >= MOST {
        return Err(format!("{url}: an agent can have no more than {MOST} workers"));
    }
    let name = if matches!(kind, Kind::Dedicated(_)) { "worker" } else { "shared worker" };
    let agent = Agent::start(name, agents.limits, agents.runtime.clone(), agents.listeners.clone())
        .map_err(|end| end.to_string())?;
    owner.adopt(&agent.shared);
    let realm = RealmId::next();
    let thread: Arc<dyn WorkerThread> = Arc::new(Thread(Arc::clone(&agent.shared)));
    let options = GlobalOptions {
        user_agent: agents.user_agent.clone(),
        environment: Arc::clone(&environment),
        console: agents.console.clone(),
        timers: agent.timers(),
        workers: Some(Arc::new(AgentWorkers {
            agents: agents.clone(),
            owner: Arc::downgrade(&agent.shared),
            above: Some(Arc::clone(events)),
        })),
    };
    // <https://html.spec.whatwg.org/#report-an-exception>: a dedicated worker's owner hears of it, those of a shared one do not.
    let of_realm = matches!(kind, Kind::Dedicated(_)).then(|| Arc::clone(events));
    let on_error = agents.on_error.clone();
    let handle = agent.handle();
    let secure_context = environment.secure_context;
    let (is_module, asked) = (request.is_module, request.url);
    let worker = WorkerOptions { url: url.clone(), name: request.name, is_module, thread };
    let shared = match &kind {
        Kind::Shared(shared) => Some(shared.clone()),
        Kind::Dedicated(_) => None,
    };
    // The worker is a client that service workers may control from here on.
    let service_workers = agents.user_agent.service_workers();
    let client_kind = match &kind {
        Kind::Dedicated(_) => ClientKind::DedicatedWorker,
        Kind::Shared(_) => ClientKind::SharedWorker,
    };
    match url.scheme() {
        // A script that no service worker was asked for: its owner's controls it.
        "blob" => service_workers.register_inheriting_client(
            Arc::clone(&environment),
            client_kind,
            None,
            &request.owner.id,
        ),
        _ => service_workers.register_client_as(Arc::clone(&environment), client_kind, None),
    };
    let ended = agent.watch_end();
    let (of_end, user_agent, tell) = (Arc::clone(events), agents.user_agent.clone(), agents.on_error.clone());
    let (client, place) = (environment, url.clone());
    agents.runtime.spawn(async move {
        let end = ended.await;
        user_agent.service_workers().unregister_client(&client.id);
        user_agent.object_urls().environment_ended(&client);
        user_agent.services().forget_reports(&client.id);
        client.fetch_group.terminate(user_agent.services());
        if end != AgentEnd::Terminated {
            tell(format!("{place}: {end}"));
        }
        of_end.ended();
    });
    let started = agent.job(move |engine| {
        let (global, exposure, dedicated): (ObjectRef, _, _) = match kind {
            Kind::Dedicated(inside) => {
                let global = DedicatedWorkerGlobal::new(options, worker, inside);
                (global.clone(), Exposure::DedicatedWorker, Some(global))
            }
            Kind::Shared(_) => (SharedWorkerGlobal::new(options, worker), Exposure::SharedWorker, None),
        };
        let created = engine.create_realm(RealmOptions {
            bindings: longhaul_dom::bindings(),
            core: longhaul_dom::core(),
            global,
            exposure,
            secure_context,
            agent: handle,
            id: realm,
            on_error: error_sink(of_realm, on_error, url.clone()),
            modules: Some(modules),
        });
        created.map_err(|error| format!("{url}: {error}"))?;
        let obey = |realm: &dyn Realm| {
            if let Err(exception) = longhaul_dom::obey_policies(realm) {
                realm.report_exception(exception);
            }
        };
        engine.run_task(realm, Box::new(obey));
        // 13. The script; what it throws has been reported.
        let _ = match is_module {
            false => engine.evaluate_script(realm, text.as_bytes(), url.as_str()).map(drop),
            true => engine.import_module(realm, asked.as_str()),
        };
        // 14.–15. Messages come in from here on.
        if let Some(global) = dedicated {
            engine.run_task(realm, Box::new(move |realm| global.enable_messages(realm)));
        }
        Ok::<_, String>(())
    });
    // From here on whoever terminates the worker ends the agent.
    let over = {
        let mut place = running.lock();
        match *running.ended.borrow() {
            true => Some(agent),
            false => place.replace(agent),
        }
    };
    drop(over);
    match started.await {
        Some(Ok(())) => {
            if let Some(shared) = shared.and_then(|shared| shared.upgrade()) {
                shared.ready(realm);
            }
            Ok(())
        }
        Some(Err(reason)) => Err(reason),
        // Its end is told elsewhere.
        None => Ok(()),
    }
}

/// Gives the owner what no script of the worker dealt with.
fn error_sink(
    events: Option<Arc<dyn WorkerEvents>>,
    on_error: Arc<dyn Fn(String) + Send + Sync>,
    url: Url,
) -> Box<dyn Fn(ScriptError)> {
    Box::new(move |error| {
        if error.kind == ScriptErrorKind::Interrupted {
            return;
        }
        let filename = if error.file.is_empty() { url.to_string() } else { error.file };
        // NOTE: an owner does not hear of promises.
        match events.as_ref().filter(|_| !error.message.starts_with("unhandled rejection:")) {
            None => on_error(format!("{filename}:{}: {}", error.line, error.message)),
            Some(events) => events.error(WorkerError {
                message: error.message,
                filename,
                line: error.line,
                column: error.column,
            }),
        }
    })
}

/// <https://html.spec.whatwg.org/#worker-processing-model>, steps 5 to 12: the worker's settings and its script.
async fn load(
    user_agent: &UserAgent,
    request: &WorkerRequest,
    destination: Destination,
) -> Result<Loaded, String> {
    let owner = &request.owner;
    let mut fetch = Request::new(request.url.clone());
    fetch.blob_url_entry.clone_from(&request.blob_url_entry);
    fetch.origin = RequestOrigin::Origin(owner.origin.clone());
    fetch.client = Some(Arc::clone(owner));
    fetch.destination = destination;
    fetch.mode = Mode::SameOrigin;
    fetch.credentials_mode =
        if request.is_module { request.credentials } else { CredentialsMode::SameOrigin };
    fetch.parser_metadata = ParserMetadata::NotParserInserted;
    fetch.use_url_credentials = true;
    let reserved = Arc::new(settings(user_agent, owner, &request.url, client_id()));
    let id = reserved.id.clone();
    fetch.reserved_client = Some(reserved);
    let response = user_agent.fetch(fetch, FetchOptions::default()).await;
    if let Some(reason) = response.reason() {
        return Err(reason.to_string());
    }
    let response = response.into_unfiltered();
    if !response.is_ok_status() {
        return Err(format!("the server answered with status {}", response.status));
    }
    let url = response.url().cloned().unwrap_or_else(|| request.url.clone());
    // A script from a server has to be called one; a module always has to be.
    if request.is_module || matches!(url.scheme(), "http" | "https") {
        let essence = response.header_list.extract_mime_type().map(|mime| mime.essence().to_owned());
        if !essence.as_deref().is_some_and(longhaul::fetch::is_javascript_mime_type_essence) {
            let essence = essence.unwrap_or_else(|| "no type at all".to_owned());
            return Err(format!("{essence} is not a JavaScript MIME type"));
        }
    }
    let mut environment = settings(user_agent, owner, &url, id);
    // <https://html.spec.whatwg.org/#initialize-worker-policy-container>: local URLs have their owner's.
    if !matches!(url.scheme(), "about" | "blob" | "data") {
        environment.policy_container = PolicyContainer::from_response(&response);
    }
    let referrer_policy = ReferrerPolicy::from_headers(&response.header_list);
    let bytes = match response.body {
        Some(body) => body.read_all(Some(LIMIT)).await.map_err(|error| error.to_string())?,
        None => Bytes::new(),
    };
    let (text, _) = encoding_rs::UTF_8.decode_with_bom_removal(&bytes);
    Ok(Loaded { text: text.into_owned(), url, environment: environment.into_shared(), referrer_policy })
}

/// <https://html.spec.whatwg.org/#fetch-a-module-worker-script-graph>: the worker's modules, with those that its script imports.
async fn load_modules(
    user_agent: &UserAgent,
    request: &WorkerRequest,
    destination: Destination,
    loaded: &Loaded,
) -> Result<Arc<ModuleMap>, String> {
    let client = Arc::clone(&loaded.environment);
    let modules = ModuleMap::new(ModuleMapOptions {
        user_agent: user_agent.clone(),
        client: Arc::new(move || Arc::clone(&client)),
        parser: longhaul_quickjs::module_requests,
        texts: None,
        dynamic_import: true,
    });
    if request.is_module {
        let root = WorkerModule {
            url: request.url.clone(),
            base_url: loaded.url.clone(),
            text: loaded.text.clone(),
            owner: Arc::clone(&request.owner),
            destination,
            credentials: request.credentials,
            referrer_policy: loaded.referrer_policy,
        };
        modules.load_worker(root).await?;
        if let ModuleState::Failed(failure) = modules.state(request.url.as_str(), ModuleType::JavaScript) {
            return Err(failure.to_string());
        }
    }
    Ok(modules)
}

/// <https://html.spec.whatwg.org/#set-up-a-worker-environment-settings-object>
fn settings(
    user_agent: &UserAgent,
    owner: &EnvironmentSettings,
    url: &Url,
    id: String,
) -> EnvironmentSettings {
    let mut environment = EnvironmentSettings::for_url(url.clone());
    environment.id = id;
    if url.scheme() != "data" {
        environment.origin = owner.origin.clone();
        environment.storage_key.clone_from(&owner.storage_key);
    }
    environment.secure_context =
        owner.secure_context && (environment.secure_context || matches!(url.scheme(), "blob" | "data"));
    environment.top_level_origin.clone_from(&owner.top_level_origin);
    environment.network_partition_key = owner.network_partition_key.clone();
    environment.has_cross_site_ancestor = owner.has_cross_site_ancestor;
    environment.is_window = false;
    environment.time_origin = user_agent.clock().monotonic();
    environment.cross_origin_isolated = owner.cross_origin_isolated;
    environment.policy_container = owner.policy_container.clone();
    environment
}

/// The agent's thread, for the objects in it.
struct Thread(Arc<Shared>);

impl WorkerThread for Thread {
    fn wait(&self, future: BoxFuture<'static, ()>) -> bool {
        self.0.wait(future)
    }

    fn close(&self) {
        self.0.close();
    }
}
