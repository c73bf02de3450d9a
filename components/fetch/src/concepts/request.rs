//! Requests.

use std::sync::Arc;

use url::{Origin, Url};

use super::body::Body;
use super::connection::WirePriority;
use super::header_list::HeaderList;
use super::ip_address_space::IpAddressSpace;
use super::keyword::keywords;
use super::method::Method;
use super::opaque_response_blocking::NoCorsMediaRequestState;
use super::origin::{same_origin, same_site};
use super::referrer_policy::ReferrerPolicy;
use crate::environment::{EnvironmentSettings, PolicyContainer};
use crate::services::Blob;

/// <https://w3c.github.io/FileAPI/#blob-url-entry>
#[derive(Clone)]
pub struct BlobUrlEntry(pub Arc<dyn Blob>);

impl std::fmt::Debug for BlobUrlEntry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "BlobUrlEntry({} bytes)", self.0.size())
    }
}

/// What a fetch is given. Fields that only the algorithms write are marked as bookkeeping.
///
/// <https://fetch.spec.whatwg.org/#concept-request>
#[derive(Debug)]
#[non_exhaustive]
pub struct Request {
    /// The method.
    pub method: Method,
    /// The URLs it went through; the first is the one it was made for. Never empty.
    pub url_list: Vec<Url>,
    /// The URLs that it came through before it was shown to a service worker, which sees the last one alone: what they did to its
    /// origin stays with it.
    pub earlier_urls: Vec<Url>,
    /// What stood behind its URL, a `blob:` one, when that was parsed: the object may be revoked before it is fetched.
    ///
    /// <https://url.spec.whatwg.org/#concept-url-blob-entry>
    pub blob_url_entry: Option<BlobUrlEntry>,
    /// Only local schemes may be fetched.
    pub local_urls_only: bool,
    /// The headers.
    pub header_list: HeaderList,
    /// The method and the headers came from a script, so that CORS has to look at them.
    pub unsafe_request: bool,
    /// The body.
    pub body: Option<Body>,
    /// Whether the response may be had before the body has gone out whole.
    pub duplex: RequestDuplex,
    /// The environment that asks.
    pub client: Option<Arc<EnvironmentSettings>>,
    /// The environment that is made for the response of a navigation.
    pub reserved_client: Option<Arc<EnvironmentSettings>>,
    /// The id of the environment that a navigation replaces.
    pub replaces_client_id: String,
    /// Whether prompts may be shown.
    pub traversable_for_user_prompts: TraversableForUserPrompts,
    /// It may outlive its environment.
    pub keepalive: bool,
    /// The kind of thing that asked, for timing entries.
    pub initiator_type: Option<String>,
    /// Whether service workers see it.
    pub service_workers_mode: ServiceWorkersMode,
    /// What made it, for policies.
    pub initiator: Initiator,
    /// What the response is for.
    pub destination: Destination,
    /// The author's wish.
    pub priority: Priority,
    /// Who asks.
    pub origin: RequestOrigin,
    /// Who began the navigation at the top.
    pub top_level_navigation_initiator_origin: Option<Origin>,
    /// The policies it is under.
    pub policy_container: RequestPolicyContainer,
    /// Where it comes from.
    pub referrer: Referrer,
    /// How much of the referrer is told.
    pub referrer_policy: ReferrerPolicy,
    /// Its mode.
    pub mode: Mode,
    /// A preflight goes ahead in any case.
    pub use_cors_preflight: bool,
    /// When credentials go along.
    pub credentials_mode: CredentialsMode,
    /// The URL's user name and password may be used.
    pub use_url_credentials: bool,
    /// How it treats the HTTP cache.
    pub cache_mode: CacheMode,
    /// What a redirect does.
    pub redirect_mode: RedirectMode,
    /// What the bytes have to be.
    pub integrity_metadata: String,
    /// The nonce of the element that asks.
    pub cryptographic_nonce_metadata: String,
    /// Whether a parser made the element that asks.
    pub parser_metadata: ParserMetadata,
    /// The navigation is a reload.
    pub reload_navigation: bool,
    /// What a navigation request is made for.
    pub navigation_type: NavigationType,
    /// The navigation goes through history.
    pub history_navigation: bool,
    /// The user made the navigation.
    pub user_activation: bool,
    /// Rendering waits for it.
    pub render_blocking: bool,
    /// `Cache-Control` stays as it is with cache mode `no-cache`.
    pub prevent_no_cache_cache_control_header_modification: bool,

