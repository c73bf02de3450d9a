//! Fetching scripts: <https://html.spec.whatwg.org/#fetching-scripts>.

use std::sync::Arc;

use bytes::Bytes;
use longhaul::UserAgent;
use longhaul::fetch::{
    CredentialsMode, Destination, EnvironmentSettings, FetchOptions, Mode, Request, RequestOrigin,
};
use longhaul_quickjs::ModuleLoader;
use url::Url;

/// The largest script that is loaded.
const LIMIT: usize = 64 << 20;

/// A script that came.
#[derive(Clone, Debug)]
pub(super) struct Loaded {
    /// UTF-8, or what the response's charset made of it.
    pub(super) text: String,
}

/// Why a script did not come.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{url}: {reason}")]
pub(super) struct LoadFailure {
    pub(super) url: Url,
    pub(super) reason: String,
}

fn request(client: &Arc<EnvironmentSettings>, url: Url) -> Request {
    let mut request = Request::new(url);
    request.origin = RequestOrigin::Origin(client.origin.clone());
    request.client = Some(client.clone());
    request.destination = Destination::Script;
    request.initiator_type = Some("script".to_owned());
    (request.mode, request.credentials_mode) = (Mode::Cors, CredentialsMode::SameOrigin);
    request
}

async fn finish(user_agent: &UserAgent, request: Request) -> Result<Loaded, LoadFailure> {
    let url = request.current_url().clone();
    let failed = |reason: String| LoadFailure { url: url.clone(), reason };
    let response = user_agent.fetch(request, FetchOptions::default()).await;
    if let Some(reason) = response.reason() {
        return Err(failed(reason.to_string()));
    }
    // A classic script may come from anywhere: what an opaque response hides from scripts, it still runs.
    let response = response.into_unfiltered();
    if !response.is_ok_status() {
        return Err(failed(format!("the server answered with status {}", response.status)));
    }
    let essence = response.header_list.extract_mime_type().map(|mime| mime.essence().to_owned());
    if !essence.as_deref().is_some_and(longhaul::fetch::is_javascript_mime_type_essence) {
        let essence = essence.unwrap_or_else(|| "no type at all".to_owned());
        return Err(failed(format!("{essence} is not a JavaScript MIME type")));
    }
    let bytes = match response.body {
        Some(body) => body.read_all(Some(LIMIT)).await.map_err(|error| failed(error.to_string()))?,
        None => Bytes::new(),
    };
    let (text, _, _) = encoding_rs::UTF_8.decode(&bytes);
    Ok(Loaded { text: text.into_owned() })
}

/// Resolves and fetches the modules that a page's modules import. It is called on the agent's thread, which waits.
pub(super) struct PageModules {
    pub(super) user_agent: UserAgent,
    pub(super) client: Arc<EnvironmentSettings>,
    pub(super) runtime: tokio::runtime::Handle,
}

impl ModuleLoader for PageModules {
    fn resolve(&self, base: &str, specifier: &str) -> Result<String, String> {
        resolve(base, specifier)
    }

    fn load(&self, url: &str) -> Result<Vec<u8>, String> {
        let url = Url::parse(url).map_err(|error| format!("{url}: {error}"))?;
        let request = request(&self.client, url);
        let user_agent = self.user_agent.clone();
        let (sender, receiver) = std::sync::mpsc::channel();
        self.runtime.spawn(async move {
            // The agent may have been ended meanwhile.
            let _ = sender.send(finish(&user_agent, request).await);
        });
        match receiver.recv() {
            Ok(loaded) => loaded.map(|loaded| loaded.text.into_bytes()).map_err(|error| error.to_string()),
            Err(_) => Err("the runtime is shutting down".to_owned()),
        }
    }
}

/// <https://html.spec.whatwg.org/#resolve-a-module-specifier>, without import maps.
pub(super) fn resolve(base: &str, specifier: &str) -> Result<String, String> {
    let relative = ["/", "./", "../"].iter().any(|start| specifier.starts_with(start));
    let url =
        if relative { Url::parse(base).and_then(|base| base.join(specifier)) } else { Url::parse(specifier) };
    match url {
        Ok(url) => Ok(url.into()),
        Err(_) => {
            Err(format!("the module specifier “{specifier}” is no URL and does not start with /, ./ or ../"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn specifiers_are_urls_or_relative() {
        let base = "http://localhost:1/a/b.js";
        assert_eq!(resolve(base, "./c.js").as_deref(), Ok("http://localhost:1/a/c.js"));
        assert_eq!(resolve(base, "../c.js").as_deref(), Ok("http://localhost:1/c.js"));
        assert_eq!(resolve(base, "/c.js").as_deref(), Ok("http://localhost:1/c.js"));
        assert_eq!(resolve(base, "https://x.example/c.js").as_deref(), Ok("https://x.example/c.js"));
        assert!(resolve(base, "lodash").is_err());
        assert!(resolve("data:text/javascript,1", "./x.js").is_err());
    }
}
