//! A worker's scripts: how they are fetched, and the map that keeps them.

use std::collections::HashMap;
use std::str::FromStr as _;
use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;
use longhaul_fetch::{
    EnvironmentSettings, FetchController, HeaderList, MimeType, PolicyContainer, ReferrerPolicy, Request,
    Response, is_javascript_mime_type_essence,
};
use url::Url;

use crate::update::WorkerType;

/// The most that the scripts of one worker may hold together.
pub const MAX_SCRIPT_BYTES: usize = 128 * 1024 * 1024;

/// Fetches for service workers.
pub trait ScriptLoader: Send + Sync + 'static {
    /// Fetches one script. A network error and a status that is not ok are errors; the MIME type is judged by the caller.
    fn load(&self, request: ScriptRequest) -> BoxFuture<'static, Result<LoadedScript, LoadError>>;

    /// Fetches what a navigation is for while its worker starts.
    fn fetch_preload(&self, request: Request, controller: FetchController) -> BoxFuture<'static, Response>;
}

/// What to fetch, and how.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ScriptRequest {
    /// The script's URL.
    pub url: Url,
    /// Whether it is the worker's own script or one that it imports.
    pub kind: ScriptKind,
    /// Classic or module.
    pub worker_type: WorkerType,
    /// Whether the HTTP cache may answer without asking the server.
    pub cache: ScriptCache,
    /// On whose behalf: the page that registers, or the worker itself.
    pub client: Arc<EnvironmentSettings>,
    /// The module that imports it; none where the client's URL counts.
    pub referrer: Option<Url>,
    /// How much of that is told.
    pub referrer_policy: ReferrerPolicy,
}

impl ScriptRequest {
    /// The request of a classic worker's script, which the HTTP cache may answer.
    pub fn new(url: Url, kind: ScriptKind, client: Arc<EnvironmentSettings>) -> Self {
        Self {
            url,
            kind,
            worker_type: WorkerType::Classic,
            cache: ScriptCache::Default,
            client,
            referrer: None,
            referrer_policy: ReferrerPolicy::Empty,
        }
    }
}

/// Which script of a worker this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScriptKind {
    /// The worker's own: `Service-Worker: script` is sent, redirects are errors, destination `serviceworker`, mode
    /// same-origin.
    TopLevel,
    /// One that the worker's script imports. If the worker is classic, destination `script`, from any origin; if it is a module,
    /// destination `serviceworker`.
    Imported,
    /// Data that a module worker's script imports: destination `json`.
    ImportedJson,
}

impl ScriptKind {
    /// The kind as it is stored.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::TopLevel | Self::Imported => "script",
            Self::ImportedJson => "json",
        }
    }

    /// What a script is that the worker imported; one that was stored before there were others is a script.
    pub(crate) fn from_name(name: Option<&str>) -> Self {
        match name {
            Some("json") => Self::ImportedJson,
            _ => Self::Imported,
        }
    }
}

/// The cache mode of a script's request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScriptCache {
    /// `default`
    Default,
    /// `no-cache`
    NoCache,
}

/// A fetched script.
#[derive(Clone, Debug)]
pub struct LoadedScript {
    /// The URL that was asked for.
    pub url: Url,
    /// The URL that answered.
    pub final_url: Url,
    /// The essence of the response's MIME type, if it has one.
    pub mime_essence: Option<String>,
    /// The response's headers.
    pub headers: HeaderList,
    /// The response's body.
    pub source: Bytes,
    /// The policy container made from the response.
    pub policy_container: PolicyContainer,
    /// Whether the server was asked, or the HTTP cache answered by itself.
    pub from: ScriptSource,
}

impl LoadedScript {
    /// Whether its MIME type is what it has to be.
    pub(crate) fn check_type(&self, kind: ScriptKind) -> Result<(), LoadError> {
        let (url, essence) = (self.url.clone(), self.mime_essence.clone());
        let known = essence.as_deref();
        match kind {
            ScriptKind::TopLevel | ScriptKind::Imported => match known {
                Some(known) if is_javascript_mime_type_essence(known) => Ok(()),
                _ => Err(LoadError::NotJavaScript { url, essence }),
            },
            ScriptKind::ImportedJson => match known.map(MimeType::from_str) {
                Some(Ok(mime)) if mime.is_json() => Ok(()),
                _ => Err(LoadError::NotJson { url, essence }),
            },
        }
    }
}

/// A module that the script of a worker imports.
#[derive(Clone, Debug)]
pub struct ModuleImport {
    /// Where it is.
    pub url: Url,
    /// What it has to be: [`ScriptKind::Imported`] or [`ScriptKind::ImportedJson`].
    pub kind: ScriptKind,
    /// The module that imports it.
    pub referrer: Option<Url>,
    /// What that one's response said of referrers.
    pub referrer_policy: ReferrerPolicy,
}

/// What an import gives.
#[derive(Clone, Debug)]
pub struct Imported {
    /// The text.
    pub source: Bytes,
    /// The URL that answered.
    pub base_url: Url,
    /// What the response said of referrers, while that may matter.
    pub referrer_policy: ReferrerPolicy,
}

