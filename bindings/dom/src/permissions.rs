//! <https://w3c.github.io/permissions/>

use std::sync::Arc;

use longhaul::BACKGROUND_FETCH;
use longhaul::fetch::serialize_origin;
use longhaul_idl::runtime::{DomString, Exception, FromIdl, Held, IdlType, ObjectRef, PromiseOf, Realm};
use longhaul_idl::{
    PermissionDescriptor, PermissionState, PermissionStatusMethods, PermissionsMethods, tables,
};

/// <https://w3c.github.io/permissions/#dom-permissions>
pub(crate) struct Permissions;

/// <https://w3c.github.io/permissions/#dom-permissionstatus>
// FIXME: the `change` event; nobody is told yet when a permission changes.
pub(crate) struct PermissionStatus {
    name: &'static str,
}

longhaul_idl::platform_object!(Permissions => longhaul_idl::permissions);
longhaul_idl::platform_object!(PermissionStatus => longhaul_idl::permission_status);

/// The powerful features there are.
const FEATURES: &[&str] = &[BACKGROUND_FETCH];

impl PermissionsMethods for Permissions {
    /// <https://w3c.github.io/permissions/#dom-permissions-query>
    fn query(
        self: &Arc<Self>,
        realm: &dyn Realm,
        descriptor: Held,
    ) -> Result<PromiseOf<ObjectRef>, Exception> {
        // 2. The descriptor is one.
        static DESCRIPTOR: IdlType = IdlType::Dictionary(&tables::PERMISSION_DESCRIPTOR);
        let descriptor = PermissionDescriptor::from_idl(realm.convert(&descriptor, &DESCRIPTOR)?)?;
        // 3. Of a feature that is known.
        let name = FEATURES.iter().find(|name| descriptor.name == **name).ok_or_else(|| {
            Exception::type_error(format!("\"{}\" is not a permission", crate::shown(&descriptor.name)))
        })?;
        // 4.–8. Its status.
        Ok(PromiseOf::resolved(Arc::new(PermissionStatus { name }) as ObjectRef))
    }
}

impl PermissionStatusMethods for PermissionStatus {
    fn state(self: &Arc<Self>, realm: &dyn Realm) -> Result<PermissionState, Exception> {
        let scope = crate::global_scope(realm)?;
        let origin = serialize_origin(&scope.settings().origin);
        Ok(match scope.user_agent().permissions().state(self.name, &origin) {
            longhaul::background_fetch::PermissionState::Granted => PermissionState::Granted,
            longhaul::background_fetch::PermissionState::Denied => PermissionState::Denied,
            longhaul::background_fetch::PermissionState::Prompt => PermissionState::Prompt,
        })
    }

    fn name(self: &Arc<Self>, _: &dyn Realm) -> Result<DomString, Exception> {
        Ok(self.name.into())
    }
}
