//! <https://html.spec.whatwg.org/#the-document-object>

use std::sync::{Arc, Mutex, PoisonError};

use longhaul_idl::runtime::{Dictionary, DomString, Exception, ObjectRef, Realm, Value};
use longhaul_idl::{DocumentMethods, DocumentReadyState, DocumentVisibilityState, NodeMethods};

use super::{Location, WindowGlobal};

/// <https://dom.spec.whatwg.org/#document>; it has no tree.
pub(crate) struct Document {
    location: Arc<Location>,
    state: Mutex<State>,
}

struct State {
    title: String,
    ready_state: DocumentReadyState,
}

longhaul_idl::platform_object!(Document => longhaul_idl::document);

impl Document {
    pub(super) fn new(title: &str, location: Arc<Location>) -> Arc<Self> {
        let state = State { title: strip_and_collapse(title), ready_state: DocumentReadyState::Loading };
        Arc::new(Self { location, state: Mutex::new(state) })
    }

    /// <https://html.spec.whatwg.org/#update-the-current-document-readiness>
    fn update_readiness(
        self: &Arc<Self>,
        realm: &dyn Realm,
        readiness: DocumentReadyState,
    ) -> Result<(), Exception> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).ready_state = readiness;
        fire(realm, self, "readystatechange", Bubbles::No)
    }
}

/// <https://infra.spec.whatwg.org/#strip-and-collapse-ascii-whitespace>
fn strip_and_collapse(text: &str) -> String {
    text.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Bubbles {
    Yes,
    No,
}

fn fire(realm: &dyn Realm, document: &Arc<Document>, name: &str, bubbles: Bubbles) -> Result<(), Exception> {
    let init = Dictionary::new().with("bubbles", bubbles == Bubbles::Yes);
    let target = Value::Object(Arc::clone(document) as ObjectRef);
    realm.core(
        "fireEvent",
        vec![target, Value::String(name.into()), Value::String("Event".into()), Value::Dictionary(init)],
    )?;
    Ok(())
}

fn document_of(realm: &dyn Realm) -> Result<Arc<Document>, Exception> {
    let window = realm.global().downcast::<WindowGlobal>();
    window
        .map(|window| window.document_object())
        .ok_or_else(|| Exception::type_error("the realm has no document"))
}

/// Tells a page that its scripts have run: its readiness is `interactive`, then `DOMContentLoaded`.
///
/// <https://html.spec.whatwg.org/#the-end>, steps 3 to 6
///
/// # Errors
/// A `TypeError` if the realm is not a page's.
pub fn fire_dom_content_loaded(realm: &dyn Realm) -> Result<(), Exception> {
    let document = document_of(realm)?;
    document.update_readiness(realm, DocumentReadyState::Interactive)?;
    fire(realm, &document, "DOMContentLoaded", Bubbles::Yes)?;
    // 6.4. What service workers have sent may come from here on, whether or not a script has asked for it.
    crate::global_scope(realm)?.container(realm).enable_messages(realm)
}

/// Tells a page that it is loaded: its readiness is `complete`, then `load` and `pageshow`.
///
/// <https://html.spec.whatwg.org/#the-end>, steps 9 to 11
///
/// # Errors
/// A `TypeError` if the realm is not a page's.
pub fn fire_load(realm: &dyn Realm) -> Result<(), Exception> {
    let document = document_of(realm)?;
    document.update_readiness(realm, DocumentReadyState::Complete)?;
    realm.core("fireAtWindow", vec![Value::String("load".into()), Value::Object(document)])?;
    // FIXME: `pageshow`, which needs PageTransitionEvent.
    Ok(())
}

impl NodeMethods for Document {
    fn node_type(self: &Arc<Self>, _: &dyn Realm) -> Result<u16, Exception> {
        const DOCUMENT_NODE: u16 = 9;
        Ok(DOCUMENT_NODE)
    }

    fn node_name(self: &Arc<Self>, _: &dyn Realm) -> Result<DomString, Exception> {
        Ok("#document".into())
    }

    fn base_uri(self: &Arc<Self>, realm: &dyn Realm) -> Result<String, Exception> {
        Ok(crate::global_scope(realm)?.settings().api_base_url.to_string())
    }

    fn is_connected(self: &Arc<Self>, _: &dyn Realm) -> Result<bool, Exception> {
        Ok(true)
    }
}

impl DocumentMethods for Document {
    fn url(self: &Arc<Self>, _: &dyn Realm) -> Result<String, Exception> {
        Ok(self.location.url().to_string())
    }

    fn document_uri(self: &Arc<Self>, realm: &dyn Realm) -> Result<String, Exception> {
        self.url(realm)
    }

    fn character_set(self: &Arc<Self>, _: &dyn Realm) -> Result<DomString, Exception> {
        Ok("UTF-8".into())
    }

    fn charset(self: &Arc<Self>, realm: &dyn Realm) -> Result<DomString, Exception> {
        self.character_set(realm)
    }

    fn input_encoding(self: &Arc<Self>, realm: &dyn Realm) -> Result<DomString, Exception> {
        self.character_set(realm)
    }

    fn content_type(self: &Arc<Self>, _: &dyn Realm) -> Result<DomString, Exception> {
        Ok("text/html".into())
    }

    fn location(self: &Arc<Self>, _: &dyn Realm) -> Result<Option<ObjectRef>, Exception> {
        Ok(Some(Arc::clone(&self.location) as ObjectRef))
    }

    fn ready_state(self: &Arc<Self>, _: &dyn Realm) -> Result<DocumentReadyState, Exception> {
        Ok(self.state.lock().unwrap_or_else(PoisonError::into_inner).ready_state)
    }

    fn title(self: &Arc<Self>, _: &dyn Realm) -> Result<DomString, Exception> {
        Ok(self.state.lock().unwrap_or_else(PoisonError::into_inner).title.as_str().into())
    }

    fn set_title(self: &Arc<Self>, _: &dyn Realm, value: DomString) -> Result<(), Exception> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).title = strip_and_collapse(&value);
        Ok(())
    }

    fn default_view(self: &Arc<Self>, realm: &dyn Realm) -> Result<Option<ObjectRef>, Exception> {
        Ok(Some(realm.global()))
    }

    fn visibility_state(self: &Arc<Self>, _: &dyn Realm) -> Result<DocumentVisibilityState, Exception> {
        Ok(DocumentVisibilityState::Visible)
    }

    fn hidden(self: &Arc<Self>, _: &dyn Realm) -> Result<bool, Exception> {
        Ok(false)
    }

    fn current_script(self: &Arc<Self>, _: &dyn Realm) -> Result<Option<ObjectRef>, Exception> {
        Ok(None)
    }
}
