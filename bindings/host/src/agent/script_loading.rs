//! Loading modules: <https://html.spec.whatwg.org/#fetching-scripts>.

use std::sync::Arc;

use longhaul::UserAgent;
use longhaul::fetch::EnvironmentSettings;
use longhaul_dom::{ModuleMap, WorkerThread};
use longhaul_quickjs::ModuleLoader;
use url::Url;

/// The modules of a page's document. What its scripts import statically is there by the time the engine asks; what they import
/// dynamically is fetched while the agent waits.
///
/// FIXME: the engine cannot wait for a dynamic import by itself: its loader gives a module or fails.
pub(super) struct PageModules {
    pub(super) user_agent: UserAgent,
    pub(super) client: Arc<EnvironmentSettings>,
    pub(super) modules: Arc<ModuleMap>,
    pub(super) thread: Arc<dyn WorkerThread>,
}

impl ModuleLoader for PageModules {
    fn resolve(&self, base: &str, specifier: &str) -> Result<String, String> {
        self.modules.resolve(base, specifier)
    }

    fn load(&self, url: &str) -> Result<Vec<u8>, String> {
        if let Some(text) = self.modules.text(url) {
            return text;
        }
        let parsed = Url::parse(url).map_err(|error| format!("{url}: {error}"))?;
        let loading =
            self.modules.clone().load_dynamically(self.user_agent.clone(), self.client.clone(), parsed);
        if !self.thread.wait(loading) {
            return Err("the agent is ending".to_owned());
        }
        self.modules.text(url).unwrap_or_else(|| Err(format!("{url}: it did not come")))
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
