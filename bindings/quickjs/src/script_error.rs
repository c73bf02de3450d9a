//! What is told of an uncaught exception.

use longhaul_idl::runtime::ObjectRef;
use rquickjs::{Coerced, FromJs as _, Object, Value as JsValue};
use thiserror::Error;

use crate::realm::Scope;

/// Why a script did not run to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ScriptErrorKind {
    /// It threw, or does not parse.
    Exception,
    /// It was ended by an [`InterruptHandle`](crate::InterruptHandle).
    Interrupted,
    /// The realm has ended, or was never there.
    NoRealm,
    /// A realm could not be made of its interfaces and core.
    Mount,
}

/// An uncaught exception.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{}", self.line_of_text())]
#[non_exhaustive]
pub struct ScriptError {
    /// What happened.
    pub kind: ScriptErrorKind,
    /// `TypeError: x is not a function`.
    pub message: String,
    /// The script, if it is known.
    pub file: String,
    /// The line, from 1; 0 if it is not known.
    pub line: u32,
    /// The column, from 1; 0 if it is not known.
    pub column: u32,
    /// The engine's stack.
    pub stack: String,
}

impl ScriptError {
    pub(crate) fn new(kind: ScriptErrorKind, message: impl Into<String>) -> Self {
        let (message, file, stack) = (message.into(), String::new(), String::new());
        Self { kind, message, file, line: 0, column: 0, stack }
    }

    fn line_of_text(&self) -> String {
        if self.file.is_empty() {
            self.message.clone()
        } else {
            format!("{}:{}:{}: {}", self.file, self.line, self.column, self.message)
        }
    }

    /// What there is to tell of a thrown value. Never throws, though it may run getters of the value.
    pub(crate) fn from_value<'js>(scope: &Scope<'js>, value: &JsValue<'js>) -> Self {
        let kind = if value.is_uncatchable_error() {
            ScriptErrorKind::Interrupted
        } else {
            ScriptErrorKind::Exception
        };
        let text = |value: JsValue<'js>| {
            let string = Coerced::<rquickjs::String<'js>>::from_js(&scope.ctx, value);
            match string.and_then(|string| scope.dom_string(&string)) {
                Ok(text) => text.into_usv_string(),
                Err(error) => {
                    scope.thrown(error);
                    String::new()
                }
            }
        };
        let member = |object: &Object<'js>, name: &str| match object.get::<_, JsValue<'js>>(name) {
            Ok(value) if value.is_undefined() => String::new(),
            Ok(value) => text(value),
            Err(error) => {
                scope.thrown(error);
                String::new()
            }
        };
        let native: Option<ObjectRef> = scope.receiver(value).and_then(|receiver| receiver.native());
        let is_exception = value.is_error()
            || native.is_some_and(|native| native.implements(&longhaul_idl::dom_exception::DESCRIPTOR));
        let Some(object) = value.as_object().filter(|_| is_exception) else {
            return Self::new(
                kind,
                if value.is_symbol() { "a symbol".to_owned() } else { text(value.clone()) },
            );
        };
        let (name, message, stack) =
            (member(object, "name"), member(object, "message"), member(object, "stack"));
        let message = match (name.is_empty(), message.is_empty()) {
            (true, _) => message,
            (_, true) => name,
            _ => format!("{name}: {message}"),
        };
        let (file, line, column) = position(&stack);
        Self { kind, message, file, line, column, stack }
    }
}

/// The first place in a stack that is a script's own: `    at f (file:line:column)`.
pub(crate) fn position(stack: &str) -> (String, u32, u32) {
    for frame in stack.lines() {
        let place = match (frame.rfind('('), frame.rfind(')')) {
            (Some(open), Some(close)) if open < close => &frame[open + 1..close],
            _ => frame.trim_start().trim_start_matches("at "),
        };
        let mut parts = place.rsplitn(3, ':');
        let (Some(column), Some(line), Some(file)) = (parts.next(), parts.next(), parts.next()) else {
            continue;
        };
        let (Ok(column), Ok(line)) = (column.parse(), line.parse()) else { continue };
        if !file.starts_with(crate::core::INTERNAL) {
            return (file.to_owned(), line, column);
        }
    }
    (String::new(), 0, 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_frame_of_a_script_is_the_place() {
        let stack = "    at newError (longhaul:prelude:3:4)\n    at native\n    at f (http://localhost:80/a.js:12:34)\n";
        assert_eq!(position(stack), ("http://localhost:80/a.js".to_owned(), 12, 34));
        assert_eq!(position("    at page.js:1:5\n"), ("page.js".to_owned(), 1, 5));
        assert_eq!(position(""), (String::new(), 0, 0));
    }
}
