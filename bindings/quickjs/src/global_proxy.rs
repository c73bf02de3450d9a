//! Other realms' global objects: what their proxies' traps ask, and which object a realm shows for one.
//!
//! <https://html.spec.whatwg.org/#the-windowproxy-exotic-object>

use std::{rc::Rc, sync::Arc};

use longhaul_idl::{
    DomException,
    runtime::{CrossOriginProperty, GlobalProxy, ObjectRef},
};
use rquickjs::{
    Array, Ctx, JsLifetime, Object, Persistent, Result, Value as JsValue,
    class::{Class, JsClass, Readable, Trace, Tracer},
    function::Constructor,
};

use crate::realm::{RealmState, Scope};

/// What a trap asks of a browsing context, with one argument more.
type Operation = for<'a> fn(&Scope<'a>, &Arc<dyn GlobalProxy>, Option<&JsValue<'a>>) -> Result<JsValue<'a>>;

/// The target of a global's proxy. Script never has it.
pub(crate) struct ProxyTarget(Arc<dyn GlobalProxy>);

// SAFETY: nothing in it has the lifetime `'js`.
#[allow(unsafe_code, reason = "a class of the engine needs it")]
unsafe impl<'js> JsLifetime<'js> for ProxyTarget {
    type Changed<'to> = ProxyTarget;
}

impl<'js> Trace<'js> for ProxyTarget {
    fn trace<'a>(&self, _: Tracer<'a, 'js>) {}
}

impl<'js> JsClass<'js> for ProxyTarget {
    const NAME: &'static str = "GlobalProxy";
    type Mutable = Readable;

    fn constructor(_: &Ctx<'js>) -> Result<Option<Constructor<'js>>> {
        Ok(None)
    }
}

fn address(proxy: &Arc<dyn GlobalProxy>) -> usize {
    Arc::as_ptr(proxy).cast::<()>().addr()
}

/// What a value is the proxy of, if it is one of ours.
pub(crate) fn proxied(value: &JsValue<'_>) -> Option<Arc<dyn GlobalProxy>> {
    let Ok(target) = value.as_object()?.as_proxy()?.target() else {
        // A revoked proxy throws.
        value.ctx().catch();
        return None;
    };
    let class = Class::<ProxyTarget>::from_object(&target)?;
    let proxy = Arc::clone(&class.borrow().0);
    Some(proxy)
}

impl<'js> Scope<'js> {
    /// The object that this realm shows for a browsing context's global.
    pub(crate) fn global_proxy(&self, proxy: &Arc<dyn GlobalProxy>) -> Result<JsValue<'js>> {
        if proxy.current() == Some(self.state.id) {
            return Ok(self.global_object().into_value());
        }
        let known = self.state.roots.borrow().global_proxies.get(&address(proxy)).cloned();
        if let Some((_, known)) = known {
            return known.restore(&self.ctx).map(Object::into_value);
        }
        let handler = self.state.roots.borrow().global_proxy_handler.clone();
        let handler = match handler {
            Some(handler) => handler.restore(&self.ctx)?,
            None => {
                let handler: Object<'js> =
                    self.helper("globalProxyHandler")?.call((self.global_proxy_operations()?,))?;
                let saved = Persistent::save(&self.ctx, handler.clone());
                self.state.roots.borrow_mut().global_proxy_handler = Some(saved);
                handler
            }
        };
        let prototype = Object::new_proto(self.ctx.clone(), None)?;
        let target = Class::instance_proto(ProxyTarget(Arc::clone(proxy)), prototype)?;
        let object: Object<'js> = self.helper("newGlobalProxy")?.call((target, handler))?;
        let saved = (Arc::clone(proxy), Persistent::save(&self.ctx, object.clone()));
        self.state.roots.borrow_mut().global_proxies.insert(address(proxy), saved);
        Ok(object.into_value())
    }

