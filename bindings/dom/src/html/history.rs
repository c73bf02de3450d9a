//! <https://html.spec.whatwg.org/#the-history-interface>

use std::sync::{Arc, Mutex, Weak};

use longhaul_idl::runtime::{Dictionary, DomString, Exception, Held, Realm, RealmId, TaskSource, Value};
use longhaul_idl::{HistoryMethods, ScrollRestoration};

use super::WindowGlobal;
use super::browsing_context::BrowsingContext;
use super::navigate::{self, Handling, Navigation};
use super::session_history::{Entry, next_version};
use crate::dom::node::lock;
use crate::structured_clone::{self, SerializedMessage};

pub(crate) struct History {
    window: Weak<WindowGlobal>,
    realm: RealmId,
    /// The state that scripts were shown last, and which one it is.
    state: Mutex<Option<(u64, Held)>>,
    restoration: Mutex<ScrollRestoration>,
}

longhaul_idl::platform_object!(History => longhaul_idl::history, realm |history| history.realm);

/// What a page may go to without another document.
///
/// <https://html.spec.whatwg.org/#can-have-its-url-rewritten>
fn may_be_rewritten(old: &url::Url, new: &url::Url) -> bool {
    let same = new.scheme() == old.scheme()
        && new.username() == old.username()
        && new.password() == old.password()
        && new.host() == old.host()
        && new.port() == old.port();
    same && match new.scheme() {
        "http" | "https" => true,
        "file" => new.path() == old.path(),
        _ => new.path() == old.path() && new.query() == old.query(),
    }
}

impl History {
    pub(super) fn new(window: Weak<WindowGlobal>, realm: RealmId) -> Self {
        Self { window, realm, state: Mutex::default(), restoration: Mutex::new(ScrollRestoration::Auto) }
    }

    /// The window, while its document is the one that is shown.
    fn window(&self) -> Result<Arc<WindowGlobal>, Exception> {
        let window = self.window.upgrade().filter(|window| {
            !window.context().is_closed()
                && window.context().active().is_some_and(|active| Arc::ptr_eq(&active, window))
        });
        window.ok_or_else(|| Exception::dom("SecurityError", "the document is not shown any more"))
    }

    /// <https://html.spec.whatwg.org/#shared-history-push/replace-state-steps>
    fn update(
        &self,
        realm: &dyn Realm,
        data: Value,
        url: Option<Option<String>>,
        replace: bool,
    ) -> Result<(), Exception> {
        // 1.–2. A document that is shown.
        let window = self.window()?;
        // 3. The state, as a clone.
        let state = structured_clone::serialize(realm, data, Vec::new())?;
        // 4.–5. The URL.
        let document = window.document_node();
        let Some(of_document) = document.document_data() else { return Ok(()) };
        let mut new = of_document.url();
        if let Some(url) = url.flatten().filter(|url| !url.is_empty()) {
            let refused =
                || Exception::dom("SecurityError", "the URL is not one that this document may have");
            new = of_document.parse_url(&document, &url).ok_or_else(refused)?;
            if !may_be_rewritten(&of_document.url(), &new) {
                return Err(refused());
            }
        }
        // 6.–8. The entry.
        window.history_entry(&new, Some(state), replace);
        of_document.set_url(new.clone());
        window.url_changed(&new);
        Ok(())
    }

    /// <https://html.spec.whatwg.org/#delta-traverse>
    fn traverse(&self, delta: i32) -> Result<(), Exception> {
        let window = self.window()?;
        let (Some(agent), Some(top)) = (window.agent(), window.context().top()) else { return Ok(()) };
        let go = move |realm: &dyn Realm| {
            for (context, entry) in top.traverse(delta) {
                show(realm, &context, &entry);
            }
        };
        agent.queue_task(TaskSource::Navigation, self.realm, Box::new(go));
        Ok(())
    }
}

/// <https://html.spec.whatwg.org/#apply-the-history-step>, of one browsing context.
fn show(realm: &dyn Realm, context: &Arc<BrowsingContext>, entry: &Arc<Entry>) {
    let Some(window) = context.active() else { return };
    let place = entry.place();
    if place.document != window.realm_id() {
        let mut navigation = Navigation::from_window(&window);
        navigation.handling = Handling::Traverse(Arc::clone(entry));
        navigation.srcdoc = place.text;
        navigate::navigate(realm, context, place.url, navigation);
        return;
    }
    context.set_entry(Arc::clone(entry));
    let Some(agent) = window.agent() else { return };
    let shown = move |realm: &dyn Realm| {
        if let Err(exception) = update_document(realm, &window) {
            realm.report_exception(exception);
        }
    };
    agent.queue_task(TaskSource::Navigation, place.document, Box::new(shown));
}

