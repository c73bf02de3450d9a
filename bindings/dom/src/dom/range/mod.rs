//! <https://dom.spec.whatwg.org/#ranges>

mod boundary_point;
mod contents;
pub(crate) mod live;
mod static_range;

use std::cmp::Ordering;
use std::sync::{Arc, Mutex};

use longhaul_idl::runtime::{DomString, Exception, ObjectRef, Realm};
use longhaul_idl::{AbstractRangeMethods, RangeMethods, RangeStatics};

use super::element::{create_element, html_name};
use super::node::{NodeData, NodeRef, lock, node, object};
use boundary_point::{BoundaryPoint, invalid_type, is_doctype, node_length, path};
use contents::Taking;

pub(crate) use static_range::StaticRange;

/// Where a range begins and ends.
#[derive(Clone)]
struct Bounds {
    start: BoundaryPoint,
    end: BoundaryPoint,
}

impl Bounds {
    const fn new(start: BoundaryPoint, end: BoundaryPoint) -> Self {
        Self { start, end }
    }

    fn is_collapsed(&self) -> bool {
        Arc::ptr_eq(&self.start.node, &self.end.node) && self.start.offset == self.end.offset
    }

    /// <https://dom.spec.whatwg.org/#concept-range-root>
    fn root(&self) -> NodeRef {
        self.start.node.root()
    }
}

/// <https://dom.spec.whatwg.org/#range>
pub(crate) struct Range {
    bounds: Mutex<Bounds>,
    /// Keeps what is around the two places, which a node by itself does not.
    root: Mutex<NodeRef>,
}

longhaul_idl::platform_object!(Range => longhaul_idl::range);

impl Range {
    fn new(bounds: Bounds) -> Arc<Self> {
        let root = Mutex::new(bounds.root());
        let range = Arc::new(Self { bounds: Mutex::new(bounds), root });
        live::register(&range);
        range
    }

    /// A range at the beginning of a document.
    pub(crate) fn of_document(document: &NodeRef) -> ObjectRef {
        let start = BoundaryPoint::new(document, 0);
        Self::new(Bounds::new(start.clone(), start))
    }

    fn bounds(&self) -> Bounds {
        lock(&self.bounds).clone()
    }

    fn set(&self, bounds: Bounds) {
        let root = bounds.root();
        *lock(&self.bounds) = bounds;
        // What was kept until now is let go of outside the lock.
        drop(std::mem::replace(&mut *lock(&self.root), root));
    }

    /// <https://dom.spec.whatwg.org/#concept-range-bp-set>
    fn set_start(&self, point: BoundaryPoint) {
        let bounds = self.bounds();
        let is_elsewhere = !Arc::ptr_eq(&bounds.root(), &point.node.root());
        match is_elsewhere || point.position(&bounds.end) == Ordering::Greater {
            true => self.set(Bounds::new(point.clone(), point)),
            false => self.set(Bounds::new(point, bounds.end)),
        }
    }

    fn set_end(&self, point: BoundaryPoint) {
        let bounds = self.bounds();
        let is_elsewhere = !Arc::ptr_eq(&bounds.root(), &point.node.root());
        match is_elsewhere || point.position(&bounds.start) == Ordering::Less {
            true => self.set(Bounds::new(point.clone(), point)),
            false => self.set(Bounds::new(bounds.start, point)),
        }
    }
}

impl AbstractRangeMethods for Range {
    fn start_container(self: &Arc<Self>, _: &dyn Realm) -> Result<ObjectRef, Exception> {
        Ok(object(self.bounds().start.node))
    }

    fn start_offset(self: &Arc<Self>, _: &dyn Realm) -> Result<u32, Exception> {
        Ok(self.bounds().start.offset)
    }

    fn end_container(self: &Arc<Self>, _: &dyn Realm) -> Result<ObjectRef, Exception> {
        Ok(object(self.bounds().end.node))
    }

    fn end_offset(self: &Arc<Self>, _: &dyn Realm) -> Result<u32, Exception> {
        Ok(self.bounds().end.offset)
    }

    fn collapsed(self: &Arc<Self>, _: &dyn Realm) -> Result<bool, Exception> {
        Ok(self.bounds().is_collapsed())
    }
}

impl RangeStatics for Range {
    fn construct(realm: &dyn Realm) -> Result<ObjectRef, Exception> {
        Ok(Self::of_document(&crate::dom::document_of(realm)?))
    }
}

