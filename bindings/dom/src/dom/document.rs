//! <https://dom.spec.whatwg.org/#interface-document>: what a document keeps.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, Weak};

use html5ever::{QualName, ns};
use longhaul_idl::DocumentReadyState;
use longhaul_idl::runtime::{Exception, ObjectRef, Realm, RealmId};
use url::Url;

use super::class;
use super::element::{create_element, html_name};
use super::mutation;
use super::node::{Node, NodeData, NodeRef, lock, version};
use crate::html::{Loading, WindowGlobal};

/// What a document has beyond being a node.
pub(crate) struct DocumentData {
    kind: Kind,
    content_type: String,
    encoding: Mutex<&'static encoding_rs::Encoding>,
    url: Mutex<Url>,
    window: Mutex<Weak<WindowGlobal>>,
    ready_state: Mutex<DocumentReadyState>,
    quirks: AtomicBool,
    observed: AtomicBool,
    /// Whether a node iterator is over its nodes.
    iterated: AtomicBool,
    inert: OnceLock<NodeRef>,
    base: Mutex<(u64, Option<Url>)>,
    /// Base URLs that a policy does not allow.
    refused_bases: Mutex<Vec<Url>>,
    /// What its base URL is without a `base` element, where that is not its own URL: the creator's of `about:blank`.
    pub(crate) fallback_base: Mutex<Option<Url>>,
    pub(crate) current_script: Mutex<Option<NodeRef>>,
    pub(crate) referrer: Mutex<String>,
    /// Scripts that wait, and what the `load` event waits for.
    pub(crate) loading: Mutex<Loading>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Html,
    Xml,
}

/// A document without a browsing context or with one (`window`).
pub(crate) fn new_document(realm: RealmId, kind: Kind, content_type: &str, url: Url) -> NodeRef {
    let is_xml = kind == Kind::Xml && content_type != "application/xhtml+xml";
    new_document_of(
        if is_xml { &class::XML_DOCUMENT } else { &class::DOCUMENT },
        realm,
        kind,
        content_type,
        url,
    )
}

/// `new Document()`.
pub(crate) fn plain_document(realm: RealmId, url: Url) -> NodeRef {
    new_document_of(&class::DOCUMENT, realm, Kind::Xml, "application/xml", url)
}

fn new_document_of(
    class: &'static class::Class,
    realm: RealmId,
    kind: Kind,
    content_type: &str,
    url: Url,
) -> NodeRef {
    let data = DocumentData {
        kind,
        content_type: content_type.to_owned(),
        encoding: Mutex::new(encoding_rs::UTF_8),
        url: Mutex::new(url),
        window: Mutex::default(),
        ready_state: Mutex::new(DocumentReadyState::Complete),
        quirks: AtomicBool::new(false),
        observed: AtomicBool::new(false),
        iterated: AtomicBool::new(false),
        inert: OnceLock::new(),
        base: Mutex::new((0, None)),
        refused_bases: Mutex::default(),
        fallback_base: Mutex::default(),
        current_script: Mutex::default(),
        referrer: Mutex::default(),
        loading: Mutex::default(),
    };
    Node::new(class, realm, None, NodeData::Document(Box::new(data)))
}

fn encoder(
    encoding: &'static encoding_rs::Encoding,
) -> impl for<'a> Fn(&'a str) -> std::borrow::Cow<'a, [u8]> {
    move |text| encoding.encode(text).0
}

impl DocumentData {
    pub(crate) fn is_html(&self) -> bool {
        self.kind == Kind::Html
    }

    pub(crate) fn content_type(&self) -> &str {
        &self.content_type
    }

    pub(crate) fn url(&self) -> Url {
        lock(&self.url).clone()
    }

    pub(crate) fn set_url(&self, url: Url) {
        *lock(&self.url) = url;
        super::node::changed();
    }

