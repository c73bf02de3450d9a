//! <https://html.spec.whatwg.org/#navigate>

use std::sync::Arc;

use bytes::Bytes;
use longhaul::fetch::{
    Body, CredentialsMode, Destination, EnvironmentSettings, FetchOptions, Mode, PolicyContainer, Referrer,
    ReferrerPolicy, Request, RequestOrigin, Response,
};
use longhaul_idl::DocumentReadyState;
use longhaul_idl::runtime::{Dictionary, Exception, Realm, Task, TaskSource, Value};
use url::{Origin, Url};

use super::browsing_context::BrowsingContext;
use super::{WindowGlobal, element_fetch, loading, parser};
use crate::dom::element::{create_element, html_name};
use crate::dom::node::{Node, NodeRef, lock, object};

/// The largest document that is loaded.
const LIMIT: usize = 64 << 20;

/// What a document is made from.
#[derive(Clone, Debug)]
pub struct LoadedDocument {
    /// Its URL.
    pub url: Url,
    /// Its text.
    pub text: String,
    /// The essence of its media type.
    pub content_type: String,
    /// Its encoding.
    pub encoding: &'static encoding_rs::Encoding,
    /// Its policies.
    pub policy_container: PolicyContainer,
    /// `document.referrer`.
    pub referrer: String,
}

impl LoadedDocument {
    /// A document of a response that is no network error: its encoding by its byte order mark, its type or what it says itself.
    ///
    /// # Errors
    /// Why its body did not come.
    pub async fn from_response(response: Response, url: &Url) -> Result<LoadedDocument, String> {
        let response = response.into_unfiltered();
        let mime = response.header_list.extract_mime_type();
        let content_type = mime.map_or_else(|| "text/html".to_owned(), |mime| mime.essence().to_owned());
        let policy_container = PolicyContainer::from_response(&response);
        let answered = response.url().cloned().unwrap_or_else(|| url.clone());
        let named = element_fetch::charset(&response);
        let bytes = match response.body {
            Some(body) => body.read_all(Some(LIMIT)).await.map_err(|error| error.to_string())?,
            None => Bytes::new(),
        };
        let encoding = encoding_rs::Encoding::for_bom(&bytes)
            .map(|(encoding, _)| encoding)
            .or(named)
            .or_else(|| prescan(&bytes))
            .unwrap_or(encoding_rs::UTF_8);
        let (text, encoding, _) = encoding.decode(&bytes);
        Ok(LoadedDocument {
            url: answered,
            text: text.into_owned(),
            content_type,
            encoding,
            policy_container,
            referrer: String::new(),
        })
    }

    fn is_markup(&self) -> bool {
        matches!(
            self.content_type.as_str(),
            "text/html" | "application/xhtml+xml" | "text/xml" | "application/xml" | "image/svg+xml"
        )
    }
}

/// <https://html.spec.whatwg.org/#prescan-a-byte-stream-to-determine-its-encoding>, the `meta` elements of it.
pub(crate) fn prescan(bytes: &[u8]) -> Option<&'static encoding_rs::Encoding> {
    let text: String = bytes.iter().take(1024).map(|byte| char::from(byte.to_ascii_lowercase())).collect();
    let mut rest = text.as_str();
    while let Some(at) = rest.find("<meta") {
        rest = &rest[at + 5..];
        let tag = rest.split('>').next().unwrap_or_default();
        if let Some(at) = tag.find("charset") {
            let value = tag[at + 7..].trim_start().strip_prefix('=').unwrap_or_default().trim_start();
            let value = value.trim_start_matches(['"', '\'']);
            let label = value.split(['"', '\'', ' ', ';', '/', '\t', '\n']).next().unwrap_or_default();
            if let Some(encoding) = encoding_rs::Encoding::for_label(label.as_bytes()) {
                let is_utf16 = encoding == encoding_rs::UTF_16BE || encoding == encoding_rs::UTF_16LE;
                return Some(if is_utf16 { encoding_rs::UTF_8 } else { encoding });
            }
        }
    }
    None
}

