//! <https://html.spec.whatwg.org/#navigate>

use std::sync::Arc;
use std::time::Duration;

use longhaul::fetch::{
    Body, CacheMode, CredentialsMode, Destination, EnvironmentSettings, FetchOptions, Mode, NavigationType,
    NetworkError, PolicyContainer, PolicyDecision, Referrer, ReferrerPolicy, Request, RequestOrigin,
    check_frame_response, determine_referrer,
};
use longhaul_idl::DocumentReadyState;
use longhaul_idl::runtime::{Dictionary, Exception, Realm, Task, TaskSource, Value};
use tokio::sync::oneshot;
use url::{Origin, Url};

use super::browsing_context::{BrowsingContext, Sandbox};
use super::link_headers::process_link_headers;
use super::loaded_document::{LoadedDocument, OpenerPolicy};
use super::navigation_fetch::{NavigationResponse, fetch_for_navigation};
use super::permissions_policy::CROSS_ORIGIN_ISOLATED;
use super::session_history::{Entry, Place};
use super::{WindowGlobal, csp_violation, javascript_url, loading, parser, refresh};
use crate::dom::element::{create_element, html_name};
use crate::dom::node::{Node, NodeRef, lock, object};
use crate::resource_timing::{NavigationTiming, ResourceTiming};

/// How a navigation goes.
pub(super) struct Navigation {
    /// Who asks.
    pub(super) source: Option<Arc<WindowGlobal>>,
    pub(super) referrer_policy: Option<ReferrerPolicy>,
    pub(super) no_referrer: bool,
    pub(super) initiator_type: Option<&'static str>,
    pub(super) srcdoc: Option<String>,
    /// A form's body, and its type.
    pub(super) body: Option<Arc<(Vec<u8>, String)>>,
    /// Whether a form is sent.
    pub(super) form: bool,
    pub(super) reload: bool,
    pub(super) handling: Handling,
    pub(super) user_activation: bool,
    /// Told of the window that is there afterwards.
    pub(super) committed: Option<oneshot::Sender<Arc<WindowGlobal>>>,
}

/// <https://html.spec.whatwg.org/#history-handling-behavior>, and going to an entry that is there.
#[derive(Clone)]
pub(super) enum Handling {
    Auto,
    Push,
    Replace,
    Traverse(Arc<Entry>),
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
            form: false,
            reload: false,
            handling: Handling::Auto,
            user_activation: false,
            committed: None,
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
    loaded: &LoadedDocument,
    creator: Option<&EnvironmentSettings>,
    id: String,
) -> EnvironmentSettings {
    let url = &loaded.url;
    let mut environment = loaded.environment(id);
    let inherits = matches!(url.scheme(), "about" | "blob" | "data");
    if let Some(creator) = creator.filter(|_| inherits) {
        environment.secure_context = creator.secure_context;
        environment.policy_container = creator.policy_container.clone();
        // What it says itself while it is parsed is said for its own origin.
        let own = || longhaul::fetch::serialize_origin(&creator.origin);
        environment.policy_container.csp_self_origin.get_or_insert_with(own);
    }
    let inherits = matches!(url.scheme(), "about" | "blob");
    if let Some(creator) = creator.filter(|_| inherits) {
        if url.scheme() == "about" {
            environment.origin = creator.origin.clone();
        }
        environment.storage_key = creator.storage_key.clone();
        environment.api_base_url = creator.api_base_url.clone();
        environment.cross_origin_isolated = creator.cross_origin_isolated;
    }
    let sandbox = context.sandbox().and(Sandbox::of_policies(&environment.policy_container));
    if sandbox.opaque_origin && environment.origin.is_tuple() {
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
        environment.refused_features = loaded.permissions_policy.refused(Some(context), &environment.origin);
        environment.cross_origin_isolated =
            above.cross_origin_isolated && !environment.refuses_feature(CROSS_ORIGIN_ISOLATED.name());
    }
    environment
}

