//! Bodies.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use futures::stream::{self, BoxStream, Stream, StreamExt as _};

use super::body_tee::tee;
use super::read_ahead::{WhenDropped, read_ahead};
use crate::NetworkError;

/// The bytes of a request or a response, as a stream.
///
/// <https://fetch.spec.whatwg.org/#concept-body>
pub struct Body {
    content: Content,
    source: Option<BodySource>,
    length: Option<u64>,
}

/// Where the bytes are.
pub(crate) enum Content {
    /// In memory.
    Bytes(Bytes),
    /// On their way.
    Stream(BodyStream),
}

/// The chunks of a body. After an error nothing follows. Dropping it tells the sender that no more is wanted.
// NOTE: the mutex is never locked; it makes the stream `Sync`, so that requests and responses are.
pub struct BodyStream(Mutex<BoxStream<'static, Result<Bytes, BodyError>>>);

/// What a body was made from, so that it can be sent once more.
#[derive(Clone)]
pub enum BodySource {
    /// Bytes in memory.
    Bytes(Bytes),
    /// A function that gives the same bytes from their beginning.
    Reopen(Arc<dyn Fn() -> BodyStream + Send + Sync>),
}

/// Why a body broke off.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// The connection failed, or its bytes are unusable.
    #[error("{0}")]
    Network(NetworkError),
    /// The fetch was aborted.
    #[error("aborted")]
    Aborted,
    /// A content coding is broken, ends early, or unpacks to far more than it may.
    #[error("content coding: {0}")]
    Decoding(String),
    /// The body is longer than the reader would take.
    #[error("the body is longer than allowed")]
    TooLarge,
    /// The body was cloned, and the other one was read so far ahead that what lay between is no longer kept.
    #[error("the other clone of the body was read too far ahead")]
    TooFarBehind,
    /// Whoever makes the bytes failed.
    #[error("{0}")]
    Source(String),
}

impl From<NetworkError> for BodyError {
    fn from(error: NetworkError) -> BodyError {
        match error {
            NetworkError::Aborted => BodyError::Aborted,
            NetworkError::Decoding(text) => BodyError::Decoding(text),
            error => BodyError::Network(error),
        }
    }
}

impl Body {
    /// A body of bytes in memory, which can be sent again.
    ///
    /// <https://fetch.spec.whatwg.org/#byte-sequence-as-a-body>
    pub fn from_bytes(bytes: impl Into<Bytes>) -> Body {
        let bytes = bytes.into();
        let length = bytes.len() as u64;
        Body {
            content: Content::Bytes(bytes.clone()),
            source: Some(BodySource::Bytes(bytes)),
            length: Some(length),
        }
    }

    /// A body of a stream. Without a source it can be sent once.
    pub fn from_stream(
        stream: BoxStream<'static, Result<Bytes, BodyError>>,
        source: Option<BodySource>,
        length: Option<u64>,
    ) -> Body {
        Body { content: Content::Stream(BodyStream::new(stream)), source, length }
    }

    /// A body that can be opened from its beginning any number of times.
    pub fn from_source(source: BodySource, length: Option<u64>) -> Body {
        match source {
            BodySource::Bytes(bytes) => Body::from_bytes(bytes),
            BodySource::Reopen(_) => {
                Body { content: Content::Stream(source.open()), source: Some(source), length }
            }
        }
    }

    /// The chunks.
    pub fn into_stream(self) -> BodyStream {
        self.content.into_stream()
    }

    /// Takes the bytes to send them. What stays can be sent again if it has a source, and is empty otherwise.
    pub(crate) fn take_content(&mut self) -> Content {
        std::mem::replace(&mut self.content, Content::Bytes(Bytes::new()))
    }

    /// A fresh body of the same source, if there is one.
    ///
    /// <https://fetch.spec.whatwg.org/#bodyinit-safely-extract>
    pub(crate) fn extract_again(&self) -> Option<Body> {
        self.source.clone().map(|source| Body::from_source(source, self.length))
    }

    /// What it was made from, if that can be sent again.
    pub fn source(&self) -> Option<&BodySource> {
        self.source.as_ref()
    }

    /// The number of bytes, if it is known beforehand.
    pub fn length(&self) -> Option<u64> {
        self.length
    }

    /// Puts another stream in the place of this one, made from it: to count, watch or end it.
    #[must_use]
    pub fn map_stream(self, map: impl FnOnce(BodyStream) -> BodyStream) -> Body {
        let stream = map(self.content.into_stream());
        Body { content: Content::Stream(stream), source: self.source, length: self.length }
    }

    /// The same body, of which up to so many bytes are fetched before they are asked for.
    #[must_use]
    pub(crate) fn read_ahead(self, limit: usize, when_dropped: WhenDropped) -> Body {
        match self.content {
            // It is all there.
            Content::Bytes(_) => self,
            Content::Stream(_) => self.map_stream(|stream| read_ahead(stream, limit, when_dropped)),
        }
    }

