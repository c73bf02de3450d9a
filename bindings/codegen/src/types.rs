//! From what the parser gave to [`Model`]: types resolved, overloads grouped, conditions worked out.

use std::collections::{BTreeMap, BTreeSet};

use weedle::{
    argument::{Argument as RawArgument, ArgumentList},
    literal::{ConstValue, DefaultValue, FloatLit, IntegerLit},
    types::{
        FloatingPointType, IntegerType, NonAnyType, RecordKeyType, ReturnType, SingleType, Type as RawType,
        UnionMemberType,
    },
};

use crate::{
    Error,
    collect::{Attrs, Collected, RawInterface, RawMember, RawPart, RawSpecial, attr, attrs, has},
    model::{
        Argument, Attribute, Callback, Condition, Constant, Conversion, Dictionary, DictionaryMember,
        Integer, Interface, Iterable, Kind, Literal, Model, Operation, Overload, Reflect, Special, Specials,
        Stringifier, Type,
    },
};

/// The views, by name.
pub(crate) const VIEWS: &[&str] = &[
    "DataView",
    "Int8Array",
    "Uint8Array",
    "Uint8ClampedArray",
    "Int16Array",
    "Uint16Array",
    "Int32Array",
    "Uint32Array",
    "BigInt64Array",
    "BigUint64Array",
    "Float16Array",
    "Float32Array",
    "Float64Array",
];

/// Resolves every definition.
pub(crate) fn resolve(collected: &Collected<'_>) -> Result<Model, Error> {
    let mut model = Model::default();
    for (name, values) in &collected.enumerations {
        model
            .enumerations
            .insert((*name).to_owned(), values.iter().map(|value| (*value).to_owned()).collect());
    }
    for (name, raw) in &collected.callbacks {
        let resolver = Resolver::new(collected, raw.file, name);
        let callback = Callback {
            arguments: resolver.arguments(&raw.arguments)?,
            returns: resolver.returned(&raw.returns)?,
            treat_non_object_as_null: has(&raw.attrs, "LegacyTreatNonObjectAsNull"),
        };
        model.callbacks.insert((*name).to_owned(), callback);
    }
    for (name, raw) in &collected.dictionaries {
        let resolver = Resolver::new(collected, raw.file, name);
        resolver.check_parents(|name| collected.dictionaries.get(name).map(|raw| raw.parent))?;
        let mut members = Vec::new();
        for member in &raw.members {
            members.push(DictionaryMember {
                name: member.identifier.0.to_owned(),
                r#type: resolver.attributed(&member.type_, &attrs(member.attributes.as_ref()))?,
                required: member.required.is_some(),
                default: member.default.as_ref().map(|default| literal(&default.value)),
            });
        }
        members.sort_by(|a, b| a.name.cmp(&b.name));
        model
            .dictionaries
            .insert((*name).to_owned(), Dictionary { parent: raw.parent.map(str::to_owned), members });
    }
    for (name, raw) in &collected.interfaces {
        let resolver = Resolver::new(collected, raw.file, name);
        resolver.check_parents(|name| collected.interfaces.get(name).map(|raw| raw.parent))?;
        model.interfaces.insert((*name).to_owned(), resolver.interface(raw)?);
    }
    Ok(model)
}

/// Resolves what one definition names.
struct Resolver<'b, 'a> {
    collected: &'b Collected<'a>,
    file: &'b str,
    definition: &'b str,
}

impl<'b, 'a> Resolver<'b, 'a> {
    fn new(collected: &'b Collected<'a>, file: &'b str, definition: &'b str) -> Self {
        Self { collected, file, definition }
    }

    fn undefined(&self, name: &str) -> Error {
        Error::Undefined {
            file: self.file.to_owned(),
            definition: self.definition.to_owned(),
            name: name.to_owned(),
        }
    }

    fn unsupported(&self, feature: &str) -> Error {
        let (file, definition) = (self.file.to_owned(), self.definition.to_owned());
        Error::Unsupported { file, definition, feature: feature.to_owned() }
    }

