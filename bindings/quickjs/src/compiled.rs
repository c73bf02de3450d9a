//! Scripts of the adapter and the core, compiled once a process.
//!
//! Every realm evaluates the same scripts, and most of the time that takes is the parser's. So the first realm's engine writes
//! down what it has compiled, and every later one reads that.

use std::{
    collections::HashMap,
    ffi::CString,
    sync::{Arc, Mutex, PoisonError},
};

use rquickjs::{Ctx, Error, Result, Value as JsValue, qjs};

/// Where a text that lives as long as the process stands in memory: two of them never share a place.
type Place = (usize, usize);

/// What the engine wrote, by the text it was made of.
static COMPILED: Mutex<Option<HashMap<Place, Arc<[u8]>>>> = Mutex::new(None);

/// Evaluates a strict classic script, of which `wrap` makes the whole text. The text must always be wrapped the same way.
pub(crate) fn evaluate<'js>(
    ctx: &Ctx<'js>,
    text: &'static str,
    wrap: impl FnOnce(&str) -> String,
    name: &str,
) -> Result<JsValue<'js>> {
    let place = (text.as_ptr().addr(), text.len());
    let function = match known(place) {
        Some(bytes) => read(ctx, &bytes)?,
        None => {
            let function = compile(ctx, &wrap(text), name)?;
            let bytes = write(ctx, &function)?;
            let mut compiled = COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
            compiled.get_or_insert_default().insert(place, bytes);
            function
        }
    };
    run(ctx, &function)
}

fn known(place: Place) -> Option<Arc<[u8]>> {
    let compiled = COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
    compiled.as_ref()?.get(&place).cloned()
}

/// Compiles a script without running it.
#[allow(unsafe_code, reason = "the engine compiles without running only through its C interface")]
fn compile<'js>(ctx: &Ctx<'js>, source: &str, name: &str) -> Result<JsValue<'js>> {
    let (source, name) = (CString::new(source)?, CString::new(name)?);
    let flags = qjs::JS_EVAL_TYPE_GLOBAL | qjs::JS_EVAL_FLAG_STRICT | qjs::JS_EVAL_FLAG_COMPILE_ONLY;
    // SAFETY: the context is entered; both strings end with NUL and outlive the call, and the length is without that NUL.
    unsafe {
        let length = source.as_bytes().len().try_into().map_err(|_| Error::Unknown)?;
        let value = qjs::JS_Eval(
            ctx.as_raw().as_ptr(),
            source.as_ptr(),
            length,
            name.as_ptr(),
            flags.try_into().map_err(|_| Error::Unknown)?,
        );
        made(ctx, value)
    }
}

/// What reading gives back as the same function. NOTE: without its source, which nobody is to see.
#[allow(unsafe_code, reason = "the engine writes what it has compiled only through its C interface")]
fn write<'js>(ctx: &Ctx<'js>, function: &JsValue<'js>) -> Result<Arc<[u8]>> {
    let flags = qjs::JS_WRITE_OBJ_BYTECODE | qjs::JS_WRITE_OBJ_STRIP_SOURCE;
    let flags = flags.try_into().map_err(|_| Error::Unknown)?;
    let mut length = 0;
    // SAFETY: the context is entered and the value lives. The engine gives `length` bytes of its own heap, which are copied and
    // then freed once.
    unsafe {
        let context = ctx.as_raw().as_ptr();
        let bytes = qjs::JS_WriteObject(context, &raw mut length, function.as_raw(), flags);
        if bytes.is_null() {
            return Err(Error::Exception);
        }
        let copy = std::slice::from_raw_parts(bytes, length.try_into().map_err(|_| Error::Unknown)?).into();
        qjs::js_free(context, bytes.cast());
        Ok(copy)
    }
}

/// A function of this context from what [`write`] gave.
#[allow(unsafe_code, reason = "the engine reads what it has compiled only through its C interface")]
fn read<'js>(ctx: &Ctx<'js>, bytes: &[u8]) -> Result<JsValue<'js>> {
    let flags = qjs::JS_READ_OBJ_BYTECODE.try_into().map_err(|_| Error::Unknown)?;
    let length = bytes.len().try_into().map_err(|_| Error::Unknown)?;
    // SAFETY: the context is entered. The engine believes what it reads, and these bytes are its own: this very process' copy of
    // it wrote them, and nothing but this file has had them in its hands.
    unsafe { made(ctx, qjs::JS_ReadObject(ctx.as_raw().as_ptr(), bytes.as_ptr(), length, flags)) }
}

/// Runs a compiled script.
#[allow(unsafe_code, reason = "the engine runs what it has compiled only through its C interface")]
fn run<'js>(ctx: &Ctx<'js>, function: &JsValue<'js>) -> Result<JsValue<'js>> {
    // SAFETY: the context is entered and the value is a compiled script, of which the engine takes over a reference of its own.
    unsafe {
        let context = ctx.as_raw().as_ptr();
        let function = qjs::JS_DupValue(context, function.as_raw());
        made(ctx, qjs::JS_EvalFunction(context, function))
    }
}

/// Takes over a value that the engine gave, or the exception it threw.
#[allow(unsafe_code, reason = "values of the C interface carry no lifetime")]
unsafe fn made<'js>(ctx: &Ctx<'js>, value: qjs::JSValue) -> Result<JsValue<'js>> {
    // SAFETY: the caller has just been given the value by this context and hands over its reference.
    unsafe {
        if qjs::JS_IsException(value) {
            return Err(Error::Exception);
        }
        Ok(JsValue::from_raw(ctx.clone(), value))
    }
}
