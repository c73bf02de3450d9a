//! <https://html.spec.whatwg.org/#the-document-object>: the members of Document.

use std::sync::Arc;

use html5ever::{LocalName, QualName, ns};
use longhaul::fetch::{CookieRequest, SameSiteMode};
use longhaul_idl::runtime::{Dictionary, DomString, Exception, Held, ObjectRef, Realm, Value};
use longhaul_idl::{
    DocumentMethods, DocumentReadyState, DocumentStatics, DocumentVisibilityState,
    DomStringOrElementCreationOptions,
};
use url::Url;

use super::{WindowGlobal, parser};
use crate::dom::collections::{Filter, HtmlCollection, NodeList};
use crate::dom::document::{Implementation, Kind, new_document};
use crate::dom::element::{
    create_element, is_valid_attribute_name, is_valid_element_name, validate_and_extract,
};
use crate::dom::node::{Node, NodeData, NodeRef, lock, node, object, objects};
use crate::dom::{Range, by_class_name, by_tag_name, by_tag_name_ns, clone, mutation};

fn fire(realm: &dyn Realm, document: &NodeRef, name: &str, bubbles: bool) -> Result<(), Exception> {
    let init = Dictionary::new().with("bubbles", bubbles);
    let target = Value::Object(object(Arc::clone(document)));
    let args =
        vec![target, Value::String(name.into()), Value::String("Event".into()), Value::Dictionary(init)];
    realm.core("fireEvent", args).map(drop)
}

/// <https://w3c.github.io/navigation-timing/#sec-PerformanceNavigationTiming>: when a document got how far.
fn milestone(realm: &dyn Realm, name: &str) -> Result<(), Exception> {
    realm.core("navigationMilestone", vec![Value::String(name.into())]).map(drop)
}

/// <https://html.spec.whatwg.org/#update-the-current-document-readiness>
pub(super) fn update_readiness(
    realm: &dyn Realm,
    document: &NodeRef,
    readiness: DocumentReadyState,
) -> Result<(), Exception> {
    if let Some(data) = document.document_data() {
        data.set_ready_state(readiness);
    }
    match readiness {
        DocumentReadyState::Loading => {}
        DocumentReadyState::Interactive => milestone(realm, "domInteractive")?,
        DocumentReadyState::Complete => milestone(realm, "domComplete")?,
    }
    fire(realm, document, "readystatechange", false)
}

/// <https://html.spec.whatwg.org/#the-end>, steps 3 to 6.
pub(super) fn dom_content_loaded(realm: &dyn Realm, document: &NodeRef) -> Result<(), Exception> {
    milestone(realm, "domContentLoadedEventStart")?;
    fire(realm, document, "DOMContentLoaded", true)?;
    milestone(realm, "domContentLoadedEventEnd")?;
    // 6.4. What service workers have sent may come from here on, whether or not a script has asked for it.
    crate::global_scope(realm)?.container(realm).enable_messages(realm)
}

fn own_document(realm: &dyn Realm) -> Result<NodeRef, Exception> {
    crate::dom::document_of(realm)
}

/// Tells a page that its scripts have run: its readiness is `interactive`, then `DOMContentLoaded`.
///
/// <https://html.spec.whatwg.org/#the-end>, steps 3 to 6
///
/// # Errors
/// A `TypeError` if the realm is not a page's.
pub fn fire_dom_content_loaded(realm: &dyn Realm) -> Result<(), Exception> {
    let document = own_document(realm)?;
    update_readiness(realm, &document, DocumentReadyState::Interactive)?;
    dom_content_loaded(realm, &document)
}

/// Tells a page that it is loaded: its readiness is `complete`, then `load` and `pageshow`.
///
/// <https://html.spec.whatwg.org/#the-end>, steps 9 to 11
///
/// # Errors
/// A `TypeError` if the realm is not a page's.
pub fn fire_load(realm: &dyn Realm) -> Result<(), Exception> {
    let document = own_document(realm)?;
    update_readiness(realm, &document, DocumentReadyState::Complete)?;
    let target = || Value::Object(object(Arc::clone(&document)));
    milestone(realm, "loadEventStart")?;
    realm.core("fireAtWindow", vec![Value::String("load".into()), target()])?;
    milestone(realm, "loadEventEnd")?;
    let init = Dictionary::new().with("persisted", false);
    let kind = Value::String("PageTransitionEvent".into());
    realm.core(
        "fireAtWindow",
        vec![Value::String("pageshow".into()), target(), kind, Value::Dictionary(init)],
    )?;
    Ok(())
}

