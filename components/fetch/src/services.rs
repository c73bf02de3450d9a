//! What fetching reaches the world through.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::future::BoxFuture;
use url::{Origin, Url};

use crate::concepts::authentication_entry::{
    AuthenticationEntries, CredentialPrompt, CredentialQuestion, Credentials,
};
use crate::concepts::body::BodyStream;
use crate::concepts::clear_site_data::{SiteData, SiteDataCleaner};
use crate::concepts::connection::Network;
use crate::concepts::content_security_policy::ContentSecurityPolicies;
use crate::concepts::cors_preflight_cache::CorsPreflightCache;
use crate::concepts::fetch_controller::FetchController;
use crate::concepts::hsts::{HstsStore, StrictTransportSecurity};
use crate::concepts::http_cache::HttpCache;
use crate::concepts::local_network_access::{LocalNetworkFeature, LocalNetworkPermission};
use crate::concepts::network_partition_key::NetworkPartitionKey;
use crate::concepts::report::{NoReports, ReportObserver, ReportObservers, ReportSink};
use crate::concepts::request::Request;
use crate::concepts::request_observer::{FetchId, RequestObserver, Tracing};
use crate::concepts::response::Response;
use crate::environment::{EnvironmentSettings, PolicyContainer};

/// The seams of the Fetch layer and its own state. Clones share everything; two that were made apart share nothing.
#[derive(Clone)]
pub struct Services(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    network: Arc<dyn Network>,
    cookies: Arc<dyn CookieStore>,
    http_cache: Option<Arc<dyn HttpCache>>,
    policy: Arc<dyn PolicyCheck>,
    service_workers: Arc<dyn ServiceWorkerHook>,
    network_state: Arc<dyn NetworkState>,
    blob_urls: Arc<dyn BlobUrls>,
    scheme_handlers: HashMap<String, Arc<dyn SchemeHandler>>,
    user_agent: Vec<u8>,
    accept_language: Vec<u8>,
    clock: Arc<dyn Fn() -> Duration + Send + Sync>,
    cors_preflight_cache: Arc<Mutex<CorsPreflightCache>>,
    hsts: Arc<dyn HstsStore>,
    credential_prompt: Arc<dyn CredentialPrompt>,
    authentication_entries: AuthenticationEntries,
    local_network_permission: Arc<dyn LocalNetworkPermission>,
    reports: Arc<ReportObservers>,
    observer: Arc<dyn RequestObserver>,
    interceptor: Arc<dyn RequestInterceptor>,
    site_data: Arc<dyn SiteDataCleaner>,
    switches: Switches,
    next_fetch: Arc<AtomicU64>,
}

/// What can be turned on and off.
#[derive(Copy, Clone)]
struct Switches {
    local_network_access_checks: bool,
    opaque_response_blocking: bool,
    file_urls: bool,
    streamed_uploads_over_http1: bool,
}

/// What the cookie store is told about a request.
///
/// <https://fetch.spec.whatwg.org/#append-a-request-cookie-header>
#[derive(Clone, Debug)]
pub struct CookieRequest {
    /// The request's current URL.
    pub url: Url,
    /// Its network partition key.
    pub network_partition_key: NetworkPartitionKey,
    /// Its same-site mode.
    pub same_site: SameSiteMode,
    /// Whether it is for the page at the top, which may set cookies whatever their `SameSite`, and get young ones that
    /// have none even if its method is unsafe, where the store allows that.
    ///
    /// <https://datatracker.ietf.org/doc/html/draft-ietf-httpbis-rfc6265bis#name-lax-allowing-unsafe-enforce>
    pub top_level_navigation: bool,
    /// Whether cookies with `HttpOnly` take part; always, for a fetch.
    pub http_api: bool,
}

/// <https://fetch.spec.whatwg.org/#determine-the-same-site-mode>
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum SameSiteMode {
    /// All cookies.
    StrictOrLess,
    /// All but those with `SameSite=Strict`.
    LaxOrLess,
    /// Only those without `SameSite` or with `SameSite=None`.
    UnsetOrLess,
}

