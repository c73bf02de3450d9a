//! Pages of a folder, loaded in this process.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use longhaul::UserAgent;
use longhaul_dom::ConsoleSink;
use longhaul_host::agent::{AgentLimits, Listeners, Page, PageOptions};
use longhaul_host::server::{PortChoice, Server, Site};

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
    pub console: Vec<String>,
    pub errors: Vec<String>,
}

/// Loads a page with this script from a folder with these other files, and waits until it and its workers are idle.
pub async fn idle_page(script: &str, files: &[(&str, &str)], limits: AgentLimits) -> Idle {
    let Loaded { page, console, errors, server, folder } = load(script, files, limits).await;
    tokio::time::timeout(Duration::from_secs(60), page.agent().idle()).await.expect("it comes to rest");
    drop((server, folder));
    Idle { page, console: console.all(), errors: errors.all() }
}

/// A page that was loaded, and may have something left to do.
pub struct Loaded {
    pub page: Page,
    pub console: Arc<Lines>,
    pub errors: Arc<Lines>,
    pub server: Server,
    pub folder: tempfile::TempDir,
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
    let user_agent = UserAgent::builder().build().await.expect("the defaults work");
    let (console, errors) = (Arc::new(Lines::default()), Arc::new(Lines::default()));
    let sink = errors.clone();
    let options = PageOptions {
        user_agent,
        limits,
        listeners: Listeners::start().expect("threads"),
        console: console.clone(),
        on_error: Arc::new(move |line| sink.push(line)),
        on_window: None,
    };
    let page = Page::load(server.url(), options).await.expect("it loads");
    Loaded { page, console, errors, server, folder }
}
