//! What the generator knows once every definition is merged and every type resolved.

use std::collections::{BTreeMap, BTreeSet};

/// Every definition, by name.
#[derive(Debug, Default)]
pub(crate) struct Model {
    pub(crate) interfaces: BTreeMap<String, Interface>,
    pub(crate) dictionaries: BTreeMap<String, Dictionary>,
    pub(crate) enumerations: BTreeMap<String, Vec<String>>,
    pub(crate) callbacks: BTreeMap<String, Callback>,
}

impl Model {
    /// Whether the self-hosted core implements an interface.
    pub(crate) fn is_self_hosted(&self, interface: &str) -> bool {
        self.interfaces.get(interface).is_some_and(|interface| interface.self_hosted)
    }

    /// Whether Rust sees objects of the interface as handles of script values.
    pub(crate) fn is_held(&self, interface: &str) -> bool {
        self.interfaces
            .get(interface)
            .is_none_or(|found| found.self_hosted || found.kind == Kind::CallbackInterface)
    }
}

/// Where a definition or a member exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Condition {
    pub(crate) exposure: BTreeSet<&'static str>,
    pub(crate) secure_context: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Interface,
    CallbackInterface,
    Namespace,
}

#[derive(Debug)]
pub(crate) struct Interface {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) parent: Option<String>,
    pub(crate) condition: Condition,
    pub(crate) self_hosted: bool,
    pub(crate) global: bool,
    pub(crate) no_interface_object: bool,
    pub(crate) window_aliases: Vec<String>,
    pub(crate) constructors: Vec<Overload>,
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) operations: Vec<Operation>,
    pub(crate) constants: Vec<Constant>,
    pub(crate) iterable: Option<Iterable>,
    pub(crate) stringifier: Option<Stringifier>,
    /// `[LegacyFactoryFunction]`s: name and overloads.
    pub(crate) factories: Vec<(String, Vec<Overload>)>,
    pub(crate) indexed: Option<Specials>,
    pub(crate) named: Option<Specials>,
    pub(crate) override_built_ins: bool,
    pub(crate) unenumerable_named: bool,
    /// The members that are `[Unscopable]`.
    pub(crate) unscopables: Vec<String>,
    pub(crate) empty_prototype: bool,
}

impl Interface {
    /// Whether it has a `…Statics` trait.
    pub(crate) fn has_statics(&self) -> bool {
        !self.constructors.is_empty()
            || !self.factories.is_empty()
            || self.attributes.iter().any(|attribute| attribute.is_static)
            || self.operations.iter().any(|operation| operation.is_static)
    }
}

/// The special operations for indexed or for named properties.
#[derive(Debug, Default)]
pub(crate) struct Specials {
    pub(crate) getter: Option<Special>,
    pub(crate) setter: Option<Special>,
    pub(crate) deleter: Option<Special>,
}

/// A special operation: what it takes or gives, and the operation of its own name, if it has one.
#[derive(Debug)]
pub(crate) struct Special {
    /// What a getter gives, what a setter takes, what a deleter gives.
    pub(crate) r#type: Type,
    /// The operation's and the overload's place.
    pub(crate) operation: Option<(usize, usize)>,
}

/// How an attribute reflects a content attribute.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Reflect {
    pub(crate) attribute: String,
    pub(crate) url: bool,
    /// The keywords of an enumerated attribute.
    pub(crate) keywords: Vec<String>,
    pub(crate) missing: Option<String>,
    pub(crate) invalid: Option<String>,
    /// As a Rust expression of `f64`.
    pub(crate) default: Option<String>,
}

#[derive(Debug)]
pub(crate) enum Stringifier {
    Attribute(usize),
    Behaviour,
}

#[derive(Debug)]
pub(crate) struct Attribute {
    pub(crate) name: String,
    pub(crate) r#type: Type,
    pub(crate) condition: Condition,
    pub(crate) readonly: bool,
    pub(crate) is_static: bool,
    pub(crate) same_object: bool,
    pub(crate) new_object: bool,
    pub(crate) unforgeable: bool,
    pub(crate) replaceable: bool,
    pub(crate) lenient_setter: bool,
    pub(crate) lenient_this: bool,
    pub(crate) put_forwards: Option<String>,
    pub(crate) event_handler: bool,
    pub(crate) reflect: Option<Reflect>,
}

#[derive(Debug)]
pub(crate) struct Operation {
    pub(crate) name: String,
    pub(crate) is_static: bool,
    pub(crate) unforgeable: bool,
    pub(crate) stringifier: bool,
    pub(crate) overloads: Vec<Overload>,
}

#[derive(Debug)]
pub(crate) struct Overload {
    pub(crate) arguments: Vec<Argument>,
    pub(crate) returns: Type,
    pub(crate) condition: Condition,
}

#[derive(Debug)]
pub(crate) struct Argument {
    pub(crate) name: String,
    pub(crate) r#type: Type,
    pub(crate) optional: bool,
    pub(crate) variadic: bool,
    pub(crate) default: Option<Literal>,
}

#[derive(Debug)]
pub(crate) struct Constant {
    pub(crate) name: String,
    pub(crate) value: Literal,
    pub(crate) condition: Condition,
}

#[derive(Debug)]
pub(crate) struct Iterable {
    pub(crate) kind: &'static str,
    pub(crate) key: Type,
    pub(crate) value: Type,
    pub(crate) arguments: Vec<Argument>,
}

#[derive(Debug)]
pub(crate) struct Dictionary {
    pub(crate) parent: Option<String>,
    pub(crate) members: Vec<DictionaryMember>,
}

#[derive(Debug)]
pub(crate) struct DictionaryMember {
    pub(crate) name: String,
    pub(crate) r#type: Type,
    pub(crate) required: bool,
    pub(crate) default: Option<Literal>,
}

#[derive(Debug)]
pub(crate) struct Callback {
    pub(crate) arguments: Vec<Argument>,
    pub(crate) returns: Type,
    pub(crate) treat_non_object_as_null: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Literal {
    Null,
    Boolean(bool),
    /// As a Rust expression of `f64`.
    Number(String),
    String(String),
    EmptySequence,
    EmptyDictionary,
}

/// A resolved type.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Type {
    Any,
    Undefined,
    Boolean,
    Integer(Integer, Conversion),
    Float,
    UnrestrictedFloat,
    Double,
    UnrestrictedDouble,
    BigInt,
    DomString {
        null_to_empty: bool,
    },
    ByteString,
    UsvString,
    Object,
    Symbol,
    /// `WindowProxy`.
    GlobalProxy,
    Interface(String),
    Dictionary(String),
    Enumeration(String),
    Callback(String),
    CallbackInterface(String),
    Nullable(Box<Type>),
    Sequence(Box<Type>),
    FrozenArray(Box<Type>),
    /// Of attributes alone.
    ObservableArray(Box<Type>),
    Record(Box<Type>, Box<Type>),
    Promise(Box<Type>),
    Union {
        name: Option<String>,
        members: Vec<Type>,
    },
    Buffer {
        kinds: BTreeSet<&'static str>,
        shared: bool,
        resizable: bool,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Integer {
    Byte,
    Octet,
    Short,
    UnsignedShort,
    Long,
    UnsignedLong,
    LongLong,
    UnsignedLongLong,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Conversion {
    Modulo,
    EnforceRange,
    Clamp,
}
