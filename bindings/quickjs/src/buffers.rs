//! `ArrayBuffer`s and their views: the adapter's only look into the engine's memory.

use bytes::Bytes;
use longhaul_idl::runtime::{Buffer, BufferKind};
use rquickjs::{Array, ArrayBuffer, Result, Value as JsValue};

use crate::realm::Scope;

/// What is known of a buffer or a view at the time it was asked.
pub(crate) struct BufferInfo<'js> {
    pub(crate) kind: BufferKind,
    /// The buffer or view itself.
    pub(crate) object: JsValue<'js>,
    pub(crate) shared: bool,
    pub(crate) resizable: bool,
}

/// Where a view's bytes are.
struct Place<'js> {
    buffer: ArrayBuffer<'js>,
    offset: usize,
    length: usize,
}

impl<'js> Scope<'js> {
    /// What a value is among buffers and views; `None` if it is none.
    pub(crate) fn buffer_info(&self, value: &JsValue<'js>) -> Result<Option<BufferInfo<'js>>> {
        let Some(described) = self.describe_buffer(value)? else { return Ok(None) };
        let name: String = described.get(0)?;
        let kind = BufferKind::ALL.iter().copied().find(|kind| kind.name() == name);
        let Some(kind) = kind else { return Ok(None) };
        Ok(Some(BufferInfo {
            kind,
            object: value.clone(),
            shared: described.get(5)?,
            resizable: described.get(6)?,
        }))
    }

    fn describe_buffer(&self, value: &JsValue<'js>) -> Result<Option<Array<'js>>> {
        if !value.is_object() {
            return Ok(None);
        }
        let described: JsValue<'js> = self.helper("describeBuffer")?.call((value.clone(),))?;
        Ok(described.into_array())
    }

    /// Where the bytes of a buffer or view are; `None` if it is none, or is detached.
    fn buffer_place(&self, value: &JsValue<'js>) -> Result<Option<Place<'js>>> {
        let Some(described) = self.describe_buffer(value)? else { return Ok(None) };
        if described.get::<bool>(4)? {
            return Ok(None);
        }
        let (offset, length) = (described.get::<f64>(2)?, described.get::<f64>(3)?);
        let buffer: JsValue<'js> = described.get(1)?;
        let Some(buffer) = ArrayBuffer::from_value(buffer) else {
            // NOTE: the engine gives no memory for an empty buffer, and leaves an exception behind.
            self.ctx.catch();
            return Ok(None);
        };
        Ok(Some(Place { buffer, offset: to_usize(offset), length: to_usize(length) }))
    }

    /// Whether a value is a buffer or view that is detached.
    pub(crate) fn is_detached(&self, value: &JsValue<'js>) -> Result<bool> {
        self.describe_buffer(value)?.map_or(Ok(false), |described| described.get(4))
    }

    /// Writes into a buffer or view. `false` if it is detached, too short, or none.
    #[allow(unsafe_code, reason = "the engine gives a pointer to its memory")]
    pub(crate) fn write_into(&self, value: &JsValue<'js>, offset: usize, bytes: &[u8]) -> Result<bool> {
        if bytes.is_empty() {
            return Ok(self.describe_buffer(value)?.is_some());
        }
        let Some(place) = self.buffer_place(value)? else { return Ok(false) };
        let Some(memory) = place.buffer.as_raw() else { return Ok(false) };
        let Some(end) = offset.checked_add(bytes.len()) else { return Ok(false) };
        if end > place.length || place.offset.saturating_add(end) > memory.len() {
            return Ok(false);
        }
        // SAFETY: `memory` is the buffer's memory as of now, and no script runs before the copy is done; the range was
        // checked against its length, and Rust's slice cannot overlap memory of the engine.
        unsafe {
            let target = memory.as_ptr().cast::<u8>().add(place.offset + offset);
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), target, bytes.len());
        }
        Ok(true)
    }
}

impl<'js> BufferInfo<'js> {
    /// A copy of the bytes; none of a detached buffer.
    #[allow(unsafe_code, reason = "the engine gives a pointer to its memory")]
    pub(crate) fn copy(self, scope: &Scope<'js>) -> Result<Buffer> {
        let bytes = match scope.buffer_place(&self.object)? {
            None => Bytes::new(),
            Some(place) => {
                // SAFETY: no script runs while the slice is looked at, and it is copied at once.
                let memory = unsafe { place.buffer.as_bytes() }.unwrap_or_default();
                let range = memory.get(place.offset..place.offset.saturating_add(place.length));
                Bytes::copy_from_slice(range.unwrap_or_default())
            }
        };
        Ok(Buffer { kind: self.kind, bytes, held: Some(scope.keep(self.object)) })
    }
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "offsets and lengths of buffers are small integers"
)]
fn to_usize(number: f64) -> usize {
    number as usize
}