/// Keeps cookies.
pub trait CookieStore: Send + Sync + 'static {
    /// The value of `Cookie` for the request, if there are cookies for it.
    fn cookie_header(&self, request: &CookieRequest) -> Option<Vec<u8>>;
    /// Takes the value of one `Set-Cookie`.
    fn set_cookie(&self, request: &CookieRequest, header_value: &[u8]);
}

/// What a policy says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PolicyDecision {
    /// It may go on.
    Allowed,
    /// It may not, because of that directive.
    Blocked(String),
}

/// Content security policies, and whatever else an embedder forbids. Everything is allowed unless a method says otherwise. The
/// default is [`ContentSecurityPolicies`].
pub trait PolicyCheck: Send + Sync + 'static {
    /// Asked before each request goes anywhere, redirected ones included.
    ///
    /// <https://w3c.github.io/webappsec-csp/#should-block-request>
    fn should_block_request(&self, _request: &Request) -> PolicyDecision {
        PolicyDecision::Allowed
    }
    /// Asked once a response is there.
    ///
    /// <https://w3c.github.io/webappsec-csp/#should-block-response>
    fn should_block_response(&self, _request: &Request, _response: &Response) -> PolicyDecision {
        PolicyDecision::Allowed
    }
    /// Reports what policies that only report would have blocked.
    ///
    /// <https://w3c.github.io/webappsec-csp/#report-for-request>
    fn report_violations(&self, _request: &Request) {}
    /// May turn the request's URL into a secure one.
    ///
    /// <https://w3c.github.io/webappsec-upgrade-insecure-requests/#upgrade-request>
    fn upgrade(&self, _request: &Request) -> Option<Url> {
        None
    }
    /// Asked before a script or style in a document's own text counts.
    ///
    /// <https://w3c.github.io/webappsec-csp/#should-block-inline>
    fn should_block_inline(
        &self,
        _environment: &EnvironmentSettings,
        _content: InlineContent<'_>,
        _source: &str,
    ) -> PolicyDecision {
        PolicyDecision::Allowed
    }
    /// Asked before text becomes code.
    ///
    /// <https://w3c.github.io/webappsec-csp/#can-compile-strings>
    fn should_block_evaluation(&self, _environment: &EnvironmentSettings, _source: &str) -> PolicyDecision {
        PolicyDecision::Allowed
    }
    /// Asked before a document gets another base URL.
    ///
    /// <https://w3c.github.io/webappsec-csp/#allow-base-for-document>
    fn should_block_base(&self, _environment: &EnvironmentSettings, _base: &Url) -> PolicyDecision {
        PolicyDecision::Allowed
    }
    /// Asked before a document with these policies is shown inside others, the nearest of which comes first.
    ///
    /// <https://w3c.github.io/webappsec-csp/#should-block-navigation-response>
    fn should_block_framing(
        &self,
        _policies: &PolicyContainer,
        _url: &Url,
        _ancestors: &[Origin],
    ) -> PolicyDecision {
        PolicyDecision::Allowed
    }
}

/// What of a document's own text is about to count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InlineContent<'a> {
    /// A script element's text.
    Script {
        /// Its nonce.
        nonce: Option<&'a str>,
        /// Whether a parser has put it where it is.
        parser_inserted: bool,
    },
    /// An event handler.
    ScriptAttribute,
    /// A style element's text.
    Style {
        /// Its nonce.
        nonce: Option<&'a str>,
    },
    /// A style attribute.
    StyleAttribute,
    /// A `javascript:` URL.
    JavascriptUrl,
}

/// Asks a service worker for a response.
///
/// <https://w3c.github.io/ServiceWorker/#handle-fetch>
pub trait ServiceWorkerHook: Send + Sync + 'static {
    /// The response of the worker that is responsible, or nothing if there is none or it leaves the request to the network.
    fn handle_fetch(
        &self,
        request: Request,
        controller: FetchController,
    ) -> BoxFuture<'static, Option<Response>>;
    /// Whether some worker may be responsible; the request is copied only then.
    fn may_handle(&self, request: &Request) -> bool;
}

