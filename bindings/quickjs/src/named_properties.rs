//! <https://webidl.spec.whatwg.org/#named-properties-object>: the object on a global's prototype chain that has its named
//! properties.
//!
//! It is a class of the engine with the hook for own properties alone. A proxy would not do: the engine takes a proxy's `undefined`
//! for a property that is there, and so `ReferenceError` would be no more.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    ptr::{self, NonNull},
    rc::{Rc, Weak},
};

use longhaul_idl::runtime::InterfaceDescriptor;
use rquickjs::{
    Ctx, Function, Object, Persistent, Result, Value as JsValue, atom::PredefinedAtom, object::Property, qjs,
};

use crate::realm::{RealmState, Scope};

/// What the object keeps: whose global it is for, and whether it has all properties of its own.
struct Opaque {
    realm: Weak<RealmState>,
    is_enumerable: bool,
    sealed: bool,
}

/// The hooks, for the engine, which reads them.
struct Hooks(qjs::JSClassExoticMethods);

// SAFETY: it is a table of functions, which nobody writes.
unsafe impl Sync for Hooks {}

static HOOKS: Hooks = Hooks(qjs::JSClassExoticMethods {
    get_own_property: Some(get_own_property),
    get_own_property_names: None,
    delete_property: Some(delete_property),
    define_own_property: Some(define_own_property),
    has_property: None,
    get_property: None,
    set_property: None,
});

