//! `longhaul list`, `show`, `pause`, `resume`, `abort`, `click`, `online`, `offline`: through the run that is alive on the
//! profile, or on the profile itself.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use longhaul::background_fetch::{self, DispatchOutcome, DisplayEvent, EventKind};
use longhaul::storage::{Location, connect_control_socket};
use longhaul::{BuildError, UserAgent};
use longhaul_dom::ConsoleSink;
use tokio::sync::mpsc;

use super::options::{NetworkOptions, ProfileOptions};
use super::profile::{cannot_build, profile_directory};
use super::state::print_state;
use crate::agent::{AgentLimits, Listeners, ServiceWorkerAgents};
use crate::control::{FetchDetails, Reply, Request, ask, perform};
use crate::display::FetchReport;
use crate::escape::{json_line, printable, shortened};
use crate::exit::{Exit, Failure, complain, note, say};
use crate::profile::{self, set_begins_offline};

/// How long to wait for a run that has the profile and does not listen yet, or any more.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a worker may take over a click.
const CLICK: Duration = Duration::from_secs(330);

/// Carries out a request and prints the answer.
pub(super) async fn user_side(options: ProfileOptions, request: Request) -> Result<Exit, Failure> {
    let directory = profile_directory(options.profile)?;
    let reply = carry_out(&directory, request).await?;
    if options.json {
        let line = match &reply {
            Reply::List(reports) => json_line(reports),
            Reply::Show(details) => json_line(details),
            Reply::State(report) => json_line(report),
            Reply::Done(text) => json_line(&serde_json::json!({ "done": text })),
            Reply::Refused(text) => return Err(Failure::new(text)),
        };
        say(&line.map_err(Failure::new)?);
        return Ok(Exit::Success);
    }
    match reply {
        Reply::List(reports) => reports.iter().for_each(|report| say(&line(report))),
        Reply::Show(details) => print_details(&details),
        Reply::State(report) => print_state(&report),
        Reply::Done(text) => say(&printable(&text)),
        Reply::Refused(text) => return Err(Failure::new(text)),
    }
    Ok(Exit::Success)
}

