//! The members of Element: <https://dom.spec.whatwg.org/#interface-element>

use std::sync::Arc;

use html5ever::{LocalName, Namespace, QualName, ns};
use longhaul_idl::runtime::{DomString, Exception, ObjectRef, Realm, Reflects};
use longhaul_idl::{ElementMethods, NodeOrDomString};

use super::attributes::{NamedNodeMap, TokenList, namespace_of};
use super::collections::{Filter, HtmlCollection};
use super::element::{self, is_valid_attribute_name, name_of, qualified, validate_and_extract};
use super::mutation;
use super::node::{Node, NodeRef, node, object, objects};
use super::node_methods::own_document;
use super::parent_node::{child_node_methods, parent_node_methods, sibling_element_methods};
use super::selectors::Selectors;
use crate::html::parse_fragment;

/// <https://dom.spec.whatwg.org/#element-html-uppercased-qualified-name>
pub(super) fn tag_name(node: &NodeRef) -> String {
    let Some(element) = node.element() else { return String::new() };
    let name = qualified(&element.name);
    let in_html =
        node.document().is_some_and(|document| document.document_data().is_some_and(|data| data.is_html()));
    if element.name.ns == ns!(html) && in_html { name.to_ascii_uppercase() } else { name }
}

pub(crate) fn by_tag_name(root: &NodeRef, name: &DomString) -> ObjectRef {
    let in_html =
        root.document().is_some_and(|document| document.document_data().is_some_and(|data| data.is_html()));
    let lower = in_html.then(|| name.to_ascii_lowercase());
    HtmlCollection::of(root, Filter::TagName(name.to_string(), lower))
}

pub(crate) fn by_tag_name_ns(root: &NodeRef, namespace: Option<DomString>, name: &DomString) -> ObjectRef {
    let namespace = match namespace.as_deref() {
        Some("*") => None,
        other => Some(Namespace::from(other.unwrap_or(""))),
    };
    let name = (**name != *"*").then(|| LocalName::from(&**name));
    HtmlCollection::of(root, Filter::TagNameNs(namespace, name))
}

pub(crate) fn by_class_name(root: &NodeRef, names: &DomString) -> ObjectRef {
    let names = names.split_ascii_whitespace().map(str::to_owned).collect();
    let quirks =
        root.document().is_some_and(|document| document.document_data().is_some_and(|data| data.is_quirks()));
    HtmlCollection::of(root, Filter::ClassName(names, !quirks))
}

/// Where `insertAdjacent…` puts what it is given.
fn insert_adjacent(realm: &dyn Realm, this: &NodeRef, place: &str, new: &NodeRef) -> Result<bool, Exception> {
    match place.to_ascii_lowercase().as_str() {
        "beforebegin" => {
            let Some(parent) = this.parent() else { return Ok(false) };
            mutation::pre_insert(realm, new, &parent, Some(this))?;
        }
        "afterbegin" => mutation::pre_insert(realm, new, this, this.first_child().as_ref())?,
        "beforeend" => mutation::append(realm, new, this)?,
        "afterend" => {
            let Some(parent) = this.parent() else { return Ok(false) };
            mutation::pre_insert(realm, new, &parent, this.next_sibling().as_ref())?;
        }
        _ => return Err(Exception::dom("SyntaxError", "there is no such place")),
    }
    Ok(true)
}

fn not_found() -> Exception {
    Exception::dom("NotFoundError", "the element has no such attribute")
}

impl Reflects for Node {
    fn content_attribute(&self, _: &dyn Realm, name: &str) -> Option<DomString> {
        match self.document_element_node().filter(|_| self.is_document()) {
            Some(html) => html.attr_dom(name),
            None => self.attr_dom(name),
        }
    }

