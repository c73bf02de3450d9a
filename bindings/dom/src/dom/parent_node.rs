//! The mixins of tree access: <https://dom.spec.whatwg.org/#interface-parentnode>,
//! <https://dom.spec.whatwg.org/#interface-childnode>, <https://dom.spec.whatwg.org/#interface-nondocumenttypechildnode>

use std::sync::Arc;

use longhaul_idl::NodeOrDomString;
use longhaul_idl::runtime::{Exception, Realm};

use super::mutation;
use super::node::NodeRef;
use super::node_methods::own_document;
use super::selectors::Selectors;

pub(crate) fn query(root: &NodeRef, selectors: &str) -> Result<Option<NodeRef>, Exception> {
    let selectors = Selectors::parse(selectors)?;
    Ok(root.descendants().find(|node| node.is_element() && selectors.matches(node, root)))
}

pub(crate) fn query_all(root: &NodeRef, selectors: &str) -> Result<Vec<NodeRef>, Exception> {
    let selectors = Selectors::parse(selectors)?;
    Ok(root.descendants().filter(|node| node.is_element() && selectors.matches(node, root)).collect())
}

pub(crate) fn prepend(
    realm: &dyn Realm,
    parent: &NodeRef,
    nodes: Vec<NodeOrDomString>,
) -> Result<(), Exception> {
    let node = mutation::into_node(realm, nodes, &own_document(parent)?)?;
    mutation::pre_insert(realm, &node, parent, parent.first_child().as_ref())
}

pub(crate) fn replace_children(
    realm: &dyn Realm,
    parent: &NodeRef,
    nodes: Vec<NodeOrDomString>,
) -> Result<(), Exception> {
    let document = own_document(parent)?;
    let node = mutation::into_node(realm, nodes, &document)?;
    mutation::ensure_insertable(&node, parent)?;
    mutation::replace_all(realm, Some(&node), parent)
}

fn is_among(node: &NodeRef, nodes: &[NodeRef]) -> bool {
    nodes.iter().any(|other| Arc::ptr_eq(node, other))
}

fn given(nodes: &[NodeOrDomString]) -> Result<Vec<NodeRef>, Exception> {
    let node = |item: &NodeOrDomString| match item {
        NodeOrDomString::Node(object) => Some(super::node::node(object)),
        NodeOrDomString::DomString(_) => None,
    };
    nodes.iter().filter_map(node).collect()
}

/// <https://dom.spec.whatwg.org/#dom-childnode-before>
pub(crate) fn before(
    realm: &dyn Realm,
    this: &NodeRef,
    nodes: Vec<NodeOrDomString>,
) -> Result<(), Exception> {
    let Some(parent) = this.parent() else { return Ok(()) };
    let among = given(&nodes)?;
    let mut viable = this.previous_sibling();
    while let Some(node) = viable.clone().filter(|node| is_among(node, &among)) {
        viable = node.previous_sibling();
    }
    let node = mutation::into_node(realm, nodes, &own_document(this)?)?;
    let place = match viable {
        Some(viable) => viable.next_sibling(),
        None => parent.first_child(),
    };
    mutation::pre_insert(realm, &node, &parent, place.as_ref())
}

fn viable_next(this: &NodeRef, among: &[NodeRef]) -> Option<NodeRef> {
    let mut viable = this.next_sibling();
    while let Some(node) = viable.clone().filter(|node| is_among(node, among)) {
        viable = node.next_sibling();
    }
    viable
}

/// <https://dom.spec.whatwg.org/#dom-childnode-after>
pub(crate) fn after(realm: &dyn Realm, this: &NodeRef, nodes: Vec<NodeOrDomString>) -> Result<(), Exception> {
    let Some(parent) = this.parent() else { return Ok(()) };
    let viable = viable_next(this, &given(&nodes)?);
    let node = mutation::into_node(realm, nodes, &own_document(this)?)?;
    mutation::pre_insert(realm, &node, &parent, viable.as_ref())
}

