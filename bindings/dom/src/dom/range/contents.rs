//! <https://dom.spec.whatwg.org/#interface-range>: what is between two places, and what is done with it.

use std::sync::Arc;

use longhaul_idl::runtime::{DomString, Exception, Realm};

use super::boundary_point::{BoundaryPoint, index_of, is_doctype, node_length, path};
use super::{Bounds, Range};
use crate::dom::node::{Node, NodeData, NodeRef, lock};
use crate::dom::{character_data, clone, mutation};

/// The nodes around the part of a tree that is between two places.
struct Extent {
    common: NodeRef,
    /// From below the common ancestor to the node of the start, if that is not the common ancestor itself.
    start_path: Vec<NodeRef>,
    end_path: Vec<NodeRef>,
}

impl Extent {
    fn of(bounds: &Bounds) -> Self {
        let (mut start_path, mut end_path) = (path(&bounds.start.node), path(&bounds.end.node));
        let common = start_path.iter().zip(&end_path).take_while(|(a, b)| Arc::ptr_eq(a, b)).count();
        // NOTE: both are in one tree, so that its root at least is common.
        let ancestor = Arc::clone(&start_path[common.saturating_sub(1)]);
        start_path.drain(..common);
        end_path.drain(..common);
        Self { common: ancestor, start_path, end_path }
    }

    /// The children of the common ancestor that are wholly inside.
    fn middle(&self, bounds: &Bounds) -> Vec<NodeRef> {
        let mut next = match self.start_path.first() {
            Some(partly) => partly.next_sibling(),
            None => bounds.start.child(),
        };
        let end = self.end_path.first().cloned().or_else(|| bounds.end.child());
        let mut nodes = Vec::new();
        while let Some(node) = next.filter(|node| end.as_ref().is_none_or(|end| !Arc::ptr_eq(end, node))) {
            next = node.next_sibling();
            nodes.push(node);
        }
        nodes
    }

    /// What is wholly inside the node at a depth of the start's path, behind the next one.
    fn behind(&self, bounds: &Bounds, depth: usize) -> Vec<NodeRef> {
        let first = match self.start_path.get(depth + 1) {
            Some(next) => next.next_sibling(),
            None => bounds.start.child(),
        };
        let mut nodes = Vec::new();
        let mut next = first;
        while let Some(node) = next {
            next = node.next_sibling();
            nodes.push(node);
        }
        nodes
    }

    /// What is wholly inside the node at a depth of the end's path, in front of the next one.
    fn in_front(&self, bounds: &Bounds, depth: usize) -> Vec<NodeRef> {
        let children = self.end_path[depth].children_list();
        let count = match self.end_path.get(depth + 1) {
            Some(next) => next.index(),
            None => bounds.end.offset as usize,
        };
        children.into_iter().take(count).collect()
    }

    /// Where the range collapses to once its contents are gone.
    fn place_without(&self, bounds: &Bounds) -> BoundaryPoint {
        match self.start_path.first() {
            // It is inside of what holds both.
            Some(partly) => BoundaryPoint::new(&self.common, index_of(partly).saturating_add(1)),
            None => bounds.start.clone(),
        }
    }
}

/// The text in which both places are.
fn only_text(bounds: &Bounds) -> Option<(&NodeRef, u32, u32)> {
    let node = &bounds.start.node;
    let same = Arc::ptr_eq(node, &bounds.end.node) && node.character_data().is_some();
    same.then(|| (node, bounds.start.offset, bounds.end.offset - bounds.start.offset))
}

fn erase(realm: &dyn Realm, node: &NodeRef, offset: u32, count: u32) -> Result<(), Exception> {
    character_data::replace(realm, node, offset, count, &DomString::default())
}

/// <https://dom.spec.whatwg.org/#dom-range-deletecontents>
pub(super) fn delete(realm: &dyn Realm, range: &Arc<Range>) -> Result<(), Exception> {
    let bounds = range.bounds();
    // 1.
    if bounds.is_collapsed() {
        return Ok(());
    }
    // 3. Within one text.
    if let Some((node, offset, count)) = only_text(&bounds) {
        return erase(realm, node, offset, count);
    }
    // 4. What goes.
    let extent = Extent::of(&bounds);
    let mut gone = Vec::new();
    for depth in (0..extent.start_path.len()).rev() {
        gone.extend(extent.behind(&bounds, depth));
    }
    gone.extend(extent.middle(&bounds));
    for depth in 0..extent.end_path.len() {
        gone.extend(extent.in_front(&bounds, depth));
    }
    // 5.–6.
    let place = extent.place_without(&bounds);
    // 7. The end of the first text.
    let (start, end) = (&bounds.start, &bounds.end);
    if start.node.character_data().is_some() {
        erase(realm, &start.node, start.offset, node_length(&start.node).saturating_sub(start.offset))?;
    }
    // 8.
    for node in gone {
        mutation::remove(realm, &node, true)?;
    }
    // 9. The beginning of the last.
    if end.node.character_data().is_some() {
        erase(realm, &end.node, 0, end.offset)?;
    }
    // 10.
    range.set(Bounds::new(place.clone(), place));
    Ok(())
}

