//! <https://html.spec.whatwg.org/#web-messaging>: what all who post messages share, and <https://html.spec.whatwg.org/#posting-messages> between windows.

use longhaul::fetch::serialize_origin;
use longhaul_idl::runtime::{Exception, Held, Realm, TaskSource, Value};
use url::Url;

use crate::structured_clone;

/// The two overloads of `postMessage()` that take what goes with the message, in a list or in options: both are one
/// `post(realm, message, transfer)` of the object's.
///
/// <https://html.spec.whatwg.org/#dom-messageport-postmessage-options>
macro_rules! post_message_members {
    () => {
        fn post_message(
            self: &Arc<Self>,
            realm: &dyn longhaul_idl::runtime::Realm,
            message: longhaul_idl::runtime::Value,
            transfer: Vec<longhaul_idl::runtime::Held>,
        ) -> Result<(), longhaul_idl::runtime::Exception> {
            self.post(realm, message, transfer)
        }

        fn post_message_2(
            self: &Arc<Self>,
            realm: &dyn longhaul_idl::runtime::Realm,
            message: longhaul_idl::runtime::Value,
            options: longhaul_idl::StructuredSerializeOptions,
        ) -> Result<(), longhaul_idl::runtime::Exception> {
            self.post(realm, message, options.transfer)
        }
    };
}
pub(crate) use post_message_members;

/// <https://html.spec.whatwg.org/#window-post-message-steps>, to the window of this realm.
pub(super) fn window_post_message(
    realm: &dyn Realm,
    message: Value,
    target_origin: &str,
    transfer: Vec<Held>,
) -> Result<(), Exception> {
    let scope = crate::global_scope(realm)?;
    // 2. The incumbent settings: those of the window whose script called.
    let target = realm.global().downcast::<super::WindowGlobal>();
    let source = target.as_ref().and_then(|window| window.context().window_of_realm(realm.caller()));
    let own = match &source {
        Some(source) => source.environment().origin.clone(),
        None => scope.settings().origin.clone(),
    };
    let source = source.or(target).map(|window| window.context());
    // 4.–5. Whom it is for.
    let wanted = match target_origin {
        "*" => None,
        "/" => Some(own.clone()),
        url => match Url::parse(url) {
            Ok(url) => Some(url.origin()),
            Err(_) => {
                let shown = crate::shown(target_origin);
                return Err(Exception::dom("SyntaxError", format!("\"{shown}\" is no origin")));
            }
        },
    };
    // 6.–7. The message.
    let message = structured_clone::serialize(realm, message, transfer)?;
    // 8. A task.
    let origin = serialize_origin(&own);
    let task = move |realm: &dyn Realm| {
        // 8.1. Somebody else is there.
        let Ok(scope) = crate::global_scope(realm) else { return };
        if wanted.is_some_and(|wanted| wanted != scope.settings().origin) {
            return;
        }
        // 8.2.–8.7. `message`, or `messageerror`.
        let received = message.into_handle(realm).and_then(|handle| {
            let target = Value::Object(realm.global());
            let source = source.map_or(Value::Null, |source| source.proxy());
            realm.core("receiveMessage", vec![target, handle, Value::String(origin.into()), source]).map(drop)
        });
        if let Err(exception) = received {
            realm.report_exception(exception);
        }
    };
    realm.agent().queue_task(TaskSource::PostedMessage, realm.id(), Box::new(task));
    Ok(())
}
