//! The servers of folders that earlier runs served and whose background fetches are not over.

use std::collections::BTreeMap;

use longhaul::UserAgent;
use longhaul::background_fetch::Summary;
use longhaul::storage::StorageError;
use url::Url;

use super::target::Target;
use crate::escape::shortened;
use crate::exit::Failure;
use crate::profile::{ServedTarget, forget, remember, served_targets};
use crate::server::{PortChoice, Server};

/// The servers, and what the user should know, one line each.
#[derive(Debug, Default)]
pub(super) struct EarlierFolders {
    /// To be kept while the background fetches go on.
    pub(super) servers: Vec<Server>,
    pub(super) notes: Vec<String>,
}

impl EarlierFolders {
    /// Remembers the target of this run, serves the folders that still have something to fetch or to be told, and forgets
    /// the others.
    pub(super) async fn serve(user_agent: &UserAgent, own: Option<&ServedTarget>) -> EarlierFolders {
        let mut folders = EarlierFolders::default();
        let unfinished = unfinished_by_port(user_agent);
        let earlier = match folders.bring_up_to_date(user_agent, own, &unfinished).await {
            Ok(earlier) => earlier,
            Err(error) => {
                folders.notes.push(format!("the folders of earlier runs are not served: {error}"));
                Vec::new()
            }
        };
        for (port, fetches) in unfinished {
            if own.is_some_and(|own| own.port == port) {
                continue;
            }
            match earlier.iter().find(|target| target.port == port) {
                Some(target) => match serve(target).await {
                    Ok(server) => folders.servers.push(server),
                    Err(failure) => folders.notes.push(waits(&fetches, &failure.message)),
                },
                // An earlier version of this program served it, or its row is lost.
                None if PortChoice::may_be_computed(port) => {
                    let origin = format!("http://localhost:{port}");
                    folders.notes.push(waits(
                        &fetches,
                        &format!("{origin} is of a folder that is not known any more"),
                    ));
                }
                None => {}
            }
        }
        folders
    }

    async fn bring_up_to_date(
        &mut self,
        user_agent: &UserAgent,
        own: Option<&ServedTarget>,
        unfinished: &BTreeMap<u16, Vec<Summary>>,
    ) -> Result<Vec<ServedTarget>, StorageError> {
        let profile = user_agent.profile();
        let known = served_targets(profile).await?;
        let (kept, over): (Vec<_>, Vec<_>) = known.into_iter().partition(|target| {
            unfinished.contains_key(&target.port) || own.is_some_and(|own| own.port == target.port)
        });
        let over: Vec<u16> = over.iter().map(|target| target.port).collect();
        let mut written = forget(profile, &over).await;
        if let Some(own) = own.filter(|own| !kept.contains(own)) {
            written = written.and(remember(profile, own).await);
        }
        if let Err(error) = written {
            // This run has what it needs; a later one with another target will say that it has not.
            self.notes.push(format!("a later run will not know which folder this one served: {error}"));
        }
        Ok(kept)
    }
}

/// Background fetches of loopback origins, by port: those that are unfinished and those whose event is still owed.
fn unfinished_by_port(user_agent: &UserAgent) -> BTreeMap<u16, Vec<Summary>> {
    let mut unfinished: BTreeMap<u16, Vec<Summary>> = BTreeMap::new();
    for summary in user_agent.background_fetch().list() {
        let Ok(origin) = Url::parse(&summary.state.origin) else { continue };
        if let ("http", Some("localhost"), Some(port)) =
            (origin.scheme(), origin.host_str(), origin.port_or_known_default())
        {
            unfinished.entry(port).or_default().push(summary);
        }
    }
    unfinished
}

async fn serve(target: &ServedTarget) -> Result<Server, Failure> {
    let shown = target.path.display().to_string();
    match Target::local(&target.path, &shown)? {
        Target::Local { path, site } if path == target.path => {
            Server::start(site, &PortChoice::exactly(target.port))
                .await
                .map_err(|error| Failure::new(format!("{error}, so {shown} is not served")))
        }
        // The path leads somewhere else now: what is there was never meant to be served.
        _ => Err(Failure::new(format!("{shown}: it is a symbolic link now"))),
    }
}

fn waits(fetches: &[Summary], why: &str) -> String {
    let ids: Vec<String> = fetches.iter().map(|fetch| format!("“{}”", shortened(&fetch.id, 40))).collect();
    let verb = if ids.len() == 1 { "waits" } else { "wait" };
    format!("{} {verb} (`longhaul abort` ends that): {why}", ids.join(", "))
}
