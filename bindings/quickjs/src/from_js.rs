//! From JavaScript values to IDL values, by their types.
//!
//! <https://webidl.spec.whatwg.org/#js-type-mapping>

use longhaul_idl::runtime::{
    BufferKinds, ByteString, DefaultValue, Dictionary, DictionaryDescriptor, DomString,
    EnumerationDescriptor, IdlType, InterfaceDescriptor, ObjectRef, Value,
};
use rquickjs::{
    Array, Coerced, FromJs as _, Function, Object, Result, String as JsString, Value as JsValue,
    atom::PredefinedAtom, function::This,
};

use crate::{buffers::BufferInfo, numeric::to_integer, realm::Scope};

/// A converted value that still knows the JavaScript values in it. It becomes a [`Value`] for Rust, or a JavaScript value
/// again for the self-hosted core.
pub(crate) enum Converted<'js> {
    Undefined,
    Null,
    Boolean(bool),
    Number(f64),
    String(JsString<'js>),
    ByteString(JsString<'js>),
    /// A platform object of a native interface.
    Platform(ObjectRef, JsValue<'js>),
    Buffer(BufferInfo<'js>),
    Sequence(Vec<Converted<'js>>),
    FrozenArray(Vec<Converted<'js>>),
    Record(Vec<(Converted<'js>, Converted<'js>)>),
    Dictionary(Vec<(&'static str, Converted<'js>)>),
    Union(usize, Box<Converted<'js>>),
    /// `any`.
    Any(JsValue<'js>),
    /// An object, function, symbol, big integer or promise that stays script's own.
    Own(JsValue<'js>),
}

impl<'js> Converted<'js> {
    /// The value for Rust.
    pub(crate) fn into_value(self, scope: &Scope<'js>) -> Result<Value> {
        Ok(match self {
            Self::Undefined => Value::Undefined,
            Self::Null => Value::Null,
            Self::Boolean(value) => Value::Boolean(value),
            Self::Number(value) => Value::Number(value),
            Self::String(value) => Value::String(scope.dom_string(&value)?),
            Self::ByteString(value) => {
                let text = value.to_string()?;
                Value::ByteString(ByteString(
                    text.chars().filter_map(|c| u8::try_from(u32::from(c)).ok()).collect(),
                ))
            }
            Self::Platform(object, _) => Value::Object(object),
            Self::Buffer(buffer) => Value::Buffer(buffer.copy(scope)?),
            Self::Sequence(items) | Self::FrozenArray(items) => {
                Value::Sequence(items.into_iter().map(|item| item.into_value(scope)).collect::<Result<_>>()?)
            }
            Self::Record(items) => {
                let items = items
                    .into_iter()
                    .map(|(key, value)| Ok((key.into_value(scope)?, value.into_value(scope)?)));
                Value::Record(items.collect::<Result<_>>()?)
            }
            Self::Dictionary(members) => {
                let mut dictionary = Dictionary::new();
                for (name, value) in members {
                    dictionary.insert(name, value.into_value(scope)?);
                }
                Value::Dictionary(dictionary)
            }
            Self::Union(index, value) => Value::Union(index, Box::new(value.into_value(scope)?)),
            Self::Any(value) => scope.any(value)?,
            Self::Own(value) => Value::Held(scope.keep(value)),
        })
    }

    /// The value for the self-hosted core.
    pub(crate) fn into_js(self, scope: &Scope<'js>) -> Result<JsValue<'js>> {
        Ok(match self {
            Self::Undefined => JsValue::new_undefined(scope.ctx.clone()),
            Self::Null => JsValue::new_null(scope.ctx.clone()),
            Self::Boolean(value) => JsValue::new_bool(scope.ctx.clone(), value),
            Self::Number(value) => scope.number_to_js(value),
            Self::String(value) | Self::ByteString(value) => value.into_value(),
            Self::Platform(_, value) | Self::Any(value) | Self::Own(value) => value,
            Self::Buffer(buffer) => buffer.object,
            Self::Sequence(items) => scope.array(items)?.into_value(),
            Self::FrozenArray(items) => scope.helper("freeze")?.call((scope.array(items)?,))?,
            Self::Record(items) => {
                let object: Object<'js> = scope.helper("nullObject")?.call(())?;
                for (key, value) in items {
                    object.prop(key.into_js(scope)?, crate::to_js::data(value.into_js(scope)?))?;
                }
                object.into_value()
            }
            Self::Dictionary(members) => {
                let object: Object<'js> = scope.helper("nullObject")?.call(())?;
                for (name, value) in members {
                    object.prop(name, crate::to_js::data(value.into_js(scope)?))?;
                }
                object.into_value()
            }
            Self::Union(_, value) => value.into_js(scope)?,
        })
    }
}

impl<'js> Scope<'js> {
    fn array(&self, items: Vec<Converted<'js>>) -> Result<Array<'js>> {
        let array = Array::new(self.ctx.clone())?;
        for (index, item) in items.into_iter().enumerate() {
            let index = u32::try_from(index).map_err(|_| rquickjs::Error::Unknown)?;
            array.as_object().prop(index, crate::to_js::data(item.into_js(self)?))?;
        }
        Ok(array)
    }

    /// A string of script, lone surrogates kept.
    pub(crate) fn dom_string(&self, string: &JsString<'js>) -> Result<DomString> {
        if let Ok(text) = string.to_string() {
            return Ok(text.into());
        }
        let units: Vec<u16> = self.helper("codeUnits")?.call((string.clone(),))?;
        Ok(DomString::from_utf16(&units))
    }

    /// `any` for Rust: primitives are plain, everything else is kept.
    pub(crate) fn any(&self, value: JsValue<'js>) -> Result<Value> {
        if value.is_undefined() {
            Ok(Value::Undefined)
        } else if value.is_null() {
            Ok(Value::Null)
        } else if let Some(value) = value.as_bool() {
            Ok(Value::Boolean(value))
        } else if let Some(value) = value.as_number() {
            Ok(Value::Number(value))
        } else if let Some(string) = value.as_string() {
            Ok(Value::String(self.dom_string(string)?))
        } else {
            Ok(Value::Held(self.keep(value)))
        }
    }

    /// <https://webidl.spec.whatwg.org/#dfn-convert-javascript-to-idl-value>
    pub(crate) fn convert_to(&self, value: JsValue<'js>, to: &IdlType, what: &str) -> Result<Converted<'js>> {
        match to {
            IdlType::Any => Ok(Converted::Any(value)),
            IdlType::Undefined => Ok(Converted::Undefined),
            IdlType::Boolean => Ok(Converted::Boolean(Coerced::<bool>::from_js(&self.ctx, value)?.0)),
            IdlType::Integer(integer, conversion) => {
                let number = self.to_number(value)?;
                match to_integer(number, *integer, *conversion) {
                    Ok(number) => Ok(Converted::Number(number)),
                    Err(why) => Err(self.type_error(&format!("{what} {why}"))),
                }
            }
            IdlType::Float | IdlType::Double => {
                let number = self.to_number(value)?;
                let number = if matches!(to, IdlType::Float) { f64::from(single(number)) } else { number };
                if number.is_finite() {
                    Ok(Converted::Number(number))
                } else {
                    Err(self.type_error(&format!("{what} is not a finite number")))
                }
            }
            IdlType::UnrestrictedFloat => Ok(Converted::Number(f64::from(single(self.to_number(value)?)))),
            IdlType::UnrestrictedDouble => Ok(Converted::Number(self.to_number(value)?)),
            IdlType::BigInt if value.is_big_int() => Ok(Converted::Own(value)),
            IdlType::BigInt => Err(self.type_error(&format!("{what} is not a bigint"))),
            IdlType::DomStringNullToEmpty if value.is_null() => {
                Ok(Converted::String(JsString::from_str(self.ctx.clone(), "")?))
            }
            IdlType::DomString | IdlType::DomStringNullToEmpty => {
                self.to_string(value).map(Converted::String)
            }
            IdlType::UsvString => {
                let string = self.to_string(value)?;
                Ok(Converted::String(self.helper("toWellFormed")?.call((string,))?))
            }
            IdlType::ByteString => {
                let string = self.to_string(value)?;
                let is_bytes = self.dom_string(&string)?.chars().all(|c| u32::from(c) <= 255);
                if is_bytes {
                    Ok(Converted::ByteString(string))
                } else {
                    Err(self.type_error(&format!(
                        "{what} has a character above U+00FF, which a ByteString cannot hold"
                    )))
                }
            }
            IdlType::Object if value.is_object() => Ok(Converted::Own(value)),
            IdlType::Object => Err(self.type_error(&format!("{what} is not an object"))),
            IdlType::Symbol if value.is_symbol() => Ok(Converted::Own(value)),
            IdlType::Symbol => Err(self.type_error(&format!("{what} is not a symbol"))),
            IdlType::Interface(interface) => self.to_interface(value, interface, what),
            IdlType::GlobalProxy if self.is_global(&value) => Ok(Converted::Own(value)),
            IdlType::GlobalProxy => Err(self.type_error(&format!("{what} is not a window"))),
            IdlType::Dictionary(dictionary) => self.to_dictionary(&value, dictionary, what),
            IdlType::Enumeration(enumeration) => self.to_enumeration(value, enumeration, what),
            IdlType::Callback(callback) => {
                if value.is_function() || callback.treat_non_object_as_null && value.is_object() {
                    Ok(Converted::Own(value))
                } else if callback.treat_non_object_as_null {
                    Ok(Converted::Null)
                } else {
                    Err(self.type_error(&format!("{what} is not a function")))
                }
            }
            IdlType::CallbackInterface(_) if value.is_object() => Ok(Converted::Own(value)),
            IdlType::CallbackInterface(_) => Err(self.type_error(&format!("{what} is not an object"))),
            IdlType::Nullable(inner) => {
                // 1. A callback whose non-objects are null.
                if let IdlType::Callback(callback) = inner
                    && callback.treat_non_object_as_null
                    && !value.is_object()
                {
                    return Ok(Converted::Null);
                }
                // 2. undefined, where the union holds it.
                let holds_undefined = matches!(inner, IdlType::Union(members)
                    if members.iter().any(|member| matches!(member, IdlType::Undefined)));
                if value.is_null() || value.is_undefined() && !holds_undefined {
                    return Ok(Converted::Null);
                }
                self.convert_to(value, inner, what)
            }
            // <https://webidl.spec.whatwg.org/#js-observable-arrays>: what is assigned to it is a sequence.
            IdlType::Sequence(item) | IdlType::ObservableArray(item) => {
                let iterator = self.iterator_method(&value)?;
                let iterator =
                    iterator.ok_or_else(|| self.type_error(&format!("{what} is not a sequence")))?;
                self.to_items(&value, &iterator, item, what).map(Converted::Sequence)
            }
            IdlType::FrozenArray(item) => {
                let iterator = self.iterator_method(&value)?;
                let iterator =
                    iterator.ok_or_else(|| self.type_error(&format!("{what} is not a sequence")))?;
                self.to_items(&value, &iterator, item, what).map(Converted::FrozenArray)
            }
            IdlType::Record(key, item) => self.to_record(&value, key, item, what),
            IdlType::Promise(_) => Ok(Converted::Own(self.helper("promiseResolve")?.call((value,))?)),
            IdlType::Union(members) => self.to_union(value, members, what),
            IdlType::Buffer { kinds, allow_shared, allow_resizable } => {
                self.to_buffer(value, *kinds, *allow_shared, *allow_resizable, what)
            }
            _ => Err(self.type_error(&format!("{what} is of a type that is not supported"))),
        }
    }

    /// <https://tc39.es/ecma262/#sec-tonumber>
    pub(crate) fn to_number(&self, value: JsValue<'js>) -> Result<f64> {
        if let Some(number) = value.as_number() {
            return Ok(number);
        }
        if value.is_big_int() {
            return Err(self.type_error("a bigint is not a number"));
        }
        Ok(Coerced::<f64>::from_js(&self.ctx, value)?.0)
    }

    /// <https://tc39.es/ecma262/#sec-tostring>
    pub(crate) fn to_string(&self, value: JsValue<'js>) -> Result<JsString<'js>> {
        match value.try_into_string() {
            Ok(string) => Ok(string),
            Err(value) => Ok(Coerced::<JsString<'js>>::from_js(&self.ctx, value)?.0),
        }
    }

    /// <https://webidl.spec.whatwg.org/#js-interface>
    fn to_interface(
        &self,
        value: JsValue<'js>,
        interface: &'static InterfaceDescriptor,
        what: &str,
    ) -> Result<Converted<'js>> {
        let receiver = self.receiver(&value).filter(|receiver| receiver.interface().inherits(interface));
        match receiver {
            None => Err(self.type_error(&format!("{what} is not of type {}", interface.name))),
            Some(_) if interface.self_hosted => Ok(Converted::Own(value)),
            Some(receiver) => match receiver.native() {
                Some(object) => Ok(Converted::Platform(object, value)),
                None => Ok(Converted::Own(value)),
            },
        }
    }

    /// <https://webidl.spec.whatwg.org/#js-dictionary>
    pub(crate) fn to_dictionary(
        &self,
        value: &JsValue<'js>,
        dictionary: &DictionaryDescriptor,
        what: &str,
    ) -> Result<Converted<'js>> {
        if !value.is_object() && !value.is_undefined() && !value.is_null() {
            return Err(self.type_error(&format!(
                "{what} cannot be converted to {}: it is not an object",
                dictionary.name
            )));
        }
        let mut members = Vec::new();
        self.dictionary_members(value.as_object(), dictionary, what, &mut members)?;
        Ok(Converted::Dictionary(members))
    }

    fn dictionary_members(
        &self,
        object: Option<&Object<'js>>,
        dictionary: &DictionaryDescriptor,
        what: &str,
        members: &mut Vec<(&'static str, Converted<'js>)>,
    ) -> Result<()> {
        // 3., 4. From the least derived to the most, each in lexicographic order.
        if let Some(parent) = dictionary.parent {
            self.dictionary_members(object, parent, what, members)?;
        }
        for member in dictionary.members {
            let value = match object {
                Some(object) => object.get::<_, JsValue<'js>>(member.name)?,
                None => JsValue::new_undefined(self.ctx.clone()),
            };
            if !value.is_undefined() {
                let what = format!("{what}.{}", member.name);
                members.push((member.name, self.convert_to(value, &member.r#type, &what)?));
            } else if let Some(default) = member.default {
                members.push((member.name, self.default_value(&member.r#type, default)?));
            } else if member.required {
                return Err(self.type_error(&format!("{what} lacks the required member {}", member.name)));
            }
        }
        Ok(())
    }

    /// A default value, of its type.
    pub(crate) fn default_value(&self, of: &IdlType, default: DefaultValue) -> Result<Converted<'js>> {
        let string = |text: &str| JsString::from_str(self.ctx.clone(), text);
        Ok(match (of, default) {
            (IdlType::Any, DefaultValue::Null) => Converted::Any(JsValue::new_null(self.ctx.clone())),
            (IdlType::Any, DefaultValue::Boolean(value)) => {
                Converted::Any(JsValue::new_bool(self.ctx.clone(), value))
            }
            (IdlType::Any, DefaultValue::Number(value)) => Converted::Any(self.number_to_js(value)),
            (IdlType::Any, DefaultValue::String(value)) => Converted::Any(string(value)?.into_value()),
            (IdlType::Nullable(_), DefaultValue::Null) => Converted::Null,
            (IdlType::Nullable(inner), default) => self.default_value(inner, default)?,
            (IdlType::Union(members), default) => {
                let fits = |member: &IdlType| match default {
                    DefaultValue::Null | DefaultValue::EmptyDictionary => {
                        matches!(member, IdlType::Dictionary(_))
                    }
                    DefaultValue::Boolean(_) => matches!(member, IdlType::Boolean),
                    DefaultValue::Number(_) => is_numeric(member),
                    DefaultValue::String(_) => is_string(member),
                    _ => matches!(member, IdlType::Sequence(_) | IdlType::FrozenArray(_)),
                };
                match members.iter().position(fits) {
                    Some(index) => {
                        Converted::Union(index, Box::new(self.default_value(&members[index], default)?))
                    }
                    None => Converted::Undefined,
                }
            }
            (IdlType::Dictionary(dictionary), _) => {
                self.to_dictionary(&JsValue::new_undefined(self.ctx.clone()), dictionary, dictionary.name)?
            }
            (_, DefaultValue::Null) => Converted::Null,
            (_, DefaultValue::Boolean(value)) => Converted::Boolean(value),
            (_, DefaultValue::Number(value)) => Converted::Number(value),
            (IdlType::ByteString, DefaultValue::String(value)) => Converted::ByteString(string(value)?),
            (_, DefaultValue::String(value)) => Converted::String(string(value)?),
            (_, DefaultValue::EmptyDictionary) => Converted::Dictionary(Vec::new()),
            _ => Converted::Sequence(Vec::new()),
        })
    }

    /// <https://webidl.spec.whatwg.org/#js-enumeration>
    fn to_enumeration(
        &self,
        value: JsValue<'js>,
        enumeration: &EnumerationDescriptor,
        what: &str,
    ) -> Result<Converted<'js>> {
        let string = self.to_string(value)?;
        let text = self.dom_string(&string)?;
        if enumeration.values.iter().any(|known| text == *known) {
            Ok(Converted::String(string))
        } else {
            Err(self.type_error(&format!("{what} \"{text}\" is not a value of {}", enumeration.name)))
        }
    }

    /// <https://tc39.es/ecma262/#sec-getmethod> of `Symbol.iterator`.
    pub(crate) fn iterator_method(&self, value: &JsValue<'js>) -> Result<Option<Function<'js>>> {
        let Some(object) = value.as_object() else { return Ok(None) };
        let method: JsValue<'js> = object.get(PredefinedAtom::SymbolIterator)?;
        if method.is_undefined() || method.is_null() {
            return Ok(None);
        }
        match method.into_function() {
            Some(method) => Ok(Some(method)),
            None => Err(self.type_error("Symbol.iterator is not a function")),
        }
    }

    /// <https://webidl.spec.whatwg.org/#create-sequence-from-iterable>
    pub(crate) fn to_items(
        &self,
        value: &JsValue<'js>,
        method: &Function<'js>,
        item: &IdlType,
        what: &str,
    ) -> Result<Vec<Converted<'js>>> {
        let iterator: JsValue<'js> = method.call((This(value.clone()),))?;
        let Some(iterator) = iterator.into_object() else {
            return Err(self.type_error(&format!("{what}: its iterator is not an object")));
        };
        let next: JsValue<'js> = iterator.get("next")?;
        let Some(next) = next.into_function() else {
            return Err(self.type_error(&format!("{what}: its iterator has no next")));
        };
        let mut items = Vec::new();
        loop {
            let result: JsValue<'js> = next.call((This(iterator.clone()),))?;
            let Some(result) = result.into_object() else {
                return Err(self.type_error(&format!("{what}: its iterator's result is not an object")));
            };
            if Coerced::<bool>::from_js(&self.ctx, result.get("done")?)?.0 {
                return Ok(items);
            }
            let what = format!("{what}[{}]", items.len());
            items.push(self.convert_to(result.get("value")?, item, &what)?);
        }
    }

    /// <https://webidl.spec.whatwg.org/#js-record>
    fn to_record(
        &self,
        value: &JsValue<'js>,
        key: &IdlType,
        item: &IdlType,
        what: &str,
    ) -> Result<Converted<'js>> {
        let Some(object) = value.as_object() else {
            return Err(self.type_error(&format!("{what} is not an object")));
        };
        // 3. The own keys, in order.
        let keys: Array<'js> = self.helper("ownKeys")?.call((object.clone(),))?;
        let mut items: Vec<(Converted<'js>, Converted<'js>)> = Vec::new();
        let mut names: Vec<DomString> = Vec::new();
        for name in keys.iter::<JsValue<'js>>() {
            let name = name?;
            let descriptor: JsValue<'js> =
                self.helper("ownDescriptor")?.call((object.clone(), name.clone()))?;
            let Some(descriptor) = descriptor.into_object() else { continue };
            if !descriptor.get::<_, bool>("enumerable")? {
                continue;
            }
            // 4.2.1., 4.2.2. The key, converted, then the value. A symbol is no key.
            if name.is_symbol() {
                return Err(self.type_error(&format!("{what} has a symbol as a key")));
            }
            let converted_key = self.convert_to(name.clone(), key, what)?;
            let text = match &converted_key {
                Converted::String(string) | Converted::ByteString(string) => self.dom_string(string)?,
                _ => DomString::default(),
            };
            let what = format!("{what}[{text}]");
            let converted_item = self.convert_to(object.get(name)?, item, &what)?;
            // 4.2.4. A key that is already there (two keys may convert to one USVString) keeps its place.
            match names.iter().position(|known| *known == text) {
                Some(index) => items[index].1 = converted_item,
                None => {
                    names.push(text);
                    items.push((converted_key, converted_item));
                }
            }
        }
        Ok(Converted::Record(items))
    }

    /// <https://webidl.spec.whatwg.org/#js-buffer-source-types>
    fn to_buffer(
        &self,
        value: JsValue<'js>,
        kinds: BufferKinds,
        allow_shared: bool,
        allow_resizable: bool,
        what: &str,
    ) -> Result<Converted<'js>> {
        let Some(buffer) = self.buffer_info(&value)?.filter(|buffer| kinds.contains(buffer.kind)) else {
            return Err(self.type_error(&format!("{what} is not a buffer of the right kind")));
        };
        let shared_kind = buffer.kind == longhaul_idl::runtime::BufferKind::SharedArrayBuffer;
        if buffer.shared && !allow_shared && !shared_kind {
            return Err(self.type_error(&format!("{what} must not be shared")));
        }
        if buffer.resizable && !allow_resizable {
            return Err(self.type_error(&format!("{what} must not be resizable")));
        }
        Ok(Converted::Buffer(buffer))
    }
}

/// Whether a type is numeric.
pub(crate) fn is_numeric(of: &IdlType) -> bool {
    matches!(
        of,
        IdlType::Integer(..)
            | IdlType::Float
            | IdlType::UnrestrictedFloat
            | IdlType::Double
            | IdlType::UnrestrictedDouble
    )
}

/// Whether a type is a string type, enumerations included.
pub(crate) fn is_string(of: &IdlType) -> bool {
    matches!(
        of,
        IdlType::DomString
            | IdlType::DomStringNullToEmpty
            | IdlType::ByteString
            | IdlType::UsvString
            | IdlType::Enumeration(_)
    )
}

#[allow(
    clippy::cast_possible_truncation,
    reason = "rounding to the nearest single-precision value is what is asked for"
)]
fn single(number: f64) -> f32 {
    number as f32
}
