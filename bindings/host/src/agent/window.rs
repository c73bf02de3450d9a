//! A page: a document fetched through the Fetch layer, and its scripts run in a window of its own agent, with those of its
//! frames.

use std::sync::Arc;

use longhaul::UserAgent;
use longhaul::fetch::{
    CredentialsMode, Destination, EnvironmentSettings, FetchOptions, Mode, Request, RequestOrigin,
};
use longhaul_dom::{
    BrowsingContext, ConsoleSink, GlobalOptions, LoadedDocument, NavigationResponse, NavigationTiming,
    WindowGlobal, fetch_for_navigation,
};
use longhaul_idl::runtime::{Realm, TaskSource, Value};
use url::Url;

use super::event_loop::{Agent, AgentEnd, AgentLimits};
use super::listeners::Listeners;
use super::window_realms::WindowRealms;
use super::worker::WorkerAgents;

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
    /// Told of each window of the page (its own, its frames', those it opens) before its first script: of one whose `about:blank` gives
    /// way to a document of the same origin once, while it is blank.
    pub on_window: Option<WindowHook>,
}

/// Does something in the realm of a window that was just made, such as giving its scripts a function of the host.
pub type WindowHook = Arc<dyn Fn(&dyn Realm, &Arc<WindowGlobal>) + Send + Sync>;

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
    /// It is neither HTML nor XML.
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
    context: Arc<BrowsingContext>,
    url: Url,
    title: String,
    environment: Arc<EnvironmentSettings>,
    user_agent: UserAgent,
    listeners: Listeners,
}

impl Page {
    /// Navigates to a URL: fetches the document, runs its scripts, fires `DOMContentLoaded` and `load`.
    ///
    /// A script that throws is told to `on_error`; the page goes on, as pages do.
    pub async fn load(url: Url, options: PageOptions) -> Result<Page, PageError> {
        let runtime = tokio::runtime::Handle::current();
        let ended = {
            let url = url.clone();
            move |end| PageError::Ended { url: url.clone(), end }
        };
        let agent = Agent::start("window", options.limits, runtime.clone(), options.listeners.clone())
            .map_err(&ended)?;
        let begun = options.user_agent.clock().monotonic();
        let timing = NavigationTiming::new(agent.handle(), &url);
        let (document, id) = fetch_document(&options.user_agent, url, &timing).await?;
        let mut environment = document.environment(id);
        environment.time_origin = begun;
        let environment = environment.into_shared();
        let opener_policy = document.opener_policy;
        let content_type = document.content_type.clone();
        let url = document.url.clone();
        let workers = WorkerAgents {
            user_agent: options.user_agent.clone(),
            limits: options.limits,
            listeners: options.listeners.clone(),
            console: options.console.clone(),
            on_error: options.on_error.clone(),
            runtime: runtime.clone(),
        };
        let realms = WindowRealms::of(&agent, &options);
        let window = GlobalOptions {
            user_agent: options.user_agent.clone(),
            environment: environment.clone(),
            console: options.console.clone(),
            timers: agent.timers(),
            workers: Some(workers.for_agent(&agent)),
        };
        // The realms, and what of the page lives in them, stay on the agent's thread.
        let made = agent
            .run(move |_| {
                let window = WindowGlobal::top_level(window, realms.clone(), &content_type);
                window.set_opener_policy(opener_policy);
                longhaul_dom::WindowRealms::create(&*realms, &window)?;
                // The page is a client that service workers may control from here on.
                window.register_client(None);
                window.expect_navigation_timing(timing, "navigate");
                Ok((window.context(), window.realm_id()))
            })
            .await
            .map_err(&ended)?;
        let (context, realm) =
            made.map_err(|reason: String| PageError::Realm { url: url.clone(), reason })?;
        let mut page = Page {
            agent,
            context,
            url,
            title: String::new(),
            environment,
            user_agent: options.user_agent.clone(),
            listeners: options.listeners.clone(),
        };
        page.tell_online(&options.user_agent);
        let (loaded, is_loaded) = tokio::sync::oneshot::channel();
        let begin = move |realm: &dyn Realm| {
            let told = Box::new(move |_: &dyn Realm| {
                // The page may be gone by then.
                let _ = loaded.send(());
            });
            if let Err(exception) = longhaul_dom::load_document(realm, &document, told) {
                realm.report_exception(exception);
            }
        };
        page.agent.run_task(TaskSource::Networking, realm, begin).await.map_err(|end| page.ended(end))?;
        tokio::select! {
            // It is dropped when the page navigates elsewhere before it has loaded.
            _ = is_loaded => {}
            end = page.agent.ended() => return Err(page.ended(end)),
        }
        let context = page.context.clone();
        let titled = page.agent.run(move |_| context.active().map(|window| window.title())).await;
        page.title = titled.map_err(|end| page.ended(end))?.unwrap_or_default();
        Ok(page)
    }