/// Whether contents are taken out of the tree or copied.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Taking {
    Extract,
    Clone,
}

struct Taker<'a> {
    realm: &'a dyn Realm,
    document: NodeRef,
    taking: Taking,
}

impl Taker<'_> {
    /// A copy of part of a text, which is there no more if it is taken.
    fn part(&self, node: &NodeRef, offset: u32, count: u32) -> Result<NodeRef, Exception> {
        let copy = clone(node, &self.document, false);
        if let Some(data) = copy.character_data() {
            *lock(data) = character_data::substring(node, offset, count)?;
        }
        if self.taking == Taking::Extract {
            erase(self.realm, node, offset, count)?;
        }
        Ok(copy)
    }

    fn append(&self, node: &NodeRef, parent: &NodeRef) -> Result<(), Exception> {
        mutation::append(self.realm, node, parent)
    }

    /// Nodes that are wholly inside.
    fn whole(&self, nodes: Vec<NodeRef>, parent: &NodeRef) -> Result<(), Exception> {
        for node in nodes {
            match self.taking {
                Taking::Extract => self.append(&node, parent)?,
                Taking::Clone => self.append(&clone(&node, &self.document, true), parent)?,
            }
        }
        Ok(())
    }
}

/// <https://dom.spec.whatwg.org/#concept-range-extract> and <https://dom.spec.whatwg.org/#concept-range-clone>. What the standard does
/// by recursion is done along the paths, which may be deep.
pub(super) fn take(realm: &dyn Realm, range: &Arc<Range>, taking: Taking) -> Result<NodeRef, Exception> {
    let bounds = range.bounds();
    let document = bounds.start.node.document().ok_or_else(|| Exception::type_error("no document"))?;
    let taker = Taker { realm, document: Arc::clone(&document), taking };
    // 1.–2.
    let fragment = Node::fragment(&document);
    if bounds.is_collapsed() {
        return Ok(fragment);
    }
    // 4. Within one text.
    if let Some((node, offset, count)) = only_text(&bounds) {
        taker.append(&taker.part(node, offset, count)?, &fragment)?;
        return Ok(fragment);
    }
    // 5.–8.
    let extent = Extent::of(&bounds);
    let middle = extent.middle(&bounds);
    // 9.
    if middle.iter().any(is_doctype) {
        return Err(Exception::dom("HierarchyRequestError", "a document type cannot be taken"));
    }
    // 10.–11.
    let place = extent.place_without(&bounds);
    let before: Vec<_> = (0..extent.start_path.len()).map(|depth| extent.behind(&bounds, depth)).collect();
    let after: Vec<_> = (0..extent.end_path.len()).map(|depth| extent.in_front(&bounds, depth)).collect();
    // 12.–13. What is partly inside at the start: copies of the nodes that go on outside, and in them what is wholly inside.
    let mut copies = Vec::new();
    let mut parent = Arc::clone(&fragment);
    for node in &extent.start_path {
        let copy = match node.character_data() {
            Some(_) => {
                let offset = bounds.start.offset;
                taker.part(node, offset, node_length(node).saturating_sub(offset))?
            }
            None => clone(node, &document, false),
        };
        taker.append(&copy, &parent)?;
        parent = Arc::clone(&copy);
        copies.push(copy);
    }
    for (nodes, copy) in before.into_iter().zip(&copies).rev() {
        taker.whole(nodes, copy)?;
    }
    // 14.
    taker.whole(middle, &fragment)?;
    // 15.–16. The same at the end.
    let mut parent = Arc::clone(&fragment);
    for (node, nodes) in extent.end_path.iter().zip(after) {
        let copy = match node.character_data() {
            Some(_) => taker.part(node, 0, bounds.end.offset)?,
            None => clone(node, &document, false),
        };
        taker.append(&copy, &parent)?;
        if node.character_data().is_none() {
            taker.whole(nodes, &copy)?;
        }
        parent = copy;
    }
    // 17.
    if taking == Taking::Extract {
        range.set(Bounds::new(place.clone(), place));
    }
    Ok(fragment)
}

