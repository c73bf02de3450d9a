//! The two classes the engine knows: wrappers of platform objects, and functions that run a member.
//!
//! The adapter's only `unsafe` declarations about lifetimes are here.

use std::{cell::RefCell, rc::Rc};

use longhaul_idl::runtime::{InterfaceDescriptor, ObjectRef, RealmId};
use rquickjs::{
    Ctx, Function, JsLifetime, Object, Result, Value as JsValue,
    class::{Class, ClassKind, JsCell, JsClass, Readable, Trace, Tracer},
    function::{Constructor, Params},
};

use crate::{
    call::{self, FunctionKind},
    define,
    realm::RealmState,
};

/// The JavaScript object in front of a platform object.
pub(crate) struct Wrapper<'js> {
    /// The most derived interface.
    pub(crate) interface: &'static InterfaceDescriptor,
    /// The object's relevant realm.
    pub(crate) realm: RealmId,
    /// The object behind it; none for a self-hosted one.
    pub(crate) native: Option<ObjectRef>,
    /// What the self-hosted core keeps for this object. Scripts never see it; the engine traces it.
    pub(crate) slots: RefCell<Option<Object<'js>>>,
    /// Values of attributes that live as long as this does, by interface and place: the first value of a `[SameObject]` one, the
    /// last wrapper that any other gave.
    pub(crate) kept: RefCell<Vec<(&'static InterfaceDescriptor, usize, JsValue<'js>)>>,
    /// The proxy that script has for it, of a legacy platform object.
    pub(crate) proxy: RefCell<Option<Object<'js>>>,
    /// Where this wrapper's end is told, with the address of its object.
    pub(crate) graveyard: Option<(Rc<RefCell<Vec<usize>>>, usize)>,
}

impl Drop for Wrapper<'_> {
    fn drop(&mut self) {
        // NOTE: this may run inside a collection: nothing of the engine may be touched.
        if let Some((graveyard, address)) = &self.graveyard
            && let Ok(mut graveyard) = graveyard.try_borrow_mut()
        {
            graveyard.push(*address);
        }
    }
}

// SAFETY: `'js` is only the lifetime of the values in `slots`, `kept` and `proxy`, and `Changed` replaces exactly it.
unsafe impl<'js> JsLifetime<'js> for Wrapper<'js> {
    type Changed<'to> = Wrapper<'to>;
}

impl<'js> Trace<'js> for Wrapper<'js> {
    fn trace<'a>(&self, tracer: Tracer<'a, 'js>) {
        if let Ok(slots) = self.slots.try_borrow()
            && let Some(slots) = &*slots
        {
            tracer.mark(slots.as_value());
        }
        if let Ok(proxy) = self.proxy.try_borrow()
            && let Some(proxy) = &*proxy
        {
            tracer.mark(proxy.as_value());
        }
        if let Ok(kept) = self.kept.try_borrow() {
            for (_, _, value) in &*kept {
                tracer.mark(value);
            }
        }
    }
}

impl<'js> JsClass<'js> for Wrapper<'js> {
    const NAME: &'static str = "PlatformObject";
    type Mutable = Readable;

    fn constructor(_: &Ctx<'js>) -> Result<Option<Constructor<'js>>> {
        Ok(None)
    }
}

/// A function that runs a member, a constructor, or something of the adapter. It holds no JavaScript value.
pub(crate) struct NativeFunction {
    pub(crate) realm: Rc<RealmState>,
    pub(crate) kind: FunctionKind,
}

// SAFETY: nothing in it has the lifetime `'js`.
unsafe impl<'js> JsLifetime<'js> for NativeFunction {
    type Changed<'to> = NativeFunction;
}

impl<'js> Trace<'js> for NativeFunction {
    fn trace<'a>(&self, _: Tracer<'a, 'js>) {}
}

impl<'js> JsClass<'js> for NativeFunction {
    const NAME: &'static str = "Function";
    const KIND: ClassKind = ClassKind::Callable;
    type Mutable = Readable;

    fn prototype(ctx: &Ctx<'js>) -> Result<Option<Object<'js>>> {
        Ok(Some(Function::prototype(ctx.clone())))
    }

    fn constructor(_: &Ctx<'js>) -> Result<Option<Constructor<'js>>> {
        Ok(None)
    }

    fn call<'a>(this: &JsCell<'js, Self>, params: Params<'a, 'js>) -> Result<JsValue<'js>> {
        let (realm, kind) = {
            let function = this.borrow();
            (Rc::clone(&function.realm), function.kind.clone())
        };
        call::run(realm, &kind, &params)
    }
}

/// Makes a function of a realm.
pub(crate) fn function<'js>(
    ctx: &Ctx<'js>,
    realm: &Rc<RealmState>,
    name: &str,
    length: usize,
    kind: FunctionKind,
) -> Result<Function<'js>> {
    let prototype = Function::prototype(ctx.clone());
    let class = Class::instance_proto(NativeFunction { realm: Rc::clone(realm), kind }, prototype)?;
    let function = class.into_value().into_function().ok_or(rquickjs::Error::Unknown)?;
    define::length_and_name(ctx, &function, length, name)?;
    Ok(function)
}
