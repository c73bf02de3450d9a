//! The heads of HTTP/1.x messages as they are on the wire.
//!
//! hyper frames messages well, but it carries names in lower case, and refuses values, statuses and lengths that the Fetch Standard
//! knows what to do with. So a stream between hyper and the connection writes the heads of requests as their authors gave them, reads
//! the heads of responses as they came, and shows hyper the part that it frames bodies by. Bodies pass untouched.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The headers of a request, but for its host.
pub(crate) type RequestHeaders = Arc<[(Bytes, Bytes)]>;

/// The head of a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ResponseHead {
    pub(crate) status: u16,
    pub(crate) reason: Bytes,
    pub(crate) headers: Vec<(Bytes, Bytes)>,
}

/// What passes by the side of hyper, for the one request that is on the connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct Heads(Arc<Mutex<Passing>>);

#[derive(Debug, Default)]
struct Passing {
    /// The method and the headers of the request that hyper is about to write.
    request: Option<(http::Method, RequestHeaders)>,
    /// The request asks for what has changed only.
    is_conditional: bool,
    /// The next bytes to be read are a response's head.
    expects_response: bool,
    response: Option<ResponseHead>,
}

impl Heads {
    fn lock(&self) -> MutexGuard<'_, Passing> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A request is handed to hyper.
    pub(crate) fn begin(&self, method: http::Method, headers: RequestHeaders) {
        let is_conditional = headers.iter().any(|(name, _)| is_condition(name));
        *self.lock() = Passing {
            request: Some((method, headers)),
            is_conditional,
            expects_response: true,
            response: None,
        };
    }

    /// The head of the final response, as soon as hyper has given its own idea of it.
    pub(crate) fn take_response(&self) -> Option<ResponseHead> {
        self.lock().response.take()
    }
}

/// A connection whose heads are written and read here. Between them it keeps no memory for any: most of its life it may be idle.
#[derive(Debug)]
pub(crate) struct WithHeads<Io> {
    io: Io,
    heads: Heads,
    is_secure: bool,
    /// The longest head that is looked at; a longer one is hyper's to refuse.
    longest: usize,
    /// The head that hyper is writing, as far as it has.
    written: BytesMut,
    /// What is to go out before anything else.
    outgoing: BytesMut,
    /// The head that is coming in, as far as it has come.
    arrived: BytesMut,
    /// How much of it is known not to hold the head's end.
    searched: usize,
    /// What hyper reads next.
    incoming: BytesMut,
    /// The connection's end came while a head was looked at.
    has_ended: bool,
}

impl<Io> WithHeads<Io> {
    pub(crate) fn new(io: Io, heads: Heads, is_secure: bool, longest: usize) -> Self {
        WithHeads {
            io,
            heads,
            is_secure,
            longest,
            written: BytesMut::new(),
            outgoing: BytesMut::new(),
            arrived: BytesMut::new(),
            searched: 0,
            incoming: BytesMut::new(),
            has_ended: false,
        }
    }

    /// Takes what hyper writes while it writes a head.
    fn write_head(&mut self, headers: &[(Bytes, Bytes)], bytes: &[u8]) {
        self.written.extend_from_slice(bytes);
        let Some(end) = find(&self.written, b"\r\n\r\n") else { return };
        let body = self.written.split_off(end + 4);
        write_request_head(&self.written, headers, &mut self.outgoing);
        self.outgoing.extend_from_slice(&body);
        self.written = BytesMut::new();
        self.heads.lock().request = None;
    }

    /// Looks at what came of a head, and hands on what is for hyper.
    fn read_heads(&mut self) {
        loop {
            // A head that comes byte by byte is not to be looked through as often. The end's first byte may have come before.
            let end = match end_of_head(&self.arrived, self.searched.saturating_sub(2)) {
                Some(end) => end,
                // A head that the connection's end cuts short is taken for whole where nobody could have cut it on the sly.
                None if self.has_ended && !self.is_secure && begins_like_a_head(&self.arrived) => {
                    self.arrived.len()
                }
                None if self.has_ended || self.arrived.len() > self.longest => {
                    self.pass();
                    return;
                }
                None => {
                    self.searched = self.arrived.len();
                    return;
                }
            };
            self.searched = 0;
            let is_conditional = self.heads.lock().is_conditional;
            let Some(parsed) =
                (end <= self.longest).then(|| parse_head(&self.arrived[..end], is_conditional)).flatten()
            else {
                self.pass();
                return;
            };
            advance(&mut self.arrived, end);
            self.incoming.extend_from_slice(&parsed.for_hyper);
            let is_interim = matches!(parsed.head.status, 100 | 102..=199);
            if !is_interim {
                self.heads.lock().response = Some(parsed.head);
                self.pass();
                return;
            }
            if self.arrived.is_empty() {
                return;
            }
        }
    }

