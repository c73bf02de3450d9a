//! The members of Node, and of the interfaces that are only nodes: <https://dom.spec.whatwg.org/#interface-node>

use std::sync::Arc;

use html5ever::{Prefix, ns};
use longhaul_idl::runtime::{DomString, Exception, ObjectRef, Realm};
use longhaul_idl::{
    AttrMethods, CDATASectionMethods, CharacterDataMethods, CommentMethods, CommentStatics,
    DocumentFragmentMethods, DocumentFragmentStatics, DocumentTypeMethods, GetRootNodeOptions, NodeMethods,
    NodeOrDomString, ProcessingInstructionMethods, TextMethods, TextStatics, XMLDocumentMethods,
};

use super::collections::{Filter, NodeList};

use super::element::{self, create_element, name_of, qualified};
use super::mutation;
use super::node::{Node, NodeData, NodeRef, lock, node, object, objects};
use super::parent_node::{child_node_methods, parent_node_methods, sibling_element_methods};

pub(crate) fn document_of(realm: &dyn Realm) -> Result<NodeRef, Exception> {
    let window = realm.global().downcast::<crate::html::WindowGlobal>();
    window
        .map(|window| window.document_node())
        .ok_or_else(|| Exception::type_error("the realm has no document"))
}

pub(crate) fn own_document(node: &NodeRef) -> Result<NodeRef, Exception> {
    node.document().ok_or_else(|| Exception::dom("InvalidStateError", "the node's document is gone"))
}

fn shallow_clone(node: &NodeRef, document: &NodeRef) -> NodeRef {
    let data = match &node.data {
        NodeData::Element(element) => {
            let clone = create_element(document, element.name.clone());
            for attribute in node.attribute_list() {
                if let NodeData::Attribute { name, value, .. } = &attribute.data {
                    clone.put_attribute_quietly(name.clone(), lock(value).clone());
                }
            }
            crate::html::cloned(node, &clone);
            return clone;
        }
        NodeData::Document(data) => {
            let clone = super::document::new_document(
                node.realm_id(),
                if data.is_html() { super::document::Kind::Html } else { super::document::Kind::Xml },
                data.content_type(),
                data.url(),
            );
            if let Some(cloned) = clone.document_data() {
                cloned.set_encoding(data.encoding());
                cloned.set_quirks(data.is_quirks());
            }
            return clone;
        }
        NodeData::Doctype { name, public_id, system_id } => NodeData::Doctype {
            name: name.clone(),
            public_id: public_id.clone(),
            system_id: system_id.clone(),
        },
        NodeData::Fragment { .. } => return Node::fragment(document),
        NodeData::Text(data) => NodeData::Text(std::sync::Mutex::new(lock(data).clone())),
        NodeData::CData(data) => NodeData::CData(std::sync::Mutex::new(lock(data).clone())),
        NodeData::Comment(data) => NodeData::Comment(std::sync::Mutex::new(lock(data).clone())),
        NodeData::ProcessingInstruction { target, data } => NodeData::ProcessingInstruction {
            target: target.clone(),
            data: std::sync::Mutex::new(lock(data).clone()),
        },
        NodeData::Attribute { name, value, .. } => {
            return Node::attribute(document, name.clone(), lock(value).clone());
        }
    };
    Node::new(node.class(), document.realm_id(), Some(document), data)
}

/// <https://dom.spec.whatwg.org/#concept-node-clone>
pub(crate) fn clone(node: &NodeRef, document: &NodeRef, subtree: bool) -> NodeRef {
    let root = shallow_clone(node, document);
    if !subtree {
        // A template's content is cloned with its descendants only.
        return root;
    }
    let mut work = vec![(Arc::clone(node), Arc::clone(&root))];
    while let Some((from, to)) = work.pop() {
        if let (Some(from), Some(to)) = (from.template_content(), to.template_content()) {
            work.push((from, to));
        }
        let document = to.document().unwrap_or_else(|| Arc::clone(document));
        for child in from.children_list() {
            let copy = shallow_clone(&child, &document);
            to.link(&copy, None);
            work.push((child, copy));
        }
    }
    root
}

