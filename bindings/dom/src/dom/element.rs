//! <https://dom.spec.whatwg.org/#interface-element>: elements and their attributes.

use std::sync::{Arc, Mutex, Weak};

use html5ever::{LocalName, Namespace, Prefix, QualName, ns};
use longhaul_idl::runtime::{DomString, Exception, Realm};

use super::node::{Node, NodeData, NodeRef, changed, lock};
use super::{class, mutation};
use crate::html::ElementState;

/// What an element has beyond being a node.
pub(crate) struct ElementData {
    pub(crate) name: QualName,
    attributes: Mutex<Vec<NodeRef>>,
    /// A template's content.
    content: Mutex<Option<NodeRef>>,
    /// <https://html.spec.whatwg.org/#cryptographicnonce>
    nonce: Mutex<Option<DomString>>,
    /// What HTML keeps for it.
    pub(crate) state: ElementState,
}

impl ElementData {
    pub(super) fn take_content(&self) -> Option<NodeRef> {
        lock(&self.content).take()
    }
}

/// <https://dom.spec.whatwg.org/#concept-create-element>
pub(crate) fn create_element(document: &NodeRef, name: QualName) -> NodeRef {
    let state = ElementState::new(&name);
    let class = class::of_element(&name.ns, &name.local);
    let is_template = name.ns == ns!(html) && &*name.local == "template";
    let data = ElementData {
        name,
        attributes: Mutex::default(),
        content: Mutex::default(),
        nonce: Mutex::default(),
        state,
    };
    let element = Node::new(class, document.realm_id(), Some(document), NodeData::Element(Box::new(data)));
    if is_template && let Some(data) = element.element() {
        let inert = match document.document_data() {
            Some(data) => data.template_contents_owner(document),
            None => Arc::clone(document),
        };
        let content = Node::fragment(&inert);
        if let NodeData::Fragment { host } = &content.data {
            *lock(host) = Arc::downgrade(&element);
        }
        *lock(&data.content) = Some(content);
    }
    element
}

pub(crate) fn html_name(local: &str) -> QualName {
    QualName::new(None, ns!(html), LocalName::from(local))
}

pub(crate) fn value_of(attribute: &Node) -> DomString {
    match &attribute.data {
        NodeData::Attribute { value, .. } => lock(value).clone(),
        _ => DomString::default(),
    }
}

pub(crate) fn name_of(attribute: &Node) -> Option<&QualName> {
    match &attribute.data {
        NodeData::Attribute { name, .. } => Some(name),
        _ => None,
    }
}

/// <https://dom.spec.whatwg.org/#concept-attribute-qualified-name>
pub(crate) fn qualified(name: &QualName) -> String {
    match &name.prefix {
        Some(prefix) if !prefix.is_empty() => format!("{prefix}:{}", name.local),
        _ => name.local.to_string(),
    }
}

impl Node {
    /// <https://html.spec.whatwg.org/#cryptographicnonce>: what the attribute said, also where it is hidden by now.
    pub(crate) fn nonce_slot(&self) -> Option<DomString> {
        lock(&self.element()?.nonce).clone()
    }

    pub(crate) fn set_nonce_slot(&self, nonce: Option<DomString>) {
        if let Some(element) = self.element() {
            *lock(&element.nonce) = nonce;
        }
    }

    /// A template's content.
    pub(crate) fn template_content(&self) -> Option<NodeRef> {
        lock(&self.element()?.content).clone()
    }

    pub(crate) fn attribute_list(&self) -> Vec<NodeRef> {
        self.element().map(|element| lock(&element.attributes).clone()).unwrap_or_default()
    }

    /// <https://dom.spec.whatwg.org/#concept-element-attributes-get-by-namespace>
    pub(crate) fn attribute_ns(&self, namespace: &Namespace, local: &str) -> Option<NodeRef> {
        let attributes = lock(&self.element()?.attributes);
        let is = |attribute: &&NodeRef| {
            name_of(attribute).is_some_and(|name| name.ns == *namespace && &*name.local == local)
        };
        attributes.iter().find(is).cloned()
    }

    /// The attribute of no namespace.
    pub(crate) fn attr(&self, local: &str) -> Option<String> {
        self.attribute_ns(&ns!(), local).map(|attribute| value_of(&attribute).into())
    }

    pub(crate) fn attr_dom(&self, local: &str) -> Option<DomString> {
        self.attribute_ns(&ns!(), local).map(|attribute| value_of(&attribute))
    }