    /// The rest is none of our business.
    fn pass(&mut self) {
        self.heads.lock().expects_response = false;
        self.incoming.extend_from_slice(&self.arrived);
        self.arrived = BytesMut::new();
        self.searched = 0;
    }
}

impl<Io: AsyncRead + Unpin> AsyncRead for WithHeads<Io> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            if !this.incoming.is_empty() {
                let count = this.incoming.len().min(buffer.remaining());
                buffer.put_slice(&this.incoming[..count]);
                advance(&mut this.incoming, count);
                return Poll::Ready(Ok(()));
            }
            if this.has_ended {
                return Poll::Ready(Ok(()));
            }
            if this.arrived.is_empty() && !this.heads.lock().expects_response {
                return Pin::new(&mut this.io).poll_read(context, buffer);
            }
            let mut space = [0; 8 << 10];
            let mut read = ReadBuf::new(&mut space);
            ready!(Pin::new(&mut this.io).poll_read(context, &mut read))?;
            this.has_ended = read.filled().is_empty();
            this.arrived.extend_from_slice(read.filled());
            this.read_heads();
        }
    }
}

impl<Io: AsyncWrite + Unpin> WithHeads<Io> {
    /// Writes what waits to go out.
    fn poll_outgoing(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.outgoing.is_empty() {
            let count = ready!(Pin::new(&mut self.io).poll_write(context, &self.outgoing))?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            advance(&mut self.outgoing, count);
        }
        Poll::Ready(Ok(()))
    }

    /// The headers of the request whose head these bytes are of.
    fn request(&self, bytes: &[u8]) -> Option<RequestHeaders> {
        let passing = self.heads.lock();
        let (method, headers) = passing.request.as_ref()?;
        // NOTE: hyper may have kept the last bytes of the request before this one until now.
        let begins = || {
            let rest = bytes.strip_prefix(method.as_str().as_bytes());
            rest.is_some_and(|rest| rest.starts_with(b" "))
        };
        (!self.written.is_empty() || begins()).then(|| headers.clone())
    }
}

impl<Io: AsyncWrite + Unpin> AsyncWrite for WithHeads<Io> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        ready!(this.poll_outgoing(context))?;
        let Some(headers) = this.request(bytes) else {
            return Pin::new(&mut this.io).poll_write(context, bytes);
        };
        this.write_head(&headers, bytes);
        // NOTE: what is left of it goes out with the next write, or when hyper flushes, which it does.
        let _ = this.poll_outgoing(context)?;
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        ready!(this.poll_outgoing(context))?;
        let first = slices.iter().find(|slice| !slice.is_empty()).map_or(&[][..], |slice| slice);
        let Some(headers) = this.request(first) else {
            return Pin::new(&mut this.io).poll_write_vectored(context, slices);
        };
        let bytes: Vec<u8> = slices.iter().flat_map(|slice| slice.iter().copied()).collect();
        this.write_head(&headers, &bytes);
        let _ = this.poll_outgoing(context)?;
        Poll::Ready(Ok(bytes.len()))
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_outgoing(context))?;
        Pin::new(&mut this.io).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_outgoing(context))?;
        Pin::new(&mut this.io).poll_shutdown(context)
    }
}

/// Goes behind what was used, whose memory goes with the last of it.
fn advance(bytes: &mut BytesMut, count: usize) {
    bytes.advance(count);
    if bytes.is_empty() {
        *bytes = BytesMut::new();
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

/// The head that hyper wrote, with the request's own headers as they are, behind the host and before what hyper has added.
fn write_request_head(written: &[u8], headers: &[(Bytes, Bytes)], out: &mut BytesMut) {
    let mut lines = lines(written);
    out.extend_from_slice(lines.next().unwrap_or_default());
    out.extend_from_slice(b"\r\n");
    let is_own = |name: &[u8]| headers.iter().any(|(own, _)| own.eq_ignore_ascii_case(name));
    let name_of = |line: &[u8]| line.split(|byte| *byte == b':').next().unwrap_or_default().to_vec();
    let (host, added): (Vec<_>, Vec<_>) = lines
        .filter(|line| !line.is_empty() && !is_own(&name_of(line)))
        .partition(|line| name_of(line).eq_ignore_ascii_case(b"host"));
    for line in host {
        out.extend_from_slice(line);
        out.extend_from_slice(b"\r\n");
    }
    for (name, value) in headers {
        for part in [name.as_ref(), b": ", value.as_ref(), b"\r\n"] {
            out.extend_from_slice(part);
        }
    }
    for line in added {
        out.extend_from_slice(line);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"\r\n");
}

/// The lines of a head without their ends.
fn lines(head: &[u8]) -> impl Iterator<Item = &[u8]> {
    head.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line))
}

