//! What a profile remembers of the sites it has been to: shown and cleared.

use std::time::SystemTime;

use longhaul::UserAgent;
use longhaul::background_fetch::PermissionState;
use serde::{Deserialize, Serialize};
use url::Url;

use super::protocol::Reply;

/// A kind of what is remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StateKind {
    /// Cookies.
    Cookies,
    /// Responses in the HTTP cache.
    Cache,
    /// Which hosts are reached over TLS alone.
    Hsts,
    /// What the user has decided about powerful features.
    Permissions,
}

impl StateKind {
    const ALL: [StateKind; 4] =
        [StateKind::Cookies, StateKind::Cache, StateKind::Hsts, StateKind::Permissions];
}

/// What is to be done with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StateAction {
    /// Show it.
    List,
    /// Forget it.
    Clear,
}

/// What is remembered, of the kinds that were asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateReport {
    /// In order of creation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cookies: Option<Vec<CookieReport>>,
    /// In no order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache: Option<Vec<CacheReport>>,
    /// By partition and host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hsts: Option<Vec<HstsReport>>,
    /// By origin and name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permissions: Option<Vec<PermissionReport>>,
}

/// A cookie. Times are seconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CookieReport {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
    /// The host that it belongs to, or the domain whose hosts share it.
    pub domain: String,
    /// Whether no other host shares it.
    pub host_only: bool,
    /// Its path.
    pub path: String,
    /// Whether it keeps to secure connections.
    pub secure: bool,
    /// Whether scripts do not see it.
    pub http_only: bool,
    /// `Strict`, `Lax` or `None`, if it says so.
    pub same_site: Option<String>,
    /// The top-level site it is kept for, if it is partitioned.
    pub partition: Option<String>,
    /// When it ends; nothing if with the session.
    pub expires: Option<u64>,
}

/// A response in the HTTP cache. Times are seconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CacheReport {
    /// The partition that has it.
    pub partition: String,
    /// Its URL.
    pub url: String,
    /// Its status.
    pub status: u16,
    /// The bytes that it takes.
    pub bytes: u64,
    /// When it came.
    pub stored_at: u64,
    /// Until when it is used without asking.
    pub fresh_until: u64,
}

/// A host that is reached over TLS alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HstsReport {
    /// The partition that knows it.
    pub partition: String,
    /// Its name.
    pub host: String,
    /// Whether the hosts below it are meant, too.
    pub include_subdomains: bool,
    /// Until when, in seconds since 1970.
    pub expires: u64,
}

/// A decision about a feature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PermissionReport {
    /// Whose.
    pub origin: String,
    /// Which feature.
    pub name: String,
    /// `granted`, `denied` or `prompt`.
    pub state: String,
}

/// Shows or clears what is remembered: of one kind or all, of one origin or all.
pub(super) async fn state(
    user_agent: &UserAgent,
    kind: Option<StateKind>,
    action: StateAction,
    origin: Option<&str>,
) -> Reply {
    let origin = match origin.map(Url::parse).transpose() {
        Ok(origin) => origin,
        Err(error) => return Reply::Refused(format!("no origin: {error}")),
    };
    if origin.as_ref().is_some_and(|origin| !origin.origin().is_tuple()) {
        return Reply::Refused("no origin: a scheme and a host are expected".to_owned());
    }
    let kinds = kind.map_or(StateKind::ALL.to_vec(), |kind| vec![kind]);
    match action {
        StateAction::List => {
            let mut report = StateReport::default();
            for kind in kinds {
                match kind {
                    StateKind::Cookies => report.cookies = Some(cookies(user_agent, origin.as_ref())),
                    StateKind::Cache => match cache(user_agent, origin.as_ref()).await {
                        Ok(entries) => report.cache = Some(entries),
                        Err(error) => return Reply::Refused(error),
                    },
                    StateKind::Hsts => report.hsts = Some(hsts(user_agent, origin.as_ref())),
                    StateKind::Permissions => {
                        report.permissions = Some(permissions(user_agent, origin.as_ref()));
                    }
                }
            }
            Reply::State(Box::new(report))
        }
        StateAction::Clear => {
            let mut done = Vec::new();
            for kind in kinds {
                let cleared = clear(user_agent, kind, origin.as_ref()).await;
                match cleared {
                    Ok(text) => done.push(text),
                    Err(text) => return Reply::Refused(text),
                }
            }
            Reply::Done(format!("cleared {}", done.join(", ")))
        }
    }
}