/// <https://html.spec.whatwg.org/#creating-a-new-browsing-context>: the initial `about:blank`.
pub(super) fn initial_document(
    context: &Arc<BrowsingContext>,
    creator: &Arc<WindowGlobal>,
) -> Option<Arc<WindowGlobal>> {
    let realms = context.maker.clone()?;
    let loaded = LoadedDocument::of_text(Url::parse("about:blank").ok()?, String::new());
    let above = creator.scope();
    let environment = environment(context, &loaded, Some(above.settings()), client_id()).into_shared();
    let window = WindowGlobal::in_context(creator.options(environment), context, loaded.url, "text/html");
    window.set_initial(true);
    let same_origin = window.environment().origin == above.settings().origin;
    if same_origin && let Some(top) = creator.context().top().and_then(|top| top.active()) {
        window.set_opener_policy(top.opener_policy());
    }
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
    context.set_entry(Entry::new(Place::new(window.url(), window.realm_id())));
    realms.run(window.realm_id(), &mut |realm: &dyn Realm| has_realm(realm, &window));
    window.register_client(Some(&above.settings().id));
    Some(window)
}

/// <https://html.spec.whatwg.org/#allowed-to-navigate>, where the one who asks is sandboxed.
fn may_navigate(source: &Arc<WindowGlobal>, target: &Arc<BrowsingContext>) -> bool {
    let own = source.context();
    if Arc::ptr_eq(&own, target) {
        return true;
    }
    let mut above = target.parent();
    while let Some(context) = above {
        // Whatever is inside of it.
        if Arc::ptr_eq(&context, &own) {
            return true;
        }
        above = context.parent();
    }
    let sandbox = source.sandbox();
    match target.parent() {
        None if own.top().is_some_and(|top| Arc::ptr_eq(&top, target)) => !sandbox.no_top_navigation,
        None if target.opener().is_some_and(|opener| Arc::ptr_eq(&opener, &own)) => true,
        _ => !sandbox.no_navigation,
    }
}

/// Whether an entry takes the place of the one that is shown.
fn replaces(navigation: &Navigation, active: &Arc<WindowGlobal>, url: &Url) -> bool {
    match &navigation.handling {
        Handling::Replace => true,
        _ if navigation.reload || active.is_initial() => true,
        Handling::Push | Handling::Traverse(_) => false,
        // The same URL again is no further place.
        Handling::Auto => {
            let of_source = navigation.source.as_ref().map(|source| source.environment().origin.clone());
            active.url() == *url && of_source.is_some_and(|origin| origin == active.environment().origin)
        }
    }
}

/// Where the outcome of a navigation goes.
struct Goal {
    context: Arc<BrowsingContext>,
    number: u64,
    creator: Option<Arc<EnvironmentSettings>>,
    environment_id: String,
    fallback_base: Option<Url>,
    handling: Handling,
    srcdoc: Option<String>,
    /// What was sent for the document, which sends it again if it is to be got again.
    body: Option<Arc<(Vec<u8>, String)>>,
    committed: Option<oneshot::Sender<Arc<WindowGlobal>>>,
    timing: Option<NavigationTiming>,
    kind: &'static str,
    /// When it began.
    begun: Duration,
}

