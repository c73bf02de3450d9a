//! Wrappers: from platform objects to JavaScript objects and back.

use std::{cell::RefCell, rc::Rc, sync::Arc};

use longhaul_idl::{
    DomException, dom_exception,
    runtime::{InterfaceDescriptor, ObjectRef, RealmId},
};
use rquickjs::{Ctx, Object, Persistent, Proxy, Result, Value as JsValue, class::Class, object::Property};

use crate::{
    global_proxy::proxied,
    legacy_platform_object::is_legacy,
    realm::{RealmState, Scope, address_of},
    wrapper::Wrapper,
};

/// A JavaScript object that is a platform object.
pub(crate) enum Receiver<'js> {
    Wrapper(Class<'js, Wrapper<'js>>),
    Global(Object<'js>, Rc<RealmState>),
}

/// The address of the object behind a wrapper.
pub(crate) fn address(object: &ObjectRef) -> usize {
    Arc::as_ptr(object).cast::<()>().addr()
}

impl<'js> Receiver<'js> {
    /// The most derived interface.
    pub(crate) fn interface(&self) -> &'static InterfaceDescriptor {
        match self {
            Self::Wrapper(class) => class.borrow().interface,
            Self::Global(_, realm) => realm.global.interface(),
        }
    }

    /// <https://html.spec.whatwg.org/#concept-relevant-realm>
    pub(crate) fn realm(&self) -> RealmId {
        match self {
            Self::Wrapper(class) => class.borrow().realm,
            Self::Global(_, realm) => realm.id,
        }
    }

    /// The object behind it; none for a self-hosted one.
    pub(crate) fn native(&self) -> Option<ObjectRef> {
        match self {
            Self::Wrapper(class) => class.borrow().native.clone(),
            Self::Global(_, realm) => Some(Arc::clone(&realm.global)),
        }
    }

    /// The object in script.
    pub(crate) fn object(&self) -> Object<'js> {
        match self {
            Self::Wrapper(class) => {
                let proxy = class.borrow().proxy.borrow().clone();
                proxy.unwrap_or_else(|| class.as_inner().clone())
            }
            Self::Global(object, _) => object.clone(),
        }
    }

    /// The slots, made and initialised at first use.
    pub(crate) fn slots(&self, scope: &Scope<'js>) -> Result<Object<'js>> {
        let existing = match self {
            Self::Wrapper(class) => class.borrow().slots.borrow().clone(),
            Self::Global(_, realm) => {
                let saved = realm.roots.borrow().global_slots.clone();
                saved.map(|saved| saved.restore(&scope.ctx)).transpose()?
            }
        };
        if let Some(slots) = existing {
            return Ok(slots);
        }
        let slots: Object<'js> = scope.helper("nullObject")?.call(())?;
        match self {
            Self::Wrapper(class) => *class.borrow().slots.borrow_mut() = Some(slots.clone()),
            Self::Global(_, realm) => {
                realm.roots.borrow_mut().global_slots = Some(Persistent::save(&scope.ctx, slots.clone()));
            }
        }
        let mut chain = Vec::new();
        let mut current = Some(self.interface());
        while let Some(interface) = current {
            chain.push(interface);
            current = interface.parent;
        }
        for interface in chain.into_iter().rev() {
            let Some(mounted) =
                scope.mounted(interface).filter(|found| *found.binding.descriptor == *interface)
            else {
                continue;
            };
            let Some(hosted) = &mounted.hosted else { continue };
            let hosted = hosted.clone().restore(&scope.ctx)?;
            let init: JsValue<'js> = hosted.get("init")?;
            if let Some(init) = init.as_function() {
                init.call::<_, ()>((rquickjs::function::This(self.object()), slots.clone()))?;
            }
        }
        Ok(slots)
    }

    /// The value of an attribute that is kept here.
    pub(crate) fn kept(
        &self,
        ctx: &Ctx<'js>,
        interface: &'static InterfaceDescriptor,
        index: usize,
    ) -> Option<JsValue<'js>> {
        match self {
            Self::Wrapper(class) => {
                let wrapper = class.borrow();
                let kept = wrapper.kept.borrow();
                kept.iter()
                    .find(|(of, place, _)| **of == *interface && *place == index)
                    .map(|(_, _, value)| value.clone())
            }
            Self::Global(_, realm) => {
                let roots = realm.roots.borrow();
                let found =
                    roots.global_kept.iter().find(|(of, place, _)| **of == *interface && *place == index);
                let saved = found.map(|(_, _, value)| value.clone());
                drop(roots);
                saved.and_then(|saved| saved.restore(ctx).ok())
            }
        }
    }

    /// Keeps the value of an attribute for as long as this object lives, in the place of the one before.
    pub(crate) fn keep(
        &self,
        ctx: &Ctx<'js>,
        interface: &'static InterfaceDescriptor,
        index: usize,
        value: JsValue<'js>,
    ) {
        match self {
            Self::Wrapper(class) => {
                let replaced = put(&mut class.borrow().kept.borrow_mut(), interface, index, value);
                // NOTE: dropped outside the borrow: it may be the last reference to a wrapper, which the engine then ends.
                drop(replaced);
            }
            Self::Global(_, realm) => {
                let saved = Persistent::save(ctx, value);
                let replaced = put(&mut realm.roots.borrow_mut().global_kept, interface, index, saved);
                drop(replaced);
            }
        }
    }
}