fn data(document: &NodeRef) -> Result<&crate::dom::document::DocumentData, Exception> {
    document.document_data().ok_or_else(|| Exception::type_error("the node is no document"))
}

fn window(document: &NodeRef) -> Option<Arc<WindowGlobal>> {
    document.document_data().and_then(|data| data.window())
}

/// <https://html.spec.whatwg.org/#cookie-averse-document-object>
fn cookies(document: &NodeRef) -> Result<Option<(Arc<WindowGlobal>, CookieRequest)>, Exception> {
    let Some(window) = window(document) else { return Ok(None) };
    let settings = Arc::clone(window.scope().settings());
    if !settings.origin.is_tuple() {
        return Err(Exception::dom("SecurityError", "a document of an opaque origin has no cookies"));
    }
    let url = data(document)?.url();
    if !matches!(url.scheme(), "http" | "https") {
        return Ok(None);
    }
    let request = CookieRequest {
        url,
        network_partition_key: settings.network_partition_key.clone(),
        same_site: if settings.has_cross_site_ancestor {
            SameSiteMode::UnsetOrLess
        } else {
            SameSiteMode::StrictOrLess
        },
        top_level_navigation: false,
        http_api: false,
    };
    Ok(Some((window, request)))
}

fn html(element: &NodeRef, names: &[&str]) -> bool {
    element.html_name().is_some_and(|name| names.contains(&&**name))
}

/// <https://dom.spec.whatwg.org/#traversal>, which the core does.
fn traversal(
    realm: &dyn Realm,
    make: &str,
    root: ObjectRef,
    what_to_show: u32,
    filter: Option<Held>,
) -> Result<Held, Exception> {
    let filter = filter.map_or(Value::Null, Value::Held);
    let args = vec![Value::Object(root), Value::Number(what_to_show.into()), filter];
    match realm.core(make, args)? {
        Value::Held(made) => Ok(made),
        other => realm.hold(other),
    }
}

impl DocumentStatics for Node {
    fn construct(realm: &dyn Realm) -> Result<ObjectRef, Exception> {
        let url = Url::parse("about:blank").map_err(|_| Exception::type_error("about:blank"))?;
        Ok(crate::dom::document::plain_document(realm.id(), url))
    }
}

impl DocumentMethods for Node {
    crate::dom::parent_node_methods!();

    fn implementation(self: &Arc<Self>, _: &dyn Realm) -> Result<ObjectRef, Exception> {
        Ok(Arc::new(Implementation(Arc::clone(self))))
    }

    fn get_element_by_id(
        self: &Arc<Self>,
        _: &dyn Realm,
        element_id: DomString,
    ) -> Result<Option<ObjectRef>, Exception> {
        Ok(objects(self.element_by_id(&element_id)))
    }

    fn url(self: &Arc<Self>, _: &dyn Realm) -> Result<String, Exception> {
        Ok(data(self)?.url().to_string())
    }

    fn document_uri(self: &Arc<Self>, realm: &dyn Realm) -> Result<String, Exception> {
        DocumentMethods::url(self, realm)
    }

    fn compat_mode(self: &Arc<Self>, _: &dyn Realm) -> Result<DomString, Exception> {
        Ok(if data(self)?.is_quirks() { "BackCompat" } else { "CSS1Compat" }.into())
    }

    fn character_set(self: &Arc<Self>, _: &dyn Realm) -> Result<DomString, Exception> {
        Ok(data(self)?.encoding().name().into())
    }

    fn charset(self: &Arc<Self>, realm: &dyn Realm) -> Result<DomString, Exception> {
        self.character_set(realm)
    }

    fn input_encoding(self: &Arc<Self>, realm: &dyn Realm) -> Result<DomString, Exception> {
        self.character_set(realm)
    }

    fn content_type(self: &Arc<Self>, _: &dyn Realm) -> Result<DomString, Exception> {
        Ok(data(self)?.content_type().into())
    }

