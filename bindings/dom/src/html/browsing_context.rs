//! <https://html.spec.whatwg.org/#browsing-contexts>: windows that follow one another in one place, and the frames in them.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};

use longhaul::fetch::{
    DeferredFetchPolicy, DeferredFetchQuota, EnvironmentSettings, NavigableId, Origin, PolicyContainer,
};
use longhaul_idl::runtime::{
    CrossOriginProperty, GlobalProxy, ModuleParser, ModuleSyntaxError, Realm, RealmId, TaskSource, Value,
};
use url::Url;

use super::element_fetch::fire;
use super::navigate::{self, Handling, Navigation};
use super::permissions_policy::{DEFERRED_FETCH, DEFERRED_FETCH_MINIMAL, Feature};
use super::session_history::{Entry, Place, SessionHistory};
use super::{ElementState, WindowGlobal, content_security_policy, loading, new_document};
use crate::dom::node::{Node, NodeRef, lock};

/// How deep frames may be nested.
const DEPTH: usize = 24;
/// How many frames one document may have.
const FRAMES: usize = 512;

/// Makes and ends the realms of windows, on their agent's thread.
pub trait WindowRealms: Send + Sync + 'static {
    /// Makes the realm of a window, of the id that the window has; also while a script runs.
    ///
    /// # Errors
    /// Why there can be none, for people.
    fn create(&self, window: &Arc<WindowGlobal>) -> Result<(), String>;

    /// Does something in a realm at once; also while a script runs.
    fn run(&self, realm: RealmId, task: &mut dyn FnMut(&dyn Realm));

    /// Ends a realm, once no script of it is on the stack.
    fn destroy(&self, realm: RealmId);

    /// Told of the script that runs in a realm, by its URL, for what it throws without saying where.
    fn script_begins(&self, realm: RealmId, url: &str);

    /// The parser of the engine that the realms are in.
    fn module_parser(&self) -> ModuleParser;

    /// Told of a script that did not come, one line for people.
    fn script_failed(&self, message: String);
}

/// <https://html.spec.whatwg.org/#sandboxing>: what a document may not do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sandbox {
    pub(crate) opaque_origin: bool,
    pub(crate) no_scripts: bool,
    pub(crate) no_forms: bool,
    pub(crate) no_popups: bool,
    pub(crate) no_downloads: bool,
    pub(crate) no_top_navigation: bool,
    /// Not even other windows and frames may be navigated.
    pub(crate) no_navigation: bool,
}

impl Sandbox {
    fn of_attribute(text: &str) -> Self {
        let allows = |word: &str| text.split_ascii_whitespace().any(|known| known.eq_ignore_ascii_case(word));
        Self {
            opaque_origin: !allows("allow-same-origin"),
            no_scripts: !allows("allow-scripts"),
            no_forms: !allows("allow-forms"),
            no_popups: !allows("allow-popups"),
            no_downloads: !allows("allow-downloads"),
            no_top_navigation: !allows("allow-top-navigation"),
            no_navigation: true,
        }
    }

    /// What the `sandbox` directives of policies say.
    pub(super) fn of_policies(policies: &PolicyContainer) -> Self {
        let sandboxes = content_security_policy::sandboxes(policies);
        sandboxes.iter().fold(Self::default(), |all, tokens| all.and(Self::of_attribute(tokens)))
    }

    pub(super) fn and(self, other: Self) -> Self {
        Self {
            opaque_origin: self.opaque_origin || other.opaque_origin,
            no_scripts: self.no_scripts || other.no_scripts,
            no_forms: self.no_forms || other.no_forms,
            no_popups: self.no_popups || other.no_popups,
            no_downloads: self.no_downloads || other.no_downloads,
            no_top_navigation: self.no_top_navigation || other.no_top_navigation,
            no_navigation: self.no_navigation || other.no_navigation,
        }
    }
}