    /// <https://html.spec.whatwg.org/#event-online>: fires `online` and `offline`, as long as the page lives.
    fn tell_online(&self, user_agent: &UserAgent) {
        let mut online = user_agent.observe_online();
        online.mark_unchanged();
        let (agent, context, ended) = (self.agent.handle(), self.context.clone(), self.agent.watch_end());
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
                    for realm in context.realms() {
                        agent.queue_task(TaskSource::Dom, realm, Box::new(fire));
                    }
                }
            };
            tokio::select! {
                () = changes => {}
                _ = ended => {}
            }
        });
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
        let active = self.context.active().map(|window| window.environment().id.clone());
        self.user_agent.service_workers().unregister_client(&self.environment.id);
        if let Some(id) = active {
            self.user_agent.service_workers().unregister_client(&id);
        }
        // What its documents fetch ends with them, and what they have put off is sent.
        let _entered = self.user_agent.runtime().enter();
        for environment in self.context.environments() {
            environment.fetch_group.terminate(self.user_agent.services());
        }
    }
}

/// <https://html.spec.whatwg.org/#concept-environment-id>: unique, in the shape that scripts know client ids in.
pub(super) fn client_id() -> String {
    use std::hash::{BuildHasher as _, RandomState};
    let bits = u128::from(RandomState::new().hash_one(0)) << 64 | u128::from(RandomState::new().hash_one(1));
    let hex = format!("{bits:032x}");
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

/// <https://html.spec.whatwg.org/#create-navigation-params-by-fetching>
async fn fetch_document(
    user_agent: &UserAgent,
    url: Url,
    timing: &NavigationTiming,
) -> Result<(LoadedDocument, String), PageError> {
    let mut request = Request::new(url.clone());
    request.origin = RequestOrigin::Origin(url.origin());
    request.mode = Mode::Navigate;
    request.destination = Destination::Document;
    request.credentials_mode = CredentialsMode::Include;
    request.use_url_credentials = true;
    request.user_activation = true;
    let at_end = timing.clone();
    let options = FetchOptions {
        process_response_end_of_body: Some(Box::new(move |ended| at_end.end(ended))),
        ..FetchOptions::default()
    };
    // What service workers know the page by from here on.
    let reserve = |url: &Url| {
        EnvironmentSettings { id: client_id(), ..EnvironmentSettings::for_url(url.clone()) }.into_shared()
    };
    let fetched = fetch_for_navigation(user_agent, request, options, reserve).await;
    let NavigationResponse { response, url, client_id } = fetched;
    timing.head(&response);
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
    if !LoadedDocument::is_page(&media_type) {
        return Err(PageError::NotHtml { url, media_type });
    }
    match LoadedDocument::from_response(response, &url).await {
        Ok(document) => Ok((document, client_id)),
        Err(reason) => Err(PageError::Network { url, reason }),
    }
}