fn equal(a: &NodeRef, b: &NodeRef) -> bool {
    let mut work = vec![(Arc::clone(a), Arc::clone(b))];
    while let Some((a, b)) = work.pop() {
        let same = match (&a.data, &b.data) {
            (NodeData::Document(_), NodeData::Document(_))
            | (NodeData::Fragment { .. }, NodeData::Fragment { .. }) => true,
            (
                NodeData::Doctype { name, public_id, system_id },
                NodeData::Doctype { name: other, public_id: other_public, system_id: other_system },
            ) => name == other && public_id == other_public && system_id == other_system,
            (NodeData::Text(a), NodeData::Text(b))
            | (NodeData::CData(a), NodeData::CData(b))
            | (NodeData::Comment(a), NodeData::Comment(b)) => {
                let a = lock(a).clone();
                a == *lock(b)
            }
            (
                NodeData::ProcessingInstruction { target, data },
                NodeData::ProcessingInstruction { target: other, data: other_data },
            ) => {
                let data = lock(data).clone();
                target == other && data == *lock(other_data)
            }
            (
                NodeData::Attribute { name, value, .. },
                NodeData::Attribute { name: other, value: other_value, .. },
            ) => {
                let value = lock(value).clone();
                name.ns == other.ns && name.local == other.local && value == *lock(other_value)
            }
            (NodeData::Element(x), NodeData::Element(y)) => {
                let attributes = a.attribute_list();
                x.name == y.name
                    && attributes.len() == b.attribute_list().len()
                    && attributes.iter().all(|attribute| {
                        let NodeData::Attribute { name, value, .. } = &attribute.data else { return false };
                        let Some(other) = b.attribute_ns(&name.ns, &name.local) else { return false };
                        let value = lock(value).clone();
                        matches!(&other.data, NodeData::Attribute { value: other, .. } if *lock(other) == value)
                    })
            }
            _ => false,
        };
        let (children, others) = (a.children_list(), b.children_list());
        if !same || children.len() != others.len() {
            return false;
        }
        work.extend(children.into_iter().zip(others));
    }
    true
}

/// <https://dom.spec.whatwg.org/#locate-a-namespace>
fn locate_namespace(start: &NodeRef, prefix: Option<&str>) -> Option<String> {
    let mut current = match &start.data {
        NodeData::Document(_) => start.document_element_node(),
        NodeData::Attribute { .. } => start.owner_of_attribute(),
        NodeData::Doctype { .. } | NodeData::Fragment { .. } => None,
        NodeData::Element(_) => Some(Arc::clone(start)),
        _ => start.parent().filter(|parent| parent.is_element()),
    };
    while let Some(node) = current {
        let element = node.element()?;
        match prefix {
            Some("xml") => return Some("http://www.w3.org/XML/1998/namespace".to_owned()),
            Some("xmlns") => return Some("http://www.w3.org/2000/xmlns/".to_owned()),
            _ => {}
        }
        if !element.name.ns.is_empty() && element.name.prefix.as_deref() == prefix {
            return Some(element.name.ns.to_string());
        }
        for attribute in node.attribute_list() {
            let NodeData::Attribute { name, value, .. } = &attribute.data else { continue };
            let declares = name.ns == ns!(xmlns)
                && match prefix {
                    Some(prefix) => name.prefix == Some(Prefix::from("xmlns")) && &*name.local == prefix,
                    None => name.prefix.is_none() && &*name.local == "xmlns",
                };
            if declares {
                let value = lock(value).to_string();
                return (!value.is_empty()).then_some(value);
            }
        }
        current = node.parent().filter(|parent| parent.is_element());
    }
    None
}

