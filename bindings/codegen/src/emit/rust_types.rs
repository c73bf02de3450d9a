//! The Rust type of each IDL type.

use crate::{
    emit::{RUNTIME, data::Unions, union_name},
    model::{Argument, Integer, Literal, Model, Type},
};

/// The Rust type of a value.
pub(crate) fn rust_type(model: &Model, r#type: &Type, unions: &mut Unions) -> String {
    match r#type {
        Type::Any | Type::GlobalProxy => format!("{RUNTIME}::Value"),
        Type::Undefined => "()".to_owned(),
        Type::Boolean => "bool".to_owned(),
        Type::Integer(integer, _) => match integer {
            Integer::Byte => "i8",
            Integer::Octet => "u8",
            Integer::Short => "i16",
            Integer::UnsignedShort => "u16",
            Integer::Long => "i32",
            Integer::UnsignedLong => "u32",
            Integer::LongLong => "i64",
            Integer::UnsignedLongLong => "u64",
        }
        .to_owned(),
        Type::Float | Type::UnrestrictedFloat => "f32".to_owned(),
        Type::Double | Type::UnrestrictedDouble => "f64".to_owned(),
        Type::DomString { .. } => format!("{RUNTIME}::DomString"),
        Type::ByteString => format!("{RUNTIME}::ByteString"),
        Type::UsvString => "String".to_owned(),
        Type::Interface(name) if !model.is_held(name) => format!("{RUNTIME}::ObjectRef"),
        Type::Object
        | Type::Symbol
        | Type::BigInt
        | Type::Interface(_)
        | Type::Callback(_)
        | Type::CallbackInterface(_)
        | Type::Promise(_) => format!("{RUNTIME}::Held"),
        Type::Dictionary(name) | Type::Enumeration(name) => format!("crate::{name}"),
        Type::Nullable(inner) => format!("Option<{}>", rust_type(model, inner, unions)),
        Type::Sequence(inner) | Type::FrozenArray(inner) | Type::ObservableArray(inner) => {
            format!("Vec<{}>", rust_type(model, inner, unions))
        }
        Type::Record(key, value) => {
            let (key, value) = (rust_type(model, key, unions), rust_type(model, value, unions));
            format!("{RUNTIME}::Record<{key}, {value}>")
        }
        Type::Union { name, members } => {
            let name = union_name(name.as_deref(), members);
            unions.add(&name, members);
            format!("crate::{name}")
        }
        Type::Buffer { .. } => format!("{RUNTIME}::Buffer"),
    }
}

/// The Rust type of what a member returns.
pub(crate) fn return_type(model: &Model, r#type: &Type, unions: &mut Unions) -> String {
    match r#type {
        Type::Promise(inner) => format!("{RUNTIME}::PromiseOf<{}>", rust_type(model, inner, unions)),
        other => rust_type(model, other, unions),
    }
}

/// Whether an absent value of the type is told apart by `Option`.
pub(crate) fn is_optional(r#type: &Type, may_be_absent: bool, default: Option<&Literal>) -> bool {
    may_be_absent && default.is_none() && *r#type != Type::Any
}

/// The Rust type of an argument.
pub(crate) fn argument_type(model: &Model, argument: &Argument, unions: &mut Unions) -> String {
    let plain = rust_type(model, &argument.r#type, unions);
    if argument.variadic {
        format!("Vec<{plain}>")
    } else if is_optional(&argument.r#type, argument.optional, argument.default.as_ref()) {
        format!("Option<{plain}>")
    } else {
        plain
    }
}

/// A default value as an expression of `Value`.
pub(crate) fn default_value(r#type: &Type, literal: &Literal) -> String {
    if let Type::Nullable(inner) = r#type {
        return if *literal == Literal::Null {
            format!("{RUNTIME}::Value::Null")
        } else {
            default_value(inner, literal)
        };
    }
    if let Type::Union { members, .. } = r#type {
        let fits = |member: &Type| match literal {
            Literal::Null => matches!(member, Type::Dictionary(_)),
            Literal::Boolean(_) => *member == Type::Boolean,
            Literal::Number(_) => {
                let float = matches!(
                    member,
                    Type::Float | Type::UnrestrictedFloat | Type::Double | Type::UnrestrictedDouble
                );
                float || matches!(member, Type::Integer(..))
            }
            Literal::String(_) => {
                matches!(
                    member,
                    Type::DomString { .. } | Type::UsvString | Type::ByteString | Type::Enumeration(_)
                )
            }
            Literal::EmptySequence => matches!(member, Type::Sequence(_) | Type::FrozenArray(_)),
            Literal::EmptyDictionary => matches!(member, Type::Dictionary(_)),
        };
        if let Some(index) = members.iter().position(fits) {
            return format!(
                "{RUNTIME}::Value::Union({index}, Box::new({}))",
                default_value(&members[index], literal)
            );
        }
    }
    match literal {
        Literal::Null => format!("{RUNTIME}::Value::Null"),
        Literal::Boolean(value) => format!("{RUNTIME}::Value::Boolean({value})"),
        Literal::Number(value) => format!("{RUNTIME}::Value::Number({value})"),
        Literal::String(value) if *r#type == Type::ByteString => {
            format!("{RUNTIME}::Value::ByteString({value:?}.into())")
        }
        Literal::String(value) => format!("{RUNTIME}::Value::String({value:?}.into())"),
        Literal::EmptySequence => format!("{RUNTIME}::Value::Sequence(Vec::new())"),
        Literal::EmptyDictionary => format!("{RUNTIME}::Value::Dictionary({RUNTIME}::Dictionary::new())"),
    }
}
