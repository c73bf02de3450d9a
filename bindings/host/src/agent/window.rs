//! A page: a document fetched through the Fetch layer, and its scripts run in a window of its own agent.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt as _;
use futures::future::{BoxFuture, FutureExt as _, Shared};
use longhaul::UserAgent;
use longhaul::fetch::{
    CredentialsMode, Destination, EnvironmentSettings, FetchOptions, Mode, PolicyContainer, Request,
    RequestOrigin,
};
use longhaul_dom::{ConsoleSink, GlobalOptions, WindowGlobal};
use longhaul_idl::runtime::{Exception, Exposure, Realm, RealmId, TaskSource, Value};
use longhaul_quickjs::RealmOptions;
use url::Url;

use super::document::{Document, ScriptElement, ScriptKind, ScriptTiming};
use super::event_loop::{Agent, AgentEnd, AgentLimits};
use super::listeners::Listeners;
use super::script_loading::{LoadFailure, Loaded, PageModules, charset, fetch_script};
use super::uncaught::{Place, error_reporter};
use super::worker::WorkerAgents;

/// The largest document that is loaded.
const DOCUMENT_LIMIT: usize = 64 << 20;
/// How many scripts are fetched at a time.
const PARALLEL: usize = 6;

/// What a page is made with.
#[derive(Clone)]
pub struct PageOptions {
    /// Who fetches.
    pub user_agent: UserAgent,
    /// What the page may use up.
    pub limits: AgentLimits,
    /// What carries to the page what its scripts listen to.
    pub listeners: Listeners,
    /// Where its console goes.
    pub console: Arc<dyn ConsoleSink>,
    /// Told of each exception that nobody caught and each script that did not load, one line each.
    pub on_error: Arc<dyn Fn(String) + Send + Sync>,
}

/// Why a page could not be loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PageError {
    /// The document did not come.
    #[error("{url}: {reason}")]
    Network {
        /// The document's URL.
        url: Url,
        /// What the Fetch layer said.
        reason: String,
    },
    /// The server has no such page.
    #[error("{url}: the server answered with status {status}")]
    Status {
        /// The document's URL.
        url: Url,
        /// The status.
        status: u16,
    },
    /// It is no HTML.
    #[error("{url}: {media_type} is no page")]
    NotHtml {
        /// The document's URL.
        url: Url,
        /// Its media type.
        media_type: String,
    },
    /// No realm could be made.
    #[error("{url}: {reason}")]
    Realm {
        /// The document's URL.
        url: Url,
        /// What the engine said.
        reason: String,
    },
    /// The agent ended.
    #[error("{url}: {end}")]
    Ended {
        /// The document's URL.
        url: Url,
        /// How.
        end: AgentEnd,
    },
}

/// A page whose document has been loaded and whose scripts have run.
#[derive(Debug)]
pub struct Page {
    agent: Agent,
    realm: RealmId,
    url: Url,
    title: String,
    environment: Arc<EnvironmentSettings>,
    user_agent: UserAgent,
    listeners: Listeners,
    place: Place,
}

impl Page {
    /// Navigates to a URL: fetches the document, runs its scripts, fires `DOMContentLoaded` and `load`.
    ///
    /// A script that throws is told to `on_error`; the page goes on, as pages do.
    pub async fn load(url: Url, options: PageOptions) -> Result<Page, PageError> {
        let id = client_id();
        let response = fetch_document(&options.user_agent, url, id.clone()).await?;
        let document = Document::scan(&response.text);
        let mut environment = EnvironmentSettings::for_url(response.url.clone());
        environment.api_base_url = document.base_url(&response.url);
        environment.policy_container = response.policy_container;
        environment.id = id;
        let environment = environment.into_shared();
        let page = Page::open(response.url, document.title.clone(), environment.clone(), &options).await?;
        page.tell_online(&options.user_agent);
        page.run_scripts(&document, &environment, &options).await?;
        Ok(page)
    }

