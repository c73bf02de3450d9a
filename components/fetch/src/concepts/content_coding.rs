//! Content codings of responses.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_compression::futures::bufread::{
    BrotliDecoder, DeflateDecoder, GzipDecoder, ZlibDecoder, ZstdDecoder,
};
use async_compression::zstd::DParameter;
use bytes::{Bytes, BytesMut};
use futures::io::{AsyncRead, AsyncReadExt as _};
use futures::stream::{self, BoxStream, IntoAsyncRead, StreamExt as _, TryStreamExt as _};

use super::body::{BodyError, BodyStream};
use super::extract_header_values::extract_token_list;
use super::header_list::HeaderList;

/// `Accept-Encoding` over secure connections.
pub(crate) const ACCEPTED_SECURELY: &str = "gzip, deflate, br, zstd";

/// `Accept-Encoding` over others, where old middle boxes break what they do not know.
pub(crate) const ACCEPTED_IN_THE_CLEAR: &str = "gzip, deflate";

/// The size of decoded chunks.
const CHUNK: usize = 64 * 1024;

/// More codings than that one upon the other serve no purpose but to hide how much comes out.
const MAXIMUM_LAYERS: usize = 4;

/// So many decoded bytes are always fine, and beyond them so many for each byte that came.
const BOMB_ALLOWANCE: u64 = 64 * 1024 * 1024;
const BOMB_RATIO: u64 = 256;

/// The largest window that a zstd frame may ask for, as RFC 9659 has it: 8 MiB.
const ZSTD_WINDOW_LOG_MAXIMUM: u32 = 23;

#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Coding {
    Gzip,
    Deflate,
    Brotli,
    Zstd,
}

/// How many bytes of a body have come, before and after decoding.
///
/// <https://fetch.spec.whatwg.org/#response-body-info>
#[derive(Debug, Default)]
pub(crate) struct BodySizes {
    encoded: AtomicU64,
    decoded: AtomicU64,
}

impl BodySizes {
    pub(crate) fn encoded(&self) -> u64 {
        self.encoded.load(Ordering::Relaxed)
    }

    pub(crate) fn decoded(&self) -> u64 {
        self.decoded.load(Ordering::Relaxed)
    }
}

/// Counts the bytes of a body that has no coding.
pub(crate) fn counted(stream: BodyStream, sizes: Arc<BodySizes>) -> BodyStream {
    let counted = stream.inspect_ok(move |chunk| {
        sizes.encoded.fetch_add(chunk.len() as u64, Ordering::Relaxed);
        sizes.decoded.fetch_add(chunk.len() as u64, Ordering::Relaxed);
    });
    BodyStream::new(counted.boxed())
}

/// Undoes the content codings that the headers name, and counts on both sides.
///
/// <https://fetch.spec.whatwg.org/#handle-content-codings>
pub(crate) fn handle_content_codings(
    headers: &HeaderList,
    stream: BodyStream,
    sizes: Arc<BodySizes>,
) -> BodyStream {
    let counter = Arc::clone(&sizes);
    let mut stream = BodyStream::new(
        stream
            .inspect_ok(move |chunk| {
                counter.encoded.fetch_add(chunk.len() as u64, Ordering::Relaxed);
            })
            .boxed(),
    );
    // 1. Codings that are not supported leave the bytes as they are.
    match supported_codings(headers) {
        Ok(codings) if codings.is_empty() => {
            let counted = stream.inspect_ok(move |chunk| {
                sizes.decoded.fetch_add(chunk.len() as u64, Ordering::Relaxed);
            });
            BodyStream::new(counted.boxed())
        }
        // 2. The last one was applied last.
        Ok(codings) => {
            for coding in codings.into_iter().rev() {
                stream = decode(coding, stream);
            }
            defuse(stream, sizes)
        }
        Err(error) => BodyStream::new(stream::once(std::future::ready(Err(error))).boxed()),
    }
}

/// Whether it is a coding, in lower case, that can be undone.
pub(crate) fn is_supported(coding: &[u8]) -> bool {
    matches!(coding, b"gzip" | b"x-gzip" | b"deflate" | b"br" | b"zstd" | b"identity")
}

/// The codings in the order in which they were applied; none if one of them is unknown.
fn supported_codings(headers: &HeaderList) -> Result<Vec<Coding>, BodyError> {
    let Ok(Some(names)) = extract_token_list(headers, "Content-Encoding") else { return Ok(Vec::new()) };
    let mut codings = Vec::new();
    for name in names {
        match name.to_ascii_lowercase().as_slice() {
            b"gzip" | b"x-gzip" => codings.push(Coding::Gzip),
            b"deflate" => codings.push(Coding::Deflate),
            b"br" => codings.push(Coding::Brotli),
            b"zstd" => codings.push(Coding::Zstd),
            b"identity" => {}
            _ => return Ok(Vec::new()),
        }
    }
    if codings.len() > MAXIMUM_LAYERS {
        return Err(BodyError::Decoding(format!("{} codings one upon the other", codings.len())));
    }
    Ok(codings)
}

