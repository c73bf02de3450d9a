//! A realm on this thread, without an event loop: tasks are kept and never run.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::BoxFuture;
use longhaul::UserAgent;
use longhaul::fetch::EnvironmentSettings;
use longhaul::storage::Location;
use longhaul_dom::{
    ConsoleSink, DedicatedWorkerGlobal, GlobalOptions, PortEnd, SharedWorkerGlobal, TimerHost, WindowGlobal,
    WorkerOptions, WorkerThread,
};
use longhaul_idl::runtime::{AgentHandle, Exposure, ObjectRef, Realm, RealmId, TaskSource};
use longhaul_quickjs::{Engine, RealmOptions, ScriptError};

/// An agent whose tasks nobody runs.
pub(crate) struct Still(pub(crate) tokio::runtime::Handle);

impl AgentHandle for Still {
    fn spawn(&self, future: BoxFuture<'static, ()>) {
        self.0.spawn(future);
    }

    fn queue_task(&self, _: TaskSource, _: RealmId, _: Box<dyn FnOnce(&dyn Realm) + Send>) {}
}

impl TimerHost for Still {
    fn start(&self, _: RealmId, _: Duration, _: u64) {}
    fn cancel(&self, _: RealmId, _: u64) {}
}

struct Silent;

impl ConsoleSink for Silent {
    fn message(&self, _: &str, _: &str) {}
}

/// A user agent in memory.
pub(crate) async fn user_agent() -> UserAgent {
    UserAgent::builder().profile(Location::Memory).build().await.expect("the user agent is built")
}

/// What the global objects of a test are made of.
pub(crate) fn global_options(user_agent: &UserAgent) -> GlobalOptions {
    let url = "https://page.test/index.html".parse().expect("a URL");
    GlobalOptions {
        user_agent: user_agent.clone(),
        environment: Arc::new(EnvironmentSettings::for_url(url)),
        console: Arc::new(Silent),
        timers: Arc::new(Still(tokio::runtime::Handle::current())),
        workers: None,
    }
}

/// A new page's global object.
pub(crate) fn window(user_agent: &UserAgent) -> ObjectRef {
    WindowGlobal::new(global_options(user_agent), "")
}

/// Makes a realm of everything there is.
pub(crate) fn realm(
    engine: &Engine,
    global: ObjectRef,
    exposure: Exposure,
    errors: &Arc<Mutex<Vec<String>>>,
) -> Result<RealmId, ScriptError> {
    let errors = Arc::clone(errors);
    engine.create_realm(RealmOptions {
        bindings: longhaul_dom::bindings(),
        core: longhaul_dom::core(),
        global,
        exposure,
        secure_context: true,
        agent: Arc::new(Still(tokio::runtime::Handle::current())),
        id: RealmId::next(),
        on_error: Box::new(move |error| errors.lock().unwrap().push(error.to_string())),
        modules: None,
    })
}

/// A global object of every kind of agent.
#[allow(dead_code, reason = "not every test needs every kind")]
pub(crate) fn globals(user_agent: &UserAgent) -> Vec<(Exposure, ObjectRef)> {
    let worker = || WorkerOptions {
        url: "https://page.test/worker.js".parse().expect("a URL"),
        name: "name".into(),
        is_module: false,
        thread: Arc::new(NoThread),
    };
    let (inside, _) = PortEnd::pair();
    let dedicated = DedicatedWorkerGlobal::new(global_options(user_agent), worker(), inside);
    let shared = SharedWorkerGlobal::new(global_options(user_agent), worker());
    vec![
        (Exposure::Window, window(user_agent)),
        (Exposure::DedicatedWorker, dedicated),
        (Exposure::SharedWorker, shared),
    ]
}

/// A thread that waits for nothing.
struct NoThread;

impl WorkerThread for NoThread {
    fn wait(&self, _: BoxFuture<'static, ()>) -> bool {
        false
    }

    fn close(&self) {}
}