/// <https://html.spec.whatwg.org/#update-document-for-history-step-application>
fn update_document(realm: &dyn Realm, window: &Arc<WindowGlobal>) -> Result<(), Exception> {
    let place = window.context().entry().place();
    let old = window.url();
    if let Some(data) = window.document_node().document_data() {
        data.set_url(place.url.clone());
    }
    window.url_changed(&place.url);
    let state = window.history_object().current_state(realm)?;
    let fire = |name: &str, kind: &str, init: Dictionary| {
        let args = vec![
            Value::Object(realm.global()),
            Value::String(name.into()),
            Value::String(kind.into()),
            Value::Dictionary(init),
        ];
        realm.core("fireEvent", args).map(drop)
    };
    fire("popstate", "PopStateEvent", Dictionary::new().with("state", state))?;
    if old.fragment() != place.url.fragment() {
        let init = Dictionary::new().with("oldURL", old.to_string()).with("newURL", place.url.to_string());
        fire("hashchange", "HashChangeEvent", init)?;
    }
    Ok(())
}

impl History {
    /// The state of the entry that is shown; the same object as long as it is the same state.
    fn current_state(&self, realm: &dyn Realm) -> Result<Value, Exception> {
        let place = self.window()?.context().entry().place();
        let Some(message): Option<SerializedMessage> = place.state else { return Ok(Value::Null) };
        if let Some((version, held)) = &*lock(&self.state)
            && *version == place.version
        {
            return Ok(Value::Held(held.clone()));
        }
        let held = realm.hold(message.deserialize(realm)?)?;
        let before = lock(&self.state).replace((place.version, held.clone()));
        drop(before);
        Ok(Value::Held(held))
    }
}

impl HistoryMethods for History {
    fn length(self: &Arc<Self>, _: &dyn Realm) -> Result<u32, Exception> {
        let length = self.window()?.context().top().map_or(1, |top| top.history_length());
        Ok(u32::try_from(length).unwrap_or(u32::MAX))
    }

    fn scroll_restoration(self: &Arc<Self>, _: &dyn Realm) -> Result<ScrollRestoration, Exception> {
        self.window()?;
        Ok(*lock(&self.restoration))
    }

    fn set_scroll_restoration(
        self: &Arc<Self>,
        _: &dyn Realm,
        value: ScrollRestoration,
    ) -> Result<(), Exception> {
        self.window()?;
        *lock(&self.restoration) = value;
        Ok(())
    }

    fn state(self: &Arc<Self>, realm: &dyn Realm) -> Result<Value, Exception> {
        self.current_state(realm)
    }

    fn go(self: &Arc<Self>, realm: &dyn Realm, delta: i32) -> Result<(), Exception> {
        match delta {
            0 => longhaul_idl::LocationMethods::reload(&self.window()?.own_location(), realm),
            delta => self.traverse(delta),
        }
    }

    fn back(self: &Arc<Self>, _: &dyn Realm) -> Result<(), Exception> {
        self.traverse(-1)
    }

    fn forward(self: &Arc<Self>, _: &dyn Realm) -> Result<(), Exception> {
        self.traverse(1)
    }

    fn push_state(
        self: &Arc<Self>,
        realm: &dyn Realm,
        data: Value,
        _: DomString,
        url: Option<String>,
    ) -> Result<(), Exception> {
        self.update(realm, data, Some(url), false)
    }

    fn replace_state(
        self: &Arc<Self>,
        realm: &dyn Realm,
        data: Value,
        _: DomString,
        url: Option<String>,
    ) -> Result<(), Exception> {
        self.update(realm, data, Some(url), true)
    }
}

impl WindowGlobal {
    /// <https://html.spec.whatwg.org/#url-and-history-update-steps>: a further entry of this document, or another in the place of
    /// the current one.
    pub(super) fn history_entry(&self, url: &url::Url, state: Option<SerializedMessage>, replace: bool) {
        let context = self.context();
        let current = context.entry();
        // NOTE: before its load event is over, a document has no further entries of its own either in the initial `about:blank`.
        if replace || self.is_initial() {
            current.change(|place| {
                place.url = url.clone();
                place.state = state;
                place.version = next_version();
            });
            return;
        }
        let mut place = current.place();
        place.url = url.clone();
        place.state = state;
        place.version = next_version();
        context.push_entry(Entry::new(place));
    }
}
