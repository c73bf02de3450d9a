//! How a user agent is put together.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use longhaul_background_fetch::{
    BackgroundFetches, Connectivity, Dependencies, Display, NoDisplay, PermissionState,
};
use longhaul_cookies::{AllowAll, CookieJar, CookiePolicy, JarConfig};
use longhaul_fetch::{
    CredentialPrompt, PolicyCheck, ReportSink, RequestInterceptor, RequestObserver, SchemeHandler, Services,
    SiteDataCleaner,
};
use longhaul_hsts::{KnownHosts, Preload};
use longhaul_http_cache::HttpCache;
use longhaul_net::{Network, NetworkConfig};
use longhaul_service_worker::{AgentHost, Caches, ServiceWorkers};
use longhaul_storage::{Clock, Location, Profile, SystemClock, TableDefinition};
use tokio::sync::watch;

use crate::cookie_store::Cookies;
use crate::hsts_store::Hsts;
use crate::http_cache::Cache;
use crate::object_urls::ObjectUrls;
use crate::permissions::{PERMISSIONS, PermissionPrompt, Permissions, PermissionsError};
use crate::record_fetcher::FetchLayer;
use crate::script_loader::FetchLoader;
use crate::service_worker_hook::ServiceWorkerHook;
use crate::site_data::ProfileCleaner;
use crate::user_agent::{Extensions, Inner, UserAgent};
use crate::wire::Wire;
use crate::worker_host::{NoAgents, Workers};

/// Describes a [`UserAgent`]. Everything has a default; the profile's is memory, which is gone with the user agent.
pub struct Builder {
    location: Location,
    tables: Vec<&'static TableDefinition>,
    network: NetworkConfig,
    agent_host: Arc<dyn AgentHost>,
    permissions: Permissions,
    cookies: JarConfig,
    cookie_policy: Arc<dyn CookiePolicy>,
    hsts_preload: Preload,
    display: Arc<dyn Display>,
    clock: Arc<dyn Clock>,
    user_agent: Option<String>,
    accept_language: Option<String>,
    offline: bool,
    background_fetch: longhaul_background_fetch::Config,
    service_worker: longhaul_service_worker::Config,
    http_cache: Option<longhaul_http_cache::Config>,
    services: Vec<ChangeServices>,
}

/// Changes what the Fetch layer stands on.
type ChangeServices = Box<dyn FnOnce(Services) -> Services + Send>;

