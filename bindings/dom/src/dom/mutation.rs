//! <https://dom.spec.whatwg.org/#mutation-algorithms>

use std::sync::Arc;

use html5ever::QualName;
use longhaul_idl::NodeOrDomString;
use longhaul_idl::runtime::{DomString, Exception, ObjectRef, Realm, Value};

use super::node::{Node, NodeData, NodeRef, node, object};
use super::range::live;
use crate::html;

fn hierarchy(message: &str) -> Exception {
    Exception::dom("HierarchyRequestError", message)
}

fn not_a_child() -> Exception {
    Exception::dom("NotFoundError", "the node is no child of this node")
}

fn is_doctype(node: &Node) -> bool {
    matches!(node.data, NodeData::Doctype { .. })
}

/// <https://dom.spec.whatwg.org/#concept-node-ensure-pre-insertion-validity>, and what replacing asks instead: `replaced` is
/// the child that goes.
fn ensure_validity(
    node: &NodeRef,
    parent: &NodeRef,
    child: Option<&NodeRef>,
    replaced: Option<&NodeRef>,
) -> Result<(), Exception> {
    // 1. The parent.
    if !matches!(parent.data, NodeData::Document(_) | NodeData::Fragment { .. } | NodeData::Element(_)) {
        return Err(hierarchy("the parent cannot have children"));
    }
    // 2. No cycles.
    if node.is_host_including_inclusive_ancestor_of(parent) {
        return Err(hierarchy("the node contains the parent"));
    }
    // 3. The child.
    let place = child.or(replaced);
    if place.is_some_and(|child| child.parent().is_none_or(|of| !Arc::ptr_eq(&of, parent))) {
        return Err(not_a_child());
    }
    // 4.–5. Which nodes go where.
    if matches!(node.data, NodeData::Document(_) | NodeData::Attribute { .. }) {
        return Err(hierarchy("a node of this kind has no parent"));
    }
    if node.is_text() && parent.is_document() || is_doctype(node) && !parent.is_document() {
        return Err(hierarchy("a node of this kind cannot be here"));
    }
    if !parent.is_document() {
        return Ok(());
    }
    // 6. A document has one element, after its doctype.
    let is_replaced = |other: &NodeRef| replaced.is_some_and(|replaced| Arc::ptr_eq(replaced, other));
    let has_element = parent.children_list().iter().any(|other| other.is_element() && !is_replaced(other));
    let doctype_follows = || {
        let mut next = match (child, replaced) {
            (Some(child), _) => Some(Arc::clone(child)),
            (None, Some(replaced)) => replaced.next_sibling(),
            (None, None) => None,
        };
        while let Some(node) = next {
            if is_doctype(&node) {
                return true;
            }
            next = node.next_sibling();
        }
        false
    };
    let wrong = match &node.data {
        NodeData::Fragment { .. } => {
            let children = node.children_list();
            let elements = children.iter().filter(|child| child.is_element()).count();
            elements > 1
                || children.iter().any(|child| child.is_text())
                || elements == 1 && (has_element || doctype_follows())
        }
        NodeData::Element(_) => has_element || doctype_follows(),
        NodeData::Doctype { .. } => {
            let has_doctype =
                parent.children_list().iter().any(|other| is_doctype(other) && !is_replaced(other));
            let element_precedes = match place {
                Some(place) => {
                    let mut before = place.previous_sibling();
                    let mut found = false;
                    while let Some(node) = before {
                        found |= node.is_element();
                        before = node.previous_sibling();
                    }
                    found
                }
                None => has_element,
            };
            has_doctype || element_precedes
        }
        _ => false,
    };
    if wrong { Err(hierarchy("the document cannot have this node here")) } else { Ok(()) }
}

/// <https://dom.spec.whatwg.org/#concept-node-pre-insert>
pub(crate) fn pre_insert(
    realm: &dyn Realm,
    node: &NodeRef,
    parent: &NodeRef,
    child: Option<&NodeRef>,
) -> Result<(), Exception> {
    ensure_validity(node, parent, child, None)?;
    let mut reference = child.cloned();
    if reference.as_ref().is_some_and(|reference| Arc::ptr_eq(reference, node)) {
        reference = node.next_sibling();
    }
    insert(realm, node, parent, reference.as_ref(), true)
}

pub(crate) fn append(realm: &dyn Realm, node: &NodeRef, parent: &NodeRef) -> Result<(), Exception> {
    pre_insert(realm, node, parent, None)
}

