//! What compression streams convert with.
//!
//! <https://compression.spec.whatwg.org/>

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use flate2::{Compress, Compression, Crc, Decompress, FlushCompress, FlushDecompress, Status};
use longhaul_idl::LonghaulNativeMethods;
use longhaul_idl::runtime::{Buffer, Exception, Realm, Value};

use crate::hooks::{arguments, text};
use crate::streams::native;

/// The compressor or decompressor of one stream.
pub(crate) struct Codec(Mutex<State>);

longhaul_idl::platform_object!(Codec => longhaul_idl::longhaul_native);

impl LonghaulNativeMethods for Codec {}

struct State {
    way: Way,
    output: VecDeque<Bytes>,
}

enum Way {
    Compress { compress: Compress, gzip: Option<Crc>, begun: bool },
    Decompress { decompress: Decompress, gzip: Option<Gzip>, ended: bool },
}

/// What is read of a gzip member besides its deflate stream.
struct Gzip {
    header: Option<Vec<u8>>,
    crc: Crc,
    trailer: Vec<u8>,
}

/// The bytes that a chunk of output has at most.
const CHUNK: usize = 64 << 10;

/// The longest gzip header that is waited for: its name and comment have no bound of their own.
const LONGEST_HEADER: usize = 1 << 20;

fn invalid() -> Exception {
    Exception::type_error("the compressed data is not valid")
}

impl Codec {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn input(&mut self, input: &[u8]) -> Result<(), Exception> {
        match &mut self.way {
            Way::Compress { compress, gzip, begun } => {
                if let Some(crc) = gzip {
                    crc.update(input);
                    if !std::mem::replace(begun, true) {
                        self.output.push_back(Bytes::from_static(&GZIP_HEADER));
                    }
                }
                deflate(compress, input, FlushCompress::None, &mut self.output)
            }
            Way::Decompress { decompress, gzip, ended } => {
                let mut held = Vec::new();
                let mut input = input;
                // The header of a gzip member.
                if let Some(Gzip { header: header @ Some(_), .. }) = gzip {
                    held = header.take().unwrap_or_default();
                    held.extend_from_slice(input);
                    match gzip_header_length(&held)? {
                        Some(length) => {
                            held.drain(..length);
                        }
                        None if held.len() > LONGEST_HEADER => return Err(invalid()),
                        None => {
                            *header = Some(held);
                            return Ok(());
                        }
                    }
                    input = &held;
                }
                let rest = if *ended {
                    input
                } else {
                    let rest = inflate(decompress, input, gzip.as_mut(), ended, &mut self.output)?;
                    &input[rest..]
                };
                // Behind the end: the trailer of a gzip member, and nothing else.
                if *ended && !rest.is_empty() {
                    match gzip {
                        Some(gzip) if gzip.trailer.len() + rest.len() <= 8 => {
                            gzip.trailer.extend_from_slice(rest)
                        }
                        _ => return Err(Exception::type_error("there is more behind the compressed data")),
                    }
                }
                drop(held);
                Ok(())
            }
        }
    }

    fn finish(&mut self) -> Result<(), Exception> {
        match &mut self.way {
            Way::Compress { compress, gzip, begun } => {
                if gzip.is_some() && !*begun {
                    self.output.push_back(Bytes::from_static(&GZIP_HEADER));
                }
                deflate(compress, &[], FlushCompress::Finish, &mut self.output)?;
                if let Some(crc) = gzip {
                    let mut trailer = crc.sum().to_le_bytes().to_vec();
                    trailer.extend_from_slice(&crc.amount().to_le_bytes());
                    self.output.push_back(trailer.into());
                }
                Ok(())
            }
            Way::Decompress { gzip, ended, .. } => {
                if !*ended {
                    return Err(Exception::type_error("the compressed data ends early"));
                }
                let Some(gzip) = gzip else { return Ok(()) };
                let mut expected = gzip.crc.sum().to_le_bytes().to_vec();
                expected.extend_from_slice(&gzip.crc.amount().to_le_bytes());
                if gzip.trailer == expected { Ok(()) } else { Err(invalid()) }
            }
        }
    }
}

/// <https://www.rfc-editor.org/rfc/rfc1952>: deflate, no name, no time, an unknown system.
const GZIP_HEADER: [u8; 10] = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 0xFF];