impl RangeMethods for Range {
    /// <https://dom.spec.whatwg.org/#dom-range-commonancestorcontainer>
    fn common_ancestor_container(self: &Arc<Self>, _: &dyn Realm) -> Result<ObjectRef, Exception> {
        let bounds = self.bounds();
        let (start, end) = (path(&bounds.start.node), path(&bounds.end.node));
        let common = start.iter().zip(&end).take_while(|(a, b)| Arc::ptr_eq(a, b)).last();
        Ok(object(common.map_or_else(|| bounds.root(), |(node, _)| Arc::clone(node))))
    }

    fn set_start(
        self: &Arc<Self>,
        _: &dyn Realm,
        container: ObjectRef,
        offset: u32,
    ) -> Result<(), Exception> {
        Range::set_start(self, BoundaryPoint::checked(&node(&container)?, offset)?);
        Ok(())
    }

    fn set_end(self: &Arc<Self>, _: &dyn Realm, container: ObjectRef, offset: u32) -> Result<(), Exception> {
        Range::set_end(self, BoundaryPoint::checked(&node(&container)?, offset)?);
        Ok(())
    }

    fn set_start_before(self: &Arc<Self>, _: &dyn Realm, place: ObjectRef) -> Result<(), Exception> {
        Range::set_start(self, BoundaryPoint::before(&node(&place)?)?);
        Ok(())
    }

    fn set_start_after(self: &Arc<Self>, _: &dyn Realm, place: ObjectRef) -> Result<(), Exception> {
        Range::set_start(self, BoundaryPoint::after(&node(&place)?)?);
        Ok(())
    }

    fn set_end_before(self: &Arc<Self>, _: &dyn Realm, place: ObjectRef) -> Result<(), Exception> {
        Range::set_end(self, BoundaryPoint::before(&node(&place)?)?);
        Ok(())
    }

    fn set_end_after(self: &Arc<Self>, _: &dyn Realm, place: ObjectRef) -> Result<(), Exception> {
        Range::set_end(self, BoundaryPoint::after(&node(&place)?)?);
        Ok(())
    }

    fn collapse(self: &Arc<Self>, _: &dyn Realm, to_start: bool) -> Result<(), Exception> {
        let Bounds { start, end } = self.bounds();
        let place = if to_start { start } else { end };
        self.set(Bounds::new(place.clone(), place));
        Ok(())
    }

    fn select_node(self: &Arc<Self>, _: &dyn Realm, selected: ObjectRef) -> Result<(), Exception> {
        let selected = node(&selected)?;
        self.set(Bounds::new(BoundaryPoint::before(&selected)?, BoundaryPoint::after(&selected)?));
        Ok(())
    }

    fn select_node_contents(self: &Arc<Self>, _: &dyn Realm, selected: ObjectRef) -> Result<(), Exception> {
        let selected = node(&selected)?;
        let start = BoundaryPoint::checked(&selected, 0)?;
        self.set(Bounds::new(start, BoundaryPoint::new(&selected, node_length(&selected))));
        Ok(())
    }

    /// <https://dom.spec.whatwg.org/#dom-range-compareboundarypoints>
    fn compare_boundary_points(
        self: &Arc<Self>,
        _: &dyn Realm,
        how: u16,
        source: ObjectRef,
    ) -> Result<i16, Exception> {
        let source = source.downcast::<Range>().ok_or_else(|| Exception::type_error("it is no range"))?;
        let (own, others) = (self.bounds(), source.bounds());
        // 1.
        if how > 3 {
            return Err(Exception::dom("NotSupportedError", "there is no such comparison"));
        }
        // 2.
        if !Arc::ptr_eq(&own.root(), &others.root()) {
            return Err(wrong_document());
        }
        // 3.–4.
        let order = match how {
            0 => own.start.position(&others.start),
            1 => own.end.position(&others.start),
            2 => own.end.position(&others.end),
            _ => own.start.position(&others.end),
        };
        Ok(order as i16)
    }

    fn delete_contents(self: &Arc<Self>, realm: &dyn Realm) -> Result<(), Exception> {
        contents::delete(realm, self)
    }

    fn extract_contents(self: &Arc<Self>, realm: &dyn Realm) -> Result<ObjectRef, Exception> {
        contents::take(realm, self, Taking::Extract).map(object)
    }