fn cookies(user_agent: &UserAgent, origin: Option<&Url>) -> Vec<CookieReport> {
    let goes_there = |cookie: &longhaul::cookies::Cookie| {
        origin.is_none_or(|origin| origin.host_str().is_some_and(|host| cookie.goes_to_host(host)))
    };
    let cookies = user_agent.cookies().cookies().into_iter().filter(goes_there);
    cookies
        .map(|cookie| CookieReport {
            name: cookie.name,
            value: cookie.value,
            domain: cookie.domain,
            host_only: cookie.host_only,
            path: cookie.path,
            secure: cookie.secure,
            http_only: cookie.http_only,
            same_site: cookie.same_site.map(str::to_owned),
            partition: cookie.partition,
            expires: cookie.expires.map(seconds),
        })
        .collect()
}

async fn cache(user_agent: &UserAgent, origin: Option<&Url>) -> Result<Vec<CacheReport>, String> {
    let Some(cache) = user_agent.http_cache() else { return Ok(Vec::new()) };
    let entries = cache.list(origin.map(Url::origin).as_ref()).await.map_err(|error| error.to_string())?;
    let report = entries.into_iter().map(|entry| CacheReport {
        partition: entry.partition,
        url: entry.url,
        status: entry.status,
        bytes: entry.bytes,
        stored_at: seconds(entry.stored_at),
        fresh_until: seconds(entry.fresh_until),
    });
    Ok(report.collect())
}

fn hsts(user_agent: &UserAgent, origin: Option<&Url>) -> Vec<HstsReport> {
    let hosts = user_agent.hsts().hosts().into_iter().filter(|known| is_of(&known.host, origin));
    hosts
        .map(|known| HstsReport {
            partition: known.partition,
            host: known.host,
            include_subdomains: known.include_subdomains,
            expires: seconds(known.expires),
        })
        .collect()
}

fn permissions(user_agent: &UserAgent, origin: Option<&Url>) -> Vec<PermissionReport> {
    let origin = origin.map(|origin| origin.origin().ascii_serialization());
    let decisions = user_agent.permissions().decisions().into_iter();
    decisions
        .filter(|decision| origin.as_ref().is_none_or(|origin| *origin == decision.origin))
        .map(|decision| PermissionReport {
            origin: decision.origin,
            name: decision.name,
            state: match decision.state {
                PermissionState::Granted => "granted",
                PermissionState::Denied => "denied",
                PermissionState::Prompt => "prompt",
            }
            .to_owned(),
        })
        .collect()
}

/// Forgets, waits until that is durable, and says how much it was.
async fn clear(user_agent: &UserAgent, kind: StateKind, origin: Option<&Url>) -> Result<String, String> {
    let (number, what, durable) = match kind {
        StateKind::Cookies => {
            let jar = user_agent.cookies();
            let number = match origin.map(|origin| origin.host_str().unwrap_or_default()) {
                Some(host) => jar.clear_host(host),
                None => jar.remove_where(|_| true),
            };
            (number, "cookies", jar.flush().await)
        }
        StateKind::Cache => {
            let cleared = match user_agent.http_cache() {
                Some(cache) => cache.clear(origin.map(Url::origin).as_ref()).await,
                None => Ok(0),
            };
            return match cleared {
                Ok(number) => Ok(format!("{number} cached responses")),
                Err(error) => Err(format!("the HTTP cache was not cleared: {error}")),
            };
        }
        StateKind::Hsts => {
            let number = user_agent.hsts().remove_where(|known| is_of(&known.host, origin));
            (number, "HSTS hosts", user_agent.hsts().flush().await)
        }
        StateKind::Permissions => {
            let origin = origin.map(|origin| origin.origin().ascii_serialization());
            let number = user_agent.permissions().clear(origin.as_deref());
            (number, "permissions", user_agent.permissions().flush().await)
        }
    };
    match durable {
        Ok(()) => Ok(format!("{number} {what}")),
        Err(error) => Err(format!("{what} were cleared, but the profile still has them: {error}")),
    }
}

fn is_of(host: &str, origin: Option<&Url>) -> bool {
    origin.is_none_or(|origin| origin.host_str() == Some(host))
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
