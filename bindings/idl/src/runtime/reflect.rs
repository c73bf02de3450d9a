//! Attributes that reflect content attributes.
//!
//! <https://html.spec.whatwg.org/#reflecting-content-attributes-in-idl-attributes>

use super::{DomString, Exception, FromIdl as _, Realm, Value};

/// An element whose IDL attributes reflect its content attributes.
pub trait Reflects {
    /// The value of a content attribute without a namespace, if there is one.
    fn content_attribute(&self, realm: &dyn Realm, name: &str) -> Option<DomString>;

    /// Sets a content attribute, or removes it.
    ///
    /// # Errors
    /// What setting it throws.
    fn set_content_attribute(
        &self,
        realm: &dyn Realm,
        name: &str,
        value: Option<DomString>,
    ) -> Result<(), Exception>;

    /// Parses a URL relative to the element's document, and serializes it. `None` if it does not parse.
    fn resolve_url(&self, realm: &dyn Realm, url: &str) -> Option<String>;
}

/// How an IDL attribute reflects a content attribute.
#[derive(Clone, Copy, Debug)]
pub struct Reflection {
    /// The content attribute's name.
    pub attribute: &'static str,
    /// What it is to script.
    pub kind: ReflectionKind,
}

/// The ways to reflect.
#[derive(Clone, Copy, Debug)]
pub enum ReflectionKind {
    /// A string as it is.
    String {
        /// Whether an absent attribute is `null`.
        nullable: bool,
    },
    /// Whether the attribute is there.
    Boolean,
    /// A URL, serialized.
    Url,
    /// An enumerated attribute, limited to only known values.
    Enumerated {
        /// Its keywords, in their canonical case.
        keywords: &'static [&'static str],
        /// The keyword of the missing value default.
        missing: Option<&'static str>,
        /// The keyword of the invalid value default.
        invalid: Option<&'static str>,
        /// Whether a state without a keyword is `null`.
        nullable: bool,
    },
    /// A signed integer.
    Long {
        /// Its default.
        default: f64,
    },
    /// An integer that is not negative.
    UnsignedLong {
        /// Its default.
        default: f64,
    },
    /// A floating-point number.
    Double {
        /// Its default.
        default: f64,
    },
}

/// The getter of an attribute that reflects.
///
/// # Errors
/// None of its own.
pub fn reflected(
    element: &dyn Reflects,
    realm: &dyn Realm,
    reflection: &Reflection,
) -> Result<Value, Exception> {
    let value = element.content_attribute(realm, reflection.attribute);
    let string = |text: &str| Value::String(text.into());
    Ok(match reflection.kind {
        ReflectionKind::String { nullable: true } => value.map_or(Value::Null, Value::String),
        ReflectionKind::String { nullable: false } => Value::String(value.unwrap_or_default()),
        ReflectionKind::Boolean => Value::Boolean(value.is_some()),
        ReflectionKind::Url => match value {
            None => string(""),
            Some(value) => match element.resolve_url(realm, &value) {
                Some(url) => string(&url),
                None => Value::String(value),
            },
        },
        ReflectionKind::Enumerated { keywords, missing, invalid, nullable } => {
            let state = match value {
                None => missing,
                Some(value) => {
                    keywords.iter().find(|word| word.eq_ignore_ascii_case(&value)).copied().or(invalid)
                }
            };
            match state {
                Some(word) => string(word),
                None if nullable => Value::Null,
                None => string(""),
            }
        }
        ReflectionKind::Long { default } => {
            let parsed = value.and_then(|value| integer(&value)).and_then(|value| i32::try_from(value).ok());
            Value::Number(parsed.map_or(default, f64::from))
        }
        ReflectionKind::UnsignedLong { default } => {
            let parsed = value.and_then(|value| integer(&value)).filter(|value| *value >= 0);
            let parsed = parsed.and_then(|value| i32::try_from(value).ok());
            Value::Number(parsed.map_or(default, f64::from))
        }
        ReflectionKind::Double { default } => {
            let parsed = value.and_then(|value| value.trim_ascii().parse::<f64>().ok());
            Value::Number(parsed.filter(|value| value.is_finite()).unwrap_or(default))
        }
    })
}

/// The setter of an attribute that reflects. The value is converted already.
///
/// # Errors
/// What setting the content attribute throws.
pub fn set_reflected(
    element: &dyn Reflects,
    realm: &dyn Realm,
    reflection: &Reflection,
    value: Value,
) -> Result<(), Exception> {
    let value = match (reflection.kind, value) {
        (ReflectionKind::Boolean, Value::Boolean(value)) => value.then(DomString::default),
        (_, Value::Null | Value::Undefined) => None,
        (ReflectionKind::UnsignedLong { default }, Value::Number(value)) => {
            // NOTE: what does not fit a signed integer becomes the default.
            let value = if (0.0..=2_147_483_647.0).contains(&value) { value } else { default };
            Some(value.to_string().into())
        }
        (_, Value::Number(value)) => Some(value.to_string().into()),
        (_, value) => Some(DomString::from_idl(value)?),
    };
    element.set_content_attribute(realm, reflection.attribute, value)
}

/// <https://html.spec.whatwg.org/#rules-for-parsing-integers>
fn integer(text: &str) -> Option<i64> {
    let text = text.trim_start_matches([' ', '\t', '\n', '\u{C}', '\r']);
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    digits[..end].parse::<i64>().ok().map(|value| sign * value)
}
