//! <https://html.spec.whatwg.org/#module-map>, and <https://html.spec.whatwg.org/#fetch-the-descendants-of-a-module-script>

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, OnceLock, Weak};

use futures::future::{BoxFuture, FutureExt as _, Shared};
use futures::stream::{FuturesUnordered, StreamExt as _};
use longhaul::UserAgent;
use longhaul::fetch::{
    CredentialsMode, Destination, EnvironmentSettings, FetchOptions, Mode, ParserMetadata, Referrer,
    ReferrerPolicy, Request, RequestOrigin,
};
use longhaul_idl::runtime::{
    ModuleFailure, ModuleLoader, ModuleParser, ModuleRequest, ModuleSource, ModuleState, ModuleSyntaxError,
    ModuleType,
};
use url::Url;

use super::element_fetch::{self, ScriptText, TextKind};
use super::import_map::ImportMap;
use crate::dom::node::lock;
use crate::resource_timing::ResourceTiming;

/// A module, or why there is none.
type Loading = Shared<BoxFuture<'static, Result<Arc<Module>, String>>>;

/// Gives what the module map does not fetch by itself.
pub type ModuleTexts =
    Arc<dyn Fn(ModuleTextRequest) -> BoxFuture<'static, Result<ModuleText, String>> + Send + Sync>;

/// What is asked for in the place of a fetch.
#[derive(Clone, Debug)]
pub struct ModuleTextRequest {
    /// The address.
    pub url: Url,
    /// What it has to be.
    pub module_type: ModuleType,
    /// The module that imports it.
    pub referrer: Option<Url>,
    /// What that one's response said of referrers.
    pub referrer_policy: ReferrerPolicy,
}

/// A text that is a module's, and what is known of its response.
#[derive(Clone, Debug)]
pub struct ModuleText {
    /// The text.
    pub text: String,
    /// The address that answered.
    pub base_url: Url,
    /// What its response says of referrers.
    pub referrer_policy: ReferrerPolicy,
}

/// What a module map is made with.
#[derive(Clone)]
pub struct ModuleMapOptions {
    /// Who fetches.
    pub user_agent: UserAgent,
    /// The settings of the scripts that import, as they are now.
    pub client: Arc<dyn Fn() -> Arc<EnvironmentSettings> + Send + Sync>,
    /// The engine's parser.
    pub parser: ModuleParser,
    /// Where texts come from, if it is not the network.
    pub texts: Option<ModuleTexts>,
    /// Whether scripts may import while they run.
    pub dynamic_import: bool,
}

impl std::fmt::Debug for ModuleMapOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ModuleMapOptions")
            .field("dynamic_import", &self.dynamic_import)
            .finish_non_exhaustive()
    }
}

/// The modules of a realm.
#[derive(Debug)]
pub struct ModuleMap {
    me: Weak<ModuleMap>,
    options: ModuleMapOptions,
    modules: Mutex<HashMap<(String, ModuleType), Loading>>,
    import_map: Mutex<ImportMap>,
    /// How scripts that are not among them were fetched, by their addresses.
    scripts: Mutex<HashMap<String, ScriptOptions>>,
}

/// A module that has come.
struct Module {
    text: String,
    base_url: Url,
    /// What its text imports, if it is a module.
    requests: Result<Vec<ModuleRequest>, ModuleSyntaxError>,
    /// Where that is, from when it is first asked for.
    imports: OnceLock<Vec<Import>>,
    options: ScriptOptions,
}

/// A static import. Where it leads stays as it is, whatever import maps come.
#[derive(Clone)]
struct Import {
    specifier: String,
    /// Its address and type, or why it has none.
    place: Result<(Url, ModuleType), String>,
}

/// <https://html.spec.whatwg.org/#script-fetch-options>, of a script and of what it imports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ScriptOptions {
    pub(super) nonce: String,
    pub(super) credentials: CredentialsMode,
    pub(super) referrer_policy: ReferrerPolicy,
    pub(super) parser_metadata: ParserMetadata,
}

/// <https://html.spec.whatwg.org/#default-script-fetch-options>
impl Default for ScriptOptions {
    fn default() -> Self {
        Self {
            nonce: String::new(),
            credentials: CredentialsMode::SameOrigin,
            referrer_policy: ReferrerPolicy::Empty,
            parser_metadata: ParserMetadata::NotParserInserted,
        }
    }
}

impl ScriptOptions {
    pub(super) fn of(request: &Request) -> Self {
        Self {
            nonce: request.cryptographic_nonce_metadata.clone(),
            credentials: request.credentials_mode,
            referrer_policy: request.referrer_policy,
            parser_metadata: request.parser_metadata,
        }
    }
}