    /// The agent with a window realm in it.
    async fn open(
        url: Url,
        title: String,
        environment: Arc<EnvironmentSettings>,
        options: &PageOptions,
    ) -> Result<Page, PageError> {
        let runtime = tokio::runtime::Handle::current();
        let ended = |end| PageError::Ended { url: url.clone(), end };
        let agent = Agent::start("window", options.limits, runtime.clone(), options.listeners.clone())
            .map_err(ended)?;
        let realm = RealmId::next();
        let workers = WorkerAgents {
            user_agent: options.user_agent.clone(),
            limits: options.limits,
            listeners: options.listeners.clone(),
            console: options.console.clone(),
            on_error: options.on_error.clone(),
            runtime: runtime.clone(),
        };
        let window = GlobalOptions {
            user_agent: options.user_agent.clone(),
            environment: environment.clone(),
            console: options.console.clone(),
            timers: agent.timers(),
            workers: Some(workers.for_agent(&agent)),
        };
        let modules =
            PageModules { user_agent: options.user_agent.clone(), client: environment.clone(), runtime };
        let on_error = options.on_error.clone();
        let place = Place::new(url.as_str());
        let of_realm = place.clone();
        let handle = agent.handle();
        let of_window = title.clone();
        let secure_context = environment.secure_context;
        let made = agent
            .run(move |engine| {
                let global = WindowGlobal::new(window, &of_window);
                let realm_options = RealmOptions {
                    bindings: longhaul_dom::bindings(),
                    core: longhaul_dom::core(),
                    global,
                    exposure: Exposure::Window,
                    secure_context,
                    agent: handle,
                    id: realm,
                    on_error: error_reporter(of_realm, on_error),
                    modules: Some(Box::new(modules)),
                };
                engine.create_realm(realm_options).map(|_| ()).map_err(|error| error.to_string())
            })
            .await
            .map_err(ended)?;
        made.map_err(|reason| PageError::Realm { url: url.clone(), reason })?;
        // The page is a client that service workers may control from here on.
        options.user_agent.service_workers().register_client(environment.clone());
        Ok(Page {
            agent,
            realm,
            url,
            title,
            environment,
            user_agent: options.user_agent.clone(),
            listeners: options.listeners.clone(),
            place,
        })
    }

    /// <https://html.spec.whatwg.org/#event-online>: fires `online` and `offline`, as long as the page lives.
    fn tell_online(&self, user_agent: &UserAgent) {
        let mut online = user_agent.observe_online();
        online.mark_unchanged();
        let (agent, realm, ended) = (self.agent.handle(), self.realm, self.agent.watch_end());
        self.listeners.handle().spawn(async move {
            let changes = async {
                while online.changed().await.is_ok() {
                    let name = if *online.borrow_and_update() { "online" } else { "offline" };
                    let fire = move |realm: &dyn Realm| {
                        let args = vec![Value::Object(realm.global()), Value::String(name.into())];
                        if let Err(exception) = realm.core("fireEvent", args) {
                            realm.report_exception(exception);
                        }
                    };
                    agent.queue_task(TaskSource::Dom, realm, Box::new(fire));
                }
            };
            tokio::select! {
                () = changes => {}
                _ = ended => {}
            }
        });
    }