    /// What another realm's member or property gave, as this realm shows it: globals and their proxies are each realm's own.
    pub(crate) fn shown_here(&self, value: JsValue<'js>) -> Result<JsValue<'js>> {
        if !value.is_object() {
            return Ok(value);
        }
        if let Some(proxy) = proxied(&value) {
            return self.global_proxy(&proxy);
        }
        let Some(shared) = self.state.shared.upgrade() else { return Ok(value) };
        let realms = shared.realms();
        let of = realms.iter().find(|realm| {
            realm.id != self.state.id
                && realm.global_in(&self.ctx).is_some_and(|global| Some(&global) == value.as_object())
        });
        let Some(of) = of else { return Ok(value) };
        // NOTE: a realm that has never seen the browsing context as such finds it by what any realm knows of it.
        let known = realms.iter().find_map(|realm| {
            let roots = realm.roots.borrow();
            roots
                .global_proxies
                .values()
                .find(|(proxy, _)| proxy.current() == Some(of.id))
                .map(|(proxy, _)| Arc::clone(proxy))
        });
        match known {
            Some(proxy) => self.global_proxy(&proxy),
            None => Ok(value),
        }
    }

    /// The realm whose global a proxy stands for.
    pub(crate) fn current_realm(&self, proxy: &Arc<dyn GlobalProxy>) -> Option<Rc<RealmState>> {
        self.state.shared.upgrade()?.realm(proxy.current()?)
    }

    /// <https://html.spec.whatwg.org/#integration-with-idl>: whether a member may be used on another global's proxy.
    pub(crate) fn may_use(&self, proxy: &Arc<dyn GlobalProxy>, member: &str) -> bool {
        proxy.is_accessible_from(self)
            || proxy.cross_origin_properties().iter().any(|property| property.name == member)
    }

    /// A `SecurityError` of this realm.
    pub(crate) fn security_error(&self) -> Result<JsValue<'js>> {
        let object: ObjectRef =
            Arc::new(DomException::new("SecurityError", "the object belongs to another origin"));
        self.wrap(&object).map(Object::into_value)
    }

    fn cross_origin_members(&self, members: &'static [CrossOriginProperty]) -> Result<Array<'js>> {
        let array = Array::new(self.ctx.clone())?;
        for (index, member) in members.iter().enumerate() {
            let row = Array::new(self.ctx.clone())?;
            let row = row.as_object();
            row.prop(0, crate::to_js::data(member.name))?;
            row.prop(1, crate::to_js::data(member.get))?;
            row.prop(2, crate::to_js::data(member.set))?;
            row.prop(3, crate::to_js::data(self.cross_origin_members(member.members)?))?;
            array.as_object().prop(index as u32, crate::to_js::data(row.clone()))?;
        }
        Ok(array)
    }

    fn global_proxy_operations(&self) -> Result<Object<'js>> {
        let ops: Object<'js> = self.helper("nullObject")?.call(())?;
        let add = |name: &'static str, run: Operation| -> Result<()> {
            ops.set(
                name,
                self.closure("", 2, move |scope, _, args| {
                    let target = args.first().and_then(JsValue::as_object);
                    let class = target.and_then(Class::<ProxyTarget>::from_object);
                    let proxy = class.map(|class| Arc::clone(&class.borrow().0));
                    run(scope, &proxy.ok_or(rquickjs::Error::Unknown)?, args.get(1))
                })?,
            )
        };
        add("current", |scope, proxy, _| {
            let global = scope.current_realm(proxy).and_then(|realm| realm.global_in(&scope.ctx));
            Ok(global.map_or_else(|| JsValue::new_undefined(scope.ctx.clone()), Object::into_value))
        })?;
        add("accessible", |scope, proxy, _| {
            Ok(JsValue::new_bool(scope.ctx.clone(), proxy.is_accessible_from(scope)))
        })?;
        add("members", |scope, proxy, _| {
            scope.cross_origin_members(proxy.cross_origin_properties()).map(Array::into_value)
        })?;
        add("length", |scope, proxy, _| Ok(scope.number_to_js(proxy.child_count().into())))?;
        add("child", |scope, proxy, index| {
            let index = index.and_then(JsValue::as_number).unwrap_or_default();
            #[allow(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "it is an array index"
            )]
            let child = proxy.child(index as u32);
            match child {
                Some(child) => scope.global_proxy(&child),
                None => Ok(JsValue::new_undefined(scope.ctx.clone())),
            }
        })?;
        add("ended", |scope, proxy, name| {
            let name = name.and_then(JsValue::as_string).map(|name| scope.dom_string(name)).transpose()?;
            match name.and_then(|name| proxy.property_when_ended(&name)) {
                Some(value) => scope.to_js(value, None),
                None => Ok(JsValue::new_undefined(scope.ctx.clone())),
            }
        })?;
        add("namedChild", |scope, proxy, name| {
            let name = name.and_then(JsValue::as_string).map(|name| scope.dom_string(name)).transpose()?;
            match name.and_then(|name| proxy.named_child(&name)) {
                Some(child) => scope.global_proxy(&child),
                None => Ok(JsValue::new_undefined(scope.ctx.clone())),
            }
        })?;
        ops.set(
            "translate",
            self.closure("", 1, |scope, _, args| {
                let undefined = || JsValue::new_undefined(scope.ctx.clone());
                scope.shown_here(args.first().cloned().unwrap_or_else(undefined))
            })?,
        )?;
        ops.set("securityError", self.closure("", 0, |scope, _, _| scope.security_error())?)?;
        Ok(ops)
    }
}