/// <https://html.spec.whatwg.org/#navigate>
pub(super) fn navigate(
    realm: &dyn Realm,
    context: &Arc<BrowsingContext>,
    url: Url,
    mut navigation: Navigation,
) {
    let Some(active) = context.active() else { return };
    let source = navigation.source.clone();
    if source.as_ref().is_some_and(|source| !may_navigate(source, context)) {
        context.release_container(realm);
        return;
    }
    navigation.user_activation |= source.as_ref().is_some_and(|source| source.has_transient_activation());
    let replace = replaces(&navigation, &active, &url);
    // A place in the same document.
    if navigation.body.is_none()
        && navigation.srcdoc.is_none()
        && !navigation.reload
        && url.fragment().is_some()
        && without_fragment(&active.url()) == without_fragment(&url)
        && !matches!(navigation.handling, Handling::Traverse(_))
    {
        to_fragment(&active, &url, replace);
        context.release_container(realm);
        return;
    }
    if url.scheme() == "javascript" {
        // A form may not run what it may not be sent to.
        if navigation.form
            && let Some(source) = &source
        {
            let mut request = Request::new(url.clone());
            request.client = Some(Arc::clone(source.environment()));
            request.destination = Destination::Document;
            request.navigation_type = NavigationType::FormSubmission;
            let policy = source.scope();
            let policy = policy.user_agent().services().policy();
            if csp_violation::told(realm, None, || policy.should_block_request(&request))
                != PolicyDecision::Allowed
            {
                context.release_container(realm);
                return;
            }
        }
        javascript_url::navigate(realm, context, &url, source.as_ref());
        return;
    }
    let number = context.begin_navigation();
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
    // What is gone back to has its policies from who made it, and not from who goes there.
    let creator = match &navigation.handling {
        Handling::Traverse(entry) => entry.place().creator,
        _ => None,
    };
    let creator = creator.or_else(|| source.as_ref().map(|window| Arc::clone(window.scope().settings())));
    // The realm in whose tasks this goes on: the container's, or its own.
    let (agent, id) = match context.frame().and_then(|frame| super::elements::window_of(&frame)) {
        Some(window) => (window.agent(), window.realm_id()),
        None => (active.agent(), active.realm_id()),
    };
    let Some(agent) = agent.or_else(|| Some(Arc::clone(realm.agent()))) else { return };
    let fallback_base = source.as_ref().and_then(|window| {
        let document = window.document_node();
        document.document_data().map(|data| data.base_url(&document))
    });
    let kind = match (&navigation.handling, navigation.reload) {
        (Handling::Traverse(_), _) => "back_forward",
        (_, true) => "reload",
        _ => "navigate",
    };
    let handling = match navigation.handling.clone() {
        Handling::Traverse(entry) => Handling::Traverse(entry),
        _ if replace => Handling::Replace,
        _ => Handling::Push,
    };
    // What comes in the place of an initial document of its own origin is the same client.
    let environment_id = match active.is_initial() && url.origin() == active.environment().origin {
        true => active.environment().id.clone(),
        false => client_id(),
    };
    let mut goal = Goal {
        context: Arc::clone(context),
        number,
        creator: creator.clone(),
        environment_id,
        fallback_base,
        handling,
        srcdoc: navigation.srcdoc.clone(),
        body: None,
        committed: navigation.committed.take(),
        timing: None,
        kind,
        begun: active.scope().user_agent().clock().monotonic(),
    };
    if url.scheme() == "about" {
        let mut loaded = LoadedDocument::of_text(url, navigation.srcdoc.take().unwrap_or_default());
        loaded.referrer =
            creator.as_ref().map(|creator| creator.creation_url.to_string()).unwrap_or_default();
        let finish = move |realm: &dyn Realm| commit(realm, goal, Some(loaded));
        agent.queue_task(TaskSource::Navigation, id, Box::new(finish));
        return;
    }
    // What got the entry's document gets it again.
    let again = match &navigation.handling {
        Handling::Traverse(entry) => entry.place().body,
        _ if navigation.reload => context.entry().place().body,
        _ => None,
    };
    if let Some(again) = again {
        navigation.body = Some(again);
    }
    goal.body.clone_from(&navigation.body);
    let mut request = request(context, &active, &goal, url.clone(), navigation);
    let user_agent = active.scope().user_agent().clone();
    let mut options = FetchOptions::default();
    // The frame's place in the timeline is its container's; a page's own is in its own.
    let of_container = context.frame().and_then(|frame| super::elements::window_of(&frame));
    let timing = match (&of_container, &request.initiator_type) {
        (Some(window), Some(initiator)) if matches!(url.scheme(), "http" | "https") => {
            Some(ResourceTiming::in_realm(Arc::clone(&agent), window.realm_id(), &url, initiator.clone()))
        }
        _ => None,
    };
    goal.timing =
        matches!(url.scheme(), "http" | "https").then(|| NavigationTiming::new(Arc::clone(&agent), &url));
    let ends = (timing.clone(), goal.timing.clone());
    options.process_response_end_of_body = Some(Box::new(move |at_end| {
        if let Some(timing) = &ends.0 {
            timing.end(at_end);
        }
        if let Some(timing) = &ends.1 {
            timing.end(at_end);
        }
    }));
    let heads = (timing, goal.timing.clone());
    let asked = request.clone();
    let container = container.map(|container| Arc::clone(container.environment()));
    let spawner = Arc::clone(&agent);
    spawner.spawn(Box::pin(async move {
        let reserve = |url: &Url| {
            let unknown = LoadedDocument::of_text(url.clone(), String::new());
            environment(&goal.context, &unknown, goal.creator.as_deref(), client_id()).into_shared()
        };
        let fetched = fetch_for_navigation(&user_agent, request, options, reserve).await;
        let NavigationResponse { response, url, client_id } = fetched;
        goal.environment_id = client_id;
        if response.unfiltered().url_list.len() > 1 {
            // NOTE: what came in the end was not sent for.
            goal.body = None;
        }
        if let Some(timing) = &heads.0 {
            timing.head(&response);
        }
        if let Some(timing) = &heads.1 {
            timing.head(&response);
        }
        // DEVIATION: where a form may not go its document stays, as in browsers; the standard puts an error page in its place.
        let is_refused_form = asked.navigation_type == NavigationType::FormSubmission
            && matches!(response.reason(), Some(NetworkError::Csp { .. }));
        let nothing = is_refused_form || matches!(response.unfiltered().status, 204 | 205);
        // A document around it may ask something of what it embeds.
        let may_be_embedded = container.is_none_or(|container| {
            check_frame_response(&container, asked.destination, &response, user_agent.services()).is_ok()
        });
        let loaded = match response.is_network_error() || !may_be_embedded {
            true => None,
            false => LoadedDocument::from_response(response, &url).await.ok(),
        };
        let loaded = loaded.map(|mut loaded| {
            loaded.referrer = referrer(asked, &loaded.url);
            loaded
        });
        let finish = move |realm: &dyn Realm| match nothing {
            true if goal.context.is_current(goal.number) => goal.context.release_container(realm),
            true => {}
            false => commit(realm, goal, loaded),
        };
        agent.queue_task(TaskSource::Navigation, id, Box::new(finish));
    }));
}

