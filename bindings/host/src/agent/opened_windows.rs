//! Windows that service workers open: pages of their own, kept until the run ends.

use std::sync::{Arc, Mutex, PoisonError};

use futures::FutureExt;
use futures::future::BoxFuture;
use longhaul::service_worker::{OpenWindow, OpenWindowError, WindowOpener};

use super::window::{Page, PageOptions};

/// Opens a page for each window that a service worker asks for.
pub struct OpenedWindows {
    options: PageOptions,
    pages: Mutex<Vec<Arc<Page>>>,
}

impl std::fmt::Debug for OpenedWindows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OpenedWindows").field("pages", &self.pages()).finish_non_exhaustive()
    }
}

impl OpenedWindows {
    /// Opens pages with these options. They keep the user agent: whoever sets this as its opener takes it back in the end.
    pub fn new(options: PageOptions) -> Arc<OpenedWindows> {
        Arc::new(OpenedWindows { options, pages: Mutex::default() })
    }

    /// The pages that were opened so far.
    pub fn pages(&self) -> Vec<Arc<Page>> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Ends them all.
    pub fn close(&self) {
        let pages = std::mem::take(&mut *self.pages.lock().unwrap_or_else(PoisonError::into_inner));
        drop(pages);
    }
}

/// The opener that the user agent is given.
#[derive(Clone, Debug)]
pub struct PageOpener(pub Arc<OpenedWindows>);

impl WindowOpener for PageOpener {
    fn open_window(&self, request: OpenWindow) -> BoxFuture<'static, Result<String, OpenWindowError>> {
        let windows = self.0.clone();
        async move {
            let loading = Page::load(request.url, windows.options.clone());
            let page = loading.await.map_err(|error| OpenWindowError::Failed(error.to_string()))?;
            let id = page.client_id().to_owned();
            windows.options.user_agent.service_workers().set_focused_client(&id);
            windows.pages.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::new(page));
            Ok(id)
        }
        .boxed()
    }
}