/// May answer in place of the network, service workers and everything else.
///
/// <https://fetch.spec.whatwg.org/#potentially-override-response-for-a-request>
pub trait RequestInterceptor: Send + Sync + 'static {
    /// A response, or nothing to let the request go on. Asked for each hop, after the policies.
    fn potentially_override_response(&self, request: &Request) -> BoxFuture<'static, Option<Response>>;
}

/// Fetches the URLs of a scheme that the standard does not know.
pub trait SchemeHandler: Send + Sync + 'static {
    /// The response, or a network error.
    fn fetch(&self, request: &Request) -> BoxFuture<'static, Response>;
}

/// Whether there is a network.
pub trait NetworkState: Send + Sync + 'static {
    /// <https://fetch.spec.whatwg.org/#is-offline>
    fn is_offline(&self) -> bool;
}

/// The store of object URLs.
pub trait BlobUrls: Send + Sync + 'static {
    /// The blob behind the URL, if the request may have it.
    ///
    /// <https://w3c.github.io/FileAPI/#blob-url-obtain-object>
    fn resolve(&self, url: &Url, request: &Request) -> Option<Arc<dyn Blob>>;
}

/// Bytes that do not change, and their type.
pub trait Blob: Send + Sync + 'static {
    /// The number of bytes.
    fn size(&self) -> u64;
    /// The type, or nothing.
    fn content_type(&self) -> &str;
    /// The bytes of the range, which lies inside.
    fn read(&self, range: Range<u64>) -> BodyStream;
}

struct Nothing;

impl CookieStore for Nothing {
    fn cookie_header(&self, _request: &CookieRequest) -> Option<Vec<u8>> {
        None
    }
    fn set_cookie(&self, _request: &CookieRequest, _header_value: &[u8]) {}
}

impl PolicyCheck for Nothing {}

impl ServiceWorkerHook for Nothing {
    fn handle_fetch(
        &self,
        _request: Request,
        _controller: FetchController,
    ) -> BoxFuture<'static, Option<Response>> {
        Box::pin(std::future::ready(None))
    }
    fn may_handle(&self, _request: &Request) -> bool {
        false
    }
}

impl NetworkState for Nothing {
    fn is_offline(&self) -> bool {
        false
    }
}

impl BlobUrls for Nothing {
    fn resolve(&self, _url: &Url, _request: &Request) -> Option<Arc<dyn Blob>> {
        None
    }
}

impl HstsStore for Nothing {
    fn should_upgrade(&self, _host: &str, _partition: &NetworkPartitionKey) -> bool {
        false
    }
    fn observe(&self, _host: &str, _policy: &StrictTransportSecurity, _partition: &NetworkPartitionKey) {}
}

impl CredentialPrompt for Nothing {
    fn prompt(&self, _question: CredentialQuestion) -> BoxFuture<'static, Option<Credentials>> {
        Box::pin(std::future::ready(None))
    }
}

impl LocalNetworkPermission for Nothing {
    fn request(
        &self,
        _client: Arc<EnvironmentSettings>,
        _feature: LocalNetworkFeature,
    ) -> BoxFuture<'static, bool> {
        Box::pin(std::future::ready(false))
    }
}

impl RequestInterceptor for Nothing {
    fn potentially_override_response(&self, _request: &Request) -> BoxFuture<'static, Option<Response>> {
        Box::pin(std::future::ready(None))
    }
}

impl SiteDataCleaner for Nothing {
    fn clear(
        &self,
        _origin: url::Origin,
        _partition: NetworkPartitionKey,
        _kinds: Vec<SiteData>,
    ) -> BoxFuture<'static, ()> {
        Box::pin(std::future::ready(()))
    }
}

/// The `User-Agent` where the embedder gives none.
pub const DEFAULT_USER_AGENT: &str =
    concat!("Mozilla/5.0 (compatible; Longhaul/", env!("CARGO_PKG_VERSION"), ")");