    fn set_content_attribute(
        &self,
        realm: &dyn Realm,
        name: &str,
        value: Option<DomString>,
    ) -> Result<(), Exception> {
        // NOTE: the trait has no `Arc`; the node itself is reached through its neighbours.
        let this = match self.is_document() {
            true => self.document_element_node(),
            false => self.me(),
        };
        let Some(this) = this else { return Ok(()) };
        match value {
            Some(value) => this.set_attr(realm, name, value),
            None => this.remove_attr(realm, name),
        }
    }

    fn resolve_url(&self, _: &dyn Realm, url: &str) -> Option<String> {
        let document = self.me()?.document()?;
        document.document_data()?.parse_url(&document, url).map(String::from)
    }
}

impl ElementMethods for Node {
    parent_node_methods!();
    child_node_methods!();
    sibling_element_methods!();

    fn namespace_uri(self: &Arc<Self>, _: &dyn Realm) -> Result<Option<DomString>, Exception> {
        Ok(self.namespace().filter(|namespace| !namespace.is_empty()).map(|namespace| (&**namespace).into()))
    }

    fn prefix(self: &Arc<Self>, _: &dyn Realm) -> Result<Option<DomString>, Exception> {
        let prefix = self.element().and_then(|element| element.name.prefix.as_ref());
        Ok(prefix.filter(|prefix| !prefix.is_empty()).map(|prefix| (&**prefix).into()))
    }

    fn local_name(self: &Arc<Self>, _: &dyn Realm) -> Result<DomString, Exception> {
        Ok(self.element().map(|element| (&*element.name.local).into()).unwrap_or_default())
    }

    fn tag_name(self: &Arc<Self>, _: &dyn Realm) -> Result<DomString, Exception> {
        Ok(tag_name(self).into())
    }

    fn class_list(self: &Arc<Self>, _: &dyn Realm) -> Result<ObjectRef, Exception> {
        Ok(Arc::new(TokenList { element: Arc::clone(self), attribute: "class", supported: None }))
    }

    fn has_attributes(self: &Arc<Self>, _: &dyn Realm) -> Result<bool, Exception> {
        Ok(!self.attribute_list().is_empty())
    }

    fn attributes(self: &Arc<Self>, _: &dyn Realm) -> Result<ObjectRef, Exception> {
        Ok(Arc::new(NamedNodeMap(Arc::clone(self))))
    }

    fn get_attribute_names(self: &Arc<Self>, _: &dyn Realm) -> Result<Vec<DomString>, Exception> {
        Ok(self
            .attribute_list()
            .iter()
            .filter_map(|attribute| name_of(attribute))
            .map(|name| qualified(name).into())
            .collect())
    }

    fn get_attribute(
        self: &Arc<Self>,
        realm: &dyn Realm,
        name: DomString,
    ) -> Result<Option<DomString>, Exception> {
        match self.attribute_by_name(&name) {
            Some(attribute) => Ok(Some(longhaul_idl::AttrMethods::value(&attribute, realm)?)),
            None => Ok(None),
        }
    }

    fn get_attribute_ns(
        self: &Arc<Self>,
        realm: &dyn Realm,
        namespace: Option<DomString>,
        name: DomString,
    ) -> Result<Option<DomString>, Exception> {
        match self.attribute_ns(&namespace_of(namespace.as_ref()), &name) {
            Some(attribute) => Ok(Some(longhaul_idl::AttrMethods::value(&attribute, realm)?)),
            None => Ok(None),
        }
    }

    fn set_attribute(
        self: &Arc<Self>,
        realm: &dyn Realm,
        name: DomString,
        value: DomString,
    ) -> Result<(), Exception> {
        if !is_valid_attribute_name(&name) {
            return Err(Exception::dom("InvalidCharacterError", "the name cannot be an attribute's"));
        }
        if let Some(attribute) = self.attribute_by_name(&name) {
            return element::change(realm, &attribute, value);
        }
        let is_html = self.namespace() == Some(&ns!(html))
            && self
                .document()
                .is_some_and(|document| document.document_data().is_some_and(|data| data.is_html()));
        let name = if is_html { LocalName::from(name.to_ascii_lowercase()) } else { LocalName::from(&*name) };
        let attribute = Node::attribute(&own_document(self)?, QualName::new(None, ns!(), name), value);
        element::append(realm, self, &attribute)
    }

