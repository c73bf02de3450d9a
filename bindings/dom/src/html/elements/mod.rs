//! What HTML's elements do where they are put, taken away or changed, and the members that are theirs alone.

mod embedded;
mod form_controls;
mod image;
mod link;
mod media;
mod members;
mod source_set;
mod svg_image;

pub(crate) use form_controls::form_owner;
pub(super) use form_controls::{
    control_value, is_checkable, is_checked, reset_control, selected_options, set_checked,
};
pub(crate) use image::update_image;

use std::sync::{Arc, Mutex};

use html5ever::{LocalName, QualName, ns};
use longhaul::fetch::{Destination, InlineContent, ReferrerPolicy};
use longhaul_idl::runtime::{DomString, Exception, ObjectRef, Realm, Value};

use super::browsing_context::{self, BrowsingContext};
use super::element_fetch::{self, Generation, Success};
use super::script_element::{self, ScriptState};
use super::{WindowGlobal, content_security_policy};
use crate::dom::TokenList;
use crate::dom::node::{Node, NodeRef, object};
use embedded::update_plugin;
use form_controls::ControlState;
use image::{ImageState, Mutation, picture_changed, queue_image_update};
pub(super) use link::preload_destination;
use link::update_link;
use media::{fetch_poster, update_media, update_track};
pub(super) use source_set::select_a_preload_source;
use svg_image::{is_name_of_svg_image, is_svg_image, update_svg_image};

/// What HTML keeps for an element.
pub(crate) enum ElementState {
    None,
    Script(ScriptState),
    /// The browsing context in it.
    Frame(Mutex<Option<Arc<BrowsingContext>>>),
    Image(ImageState),
    Fetches(Generation),
    Control(ControlState),
}

impl ElementState {
    pub(crate) fn new(name: &QualName) -> Self {
        if is_name_of_svg_image(name) {
            return Self::Fetches(Generation::default());
        }
        if name.ns != ns!(html) {
            return Self::None;
        }
        match &*name.local {
            "script" => Self::Script(ScriptState::default()),
            "iframe" | "frame" => Self::Frame(Mutex::default()),
            "img" => Self::Image(ImageState::default()),
            "link" | "video" | "audio" | "source" | "track" | "embed" | "object" | "style" => {
                Self::Fetches(Generation::default())
            }
            "input" | "textarea" | "select" | "option" => Self::Control(ControlState::default()),
            _ => Self::None,
        }
    }
}

/// Whether HTML does something when the node is put into a document or taken out.
pub(crate) fn minds_its_place(node: &Node) -> bool {
    // A nonce is hidden.
    let has_nonce = || node.element().is_some() && node.has_attr("nonce");
    let is_of_html = node.html_name().is_some_and(|name| {
        matches!(
            &**name,
            "script"
                | "iframe"
                | "frame"
                | "img"
                | "link"
                | "style"
                | "base"
                | "meta"
                | "video"
                | "audio"
                | "source"
                | "track"
                | "embed"
                | "object"
                | "input"
        )
    });
    is_of_html || is_svg_image(node) || has_nonce()
}

pub(crate) fn window_of(element: &NodeRef) -> Option<Arc<WindowGlobal>> {
    element.document()?.document_data()?.window()
}

/// A parser has put the node into the tree.
pub(super) fn parsed(realm: &dyn Realm, node: &NodeRef) -> Result<(), Exception> {
    let handlers: Vec<(String, DomString)> = node
        .attribute_list()
        .iter()
        .filter_map(|attribute| {
            let name = crate::dom::element::name_of(attribute)?;
            let is_handler = name.ns.is_empty() && name.local.starts_with("on");
            is_handler.then(|| (name.local.to_string(), node.attr_dom(&name.local).unwrap_or_default()))
        })
        .collect();
    for (name, text) in handlers {
        set_handler(realm, node, &name, Some(&text))?;
    }
    if let Some(nonce) = node.attr_dom("nonce") {
        node.set_nonce_slot(Some(nonce));
    }
    if let Some(style) = node.attr("style") {
        content_security_policy::is_style_allowed(realm, node, Some(&style));
    }
    if !minds_its_place(node) || !node.is_connected_node() {
        return Ok(());
    }
    queue_image_update(realm, node, Mutation::Own)?;
    inserted(realm, node)?;
    if !node.is_html("script") {
        connected(realm, node)?;
    }
    Ok(())
}