impl Services {
    /// Services that reach the network and obey content security policies, and otherwise have no cookies and no workers.
    pub fn new(network: Arc<dyn Network>) -> Services {
        let epoch = tokio::time::Instant::now();
        let nothing = Arc::new(Nothing);
        let reports = ReportObservers::new(Arc::new(NoReports));
        Services(Arc::new(Inner {
            network,
            cookies: Arc::clone(&nothing) as _,
            http_cache: None,
            policy: Arc::new(ContentSecurityPolicies::new(Arc::clone(&reports) as _)),
            service_workers: Arc::clone(&nothing) as _,
            network_state: Arc::clone(&nothing) as _,
            blob_urls: Arc::clone(&nothing) as _,
            hsts: Arc::clone(&nothing) as _,
            credential_prompt: Arc::clone(&nothing) as _,
            authentication_entries: AuthenticationEntries::default(),
            local_network_permission: Arc::clone(&nothing) as _,
            reports,
            observer: Arc::new(Tracing),
            interceptor: Arc::clone(&nothing) as _,
            site_data: nothing,
            switches: Switches {
                local_network_access_checks: true,
                opaque_response_blocking: true,
                file_urls: false,
                streamed_uploads_over_http1: false,
            },
            next_fetch: Arc::default(),
            scheme_handlers: HashMap::new(),
            user_agent: DEFAULT_USER_AGENT.into(),
            accept_language: b"en".to_vec(),
            clock: Arc::new(move || epoch.elapsed()),
            cors_preflight_cache: Arc::default(),
        }))
    }

    fn with(mut self, change: impl FnOnce(&mut Inner)) -> Services {
        let inner = Arc::make_mut(&mut self.0);
        change(inner);
        // What was cached through other seams is not for these.
        inner.cors_preflight_cache = Arc::default();
        inner.authentication_entries = AuthenticationEntries::default();
        self
    }

    /// Keeps cookies there.
    #[must_use]
    pub fn with_cookies(self, cookies: Arc<dyn CookieStore>) -> Services {
        self.with(|inner| inner.cookies = cookies)
    }

    /// Keeps responses there. Without it nothing is cached.
    #[must_use]
    pub fn with_http_cache(self, http_cache: Arc<dyn HttpCache>) -> Services {
        self.with(|inner| inner.http_cache = Some(http_cache))
    }

    /// Asks that policy.
    #[must_use]
    pub fn with_policy(self, policy: Arc<dyn PolicyCheck>) -> Services {
        self.with(|inner| inner.policy = policy)
    }

    /// Asks service workers through it.
    #[must_use]
    pub fn with_service_workers(self, hook: Arc<dyn ServiceWorkerHook>) -> Services {
        self.with(|inner| inner.service_workers = hook)
    }

    /// Learns from it whether there is a network.
    #[must_use]
    pub fn with_network_state(self, state: Arc<dyn NetworkState>) -> Services {
        self.with(|inner| inner.network_state = state)
    }

    /// Resolves object URLs there.
    #[must_use]
    pub fn with_blob_urls(self, blob_urls: Arc<dyn BlobUrls>) -> Services {
        self.with(|inner| inner.blob_urls = blob_urls)
    }

    /// Fetches that scheme with the handler. The schemes that the standard fetches itself cannot be replaced.
    #[must_use]
    pub fn with_scheme_handler(self, scheme: &str, handler: Arc<dyn SchemeHandler>) -> Services {
        self.with(|inner| {
            inner.scheme_handlers.insert(scheme.to_ascii_lowercase(), handler);
        })
    }

    /// The `User-Agent` of requests that have none. Bytes that a header value cannot hold are left out.
    #[must_use]
    pub fn with_user_agent(self, value: impl AsRef<[u8]>) -> Services {
        let value = header_value(value.as_ref());
        self.with(|inner| inner.user_agent = value)
    }

    /// The `Accept-Language` of requests that have none. Bytes that a header value cannot hold are left out.
    #[must_use]
    pub fn with_accept_language(self, value: impl AsRef<[u8]>) -> Services {
        let value = header_value(value.as_ref());
        self.with(|inner| inner.accept_language = value)
    }

