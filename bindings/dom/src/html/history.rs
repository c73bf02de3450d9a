//! <https://html.spec.whatwg.org/#the-history-interface>, the entries of one document.

use std::sync::{Arc, Mutex, Weak};

use longhaul_idl::runtime::{
    Dictionary, DomString, Exception, Held, InterfaceDescriptor, MemberId, PlatformObject, Realm, RealmId,
    TaskSource, Value,
};
use longhaul_idl::{HistoryMethods, ScrollRestoration};
use url::Url;

use super::WindowGlobal;
use crate::dom::node::lock;

/// How many entries there are at most; the oldest goes first.
const ENTRIES: usize = 100;

pub(crate) struct History {
    window: Weak<WindowGlobal>,
    realm: RealmId,
    state: Mutex<State>,
}

struct State {
    entries: Vec<(Option<Url>, Option<Held>)>,
    current: usize,
    restoration: ScrollRestoration,
}

impl PlatformObject for History {
    fn interface(&self) -> &'static InterfaceDescriptor {
        &longhaul_idl::history::DESCRIPTOR
    }

    fn invoke(
        self: Arc<Self>,
        realm: &dyn Realm,
        member: MemberId,
        args: Vec<Value>,
    ) -> Result<Value, Exception> {
        longhaul_idl::history::invoke(self, realm, member, args)
    }

    fn realm(&self) -> Option<RealmId> {
        Some(self.realm)
    }
}

impl History {
    pub(super) fn new(window: Weak<WindowGlobal>, realm: RealmId) -> Self {
        let state = State { entries: vec![(None, None)], current: 0, restoration: ScrollRestoration::Auto };
        Self { window, realm, state: Mutex::new(state) }
    }

    fn window(&self) -> Result<Arc<WindowGlobal>, Exception> {
        self.window.upgrade().ok_or_else(|| Exception::dom("SecurityError", "the document is gone"))
    }

    /// A further entry, or another in the place of the current one.
    pub(super) fn entry(&self, url: Url, held: Option<Held>, replace: bool) {
        let window_url = self.window.upgrade().map(|window| window.url());
        let mut state = lock(&self.state);
        let current = state.current;
        if state.entries[current].0.is_none() {
            state.entries[current].0 = window_url;
        }
        let gone = if replace {
            vec![std::mem::replace(&mut state.entries[current], (Some(url), held))]
        } else {
            let mut gone = state.entries.split_off(current + 1);
            state.entries.push((Some(url), held));
            if state.entries.len() > ENTRIES {
                gone.push(state.entries.remove(0));
            }
            state.current = state.entries.len() - 1;
            gone
        };
        drop(state);
        drop(gone);
    }

    /// <https://html.spec.whatwg.org/#shared-history-push/replace-state-steps>
    fn update(
        &self,
        realm: &dyn Realm,
        data: Value,
        url: Option<Option<String>>,
        replace: bool,
    ) -> Result<(), Exception> {
        let window = self.window()?;
        let held = self.stored(realm, data)?;
        let document = window.document_node();
        let Some(of_document) = document.document_data() else { return Ok(()) };
        let mut new = of_document.url();
        if let Some(url) = url.flatten() {
            let refused =
                || Exception::dom("SecurityError", "the URL is not one that this document may have");
            new = of_document.parse_url(&document, &url).ok_or_else(refused)?;
            let old = of_document.url();
            let same = new.scheme() == old.scheme()
                && new.username() == old.username()
                && new.password() == old.password()
                && new.host() == old.host()
                && new.port() == old.port();
            let is_http = matches!(new.scheme(), "http" | "https");
            if !same || !is_http && new.path() != old.path() {
                return Err(refused());
            }
        }
        self.entry(new.clone(), held, replace);
        of_document.set_url(new.clone());
        window.url_changed(&new);
        Ok(())
    }

    /// A state as it is kept.
    fn stored(&self, realm: &dyn Realm, data: Value) -> Result<Option<Held>, Exception> {
        match data {
            Value::Null | Value::Undefined => Ok(None),
            data => {
                // FIXME: states are cloned as JSON clones them, not as structured clones.
                let data = match data {
                    Value::Held(held) => match realm.core("cloneState", vec![Value::Held(held)])? {
                        Value::Undefined => {
                            return Err(Exception::dom("DataCloneError", "the state cannot be cloned"));
                        }
                        data => data,
                    },
                    data => data,
                };
                realm.hold(data).map(Some)
            }
        }
    }

    fn traverse(&self, delta: i32) -> Result<(), Exception> {
        let window = self.window()?;
        let Some(agent) = window.agent() else { return Ok(()) };
        let go = move |realm: &dyn Realm| {
            let told = (|| -> Result<(), Exception> {
                let (url, held) = {
                    let mut state = lock(&window.history_object().state);
                    let target = i64::try_from(state.current).unwrap_or(0) + i64::from(delta);
                    let Some(target) = usize::try_from(target).ok().filter(|at| *at < state.entries.len())
                    else {
                        return Ok(());
                    };
                    state.current = target;
                    state.entries[target].clone()
                };
                let old = window.url();
                let new = url.unwrap_or_else(|| old.clone());
                if let Some(data) = window.document_node().document_data() {
                    data.set_url(new.clone());
                }
                window.url_changed(&new);
                let init = Dictionary::new().with("state", held.map_or(Value::Null, Value::Held));
                let fire = |name: &str, kind: &str, init: Dictionary| {
                    let args = vec![
                        Value::Object(realm.global()),
                        Value::String(name.into()),
                        Value::String(kind.into()),
                        Value::Dictionary(init),
                    ];
                    realm.core("fireEvent", args).map(drop)
                };
                fire("popstate", "PopStateEvent", init)?;
                if old != new
                    && super::navigate::without_fragment(&old) == super::navigate::without_fragment(&new)
                {
                    let init =
                        Dictionary::new().with("oldURL", old.to_string()).with("newURL", new.to_string());
                    fire("hashchange", "HashChangeEvent", init)?;
                }
                Ok(())
            })();
            if let Err(exception) = told {
                realm.report_exception(exception);
            }
        };
        agent.queue_task(TaskSource::Navigation, self.realm, Box::new(go));
        Ok(())
    }
}

impl HistoryMethods for History {
    fn length(self: &Arc<Self>, _: &dyn Realm) -> Result<u32, Exception> {
        self.window()?;
        Ok(u32::try_from(lock(&self.state).entries.len()).unwrap_or(u32::MAX))
    }

    fn scroll_restoration(self: &Arc<Self>, _: &dyn Realm) -> Result<ScrollRestoration, Exception> {
        Ok(lock(&self.state).restoration)
    }

    fn set_scroll_restoration(
        self: &Arc<Self>,
        _: &dyn Realm,
        value: ScrollRestoration,
    ) -> Result<(), Exception> {
        lock(&self.state).restoration = value;
        Ok(())
    }

    fn state(self: &Arc<Self>, _: &dyn Realm) -> Result<Value, Exception> {
        let state = lock(&self.state);
        Ok(state.entries[state.current].1.clone().map_or(Value::Null, Value::Held))
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