    pub(crate) fn has_attr(&self, local: &str) -> bool {
        self.attribute_ns(&ns!(), local).is_some()
    }

    fn lowers_names(self: &Arc<Self>) -> bool {
        self.namespace() == Some(&ns!(html))
            && self
                .document()
                .is_some_and(|document| document.document_data().is_some_and(|data| data.is_html()))
    }

    /// <https://dom.spec.whatwg.org/#concept-element-attributes-get-by-name>
    pub(crate) fn attribute_by_name(self: &Arc<Self>, qualified_name: &str) -> Option<NodeRef> {
        let lower;
        let wanted = if self.lowers_names() {
            lower = qualified_name.to_ascii_lowercase();
            lower.as_str()
        } else {
            qualified_name
        };
        let attributes = lock(&self.element()?.attributes);
        let is = |attribute: &&NodeRef| {
            name_of(attribute).is_some_and(|name| match &name.prefix {
                None => &*name.local == wanted,
                Some(_) => qualified(name) == wanted,
            })
        };
        attributes.iter().find(is).cloned()
    }

    /// Puts an attribute there without telling anyone: what a parser does.
    pub(crate) fn put_attribute_quietly(self: &Arc<Self>, name: QualName, value: DomString) {
        let (Some(element), Some(document)) = (self.element(), self.document()) else { return };
        let attribute = Self::attribute(&document, name, value);
        own(&attribute, Some(self));
        lock(&element.attributes).push(attribute);
    }

    /// <https://dom.spec.whatwg.org/#concept-element-attributes-set-value>
    pub(crate) fn set_attr(
        self: &Arc<Self>,
        realm: &dyn Realm,
        local: &str,
        value: DomString,
    ) -> Result<(), Exception> {
        self.set_attribute_value(realm, QualName::new(None, ns!(), LocalName::from(local)), value)
    }

    pub(crate) fn set_attribute_value(
        self: &Arc<Self>,
        realm: &dyn Realm,
        name: QualName,
        value: DomString,
    ) -> Result<(), Exception> {
        match self.attribute_ns(&name.ns, &name.local) {
            Some(attribute) => change(realm, &attribute, value),
            None => {
                let Some(document) = self.document() else { return Ok(()) };
                append(realm, self, &Self::attribute(&document, name, value))
            }
        }
    }

    pub(crate) fn remove_attr(self: &Arc<Self>, realm: &dyn Realm, local: &str) -> Result<(), Exception> {
        match self.attribute_ns(&ns!(), local) {
            Some(attribute) => remove(realm, self, &attribute),
            None => Ok(()),
        }
    }

    /// The element of an attribute.
    pub(crate) fn owner_of_attribute(&self) -> Option<NodeRef> {
        match &self.data {
            NodeData::Attribute { element, .. } => lock(element).upgrade(),
            _ => None,
        }
    }
}

fn own(attribute: &NodeRef, owner: Option<&NodeRef>) {
    if let NodeData::Attribute { element, .. } = &attribute.data {
        *lock(element) = owner.map_or_else(Weak::new, Arc::downgrade);
    }
}

/// <https://dom.spec.whatwg.org/#concept-element-attributes-change>
pub(crate) fn change(realm: &dyn Realm, attribute: &NodeRef, value: DomString) -> Result<(), Exception> {
    let NodeData::Attribute { value: held, name, .. } = &attribute.data else { return Ok(()) };
    changed();
    let old = std::mem::replace(&mut *lock(held), value.clone());
    match attribute.owner_of_attribute() {
        Some(element) => handle(realm, &element, name, Some(old), Some(value)),
        None => Ok(()),
    }
}

/// <https://dom.spec.whatwg.org/#concept-element-attributes-append>
pub(crate) fn append(realm: &dyn Realm, element: &NodeRef, attribute: &NodeRef) -> Result<(), Exception> {
    let (Some(data), Some(name)) = (element.element(), name_of(attribute)) else { return Ok(()) };
    changed();
    own(attribute, Some(element));
    if let Some(document) = element.document() {
        attribute.set_document(&document);
    }
    lock(&data.attributes).push(Arc::clone(attribute));
    handle(realm, element, name, None, Some(value_of(attribute)))
}

/// <https://dom.spec.whatwg.org/#concept-element-attributes-remove>
pub(crate) fn remove(realm: &dyn Realm, element: &NodeRef, attribute: &NodeRef) -> Result<(), Exception> {
    let (Some(data), Some(name)) = (element.element(), name_of(attribute)) else { return Ok(()) };
    changed();
    lock(&data.attributes).retain(|known| !Arc::ptr_eq(known, attribute));
    own(attribute, None);
    handle(realm, element, name, Some(value_of(attribute)), None)
}

