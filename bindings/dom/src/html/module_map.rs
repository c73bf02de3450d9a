//! <https://html.spec.whatwg.org/#module-map>, and <https://html.spec.whatwg.org/#fetch-the-descendants-of-a-module-script>

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};

use futures::future::{BoxFuture, FutureExt as _, Shared};
use futures::stream::{FuturesUnordered, StreamExt as _};
use longhaul::UserAgent;
use longhaul::fetch::{
    CredentialsMode, Destination, EnvironmentSettings, FetchOptions, Mode, ParserMetadata, Referrer,
    ReferrerPolicy, Request, RequestOrigin,
};
use url::Url;

use super::element_fetch::{self, ScriptText};
use super::import_map::ImportMap;
use super::module_requests::module_requests;
use crate::dom::node::lock;
use crate::resource_timing::ResourceTiming;

/// A module's text, or why there is none.
type Loading = Shared<BoxFuture<'static, Result<Arc<ScriptText>, String>>>;

/// The modules of a window's document.
#[derive(Default)]
pub struct ModuleMap {
    modules: Mutex<HashMap<String, Loading>>,
    import_map: Mutex<ImportMap>,
}

impl std::fmt::Debug for ModuleMap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ModuleMap").field("modules", &lock(&self.modules).len()).finish_non_exhaustive()
    }
}

/// <https://html.spec.whatwg.org/#script-fetch-options>, of a module and of what it imports.
#[derive(Clone)]
pub(super) struct ModuleOptions {
    pub(super) user_agent: UserAgent,
    pub(super) client: Arc<EnvironmentSettings>,
    pub(super) nonce: String,
    pub(super) credentials: CredentialsMode,
    pub(super) referrer_policy: ReferrerPolicy,
    pub(super) parser_metadata: ParserMetadata,
}

impl ModuleOptions {
    /// <https://html.spec.whatwg.org/#default-script-fetch-options>
    fn default_of(user_agent: UserAgent, client: Arc<EnvironmentSettings>) -> Self {
        Self {
            user_agent,
            client,
            nonce: String::new(),
            credentials: CredentialsMode::SameOrigin,
            referrer_policy: ReferrerPolicy::Empty,
            parser_metadata: ParserMetadata::NotParserInserted,
        }
    }

    /// <https://html.spec.whatwg.org/#fetch-a-single-module-script>: the request for what a module imports.
    fn request(&self, url: Url, importer: &str) -> Request {
        let mut request = Request::new(url);
        request.origin = RequestOrigin::Origin(self.client.origin.clone());
        request.client = Some(Arc::clone(&self.client));
        request.destination = Destination::Script;
        request.initiator_type = Some("script".to_owned());
        request.mode = Mode::Cors;
        request.credentials_mode = self.credentials;
        request.cryptographic_nonce_metadata = self.nonce.clone();
        request.parser_metadata = self.parser_metadata;
        request.referrer_policy = self.referrer_policy;
        if let Ok(importer) = Url::parse(importer) {
            request.referrer = Referrer::Url(importer);
        }
        request
    }
}

impl ModuleMap {
    /// A document may have several; what an earlier one says stays.
    pub(super) fn add_import_map(&self, map: ImportMap) {
        lock(&self.import_map).merge(map);
    }

    /// <https://html.spec.whatwg.org/#resolve-a-module-specifier>
    ///
    /// # Errors
    /// Why it leads nowhere, for people.
    pub fn resolve(&self, base: &str, specifier: &str) -> Result<String, String> {
        let base = match self.loaded(base) {
            // What a redirected module imports is relative to where it ended up.
            Some(Ok(module)) => module.url.clone(),
            _ => base.to_owned(),
        };
        lock(&self.import_map).resolve(&base, specifier).map(String::from)
    }

    fn loaded(&self, url: &str) -> Option<Result<Arc<ScriptText>, String>> {
        lock(&self.modules).get(url).and_then(|loading| loading.peek().cloned())
    }

    /// The text at an address, if it has been fetched.
    pub fn text(&self, url: &str) -> Option<Result<Vec<u8>, String>> {
        Some(self.loaded(url)?.map(|module| module.text.as_bytes().to_vec()))
    }

    /// Fetches a module once.
    fn load(
        &self,
        options: &ModuleOptions,
        request: Request,
        timed: (FetchOptions, Option<ResourceTiming>),
    ) -> Loading {
        let url = request.current_url().to_string();
        let mut modules = lock(&self.modules);
        let make = || {
            let user_agent = options.user_agent.clone();
            let loading = async move {
                element_fetch::load_text(&user_agent, request, timed, true, None).await.map(Arc::new)
            };
            loading.boxed().shared()
        };
        modules.entry(url).or_insert_with(make).clone()
    }

    /// Fetches a module and all that it imports, and what that imports.
    pub(super) fn load_graph(
        self: Arc<Self>,
        options: ModuleOptions,
        root: Request,
        timed: (FetchOptions, Option<ResourceTiming>),
    ) -> BoxFuture<'static, Result<Arc<ScriptText>, String>> {
        async move {
            let url = root.current_url().to_string();
            let root = self.load(&options, root, timed).await?;
            let imports = self.imports(&url, &root.text);
            self.load_all(options, imports).await?;
            Ok(root)
        }
        .boxed()
    }

    /// The addresses that a text of a base URL imports. What leads nowhere is the engine's to tell.
    pub(super) fn imports(&self, base: &str, text: &str) -> Vec<(Url, String)> {
        let addresses = module_requests(text).into_iter().filter_map(|specifier| {
            let url = self.resolve(base, &specifier).ok()?;
            Some((Url::parse(&url).ok()?, base.to_owned()))
        });
        addresses.collect()
    }

    /// Fetches modules and all that they import; each comes with who imports it.
    pub(super) async fn load_all(
        &self,
        options: ModuleOptions,
        imports: Vec<(Url, String)>,
    ) -> Result<(), String> {
        let (mut known, mut under_way) = (HashSet::new(), FuturesUnordered::new());
        let mut next = imports;
        loop {
            for (url, importer) in std::mem::take(&mut next) {
                if !known.insert(url.to_string()) {
                    continue;
                }
                let request = options.request(url.clone(), &importer);
                let loading = self.load(&options, request, (FetchOptions::default(), None));
                under_way.push(loading.map(move |loaded| (url, loaded)));
            }
            let Some((url, loaded)) = under_way.next().await else { return Ok(()) };
            let module = loaded.map_err(|reason| format!("{url}: {reason}"))?;
            next = self.imports(url.as_str(), &module.text);
        }
    }

    /// Fetches what a dynamic import asks for.
    pub fn load_dynamically(
        self: Arc<Self>,
        user_agent: UserAgent,
        client: Arc<EnvironmentSettings>,
        url: Url,
    ) -> BoxFuture<'static, ()> {
        let options = ModuleOptions::default_of(user_agent, Arc::clone(&client));
        async move {
            // What does not come is told when the engine asks for it.
            let _ = self.load_all(options, vec![(url, client.api_base_url.to_string())]).await;
        }
        .boxed()
    }
}