    fn set_attribute_ns(
        self: &Arc<Self>,
        realm: &dyn Realm,
        namespace: Option<DomString>,
        name: DomString,
        value: DomString,
    ) -> Result<(), Exception> {
        self.set_attribute_value(realm, validate_and_extract(namespace.as_deref(), &name, false)?, value)
    }

    fn remove_attribute(self: &Arc<Self>, realm: &dyn Realm, name: DomString) -> Result<(), Exception> {
        self.attribute_by_name(&name).map_or(Ok(()), |attribute| element::remove(realm, self, &attribute))
    }

    fn remove_attribute_ns(
        self: &Arc<Self>,
        realm: &dyn Realm,
        namespace: Option<DomString>,
        name: DomString,
    ) -> Result<(), Exception> {
        let attribute = self.attribute_ns(&namespace_of(namespace.as_ref()), &name);
        attribute.map_or(Ok(()), |attribute| element::remove(realm, self, &attribute))
    }

    fn toggle_attribute(
        self: &Arc<Self>,
        realm: &dyn Realm,
        name: DomString,
        force: Option<bool>,
    ) -> Result<bool, Exception> {
        if !is_valid_attribute_name(&name) {
            return Err(Exception::dom("InvalidCharacterError", "the name cannot be an attribute's"));
        }
        match (self.attribute_by_name(&name), force) {
            (None, None | Some(true)) => {
                self.set_attribute(realm, name, DomString::default())?;
                Ok(true)
            }
            (None, Some(false)) => Ok(false),
            (Some(_), Some(true)) => Ok(true),
            (Some(attribute), None | Some(false)) => {
                element::remove(realm, self, &attribute)?;
                Ok(false)
            }
        }
    }

    fn has_attribute(self: &Arc<Self>, _: &dyn Realm, name: DomString) -> Result<bool, Exception> {
        Ok(self.attribute_by_name(&name).is_some())
    }

    fn has_attribute_ns(
        self: &Arc<Self>,
        _: &dyn Realm,
        namespace: Option<DomString>,
        name: DomString,
    ) -> Result<bool, Exception> {
        Ok(self.attribute_ns(&namespace_of(namespace.as_ref()), &name).is_some())
    }

    fn get_attribute_node(
        self: &Arc<Self>,
        _: &dyn Realm,
        name: DomString,
    ) -> Result<Option<ObjectRef>, Exception> {
        Ok(objects(self.attribute_by_name(&name)))
    }

    fn get_attribute_node_ns(
        self: &Arc<Self>,
        _: &dyn Realm,
        namespace: Option<DomString>,
        name: DomString,
    ) -> Result<Option<ObjectRef>, Exception> {
        Ok(objects(self.attribute_ns(&namespace_of(namespace.as_ref()), &name)))
    }

    fn set_attribute_node(
        self: &Arc<Self>,
        realm: &dyn Realm,
        attr: ObjectRef,
    ) -> Result<Option<ObjectRef>, Exception> {
        Ok(objects(element::set(realm, self, &node(&attr)?)?))
    }

    fn set_attribute_node_ns(
        self: &Arc<Self>,
        realm: &dyn Realm,
        attr: ObjectRef,
    ) -> Result<Option<ObjectRef>, Exception> {
        self.set_attribute_node(realm, attr)
    }

    fn remove_attribute_node(
        self: &Arc<Self>,
        realm: &dyn Realm,
        attr: ObjectRef,
    ) -> Result<ObjectRef, Exception> {
        let attribute = node(&attr)?;
        if attribute.owner_of_attribute().is_none_or(|owner| !Arc::ptr_eq(&owner, self)) {
            return Err(not_found());
        }
        element::remove(realm, self, &attribute)?;
        Ok(attr)
    }