/// For whom a graph is fetched, and for what.
#[derive(Clone)]
pub(super) struct GraphOptions {
    pub(super) client: Arc<EnvironmentSettings>,
    pub(super) destination: Destination,
}

/// The script of a worker, which has come: the root of its modules.
#[derive(Debug)]
pub struct WorkerModule {
    /// The address that was asked for.
    pub url: Url,
    /// The address that answered.
    pub base_url: Url,
    /// The text.
    pub text: String,
    /// The settings of who has asked for the worker: what its script imports is fetched for them.
    pub owner: Arc<EnvironmentSettings>,
    /// What the worker was fetched as.
    pub destination: Destination,
    /// How it was fetched.
    pub credentials: CredentialsMode,
    /// What its response says of referrers.
    pub referrer_policy: ReferrerPolicy,
}

impl ModuleMap {
    /// A map without modules.
    pub fn new(options: ModuleMapOptions) -> Arc<Self> {
        Arc::new_cyclic(|me| Self {
            me: Weak::clone(me),
            options,
            modules: Mutex::default(),
            import_map: Mutex::default(),
            scripts: Mutex::default(),
        })
    }

    /// A document may have several; what an earlier one says stays.
    pub(super) fn add_import_map(&self, map: ImportMap) {
        lock(&self.import_map).merge(map);
    }

    /// <https://html.spec.whatwg.org/#resolve-a-module-integrity-metadata>
    pub(super) fn integrity_of(&self, url: &Url) -> String {
        lock(&self.import_map).integrity_of(url)
    }

    /// Remembers how a script that is no module of the map was fetched, for what it imports.
    pub(super) fn remember_script(&self, url: &str, options: ScriptOptions) {
        let mut scripts = lock(&self.scripts);
        match options == ScriptOptions::default() {
            true => drop(scripts.remove(url)),
            false => drop(scripts.insert(url.to_owned(), options)),
        }
    }

    fn loaded(&self, url: &str, module_type: ModuleType) -> Option<Result<Arc<Module>, String>> {
        lock(&self.modules).get(&(url.to_owned(), module_type)).and_then(|loading| loading.peek().cloned())
    }

    /// <https://html.spec.whatwg.org/#fetch-a-single-imported-module-script>: the request for what a script imports.
    fn request(
        &self,
        graph: &GraphOptions,
        options: &ScriptOptions,
        url: Url,
        module_type: ModuleType,
        referrer: &Url,
    ) -> Request {
        let integrity = self.integrity_of(&url);
        let mut request = Request::new(url);
        request.origin = RequestOrigin::Origin(graph.client.origin.clone());
        request.client = Some(Arc::clone(&graph.client));
        request.destination = match module_type {
            ModuleType::JavaScript => graph.destination,
            ModuleType::Json => Destination::Json,
        };
        request.initiator_type = Some("script".to_owned());
        request.mode = Mode::Cors;
        request.credentials_mode = options.credentials;
        request.cryptographic_nonce_metadata.clone_from(&options.nonce);
        request.parser_metadata = options.parser_metadata;
        request.referrer_policy = options.referrer_policy;
        request.integrity_metadata = integrity;
        request.referrer = Referrer::Url(referrer.clone());
        request
    }

    /// <https://html.spec.whatwg.org/#fetch-a-single-module-script>: once an address and type.
    fn load(
        &self,
        request: Request,
        module_type: ModuleType,
        timed: (FetchOptions, Option<ResourceTiming>),
    ) -> Loading {
        let url = request.current_url().clone();
        let make = || {
            let options = ScriptOptions::of(&request);
            let (user_agent, parser) = (self.options.user_agent.clone(), self.options.parser);
            let texts = self.options.texts.clone();
            let asked = url.clone();
            let loading = async move {
                let script = match texts {
                    Some(texts) => {
                        let referrer = match request.referrer {
                            Referrer::Url(referrer) => Some(referrer),
                            _ => None,
                        };
                        let (url, referrer_policy) = (asked.clone(), request.referrer_policy);
                        let asking = ModuleTextRequest { url, module_type, referrer, referrer_policy };
                        let ModuleText { text, base_url, referrer_policy } = texts(asking).await?;
                        ScriptText { referrer_policy, ..ScriptText::plain(text, base_url.as_str()) }
                    }
                    None => {
                        let kind = TextKind::Module(module_type);
                        element_fetch::load_text(&user_agent, request, timed, kind, None).await?
                    }
                };
                let base_url = Url::parse(&script.url).unwrap_or(asked);
                let mut options = options;
                // 13.6. What the response says of referrers goes for what it imports.
                if script.referrer_policy != ReferrerPolicy::Empty {
                    options.referrer_policy = script.referrer_policy;
                }
                Ok(Arc::new(Module::new(script.text, base_url, module_type, options, parser)))
            };
            loading.boxed().shared()
        };
        lock(&self.modules).entry((url.to_string(), module_type)).or_insert_with(make).clone()
    }