    /// Takes monotonic instants from there instead of tokio's clock.
    #[must_use]
    pub fn with_clock(self, clock: Arc<dyn Fn() -> Duration + Send + Sync>) -> Services {
        self.with(|inner| inner.clock = clock)
    }

    /// Remembers there which hosts are to be reached securely.
    #[must_use]
    pub fn with_hsts(self, store: Arc<dyn HstsStore>) -> Services {
        self.with(|inner| inner.hsts = store)
    }

    /// Asks the user for credentials through it. Without one nobody is asked, and a page sees status 401.
    #[must_use]
    pub fn with_credential_prompt(self, prompt: Arc<dyn CredentialPrompt>) -> Services {
        self.with(|inner| inner.credential_prompt = prompt)
    }

    /// Asks it whether a public page may reach local addresses. Without one none may.
    #[must_use]
    pub fn with_local_network_permission(self, permission: Arc<dyn LocalNetworkPermission>) -> Services {
        self.with(|inner| inner.local_network_permission = permission)
    }

    /// Whether local-network access is checked at all; it is unless this says otherwise.
    #[must_use]
    pub fn with_local_network_access_checks(self, on: bool) -> Services {
        self.with(|inner| inner.switches.local_network_access_checks = on)
    }

    /// Whether opaque responses that no page embeds are blocked; they are unless this says otherwise.
    #[must_use]
    pub fn with_opaque_response_blocking(self, on: bool) -> Services {
        self.with(|inner| inner.switches.opaque_response_blocking = on)
    }

    /// Whether `file:` URLs are fetched; they are not unless this says otherwise. What may fetch them is then what any URL of an
    /// opaque origin may be fetched by.
    #[must_use]
    pub fn with_file_urls(self, on: bool) -> Services {
        self.with(|inner| inner.switches.file_urls = on)
    }

    /// Whether request bodies without a source, which can be sent once, go over HTTP/1.x too. The standard makes them a network
    /// error there, and so do we unless this says otherwise: a server that wants credentials or closes a connection that it has
    /// kept could only be given what is left of them.
    #[must_use]
    pub fn with_streamed_uploads_over_http1(self, on: bool) -> Services {
        self.with(|inner| inner.switches.streamed_uploads_over_http1 = on)
    }

    /// Tells it of violations of the embedder's and the integrity policy. Those of content security policies are told by
    /// [`ContentSecurityPolicies`], which this puts in place of the policy check there was.
    #[must_use]
    pub fn with_reports(self, reports: Arc<dyn ReportSink>) -> Services {
        self.with(|inner| {
            inner.reports = ReportObservers::new(reports);
            inner.policy = Arc::new(ContentSecurityPolicies::new(Arc::clone(&inner.reports) as _));
        })
    }

    /// Has an environment told of the violations of its policies, until [`Self::forget_reports`].
    pub fn observe_reports(&self, environment_id: &str, observer: ReportObserver) {
        self.0.reports.observe(environment_id, observer);
    }

    /// The environment is gone.
    pub fn forget_reports(&self, environment_id: &str) {
        self.0.reports.forget(environment_id);
    }

    /// Shows it every step.
    #[must_use]
    pub fn with_observer(self, observer: Arc<dyn RequestObserver>) -> Services {
        self.with(|inner| inner.observer = observer)
    }

    /// Lets it answer first.
    #[must_use]
    pub fn with_interceptor(self, interceptor: Arc<dyn RequestInterceptor>) -> Services {
        self.with(|inner| inner.interceptor = interceptor)
    }

    /// Has it clear what `Clear-Site-Data` asks for.
    #[must_use]
    pub fn with_site_data_cleaner(self, cleaner: Arc<dyn SiteDataCleaner>) -> Services {
        self.with(|inner| inner.site_data = cleaner)
    }

    pub(crate) fn hsts(&self) -> &dyn HstsStore {
        &*self.0.hsts
    }

    pub(crate) fn credential_prompt(&self) -> &dyn CredentialPrompt {
        &*self.0.credential_prompt
    }

    /// The credentials that servers and proxies have accepted.
    pub fn authentication_entries(&self) -> &AuthenticationEntries {
        &self.0.authentication_entries
    }