    fn doctype(self: &Arc<Self>, _: &dyn Realm) -> Result<Option<ObjectRef>, Exception> {
        Ok(objects(
            self.children_list().into_iter().find(|child| matches!(child.data, NodeData::Doctype { .. })),
        ))
    }

    fn document_element(self: &Arc<Self>, _: &dyn Realm) -> Result<Option<ObjectRef>, Exception> {
        Ok(objects(self.document_element_node()))
    }

    fn get_elements_by_tag_name(
        self: &Arc<Self>,
        _: &dyn Realm,
        name: DomString,
    ) -> Result<ObjectRef, Exception> {
        Ok(by_tag_name(self, &name))
    }

    fn get_elements_by_tag_name_ns(
        self: &Arc<Self>,
        _: &dyn Realm,
        namespace: Option<DomString>,
        name: DomString,
    ) -> Result<ObjectRef, Exception> {
        Ok(by_tag_name_ns(self, namespace, &name))
    }

    fn get_elements_by_class_name(
        self: &Arc<Self>,
        _: &dyn Realm,
        names: DomString,
    ) -> Result<ObjectRef, Exception> {
        Ok(by_class_name(self, &names))
    }

    fn create_element(
        self: &Arc<Self>,
        _: &dyn Realm,
        local_name: DomString,
        _: DomStringOrElementCreationOptions,
    ) -> Result<ObjectRef, Exception> {
        if !is_valid_element_name(&local_name) {
            return Err(Exception::dom("InvalidCharacterError", "the name cannot be an element's"));
        }
        let data = data(self)?;
        let name = if data.is_html() { local_name.to_ascii_lowercase() } else { local_name.to_string() };
        let html = data.is_html() || data.content_type() == "application/xhtml+xml";
        let namespace = if html { ns!(html) } else { ns!() };
        Ok(create_element(self, QualName::new(None, namespace, LocalName::from(name))))
    }

    fn create_element_ns(
        self: &Arc<Self>,
        _: &dyn Realm,
        namespace: Option<DomString>,
        qualified_name: DomString,
        _: DomStringOrElementCreationOptions,
    ) -> Result<ObjectRef, Exception> {
        Ok(create_element(self, validate_and_extract(namespace.as_deref(), &qualified_name, true)?))
    }

    fn create_document_fragment(self: &Arc<Self>, _: &dyn Realm) -> Result<ObjectRef, Exception> {
        Ok(Node::fragment(self))
    }

    fn create_text_node(self: &Arc<Self>, _: &dyn Realm, text: DomString) -> Result<ObjectRef, Exception> {
        Ok(Node::text(self, text))
    }

    fn create_cdata_section(
        self: &Arc<Self>,
        _: &dyn Realm,
        text: DomString,
    ) -> Result<ObjectRef, Exception> {
        if data(self)?.is_html() {
            return Err(Exception::dom("NotSupportedError", "an HTML document has no CDATA sections"));
        }
        if text.contains("]]>") {
            return Err(Exception::dom("InvalidCharacterError", "the text holds the end of a CDATA section"));
        }
        Ok(Node::cdata(self, text))
    }

    fn create_comment(self: &Arc<Self>, _: &dyn Realm, text: DomString) -> Result<ObjectRef, Exception> {
        Ok(Node::comment(self, text))
    }

    fn create_processing_instruction(
        self: &Arc<Self>,
        _: &dyn Realm,
        target: DomString,
        text: DomString,
    ) -> Result<ObjectRef, Exception> {
        let is_name = |c: char| c.is_alphanumeric() || matches!(c, '-' | '.' | ':' | '_' | '\u{b7}');
        let starts = target.chars().next().is_some_and(|c| c.is_alphabetic() || matches!(c, ':' | '_'));
        if !starts || !target.chars().all(is_name) || text.contains("?>") {
            return Err(Exception::dom(
                "InvalidCharacterError",
                "it cannot be written as a processing instruction",
            ));
        }
        Ok(Node::processing_instruction(self, target.into(), text))
    }

    fn import_node(
        self: &Arc<Self>,
        _: &dyn Realm,
        original: ObjectRef,
        subtree: bool,
    ) -> Result<ObjectRef, Exception> {
        let original = node(&original)?;
        if original.is_document() {
            return Err(Exception::dom("NotSupportedError", "a document cannot be imported"));
        }
        Ok(clone(&original, self, subtree))
    }

