//! Pages of a folder, loaded in this process.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use longhaul::UserAgent;
use longhaul_dom::ConsoleSink;
use longhaul_host::agent::{AgentLimits, Listeners, Page, PageOptions, ServiceWorkerAgents};
use longhaul_host::server::{PortChoice, Server, Site};

use super::rest::nothing_is_left;

/// What was said, oldest first.
#[derive(Default)]
pub struct Lines(Mutex<Vec<String>>);

impl Lines {
    fn push(&self, line: String) {
        self.0.lock().expect("nobody panics with it").push(line);
    }

    pub fn all(&self) -> Vec<String> {
        self.0.lock().expect("nobody panics with it").clone()
    }
}

impl ConsoleSink for Lines {
    fn message(&self, _: &str, text: &str) {
        self.push(text.to_owned());
    }
}

/// A page that has nothing left to do.
pub struct Idle {
    pub page: Page,
    pub user_agent: UserAgent,
    pub console: Vec<String>,
    pub errors: Vec<String>,
    /// Those that come later too.
    pub all_errors: Arc<Lines>,
    _workers: Attached,
}

/// Service workers start for as long as this lives.
pub struct Attached(Arc<ServiceWorkerAgents>);

impl Drop for Attached {
    fn drop(&mut self) {
        self.0.detach();
    }
}

/// Loads a page with this script from a folder with these other files, and waits until it and its workers are idle.
pub async fn idle_page(script: &str, files: &[(&str, &str)], limits: AgentLimits) -> Idle {
    let Loaded { page, user_agent, console, errors, server, folder, listeners, workers } =
        load(script, files, limits).await;
    let rests = nothing_is_left(&page, &user_agent, &listeners);
    tokio::time::timeout(Duration::from_secs(180), rests).await.expect("it comes to rest");
    drop((server, folder));
    Idle {
        page,
        user_agent,
        console: console.all(),
        errors: errors.all(),
        all_errors: errors,
        _workers: workers,
    }
}

/// A page that was loaded, and may have something left to do.
pub struct Loaded {
    pub page: Page,
    pub user_agent: UserAgent,
    pub console: Arc<Lines>,
    pub errors: Arc<Lines>,
    pub server: Server,
    pub folder: tempfile::TempDir,
    listeners: Listeners,
    workers: Attached,
}

/// Loads a page with this script from a folder with these other files.
pub async fn load(script: &str, files: &[(&str, &str)], limits: AgentLimits) -> Loaded {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let page = "<script src=page.js></script>";
    for (name, text) in [("index.html", page), ("page.js", script)].iter().chain(files) {
        std::fs::write(folder.path().join(name), text).expect("a file");
    }
    let site = Site::new(folder.path()).expect("a sound folder");
    let server = Server::start(site, &PortChoice::exactly(0)).await.expect("a free port");
    let (console, errors) = (Arc::new(Lines::default()), Arc::new(Lines::default()));
    let sink = errors.clone();
    let on_error: Arc<dyn Fn(String) + Send + Sync> = Arc::new(move |line| sink.push(line));
    let listeners = Listeners::start().expect("threads");
    let workers = ServiceWorkerAgents::new(limits, listeners.clone(), console.clone(), on_error.clone());
    let building = UserAgent::builder().agent_host(workers.clone()).build();
    let user_agent = building.await.expect("the defaults work");
    workers.attach(user_agent.clone());
    let workers = Attached(workers);
    let options = PageOptions {
        user_agent: user_agent.clone(),
        limits,
        listeners: listeners.clone(),
        console: console.clone(),
        on_error,
        on_window: None,
    };
    let page = Page::load(server.url(), options).await.expect("it loads");
    Loaded { page, user_agent, console, errors, server, folder, listeners, workers }
}