/// A browsing context.
pub struct BrowsingContext {
    me: Weak<BrowsingContext>,
    parent: Weak<BrowsingContext>,
    /// The element that it is in.
    frame: Weak<Node>,
    opener: Mutex<Weak<BrowsingContext>>,
    name: Mutex<String>,
    active: Mutex<Weak<WindowGlobal>>,
    children: Mutex<Vec<Arc<BrowsingContext>>>,
    /// Those that this one's windows have opened.
    opened: Mutex<Vec<Arc<BrowsingContext>>>,
    /// Whether a script has opened it and may know it.
    auxiliary: AtomicBool,
    /// Of a tab: where it has been.
    history: Mutex<SessionHistory>,
    /// The entry that is shown, once there is a document.
    entry: Mutex<Option<Arc<Entry>>>,
    /// Which navigation counts.
    navigation: AtomicU64,
    /// Whether it delays the `load` event of the document that it is in.
    delays: AtomicBool,
    closed: AtomicBool,
    /// The frame that has the focus, if one of its document's has.
    pub(super) focused: Mutex<Weak<BrowsingContext>>,
    sandbox: Mutex<Sandbox>,
    pub(super) maker: Option<Arc<dyn WindowRealms>>,
    /// What the documents of the tab may put off, and the place of this one's in it.
    deferred: (Arc<Mutex<DeferredFetchQuota>>, NavigableId),
}

impl std::fmt::Debug for BrowsingContext {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BrowsingContext").field("name", &lock(&self.name)).finish_non_exhaustive()
    }
}

impl BrowsingContext {
    /// What parses the modules of its documents.
    pub(super) fn module_parser(&self) -> ModuleParser {
        let none: ModuleParser = |_, _| {
            let message = "the window has no realm to run modules in".to_owned();
            Err(ModuleSyntaxError { message, line: 0, column: 0 })
        };
        self.maker.as_ref().map_or(none, |maker| maker.module_parser())
    }

    pub(super) fn new(
        parent: Option<&Arc<BrowsingContext>>,
        frame: Option<&NodeRef>,
        name: &str,
        realms: Option<Arc<dyn WindowRealms>>,
    ) -> Arc<Self> {
        let quota = parent.map(|parent| Arc::clone(&parent.deferred.0)).unwrap_or_default();
        let place = lock(&quota).add(parent.map(|parent| parent.deferred.1));
        Arc::new_cyclic(|me| Self {
            me: Weak::clone(me),
            parent: parent.map(Arc::downgrade).unwrap_or_default(),
            frame: frame.map(Arc::downgrade).unwrap_or_default(),
            opener: Mutex::default(),
            name: Mutex::new(name.to_owned()),
            active: Mutex::default(),
            children: Mutex::default(),
            opened: Mutex::default(),
            auxiliary: AtomicBool::new(false),
            history: Mutex::default(),
            entry: Mutex::default(),
            navigation: AtomicU64::new(0),
            delays: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            focused: Mutex::default(),
            sandbox: Mutex::default(),
            maker: realms,
            deferred: (quota, place),
        })
    }

    /// The realms of its window and of those in its frames.
    pub fn realms(&self) -> Vec<RealmId> {
        let mut waiting: Vec<_> = self.me.upgrade().into_iter().collect();
        let mut realms = Vec::new();
        while let Some(context) = waiting.pop() {
            realms.extend(context.active().map(|window| window.realm_id()));
            waiting.extend(context.children());
        }
        realms
    }

    /// The environments of its window and of those in its frames.
    pub fn environments(&self) -> Vec<Arc<EnvironmentSettings>> {
        let mut waiting: Vec<_> = self.me.upgrade().into_iter().collect();
        let mut environments = Vec::new();
        while let Some(context) = waiting.pop() {
            environments.extend(context.active().map(|window| Arc::clone(window.environment())));
            waiting.extend(context.children());
        }
        environments
    }

    /// The window of a realm, among all that this one's windows can reach.
    pub(super) fn window_of_realm(&self, realm: RealmId) -> Option<Arc<WindowGlobal>> {
        let mut waiting: Vec<_> = self.top().into_iter().collect();
        waiting.extend(self.top().and_then(|top| top.opener()).and_then(|opener| opener.top()));
        while let Some(context) = waiting.pop() {
            if let Some(window) = context.active().filter(|window| window.realm_id() == realm) {
                return Some(window);
            }
            waiting.extend(context.children());
            waiting.extend(lock(&context.opened).iter().cloned());
        }
        None
    }