    fn adopt_node(self: &Arc<Self>, realm: &dyn Realm, adopted: ObjectRef) -> Result<ObjectRef, Exception> {
        let target = node(&adopted)?;
        if target.is_document() {
            return Err(Exception::dom("NotSupportedError", "a document cannot be adopted"));
        }
        mutation::adopt(realm, &target, self)?;
        Ok(adopted)
    }

    fn create_attribute(
        self: &Arc<Self>,
        _: &dyn Realm,
        local_name: DomString,
    ) -> Result<ObjectRef, Exception> {
        if !is_valid_attribute_name(&local_name) {
            return Err(Exception::dom("InvalidCharacterError", "the name cannot be an attribute's"));
        }
        let name =
            if data(self)?.is_html() { local_name.to_ascii_lowercase() } else { local_name.to_string() };
        Ok(Node::attribute(self, QualName::new(None, ns!(), LocalName::from(name)), DomString::default()))
    }

    fn create_attribute_ns(
        self: &Arc<Self>,
        _: &dyn Realm,
        namespace: Option<DomString>,
        qualified_name: DomString,
    ) -> Result<ObjectRef, Exception> {
        let name = validate_and_extract(namespace.as_deref(), &qualified_name, false)?;
        Ok(Node::attribute(self, name, DomString::default()))
    }

    fn create_event(
        self: &Arc<Self>,
        realm: &dyn Realm,
        interface_name: DomString,
    ) -> Result<longhaul_idl::runtime::Held, Exception> {
        match realm
            .core("createLegacyEvent", vec![Value::String(interface_name.to_ascii_lowercase().into())])?
        {
            Value::Held(event) => Ok(event),
            _ => Err(Exception::dom("NotSupportedError", "there is no such event interface")),
        }
    }

    fn create_range(self: &Arc<Self>, _: &dyn Realm) -> Result<ObjectRef, Exception> {
        Ok(Range::of_document(self))
    }

    fn create_node_iterator(
        self: &Arc<Self>,
        realm: &dyn Realm,
        root: ObjectRef,
        what_to_show: u32,
        filter: Option<Held>,
    ) -> Result<Held, Exception> {
        if let Some(data) = node(&root)?.document().as_ref().and_then(|document| document.document_data()) {
            data.set_iterated();
        }
        traversal(realm, "createNodeIterator", root, what_to_show, filter)
    }

    fn create_tree_walker(
        self: &Arc<Self>,
        realm: &dyn Realm,
        root: ObjectRef,
        what_to_show: u32,
        filter: Option<Held>,
    ) -> Result<Held, Exception> {
        traversal(realm, "createTreeWalker", root, what_to_show, filter)
    }

    fn location(self: &Arc<Self>, _: &dyn Realm) -> Result<Option<ObjectRef>, Exception> {
        Ok(window(self).map(|window| window.location_object()))
    }

    fn domain(self: &Arc<Self>, _: &dyn Realm) -> Result<String, Exception> {
        Ok(window(self)
            .and_then(|window| match &window.scope().settings().origin {
                url::Origin::Tuple(_, host, _) => Some(host.to_string()),
                url::Origin::Opaque(_) => None,
            })
            .unwrap_or_default())
    }

    fn set_domain(self: &Arc<Self>, realm: &dyn Realm, value: String) -> Result<(), Exception> {
        // NOTE: agent clusters are keyed by origin here, so the setter relaxes nothing.
        let own = self.domain(realm)?;
        if own.is_empty() || own != value && !own.ends_with(&format!(".{value}")) {
            return Err(Exception::dom("SecurityError", "the domain is not a suffix of the document's"));
        }
        Ok(())
    }

    fn referrer(self: &Arc<Self>, _: &dyn Realm) -> Result<String, Exception> {
        Ok(lock(&data(self)?.referrer).clone())
    }

    fn cookie(self: &Arc<Self>, _: &dyn Realm) -> Result<String, Exception> {
        let Some((window, request)) = cookies(self)? else { return Ok(String::new()) };
        let header = window.scope().user_agent().services().cookies().cookie_header(&request);
        Ok(header.map(|header| String::from_utf8_lossy(&header).into_owned()).unwrap_or_default())
    }

