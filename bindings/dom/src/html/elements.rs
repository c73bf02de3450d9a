//! What HTML's elements do where they are put, taken away or changed, and the members that are theirs alone.

use std::sync::{Arc, Mutex};

use html5ever::LocalName;
use longhaul::fetch::{Destination, Initiator, InlineContent, NoCorsMediaRequestState, ReferrerPolicy};
use longhaul_idl::runtime::{DomString, Exception, ObjectRef, Realm, Value};
use longhaul_idl::*;

use super::WindowGlobal;
use super::browsing_context::{self, BrowsingContext};
use super::content_security_policy;
use super::element_fetch::{self, Generation, Success};
use super::focus;
use super::script_element::{self, ScriptState};
use crate::dom::node::{Node, NodeRef, lock, object, objects};
use crate::dom::{Dataset, InlineStyle, TokenList};

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

/// A form control's value and checkedness, once they differ from what the attributes say.
#[derive(Default)]
pub(crate) struct ControlState {
    values: Mutex<(Option<DomString>, Option<bool>)>,
    /// An image button fetches.
    pub(super) generation: Generation,
}

/// <https://html.spec.whatwg.org/#image-request>
#[derive(Default)]
pub(crate) struct ImageState {
    pub(super) generation: Generation,
    request: Mutex<ImageRequest>,
}

#[derive(Default)]
struct ImageRequest {
    pending: bool,
    current_source: String,
    dimensions: Option<(u32, u32)>,
}

impl ImageState {
    fn begun(&self, source: &str) {
        *lock(&self.request) =
            ImageRequest { pending: true, current_source: source.to_owned(), dimensions: None };
    }

    pub(super) fn finished(&self, dimensions: Option<(u32, u32)>, _: Option<String>) {
        let mut request = lock(&self.request);
        request.pending = false;
        request.dimensions = dimensions;
    }

    fn cleared(&self) {
        *lock(&self.request) = ImageRequest::default();
    }
}

