//! <https://html.spec.whatwg.org/#loading-a-document>

use std::sync::Arc;

use longhaul_idl::DocumentReadyState;
use longhaul_idl::runtime::{Exception, Realm, Task, TaskSource};

use super::link_headers::process_link_headers;
use super::loaded_document::LoadedDocument;
use super::{WindowGlobal, loading, parser, refresh};
use crate::dom::node::{Node, NodeRef, lock};

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
pub(super) fn begin(realm: &dyn Realm, window: &Arc<WindowGlobal>, loaded: LoadedDocument) {
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