    fn closest(
        self: &Arc<Self>,
        _: &dyn Realm,
        selectors: DomString,
    ) -> Result<Option<ObjectRef>, Exception> {
        let selectors = Selectors::parse(&selectors)?;
        let mut current = Some(Arc::clone(self));
        while let Some(node) = current {
            if selectors.matches(&node, self) {
                return Ok(Some(object(node)));
            }
            current = node.parent().filter(|parent| parent.is_element());
        }
        Ok(None)
    }

    fn matches(self: &Arc<Self>, _: &dyn Realm, selectors: DomString) -> Result<bool, Exception> {
        Ok(Selectors::parse(&selectors)?.matches(self, self))
    }

    fn webkit_matches_selector(
        self: &Arc<Self>,
        realm: &dyn Realm,
        selectors: DomString,
    ) -> Result<bool, Exception> {
        ElementMethods::matches(self, realm, selectors)
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

    fn insert_adjacent_element(
        self: &Arc<Self>,
        realm: &dyn Realm,
        place: DomString,
        element: ObjectRef,
    ) -> Result<Option<ObjectRef>, Exception> {
        Ok(insert_adjacent(realm, self, &place, &node(&element)?)?.then_some(element))
    }

    fn insert_adjacent_text(
        self: &Arc<Self>,
        realm: &dyn Realm,
        place: DomString,
        data: DomString,
    ) -> Result<(), Exception> {
        let text = Node::text(&own_document(self)?, data);
        insert_adjacent(realm, self, &place, &text).map(drop)
    }

    fn inner_html(self: &Arc<Self>, _: &dyn Realm) -> Result<DomString, Exception> {
        let xml = self
            .document()
            .is_some_and(|document| document.document_data().is_some_and(|data| !data.is_html()));
        Ok(super::serialize::serialize(self, true, xml).into())
    }

    fn set_inner_html(self: &Arc<Self>, realm: &dyn Realm, value: DomString) -> Result<(), Exception> {
        let fragment = parse_fragment(realm, self, &value)?;
        let target = self.template_content().unwrap_or_else(|| Arc::clone(self));
        mutation::replace_all(realm, Some(&fragment), &target)
    }

    fn outer_html(self: &Arc<Self>, _: &dyn Realm) -> Result<DomString, Exception> {
        let xml = self
            .document()
            .is_some_and(|document| document.document_data().is_some_and(|data| !data.is_html()));
        Ok(super::serialize::serialize(self, false, xml).into())
    }

    fn set_outer_html(self: &Arc<Self>, realm: &dyn Realm, value: DomString) -> Result<(), Exception> {
        let Some(parent) = self.parent() else { return Ok(()) };
        if parent.is_document() {
            return Err(Exception::dom("NoModificationAllowedError", "the parent is a document"));
        }
        let context = match parent.is_fragment() {
            true => element::create_element(&own_document(self)?, element::html_name("body")),
            false => Arc::clone(&parent),
        };
        let fragment = parse_fragment(realm, &context, &value)?;
        mutation::replace(realm, self, &fragment, &parent)
    }

    fn insert_adjacent_html(
        self: &Arc<Self>,
        realm: &dyn Realm,
        position: DomString,
        string: DomString,
    ) -> Result<(), Exception> {
        let outside = matches!(position.to_ascii_lowercase().as_str(), "beforebegin" | "afterend");
        let context = match outside {
            true => self.parent().filter(|parent| !parent.is_document()).ok_or_else(|| {
                Exception::dom("NoModificationAllowedError", "the element has no parent element")
            })?,
            false => Arc::clone(self),
        };
        let context = match context.is_html("html") || !context.is_element() {
            true => element::create_element(&own_document(self)?, element::html_name("body")),
            false => context,
        };
        if !outside && !matches!(position.to_ascii_lowercase().as_str(), "afterbegin" | "beforeend") {
            return Err(Exception::dom("SyntaxError", "there is no such place"));
        }
        let fragment = parse_fragment(realm, &context, &string)?;
        insert_adjacent(realm, self, &position, &fragment).map(drop)
    }
}