    pub(crate) fn encoding(&self) -> &'static encoding_rs::Encoding {
        *lock(&self.encoding)
    }

    pub(crate) fn set_encoding(&self, encoding: &'static encoding_rs::Encoding) {
        *lock(&self.encoding) = encoding;
    }

    pub(crate) fn window(&self) -> Option<Arc<WindowGlobal>> {
        lock(&self.window).upgrade()
    }

    pub(crate) fn set_window(&self, window: &Weak<WindowGlobal>) {
        *lock(&self.window) = Weak::clone(window);
    }

    pub(crate) fn ready_state(&self) -> DocumentReadyState {
        *lock(&self.ready_state)
    }

    pub(crate) fn set_ready_state(&self, state: DocumentReadyState) {
        *lock(&self.ready_state) = state;
    }

    pub(crate) fn is_quirks(&self) -> bool {
        self.quirks.load(Ordering::Relaxed)
    }

    pub(crate) fn set_quirks(&self, quirks: bool) {
        self.quirks.store(quirks, Ordering::Relaxed);
    }

    pub(crate) fn is_observed(&self) -> bool {
        self.observed.load(Ordering::Relaxed)
    }

    pub(crate) fn is_iterated(&self) -> bool {
        self.iterated.load(Ordering::Relaxed)
    }

    pub(crate) fn set_iterated(&self) {
        self.iterated.store(true, Ordering::Relaxed);
    }

    pub(crate) fn set_observed(&self) {
        self.observed.store(true, Ordering::Relaxed);
    }

    /// <https://html.spec.whatwg.org/#appropriate-template-contents-owner-document>
    pub(crate) fn template_contents_owner(&self, document: &NodeRef) -> NodeRef {
        let make = || {
            let blank = Url::parse("about:blank").unwrap_or_else(|_| self.url());
            new_document(document.realm_id(), self.kind, &self.content_type, blank)
        };
        // NOTE: an inert document is its own owner.
        if self.window().is_none() && self.inert.get().is_none() {
            return Arc::clone(document);
        }
        Arc::clone(self.inert.get_or_init(make))
    }

    /// <https://html.spec.whatwg.org/#document-base-url>
    pub(crate) fn base_url(&self, document: &NodeRef) -> Url {
        let now = version();
        if let (known, Some(url)) = &*lock(&self.base)
            && *known == now
        {
            return url.clone();
        }
        let fallback = self.fallback_base_url();
        let first = document.descendants().find(|node| node.is_html("base") && node.has_attr("href"));
        let href = first.and_then(|base| base.attr("href"));
        let url = href
            .and_then(|href| self.parse_with(&fallback, &href))
            // A base of these schemes would make every script the document's own text.
            .filter(|url| !matches!(url.scheme(), "data" | "javascript"))
            .filter(|url| !lock(&self.refused_bases).contains(url))
            .unwrap_or(fallback);
        *lock(&self.base) = (now, Some(url.clone()));
        url
    }

    /// <https://html.spec.whatwg.org/#fallback-base-url>
    pub(crate) fn fallback_base_url(&self) -> Url {
        lock(&self.fallback_base).clone().unwrap_or_else(|| self.url())
    }

    /// A policy does not let this be the base URL.
    pub(crate) fn refuse_base_url(&self, url: Url) {
        lock(&self.refused_bases).push(url);
        *lock(&self.base) = (0, None);
    }

    /// <https://html.spec.whatwg.org/#encoding-parsing-a-url>
    fn parse_with(&self, base: &Url, text: &str) -> Option<Url> {
        let encoding = self.encoding();
        if encoding == encoding_rs::UTF_8 || encoding.output_encoding() == encoding_rs::UTF_8 {
            return base.join(text).ok();
        }
        let encode = encoder(encoding);
        Url::options().base_url(Some(base)).encoding_override(Some(&encode)).parse(text).ok()
    }

    /// <https://html.spec.whatwg.org/#encoding-parsing-a-url> relative to the document.
    pub(crate) fn parse_url(&self, document: &NodeRef, text: &str) -> Option<Url> {
        self.parse_with(&self.base_url(document), text)
    }
}

impl Node {
    /// <https://dom.spec.whatwg.org/#document-element>
    pub(crate) fn document_element_node(&self) -> Option<NodeRef> {
        let mut child = self.first_child();
        while let Some(node) = child {
            if node.is_element() {
                return Some(node);
            }
            child = node.next_sibling();
        }
        None
    }

    /// <https://html.spec.whatwg.org/#the-head-element-2>
    pub(crate) fn head_node(&self) -> Option<NodeRef> {
        let html = self.document_element_node().filter(|node| node.is_html("html"))?;
        html.children_list().into_iter().find(|node| node.is_html("head"))
    }

    /// <https://html.spec.whatwg.org/#the-body-element-2>
    pub(crate) fn body_node(&self) -> Option<NodeRef> {
        let html = self.document_element_node().filter(|node| node.is_html("html"))?;
        html.children_list().into_iter().find(|node| node.is_html("body") || node.is_html("frameset"))
    }

    /// The first element of an id, in tree order.
    pub(crate) fn element_by_id(self: &Arc<Self>, id: &str) -> Option<NodeRef> {
        if id.is_empty() {
            return None;
        }
        self.descendants().find(|node| node.is_element() && node.attr("id").as_deref() == Some(id))
    }