    /// <https://html.spec.whatwg.org/#the-end>, and the scripts before it.
    async fn run_scripts(
        &self,
        document: &Document,
        environment: &Arc<EnvironmentSettings>,
        options: &PageOptions,
    ) -> Result<(), PageError> {
        // OPTIMIZATION: all scripts are fetched from the start, in document order, as a speculative parser would.
        let fetches = Fetches::start(document, environment, options);
        let of = |timing: ScriptTiming| move |(_, script): &(usize, &ScriptElement)| script.timing == timing;
        let scripts = || document.scripts.iter().enumerate();
        // An async script runs when it has come, but here never before those that stood in front of it and block.
        for (index, script) in scripts().filter(of(ScriptTiming::Blocking)) {
            self.run_script(index, script, &fetches, options).await?;
        }
        // 5. The scripts that run when the document has been parsed.
        for (index, script) in scripts().filter(of(ScriptTiming::Deferred)) {
            self.run_script(index, script, &fetches, options).await?;
        }
        // 6. DOMContentLoaded.
        self.task(longhaul_dom::fire_dom_content_loaded).await?;
        // 7. The scripts that run as soon as possible, in the order in which they come.
        let waiting = scripts().filter(of(ScriptTiming::Async)).map(|(index, script)| {
            let fetch = fetches.of(index);
            async move {
                // What it gave is asked for again when the script runs.
                let _ = fetch.await;
                (index, script)
            }
        });
        let mut come: futures::stream::FuturesUnordered<_> = waiting.collect();
        while let Some((index, script)) = come.next().await {
            self.run_script(index, script, &fetches, options).await?;
        }
        // 9. load.
        self.task(longhaul_dom::fire_load).await
    }

    /// <https://html.spec.whatwg.org/#execute-the-script-element>
    async fn run_script(
        &self,
        index: usize,
        script: &ScriptElement,
        fetches: &Fetches,
        options: &PageOptions,
    ) -> Result<(), PageError> {
        let (text, file) = match &script.source {
            None => {
                // The lines that the engine counts are those of the document.
                let lines = usize::try_from(script.line.saturating_sub(1)).unwrap_or_default();
                ("\n".repeat(lines) + &script.text, self.url.to_string())
            }
            Some(source) => match fetches.of(index).await {
                Ok(loaded) => (loaded.text, loaded.url.to_string()),
                Err(Failed::NoUrl) => {
                    (options.on_error)(format!("{}:{}: “{source}” is no URL", self.url, script.line));
                    return Ok(());
                }
                Err(Failed::Load(failure)) => {
                    (options.on_error)(format!("{}:{}: {failure}", self.url, script.line));
                    return Ok(());
                }
            },
        };
        // FIXME: muted errors: what a classic script of another origin throws is told in full.
        let (realm, kind, place) = (self.realm, script.kind, self.place.clone());
        let ran = self.agent.run(move |engine| {
            let page = place.replace(&file);
            // What it throws has been reported to `on_error`; the page goes on.
            let _ = match kind {
                ScriptKind::Classic => engine.evaluate_script(realm, text.as_bytes(), &file).map(drop),
                ScriptKind::Module => engine.evaluate_module(realm, text.as_bytes(), &file),
            };
            place.replace(page);
        });
        ran.await.map_err(|end| self.ended(end))
    }

    async fn task(&self, task: fn(&dyn Realm) -> Result<(), Exception>) -> Result<(), PageError> {
        let reported = move |realm: &dyn Realm| {
            if let Err(exception) = task(realm) {
                realm.report_exception(exception);
            }
        };
        self.agent.run_task(TaskSource::Dom, self.realm, reported).await.map_err(|end| self.ended(end))
    }

    fn ended(&self, end: AgentEnd) -> PageError {
        PageError::Ended { url: self.url.clone(), end }
    }

    /// The document's URL, after redirects.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The document's title.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// What service workers know it by.
    pub fn client_id(&self) -> &str {
        &self.environment.id
    }

    /// The agent that runs it.
    pub fn agent(&self) -> &Agent {
        &self.agent
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        self.user_agent.service_workers().unregister_client(&self.environment.id);
    }
}

