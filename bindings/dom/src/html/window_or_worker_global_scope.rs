//! <https://html.spec.whatwg.org/#windoworworkerglobalscope-mixin>

use std::time::Duration;

use longhaul_idl::TimerHandler;
use longhaul_idl::runtime::{ByteString, DomString, Exception, Held, Realm, Value};

/// Whether a timer starts over when it has fired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repeat {
    Yes,
    No,
}

/// <https://html.spec.whatwg.org/#timer-initialisation-steps>; the rest is in the core, where the handler stays.
pub(crate) fn start_timer(
    realm: &dyn Realm,
    handler: TimerHandler,
    timeout: i32,
    arguments: Vec<Value>,
    repeat: Repeat,
) -> Result<i32, Exception> {
    let handler = match handler {
        TimerHandler::DomString(text) => Value::String(text),
        TimerHandler::Function(function) => Value::Held(function),
    };
    let args = vec![
        handler,
        Value::Number(timeout.into()),
        Value::Sequence(arguments),
        Value::Boolean(repeat == Repeat::Yes),
    ];
    match realm.core("startTimer", args)? {
        Value::Number(id) => Ok(id as i32),
        _ => Err(Exception::type_error("the timer has no id")),
    }
}

pub(crate) fn clear_timer(realm: &dyn Realm, id: i32) -> Result<(), Exception> {
    realm.core("clearTimer", vec![Value::Number(id.into())]).map(drop)
}

pub(crate) fn queue_microtask(realm: &dyn Realm, callback: Held) -> Result<(), Exception> {
    realm.core("queueMicrotask", vec![Value::Held(callback)]).map(drop)
}

/// <https://html.spec.whatwg.org/#dom-reporterror>
pub(crate) fn report_error(realm: &dyn Realm, error: Value) -> Result<(), Exception> {
    realm.report_exception(Exception::Held(realm.hold(error)?));
    Ok(())
}

/// <https://html.spec.whatwg.org/#dom-btoa>
pub(crate) fn btoa(data: &DomString) -> Result<DomString, Exception> {
    let bytes: Option<Vec<u8>> = data.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect();
    let bytes = bytes.ok_or_else(|| Exception::dom("InvalidCharacterError", "a character is past U+00FF"))?;
    Ok(crate::base64::encode(&bytes).into())
}

/// <https://html.spec.whatwg.org/#dom-atob>
pub(crate) fn atob(data: &DomString) -> Result<ByteString, Exception> {
    let decoded = crate::base64::forgiving_decode(data);
    decoded.map(ByteString).ok_or_else(|| Exception::dom("InvalidCharacterError", "the text is not base64"))
}

/// The delay of a timer.
pub(crate) fn delay(milliseconds: f64) -> Duration {
    // NOTE: IDL has let through no number that is not finite, and none past 2^53.
    Duration::try_from_secs_f64(milliseconds / 1000.0).unwrap_or(Duration::MAX)
}

/// The members of the mixin, for the interface of a global object that has a `scope`.
macro_rules! window_or_worker_global_scope_members {
    () => {
        fn origin(self: &Arc<Self>, _: &dyn Realm) -> Result<String, Exception> {
            Ok(longhaul::fetch::serialize_origin(&self.scope.settings().origin))
        }

        fn is_secure_context(self: &Arc<Self>, _: &dyn Realm) -> Result<bool, Exception> {
            Ok(self.scope.settings().secure_context)
        }

        fn cross_origin_isolated(self: &Arc<Self>, _: &dyn Realm) -> Result<bool, Exception> {
            Ok(self.scope.settings().cross_origin_isolated)
        }

        fn report_error(self: &Arc<Self>, realm: &dyn Realm, e: Value) -> Result<(), Exception> {
            mixin::report_error(realm, e)
        }

        fn btoa(self: &Arc<Self>, _: &dyn Realm, data: DomString) -> Result<DomString, Exception> {
            mixin::btoa(&data)
        }

        fn atob(self: &Arc<Self>, _: &dyn Realm, data: DomString) -> Result<ByteString, Exception> {
            mixin::atob(&data)
        }

        fn set_timeout(
            self: &Arc<Self>,
            realm: &dyn Realm,
            handler: TimerHandler,
            timeout: i32,
            arguments: Vec<Value>,
        ) -> Result<i32, Exception> {
            mixin::start_timer(realm, handler, timeout, arguments, mixin::Repeat::No)
        }

        fn clear_timeout(self: &Arc<Self>, realm: &dyn Realm, id: i32) -> Result<(), Exception> {
            mixin::clear_timer(realm, id)
        }

        fn set_interval(
            self: &Arc<Self>,
            realm: &dyn Realm,
            handler: TimerHandler,
            timeout: i32,
            arguments: Vec<Value>,
        ) -> Result<i32, Exception> {
            mixin::start_timer(realm, handler, timeout, arguments, mixin::Repeat::Yes)
        }

        fn clear_interval(self: &Arc<Self>, realm: &dyn Realm, id: i32) -> Result<(), Exception> {
            mixin::clear_timer(realm, id)
        }

        fn queue_microtask(self: &Arc<Self>, realm: &dyn Realm, callback: Held) -> Result<(), Exception> {
            mixin::queue_microtask(realm, callback)
        }

        fn structured_clone(
            self: &Arc<Self>,
            realm: &dyn Realm,
            value: Value,
            options: longhaul_idl::StructuredSerializeOptions,
        ) -> Result<Value, Exception> {
            let transfer = options.transfer.into_iter().map(Value::Held).collect();
            realm.core("structuredClone", vec![value, Value::Sequence(transfer)])
        }

        fn fetch(
            self: &Arc<Self>,
            realm: &dyn Realm,
            input: RequestInfo,
            init: RequestInit,
        ) -> Result<PromiseOf<ObjectRef>, Exception> {
            crate::fetch::fetch_method(realm, input, init)
        }

        fn caches(self: &Arc<Self>, _: &dyn Realm) -> Result<ObjectRef, Exception> {
            Ok(self.scope.caches())
        }

        fn crypto(self: &Arc<Self>, _: &dyn Realm) -> Result<ObjectRef, Exception> {
            Ok(self.scope.crypto())
        }

        fn performance(self: &Arc<Self>, realm: &dyn Realm) -> Result<Held, Exception> {
            match realm.core("performance", Vec::new())? {
                Value::Held(performance) => Ok(performance),
                other => realm.hold(other),
            }
        }
    };
}
pub(crate) use window_or_worker_global_scope_members;