    /// The address space that it is to lead to, where the caller has said so.
    pub target_ip_address_space: Option<IpAddressSpace>,
    /// Which of a media element's requests it is.
    pub no_cors_media_request_state: NoCorsMediaRequestState,
    /// How urgent it is; set when the fetch begins unless it is set already.
    pub internal_priority: Option<WirePriority>,

    /// Bookkeeping: how often it was redirected.
    pub redirect_count: u16,
    /// Bookkeeping: how much of the response may be seen.
    pub response_tainting: ResponseTainting,
    /// Bookkeeping: main fetch is through with it.
    pub done: bool,
    /// Bookkeeping: a response on the way refused its timing.
    pub timing_allow_failed: bool,
    /// Bookkeeping: what the redirects of a navigation said about their timing.
    pub navigation_timing_allow_values: Vec<Vec<String>>,
    /// Bookkeeping: it was put off, and has passed the quota of deferred fetches.
    pub deferred: bool,

    /// DEVIATION: ours, for a background fetch that goes on where it stopped. The headers are added in HTTP-network-or-cache
    /// fetch, below the CORS check, so that they cause no preflight.
    pub resumption: Option<Resumption>,
    /// DEVIATION: ours, for background fetches: asks for the bytes as they are stored, without a content coding. The header is
    /// added where those of a resumption are.
    pub identity_encoding: bool,
}

/// How a request's body and its response's stand to each other. Scripts know half duplex alone.
///
/// <https://fetch.spec.whatwg.org/#dom-requestinit-duplex>
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub enum RequestDuplex {
    /// Both may be under way at once.
    #[default]
    Full,
    /// The request goes out whole before its response is looked at. What fails late in it fails the fetch.
    Half,
}

/// The part of a resource that is still missing.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Resumption {
    /// The first missing byte.
    pub first_byte: u64,
    /// The last wanted byte, if the author asked for a range that ends.
    pub last_byte: Option<u64>,
    /// The strong validator of what is there already.
    pub if_range: Vec<u8>,
}

keywords! {
    /// <https://fetch.spec.whatwg.org/#concept-request-mode>
    #[allow(missing_docs)]
    Mode {
        SameOrigin = "same-origin", Cors = "cors", NoCors = "no-cors", Navigate = "navigate", WebSocket = "websocket",
        WebTransport = "webtransport",
    }
}

keywords! {
    /// <https://fetch.spec.whatwg.org/#concept-request-credentials-mode>
    #[allow(missing_docs)]
    CredentialsMode { Omit = "omit", SameOrigin = "same-origin", Include = "include" }
}

keywords! {
    /// <https://fetch.spec.whatwg.org/#concept-request-cache-mode>
    #[allow(missing_docs)]
    CacheMode {
        Default = "default", NoStore = "no-store", Reload = "reload", NoCache = "no-cache", ForceCache = "force-cache",
        OnlyIfCached = "only-if-cached",
    }
}

keywords! {
    /// <https://fetch.spec.whatwg.org/#concept-request-redirect-mode>
    #[allow(missing_docs)]
    RedirectMode { Follow = "follow", Error = "error", Manual = "manual" }
}

keywords! {
    /// <https://fetch.spec.whatwg.org/#request-service-workers-mode>
    #[allow(missing_docs)]
    ServiceWorkersMode { All = "all", None = "none" }
}

keywords! {
    /// <https://fetch.spec.whatwg.org/#concept-request-response-tainting>
    #[allow(missing_docs)]
    ResponseTainting { Basic = "basic", Cors = "cors", Opaque = "opaque" }
}

keywords! {
    /// <https://fetch.spec.whatwg.org/#request-priority>
    #[allow(missing_docs)]
    Priority { High = "high", Low = "low", Auto = "auto" }
}

keywords! {
    /// <https://fetch.spec.whatwg.org/#concept-request-initiator>
    #[allow(missing_docs)]
    Initiator {
        None = "", Download = "download", ImageSet = "imageset", Manifest = "manifest", Prefetch = "prefetch",
        Prerender = "prerender", Xslt = "xslt",
    }
}

