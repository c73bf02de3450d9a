//! One test: a user agent with a fresh profile, and the test's page in it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use longhaul::background_fetch::PermissionState;
use longhaul::net::NetworkConfig;
use longhaul::service_worker::NoWindows;
use longhaul::storage::Location;
use longhaul::{BACKGROUND_FETCH, UserAgent};
use longhaul_dom::{ConsoleSink, WindowGlobal};
use longhaul_host::agent::{
    AgentLimits, Listeners, OpenedWindows, Page, PageError, PageOpener, PageOptions, ServiceWorkerAgents,
};
use longhaul_idl::runtime::Realm;
use tokio::sync::mpsc;
use url::Url;

use super::Environment;
use super::driver::Driver;
use super::host_names::HostNames;
use super::interception::VendorFiles;
use super::protocol::{Ending, Order, Outcome};
use super::session::Session;
use crate::report::Status;

/// How many lines of console are kept of a test.
const CONSOLE_LINES: usize = 200;

/// How long a clean end may take; nothing of the profile is needed any more.
const CLEAN_END: Duration = Duration::from_secs(2);

/// Runs a test to its end.
pub(super) async fn run(order: &Order, environment: &Environment, roots: &[Vec<u8>]) -> Outcome {
    let console = Arc::new(Console::default());
    let mut outcome = match prepare(order, environment, roots, &console).await {
        Ok(prepared) => prepared.run(order).await,
        Err(reason) => Outcome::without_subtests(Status::Error, reason),
    };
    outcome.console = console.take();
    outcome
}

struct Prepared {
    user_agent: UserAgent,
    agents: Arc<ServiceWorkerAgents>,
    options: PageOptions,
    outcomes: mpsc::UnboundedReceiver<Outcome>,
    url: Url,
}

async fn prepare(
    order: &Order,
    environment: &Environment,
    roots: &[Vec<u8>],
    console: &Arc<Console>,
) -> Result<Prepared, String> {
    let url = Url::parse(&order.url).map_err(|error| format!("{}: {error}", order.url))?;
    let mut network = NetworkConfig::new().with_resolver(Arc::new(HostNames(environment.hosts.clone())));
    for pem in roots {
        network = network.with_extra_roots_pem(pem.clone());
    }
    let listeners = Listeners::start().map_err(|error| format!("no threads: {error}"))?;
    let on_error: Arc<dyn Fn(String) + Send + Sync> = {
        let console = console.clone();
        Arc::new(move |line| console.push(line))
    };
    let limits = AgentLimits::default();
    let agents = ServiceWorkerAgents::new(limits, listeners.clone(), console.clone(), on_error.clone());
    let user_agent = UserAgent::builder()
        .profile(Location::Directory(order.profile.clone()))
        .network(network)
        .permission(BACKGROUND_FETCH, PermissionState::Granted)
        .agent_host(agents.clone())
        .interceptor(Arc::new(VendorFiles))
        .build()
        .await
        .map_err(|error| format!("no user agent: {error}"))?;
    agents.attach(user_agent.clone());
    user_agent.start();
    let (sender, outcomes) = mpsc::unbounded_channel();
    let session = Session::new(Driver::new(user_agent.clone()), environment.timeout_multiplier, sender);
    let options = PageOptions {
        user_agent: user_agent.clone(),
        limits,
        listeners,
        console: console.clone(),
        on_error,
        on_window: Some(Arc::new(move |realm: &dyn Realm, window: &Arc<WindowGlobal>| {
            session.window_made(realm, window);
        })),
    };
    Ok(Prepared { user_agent, agents, options, outcomes, url })
}

impl Prepared {
    async fn run(mut self, order: &Order) -> Outcome {
        // What service workers open reports nothing.
        let opened = OpenedWindows::new(PageOptions { on_window: None, ..self.options.clone() });
        self.user_agent.service_workers().set_window_opener(Arc::new(PageOpener(opened.clone())));
        let load = Page::load(self.url.clone(), self.options);
        let test = async {
            tokio::pin!(load);
            tokio::select! {
                // A test may be over before everything has loaded.
                Some(outcome) = self.outcomes.recv() => outcome,
                loaded = &mut load => match loaded {
                    Err(error) => {
                        // The page may have reported just before it ended.
                        self.outcomes.try_recv().unwrap_or_else(|_| not_loaded(&error))
                    }
                    Ok(_page) if order.load_only => Outcome {
                        ending: Ending::Over, status: Status::Pass, message: None, subtests: Vec::new(), console: Vec::new(),
                    },
                    Ok(page) => tokio::select! {
                        Some(outcome) = self.outcomes.recv() => outcome,
                        end = page.agent().ended() => {
                            Outcome::without_subtests(Status::Crash, format!("the page's agent ended: {end}"))
                        }
                    },
                },
            }
        };
        let mut outcome =
            tokio::time::timeout(Duration::from_millis(order.limit), test).await.unwrap_or_else(|_| {
                Outcome::without_subtests(Status::Timeout, "the page reported nothing in time")
            });
        if outcome.ending == Ending::Restart {
            // The process is about to be killed: nothing may be tidied up before.
            outcome.message = None;
            std::mem::forget((opened, self.agents));
            return outcome;
        }
        // It holds the user agent, which holds it.
        self.user_agent.service_workers().set_window_opener(Arc::new(NoWindows));
        opened.close();
        // What is left of the profile is thrown away.
        let _ = tokio::time::timeout(CLEAN_END, self.user_agent.shutdown()).await;
        self.agents.detach();
        outcome
    }
}

fn not_loaded(error: &PageError) -> Outcome {
    let status = match error {
        PageError::Ended { .. } => Status::Crash,
        _ => Status::Error,
    };
    Outcome::without_subtests(status, error.to_string())
}

/// Keeps what a test prints.
#[derive(Default)]
struct Console(Mutex<Vec<String>>);

impl Console {
    fn push(&self, line: String) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() < CONSOLE_LINES {
            lines.push(line);
        }
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl ConsoleSink for Console {
    fn message(&self, level: &str, text: &str) {
        self.push(format!("{level}: {text}"));
    }
}
