//! <https://dom.spec.whatwg.org/#interface-characterdata>. Offsets count UTF-16 code units.

use longhaul_idl::runtime::{DomString, Exception, Realm};

use super::mutation;
use super::node::{NodeRef, changed, lock};

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
    all.splice(range, units(new));
    replace_all(realm, node, DomString::from_utf16(&all))
}

pub(super) fn replace_all(realm: &dyn Realm, node: &NodeRef, new: DomString) -> Result<(), Exception> {
    let Some(held) = node.character_data() else { return Ok(()) };
    changed();
    let old = std::mem::replace(&mut *lock(held), new);
    mutation::record_text(realm, node, old)?;
    match node.parent() {
        Some(parent) => crate::html::children_changed(realm, &parent),
        None => Ok(()),
    }
}
