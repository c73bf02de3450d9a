//! <https://dom.spec.whatwg.org/#interface-staticrange>

use std::sync::Arc;

use longhaul_idl::runtime::{Exception, ObjectRef, Realm};
use longhaul_idl::{AbstractRangeMethods, StaticRangeInit, StaticRangeMethods, StaticRangeStatics};

use super::boundary_point::{BoundaryPoint, invalid_type};
use super::{Bounds, is_doctype};
use crate::dom::node::{NodeData, node, object};

/// A range that follows nothing.
pub(crate) struct StaticRange(Bounds);

longhaul_idl::platform_object!(StaticRange => longhaul_idl::static_range);

impl StaticRangeStatics for StaticRange {
    fn construct(_: &dyn Realm, init: StaticRangeInit) -> Result<ObjectRef, Exception> {
        let (start, end) = (node(&init.start_container)?, node(&init.end_container)?);
        if [&start, &end]
            .iter()
            .any(|node| is_doctype(node) || matches!(node.data, NodeData::Attribute { .. }))
        {
            return Err(invalid_type("nothing is inside of such a node"));
        }
        let (start, end) =
            (BoundaryPoint::new(&start, init.start_offset), BoundaryPoint::new(&end, init.end_offset));
        Ok(Arc::new(Self(Bounds::new(start, end))))
    }
}

impl StaticRangeMethods for StaticRange {}

impl AbstractRangeMethods for StaticRange {
    fn start_container(self: &Arc<Self>, _: &dyn Realm) -> Result<ObjectRef, Exception> {
        Ok(object(Arc::clone(&self.0.start.node)))
    }

    fn start_offset(self: &Arc<Self>, _: &dyn Realm) -> Result<u32, Exception> {
        Ok(self.0.start.offset)
    }

    fn end_container(self: &Arc<Self>, _: &dyn Realm) -> Result<ObjectRef, Exception> {
        Ok(object(Arc::clone(&self.0.end.node)))
    }

    fn end_offset(self: &Arc<Self>, _: &dyn Realm) -> Result<u32, Exception> {
        Ok(self.0.end.offset)
    }

    fn collapsed(self: &Arc<Self>, _: &dyn Realm) -> Result<bool, Exception> {
        Ok(self.0.is_collapsed())
    }
}
