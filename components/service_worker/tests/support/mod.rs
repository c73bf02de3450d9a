//! A host whose workers run a language of a few words, and a loader that serves what the test puts up.
//!
//! A script has lines of the form `WHEN ACTION [ARGUMENT]`. `WHEN` is `start` or an event's type; the actions are
//! `throw`, `reject REASON`, `hang`, `crash`, `import URL`, `import-json URL`, `skip-waiting`, `claim` and `gate`, which waits until the
//! test opens the gate of that event. For `fetch` there are `respond TEXT`, `preloaded` (responds with the navigation
//! preload's body), `ids` (responds with the three client ids), `aborted` (waits for the abort, logs it) and `refuse`; an
//! event without any of these is left to the network.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use longhaul_fetch::{
    Body, EnvironmentSettings, FetchController, HeaderList, PolicyContainer, ReferrerPolicy, Request,
    Response,
};
use longhaul_service_worker::{
    AgentHost, Config, DispatchOutcome, FetchAnswer, FetchEvent, FunctionalEvent, LoadError, LoadedScript,
    ModuleImport, RegisterError, RegistrationHandle, RegistrationOptions, ScriptKind, ScriptLoader,
    ScriptRequest, ScriptSource, ServiceWorkers, StartError, TABLES, WorkerAgent, WorkerDescription,
    WorkerState,
};
use longhaul_storage::{Location, ManualClock, Profile};
use tokio::sync::{Semaphore, watch};
use url::Url;

pub(crate) const ORIGIN: &str = "https://a.example";

pub(crate) struct World {
    pub(crate) workers: ServiceWorkers,
    pub(crate) host: Arc<FakeHost>,
    pub(crate) loader: Arc<FakeLoader>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) profile: Profile,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::at(Location::Memory, Config::default()).await
    }

    pub(crate) async fn at(location: Location, config: Config) -> Self {
        let (profile, _) = Profile::open(location, TABLES).unwrap();
        let (host, loader) = (Arc::new(FakeHost::default()), Arc::new(FakeLoader::default()));
        let clock = Arc::new(ManualClock::default());
        let workers =
            ServiceWorkers::open_with(profile.clone(), clock.clone(), loader.clone(), host.clone(), config)
                .await;
        Self { workers: workers.unwrap(), host, loader, clock, profile }
    }

    /// Serves a script and registers it with its default scope.
    pub(crate) async fn register(
        &self,
        path: &str,
        source: &str,
    ) -> Result<RegistrationHandle, RegisterError> {
        self.loader.put(path, source);
        self.workers.register(page("/"), url(path), None, RegistrationOptions::default()).await
    }

    /// Registers a script and waits until it is activated.
    pub(crate) async fn activated(&self, path: &str, source: &str) -> RegistrationHandle {
        let registration = self.register(path, source).await.unwrap();
        self.workers.idle().await;
        assert_eq!(registration.active().unwrap().state(), WorkerState::Activated);
        registration
    }

    pub(crate) async fn fire(
        &self,
        registration: &RegistrationHandle,
        name: &'static str,
    ) -> DispatchOutcome {
        let scope = registration.scope().to_string();
        self.workers.fire_functional_event(ORIGIN, &scope, FunctionalEvent::bare(name)).await
    }

    /// Ends everything, as a process does that ends well.
    pub(crate) async fn end(self) {
        self.workers.stop_all().await;
    }
}

pub(crate) fn url(path: &str) -> Url {
    Url::parse(ORIGIN).unwrap().join(path).unwrap()
}

/// A client's environment of its own.
pub(crate) fn client(id: &str, path: &str) -> Arc<EnvironmentSettings> {
    Arc::new(EnvironmentSettings { id: id.to_owned(), ..EnvironmentSettings::for_url(url(path)) })
}

pub(crate) fn page(path: &str) -> Arc<EnvironmentSettings> {
    Arc::new(EnvironmentSettings::for_url(url(path)))
}

#[derive(Clone)]
pub(crate) struct Served {
    pub(crate) source: String,
    pub(crate) mime: Option<&'static str>,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) from: ScriptSource,
}

/// Data that a module may import.
pub(crate) fn data(source: &str) -> Served {
    Served {
        source: source.to_owned(),
        mime: Some("application/json"),
        headers: Vec::new(),
        from: ScriptSource::Network,
    }
}

#[derive(Default)]
pub(crate) struct FakeLoader {
    served: Mutex<HashMap<Url, Served>>,
    requests: Mutex<Vec<ScriptRequest>>,
    gate: Mutex<Option<Arc<Semaphore>>>,
}

impl FakeLoader {
    pub(crate) fn put(&self, path: &str, source: &str) {
        let served = Served {
            source: source.to_owned(),
            mime: Some("text/javascript"),
            headers: Vec::new(),
            from: ScriptSource::Network,
        };
        self.serve(path, served);
    }

