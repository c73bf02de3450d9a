//! <https://wicg.github.io/background-fetch/#background-fetch-update-ui-event-update-ui>

use futures::FutureExt;
use longhaul_idl::runtime::{Exception, FromIdl, Held, IdlType, Realm, Value};
use longhaul_idl::{BackgroundFetchUIOptions, tables};

use super::{BackgroundFetchRegistration, icons};

/// Steps 4 to 7: a new title, new icons, as far as given.
pub(crate) fn update_ui(realm: &dyn Realm, registration: &Held, options: &Held) -> Result<Value, Exception> {
    static OPTIONS: IdlType = IdlType::Dictionary(&tables::BACKGROUND_FETCH_UI_OPTIONS);
    let options = BackgroundFetchUIOptions::from_idl(realm.convert(options, &OPTIONS)?)?;
    let object = realm
        .platform_object(registration)
        .and_then(|object| object.downcast::<BackgroundFetchRegistration>());
    let object = object.ok_or_else(|| Exception::type_error("the event has no registration"))?;
    let base = crate::global_scope(realm)?.settings().api_base_url.clone();
    let title = options.title.map(Into::into);
    let icons = options.icons.map(|given| icons(given, &base));
    let registration = object.registration().clone();
    Ok(Value::Promise(
        async move {
            registration.update_ui(title, icons).await;
            Ok(Value::Undefined)
        }
        .boxed(),
    ))
}