    pub(crate) fn local_network_permission(&self) -> &dyn LocalNetworkPermission {
        &*self.0.local_network_permission
    }

    pub(crate) fn checks_local_network_access(&self) -> bool {
        self.0.switches.local_network_access_checks
    }

    pub(crate) fn blocks_opaque_responses(&self) -> bool {
        self.0.switches.opaque_response_blocking
    }

    pub(crate) fn fetches_file_urls(&self) -> bool {
        self.0.switches.file_urls
    }

    pub(crate) fn streams_uploads_over_http1(&self) -> bool {
        self.0.switches.streamed_uploads_over_http1
    }

    pub(crate) fn reports(&self) -> &dyn ReportSink {
        &*self.0.reports
    }

    pub(crate) fn observer(&self) -> &dyn RequestObserver {
        &*self.0.observer
    }

    pub(crate) fn interceptor(&self) -> &dyn RequestInterceptor {
        &*self.0.interceptor
    }

    pub(crate) fn site_data(&self) -> &dyn SiteDataCleaner {
        &*self.0.site_data
    }

    pub(crate) fn next_fetch_id(&self) -> FetchId {
        FetchId(self.0.next_fetch.fetch_add(1, Ordering::Relaxed))
    }

    pub(crate) fn network(&self) -> &dyn Network {
        &*self.0.network
    }

    /// The cookie store.
    pub fn cookies(&self) -> &dyn CookieStore {
        &*self.0.cookies
    }

    pub(crate) fn http_cache(&self) -> Option<&dyn HttpCache> {
        self.0.http_cache.as_deref()
    }

    /// What is asked about policies.
    pub fn policy(&self) -> &dyn PolicyCheck {
        &*self.0.policy
    }

    pub(crate) fn service_workers(&self) -> &dyn ServiceWorkerHook {
        &*self.0.service_workers
    }

    pub(crate) fn blob_urls(&self) -> &dyn BlobUrls {
        &*self.0.blob_urls
    }

    pub(crate) fn scheme_handler(&self, scheme: &str) -> Option<&dyn SchemeHandler> {
        self.0.scheme_handlers.get(scheme).map(|handler| &**handler)
    }

    /// Whether there is no network.
    pub fn is_offline(&self) -> bool {
        self.0.network_state.is_offline()
    }

    /// The `User-Agent` of requests that have none.
    pub fn user_agent(&self) -> &[u8] {
        &self.0.user_agent
    }

    /// The `Accept-Language` of requests that have none.
    pub fn accept_language(&self) -> &[u8] {
        &self.0.accept_language
    }

    pub(crate) fn cors_preflight_cache(&self) -> MutexGuard<'_, CorsPreflightCache> {
        self.0.cors_preflight_cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The monotonic instant now.
    pub fn now(&self) -> Duration {
        (self.0.clock)()
    }
}

fn header_value(bytes: &[u8]) -> Vec<u8> {
    crate::normalize_header_value(bytes)
        .iter()
        .copied()
        .filter(|byte| !matches!(byte, 0 | b'\r' | b'\n'))
        .collect()
}

impl fmt::Debug for Services {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Services")
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::{Body, BodyStream, ConnectionKey, FetchOptions, NetworkError, WireRequest, WireResponse};

    /// Services whose network never answers.
    pub(crate) fn unconnected() -> Services {
        struct Silence;

        impl Network for Silence {
            fn send(
                &self,
                _: WireRequest,
                _: ConnectionKey,
            ) -> BoxFuture<'static, Result<WireResponse, NetworkError>> {
                Box::pin(std::future::pending())
            }
        }

        Services::new(Arc::new(Silence))
    }

    #[test]
    fn everything_crosses_threads() {
        fn crosses<T: Send + 'static>() {}
        fn is_shared<T: Send + Sync + 'static>() {}
        crosses::<FetchOptions>();
        is_shared::<(Services, Request, Response, Body, BodyStream, FetchController)>();
    }

    #[test]
    fn header_values_from_embedders_are_cleaned() {
        assert_eq!(header_value(b" a\r\nb\0c "), b"abc");
    }
}