/// <https://html.spec.whatwg.org/#create-navigation-params-by-fetching>: the request.
fn request(
    context: &Arc<BrowsingContext>,
    active: &Arc<WindowGlobal>,
    goal: &Goal,
    url: Url,
    navigation: Navigation,
) -> Request {
    let mut request = Request::new(url.clone());
    request.mode = Mode::Navigate;
    request.credentials_mode = CredentialsMode::Include;
    request.use_url_credentials = true;
    request.user_activation = navigation.user_activation;
    request.reload_navigation = navigation.reload;
    if navigation.form {
        request.navigation_type = NavigationType::FormSubmission;
    }
    request.history_navigation = matches!(navigation.handling, Handling::Traverse(_));
    // NOTE: as in all browsers, whose standard leaves it open: a reload asks the server.
    if navigation.reload {
        request.cache_mode = CacheMode::NoCache;
    }
    request.initiator_type = navigation.initiator_type.map(str::to_owned);
    request.destination = match context.frame() {
        Some(frame) if frame.is_html("frame") => Destination::Frame,
        Some(_) => Destination::Iframe,
        None => Destination::Document,
    };
    if let Some(creator) = &goal.creator {
        request.origin = RequestOrigin::Origin(creator.origin.clone());
        request.top_level_navigation_initiator_origin =
            context.frame().is_none().then(|| creator.origin.clone());
    }
    request.client = goal.creator.clone();
    if navigation.no_referrer {
        request.referrer = Referrer::NoReferrer;
    }
    if let Some(policy) = navigation.referrer_policy {
        request.referrer_policy = policy;
    }
    if let Some(sent) = navigation.body {
        let (body, content_type) = &*sent;
        request.method = longhaul::fetch::Method::POST;
        request.header_list.append("Content-Type", content_type.as_str());
        request.body = Some(Body::from_bytes(body.clone()));
    }
    let unknown = LoadedDocument::of_text(url, String::new());
    let reserved = environment(context, &unknown, goal.creator.as_deref(), goal.environment_id.clone());
    request.reserved_client = Some(reserved.into_shared());
    request.replaces_client_id = active.scope().settings().id.clone();
    request
}