/// <https://html.spec.whatwg.org/#concept-environment-id>: unique, in the shape that scripts know client ids in.
pub(super) fn client_id() -> String {
    use std::hash::{BuildHasher as _, RandomState};
    let bits = u128::from(RandomState::new().hash_one(0)) << 64 | u128::from(RandomState::new().hash_one(1));
    let hex = format!("{bits:032x}");
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

/// A loaded document.
struct DocumentResponse {
    url: Url,
    text: String,
    policy_container: PolicyContainer,
}

/// <https://html.spec.whatwg.org/#create-navigation-params-by-fetching>
async fn fetch_document(
    user_agent: &UserAgent,
    url: Url,
    client_id: String,
) -> Result<DocumentResponse, PageError> {
    let mut request = Request::new(url.clone());
    // What service workers know the page by from here on.
    let reserved =
        EnvironmentSettings { id: client_id, ..EnvironmentSettings::for_url(url.clone()) }.into_shared();
    request.origin = RequestOrigin::Origin(reserved.origin.clone());
    // DEVIATION: redirects are followed by the Fetch layer and not by the navigation, which has nothing to do in between.
    request.reserved_client = Some(reserved);
    request.mode = Mode::Navigate;
    request.destination = Destination::Document;
    request.credentials_mode = CredentialsMode::Include;
    request.use_url_credentials = true;
    request.user_activation = true;
    let response = user_agent.fetch(request, FetchOptions::default()).await;
    if let Some(reason) = response.reason() {
        return Err(PageError::Network { url, reason: reason.to_string() });
    }
    let response = response.into_unfiltered();
    if !response.is_ok_status() {
        return Err(PageError::Status { url, status: response.status });
    }
    // FIXME: MIME sniffing: a document without a type is taken for what it says it is.
    let media_type = response.header_list.extract_mime_type().map(|mime| mime.essence().to_owned());
    let media_type = media_type.unwrap_or_else(|| "text/html".to_owned());
    if !matches!(media_type.as_str(), "text/html" | "application/xhtml+xml") {
        return Err(PageError::NotHtml { url, media_type });
    }
    let policy_container = PolicyContainer::from_response(&response);
    let answered = response.url().cloned().unwrap_or_else(|| url.clone());
    // FIXME: prescan a byte stream to determine its encoding (`<meta charset>`); a byte order mark counts.
    let charset = charset(&response);
    let bytes = match response.body {
        Some(body) => match body.read_all(Some(DOCUMENT_LIMIT)).await {
            Ok(bytes) => bytes,
            Err(error) => return Err(PageError::Network { url, reason: error.to_string() }),
        },
        None => Bytes::new(),
    };
    let (text, _, _) = charset.decode(&bytes);
    Ok(DocumentResponse { url: answered, text: text.into_owned(), policy_container })
}

/// Why there is no text for a script element.
#[derive(Clone, Debug)]
enum Failed {
    NoUrl,
    Load(LoadFailure),
}

type Fetching = Shared<BoxFuture<'static, Result<Loaded, Failed>>>;

/// The scripts that come from elsewhere, each fetched once, a few at a time.
struct Fetches(HashMap<usize, Fetching>);

impl Fetches {
    fn start(document: &Document, environment: &Arc<EnvironmentSettings>, options: &PageOptions) -> Fetches {
        let places = Arc::new(tokio::sync::Semaphore::new(PARALLEL));
        let mut fetches = HashMap::new();
        for (index, script) in document.scripts.iter().enumerate() {
            let Some(source) = &script.source else { continue };
            let url = environment.api_base_url.join(source.trim());
            let (user_agent, client, script) =
                (options.user_agent.clone(), environment.clone(), script.clone());
            let places = places.clone();
            let task = tokio::spawn(async move {
                let url = url.map_err(|_| Failed::NoUrl)?;
                // The semaphore is never closed.
                let _place = places.acquire().await;
                fetch_script(&user_agent, &client, url, &script).await.map_err(Failed::Load)
            });
            // A panic of the task is printed by the panic hook; the script is then one that did not come.
            let fetching = async move { task.await.unwrap_or(Err(Failed::NoUrl)) };
            fetches.insert(index, fetching.boxed().shared());
        }
        Fetches(fetches)
    }

    fn of(&self, index: usize) -> Fetching {
        match self.0.get(&index) {
            Some(fetching) => fetching.clone(),
            None => futures::future::ready(Err(Failed::NoUrl)).boxed().shared(),
        }
    }
}
