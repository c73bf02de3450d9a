//! <https://html.spec.whatwg.org/#the-navigator-object>

use std::sync::{Arc, OnceLock};

use longhaul_idl::runtime::{DomString, Exception, ObjectRef, Realm};
use longhaul_idl::{NavigatorMethods, WorkerNavigatorMethods, XMLHttpRequestBodyInit};

use super::beacon;
use crate::permissions::Permissions;
use crate::storage_manager::StorageManager;

/// A window's navigator.
#[derive(Default)]
pub(crate) struct Navigator(Parts);

/// A worker's navigator.
#[derive(Default)]
pub(crate) struct WorkerNavigator(Parts);

/// The objects that hang on a navigator.
#[derive(Default)]
struct Parts {
    permissions: OnceLock<Arc<Permissions>>,
    storage: OnceLock<Arc<StorageManager>>,
}

longhaul_idl::platform_object!(Navigator => longhaul_idl::navigator);
longhaul_idl::platform_object!(WorkerNavigator => longhaul_idl::worker_navigator);

fn user_agent(realm: &dyn Realm) -> Result<String, Exception> {
    let scope = crate::global_scope(realm)?;
    Ok(String::from_utf8_lossy(scope.user_agent().services().user_agent()).into_owned())
}

/// The first of the languages that `Accept-Language` names.
fn languages(realm: &dyn Realm) -> Result<Vec<DomString>, Exception> {
    let scope = crate::global_scope(realm)?;
    let accepted = String::from_utf8_lossy(scope.user_agent().services().accept_language()).into_owned();
    let named = accepted.split(',').filter_map(|part| part.split(';').next()).map(str::trim);
    let mut languages: Vec<DomString> =
        named.filter(|tag| !tag.is_empty() && *tag != "*").map(Into::into).collect();
    if languages.is_empty() {
        languages.push("en".into());
    }
    Ok(languages)
}

macro_rules! navigator_members {
    ($($methods:ident for $object:ty { $($more:tt)* }),*) => {$(
        impl $methods for $object {
            $($more)*

            fn app_code_name(self: &Arc<Self>, _: &dyn Realm) -> Result<DomString, Exception> {
                Ok("Mozilla".into())
            }

            fn app_name(self: &Arc<Self>, _: &dyn Realm) -> Result<DomString, Exception> {
                Ok("Netscape".into())
            }

            fn app_version(self: &Arc<Self>, realm: &dyn Realm) -> Result<DomString, Exception> {
                let user_agent = user_agent(realm)?;
                Ok(user_agent.strip_prefix("Mozilla/").unwrap_or("5.0").into())
            }

            fn platform(self: &Arc<Self>, _: &dyn Realm) -> Result<DomString, Exception> {
                // NOTE: the standard allows silence about the machine.
                Ok("".into())
            }

            fn product(self: &Arc<Self>, _: &dyn Realm) -> Result<DomString, Exception> {
                Ok("Gecko".into())
            }

            fn user_agent(self: &Arc<Self>, realm: &dyn Realm) -> Result<DomString, Exception> {
                Ok(user_agent(realm)?.into())
            }

            fn language(self: &Arc<Self>, realm: &dyn Realm) -> Result<DomString, Exception> {
                Ok(languages(realm)?.swap_remove(0))
            }

            fn languages(self: &Arc<Self>, realm: &dyn Realm) -> Result<Vec<DomString>, Exception> {
                languages(realm)
            }

            fn on_line(self: &Arc<Self>, realm: &dyn Realm) -> Result<bool, Exception> {
                Ok(crate::global_scope(realm)?.user_agent().online())
            }

            fn hardware_concurrency(self: &Arc<Self>, _: &dyn Realm) -> Result<u64, Exception> {
                Ok(std::thread::available_parallelism().map_or(1, |number| number.get() as u64))
            }

            fn service_worker(self: &Arc<Self>, realm: &dyn Realm) -> Result<ObjectRef, Exception> {
                let scope = crate::global_scope(realm)?;
                // NOTE: as web-platform-tests asserts of documents that are sandboxed.
                if scope.settings().is_window && !scope.settings().origin.is_tuple() {
                    return Err(Exception::dom("SecurityError", "an opaque origin has no service workers"));
                }
                Ok(scope.container(realm))
            }

            fn permissions(self: &Arc<Self>, _: &dyn Realm) -> Result<ObjectRef, Exception> {
                Ok(Arc::clone(self.0.permissions.get_or_init(|| Arc::new(Permissions))) as ObjectRef)
            }

            fn storage(self: &Arc<Self>, _: &dyn Realm) -> Result<ObjectRef, Exception> {
                Ok(Arc::clone(self.0.storage.get_or_init(|| Arc::new(StorageManager))) as ObjectRef)
            }
        }
    )*};
}
navigator_members!(
    NavigatorMethods for Navigator {
        fn send_beacon(
            self: &Arc<Self>,
            realm: &dyn Realm,
            url: String,
            data: Option<XMLHttpRequestBodyInit>,
        ) -> Result<bool, Exception> {
            beacon::send_beacon(realm, &url, data)
        }
    },
    WorkerNavigatorMethods for WorkerNavigator {}
);
