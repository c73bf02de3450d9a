//! Running members: brand checks, conversions in order, then the implementation, then the result.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    rc::Rc,
    sync::Arc,
};

use longhaul_idl::runtime::{
    AttributeDescriptor, Exception, IdlType, Implementation, InterfaceDescriptor, MemberId, MemberPart,
    ObjectRef, Overload, Stringifier, Value,
};
use rquickjs::{
    Exception as JsException, Object, Result, Value as JsValue, atom::PredefinedAtom, class::Class,
    function::Params,
};

use crate::{
    from_js::Converted,
    global_proxy::proxied,
    objects::Receiver,
    realm::{RealmState, Scope},
    to_js::data,
    wrapper::NativeFunction,
};

/// A closure of the adapter.
pub(crate) type Closure = dyn for<'a> Fn(&Scope<'a>, &JsValue<'a>, &[JsValue<'a>]) -> Result<JsValue<'a>>;

/// What a function does. `hosted` is the place of the self-hosted core's function.
#[derive(Clone)]
pub(crate) enum FunctionKind {
    Get { interface: &'static InterfaceDescriptor, index: usize, hosted: Option<usize> },
    Set { interface: &'static InterfaceDescriptor, index: usize, hosted: Option<usize> },
    Call { interface: &'static InterfaceDescriptor, index: usize, hosted: Option<usize> },
    Stringify { interface: &'static InterfaceDescriptor, hosted: Option<usize> },
    Construct { interface: &'static InterfaceDescriptor, hosted: Option<usize> },
    Factory { interface: &'static InterfaceDescriptor, index: usize, hosted: Option<usize> },
    Closure(Rc<Closure>),
}

/// Runs a function of a realm.
pub(crate) fn run<'js>(
    realm: Rc<RealmState>,
    kind: &FunctionKind,
    params: &Params<'_, 'js>,
) -> Result<JsValue<'js>> {
    let Some(scope) = Scope::enter(params.ctx(), realm) else {
        return Err(JsException::throw_type(params.ctx(), "the function's realm has ended"));
    };
    let result = run_in(&scope, kind, params);
    // What another realm called shows it as that realm does.
    match &scope.caller {
        Some(caller) if !matches!(kind, FunctionKind::Closure(_)) => {
            let value = result?;
            match Scope::enter(&scope.ctx, Rc::clone(caller)) {
                Some(scope) => scope.shown_here(value),
                None => Ok(value),
            }
        }
        _ => result,
    }
}

fn run_in<'js>(scope: &Scope<'js>, kind: &FunctionKind, params: &Params<'_, 'js>) -> Result<JsValue<'js>> {
    let args: Vec<JsValue<'js>> = (0..params.len()).filter_map(|index| params.arg(index)).collect();
    let this = params.this();
    match kind {
        FunctionKind::Get { interface, index, hosted } => {
            let attribute = &interface.attributes[*index];
            let result = scope.get(interface, *index, attribute, *hosted, &this);
            if matches!(attribute.r#type, IdlType::Promise(_)) { scope.or_rejected(result) } else { result }
        }
        FunctionKind::Set { interface, index, hosted } => {
            let value = args.into_iter().next().unwrap_or_else(|| JsValue::new_undefined(scope.ctx.clone()));
            scope.set(interface, *index, *hosted, &this, value)?;
            Ok(JsValue::new_undefined(scope.ctx.clone()))
        }
        FunctionKind::Call { interface, index, hosted } => {
            let operation = &interface.operations[*index];
            let promises =
                operation.overloads.iter().any(|overload| matches!(overload.returns, IdlType::Promise(_)));
            let result = scope.operation(interface, *index, *hosted, &this, &args);
            if promises { scope.or_rejected(result) } else { result }
        }
        FunctionKind::Stringify { interface, hosted } => scope.stringify(interface, *hosted, &this),
        FunctionKind::Construct { interface, hosted } => {
            if !params.is_constructor() {
                return Err(scope.type_error(&format!("{} is a constructor: use new", interface.name)));
            }
            scope.construct(interface, *hosted, &this, &args)
        }
        FunctionKind::Factory { interface, index, hosted } => {
            let name = interface.factories[*index].name;
            if !params.is_constructor() {
                return Err(scope.type_error(&format!("{name} is a constructor: use new")));
            }
            scope.factory(interface, *index, *hosted, &this, &args)
        }
        FunctionKind::Closure(run) => run(scope, &this, &args),
    }
}

impl<'js> Scope<'js> {
    /// <https://webidl.spec.whatwg.org/#js-operations>: promise-returning members reject, they never throw.
    pub(crate) fn or_rejected(&self, result: Result<JsValue<'js>>) -> Result<JsValue<'js>> {
        match result {
            Ok(value) => Ok(value),
            Err(error) => {
                let reason = self.thrown(error);
                // NOTE: the end of a runaway script is no rejection.
                if reason.is_uncatchable_error() {
                    Err(self.ctx.throw(reason))
                } else {
                    self.rejected(reason)
                }
            }
        }
    }

    /// The platform object a member is used on; `undefined` and `null` stand for the global object.
    pub(crate) fn this(
        &self,
        this: &JsValue<'js>,
        interface: &'static InterfaceDescriptor,
        member: &str,
    ) -> Result<Receiver<'js>> {
        if let Some(proxy) = proxied(this)
            && !self.may_use(&proxy, member)
        {
            return Err(self.ctx.throw(self.security_error()?));
        }
        let receiver = if this.is_undefined() || this.is_null() {
            Some(Receiver::Global(self.global_object(), Rc::clone(&self.state)))
        } else {
            self.receiver(this)
        };
        match receiver.filter(|receiver| receiver.interface().inherits(interface)) {
            Some(receiver) => Ok(receiver),
            None => Err(self.type_error(&format!(
                "{}.{member} was used on an object that is no {}",
                interface.name, interface.name
            ))),
        }
    }

    /// The relevant realm of a platform object, entered, where that is another one: what its members make is made there, whoever
    /// calls them. The brand check, and what is thrown by it, are of the function's own realm.
    ///
    /// <https://html.spec.whatwg.org/#concept-relevant-realm>
    fn home_of(&self, receiver: &Receiver<'js>, this: &JsValue<'js>) -> Option<Scope<'js>> {
        let realm = receiver.realm();
        if realm == self.state.id {
            return None;
        }
        // What pages of other origins may use of a window, they use from their own realm.
        if proxied(this).is_some_and(|proxy| !proxy.is_accessible_from(self)) {
            return None;
        }
        let state = self.state.shared.upgrade()?.realm(realm)?;
        // NOTE: the core's functions have the same places where the same is exposed.
        let (exposure, secure_context) = (state.exposure, state.secure_context);
        if exposure != self.state.exposure || secure_context != self.state.secure_context {
            return None;
        }
        let caller = self.caller.as_ref().unwrap_or(&self.state);
        let caller = Some(Rc::clone(caller)).filter(|caller| caller.id != realm);
        Some(Scope { caller, ..Scope::enter(&self.ctx, state)? })
    }

    /// Runs an instance member of Rust. A panic becomes an exception: none may cross the engine.
    pub(crate) fn invoke(&self, object: ObjectRef, member: MemberId, args: Vec<Value>) -> Result<Value> {
        let result = catch_unwind(AssertUnwindSafe(|| object.invoke(self, member, args)));
        self.outcome(result, member.interface)
    }

    fn outcome<T>(
        &self,
        result: std::thread::Result<std::result::Result<T, Exception>>,
        interface: &'static InterfaceDescriptor,
    ) -> Result<T> {
        match result {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(exception)) => Err(self.throw(exception)),
            Err(_) => {
                tracing::error!(interface = interface.name, "a member panicked");
                Err(self.type_error(&format!("{} failed", interface.name)))
            }
        }
    }

    /// <https://webidl.spec.whatwg.org/#dfn-attribute-getter>
    fn get(
        &self,
        interface: &'static InterfaceDescriptor,
        index: usize,
        attribute: &'static AttributeDescriptor,
        hosted: Option<usize>,
        this: &JsValue<'js>,
    ) -> Result<JsValue<'js>> {
        let member = MemberId { interface, part: MemberPart::Get(index) };
        if attribute.is_static {
            return match hosted {
                Some(hosted) => self.apply(&self.hosted(hosted)?, None, []),
                None => {
                    let value = self.invoke_static(interface, member, Vec::new())?;
                    self.to_js(value, Some(&attribute.r#type))
                }
            };
        }
        let receiver = match self.this(this, interface, attribute.name) {
            Ok(receiver) => receiver,
            Err(error) if attribute.lenient_this => {
                self.thrown(error);
                return Ok(JsValue::new_undefined(self.ctx.clone()));
            }
            Err(error) => return Err(error),
        };
        if let Some(home) = self.home_of(&receiver, this) {
            return self.shown_here(home.get(interface, index, attribute, hosted, this)?);
        }
        if let IdlType::ObservableArray(item) = attribute.r#type {
            return self.observable_array(&receiver, interface, index, item);
        }
        if attribute.event_handler {
            let name = self.string_to_js(&attribute.name.into())?;
            let value = self.call_export("getEventHandler", &[receiver.object().into_value(), name])?;
            return Ok(value.unwrap_or_else(|| JsValue::new_null(self.ctx.clone())));
        }
        if attribute.same_object
            && let Some(value) = receiver.kept(&self.ctx, interface, index)
        {
            return Ok(value);
        }
        let value = match hosted {
            Some(hosted) => {
                let slots = receiver.slots(self)?.into_value();
                self.apply(&self.hosted(hosted)?, Some(receiver.object().into_value()), [slots])?
            }
            None => {
                let object =
                    receiver.native().ok_or_else(|| self.type_error("there is nothing behind the object"))?;
                let value = self.invoke(object, member, Vec::new())?;
                self.to_js(value, Some(&attribute.r#type))?
            }
        };
        // NOTE: a wrapper that script does not refer to would be collected, and with it what script has put on it: the object
        // that led to it holds it for as long as it gives this one.
        if hosted.is_none() && (attribute.same_object || gives_same_wrapper(attribute)) {
            receiver.keep(&self.ctx, interface, index, value.clone());
        }
        Ok(value)
    }

    /// <https://webidl.spec.whatwg.org/#dfn-attribute-setter>
    fn set(
        &self,
        interface: &'static InterfaceDescriptor,
        index: usize,
        hosted: Option<usize>,
        this: &JsValue<'js>,
        value: JsValue<'js>,
    ) -> Result<()> {
        let attribute = &interface.attributes[index];
        let what = format!("{}.{}", interface.name, attribute.name);
        let member = MemberId { interface, part: MemberPart::Set(index) };
        if attribute.is_static {
            let converted = self.convert_to(value, &attribute.r#type, &what)?;
            return match hosted {
                Some(hosted) => {
                    self.apply(&self.hosted(hosted)?, None, [converted.into_js(self)?]).map(|_| ())
                }
                None => self.invoke_static(interface, member, vec![converted.into_value(self)?]).map(|_| ()),
            };
        }
        // 3.5. The brand check comes before anything is done with the value.
        let receiver = match self.this(this, interface, attribute.name) {
            Ok(receiver) => receiver,
            Err(error) if attribute.lenient_this => {
                self.thrown(error);
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        if let Some(home) = self.home_of(&receiver, this) {
            return home.set(interface, index, hosted, this, value);
        }
        // 3.7. [Replaceable]
        if attribute.replaceable {
            return receiver.object().prop(attribute.name, data(value));
        }
        // 3.8. [LegacyLenientSetter]
        if attribute.lenient_setter {
            return Ok(());
        }
        // 3.9. [PutForwards]
        if let Some(forwards) = attribute.put_forwards {
            let target: JsValue<'js> = receiver.object().get(attribute.name)?;
            let Some(target) = target.into_object() else {
                return Err(self.type_error(&format!("{what} is not an object")));
            };
            return target.set(forwards, value);
        }
        if attribute.event_handler {
            let null = JsValue::new_null(self.ctx.clone());
            let value = if value.is_object() { value } else { null };
            let name = self.string_to_js(&attribute.name.into())?;
            return self
                .call_export("setEventHandler", &[receiver.object().into_value(), name, value])
                .map(|_| ());
        }
        // 4.1. A string that is no value of an enumeration is passed over.
        if let IdlType::Enumeration(enumeration) = &attribute.r#type {
            let string = self.to_string(value.clone())?;
            let text = self.dom_string(&string)?;
            if !enumeration.values.iter().any(|known| text == *known) {
                return Ok(());
            }
        }
        let converted = self.convert_to(value, &attribute.r#type, &what)?;
        if let IdlType::ObservableArray(item) = attribute.r#type {
            let array = self.observable_array(&receiver, interface, index, item)?;
            let items = converted.into_js(self)?;
            return self.helper("replaceObservableArray")?.call((array, items));
        }
        match hosted {
            Some(hosted) => {
                let slots = receiver.slots(self)?.into_value();
                let args = [slots, converted.into_js(self)?];
                self.apply(&self.hosted(hosted)?, Some(receiver.object().into_value()), args)?;
            }
            None => {
                let object =
                    receiver.native().ok_or_else(|| self.type_error("there is nothing behind the object"))?;
                let value = converted.into_value(self)?;
                self.invoke(object, member, vec![value])?;
            }
        }
        Ok(())
    }

    /// <https://webidl.spec.whatwg.org/#dfn-create-operation-function>
    fn operation(
        &self,
        interface: &'static InterfaceDescriptor,
        index: usize,
        hosted: Option<usize>,
        this: &JsValue<'js>,
        args: &[JsValue<'js>],
    ) -> Result<JsValue<'js>> {
        let operation = &interface.operations[index];
        let what = format!("{}.{}", interface.name, operation.name);
        // 2.1.2. The brand check comes before the arguments.
        let receiver =
            if operation.is_static { None } else { Some(self.this(this, interface, operation.name)?) };
        if let Some(home) = receiver.as_ref().and_then(|receiver| self.home_of(receiver, this)) {
            return self.shown_here(home.operation(interface, index, hosted, this, args)?);
        }
        let (overload, converted) = self.resolve_overload(operation.overloads, args, &what)?;
        let descriptor = &operation.overloads[overload];
        if let Some(hosted) = hosted {
            let mut values = Vec::new();
            if let Some(receiver) = &receiver {
                values.push(receiver.slots(self)?.into_value());
            }
            self.spread(descriptor, converted, &mut values)?;
            let this = receiver.map(|receiver| receiver.object().into_value());
            return self.apply(&self.hosted(hosted)?, this, values);
        }
        let values: Vec<Value> =
            converted.into_iter().map(|value| value.into_value(self)).collect::<Result<_>>()?;
        let member = MemberId { interface, part: MemberPart::Call { operation: index, overload } };
        let value = match receiver {
            None => self.invoke_static(interface, member, values)?,
            Some(receiver) => {
                let object =
                    receiver.native().ok_or_else(|| self.type_error("there is nothing behind the object"))?;
                self.invoke(object, member, values)?
            }
        };
        self.to_js(value, Some(&descriptor.returns))
    }

    /// Converted arguments for the self-hosted core; variadic ones one by one.
    fn spread(
        &self,
        overload: &Overload,
        converted: Vec<Converted<'js>>,
        values: &mut Vec<JsValue<'js>>,
    ) -> Result<()> {
        let variadic = overload.is_variadic();
        let last = converted.len().saturating_sub(1);
        for (index, value) in converted.into_iter().enumerate() {
            match value {
                Converted::Sequence(items) if variadic && index == last => {
                    for item in items {
                        values.push(item.into_js(self)?);
                    }
                }
                value => values.push(value.into_js(self)?),
            }
        }
        Ok(())
    }

    fn invoke_static(
        &self,
        interface: &'static InterfaceDescriptor,
        member: MemberId,
        args: Vec<Value>,
    ) -> Result<Value> {
        let mounted = self.mounted(interface);
        let statics = mounted.and_then(|mounted| match mounted.binding.implementation {
            Implementation::Native { statics, .. } => statics,
            _ => None,
        });
        let Some(statics) = statics else {
            return Err(self.type_error(&format!("{} has no static members", interface.name)));
        };
        let result = catch_unwind(AssertUnwindSafe(|| statics(self, member, args)));
        self.outcome(result, interface)
    }

    /// <https://webidl.spec.whatwg.org/#js-stringifier>
    fn stringify(
        &self,
        interface: &'static InterfaceDescriptor,
        hosted: Option<usize>,
        this: &JsValue<'js>,
    ) -> Result<JsValue<'js>> {
        let receiver = self.this(this, interface, "toString")?;
        if let Some(home) = self.home_of(&receiver, this) {
            return home.stringify(interface, hosted, this);
        }
        if let Some(hosted) = hosted {
            let slots = receiver.slots(self)?.into_value();
            return self.apply(&self.hosted(hosted)?, Some(receiver.object().into_value()), [slots]);
        }
        let object =
            receiver.native().ok_or_else(|| self.type_error("there is nothing behind the object"))?;
        let part = match interface.stringifier {
            Some(Stringifier::Attribute(index)) => MemberPart::Get(index),
            _ => MemberPart::Stringify,
        };
        let value = self.invoke(object, MemberId { interface, part }, Vec::new())?;
        self.to_js(value, None)
    }

    /// The current value pairs of an iterable object, as arrays.
    pub(crate) fn pairs(
        &self,
        interface: &'static InterfaceDescriptor,
        hosted: Option<usize>,
        this: &JsValue<'js>,
    ) -> Result<JsValue<'js>> {
        let receiver = self.this(this, interface, "entries")?;
        if let Some(hosted) = hosted {
            let slots = receiver.slots(self)?.into_value();
            return self.apply(&self.hosted(hosted)?, Some(receiver.object().into_value()), [slots]);
        }
        let object =
            receiver.native().ok_or_else(|| self.type_error("there is nothing behind the object"))?;
        let value = self.invoke(object, MemberId { interface, part: MemberPart::Pairs }, Vec::new())?;
        self.to_js(value, None)
    }

    /// <https://webidl.spec.whatwg.org/#dfn-create-interface-object>, its steps for `new`.
    fn construct(
        &self,
        interface: &'static InterfaceDescriptor,
        hosted: Option<usize>,
        new_target: &JsValue<'js>,
        args: &[JsValue<'js>],
    ) -> Result<JsValue<'js>> {
        if interface.constructors.is_empty() {
            return Err(self.type_error("Illegal constructor"));
        }
        let (constructor, converted) = self.resolve_overload(interface.constructors, args, interface.name)?;
        if let Some(hosted) = hosted {
            let prototype = self.prototype_for(interface, new_target)?;
            let receiver = self.create_hosted(interface, prototype)?;
            let object = receiver.object();
            let mut values = vec![receiver.slots(self)?.into_value()];
            self.spread(&interface.constructors[constructor], converted, &mut values)?;
            self.apply(&self.hosted(hosted)?, Some(object.clone().into_value()), values)?;
            return Ok(object.into_value());
        }
        let mounted = self.mounted(interface);
        let construct = mounted.and_then(|mounted| match mounted.binding.implementation {
            Implementation::Native { construct, .. } => construct,
            _ => None,
        });
        let Some(construct) = construct else { return Err(self.type_error("Illegal constructor")) };
        let values: Vec<Value> =
            converted.into_iter().map(|value| value.into_value(self)).collect::<Result<_>>()?;
        let prototype = self.prototype_for(interface, new_target)?;
        let result = catch_unwind(AssertUnwindSafe(|| construct(self, constructor, values)));
        let object = self.outcome(result, interface)?;
        if Arc::strong_count(&object) > 1
            && let Some(wrapper) = self.cached_wrapper(crate::objects::address(&object))
        {
            // NOTE: the constructor has shown it to the core already, without its `new.target`.
            self.helper("setPrototype")?.call::<_, ()>((wrapper.clone(), prototype))?;
            return Ok(wrapper.into_value());
        }
        self.wrap_with(&object, prototype).map(Object::into_value)
    }

    /// <https://webidl.spec.whatwg.org/#legacy-factory-functions>, its steps for `new`.
    fn factory(
        &self,
        interface: &'static InterfaceDescriptor,
        index: usize,
        hosted: Option<usize>,
        new_target: &JsValue<'js>,
        args: &[JsValue<'js>],
    ) -> Result<JsValue<'js>> {
        let factory = &interface.factories[index];
        let (overload, converted) = self.resolve_overload(factory.overloads, args, factory.name)?;
        let prototype = self.prototype_for(interface, new_target)?;
        if let Some(hosted) = hosted {
            let receiver = self.create_hosted(interface, prototype)?;
            let object = receiver.object().into_value();
            let mut values = vec![receiver.slots(self)?.into_value()];
            self.spread(&factory.overloads[overload], converted, &mut values)?;
            self.apply(&self.hosted(hosted)?, Some(object.clone()), values)?;
            return Ok(object);
        }
        let values: Vec<Value> =
            converted.into_iter().map(|value| value.into_value(self)).collect::<Result<_>>()?;
        let member = MemberId { interface, part: MemberPart::Factory { factory: index, overload } };
        match self.invoke_static(interface, member, values)? {
            Value::Object(object) => self.wrap_with(&object, prototype).map(Object::into_value),
            other => self.to_js(other, None),
        }
    }

    /// Changes the entries of a maplike or setlike.
    pub(crate) fn entry_write(
        &self,
        interface: &'static InterfaceDescriptor,
        receiver: &Receiver<'js>,
        part: MemberPart,
        name: &str,
        args: Vec<Converted<'js>>,
    ) -> Result<JsValue<'js>> {
        if interface.self_hosted {
            let hosted = self.mounted(interface).and_then(|mounted| mounted.hosted.clone());
            let hosted = hosted.ok_or(rquickjs::Error::Unknown)?.restore(&self.ctx)?;
            let function: JsValue<'js> = hosted.get(format!("entries {name}"))?;
            let Some(function) = function.into_function() else {
                let why = format!("the core's {} has no \"entries {name}\"", interface.name);
                return Err(self.type_error(&why));
            };
            let mut values = vec![receiver.slots(self)?.into_value()];
            for value in args {
                values.push(value.into_js(self)?);
            }
            return self.apply(&function, Some(receiver.object().into_value()), values);
        }
        let object =
            receiver.native().ok_or_else(|| self.type_error("there is nothing behind the object"))?;
        let values = args.into_iter().map(|value| value.into_value(self)).collect::<Result<_>>()?;
        let value = self.invoke(object, MemberId { interface, part }, values)?;
        self.to_js(value, None)
    }

    /// <https://webidl.spec.whatwg.org/#internally-create-a-new-object-implementing-the-interface>, its prototype.
    fn prototype_for(
        &self,
        interface: &'static InterfaceDescriptor,
        new_target: &JsValue<'js>,
    ) -> Result<Object<'js>> {
        if let Some(new_target) = new_target.as_object() {
            let prototype: JsValue<'js> = new_target.get(PredefinedAtom::Prototype)?;
            if let Some(prototype) = prototype.into_object() {
                return Ok(prototype);
            }
            // 3.4. The interface's own prototype, of the realm that `newTarget` is of.
            if let Some(realm) = self.realm_of_function(new_target)?
                && let Some(scope) = Scope::enter(&self.ctx, realm)
            {
                return scope.prototype_of(interface).or_else(|error| {
                    scope.thrown(error);
                    self.prototype_of(interface)
                });
            }
        }
        self.prototype_of(interface)
    }

    /// <https://tc39.es/ecma262/#sec-getfunctionrealm>, if it is another one.
    ///
    /// NOTE: the engine keeps it to itself, but its constructors act on it: what they make has the prototype of that realm.
    fn realm_of_function(&self, function: &Object<'js>) -> Result<Option<Rc<RealmState>>> {
        if let Some(class) = Class::<NativeFunction>::from_object(function) {
            return Ok(Some(Rc::clone(&class.borrow().realm)));
        }
        let prototype: Object<'js> = self.helper("prototypeInRealmOf")?.call((function.clone(),))?;
        let realms = self.state.shared.upgrade().map(|shared| shared.realms()).unwrap_or_default();
        let is_its = |realm: &Rc<RealmState>| {
            let helpers = realm.roots.borrow().helpers.clone();
            let known = helpers.and_then(|helpers| helpers.restore(&self.ctx).ok());
            known
                .and_then(|helpers| helpers.get::<_, Object<'js>>("MapPrototype").ok())
                .is_some_and(|known| known == prototype)
        };
        Ok(realms.into_iter().find(is_its))
    }
}

/// Whether an attribute gives a platform object that exists without it.
fn gives_same_wrapper(attribute: &AttributeDescriptor) -> bool {
    let r#type = match &attribute.r#type {
        IdlType::Nullable(inner) => *inner,
        other => other,
    };
    !attribute.new_object && matches!(r#type, IdlType::Interface(_))
}