    fn cycle(&self) -> Error {
        Error::Cycle { file: self.file.to_owned(), definition: self.definition.to_owned() }
    }

    /// Every ancestor exists and none is the definition itself.
    fn check_parents(&self, parent: impl Fn(&str) -> Option<Option<&'a str>>) -> Result<(), Error> {
        let mut seen = BTreeSet::from([self.definition]);
        let mut current = parent(self.definition).flatten();
        while let Some(name) = current {
            if !seen.insert(name) {
                return Err(self.cycle());
            }
            current = parent(name).ok_or_else(|| self.undefined(name))?;
        }
        Ok(())
    }

    /// <https://webidl.spec.whatwg.org/#dfn-exposure-set>
    fn exposure(attrs: &Attrs<'_>) -> Option<BTreeSet<&'static str>> {
        let exposed = attr(attrs, "Exposed")?;
        let mut globals = BTreeSet::new();
        for value in &exposed.values {
            match *value {
                "*" => globals.extend(["Window", "ServiceWorker", "DedicatedWorker", "SharedWorker"]),
                "Worker" => globals.extend(["ServiceWorker", "DedicatedWorker", "SharedWorker"]),
                "Window" => _ = globals.insert("Window"),
                "ServiceWorker" => _ = globals.insert("ServiceWorker"),
                "DedicatedWorker" => _ = globals.insert("DedicatedWorker"),
                "SharedWorker" => _ = globals.insert("SharedWorker"),
                // NOTE: worklets and whatever comes are globals that nothing here has.
                _ => {}
            }
        }
        Some(globals)
    }

    fn condition(of: &Condition, member: &RawMember<'_>) -> Condition {
        let mut condition = of.clone();
        for attrs in [&member.container, &member.attrs] {
            if let Some(exposure) = Self::exposure(attrs) {
                condition.exposure = condition.exposure.intersection(&exposure).copied().collect();
            }
            condition.secure_context |= has(attrs, "SecureContext");
        }
        condition
    }

    fn interface(&self, raw: &RawInterface<'_>) -> Result<Interface, Error> {
        let exposure = match Self::exposure(&raw.attrs) {
            Some(exposure) => exposure,
            None if raw.kind == Kind::CallbackInterface => BTreeSet::new(),
            None => {
                return Err(Error::NotExposed {
                    file: self.file.to_owned(),
                    definition: self.definition.to_owned(),
                });
            }
        };
        let condition = Condition { exposure, secure_context: has(&raw.attrs, "SecureContext") };
        let aliases = attr(&raw.attrs, "LegacyWindowAlias");
        let mut interface = Interface {
            name: self.definition.to_owned(),
            kind: raw.kind,
            parent: raw.parent.map(str::to_owned),
            self_hosted: has(&raw.attrs, "LonghaulSelfHosted"),
            global: has(&raw.attrs, "Global"),
            no_interface_object: has(&raw.attrs, "LegacyNoInterfaceObject"),
            window_aliases: aliases
                .map_or(Vec::new(), |alias| alias.values.iter().map(|name| (*name).to_owned()).collect()),
            constructors: Vec::new(),
            attributes: Vec::new(),
            operations: Vec::new(),
            constants: Vec::new(),
            iterable: None,
            stringifier: None,
            factories: self.factories(raw, &condition)?,
            indexed: None,
            named: None,
            override_built_ins: has(&raw.attrs, "LegacyOverrideBuiltIns"),
            unenumerable_named: has(&raw.attrs, "LegacyUnenumerableNamedProperties"),
            unscopables: unscopables(raw),
            empty_prototype: has(&raw.attrs, "LonghaulEmptyPrototype"),
            condition,
        };
        let mut operations: BTreeMap<(String, bool), usize> = BTreeMap::new();
        for member in &raw.members {
            let condition = Self::condition(&interface.condition, member);
            match &member.part {
                RawPart::Constant { name, value } => {
                    let value = self.constant(value)?;
                    interface.constants.push(Constant { name: (*name).to_owned(), value, condition });
                }
                RawPart::Attribute { name, r#type, readonly, is_static, stringifier } => {
                    if *stringifier {
                        interface.stringifier = Some(Stringifier::Attribute(interface.attributes.len()));
                    }
                    let mut all = member.attrs.clone();
                    all.extend(attrs(r#type.attributes.as_ref()));
                    let resolved = self.resolve(&r#type.type_, &all, 0)?;
                    if *is_static && matches!(resolved, Type::ObservableArray(_)) {
                        return Err(self.unsupported("a static ObservableArray"));
                    }
                    let new_object = has(&member.attrs, "NewObject");
                    let same_object = has(&member.attrs, "SameObject")
                        || matches!(resolved, Type::Promise(_)) && !new_object
                        || matches!(resolved, Type::FrozenArray(_)) && !new_object;
                    interface.attributes.push(Attribute {
                        name: (*name).to_owned(),
                        condition,
                        readonly: *readonly,
                        is_static: *is_static,
                        same_object,
                        new_object,
                        unforgeable: has(&member.attrs, "LegacyUnforgeable"),
                        replaceable: has(&member.attrs, "Replaceable"),
                        lenient_setter: has(&member.attrs, "LegacyLenientSetter"),
                        lenient_this: has(&member.attrs, "LegacyLenientThis"),
                        put_forwards: attr(&member.attrs, "PutForwards")
                            .and_then(|found| found.values.first().map(|value| (*value).to_owned())),
                        event_handler: self.is_event_handler(&resolved),
                        reflect: reflect(name, &member.attrs),
                        r#type: resolved,
                    });
                }
                RawPart::Constructor { arguments } => interface.constructors.push(Overload {
                    arguments: self.arguments(arguments)?,
                    returns: Type::Undefined,
                    condition,
                }),
                RawPart::Operation { name, returns, arguments, is_static, stringifier, special } => {
                    let overload = Overload {
                        arguments: self.arguments(arguments)?,
                        returns: self.returned(returns)?,
                        condition,
                    };
                    let place = *operations.entry(((*name).to_owned(), *is_static)).or_insert_with(|| {
                        interface.operations.push(Operation {
                            name: (*name).to_owned(),
                            is_static: *is_static,
                            unforgeable: false,
                            stringifier: false,
                            overloads: Vec::new(),
                        });
                        interface.operations.len() - 1
                    });
                    let operation = &mut interface.operations[place];
                    operation.unforgeable |= has(&member.attrs, "LegacyUnforgeable");
                    operation.stringifier |= *stringifier;
                    operation.overloads.push(overload);
                    let own = (place, operation.overloads.len() - 1);
                    if let Some(special) = special {
                        self.special(&mut interface, *special, returns, arguments, Some(own))?;
                    }
                }
                RawPart::Special { special, returns, arguments } => {
                    self.special(&mut interface, *special, returns, arguments, None)?;
                }
                RawPart::Iterable { kind, key, value, arguments } => {
                    let one = |found: &weedle::types::AttributedType<'_>| {
                        self.attributed(&found.type_, &attrs(found.attributes.as_ref()))
                    };
                    let key = key.as_ref().map_or(Ok(Type::Undefined), one)?;
                    let arguments = arguments.as_ref().map_or(Ok(Vec::new()), |list| self.arguments(list))?;
                    interface.iterable = Some(Iterable { kind, key, value: one(value)?, arguments });
                }
                RawPart::Stringifier => interface.stringifier = Some(Stringifier::Behaviour),
                RawPart::Unsupported(feature) => return Err(self.unsupported(feature)),
            }
        }
        let iterates = interface.iterable.as_ref().is_some_and(|iterable| iterable.kind == "Values");
        if iterates && interface.indexed.is_none() {
            return Err(self.unsupported("a value iterator without indexed properties"));
        }
        Ok(interface)
    }

    /// <https://webidl.spec.whatwg.org/#LegacyFactoryFunction>
    fn factories(
        &self,
        raw: &RawInterface<'_>,
        condition: &Condition,
    ) -> Result<Vec<(String, Vec<Overload>)>, Error> {
        let mut factories: Vec<(String, Vec<Overload>)> = Vec::new();
        for found in raw.attrs.iter().filter(|attr| attr.name == "LegacyFactoryFunction") {
            let Some(name) = found.values.first() else { continue };
            let arguments = found.arguments.as_ref().map_or(Ok(Vec::new()), |list| self.arguments(list))?;
            let overload = Overload { arguments, returns: Type::Undefined, condition: condition.clone() };
            match factories.iter_mut().find(|(known, _)| known == name) {
                Some((_, overloads)) => overloads.push(overload),
                None => factories.push(((*name).to_owned(), vec![overload])),
            }
        }
        Ok(factories)
    }

    /// <https://webidl.spec.whatwg.org/#idl-special-operations>
    fn special(
        &self,
        interface: &mut Interface,
        special: RawSpecial,
        returns: &ReturnType<'_>,
        arguments: &ArgumentList<'_>,
        operation: Option<(usize, usize)>,
    ) -> Result<(), Error> {
        let mut arguments = self.arguments(arguments)?.into_iter();
        let specials = match arguments.next().map(|argument| argument.r#type) {
            Some(Type::Integer(Integer::UnsignedLong, _)) => &mut interface.indexed,
            Some(Type::DomString { .. }) => &mut interface.named,
            _ => {
                return Err(
                    self.unsupported("a special operation whose key is no unsigned long or DOMString")
                );
            }
        };
        let specials = specials.get_or_insert_with(Specials::default);
        let (place, r#type) = match special {
            RawSpecial::Getter => (&mut specials.getter, self.returned(returns)?),
            RawSpecial::Deleter => (&mut specials.deleter, self.returned(returns)?),
            RawSpecial::Setter => match arguments.next() {
                Some(value) => (&mut specials.setter, value.r#type),
                None => return Err(self.unsupported("a setter without a value")),
            },
        };
        *place = Some(Special { r#type, operation });
        Ok(())
    }

    /// <https://html.spec.whatwg.org/#event-handler-idl-attributes>
    fn is_event_handler(&self, r#type: &Type) -> bool {
        let Type::Nullable(inner) = r#type else { return false };
        let Type::Callback(name) = &**inner else { return false };
        let callback = self.collected.callbacks.get(name.as_str());
        callback.is_some_and(|callback| has(&callback.attrs, "LegacyTreatNonObjectAsNull"))
    }

    fn arguments(&self, list: &ArgumentList<'_>) -> Result<Vec<Argument>, Error> {
        let mut arguments = Vec::new();
        for argument in &list.list {
            arguments.push(match argument {
                RawArgument::Single(found) => {
                    let mut all = attrs(found.attributes.as_ref());
                    all.extend(attrs(found.type_.attributes.as_ref()));
                    Argument {
                        name: found.identifier.0.to_owned(),
                        r#type: self.attributed(&found.type_.type_, &all)?,
                        optional: found.optional.is_some(),
                        variadic: false,
                        default: found.default.as_ref().map(|default| literal(&default.value)),
                    }
                }
                RawArgument::Variadic(found) => Argument {
                    name: found.identifier.0.to_owned(),
                    r#type: self.attributed(&found.type_, &attrs(found.attributes.as_ref()))?,
                    optional: false,
                    variadic: true,
                    default: None,
                },
            });
        }
        Ok(arguments)
    }

    fn constant(&self, value: &ConstValue<'_>) -> Result<Literal, Error> {
        Ok(match value {
            ConstValue::Boolean(value) => Literal::Boolean(value.0),
            ConstValue::Float(value) => Literal::Number(float(value)),
            ConstValue::Integer(value) => Literal::Number(integer(value)),
            ConstValue::Null(_) => return Err(self.unsupported("a null constant")),
        })
    }

    fn returned(&self, r#type: &ReturnType<'_>) -> Result<Type, Error> {
        match r#type {
            ReturnType::Undefined(_) => Ok(Type::Undefined),
            ReturnType::Type(found) => self.attributed(found, &Vec::new()),
        }
    }

    /// A type anywhere but at an attribute.
    fn attributed(&self, r#type: &RawType<'_>, attrs: &Attrs<'_>) -> Result<Type, Error> {
        match self.resolve(r#type, attrs, 0)? {
            Type::ObservableArray(_) => Err(self.unsupported("an ObservableArray that is no attribute")),
            found => Ok(found),
        }
    }

    fn resolve(&self, r#type: &RawType<'_>, attrs: &Attrs<'_>, depth: usize) -> Result<Type, Error> {
        if depth > 64 {
            return Err(self.cycle());
        }
        let resolved = match r#type {
            RawType::Single(SingleType::Any(_)) => Type::Any,
            RawType::Single(SingleType::NonAny(found)) => self.non_any(found, depth)?,
            RawType::Union(found) => {
                let union = self.union(&found.type_.body.list, depth)?;
                if found.q_mark.is_some() { nullable(union) } else { union }
            }
        };
        Ok(annotate(resolved, attrs))
    }

    /// <https://webidl.spec.whatwg.org/#dfn-flattened-union-member-types>
    fn union(&self, list: &[UnionMemberType<'_>], depth: usize) -> Result<Type, Error> {
        let mut members: Vec<Type> = Vec::new();
        let mut null = false;
        let mut found = Vec::new();
        for member in list {
            found.push(match member {
                UnionMemberType::Single(found) => {
                    annotate(self.non_any(&found.type_, depth + 1)?, &attrs(found.attributes.as_ref()))
                }
                UnionMemberType::Union(found) => {
                    let union = self.union(&found.type_.body.list, depth + 1)?;
                    if found.q_mark.is_some() { nullable(union) } else { union }
                }
            });
        }
        let mut found = std::collections::VecDeque::from(found);
        while let Some(member) = found.pop_front() {
            match member {
                Type::Nullable(inner) => {
                    null = true;
                    found.push_front(*inner);
                }
                Type::Union { members: inner, .. } => {
                    for member in inner.into_iter().rev() {
                        found.push_front(member);
                    }
                }
                // NOTE: every kind of buffer in a union is one member: they need no telling apart but by the object.
                Type::Buffer { kinds, shared, resizable } => {
                    let existing = members.iter_mut().find_map(|member| match member {
                        Type::Buffer { kinds, shared, resizable } => Some((kinds, shared, resizable)),
                        _ => None,
                    });
                    match existing {
                        Some((all, any_shared, any_resizable)) => {
                            all.extend(kinds);
                            *any_shared |= shared;
                            *any_resizable |= resizable;
                        }
                        None => members.push(Type::Buffer { kinds, shared, resizable }),
                    }
                }
                other => members.push(other),
            }
        }
        let union = match members.len() {
            1 => members.remove(0),
            _ => Type::Union { name: None, members },
        };
        Ok(if null { nullable(union) } else { union })
    }

    fn non_any(&self, r#type: &NonAnyType<'_>, depth: usize) -> Result<Type, Error> {
        macro_rules! maybe {
            ($found:expr, $type:expr) => {{
                let resolved = $type;
                if $found.q_mark.is_some() { nullable(resolved) } else { resolved }
            }};
        }
        let inner = |found: &RawType<'_>| self.resolve(found, &Vec::new(), depth + 1).map(Box::new);
        Ok(match r#type {
            NonAnyType::Promise(found) => Type::Promise(Box::new(match &*found.generics.body {
                ReturnType::Undefined(_) => Type::Undefined,
                ReturnType::Type(found) => *inner(found)?,
            })),
            NonAnyType::Integer(found) => {
                maybe!(found, Type::Integer(integer_type(&found.type_), Conversion::Modulo))
            }
            NonAnyType::FloatingPoint(found) => maybe!(found, float_type(&found.type_)),
            NonAnyType::Boolean(found) => maybe!(found, Type::Boolean),
            NonAnyType::Byte(found) => maybe!(found, Type::Integer(Integer::Byte, Conversion::Modulo)),
            NonAnyType::Octet(found) => maybe!(found, Type::Integer(Integer::Octet, Conversion::Modulo)),
            NonAnyType::ByteString(found) => maybe!(found, Type::ByteString),
            NonAnyType::DOMString(found) => maybe!(found, Type::DomString { null_to_empty: false }),
            NonAnyType::USVString(found) => maybe!(found, Type::UsvString),
            NonAnyType::Sequence(found) => maybe!(found, Type::Sequence(inner(&found.type_.generics.body)?)),
            NonAnyType::Object(found) => maybe!(found, Type::Object),
            NonAnyType::Symbol(found) => maybe!(found, Type::Symbol),
            NonAnyType::Error(_) => return Err(self.unsupported("the type Error")),
            NonAnyType::ArrayBuffer(found) => maybe!(found, buffer(&["ArrayBuffer"])),
            NonAnyType::DataView(found) => maybe!(found, buffer(&["DataView"])),
            NonAnyType::Int8Array(found) => maybe!(found, buffer(&["Int8Array"])),
            NonAnyType::Int16Array(found) => maybe!(found, buffer(&["Int16Array"])),
            NonAnyType::Int32Array(found) => maybe!(found, buffer(&["Int32Array"])),
            NonAnyType::Uint8Array(found) => maybe!(found, buffer(&["Uint8Array"])),
            NonAnyType::Uint16Array(found) => maybe!(found, buffer(&["Uint16Array"])),
            NonAnyType::Uint32Array(found) => maybe!(found, buffer(&["Uint32Array"])),
            NonAnyType::Uint8ClampedArray(found) => maybe!(found, buffer(&["Uint8ClampedArray"])),
            NonAnyType::Float32Array(found) => maybe!(found, buffer(&["Float32Array"])),
            NonAnyType::Float64Array(found) => maybe!(found, buffer(&["Float64Array"])),
            NonAnyType::ArrayBufferView(found) => maybe!(found, buffer(VIEWS)),
            NonAnyType::BufferSource(found) => maybe!(found, buffer_source()),
            NonAnyType::FrozenArrayType(found) => {
                maybe!(found, Type::FrozenArray(inner(&found.type_.generics.body)?))
            }
            NonAnyType::ObservableArrayType(found) => {
                let inner = inner(&found.type_.generics.body)?;
                // <https://webidl.spec.whatwg.org/#idl-observable-array>
                let is_refused = match &*inner {
                    Type::Nullable(inner) => is_object_by_value(inner),
                    inner => is_object_by_value(inner),
                };
                if depth > 0 || found.q_mark.is_some() || is_refused {
                    return Err(self.unsupported("an ObservableArray of that, or in that place"));
                }
                Type::ObservableArray(inner)
            }
            NonAnyType::RecordType(found) => {
                let (key, _, value) = &found.type_.generics.body;
                let key = match &**key {
                    RecordKeyType::Byte(_) => Type::ByteString,
                    RecordKeyType::DOM(_) => Type::DomString { null_to_empty: false },
                    RecordKeyType::USV(_) => Type::UsvString,
                    RecordKeyType::NonAny(_) => {
                        return Err(self.unsupported("a record whose keys are no strings"));
                    }
                };
                maybe!(found, Type::Record(Box::new(key), inner(value)?))
            }
            NonAnyType::Identifier(found) => maybe!(found, self.named(found.type_.0, depth)?),
        })
    }

    fn named(&self, name: &str, depth: usize) -> Result<Type, Error> {
        match name {
            "undefined" => return Ok(Type::Undefined),
            "bigint" => return Ok(Type::BigInt),
            "SharedArrayBuffer" | "BigInt64Array" | "BigUint64Array" | "Float16Array" => {
                let kinds = BTreeSet::from([VIEWS
                    .iter()
                    .copied()
                    .find(|view| *view == name)
                    .unwrap_or("SharedArrayBuffer")]);
                return Ok(Type::Buffer { kinds, shared: false, resizable: false });
            }
            _ => {}
        }
        if let Some(typedef) = self.collected.typedefs.get(name) {
            let resolver = Resolver::new(self.collected, typedef.file, name);
            return Ok(match resolver.resolve(&typedef.r#type, &typedef.attrs, depth + 1)? {
                Type::Union { name: None, members } => Type::Union { name: Some(name.to_owned()), members },
                Type::Nullable(inner) => match *inner {
                    Type::Union { name: None, members } => {
                        nullable(Type::Union { name: Some(name.to_owned()), members })
                    }
                    other => nullable(other),
                },
                other => other,
            });
        }
        let owned = name.to_owned();
        if let Some(interface) = self.collected.interfaces.get(name) {
            return Ok(match interface.kind {
                Kind::Interface => Type::Interface(owned),
                Kind::CallbackInterface => Type::CallbackInterface(owned),
                Kind::Namespace => return Err(self.unsupported("a namespace as a type")),
            });
        }
        if self.collected.dictionaries.contains_key(name) {
            return Ok(Type::Dictionary(owned));
        }
        if self.collected.enumerations.contains_key(name) {
            return Ok(Type::Enumeration(owned));
        }
        if self.collected.callbacks.contains_key(name) {
            return Ok(Type::Callback(owned));
        }
        // <https://html.spec.whatwg.org/#windowproxy>: a type of its own, which no IDL defines.
        if name == "WindowProxy" {
            return Ok(Type::GlobalProxy);
        }
        Err(self.undefined(name))
    }
}

/// `[Reflect]` and its relatives.
///
/// <https://html.spec.whatwg.org/#reflecting-content-attributes-in-idl-attributes>
fn reflect(name: &str, attrs: &Attrs<'_>) -> Option<Reflect> {
    let (url, found) = match (attr(attrs, "Reflect"), attr(attrs, "ReflectURL")) {
        (Some(found), None) => (false, found),
        (_, Some(found)) => (true, found),
        (None, None) => return None,
    };
    let value = |name: &str| {
        attr(attrs, name).and_then(|found| found.values.first()).map(|value| (*value).to_owned())
    };
    Some(Reflect {
        attribute: found.values.first().map_or_else(|| name.to_ascii_lowercase(), |name| (*name).to_owned()),
        url,
        keywords: value("ReflectEnum")
            .map_or(Vec::new(), |list| list.split('|').map(str::to_owned).collect()),
        missing: value("ReflectMissing"),
        invalid: value("ReflectInvalid"),
        default: value("ReflectDefault").map(|value| format!("{value}_f64")),
    })
}

/// <https://webidl.spec.whatwg.org/#Unscopable>
fn unscopables(raw: &RawInterface<'_>) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for member in raw.members.iter().filter(|member| has(&member.attrs, "Unscopable")) {
        let (RawPart::Attribute { name, .. } | RawPart::Operation { name, .. }) = &member.part else {
            continue;
        };
        if !names.iter().any(|known| known == name) {
            names.push((*name).to_owned());
        }
    }
    names
}

/// Whether values of the type are objects of script that are taken apart.
fn is_object_by_value(r#type: &Type) -> bool {
    matches!(
        r#type,
        Type::Dictionary(_)
            | Type::Sequence(_)
            | Type::Record(..)
            | Type::FrozenArray(_)
            | Type::ObservableArray(_)
            | Type::Promise(_)
    )
}

fn nullable(r#type: Type) -> Type {
    match r#type {
        Type::Nullable(_) | Type::Any => r#type,
        other => Type::Nullable(Box::new(other)),
    }
}

fn buffer(kinds: &[&'static str]) -> Type {
    Type::Buffer { kinds: kinds.iter().copied().collect(), shared: false, resizable: false }
}

/// <https://webidl.spec.whatwg.org/#BufferSource>
fn buffer_source() -> Type {
    let mut kinds: BTreeSet<&'static str> = VIEWS.iter().copied().collect();
    kinds.insert("ArrayBuffer");
    Type::Buffer { kinds, shared: false, resizable: false }
}

/// <https://webidl.spec.whatwg.org/#extended-attributes-applicable-to-types>
fn annotate(r#type: Type, attrs: &Attrs<'_>) -> Type {
    let inside = |inner: Box<Type>| Box::new(annotate(*inner, attrs));
    match r#type {
        Type::Integer(integer, _) if has(attrs, "EnforceRange") => {
            Type::Integer(integer, Conversion::EnforceRange)
        }
        Type::Integer(integer, _) if has(attrs, "Clamp") => Type::Integer(integer, Conversion::Clamp),
        Type::DomString { .. } if has(attrs, "LegacyNullToEmptyString") => {
            Type::DomString { null_to_empty: true }
        }
        Type::Buffer { kinds, shared, resizable } => Type::Buffer {
            kinds,
            shared: shared || has(attrs, "AllowShared"),
            resizable: resizable || has(attrs, "AllowResizable"),
        },
        Type::Nullable(inner) => Type::Nullable(inside(inner)),
        Type::Union { name, members } => {
            Type::Union { name, members: members.into_iter().map(|member| annotate(member, attrs)).collect() }
        }
        other => other,
    }
}

fn integer_type(r#type: &IntegerType) -> Integer {
    match r#type {
        IntegerType::LongLong(found) if found.unsigned.is_some() => Integer::UnsignedLongLong,
        IntegerType::LongLong(_) => Integer::LongLong,
        IntegerType::Long(found) if found.unsigned.is_some() => Integer::UnsignedLong,
        IntegerType::Long(_) => Integer::Long,
        IntegerType::Short(found) if found.unsigned.is_some() => Integer::UnsignedShort,
        IntegerType::Short(_) => Integer::Short,
    }
}

fn float_type(r#type: &FloatingPointType) -> Type {
    match r#type {
        FloatingPointType::Float(found) if found.unrestricted.is_some() => Type::UnrestrictedFloat,
        FloatingPointType::Float(_) => Type::Float,
        FloatingPointType::Double(found) if found.unrestricted.is_some() => Type::UnrestrictedDouble,
        FloatingPointType::Double(_) => Type::Double,
    }
}