fn put<T>(
    kept: &mut Vec<(&'static InterfaceDescriptor, usize, T)>,
    interface: &'static InterfaceDescriptor,
    index: usize,
    value: T,
) -> Option<T> {
    match kept.iter_mut().find(|(of, place, _)| **of == *interface && *place == index) {
        Some((_, _, before)) => Some(std::mem::replace(before, value)),
        None => {
            kept.push((interface, index, value));
            None
        }
    }
}

/// The wrapper behind a proxy, if it is one of ours. NOTE: nobody else has the wrapper itself, so nobody else's proxy has it.
fn legacy_wrapper<'js>(proxy: &Proxy<'js>, object: &Object<'js>) -> Option<Class<'js, Wrapper<'js>>> {
    let Ok(target) = proxy.target() else {
        // A revoked proxy throws.
        object.ctx().catch();
        return None;
    };
    let class = Class::<Wrapper<'js>>::from_object(&target)?;
    let is_own = class.borrow().proxy.borrow().as_ref() == Some(object);
    is_own.then_some(class)
}

impl<'js> Scope<'js> {
    /// The platform object a value is, of whatever realm.
    pub(crate) fn receiver(&self, value: &JsValue<'js>) -> Option<Receiver<'js>> {
        let object = value.as_object()?;
        if *object == self.global_object() {
            return Some(Receiver::Global(object.clone(), Rc::clone(&self.state)));
        }
        if let Some(class) = Class::<Wrapper<'js>>::from_object(object) {
            return Some(Receiver::Wrapper(class));
        }
        if let Some(proxy) = object.as_proxy() {
            if let Some(global) = proxied(value) {
                let realm = self.current_realm(&global)?;
                return Some(Receiver::Global(realm.global_in(&self.ctx)?, realm));
            }
            return legacy_wrapper(proxy, object).map(Receiver::Wrapper);
        }
        let shared = self.state.shared.upgrade()?;
        let is_its =
            |realm: &Rc<RealmState>| realm.global_in(&self.ctx).is_some_and(|global| global == *object);
        let realm = shared.realms().into_iter().find(is_its)?;
        Some(Receiver::Global(object.clone(), realm))
    }

