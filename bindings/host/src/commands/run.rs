//! `longhaul run`: a page, its workers, and everything the profile still has to do.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::FutureExt as _;
use longhaul::UserAgent;
use longhaul::background_fetch::{self, DispatchOutcome, DisplayEvent, PermissionState};
use longhaul::service_worker::NoWindows;
use longhaul::storage::{Location, connect_control_socket};
use longhaul_dom::ConsoleSink;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::earlier_folders::EarlierFolders;
use super::options::RunOptions;
use super::profile::{cannot_build, network, profile_directory};
use super::target::Target;
use crate::agent::{
    AgentLimits, Listeners, OpenedWindows, Page, PageError, PageOpener, PageOptions, ServiceWorkerAgents,
};
use crate::control;
use crate::display::{Display, Event};
use crate::exit::{Exit, Failure};
use crate::profile::{self, begins_offline};
use crate::server::ServerError;

/// How long a clean end may take before the process ends anyway. Nothing is lost: the next run restores it.
const CLEAN_END: Duration = Duration::from_secs(15);

/// Runs the command.
pub(super) async fn run(options: RunOptions) -> Result<Exit, Failure> {
    let target = Target::find(&options.target)?;
    let directory = profile_directory(options.profile)?;
    let network = network(&options.network, options.throttle)?;
    let display = Display::start(options.progress)
        .map_err(|error| Failure::new(format!("no thread for the display: {error}")))?;
    let outcome =
        Arc::new(Outcome { display, failed: AtomicBool::new(false), paused: watch::Sender::default() });
    let served = target.serve(options.port).await.map_err(|error| cannot_serve(error, &directory))?;
    let listeners = Listeners::start().map_err(|error| Failure::new(format!("no threads: {error}")))?;
    let agents = ServiceWorkerAgents::new(
        AgentLimits::default(),
        listeners.clone(),
        Arc::new(Console { agent: "service-worker", outcome: outcome.clone() }),
        outcome.clone().error_sink(),
    );
    let mut builder = UserAgent::builder()
        .profile(Location::Directory(directory.clone()))
        .tables(profile::TABLES)
        .network(network)
        // The profile's unfinished fetches begin once the servers that they need are there.
        .offline(true)
        .permission(longhaul::BACKGROUND_FETCH, PermissionState::Granted)
        .agent_host(agents.clone())
        .display(Arc::new(FetchDisplay(outcome.clone())));
    for (name, state) in options.grant {
        builder = builder.permission(&name, state);
    }
    let user_agent =
        builder.build().await.map_err(|error| cannot_build(error, Some(&directory), &options.network))?;
    for finding in user_agent.findings() {
        outcome.display.line(finding.to_string());
    }
    if let Some(note) = served.note {
        outcome.display.line(note);
    }
    let earlier = EarlierFolders::serve(&user_agent, served.local.as_ref().map(|(_, target)| target)).await;
    for note in &earlier.notes {
        outcome.display.line(note);
    }
    if !options.offline {
        match begins_offline(user_agent.profile()).await {
            Ok(true) => {
                outcome.display.line("offline, as `longhaul offline` left it; `longhaul online` ends that")
            }
            Ok(false) => user_agent.set_online(true),
            Err(error) => {
                outcome.display.line(format!("whether to begin offline cannot be read: {error}"));
                user_agent.set_online(true);
            }
        }
    }
    let control = serve_control(&user_agent, &outcome);
    agents.attach(user_agent.clone());
    user_agent.start();

    let page_options = PageOptions {
        user_agent: user_agent.clone(),
        limits: AgentLimits::default(),
        listeners: listeners.clone(),
        console: Arc::new(Console { agent: "window", outcome: outcome.clone() }),
        on_error: outcome.clone().error_sink(),
        on_window: None,
    };
    let opened = OpenedWindows::new(page_options.clone());
    user_agent.service_workers().set_window_opener(Arc::new(PageOpener(opened.clone())));
    let timeout = async {
        match options.timeout {
            Some(timeout) => tokio::time::sleep(timeout).await,
            None => std::future::pending().await,
        }
    };
    let exit = tokio::select! {
        () = work(&user_agent, Page::load(served.url, page_options), &opened, &listeners, &outcome) => None,
        () = timeout => Some(Exit::Timeout),
        interrupted = interrupted() => Some(interrupted),
    };
    // It holds the user agent, which holds it.
    user_agent.service_workers().set_window_opener(Arc::new(NoWindows));
    opened.close();
    if exit == Some(Exit::Timeout) {
        let seconds = options.timeout.unwrap_or_default().as_secs_f64();
        outcome.display.line(format!("not done after {seconds} s{}", unfinished(&user_agent)));
    } else {
        let left = unfinished(&user_agent);
        if !left.is_empty() {
            outcome.display.line(left.trim_start_matches([';', ' ']));
        }
    }
    if let Some(control) = control {
        control.abort();
    }
    let ended_cleanly = tokio::select! {
        ended = tokio::time::timeout(CLEAN_END, user_agent.shutdown()) => ended.is_ok(),
        // Asked a second time.
        _ = interrupted() => false,
    };
    if !ended_cleanly {
        outcome.display.line("ended in a hurry; the next run restores what is unfinished");
    }
    agents.detach();
    drop((served.local, earlier));
    outcome.display.finish();
    Ok(exit.unwrap_or(if outcome.failed.load(Ordering::Relaxed) { Exit::Failure } else { Exit::Success }))
}