/// <https://dom.spec.whatwg.org/#dom-childnode-replacewith>
pub(crate) fn replace_with(
    realm: &dyn Realm,
    this: &NodeRef,
    nodes: Vec<NodeOrDomString>,
) -> Result<(), Exception> {
    let Some(parent) = this.parent() else { return Ok(()) };
    let viable = viable_next(this, &given(&nodes)?);
    let node = mutation::into_node(realm, nodes, &own_document(this)?)?;
    if this.parent().is_some_and(|of| Arc::ptr_eq(&of, &parent)) {
        mutation::replace(realm, this, &node, &parent)
    } else {
        mutation::pre_insert(realm, &node, &parent, viable.as_ref())
    }
}

macro_rules! parent_node_methods {
    () => {
        fn children(self: &Arc<Self>, _: &dyn Realm) -> Result<ObjectRef, Exception> {
            Ok($crate::dom::collections::HtmlCollection::of(
                self,
                $crate::dom::collections::Filter::ChildElements,
            ))
        }

        fn first_element_child(self: &Arc<Self>, _: &dyn Realm) -> Result<Option<ObjectRef>, Exception> {
            Ok($crate::dom::node::objects(self.document_element_node()))
        }

        fn last_element_child(self: &Arc<Self>, _: &dyn Realm) -> Result<Option<ObjectRef>, Exception> {
            Ok($crate::dom::node::objects(self.child_elements().pop()))
        }

        fn child_element_count(self: &Arc<Self>, _: &dyn Realm) -> Result<u32, Exception> {
            Ok(u32::try_from(self.child_elements().len()).unwrap_or(u32::MAX))
        }

        fn prepend(
            self: &Arc<Self>,
            realm: &dyn Realm,
            nodes: Vec<longhaul_idl::NodeOrDomString>,
        ) -> Result<(), Exception> {
            $crate::dom::parent_node::prepend(realm, self, nodes)
        }

        fn append(
            self: &Arc<Self>,
            realm: &dyn Realm,
            nodes: Vec<longhaul_idl::NodeOrDomString>,
        ) -> Result<(), Exception> {
            $crate::dom::node_methods::append_all(realm, self, nodes)
        }

        fn replace_children(
            self: &Arc<Self>,
            realm: &dyn Realm,
            nodes: Vec<longhaul_idl::NodeOrDomString>,
        ) -> Result<(), Exception> {
            $crate::dom::parent_node::replace_children(realm, self, nodes)
        }

        fn query_selector(
            self: &Arc<Self>,
            _: &dyn Realm,
            selectors: DomString,
        ) -> Result<Option<ObjectRef>, Exception> {
            Ok($crate::dom::node::objects($crate::dom::parent_node::query(self, &selectors)?))
        }

        fn query_selector_all(
            self: &Arc<Self>,
            _: &dyn Realm,
            selectors: DomString,
        ) -> Result<ObjectRef, Exception> {
            let nodes = $crate::dom::parent_node::query_all(self, &selectors)?;
            Ok($crate::dom::collections::NodeList::fixed(nodes))
        }
    };
}
pub(crate) use parent_node_methods;

macro_rules! child_node_methods {
    () => {
        fn before(self: &Arc<Self>, realm: &dyn Realm, nodes: Vec<NodeOrDomString>) -> Result<(), Exception> {
            $crate::dom::parent_node::before(realm, self, nodes)
        }

        fn after(self: &Arc<Self>, realm: &dyn Realm, nodes: Vec<NodeOrDomString>) -> Result<(), Exception> {
            $crate::dom::parent_node::after(realm, self, nodes)
        }

        fn replace_with(
            self: &Arc<Self>,
            realm: &dyn Realm,
            nodes: Vec<NodeOrDomString>,
        ) -> Result<(), Exception> {
            $crate::dom::parent_node::replace_with(realm, self, nodes)
        }

        fn remove(self: &Arc<Self>, realm: &dyn Realm) -> Result<(), Exception> {
            $crate::dom::mutation::remove(realm, self, true)
        }
    };
}
pub(super) use child_node_methods;

macro_rules! sibling_element_methods {
    () => {
        fn previous_element_sibling(self: &Arc<Self>, _: &dyn Realm) -> Result<Option<ObjectRef>, Exception> {
            Ok($crate::dom::node::objects($crate::dom::selectors::previous_element(self)))
        }

        fn next_element_sibling(self: &Arc<Self>, _: &dyn Realm) -> Result<Option<ObjectRef>, Exception> {
            Ok($crate::dom::node::objects($crate::dom::selectors::next_element(self)))
        }
    };
}
pub(super) use sibling_element_methods;
