//! <https://html.spec.whatwg.org/#the-window-object>

use std::sync::atomic::{AtomicBool, AtomicU16, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, Weak};

use longhaul::fetch::{EnvironmentSettings, PolicyDecision, ReferrerPolicy};
use longhaul_idl::runtime::{
    AgentHandle, ByteString, DomString, Exception, GlobalProxy as _, Held, ObjectRef, PromiseOf, Realm,
    RealmId, Value,
};
use longhaul_idl::{DeferredRequestInit, RequestInfo, RequestInit, TimerHandler, WindowMethods};
use url::Url;

use super::browsing_context::{BrowsingContext, Sandbox, WindowRealms};
use super::loaded_document::{OpenerPolicy, is_xml};
use super::module_map::{ModuleMap, ModuleMapOptions};
use super::navigate::{Navigation, navigate};
use super::permissions_policy::PermissionsPolicy;
use super::refresh::DeclarativeRefresh;
use super::user_activation::LastActivation;
use super::window_or_worker_global_scope::{self as mixin, window_or_worker_global_scope_members};
use super::{GlobalOptions, GlobalScope, History, Location, Navigator, content_security_policy, focus};
use crate::dom::document::{Kind, new_document};
use crate::dom::node::{Node, NodeRef, lock, objects};
use crate::resource_timing::NavigationTiming;

/// The global object of a page.
pub struct WindowGlobal {
    realm: RealmId,
    scope: Arc<GlobalScope>,
    document: Mutex<NodeRef>,
    location: Arc<Location>,
    navigator: Arc<Navigator>,
    history: Arc<History>,
    context: Arc<BrowsingContext>,
    agent: OnceLock<Arc<dyn AgentHandle>>,
    modules: Arc<ModuleMap>,
    /// What its document may not do.
    sandbox: Mutex<Sandbox>,
    /// Whether its document is the initial `about:blank`.
    initial: AtomicBool,
    opener_policy: Mutex<OpenerPolicy>,
    /// How many of its policies its own text has given.
    own_policies: AtomicUsize,
    declarative_refresh: DeclarativeRefresh,
    last_activation: LastActivation,
    permissions_policy: Mutex<PermissionsPolicy>,
    /// The status of its document's response.
    status: AtomicU16,
    /// Keeps the document's wrapper, and with it those of its nodes.
    held_document: Mutex<Option<Held>>,
}

longhaul_idl::platform_object!(WindowGlobal => longhaul_idl::window, realm |window| window.realm);

impl WindowGlobal {
    /// The window of a page that is about to be loaded, in a top-level browsing context without frames.
    pub fn new(options: GlobalOptions, title: &str) -> Arc<Self> {
        let url = options.environment.creation_url.clone();
        let context = BrowsingContext::new(None, None, "", None);
        let window = Self::in_context(options, &context, url, "text/html");
        context.set_active(&window);
        let document = &window.document_node();
        for element in ["html", "head", "title"] {
            let parent = document.descendants().last().unwrap_or_else(|| Arc::clone(document));
            parent.link(
                &crate::dom::element::create_element(document, crate::dom::element::html_name(element)),
                None,
            );
        }
        if let Some(element) = document.descendants().last() {
            element.link(&Node::text(document, title.into()), None);
        }
        window
    }

    /// The window of a page that is about to be loaded, in a top-level browsing context whose windows get their realms from
    /// `realms`. The realm's id must be [`Self::realm_id`]. The type's essence says whether the page is HTML or XML.
    pub fn top_level(options: GlobalOptions, realms: Arc<dyn WindowRealms>, content_type: &str) -> Arc<Self> {
        let url = options.environment.creation_url.clone();
        let context = BrowsingContext::new(None, None, "", Some(realms));
        let window = Self::in_context(options, &context, url, content_type);
        context.set_active(&window);
        window
    }

