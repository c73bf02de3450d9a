//! The agents of service workers.

use std::sync::Arc;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use longhaul::UserAgent;
use longhaul::fetch::{CredentialsMode, Destination, ReferrerPolicy};
use longhaul::service_worker::{
    AgentHost, DispatchOutcome, FunctionalEvent, ModuleImport, ScriptKind, StartError, WorkerAgent,
    WorkerDescription, WorkerType,
};
use longhaul_dom::{
    ConsoleSink, GlobalOptions, ModuleMap, ModuleMapOptions, ModuleText, ModuleTextRequest, ModuleTexts,
    ServiceWorkerGlobal, WorkerModule,
};
use longhaul_idl::runtime::{Exposure, ModuleType, Realm, RealmId, TaskSource};
use longhaul_quickjs::RealmOptions;
use tokio::sync::watch;
use url::Url;

use super::event_loop::{Agent, AgentEnd, AgentLimits};
use super::listeners::Listeners;
use super::uncaught::{Place, error_reporter};

/// Runs service workers, each in an agent of its own.
///
/// A worker's scripts need the user agent, and the user agent needs this: it is given the user agent once there is one, and
/// until then no worker starts. One that never gets it starts none, and so delivers nothing.
pub struct ServiceWorkerAgents {
    user_agent: watch::Sender<Option<UserAgent>>,
    limits: AgentLimits,
    listeners: Listeners,
    console: Arc<dyn ConsoleSink>,
    on_error: Arc<dyn Fn(String) + Send + Sync>,
}

impl std::fmt::Debug for ServiceWorkerAgents {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServiceWorkerAgents").field("limits", &self.limits).finish_non_exhaustive()
    }
}

impl ServiceWorkerAgents {
    /// Agents with these limits, whose consoles and uncaught exceptions go there.
    pub fn new(
        limits: AgentLimits,
        listeners: Listeners,
        console: Arc<dyn ConsoleSink>,
        on_error: Arc<dyn Fn(String) + Send + Sync>,
    ) -> Arc<ServiceWorkerAgents> {
        Arc::new(ServiceWorkerAgents {
            user_agent: watch::Sender::new(None),
            limits,
            listeners,
            console,
            on_error,
        })
    }

    /// Lets workers start.
    pub fn attach(&self, user_agent: UserAgent) {
        self.user_agent.send_replace(Some(user_agent));
    }

    /// Lets go of the user agent, which holds on to this in turn.
    pub fn detach(&self) {
        self.user_agent.send_replace(None);
    }
}

impl AgentHost for ServiceWorkerAgents {
    fn start(
        &self,
        worker: WorkerDescription,
    ) -> BoxFuture<'static, Result<Arc<dyn WorkerAgent>, StartError>> {
        let mut attached = self.user_agent.subscribe();
        let (limits, listeners) = (self.limits, self.listeners.clone());
        let (console, on_error) = (self.console.clone(), self.on_error.clone());
        async move {
            let user_agent = match attached.wait_for(Option::is_some).await {
                Ok(user_agent) => user_agent.clone(),
                Err(_) => None,
            };
            let Some(user_agent) = user_agent else { return Err(StartError::Redundant) };
            start(worker, user_agent, limits, listeners, console, on_error).await
        }
        .boxed()
    }
}

/// <https://w3c.github.io/ServiceWorker/#run-service-worker-algorithm>
async fn start(
    worker: WorkerDescription,
    user_agent: UserAgent,
    limits: AgentLimits,
    listeners: Listeners,
    console: Arc<dyn ConsoleSink>,
    on_error: Arc<dyn Fn(String) + Send + Sync>,
) -> Result<Arc<dyn WorkerAgent>, StartError> {
    let Some(source) = worker.scripts.get(&worker.script_url).cloned() else {
        return Err(StartError::Host(format!("{} is not stored", worker.script_url)));
    };
    // 5. What its script imports is there before it runs.
    let loading = tokio::time::timeout(limits.task, load_modules(&worker, &source, &user_agent));
    let modules = match loading.await {
        Ok(loaded) => loaded.map_err(|reason| StartError::ScriptThrew {
            message: format!("TypeError: {reason}"),
            file: worker.script_url.clone().into(),
            line: 0,
        })?,
        Err(_) => return Err(StartError::TimedOut),
    };
    let runtime = tokio::runtime::Handle::current();
    let agent = Agent::start("service worker", limits, runtime, listeners)
        .map_err(|end| StartError::Host(end.to_string()))?;
    let (ended, place, tell) = (agent.watch_end(), worker.script_url.clone(), on_error.clone());
    tokio::spawn(async move {
        let end = ended.await;
        if end != AgentEnd::Terminated {
            tell(format!("{place}: {end}"));
        }
    });
    let realm = RealmId::next();
    let (script_url, on_rejection) = (worker.script_url.clone(), on_error.clone());
    let handle = agent.handle();
    let timers = agent.timers();
    let made = agent
        .run(move |engine| {
            let script_url = worker.script_url.clone();
            let worker_type = worker.worker_type;
            let secure_context = worker.environment.secure_context;
            let options = GlobalOptions {
                user_agent,
                environment: worker.environment.clone(),
                console,
                timers,
                workers: None,
            };
            let global = ServiceWorkerGlobal::new(options, worker);
            let created = engine.create_realm(RealmOptions {
                bindings: longhaul_dom::bindings(),
                core: longhaul_dom::core(),
                global,
                exposure: Exposure::ServiceWorker,
                secure_context,
                agent: handle,
                id: realm,
                on_error: error_reporter(Place::new(script_url.as_str()), on_error),
                modules: Some(modules),
            });
            if let Err(error) = created {
                return Err(StartError::Host(error.to_string()));
            }
            let obey = |realm: &dyn Realm| {
                if let Err(exception) = longhaul_dom::obey_policies(realm) {
                    realm.report_exception(exception);
                }
            };
            engine.run_task(realm, Box::new(obey));
            // 9.–11. The script, once; what it throws fails an installation.
            let ran = match worker_type {
                WorkerType::Classic => engine.evaluate_script(realm, &source, script_url.as_str()).map(drop),
                // <https://w3c.github.io/ServiceWorker/#is-async-module-algorithm>
                WorkerType::Module => {
                    let source = decoded(&source);
                    engine.evaluate_synchronous_module(realm, source.as_bytes(), script_url.as_str())
                }
            };
            ran.map_err(|error| StartError::ScriptThrew {
                message: error.message,
                file: if error.file.is_empty() { script_url.into() } else { error.file },
                line: error.line,
            })?;
            let (sender, listens) = std::sync::mpsc::channel();
            let ask = Box::new(move |realm: &dyn Realm| {
                // The receiver is right here.
                let _ = sender.send(longhaul_dom::handles_fetch(realm));
            });
            engine.run_task(realm, ask);
            // NOTE: a worker that did not say is asked for responses.
            Ok(listens.try_recv().unwrap_or(true))
        })
        .await;
    match made {
        // NOTE: a script that was ended in its microtasks has run.
        Ok(Ok(_)) if !agent.alive() => match agent.ended().await {
            AgentEnd::Runaway(_) => Err(StartError::TimedOut),
            end => Err(StartError::Terminated(end.to_string())),
        },
        Ok(Ok(handles_fetch)) => {
            Ok(Arc::new(RunningWorker { agent, realm, script_url, handles_fetch, on_rejection }))
        }
        Ok(Err(error)) => Err(error),
        Err(AgentEnd::Runaway(_)) => Err(StartError::TimedOut),
        Err(end) => Err(StartError::Terminated(end.to_string())),
    }
}

