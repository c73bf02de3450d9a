//! <https://dom.spec.whatwg.org/#interface-characterdata>. Offsets count UTF-16 code units.

use longhaul_idl::runtime::{DomString, Exception, Realm};

use super::mutation;
use super::node::{Node, NodeRef, changed, lock};
use super::range::live;

fn units(text: &DomString) -> Vec<u16> {
    match text.ill_formed_units() {
        Some(units) => units.to_vec(),
        None => text.encode_utf16().collect(),
    }
}

fn data(node: &NodeRef) -> DomString {
    node.character_data().map(|data| lock(data).clone()).unwrap_or_default()
}

pub(super) fn length(node: &NodeRef) -> u32 {
    u32::try_from(units(&data(node)).len()).unwrap_or(u32::MAX)
}

fn range(length: usize, offset: u32, count: u32) -> Result<std::ops::Range<usize>, Exception> {
    let start = offset as usize;
    if start > length {
        return Err(Exception::dom("IndexSizeError", "the offset is past the end"));
    }
    Ok(start..length.min(start.saturating_add(count as usize)))
}

/// <https://dom.spec.whatwg.org/#concept-cd-substring>
pub(super) fn substring(node: &NodeRef, offset: u32, count: u32) -> Result<DomString, Exception> {
    let units = units(&data(node));
    let range = range(units.len(), offset, count)?;
    Ok(DomString::from_utf16(&units[range]))
}

/// <https://dom.spec.whatwg.org/#concept-cd-replace>
pub(super) fn replace(
    realm: &dyn Realm,
    node: &NodeRef,
    offset: u32,
    count: u32,
    new: &DomString,
) -> Result<(), Exception> {
    let mut all = units(&data(node));
    let range = range(all.len(), offset, count)?;
    let new = units(new);
    let (count, length) = (units_number(range.len()), units_number(new.len()));
    all.splice(range, new);
    put(realm, node, DomString::from_utf16(&all), (offset, count, length))
}

fn units_number(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// Replaces the whole text.
pub(super) fn replace_all(realm: &dyn Realm, node: &NodeRef, new: DomString) -> Result<(), Exception> {
    let part = (0, length(node), units_number(units(&new).len()));
    put(realm, node, new, part)
}

/// Adds to the end of a text.
pub(super) fn append(realm: &dyn Realm, node: &NodeRef, more: &DomString) -> Result<(), Exception> {
    replace(realm, node, length(node), 0, more)
}

/// <https://dom.spec.whatwg.org/#concept-text-split>
pub(super) fn split(realm: &dyn Realm, node: &NodeRef, offset: u32) -> Result<NodeRef, Exception> {
    // 1.–6. A new node with what is behind the offset.
    let length = length(node);
    if offset > length {
        return Err(Exception::dom("IndexSizeError", "the offset is past the end"));
    }
    let document = node.document().ok_or_else(|| Exception::type_error("the node has no document"))?;
    let new = Node::text(&document, substring(node, offset, length - offset)?);
    // 7. It follows the node, and ranges with it.
    if let Some(parent) = node.parent() {
        mutation::insert(realm, &new, &parent, node.next_sibling().as_ref(), true)?;
        live::split(node, offset, &new, &parent);
    }
    // 8.
    replace(realm, node, offset, length - offset, &DomString::default())?;
    Ok(new)
}

/// A node's new text, and which part of it was replaced by how much.
fn put(
    realm: &dyn Realm,
    node: &NodeRef,
    new: DomString,
    (offset, count, length): (u32, u32, u32),
) -> Result<(), Exception> {
    let Some(held) = node.character_data() else { return Ok(()) };
    changed();
    let old = std::mem::replace(&mut *lock(held), new);
    mutation::record_text(realm, node, old)?;
    live::replaced(node, offset, count, length);
    match node.parent() {
        Some(parent) => crate::html::children_changed(realm, &parent),
        None => Ok(()),
    }
}