    fn set_cookie(self: &Arc<Self>, _: &dyn Realm, value: String) -> Result<(), Exception> {
        if let Some((window, request)) = cookies(self)? {
            window.scope().user_agent().services().cookies().set_cookie(&request, value.as_bytes());
        }
        Ok(())
    }

    fn last_modified(self: &Arc<Self>, realm: &dyn Realm) -> Result<DomString, Exception> {
        match realm.core("lastModified", Vec::new())? {
            Value::String(text) => Ok(text),
            _ => Ok(DomString::default()),
        }
    }

    fn ready_state(self: &Arc<Self>, _: &dyn Realm) -> Result<DocumentReadyState, Exception> {
        Ok(data(self)?.ready_state())
    }

    fn title(self: &Arc<Self>, _: &dyn Realm) -> Result<DomString, Exception> {
        Ok(self.title_text().into())
    }

    fn set_title(self: &Arc<Self>, realm: &dyn Realm, value: DomString) -> Result<(), Exception> {
        self.set_title_text(realm, &value)
    }

    fn body(self: &Arc<Self>, _: &dyn Realm) -> Result<Option<ObjectRef>, Exception> {
        Ok(objects(self.body_node()))
    }

    fn set_body(self: &Arc<Self>, realm: &dyn Realm, value: Option<ObjectRef>) -> Result<(), Exception> {
        let hierarchy = || Exception::dom("HierarchyRequestError", "the document cannot have this body");
        let new = value.as_ref().map(node).transpose()?.filter(|new| html(new, &["body", "frameset"]));
        let new = new.ok_or_else(hierarchy)?;
        match (self.body_node(), self.document_element_node()) {
            (Some(old), _) if Arc::ptr_eq(&old, &new) => Ok(()),
            (Some(old), _) => match old.parent() {
                Some(parent) => mutation::replace(realm, &old, &new, &parent),
                None => Ok(()),
            },
            (None, Some(root)) => mutation::append(realm, &new, &root),
            (None, None) => Err(hierarchy()),
        }
    }

    fn head(self: &Arc<Self>, _: &dyn Realm) -> Result<Option<ObjectRef>, Exception> {
        Ok(objects(self.head_node()))
    }

    fn images(self: &Arc<Self>, _: &dyn Realm) -> Result<ObjectRef, Exception> {
        Ok(HtmlCollection::of(self, Filter::Html(|node| html(node, &["img"]))))
    }

    fn embeds(self: &Arc<Self>, _: &dyn Realm) -> Result<ObjectRef, Exception> {
        Ok(HtmlCollection::of(self, Filter::Html(|node| html(node, &["embed"]))))
    }

    fn plugins(self: &Arc<Self>, realm: &dyn Realm) -> Result<ObjectRef, Exception> {
        self.embeds(realm)
    }

    fn links(self: &Arc<Self>, _: &dyn Realm) -> Result<ObjectRef, Exception> {
        Ok(HtmlCollection::of(self, Filter::Html(|node| html(node, &["a", "area"]) && node.has_attr("href"))))
    }

    fn forms(self: &Arc<Self>, _: &dyn Realm) -> Result<ObjectRef, Exception> {
        Ok(HtmlCollection::of(self, Filter::Html(|node| html(node, &["form"]))))
    }

    fn scripts(self: &Arc<Self>, _: &dyn Realm) -> Result<ObjectRef, Exception> {
        Ok(HtmlCollection::of(self, Filter::Html(|node| html(node, &["script"]))))
    }

    fn anchors(self: &Arc<Self>, _: &dyn Realm) -> Result<ObjectRef, Exception> {
        Ok(HtmlCollection::of(self, Filter::Html(|node| html(node, &["a"]) && node.has_attr("name"))))
    }

    fn get_elements_by_name(
        self: &Arc<Self>,
        _: &dyn Realm,
        element_name: DomString,
    ) -> Result<ObjectRef, Exception> {
        Ok(NodeList::live(self, Filter::Name(element_name.into())))
    }

    fn current_script(self: &Arc<Self>, _: &dyn Realm) -> Result<Option<ObjectRef>, Exception> {
        Ok(objects(lock(&data(self)?.current_script).clone()))
    }

    fn open(
        self: &Arc<Self>,
        realm: &dyn Realm,
        _: Option<DomString>,
        _: Option<DomString>,
    ) -> Result<ObjectRef, Exception> {
        parser::open(realm, self)?;
        Ok(object(Arc::clone(self)))
    }