/// A worker whose script has run.
struct RunningWorker {
    agent: Agent,
    realm: RealmId,
    script_url: Url,
    handles_fetch: bool,
    /// Told of a promise of `waitUntil` that was rejected: the event counts as handled, so nobody else says it.
    on_rejection: Arc<dyn Fn(String) + Send + Sync>,
}

impl WorkerAgent for RunningWorker {
    fn dispatch(&self, event: FunctionalEvent) -> BoxFuture<'static, DispatchOutcome> {
        let event_name = event.name;
        let queued = self.agent.queue(TaskSource::ServiceWorker, self.realm, move |realm| {
            longhaul_dom::dispatch_functional_event(realm, &event)
        });
        let ended = self.agent.watch_end();
        let (name, script_url, on_rejection) =
            (event_name, self.script_url.clone(), self.on_rejection.clone());
        async move {
            let handled = async {
                match queued.await {
                    Some(over) => over.await,
                    None => DispatchOutcome::Crashed("the event could not be dispatched".to_owned()),
                }
            };
            let outcome = tokio::select! {
                // An outcome that is there counts, even if the agent ended meanwhile.
                biased;
                outcome = handled => outcome,
                end = ended => DispatchOutcome::Crashed(end.to_string()),
            };
            if let DispatchOutcome::Rejected(reason) = &outcome {
                on_rejection(format!(
                    "{script_url}: {name}: a promise given to waitUntil() was rejected: {reason}"
                ));
            }
            outcome
        }
        .boxed()
    }

    fn handles_fetch(&self) -> bool {
        self.handles_fetch
    }

    fn terminate(&self) {
        self.agent.terminate();
    }

    fn alive(&self) -> bool {
        self.agent.alive()
    }
}

fn decoded(source: &[u8]) -> String {
    encoding_rs::UTF_8.decode_with_bom_removal(source).0.into_owned()
}

/// A module worker's modules: fetched and stored while it is installed, what was stored afterwards.
///
/// <https://html.spec.whatwg.org/#fetch-a-module-worker-script-graph>
async fn load_modules(
    worker: &WorkerDescription,
    source: &[u8],
    user_agent: &UserAgent,
) -> Result<Arc<ModuleMap>, String> {
    let (client, scope) = (worker.environment.clone(), worker.worker_scope.clone());
    let texts: ModuleTexts = Arc::new(move |asked: ModuleTextRequest| {
        let importing = scope.import_module(ModuleImport {
            url: asked.url,
            kind: match asked.module_type {
                ModuleType::JavaScript => ScriptKind::Imported,
                ModuleType::Json => ScriptKind::ImportedJson,
            },
            referrer: asked.referrer,
            referrer_policy: asked.referrer_policy,
        });
        async move {
            let imported = importing.await.map_err(|error| error.to_string())?;
            let (base_url, referrer_policy) = (imported.base_url, imported.referrer_policy);
            Ok(ModuleText { text: decoded(&imported.source), base_url, referrer_policy })
        }
        .boxed()
    });
    let modules = ModuleMap::new(ModuleMapOptions {
        user_agent: user_agent.clone(),
        client: Arc::new(move || client.clone()),
        parser: longhaul_quickjs::module_requests,
        texts: Some(texts),
        dynamic_import: false,
    });
    if worker.worker_type == WorkerType::Module {
        let root = WorkerModule {
            url: worker.script_url.clone(),
            base_url: worker.script_url.clone(),
            text: decoded(source),
            owner: worker.environment.clone(),
            destination: Destination::ServiceWorker,
            credentials: CredentialsMode::SameOrigin,
            referrer_policy: ReferrerPolicy::Empty,
        };
        modules.load_worker(root).await?;
    }
    Ok(modules)
}