async fn carry_out(directory: &Path, request: Request) -> Result<Reply, Failure> {
    let begun = Instant::now();
    loop {
        let connected = connect_control_socket(directory);
        match connected {
            Ok(Some(stream)) => {
                let request = request.clone();
                let asked = tokio::task::spawn_blocking(move || ask(stream, &request)).await;
                match asked.map_err(Failure::new)? {
                    Ok(reply) => return Ok(reply),
                    // It ended before it answered: then the profile is free, or will be.
                    Err(error) if begun.elapsed() > PATIENCE => {
                        return Err(Failure::new(format!(
                            "the run on {} does not answer: {error}",
                            directory.display()
                        )));
                    }
                    Err(_) => {}
                }
            }
            Ok(None) => match on_profile(directory, request.clone()).await {
                Ok(reply) => return Ok(reply),
                Err(OnProfile::InUse(_)) if begun.elapsed() <= PATIENCE => {}
                Err(OnProfile::InUse(failure) | OnProfile::Failed(failure)) => return Err(failure),
            },
            Err(error) => return Err(Failure::new(format!("{}: {error}", directory.display()))),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

enum OnProfile {
    InUse(Failure),
    Failed(Failure),
}

fn cannot_open(error: BuildError, directory: &Path) -> OnProfile {
    let failure = cannot_build(error, Some(directory), &NetworkOptions::default());
    match failure.exit {
        Exit::ProfileInUse => OnProfile::InUse(failure),
        _ => OnProfile::Failed(failure),
    }
}

/// Opens the profile and does what is asked. Nothing is downloaded, and but for a click no worker runs: what is owed stays so.
async fn on_profile(directory: &Path, request: Request) -> Result<Reply, OnProfile> {
    match request {
        // A profile that is not there has nothing, and asking does not make it.
        Request::Online if !directory.exists() => return Ok(next_run_begins("online")),
        Request::List if !directory.exists() => return Ok(Reply::List(Vec::new())),
        Request::State { .. } if !directory.exists() => return Ok(Reply::State(Box::default())),
        Request::Show { id }
        | Request::Pause { id }
        | Request::Resume { id }
        | Request::Abort { id }
        | Request::Click { id }
            if !directory.exists() =>
        {
            return Ok(Reply::Refused(format!("there is no background fetch “{id}”")));
        }
        _ => {}
    }
    let click = matches!(request, Request::Click { .. });
    let (events, mut delivered) = mpsc::unbounded_channel();
    let listeners = Listeners::start()
        .map_err(|error| OnProfile::Failed(Failure::new(format!("no threads: {error}"))))?;
    let agents = ServiceWorkerAgents::new(
        AgentLimits::default(),
        listeners,
        Arc::new(PlainConsole),
        Arc::new(|line: String| complain(&line)),
    );
    let user_agent = UserAgent::builder()
        .profile(Location::Directory(directory.to_owned()))
        .tables(profile::TABLES)
        .offline(true)
        .agent_host(agents.clone())
        .display(Arc::new(Clicks(events)))
        .build()
        .await
        .map_err(|error| cannot_open(error, directory))?;
    for finding in user_agent.findings() {
        complain(&finding.to_string());
    }
    if click {
        agents.attach(user_agent.clone());
        user_agent.start();
    }
    let mut reply = match request {
        Request::Online => begin(&user_agent, false).await,
        Request::Offline => begin(&user_agent, true).await,
        request => perform(&user_agent, request).await,
    };
    if let (true, Reply::Done(_)) = (click, &reply) {
        let outcome = tokio::time::timeout(CLICK, delivered.recv()).await.ok().flatten();
        reply = match outcome {
            Some(DispatchOutcome::Delivered) => reply,
            Some(DispatchOutcome::NoWorker) => Reply::Refused("it has no service worker any more".to_owned()),
            Some(DispatchOutcome::CouldNotStart(why) | DispatchOutcome::Crashed(why)) => {
                Reply::Refused(format!("its service worker did not get the click: {why}"))
            }
            None => Reply::Refused("its service worker did not get the click in time".to_owned()),
        };
    }
    user_agent.shutdown().await;
    agents.detach();
    Ok(reply)
}

/// Keeps for the next run whether it begins without a network.
async fn begin(user_agent: &UserAgent, offline: bool) -> Reply {
    match set_begins_offline(user_agent.profile(), offline).await {
        Ok(()) => next_run_begins(if offline { "offline" } else { "online" }),
        Err(error) => Reply::Refused(error.to_string()),
    }
}

fn next_run_begins(how: &str) -> Reply {
    Reply::Done(format!("no run is alive on the profile; the next one begins {how}"))
}

/// Notices what became of a click.
struct Clicks(mpsc::UnboundedSender<DispatchOutcome>);

impl background_fetch::Display for Clicks {
    fn show(&self, event: &DisplayEvent) {
        if let DisplayEvent::WorkerEvent { kind: EventKind::Click, outcome, .. } = event {
            // Nobody waits any more when the command ends.
            let _ = self.0.send(outcome.clone());
        }
    }
}

/// A console of a worker that a click has started.
struct PlainConsole;

impl ConsoleSink for PlainConsole {
    fn message(&self, level: &str, text: &str) {
        let level = if level == "log" { String::new() } else { format!(" {}", printable(level)) };
        note(&format!("[service-worker{level}] {}", printable(text)));
    }
}

fn line(report: &FetchReport) -> String {
    let bytes = match report.download_total {
        0 => report.downloaded.to_string(),
        total => format!("{}/{total}", report.downloaded),
    };
    format!(
        "{}  {}  {}  {bytes}  {}  {}",
        report.key,
        shortened(&report.id, 40),
        report.state(),
        shortened(&report.origin, 60),
        shortened(&report.title, 60),
    )
}

fn print_details(details: &FetchDetails) {
    let report = &details.report;
    say(&format!("key: {}", printable(&report.key)));
    say(&format!("id: {}", printable(&report.id)));
    say(&format!("state: {}", report.state()));
    say(&format!("title: {}", printable(&report.title)));
    say(&format!("origin: {}", printable(&report.origin)));
    say(&format!("scope: {}", printable(&details.scope)));
    say(&format!("downloaded: {} of {}", report.downloaded, total(report.download_total)));
    say(&format!("uploaded: {} of {}", report.uploaded, report.upload_total));
    if !details.pausable {
        say("pausable: no, it sends a request that cannot be repeated");
    }
    for icon in &details.icons {
        say(&format!("icon: {}", printable(icon)));
    }
    for request in &details.requests {
        say(&format!("request: {}", printable(request)));
    }
}

fn total(bytes: u64) -> String {
    if bytes == 0 { "an unknown total".to_owned() } else { bytes.to_string() }
}