impl NodeMethods for Node {
    fn node_type(self: &Arc<Self>, _: &dyn Realm) -> Result<u16, Exception> {
        Ok(match self.data {
            NodeData::Element(_) => 1,
            NodeData::Attribute { .. } => 2,
            NodeData::Text(_) => 3,
            NodeData::CData(_) => 4,
            NodeData::ProcessingInstruction { .. } => 7,
            NodeData::Comment(_) => 8,
            NodeData::Document(_) => 9,
            NodeData::Doctype { .. } => 10,
            NodeData::Fragment { .. } => 11,
        })
    }

    fn node_name(self: &Arc<Self>, _: &dyn Realm) -> Result<DomString, Exception> {
        Ok(match &self.data {
            NodeData::Element(_) => super::element_methods::tag_name(self).into(),
            NodeData::Attribute { name, .. } => qualified(name).into(),
            NodeData::Text(_) => "#text".into(),
            NodeData::CData(_) => "#cdata-section".into(),
            NodeData::ProcessingInstruction { target, .. } => target.as_str().into(),
            NodeData::Comment(_) => "#comment".into(),
            NodeData::Document(_) => "#document".into(),
            NodeData::Doctype { name, .. } => name.as_str().into(),
            NodeData::Fragment { .. } => "#document-fragment".into(),
        })
    }

    fn base_uri(self: &Arc<Self>, realm: &dyn Realm) -> Result<String, Exception> {
        let document = self.document().map_or_else(|| document_of(realm), Ok)?;
        Ok(document.document_data().map_or_else(String::new, |data| data.base_url(&document).to_string()))
    }

    fn is_connected(self: &Arc<Self>, _: &dyn Realm) -> Result<bool, Exception> {
        Ok(self.is_connected_node())
    }

    fn owner_document(self: &Arc<Self>, _: &dyn Realm) -> Result<Option<ObjectRef>, Exception> {
        Ok(if self.is_document() { None } else { objects(self.document()) })
    }

    fn get_root_node(self: &Arc<Self>, _: &dyn Realm, _: GetRootNodeOptions) -> Result<ObjectRef, Exception> {
        Ok(self.root())
    }

    fn parent_node(self: &Arc<Self>, _: &dyn Realm) -> Result<Option<ObjectRef>, Exception> {
        Ok(objects(self.parent()))
    }

    fn parent_element(self: &Arc<Self>, _: &dyn Realm) -> Result<Option<ObjectRef>, Exception> {
        Ok(objects(self.parent().filter(|parent| parent.is_element())))
    }

    fn has_child_nodes(self: &Arc<Self>, _: &dyn Realm) -> Result<bool, Exception> {
        Ok(Node::first_child(self).is_some())
    }

    fn child_nodes(self: &Arc<Self>, _: &dyn Realm) -> Result<ObjectRef, Exception> {
        Ok(NodeList::live(self, Filter::ChildNodes))
    }

    fn first_child(self: &Arc<Self>, _: &dyn Realm) -> Result<Option<ObjectRef>, Exception> {
        Ok(objects(Node::first_child(self)))
    }

    fn last_child(self: &Arc<Self>, _: &dyn Realm) -> Result<Option<ObjectRef>, Exception> {
        Ok(objects(Node::last_child(self)))
    }

    fn previous_sibling(self: &Arc<Self>, _: &dyn Realm) -> Result<Option<ObjectRef>, Exception> {
        Ok(objects(Node::previous_sibling(self)))
    }

    fn next_sibling(self: &Arc<Self>, _: &dyn Realm) -> Result<Option<ObjectRef>, Exception> {
        Ok(objects(Node::next_sibling(self)))
    }

    fn node_value(self: &Arc<Self>, _: &dyn Realm) -> Result<Option<DomString>, Exception> {
        Ok(match &self.data {
            NodeData::Attribute { value, .. } => Some(lock(value).clone()),
            _ => self.character_data().map(|data| lock(data).clone()),
        })
    }

