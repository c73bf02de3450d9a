//! <https://webidl.spec.whatwg.org/#idl-types>

use super::{CallbackDescriptor, DictionaryDescriptor, EnumerationDescriptor, InterfaceDescriptor};

/// An IDL type with its annotations, typedefs resolved and unions flattened.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum IdlType {
    /// `any`.
    Any,
    /// `undefined`.
    Undefined,
    /// `boolean`.
    Boolean,
    /// An integer type.
    Integer(IntegerType, IntegerConversion),
    /// `float`.
    Float,
    /// `unrestricted float`.
    UnrestrictedFloat,
    /// `double`.
    Double,
    /// `unrestricted double`.
    UnrestrictedDouble,
    /// `bigint`.
    BigInt,
    /// `DOMString`.
    DomString,
    /// `[LegacyNullToEmptyString] DOMString`.
    DomStringNullToEmpty,
    /// `ByteString`.
    ByteString,
    /// `USVString`.
    UsvString,
    /// `object`.
    Object,
    /// `symbol`.
    Symbol,
    /// An interface type.
    Interface(&'static InterfaceDescriptor),
    /// `WindowProxy`: a global object, this realm's or another's. For Rust it is a value: [`super::Value::GlobalProxy`] or the
    /// global itself from it, [`super::Value::Held`] from script.
    GlobalProxy,
    /// A dictionary type.
    Dictionary(&'static DictionaryDescriptor),
    /// An enumeration type.
    Enumeration(&'static EnumerationDescriptor),
    /// A callback function type.
    Callback(&'static CallbackDescriptor),
    /// A callback interface type.
    CallbackInterface(&'static InterfaceDescriptor),
    /// `T?`.
    Nullable(&'static IdlType),
    /// `sequence<T>`.
    Sequence(&'static IdlType),
    /// `FrozenArray<T>`.
    FrozenArray(&'static IdlType),
    /// `ObservableArray<T>`, of an attribute.
    ObservableArray(&'static IdlType),
    /// `record<K, V>`.
    Record(&'static IdlType, &'static IdlType),
    /// `Promise<T>`.
    Promise(&'static IdlType),
    /// A union of the flattened member types, `null` and buffer kinds merged.
    Union(&'static [IdlType]),
    /// `ArrayBuffer`, `DataView`, a typed array, `ArrayBufferView`, `BufferSource`, or a union of these.
    Buffer {
        /// Which kinds are taken.
        kinds: BufferKinds,
        /// `[AllowShared]`.
        allow_shared: bool,
        /// `[AllowResizable]`.
        allow_resizable: bool,
    },
}

/// <https://webidl.spec.whatwg.org/#dfn-integer-type>
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum IntegerType {
    /// `byte`.
    Byte,
    /// `octet`.
    Octet,
    /// `short`.
    Short,
    /// `unsigned short`.
    UnsignedShort,
    /// `long`.
    Long,
    /// `unsigned long`.
    UnsignedLong,
    /// `long long`.
    LongLong,
    /// `unsigned long long`.
    UnsignedLongLong,
}

/// What happens to a number outside an integer type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IntegerConversion {
    /// It wraps around.
    Modulo,
    /// `[EnforceRange]`: it throws.
    EnforceRange,
    /// `[Clamp]`: the nearest value.
    Clamp,
}

/// A kind of buffer or view.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the names are JavaScript's own")]
pub enum BufferKind {
    ArrayBuffer,
    SharedArrayBuffer,
    DataView,
    Int8Array,
    Uint8Array,
    Uint8ClampedArray,
    Int16Array,
    Uint16Array,
    Int32Array,
    Uint32Array,
    BigInt64Array,
    BigUint64Array,
    Float16Array,
    Float32Array,
    Float64Array,
}

impl BufferKind {
    /// Every kind.
    pub const ALL: &[BufferKind] = &[
        Self::ArrayBuffer,
        Self::SharedArrayBuffer,
        Self::DataView,
        Self::Int8Array,
        Self::Uint8Array,
        Self::Uint8ClampedArray,
        Self::Int16Array,
        Self::Uint16Array,
        Self::Int32Array,
        Self::Uint32Array,
        Self::BigInt64Array,
        Self::BigUint64Array,
        Self::Float16Array,
        Self::Float32Array,
        Self::Float64Array,
    ];

    /// The name of its constructor.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ArrayBuffer => "ArrayBuffer",
            Self::SharedArrayBuffer => "SharedArrayBuffer",
            Self::DataView => "DataView",
            Self::Int8Array => "Int8Array",
            Self::Uint8Array => "Uint8Array",
            Self::Uint8ClampedArray => "Uint8ClampedArray",
            Self::Int16Array => "Int16Array",
            Self::Uint16Array => "Uint16Array",
            Self::Int32Array => "Int32Array",
            Self::Uint32Array => "Uint32Array",
            Self::BigInt64Array => "BigInt64Array",
            Self::BigUint64Array => "BigUint64Array",
            Self::Float16Array => "Float16Array",
            Self::Float32Array => "Float32Array",
            Self::Float64Array => "Float64Array",
        }
    }
}

/// A set of buffer kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct BufferKinds(u16);

impl BufferKinds {
    /// Every view: `ArrayBufferView`.
    pub const VIEWS: Self = Self(!0b11 & 0x7fff);
    /// `BufferSource`: every view, and `ArrayBuffer`.
    pub const SOURCES: Self = Self(Self::VIEWS.0 | 1);

    /// Only this kind.
    pub const fn of(kind: BufferKind) -> Self {
        Self(1 << kind as u16)
    }

    /// The kinds of either.
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether a kind is in the set.
    pub const fn contains(self, kind: BufferKind) -> bool {
        self.0 & (1 << kind as u16) != 0
    }
}
