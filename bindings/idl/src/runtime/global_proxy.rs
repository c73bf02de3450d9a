//! <https://html.spec.whatwg.org/#the-windowproxy-exotic-object>: a global object as other realms see it.

use std::{fmt, sync::Arc};

use super::{Realm, RealmId};

/// Stands for whatever global object is the current one of a browsing context. Adapters show it as one object a realm, which
/// outlives each of the globals; inside the current global's own realm it is that global.
pub trait GlobalProxy: Send + Sync {
    /// The realm whose global object it stands for now. `None` when there is none.
    fn current(&self) -> Option<RealmId>;

    /// Whether a realm may use all of it.
    ///
    /// <https://html.spec.whatwg.org/#isplatformobjectsameorigin-(-o-)>
    fn is_accessible_from(&self, accessor: &dyn Realm) -> bool;

    /// What every realm may use.
    ///
    /// <https://html.spec.whatwg.org/#crossoriginproperties-(-o-)>
    fn cross_origin_properties(&self) -> &'static [CrossOriginProperty];

    /// How many child browsing contexts there are: the indexed properties.
    fn child_count(&self) -> u32;

    /// A property that can still be read once there is no current global any more.
    fn property_when_ended(&self, _name: &str) -> Option<super::Value> {
        None
    }

    /// A child browsing context.
    fn child(&self, index: u32) -> Option<Arc<dyn GlobalProxy>>;

    /// The child browsing context of a name that every realm may know.
    ///
    /// <https://html.spec.whatwg.org/#document-tree-child-navigable-target-name-property-set>
    fn named_child(&self, name: &str) -> Option<Arc<dyn GlobalProxy>>;
}

impl fmt::Debug for dyn GlobalProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[proxy of {:?}]", self.current())
    }
}

/// A property that is there across origins.
#[derive(Clone, Copy, Debug)]
pub struct CrossOriginProperty {
    /// Its name.
    pub name: &'static str,
    /// Whether an attribute may be read. Operations are always there.
    pub get: bool,
    /// Whether an attribute may be set.
    pub set: bool,
    /// What may be used of the object that it gives, where that is guarded likewise (`location`).
    pub members: &'static [CrossOriginProperty],
}