    /// Its current window.
    pub fn active(&self) -> Option<Arc<WindowGlobal>> {
        lock(&self.active).upgrade()
    }

    pub(super) fn set_active(&self, window: &Arc<WindowGlobal>) {
        *lock(&self.active) = Arc::downgrade(window);
        let scope = window.scope();
        let settings = scope.settings();
        let allows = |feature: Feature| feature.is_enabled(window);
        let policy = DeferredFetchPolicy {
            deferred_fetch: allows(DEFERRED_FETCH),
            deferred_fetch_minimal: allows(DEFERRED_FETCH_MINIMAL),
        };
        let (quota, place) = &self.deferred;
        lock(quota).set_document(*place, settings.origin.clone(), policy, settings.fetch_group.clone());
    }

    /// <https://html.spec.whatwg.org/#fully-active>
    pub(crate) fn is_fully_active(&self, window: &Arc<WindowGlobal>) -> bool {
        let mut container = self.frame();
        let is_shown = |context: &Self| context.active().is_some() && !context.is_closed();
        while let Some(frame) = container {
            let Some(context) = super::elements::window_of(&frame).map(|window| window.context()) else {
                return false;
            };
            if !is_shown(&context) {
                return false;
            }
            container = context.frame();
        }
        !self.is_closed() && self.active().is_some_and(|active| Arc::ptr_eq(&active, window))
    }

    /// <https://fetch.spec.whatwg.org/#available-deferred-fetch-quota>, for its document and an origin that it sends something to.
    pub(crate) fn available_deferred_fetch_quota(&self, origin: &Origin) -> u64 {
        let (quota, place) = &self.deferred;
        lock(quota).available(*place, Some(origin))
    }

    /// <https://fetch.spec.whatwg.org/#reserve-deferred-fetch-quota>: to be called when its parent navigates it to an origin.
    pub(super) fn reserve_deferred_fetch_quota(&self, origin: &Origin) {
        let policy = DeferredFetchPolicy {
            deferred_fetch: DEFERRED_FETCH.is_inherited(self, origin),
            deferred_fetch_minimal: DEFERRED_FETCH_MINIMAL.is_inherited(self, origin),
        };
        let (quota, place) = &self.deferred;
        lock(quota).reserve(*place, policy);
    }

    /// What scripts have of it.
    pub(super) fn proxy(&self) -> Value {
        match self.me.upgrade() {
            Some(me) => Value::GlobalProxy(me as Arc<dyn GlobalProxy>),
            None => Value::Null,
        }
    }

    pub(super) fn parent(&self) -> Option<Arc<BrowsingContext>> {
        self.parent.upgrade()
    }

    pub(super) fn frame(&self) -> Option<NodeRef> {
        self.frame.upgrade()
    }

    pub(super) fn top(&self) -> Option<Arc<BrowsingContext>> {
        let mut top = self.me.upgrade()?;
        while let Some(parent) = top.parent() {
            top = parent;
        }
        Some(top)
    }

    pub(super) fn opener(&self) -> Option<Arc<BrowsingContext>> {
        lock(&self.opener).upgrade()
    }

    pub(super) fn disown(&self) {
        *lock(&self.opener) = Weak::new();
    }

    pub(super) fn name(&self) -> String {
        lock(&self.name).clone()
    }

    pub(super) fn set_name(&self, name: &str) {
        *lock(&self.name) = name.to_owned();
    }

    pub(super) fn children(&self) -> Vec<Arc<BrowsingContext>> {
        lock(&self.children).clone()
    }