    /// Where the static imports of a module are.
    fn imports<'a>(&self, module: &'a Module) -> &'a [Import] {
        let resolve = |request: &ModuleRequest| {
            let place = match request.module_type {
                None => Err("there are no modules of that type".to_owned()),
                Some(module_type) => lock(&self.import_map)
                    .resolve(module.base_url.as_str(), &request.specifier)
                    .map(|url| (url, module_type)),
            };
            Import { specifier: request.specifier.clone(), place }
        };
        module.imports.get_or_init(|| match &module.requests {
            Ok(requests) => requests.iter().map(resolve).collect(),
            Err(_) => Vec::new(),
        })
    }

    /// Fetches a module and all that it imports, and what that imports.
    pub(super) async fn load_graph(
        &self,
        graph: GraphOptions,
        root: Request,
        timed: (FetchOptions, Option<ResourceTiming>),
    ) -> Result<(), String> {
        let root = self.load(root, ModuleType::JavaScript, timed).await?;
        self.load_imports(&graph, &root).await
    }

    /// Fetches what a text that is at no address imports. What is wrong with the text is the engine's to tell.
    ///
    /// <https://html.spec.whatwg.org/#fetch-an-inline-module-script-graph>
    pub(super) fn load_inline(
        self: Arc<Self>,
        graph: GraphOptions,
        options: ScriptOptions,
        base_url: &Url,
        text: &str,
    ) -> Option<BoxFuture<'static, Result<(), String>>> {
        let parser = self.options.parser;
        let root = Module::new(text.to_owned(), base_url.clone(), ModuleType::JavaScript, options, parser);
        let imports = self.imports(&root);
        // What leads nowhere is told when the engine asks for it.
        if !imports.iter().any(|import| import.place.is_ok()) {
            return None;
        }
        Some(async move { self.load_imports(&graph, &root).await }.boxed())
    }

    /// <https://html.spec.whatwg.org/#fetch-a-module-worker-script-graph>, past the worker's own script.
    ///
    /// # Errors
    /// What did not come, for people.
    pub async fn load_worker(&self, root: WorkerModule) -> Result<(), String> {
        let graph = GraphOptions { client: root.owner, destination: root.destination };
        let options = ScriptOptions {
            credentials: root.credentials,
            referrer_policy: root.referrer_policy,
            ..ScriptOptions::default()
        };
        let parser = self.options.parser;
        let module = Module::new(root.text, root.base_url, ModuleType::JavaScript, options, parser);
        let module = Arc::new(module);
        let loading = std::future::ready(Ok(Arc::clone(&module))).boxed().shared();
        // What is there can be seen.
        loading.clone().await?;
        lock(&self.modules).insert((root.url.into(), ModuleType::JavaScript), loading);
        self.load_imports(&graph, &module).await
    }

    /// Fetches what a module imports, and what that imports.
    async fn load_imports(&self, graph: &GraphOptions, root: &Module) -> Result<(), String> {
        let (mut known, mut under_way) = (HashSet::new(), FuturesUnordered::new());
        let mut next = self.requests(graph, root, &mut known);
        loop {
            for (url, loading) in next.drain(..) {
                under_way.push(loading.map(move |loaded| (url, loaded)));
            }
            let Some((url, loaded)) = under_way.next().await else { return Ok(()) };
            let module = loaded.map_err(|reason| format!("{url}: {reason}"))?;
            next = self.requests(graph, &module, &mut known);
        }
    }

    fn requests(
        &self,
        graph: &GraphOptions,
        module: &Module,
        known: &mut HashSet<(Url, ModuleType)>,
    ) -> Vec<(Url, Loading)> {
        let places = self.imports(module).iter().filter_map(|import| import.place.clone().ok());
        let new = places.filter(|place| known.insert(place.clone()));
        let load = |(url, module_type): (Url, ModuleType)| {
            let request = self.request(graph, &module.options, url.clone(), module_type, &module.base_url);
            (url, self.load(request, module_type, (FetchOptions::default(), None)))
        };
        new.map(load).collect()
    }

    /// A base that is no script's address is the document's, or the worker's.
    fn base_url(&self, base: &str) -> Url {
        let client = (self.options.client)();
        match Url::parse(base) {
            // NOTE: an inline script goes by its document's address, not by its base.
            Ok(base) if base != client.creation_url => base,
            _ => client.api_base_url.clone(),
        }
    }

    /// What of a graph is not there, and what is wrong with it, in the order of its imports.
    fn look(&self, url: &str, module_type: ModuleType, seen: &mut Seen) {
        // NOTE: as deep as it may be, it is walked on the heap.
        let mut open = vec![(url.to_owned(), module_type)];
        while let Some((url, module_type)) = open.pop() {
            if !seen.modules.insert((url.clone(), module_type)) {
                continue;
            }
            let module = match self.loaded(&url, module_type) {
                None => {
                    seen.absent = true;
                    continue;
                }
                Some(Err(reason)) => {
                    seen.lost.get_or_insert_with(|| ModuleFailure::Fetch(format!("{url}: {reason}")));
                    continue;
                }
                Some(Ok(module)) => module,
            };
            if let Err(error) = &module.requests {
                let error = error.clone();
                seen.wrong.get_or_insert(ModuleFailure::Syntax { url, error });
                continue;
            }
            let imports = self.imports(&module);
            if let Some(reason) = imports.iter().find_map(|import| import.place.as_ref().err()) {
                let reason = reason.clone();
                seen.wrong.get_or_insert(ModuleFailure::Resolution { url, reason });
            }
            let places = imports.iter().rev().filter_map(|import| import.place.as_ref().ok());
            open.extend(places.map(|(url, module_type)| (url.to_string(), *module_type)));
        }
    }
}

