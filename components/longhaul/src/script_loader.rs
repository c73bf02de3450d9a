//! Service workers' scripts, loaded by the Fetch layer.

use futures::FutureExt;
use futures::future::BoxFuture;
use longhaul_fetch::{
    CacheMode, CredentialsMode, Destination, FetchController, FetchOptions, HeaderList, Mode, NetworkError,
    PolicyContainer, RedirectMode, Referrer, Request, RequestOrigin, Response, ServiceWorkersMode, Services,
};
use longhaul_service_worker::{
    LoadError, LoadedScript, MAX_SCRIPT_BYTES, ScriptCache, ScriptKind, ScriptLoader, ScriptRequest,
    ScriptSource, WorkerType,
};

/// [`ScriptLoader`] by [`longhaul_fetch::fetch`].
pub(crate) struct FetchLoader(pub(crate) Services);

/// So much of a preloaded body comes before anybody asks for it.
const READ_AHEAD: usize = 64 << 10;

impl ScriptLoader for FetchLoader {
    fn fetch_preload(&self, request: Request, controller: FetchController) -> BoxFuture<'static, Response> {
        // NOTE: a worker may look at the head alone, and must not keep the connection for that.
        let options = FetchOptions { controller, read_ahead: READ_AHEAD, ..FetchOptions::default() };
        longhaul_fetch::fetch(&self.0, request, options)
    }

    fn load(&self, script: ScriptRequest) -> BoxFuture<'static, Result<LoadedScript, LoadError>> {
        let url = script.url.clone();
        let fetching = longhaul_fetch::fetch(&self.0, request(script), FetchOptions::default());
        async move {
            let response = fetching.await;
            let failed = |reason: String| LoadError::Network { url: url.clone(), reason };
            if let Some(reason) = response.reason() {
                return Err(match reason {
                    NetworkError::RedirectForbidden => LoadError::Redirected { url: url.clone() },
                    _ => failed(reason.to_string()),
                });
            }
            // A classic worker may import from anywhere: what an opaque response hides from scripts, it runs.
            let response = response.into_unfiltered();
            if !response.is_ok_status() {
                return Err(LoadError::Status { url: url.clone(), status: response.status });
            }
            let headers: HeaderList = response.header_list.clone();
            let policy_container = PolicyContainer::from_response(&response);
            let final_url = response.url().cloned().unwrap_or_else(|| url.clone());
            let source = match response.body {
                Some(body) => {
                    body.read_all(Some(MAX_SCRIPT_BYTES)).await.map_err(|error| failed(error.to_string()))?
                }
                None => bytes::Bytes::new(),
            };
            Ok(LoadedScript {
                mime_essence: headers.extract_mime_type().map(|mime| mime.essence().to_owned()),
                url: url.clone(),
                final_url,
                headers,
                source,
                policy_container,
                // FIXME: the HTTP cache: until there is one, the server answers every time.
                from: ScriptSource::Network,
            })
        }
        .boxed()
    }
}

/// The request of a worker's script.
///
/// <https://html.spec.whatwg.org/multipage/webappapis.html#fetch-a-classic-worker-script>
fn request(script: ScriptRequest) -> Request {
    let mut request = Request::new(script.url);
    request.origin = RequestOrigin::Origin(script.client.origin.clone());
    request.client = Some(script.client);
    request.service_workers_mode = ServiceWorkersMode::None;
    request.cache_mode = match script.cache {
        ScriptCache::Default => CacheMode::Default,
        ScriptCache::NoCache => CacheMode::NoCache,
    };
    match script.kind {
        ScriptKind::TopLevel => {
            request.destination = Destination::ServiceWorker;
            request.mode = Mode::SameOrigin;
            request.credentials_mode = CredentialsMode::SameOrigin;
            // Update step 8: `Service-Worker: script` is sent, and redirects are errors.
            request.header_list.append("Service-Worker", "script");
            request.redirect_mode = RedirectMode::Error;
        }
        // NOTE: the standard has `Service-Worker: script` sent for these as well, which no browser does: it would take a preflight to
        // get them from other origins.
        ScriptKind::Imported | ScriptKind::ImportedJson => {
            (request.destination, request.mode, request.credentials_mode) = match script.worker_type {
                WorkerType::Classic => (Destination::Script, Mode::NoCors, CredentialsMode::Include),
                WorkerType::Module => (Destination::ServiceWorker, Mode::Cors, CredentialsMode::SameOrigin),
            };
            if script.kind == ScriptKind::ImportedJson {
                request.destination = Destination::Json;
            }
        }
    }
    if let Some(referrer) = script.referrer {
        request.referrer = Referrer::Url(referrer);
    }
    request.referrer_policy = script.referrer_policy;
    request
}