    fn set_node_value(
        self: &Arc<Self>,
        realm: &dyn Realm,
        value: Option<DomString>,
    ) -> Result<(), Exception> {
        let value = value.unwrap_or_default();
        match &self.data {
            NodeData::Attribute { .. } => element::change(realm, self, value),
            _ if self.character_data().is_some() => super::character_data::replace_all(realm, self, value),
            _ => Ok(()),
        }
    }

    fn text_content(self: &Arc<Self>, realm: &dyn Realm) -> Result<Option<DomString>, Exception> {
        match &self.data {
            NodeData::Element(_) | NodeData::Fragment { .. } => Ok(Some(self.descendant_text().into())),
            _ => self.node_value(realm),
        }
    }

    fn set_text_content(
        self: &Arc<Self>,
        realm: &dyn Realm,
        value: Option<DomString>,
    ) -> Result<(), Exception> {
        match &self.data {
            NodeData::Element(_) | NodeData::Fragment { .. } => {
                let value = value.unwrap_or_default();
                let node = match (value.is_empty(), self.document()) {
                    (false, Some(document)) => Some(Node::text(&document, value)),
                    _ => None,
                };
                mutation::replace_all(realm, node.as_ref(), self)
            }
            _ => self.set_node_value(realm, value),
        }
    }

    fn normalize(self: &Arc<Self>, realm: &dyn Realm) -> Result<(), Exception> {
        let texts: Vec<NodeRef> =
            self.descendants().filter(|node| matches!(node.data, NodeData::Text(_))).collect();
        for text in texts {
            if text.parent().is_none() {
                continue;
            }
            let data = text.character_data().map(|data| lock(data).clone()).unwrap_or_default();
            if data.is_empty() && data.ill_formed_units().is_none() {
                mutation::remove(realm, &text, true)?;
                continue;
            }
            let mut more = String::new();
            let mut gone = Vec::new();
            let mut next = Node::next_sibling(&text);
            while let Some(node) = next.filter(|node| matches!(node.data, NodeData::Text(_))) {
                if let Some(data) = node.character_data() {
                    more.push_str(&lock(data));
                }
                next = Node::next_sibling(&node);
                gone.push(node);
            }
            if gone.is_empty() {
                continue;
            }
            let mut length = super::character_data::length(&text);
            super::character_data::append(realm, &text, &more.into())?;
            for node in &gone {
                super::range::live::joined(node, &text, length);
                length = length.saturating_add(super::character_data::length(node));
            }
            for node in gone {
                mutation::remove(realm, &node, true)?;
            }
        }
        Ok(())
    }

    fn clone_node(self: &Arc<Self>, _: &dyn Realm, subtree: bool) -> Result<ObjectRef, Exception> {
        let document = own_document(self)?;
        Ok(clone(self, &document, subtree))
    }

    fn is_equal_node(self: &Arc<Self>, _: &dyn Realm, other: Option<ObjectRef>) -> Result<bool, Exception> {
        other.map_or(Ok(false), |other| Ok(equal(self, &node(&other)?)))
    }

    fn is_same_node(self: &Arc<Self>, _: &dyn Realm, other: Option<ObjectRef>) -> Result<bool, Exception> {
        other.map_or(Ok(false), |other| Ok(Arc::ptr_eq(self, &node(&other)?)))
    }

