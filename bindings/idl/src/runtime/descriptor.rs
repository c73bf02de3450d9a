//! Descriptor tables: the shape of every interface, as the generator writes it and an adapter reads it.

use std::{fmt, ptr};

use super::IdlType;

/// A global that interfaces are exposed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Exposure {
    /// `Window`.
    Window,
    /// `ServiceWorker`, and `Worker`.
    ServiceWorker,
    /// `DedicatedWorker`, and `Worker`.
    DedicatedWorker,
    /// `SharedWorker`, and `Worker`.
    SharedWorker,
}

impl Exposure {
    /// The set that holds only this global.
    pub const fn set(self) -> ExposureSet {
        ExposureSet(1 << self as u8)
    }
}

/// <https://webidl.spec.whatwg.org/#dfn-exposure-set>
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct ExposureSet(u8);

impl ExposureSet {
    /// `[Exposed=*]`.
    pub const ALL: Self = Self(0b1111);
    /// `[Exposed=Worker]`.
    pub const WORKER: Self = Self(0b1110);

    /// The globals of either.
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether the two share a global.
    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// A set by its bits, for generated code.
    pub const fn from_bits(bits: u8) -> Self {
        Self(bits)
    }
}

/// When an interface or a member exists.
#[derive(Clone, Copy, Debug)]
pub struct Condition {
    /// `[Exposed]`.
    pub exposure: ExposureSet,
    /// `[SecureContext]`.
    pub secure_context: bool,
}

impl Condition {
    /// <https://webidl.spec.whatwg.org/#dfn-exposed>
    pub const fn holds(&self, exposure: ExposureSet, secure_context: bool) -> bool {
        self.exposure.intersects(exposure) && (secure_context || !self.secure_context)
    }
}

/// What kind of definition an interface descriptor is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InterfaceKind {
    /// `interface`.
    Interface,
    /// `callback interface`.
    CallbackInterface,
    /// `namespace`.
    Namespace,
}

/// An interface, with its partials and mixins merged.
pub struct InterfaceDescriptor {
    /// The identifier.
    pub name: &'static str,
    /// What kind of definition it is.
    pub kind: InterfaceKind,
    /// The interface it inherits from.
    pub parent: Option<&'static InterfaceDescriptor>,
    /// When it exists.
    pub condition: Condition,
    /// `[LonghaulSelfHosted]`: the self-hosted core implements it.
    pub self_hosted: bool,
    /// `[Global]`.
    pub global: bool,
    /// `[LegacyNoInterfaceObject]`.
    pub no_interface_object: bool,
    /// `[LegacyWindowAlias]`.
    pub window_aliases: &'static [&'static str],
    /// The constructors, as overloads.
    pub constructors: &'static [Overload],
    /// The attributes, static ones too.
    pub attributes: &'static [AttributeDescriptor],
    /// The operations, overloads grouped, static ones too.
    pub operations: &'static [OperationDescriptor],
    /// The constants.
    pub constants: &'static [ConstantDescriptor],
    /// `iterable`, `maplike` or `setlike`.
    pub iterable: Option<IterableDescriptor>,
    /// What `toString` gives.
    pub stringifier: Option<Stringifier>,
    /// `[LegacyFactoryFunction]`s.
    pub factories: &'static [FactoryDescriptor],
    /// The special operations for array indices. The supported ones are those below the attribute `length`.
    pub indexed: Option<SpecialsDescriptor>,
    /// The special operations for names.
    pub named: Option<SpecialsDescriptor>,
    /// `[LegacyOverrideBuiltIns]`.
    pub override_built_ins: bool,
    /// `[LegacyUnenumerableNamedProperties]`.
    pub unenumerable_named: bool,
    /// The names of the members that are `[Unscopable]`.
    pub unscopables: &'static [&'static str],
    /// `[LonghaulEmptyPrototype]`: between the namespace and `Object.prototype` there is an empty object.
    pub empty_prototype: bool,
}

impl InterfaceDescriptor {
    /// Whether this is `other` or inherits from it.
    pub fn inherits(&self, other: &InterfaceDescriptor) -> bool {
        ptr::eq(self, other) || self.parent.is_some_and(|parent| parent.inherits(other))
    }
}

/// A second constructor, with a name of its own, whose objects are the interface's.
///
/// <https://webidl.spec.whatwg.org/#LegacyFactoryFunction>
#[derive(Debug)]
pub struct FactoryDescriptor {
    /// The identifier.
    pub name: &'static str,
    /// Its overloads.
    pub overloads: &'static [Overload],
}

/// The special operations for indexed or for named properties.
///
/// <https://webidl.spec.whatwg.org/#dfn-special-operation>
#[derive(Debug)]
pub struct SpecialsDescriptor {
    /// The getter.
    pub getter: Option<SpecialDescriptor>,
    /// The setter.
    pub setter: Option<SpecialDescriptor>,
    /// The deleter.
    pub deleter: Option<SpecialDescriptor>,
}

/// A special operation.
#[derive(Debug)]
pub struct SpecialDescriptor {
    /// What a getter gives, what a setter takes, what a deleter gives.
    pub r#type: IdlType,
    /// The operation and the overload that it is, where it has a name.
    pub operation: Option<(usize, usize)>,
}

impl PartialEq for InterfaceDescriptor {
    fn eq(&self, other: &Self) -> bool {
        ptr::eq(self, other)
    }
}

impl Eq for InterfaceDescriptor {}

impl fmt::Debug for InterfaceDescriptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "interface {}", self.name)
    }
}

