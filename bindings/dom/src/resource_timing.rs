//! <https://w3c.github.io/resource-timing/>: what a finished fetch leaves in the global's timeline.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use longhaul::fetch::{CacheState, FetchTiming, Response, ResponseType};
use longhaul_idl::runtime::{AgentHandle, Dictionary, Exception, Realm, RealmId, TaskSource, Value};

/// A fetch that is to be told of once both its response's head and the end of its body have come. Clones are the same one.
///
/// <https://fetch.spec.whatwg.org/#finalize-and-report-timing>
#[derive(Clone)]
pub(crate) struct ResourceTiming(Arc<Shared>);

struct Shared {
    agent: Arc<dyn AgentHandle>,
    url: String,
    kind: Kind,
    halves: Mutex<Halves>,
}

#[derive(Default)]
struct Halves {
    head: Option<Head>,
    end: Option<FetchTiming>,
    /// Whose timeline it is in; a document's own realm comes after its response. With it the type of the navigation.
    realm: Option<(RealmId, &'static str)>,
}

#[derive(Clone)]
enum Kind {
    /// By its initiator.
    Resource(String),
    Navigation,
}

/// The fetch of a document, for the timeline of the window that it makes. Clones are the same one.
#[derive(Clone)]
pub struct NavigationTiming(ResourceTiming);

impl std::fmt::Debug for NavigationTiming {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("NavigationTiming").field(&self.0.0.url).finish()
    }
}

impl NavigationTiming {
    /// The fetch of a URL that begins now.
    pub fn new(agent: Arc<dyn AgentHandle>, url: &url::Url) -> Self {
        Self(ResourceTiming::made(agent, url, Kind::Navigation, None))
    }

    /// The head has come.
    pub fn head(&self, response: &Response) {
        self.0.head(response);
    }

    /// The body has ended.
    pub fn end(&self, timing: &FetchTiming) {
        self.0.end(timing);
    }

    pub(crate) fn belongs_to(&self, realm: RealmId, kind: &'static str) {
        self.0.complete(|halves| halves.realm = Some((realm, kind)));
    }
}

/// What matters of the response.
struct Head {
    allowed: bool,
    /// Whether the sizes of its body may be known.
    sizes: bool,
    status: u16,
    from_cache: bool,
    content_type: String,
    content_encoding: String,
}

impl ResourceTiming {
    /// A fetch of this URL that begins now; nothing, where such a fetch is not told of.
    pub(crate) fn new(realm: &dyn Realm, url: &url::Url, initiator_type: impl Into<String>) -> Option<Self> {
        let is_told_of = matches!(url.scheme(), "http" | "https");
        is_told_of.then(|| Self::in_realm(Arc::clone(realm.agent()), realm.id(), url, initiator_type.into()))
    }

    /// A fetch that begins now and is told of in a realm.
    pub(crate) fn in_realm(
        agent: Arc<dyn AgentHandle>,
        realm: RealmId,
        url: &url::Url,
        initiator_type: String,
    ) -> Self {
        Self::made(agent, url, Kind::Resource(initiator_type), Some((realm, "")))
    }