    fn compare_document_position(
        self: &Arc<Self>,
        _: &dyn Realm,
        other: ObjectRef,
    ) -> Result<u16, Exception> {
        const DISCONNECTED: u16 = 1;
        const PRECEDING: u16 = 2;
        const FOLLOWING: u16 = 4;
        const CONTAINS: u16 = 8;
        const CONTAINED_BY: u16 = 16;
        const IMPLEMENTATION_SPECIFIC: u16 = 32;
        let other = node(&other)?;
        if Arc::ptr_eq(self, &other) {
            return Ok(0);
        }
        let (mut first, mut second) = (Arc::clone(&other), Arc::clone(self));
        let (first_attribute, second_attribute) = (first.owner_of_attribute(), second.owner_of_attribute());
        if let (Some(a), Some(b)) = (&first_attribute, &second_attribute)
            && Arc::ptr_eq(a, b)
        {
            let place =
                |wanted: &NodeRef| a.attribute_list().iter().position(|known| Arc::ptr_eq(known, wanted));
            let order = if place(&first) < place(&second) { PRECEDING } else { FOLLOWING };
            return Ok(IMPLEMENTATION_SPECIFIC + order);
        }
        let of_second_attribute = second_attribute.is_some();
        let of_first_attribute = first_attribute.is_some();
        first = first_attribute.unwrap_or(first);
        second = second_attribute.unwrap_or(second);
        if !Arc::ptr_eq(&first.root(), &second.root()) {
            let order = if Arc::as_ptr(&first) < Arc::as_ptr(&second) { PRECEDING } else { FOLLOWING };
            return Ok(DISCONNECTED + IMPLEMENTATION_SPECIFIC + order);
        }
        let same = Arc::ptr_eq(&first, &second);
        if first.is_inclusive_ancestor_of(&second) && (!same || of_second_attribute) && !of_first_attribute {
            return Ok(CONTAINS + PRECEDING);
        }
        if second.is_inclusive_ancestor_of(&first) && (!same || of_first_attribute) && !of_second_attribute {
            return Ok(CONTAINED_BY + FOLLOWING);
        }
        let path = |node: &NodeRef| {
            let mut path = Vec::new();
            let mut current = Some(Arc::clone(node));
            while let Some(node) = current {
                path.push(node.index());
                current = node.parent();
            }
            path.reverse();
            path
        };
        Ok(if path(&first) < path(&second) { PRECEDING } else { FOLLOWING })
    }

    fn contains(self: &Arc<Self>, _: &dyn Realm, other: Option<ObjectRef>) -> Result<bool, Exception> {
        other.map_or(Ok(false), |other| Ok(self.is_inclusive_ancestor_of(&node(&other)?)))
    }

    fn lookup_prefix(
        self: &Arc<Self>,
        _: &dyn Realm,
        namespace: Option<DomString>,
    ) -> Result<Option<DomString>, Exception> {
        let Some(namespace) = namespace.filter(|namespace| !namespace.is_empty()) else { return Ok(None) };
        let mut current = match &self.data {
            NodeData::Document(_) => self.document_element_node(),
            NodeData::Attribute { .. } => self.owner_of_attribute(),
            NodeData::Doctype { .. } | NodeData::Fragment { .. } => None,
            NodeData::Element(_) => Some(Arc::clone(self)),
            _ => self.parent().filter(|parent| parent.is_element()),
        };
        while let Some(node) = current {
            let Some(element) = node.element() else { break };
            if let Some(prefix) =
                element.name.prefix.as_ref().filter(|_| *element.name.ns == *namespace.as_str())
            {
                return Ok(Some((&**prefix).into()));
            }
            for attribute in node.attribute_list() {
                if let NodeData::Attribute { name, value, .. } = &attribute.data
                    && name.prefix == Some(Prefix::from("xmlns"))
                    && *lock(value) == namespace
                {
                    return Ok(Some((&*name.local).into()));
                }
            }
            current = node.parent().filter(|parent| parent.is_element());
        }
        Ok(None)
    }

    fn lookup_namespace_uri(
        self: &Arc<Self>,
        _: &dyn Realm,
        prefix: Option<DomString>,
    ) -> Result<Option<DomString>, Exception> {
        let prefix = prefix.filter(|prefix| !prefix.is_empty());
        Ok(locate_namespace(self, prefix.as_deref()).map(Into::into))
    }

    fn is_default_namespace(
        self: &Arc<Self>,
        _: &dyn Realm,
        namespace: Option<DomString>,
    ) -> Result<bool, Exception> {
        let namespace = namespace.filter(|namespace| !namespace.is_empty()).map(String::from);
        Ok(locate_namespace(self, None) == namespace)
    }

