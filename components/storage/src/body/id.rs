//! The name of a body.

use std::fmt;
use std::io;
use std::str::FromStr;

/// Names a body of the store: 128 random bits, shown as 32 hexadecimal digits.
///
/// A body's file is named from these digits alone, so nothing that a page says can reach a file name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BodyId(u128);

/// The text is not the 32 lower-case hexadecimal digits of a [`BodyId`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a body's id is 32 lower-case hexadecimal digits")]
pub struct InvalidBodyId;

impl BodyId {
    /// An id that nobody has.
    pub(crate) fn random() -> io::Result<Self> {
        let mut bytes = [0; 16];
        let mut filled = 0;
        while filled < bytes.len() {
            match rustix::rand::getrandom(&mut bytes[filled..], rustix::rand::GetRandomFlags::empty()) {
                Ok(count) => filled += count,
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Self(u128::from_be_bytes(bytes)))
    }
}

impl fmt::Display for BodyId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:032x}", self.0)
    }
}

impl fmt::Debug for BodyId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "BodyId({self})")
    }
}

impl FromStr for BodyId {
    type Err = InvalidBodyId;

    fn from_str(text: &str) -> Result<Self, InvalidBodyId> {
        let digits = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if text.len() != 32 || !digits {
            return Err(InvalidBodyId);
        }
        u128::from_str_radix(text, 16).map(Self).map_err(|_| InvalidBodyId)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_survives_its_text() {
        let id = BodyId::random().expect("the kernel gives random bytes");
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(BodyId(7).to_string(), "00000000000000000000000000000007");
    }

    #[test]
    fn nothing_else_is_an_id() {
        for text in ["", "7", "../../../../etc/passwd", "+0000000000000000000000000000007"] {
            assert_eq!(text.parse::<BodyId>(), Err(InvalidBodyId), "{text}");
        }
        assert!("0000000000000000000000000000000A".parse::<BodyId>().is_err(), "one spelling each");
    }
}
