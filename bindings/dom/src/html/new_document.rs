//! The document that comes of a navigation, the initial one, and the end of the one before.
//!
//! <https://html.spec.whatwg.org/#initialise-the-document-object>

use std::sync::Arc;
use std::time::Duration;

use longhaul::fetch::{EnvironmentSettings, PolicyContainer};
use longhaul_idl::DocumentReadyState;
use longhaul_idl::runtime::{Dictionary, Exception, Realm, Value};
use tokio::sync::oneshot;
use url::{Origin, Url};

use super::browsing_context::{BrowsingContext, Sandbox};
use super::load_document::begin;
use super::loaded_document::{LoadedDocument, OpenerPolicy};
use super::navigate::Handling;
use super::permissions_policy::CROSS_ORIGIN_ISOLATED;
use super::session_history::{Entry, Place};
use super::{WindowGlobal, loading};
use crate::dom::element::{create_element, html_name};
use crate::dom::node::{lock, object};
use crate::resource_timing::NavigationTiming;

/// <https://html.spec.whatwg.org/#concept-environment-id>: unique, in the shape that scripts know client ids in.
pub(super) fn client_id() -> String {
    use std::hash::{BuildHasher as _, RandomState};
    let bits = u128::from(RandomState::new().hash_one(0)) << 64 | u128::from(RandomState::new().hash_one(1));
    let hex = format!("{bits:032x}");
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

/// The environment of a document in a browsing context; `creator` gives what documents without an address inherit.
pub(super) fn environment(
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

/// Where the outcome of a navigation goes.
pub(super) struct Goal {
    pub(super) context: Arc<BrowsingContext>,
    pub(super) number: u64,
    pub(super) creator: Option<Arc<EnvironmentSettings>>,
    pub(super) environment_id: String,
    pub(super) fallback_base: Option<Url>,
    pub(super) handling: Handling,
    pub(super) srcdoc: Option<String>,
    /// What was sent for the document, which sends it again if it is to be got again.
    pub(super) body: Option<Arc<(Vec<u8>, String)>>,
    pub(super) committed: Option<oneshot::Sender<Arc<WindowGlobal>>>,
    pub(super) timing: Option<NavigationTiming>,
    pub(super) kind: &'static str,
    /// When it began.
    pub(super) begun: Duration,
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
pub(super) fn commit(realm: &dyn Realm, goal: Goal, loaded: Option<LoadedDocument>) {
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
