//! A worker's scripts: how they are fetched, and the map that keeps them.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;
use longhaul_fetch::{EnvironmentSettings, FetchController, HeaderList, PolicyContainer, Request, Response};
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
}

/// Which script of a worker this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScriptKind {
    /// The worker's own: `Service-Worker: script` is sent, redirects are errors, destination `serviceworker`, mode
    /// same-origin.
    TopLevel,
    /// One that the worker's script imports: destination `script`; from any origin if the worker is classic.
    Imported,
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
    /// Whether the worker itself asked for it, as opposed to its predecessor.
    pub(crate) used: bool,
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
    pub(crate) fn use_script(&mut self, url: &Url) -> Option<Bytes> {
        let script = self.scripts.get_mut(url)?;
        script.used = true;
        Some(script.source.clone())
    }

    /// Drops what only the predecessor imported.
    pub(crate) fn retain_used(&mut self) {
        self.scripts.retain(|_, script| script.used);
    }

    pub(crate) fn urls(&self) -> Vec<Url> {
        self.scripts.keys().cloned().collect()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Url, &Bytes)> {
        self.scripts.iter().map(|(url, script)| (url, &script.source))
    }

    pub(crate) fn sources(&self) -> HashMap<Url, Bytes> {
        self.scripts.iter().map(|(url, script)| (url.clone(), script.source.clone())).collect()
    }
}