    pub(super) fn sandbox(&self) -> Sandbox {
        *lock(&self.sandbox)
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    pub(super) fn is_auxiliary(&self) -> bool {
        self.auxiliary.load(Ordering::Relaxed)
    }

    /// The origins of the documents around it, the nearest first.
    pub(super) fn ancestors(&self) -> Vec<Origin> {
        let mut origins = Vec::new();
        let mut parent = self.parent();
        while let Some(context) = parent {
            origins.extend(context.active().map(|window| window.environment().origin.clone()));
            parent = context.parent();
        }
        origins
    }

    /// <https://html.spec.whatwg.org/#nav-current-history-entry>
    pub(super) fn entry(&self) -> Arc<Entry> {
        if let Some(entry) = &*lock(&self.entry) {
            return Arc::clone(entry);
        }
        // NOTE: a page's own first document has no other way to its entry.
        let place = match self.active() {
            Some(window) => Place::new(window.url(), window.realm_id()),
            None => Place::new(super::about_blank(), RealmId(0)),
        };
        let entry = Entry::new(place);
        *lock(&self.entry) = Some(Arc::clone(&entry));
        entry
    }

    pub(super) fn set_entry(&self, entry: Arc<Entry>) {
        *lock(&self.entry) = Some(entry);
    }

    /// A further entry is shown from here on.
    pub(super) fn push_entry(&self, entry: Arc<Entry>) {
        let before = self.entry();
        self.set_entry(Arc::clone(&entry));
        if let Some(top) = self.top() {
            lock(&top.history).push(&self.me, before, entry);
        }
    }

    /// Of a tab: the number of its steps, and where it begins.
    pub(super) fn history_length(&self) -> usize {
        lock(&self.history).length()
    }

    /// Of a tab: see [`SessionHistory::go`].
    pub(super) fn traverse(&self, delta: i32) -> Vec<(Arc<BrowsingContext>, Arc<Entry>)> {
        lock(&self.history).go(delta)
    }

    /// Parts the windows of a tab from those that know them: where a script has opened it, the one that knew it finds it closed,
    /// and what is shown from here on is in another browsing context.
    ///
    /// <https://html.spec.whatwg.org/#obtain-browsing-context-navigation>
    pub(super) fn part(self: &Arc<Self>) -> Arc<BrowsingContext> {
        for opened in lock(&self.opened).iter() {
            opened.disown();
        }
        let Some(opener) = self.opener() else { return Arc::clone(self) };
        let context = Self::new(None, None, "", self.maker.clone());
        let mut opened = lock(&opener.opened);
        opened.retain(|known| !Arc::ptr_eq(known, self));
        opened.push(Arc::clone(&context));
        drop(opened);
        self.close();
        context
    }

    pub(super) fn begin_navigation(&self) -> u64 {
        self.navigation.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(super) fn is_current(&self, navigation: u64) -> bool {
        self.navigation.load(Ordering::Relaxed) == navigation && !self.is_closed()
    }

    /// Delays the `load` event of the document that it is in, once.
    pub(super) fn delay_container(&self) {
        if let Some(document) = self.frame().and_then(|frame| frame.document())
            && !self.delays.swap(true, Ordering::Relaxed)
        {
            loading::block(&document);
        }
    }

    /// <https://html.spec.whatwg.org/#iframe-load-event-steps>: in the container's realm.
    pub(super) fn loaded(&self, realm: &dyn Realm) {
        let Some(frame) = self.frame() else { return };
        fire(realm, &frame, "load");
        self.release_container(realm);
    }

    /// A navigation made no document, but the container waits for one.
    pub(super) fn loaded_without_document(self: &Arc<Self>) {
        let Some(window) = self.frame().and_then(|frame| super::elements::window_of(&frame)) else { return };
        let (Some(agent), me) = (window.agent(), Arc::clone(self)) else { return };
        let is_initial = self.active().is_some_and(|active| active.is_initial());
        let told = move |realm: &dyn Realm| match is_initial {
            true => me.loaded(realm),
            false => me.release_container(realm),
        };
        agent.queue_task(TaskSource::Dom, window.realm_id(), Box::new(told));
    }

    pub(super) fn release_container(&self, realm: &dyn Realm) {
        if let Some(document) = self.frame().and_then(|frame| frame.document())
            && self.delays.swap(false, Ordering::Relaxed)
        {
            loading::unblock(realm, &document);
        }
    }

    /// <https://html.spec.whatwg.org/#destroy-a-document>, for the windows of its descendants.
    pub(super) fn destroy_children(&self) {
        for child in std::mem::take(&mut *lock(&self.children)) {
            child.close();
        }
    }

    /// <https://html.spec.whatwg.org/#destroy-a-document>, for its window and those of its descendants.
    pub(super) fn destroy_windows(&self) {
        self.destroy_children();
        if let Some(window) = self.active() {
            window.ended();
            if let Some(realms) = &self.maker {
                realms.destroy(window.realm_id());
            }
        }
    }

    /// It goes, and everything in it.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
        let (quota, place) = &self.deferred;
        lock(quota).remove(*place);
        self.destroy_windows();
        *lock(&self.active) = Weak::new();
    }

    /// <https://html.spec.whatwg.org/#the-rules-for-choosing-a-navigable>: an existing one.
    pub(super) fn find(&self, name: &str) -> Option<Arc<BrowsingContext>> {
        match name.to_ascii_lowercase().as_str() {
            "" | "_self" => self.me.upgrade(),
            "_parent" => self.parent().or_else(|| self.me.upgrade()),
            "_top" => self.top(),
            "_blank" => None,
            _ => {
                let mut waiting: Vec<_> = self.top().into_iter().collect();
                waiting.extend(self.opener().and_then(|opener| opener.top()));
                while let Some(context) = waiting.pop() {
                    if context.name() == name && !context.is_closed() {
                        return Some(context);
                    }
                    waiting.extend(context.children());
                    waiting.extend(lock(&context.opened).iter().cloned());
                }
                None
            }
        }
    }

    /// A new top-level one, opened by this one.
    pub(super) fn open(&self, name: &str, noopener: bool) -> Option<Arc<BrowsingContext>> {
        let me = self.me.upgrade()?;
        let active = self.active()?;
        if active.sandbox().no_popups || lock(&self.opened).len() >= FRAMES {
            return None;
        }
        // <https://html.spec.whatwg.org/#the-rules-for-choosing-a-navigable>, step 8: one act of the user opens one.
        active.consume_user_activation();
        let name = if name.eq_ignore_ascii_case("_blank") { "" } else { name };
        let context = Self::new(None, None, name, self.maker.clone());
        if !noopener {
            *lock(&context.opener) = Arc::downgrade(&me);
            context.auxiliary.store(true, Ordering::Relaxed);
        }
        new_document::initial_document(&context, &active)?;
        lock(&self.opened).push(Arc::clone(&context));
        Some(context)
    }

    fn depth(&self) -> usize {
        let mut depth = 0;
        let mut parent = self.parent();
        while let Some(context) = parent {
            depth += 1;
            parent = context.parent();
        }
        depth
    }
}

const fn property(name: &'static str, get: bool, set: bool) -> CrossOriginProperty {
    CrossOriginProperty { name, get, set, members: &[] }
}

impl GlobalProxy for BrowsingContext {
    fn current(&self) -> Option<RealmId> {
        self.active().map(|window| window.realm_id())
    }