/// Why a user agent could not be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The profile cannot be opened.
    #[error(transparent)]
    Profile(#[from] longhaul_storage::OpenError),
    /// The profile was opened and cannot be read.
    #[error(transparent)]
    Storage(#[from] longhaul_storage::StorageError),
    /// The network's configuration is of no use.
    #[error(transparent)]
    Network(#[from] longhaul_net::ConfigError),
    /// The profile's service workers cannot be read.
    #[error(transparent)]
    ServiceWorkers(#[from] longhaul_service_worker::OpenError),
    /// The profile's cookies cannot be read.
    #[error(transparent)]
    Cookies(#[from] longhaul_cookies::OpenError),
    /// The profile's HSTS hosts cannot be read.
    #[error(transparent)]
    Hsts(#[from] longhaul_hsts::OpenError),
    /// The profile's permissions cannot be read.
    #[error(transparent)]
    Permissions(#[from] PermissionsError),
    /// The profile's caches cannot be read.
    #[error(transparent)]
    Caches(#[from] longhaul_service_worker::CacheError),
    /// The profile's HTTP cache cannot be opened.
    #[error(transparent)]
    HttpCache(#[from] longhaul_http_cache::CacheError),
    /// The profile's background fetches cannot be read.
    #[error(transparent)]
    BackgroundFetches(#[from] longhaul_background_fetch::OpenError),
    /// The task that opened the profile did not end; the runtime is shutting down.
    #[error("the runtime is shutting down")]
    Runtime,
}

impl Builder {
    pub(crate) fn new() -> Self {
        Builder {
            location: Location::Memory,
            tables: Vec::new(),
            network: NetworkConfig::default(),
            agent_host: Arc::new(NoAgents),
            permissions: Permissions::default(),
            cookies: JarConfig::default(),
            cookie_policy: Arc::new(AllowAll),
            hsts_preload: Preload::default(),
            display: Arc::new(NoDisplay),
            clock: Arc::new(SystemClock::new()),
            user_agent: None,
            accept_language: None,
            offline: false,
            background_fetch: longhaul_background_fetch::Config::default(),
            service_worker: longhaul_service_worker::Config::default(),
            http_cache: Some(longhaul_http_cache::Config::default()),
            services: Vec::new(),
        }
    }

    /// Where the profile is kept.
    pub fn profile(mut self, location: Location) -> Self {
        self.location = location;
        self
    }

    /// Tables of the embedder's own, kept in the profile beside the others. Their names must differ from all others'.
    pub fn tables(mut self, tables: &[&'static TableDefinition]) -> Self {
        self.tables.extend(tables);
        self
    }

    /// How connections are made: roots, resolver, limits, timeouts, the throttle.
    pub fn network(mut self, config: NetworkConfig) -> Self {
        self.network = config;
        self
    }

    /// Also refuses the certificates on this list of revoked ones, in PEM or DER. It is added to those of the network's settings, so
    /// [`Builder::network`] comes first.
    pub fn revocation_list(mut self, list: impl Into<Vec<u8>>) -> Self {
        self.network = self.network.with_revocation_list(list);
        self
    }

    /// Who runs service workers' agents. Without one, events for them stay owed.
    pub fn agent_host(mut self, host: Arc<dyn AgentHost>) -> Self {
        self.agent_host = host;
        self
    }

    /// Decides about a powerful feature for every origin. [`Permissions`] decides for one.
    pub fn permission(self, name: &str, state: PermissionState) -> Self {
        self.permissions.set_default(name, state);
        self
    }

    /// Who asks the user about features that are in the state `prompt`. Without it nobody does, and such a feature is refused to pages.
    pub fn permission_prompt(self, prompt: Arc<dyn PermissionPrompt>) -> Self {
        self.permissions.set_prompt(prompt);
        self
    }

    /// How cookies are treated where the RFC leaves it to the user agent, and how many there may be.
    pub fn cookie_config(mut self, config: JarConfig) -> Self {
        self.cookies = config;
        self
    }

    /// Who has cookies at all; everybody unless this says otherwise.
    pub fn cookie_policy(mut self, policy: Arc<dyn CookiePolicy>) -> Self {
        self.cookie_policy = policy;
        self
    }

    /// Hosts that are reached over TLS alone before they have said so.
    pub fn hsts_preload(mut self, preload: Preload) -> Self {
        self.hsts_preload = preload;
        self
    }

    /// Who shows background fetches to the user.
    pub fn display(mut self, display: Arc<dyn Display>) -> Self {
        self.display = display;
        self
    }

    /// Where time comes from.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// The value of `User-Agent`.
    pub fn user_agent(mut self, value: impl Into<String>) -> Self {
        self.user_agent = Some(value.into());
        self
    }

    /// The value of `Accept-Language`.
    pub fn accept_language(mut self, value: impl Into<String>) -> Self {
        self.accept_language = Some(value.into());
        self
    }

    /// Who asks the user for credentials. Without it nobody does, and pages see status 401.
    pub fn credential_prompt(self, prompt: Arc<dyn CredentialPrompt>) -> Self {
        self.services(move |services| services.with_credential_prompt(prompt))
    }

    /// Whether public pages need the permissions `local-network` and `loopback-network` for local addresses; they do unless this
    /// says otherwise.
    pub fn local_network_access_checks(self, on: bool) -> Self {
        self.services(move |services| services.with_local_network_access_checks(on))
    }

    /// Whether opaque responses that no page embeds are blocked; they are unless this says otherwise.
    pub fn opaque_response_blocking(self, on: bool) -> Self {
        self.services(move |services| services.with_opaque_response_blocking(on))
    }

    /// Whether `file:` URLs are fetched; they are not unless this says otherwise.
    pub fn file_urls(self, on: bool) -> Self {
        self.services(move |services| services.with_file_urls(on))
    }

    /// Whether request bodies that can be given once alone are sent over HTTP/1.x too; as the Fetch Standard says they are not, unless
    /// this says otherwise.
    pub fn streamed_uploads_over_http1(self, on: bool) -> Self {
        self.services(move |services| services.with_streamed_uploads_over_http1(on))
    }

    /// Who hears of violations of policies.
    pub fn reports(self, reports: Arc<dyn ReportSink>) -> Self {
        self.services(move |services| services.with_reports(reports))
    }

    /// What decides in place of content security policies, which do unless this says otherwise.
    pub fn policy(self, policy: Arc<dyn PolicyCheck>) -> Self {
        self.services(move |services| services.with_policy(policy))
    }

    /// Who sees every step of every fetch; `tracing` does unless this says otherwise.
    pub fn observer(self, observer: Arc<dyn RequestObserver>) -> Self {
        self.services(move |services| services.with_observer(observer))
    }

    /// Who may answer before the network, service workers and caches do.
    pub fn interceptor(self, interceptor: Arc<dyn RequestInterceptor>) -> Self {
        self.services(move |services| services.with_interceptor(interceptor))
    }

    /// Who fetches the URLs of a scheme that the Fetch Standard does not know.
    pub fn scheme(self, scheme: &str, handler: Arc<dyn SchemeHandler>) -> Self {
        let scheme = scheme.to_owned();
        self.services(move |services| services.with_scheme_handler(&scheme, handler))
    }

    /// Who clears what `Clear-Site-Data` asks for.
    pub fn site_data_cleaner(self, cleaner: Arc<dyn SiteDataCleaner>) -> Self {
        self.services(move |services| services.with_site_data_cleaner(cleaner))
    }

    /// Whether to begin without a network.
    pub fn offline(mut self, offline: bool) -> Self {
        self.offline = offline;
        self
    }

    /// What may be chosen about background fetches.
    pub fn background_fetch_config(mut self, config: longhaul_background_fetch::Config) -> Self {
        self.background_fetch = config;
        self
    }

    /// How long service workers may take and stay.
    pub fn service_worker_config(mut self, config: longhaul_service_worker::Config) -> Self {
        self.service_worker = config;
        self
    }

    /// How much the HTTP cache may keep; with nothing there is none. By default it is 1 GiB, and 64 MiB in memory.
    pub fn http_cache(mut self, config: Option<longhaul_http_cache::Config>) -> Self {
        self.http_cache = config;
        self
    }

    /// Changes what the Fetch layer stands on, once all of it is there: policy checks, scheme handlers and the like.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use longhaul::fetch::SchemeHandler;
    /// # fn example(handler: Arc<dyn SchemeHandler>) {
    /// longhaul::UserAgent::builder().services(|services| services.with_scheme_handler("app", handler));
    /// # }
    /// ```
    pub fn services(mut self, change: impl FnOnce(Services) -> Services + Send + 'static) -> Self {
        self.services.push(Box::new(change));
        self
    }

    /// Opens the profile and puts everything together. Downloads that an earlier session left unfinished go on at once;
    /// what is owed to service workers waits for [`UserAgent::start`].
    ///
    /// To be called on a tokio runtime with its timers and I/O enabled; the user agent works on it from then on.
    pub async fn build(self) -> Result<UserAgent, BuildError> {
        let network = Network::new(self.network)?;
        let (profile, report) = open_profile(self.location, self.tables).await?;
        let caches = Caches::open(profile.clone()).await?;
        collect_garbage(&profile).await?;
        self.permissions.open(&profile)?;
        let cookies = CookieJar::open_with_config(&profile, self.clock.clone(), self.cookies)?;
        let cookies = Arc::new(cookies.with_policy(self.cookie_policy));
        let hsts = KnownHosts::open(&profile, self.clock.clone())?.with_preload(self.hsts_preload);
        let hsts = Arc::new(hsts);
        let online = watch::Sender::new(!self.offline);
        let started = watch::Sender::new(false);

        let hook = Arc::new(ServiceWorkerHook::default());
        let http_cache = match self.http_cache {
            Some(config) => Some(open_http_cache(&profile, &self.clock, config).await?),
            None => None,
        };
        let object_urls = ObjectUrls::default();
        let cleaner = Arc::new(ProfileCleaner::default());
        let services = {
            let clock = self.clock.clone();
            let mut services = Services::new(Arc::new(Wire::new(network, &self.clock, online.subscribe())))
                .with_cookies(Arc::new(Cookies(cookies.clone())))
                .with_hsts(Arc::new(Hsts(hsts.clone())))
                .with_service_workers(hook.clone())
                .with_site_data_cleaner(cleaner.clone())
                .with_blob_urls(Arc::new(object_urls.clone()))
                .with_clock(Arc::new(move || clock.monotonic()));
            if let Some(cache) = &http_cache {
                services = services.with_http_cache(Arc::new(Cache(cache.clone())));
            }
            if let Some(value) = &self.user_agent {
                services = services.with_user_agent(value);
            }
            if let Some(value) = &self.accept_language {
                services = services.with_accept_language(value);
            }
            services = services.with_local_network_permission(Arc::new(self.permissions.clone()));
            self.services.into_iter().fold(services, |services, change| change(services))
        };

        let loader = Arc::new(FetchLoader(services.clone()));
        let service_workers = ServiceWorkers::open_with(
            profile.clone(),
            self.clock.clone(),
            loader,
            self.agent_host,
            self.service_worker,
        )
        .await?;
        hook.attach(&service_workers);
        let background_fetch = BackgroundFetches::open(Dependencies {
            profile: profile.clone(),
            clock: self.clock.clone(),
            seed: RandomState::new().hash_one(Duration::ZERO),
            fetcher: Arc::new(FetchLayer(services.clone())),
            workers: Arc::new(Workers {
                service_workers: service_workers.clone(),
                started: started.subscribe(),
            }),
            permission: Arc::new(self.permissions.clone()),
            display: self.display,
            connectivity: if self.offline { Connectivity::Offline } else { Connectivity::Online },
            runtime: tokio::runtime::Handle::current(),
            config: self.background_fetch,
        })
        .await?;
        {
            // Weakly, as background fetches hold the service workers that their events go to.
            let background_fetch = background_fetch.downgrade();
            service_workers.on_unregister(move |storage_key, scope| {
                let Some(background_fetch) = background_fetch.upgrade() else { return };
                background_fetch.unregistered(&longhaul_background_fetch::RegistrationKey {
                    storage_key: storage_key.to_owned(),
                    scope: scope.to_owned(),
                });
            });
        }

        let inner = Arc::new(Inner {
            profile,
            findings: report.findings,
            clock: self.clock,
            services,
            http_cache,
            object_urls,
            cookies,
            hsts,
            permissions: self.permissions,
            service_workers,
            caches,
            background_fetch,
            online,
            started,
            extensions: Extensions::default(),
            runtime: tokio::runtime::Handle::current(),
        });
        cleaner.attach(&inner);
        Ok(UserAgent(inner))
    }
}

/// Opens the profile with the embedder's tables and those of every part.
async fn open_profile(
    location: Location,
    mut tables: Vec<&'static TableDefinition>,
) -> Result<(Profile, longhaul_storage::OpenReport), BuildError> {
    tables.push(&PERMISSIONS);
    for part in [
        longhaul_cookies::TABLES,
        longhaul_hsts::TABLES,
        longhaul_service_worker::TABLES,
        longhaul_background_fetch::TABLES,
    ] {
        tables.extend(part);
    }
    let opening = tokio::task::spawn_blocking(move || Profile::open(location, &tables));
    Ok(opening.await.map_err(|_| BuildError::Runtime)??)
}

async fn open_http_cache(
    profile: &Profile,
    clock: &Arc<dyn Clock>,
    config: longhaul_http_cache::Config,
) -> Result<HttpCache, BuildError> {
    let (profile, clock) = (profile.clone(), Arc::clone(clock));
    let opening = tokio::task::spawn_blocking(move || HttpCache::open(&profile, clock, config));
    Ok(opening.await.map_err(|_| BuildError::Runtime)??)
}

/// Drops the bodies that nobody's row names: what a crash left half-made.
async fn collect_garbage(profile: &Profile) -> Result<(), BuildError> {
    let reader = profile.clone();
    let reading = tokio::task::spawn_blocking(move || {
        let mut live = longhaul_background_fetch::live_bodies(&reader)?;
        live.extend(longhaul_service_worker::live_bodies(&reader)?);
        Ok::<_, BuildError>(live)
    });
    let live = reading.await.map_err(|_| BuildError::Runtime)??;
    profile.bodies().collect_garbage(&live).await?;
    Ok(())
}

impl std::fmt::Debug for Builder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Builder")
            .field("location", &self.location)
            .field("offline", &self.offline)
            .finish_non_exhaustive()
    }
}