/// How long the header is, once all of it is there.
fn gzip_header_length(bytes: &[u8]) -> Result<Option<usize>, Exception> {
    let known = bytes.len().min(3);
    if bytes[..known] != GZIP_HEADER[..known] {
        return Err(invalid());
    }
    let Some(&flags) = bytes.get(3) else { return Ok(None) };
    if flags & 0b1110_0000 != 0 {
        return Err(invalid());
    }
    let mut position = 10;
    // FEXTRA
    if flags & 0b100 != 0 {
        let Some(length) = bytes.get(position..position + 2) else { return Ok(None) };
        position += 2 + usize::from(u16::from_le_bytes([length[0], length[1]]));
    }
    // FNAME, FCOMMENT
    for flag in [0b1000, 0b1_0000] {
        if flags & flag != 0 {
            let Some(text) = bytes.get(position..) else { return Ok(None) };
            let Some(end) = text.iter().position(|&byte| byte == 0) else { return Ok(None) };
            position += end + 1;
        }
    }
    // FHCRC
    if flags & 0b10 != 0 {
        let Some(sum) = bytes.get(position..position + 2) else { return Ok(None) };
        let mut crc = Crc::new();
        crc.update(&bytes[..position]);
        if crc.sum().to_le_bytes()[..2] != *sum {
            return Err(invalid());
        }
        position += 2;
    }
    Ok((bytes.len() >= position).then_some(position))
}

fn deflate(
    compress: &mut Compress,
    mut input: &[u8],
    flush: FlushCompress,
    output: &mut VecDeque<Bytes>,
) -> Result<(), Exception> {
    loop {
        let mut chunk = Vec::with_capacity(CHUNK);
        let before = compress.total_in();
        let status = compress
            .compress_vec(input, &mut chunk, flush)
            .map_err(|_| Exception::type_error("the data could not be compressed"))?;
        input = &input[taken(compress.total_in() - before)..];
        let full = chunk.len() == CHUNK;
        if !chunk.is_empty() {
            output.push_back(chunk.into());
        }
        if status == Status::StreamEnd || (input.is_empty() && !full && flush == FlushCompress::None) {
            return Ok(());
        }
    }
}

/// Gives how much of the input was taken: all, unless the end is in it.
fn inflate(
    decompress: &mut Decompress,
    input: &[u8],
    mut gzip: Option<&mut Gzip>,
    ended: &mut bool,
    output: &mut VecDeque<Bytes>,
) -> Result<usize, Exception> {
    let mut position = 0;
    loop {
        let mut chunk = Vec::with_capacity(CHUNK);
        let before = decompress.total_in();
        let status = decompress
            .decompress_vec(&input[position..], &mut chunk, FlushDecompress::None)
            .map_err(|_| invalid())?;
        let progress = taken(decompress.total_in() - before);
        position += progress;
        let produced = chunk.len();
        if let Some(gzip) = gzip.as_deref_mut() {
            gzip.crc.update(&chunk);
        }
        if produced > 0 {
            output.push_back(chunk.into());
        }
        if status == Status::StreamEnd {
            *ended = true;
            return Ok(position);
        }
        if produced < CHUNK && (position == input.len() || progress == 0 && produced == 0) {
            return Ok(position);
        }
    }
}

fn taken(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

pub(crate) fn new_codec(_: &dyn Realm, args: Vec<Value>) -> Result<Value, Exception> {
    let [format, compresses] = arguments(args)?;
    let format = text(format)?;
    let zlib = format == "deflate";
    let gzip = format == "gzip";
    let way = if matches!(compresses, Value::Boolean(true)) {
        let compress = Compress::new(Compression::default(), zlib);
        Way::Compress { compress, gzip: gzip.then(Crc::new), begun: false }
    } else {
        let gzip = gzip.then(|| Gzip { header: Some(Vec::new()), crc: Crc::new(), trailer: Vec::new() });
        Way::Decompress { decompress: Decompress::new(zlib), gzip, ended: false }
    };
    Ok(Value::Object(Arc::new(Codec(Mutex::new(State { way, output: VecDeque::new() })))))
}

/// <https://compression.spec.whatwg.org/#compress-and-enqueue-a-chunk>, <https://compression.spec.whatwg.org/#decompress-and-enqueue-a-chunk>
pub(crate) fn codec_input(_: &dyn Realm, args: Vec<Value>) -> Result<Value, Exception> {
    let [codec, chunk] = arguments(args)?;
    let Value::Buffer(buffer) = chunk else {
        return Err(Exception::type_error("the chunk is not a BufferSource"));
    };
    if buffer.kind == longhaul_idl::runtime::BufferKind::SharedArrayBuffer {
        return Err(Exception::type_error("the chunk is shared"));
    }
    native::<Codec>(&codec)?.state().input(&buffer.bytes)?;
    Ok(Value::Undefined)
}

/// The next chunk of what has come out, or `undefined`.
pub(crate) fn codec_output(_: &dyn Realm, args: Vec<Value>) -> Result<Value, Exception> {
    let [codec] = arguments(args)?;
    let next = native::<Codec>(&codec)?.state().output.pop_front();
    Ok(next.map_or(Value::Undefined, |bytes| Value::Buffer(Buffer::uint8_array(bytes))))
}

/// <https://compression.spec.whatwg.org/#compress-flush-and-enqueue>, <https://compression.spec.whatwg.org/#decompress-flush-and-enqueue>
pub(crate) fn codec_finish(_: &dyn Realm, args: Vec<Value>) -> Result<Value, Exception> {
    let [codec] = arguments(args)?;
    native::<Codec>(&codec)?.state().finish()?;
    Ok(Value::Undefined)
}