    /// The wrapper of an object: the one that lives, or a new one.
    pub(crate) fn wrap(&self, object: &ObjectRef) -> Result<Object<'js>> {
        if address(object) == address(&self.state.global) {
            return Ok(self.global_object());
        }
        // What belongs to a realm has its wrapper there.
        if let Some(realm) = object.realm().filter(|realm| *realm != self.state.id)
            && let Some(state) = self.state.shared.upgrade().and_then(|shared| shared.realm(realm))
            && let Some(own) = Scope::enter(&self.ctx, state)
        {
            return own.wrap(object);
        }
        if let Some(wrapper) = self.cached_wrapper(address(object)) {
            return Ok(wrapper);
        }
        let interface = object.interface();
        let Some(mounted) = self.mounted(interface) else {
            return Err(self.type_error(&format!("the interface {} is not mounted", interface.name)));
        };
        let prototype = mounted.prototype.clone().restore(&self.ctx)?;
        self.wrap_with(object, prototype)
    }

    /// A new wrapper of an object that has none, with a prototype.
    pub(crate) fn wrap_with(&self, object: &ObjectRef, prototype: Object<'js>) -> Result<Object<'js>> {
        let address = address(object);
        let wrapper = Wrapper {
            interface: object.interface(),
            realm: self.state.id,
            native: Some(Arc::clone(object)),
            slots: RefCell::default(),
            kept: RefCell::default(),
            proxy: RefCell::default(),
            graveyard: Some((Rc::clone(&self.state.graveyard), address)),
        };
        let class = Class::instance_proto(wrapper, prototype)?;
        if object.implements(&dom_exception::DESCRIPTOR) {
            self.add_stack(object, class.as_inner())?;
        }
        self.add_unforgeables(object.interface(), class.as_inner())?;
        let receiver = Receiver::Wrapper(class);
        if is_legacy(object.interface()) {
            self.make_legacy(object.interface(), &receiver)?;
        }
        let wrapper = receiver.object();
        let reference: Object<'js> = self.helper("weakRef")?.call((wrapper.clone(),))?;
        let saved = Persistent::save(&self.ctx, reference);
        let replaced = self.state.roots.borrow_mut().wrappers.insert(address, saved);
        drop(replaced);
        if object.wrapped_eagerly() {
            receiver.slots(self)?;
        }
        Ok(wrapper)
    }

    /// A new wrapper of a self-hosted interface.
    pub(crate) fn create_hosted(
        &self,
        interface: &'static InterfaceDescriptor,
        prototype: Object<'js>,
    ) -> Result<Receiver<'js>> {
        let wrapper = Wrapper {
            interface,
            realm: self.state.id,
            native: None,
            slots: RefCell::default(),
            kept: RefCell::default(),
            proxy: RefCell::default(),
            graveyard: None,
        };
        let receiver = Receiver::Wrapper(Class::instance_proto(wrapper, prototype)?);
        self.add_unforgeables(interface, &receiver.object())?;
        if is_legacy(interface) {
            self.make_legacy(interface, &receiver)?;
        }
        Ok(receiver)
    }

    /// The wrapper that lives for the object of an address.
    pub(crate) fn cached_wrapper(&self, address: usize) -> Option<Object<'js>> {
        let saved = self.state.roots.borrow().wrappers.get(&address).cloned()?;
        let reference = saved.restore(&self.ctx).ok()?;
        let wrapper: JsValue<'js> = self.helper("deref").ok()?.call((reference,)).ok()?;
        wrapper.into_object()
    }

    /// The stack that Error objects have as an own property, which a `DOMException` has too.
    fn add_stack(&self, object: &ObjectRef, wrapper: &Object<'js>) -> Result<()> {
        let message = object
            .downcast::<DomException>()
            .map_or(String::new(), |exception| exception.message().to_owned());
        let stack: JsValue<'js> = self.helper("stackOf")?.call((message,))?;
        wrapper.prop("stack", Property::from(stack).writable().configurable())
    }

    /// `[LegacyUnforgeable]` members are the object's own.
    fn add_unforgeables(&self, interface: &'static InterfaceDescriptor, wrapper: &Object<'js>) -> Result<()> {
        let mut current = Some(interface);
        while let Some(interface) = current {
            let attributes = interface.attributes.iter().any(|attribute| attribute.unforgeable);
            if attributes || interface.operations.iter().any(|operation| operation.unforgeable) {
                crate::install::unforgeable_members(self, interface, wrapper)?;
            }
            current = interface.parent;
        }
        Ok(())
    }

    /// Whether a value is a global object, of whatever realm, or the proxy of one.
    pub(crate) fn is_global(&self, value: &JsValue<'js>) -> bool {
        proxied(value).is_some() || matches!(self.receiver(value), Some(Receiver::Global(..)))
    }

    /// Whether a value is a platform object of an interface.
    pub(crate) fn is_of(&self, value: &JsValue<'js>, interface: &InterfaceDescriptor) -> bool {
        self.receiver(value).is_some_and(|receiver| receiver.interface().inherits(interface))
    }

    /// The prototype object of an interface here.
    pub(crate) fn prototype_of(&self, interface: &'static InterfaceDescriptor) -> Result<Object<'js>> {
        let mounted = self
            .mounted(interface)
            .filter(|mounted| address_of(mounted.binding.descriptor) == address_of(interface));
        match mounted {
            Some(mounted) => mounted.prototype.clone().restore(&self.ctx),
            None => Err(self.type_error(&format!("the interface {} is not mounted", interface.name))),
        }
    }
}