    /// A second body of the same bytes. What one of the two has read is kept until the other has read it, or is dropped. One
    /// that falls 256 MiB behind fails with [`BodyError::TooFarBehind`], without what it had not read; the one ahead is never
    /// held back. A clone that nobody will read is better dropped.
    ///
    /// <https://fetch.spec.whatwg.org/#concept-body-clone>
    #[allow(clippy::should_implement_trait)]
    pub fn clone(&mut self) -> Body {
        // 1.–2. The stream is split.
        let (first, second) = match self.take_content() {
            // OPTIMIZATION: bytes in memory are shared.
            Content::Bytes(bytes) => (Content::Bytes(bytes.clone()), Content::Bytes(bytes)),
            Content::Stream(stream) => {
                let (first, second) = tee(stream);
                (Content::Stream(first), Content::Stream(second))
            }
        };
        self.content = first;
        // 3. The rest is the same.
        Body { content: second, source: self.source.clone(), length: self.length }
    }

    /// All bytes, if they are no more than the limit.
    ///
    /// <https://fetch.spec.whatwg.org/#body-fully-read>
    pub async fn read_all(self, limit: Option<usize>) -> Result<Bytes, BodyError> {
        let mut stream = self.content.into_stream();
        let mut first: Option<Bytes> = None;
        let mut gathered = BytesMut::new();
        while let Some(chunk) = stream.next().await {
            let chunk = chunk?;
            let so_far = first.as_ref().map_or(gathered.len(), Bytes::len);
            if limit.is_some_and(|limit| so_far.saturating_add(chunk.len()) > limit) {
                return Err(BodyError::TooLarge);
            }
            // OPTIMIZATION: a body of one chunk is not copied.
            match first.take() {
                None if gathered.is_empty() => first = Some(chunk),
                None => gathered.extend_from_slice(&chunk),
                Some(earlier) => {
                    gathered.extend_from_slice(&earlier);
                    gathered.extend_from_slice(&chunk);
                }
            }
        }
        Ok(first.unwrap_or_else(|| gathered.freeze()))
    }
}

impl Content {
    fn into_stream(self) -> BodyStream {
        match self {
            Content::Bytes(bytes) => BodyStream::from_bytes(bytes),
            Content::Stream(stream) => stream,
        }
    }
}

impl BodySource {
    /// The bytes from their beginning.
    pub fn open(&self) -> BodyStream {
        match self {
            BodySource::Bytes(bytes) => BodyStream::from_bytes(bytes.clone()),
            BodySource::Reopen(open) => open(),
        }
    }
}

impl BodyStream {
    /// A body stream of any stream of chunks.
    pub fn new(stream: BoxStream<'static, Result<Bytes, BodyError>>) -> BodyStream {
        BodyStream(Mutex::new(stream))
    }

    /// One chunk, or none if there are no bytes.
    pub fn from_bytes(bytes: Bytes) -> BodyStream {
        let chunk = (!bytes.is_empty()).then_some(Ok(bytes));
        BodyStream::new(stream::iter(chunk).boxed())
    }

    /// The stream beneath.
    pub fn into_boxed(self) -> BoxStream<'static, Result<Bytes, BodyError>> {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stream for BodyStream {
    type Item = Result<Bytes, BodyError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.get_mut().unwrap_or_else(PoisonError::into_inner).poll_next_unpin(context)
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body")
            .field("source", &self.source)
            .field("length", &self.length)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for BodyStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BodyStream")
    }
}

impl fmt::Debug for BodySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BodySource::Bytes(bytes) => write!(f, "Bytes({} bytes)", bytes.len()),
            BodySource::Reopen(_) => f.write_str("Reopen"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunks(parts: &[&'static str]) -> BoxStream<'static, Result<Bytes, BodyError>> {
        stream::iter(parts.iter().map(|part| Ok(Bytes::from_static(part.as_bytes()))).collect::<Vec<_>>())
            .boxed()
    }

    #[tokio::test]
    async fn reading_all_joins_chunks_and_keeps_to_its_limit() {
        let body = Body::from_stream(chunks(&["ab", "c", "de"]), None, None);
        assert_eq!(body.read_all(Some(5)).await.unwrap(), "abcde");
        let body = Body::from_stream(chunks(&["ab", "c", "de"]), None, None);
        assert_eq!(body.read_all(Some(4)).await, Err(BodyError::TooLarge));
        assert_eq!(Body::from_bytes("").read_all(Some(0)).await.unwrap(), "");
        assert_eq!(Body::from_bytes("abc").read_all(Some(2)).await, Err(BodyError::TooLarge));
    }

    #[tokio::test]
    async fn a_clone_gives_the_same_bytes() {
        let mut body = Body::from_stream(chunks(&["ab", "c"]), None, Some(3));
        let copy = body.clone();
        assert_eq!(copy.length(), Some(3));
        assert_eq!(body.read_all(None).await.unwrap(), "abc");
        assert_eq!(copy.read_all(None).await.unwrap(), "abc");
    }

    #[tokio::test]
    async fn a_source_opens_again_from_the_beginning() {
        let source = BodySource::Reopen(Arc::new(|| BodyStream::new(chunks(&["x", "y"]))));
        let body = Body::from_source(source, None);
        let again = Body::from_source(body.source().unwrap().clone(), body.length());
        assert_eq!(body.read_all(None).await.unwrap(), "xy");
        assert_eq!(again.read_all(None).await.unwrap(), "xy");
    }
}
