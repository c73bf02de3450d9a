//! Mounting interfaces in a realm: interface objects, prototypes, members, namespaces.
//!
//! <https://webidl.spec.whatwg.org/#js-interfaces>

use std::rc::Rc;

use longhaul_idl::{
    dom_exception,
    runtime::{
        AttributeDescriptor, Condition, ConstantValue, IdlType, InterfaceBinding, InterfaceDescriptor,
        InterfaceKind, IterableDescriptor, IterableKind, MemberPart, Overload, Stringifier,
    },
};
use rquickjs::{
    Function, Object, Persistent, Result, Value as JsValue, atom::PredefinedAtom, object::Property,
};

use crate::{
    call::FunctionKind,
    define::{self, Configurable},
    from_js::Converted,
    realm::{Mounted, Scope, address_of},
    wrapper,
};

/// Where members go.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Instance,
    Static,
}

impl<'js> Scope<'js> {
    fn exists(&self, condition: &Condition) -> bool {
        condition.holds(self.state.exposure.set(), self.state.secure_context)
    }

    /// Mounts every interface that is exposed here, parents first.
    pub(crate) fn mount(&self, bindings: &[InterfaceBinding], definitions: &Object<'js>) -> Result<()> {
        let mut waiting: Vec<&InterfaceBinding> =
            bindings.iter().filter(|binding| self.exists(&binding.descriptor.condition)).collect();
        while !waiting.is_empty() {
            let before = waiting.len();
            let mut later = Vec::new();
            for binding in waiting {
                let parent = binding.descriptor.parent;
                let ready = parent
                    .is_none_or(|parent| self.state.roots.borrow().mounted.contains_key(&address_of(parent)));
                if ready { self.mount_one(binding, definitions)? } else { later.push(binding) }
            }
            if later.len() == before {
                let (name, parent) =
                    (later[0].descriptor.name, later[0].descriptor.parent.map_or("", |parent| parent.name));
                return Err(self.type_error(&format!("{name} inherits from {parent}, which is not mounted")));
            }
            waiting = later;
        }
        Ok(())
    }