    pub(super) fn in_context(
        options: GlobalOptions,
        context: &Arc<BrowsingContext>,
        url: Url,
        content_type: &str,
    ) -> Arc<Self> {
        let realm = RealmId::next();
        let sandbox = context.sandbox().and(Sandbox::of_policies(&options.environment.policy_container));
        let document = unparsed_document(realm, url, content_type);
        Arc::new_cyclic(|me: &Weak<Self>| {
            let (window, before) = (Weak::clone(me), Arc::clone(&options.environment));
            let modules = ModuleMapOptions {
                user_agent: options.user_agent.clone(),
                client: Arc::new(move || match window.upgrade() {
                    Some(window) => Arc::clone(window.scope.settings()),
                    None => Arc::clone(&before),
                }),
                parser: context.module_parser(),
                texts: None,
                dynamic_import: true,
            };
            if let Some(data) = document.document_data() {
                data.set_window(me);
            }
            Self {
                realm,
                scope: GlobalScope::new(options),
                document: Mutex::new(document),
                location: Arc::new(Location::new(me.clone(), realm)),
                navigator: Arc::new(Navigator::default()),
                history: Arc::new(History::new(me.clone(), realm)),
                context: Arc::clone(context),
                agent: OnceLock::new(),
                modules: ModuleMap::new(modules),
                sandbox: Mutex::new(sandbox),
                initial: AtomicBool::new(false),
                opener_policy: Mutex::default(),
                own_policies: AtomicUsize::new(0),
                declarative_refresh: DeclarativeRefresh::default(),
                last_activation: LastActivation::default(),
                permissions_policy: Mutex::default(),
                status: AtomicU16::new(0),
                held_document: Mutex::default(),
            }
        })
    }

    /// The id that its realm has.
    pub fn realm_id(&self) -> RealmId {
        self.realm
    }

    /// The browsing context that it is in.
    pub fn context(&self) -> Arc<BrowsingContext> {
        Arc::clone(&self.context)
    }

    /// Its environment settings, as they are now.
    pub fn environment(&self) -> &Arc<EnvironmentSettings> {
        self.scope.settings()
    }

    /// What it was made with.
    pub fn global_options(&self) -> GlobalOptions {
        self.options(Arc::clone(self.scope.settings()))
    }

    /// The title of its document.
    pub fn title(&self) -> String {
        self.document_node().title_text()
    }

    /// The URL of its document.
    pub fn url(&self) -> Url {
        self.document_node()
            .document_data()
            .map_or_else(|| self.scope.settings().creation_url.clone(), |data| data.url())
    }

    /// Tells it the agent that it lives in, before anything else runs.
    pub fn set_agent(&self, agent: Arc<dyn AgentHandle>) {
        // It is told once.
        let _ = self.agent.set(agent);
    }

    pub(crate) fn agent(&self) -> Option<Arc<dyn AgentHandle>> {
        self.agent.get().cloned()
    }

    pub(crate) fn scope(&self) -> Arc<GlobalScope> {
        Arc::clone(&self.scope)
    }

    pub(crate) fn document_node(&self) -> NodeRef {
        Arc::clone(&lock(&self.document))
    }

    pub(super) fn location_object(&self) -> ObjectRef {
        Arc::clone(&self.location) as ObjectRef
    }

    pub(super) fn own_location(&self) -> Arc<Location> {
        Arc::clone(&self.location)
    }

    pub(super) fn history_object(&self) -> &Arc<History> {
        &self.history
    }

    pub(super) fn options(&self, environment: Arc<EnvironmentSettings>) -> GlobalOptions {
        self.scope.options(environment)
    }

    /// <https://html.spec.whatwg.org/#concept-environment-noscript>
    pub(super) fn allows_scripts(&self) -> bool {
        !self.sandbox().no_scripts
    }

    /// The modules of its document.
    pub fn modules(&self) -> Arc<ModuleMap> {
        Arc::clone(&self.modules)
    }

    pub(super) fn last_activation(&self) -> &LastActivation {
        &self.last_activation
    }