/// An attribute.
#[derive(Debug)]
pub struct AttributeDescriptor {
    /// The identifier.
    pub name: &'static str,
    /// Its type.
    pub r#type: IdlType,
    /// When it exists.
    pub condition: Condition,
    /// `readonly`.
    pub readonly: bool,
    /// `static`.
    pub is_static: bool,
    /// `[SameObject]`, and promise types without `[NewObject]`: the first value is kept on the wrapper.
    pub same_object: bool,
    /// `[NewObject]`: what it gives is not kept.
    pub new_object: bool,
    /// `[LegacyUnforgeable]`.
    pub unforgeable: bool,
    /// `[Replaceable]`.
    pub replaceable: bool,
    /// `[LegacyLenientSetter]`.
    pub lenient_setter: bool,
    /// `[LegacyLenientThis]`.
    pub lenient_this: bool,
    /// `[PutForwards]`.
    pub put_forwards: Option<&'static str>,
    /// Whether it is an event handler IDL attribute, which the self-hosted core keeps.
    pub event_handler: bool,
}

/// Every operation of one identifier.
#[derive(Debug)]
pub struct OperationDescriptor {
    /// The identifier.
    pub name: &'static str,
    /// `static`.
    pub is_static: bool,
    /// `[LegacyUnforgeable]`.
    pub unforgeable: bool,
    /// Whether it is also the stringifier.
    pub stringifier: bool,
    /// The overloads, in the order of the IDL.
    pub overloads: &'static [Overload],
}

/// One operation or constructor.
#[derive(Debug)]
pub struct Overload {
    /// The arguments.
    pub arguments: &'static [ArgumentDescriptor],
    /// The return type; `undefined` for a constructor.
    pub returns: IdlType,
    /// When it exists.
    pub condition: Condition,
}

impl Overload {
    /// How many arguments a caller must give.
    pub fn required(&self) -> usize {
        self.arguments.iter().take_while(|argument| !argument.optional && !argument.variadic).count()
    }

    /// Whether any number of further arguments is taken.
    pub fn is_variadic(&self) -> bool {
        self.arguments.last().is_some_and(|argument| argument.variadic)
    }
}

/// An argument.
#[derive(Debug)]
pub struct ArgumentDescriptor {
    /// The identifier.
    pub name: &'static str,
    /// Its type.
    pub r#type: IdlType,
    /// `optional`.
    pub optional: bool,
    /// `...`.
    pub variadic: bool,
    /// The default value.
    pub default: Option<DefaultValue>,
}

/// <https://webidl.spec.whatwg.org/#dfn-optional-argument-default-value>
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum DefaultValue {
    /// `null`.
    Null,
    /// `true` or `false`.
    Boolean(bool),
    /// A number.
    Number(f64),
    /// A string, or an enumeration's value.
    String(&'static str),
    /// `[]`.
    EmptySequence,
    /// `{}`.
    EmptyDictionary,
}

/// A constant.
#[derive(Debug)]
pub struct ConstantDescriptor {
    /// The identifier.
    pub name: &'static str,
    /// Its value.
    pub value: ConstantValue,
    /// When it exists.
    pub condition: Condition,
}

/// A constant's value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ConstantValue {
    /// `boolean`.
    Boolean(bool),
    /// A numeric type.
    Number(f64),
}

/// An iterable, maplike or setlike declaration.
#[derive(Debug)]
pub struct IterableDescriptor {
    /// Which declaration.
    pub kind: IterableKind,
    /// The key type; `undefined` for a value iterator or a setlike.
    pub key: IdlType,
    /// The value type.
    pub value: IdlType,
    /// The arguments of an `async_iterable`.
    pub arguments: &'static [ArgumentDescriptor],
}

/// Which declaration makes an interface iterable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum IterableKind {
    /// `iterable<V>`, which iterates over the indexed properties.
    Values,
    /// `iterable<K, V>`.
    Pairs,
    /// `async_iterable`, which the self-hosted core implements.
    Async,
    /// `readonly maplike<K, V>`.
    ReadonlyMaplike,
    /// `readonly setlike<V>`.
    ReadonlySetlike,
    /// `maplike<K, V>`.
    Maplike,
    /// `setlike<V>`.
    Setlike,
}

/// <https://webidl.spec.whatwg.org/#dfn-stringifier>
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stringifier {
    /// `stringifier attribute`: the attribute's place.
    Attribute(usize),
    /// `stringifier;` alone: `MemberPart::Stringify`.
    Behaviour,
}

/// A dictionary, with its partials merged.
#[derive(Debug)]
pub struct DictionaryDescriptor {
    /// The identifier.
    pub name: &'static str,
    /// The dictionary it inherits from.
    pub parent: Option<&'static DictionaryDescriptor>,
    /// Its own members, in lexicographic order.
    pub members: &'static [DictionaryMemberDescriptor],
}

impl DictionaryDescriptor {
    /// Whether a member, own or inherited, is required.
    pub fn has_required_member(&self) -> bool {
        self.members.iter().any(|member| member.required)
            || self.parent.is_some_and(Self::has_required_member)
    }
}

/// A dictionary's member.
#[derive(Debug)]
pub struct DictionaryMemberDescriptor {
    /// The identifier.
    pub name: &'static str,
    /// Its type.
    pub r#type: IdlType,
    /// `required`.
    pub required: bool,
    /// The default value.
    pub default: Option<DefaultValue>,
}

/// An enumeration.
#[derive(Debug)]
pub struct EnumerationDescriptor {
    /// The identifier.
    pub name: &'static str,
    /// Its values.
    pub values: &'static [&'static str],
}

/// A callback function.
#[derive(Debug)]
pub struct CallbackDescriptor {
    /// The identifier.
    pub name: &'static str,
    /// The arguments it is called with.
    pub arguments: &'static [ArgumentDescriptor],
    /// What it returns.
    pub returns: IdlType,
    /// `[LegacyTreatNonObjectAsNull]`.
    pub treat_non_object_as_null: bool,
}