/// <https://dom.spec.whatwg.org/#concept-element-attributes-set>
pub(crate) fn set(
    realm: &dyn Realm,
    element: &NodeRef,
    attribute: &NodeRef,
) -> Result<Option<NodeRef>, Exception> {
    if attribute.owner_of_attribute().is_some_and(|owner| !Arc::ptr_eq(&owner, element)) {
        return Err(Exception::dom("InUseAttributeError", "the attribute belongs to another element"));
    }
    let Some(name) = name_of(attribute) else { return Ok(None) };
    let old = element.attribute_ns(&name.ns, &name.local);
    match &old {
        Some(old) if Arc::ptr_eq(old, attribute) => return Ok(Some(Arc::clone(attribute))),
        Some(old) => {
            let Some(data) = element.element() else { return Ok(None) };
            changed();
            for known in lock(&data.attributes).iter_mut() {
                if Arc::ptr_eq(known, old) {
                    *known = Arc::clone(attribute);
                }
            }
            own(old, None);
            own(attribute, Some(element));
            if let Some(document) = element.document() {
                attribute.set_document(&document);
            }
            handle(realm, element, name, Some(value_of(old)), Some(value_of(attribute)))?;
        }
        None => append(realm, element, attribute)?,
    }
    Ok(old)
}

/// <https://dom.spec.whatwg.org/#handle-attribute-changes>
fn handle(
    realm: &dyn Realm,
    element: &NodeRef,
    name: &QualName,
    old: Option<DomString>,
    new: Option<DomString>,
) -> Result<(), Exception> {
    mutation::record_attribute(realm, element, name, old.as_ref())?;
    if name.ns == ns!() {
        crate::html::attribute_changed(realm, element, &name.local, old.as_ref(), new.as_ref())?;
    }
    Ok(())
}

/// <https://dom.spec.whatwg.org/#validate-and-extract>
pub(crate) fn validate_and_extract(
    namespace: Option<&str>,
    qualified_name: &str,
    is_element: bool,
) -> Result<QualName, Exception> {
    let namespace = namespace.unwrap_or("");
    let (prefix, local) = match qualified_name.split_once(':') {
        Some((prefix, local)) => (Some(prefix), local),
        None => (None, qualified_name),
    };
    let invalid =
        || Exception::dom("InvalidCharacterError", "the name holds a character that names do not have");
    if prefix.is_some_and(|prefix| !is_valid_prefix(prefix)) {
        return Err(invalid());
    }
    if !(if is_element { is_valid_element_name(local) } else { is_valid_attribute_name(local) }) {
        return Err(invalid());
    }
    let xmlns = "http://www.w3.org/2000/xmlns/";
    let clash = prefix.is_some() && namespace.is_empty()
        || prefix == Some("xml") && namespace != "http://www.w3.org/XML/1998/namespace"
        || (qualified_name == "xmlns" || prefix == Some("xmlns")) != (namespace == xmlns);
    if clash {
        return Err(Exception::dom("NamespaceError", "the prefix and the namespace do not go together"));
    }
    Ok(QualName::new(prefix.map(Prefix::from), Namespace::from(namespace), LocalName::from(local)))
}

fn is_space(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\x0c' | '\r' | ' ')
}

/// <https://dom.spec.whatwg.org/#valid-namespace-prefix>
fn is_valid_prefix(name: &str) -> bool {
    !name.is_empty() && !name.contains(|c| is_space(c) || matches!(c, '\0' | '/' | '>'))
}

/// <https://dom.spec.whatwg.org/#valid-attribute-local-name>
pub(crate) fn is_valid_attribute_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(|c| is_space(c) || matches!(c, '\0' | '/' | '=' | '>'))
}

/// <https://dom.spec.whatwg.org/#valid-element-local-name>
pub(crate) fn is_valid_element_name(name: &str) -> bool {
    let Some(first) = name.chars().next() else { return false };
    if first.is_ascii_alphabetic() {
        return !name.contains(|c| is_space(c) || matches!(c, '\0' | '/' | '>'));
    }
    let rest = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | ':' | '_') || c >= '\u{80}';
    (matches!(first, ':' | '_') || first >= '\u{80}') && name.chars().skip(1).all(rest)
}