    pub(super) fn declarative_refresh(&self) -> &DeclarativeRefresh {
        &self.declarative_refresh
    }

    pub(super) fn sandbox(&self) -> Sandbox {
        *lock(&self.sandbox)
    }

    /// <https://html.spec.whatwg.org/#is-initial-about:blank>
    pub(super) fn is_initial(&self) -> bool {
        self.initial.load(Ordering::Relaxed)
    }

    pub(super) fn set_initial(&self, initial: bool) {
        self.initial.store(initial, Ordering::Relaxed);
    }

    /// Its initial document gives way to one of the same origin. The window stays, with whatever scripts have hung on it, and so
    /// does the client that it is.
    ///
    /// <https://html.spec.whatwg.org/#initialise-the-document-object>, step 6
    pub(super) fn take_document(
        self: &Arc<Self>,
        settings: EnvironmentSettings,
        url: Url,
        content_type: &str,
    ) {
        let document = unparsed_document(self.realm, url, content_type);
        if let Some(data) = document.document_data() {
            data.set_window(&Arc::downgrade(self));
        }
        let before = std::mem::replace(&mut *lock(&self.document), document);
        super::parser::abort(&before);
        // The initial one is in no browsing context any more.
        if let Some(data) = before.document_data() {
            data.set_window(&Weak::new());
        }
        *lock(&self.sandbox) = self.context.sandbox().and(Sandbox::of_policies(&settings.policy_container));
        self.own_policies.store(0, Ordering::Relaxed);
        self.declarative_refresh.end();
        self.set_initial(false);
        content_security_policy::forget(self.scope.user_agent().services(), &self.scope.settings().id);
        self.scope.change_settings(|own| {
            *own = EnvironmentSettings {
                id: own.id.clone(),
                time_origin: own.time_origin,
                fetch_group: own.fetch_group.clone(),
                ..settings
            };
        });
    }

    /// What its document declares of features.
    pub(super) fn permissions_policy(&self) -> PermissionsPolicy {
        lock(&self.permissions_policy).clone()
    }

    pub(super) fn set_permissions_policy(&self, policy: PermissionsPolicy) {
        *lock(&self.permissions_policy) = policy;
    }

    /// <https://w3c.github.io/webappsec-csp/#csp-list-contains-a-header-delivered-content-security-policy>
    pub(super) fn has_policy_of_header(&self) -> bool {
        self.environment().policy_container.csp.len() > self.own_policies.load(Ordering::Relaxed)
    }

    pub(super) fn status(&self) -> u16 {
        self.status.load(Ordering::Relaxed)
    }

    pub(super) fn set_status(&self, status: u16) {
        self.status.store(status, Ordering::Relaxed);
    }

    pub(super) fn opener_policy(&self) -> OpenerPolicy {
        *lock(&self.opener_policy)
    }

    /// Tells it what its document's response said.
    pub fn set_opener_policy(&self, policy: OpenerPolicy) {
        *lock(&self.opener_policy) = policy;
    }

    /// Puts the fetch of its document into its timeline, once its realm is there and it has ended.
    pub fn expect_navigation_timing(&self, timing: NavigationTiming, kind: &'static str) {
        timing.belongs_to(self.realm, kind);
    }

    /// Its realm has just been made. What scripts hang on its document stays there, and its policies are obeyed.
    pub(super) fn has_realm(&self, realm: &dyn Realm) -> Result<(), Exception> {
        *lock(&self.held_document) = Some(realm.hold(Value::Object(self.document_node()))?);
        super::obey_policies(realm)
    }

    /// Its base URL may be another now.
    pub(super) fn base_changed(&self) {
        crate::dom::node::changed();
        let document = self.document_node();
        let Some(data) = document.document_data() else { return };
        let mut base = data.base_url(&document);
        // <https://html.spec.whatwg.org/#set-the-frozen-base-url>: only one that the policies allow.
        let fallback = data.fallback_base_url();
        let policy = self.scope.user_agent().services().policy();
        if base != fallback
            && policy.should_block_base(self.scope.settings(), &base) != PolicyDecision::Allowed
        {
            data.refuse_base_url(base);
            base = fallback;
        }
        self.scope.change_settings(|settings| settings.api_base_url = base);
    }

