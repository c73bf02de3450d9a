//! When a page has come to rest.

use futures::FutureExt as _;
use longhaul::UserAgent;
use longhaul_host::agent::{Listeners, Page};

/// Waits until there is nothing to do for the page, and nothing on its way to it that it only listens to.
pub async fn nothing_is_left(page: &Page, user_agent: &UserAgent, listeners: &Listeners) {
    let is_idle = || {
        let fetches = user_agent.background_fetch().idle().now_or_never().is_some();
        let workers = user_agent.service_workers().idle().now_or_never().is_some();
        fetches && workers && page.agent().is_idle()
    };
    loop {
        page.agent().idle().await;
        user_agent.background_fetch().idle().await;
        user_agent.service_workers().idle().await;
        // Each may have given work to another meanwhile.
        let before = page.agent().generation();
        if is_idle() {
            listeners.drained().await;
            if is_idle() && page.agent().generation() == before {
                return;
            }
        }
        tokio::task::yield_now().await;
    }
}
