//! The deferred-fetch quota: how much of what a tab may put off each of its documents may.

use std::collections::BTreeMap;

use url::Origin;

use super::fetch_group::FetchGroup;
use super::origin::same_origin;

const KIBIBYTE: u64 = 1024;

/// What a tab has.
const TOP_LEVEL_QUOTA: u64 = 640 * KIBIBYTE;

/// <https://fetch.spec.whatwg.org/#quota-reserved-for-deferred-fetch-minimal>
const RESERVED_FOR_MINIMAL: u64 = 128 * KIBIBYTE;

/// <https://fetch.spec.whatwg.org/#reserved-deferred-fetch-quota-normal-quota>
const NORMAL_QUOTA: u64 = 64 * KIBIBYTE;

/// <https://fetch.spec.whatwg.org/#reserved-deferred-fetch-quota-minimal-quota>
const MINIMAL_QUOTA: u64 = 8 * KIBIBYTE;

/// What may wait for one origin at a time.
const QUOTA_FOR_ONE_ORIGIN: u64 = 64 * KIBIBYTE;

/// Names a navigable inside its tab.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NavigableId(u64);

/// What a document may do, by its permissions policy.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct DeferredFetchPolicy {
    /// `deferred-fetch`; by default for the top-level document's origin alone.
    pub deferred_fetch: bool,
    /// `deferred-fetch-minimal`; by default for everybody.
    pub deferred_fetch_minimal: bool,
}

/// The documents of one tab, and what each has reserved. Whoever keeps a tab's tree keeps one of these beside it.
///
/// <https://fetch.spec.whatwg.org/#deferred-fetch-quota>
#[derive(Debug, Default)]
pub struct DeferredFetchQuota {
    navigables: BTreeMap<NavigableId, Navigable>,
    next: u64,
}

#[derive(Debug)]
struct Navigable {
    parent: Option<NavigableId>,
    /// What the element that contains it has reserved for it.
    reserved: u64,
    document: Option<Document>,
}

#[derive(Debug)]
struct Document {
    origin: Origin,
    policy: DeferredFetchPolicy,
    fetch_group: FetchGroup,
}

impl DeferredFetchQuota {
    /// A tab without navigables.
    pub fn new() -> DeferredFetchQuota {
        DeferredFetchQuota::default()
    }

    /// Adds the top-level navigable, or one inside another. It has no document yet.
    pub fn add(&mut self, parent: Option<NavigableId>) -> NavigableId {
        let id = NavigableId(self.next);
        self.next += 1;
        self.navigables.insert(id, Navigable { parent, reserved: 0, document: None });
        id
    }

    /// Removes a navigable and all inside it.
    pub fn remove(&mut self, id: NavigableId) {
        self.navigables.remove(&id);
        let inside: Vec<_> = self
            .navigables
            .iter()
            .filter(|(_, navigable)| navigable.parent == Some(id))
            .map(|(inside, _)| *inside)
            .collect();
        for inside in inside {
            self.remove(inside);
        }
    }

    /// Puts a new document into the navigable, and gives back what had been reserved if it turns out to be of its container's
    /// origin.
    pub fn set_document(
        &mut self,
        id: NavigableId,
        origin: Origin,
        policy: DeferredFetchPolicy,
        fetch_group: FetchGroup,
    ) {
        if let Some(navigable) = self.navigables.get_mut(&id) {
            navigable.document = Some(Document { origin, policy, fetch_group });
            self.potentially_free(id);
        }
    }