fn begins_like_a_head(bytes: &[u8]) -> bool {
    bytes.starts_with(b"HTTP/1.") && bytes.contains(&b'\n')
}

/// Where the empty line ends that ends the head. It does not begin before `at`.
fn end_of_head(bytes: &[u8], mut at: usize) -> Option<usize> {
    while let Some(length) = bytes[at..].iter().position(|byte| *byte == b'\n') {
        let after = at + length + 1;
        match &bytes[after..] {
            [b'\n', ..] => return Some(after + 1),
            [b'\r', b'\n', ..] => return Some(after + 2),
            _ => at = after,
        }
    }
    None
}

struct Parsed {
    head: ResponseHead,
    for_hyper: Vec<u8>,
}

/// Whether a header of that name makes a request conditional.
///
/// <https://www.rfc-editor.org/rfc/rfc9110.html#section-13.1>
fn is_condition(name: &[u8]) -> bool {
    let conditions: [&[u8]; 5] =
        [b"if-match", b"if-none-match", b"if-modified-since", b"if-unmodified-since", b"if-range"];
    conditions.iter().any(|condition| name.eq_ignore_ascii_case(condition))
}

/// None for what hyper is to see, and refuse, as it came.
fn parse_head(bytes: &[u8], is_conditional: bool) -> Option<Parsed> {
    let mut lines = lines(bytes);
    let (version, status, reason) = parse_status_line(lines.next()?)?;
    let mut headers = Vec::new();
    for line in lines.filter(|line| !line.is_empty()) {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let (name, value) = (&line[..colon], line[colon + 1..].trim_http());
        let is_sound = !name.is_empty() && name.iter().all(|byte| is_token(*byte));
        if !is_sound || value.iter().any(|byte| matches!(byte, 0 | b'\r')) {
            return None;
        }
        headers.push((Bytes::copy_from_slice(name), Bytes::copy_from_slice(value)));
    }
    let mut for_hyper = Vec::with_capacity(bytes.len() + 32);
    for_hyper.extend_from_slice(version);
    // NOTE: hyper knows no other statuses, and treats all of these alike.
    let known = if matches!(status, 100..=599) { status } else { 200 };
    for_hyper.extend_from_slice(format!(" {known} \r\n").as_bytes());
    for (name, value) in &headers {
        if name.eq_ignore_ascii_case(b"content-length") {
            continue;
        }
        for_hyper.extend_from_slice(name);
        for_hyper.extend_from_slice(b": ");
        for_hyper.extend(value.iter().map(|byte| if is_visible(*byte) { *byte } else { b'?' }));
        for_hyper.extend_from_slice(b"\r\n");
    }
    match extract_length(&headers) {
        Ok(None) => {}
        Ok(Some(length)) => {
            for_hyper.extend_from_slice(format!("content-length: {length}\r\n").as_bytes());
            // RFC 9110, 8.6: no length is ever sent with 204, while a 304 may tell the length of what has not changed, where it was
            // asked. A server that announces a body elsewhere may send it too, and the next response must not begin with it.
            if length > 0 && (status == 204 || (status == 304 && !is_conditional)) {
                for_hyper.extend_from_slice(b"connection: close\r\n");
            }
        }
        // hyper, for which 3 and 03 are the same, is to refuse it too.
        Err(()) => for_hyper.extend_from_slice(b"content-length: 0, 1\r\n"),
    }
    for_hyper.extend_from_slice(b"\r\n");
    Some(Parsed { head: ResponseHead { status, reason: Bytes::copy_from_slice(reason), headers }, for_hyper })
}

/// The version, the status and the phrase. A phrase may be left out, and the space before it.
fn parse_status_line(line: &[u8]) -> Option<(&[u8], u16, &[u8])> {
    let (version, rest) = line.split_at_checked(8)?;
    if !matches!(version, b"HTTP/1.0" | b"HTTP/1.1") || line.contains(&b'\r') || line.contains(&0) {
        return None;
    }
    let rest = rest.strip_prefix(b" ")?;
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (status, rest) = rest.split_at(digits);
    if !(1..=3).contains(&digits) || !(rest.is_empty() || rest.starts_with(b" ")) {
        return None;
    }
    let status = status.iter().fold(0, |status, digit| status * 10 + u16::from(digit - b'0'));
    Some((version, status, rest.trim_http()))
}