    /// The text of its `title`.
    pub(crate) fn title_text(self: &Arc<Self>) -> String {
        let root = self.document_element_node();
        let is_svg = root.as_ref().is_some_and(|root| {
            root.element().is_some_and(|element| element.name.ns == ns!(svg) && &*element.name.local == "svg")
        });
        let title = if is_svg {
            root.and_then(|root| {
                root.child_elements().into_iter().find(|node| {
                    node.element()
                        .is_some_and(|element| element.name.ns == ns!(svg) && &*element.name.local == "title")
                })
            })
        } else {
            self.descendants().find(|node| node.is_html("title"))
        };
        let text = title.map(|title| title.child_text()).unwrap_or_default();
        text.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// <https://html.spec.whatwg.org/#document.title>, the setter.
    pub(crate) fn set_title_text(self: &Arc<Self>, realm: &dyn Realm, text: &str) -> Result<(), Exception> {
        let title = self.descendants().find(|node| node.is_html("title"));
        let title = match (title, self.head_node()) {
            (Some(title), _) => title,
            (None, Some(head)) => {
                let title = create_element(self, html_name("title"));
                mutation::append(realm, &title, &head)?;
                title
            }
            (None, None) => return Ok(()),
        };
        replace_text(realm, &title, text)
    }
}

/// <https://dom.spec.whatwg.org/#string-replace-all>
pub(crate) fn replace_text(realm: &dyn Realm, parent: &NodeRef, text: &str) -> Result<(), Exception> {
    let node = match (text.is_empty(), parent.document()) {
        (false, Some(document)) => Some(Node::text(&document, text.into())),
        _ => None,
    };
    mutation::replace_all(realm, node.as_ref(), parent)
}

/// <https://dom.spec.whatwg.org/#dom-domimplementation-createhtmldocument>
pub(crate) fn html_document(realm: &dyn Realm, title: Option<&str>) -> Result<NodeRef, Exception> {
    let blank = Url::parse("about:blank").map_err(|_| Exception::type_error("about:blank"))?;
    let document = new_document(realm.id(), Kind::Html, "text/html", blank);
    let doctype =
        NodeData::Doctype { name: "html".to_owned(), public_id: String::new(), system_id: String::new() };
    document.link(&Node::new(&class::DOCUMENT_TYPE, realm.id(), Some(&document), doctype), None);
    let html = create_element(&document, html_name("html"));
    document.link(&html, None);
    let head = create_element(&document, html_name("head"));
    html.link(&head, None);
    if let Some(title) = title {
        let element = create_element(&document, html_name("title"));
        head.link(&element, None);
        element.link(&Node::text(&document, title.into()), None);
    }
    html.link(&create_element(&document, html_name("body")), None);
    Ok(document)
}

/// <https://dom.spec.whatwg.org/#interface-domimplementation>
pub(crate) struct Implementation(pub(crate) NodeRef);

longhaul_idl::platform_object!(Implementation => longhaul_idl::dom_implementation, realm of 0);

impl longhaul_idl::DOMImplementationMethods for Implementation {
    fn create_document_type(
        self: &Arc<Self>,
        _: &dyn Realm,
        name: longhaul_idl::runtime::DomString,
        public_id: longhaul_idl::runtime::DomString,
        system_id: longhaul_idl::runtime::DomString,
    ) -> Result<ObjectRef, Exception> {
        if name.contains(|c: char| c.is_ascii_whitespace() || matches!(c, '\0' | '>')) {
            return Err(Exception::dom("InvalidCharacterError", "the name cannot be a doctype's"));
        }
        let data =
            NodeData::Doctype { name: name.into(), public_id: public_id.into(), system_id: system_id.into() };
        Ok(Node::new(&class::DOCUMENT_TYPE, self.0.realm_id(), Some(&self.0), data))
    }

    fn create_document(
        self: &Arc<Self>,
        _: &dyn Realm,
        namespace: Option<longhaul_idl::runtime::DomString>,
        qualified_name: longhaul_idl::runtime::DomString,
        doctype: Option<ObjectRef>,
    ) -> Result<ObjectRef, Exception> {
        let content_type = match namespace.as_deref() {
            Some("http://www.w3.org/1999/xhtml") => "application/xhtml+xml",
            Some("http://www.w3.org/2000/svg") => "image/svg+xml",
            _ => "application/xml",
        };
        let blank = Url::parse("about:blank").map_err(|_| Exception::type_error("about:blank"))?;
        let document =
            new_document_of(&class::XML_DOCUMENT, self.0.realm_id(), Kind::Xml, content_type, blank);
        let root = match qualified_name.is_empty() {
            true => None,
            false => {
                let name: QualName =
                    super::element::validate_and_extract(namespace.as_deref(), &qualified_name, true)?;
                Some(create_element(&document, name))
            }
        };
        if let Some(doctype) = doctype {
            let doctype = super::node::node(&doctype)?;
            doctype.unlink();
            doctype.set_document(&document);
            document.link(&doctype, None);
        }
        if let Some(root) = root {
            document.link(&root, None);
        }
        Ok(document)
    }

    fn create_html_document(
        self: &Arc<Self>,
        realm: &dyn Realm,
        title: Option<longhaul_idl::runtime::DomString>,
    ) -> Result<ObjectRef, Exception> {
        Ok(html_document(realm, title.as_deref())?)
    }

    fn has_feature(self: &Arc<Self>, _: &dyn Realm) -> Result<bool, Exception> {
        Ok(true)
    }
}
