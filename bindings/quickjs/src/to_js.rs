//! From IDL values and exceptions to JavaScript values.

use std::sync::Arc;

use longhaul_idl::{
    DomException, QuotaExceededError,
    runtime::{Buffer, BufferKind, DomString, Exception, Held, IdlType, ObjectRef, Realm as _, Value},
};
use rquickjs::{
    Array, ArrayBuffer, Error, Exception as JsException, IntoJs as _, Object, Result, String as JsString,
    Value as JsValue, object::Property,
};

use crate::realm::Scope;

impl<'js> Scope<'js> {
    /// A `TypeError` of this realm, thrown.
    pub(crate) fn type_error(&self, message: &str) -> Error {
        JsException::throw_type(&self.ctx, &message.replace('\0', "\u{FFFD}"))
    }

    /// An exception of this realm, thrown.
    pub(crate) fn throw(&self, exception: Exception) -> Error {
        match self.exception_to_js(exception) {
            Ok(value) => self.ctx.throw(value),
            Err(error) => error,
        }
    }

    /// The value that a failed call threw.
    pub(crate) fn thrown(&self, error: Error) -> JsValue<'js> {
        match error {
            Error::Exception => self.ctx.catch(),
            Error::Allocation => {
                _ = JsException::throw_internal(&self.ctx, "out of memory");
                self.ctx.catch()
            }
            other => {
                _ = self.type_error(&other.to_string());
                self.ctx.catch()
            }
        }
    }

    /// What a failed call threw, for Rust.
    pub(crate) fn exception(&self, error: Error) -> Exception {
        let thrown = self.thrown(error);
        Exception::Held(self.keep(thrown))
    }

    /// An exception as a value.
    pub(crate) fn exception_to_js(&self, exception: Exception) -> Result<JsValue<'js>> {
        let error = |name: &'static str, message: String| self.helper("newError")?.call((name, message));
        match exception {
            Exception::TypeError(message) => error("TypeError", message),
            Exception::RangeError(message) => error("RangeError", message),
            Exception::SyntaxError(message) => error("SyntaxError", message),
            Exception::DomException { name, message } => {
                let object: ObjectRef = Arc::new(DomException::new(name, message));
                self.wrap(&object).map(Object::into_value)
            }
            Exception::QuotaExceeded { quota, requested, message } => {
                let object: ObjectRef = Arc::new(QuotaExceededError::new(message, quota, requested));
                self.wrap(&object).map(Object::into_value)
            }
            Exception::Held(held) => self.held_to_js(&held),
            _ => error("TypeError", exception.to_string()),
        }
    }

    pub(crate) fn held_to_js(&self, held: &Held) -> Result<JsValue<'js>> {
        self.kept(held).ok_or_else(|| self.type_error("the value's realm is gone"))
    }

    /// A string as a value.
    pub(crate) fn string_to_js(&self, string: &DomString) -> Result<JsValue<'js>> {
        match string.ill_formed_units() {
            None => Ok(JsString::from_str(self.ctx.clone(), string)?.into_value()),
            Some(units) => {
                let array = Array::new(self.ctx.clone())?;
                for (index, unit) in units.iter().enumerate() {
                    // NOTE: defined, not set: a setter on Array.prototype must not see it.
                    array
                        .as_object()
                        .prop(u32::try_from(index).map_err(|_| Error::Unknown)?, data(i32::from(*unit)))?;
                }
                self.helper("fromCodeUnits")?.call((array,))
            }
        }
    }

    /// A number as a value; -0 stays -0.
    pub(crate) fn number_to_js(&self, number: f64) -> JsValue<'js> {
        if number == 0.0 && number.is_sign_negative() {
            JsValue::new_float(self.ctx.clone(), number)
        } else {
            JsValue::new_number(self.ctx.clone(), number)
        }
    }

    /// A value as script sees it. The IDL type, where known, says what the value alone does not: frozen arrays.
    pub(crate) fn to_js(&self, value: Value, as_type: Option<&IdlType>) -> Result<JsValue<'js>> {
        let as_type = match as_type {
            Some(IdlType::Nullable(inner)) => Some(*inner),
            other => other,
        };
        match value {
            Value::Undefined => Ok(JsValue::new_undefined(self.ctx.clone())),
            Value::Null => Ok(JsValue::new_null(self.ctx.clone())),
            Value::Boolean(value) => Ok(JsValue::new_bool(self.ctx.clone(), value)),
            Value::Number(value) => Ok(self.number_to_js(value)),
            Value::String(value) => self.string_to_js(&value),
            Value::ByteString(value) => {
                let text: String = value.0.iter().map(|byte| char::from(*byte)).collect();
                text.into_js(&self.ctx)
            }
            Value::Object(object) => self.wrap(&object).map(Object::into_value),
            Value::Buffer(buffer) => self.buffer_to_js(buffer),
            Value::FrozenArray(items) => {
                let array = self.to_js(Value::Sequence(items), None)?;
                self.helper("freeze")?.call((array,))
            }
            Value::Sequence(items) => {
                let (frozen, item) = match as_type {
                    Some(IdlType::FrozenArray(item)) => (true, Some(*item)),
                    Some(IdlType::Sequence(item)) => (false, Some(*item)),
                    _ => (false, None),
                };
                let array = Array::new(self.ctx.clone())?;
                for (index, value) in items.into_iter().enumerate() {
                    // NOTE: defined, not set: a setter on Array.prototype must not see it.
                    array.as_object().prop(
                        u32::try_from(index).map_err(|_| Error::Unknown)?,
                        data(self.to_js(value, item)?),
                    )?;
                }
                if frozen {
                    return self.helper("freeze")?.call((array,));
                }
                Ok(array.into_value())
            }
            Value::Record(items) => {
                let object = Object::new(self.ctx.clone())?;
                for (key, value) in items {
                    object.prop(self.to_js(key, None)?, data(self.to_js(value, None)?))?;
                }
                Ok(object.into_value())
            }
            Value::Dictionary(dictionary) => {
                let object = Object::new(self.ctx.clone())?;
                for (name, value) in dictionary.into_members() {
                    object.prop(&*name, data(self.to_js(value, None)?))?;
                }
                Ok(object.into_value())
            }
            Value::Union(_, value) => self.to_js(*value, None),
            Value::Promise(future) => {
                let (promise, resolver) = self.promise()?;
                let agent = Arc::clone(&self.state.agent);
                let realm = self.state.id;
                let inner = promised(as_type);
                let queue = Arc::clone(&agent);
                agent.spawn(Box::pin(async move {
                    let result = future.await;
                    let settle = crate::promises::settle_task(resolver, result, inner);
                    queue.queue_task(longhaul_idl::runtime::TaskSource::Dom, realm, settle);
                }));
                Ok(promise)
            }
            Value::Settled(result) => {
                let (promise, resolver) = self.promise()?;
                let result = result.map(|value| crate::promises::of_type(*value, promised(as_type)));
                self.settle(resolver, result);
                Ok(promise)
            }
            Value::GlobalProxy(proxy) => self.global_proxy(&proxy),
            Value::Held(held) => self.held_to_js(&held),
            Value::InRealm(make) => {
                let made = make(self).map_err(|exception| self.throw(exception))?;
                self.to_js(made, as_type)
            }
            other => Err(self.type_error(&format!("no such value here: {other:?}"))),
        }
    }

    fn buffer_to_js(&self, buffer: Buffer) -> Result<JsValue<'js>> {
        // A buffer that came from script goes back as itself.
        if let Some(held) = &buffer.held {
            return self.held_to_js(held);
        }
        let array_buffer = ArrayBuffer::new(self.ctx.clone(), Vec::<u8>::from(buffer.bytes))?.into_value();
        match buffer.kind {
            BufferKind::ArrayBuffer | BufferKind::SharedArrayBuffer => Ok(array_buffer),
            view => self.helper("newView")?.call((view.name(), array_buffer)),
        }
    }
}

/// What a promise type promises.
fn promised(r#type: Option<&IdlType>) -> Option<&'static IdlType> {
    match r#type {
        Some(IdlType::Promise(inner)) => Some(*inner),
        _ => None,
    }
}

/// A data property as an object literal makes it.
pub(crate) fn data<T>(value: T) -> Property<T> {
    Property::from(value).writable().enumerable().configurable()
}