fn literal(value: &DefaultValue<'_>) -> Literal {
    match value {
        DefaultValue::Boolean(value) => Literal::Boolean(value.0),
        DefaultValue::EmptyArray(_) => Literal::EmptySequence,
        DefaultValue::EmptyDictionary(_) => Literal::EmptyDictionary,
        DefaultValue::Float(value) => Literal::Number(float(value)),
        DefaultValue::Integer(value) => Literal::Number(integer(value)),
        DefaultValue::Null(_) => Literal::Null,
        DefaultValue::String(value) => Literal::String(value.0.to_owned()),
    }
}

fn float(value: &FloatLit<'_>) -> String {
    match value {
        FloatLit::Value(value) => {
            value.0.parse::<f64>().map_or_else(|_| "f64::NAN".to_owned(), |value| format!("{value:?}"))
        }
        FloatLit::NegInfinity(_) => "f64::NEG_INFINITY".to_owned(),
        FloatLit::Infinity(_) => "f64::INFINITY".to_owned(),
        FloatLit::NaN(_) => "f64::NAN".to_owned(),
    }
}

fn integer(value: &IntegerLit<'_>) -> String {
    let (text, digits, radix) = match value {
        IntegerLit::Dec(value) => (value.0, value.0.trim_start_matches('-'), 10),
        IntegerLit::Hex(value) => {
            (value.0, value.0.trim_start_matches('-').trim_start_matches("0x").trim_start_matches("0X"), 16)
        }
        IntegerLit::Oct(value) => (value.0, value.0.trim_start_matches('-'), 8),
    };
    let magnitude = u64::from_str_radix(digits, radix).unwrap_or_default();
    let sign = if text.starts_with('-') { "-" } else { "" };
    format!("{sign}{magnitude}.0")
}
