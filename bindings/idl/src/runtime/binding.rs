//! How interfaces are handed to an adapter.

use std::fmt;

use super::{Exception, InterfaceDescriptor, MemberId, ObjectRef, Realm, Value};

/// Runs a constructor: which of the interface's constructors, with its converted arguments.
pub type Construct = fn(&dyn Realm, usize, Vec<Value>) -> Result<ObjectRef, Exception>;

/// Runs a static member or a namespace's.
pub type InvokeStatic = fn(&dyn Realm, MemberId, Vec<Value>) -> Result<Value, Exception>;

/// A function of Rust for the self-hosted core: `native.hook(name, …)`.
pub type Hook = fn(&dyn Realm, Vec<Value>) -> Result<Value, Exception>;

/// An interface and what implements it.
#[derive(Clone, Copy, Debug)]
pub struct InterfaceBinding {
    /// The interface's shape.
    pub descriptor: &'static InterfaceDescriptor,
    /// What stands behind it.
    pub implementation: Implementation,
}

/// What stands behind an interface.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub enum Implementation {
    /// Rust: instance members go through `PlatformObject::invoke`.
    Native {
        /// The constructors, if the interface has any.
        construct: Option<Construct>,
        /// The static members, if the interface has any.
        statics: Option<InvokeStatic>,
    },
    /// The self-hosted core: what it gave to `core.interface(name, …)`.
    SelfHosted,
}

impl fmt::Debug for Implementation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Native { .. } => "Native",
            Self::SelfHosted => "SelfHosted",
        })
    }
}

/// The self-hosted core: scripts that are evaluated in every realm before any other, and their hooks into Rust.
#[derive(Clone, Copy, Default)]
pub struct SelfHostedCore {
    /// Name and text, in the order they run.
    pub sources: &'static [(&'static str, &'static str)],
    /// Name and function.
    pub hooks: &'static [(&'static str, Hook)],
}

impl fmt::Debug for SelfHostedCore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.sources.iter().map(|(name, _)| name)).finish()
    }
}
