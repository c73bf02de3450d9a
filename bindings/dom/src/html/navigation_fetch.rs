//! <https://html.spec.whatwg.org/#create-navigation-params-by-fetching>: a navigation goes from one redirect to the next by itself.

use std::sync::Arc;

use longhaul::UserAgent;
use longhaul::fetch::{EnvironmentSettings, FetchOptions, NetworkError, RedirectMode, Request, Response};
use url::Url;

/// What a navigation's fetch ended in.
#[derive(Debug)]
pub struct NavigationResponse {
    /// The last response, or a network error.
    pub response: Response,
    /// The document's URL: that of the last request, whatever a service worker answered it with.
    pub url: Url,
    /// What service workers know the document by.
    pub client_id: String,
}

/// Fetches a document. Each redirect is asked for anew, of service workers too; one that leads to another origin is for another
/// client, which `reserve` makes of the URL.
pub async fn fetch_for_navigation(
    user_agent: &UserAgent,
    mut request: Request,
    options: FetchOptions,
    reserve: impl Fn(&Url) -> Arc<EnvironmentSettings>,
) -> NavigationResponse {
    let mut url = request.current_url().clone();
    let mut reserved = request.reserved_client.get_or_insert_with(|| reserve(&url)).clone();
    request.redirect_mode = RedirectMode::Manual;
    let controller = options.controller.clone();
    // 20.5. The first request.
    let mut response = user_agent.fetch(request, options).await;
    loop {
        // NOTE: a policy may have made the URL secure; a service worker's response is from wherever it got it.
        let is_of_worker =
            response.timing.as_ref().is_some_and(|timing| !timing.final_service_worker_start_time.is_zero());
        if let Some(answered) = response.unfiltered().url().filter(|_| !is_of_worker) {
            let fragment = url.fragment().map(str::to_owned);
            url = answered.clone();
            if url.fragment().is_none() {
                url.set_fragment(fragment.as_deref());
            }
        }
        // 20.12. Where it leads.
        let location = match response.unfiltered().location_url(url.fragment()) {
            // 20.13. It is there.
            Ok(None) => break,
            // 20.15. Nothing but HTTP leads on.
            Ok(Some(location)) if !matches!(location.scheme(), "http" | "https") => {
                response =
                    Response::network_error(NetworkError::RedirectScheme(location.scheme().to_owned()));
                break;
            }
            Ok(Some(location)) => location,
            Err(reason) => {
                response = Response::network_error(reason);
                break;
            }
        };
        // 20.1.–20.2. What another origin's document will be is somebody else.
        if location.origin() != reserved.creation_url.origin() {
            reserved = reserve(&location);
        }
        url = location;
        // 20.6. The next request.
        let next = controller.process_the_next_manual_redirect(Some(Arc::clone(&reserved)));
        // NOTE: the redirect's body, which nobody reads, holds nothing up.
        drop(response);
        response = match next {
            Some(next) => next.await,
            // The fetch was ended meanwhile.
            None => Response::network_error(NetworkError::Terminated),
        };
    }
    NavigationResponse { response, url, client_id: reserved.id.clone() }
}