/// The insertion steps: nothing here runs script.
pub(crate) fn inserted(realm: &dyn Realm, node: &NodeRef) -> Result<(), Exception> {
    let Some(window) = window_of(node) else { return Ok(()) };
    content_security_policy::hide_nonce(realm, node)?;
    if node.is_html("video") {
        fetch_poster(realm, node);
    }
    match node.html_name().map(|name| &**name) {
        Some("base") => window.base_changed(),
        Some("meta") => window.meta_inserted(realm, node)?,
        Some("link") => update_link(realm, node),
        Some("video" | "audio") if !element_fetch::has_started(node) => update_media(realm, node),
        Some("img") => picture_changed_around(realm, node)?,
        Some("source") => {
            picture_changed_around(realm, node)?;
            if let Some(parent) =
                node.parent().filter(|parent| parent.is_html("video") || parent.is_html("audio"))
                && !parent.has_attr("src")
                && !element_fetch::has_started(&parent)
            {
                update_media(realm, &parent);
            }
        }
        Some("track") => update_track(realm, node),
        Some("embed") => update_plugin(realm, node, "src", Destination::Embed),
        Some("object") => update_plugin(realm, node, "data", Destination::Object),
        Some("input") => update_image_button(realm, node),
        None if is_svg_image(node) => update_svg_image(realm, node),
        _ => {}
    }
    Ok(())
}

/// One of a `picture`'s children came or says something else.
fn picture_changed_around(realm: &dyn Realm, child: &NodeRef) -> Result<(), Exception> {
    match child.parent().filter(|parent| parent.is_html("picture")) {
        Some(picture) => picture_changed(realm, &picture),
        None => Ok(()),
    }
}

/// <https://html.spec.whatwg.org/#image-button-state-(type=image)>
fn update_image_button(realm: &dyn Realm, element: &NodeRef) {
    if element.attr("type").is_some_and(|kind| kind.eq_ignore_ascii_case("image")) {
        fetch_simple(realm, element, "src", Destination::Image, "input", Success::Image);
    }
}

/// The steps that may run script, once everything is in place.
pub(crate) fn connected(realm: &dyn Realm, node: &NodeRef) -> Result<(), Exception> {
    match node.html_name().map(|name| &**name) {
        Some("script") => script_element::changed_by_script(realm, node),
        Some("iframe" | "frame") => browsing_context::frame_inserted(realm, node),
        Some("style") if content_security_policy::is_style_allowed(realm, node, None) => {
            element_fetch::fire_later(realm, node, "load");
        }
        _ => {}
    }
    Ok(())
}

/// The removing steps.
pub(crate) fn removed(realm: &dyn Realm, node: &NodeRef) -> Result<(), Exception> {
    match node.html_name().map(|name| &**name) {
        Some("iframe" | "frame") => browsing_context::frame_removed(realm, node),
        Some("base") => {
            if let Some(window) = window_of(node) {
                window.base_changed();
            }
        }
        _ => {}
    }
    Ok(())
}

/// <https://dom.spec.whatwg.org/#concept-node-children-changed-ext>
pub(crate) fn children_changed(realm: &dyn Realm, parent: &NodeRef) -> Result<(), Exception> {
    if parent.is_html("script") && parent.is_connected_node() {
        script_element::changed_by_script(realm, parent);
    }
    if parent.is_html("picture") && !parent.is_connected_node() {
        picture_changed(realm, parent)?;
    }
    Ok(())
}

pub(crate) fn cloned(from: &NodeRef, to: &NodeRef) {
    to.set_nonce_slot(from.nonce_slot());
    script_element::cloned(from, to);
    form_controls::cloned(from, to);
}

/// <https://html.spec.whatwg.org/#event-handler-content-attributes>
fn set_handler(
    realm: &dyn Realm,
    node: &NodeRef,
    name: &str,
    text: Option<&DomString>,
) -> Result<(), Exception> {
    let Some(window) = window_of(node) else { return Ok(()) };
    let allowed = |text: &DomString| {
        let content = InlineContent::ScriptAttribute;
        content_security_policy::allows_inline(realm, &window, Some(node), content, text)
    };
    if text.is_some_and(|text| !allowed(text)) {
        return Ok(());
    }
    let target = Value::Object(object(Arc::clone(node)));
    let text = text.map_or(Value::Null, |text| Value::String(text.clone()));
    let file =
        node.document().and_then(|document| document.document_data().map(|data| data.url().to_string()));
    let args = vec![
        target,
        Value::String(name.into()),
        text,
        Value::Object(object(Arc::clone(node))),
        Value::String(file.unwrap_or_default().into()),
    ];
    realm.core("setHandlerText", args).map(drop)
}

