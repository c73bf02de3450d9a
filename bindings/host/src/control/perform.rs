//! Carrying out what the user asks for, on the background fetches of a user agent.

use longhaul::UserAgent;
use longhaul::background_fetch::{Lookup, Registration, Summary};

use super::protocol::{FetchDetails, Reply, Request};
use super::state::state;
use crate::display::FetchReport;
use crate::profile::set_begins_offline;

/// Does what is asked.
pub async fn perform(user_agent: &UserAgent, request: Request) -> Reply {
    let fetches = user_agent.background_fetch();
    let with = |id: &str| fetches.find(id).map_err(|lookup| refusal(id, lookup));
    match request {
        Request::List => {
            let mut reports = Vec::new();
            for summary in fetches.list() {
                // One that vanished meanwhile is not there any more.
                if let Ok(registration) = fetches.find(&summary.unique_key.to_string()) {
                    reports.push(report(&registration));
                }
            }
            Reply::List(reports)
        }
        Request::Show { id } => match with(&id) {
            Ok(registration) => Reply::Show(Box::new(details(&registration))),
            Err(refused) => refused,
        },
        Request::Pause { id } => match with(&id) {
            Ok(registration) => pause(&registration),
            Err(refused) => refused,
        },
        Request::Resume { id } => match with(&id) {
            Ok(registration) => {
                if !report(&registration).result.is_empty() {
                    return Reply::Refused(format!("{} has settled", name(&registration)));
                }
                registration.resume();
                Reply::Done(format!("{}: resumed", name(&registration)))
            }
            Err(refused) => refused,
        },
        Request::Abort { id } => match with(&id) {
            Ok(registration) => {
                if registration.abort().await {
                    Reply::Done(format!("{}: aborted", name(&registration)))
                } else {
                    Reply::Refused(format!("{} has settled", name(&registration)))
                }
            }
            Err(refused) => refused,
        },
        Request::Click { id } => match with(&id) {
            Ok(registration) => {
                registration.click();
                Reply::Done(format!("{}: clicked", name(&registration)))
            }
            Err(refused) => refused,
        },
        Request::Online => {
            user_agent.set_online(true);
            // What an earlier `offline` left for the runs to come is over too.
            match set_begins_offline(user_agent.profile(), false).await {
                Ok(()) => Reply::Done("online".to_owned()),
                Err(error) => Reply::Refused(format!("online, but the next run may not be: {error}")),
            }
        }
        Request::State { kind, action, origin } => state(user_agent, kind, action, origin.as_deref()).await,
        Request::Offline => {
            user_agent.set_online(false);
            Reply::Done("offline".to_owned())
        }
    }
}

fn pause(registration: &Registration) -> Reply {
    let state = registration.snapshot();
    if !report(registration).result.is_empty() {
        return Reply::Refused(format!("{} has settled", name(registration)));
    }
    if !state.pausable {
        return Reply::Refused(format!(
            "{} sends a request that cannot be repeated, so it cannot be paused",
            name(registration)
        ));
    }
    registration.pause();
    Reply::Done(format!("{}: paused", name(registration)))
}

/// A background fetch as the display shows it.
pub fn report(registration: &Registration) -> FetchReport {
    let state = registration.snapshot();
    FetchReport {
        key: registration.unique_key().to_string(),
        id: registration.id().to_owned(),
        origin: state.origin,
        title: state.title,
        downloaded: state.downloaded,
        download_total: state.download_total,
        uploaded: state.uploaded,
        upload_total: state.upload_total,
        result: state.result.as_str().to_owned(),
        failure_reason: state.failure_reason.as_str().to_owned(),
        paused: state.paused,
    }
}

fn details(registration: &Registration) -> FetchDetails {
    let state = registration.snapshot();
    let requests = registration.records().into_iter().map(|record| {
        let request = record.request();
        format!("{} {}", request.method.as_str(), request.url())
    });
    FetchDetails {
        scope: registration.registration_key().scope.clone(),
        pausable: state.pausable,
        icons: state.icons.iter().map(|icon| icon.src.to_string()).collect(),
        requests: requests.collect(),
        report: report(registration),
    }
}

fn refusal(id: &str, lookup: Lookup) -> Reply {
    Reply::Refused(match lookup {
        Lookup::Ambiguous(candidates) => {
            let list: Vec<String> = candidates.iter().map(candidate).collect();
            format!("“{id}” is ambiguous; it may be {}", list.join(", "))
        }
        _ => format!("there is no background fetch “{id}”"),
    })
}

fn candidate(summary: &Summary) -> String {
    format!("{} (“{}” of {})", summary.unique_key, summary.id, summary.state.origin)
}

fn name(registration: &Registration) -> String {
    format!("{} “{}”", registration.unique_key(), registration.id())
}