/// `document.referrer`: what the last request said of where it came from.
fn referrer(mut asked: Request, answered: &Url) -> String {
    if asked.referrer_policy == ReferrerPolicy::Empty {
        let of_client = asked.client.as_ref().map(|client| client.policy_container.referrer_policy);
        asked.referrer_policy = of_client.unwrap_or_default();
    }
    if asked.referrer_policy == ReferrerPolicy::Empty {
        asked.referrer_policy = ReferrerPolicy::DEFAULT;
    }
    asked.url_list.push(answered.clone());
    match asked.referrer {
        Referrer::NoReferrer => String::new(),
        _ => match determine_referrer(&asked) {
            Referrer::Url(url) => url.into(),
            _ => String::new(),
        },
    }
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
    window.history_entry(url, None, replace);
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

/// Replaces the document that is shown by one of a text, which has its URL and its policies.
pub(super) fn replace_by_text(
    realm: &dyn Realm,
    context: &Arc<BrowsingContext>,
    window: &Arc<WindowGlobal>,
    text: String,
) {
    let settings = Arc::clone(window.scope().settings());
    let mut loaded = LoadedDocument::of_text(window.url(), text);
    loaded.policy_container = settings.policy_container.clone();
    loaded.opener_policy = window.opener_policy();
    loaded.status = window.status();
    loaded.permissions_policy = window.permissions_policy();
    let document = window.document_node();
    let goal = Goal {
        context: Arc::clone(context),
        number: context.begin_navigation(),
        creator: Some(settings),
        environment_id: client_id(),
        fallback_base: document.document_data().map(|data| data.fallback_base_url()),
        handling: Handling::Replace,
        srcdoc: None,
        body: None,
        committed: None,
        timing: None,
        kind: "navigate",
        begun: window.scope().user_agent().clock().monotonic(),
    };
    commit(realm, goal, Some(loaded));
}

/// <https://html.spec.whatwg.org/#coop-enforce>: whether the windows that know each other are to be parted.
fn parts(old: &WindowGlobal, loaded: &LoadedDocument, origin: &Origin) -> bool {
    let before = old.opener_policy();
    let lets_popups_be = old.is_initial()
        && before == OpenerPolicy::SameOriginAllowPopups
        && loaded.opener_policy == OpenerPolicy::UnsafeNone;
    !lets_popups_be && !before.matches(&old.environment().origin, loaded.opener_policy, origin)
}

/// Whether a new document is shown in the window of the one before, which is the initial `about:blank`.
///
/// DEVIATION: one that came by way of another origin is not, since its fetch had another client than the window is; the standard
/// looks at where it came to alone.
///
/// <https://html.spec.whatwg.org/#initialise-the-document-object>, step 6
fn keeps_window(old: &WindowGlobal, settings: &EnvironmentSettings) -> bool {
    let own = old.environment();
    // NOTE: what the realm has depends on the last two, which only a page of other surroundings has otherwise.
    old.is_initial()
        && own.origin == settings.origin
        && own.secure_context == settings.secure_context
        && own.cross_origin_isolated == settings.cross_origin_isolated
}

/// Puts a new document in the place of the one before; without one, an error page.
fn commit(realm: &dyn Realm, goal: Goal, loaded: Option<LoadedDocument>) {
    if !goal.context.is_current(goal.number) {
        return;
    }
    let mut context = Arc::clone(&goal.context);
    let (Some(realms), Some(old)) = (context.maker.clone(), context.active()) else { return };
    // Those around it may not be allowed to show it.
    let parent = context.parent().and_then(|parent| parent.active());
    let loaded = loaded.filter(|loaded| {
        let Some(parent) = &parent else { return true };
        let services = parent.scope();
        loaded.may_be_framed(&context.ancestors(), services.user_agent().services())
    });
    let failed = loaded.is_none();
    let Ok(blank) = Url::parse("about:blank") else { return };
    let loaded = loaded.unwrap_or_else(|| LoadedDocument::of_text(blank, String::new()));
    let creator = goal.creator.as_deref();
    let reserved_id = goal.environment_id.clone();
    let mut settings = environment(&context, &loaded, creator, goal.environment_id);
    if failed {
        settings.origin = Origin::new_opaque();
        settings.storage_key = format!("opaque:{}", settings.id);
        settings.policy_container = PolicyContainer::default();
    }
    let is_parted = parent.is_none() && !failed && parts(&old, &loaded, &settings.origin);
    let is_same_client = loaded.url.scheme() == "about" || reserved_id == old.environment().id;
    let keeps_window = !failed && !is_parted && is_same_client && keeps_window(&old, &settings);
    match keeps_window {
        true => context.children().iter().for_each(|child| unload_window(child)),
        false => unload(&context),
    }
    if is_parted {
        context = context.part();
    }
    let has_base = |window: &WindowGlobal| {
        if loaded.url.scheme() == "about"
            && let Some(data) = window.document_node().document_data()
        {
            lock(&data.fallback_base).clone_from(&goal.fallback_base);
        }
    };
    let window = if keeps_window {
        context.destroy_children();
        old.take_document(settings, loaded.url.clone(), document_type(&loaded));
        has_base(&old);
        old.base_changed();
        realms.script_begins(old.realm_id(), loaded.url.as_str());
        old
    } else {
        settings.time_origin = goal.begun;
        let options = old.options(settings.into_shared());
        let window = WindowGlobal::in_context(options, &context, loaded.url.clone(), document_type(&loaded));
        has_base(&window);
        if realms.create(&window).is_err() {
            context.release_container(realm);
            return;
        }
        context.destroy_windows();
        window
    };
    window.set_permissions_policy(loaded.permissions_policy.clone());
    window.set_status(loaded.status);
    context.set_active(&window);
    window.set_opener_policy(loaded.opener_policy);
    // The entry that is shown from here on.
    let mut place = Place::new(loaded.url.clone(), window.realm_id());
    place.text = goal.srcdoc;
    place.body = goal.body;
    if matches!(loaded.url.scheme(), "about" | "blob" | "data") {
        place.creator.clone_from(&goal.creator);
    }
    match goal.handling {
        Handling::Traverse(entry) => {
            entry.change(|known| known.document = window.realm_id());
            context.set_entry(entry);
        }
        Handling::Push => context.push_entry(Entry::new(place)),
        Handling::Auto | Handling::Replace => {
            let keeps_state = goal.kind == "reload";
            context.entry().change(|known| {
                let state = if keeps_state { known.state.take() } else { None };
                *known = Place { state, ..place };
            });
        }
    }
    realms.run(window.realm_id(), &mut |realm: &dyn Realm| has_realm(realm, &window));
    let creator = creator.map(|creator| creator.id.as_str());
    match keeps_window {
        true => window.update_client(&reserved_id, creator),
        false => window.register_client(creator),
    }
    if let Some(timing) = goal.timing {
        window.expect_navigation_timing(timing, goal.kind);
    }
    if let Some(committed) = goal.committed.filter(|_| !failed) {
        // Whoever wanted to know may be gone.
        let _ = committed.send(Arc::clone(&window));
    }
    begin(realm, &window, loaded);
}

fn has_realm(realm: &dyn Realm, window: &WindowGlobal) {
    if let Err(exception) = window.has_realm(realm) {
        realm.report_exception(exception);
    }
}

/// The type of the document that shows what was loaded.
///
/// <https://html.spec.whatwg.org/#loading-a-document>
fn document_type(loaded: &LoadedDocument) -> &str {
    match loaded.is_markup() || loaded.is_text() || loaded.content_type.starts_with("image/") {
        true => &loaded.content_type,
        false => "text/html",
    }
}

/// Tells the container of a window's document once that is loaded, now if it is already.
pub(super) fn tell_container(realm: &dyn Realm, window: &Arc<WindowGlobal>) {
    let context = window.context();
    let container = context.frame().and_then(|frame| super::elements::window_of(&frame));
    let (Some(container), Some(realms)) = (container, context.maker.clone()) else { return };
    // DEVIATION: at once, as in browsers; the standard queues a task, behind the messages that the document has sent.
    let told = move |_: &dyn Realm| {
        realms.run(container.realm_id(), &mut |realm: &dyn Realm| context.loaded(realm));
    };
    loading::when_loaded(realm, &window.document_node(), Box::new(told));
}

/// Parses the document of a window that has a realm, and tells its container when it is loaded.
fn begin(realm: &dyn Realm, window: &Arc<WindowGlobal>, loaded: LoadedDocument) {
    let agent = Arc::clone(realm.agent());
    let of_task = Arc::clone(window);
    let start = move |realm: &dyn Realm| {
        let document = of_task.document_node();
        tell_container(realm, &of_task);
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
    if let Some(window) = realm.global().downcast::<WindowGlobal>() {
        process_link_headers(realm, &window, document, &loaded.links);
    }
    if let Some(refresh) = &loaded.refresh {
        refresh::declare(realm, document, refresh);
    }
    if loaded.is_xml() {
        return parser::start_xml(realm, document, &loaded.text);
    }
    if loaded.is_markup() {
        return parser::start(realm, document, &loaded.text);
    }
    let escaped = loaded.text.replace('&', "&amp;").replace('<', "&lt;");
    let text = if loaded.is_text() {
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
        // What it may put off depends on it.
        window.set_permissions_policy(loaded.permissions_policy.clone());
        window.set_status(loaded.status);
        window.context().set_active(&window);
    }
    loading::when_loaded(realm, &document, told);
    parse(realm, &document, loaded);
    Ok(())
}