/// <https://dom.spec.whatwg.org/#concept-node-insert>
pub(crate) fn insert(
    realm: &dyn Realm,
    node: &NodeRef,
    parent: &NodeRef,
    child: Option<&NodeRef>,
    recorded: bool,
) -> Result<(), Exception> {
    // 1.–4. What is inserted; a fragment gives up its children.
    let nodes = if node.is_fragment() { node.children_list() } else { vec![Arc::clone(node)] };
    if nodes.is_empty() {
        return Ok(());
    }
    if node.is_fragment() {
        for child in &nodes {
            live::before_removal(child);
            child.unlink();
        }
        record_children(realm, node, &[], &nodes, None, None)?;
    }
    // 5. Ranges move on.
    if let Some(child) = child {
        live::before_insertion(parent, child, nodes.len());
    }
    // 6.–7. Into the node's document, then into the tree.
    let document = parent.document();
    for node in &nodes {
        match &document {
            Some(document) => adopt(realm, node, document)?,
            None => remove(realm, node, true)?,
        }
        // NOTE: what adopting runs may have moved the place.
        let child = child.filter(|child| child.parent().is_some_and(|of| Arc::ptr_eq(&of, parent)));
        if node.parent().is_none() {
            parent.link(node, child);
        }
    }
    for node in &nodes {
        wrappers_moved(realm, node)?;
    }
    // 8. The record.
    if recorded {
        let (first, last) = (&nodes[0], &nodes[nodes.len() - 1]);
        let (previous, next) = (first.previous_sibling(), last.next_sibling());
        record_children(realm, parent, &nodes, &[], previous, next)?;
    }
    // 9. The children changed steps.
    html::children_changed(realm, parent)?;
    // 10.–12. The insertion steps of all, then the steps that may run script.
    inserted(realm, &nodes)
}

/// What follows the insertion of nodes that are linked already: of each inclusive descendant the insertion steps, then of each
/// those that may run script.
pub(crate) fn inserted(realm: &dyn Realm, nodes: &[NodeRef]) -> Result<(), Exception> {
    if nodes.first().is_none_or(|node| !node.is_connected_node()) {
        return Ok(());
    }
    let elements: Vec<NodeRef> = nodes
        .iter()
        .flat_map(|node| node.inclusive_descendants())
        .filter(|node| html::minds_its_place(node))
        .collect();
    for element in &elements {
        html::inserted(realm, element)?;
    }
    for element in &elements {
        if element.is_connected_node() {
            html::connected(realm, element)?;
        }
    }
    Ok(())
}

/// <https://dom.spec.whatwg.org/#concept-node-remove>
pub(crate) fn remove(realm: &dyn Realm, node: &NodeRef, recorded: bool) -> Result<(), Exception> {
    let Some(parent) = node.parent() else { return Ok(()) };
    let was_connected = parent.is_connected_node();
    let (previous, next) = (node.previous_sibling(), node.next_sibling());
    // 4.–5. Ranges and iterators move on.
    live::before_removal(node);
    let document = node.document();
    if document.as_ref().and_then(|document| document.document_data()).is_some_and(|data| data.is_iterated())
    {
        realm.core("nodeIsRemoved", vec![Value::Object(object(Arc::clone(node)))])?;
    }
    node.unlink();
    if recorded {
        record_children(realm, &parent, &[], std::slice::from_ref(node), previous, next)?;
    }
    wrappers_moved(realm, node)?;
    if was_connected {
        let elements: Vec<NodeRef> =
            node.inclusive_descendants().filter(|node| html::minds_its_place(node)).collect();
        for element in &elements {
            html::removed(realm, element)?;
        }
    }
    html::children_changed(realm, &parent)
}

/// <https://dom.spec.whatwg.org/#concept-node-pre-remove>
pub(crate) fn pre_remove(realm: &dyn Realm, child: &NodeRef, parent: &NodeRef) -> Result<(), Exception> {
    if child.parent().is_none_or(|of| !Arc::ptr_eq(&of, parent)) {
        return Err(not_a_child());
    }
    remove(realm, child, true)
}

/// <https://dom.spec.whatwg.org/#concept-node-replace>
pub(crate) fn replace(
    realm: &dyn Realm,
    child: &NodeRef,
    node: &NodeRef,
    parent: &NodeRef,
) -> Result<(), Exception> {
    ensure_validity(node, parent, None, Some(child))?;
    let mut reference = child.next_sibling();
    if reference.as_ref().is_some_and(|reference| Arc::ptr_eq(reference, node)) {
        reference = node.next_sibling();
    }
    let previous = child.previous_sibling();
    let mut removed: &[NodeRef] = &[];
    if child.parent().is_some() {
        removed = std::slice::from_ref(child);
        remove(realm, child, false)?;
    }
    let nodes = if node.is_fragment() { node.children_list() } else { vec![Arc::clone(node)] };
    insert(realm, node, parent, reference.as_ref(), false)?;
    record_children(realm, parent, &nodes, removed, previous, reference)
}

/// <https://dom.spec.whatwg.org/#concept-node-replace-all>
pub(crate) fn replace_all(
    realm: &dyn Realm,
    node: Option<&NodeRef>,
    parent: &NodeRef,
) -> Result<(), Exception> {
    let removed = parent.children_list();
    let added = match node {
        None => Vec::new(),
        Some(node) if node.is_fragment() => node.children_list(),
        Some(node) => vec![Arc::clone(node)],
    };
    for child in &removed {
        remove(realm, child, false)?;
    }
    if let Some(node) = node {
        insert(realm, node, parent, None, false)?;
    }
    if added.is_empty() && removed.is_empty() {
        return Ok(());
    }
    record_children(realm, parent, &added, &removed, None, None)
}