/// The length that the response announces; none if it announces none that means anything. Values that contradict each other are a
/// fault.
///
/// <https://fetch.spec.whatwg.org/#header-list-extract-a-length>
fn extract_length(headers: &[(Bytes, Bytes)]) -> Result<Option<u64>, ()> {
    // 1.–2. All values there are.
    let values = headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case(b"content-length"));
    let mut values =
        values.flat_map(|(_, value)| value.split(|byte| *byte == b',')).map(|part| part.trim_http());
    // 3.–4. They are one and the same.
    let Some(candidate) = values.next() else { return Ok(None) };
    if values.any(|value| value != candidate) {
        return Err(());
    }
    // 5. It is a number.
    if candidate.is_empty() || !candidate.iter().all(u8::is_ascii_digit) {
        return Ok(None);
    }
    // 6. NOTE: one that no body could have is none of ours to believe.
    let digits = str::from_utf8(candidate).map_err(|_| ())?;
    digits.parse().map(Some).map_err(|_| ())
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Whether hyper carries that byte in a value.
pub(crate) fn is_visible(byte: u8) -> bool {
    byte == b'\t' || (byte >= b' ' && byte != 0x7F)
}

trait Trim {
    /// Without spaces and tabs around it.
    fn trim_http(&self) -> &[u8];
}

impl Trim for [u8] {
    fn trim_http(&self) -> &[u8] {
        let is_space = |byte: &u8| matches!(byte, b' ' | b'\t');
        let Some(start) = self.iter().position(|byte| !is_space(byte)) else { return &[] };
        let end = self.iter().rposition(|byte| !is_space(byte)).map_or(start, |last| last + 1);
        &self[start..end]
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[tokio::test]
    async fn an_idle_connection_keeps_no_memory_for_heads() {
        let (io, mut peer) = tokio::io::duplex(1 << 16);
        let heads = Heads::default();
        let mut connection = WithHeads::new(io, heads.clone(), false, 1 << 16);
        let answers =
            ["HTTP/1.1 204 \r\n\r\n", "HTTP/1.1 100 \r\n\r\nHTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nok"];
        for answer in answers {
            heads.begin(http::Method::GET, Vec::new().into());
            connection.write_all(b"GET / HTTP/1.1\r\nhost: a.test\r\n\r\n").await.expect("it is written");
            connection.flush().await.expect("all of it");
            peer.write_all(answer.as_bytes()).await.expect("it is answered");
            let mut read = Vec::new();
            while heads.lock().expects_response || !connection.incoming.is_empty() {
                connection.read_buf(&mut read).await.expect("it is read");
            }
            assert!(read.ends_with(&answer.as_bytes()[answer.len() - 2..]), "{read:?}");
            let kept = [&connection.written, &connection.outgoing, &connection.arrived, &connection.incoming];
            assert_eq!(kept.map(BytesMut::capacity), [0; 4], "{answer:?}");
        }
    }

    #[test]
    fn a_response_that_announces_a_body_it_cannot_have_is_the_connections_last() {
        for (head, is_conditional, is_last) in [
            ("HTTP/1.1 204 \r\nContent-Length: 5\r\n\r\n", false, true),
            ("HTTP/1.1 204 \r\nContent-Length: 5\r\n\r\n", true, true),
            ("HTTP/1.1 304 \r\nContent-Length: 5\r\n\r\n", false, true),
            ("HTTP/1.1 304 \r\nContent-Length: 5\r\n\r\n", true, false),
            ("HTTP/1.1 204 \r\nContent-Length: 0\r\n\r\n", false, false),
            ("HTTP/1.1 304 \r\n\r\n", false, false),
            ("HTTP/1.1 200 \r\nContent-Length: 5\r\n\r\n", false, false),
        ] {
            let parsed = parse_head(head.as_bytes(), is_conditional).expect("it is sound");
            assert_eq!(find(&parsed.for_hyper, b"connection: close").is_some(), is_last, "{head:?}");
            assert!(parsed.head.headers.iter().all(|(name, _)| !name.eq_ignore_ascii_case(b"connection")));
        }
    }

    #[test]
    fn the_end_of_a_head_is_found_however_it_is_cut() {
        for head in
            ["HTTP/1.1 200 OK\r\nA: b\r\n\r\n", "HTTP/1.1 200 OK\nA: b\n\n", "HTTP/1.1 200 OK\r\n\r\n"]
        {
            let text = [head.as_bytes(), b"body\n\n"].concat();
            for cut in 0..text.len() {
                let first = end_of_head(&text[..cut], 0);
                let found = first.or_else(|| end_of_head(&text, cut.saturating_sub(2)));
                assert_eq!(found, Some(head.len()), "{head:?} cut at {cut}");
            }
        }
    }
}
