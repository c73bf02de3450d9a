//! <https://dom.spec.whatwg.org/#boundary-points>

use std::cmp::Ordering;
use std::sync::Arc;

use longhaul_idl::runtime::Exception;

use crate::dom::character_data;
use crate::dom::node::{NodeData, NodeRef};

/// A place in a tree.
///
/// <https://dom.spec.whatwg.org/#concept-range-bp>
#[derive(Clone)]
pub(crate) struct BoundaryPoint {
    pub(super) node: NodeRef,
    pub(super) offset: u32,
}

impl BoundaryPoint {
    pub(super) fn new(node: &NodeRef, offset: u32) -> Self {
        Self { node: Arc::clone(node), offset }
    }

    /// The place that somebody names.
    ///
    /// # Errors
    /// An `InvalidNodeTypeError` for a doctype, an `IndexSizeError` for what is past the end.
    pub(super) fn checked(node: &NodeRef, offset: u32) -> Result<Self, Exception> {
        if is_doctype(node) {
            return Err(invalid_type("a document type has no places"));
        }
        if offset > node_length(node) {
            return Err(Exception::dom("IndexSizeError", "the offset is past the end"));
        }
        Ok(Self::new(node, offset))
    }

    /// The place in front of a node.
    pub(super) fn before(node: &NodeRef) -> Result<Self, Exception> {
        let parent = node.parent().ok_or_else(|| invalid_type("the node has no parent"))?;
        Ok(Self { node: parent, offset: index_of(node) })
    }

    /// The place behind a node.
    pub(super) fn after(node: &NodeRef) -> Result<Self, Exception> {
        let before = Self::before(node)?;
        Ok(Self { offset: before.offset.saturating_add(1), ..before })
    }

    /// The child that it is in front of.
    pub(super) fn child(&self) -> Option<NodeRef> {
        let mut child = self.node.first_child();
        for _ in 0..self.offset {
            child = child?.next_sibling();
        }
        child
    }

    /// <https://dom.spec.whatwg.org/#concept-range-bp-position>, of places in one tree.
    pub(super) fn position(&self, other: &Self) -> Ordering {
        // 2. In one node.
        if Arc::ptr_eq(&self.node, &other.node) {
            return self.offset.cmp(&other.offset);
        }
        let (own, others) = (path(&self.node), path(&other.node));
        let common = own.iter().zip(&others).take_while(|(a, b)| Arc::ptr_eq(a, b)).count();
        match (own.get(common), others.get(common)) {
            // 4. The other one is inside of a child.
            (None, Some(child)) => match index_of(child) < self.offset {
                true => Ordering::Greater,
                false => Ordering::Less,
            },
            // 3. This one is.
            (Some(child), None) => match index_of(child) < other.offset {
                true => Ordering::Less,
                false => Ordering::Greater,
            },
            (Some(own), Some(other)) => own.index().cmp(&other.index()),
            (None, None) => Ordering::Equal,
        }
    }
}

/// A node and what it is in, the outermost first.
pub(super) fn path(node: &NodeRef) -> Vec<NodeRef> {
    let mut path = vec![Arc::clone(node)];
    while let Some(parent) = path.last().and_then(|node| node.parent()) {
        path.push(parent);
    }
    path.reverse();
    path
}

pub(super) fn index_of(node: &NodeRef) -> u32 {
    u32::try_from(node.index()).unwrap_or(u32::MAX)
}

pub(super) fn is_doctype(node: &NodeRef) -> bool {
    matches!(node.data, NodeData::Doctype { .. })
}

pub(super) fn invalid_type(message: &str) -> Exception {
    Exception::dom("InvalidNodeTypeError", message)
}

/// <https://dom.spec.whatwg.org/#concept-node-length>
pub(super) fn node_length(node: &NodeRef) -> u32 {
    match &node.data {
        NodeData::Doctype { .. } | NodeData::Attribute { .. } => 0,
        _ if node.character_data().is_some() => character_data::length(node),
        _ => {
            let mut length = 0_u32;
            let mut child = node.first_child();
            while let Some(next) = child {
                length = length.saturating_add(1);
                child = next.next_sibling();
            }
            length
        }
    }
}