    fn mount_one(&self, binding: &InterfaceBinding, definitions: &Object<'js>) -> Result<()> {
        let interface = binding.descriptor;
        let global = self.global_object();
        // NOTE: the core may also take over single members of a native interface.
        let definition = definitions.get::<_, JsValue<'js>>(interface.name)?.into_object();
        if interface.self_hosted && definition.is_none() {
            return Err(self.type_error(&format!("the core does not define {}", interface.name)));
        }
        if interface.kind == InterfaceKind::CallbackInterface {
            return self.legacy_callback_interface(interface);
        }
        if interface.kind == InterfaceKind::Namespace {
            let mut namespace = Object::new(self.ctx.clone())?;
            if interface.empty_prototype {
                namespace = Object::new_proto(self.ctx.clone(), Some(&namespace))?;
            }
            self.class_string(&namespace, interface.name)?;
            self.constants(interface, &namespace)?;
            self.members(interface, &namespace, Place::Static, definition.as_ref(), |_| true)?;
            self.remember(binding, namespace.clone(), None);
            return global.prop(interface.name, Property::from(namespace).writable().configurable());
        }

        // The interface prototype object.
        let parent_prototype = match interface.parent {
            Some(parent) => self.prototype_of(parent)?,
            None if *interface == dom_exception::DESCRIPTOR => {
                let helpers = self.state.roots.borrow().helpers.clone().ok_or(rquickjs::Error::Unknown)?;
                helpers.restore(&self.ctx)?.get("ErrorPrototype")?
            }
            None => self
                .ctx
                .globals()
                .get::<_, Object<'js>>(PredefinedAtom::Object)?
                .get(PredefinedAtom::Prototype)?,
        };
        let parent_prototype =
            self.named_properties_object(interface, &parent_prototype)?.unwrap_or(parent_prototype);
        let prototype = Object::new_proto(self.ctx.clone(), Some(&parent_prototype))?;
        self.remember(binding, prototype.clone(), definition.as_ref());
        self.class_string(&prototype, interface.name)?;

        if !interface.unscopables.is_empty() {
            let unscopables: Object<'js> = self.helper("nullObject")?.call(())?;
            for name in interface.unscopables {
                unscopables.prop(*name, crate::to_js::data(true))?;
            }
            prototype.prop(PredefinedAtom::SymbolUnscopables, Property::from(unscopables).configurable())?;
        }

        // The interface object.
        let hosted = if interface.self_hosted && !interface.constructors.is_empty() {
            self.hosted_function(interface, definition.as_ref(), "construct")?
        } else {
            None
        };
        let constructor = wrapper::function(
            &self.ctx,
            &self.state,
            interface.name,
            self.length(interface.constructors),
            FunctionKind::Construct { interface, hosted },
        )?
        .with_constructor(true);
        if let Some(parent) = interface.parent {
            let parent: JsValue<'js> = self.prototype_of(parent)?.get(PredefinedAtom::Constructor)?;
            self.helper("setPrototype")?.call::<_, ()>((constructor.clone(), parent))?;
        }
        constructor.prop(PredefinedAtom::Prototype, Property::from(prototype.clone()))?;
        prototype.prop(
            PredefinedAtom::Constructor,
            Property::from(constructor.clone()).writable().configurable(),
        )?;
        self.constants(interface, &constructor)?;
        self.constants(interface, &prototype)?;
        self.members(interface, &constructor, Place::Static, definition.as_ref(), |_| true)?;
        // <https://webidl.spec.whatwg.org/#Global>: the members of a global's interface are the global's own.
        let target = if interface.global { &global } else { &prototype };
        self.members(interface, target, Place::Instance, definition.as_ref(), |unforgeable| {
            interface.global || !unforgeable
        })?;
        let own = matches!(interface.stringifier, Some(Stringifier::Attribute(index)) if interface.attributes[index].unforgeable);
        if interface.global || !own {
            self.stringifier(interface, target, definition.as_ref())?;
        }
        self.iterable(interface, target, definition.as_ref())?;
        if interface.indexed.is_some() {
            let is_iterable =
                interface.iterable.as_ref().is_some_and(|found| found.kind == IterableKind::Values);
            self.helper("indexedIterators")?.call::<_, ()>((target.clone(), is_iterable))?;
        }
        self.factories(interface, &prototype, definition.as_ref())?;

        if !interface.no_interface_object && interface.kind == InterfaceKind::Interface {
            global.prop(interface.name, Property::from(constructor.clone()).writable().configurable())?;
            if self.state.exposure == longhaul_idl::runtime::Exposure::Window {
                for alias in interface.window_aliases {
                    global.prop(*alias, Property::from(constructor.clone()).writable().configurable())?;
                }
            }
        }
        Ok(())
    }

    /// <https://webidl.spec.whatwg.org/#legacy-callback-interface-object>: where its constants are.
    fn legacy_callback_interface(&self, interface: &'static InterfaceDescriptor) -> Result<()> {
        let object = self.closure(interface.name, 0, |scope, _, _| {
            Err(scope.type_error("it is an interface of callbacks, which nobody makes"))
        })?;
        self.constants(interface, &object)?;
        self.global_object().prop(interface.name, Property::from(object).writable().configurable())
    }

    fn remember(&self, binding: &InterfaceBinding, prototype: Object<'js>, definition: Option<&Object<'js>>) {
        let mounted = Mounted {
            binding: *binding,
            prototype: Persistent::save(&self.ctx, prototype),
            hosted: definition.map(|definition| Persistent::save(&self.ctx, definition.clone())),
        };
        self.state.roots.borrow_mut().mounted.insert(address_of(binding.descriptor), Rc::new(mounted));
    }

    /// <https://webidl.spec.whatwg.org/#dfn-class-string>
    fn class_string(&self, object: &Object<'js>, name: &str) -> Result<()> {
        object.prop(PredefinedAtom::SymbolToStringTag, Property::from(name).configurable())
    }

    /// <https://webidl.spec.whatwg.org/#js-constants>
    fn constants(&self, interface: &'static InterfaceDescriptor, object: &Object<'js>) -> Result<()> {
        for constant in interface.constants.iter().filter(|constant| self.exists(&constant.condition)) {
            let value = match constant.value {
                ConstantValue::Boolean(value) => JsValue::new_bool(self.ctx.clone(), value),
                ConstantValue::Number(value) => self.number_to_js(value),
            };
            object.prop(constant.name, Property::from(value).enumerable())?;
        }
        Ok(())
    }