    fn is_accessible_from(&self, accessor: &dyn Realm) -> bool {
        let Ok(own) = crate::global_scope(accessor) else { return false };
        self.active().is_some_and(|window| window.scope().settings().origin == own.settings().origin)
    }

    fn cross_origin_properties(&self) -> &'static [CrossOriginProperty] {
        const LOCATION: &[CrossOriginProperty] =
            &[property("href", false, true), property("replace", true, false)];
        const ALL: &[CrossOriginProperty] = &[
            property("window", true, false),
            property("self", true, false),
            CrossOriginProperty { name: "location", get: true, set: true, members: LOCATION },
            property("close", true, false),
            property("closed", true, false),
            property("focus", true, false),
            property("blur", true, false),
            property("frames", true, false),
            property("length", true, false),
            property("top", true, false),
            property("opener", true, false),
            property("parent", true, false),
            property("postMessage", true, false),
        ];
        ALL
    }

    fn property_when_ended(&self, name: &str) -> Option<Value> {
        Some(match name {
            "closed" => Value::Boolean(true),
            "length" => Value::Number(0.0),
            "parent" | "top" | "opener" | "frameElement" => Value::Null,
            "window" | "self" | "frames" => self.proxy(),
            _ => return None,
        })
    }

    fn child_count(&self) -> u32 {
        u32::try_from(lock(&self.children).len()).unwrap_or(u32::MAX)
    }

    fn child(&self, index: u32) -> Option<Arc<dyn GlobalProxy>> {
        lock(&self.children).get(index as usize).map(|child| Arc::clone(child) as Arc<dyn GlobalProxy>)
    }