    pub(super) fn url_changed(&self, url: &Url) {
        let url = url.clone();
        self.scope.change_settings(|settings| settings.creation_url = url);
        self.base_changed();
    }

    /// <https://html.spec.whatwg.org/#the-meta-element>: policies.
    pub(super) fn meta_inserted(&self, realm: &dyn Realm, meta: &NodeRef) -> Result<(), Exception> {
        let Some(content) = meta.attr("content") else { return Ok(()) };
        let in_head = meta.parent().is_some_and(|parent| parent.is_html("head"));
        let equivalent = meta.attr("http-equiv").unwrap_or_default();
        if equivalent.eq_ignore_ascii_case("content-security-policy") && in_head {
            let policies = content_security_policy::of_meta(&content);
            self.own_policies.fetch_add(policies.len(), Ordering::Relaxed);
            self.scope.change_settings(|settings| settings.policy_container.csp.extend(policies));
            let container = self.scope.settings().policy_container.clone();
            content_security_policy::restrict_evaluation(realm, &container)?;
        }
        if equivalent.eq_ignore_ascii_case("refresh") && !content.is_empty() {
            super::refresh::declare(realm, &self.document_node(), &content);
        }
        if meta.attr("name").is_some_and(|name| name.eq_ignore_ascii_case("referrer")) {
            let policy = match content.trim().to_ascii_lowercase().as_str() {
                "never" => ReferrerPolicy::from_keyword("no-referrer"),
                "default" => ReferrerPolicy::from_keyword("strict-origin-when-cross-origin"),
                "always" => ReferrerPolicy::from_keyword("unsafe-url"),
                "origin-when-crossorigin" => ReferrerPolicy::from_keyword("origin-when-cross-origin"),
                "" => None,
                word => ReferrerPolicy::from_keyword(word),
            };
            if let Some(policy) = policy {
                self.scope.change_settings(|settings| settings.policy_container.referrer_policy = policy);
            }
        }
        Ok(())
    }

    /// Its document is not shown any more: nobody controls it, and what it fetched ends.
    pub(super) fn ended(&self) {
        super::parser::abort(&self.document_node());
        self.declarative_refresh.end();
        let settings = self.scope.settings();
        let user_agent = self.scope.user_agent();
        user_agent.service_workers().unregister_client(&settings.id);
        content_security_policy::forget(user_agent.services(), &settings.id);
        drop(lock(&self.held_document).take());
        user_agent.object_urls().environment_ended(settings);
        let _entered = user_agent.runtime().enter();
        settings.fetch_group.terminate(user_agent.services());
    }

    fn named_element(&self, name: &str) -> Option<NodeRef> {
        if name.is_empty() {
            return None;
        }
        self.document_node().descendants().find(|node| {
            node.is_element()
                && (node.attr("id").as_deref() == Some(name)
                    || node
                        .html_name()
                        .is_some_and(|kind| matches!(&**kind, "embed" | "form" | "img" | "object"))
                        && node.attr("name").as_deref() == Some(name))
        })
    }
}

impl WindowMethods for WindowGlobal {
    window_or_worker_global_scope_members!();

    fn window(self: &Arc<Self>, _: &dyn Realm) -> Result<Value, Exception> {
        Ok(self.context.proxy())
    }

    fn self_(self: &Arc<Self>, _: &dyn Realm) -> Result<Value, Exception> {
        Ok(self.context.proxy())
    }

    fn document(self: &Arc<Self>, _: &dyn Realm) -> Result<ObjectRef, Exception> {
        Ok(self.document_node())
    }

