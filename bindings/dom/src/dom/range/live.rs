//! <https://dom.spec.whatwg.org/#concept-live-range>: ranges follow what is done to the trees that they are in.
//!
//! A range lives on its agent's thread, as the trees that its scripts can reach do.

use std::cell::RefCell;
use std::sync::{Arc, Weak};

use super::boundary_point::{BoundaryPoint, index_of};
use super::{Bounds, Range};
use crate::dom::node::{NodeRef, lock};

thread_local! {
    static RANGES: RefCell<Vec<Weak<Range>>> = const { RefCell::new(Vec::new()) };
}

pub(super) fn register(range: &Arc<Range>) {
    // NOTE: a thread that ends has no more ranges to follow anything.
    let _ = RANGES.try_with(|ranges| {
        let mut ranges = ranges.borrow_mut();
        if ranges.len() == ranges.capacity() {
            ranges.retain(|range| range.strong_count() > 0);
        }
        ranges.push(Arc::downgrade(range));
    });
}

/// Does something to the bounds of all ranges that live.
fn each(change: impl Fn(&mut Bounds)) {
    let living: Vec<Arc<Range>> = RANGES
        .try_with(|ranges| ranges.borrow().iter().filter_map(Weak::upgrade).collect())
        .unwrap_or_default();
    for range in living {
        change(&mut lock(&range.bounds));
    }
}

fn each_point(change: impl Fn(&mut BoundaryPoint)) {
    each(|bounds| {
        change(&mut bounds.start);
        change(&mut bounds.end);
    });
}

fn none_live() -> bool {
    RANGES.try_with(|ranges| ranges.borrow().is_empty()).unwrap_or(true)
}

/// Nodes are about to be inserted in front of a child.
///
/// <https://dom.spec.whatwg.org/#concept-node-insert>, step 5
pub(crate) fn before_insertion(parent: &NodeRef, child: &NodeRef, count: usize) {
    if none_live() {
        return;
    }
    let (index, count) = (index_of(child), u32::try_from(count).unwrap_or(u32::MAX));
    each_point(|point| {
        if Arc::ptr_eq(&point.node, parent) && point.offset > index {
            point.offset = point.offset.saturating_add(count);
        }
    });
}

/// A node is about to be removed.
///
/// <https://dom.spec.whatwg.org/#live-range-pre-remove-steps>
pub(crate) fn before_removal(node: &NodeRef) {
    if none_live() {
        return;
    }
    let Some(parent) = node.parent() else { return };
    let index = index_of(node);
    each_point(|point| {
        if node.is_inclusive_ancestor_of(&point.node) {
            *point = BoundaryPoint::new(&parent, index);
        } else if Arc::ptr_eq(&point.node, &parent) && point.offset > index {
            point.offset -= 1;
        }
    });
}

/// Part of a text was replaced.
///
/// <https://dom.spec.whatwg.org/#concept-cd-replace>, steps 8 to 11
pub(crate) fn replaced(node: &NodeRef, offset: u32, count: u32, length: u32) {
    let end = offset.saturating_add(count);
    each_point(|point| {
        if !Arc::ptr_eq(&point.node, node) {
            return;
        }
        if point.offset > offset && point.offset <= end {
            point.offset = offset;
        } else if point.offset > end {
            point.offset = point.offset.saturating_add(length) - count;
        }
    });
}

/// A text was split: what was behind the offset is in a new node, which follows it.
///
/// <https://dom.spec.whatwg.org/#concept-text-split>, steps 7.2 to 7.5
pub(crate) fn split(node: &NodeRef, offset: u32, new: &NodeRef, parent: &NodeRef) {
    if none_live() {
        return;
    }
    let behind = index_of(node) + 1;
    each_point(|point| {
        if Arc::ptr_eq(&point.node, node) && point.offset > offset {
            *point = BoundaryPoint::new(new, point.offset - offset);
        } else if Arc::ptr_eq(&point.node, parent) && point.offset == behind {
            point.offset += 1;
        }
    });
}

/// A text is about to go because what it says was added to the one before it, which was so long.
///
/// <https://dom.spec.whatwg.org/#dom-node-normalize>, steps 6.1 to 6.4
pub(crate) fn joined(gone: &NodeRef, into: &NodeRef, length: u32) {
    if none_live() {
        return;
    }
    let (parent, index) = (gone.parent(), index_of(gone));
    each_point(|point| {
        if Arc::ptr_eq(&point.node, gone) {
            *point = BoundaryPoint::new(into, point.offset.saturating_add(length));
        } else if point.offset == index
            && parent.as_ref().is_some_and(|parent| Arc::ptr_eq(parent, &point.node))
        {
            *point = BoundaryPoint::new(into, length);
        }
    });
}