/// <https://dom.spec.whatwg.org/#concept-node-adopt>
pub(crate) fn adopt(realm: &dyn Realm, node: &NodeRef, document: &NodeRef) -> Result<(), Exception> {
    let same = node.document().is_some_and(|old| Arc::ptr_eq(&old, document));
    remove(realm, node, true)?;
    if same {
        return Ok(());
    }
    let mut roots = vec![Arc::clone(node)];
    while let Some(root) = roots.pop() {
        for node in root.inclusive_descendants() {
            node.set_document(document);
            for attribute in node.attribute_list() {
                attribute.set_document(document);
            }
            if let Some(content) = node.template_content() {
                roots.push(content);
            }
        }
    }
    Ok(())
}

/// <https://dom.spec.whatwg.org/#converting-nodes-into-a-node>
pub(crate) fn into_node(
    realm: &dyn Realm,
    nodes: Vec<NodeOrDomString>,
    document: &NodeRef,
) -> Result<NodeRef, Exception> {
    let mut all = Vec::with_capacity(nodes.len());
    for item in nodes {
        all.push(match item {
            NodeOrDomString::Node(object) => node(&object)?,
            NodeOrDomString::DomString(text) => Node::text(document, text),
        });
    }
    if let [only] = all.as_slice() {
        return Ok(Arc::clone(only));
    }
    let fragment = Node::fragment(document);
    for node in &all {
        append(realm, node, &fragment)?;
    }
    Ok(fragment)
}

/// Tells the core which wrappers now belong to another tree: see `tree.js`.
fn wrappers_moved(realm: &dyn Realm, root: &NodeRef) -> Result<(), Exception> {
    let moved: Vec<Value> = root
        .inclusive_descendants()
        .filter(|node| node.was_wrapped())
        .map(|node| Value::Object(object(node)))
        .collect();
    if moved.is_empty() {
        return Ok(());
    }
    let tree = Value::Object(object(root.root()));
    realm.core("wrappersMoved", vec![Value::Sequence(moved), tree]).map(drop)
}

fn observed(target: &NodeRef) -> bool {
    target.document().is_some_and(|document| document.document_data().is_some_and(|data| data.is_observed()))
}

fn optional(node: Option<NodeRef>) -> Value {
    node.map_or(Value::Null, |node| Value::Object(object(node) as ObjectRef))
}

fn list(nodes: &[NodeRef]) -> Value {
    Value::Object(super::collections::NodeList::fixed(nodes.to_vec()))
}

/// <https://dom.spec.whatwg.org/#queue-a-tree-mutation-record>
pub(crate) fn record_children(
    realm: &dyn Realm,
    target: &NodeRef,
    added: &[NodeRef],
    removed: &[NodeRef],
    previous: Option<NodeRef>,
    next: Option<NodeRef>,
) -> Result<(), Exception> {
    if !observed(target) {
        return Ok(());
    }
    let args = vec![
        Value::String("childList".into()),
        Value::Object(object(Arc::clone(target))),
        Value::Null,
        Value::Null,
        Value::Null,
        list(added),
        list(removed),
        optional(previous),
        optional(next),
    ];
    realm.core("queueMutationRecord", args).map(drop)
}

/// <https://dom.spec.whatwg.org/#queue-a-mutation-record> of an attribute.
pub(crate) fn record_attribute(
    realm: &dyn Realm,
    target: &NodeRef,
    name: &QualName,
    old: Option<&DomString>,
) -> Result<(), Exception> {
    if !observed(target) {
        return Ok(());
    }
    let namespace = if name.ns.is_empty() { Value::Null } else { Value::String((&*name.ns).into()) };
    let old = old.map_or(Value::Null, |old| Value::String(old.clone()));
    let args = vec![
        Value::String("attributes".into()),
        Value::Object(object(Arc::clone(target))),
        Value::String((&*name.local).into()),
        namespace,
        old,
        list(&[]),
        list(&[]),
        Value::Null,
        Value::Null,
    ];
    realm.core("queueMutationRecord", args).map(drop)
}

/// <https://dom.spec.whatwg.org/#queue-a-mutation-record> of text.
pub(crate) fn record_text(realm: &dyn Realm, target: &NodeRef, old: DomString) -> Result<(), Exception> {
    if !observed(target) {
        return Ok(());
    }
    let args = vec![
        Value::String("characterData".into()),
        Value::Object(object(Arc::clone(target))),
        Value::Null,
        Value::Null,
        Value::String(old),
        list(&[]),
        list(&[]),
        Value::Null,
        Value::Null,
    ];
    realm.core("queueMutationRecord", args).map(drop)
}

/// <https://dom.spec.whatwg.org/#concept-node-ensure-pre-insertion-validity>
pub(crate) fn ensure_pre_insertion_validity(
    node: &NodeRef,
    parent: &NodeRef,
    child: Option<&NodeRef>,
) -> Result<(), Exception> {
    ensure_validity(node, parent, child, None)
}

/// <https://dom.spec.whatwg.org/#concept-node-ensure-pre-insertion-validity> at the end of a parent.
pub(crate) fn ensure_insertable(node: &NodeRef, parent: &NodeRef) -> Result<(), Exception> {
    ensure_validity(node, parent, None, None)
}