    fn name(self: &Arc<Self>, _: &dyn Realm) -> Result<DomString, Exception> {
        Ok(self.context.name().into())
    }

    fn set_name(self: &Arc<Self>, _: &dyn Realm, value: DomString) -> Result<(), Exception> {
        self.context.set_name(&value);
        Ok(())
    }

    fn location(self: &Arc<Self>, _: &dyn Realm) -> Result<ObjectRef, Exception> {
        Ok(self.location_object())
    }

    fn history(self: &Arc<Self>, _: &dyn Realm) -> Result<ObjectRef, Exception> {
        Ok(Arc::clone(&self.history) as ObjectRef)
    }

    fn close(self: &Arc<Self>, _: &dyn Realm) -> Result<(), Exception> {
        // NOTE: only what a script has opened may be closed by one.
        if self.context.frame().is_none() && self.context.opener().is_some() {
            super::new_document::unload(&self.context);
            self.context.close();
        }
        Ok(())
    }

    fn closed(self: &Arc<Self>, _: &dyn Realm) -> Result<bool, Exception> {
        Ok(self.context.is_closed())
    }

    fn stop(self: &Arc<Self>, _: &dyn Realm) -> Result<(), Exception> {
        self.context.begin_navigation();
        // <https://html.spec.whatwg.org/#nav-stop>: what its documents fetch is aborted with theirs.
        for environment in self.context.environments() {
            environment.fetch_group.abort();
        }
        Ok(())
    }

    fn focus(self: &Arc<Self>, realm: &dyn Realm) -> Result<(), Exception> {
        focus::focus(realm, &self.context);
        Ok(())
    }

    fn blur(self: &Arc<Self>, _: &dyn Realm) -> Result<(), Exception> {
        Ok(())
    }

    fn frames(self: &Arc<Self>, _: &dyn Realm) -> Result<Value, Exception> {
        Ok(self.context.proxy())
    }

    fn length(self: &Arc<Self>, _: &dyn Realm) -> Result<u32, Exception> {
        Ok(self.context.child_count())
    }

    fn top(self: &Arc<Self>, _: &dyn Realm) -> Result<Option<Value>, Exception> {
        Ok(self.context.top().map(|top| top.proxy()))
    }

    fn opener(self: &Arc<Self>, _: &dyn Realm) -> Result<Value, Exception> {
        Ok(self.context.opener().map_or(Value::Null, |opener| opener.proxy()))
    }

    fn set_opener(self: &Arc<Self>, _: &dyn Realm, value: Value) -> Result<(), Exception> {
        // FIXME: any other value becomes an ordinary property.
        if matches!(value, Value::Null) {
            self.context.disown();
        }
        Ok(())
    }

    fn parent(self: &Arc<Self>, _: &dyn Realm) -> Result<Option<Value>, Exception> {
        if self.context.is_closed() {
            return Ok(None);
        }
        Ok(Some(self.context.parent().map_or_else(|| self.context.proxy(), |parent| parent.proxy())))
    }

    fn frame_element(self: &Arc<Self>, _: &dyn Realm) -> Result<Option<ObjectRef>, Exception> {
        let frame = self.context.frame().filter(|frame| {
            super::elements::window_of(frame)
                .is_some_and(|window| window.scope().settings().origin == self.scope.settings().origin)
        });
        Ok(objects(frame))
    }

    fn open(
        self: &Arc<Self>,
        realm: &dyn Realm,
        url: String,
        target: DomString,
        features: DomString,
    ) -> Result<Option<Value>, Exception> {
        let noreferrer = has_feature(&features, "noreferrer");
        let noopener = noreferrer || has_feature(&features, "noopener");
        let parsed = match url.is_empty() {
            true => None,
            false => {
                let own = crate::global_scope(realm)?.settings().api_base_url.join(&url);
                Some(own.map_err(|_| {
                    Exception::dom("SyntaxError", format!("{} is no URL", crate::shown(&url)))
                })?)
            }
        };
        let target = if target.is_empty() { "_blank" } else { &*target };
        let (context, fresh) = match self.context.find(target) {
            Some(context) => (context, false),
            None => match self.context.open(target, noopener) {
                Some(context) => (context, true),
                None => return Ok(None),
            },
        };
        if let Some(url) = parsed.filter(|url| !fresh || url.as_str() != "about:blank") {
            let mut navigation = Navigation::from_window(self);
            navigation.no_referrer = noreferrer;
            navigate(realm, &context, url, navigation);
        }
        Ok((!noopener).then(|| context.proxy()))
    }