/// Loads the page and waits until nothing is left to do.
async fn work(
    user_agent: &UserAgent,
    loading: impl Future<Output = Result<Page, PageError>>,
    opened: &OpenedWindows,
    listeners: &Listeners,
    outcome: &Outcome,
) {
    let page = match loading.await {
        Ok(page) => Some(Arc::new(page)),
        Err(error) => {
            outcome.fail(error.to_string());
            None
        }
    };
    let pages = || page.iter().cloned().chain(opened.pages());
    let page_is_idle = || pages().all(|page| page.agent().is_idle());
    let generation = || pages().map(|page| page.agent().generation()).collect::<Vec<_>>();
    let nothing_to_do = || {
        let fetches = user_agent.background_fetch().idle().now_or_never().is_some();
        let workers = user_agent.service_workers().idle().now_or_never().is_some();
        fetches && workers && page_is_idle() && outcome.paused.borrow().is_empty()
    };
    loop {
        for page in pages() {
            page.agent().idle().await;
        }
        user_agent.background_fetch().idle().await;
        user_agent.service_workers().idle().await;
        // The sender lives as long as `outcome`, so this cannot fail.
        let _ = outcome.paused.subscribe().wait_for(BTreeSet::is_empty).await;
        // Each may have given work to another meanwhile: all have to be idle in one moment. And what one of them has
        // reported may still be on its way to a script that listens, which may make work of it: all have to be idle
        // still once that has arrived, with nothing done in between.
        let before = generation();
        if nothing_to_do() {
            listeners.drained().await;
            if nothing_to_do() && generation() == before {
                break;
            }
        }
        tokio::task::yield_now().await;
    }
    for page in pages().filter(|page| !page.agent().alive()) {
        outcome.fail(format!("{}: {}", page.url(), page.agent().ended().await));
    }
}

/// Resolves when the user wants the process to end.
async fn interrupted() -> Exit {
    let (Ok(mut interrupt), Ok(mut terminate)) =
        (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => Exit::Interrupted,
        _ = terminate.recv() => Exit::Terminated,
    }
}

/// Answers the other commands, where the profile has a folder that can hold a socket.
fn serve_control(user_agent: &UserAgent, outcome: &Arc<Outcome>) -> Option<JoinHandle<()>> {
    match user_agent.profile().bind_control_socket() {
        Ok(listener) => {
            let (user_agent, outcome) = (user_agent.clone(), outcome.clone());
            Some(tokio::spawn(async move {
                if let Err(error) = control::serve(listener, user_agent).await {
                    outcome.display.line(format!("the control socket does not work: {error}"));
                }
            }))
        }
        Err(error) => {
            outcome
                .display
                .line(format!("no control socket: {error}; list, pause and so on do not reach this run"));
            None
        }
    }
}

/// What the profile still has, for the user to know; empty if there is nothing.
fn unfinished(user_agent: &UserAgent) -> String {
    let mut paused = Vec::new();
    let mut active = Vec::new();
    for summary in user_agent.background_fetch().list() {
        if summary.state.result.as_str().is_empty() {
            let list = if summary.state.paused { &mut paused } else { &mut active };
            list.push(format!("“{}”", crate::escape::shortened(&summary.id, 40)));
        }
    }
    let mut text = String::new();
    for (list, what) in
        [(paused, "paused (`longhaul resume` lets it go on)"), (active, "unfinished (the next run goes on)")]
    {
        if !list.is_empty() {
            text.push_str(&format!("; {what}: {}", list.join(", ")));
        }
    }
    text
}