    /// What the document may still put off for that origin. `None` asks for the document's own sake.
    ///
    /// <https://fetch.spec.whatwg.org/#available-deferred-fetch-quota>
    pub fn available(&self, document: NavigableId, origin: Option<&Origin>) -> u64 {
        // 1.–3.
        let control = self.control_document(document);
        let Some((navigable, control_document)) = self.get(control) else { return 0 };
        let is_top_level = navigable.parent.is_none();
        // 4.–5.
        let policy = control_document.policy;
        // 6.
        let mut quota = match is_top_level {
            true if !policy.deferred_fetch => 0,
            true if !policy.deferred_fetch_minimal => TOP_LEVEL_QUOTA,
            true => TOP_LEVEL_QUOTA - RESERVED_FOR_MINIMAL,
            false if policy.deferred_fetch && navigable.reserved == NORMAL_QUOTA => NORMAL_QUOTA,
            false if policy.deferred_fetch_minimal && navigable.reserved == MINIMAL_QUOTA => MINIMAL_QUOTA,
            false => 0,
        };
        // 7.
        let mut quota_for_origin = QUOTA_FOR_ONE_ORIGIN;
        // 8. All that share it.
        for (id, navigable) in &self.navigables {
            // 8.1. What elements in those documents have reserved. NOTE: what is reserved for the minimal policy at the top was
            // taken off in step 6 already, but the standard takes it off again; so do we.
            if navigable.parent.is_some_and(|parent| self.control_document(parent) == control) {
                quota = quota.saturating_sub(navigable.reserved);
            }
            // 8.2. What waits in them.
            let Some(document) = &navigable.document else { continue };
            if self.control_document(*id) != control {
                continue;
            }
            for record in document.fetch_group.deferred_fetch_records() {
                let length = record.total_request_length();
                quota = quota.saturating_sub(length);
                if origin.is_some_and(|origin| same_origin(record.url_origin(), origin)) {
                    quota_for_origin = quota_for_origin.saturating_sub(length);
                }
            }
        }
        // 9.–11.
        quota.min(quota_for_origin)
    }

    /// Reserves a part for the document that the navigable is about to get; `inherited` is the policy that it would inherit for
    /// the origin. To be called when the navigable's parent navigates it.
    ///
    /// <https://fetch.spec.whatwg.org/#reserve-deferred-fetch-quota>
    pub fn reserve(&mut self, container: NavigableId, inherited: DeferredFetchPolicy) {
        // 1.
        let Some(navigable) = self.navigables.get_mut(&container) else { return };
        navigable.reserved = 0;
        // 2.
        let Some(parent) = navigable.parent else { return };
        let control = self.control_document(parent);
        // 3.
        if inherited.deferred_fetch && self.available(control, None) >= NORMAL_QUOTA {
            self.set_reserved(container, NORMAL_QUOTA);
            return;
        }
        // 4.
        let is_top_level = self.navigables.get(&control).is_some_and(|navigable| navigable.parent.is_none());
        let minimal =
            self.navigables.values().filter(|navigable| navigable.reserved == MINIMAL_QUOTA).count() as u64;
        if is_top_level && inherited.deferred_fetch_minimal && minimal < RESERVED_FOR_MINIMAL / MINIMAL_QUOTA
        {
            self.set_reserved(container, MINIMAL_QUOTA);
        }
    }

    /// <https://fetch.spec.whatwg.org/#potentially-free-deferred-fetch-quota>
    fn potentially_free(&mut self, id: NavigableId) {
        let is_shared = self.control_document(id) != id;
        if is_shared {
            self.set_reserved(id, 0);
        }
    }

    /// <https://fetch.spec.whatwg.org/#deferred-fetch-control-document>
    fn control_document(&self, id: NavigableId) -> NavigableId {
        let mut control = id;
        // NOTE: a navigable's parent is there before it, so that this ends.
        while let Some((navigable, document)) = self.get(control)
            && let Some(parent) = navigable.parent
            && let Some((_, container)) = self.get(parent)
            && same_origin(&container.origin, &document.origin)
        {
            control = parent;
        }
        control
    }

    fn get(&self, id: NavigableId) -> Option<(&Navigable, &Document)> {
        let navigable = self.navigables.get(&id)?;
        Some((navigable, navigable.document.as_ref()?))
    }