    fn insert_before(
        self: &Arc<Self>,
        realm: &dyn Realm,
        new: ObjectRef,
        child: Option<ObjectRef>,
    ) -> Result<ObjectRef, Exception> {
        let child = child.as_ref().map(node).transpose()?;
        mutation::pre_insert(realm, &node(&new)?, self, child.as_ref())?;
        Ok(new)
    }

    fn append_child(self: &Arc<Self>, realm: &dyn Realm, new: ObjectRef) -> Result<ObjectRef, Exception> {
        mutation::append(realm, &node(&new)?, self)?;
        Ok(new)
    }

    fn replace_child(
        self: &Arc<Self>,
        realm: &dyn Realm,
        new: ObjectRef,
        child: ObjectRef,
    ) -> Result<ObjectRef, Exception> {
        mutation::replace(realm, &node(&child)?, &node(&new)?, self)?;
        Ok(child)
    }

    fn remove_child(self: &Arc<Self>, realm: &dyn Realm, child: ObjectRef) -> Result<ObjectRef, Exception> {
        mutation::pre_remove(realm, &node(&child)?, self)?;
        Ok(child)
    }
}

impl XMLDocumentMethods for Node {}
impl CDATASectionMethods for Node {}
impl CommentMethods for Node {}

impl DocumentTypeMethods for Node {
    child_node_methods!();

    fn name(self: &Arc<Self>, _: &dyn Realm) -> Result<DomString, Exception> {
        Ok(if let NodeData::Doctype { name, .. } = &self.data {
            name.as_str().into()
        } else {
            DomString::default()
        })
    }

    fn public_id(self: &Arc<Self>, _: &dyn Realm) -> Result<DomString, Exception> {
        Ok(if let NodeData::Doctype { public_id, .. } = &self.data {
            public_id.as_str().into()
        } else {
            DomString::default()
        })
    }

    fn system_id(self: &Arc<Self>, _: &dyn Realm) -> Result<DomString, Exception> {
        Ok(if let NodeData::Doctype { system_id, .. } = &self.data {
            system_id.as_str().into()
        } else {
            DomString::default()
        })
    }
}

impl DocumentFragmentMethods for Node {
    parent_node_methods!();

    fn get_element_by_id(
        self: &Arc<Self>,
        _: &dyn Realm,
        element_id: DomString,
    ) -> Result<Option<ObjectRef>, Exception> {
        Ok(objects(self.element_by_id(&element_id)))
    }
}

impl DocumentFragmentStatics for Node {
    fn construct(realm: &dyn Realm) -> Result<ObjectRef, Exception> {
        Ok(Node::fragment(&document_of(realm)?))
    }
}

impl AttrMethods for Node {
    fn namespace_uri(self: &Arc<Self>, _: &dyn Realm) -> Result<Option<DomString>, Exception> {
        Ok(name_of(self).filter(|name| !name.ns.is_empty()).map(|name| (&*name.ns).into()))
    }

    fn prefix(self: &Arc<Self>, _: &dyn Realm) -> Result<Option<DomString>, Exception> {
        Ok(name_of(self).and_then(|name| name.prefix.as_ref()).map(|prefix| (&**prefix).into()))
    }

    fn local_name(self: &Arc<Self>, _: &dyn Realm) -> Result<DomString, Exception> {
        Ok(name_of(self).map(|name| (&*name.local).into()).unwrap_or_default())
    }

    fn name(self: &Arc<Self>, _: &dyn Realm) -> Result<DomString, Exception> {
        Ok(name_of(self).map(|name| qualified(name).into()).unwrap_or_default())
    }

    fn value(self: &Arc<Self>, realm: &dyn Realm) -> Result<DomString, Exception> {
        Ok(self.node_value(realm)?.unwrap_or_default())
    }

    fn set_value(self: &Arc<Self>, realm: &dyn Realm, value: DomString) -> Result<(), Exception> {
        element::change(realm, self, value)
    }