/// Who answered a script's request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScriptSource {
    /// The server.
    Network,
    /// The HTTP cache, without asking the server.
    LocalCache,
}

/// Why a script could not be loaded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The fetch ended in a network error.
    #[error("{url}: {reason}")]
    Network {
        /// The script.
        url: Url,
        /// What the fetch said.
        reason: String,
    },
    /// The server redirected the worker's own script.
    #[error("{url}: a service worker's script may not be redirected")]
    Redirected {
        /// The script.
        url: Url,
    },
    /// The server answered with a status that is not ok.
    #[error("{url}: the server answered with status {status}")]
    Status {
        /// The script.
        url: Url,
        /// The status.
        status: u16,
    },
    /// The script's MIME type is not one of JavaScript's.
    #[error("{url}: {} is not a JavaScript MIME type", essence.as_deref().unwrap_or("no type at all"))]
    NotJavaScript {
        /// The script.
        url: Url,
        /// The type it had.
        essence: Option<String>,
    },
    /// The MIME type of data that a module imports is not one of JSON's.
    #[error("{url}: {} is not a JSON MIME type", essence.as_deref().unwrap_or("no type at all"))]
    NotJson {
        /// Where the data is.
        url: Url,
        /// The type it had.
        essence: Option<String>,
    },
    /// The worker has imported it as something else.
    #[error("{url}: the worker imports it as another type as well")]
    OtherType {
        /// What is imported twice.
        url: Url,
    },
    /// The scripts of this worker are larger than [`MAX_SCRIPT_BYTES`] together.
    #[error("{url}: the worker's scripts are too large")]
    TooLarge {
        /// The script that was too much.
        url: Url,
    },
    /// The worker is past its installation and did not import this script then.
    #[error("{url}: a script can only be imported for the first time while the worker is being installed")]
    NotInstalling {
        /// The script.
        url: Url,
    },
    /// The service workers are gone: the user agent is shutting down.
    #[error("the user agent is shutting down")]
    Stopped,
}

/// A worker's script resource map with its set of used scripts.
///
/// <https://w3c.github.io/ServiceWorker/#dfn-script-resource-map>
#[derive(Clone, Debug, Default)]
pub(crate) struct ScriptResourceMap {
    scripts: HashMap<Url, StoredScript>,
}

/// One script of the map.
#[derive(Clone, Debug)]
pub(crate) struct StoredScript {
    pub(crate) source: Bytes,
    pub(crate) kind: ScriptKind,
    /// The URL that answered.
    pub(crate) base_url: Url,
    /// What its response said of referrers. Not stored: nothing new is fetched for a worker that is.
    pub(crate) referrer_policy: ReferrerPolicy,
    /// Whether the worker itself asked for it, as opposed to its predecessor.
    pub(crate) used: bool,
}

/// Whether the worker itself asked for a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Used {
    Yes,
    No,
}

impl StoredScript {
    pub(crate) fn new(script: &LoadedScript, kind: ScriptKind, used: Used) -> Self {
        Self {
            source: script.source.clone(),
            kind,
            base_url: script.final_url.clone(),
            referrer_policy: ReferrerPolicy::from_headers(&script.headers),
            used: used == Used::Yes,
        }
    }

    pub(crate) fn imported(&self) -> Imported {
        Imported {
            source: self.source.clone(),
            base_url: self.base_url.clone(),
            referrer_policy: self.referrer_policy,
        }
    }
}

impl ScriptResourceMap {
    pub(crate) fn insert(&mut self, url: Url, script: StoredScript) -> Result<(), LoadError> {
        let others: usize = self
            .scripts
            .iter()
            .filter(|(known, _)| **known != url)
            .map(|(_, script)| script.source.len())
            .sum();
        if others.saturating_add(script.source.len()) > MAX_SCRIPT_BYTES {
            return Err(LoadError::TooLarge { url });
        }
        self.scripts.insert(url, script);
        Ok(())
    }

    pub(crate) fn get(&self, url: &Url) -> Option<&Bytes> {
        self.scripts.get(url).map(|script| &script.source)
    }

    /// Looks a script up for the worker that imports it, and remembers that it did.
    pub(crate) fn use_script(&mut self, url: &Url) -> Option<&StoredScript> {
        let script = self.scripts.get_mut(url)?;
        script.used = true;
        Some(script)
    }

    /// Drops what only the predecessor imported.
    pub(crate) fn retain_used(&mut self) {
        self.scripts.retain(|_, script| script.used);
    }

    /// Where they are, and what.
    pub(crate) fn kinds(&self) -> Vec<(Url, ScriptKind)> {
        self.scripts.iter().map(|(url, script)| (url.clone(), script.kind)).collect()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Url, &StoredScript)> {
        self.scripts.iter()
    }

    pub(crate) fn sources(&self) -> HashMap<Url, Bytes> {
        self.scripts.iter().map(|(url, script)| (url.clone(), script.source.clone())).collect()
    }
}