impl<'js> Scope<'js> {
    /// The named properties object of a global's interface, if it has one.
    pub(crate) fn named_properties_object(
        &self,
        interface: &'static InterfaceDescriptor,
        parent: &Object<'js>,
    ) -> Result<Option<Object<'js>>> {
        if !interface.global || interface.named.is_none() {
            return Ok(None);
        }
        let ops = self.special_operations(interface)?;
        let resolver: Function<'js> = self.helper("namedProperty")?.call((ops, self.global_object()))?;
        self.state.roots.borrow_mut().named_property = Some(Persistent::save(&self.ctx, resolver));
        let object = self.make_object(parent, !interface.unenumerable_named)?;
        self.helper("namedPropertiesAdd")?.call::<_, ()>((object.clone(),))?;
        let name = format!("{}Properties", interface.name);
        object.prop(PredefinedAtom::SymbolToStringTag, Property::from(name).configurable())?;
        seal(&object);
        Ok(Some(object))
    }

    fn make_object(&self, parent: &Object<'js>, is_enumerable: bool) -> Result<Object<'js>> {
        let shared = self.state.shared.upgrade().ok_or(rquickjs::Error::Unknown)?;
        let context = self.ctx.as_raw().as_ptr();
        let mut class = shared.named_properties_class.get();
        // SAFETY: the context is entered. The definition is copied by the engine, but for the hooks, which live for ever, and the
        // name, which it makes an atom of.
        unsafe {
            if class == 0 {
                let runtime = qjs::JS_GetRuntime(context);
                qjs::JS_NewClassID(runtime, &raw mut class);
                let definition = qjs::JSClassDef {
                    class_name: c"NamedProperties".as_ptr(),
                    finalizer: Some(finalize),
                    gc_mark: None,
                    call: None,
                    exotic: (&raw const HOOKS.0).cast_mut(),
                };
                if qjs::JS_NewClass(runtime, class, &raw const definition) != 0 {
                    return Err(rquickjs::Error::Unknown);
                }
                shared.named_properties_class.set(class);
            }
            let raw = qjs::JS_NewObjectProtoClass(context, parent.as_raw(), class);
            let value = JsValue::from_raw(self.ctx.clone(), raw);
            let Some(object) = value.into_object() else { return Err(rquickjs::Error::Exception) };
            let opaque = Opaque { realm: Rc::downgrade(&self.state), is_enumerable, sealed: false };
            qjs::JS_SetOpaque(raw, Box::into_raw(Box::new(opaque)).cast());
            Ok(object)
        }
    }

    /// The value of a global's named property.
    fn named_property(&self, key: JsValue<'js>) -> Result<Option<JsValue<'js>>> {
        let resolver = self.state.roots.borrow().named_property.clone();
        let Some(resolver) = resolver else { return Ok(None) };
        let found: JsValue<'js> = resolver.restore(&self.ctx)?.call((key,))?;
        found.as_object().map(|found| found.get(0)).transpose()
    }
}

/// From now on only the named properties change.
fn seal(object: &Object<'_>) {
    // SAFETY: the object was made by `make_object`, nobody else refers to what it keeps, and no hook runs now.
    unsafe {
        if let Some(opaque) = opaque(object.as_raw()).as_mut() {
            opaque.sealed = true;
        }
    }
}

/// What an object keeps, or null.
///
/// # Safety
/// The value is an object that lives.
unsafe fn opaque(object: qjs::JSValue) -> *mut Opaque {
    let mut class = 0;
    // SAFETY: the caller's.
    // NOTE: only our class has the hooks that ask, so that it is an `Opaque`, or null before it is set.
    unsafe { qjs::JS_GetAnyOpaque(object, &raw mut class) }.cast()
}

unsafe extern "C" fn finalize(_: *mut qjs::JSRuntime, object: qjs::JSValue) {
    // SAFETY: the engine calls this once, for an object of our class, and nothing uses it afterwards.
    unsafe {
        let kept = opaque(object);
        if !kept.is_null() {
            drop(Box::from_raw(kept));
        }
    }
}

/// <https://webidl.spec.whatwg.org/#named-properties-object-getownproperty>; the engine has looked at its ordinary properties.
unsafe extern "C" fn get_own_property(
    context: *mut qjs::JSContext,
    descriptor: *mut qjs::JSPropertyDescriptor,
    object: qjs::JSValue,
    property: qjs::JSAtom,
) -> std::ffi::c_int {
    // SAFETY: the engine gives a context that is entered, an object of our class, an atom, and a place or null.
    unsafe {
        let Some(context) = NonNull::new(context) else { return 0 };
        let Some(kept) = opaque(object).as_ref() else { return 0 };
        let Some(realm) = kept.realm.upgrade() else { return 0 };
        let found = catch_unwind(AssertUnwindSafe(|| {
            let caller = Ctx::from_raw(context);
            let key = JsValue::from_raw(caller.clone(), qjs::JS_AtomToValue(context.as_ptr(), property));
            if !key.is_string() {
                return Ok(None);
            }
            let Some(scope) = Scope::enter(&caller, realm) else { return Ok(None) };
            scope.named_property(key)
        }));
        match found {
            Ok(Ok(Some(value))) => {
                if !descriptor.is_null() {
                    // NOTE: the engine takes over this reference.
                    let raw = qjs::JS_DupValue(context.as_ptr(), value.as_raw());
                    let undefined = qjs::JS_UNDEFINED;
                    let enumerable = if kept.is_enumerable { qjs::JS_PROP_ENUMERABLE } else { 0 };
                    let flags = qjs::JS_PROP_CONFIGURABLE | qjs::JS_PROP_WRITABLE | enumerable;
                    let flags = flags.cast_signed();
                    ptr::write(
                        descriptor,
                        qjs::JSPropertyDescriptor { flags, value: raw, getter: undefined, setter: undefined },
                    );
                }
                1
            }
            Ok(Err(_)) => -1,
            Ok(Ok(None)) | Err(_) => 0,
        }
    }
}

/// <https://webidl.spec.whatwg.org/#named-properties-object-defineownproperty>
unsafe extern "C" fn define_own_property(
    context: *mut qjs::JSContext,
    object: qjs::JSValue,
    property: qjs::JSAtom,
    value: qjs::JSValue,
    getter: qjs::JSValue,
    setter: qjs::JSValue,
    flags: std::ffi::c_int,
) -> std::ffi::c_int {
    const NO_EXOTIC: std::ffi::c_int = qjs::JS_PROP_NO_EXOTIC.cast_signed();
    // SAFETY: the engine gives what it was asked with.
    unsafe {
        match opaque(object).as_ref() {
            Some(kept) if kept.sealed => 0,
            _ => qjs::JS_DefineProperty(context, object, property, value, getter, setter, flags | NO_EXOTIC),
        }
    }
}

/// <https://webidl.spec.whatwg.org/#named-properties-object-delete>
unsafe extern "C" fn delete_property(
    _: *mut qjs::JSContext,
    _: qjs::JSValue,
    _: qjs::JSAtom,
) -> std::ffi::c_int {
    0
}
