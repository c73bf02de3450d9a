//! Windows that service workers open.

use std::sync::{Arc, PoisonError};

use futures::FutureExt;
use futures::future::BoxFuture;
use longhaul_fetch::EnvironmentSettings;
use url::Url;

use crate::service_workers::ServiceWorkers;

/// Opens windows for service workers: the embedder's business.
pub trait WindowOpener: Send + Sync + 'static {
    /// Opens a window, navigates it, and gives the id of the client in it once its document is there.
    ///
    /// <https://w3c.github.io/ServiceWorker/#clients-openwindow>
    fn open_window(&self, request: OpenWindow) -> BoxFuture<'static, Result<String, OpenWindowError>>;
}

/// What a worker wants to be opened.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct OpenWindow {
    /// Where the window goes.
    pub url: Url,
    /// The worker's environment.
    pub opener: Arc<EnvironmentSettings>,
}

/// Why no window was opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenWindowError {
    /// Nobody opens windows here.
    #[error("this user agent opens no windows")]
    Unsupported,
    /// The document did not come.
    #[error("{0}")]
    Failed(String),
}

/// Opens none: what is there until somebody else is set.
#[derive(Clone, Copy, Debug)]
pub struct NoWindows;

impl WindowOpener for NoWindows {
    fn open_window(&self, _: OpenWindow) -> BoxFuture<'static, Result<String, OpenWindowError>> {
        futures::future::ready(Err(OpenWindowError::Unsupported)).boxed()
    }
}

impl ServiceWorkers {
    /// Lets it open windows from now on. It stays until another is set; [`NoWindows`] lets go of it.
    pub fn set_window_opener(&self, opener: Arc<dyn WindowOpener>) {
        *self.inner.window_opener.lock().unwrap_or_else(PoisonError::into_inner) = opener;
    }

    /// Opens a window for a worker.
    pub fn open_window(
        &self,
        url: Url,
        opener: Arc<EnvironmentSettings>,
    ) -> BoxFuture<'static, Result<String, OpenWindowError>> {
        let windows = self.inner.window_opener.lock().unwrap_or_else(PoisonError::into_inner).clone();
        windows.open_window(OpenWindow { url, opener })
    }
}