keywords! {
    /// <https://fetch.spec.whatwg.org/#concept-request-parser-metadata>
    #[allow(missing_docs)]
    ParserMetadata { None = "", ParserInserted = "parser-inserted", NotParserInserted = "not-parser-inserted" }
}

keywords! {
    /// <https://fetch.spec.whatwg.org/#concept-request-window>
    #[allow(missing_docs)]
    TraversableForUserPrompts {
        NoTraversable = "no-traversable", Client = "client",
        /// One that prompts can be shown in: the client's, which a credential prompt knows by the client's id.
        Traversable = "traversable",
    }
}

keywords! {
    /// <https://fetch.spec.whatwg.org/#destination-type>
    #[allow(missing_docs)]
    Destination {
        None = "", Audio = "audio", AudioWorklet = "audioworklet", Document = "document", Embed = "embed", Font = "font",
        Frame = "frame", Iframe = "iframe", Image = "image", Json = "json", Manifest = "manifest", Object = "object",
        PaintWorklet = "paintworklet", Report = "report", Script = "script", ServiceWorker = "serviceworker",
        SharedWorker = "sharedworker", Style = "style", Text = "text", Track = "track", Video = "video",
        WebIdentity = "webidentity", Worker = "worker", Xslt = "xslt",
    }
}

keywords! {
    /// How far redirects led away from the request's origin.
    ///
    /// <https://fetch.spec.whatwg.org/#concept-request-redirect-taint>
    #[allow(missing_docs)]
    RedirectTaint { SameOrigin = "same-origin", SameSite = "same-site", CrossSite = "cross-site" }
}

/// <https://fetch.spec.whatwg.org/#concept-request-origin>
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestOrigin {
    /// The client's, taken when the fetch begins.
    Client,
    /// This one.
    Origin(Origin),
}

/// <https://fetch.spec.whatwg.org/#concept-request-referrer>
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Referrer {
    /// None.
    NoReferrer,
    /// The client's URL, taken when the fetch begins.
    Client,
    /// This one.
    Url(Url),
}

/// <https://html.spec.whatwg.org/multipage/browsing-the-web.html#csp-navigation-type>
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NavigationType {
    /// A form is sent.
    FormSubmission,
    /// Anything else.
    #[default]
    Other,
}

/// <https://fetch.spec.whatwg.org/#concept-request-policy-container>
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[expect(clippy::large_enum_variant, reason = "there is one a request, and it is mostly there")]
pub enum RequestPolicyContainer {
    /// The client's, taken when the fetch begins.
    Client,
    /// This one.
    Container(PolicyContainer),
}

impl Destination {
    /// <https://fetch.spec.whatwg.org/#request-destination-script-like>
    pub const fn is_script_like(self) -> bool {
        matches!(
            self,
            Destination::AudioWorklet
                | Destination::PaintWorklet
                | Destination::Script
                | Destination::ServiceWorker
                | Destination::SharedWorker
                | Destination::Worker
        )
    }
}

impl Request {
    /// A request for the URL; every other field has the value it has unless stated otherwise.
    pub fn new(url: Url) -> Request {
        Request {
            method: Method::GET,
            url_list: vec![url],
            earlier_urls: Vec::new(),
            local_urls_only: false,
            header_list: HeaderList::new(),
            unsafe_request: false,
            body: None,
            duplex: RequestDuplex::Full,
            client: None,
            reserved_client: None,
            replaces_client_id: String::new(),
            traversable_for_user_prompts: TraversableForUserPrompts::Client,
            keepalive: false,
            initiator_type: None,
            service_workers_mode: ServiceWorkersMode::All,
            initiator: Initiator::None,
            destination: Destination::None,
            blob_url_entry: None,
            priority: Priority::Auto,
            origin: RequestOrigin::Client,
            top_level_navigation_initiator_origin: None,
            policy_container: RequestPolicyContainer::Client,
            referrer: Referrer::Client,
            referrer_policy: ReferrerPolicy::Empty,
            mode: Mode::NoCors,
            use_cors_preflight: false,
            credentials_mode: CredentialsMode::SameOrigin,
            use_url_credentials: false,
            cache_mode: CacheMode::Default,
            redirect_mode: RedirectMode::Follow,
            integrity_metadata: String::new(),
            cryptographic_nonce_metadata: String::new(),
            parser_metadata: ParserMetadata::None,
            reload_navigation: false,
            navigation_type: NavigationType::Other,
            history_navigation: false,
            user_activation: false,
            render_blocking: false,
            prevent_no_cache_cache_control_header_modification: false,
            target_ip_address_space: None,
            no_cors_media_request_state: NoCorsMediaRequestState::NotApplicable,
            internal_priority: None,
            redirect_count: 0,
            response_tainting: ResponseTainting::Basic,
            done: false,
            timing_allow_failed: false,
            navigation_timing_allow_values: Vec::new(),
            deferred: false,
            resumption: None,
            identity_encoding: false,
        }
    }

