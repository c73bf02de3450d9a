//! Objects with indexed or named properties: what their traps ask of the implementation.
//!
//! <https://webidl.spec.whatwg.org/#dfn-legacy-platform-object>

use longhaul_idl::runtime::{
    IdlType, InterfaceDescriptor, MemberId, MemberPart, SpecialDescriptor, SpecialsDescriptor, Value,
};
use rquickjs::{Function, Object, Persistent, Result, Value as JsValue};

use crate::{
    from_js::Converted,
    objects::Receiver,
    realm::{Scope, address_of},
};

/// A special operation, and the interface that declares it.
type Special = (&'static InterfaceDescriptor, &'static SpecialDescriptor);

/// What the special operation of a kind is, inherited or not.
fn special(
    interface: &'static InterfaceDescriptor,
    of: fn(&'static InterfaceDescriptor) -> Option<&'static SpecialsDescriptor>,
    which: fn(&'static SpecialsDescriptor) -> Option<&'static SpecialDescriptor>,
) -> Option<Special> {
    match of(interface).and_then(which) {
        Some(found) => Some((interface, found)),
        None => special(interface.parent?, of, which),
    }
}

fn indexed(interface: &'static InterfaceDescriptor) -> Option<&'static SpecialsDescriptor> {
    interface.indexed.as_ref()
}

fn named(interface: &'static InterfaceDescriptor) -> Option<&'static SpecialsDescriptor> {
    interface.named.as_ref()
}

/// The nearest interface that has something.
fn nearest(
    interface: &'static InterfaceDescriptor,
    has: impl Fn(&'static InterfaceDescriptor) -> bool,
) -> Option<&'static InterfaceDescriptor> {
    let mut current = Some(interface);
    while let Some(found) = current {
        if has(found) {
            return Some(found);
        }
        current = found.parent;
    }
    None
}

/// Whether objects of an interface are legacy platform objects. A global's named properties are on an object of their own.
pub(crate) fn is_legacy(interface: &'static InterfaceDescriptor) -> bool {
    nearest(interface, |found| found.global).is_none()
        && nearest(interface, |found| found.indexed.is_some() || found.named.is_some()).is_some()
}

impl<'js> Scope<'js> {
    /// Puts the proxy of a legacy platform object in front of its wrapper.
    pub(crate) fn make_legacy(
        &self,
        interface: &'static InterfaceDescriptor,
        receiver: &Receiver<'js>,
    ) -> Result<()> {
        let known = self.state.roots.borrow().legacy_handlers.get(&address_of(interface)).cloned();
        let handler = match known {
            Some(handler) => handler.restore(&self.ctx)?,
            None => {
                let handler: Object<'js> =
                    self.helper("legacyHandler")?.call((self.special_operations(interface)?,))?;
                let saved = Persistent::save(&self.ctx, handler.clone());
                self.state.roots.borrow_mut().legacy_handlers.insert(address_of(interface), saved);
                handler
            }
        };
        let proxy: Object<'js> = self.helper("legacyProxy")?.call((receiver.object(), handler))?;
        if let Receiver::Wrapper(class) = receiver {
            *class.borrow().proxy.borrow_mut() = Some(proxy);
        }
        Ok(())
    }

    /// The functions that the traps call, with the wrapper as their first argument.
    pub(crate) fn special_operations(&self, interface: &'static InterfaceDescriptor) -> Result<Object<'js>> {
        let ops: Object<'js> = self.helper("nullObject")?.call(())?;
        let flag = |name: &str, value: bool| ops.set(name, value);
        let is_indexed = nearest(interface, |found| found.indexed.is_some()).is_some();
        let names = nearest(interface, |found| found.named.is_some());
        flag("indexed", is_indexed)?;
        flag("named", names.is_some())?;
        flag("overrideBuiltIns", nearest(interface, |found| found.override_built_ins).is_some())?;
        flag("enumerable", nearest(interface, |found| found.unenumerable_named).is_none())?;
        ops.set(
            "proxyOf",
            self.closure("", 1, |scope, _, args| {
                let receiver = args.first().and_then(|value| scope.receiver(value));
                let undefined = || JsValue::new_undefined(scope.ctx.clone());
                Ok(receiver.map_or_else(undefined, |receiver| receiver.object().into_value()))
            })?,
        )?;
        if is_indexed {
            self.length_operation(interface, &ops)?;
        }
        let add = |name: &'static str, found: Option<Special>, part: MemberPart, key: &'static str| {
            let Some((of, special)) = found else { return Ok(()) };
            let run = self.closure("", 3, move |scope, _, args| {
                scope.special_operation(of, special, part, key, args)
            })?;
            ops.set(name, run)
        };
        add(
            "getIndexed",
            special(interface, indexed, |of| of.getter.as_ref()),
            MemberPart::IndexedGet,
            "indexedGet",
        )?;
        add(
            "setIndexed",
            special(interface, indexed, |of| of.setter.as_ref()),
            MemberPart::IndexedSet,
            "indexedSet",
        )?;
        add(
            "getNamed",
            special(interface, named, |of| of.getter.as_ref()),
            MemberPart::NamedGet,
            "namedGet",
        )?;
        add(
            "setNamed",
            special(interface, named, |of| of.setter.as_ref()),
            MemberPart::NamedSet,
            "namedSet",
        )?;
        add(
            "deleteNamed",
            special(interface, named, |of| of.deleter.as_ref()),
            MemberPart::NamedDelete,
            "namedDelete",
        )?;
        if let Some(names) = names {
            ops.set(
                "names",
                self.closure("", 1, move |scope, _, args| {
                    scope.special_call(names, MemberPart::SupportedNames, "supportedNames", &args[..1], None)
                })?,
            )?;
            ops.set(
                "supports",
                self.closure("", 2, move |scope, _, args| {
                    scope.special_call(names, MemberPart::SupportsName, "supportsName", args, None)
                })?,
            )?;
        }
        Ok(ops)
    }

    /// The supported property indices are those below `length`.
    fn length_operation(&self, interface: &'static InterfaceDescriptor, ops: &Object<'js>) -> Result<()> {
        let length = |of: &InterfaceDescriptor| {
            of.attributes.iter().position(|attribute| attribute.name == "length" && !attribute.is_static)
        };
        let of = nearest(interface, |found| length(found).is_some());
        let Some((of, index)) = of.and_then(|of| Some((of, length(of)?))) else {
            return Err(self.type_error(&format!("{} has indexed properties and no length", interface.name)));
        };
        let run = self.closure("", 1, move |scope, _, args| {
            scope.special_call(of, MemberPart::Get(index), "get length", &args[..1], None)
        })?;
        ops.set("length", run)
    }

    /// Runs a special operation on `args[0]`: a key, and a value for a setter.
    fn special_operation(
        &self,
        interface: &'static InterfaceDescriptor,
        special: &'static SpecialDescriptor,
        part: MemberPart,
        key: &'static str,
        args: &[JsValue<'js>],
    ) -> Result<JsValue<'js>> {
        let is_setter = matches!(part, MemberPart::IndexedSet | MemberPart::NamedSet);
        let value = args.get(2).filter(|_| is_setter);
        let what = format!("the value of a property of {}", interface.name);
        let value = value.map(|value| self.convert_to(value.clone(), &special.r#type, &what)).transpose()?;
        let value = match special.operation {
            Some((operation, overload)) => {
                let name = interface.operations[operation].name;
                self.special_call(interface, MemberPart::Call { operation, overload }, name, args, value)?
            }
            None => self.special_call(interface, part, key, args, value)?,
        };
        // A deleter that gives no boolean has deleted.
        if part == MemberPart::NamedDelete && !matches!(special.r#type, IdlType::Boolean) {
            return Ok(JsValue::new_bool(self.ctx.clone(), true));
        }
        Ok(value)
    }

    /// Runs a part of an interface on `args[0]`, with the key `args[1]`, if there is one, and a value.
    fn special_call(
        &self,
        interface: &'static InterfaceDescriptor,
        part: MemberPart,
        name: &'static str,
        args: &[JsValue<'js>],
        value: Option<Converted<'js>>,
    ) -> Result<JsValue<'js>> {
        let undefined = JsValue::new_undefined(self.ctx.clone());
        let receiver = self.this(args.first().unwrap_or(&undefined), interface, name)?;
        let key = args.get(1);
        if interface.self_hosted {
            let value = value.map(|value| value.into_js(self)).transpose()?;
            return self.hosted_special(interface, &receiver, part, name, [key.cloned(), value]);
        }
        let object =
            receiver.native().ok_or_else(|| self.type_error("there is nothing behind the object"))?;
        let mut values = Vec::new();
        if let Some(key) = key {
            values.push(match key.as_string() {
                Some(name) => Value::String(self.dom_string(name)?),
                None => Value::Number(key.as_number().unwrap_or_default()),
            });
        }
        if let Some(value) = value {
            values.push(value.into_value(self)?);
        }
        let returned = match part {
            MemberPart::Call { operation, overload } => {
                Some(&interface.operations[operation].overloads[overload].returns)
            }
            _ => None,
        };
        let value = self.invoke(object, MemberId { interface, part }, values)?;
        self.to_js(value, returned)
    }

    fn hosted_special(
        &self,
        interface: &'static InterfaceDescriptor,
        receiver: &Receiver<'js>,
        part: MemberPart,
        name: &'static str,
        args: [Option<JsValue<'js>>; 2],
    ) -> Result<JsValue<'js>> {
        let hosted = self.mounted(interface).and_then(|mounted| mounted.hosted.clone());
        let hosted = hosted.ok_or(rquickjs::Error::Unknown)?.restore(&self.ctx)?;
        let run = |name: &str| -> Result<Option<Function<'js>>> {
            Ok(hosted.get::<_, JsValue<'js>>(name)?.into_function())
        };
        let this = receiver.object().into_value();
        let slots = receiver.slots(self)?.into_value();
        if let Some(function) = run(name)? {
            let values = [Some(slots)].into_iter().chain(args).flatten();
            return self.apply(&function, Some(this), values);
        }
        // NOTE: `supportsName` may be left out: the names say it.
        if part == MemberPart::SupportsName
            && let Some(names) = run("supportedNames")?
        {
            let names = self.apply(&names, Some(this), [slots])?;
            return self.helper("includes")?.call((names, args[0].clone()));
        }
        Err(self.type_error(&format!("the core's {} has no \"{name}\"", interface.name)))
    }
}