/// <https://dom.spec.whatwg.org/#concept-element-attributes-change-ext>
pub(crate) fn attribute_changed(
    realm: &dyn Realm,
    element: &NodeRef,
    name: &LocalName,
    old: Option<&DomString>,
    new: Option<&DomString>,
) -> Result<(), Exception> {
    if name.starts_with("on") {
        return set_handler(realm, element, name, new);
    }
    match (&**name, new) {
        ("nonce", _) => element.set_nonce_slot(new.cloned()),
        ("style", Some(style)) if !crate::dom::is_style_written() => {
            content_security_policy::is_style_allowed(realm, element, Some(style));
        }
        _ => {}
    }
    if is_svg_image(element) && matches!(&**name, "href" | "crossorigin") && element.is_connected_node() {
        update_svg_image(realm, element);
    }
    let Some(kind) = element.html_name().map(|name| (**name).to_owned()) else { return Ok(()) };
    let is_connected = || element.is_connected_node();
    match (kind.as_str(), &**name) {
        ("script", "src") if old.is_none() && new.is_some() && is_connected() => {
            script_element::changed_by_script(realm, element);
        }
        ("script", "async") if new.is_some() => script_element::async_was_set(element),
        ("img", "src") => queue_image_update(realm, element, Mutation::Own)?,
        ("img", "srcset" | "sizes" | "crossorigin" | "referrerpolicy") if old != new => {
            queue_image_update(realm, element, Mutation::Own)?;
        }
        ("source", "srcset" | "sizes" | "media" | "type") if old != new => {
            picture_changed_around(realm, element)?;
        }
        ("input", "src" | "type") if old != new && is_connected() => update_image_button(realm, element),
        ("link", "href" | "rel" | "as" | "crossorigin" | "media" | "imagesrcset" | "type")
            if old != new && is_connected() =>
        {
            update_link(realm, element);
        }
        ("video" | "audio", "src") if new.is_some() => update_media(realm, element),
        ("video", "poster") if new.is_some() => {
            fetch_poster(realm, element);
        }
        ("source", "src") if is_connected() => inserted(realm, element)?,
        ("track", "src") => update_track(realm, element),
        ("embed", "src") if is_connected() => update_plugin(realm, element, "src", Destination::Embed),
        ("object", "data") if is_connected() => update_plugin(realm, element, "data", Destination::Object),
        ("iframe" | "frame", "src" | "srcdoc")
            if is_connected() && (&**name == "srcdoc" || !element.has_attr("srcdoc")) =>
        {
            browsing_context::process_attributes(realm, element, false);
        }
        ("iframe" | "frame", "name") => {
            if let Some(context) = browsing_context::of_frame(element) {
                context.set_name(new.map_or("", |name| name));
            }
        }
        ("base", "href") => {
            if let Some(window) = window_of(element) {
                window.base_changed();
            }
        }
        _ => {}
    }
    Ok(())
}

/// The element's URL attribute, parsed.
pub(super) fn url_attribute(element: &NodeRef, name: &str) -> Option<::url::Url> {
    let value = element.attr(name).filter(|value| !value.is_empty())?;
    let document = element.document()?;
    document.document_data()?.parse_url(&document, &value)
}

/// A fetch of what an attribute names, with `load` or `error` at the element.
fn fetch_simple(
    realm: &dyn Realm,
    element: &NodeRef,
    attribute: &str,
    destination: Destination,
    initiator: &str,
    success: Success,
) {
    let Some(window) = window_of(element) else { return };
    let Some(url) = url_attribute(element, attribute) else {
        if element.has_attr(attribute) {
            element_fetch::fire_later(realm, element, "error");
        }
        return;
    };
    let mut request = element_fetch::potential_cors_request(&window, element, url, destination, false);
    request.initiator_type = Some(initiator.to_owned());
    element_fetch::start(realm, &window, element, request, success, true);
}

pub(super) fn referrer_policy_of(element: &NodeRef) -> Option<ReferrerPolicy> {
    ReferrerPolicy::from_keyword(&element.attr("referrerpolicy")?.to_ascii_lowercase())
}

fn tokens(element: &Arc<Node>, attribute: &'static str, supported: &'static [&'static str]) -> ObjectRef {
    let supported = (!supported.is_empty()).then_some(supported);
    Arc::new(TokenList { element: Arc::clone(element), attribute, supported })
}
