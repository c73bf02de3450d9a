//! Values in between script and Rust: what is left of a JavaScript value after WebIDL's conversion.

use std::{borrow::Cow, fmt, sync::Arc};

use bytes::Bytes;

use super::{
    BufferKind, ByteString, DomString, Exception, GlobalProxy, Held, ObjectRef, PromiseFuture, Realm,
};

/// Work that only the realm's own thread can do, done when the value reaches script.
pub type InRealm = Box<dyn FnOnce(&dyn Realm) -> Result<Value, Exception> + Send>;

/// An IDL value. It is `Send` and owns everything it holds.
///
/// Arguments arrive as the variant their IDL type says. `any` arrives as a primitive variant or as [`Value::Held`]; `object`,
/// callbacks, symbols, big integers and objects of self-hosted interfaces always arrive as [`Value::Held`].
#[non_exhaustive]
pub enum Value {
    /// `undefined`; also an optional argument or member that is absent.
    Undefined,
    /// `null`.
    Null,
    /// `boolean`.
    Boolean(bool),
    /// Every numeric type, already in its range.
    Number(f64),
    /// `DOMString`, `USVString` and enumerations.
    String(DomString),
    /// `ByteString`.
    ByteString(ByteString),
    /// An object of a native interface.
    Object(ObjectRef),
    /// A buffer or a view, copied.
    Buffer(Buffer),
    /// `sequence`, `FrozenArray` and variadic arguments.
    Sequence(Vec<Value>),
    /// A `FrozenArray` made at once. Only from Rust to script.
    FrozenArray(Vec<Value>),
    /// `record`, in order.
    Record(Vec<(Value, Value)>),
    /// A dictionary: its present members, defaults filled in.
    Dictionary(Dictionary),
    /// A union: which of its flattened member types (by position, `null` not counted) and the value.
    Union(usize, Box<Value>),
    /// A promise that Rust settles. Only from Rust to script.
    Promise(PromiseFuture),
    /// A promise that is settled already. Only from Rust to script.
    Settled(Result<Box<Value>, Exception>),
    /// A global object as other realms see it. Only from Rust to script, which gives it back as [`Value::Held`].
    GlobalProxy(Arc<dyn GlobalProxy>),
    /// A JavaScript value kept by its realm.
    Held(Held),
    /// Made in the realm when the value reaches script (parsing JSON, calling the core, …). Only from Rust to script.
    InRealm(InRealm),
}

impl Value {
    /// `value` made in the realm, at the time it reaches script.
    pub fn in_realm(make: impl FnOnce(&dyn Realm) -> Result<Value, Exception> + Send + 'static) -> Self {
        Self::InRealm(Box::new(make))
    }

    /// Whether this is `undefined`.
    pub fn is_undefined(&self) -> bool {
        matches!(self, Self::Undefined)
    }

    /// Whether this is `undefined` or `null`.
    pub fn is_nullish(&self) -> bool {
        matches!(self, Self::Undefined | Self::Null)
    }

    /// The variant's name, for messages.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Undefined => "undefined",
            Self::Null => "null",
            Self::Boolean(_) => "boolean",
            Self::Number(_) => "number",
            Self::String(_) => "string",
            Self::ByteString(_) => "byte string",
            Self::Object(_) => "platform object",
            Self::Buffer(_) => "buffer",
            Self::Sequence(_) | Self::FrozenArray(_) => "sequence",
            Self::Record(_) => "record",
            Self::Dictionary(_) => "dictionary",
            Self::Union(..) => "union",
            Self::Promise(_) | Self::Settled(_) => "promise",
            Self::GlobalProxy(_) => "global proxy",
            Self::Held(_) => "script value",
            Self::InRealm(_) => "realm's work",
        }
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Boolean(value) => write!(f, "Boolean({value})"),
            Self::Number(value) => write!(f, "Number({value})"),
            Self::String(value) => write!(f, "String({value:?})"),
            Self::ByteString(value) => write!(f, "ByteString({value:?})"),
            Self::Object(object) => write!(f, "Object({})", object.interface().name),
            Self::Buffer(buffer) => f.debug_tuple("Buffer").field(buffer).finish(),
            Self::Sequence(items) | Self::FrozenArray(items) => {
                f.debug_tuple("Sequence").field(items).finish()
            }
            Self::Record(items) => f.debug_tuple("Record").field(items).finish(),
            Self::Dictionary(dictionary) => f.debug_tuple("Dictionary").field(dictionary).finish(),
            Self::Union(index, value) => f.debug_tuple("Union").field(index).field(value).finish(),
            Self::Held(held) => f.debug_tuple("Held").field(held).finish(),
            other => f.write_str(other.kind()),
        }
    }
}

/// The bytes of an `ArrayBuffer` or a view.
#[derive(Clone, Debug)]
pub struct Buffer {
    /// What kind of object the bytes came in, or shall become.
    pub kind: BufferKind,
    /// A copy of the bytes.
    pub bytes: Bytes,
    /// The script's own object, when the bytes came from script. [`Realm::write_buffer`] writes through it, and a buffer
    /// that has it goes back to script as that object.
    pub held: Option<Held>,
}

impl Buffer {
    /// An `ArrayBuffer` of these bytes.
    pub fn array_buffer(bytes: impl Into<Bytes>) -> Self {
        Self { kind: BufferKind::ArrayBuffer, bytes: bytes.into(), held: None }
    }

    /// A `Uint8Array` of these bytes.
    pub fn uint8_array(bytes: impl Into<Bytes>) -> Self {
        Self { kind: BufferKind::Uint8Array, bytes: bytes.into(), held: None }
    }
}

/// The present members of a dictionary.
#[derive(Debug, Default)]
pub struct Dictionary(Vec<(Cow<'static, str>, Value)>);

impl Dictionary {
    /// A dictionary without members.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a member, or replaces it.
    pub fn insert(&mut self, name: impl Into<Cow<'static, str>>, value: Value) {
        let name = name.into();
        match self.0.iter_mut().find(|(key, _)| *key == name) {
            Some((_, slot)) => *slot = value,
            None => self.0.push((name, value)),
        }
    }

    /// [`Self::insert`], for chains.
    pub fn with(mut self, name: impl Into<Cow<'static, str>>, value: impl super::IntoIdl) -> Self {
        self.insert(name, value.into_idl());
        self
    }

    /// A member, if it is present.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// Takes a member out, if it is present.
    pub fn take(&mut self, name: &str) -> Option<Value> {
        let index = self.0.iter().position(|(key, _)| key == name)?;
        Some(self.0.swap_remove(index).1)
    }

    /// The members, in the order they were added.
    pub fn into_members(self) -> Vec<(Cow<'static, str>, Value)> {
        self.0
    }
}

/// A `record<K, V>`: pairs in the order script gave them.
#[derive(Clone, Debug, PartialEq)]
pub struct Record<K, V>(pub Vec<(K, V)>);

impl<K, V> Default for Record<K, V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}