impl ElementState {
    pub(crate) fn new(local_name: &str) -> Self {
        match local_name {
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
    is_of_html || has_nonce()
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
    if let ElementState::Image(_) = node.element().map_or(&ElementState::None, |element| &element.state) {
        update_image(realm, node);
    }
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
        Some("source") => {
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
        Some("input") if node.attr("type").is_some_and(|kind| kind.eq_ignore_ascii_case("image")) => {
            fetch_simple(realm, node, "src", Destination::Image, "input", Success::Image);
        }
        _ => {}
    }
    Ok(())
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
    Ok(())
}

pub(crate) fn cloned(from: &NodeRef, to: &NodeRef) {
    to.set_nonce_slot(from.nonce_slot());
    script_element::cloned(from, to);
    if let (Some(ElementState::Control(from)), Some(ElementState::Control(to))) =
        (from.element().map(|element| &element.state), to.element().map(|element| &element.state))
    {
        let state = lock(&from.values).clone();
        *lock(&to.values) = state;
    }
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
    let Some(kind) = element.html_name().map(|name| (**name).to_owned()) else { return Ok(()) };
    let is_connected = || element.is_connected_node();
    match (kind.as_str(), &**name) {
        ("script", "src") if old.is_none() && new.is_some() && is_connected() => {
            script_element::changed_by_script(realm, element);
        }
        ("script", "async") if new.is_some() => script_element::async_was_set(element),
        ("img", "src" | "srcset") => update_image(realm, element),
        ("img", "crossorigin" | "referrerpolicy") if old != new => update_image(realm, element),
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

/// <https://html.spec.whatwg.org/#poster-frame>
fn fetch_poster(realm: &dyn Realm, element: &NodeRef) {
    let (Some(window), Some(url)) = (window_of(element), url_attribute(element, "poster")) else { return };
    let mut request = element_fetch::potential_cors_request(&window, element, url, Destination::Image, false);
    request.initiator_type = Some("video".to_owned());
    element_fetch::start_untold(realm, &window, element, request);
}

/// <https://html.spec.whatwg.org/#update-the-image-data>; of a `srcset` the first candidate counts.
fn update_image(realm: &dyn Realm, element: &NodeRef) {
    let Some(ElementState::Image(image)) = element.element().map(|element| &element.state) else { return };
    let Some(window) = window_of(element) else { return };
    let from_set = element.attr("srcset").filter(|set| !set.trim().is_empty());
    let source = match from_set {
        Some(set) => set.split_ascii_whitespace().next().map(|url| url.trim_end_matches(',').to_owned()),
        None => element.attr("src"),
    };
    let Some(source) = source else {
        element_fetch::supersede(element);
        image.cleared();
        return;
    };
    let document = element.document();
    let url = document
        .as_ref()
        .filter(|_| !source.is_empty())
        .and_then(|document| document.document_data().and_then(|data| data.parse_url(document, &source)));
    image.begun(url.as_ref().map_or(&*source, ::url::Url::as_str));
    let Some(url) = url else {
        element_fetch::supersede(element);
        image.finished(None, None);
        element_fetch::fire_later(realm, element, "error");
        return;
    };
    let mut request = element_fetch::potential_cors_request(&window, element, url, Destination::Image, false);
    request.initiator_type = Some("img".to_owned());
    if element.attr("srcset").is_some() {
        request.initiator = Initiator::ImageSet;
    }
    element_fetch::start(realm, &window, element, request, Success::Image, true);
}

/// <https://html.spec.whatwg.org/#fetch-and-process-the-linked-resource>
fn update_link(realm: &dyn Realm, element: &NodeRef) {
    let Some(window) = window_of(element) else { return };
    if !element.is_connected_node() {
        return;
    }
    let rel = element.attr("rel").unwrap_or_default().to_ascii_lowercase();
    let kinds: Vec<&str> = rel.split_ascii_whitespace().collect();
    let has = |kind: &str| kinds.contains(&kind);
    let Some(url) = url_attribute(element, "href") else { return };
    let (destination, cors, success, delays) = if has("stylesheet") && !has("alternate") {
        let kind = element.attr("type").unwrap_or_default();
        if !kind.is_empty() && !kind.trim().eq_ignore_ascii_case("text/css") {
            return;
        }
        (Destination::Style, false, Success::OkStatus, true)
    } else if has("modulepreload") {
        (destination_of(element.attr("as")).unwrap_or(Destination::Script), true, Success::OkStatus, true)
    } else if has("preload") {
        let Some(destination) = destination_of(element.attr("as")) else { return };
        let cors = destination == Destination::Font;
        (destination, cors, Success::Any, true)
    } else if has("prefetch") {
        (Destination::None, false, Success::Any, false)
    } else if has("icon") {
        (Destination::Image, false, Success::Any, false)
    } else if has("manifest") {
        (Destination::Manifest, true, Success::Any, false)
    } else {
        return;
    };
    let mut request = element_fetch::potential_cors_request(&window, element, url, destination, cors);
    request.initiator_type = Some("link".to_owned());
    if has("prefetch") && !has("stylesheet") && !has("preload") {
        request.initiator = Initiator::Prefetch;
        request.header_list.append("Sec-Purpose", "prefetch");
    }
    if let Some(integrity) = element.attr("integrity") {
        request.integrity_metadata = integrity;
    }
    element_fetch::start(realm, &window, element, request, success, delays);
}

/// <https://html.spec.whatwg.org/#translate-a-preload-destination>
fn destination_of(word: Option<String>) -> Option<Destination> {
    Some(match word.unwrap_or_default().to_ascii_lowercase().as_str() {
        "fetch" => Destination::None,
        "font" => Destination::Font,
        "image" => Destination::Image,
        "json" => Destination::Json,
        "script" => Destination::Script,
        "style" => Destination::Style,
        "track" => Destination::Track,
        "audio" => Destination::Audio,
        "video" => Destination::Video,
        "worker" => Destination::Worker,
        "sharedworker" => Destination::SharedWorker,
        "serviceworker" => Destination::ServiceWorker,
        _ => return None,
    })
}

/// <https://html.spec.whatwg.org/#concept-media-load-resource>: a fetch from the first byte on; nothing is played.
fn update_media(realm: &dyn Realm, element: &NodeRef) {
    let Some(window) = window_of(element) else { return };
    if element.attr("preload").is_some_and(|preload| preload.eq_ignore_ascii_case("none")) {
        return;
    }
    let url = match element.has_attr("src") {
        true => url_attribute(element, "src"),
        false => {
            let source = element.child_elements().into_iter().find(|child| child.is_html("source"));
            let Some(source) = source else { return };
            url_attribute(&source, "src")
        }
    };
    let Some(url) = url else {
        element_fetch::fire_later(realm, element, "error");
        return;
    };
    let (destination, initiator) =
        if element.is_html("audio") { (Destination::Audio, "audio") } else { (Destination::Video, "video") };
    let mut request = element_fetch::potential_cors_request(&window, element, url, destination, false);
    request.initiator_type = Some(initiator.to_owned());
    request.header_list.append("Range", "bytes=0-");
    // What is opaque has to show itself to be media.
    request.no_cors_media_request_state = NoCorsMediaRequestState::Initial;
    element_fetch::fire_later(realm, element, "loadstart");
    element_fetch::start_media(realm, &window, element, request);
}

/// <https://html.spec.whatwg.org/#start-the-track-processing-model>
fn update_track(realm: &dyn Realm, element: &NodeRef) {
    let parent = element.parent().filter(|parent| parent.is_html("video") || parent.is_html("audio"));
    let (Some(parent), Some(window), Some(url)) = (parent, window_of(element), url_attribute(element, "src"))
    else {
        return;
    };
    // NOTE: a track that is not enabled is not fetched.
    if !element.has_attr("default") {
        return;
    }
    let mut request = element_fetch::potential_cors_request(&window, element, url, Destination::Track, false);
    // The media element's attribute decides.
    let of_parent = element_fetch::potential_cors_request(
        &window,
        &parent,
        request.current_url().clone(),
        Destination::Track,
        false,
    );
    request.mode = of_parent.mode;
    request.credentials_mode = of_parent.credentials_mode;
    if parent.attr("crossorigin").is_none() {
        request.mode = longhaul::fetch::Mode::SameOrigin;
    }
    request.initiator_type = Some("track".to_owned());
    element_fetch::start(realm, &window, element, request, Success::OkStatus, false);
}

/// `embed` and `object`.
fn update_plugin(realm: &dyn Realm, element: &NodeRef, attribute: &str, destination: Destination) {
    let (Some(window), Some(url)) = (window_of(element), url_attribute(element, attribute)) else { return };
    let mut request = element_fetch::potential_cors_request(&window, element, url, destination, false);
    request.initiator_type =
        Some(if destination == Destination::Embed { "embed" } else { "object" }.to_owned());
    request.mode = longhaul::fetch::Mode::Navigate;
    request.credentials_mode = longhaul::fetch::CredentialsMode::Include;
    element_fetch::start(realm, &window, element, request, Success::OkStatus, true);
}

pub(super) fn referrer_policy_of(element: &NodeRef) -> Option<ReferrerPolicy> {
    ReferrerPolicy::from_keyword(&element.attr("referrerpolicy")?.to_ascii_lowercase())
}

fn image(element: &Node) -> Option<&ImageState> {
    match &element.element()?.state {
        ElementState::Image(image) => Some(image),
        _ => None,
    }
}

fn control(element: &Node) -> Option<&Mutex<(Option<DomString>, Option<bool>)>> {
    match &element.element()?.state {
        ElementState::Control(control) => Some(&control.values),
        _ => None,
    }
}

/// The value that a form control has.
pub(super) fn control_value(element: &NodeRef) -> DomString {
    if let Some(value) = control(element).and_then(|control| lock(control).0.clone()) {
        return value;
    }
    if element.is_html("textarea") {
        return element.child_text().into();
    }
    if element.is_html("option") {
        return element.attr_dom("value").unwrap_or_else(|| option_text(element).into());
    }
    let fallback = if is_checkable(element) { "on" } else { "" };
    element.attr_dom("value").unwrap_or_else(|| fallback.into())
}

fn option_text(element: &NodeRef) -> String {
    element.descendant_text().split_ascii_whitespace().collect::<Vec<_>>().join(" ")
}

pub(super) fn is_checkable(element: &NodeRef) -> bool {
    element
        .attr("type")
        .is_some_and(|kind| kind.eq_ignore_ascii_case("checkbox") || kind.eq_ignore_ascii_case("radio"))
}

pub(super) fn is_checked(element: &NodeRef) -> bool {
    let attribute = if element.is_html("option") { "selected" } else { "checked" };
    control(element).and_then(|control| lock(control).1).unwrap_or_else(|| element.has_attr(attribute))
}

pub(super) fn set_checked(element: &NodeRef, checked: bool) {
    if let Some(control) = control(element) {
        lock(control).1 = Some(checked);
    }
    if checked && element.attr("type").is_some_and(|kind| kind.eq_ignore_ascii_case("radio")) {
        let name = element.attr("name");
        for other in element.root().descendants() {
            let is_other = other.is_html("input") && !Arc::ptr_eq(&other, element) && is_checkable(&other);
            if is_other
                && name.is_some()
                && other.attr("name") == name
                && let Some(control) = control(&other)
            {
                lock(control).1 = Some(false);
            }
        }
    }
}

pub(super) fn reset_control(element: &NodeRef) {
    if let Some(control) = control(element) {
        *lock(control) = (None, None);
    }
}

/// <https://html.spec.whatwg.org/#form-owner>
pub(crate) fn form_owner(element: &NodeRef) -> Option<NodeRef> {
    if let Some(id) = element.attr("form") {
        return element.root().element_by_id(&id).filter(|form| form.is_html("form"));
    }
    let mut current = element.parent();
    while let Some(node) = current {
        if node.is_html("form") {
            return Some(node);
        }
        current = node.parent();
    }
    None
}

fn tokens(element: &Arc<Node>, attribute: &'static str, supported: &'static [&'static str]) -> ObjectRef {
    let supported = (!supported.is_empty()).then_some(supported);
    Arc::new(TokenList { element: Arc::clone(element), attribute, supported })
}

const LINK_RELATIONS: &[&str] = &[
    "dns-prefetch",
    "icon",
    "manifest",
    "modulepreload",
    "preconnect",
    "prefetch",
    "preload",
    "stylesheet",
    "alternate",
];
const HYPERLINK_RELATIONS: &[&str] = &["noreferrer", "noopener", "opener"];
const SANDBOX: &[&str] = &[
    "allow-downloads",
    "allow-forms",
    "allow-modals",
    "allow-orientation-lock",
    "allow-pointer-lock",
    "allow-popups",
    "allow-popups-to-escape-sandbox",
    "allow-presentation",
    "allow-same-origin",
    "allow-scripts",
    "allow-top-navigation",
    "allow-top-navigation-by-user-activation",
    "allow-top-navigation-to-custom-protocols",
];

impl HTMLElementStatics for Node {
    fn construct(_: &dyn Realm) -> Result<ObjectRef, Exception> {
        Err(Exception::type_error("Illegal constructor"))
    }
}

macro_rules! html_or_svg_element_members {
    () => {
        fn dataset(self: &Arc<Self>, _: &dyn Realm) -> Result<ObjectRef, Exception> {
            Ok(Arc::new(Dataset(Arc::clone(self))))
        }

        fn style(self: &Arc<Self>, _: &dyn Realm) -> Result<ObjectRef, Exception> {
            Ok(Arc::new(InlineStyle(Arc::clone(self))))
        }

        fn nonce(self: &Arc<Self>, _: &dyn Realm) -> Result<DomString, Exception> {
            Ok(self.nonce_slot().unwrap_or_default())
        }

        fn set_nonce(self: &Arc<Self>, _: &dyn Realm, value: DomString) -> Result<(), Exception> {
            self.set_nonce_slot(Some(value));
            Ok(())
        }

        fn focus(self: &Arc<Self>, realm: &dyn Realm) -> Result<(), Exception> {
            // NOTE: of what is not drawn, frames alone can have it.
            if let Some(context) = browsing_context::of_frame(self) {
                focus::focus(realm, &context);
            }
            Ok(())
        }

        fn blur(self: &Arc<Self>, _: &dyn Realm) -> Result<(), Exception> {
            Ok(())
        }
    };
}

impl SVGElementMethods for Node {
    html_or_svg_element_members!();
}

impl MathMLElementMethods for Node {
    html_or_svg_element_members!();
}

impl HTMLElementMethods for Node {
    fn inner_text(self: &Arc<Self>, _: &dyn Realm) -> Result<DomString, Exception> {
        // NOTE: nothing is drawn, so the text is that of `textContent`.
        Ok(self.descendant_text().into())
    }

    fn set_inner_text(self: &Arc<Self>, realm: &dyn Realm, value: DomString) -> Result<(), Exception> {
        crate::dom::document::replace_text(realm, self, &value)
    }

    html_or_svg_element_members!();

    fn click(self: &Arc<Self>, realm: &dyn Realm) -> Result<(), Exception> {
        if matches!(self.html_name().map(|name| &**name), Some("button" | "input" | "select" | "textarea"))
            && self.has_attr("disabled")
        {
            return Ok(());
        }
        realm.core("click", vec![Value::Object(object(Arc::clone(self)))]).map(drop)
    }
}

macro_rules! no_members {
    ($($interface:ident)*) => { $(impl $interface for Node {})* };
}

no_members! {
    HTMLUnknownElementMethods HTMLHtmlElementMethods HTMLHeadElementMethods HTMLMetaElementMethods HTMLBodyElementMethods
    HTMLHeadingElementMethods HTMLParagraphElementMethods HTMLHRElementMethods HTMLPreElementMethods
    HTMLQuoteElementMethods HTMLOListElementMethods HTMLUListElementMethods HTMLLIElementMethods HTMLDListElementMethods
    HTMLDivElementMethods HTMLSpanElementMethods HTMLBRElementMethods HTMLDataElementMethods HTMLTimeElementMethods
    HTMLModElementMethods HTMLPictureElementMethods HTMLMenuElementMethods HTMLMapElementMethods HTMLTableElementMethods
    HTMLTableCaptionElementMethods HTMLTableColElementMethods HTMLTableSectionElementMethods HTMLTableRowElementMethods
    HTMLTableCellElementMethods HTMLDetailsElementMethods HTMLDialogElementMethods HTMLSlotElementMethods
    HTMLCanvasElementMethods HTMLFontElementMethods HTMLLegendElementMethods HTMLProgressElementMethods
    HTMLMeterElementMethods HTMLDataListElementMethods HTMLParamElementMethods HTMLFrameSetElementMethods
    HTMLSourceElementMethods HTMLEmbedElementMethods HTMLVideoElementMethods HTMLAudioElementMethods
    HTMLTrackElementMethods HTMLOptGroupElementMethods
}

impl HTMLStyleElementMethods for Node {
    fn blocking(self: &Arc<Self>, _: &dyn Realm) -> Result<ObjectRef, Exception> {
        Ok(tokens(self, "blocking", &["render"]))
    }
}

impl HTMLTitleElementMethods for Node {
    fn text(self: &Arc<Self>, _: &dyn Realm) -> Result<DomString, Exception> {
        Ok(self.child_text().into())
    }

    fn set_text(self: &Arc<Self>, realm: &dyn Realm, value: DomString) -> Result<(), Exception> {
        crate::dom::document::replace_text(realm, self, &value)
    }
}

impl HTMLBaseElementMethods for Node {
    fn href(self: &Arc<Self>, _: &dyn Realm) -> Result<String, Exception> {
        let href = self.attr("href").unwrap_or_default();
        let Some(document) = self.document() else { return Ok(href) };
        let Some(data) = document.document_data() else { return Ok(href) };
        let base = lock(&data.fallback_base).clone().unwrap_or_else(|| data.url());
        Ok(base.join(&href).map_or(href, String::from))
    }

    fn set_href(self: &Arc<Self>, realm: &dyn Realm, value: String) -> Result<(), Exception> {
        self.set_attr(realm, "href", value.into())
    }
}

impl HTMLLinkElementMethods for Node {
    fn rel_list(self: &Arc<Self>, _: &dyn Realm) -> Result<ObjectRef, Exception> {
        Ok(tokens(self, "rel", LINK_RELATIONS))
    }

    fn sizes(self: &Arc<Self>, _: &dyn Realm) -> Result<ObjectRef, Exception> {
        Ok(tokens(self, "sizes", &[]))
    }

    fn blocking(self: &Arc<Self>, _: &dyn Realm) -> Result<ObjectRef, Exception> {
        Ok(tokens(self, "blocking", &["render"]))
    }
}

impl HTMLTemplateElementMethods for Node {
    fn content(self: &Arc<Self>, _: &dyn Realm) -> Result<ObjectRef, Exception> {
        self.template_content()
            .map(object)
            .ok_or_else(|| Exception::type_error("the template has no content"))
    }
}

impl HTMLAnchorElementMethods for Node {
    super::hyperlink::hyperlink_members!();

    fn rel_list(self: &Arc<Self>, _: &dyn Realm) -> Result<ObjectRef, Exception> {
        Ok(tokens(self, "rel", HYPERLINK_RELATIONS))
    }

    fn text(self: &Arc<Self>, _: &dyn Realm) -> Result<DomString, Exception> {
        Ok(self.descendant_text().into())
    }

    fn set_text(self: &Arc<Self>, realm: &dyn Realm, value: DomString) -> Result<(), Exception> {
        crate::dom::document::replace_text(realm, self, &value)
    }
}

impl HTMLAreaElementMethods for Node {
    super::hyperlink::hyperlink_members!();

    fn rel_list(self: &Arc<Self>, _: &dyn Realm) -> Result<ObjectRef, Exception> {
        Ok(tokens(self, "rel", HYPERLINK_RELATIONS))
    }
}

impl HTMLImageElementStatics for Node {
    fn factory_image(
        realm: &dyn Realm,
        width: Option<u32>,
        height: Option<u32>,
    ) -> Result<ObjectRef, Exception> {
        let document = crate::dom::document_of(realm)?;
        let image = crate::dom::element::create_element(&document, crate::dom::element::html_name("img"));
        if let Some(width) = width {
            image.set_attr(realm, "width", width.to_string().into())?;
        }
        if let Some(height) = height {
            image.set_attr(realm, "height", height.to_string().into())?;
        }
        Ok(image)
    }
}

impl HTMLImageElementMethods for Node {
    fn natural_width(self: &Arc<Self>, _: &dyn Realm) -> Result<u32, Exception> {
        Ok(image(self).and_then(|image| lock(&image.request).dimensions).map_or(0, |(width, _)| width))
    }

    fn natural_height(self: &Arc<Self>, _: &dyn Realm) -> Result<u32, Exception> {
        Ok(image(self).and_then(|image| lock(&image.request).dimensions).map_or(0, |(_, height)| height))
    }

    fn complete(self: &Arc<Self>, _: &dyn Realm) -> Result<bool, Exception> {
        Ok(image(self).is_none_or(|image| !lock(&image.request).pending))
    }

    fn current_src(self: &Arc<Self>, _: &dyn Realm) -> Result<String, Exception> {
        Ok(image(self).map(|image| lock(&image.request).current_source.clone()).unwrap_or_default())
    }
}

impl HTMLMediaElementMethods for Node {
    fn current_src(self: &Arc<Self>, _: &dyn Realm) -> Result<String, Exception> {
        Ok(url_attribute(self, "src").map(String::from).unwrap_or_default())
    }

    fn load(self: &Arc<Self>, realm: &dyn Realm) -> Result<(), Exception> {
        update_media(realm, self);
        Ok(())
    }

    fn can_play_type(self: &Arc<Self>, _: &dyn Realm, _: DomString) -> Result<DomString, Exception> {
        Ok(DomString::default())
    }
}

impl HTMLAudioElementStatics for Node {
    fn factory_audio(realm: &dyn Realm, src: Option<DomString>) -> Result<ObjectRef, Exception> {
        let document = crate::dom::document_of(realm)?;
        let audio = crate::dom::element::create_element(&document, crate::dom::element::html_name("audio"));
        audio.set_attr(realm, "preload", "auto".into())?;
        if let Some(src) = src {
            audio.set_attr(realm, "src", src)?;
        }
        Ok(audio)
    }
}

fn content_document(realm: &dyn Realm, element: &NodeRef) -> Result<Option<ObjectRef>, Exception> {
    let Some(window) = browsing_context::of_frame(element).and_then(|context| context.active()) else {
        return Ok(None);
    };
    let same_origin = crate::global_scope(realm)?.settings().origin == window.scope().settings().origin;
    Ok(same_origin.then(|| object(window.document_node())))
}

fn content_window(element: &NodeRef) -> Option<Value> {
    browsing_context::of_frame(element).map(|context| context.proxy())
}

macro_rules! frame_members {
    ($($interface:ident)*) => {$(
        impl $interface for Node {
            fn content_document(self: &Arc<Self>, realm: &dyn Realm) -> Result<Option<ObjectRef>, Exception> {
                content_document(realm, self)
            }

            fn content_window(self: &Arc<Self>, _: &dyn Realm) -> Result<Option<Value>, Exception> {
                Ok(content_window(self))
            }
        }
    )*};
}
frame_members!(HTMLFrameElementMethods HTMLObjectElementMethods);

impl HTMLIFrameElementMethods for Node {
    fn sandbox(self: &Arc<Self>, _: &dyn Realm) -> Result<ObjectRef, Exception> {
        Ok(tokens(self, "sandbox", SANDBOX))
    }

    fn content_document(self: &Arc<Self>, realm: &dyn Realm) -> Result<Option<ObjectRef>, Exception> {
        content_document(realm, self)
    }

    fn content_window(self: &Arc<Self>, _: &dyn Realm) -> Result<Option<Value>, Exception> {
        Ok(content_window(self))
    }
}

impl HTMLInputElementMethods for Node {
    fn checked(self: &Arc<Self>, _: &dyn Realm) -> Result<bool, Exception> {
        Ok(is_checked(self))
    }

    fn set_checked(self: &Arc<Self>, _: &dyn Realm, value: bool) -> Result<(), Exception> {
        set_checked(self, value);
        Ok(())
    }

    fn form(self: &Arc<Self>, _: &dyn Realm) -> Result<Option<ObjectRef>, Exception> {
        Ok(objects(form_owner(self)))
    }

    fn type_(self: &Arc<Self>, _: &dyn Realm) -> Result<DomString, Exception> {
        const TYPES: &[&str] = &[
            "hidden",
            "text",
            "search",
            "tel",
            "url",
            "email",
            "password",
            "date",
            "month",
            "week",
            "time",
            "datetime-local",
            "number",
            "range",
            "color",
            "checkbox",
            "radio",
            "file",
            "submit",
            "image",
            "reset",
            "button",
        ];
        let kind = self.attr("type").unwrap_or_default().to_ascii_lowercase();
        Ok(TYPES.iter().find(|known| **known == kind).copied().unwrap_or("text").into())
    }

    fn set_type(self: &Arc<Self>, realm: &dyn Realm, value: DomString) -> Result<(), Exception> {
        self.set_attr(realm, "type", value)
    }

    fn value(self: &Arc<Self>, _: &dyn Realm) -> Result<DomString, Exception> {
        Ok(control_value(self))
    }

    fn set_value(self: &Arc<Self>, realm: &dyn Realm, value: DomString) -> Result<(), Exception> {
        let kind = HTMLInputElementMethods::type_(self, realm)?;
        if matches!(&*kind, "hidden" | "submit" | "image" | "reset" | "button" | "checkbox" | "radio") {
            return self.set_attr(realm, "value", value);
        }
        if let Some(control) = control(self) {
            lock(control).0 = Some(value);
        }
        Ok(())
    }

    fn select(self: &Arc<Self>, _: &dyn Realm) -> Result<(), Exception> {
        Ok(())
    }
}

impl HTMLTextAreaElementMethods for Node {
    fn form(self: &Arc<Self>, _: &dyn Realm) -> Result<Option<ObjectRef>, Exception> {
        Ok(objects(form_owner(self)))
    }

    fn type_(self: &Arc<Self>, _: &dyn Realm) -> Result<DomString, Exception> {
        Ok("textarea".into())
    }

    fn default_value(self: &Arc<Self>, _: &dyn Realm) -> Result<DomString, Exception> {
        Ok(self.child_text().into())
    }

    fn set_default_value(self: &Arc<Self>, realm: &dyn Realm, value: DomString) -> Result<(), Exception> {
        crate::dom::document::replace_text(realm, self, &value)
    }

    fn value(self: &Arc<Self>, _: &dyn Realm) -> Result<DomString, Exception> {
        Ok(control_value(self))
    }

    fn set_value(self: &Arc<Self>, _: &dyn Realm, value: DomString) -> Result<(), Exception> {
        if let Some(control) = control(self) {
            lock(control).0 = Some(value);
        }
        Ok(())
    }
}

pub(super) fn selected_options(select: &NodeRef) -> Vec<NodeRef> {
    let options: Vec<NodeRef> = select.descendants().filter(|node| node.is_html("option")).collect();
    let selected: Vec<NodeRef> = options.iter().filter(|option| is_checked(option)).cloned().collect();
    match (select.has_attr("multiple"), selected.last()) {
        (true, _) => selected,
        (false, Some(last)) => vec![Arc::clone(last)],
        (false, None) => options.into_iter().take(1).collect(),
    }
}

impl HTMLSelectElementMethods for Node {
    fn form(self: &Arc<Self>, _: &dyn Realm) -> Result<Option<ObjectRef>, Exception> {
        Ok(objects(form_owner(self)))
    }

    fn type_(self: &Arc<Self>, _: &dyn Realm) -> Result<DomString, Exception> {
        Ok(if self.has_attr("multiple") { "select-multiple" } else { "select-one" }.into())
    }

    fn value(self: &Arc<Self>, _: &dyn Realm) -> Result<DomString, Exception> {
        Ok(selected_options(self).first().map(control_value).unwrap_or_default())
    }

    fn set_value(self: &Arc<Self>, _: &dyn Realm, value: DomString) -> Result<(), Exception> {
        for option in self.descendants().filter(|node| node.is_html("option")) {
            set_checked(&option, control_value(&option) == value);
        }
        Ok(())
    }
}

impl HTMLOptionElementMethods for Node {
    fn selected(self: &Arc<Self>, _: &dyn Realm) -> Result<bool, Exception> {
        Ok(is_checked(self))
    }

    fn set_selected(self: &Arc<Self>, _: &dyn Realm, value: bool) -> Result<(), Exception> {
        set_checked(self, value);
        Ok(())
    }

    fn value(self: &Arc<Self>, _: &dyn Realm) -> Result<DomString, Exception> {
        Ok(control_value(self))
    }

    fn set_value(self: &Arc<Self>, realm: &dyn Realm, value: DomString) -> Result<(), Exception> {
        self.set_attr(realm, "value", value)
    }

    fn text(self: &Arc<Self>, _: &dyn Realm) -> Result<DomString, Exception> {
        Ok(option_text(self).into())
    }

    fn set_text(self: &Arc<Self>, realm: &dyn Realm, value: DomString) -> Result<(), Exception> {
        crate::dom::document::replace_text(realm, self, &value)
    }
}

macro_rules! form_member {
    ($($interface:ident)*) => {$(
        impl $interface for Node {
            fn form(self: &Arc<Self>, _: &dyn Realm) -> Result<Option<ObjectRef>, Exception> {
                Ok(objects(form_owner(self)))
            }
        }
    )*};
}
form_member!(HTMLButtonElementMethods HTMLLabelElementMethods HTMLFieldSetElementMethods HTMLOutputElementMethods);
