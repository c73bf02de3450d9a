//! <https://webidl.spec.whatwg.org/#idl-DOMString>

use std::{
    fmt,
    hash::{Hash, Hasher},
    ops::Deref,
};

/// A `DOMString`: a sequence of UTF-16 code units, nearly always well-formed text.
///
/// It derefs to `str`. A lone surrogate reads as U+FFFD there, which is what a `USVString` of the same value would hold;
/// the original code units are kept beside the text and go back to the engine unchanged, and two strings that differ only
/// in a lone surrogate are not equal.
#[derive(Clone, Default)]
pub struct DomString {
    text: String,
    /// The code units, only when `text` could not say them.
    units: Option<Box<[u16]>>,
}

impl DomString {
    /// Makes a string of UTF-16 code units, lone surrogates included.
    pub fn from_utf16(units: &[u16]) -> Self {
        match String::from_utf16(units) {
            Ok(text) => Self { text, units: None },
            Err(_) => Self { text: String::from_utf16_lossy(units), units: Some(units.into()) },
        }
    }

    /// The text, with each lone surrogate replaced by U+FFFD.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The text as a `USVString`: each lone surrogate replaced by U+FFFD.
    pub fn into_usv_string(self) -> String {
        self.text
    }

    /// The code units when the string holds a lone surrogate, and `None` when [`Self::as_str`] says it all.
    pub fn ill_formed_units(&self) -> Option<&[u16]> {
        self.units.as_deref()
    }
}

impl Deref for DomString {
    type Target = str;

    fn deref(&self) -> &str {
        &self.text
    }
}

impl AsRef<str> for DomString {
    fn as_ref(&self) -> &str {
        &self.text
    }
}

impl From<String> for DomString {
    fn from(text: String) -> Self {
        Self { text, units: None }
    }
}

impl From<&str> for DomString {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl From<DomString> for String {
    fn from(string: DomString) -> Self {
        string.text
    }
}

impl PartialEq for DomString {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text && self.units == other.units
    }
}

impl Eq for DomString {}

impl PartialEq<str> for DomString {
    fn eq(&self, other: &str) -> bool {
        self.units.is_none() && self.text == other
    }
}

impl PartialEq<&str> for DomString {
    fn eq(&self, other: &&str) -> bool {
        self == *other
    }
}

impl Hash for DomString {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

impl fmt::Debug for DomString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}

impl fmt::Display for DomString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A `ByteString`: bytes, each the code unit of the same number in script.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ByteString(pub Vec<u8>);

impl Deref for ByteString {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl From<Vec<u8>> for ByteString {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl From<&[u8]> for ByteString {
    fn from(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }
}

impl From<&str> for ByteString {
    fn from(text: &str) -> Self {
        Self(text.as_bytes().to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lone_surrogates_are_kept_beside_their_replacement() {
        let lone = DomString::from_utf16(&[0x61, 0xD800, 0x62]);
        assert_eq!(&*lone, "a\u{FFFD}b");
        assert_eq!(lone.ill_formed_units(), Some(&[0x61, 0xD800, 0x62][..]));
        assert_ne!(lone, DomString::from("a\u{FFFD}b"));
        let pair = DomString::from_utf16(&[0xD83D, 0xDE00]);
        assert_eq!(pair, "😀");
        assert_eq!(pair.ill_formed_units(), None);
    }
}
