//! <https://webidl.spec.whatwg.org/#dfn-platform-object>

use std::{any::Any, fmt, sync::Arc};

use super::{Exception, InterfaceDescriptor, Realm, RealmId, Value};

/// A shared platform object. Two references are the same object when they point to the same allocation; each realm shows one
/// wrapper for it.
pub type ObjectRef = Arc<dyn PlatformObject>;

/// The Rust object behind a wrapper of a native interface.
///
/// `longhaul_idl::platform_object!` writes the implementation.
pub trait PlatformObject: Any + Send + Sync + 'static {
    /// The most derived interface this object implements.
    fn interface(&self) -> &'static InterfaceDescriptor;

    /// Runs a member with arguments that are already converted. Generated glue does it.
    ///
    /// # Errors
    /// What the member throws.
    fn invoke(
        self: Arc<Self>,
        realm: &dyn Realm,
        member: MemberId,
        args: Vec<Value>,
    ) -> Result<Value, Exception>;

    /// The realm that its wrapper belongs to, whichever realm it is given to first: nodes and windows have one.
    fn realm(&self) -> Option<RealmId> {
        None
    }

    /// Whether the self-hosted core's `init` runs as soon as there is a wrapper, not at the first use of its slots.
    fn wrapped_eagerly(&self) -> bool {
        false
    }
}

impl dyn PlatformObject {
    /// This object as its Rust type.
    pub fn downcast<T: PlatformObject>(self: &Arc<Self>) -> Option<Arc<T>> {
        let any: Arc<dyn Any + Send + Sync> = Arc::<Self>::clone(self);
        any.downcast().ok()
    }

    /// Whether this object implements the interface, itself or by inheritance.
    pub fn implements(&self, interface: &InterfaceDescriptor) -> bool {
        self.interface().inherits(interface)
    }
}

impl fmt::Debug for dyn PlatformObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}]", self.interface().name)
    }
}

/// Which member of which interface.
#[derive(Clone, Copy, Debug)]
pub struct MemberId {
    /// The interface that declares the member.
    pub interface: &'static InterfaceDescriptor,
    /// The member.
    pub part: MemberPart,
}

/// A member of an interface, by its place in the descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemberPart {
    /// The getter of `attributes[n]`.
    Get(usize),
    /// The setter of `attributes[n]`.
    Set(usize),
    /// An overload of `operations[n]`.
    Call {
        /// Which operation.
        operation: usize,
        /// Which of its overloads.
        overload: usize,
    },
    /// The stringifier, where it is not an attribute or a named operation.
    Stringify,
    /// The value pairs to iterate over, as a sequence of two-item sequences.
    Pairs,
    /// The unnamed getter of indexed properties: an index.
    IndexedGet,
    /// The unnamed setter of indexed properties: an index and a value.
    IndexedSet,
    /// The unnamed deleter of indexed properties: an index.
    IndexedDelete,
    /// The unnamed getter of named properties: a name.
    NamedGet,
    /// The unnamed setter of named properties: a name and a value.
    NamedSet,
    /// The unnamed deleter of named properties: a name.
    NamedDelete,
    /// The names of the named properties, as a sequence.
    SupportedNames,
    /// Whether a name is one of them.
    SupportsName,
    /// Sets an entry of a maplike (a key and a value) or adds one to a setlike (a value).
    EntrySet,
    /// Removes an entry of a maplike or setlike: a key.
    EntryDelete,
    /// Removes every entry of a maplike or setlike.
    EntriesClear,
    /// The algorithm that sets an indexed value of the `ObservableArray` of `attributes[n]`: an index and a value.
    ObservableSet(usize),
    /// The algorithm that deletes one: an index.
    ObservableDelete(usize),
    /// A `[LegacyFactoryFunction]`. It runs as a static member and gives the new object.
    Factory {
        /// Which of the interface's.
        factory: usize,
        /// Which of its overloads.
        overload: usize,
    },
}