/// <https://dom.spec.whatwg.org/#concept-range-insert>
pub(super) fn insert(realm: &dyn Realm, range: &Arc<Range>, node: &NodeRef) -> Result<(), Exception> {
    let start = range.bounds().start;
    // 1.
    let is_text = matches!(start.node.data, NodeData::Text(_) | NodeData::CData(_));
    let is_other = matches!(start.node.data, NodeData::Comment(_) | NodeData::ProcessingInstruction { .. });
    if is_other || is_text && start.node.parent().is_none() || Arc::ptr_eq(&start.node, node) {
        return Err(Exception::dom("HierarchyRequestError", "nothing can be inserted there"));
    }
    // 2.–6. Where to.
    let mut reference = if is_text { Some(Arc::clone(&start.node)) } else { start.child() };
    let parent = match &reference {
        Some(reference) => reference.parent().unwrap_or_else(|| Arc::clone(&start.node)),
        None => Arc::clone(&start.node),
    };
    mutation::ensure_pre_insertion_validity(node, &parent, reference.as_ref())?;
    // 7.
    if is_text {
        reference = Some(character_data::split(realm, &start.node, start.offset)?);
    }
    // 8.–9.
    if reference.as_ref().is_some_and(|reference| Arc::ptr_eq(reference, node)) {
        reference = node.next_sibling();
    }
    mutation::remove(realm, node, true)?;
    // 10.–11.
    let place = reference.as_ref().map_or_else(|| node_length(&parent), index_of);
    let place = place.saturating_add(if node.is_fragment() { node_length(node) } else { 1 });
    // 12.
    mutation::pre_insert(realm, node, &parent, reference.as_ref())?;
    // 13.
    let bounds = range.bounds();
    if bounds.is_collapsed() {
        range.set(Bounds::new(bounds.start, BoundaryPoint::new(&parent, place)));
    }
    Ok(())
}

/// <https://dom.spec.whatwg.org/#dom-range-surroundcontents>
pub(super) fn surround(realm: &dyn Realm, range: &Arc<Range>, new: &NodeRef) -> Result<(), Exception> {
    // 1.
    let extent = Extent::of(&range.bounds());
    if extent.start_path.iter().chain(&extent.end_path).any(|node| !node.is_text()) {
        return Err(Exception::dom("InvalidStateError", "the range has parts of nodes"));
    }
    // 2.
    if is_doctype(new) || new.is_document() || new.is_fragment() {
        return Err(super::boundary_point::invalid_type("the node cannot be around others"));
    }
    // 3.–6.
    let fragment = take(realm, range, Taking::Extract)?;
    if new.first_child().is_some() {
        mutation::replace_all(realm, None, new)?;
    }
    insert(realm, range, new)?;
    mutation::append(realm, &fragment, new)?;
    // 7.
    range.set(Bounds::new(BoundaryPoint::before(new)?, BoundaryPoint::after(new)?));
    Ok(())
}

/// <https://dom.spec.whatwg.org/#dom-range-stringifier>
pub(super) fn text(bounds: &Bounds) -> Result<String, Exception> {
    let (start, end) = (&bounds.start, &bounds.end);
    // 2. Within one text.
    if let Some((node, offset, count)) = only_text(bounds).filter(|(node, ..)| node.is_text()) {
        return Ok(character_data::substring(node, offset, count)?.into_usv_string());
    }
    let root = start.node.root();
    let mut text = String::new();
    // 3.
    if start.node.is_text() {
        let count = node_length(&start.node).saturating_sub(start.offset);
        text.push_str(&character_data::substring(&start.node, start.offset, count)?);
    }
    // 4. All texts up to where it ends, which is the first node that is not wholly inside.
    let past = |node: &NodeRef| node.following_skipping_children(&root);
    let mut next = start.child().or_else(|| past(&start.node));
    let last = match end.node.character_data() {
        Some(_) => Some(Arc::clone(&end.node)),
        None => end.child().or_else(|| past(&end.node)),
    };
    while let Some(node) = next.filter(|node| last.as_ref().is_none_or(|last| !Arc::ptr_eq(last, node))) {
        if let NodeData::Text(data) | NodeData::CData(data) = &node.data {
            text.push_str(&lock(data));
        }
        next = node.following(&root);
    }
    // 5.
    if end.node.is_text() {
        text.push_str(&character_data::substring(&end.node, 0, end.offset)?);
    }
    Ok(text)
}
