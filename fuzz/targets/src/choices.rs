//! Decisions made by an input.

use arbitrary::Unstructured;

/// Reads an input as a list of decisions, a byte each. Past its end all of them are the first choice, so that a short input is a
/// simple case.
pub(crate) struct Choices<'data>(Unstructured<'data>);

impl<'data> Choices<'data> {
    pub(crate) fn new(data: &'data [u8]) -> Choices<'data> {
        Choices(Unstructured::new(data))
    }

    pub(crate) fn byte(&mut self) -> u8 {
        self.0.arbitrary().unwrap_or_default()
    }

    /// Whether anything is left.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A number below `end`, which is at most 256.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::from(self.byte()) % end
    }

    /// Once in so many times; never past the end.
    pub(crate) fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == times - 1
    }

    pub(crate) fn pick<T: Clone>(&mut self, pool: &[T]) -> T {
        pool[self.below(pool.len())].clone()
    }

    /// At most 255 bytes as they are.
    pub(crate) fn bytes(&mut self) -> &'data [u8] {
        let length = usize::from(self.byte()).min(self.0.len());
        self.0.bytes(length).unwrap_or_default()
    }

    /// Text, whatever the bytes are.
    pub(crate) fn text(&mut self) -> String {
        String::from_utf8_lossy(self.bytes()).into_owned()
    }
}