    /// The place of the self-hosted core's function for a member; `None` if Rust implements it.
    fn hosted_function(
        &self,
        interface: &'static InterfaceDescriptor,
        definition: Option<&Object<'js>>,
        key: &str,
    ) -> Result<Option<usize>> {
        let function = definition.map(|definition| definition.get::<_, JsValue<'js>>(key)).transpose()?;
        let Some(function) = function.and_then(JsValue::into_function) else {
            if interface.self_hosted {
                return Err(self.type_error(&format!("the core's {} has no \"{key}\"", interface.name)));
            }
            return Ok(None);
        };
        let mut roots = self.state.roots.borrow_mut();
        roots.hosted_functions.push(Persistent::save(&self.ctx, function));
        Ok(Some(roots.hosted_functions.len() - 1))
    }

    /// <https://webidl.spec.whatwg.org/#js-attributes> and <https://webidl.spec.whatwg.org/#js-operations>
    fn members(
        &self,
        interface: &'static InterfaceDescriptor,
        target: &Object<'js>,
        place: Place,
        definition: Option<&Object<'js>>,
        wanted: impl Fn(bool) -> bool,
    ) -> Result<()> {
        for (index, attribute) in interface.attributes.iter().enumerate() {
            if attribute.is_static == (place == Place::Static)
                && self.exists(&attribute.condition)
                && wanted(attribute.unforgeable)
            {
                self.attribute(interface, index, attribute, target, definition)?;
            }
        }
        for (index, operation) in interface.operations.iter().enumerate() {
            let exists = operation.overloads.iter().any(|overload| self.exists(&overload.condition));
            if operation.is_static != (place == Place::Static) || !exists || !wanted(operation.unforgeable) {
                continue;
            }
            let prefix = if operation.is_static { "static " } else { "" };
            let hosted =
                self.hosted_function(interface, definition, &format!("{prefix}{}", operation.name))?;
            let kind = FunctionKind::Call { interface, index, hosted };
            let length = self.length(operation.overloads);
            let function = wrapper::function(&self.ctx, &self.state, operation.name, length, kind.clone())?;
            let property = Property::from(function).enumerable();
            if operation.unforgeable {
                target.prop(operation.name, property)?;
            } else {
                target.prop(operation.name, property.writable().configurable())?;
            }
            if operation.stringifier {
                let function = wrapper::function(&self.ctx, &self.state, "toString", 0, kind)?;
                target.prop("toString", Property::from(function).enumerable().writable().configurable())?;
            }
        }
        Ok(())
    }

    fn attribute(
        &self,
        interface: &'static InterfaceDescriptor,
        index: usize,
        attribute: &'static AttributeDescriptor,
        target: &Object<'js>,
        definition: Option<&Object<'js>>,
    ) -> Result<()> {
        let prefix = if attribute.is_static { "static " } else { "" };
        // NOTE: these are the adapter's own.
        let is_kept = attribute.event_handler || matches!(attribute.r#type, IdlType::ObservableArray(_));
        let hosted = |part: &str| match is_kept {
            true => Ok(None),
            false => {
                self.hosted_function(interface, definition, &format!("{prefix}{part} {}", attribute.name))
            }
        };
        let kind = FunctionKind::Get { interface, index, hosted: hosted("get")? };
        let getter = wrapper::function(&self.ctx, &self.state, &format!("get {}", attribute.name), 0, kind)?;
        let special = attribute.put_forwards.is_some() || attribute.replaceable || attribute.lenient_setter;
        let setter: JsValue<'js> = if !attribute.readonly || special {
            let kind =
                FunctionKind::Set { interface, index, hosted: if special { None } else { hosted("set")? } };
            wrapper::function(&self.ctx, &self.state, &format!("set {}", attribute.name), 1, kind)?
                .into_value()
        } else {
            JsValue::new_undefined(self.ctx.clone())
        };
        let configurable = if attribute.unforgeable { Configurable::No } else { Configurable::Yes };
        define::accessor(target, attribute.name, &getter, &setter, configurable)
    }

    /// The `length` of a function: the fewest arguments any overload needs.
    fn length(&self, overloads: &'static [Overload]) -> usize {
        let exposed = overloads.iter().filter(|overload| self.exists(&overload.condition));
        exposed.map(Overload::required).min().unwrap_or(0)
    }

    /// <https://webidl.spec.whatwg.org/#js-stringifier>
    fn stringifier(
        &self,
        interface: &'static InterfaceDescriptor,
        target: &Object<'js>,
        definition: Option<&Object<'js>>,
    ) -> Result<()> {
        let Some(stringifier) = interface.stringifier else { return Ok(()) };
        let unforgeable =
            matches!(stringifier, Stringifier::Attribute(index) if interface.attributes[index].unforgeable);
        let key = match stringifier {
            Stringifier::Attribute(index) => format!("get {}", interface.attributes[index].name),
            Stringifier::Behaviour => "toString".to_owned(),
        };
        let hosted = self.hosted_function(interface, definition, &key)?;
        let kind = FunctionKind::Stringify { interface, hosted };
        let function = wrapper::function(&self.ctx, &self.state, "toString", 0, kind)?;
        let property = Property::from(function).enumerable();
        if unforgeable {
            target.prop("toString", property)
        } else {
            target.prop("toString", property.writable().configurable())
        }
    }

    /// <https://webidl.spec.whatwg.org/#js-iterable>
    fn iterable(
        &self,
        interface: &'static InterfaceDescriptor,
        target: &Object<'js>,
        definition: Option<&Object<'js>>,
    ) -> Result<()> {
        let Some(iterable) = &interface.iterable else { return Ok(()) };
        let name = interface.name;
        let check_callback = self.closure("", 2, move |scope, _, args| {
            let given = args.get(1).and_then(JsValue::as_number).unwrap_or(0.0);
            if given < 1.0 {
                return Err(scope.type_error(&format!("{name}.forEach needs at least 1 argument, but got 0")));
            }
            match args.first().filter(|callback| callback.is_function()) {
                Some(_) => Ok(JsValue::new_undefined(scope.ctx.clone())),
                None => Err(scope.type_error(&format!("{name}.forEach: argument 1 is not a function"))),
            }
        })?;
        if iterable.kind == IterableKind::Values {
            return Ok(());
        }
        if iterable.kind == IterableKind::Async {
            let Some(hosted) = self.hosted_function(interface, definition, "asyncIterate")? else {
                return Err(self.type_error(&format!(
                    "{name} is async iterable, and the core has no asyncIterate for it"
                )));
            };
            let start = self.closure("", 2, move |scope, _, args| {
                let undefined = JsValue::new_undefined(scope.ctx.clone());
                let receiver = scope.this(args.first().unwrap_or(&undefined), interface, "values")?;
                let mut values = vec![receiver.slots(scope)?.into_value()];
                let given: &[JsValue<'_>] = args.get(1..).unwrap_or_default();
                for (place, argument) in iterable.arguments.iter().enumerate() {
                    let what = format!("{name}.values: argument {} ({})", place + 1, argument.name);
                    values.push(scope.argument(argument, given.get(place), &what)?.into_js(scope)?);
                }
                scope.apply(&scope.hosted(hosted)?, Some(receiver.object().into_value()), values)
            })?;
            let is_pair = !matches!(iterable.key, IdlType::Undefined);
            return self.helper("asyncIterables")?.call((target.clone(), name, is_pair, start));
        }
        let hosted = self.hosted_function(interface, definition, "iterate")?;
        let pairs: Function<'js> = self.closure("", 1, move |scope, _, args| {
            let undefined = JsValue::new_undefined(scope.ctx.clone());
            scope.pairs(interface, hosted, args.first().unwrap_or(&undefined))
        })?;
        if iterable.kind == IterableKind::Pairs {
            return self.helper("pairIterators")?.call((target.clone(), name, pairs, check_callback));
        }
        let is_map = matches!(iterable.kind, IterableKind::ReadonlyMaplike | IterableKind::Maplike);
        let key = if is_map { &iterable.key } else { &iterable.value };
        let convert_key = self.closure("", 1, move |scope, _, args| {
            let value = args.first().cloned().unwrap_or_else(|| JsValue::new_undefined(scope.ctx.clone()));
            scope.convert_to(value, key, name)?.into_js(scope)
        })?;
        let writes: JsValue<'js> = if matches!(iterable.kind, IterableKind::Maplike | IterableKind::Setlike) {
            self.entry_writes(interface, iterable)?.into_value()
        } else {
            JsValue::new_undefined(self.ctx.clone())
        };
        self.helper("collections")?.call((
            target.clone(),
            name,
            is_map,
            pairs,
            convert_key,
            check_callback,
            writes,
        ))
    }

    /// What changes the entries of a maplike or setlike: functions that take the object first.
    fn entry_writes(
        &self,
        interface: &'static InterfaceDescriptor,
        iterable: &'static IterableDescriptor,
    ) -> Result<Object<'js>> {
        let writes: Object<'js> = self.helper("nullObject")?.call(())?;
        let (key, value) = match iterable.kind {
            IterableKind::Maplike => (&iterable.key, Some(&iterable.value)),
            _ => (&iterable.value, None),
        };
        for (name, part) in [
            ("set", MemberPart::EntrySet),
            ("delete", MemberPart::EntryDelete),
            ("clear", MemberPart::EntriesClear),
        ] {
            let run = self.closure("", 3, move |scope, _, args| {
                let undefined = JsValue::new_undefined(scope.ctx.clone());
                let receiver = scope.this(args.first().unwrap_or(&undefined), interface, name)?;
                let types: &[Option<&IdlType>] = match part {
                    MemberPart::EntrySet => &[Some(key), value],
                    MemberPart::EntryDelete => &[Some(key)],
                    _ => &[],
                };
                let mut converted = Vec::new();
                for (place, of) in types.iter().flatten().enumerate() {
                    let value = args.get(place + 1).cloned().unwrap_or_else(|| undefined.clone());
                    let value = match scope.convert_to(value, of, interface.name)? {
                        // <https://tc39.es/ecma262/#sec-canonicalizekeyedcollectionkey>
                        Converted::Number(number) if place == 0 && number == 0.0 => Converted::Number(0.0),
                        value => value,
                    };
                    converted.push(value);
                }
                scope.entry_write(interface, &receiver, part, name, converted)
            })?;
            writes.set(name, run)?;
        }
        Ok(writes)
    }

    /// <https://webidl.spec.whatwg.org/#LegacyFactoryFunction>
    fn factories(
        &self,
        interface: &'static InterfaceDescriptor,
        prototype: &Object<'js>,
        definition: Option<&Object<'js>>,
    ) -> Result<()> {
        for (index, factory) in interface.factories.iter().enumerate() {
            let hosted = if interface.self_hosted {
                self.hosted_function(interface, definition, &format!("new {}", factory.name))?
            } else {
                None
            };
            let kind = FunctionKind::Factory { interface, index, hosted };
            let length = self.length(factory.overloads);
            let function = wrapper::function(&self.ctx, &self.state, factory.name, length, kind)?;
            let function = function.with_constructor(true);
            function.prop(PredefinedAtom::Prototype, Property::from(prototype.clone()))?;
            self.global_object().prop(factory.name, Property::from(function).writable().configurable())?;
        }
        Ok(())
    }
}