    /// The URL it was made for.
    ///
    /// <https://fetch.spec.whatwg.org/#concept-request-url>
    pub fn url(&self) -> &Url {
        self.url_list.first().expect("a request's URL list is never empty")
    }

    /// The URL it is at now.
    ///
    /// <https://fetch.spec.whatwg.org/#concept-request-current-url>
    pub fn current_url(&self) -> &Url {
        self.url_list.last().expect("a request's URL list is never empty")
    }

    pub(crate) fn current_url_mut(&mut self) -> &mut Url {
        self.url_list.last_mut().expect("a request's URL list is never empty")
    }

    /// The same request without its body, sharing nothing with this one.
    #[must_use]
    pub fn clone_without_body(&self) -> Request {
        Request {
            method: self.method.clone(),
            url_list: self.url_list.clone(),
            earlier_urls: self.earlier_urls.clone(),
            local_urls_only: self.local_urls_only,
            header_list: self.header_list.clone(),
            unsafe_request: self.unsafe_request,
            body: None,
            duplex: self.duplex,
            client: self.client.clone(),
            reserved_client: self.reserved_client.clone(),
            replaces_client_id: self.replaces_client_id.clone(),
            traversable_for_user_prompts: self.traversable_for_user_prompts,
            keepalive: self.keepalive,
            initiator_type: self.initiator_type.clone(),
            service_workers_mode: self.service_workers_mode,
            initiator: self.initiator,
            destination: self.destination,
            blob_url_entry: self.blob_url_entry.clone(),
            priority: self.priority,
            origin: self.origin.clone(),
            top_level_navigation_initiator_origin: self.top_level_navigation_initiator_origin.clone(),
            policy_container: self.policy_container.clone(),
            referrer: self.referrer.clone(),
            referrer_policy: self.referrer_policy,
            mode: self.mode,
            use_cors_preflight: self.use_cors_preflight,
            credentials_mode: self.credentials_mode,
            use_url_credentials: self.use_url_credentials,
            cache_mode: self.cache_mode,
            redirect_mode: self.redirect_mode,
            integrity_metadata: self.integrity_metadata.clone(),
            cryptographic_nonce_metadata: self.cryptographic_nonce_metadata.clone(),
            parser_metadata: self.parser_metadata,
            reload_navigation: self.reload_navigation,
            navigation_type: self.navigation_type,
            history_navigation: self.history_navigation,
            user_activation: self.user_activation,
            render_blocking: self.render_blocking,
            prevent_no_cache_cache_control_header_modification: self
                .prevent_no_cache_cache_control_header_modification,
            target_ip_address_space: self.target_ip_address_space,
            no_cors_media_request_state: self.no_cors_media_request_state,
            internal_priority: self.internal_priority,
            redirect_count: self.redirect_count,
            response_tainting: self.response_tainting,
            done: self.done,
            timing_allow_failed: self.timing_allow_failed,
            navigation_timing_allow_values: self.navigation_timing_allow_values.clone(),
            deferred: self.deferred,
            resumption: self.resumption.clone(),
            identity_encoding: self.identity_encoding,
        }
    }

    /// A copy with a body of its own; this request's body becomes one of two branches.
    ///
    /// <https://fetch.spec.whatwg.org/#concept-request-clone>
    #[allow(clippy::should_implement_trait)]
    #[must_use]
    pub fn clone(&mut self) -> Request {
        // 1. Everything but the body,
        let mut copy = self.clone_without_body();
        // 2. and the body split in two.
        copy.body = self.body.as_mut().map(Body::clone);
        copy
    }