    pub(crate) fn serve(&self, path: &str, served: Served) {
        self.served.lock().unwrap().insert(url(path), served);
    }

    pub(crate) fn remove(&self, path: &str) {
        self.served.lock().unwrap().remove(&url(path));
    }

    pub(crate) fn requests(&self) -> Vec<ScriptRequest> {
        self.requests.lock().unwrap().clone()
    }

    /// Lets no load finish until a permit is added.
    pub(crate) fn close_gate(&self) -> Arc<Semaphore> {
        let gate = Arc::new(Semaphore::new(0));
        *self.gate.lock().unwrap() = Some(gate.clone());
        gate
    }
}

impl ScriptLoader for FakeLoader {
    fn fetch_preload(&self, request: Request, _: FetchController) -> BoxFuture<'static, Response> {
        let mut response = Response::new();
        let header = request.header_list.get("Service-Worker-Navigation-Preload").unwrap_or_default();
        response.body = Some(Body::from_bytes(header.to_vec()));
        futures::future::ready(response).boxed()
    }

    fn load(&self, request: ScriptRequest) -> BoxFuture<'static, Result<LoadedScript, LoadError>> {
        let url = request.url.clone();
        self.requests.lock().unwrap().push(request);
        let served = self.served.lock().unwrap().get(&url).cloned();
        let gate = self.gate.lock().unwrap().clone();
        async move {
            if let Some(gate) = gate {
                gate.acquire().await.unwrap().forget();
            }
            let served = served.ok_or(LoadError::Status { url: url.clone(), status: 404 })?;
            let mut headers = HeaderList::new();
            for (name, value) in &served.headers {
                headers.append(name, value);
            }
            Ok(LoadedScript {
                final_url: url.clone(),
                url,
                mime_essence: served.mime.map(str::to_owned),
                headers,
                source: Bytes::from(served.source),
                policy_container: PolicyContainer::default(),
                from: served.from,
            })
        }
        .boxed()
    }
}

#[derive(Default)]
pub(crate) struct FakeHost {
    log: Arc<watch::Sender<Vec<String>>>,
    gates: Arc<Mutex<HashMap<String, Arc<Semaphore>>>>,
    pub(crate) starts: AtomicUsize,
    agents: Mutex<Vec<Arc<FakeAgent>>>,
}

impl FakeHost {
    /// What happened so far: `start PATH`, `TYPE PATH`, `terminate PATH`.
    pub(crate) fn log(&self) -> Vec<String> {
        self.log.borrow().clone()
    }

    /// Waits for a line of the log.
    pub(crate) async fn logged(&self, line: &str) {
        self.log.subscribe().wait_for(|log| log.iter().any(|known| known == line)).await.unwrap();
    }

    /// Lets one `gate` action of the event go on.
    pub(crate) fn open_gate(&self, when: &str) {
        gate(&self.gates, when).add_permits(1);
    }

    /// Ends the last agent as if its process had died.
    pub(crate) fn crash_last(&self) {
        self.agents.lock().unwrap().last().unwrap().dead.send_replace(true);
    }
}

fn gate(gates: &Mutex<HashMap<String, Arc<Semaphore>>>, when: &str) -> Arc<Semaphore> {
    gates.lock().unwrap().entry(when.to_owned()).or_insert_with(|| Arc::new(Semaphore::new(0))).clone()
}

impl AgentHost for FakeHost {
    fn start(
        &self,
        worker: WorkerDescription,
    ) -> BoxFuture<'static, Result<Arc<dyn WorkerAgent>, StartError>> {
        self.starts.fetch_add(1, Ordering::Relaxed);
        let path = worker.script_url.path().to_owned();
        self.log.send_modify(|log| log.push(format!("start {path}")));
        let agent = Arc::new(FakeAgent {
            source: String::from_utf8(worker.scripts[&worker.script_url].to_vec()).unwrap(),
            worker,
            log: self.log.clone(),
            gates: self.gates.clone(),
            dead: watch::Sender::new(false),
        });
        self.agents.lock().unwrap().push(agent.clone());
        async move {
            match agent.run("start", None).await {
                Ran::Done | Ran::Rejected(_) => Ok(agent as Arc<dyn WorkerAgent>),
                Ran::Threw => {
                    Err(StartError::ScriptThrew { message: "thrown".to_owned(), file: path, line: 1 })
                }
                Ran::Dead => Err(StartError::Terminated("dead".to_owned())),
            }
        }
        .boxed()
    }
}

pub(crate) struct FakeAgent {
    worker: WorkerDescription,
    source: String,
    log: Arc<watch::Sender<Vec<String>>>,
    gates: Arc<Mutex<HashMap<String, Arc<Semaphore>>>>,
    dead: watch::Sender<bool>,
}