/// Counts decoded bytes, and ends with an error where there are far more than came.
fn defuse(stream: BodyStream, sizes: Arc<BodySizes>) -> BodyStream {
    let checked = stream.and_then(move |chunk| {
        let decoded = sizes.decoded.fetch_add(chunk.len() as u64, Ordering::Relaxed) + chunk.len() as u64;
        let allowed = BOMB_ALLOWANCE.saturating_add(sizes.encoded().saturating_mul(BOMB_RATIO));
        std::future::ready(if decoded <= allowed {
            Ok(chunk)
        } else {
            Err(BodyError::Decoding(format!("{decoded} bytes out of {}", sizes.encoded())))
        })
    });
    BodyStream::new(ends_with_error(checked.boxed()))
}

/// Lets nothing follow an error.
fn ends_with_error(
    stream: BoxStream<'static, Result<Bytes, BodyError>>,
) -> BoxStream<'static, Result<Bytes, BodyError>> {
    stream::unfold(Some(stream), |stream| async {
        let mut stream = stream?;
        let item = stream.next().await?;
        let rest = item.is_ok().then_some(stream);
        Some((item, rest))
    })
    .boxed()
}

type Source = IntoAsyncRead<BoxStream<'static, io::Result<Bytes>>>;

/// A decoder whose source can be reached, to read it to its end.
trait Decoder: AsyncRead + Send + Unpin {
    fn source(&mut self) -> &mut Source;
}

macro_rules! decoders {
    ($($decoder:ident),+) => {
        $(impl Decoder for $decoder<Source> {
            fn source(&mut self) -> &mut Source {
                self.get_mut()
            }
        })+
    };
}

decoders!(GzipDecoder, ZlibDecoder, DeflateDecoder, BrotliDecoder, ZstdDecoder);

enum State {
    Beginning(Coding, BodyStream),
    Decoding(Box<dyn Decoder>, BytesMut),
}

fn decode(coding: Coding, stream: BodyStream) -> BodyStream {
    let decoded = stream::try_unfold(State::Beginning(coding, stream), |state| async {
        let (mut decoder, mut buffer) = match state {
            State::Beginning(coding, stream) => match begin(coding, stream).await? {
                Some(decoder) => (decoder, BytesMut::new()),
                // No byte at all is no body, whatever its coding.
                None => return Ok(None),
            },
            State::Decoding(decoder, buffer) => (decoder, buffer),
        };
        buffer.resize(CHUNK, 0);
        let count = decoder.read(&mut buffer).await.map_err(body_error)?;
        if count > 0 {
            let chunk = buffer.split_to(count).freeze();
            return Ok(Some((chunk, State::Decoding(decoder, buffer))));
        }
        // The coding has ended; the source may still have something to say, an error above all.
        while decoder.source().read(&mut buffer).await.map_err(body_error)? > 0 {}
        Ok(None)
    });
    BodyStream::new(decoded.boxed())
}

/// Looks at the first two bytes, by which the two forms of `deflate` differ, and makes the decoder.
async fn begin(coding: Coding, mut stream: BodyStream) -> Result<Option<Box<dyn Decoder>>, BodyError> {
    let mut head = BytesMut::new();
    while head.len() < 2 {
        match stream.next().await.transpose()? {
            Some(chunk) => head.extend_from_slice(&chunk),
            None => break,
        }
    }
    if head.is_empty() {
        return Ok(None);
    }
    let is_zlib = matches!(head[..], [cmf, flg, ..] if cmf & 0x0f == 8 && (u16::from(cmf) << 8 | u16::from(flg)) % 31 == 0);
    let source: Source = stream::once(std::future::ready(Ok(head.freeze())))
        .chain(stream)
        .map_err(io::Error::other)
        .boxed()
        .into_async_read();
    Ok(Some(match coding {
        Coding::Gzip => {
            let mut decoder = GzipDecoder::new(source);
            decoder.multiple_members(true);
            Box::new(decoder)
        }
        Coding::Deflate if is_zlib => Box::new(ZlibDecoder::new(source)),
        // NOTE: some servers send the bare form, which every browser takes.
        Coding::Deflate => Box::new(DeflateDecoder::new(source)),
        Coding::Brotli => Box::new(BrotliDecoder::new(source)),
        Coding::Zstd => {
            let window = DParameter::window_log_max(ZSTD_WINDOW_LOG_MAXIMUM);
            let mut decoder = ZstdDecoder::with_params(source, &[window]);
            decoder.multiple_members(true);
            Box::new(decoder)
        }
    }))
}