    fn named_child(&self, name: &str) -> Option<Arc<dyn GlobalProxy>> {
        let found = self.children().into_iter().find(|child| !name.is_empty() && child.name() == name)?;
        Some(found as Arc<dyn GlobalProxy>)
    }
}

fn slot(element: &Node) -> Option<&Mutex<Option<Arc<BrowsingContext>>>> {
    match &element.element()?.state {
        ElementState::Frame(context) => Some(context),
        _ => None,
    }
}

/// The browsing context of a frame element.
pub(super) fn of_frame(element: &Node) -> Option<Arc<BrowsingContext>> {
    slot(element).and_then(|slot| lock(slot).clone())
}

/// <https://html.spec.whatwg.org/#the-iframe-element:html-element-post-connection-steps>
pub(super) fn frame_inserted(realm: &dyn Realm, element: &NodeRef) {
    let Some(window) = super::elements::window_of(element) else { return };
    let parent = window.context();
    if of_frame(element).is_some() || parent.depth() >= DEPTH || lock(&parent.children).len() >= FRAMES {
        return;
    }
    let name = element.attr("name").unwrap_or_default();
    let context = BrowsingContext::new(Some(&parent), Some(element), &name, parent.maker.clone());
    update_sandbox(&context, element);
    if new_document::initial_document(&context, &window).is_none() {
        return;
    }
    if let Some(slot) = slot(element) {
        *lock(slot) = Some(Arc::clone(&context));
    }
    lock(&parent.children).push(context);
    process_attributes(realm, element, true);
}

fn update_sandbox(context: &Arc<BrowsingContext>, element: &NodeRef) {
    let above = context.parent().and_then(|parent| parent.active());
    let inherited = above.map(|above| above.sandbox()).unwrap_or_default();
    let own = element.attr("sandbox").map(|text| Sandbox::of_attribute(&text)).unwrap_or_default();
    *lock(&context.sandbox) = inherited.and(own);
}

/// <https://html.spec.whatwg.org/#the-iframe-element:html-element-removing-steps>
pub(super) fn frame_removed(realm: &dyn Realm, element: &NodeRef) {
    let Some(context) = slot(element).and_then(|slot| lock(slot).take()) else { return };
    if let Some(parent) = context.parent() {
        lock(&parent.children).retain(|child| !Arc::ptr_eq(child, &context));
    }
    new_document::unload(&context);
    context.close();
    context.release_container(realm);
}

/// <https://html.spec.whatwg.org/#process-the-iframe-attributes>
pub(super) fn process_attributes(realm: &dyn Realm, element: &NodeRef, initial: bool) {
    let (Some(context), Some(window)) = (of_frame(element), super::elements::window_of(element)) else {
        return;
    };
    update_sandbox(&context, element);
    let mut navigation = Navigation::from_window(&window);
    // A frame in a document that is still on its way has no place of its own to go back to.
    let is_loaded = |window: &WindowGlobal| loading::is_loaded(&window.document_node());
    if !context.active().is_some_and(|active| is_loaded(&active)) {
        navigation.handling = Handling::Replace;
    }
    navigation.referrer_policy = super::elements::referrer_policy_of(element);
    navigation.initiator_type = Some(if element.is_html("iframe") { "iframe" } else { "frame" });
    let Ok(blank) = Url::parse("about:blank") else { return };
    if let Some(text) = element.attr("srcdoc").filter(|_| element.is_html("iframe")) {
        navigation.srcdoc = Some(text);
        let url = Url::parse("about:srcdoc").unwrap_or(blank);
        context.delay_container();
        return navigate::navigate(realm, &context, url, navigation);
    }
    let url = match element.has_attr("src") {
        true => super::elements::url_attribute(element, "src").unwrap_or_else(|| blank.clone()),
        false => blank.clone(),
    };
    if initial && url.as_str() == "about:blank" {
        // The initial document is there already, and its load event is fired at once.
        fire(realm, element, "load");
        return;
    }
    if !element.has_attr("src") && !initial {
        return;
    }
    context.delay_container();
    navigate::navigate(realm, &context, url, navigation);
}