    fn close(self: &Arc<Self>, realm: &dyn Realm) -> Result<(), Exception> {
        parser::close(realm, self)
    }

    fn write(self: &Arc<Self>, realm: &dyn Realm, text: Vec<DomString>) -> Result<(), Exception> {
        parser::write(realm, self, &text.iter().map(|text| &**text).collect::<String>())
    }

    fn writeln(self: &Arc<Self>, realm: &dyn Realm, text: Vec<DomString>) -> Result<(), Exception> {
        let text = text.iter().map(|text| &**text).collect::<String>() + "\n";
        parser::write(realm, self, &text)
    }

    fn default_view(self: &Arc<Self>, _: &dyn Realm) -> Result<Option<Value>, Exception> {
        Ok(window(self).map(|window| window.context().proxy()))
    }

    fn has_focus(self: &Arc<Self>, _: &dyn Realm) -> Result<bool, Exception> {
        Ok(window(self).is_some_and(|window| window.context().has_focus()))
    }

    fn visibility_state(self: &Arc<Self>, _: &dyn Realm) -> Result<DocumentVisibilityState, Exception> {
        Ok(if window(self).is_some() {
            DocumentVisibilityState::Visible
        } else {
            DocumentVisibilityState::Hidden
        })
    }

    fn hidden(self: &Arc<Self>, _: &dyn Realm) -> Result<bool, Exception> {
        Ok(window(self).is_none())
    }

    fn active_element(self: &Arc<Self>, _: &dyn Realm) -> Result<Option<ObjectRef>, Exception> {
        Ok(objects(self.body_node().or_else(|| self.document_element_node())))
    }
}

/// <https://html.spec.whatwg.org/#domparser>
pub(crate) struct DomParser {
    /// The document of the window that it is of.
    document: NodeRef,
}

longhaul_idl::platform_object!(DomParser => longhaul_idl::dom_parser);

impl longhaul_idl::DOMParserStatics for DomParser {
    fn construct(realm: &dyn Realm) -> Result<ObjectRef, Exception> {
        Ok(Arc::new(Self { document: own_document(realm)? }))
    }
}

impl longhaul_idl::DOMParserMethods for DomParser {
    fn parse_from_string(
        self: &Arc<Self>,
        realm: &dyn Realm,
        string: DomString,
        type_: longhaul_idl::DOMParserSupportedType,
    ) -> Result<ObjectRef, Exception> {
        let url = self.document.document_data().map(|data| data.url());
        let url = url.ok_or_else(|| Exception::type_error("the realm has no document"))?;
        let parsed = document_of_text(realm, type_.as_str(), url.clone(), &string);
        Ok(parsed.unwrap_or_else(|error| {
            // What is not well-formed gives a document that says so.
            let document = new_document(realm.id(), Kind::Xml, type_.as_str(), url);
            document.link(&super::xml_parser::error_element(&document, &error), None);
            document
        }))
    }
}

/// A document of a text whose scripts do not run, by its type.
pub(crate) fn document_of_text(
    realm: &dyn Realm,
    content_type: &str,
    url: url::Url,
    text: &str,
) -> Result<NodeRef, super::xml_parser::NotWellFormed> {
    if content_type == "text/html" {
        let document = new_document(realm.id(), Kind::Html, content_type, url);
        parser::parse_into(&document, text);
        return Ok(document);
    }
    let document = new_document(realm.id(), Kind::Xml, content_type, url);
    super::xml_parser::parse(&document, text)?;
    Ok(document)
}

/// <https://html.spec.whatwg.org/#xmlserializer>
pub(crate) struct XmlSerializer;

longhaul_idl::platform_object!(XmlSerializer => longhaul_idl::xml_serializer);

impl longhaul_idl::XMLSerializerStatics for XmlSerializer {
    fn construct(_: &dyn Realm) -> Result<ObjectRef, Exception> {
        Ok(Arc::new(Self))
    }
}

impl longhaul_idl::XMLSerializerMethods for XmlSerializer {
    fn serialize_to_string(self: &Arc<Self>, _: &dyn Realm, root: ObjectRef) -> Result<DomString, Exception> {
        Ok(crate::dom::serialize(&node(&root)?, false, true).into())
    }
}