fn cannot_serve(error: ServerError, profile: &Path) -> Failure {
    let in_use = matches!(error, ServerError::PortInUse { .. })
        // The one who has the port may be a run on the same profile, which is then the better thing to say.
        && matches!(connect_control_socket(profile), Ok(Some(_)));
    match in_use {
        true => Failure {
            exit: Exit::ProfileInUse,
            message: format!("the profile {} is in use by another process", profile.display()),
        },
        false => Failure::new(error),
    }
}

/// The display, and whether anything went wrong.
struct Outcome {
    display: Display,
    failed: AtomicBool,
    /// The keys of what the user paused during this run. Who pauses a download while it is watched wants to see it resumed:
    /// the run waits for that. What was paused before, or waits for permission, ends no later for it.
    paused: watch::Sender<BTreeSet<String>>,
}

impl Outcome {
    fn fail(&self, line: String) {
        self.failed.store(true, Ordering::Relaxed);
        self.display.line(line);
    }

    fn error_sink(self: Arc<Self>) -> Arc<dyn Fn(String) + Send + Sync> {
        Arc::new(move |line| self.fail(line))
    }
}

/// A realm's console.
struct Console {
    agent: &'static str,
    outcome: Arc<Outcome>,
}

impl ConsoleSink for Console {
    fn message(&self, level: &str, text: &str) {
        self.outcome.display.show(Event::Console {
            agent: self.agent,
            level: level.to_owned(),
            message: text.to_owned(),
        });
    }
}

/// Background fetches, shown.
struct FetchDisplay(Arc<Outcome>);

impl background_fetch::Display for FetchDisplay {
    fn show(&self, event: &DisplayEvent) {
        let report = control::report(event.registration());
        match event {
            DisplayEvent::Paused(_) => {
                self.0.paused.send_if_modified(|paused| paused.insert(report.key.clone()));
            }
            DisplayEvent::Resumed(_) | DisplayEvent::Settled(_) | DisplayEvent::Removed(_) => {
                self.0.paused.send_if_modified(|paused| paused.remove(&report.key));
            }
            _ => {}
        }
        let event = match event {
            DisplayEvent::Registered(_) => Event::Registered(report),
            DisplayEvent::Progress(_) => Event::Progress(report),
            DisplayEvent::Paused(_) => Event::Paused(report),
            DisplayEvent::Resumed(_) => Event::Resumed(report),
            DisplayEvent::Settled(_) => {
                let failure = (report.result == "failure").then(|| {
                    let name = if report.title.is_empty() { &report.id } else { &report.title };
                    format!("{}: background fetch “{name}” failed: {}", report.origin, report.failure_reason)
                });
                self.0.display.show(Event::Settled(report));
                if let Some(failure) = failure {
                    self.0.fail(failure);
                }
                return;
            }
            DisplayEvent::WorkerEvent { kind, outcome, .. } => {
                let kind = kind.event_name();
                let (outcome, detail) = describe(outcome);
                if !detail.is_empty() {
                    self.0.fail(format!("{}: {kind} of “{}”: {outcome}: {detail}", report.origin, report.id));
                }
                Event::WorkerEvent {
                    fetch: Some(report),
                    kind: kind.to_owned(),
                    outcome: outcome.to_owned(),
                    detail,
                }
            }
            DisplayEvent::UiUpdated(_) => Event::Retitled(report),
            DisplayEvent::Removed(_) => Event::Removed(report),
            // Kinds that are new to this version change nothing that is shown.
            _ => return,
        };
        self.0.display.show(event);
    }
}

/// The outcome's name, and what went wrong where something did.
fn describe(outcome: &DispatchOutcome) -> (&'static str, String) {
    match outcome {
        DispatchOutcome::Delivered => ("delivered", String::new()),
        DispatchOutcome::CouldNotStart(detail) => ("could-not-start", detail.clone()),
        DispatchOutcome::Crashed(detail) => ("crashed", detail.clone()),
        DispatchOutcome::NoWorker => ("no-worker", String::new()),
    }
}
