//! Service workers' scripts, loaded by the Fetch layer.

use futures::FutureExt;
use futures::future::BoxFuture;
use longhaul_fetch::{
    CacheMode, CacheState, CredentialsMode, Destination, FetchController, FetchOptions, HeaderList, Mode,
    NetworkError, PolicyContainer, RedirectMode, Referrer, Request, RequestOrigin, Response,
    ServiceWorkersMode, Services,
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
            let from = match response.cache_state {
                CacheState::Local => ScriptSource::LocalCache,
                _ => ScriptSource::Network,
            };
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
                from,
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures::StreamExt;
    use longhaul_fetch::{
        ConnectionKey, ConnectionTiming, EnvironmentSettings, HttpVersion, Network, WireRequest, WireResponse,
    };
    use longhaul_http_cache::{Config, HttpCache};
    use longhaul_storage::{Location, Profile, SystemClock};

    use super::*;
    use crate::http_cache::Cache;

    /// Gives each request the same script, which caches may keep for an hour.
    struct Server;

    impl Network for Server {
        fn send(
            &self,
            _: WireRequest,
            _: ConnectionKey,
        ) -> BoxFuture<'static, Result<WireResponse, NetworkError>> {
            let headers = [("Content-Type", "text/javascript"), ("Cache-Control", "max-age=3600")];
            let response = WireResponse {
                status: 200,
                reason: "OK".into(),
                version: HttpVersion::Http11,
                headers: headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
                body: futures::stream::iter([Ok("1".into())]).boxed(),
                timing: ConnectionTiming::default(),
                request_start_time: None,
                remote: None,
                upgraded: None,
            };
            futures::future::ready(Ok(response)).boxed()
        }
    }

    #[tokio::test]
    async fn what_the_http_cache_answers_is_no_word_of_the_servers() {
        let (profile, _) = Profile::open(Location::Memory, &[]).unwrap();
        let cache = HttpCache::open(&profile, Arc::new(SystemClock::new()), Config::default()).unwrap();
        let services = Services::new(Arc::new(Server)).with_http_cache(Arc::new(Cache(cache.clone())));
        let loader = FetchLoader(services);
        let page = EnvironmentSettings::for_url("https://page.test/".parse().unwrap());
        let client = Arc::new(page);
        let load = async |cache| {
            let url = "https://page.test/worker.js".parse().unwrap();
            let mut request = ScriptRequest::new(url, ScriptKind::TopLevel, Arc::clone(&client));
            request.cache = cache;
            loader.load(request).await.unwrap().from
        };
        assert_eq!(load(ScriptCache::Default).await, ScriptSource::Network);
        cache.settled().await;
        assert_eq!(load(ScriptCache::Default).await, ScriptSource::LocalCache);
        assert_eq!(load(ScriptCache::NoCache).await, ScriptSource::Network);
    }
}