    fn made(
        agent: Arc<dyn AgentHandle>,
        url: &url::Url,
        kind: Kind,
        realm: Option<(RealmId, &'static str)>,
    ) -> Self {
        let halves = Mutex::new(Halves { realm, ..Halves::default() });
        Self(Arc::new(Shared { agent, url: url.to_string(), kind, halves }))
    }

    /// The head has come.
    pub(crate) fn head(&self, response: &Response) {
        let network_error = response.is_network_error();
        let is_opaque = matches!(response.r#type, ResponseType::Opaque | ResponseType::OpaqueRedirect);
        let response = response.unfiltered();
        let allowed = response.timing_allow_passed && !network_error;
        let mime = response.header_list.extract_mime_type();
        let coding = response.header_list.get_decode_and_split("Content-Encoding").unwrap_or_default();
        let head = Head {
            allowed,
            // NOTE: the body info of an opaque response is as empty as its body, whatever it allows.
            sizes: !is_opaque && (allowed || (self.is_of_subresource() && !network_error)),
            status: if allowed { response.status } else { 0 },
            from_cache: response.cache_state != CacheState::None,
            content_type: mime
                .map(|mime| mime.essence().to_owned())
                .filter(|_| allowed && !is_opaque)
                .unwrap_or_default(),
            content_encoding: coding.into_iter().next().filter(|_| allowed && !is_opaque).unwrap_or_default(),
        };
        self.complete(|halves| halves.head = Some(head));
    }

    /// Whether it is of nothing that is a document of its own.
    fn is_of_subresource(&self) -> bool {
        match &self.0.kind {
            Kind::Resource(initiator) => {
                !matches!(initiator.as_str(), "iframe" | "frame" | "object" | "embed")
            }
            Kind::Navigation => false,
        }
    }

    /// The body has ended.
    pub(crate) fn end(&self, timing: &FetchTiming) {
        let timing = timing.clone();
        self.complete(|halves| halves.end = Some(timing));
    }

    fn complete(&self, put: impl FnOnce(&mut Halves)) {
        let mut halves = self.0.halves.lock().unwrap_or_else(PoisonError::into_inner);
        put(&mut halves);
        let (Some(_), Some(_), Some((realm, navigation))) = (&halves.head, &halves.end, halves.realm) else {
            return;
        };
        let (Some(head), Some(timing)) = (halves.head.take(), halves.end.take()) else { return };
        drop(halves);
        let (url, kind) = (self.0.url.clone(), self.0.kind.clone());
        let add = move |realm: &dyn Realm| {
            let initiator_type = match &kind {
                Kind::Resource(initiator) => initiator,
                Kind::Navigation => "navigation",
            };
            let added = entry(realm, initiator_type, &head, &timing).and_then(|(start, entry)| {
                let url = Value::String(url.as_str().into());
                let entry = Value::Dictionary(entry);
                match kind {
                    Kind::Resource(_) => {
                        realm.core("addResourceTiming", vec![url, Value::Number(start), entry])
                    }
                    Kind::Navigation => {
                        realm.core("addNavigationTiming", vec![url, entry, Value::String(navigation.into())])
                    }
                }
            });
            if let Err(exception) = added {
                realm.report_exception(exception);
            }
        };
        self.0.agent.queue_task(TaskSource::Networking, realm, Box::new(add));
    }
}

/// <https://w3c.github.io/resource-timing/#dfn-setup-the-resource-timing-entry>
fn entry(
    realm: &dyn Realm,
    initiator_type: &str,
    head: &Head,
    whole: &FetchTiming,
) -> Result<(f64, Dictionary), Exception> {
    let scope = crate::global_scope(realm)?;
    // What another origin does not allow to be known, but for when the fetch began and ended.
    let timing = if head.allowed { whole.clone() } else { whole.opaque() };
    let at = |time: Duration| if time.is_zero() { 0.0 } else { scope.relative_time(time) };
    let connection = timing.final_connection_timing_info.clone().unwrap_or_default();
    // NOTE: behind the worker's start, as in browsers.
    let fetch_start = timing.post_redirect_start_time.max(timing.final_service_worker_start_time);
    let connected = |time: Duration| at(if time.is_zero() { fetch_start } else { time.max(fetch_start) });
    let (encoded, decoded) =
        if head.sizes { (whole.encoded_body_size, whole.decoded_body_size) } else { (0, 0) };
    let transferred = match (head.allowed, head.from_cache) {
        (true, false) => encoded.saturating_add(300),
        _ => 0,
    };
    let start =
        at(if timing.redirect_start_time.is_zero() { timing.start_time } else { timing.redirect_start_time });
    let delivery = if head.allowed && head.from_cache { "cache" } else { "" };
    let entry = Dictionary::new()
        .with("initiatorType", initiator_type)
        .with("deliveryType", delivery)
        .with("nextHopProtocol", connection.alpn_negotiated_protocol.as_str())
        .with("workerStart", at(timing.final_service_worker_start_time))
        .with("redirectStart", at(timing.redirect_start_time))
        .with("redirectEnd", at(timing.redirect_end_time))
        .with("fetchStart", at(fetch_start))
        .with("domainLookupStart", connected(connection.domain_lookup_start_time))
        .with("domainLookupEnd", connected(connection.domain_lookup_end_time))
        .with("connectStart", connected(connection.connection_start_time))
        .with("connectEnd", connected(connection.connection_end_time))
        .with("secureConnectionStart", at(connection.secure_connection_start_time))
        .with("requestStart", at(timing.final_network_request_start_time))
        .with("finalResponseHeadersStart", at(timing.final_network_response_start_time))
        .with("firstInterimResponseStart", at(timing.first_interim_network_response_start_time))
        .with("responseStart", at(timing.final_network_response_start_time))
        .with("responseEnd", at(whole.end_time))
        .with("transferSize", transferred as f64)
        .with("encodedBodySize", encoded as f64)
        .with("decodedBodySize", decoded as f64)
        .with("responseStatus", f64::from(head.status))
        .with("renderBlockingStatus", "non-blocking")
        .with("contentType", head.content_type.as_str())
        .with("contentEncoding", head.content_encoding.as_str());
    Ok((start, entry))
}
