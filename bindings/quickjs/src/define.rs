//! Defining the properties of which a realm has thousands, without a detour.

use rquickjs::{Ctx, Error, Function, Object, Result, Value as JsValue, qjs};

/// Whether script may change or delete a property.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Configurable {
    Yes,
    No,
}

/// An enumerable accessor property, whatever property of that name there was.
#[allow(unsafe_code, reason = "the engine's wrapper makes accessors only of Rust closures")]
pub(crate) fn accessor<'js>(
    object: &Object<'js>,
    name: &str,
    getter: &Function<'js>,
    setter: &JsValue<'js>,
    configurable: Configurable,
) -> Result<()> {
    let mut flags = qjs::JS_PROP_ENUMERABLE | qjs::JS_PROP_THROW;
    if configurable == Configurable::Yes {
        flags |= qjs::JS_PROP_CONFIGURABLE;
    }
    let flags = flags.try_into().map_err(|_| Error::Unknown)?;
    let length = name.len().try_into().map_err(|_| Error::Unknown)?;
    // SAFETY: the context is entered and all three values are its own and live. The name is copied; the engine takes over the
    // references to the functions that are made here, and the one to the name is given back.
    let defined = unsafe {
        let context = object.ctx().as_raw().as_ptr();
        let atom = qjs::JS_NewAtomLen(context, name.as_ptr().cast(), length);
        let getter = qjs::JS_DupValue(context, getter.as_raw());
        let setter = qjs::JS_DupValue(context, setter.as_raw());
        let defined = qjs::JS_DefinePropertyGetSet(context, object.as_raw(), atom, getter, setter, flags);
        qjs::JS_FreeAtom(context, atom);
        defined
    };
    if defined < 0 { Err(Error::Exception) } else { Ok(()) }
}

/// The `length` and the `name` of a new function.
#[allow(unsafe_code, reason = "the engine's wrapper takes several steps for each")]
pub(crate) fn length_and_name<'js>(
    ctx: &Ctx<'js>,
    function: &Function<'js>,
    length: usize,
    name: &str,
) -> Result<()> {
    let flags = (qjs::JS_PROP_CONFIGURABLE | qjs::JS_PROP_THROW).try_into().map_err(|_| Error::Unknown)?;
    let number = JsValue::new_int(ctx.clone(), length.try_into().map_err(|_| Error::Unknown)?);
    let size = name.len().try_into().map_err(|_| Error::Unknown)?;
    // SAFETY: the context is entered, the function is its own and lives, and the property names end with NUL. The name is copied;
    // the engine takes over the reference to the string that is made of it. An integer has no references.
    let defined = unsafe {
        let context = ctx.as_raw().as_ptr();
        let value = qjs::JS_NewStringLen(context, name.as_ptr().cast(), size);
        if qjs::JS_IsException(value) {
            return Err(Error::Exception);
        }
        let function = function.as_raw();
        let length =
            qjs::JS_DefinePropertyValueStr(context, function, c"length".as_ptr(), number.as_raw(), flags);
        length.min(qjs::JS_DefinePropertyValueStr(context, function, c"name".as_ptr(), value, flags))
    };
    if defined < 0 { Err(Error::Exception) } else { Ok(()) }
}
