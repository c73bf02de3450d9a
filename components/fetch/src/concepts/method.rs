//! Methods.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::header_name::is_token;

/// A request's method: a token, compared with its case.
///
/// <https://fetch.spec.whatwg.org/#concept-method>
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Method(Cow<'static, str>);

/// The bytes are not a method: empty, or with a byte that a token cannot hold.
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a method is one or more token characters")]
pub struct InvalidMethod;

impl Method {
    /// `GET`
    pub const GET: Method = Method(Cow::Borrowed("GET"));
    /// `HEAD`
    pub const HEAD: Method = Method(Cow::Borrowed("HEAD"));
    /// `POST`
    pub const POST: Method = Method(Cow::Borrowed("POST"));
    /// `PUT`
    pub const PUT: Method = Method(Cow::Borrowed("PUT"));
    /// `DELETE`
    pub const DELETE: Method = Method(Cow::Borrowed("DELETE"));
    /// `OPTIONS`
    pub const OPTIONS: Method = Method(Cow::Borrowed("OPTIONS"));
    /// `PATCH`
    pub const PATCH: Method = Method(Cow::Borrowed("PATCH"));

    /// A method from its bytes, as they are.
    pub fn new(bytes: impl AsRef<[u8]>) -> Result<Method, InvalidMethod> {
        let bytes = bytes.as_ref();
        if !is_token(bytes) {
            return Err(InvalidMethod);
        }
        let text = std::str::from_utf8(bytes).map_err(|_| InvalidMethod)?;
        Ok(Method(Cow::Owned(text.to_owned())))
    }

    /// The method's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Upper-cases the six methods that are known in any case.
    ///
    /// <https://fetch.spec.whatwg.org/#concept-method-normalize>
    #[must_use]
    pub fn normalized(&self) -> Method {
        [Method::DELETE, Method::GET, Method::HEAD, Method::OPTIONS, Method::POST, Method::PUT]
            .into_iter()
            .find(|known| known.0.eq_ignore_ascii_case(&self.0))
            .unwrap_or_else(|| self.clone())
    }

    /// <https://fetch.spec.whatwg.org/#cors-safelisted-method>
    pub fn is_cors_safelisted(&self) -> bool {
        matches!(self.as_str(), "GET" | "HEAD" | "POST")
    }

    /// <https://fetch.spec.whatwg.org/#forbidden-method>
    pub fn is_forbidden(&self) -> bool {
        is_forbidden_method(self.0.as_bytes())
    }
}

/// Whether the bytes name a method that scripts may not use.
///
/// <https://fetch.spec.whatwg.org/#forbidden-method>
pub fn is_forbidden_method(bytes: &[u8]) -> bool {
    [b"CONNECT".as_slice(), b"TRACE", b"TRACK"].iter().any(|name| name.eq_ignore_ascii_case(bytes))
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Default for Method {
    fn default() -> Self {
        Method::GET
    }
}

impl PartialEq<str> for Method {
    fn eq(&self, other: &str) -> bool {
        self.0 == other
    }
}

impl PartialEq<&str> for Method {
    fn eq(&self, other: &&str) -> bool {
        self.0 == *other
    }
}

impl TryFrom<String> for Method {
    type Error = InvalidMethod;

    fn try_from(text: String) -> Result<Self, InvalidMethod> {
        Method::new(text)
    }
}

impl From<Method> for String {
    fn from(method: Method) -> String {
        method.0.into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn six_methods_are_normalized_and_others_keep_their_case() {
        assert_eq!(Method::new("pOsT").unwrap().normalized(), Method::POST);
        assert_eq!(Method::new("patch").unwrap().normalized().as_str(), "patch");
        assert_eq!(Method::new("eGg").unwrap().normalized().as_str(), "eGg");
    }

    #[test]
    fn only_tokens_are_methods() {
        for bad in [&b""[..], b"GE T", b"GET\r\n", b"\xff", b"a/b"] {
            assert_eq!(Method::new(bad), Err(InvalidMethod));
        }
    }

    #[test]
    fn forbidden_methods_are_found_in_any_case() {
        assert!(Method::new("trace").unwrap().is_forbidden());
        assert!(Method::new("Connect").unwrap().is_forbidden());
        assert!(!Method::PATCH.is_forbidden());
    }
}