    /// The origin, once the fetch has begun; an opaque one before, if there is no client.
    pub fn resolved_origin(&self) -> Origin {
        match (&self.origin, &self.client) {
            (RequestOrigin::Origin(origin), _) => origin.clone(),
            (RequestOrigin::Client, Some(client)) => client.origin.clone(),
            (RequestOrigin::Client, None) => Origin::new_opaque(),
        }
    }

    /// <https://fetch.spec.whatwg.org/#subresource-request>
    pub fn is_subresource_request(&self) -> bool {
        matches!(
            self.destination,
            Destination::Audio
                | Destination::AudioWorklet
                | Destination::Font
                | Destination::Image
                | Destination::Json
                | Destination::Manifest
                | Destination::PaintWorklet
                | Destination::Script
                | Destination::Style
                | Destination::Text
                | Destination::Track
                | Destination::Video
                | Destination::Xslt
                | Destination::None
        )
    }

    /// <https://fetch.spec.whatwg.org/#navigation-request>
    pub fn is_navigation_request(&self) -> bool {
        matches!(
            self.destination,
            Destination::Document
                | Destination::Embed
                | Destination::Frame
                | Destination::Iframe
                | Destination::Object
        )
    }

    /// <https://fetch.spec.whatwg.org/#concept-request-redirect-taint>
    pub fn redirect_taint(&self) -> RedirectTaint {
        let origin = self.resolved_origin();
        // 2. Starting clean,
        let mut last: Option<&Url> = None;
        let mut taint = RedirectTaint::SameOrigin;
        // 3. each step away from both the last URL's origin and the request's counts.
        for url in self.earlier_urls.iter().chain(&self.url_list) {
            let Some(previous) = last.replace(url) else { continue };
            let (from, to) = (previous.origin(), url.origin());
            if !same_site(&to, &from) && !same_site(&origin, &from) {
                return RedirectTaint::CrossSite;
            }
            if !same_origin(&to, &from) && !same_origin(&origin, &from) {
                taint = RedirectTaint::SameSite;
            }
        }
        taint
    }

    /// The environment that the request is for: the one that its response makes, or the one that asks.
    ///
    /// <https://fetch.spec.whatwg.org/#request-determine-the-environment>
    pub fn environment(&self) -> Option<&Arc<EnvironmentSettings>> {
        self.reserved_client.as_ref().or(self.client.as_ref())
    }

    /// What of the origin is told: `null` once a redirect tainted it.
    ///
    /// <https://fetch.spec.whatwg.org/#serializing-a-request-origin>
    pub fn serialize_origin(&self) -> String {
        match self.redirect_taint() {
            RedirectTaint::SameOrigin => super::origin::serialize_origin(&self.resolved_origin()),
            RedirectTaint::SameSite | RedirectTaint::CrossSite => "null".to_owned(),
        }
    }

    /// Adds the header for the bytes from `first` to `last`, or to the end.
    ///
    /// <https://fetch.spec.whatwg.org/#concept-request-add-range-header>
    pub fn add_range_header(&mut self, first: u64, last: Option<u64>) {
        self.header_list.append("Range", super::range::serialize_range(first, last));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_service_worker_does_not_see_taints_all_the_same() {
        let parse = |url: &str| Url::parse(url).unwrap();
        let mut request = Request::new(parse("https://a.example/"));
        request.origin = RequestOrigin::Origin(parse("https://a.example/").origin());
        assert_eq!(request.redirect_taint(), RedirectTaint::SameOrigin);
        request.earlier_urls = vec![parse("https://b.example/")];
        assert_eq!(request.redirect_taint(), RedirectTaint::CrossSite);
        assert_eq!(request.clone().redirect_taint(), RedirectTaint::CrossSite);
    }

    #[tokio::test]
    async fn a_clone_goes_with_a_body_of_its_own() {
        let mut request = Request::new(Url::parse("https://a.example/").unwrap());
        request.method = Method::PUT;
        request.header_list.append("X-A", "1");
        request.body = Some(Body::from_bytes("body"));
        let copy = request.clone();
        assert_eq!((copy.method.as_str(), copy.header_list.len(), copy.url()), ("PUT", 1, request.url()));
        for request in [request, copy] {
            assert_eq!(request.body.unwrap().read_all(None).await.unwrap(), "body");
        }
    }
}