/// What has been seen of a graph.
#[derive(Default)]
struct Seen {
    modules: HashSet<(String, ModuleType)>,
    absent: bool,
    lost: Option<ModuleFailure>,
    wrong: Option<ModuleFailure>,
}

impl Module {
    fn new(
        text: String,
        base_url: Url,
        module_type: ModuleType,
        options: ScriptOptions,
        parser: ModuleParser,
    ) -> Self {
        let requests = parser(&text, module_type);
        Self { text, base_url, requests, imports: OnceLock::new(), options }
    }
}

impl ModuleLoader for ModuleMap {
    fn resolve(&self, base: &str, specifier: &str) -> Result<String, String> {
        let base = match self.loaded(base, ModuleType::JavaScript) {
            Some(Ok(module)) => {
                // What it imports statically has been looked up already.
                let is_it = |import: &&Import| import.specifier == specifier && import.place.is_ok();
                if let Some(import) = self.imports(&module).iter().find(is_it)
                    && let Ok((url, _)) = &import.place
                {
                    return Ok(url.to_string());
                }
                // What a redirected module imports is relative to where it ended up.
                module.base_url.clone()
            }
            _ => self.base_url(base),
        };
        lock(&self.import_map).resolve(base.as_str(), specifier).map(String::from)
    }

    fn state(&self, url: &str, module_type: ModuleType) -> ModuleState {
        let mut seen = Seen::default();
        self.look(url, module_type, &mut seen);
        match (seen.lost, seen.absent, seen.wrong) {
            (Some(failure), _, _) | (None, false, Some(failure)) => ModuleState::Failed(failure),
            (None, true, _) => ModuleState::Absent,
            (None, false, None) => ModuleState::Ready,
        }
    }

    fn source(&self, url: &str, module_type: ModuleType) -> Option<ModuleSource> {
        let module = self.loaded(url, module_type)?.ok()?;
        Some(ModuleSource { text: module.text.clone(), base_url: module.base_url.to_string() })
    }

    fn allows_dynamic_import(&self) -> bool {
        self.options.dynamic_import
    }

    fn import(&self, base: &str, url: &str, module_type: ModuleType) -> BoxFuture<'static, ()> {
        let Ok(url) = Url::parse(url) else { return std::future::ready(()).boxed() };
        // 6. Who imports it says how it is fetched.
        let (options, referrer) = match self.loaded(base, ModuleType::JavaScript) {
            Some(Ok(module)) => (module.options.clone(), module.base_url.clone()),
            _ => (lock(&self.scripts).get(base).cloned().unwrap_or_default(), self.base_url(base)),
        };
        // 10.–14.
        let graph = GraphOptions { client: (self.options.client)(), destination: Destination::Script };
        let request = self.request(&graph, &options, url, module_type, &referrer);
        let loading = self.load(request, module_type, (FetchOptions::default(), None));
        let map = Weak::clone(&self.me);
        async move {
            // What does not come is told by its state.
            if let Ok(module) = loading.await
                && let Some(map) = map.upgrade()
            {
                let _ = map.load_imports(&graph, &module).await;
            }
        }
        .boxed()
    }
}
