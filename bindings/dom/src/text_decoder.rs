//! <https://encoding.spec.whatwg.org/#interface-textdecoder>

use std::sync::{Arc, Mutex, PoisonError};

use encoding_rs::{Decoder, DecoderResult, Encoding};
use longhaul_idl::runtime::{Buffer, DomString, Exception, ObjectRef, Realm};
use longhaul_idl::{TextDecodeOptions, TextDecoderMethods, TextDecoderOptions, TextDecoderStatics};

/// <https://encoding.spec.whatwg.org/#textdecoder>
pub(crate) struct TextDecoder {
    encoding: &'static Encoding,
    fatal: bool,
    ignore_bom: bool,
    /// The decoder of a stream that is not finished.
    decoder: Mutex<Option<Decoder>>,
}

longhaul_idl::platform_object!(TextDecoder => longhaul_idl::text_decoder);

impl TextDecoder {
    /// <https://encoding.spec.whatwg.org/#dom-textdecoder>
    pub(crate) fn new(label: &str, fatal: bool, ignore_bom: bool) -> Result<Self, Exception> {
        // 1.–2. NOTE: `replacement` is an encoding, but none that can be asked for.
        let encoding = Encoding::for_label_no_replacement(label.as_bytes()).ok_or_else(|| {
            Exception::range_error(format!("\"{}\" is not an encoding", crate::shown(label)))
        })?;
        // 3.–5. Its options.
        Ok(Self { encoding, fatal, ignore_bom, decoder: Mutex::new(None) })
    }

    pub(crate) fn encoding_name(&self) -> String {
        self.encoding.name().to_ascii_lowercase()
    }

    /// <https://encoding.spec.whatwg.org/#dom-textdecoder-decode>
    pub(crate) fn decode_bytes(&self, bytes: &[u8], more: bool) -> Result<String, Exception> {
        let mut slot = self.decoder.lock().unwrap_or_else(PoisonError::into_inner);
        // 1. A new decoder, unless a stream goes on.
        let mut decoder = slot.take().unwrap_or_else(|| self.new_decoder());
        // 2.–5. What comes out; an error ends the stream.
        let output = if self.fatal {
            decode_fatal(&mut decoder, bytes, !more)?
        } else {
            let mut output = String::with_capacity(capacity(decoder.max_utf8_buffer_length(bytes.len()))?);
            let _ = decoder.decode_to_string(bytes, &mut output, !more);
            output
        };
        if more {
            *slot = Some(decoder);
        }
        Ok(output)
    }

    fn new_decoder(&self) -> Decoder {
        if self.ignore_bom {
            self.encoding.new_decoder_without_bom_handling()
        } else {
            self.encoding.new_decoder_with_bom_removal()
        }
    }
}

impl TextDecoderStatics for TextDecoder {
    fn construct(
        _: &dyn Realm,
        label: DomString,
        options: TextDecoderOptions,
    ) -> Result<ObjectRef, Exception> {
        Ok(Arc::new(Self::new(&label, options.fatal, options.ignore_bom)?))
    }
}

impl TextDecoderMethods for TextDecoder {
    fn encoding(self: &Arc<Self>, _: &dyn Realm) -> Result<DomString, Exception> {
        Ok(self.encoding_name().into())
    }

    fn fatal(self: &Arc<Self>, _: &dyn Realm) -> Result<bool, Exception> {
        Ok(self.fatal)
    }

    fn ignore_bom(self: &Arc<Self>, _: &dyn Realm) -> Result<bool, Exception> {
        Ok(self.ignore_bom)
    }

    fn decode(
        self: &Arc<Self>,
        _: &dyn Realm,
        input: Option<Buffer>,
        options: TextDecodeOptions,
    ) -> Result<String, Exception> {
        let bytes = input.map(|buffer| buffer.bytes).unwrap_or_default();
        self.decode_bytes(&bytes, options.stream)
    }
}

fn decode_fatal(decoder: &mut Decoder, input: &[u8], last: bool) -> Result<String, Exception> {
    let mut output =
        String::with_capacity(capacity(decoder.max_utf8_buffer_length_without_replacement(input.len()))?);
    match decoder.decode_to_string_without_replacement(input, &mut output, last) {
        (DecoderResult::InputEmpty, _) => Ok(output),
        (DecoderResult::Malformed(..) | DecoderResult::OutputFull, _) => {
            Err(Exception::type_error("the data is not valid in its encoding"))
        }
    }
}

/// With this much room no output is ever cut short.
fn capacity(longest: Option<usize>) -> Result<usize, Exception> {
    longest.ok_or_else(|| Exception::range_error("the data is too long"))
}