    fn post_message(
        self: &Arc<Self>,
        realm: &dyn Realm,
        message: Value,
        target_origin: String,
        transfer: Vec<Held>,
    ) -> Result<(), Exception> {
        super::messaging::window_post_message(realm, message, &target_origin, transfer)
    }

    fn post_message_2(
        self: &Arc<Self>,
        realm: &dyn Realm,
        message: Value,
        options: longhaul_idl::WindowPostMessageOptions,
    ) -> Result<(), Exception> {
        super::messaging::window_post_message(realm, message, &options.target_origin, options.transfer)
    }

    fn navigator(self: &Arc<Self>, _: &dyn Realm) -> Result<ObjectRef, Exception> {
        Ok(Arc::clone(&self.navigator) as ObjectRef)
    }

    fn fetch_later(
        self: &Arc<Self>,
        realm: &dyn Realm,
        input: RequestInfo,
        init: DeferredRequestInit,
    ) -> Result<ObjectRef, Exception> {
        crate::fetch::fetch_later(self, realm, input, init)
    }

    fn named_get(self: &Arc<Self>, realm: &dyn Realm, name: DomString) -> Result<Held, Exception> {
        // NOTE: an index is a name like any other here.
        let indexed = name.parse().ok().and_then(|index| self.context.child(index));
        if let Some(child) = indexed.or_else(|| self.context.named_child(&name)) {
            return realm.hold(Value::GlobalProxy(child));
        }
        match self.named_element(&name) {
            Some(element) => realm.hold(Value::Object(element)),
            None => realm.hold(Value::Undefined),
        }
    }

    fn supported_property_names(self: &Arc<Self>, _: &dyn Realm) -> Result<Vec<DomString>, Exception> {
        let mut names: Vec<DomString> = Vec::new();
        let children = self.context.children().into_iter().map(|child| child.name());
        let document = self.document_node();
        let ids = document.descendants().filter_map(|node| node.attr("id"));
        for name in children.chain(ids).filter(|name| !name.is_empty()) {
            if !names.iter().any(|known| **known == *name) {
                names.push(name.into());
            }
        }
        Ok(names)
    }

    fn supports_property_name(self: &Arc<Self>, _: &dyn Realm, name: DomString) -> Result<bool, Exception> {
        let indexed = name.parse().is_ok_and(|index| self.context.child(index).is_some());
        Ok(indexed || self.context.named_child(&name).is_some() || self.named_element(&name).is_some())
    }
}

/// A document that is about to be parsed.
fn unparsed_document(realm: RealmId, url: Url, content_type: &str) -> NodeRef {
    // NOTE: text and pictures are shown by documents of HTML.
    let kind = if is_xml(content_type) { Kind::Xml } else { Kind::Html };
    let document = new_document(realm, kind, content_type, url);
    if let Some(data) = document.document_data() {
        data.set_ready_state(longhaul_idl::DocumentReadyState::Loading);
    }
    document
}

/// <https://html.spec.whatwg.org/#concept-window-open-features-tokenize>, whether one is on.
fn has_feature(features: &str, name: &str) -> bool {
    features.split([',', ' ']).any(|feature| {
        let (key, value) = feature.split_once('=').unwrap_or((feature, ""));
        key.trim().eq_ignore_ascii_case(name) && !matches!(value.trim(), "0" | "no" | "false")
    })
}