    fn set_reserved(&mut self, id: NavigableId, quota: u64) {
        if let Some(navigable) = self.navigables.get_mut(&id) {
            navigable.reserved = quota;
        }
    }
}

impl Default for DeferredFetchPolicy {
    /// That of a top-level document.
    fn default() -> Self {
        DeferredFetchPolicy { deferred_fetch: true, deferred_fetch_minimal: true }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse_origin;

    const OWN: DeferredFetchPolicy =
        DeferredFetchPolicy { deferred_fetch: true, deferred_fetch_minimal: true };
    const MINIMAL: DeferredFetchPolicy =
        DeferredFetchPolicy { deferred_fetch: false, deferred_fetch_minimal: true };
    const NOTHING: DeferredFetchPolicy =
        DeferredFetchPolicy { deferred_fetch: false, deferred_fetch_minimal: false };

    struct Tab(DeferredFetchQuota);

    impl Tab {
        /// Adds a navigable for which its parent reserves what `inherited` lets it, and whose document is of that origin.
        fn at(
            &mut self,
            parent: Option<NavigableId>,
            origin: &str,
            inherited: DeferredFetchPolicy,
        ) -> NavigableId {
            let id = self.0.add(parent);
            self.0.reserve(id, inherited);
            self.0.set_document(id, parse_origin(origin), inherited, FetchGroup::new());
            id
        }

        fn quota(&self, id: NavigableId) -> u64 {
            self.0.available(id, None) / KIBIBYTE
        }
    }

    #[test]
    fn the_tree_of_the_standard_is_shared_out_as_it_says() {
        let top = "https://top.example.com";
        let mut tab = Tab(DeferredFetchQuota::new());
        let root = tab.at(None, top, OWN);
        let frame = tab.at(Some(root), top, OWN);
        let inner = tab.at(Some(frame), "https://x.example.com", MINIMAL);
        let other = tab.at(Some(root), "https://x.example.com", MINIMAL);
        let back = tab.at(Some(other), top, NOTHING);
        let good = tab.at(Some(root), "https://ok.example.com", OWN);
        let lost = tab.at(Some(root), "https://ok.example.com", OWN);
        tab.0.set_document(lost, parse_origin("https://x.example.com"), MINIMAL, FetchGroup::new());
        let home = tab.at(Some(root), top, OWN);
        let inside_good = tab.at(Some(good), "https://x.example.com", MINIMAL);
        assert_eq!(tab.0.control_document(frame), root);
        assert_eq!(tab.0.control_document(home), root);
        assert_eq!(tab.0.control_document(back), back);
        assert_eq!([inner, other].map(|id| tab.quota(id)), [8, 8]);
        assert_eq!([back, lost, inside_good].map(|id| tab.quota(id)), [0, 0, 0]);
        assert_eq!([root, frame, good, home].map(|id| tab.quota(id)), [64; 4]);
        // 640 less 128, twice 64 and, as the algorithm has it, twice 8.
        let control = tab.0.navigables.values().map(|navigable| navigable.reserved).sum::<u64>() / KIBIBYTE;
        assert_eq!(control, 64 + 64 + 8 + 8);
    }

    #[test]
    fn policies_take_it_away() {
        let mut tab = Tab(DeferredFetchQuota::new());
        let root = tab.at(None, "https://a.example", NOTHING);
        assert_eq!(tab.quota(root), 0);
        let mut tab = Tab(DeferredFetchQuota::new());
        let root = tab.at(None, "https://a.example", OWN);
        let frames: Vec<_> = (0..17).map(|_| tab.at(Some(root), "https://b.example", MINIMAL)).collect();
        assert_eq!(frames.iter().filter(|id| tab.quota(**id) == 8).count(), 16);
        tab.0.remove(frames[0]);
        let again = tab.at(Some(root), "https://c.example", MINIMAL);
        assert_eq!(tab.quota(again), 8);
        tab.0.remove(root);
        assert!(tab.0.navigables.is_empty());
    }
}
