//! Between [`Value`] and the Rust types of the generated traits.

use bytes::Bytes;

use super::{
    Buffer, ByteString, Dictionary, DomString, Exception, Held, InterfaceDescriptor, ObjectRef, Record, Value,
};

/// A Rust type that an IDL value converts to. Adapters give values of the right kind; another kind is a `TypeError`.
pub trait FromIdl: Sized {
    /// Takes the value out.
    ///
    /// # Errors
    /// A `TypeError` if the value is of another kind.
    fn from_idl(value: Value) -> Result<Self, Exception>;
}

/// A Rust type that converts to an IDL value.
pub trait IntoIdl: Send {
    /// The value.
    fn into_idl(self) -> Value;
}

fn unexpected<T>(expected: &str, found: &Value) -> Result<T, Exception> {
    Err(Exception::TypeError(format!("expected {expected}, found {}", found.kind())))
}

impl FromIdl for Value {
    fn from_idl(value: Value) -> Result<Self, Exception> {
        Ok(value)
    }
}

impl IntoIdl for Value {
    fn into_idl(self) -> Value {
        self
    }
}

impl FromIdl for () {
    fn from_idl(_: Value) -> Result<Self, Exception> {
        Ok(())
    }
}

impl IntoIdl for () {
    fn into_idl(self) -> Value {
        Value::Undefined
    }
}

macro_rules! variants {
    ($($rust:ty, $variant:ident, $expected:literal;)*) => {$(
        impl FromIdl for $rust {
            fn from_idl(value: Value) -> Result<Self, Exception> {
                match value {
                    Value::$variant(value) => Ok(value),
                    other => unexpected($expected, &other),
                }
            }
        }

        impl IntoIdl for $rust {
            fn into_idl(self) -> Value {
                Value::$variant(self)
            }
        }
    )*};
}

variants! {
    bool, Boolean, "a boolean";
    f64, Number, "a number";
    DomString, String, "a string";
    ByteString, ByteString, "a byte string";
    ObjectRef, Object, "a platform object";
    Buffer, Buffer, "a buffer";
    Dictionary, Dictionary, "a dictionary";
    Held, Held, "a script value";
}

macro_rules! numbers {
    ($($rust:ty)*) => {$(
        impl FromIdl for $rust {
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the adapter has put it in range")]
            fn from_idl(value: Value) -> Result<Self, Exception> {
                Ok(f64::from_idl(value)? as $rust)
            }
        }

        impl IntoIdl for $rust {
            #[allow(clippy::cast_precision_loss, clippy::cast_lossless, reason = "script's numbers are doubles")]
            fn into_idl(self) -> Value {
                Value::Number(self as f64)
            }
        }
    )*};
}

numbers!(i8 u8 i16 u16 i32 u32 i64 u64 f32);

impl FromIdl for String {
    fn from_idl(value: Value) -> Result<Self, Exception> {
        DomString::from_idl(value).map(DomString::into_usv_string)
    }
}

impl IntoIdl for String {
    fn into_idl(self) -> Value {
        Value::String(self.into())
    }
}

impl IntoIdl for &str {
    fn into_idl(self) -> Value {
        Value::String(self.into())
    }
}

impl IntoIdl for Bytes {
    fn into_idl(self) -> Value {
        Value::Buffer(Buffer::array_buffer(self))
    }
}

impl<T: FromIdl> FromIdl for Option<T> {
    fn from_idl(value: Value) -> Result<Self, Exception> {
        if value.is_nullish() { Ok(None) } else { T::from_idl(value).map(Some) }
    }
}

impl<T: IntoIdl> IntoIdl for Option<T> {
    fn into_idl(self) -> Value {
        self.map_or(Value::Null, IntoIdl::into_idl)
    }
}

impl<T: FromIdl> FromIdl for Vec<T> {
    fn from_idl(value: Value) -> Result<Self, Exception> {
        match value {
            Value::Sequence(items) => items.into_iter().map(T::from_idl).collect(),
            other => unexpected("a sequence", &other),
        }
    }
}

impl<T: IntoIdl> IntoIdl for Vec<T> {
    fn into_idl(self) -> Value {
        Value::Sequence(self.into_iter().map(IntoIdl::into_idl).collect())
    }
}

impl<K: FromIdl, V: FromIdl> FromIdl for Record<K, V> {
    fn from_idl(value: Value) -> Result<Self, Exception> {
        match value {
            Value::Record(items) => {
                let items =
                    items.into_iter().map(|(key, value)| Ok((K::from_idl(key)?, V::from_idl(value)?)));
                Ok(Self(items.collect::<Result<_, Exception>>()?))
            }
            other => unexpected("a record", &other),
        }
    }
}

impl<K: IntoIdl, V: IntoIdl> IntoIdl for Record<K, V> {
    fn into_idl(self) -> Value {
        Value::Record(self.0.into_iter().map(|(key, value)| (key.into_idl(), value.into_idl())).collect())
    }
}

/// The arguments of a call, taken one after the other by generated glue.
#[derive(Debug)]
pub struct Arguments(std::vec::IntoIter<Value>);

impl Arguments {
    /// The converted arguments of one call.
    pub fn new(args: Vec<Value>) -> Self {
        Self(args.into_iter())
    }

    /// The next argument, which is there or has a default.
    ///
    /// # Errors
    /// A `TypeError` if it is of another kind.
    pub fn take<T: FromIdl>(&mut self) -> Result<T, Exception> {
        T::from_idl(self.0.next().unwrap_or(Value::Undefined))
    }

    /// The next argument, which may be absent.
    ///
    /// # Errors
    /// A `TypeError` if it is of another kind.
    pub fn take_optional<T: FromIdl>(&mut self) -> Result<Option<T>, Exception> {
        match self.0.next() {
            None | Some(Value::Undefined) => Ok(None),
            Some(value) => T::from_idl(value).map(Some),
        }
    }
}

impl Dictionary {
    /// Takes a member that is required or has a default.
    ///
    /// # Errors
    /// A `TypeError` if it is absent or of another kind.
    pub fn take_required<T: FromIdl>(&mut self, name: &str) -> Result<T, Exception> {
        match self.take(name) {
            Some(value) => T::from_idl(value),
            None => Err(Exception::TypeError(format!("missing required member '{name}'"))),
        }
    }

    /// Takes a member that may be absent.
    ///
    /// # Errors
    /// A `TypeError` if it is of another kind.
    pub fn take_optional<T: FromIdl>(&mut self, name: &str) -> Result<Option<T>, Exception> {
        self.take(name).map(T::from_idl).transpose()
    }
}

/// The `TypeError` of generated glue for a member it does not have: an adapter's fault.
pub fn no_such_member(interface: &InterfaceDescriptor) -> Exception {
    Exception::TypeError(format!("{} has no such member", interface.name))
}

/// The arguments of a callback, and those of its variadic one: what is missing at the end is left out, elsewhere it is
/// `undefined`.
///
/// <https://webidl.spec.whatwg.org/#web-idl-arguments-list-converting>
pub fn present_arguments<const N: usize>(arguments: [Option<Value>; N], more: Vec<Value>) -> Vec<Value> {
    let count = match more.is_empty() {
        true => arguments.iter().rposition(Option::is_some).map_or(0, |last| last + 1),
        false => N,
    };
    let arguments = arguments.into_iter().take(count).map(|value| value.unwrap_or(Value::Undefined));
    arguments.chain(more).collect()
}