/// <https://webidl.spec.whatwg.org/#define-the-unforgeable-regular-operations> and attributes, on an object.
///
/// OPTIMIZATION: the functions are made once a realm and shared by every object, as the standard has it anyway.
pub(crate) fn unforgeable_members<'js>(
    scope: &Scope<'js>,
    interface: &'static InterfaceDescriptor,
    object: &Object<'js>,
) -> Result<()> {
    let known = scope.state.roots.borrow().unforgeable.get(&address_of(interface)).cloned();
    let template = match known {
        Some(template) => template.restore(&scope.ctx)?,
        None => {
            let template = Object::new_proto(scope.ctx.clone(), None)?;
            let mounted =
                scope.mounted(interface).filter(|mounted| *mounted.binding.descriptor == *interface);
            let definition = mounted.and_then(|mounted| mounted.hosted.clone());
            let definition = definition.map(|definition| definition.restore(&scope.ctx)).transpose()?;
            scope.members(interface, &template, Place::Instance, definition.as_ref(), |unforgeable| {
                unforgeable
            })?;
            let stringifier = matches!(interface.stringifier, Some(Stringifier::Attribute(index))
                if interface.attributes[index].unforgeable);
            if stringifier {
                scope.stringifier(interface, &template, definition.as_ref())?;
            }
            let saved = Persistent::save(&scope.ctx, template.clone());
            scope.state.roots.borrow_mut().unforgeable.insert(address_of(interface), saved);
            template
        }
    };
    scope.helper("copyProperties")?.call((template, object.clone()))
}