/// How a navigation goes.
pub(super) struct Navigation {
    /// Who asks.
    source: Option<Arc<WindowGlobal>>,
    pub(super) referrer_policy: Option<ReferrerPolicy>,
    pub(super) no_referrer: bool,
    pub(super) initiator_type: Option<&'static str>,
    pub(super) srcdoc: Option<String>,
    /// A form's body, and its type.
    pub(super) body: Option<(Vec<u8>, String)>,
    pub(super) reload: bool,
    pub(super) replace: bool,
    pub(super) user_activation: bool,
}

impl Navigation {
    pub(super) fn from_window(window: &Arc<WindowGlobal>) -> Self {
        Self {
            source: Some(Arc::clone(window)),
            referrer_policy: None,
            no_referrer: false,
            initiator_type: None,
            srcdoc: None,
            body: None,
            reload: false,
            replace: false,
            user_activation: false,
        }
    }
}

/// <https://html.spec.whatwg.org/#concept-environment-id>: unique, in the shape that scripts know client ids in.
fn client_id() -> String {
    use std::hash::{BuildHasher as _, RandomState};
    let bits = u128::from(RandomState::new().hash_one(0)) << 64 | u128::from(RandomState::new().hash_one(1));
    let hex = format!("{bits:032x}");
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

/// The environment of a document in a browsing context; `creator` gives what documents without an address inherit.
fn environment(
    context: &BrowsingContext,
    url: &Url,
    policies: PolicyContainer,
    creator: Option<&EnvironmentSettings>,
    id: String,
) -> EnvironmentSettings {
    let mut environment = EnvironmentSettings::for_url(url.clone());
    environment.id = id;
    environment.policy_container = policies;
    let inherits = matches!(url.scheme(), "about" | "blob");
    if let Some(creator) = creator.filter(|_| inherits) {
        if url.scheme() == "about" {
            environment.origin = creator.origin.clone();
        }
        environment.secure_context = creator.secure_context;
        environment.policy_container = creator.policy_container.clone();
        environment.storage_key = creator.storage_key.clone();
        environment.api_base_url = creator.api_base_url.clone();
    }
    if url.scheme() == "data"
        && let Some(creator) = creator
    {
        environment.policy_container.csp = creator.policy_container.csp.clone();
        environment.secure_context = creator.secure_context;
    }
    if context.sandbox().opaque_origin {
        environment.origin = Origin::new_opaque();
    }
    if !environment.origin.is_tuple() {
        environment.storage_key = format!("opaque:{}", environment.id);
    }
    let parent = context.parent().and_then(|parent| parent.active());
    if let Some(parent) = parent {
        let above = parent.scope();
        let above = above.settings();
        environment.top_level_origin = above.top_level_origin.clone();
        environment.network_partition_key = above.network_partition_key.clone();
        environment.secure_context &= above.secure_context;
        environment.has_cross_site_ancestor =
            above.has_cross_site_ancestor || !longhaul::fetch::same_site(&above.origin, &environment.origin);
        environment.cross_origin_isolated = above.cross_origin_isolated;
    }
    environment
}

/// <https://html.spec.whatwg.org/#creating-a-new-browsing-context>: the initial `about:blank`.
pub(super) fn initial_document(
    _: &dyn Realm,
    context: &Arc<BrowsingContext>,
    creator: &Arc<WindowGlobal>,
) -> Option<Arc<WindowGlobal>> {
    let realms = context.maker.clone()?;
    let url = Url::parse("about:blank").ok()?;
    let above = creator.scope();
    let environment =
        environment(context, &url, PolicyContainer::default(), Some(above.settings()), client_id())
            .into_shared();
    let window = WindowGlobal::in_context(creator.options(environment), context, url, "text/html");
    let document = window.document_node();
    if let (Some(data), Some(of_creator)) =
        (document.document_data(), creator.document_node().document_data())
    {
        *lock(&data.fallback_base) = Some(of_creator.base_url(&creator.document_node()));
        data.set_quirks(true);
        data.set_ready_state(DocumentReadyState::Complete);
        *lock(&data.referrer) = of_creator.url().to_string();
    }
    let html = create_element(&document, html_name("html"));
    document.link(&html, None);
    html.link(&create_element(&document, html_name("head")), None);
    html.link(&create_element(&document, html_name("body")), None);
    loading::blank(&document);
    realms.create(&window).ok()?;
    context.set_active(&window);
    realms.run(window.realm_id(), &mut |realm: &dyn Realm| has_realm(realm, &window));
    above.user_agent().service_workers().register_client(Arc::clone(window.scope().settings()));
    Some(window)
}

/// <https://html.spec.whatwg.org/#navigate>
pub(super) fn navigate(realm: &dyn Realm, context: &Arc<BrowsingContext>, url: Url, navigation: Navigation) {
    let Some(active) = context.active() else { return };
    let active_url = active.document_node().document_data().map(|data| data.url());
    // A place in the same document.
    if navigation.body.is_none()
        && navigation.srcdoc.is_none()
        && !navigation.reload
        && url.fragment().is_some()
    {
        let same = active_url.as_ref().is_some_and(|known| without_fragment(known) == without_fragment(&url));
        if same {
            to_fragment(&active, &url, navigation.replace);
            context.release_container(realm);
            return;
        }
    }
    // FIXME: `javascript:` URLs do nothing.
    if url.scheme() == "javascript" {
        context.release_container(realm);
        return;
    }
    let number = context.begin_navigation();
    let source = navigation.source.clone();
    // Its container may hand it some of what may be put off.
    let container = context.parent().and_then(|parent| parent.active());
    if let (Some(container), Some(source)) = (&container, &source)
        && Arc::ptr_eq(container, source)
    {
        context.reserve_deferred_fetch_quota(&match url.scheme() {
            "about" => container.scope().settings().origin.clone(),
            _ => url.origin(),
        });
    }
    let creator = source.as_ref().map(|window| Arc::clone(window.scope().settings()));
    // The realm in whose tasks this goes on: the container's, or its own.
    let (agent, id) = match context.frame().and_then(|frame| super::elements::window_of(&frame)) {
        Some(window) => (window.agent(), window.realm_id()),
        None => (active.agent(), active.realm_id()),
    };
    let Some(agent) = agent.or_else(|| Some(Arc::clone(realm.agent()))) else { return };
    let environment_id = client_id();
    let fallback_base = source.as_ref().map(|window| {
        let document = window.document_node();
        document.document_data().map(|data| data.base_url(&document))
    });
    let fallback_base = fallback_base.flatten();
    let context = Arc::clone(context);
    if url.scheme() == "about" {
        let loaded = LoadedDocument {
            url,
            text: navigation.srcdoc.unwrap_or_default(),
            content_type: "text/html".to_owned(),
            encoding: encoding_rs::UTF_8,
            policy_container: PolicyContainer::default(),
            referrer: creator.as_ref().map(|creator| creator.creation_url.to_string()).unwrap_or_default(),
        };
        let finish = move |realm: &dyn Realm| {
            if context.is_current(number) {
                commit(realm, &context, Some(loaded), creator.as_deref(), environment_id, fallback_base);
            }
        };
        agent.queue_task(TaskSource::Navigation, id, Box::new(finish));
        return;
    }
    let mut request = Request::new(url.clone());
    request.mode = Mode::Navigate;
    request.credentials_mode = CredentialsMode::Include;
    request.use_url_credentials = true;
    request.user_activation = navigation.user_activation;
    request.reload_navigation = navigation.reload;
    request.initiator_type = navigation.initiator_type.map(str::to_owned);
    request.destination = match context.frame() {
        Some(frame) if frame.is_html("frame") => Destination::Frame,
        Some(_) => Destination::Iframe,
        None => Destination::Document,
    };
    if let Some(creator) = &creator {
        request.origin = RequestOrigin::Origin(creator.origin.clone());
        request.top_level_navigation_initiator_origin =
            context.frame().is_none().then(|| creator.origin.clone());
    }
    request.client = creator.clone();
    if navigation.no_referrer {
        request.referrer = Referrer::NoReferrer;
    }
    if let Some(policy) = navigation.referrer_policy {
        request.referrer_policy = policy;
    }
    if let Some((body, content_type)) = navigation.body {
        request.method = longhaul::fetch::Method::POST;
        request.header_list.append("Content-Type", content_type.as_str());
        request.body = Some(Body::from_bytes(body));
    }
    let reserved =
        environment(&context, &url, PolicyContainer::default(), creator.as_deref(), environment_id.clone());
    request.reserved_client = Some(reserved.into_shared());
    request.replaces_client_id = active.scope().settings().id.clone();
    let user_agent = active.scope().user_agent().clone();
    let origin_url = creator.as_ref().map(|creator| creator.creation_url.clone());
    let spawner = Arc::clone(&agent);
    spawner.spawn(Box::pin(async move {
        let no_referrer = matches!(request.referrer, Referrer::NoReferrer);
        let response = user_agent.fetch(request, FetchOptions::default()).await;
        let nothing = matches!(response.unfiltered().status, 204 | 205);
        let loaded = match response.is_network_error() {
            true => None,
            false => LoadedDocument::from_response(response, &url).await.ok(),
        };
        let loaded = loaded.map(|mut loaded| {
            if loaded.url.fragment().is_none() {
                loaded.url.set_fragment(url.fragment());
            }
            if let Some(from) = origin_url.filter(|_| !no_referrer) {
                let same = from.origin() == loaded.url.origin();
                loaded.referrer = match same {
                    true => without_fragment(&from).to_string(),
                    false => format!("{}/", from.origin().ascii_serialization()),
                };
            }
            loaded
        });
        let finish = move |realm: &dyn Realm| {
            if !context.is_current(number) {
                return;
            }
            if nothing {
                context.release_container(realm);
                return;
            }
            commit(realm, &context, loaded, creator.as_deref(), environment_id, fallback_base);
        };
        agent.queue_task(TaskSource::Navigation, id, Box::new(finish));
    }));
}

pub(super) fn without_fragment(url: &Url) -> Url {
    let mut url = url.clone();
    url.set_fragment(None);
    url
}

/// <https://html.spec.whatwg.org/#navigate-fragid>
fn to_fragment(window: &Arc<WindowGlobal>, url: &Url, replace: bool) {
    let document = window.document_node();
    let Some(data) = document.document_data() else { return };
    let old = data.url();
    window.history_entry(url.clone(), None, replace);
    data.set_url(url.clone());
    window.url_changed(url);
    let (Some(agent), old, new) = (window.agent(), old.to_string(), url.to_string()) else { return };
    if old == new {
        return;
    }
    let fire = move |realm: &dyn Realm| {
        let init = Dictionary::new().with("oldURL", old).with("newURL", new);
        let args = vec![
            Value::Object(realm.global()),
            Value::String("hashchange".into()),
            Value::String("HashChangeEvent".into()),
            Value::Dictionary(init),
        ];
        if let Err(exception) = realm.core("fireEvent", args) {
            realm.report_exception(exception);
        }
    };
    agent.queue_task(TaskSource::Dom, window.realm_id(), Box::new(fire));
}

/// <https://html.spec.whatwg.org/#unload-a-document>: `pagehide` and `unload`.
pub(super) fn unload(context: &BrowsingContext) {
    for child in context.children() {
        unload_window(&child);
    }
    unload_window(context);
}

fn unload_window(context: &BrowsingContext) {
    let (Some(window), Some(realms)) = (context.active(), &context.maker) else { return };
    let document = window.document_node();
    realms.run(window.realm_id(), &mut |realm: &dyn Realm| {
        let init = Dictionary::new().with("persisted", false);
        let target = || Value::Object(object(Arc::clone(&document)));
        let told: Result<(), Exception> = (|| {
            let kind = Value::String("PageTransitionEvent".into());
            realm.core(
                "fireAtWindow",
                vec![Value::String("pagehide".into()), target(), kind, Value::Dictionary(init)],
            )?;
            realm.core("fireAtWindow", vec![Value::String("unload".into()), target()])?;
            Ok(())
        })();
        if let Err(exception) = told {
            realm.report_exception(exception);
        }
    });
}

/// Puts a new document in the place of the one before; without one, an error page.
fn commit(
    realm: &dyn Realm,
    context: &Arc<BrowsingContext>,
    loaded: Option<LoadedDocument>,
    creator: Option<&EnvironmentSettings>,
    id: String,
    fallback_base: Option<Url>,
) {
    let (Some(realms), Some(old)) = (context.maker.clone(), context.active()) else { return };
    unload(context);
    let failed = loaded.is_none();
    let Ok(blank) = Url::parse("about:blank") else { return };
    let loaded = loaded.unwrap_or_else(|| LoadedDocument {
        url: blank,
        text: String::new(),
        content_type: "text/html".to_owned(),
        encoding: encoding_rs::UTF_8,
        policy_container: PolicyContainer::default(),
        referrer: String::new(),
    });
    let mut settings = environment(context, &loaded.url, loaded.policy_container.clone(), creator, id);
    if failed {
        settings.origin = Origin::new_opaque();
    }
    let settings = settings.into_shared();
    let window = WindowGlobal::in_context(
        old.options(Arc::clone(&settings)),
        context,
        loaded.url.clone(),
        document_type(&loaded),
    );
    if loaded.url.scheme() == "about"
        && let Some(data) = window.document_node().document_data()
    {
        *lock(&data.fallback_base) = fallback_base;
    }
    if realms.create(&window).is_err() {
        context.release_container(realm);
        return;
    }
    context.destroy_windows();
    context.set_active(&window);
    realms.run(window.realm_id(), &mut |realm: &dyn Realm| has_realm(realm, &window));
    window.scope().user_agent().service_workers().register_client(settings);
    begin(realm, &window, loaded);
}

fn has_realm(realm: &dyn Realm, window: &WindowGlobal) {
    if let Err(exception) = window.has_realm(realm) {
        realm.report_exception(exception);
    }
}

fn document_type(loaded: &LoadedDocument) -> &str {
    if loaded.is_markup() { &loaded.content_type } else { "text/html" }
}

/// Parses the document of a window that has a realm, and tells its container when it is loaded.
fn begin(realm: &dyn Realm, window: &Arc<WindowGlobal>, loaded: LoadedDocument) {
    let context = window.context();
    let agent = Arc::clone(realm.agent());
    let container = context.frame().and_then(|frame| super::elements::window_of(&frame));
    let of_task = Arc::clone(window);
    let start = move |realm: &dyn Realm| {
        let document = of_task.document_node();
        if let Some(container) = container {
            let agent = Arc::clone(realm.agent());
            let told = move |_: &dyn Realm| {
                let told = move |realm: &dyn Realm| context.loaded(realm);
                agent.queue_task(TaskSource::Dom, container.realm_id(), Box::new(told));
            };
            loading::when_loaded(realm, &document, Box::new(told));
        }
        parse(realm, &document, &loaded);
    };
    agent.queue_task(TaskSource::Networking, window.realm_id(), Box::new(start));
}

/// <https://html.spec.whatwg.org/#loading-a-document>, by its type.
pub(super) fn parse(realm: &dyn Realm, document: &NodeRef, loaded: &LoadedDocument) {
    if let Some(data) = document.document_data() {
        data.set_ready_state(DocumentReadyState::Loading);
        data.set_encoding(loaded.encoding);
        *lock(&data.referrer) = loaded.referrer.clone();
    }
    if loaded.is_markup() {
        return parser::start(realm, document, &loaded.text);
    }
    let escaped = loaded.text.replace('&', "&amp;").replace('<', "&lt;");
    let text = if loaded.content_type.starts_with("text/") || loaded.content_type.ends_with("json") {
        format!("<html><head></head><body><pre>{escaped}</pre></body></html>")
    } else if loaded.content_type.starts_with("image/") {
        "<html><head></head><body><img></body></html>".to_owned()
    } else {
        String::new()
    };
    parser::start(realm, document, &text);
}

/// Begins to load the document of a window whose realm has just been made; `told` runs once it is loaded. To be called in a
/// task of that realm.
///
/// # Errors
/// A `TypeError` if the realm is not a page's.
pub fn load_document(realm: &dyn Realm, loaded: &LoadedDocument, told: Task) -> Result<(), Exception> {
    let document: Arc<Node> = crate::dom::document_of(realm)?;
    if let Some(window) = realm.global().downcast::<WindowGlobal>() {
        window.has_realm(realm)?;
    }
    loading::when_loaded(realm, &document, told);
    parse(realm, &document, loaded);
    Ok(())
}
