//! Every interface's IDL, and what the generator makes of it.
//!
//! [`runtime`] holds the engine-neutral types that cross the façade: values, exceptions, descriptors, and the traits an
//! adapter implements. The rest of the crate is generated from `webidl/*.webidl` by `longhaul-codegen` at build time: a
//! module for each interface (`headers`, `response`, …) and, at the crate's root, every dictionary, enumeration and union.

#![forbid(unsafe_code)]

mod dom_exceptions;
pub mod runtime;

pub use dom_exceptions::{DomException, QuotaExceededError, core_bindings};

include!(concat!(env!("OUT_DIR"), "/generated.rs"));

/// Makes a Rust type the object behind a native interface: `platform_object!(Headers => headers);`, where `headers` is the
/// generated module of its most derived interface. With `realm of field`, its wrappers belong to the realm of what that field
/// holds; with `realm |object| object.realm`, to the realm of that number. With `, wrapped eagerly`, the self-hosted core's `init` runs as
/// soon as there is a wrapper.
#[macro_export]
macro_rules! platform_object {
    ($type:ty => $($module:ident)::+ $(, realm of $($path:tt).+)?) => {
        $crate::platform_object! { @implement $type => $($module)::+ {
            $(
                fn realm(&self) -> Option<$crate::runtime::RealmId> {
                    Some(self.$($path).+.realm_id())
                }
            )?
        } }
    };
    ($type:ty => $($module:ident)::+, realm |$object:ident| $realm:expr) => {
        $crate::platform_object! { @implement $type => $($module)::+ {
            fn realm(&self) -> Option<$crate::runtime::RealmId> {
                let $object = self;
                Some($realm)
            }
        } }
    };
    ($type:ty => $($module:ident)::+, realm |$object:ident| $realm:expr, wrapped eagerly) => {
        $crate::platform_object! { @implement $type => $($module)::+ {
            fn realm(&self) -> Option<$crate::runtime::RealmId> {
                let $object = self;
                Some($realm)
            }

            fn wrapped_eagerly(&self) -> bool {
                true
            }
        } }
    };
    (@implement $type:ty => $($module:ident)::+ { $($more:item)* }) => {
        impl $crate::runtime::PlatformObject for $type {
            fn interface(&self) -> &'static $crate::runtime::InterfaceDescriptor {
                &$($module)::+::DESCRIPTOR
            }

            fn invoke(
                self: std::sync::Arc<Self>,
                realm: &dyn $crate::runtime::Realm,
                member: $crate::runtime::MemberId,
                args: Vec<$crate::runtime::Value>,
            ) -> Result<$crate::runtime::Value, $crate::runtime::Exception> {
                $($module)::+::invoke(self, realm, member, args)
            }

            $($more)*
        }
    };
}