enum Ran {
    Done,
    Threw,
    Rejected(String),
    Dead,
}

impl FakeAgent {
    async fn run(&self, when: &str, fetch: Option<&FetchEvent>) -> Ran {
        let mut dead = self.dead.subscribe();
        tokio::select! {
            biased;
            _ = dead.wait_for(|dead| *dead) => Ran::Dead,
            ran = self.interpret(when, fetch) => ran,
        }
    }

    async fn interpret(&self, when: &str, fetch: Option<&FetchEvent>) -> Ran {
        for line in self.source.lines() {
            let words: Vec<&str> = line.split_whitespace().collect();
            match words.as_slice() {
                [at, "throw"] if *at == when => return Ran::Threw,
                [at, "reject", reason] if *at == when => return Ran::Rejected((*reason).to_owned()),
                [at, "hang"] if *at == when => futures::future::pending().await,
                [at, "crash"] if *at == when => {
                    self.dead.send_replace(true);
                    return Ran::Dead;
                }
                [at, "import", path] if *at == when => {
                    let imported = self.worker.worker_scope.import_script(url(path)).await;
                    let Ok(_) = imported else { return Ran::Threw };
                }
                [at, "import-json", path] if *at == when => {
                    let import = ModuleImport {
                        url: url(path),
                        kind: ScriptKind::ImportedJson,
                        referrer: Some(self.worker.script_url.clone()),
                        referrer_policy: ReferrerPolicy::Empty,
                    };
                    let imported = self.worker.worker_scope.import_module(import).await;
                    let Ok(_) = imported else { return Ran::Threw };
                }
                [at, "skip-waiting"] if *at == when => self.worker.worker_scope.skip_waiting(|| {}),
                [at, "claim"] if *at == when => self.worker.worker_scope.claim().unwrap(),
                ["fetch", action, rest @ ..] if fetch.is_some() => {
                    self.answer(fetch.expect("it is there"), action, rest).await;
                }
                [at, "gate"] if *at == when => gate(&self.gates, when).acquire().await.unwrap().forget(),
                _ => {}
            }
        }
        Ran::Done
    }

    async fn answer(&self, fetch: &FetchEvent, action: &str, rest: &[&str]) {
        let text = match action {
            "respond" => rest.join(" "),
            "ids" => [fetch.client_id(), fetch.resulting_client_id(), fetch.replaces_client_id()].join(","),
            "preloaded" => match fetch.take_preload() {
                None => "no preload".to_owned(),
                Some(preload) => {
                    let bytes = preload.await.body.unwrap().read_all(None).await.unwrap();
                    format!("preloaded {}", String::from_utf8_lossy(&bytes))
                }
            },
            "aborted" => {
                fetch.controller().canceled().await;
                self.log.send_modify(|log| log.push("aborted".to_owned()));
                return;
            }
            "refuse" => return fetch.answer(FetchAnswer::Failed("refused")),
            "gate" => return gate(&self.gates, "fetch").acquire().await.unwrap().forget(),
            "hang" => return futures::future::pending().await,
            "crash" => {
                self.dead.send_replace(true);
                return futures::future::pending().await;
            }
            _ => return,
        };
        let mut response = Response::new();
        response.body = Some(Body::from_bytes(text));
        fetch.answer(FetchAnswer::Respond(Box::new(response)));
    }
}

impl WorkerAgent for FakeAgent {
    fn handles_fetch(&self) -> bool {
        self.source.lines().any(|line| line.starts_with("fetch"))
    }

    fn dispatch(&self, event: FunctionalEvent) -> BoxFuture<'static, DispatchOutcome> {
        self.log.send_modify(|log| log.push(format!("{} {}", event.name, self.worker.script_url.path())));
        // The event goes on whether or not anybody waits for it, so it needs an agent of its own to borrow from.
        let agent = FakeAgent {
            worker: self.worker.clone(),
            source: self.source.clone(),
            log: self.log.clone(),
            gates: self.gates.clone(),
            dead: self.dead.clone(),
        };
        async move {
            let fetch = event.payload.downcast_ref::<FetchEvent>();
            let ran = agent.run(event.name, fetch).await;
            if let (Some(fetch), Ran::Done) = (fetch, &ran) {
                // Only the first answer counts.
                fetch.answer(FetchAnswer::Fallback);
            }
            match ran {
                Ran::Done | Ran::Threw => DispatchOutcome::Delivered,
                Ran::Rejected(reason) => DispatchOutcome::Rejected(reason),
                Ran::Dead => DispatchOutcome::Crashed("dead".to_owned()),
            }
        }
        .boxed()
    }

    fn terminate(&self) {
        self.log.send_modify(|log| log.push(format!("terminate {}", self.worker.script_url.path())));
        self.dead.send_replace(true);
    }

    fn alive(&self) -> bool {
        !*self.dead.borrow()
    }
}