    fn owner_element(self: &Arc<Self>, _: &dyn Realm) -> Result<Option<ObjectRef>, Exception> {
        Ok(objects(self.owner_of_attribute()))
    }

    fn specified(self: &Arc<Self>, _: &dyn Realm) -> Result<bool, Exception> {
        Ok(true)
    }
}

impl CharacterDataMethods for Node {
    child_node_methods!();
    sibling_element_methods!();

    fn data(self: &Arc<Self>, realm: &dyn Realm) -> Result<DomString, Exception> {
        Ok(self.node_value(realm)?.unwrap_or_default())
    }

    fn set_data(self: &Arc<Self>, realm: &dyn Realm, value: DomString) -> Result<(), Exception> {
        super::character_data::replace_all(realm, self, value)
    }

    fn length(self: &Arc<Self>, _: &dyn Realm) -> Result<u32, Exception> {
        Ok(super::character_data::length(self))
    }

    fn substring_data(
        self: &Arc<Self>,
        _: &dyn Realm,
        offset: u32,
        count: u32,
    ) -> Result<DomString, Exception> {
        super::character_data::substring(self, offset, count)
    }

    fn append_data(self: &Arc<Self>, realm: &dyn Realm, data: DomString) -> Result<(), Exception> {
        super::character_data::append(realm, self, &data)
    }

    fn insert_data(
        self: &Arc<Self>,
        realm: &dyn Realm,
        offset: u32,
        data: DomString,
    ) -> Result<(), Exception> {
        super::character_data::replace(realm, self, offset, 0, &data)
    }

    fn delete_data(self: &Arc<Self>, realm: &dyn Realm, offset: u32, count: u32) -> Result<(), Exception> {
        super::character_data::replace(realm, self, offset, count, &DomString::default())
    }

    fn replace_data(
        self: &Arc<Self>,
        realm: &dyn Realm,
        offset: u32,
        count: u32,
        data: DomString,
    ) -> Result<(), Exception> {
        super::character_data::replace(realm, self, offset, count, &data)
    }
}

impl TextMethods for Node {
    fn split_text(self: &Arc<Self>, realm: &dyn Realm, offset: u32) -> Result<ObjectRef, Exception> {
        super::character_data::split(realm, self, offset).map(object)
    }

    fn whole_text(self: &Arc<Self>, _: &dyn Realm) -> Result<DomString, Exception> {
        let mut first = Arc::clone(self);
        while let Some(previous) = Node::previous_sibling(&first).filter(|node| node.is_text()) {
            first = previous;
        }
        let mut text = String::new();
        let mut current = Some(first);
        while let Some(node) = current.filter(|node| node.is_text()) {
            if let Some(data) = node.character_data() {
                text.push_str(&lock(data));
            }
            current = Node::next_sibling(&node);
        }
        Ok(text.into())
    }
}

impl TextStatics for Node {
    fn construct(realm: &dyn Realm, data: DomString) -> Result<ObjectRef, Exception> {
        Ok(Node::text(&document_of(realm)?, data))
    }
}

impl CommentStatics for Node {
    fn construct(realm: &dyn Realm, data: DomString) -> Result<ObjectRef, Exception> {
        Ok(Node::comment(&document_of(realm)?, data))
    }
}

impl ProcessingInstructionMethods for Node {
    fn target(self: &Arc<Self>, _: &dyn Realm) -> Result<DomString, Exception> {
        Ok(match &self.data {
            NodeData::ProcessingInstruction { target, .. } => target.as_str().into(),
            _ => DomString::default(),
        })
    }
}

pub(crate) fn append_all(
    realm: &dyn Realm,
    parent: &NodeRef,
    nodes: Vec<NodeOrDomString>,
) -> Result<(), Exception> {
    let node = mutation::into_node(realm, nodes, &own_document(parent)?)?;
    mutation::append(realm, &node, parent)
}