    fn clone_contents(self: &Arc<Self>, realm: &dyn Realm) -> Result<ObjectRef, Exception> {
        contents::take(realm, self, Taking::Clone).map(object)
    }

    fn insert_node(self: &Arc<Self>, realm: &dyn Realm, inserted: ObjectRef) -> Result<(), Exception> {
        contents::insert(realm, self, &node(&inserted)?)
    }

    fn surround_contents(
        self: &Arc<Self>,
        realm: &dyn Realm,
        new_parent: ObjectRef,
    ) -> Result<(), Exception> {
        contents::surround(realm, self, &node(&new_parent)?)
    }

    fn clone_range(self: &Arc<Self>, _: &dyn Realm) -> Result<ObjectRef, Exception> {
        Ok(Self::new(self.bounds()))
    }

    /// <https://dom.spec.whatwg.org/#dom-range-detach> does nothing any more.
    fn detach(self: &Arc<Self>, _: &dyn Realm) -> Result<(), Exception> {
        Ok(())
    }

    /// <https://dom.spec.whatwg.org/#dom-range-ispointinrange>
    fn is_point_in_range(
        self: &Arc<Self>,
        realm: &dyn Realm,
        place: ObjectRef,
        offset: u32,
    ) -> Result<bool, Exception> {
        if !Arc::ptr_eq(&self.bounds().root(), &node(&place)?.root()) {
            return Ok(false);
        }
        Ok(self.compare_point(realm, place, offset)? == 0)
    }

    /// <https://dom.spec.whatwg.org/#dom-range-comparepoint>
    fn compare_point(
        self: &Arc<Self>,
        _: &dyn Realm,
        place: ObjectRef,
        offset: u32,
    ) -> Result<i16, Exception> {
        let (bounds, place) = (self.bounds(), node(&place)?);
        // 1.
        if !Arc::ptr_eq(&bounds.root(), &place.root()) {
            return Err(wrong_document());
        }
        // 2.–3.
        let point = BoundaryPoint::checked(&place, offset)?;
        // 4.–6.
        Ok(match (point.position(&bounds.start), point.position(&bounds.end)) {
            (Ordering::Less, _) => -1,
            (_, Ordering::Greater) => 1,
            _ => 0,
        })
    }

    /// <https://dom.spec.whatwg.org/#dom-range-intersectsnode>
    fn intersects_node(self: &Arc<Self>, _: &dyn Realm, other: ObjectRef) -> Result<bool, Exception> {
        let (bounds, other) = (self.bounds(), node(&other)?);
        // 1.
        if !Arc::ptr_eq(&bounds.root(), &other.root()) {
            return Ok(false);
        }
        // 2.–3.
        let Ok(before) = BoundaryPoint::before(&other) else { return Ok(true) };
        // 4.–6.
        let after = BoundaryPoint::after(&other)?;
        Ok(before.position(&bounds.end) == Ordering::Less
            && after.position(&bounds.start) == Ordering::Greater)
    }

    fn stringify(self: &Arc<Self>, _: &dyn Realm) -> Result<DomString, Exception> {
        contents::text(&self.bounds()).map(Into::into)
    }

    /// <https://html.spec.whatwg.org/#dom-range-createcontextualfragment>
    fn create_contextual_fragment(
        self: &Arc<Self>,
        realm: &dyn Realm,
        text: DomString,
    ) -> Result<ObjectRef, Exception> {
        // 1.–4. The element around it.
        let place = self.bounds().start.node;
        let element = match &place.data {
            NodeData::Element(_) => Some(Arc::clone(&place)),
            _ if place.character_data().is_some() => place.parent().filter(|parent| parent.is_element()),
            _ => None,
        };
        // 5. `html` is as good as none.
        let document = place.document().ok_or_else(|| invalid_type("the node has no document"))?;
        let is_html = document.document_data().is_some_and(|data| data.is_html());
        let element = element
            .filter(|element| !(is_html && element.is_html("html")))
            .unwrap_or_else(|| create_element(&document, html_name("body")));
        // 6.
        let fragment = crate::html::parse_fragment(realm, &element, &text)?;
        // 7. Its scripts run once they are put into a document.
        for script in fragment.descendants().filter(|node| node.is_html("script")) {
            crate::html::not_started(&script);
        }
        Ok(object(fragment))
    }
}

fn wrong_document() -> Exception {
    Exception::dom("WrongDocumentError", "the node is in another tree")
}