/// The error that went through the decoder, or the decoder's own.
fn body_error(error: io::Error) -> BodyError {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<BodyError>()) {
        Some(inner) => inner.clone(),
        None if error.kind() == io::ErrorKind::UnexpectedEof => {
            BodyError::Decoding("it ends early".to_owned())
        }
        None => BodyError::Decoding(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use async_compression::futures::bufread::{
        BrotliEncoder, DeflateEncoder, GzipEncoder, ZlibEncoder, ZstdEncoder,
    };
    use futures::io::Cursor;

    use super::*;
    use crate::Body;

    async fn encode(name: &str, data: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let data = Cursor::new(data);
        match name {
            "gzip" | "x-gzip" => GzipEncoder::new(data).read_to_end(&mut out).await,
            "deflate" => ZlibEncoder::new(data).read_to_end(&mut out).await,
            "raw" => DeflateEncoder::new(data).read_to_end(&mut out).await,
            "br" => BrotliEncoder::new(data).read_to_end(&mut out).await,
            "zstd" => ZstdEncoder::new(data).read_to_end(&mut out).await,
            _ => unreachable!("a coding of these tests"),
        }
        .unwrap();
        out
    }

    async fn decoded(
        content_encoding: &str,
        data: &[u8],
        chunk: usize,
    ) -> (Result<Bytes, BodyError>, Arc<BodySizes>) {
        let headers: HeaderList = [("Content-Encoding", content_encoding)].into_iter().collect();
        let chunks: Vec<_> = data.chunks(chunk).map(|chunk| Ok(Bytes::copy_from_slice(chunk))).collect();
        let sizes = Arc::new(BodySizes::default());
        let stream = BodyStream::new(stream::iter(chunks).boxed());
        let stream = handle_content_codings(&headers, stream, Arc::clone(&sizes));
        (Body::from_stream(stream.into_boxed(), None, None).read_all(None).await, sizes)
    }

    fn text() -> Vec<u8> {
        (0..40_000_u32).flat_map(|number| (number * number % 251).to_le_bytes()).collect()
    }

    #[tokio::test]
    async fn every_coding_decodes_in_chunks_of_any_size() {
        for name in ["gzip", "x-gzip", "deflate", "br", "zstd"] {
            let data = encode(name, &text()).await;
            for chunk in [1, 7, 100_000] {
                let (result, sizes) = decoded(name, &data, chunk).await;
                assert_eq!(result.unwrap(), text(), "{name} in chunks of {chunk}");
                assert_eq!((sizes.encoded(), sizes.decoded()), (data.len() as u64, text().len() as u64));
            }
        }
        let raw = encode("raw", &text()).await;
        assert_eq!(decoded("deflate", &raw, 3).await.0.unwrap(), text());
    }

    #[tokio::test]
    async fn codings_one_upon_the_other_come_off_in_reverse() {
        let data = encode("br", &encode("gzip", b"abc").await).await;
        assert_eq!(decoded("GZIP, identity, br", &data, 5).await.0.unwrap(), "abc");
        let error = decoded("gzip,gzip,gzip,gzip,gzip", b"x", 5).await.0;
        assert!(matches!(error, Err(BodyError::Decoding(_))));
    }

    #[tokio::test]
    async fn what_ends_early_is_an_error() {
        for name in ["gzip", "deflate", "br", "zstd"] {
            let data = encode(name, &text()).await;
            for cut in [1, data.len() / 2, data.len() - 1] {
                let result = decoded(name, &data[..cut], 1000).await.0;
                assert!(matches!(result, Err(BodyError::Decoding(_))), "{name} cut at {cut}");
            }
        }
    }

    #[tokio::test]
    async fn nonsense_is_an_error_and_nothing_is_nothing() {
        for name in ["gzip", "deflate", "br", "zstd"] {
            assert!(decoded(name, b"\xff\xff nonsense that no decoder takes", 5).await.0.is_err(), "{name}");
            assert_eq!(decoded(name, b"", 5).await.0.unwrap(), "");
        }
    }

    #[tokio::test]
    async fn unknown_codings_leave_the_bytes_alone() {
        for name in ["compress", "gzip, unknown", "no token"] {
            assert_eq!(decoded(name, b"abc", 2).await.0.unwrap(), "abc");
        }
    }

    #[tokio::test]
    async fn bombs_end_early() {
        let zeros = vec![0; 80 * 1024 * 1024];
        let inner = encode("gzip", &zeros).await;
        for (name, data) in
            [("gzip, gzip", encode("gzip", &inner).await), ("zstd", encode("zstd", &zeros).await)]
        {
            let (result, sizes) = decoded(name, &data, 1000).await;
            assert!(matches!(result, Err(BodyError::Decoding(_))), "{name}");
            assert!(sizes.decoded() <= BOMB_ALLOWANCE + BOMB_RATIO * data.len() as u64 + CHUNK as u64);
        }
    }

    #[tokio::test]
    async fn an_error_beneath_comes_through() {
        let data = encode("gzip", &text()).await;
        let headers: HeaderList = [("Content-Encoding", "gzip")].into_iter().collect();
        let half = Bytes::copy_from_slice(&data[..data.len() / 2]);
        let chunks = stream::iter([Ok(half), Err(BodyError::Aborted)]).boxed();
        let stream = handle_content_codings(&headers, BodyStream::new(chunks), Arc::default());
        let result = Body::from_stream(stream.into_boxed(), None, None).read_all(None).await;
        assert_eq!(result, Err(BodyError::Aborted));
    }
}
