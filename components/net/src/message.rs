//! Between our messages and hyper's.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{
    CONTENT_LENGTH, EXPECT, HOST, HeaderMap, HeaderName, HeaderValue, PROXY_AUTHORIZATION, TRANSFER_ENCODING,
};
use http::uri::{Authority, PathAndQuery};
use http::{Method, Uri};

use crate::connect::Protocol;
use crate::error::{Error, RequestLinePart};
use crate::exchange::Exchange;
use crate::http1_heads::{RequestHeaders, is_visible};
use crate::outgoing_body::{BodySource, OutgoingBody};
use crate::pool_key::Scheme;
use crate::request::{Request, RequestBody};

/// A request that has been found fit to be sent, as often as its body allows.
pub(crate) struct Prepared {
    method: Method,
    scheme: Scheme,
    authority: Authority,
    target: PathAndQuery,
    /// As hyper carries them.
    headers: HeaderMap,
    /// As they are, but for the host.
    own_headers: RequestHeaders,
    /// The first one that HTTP/2 cannot carry.
    only_for_http1: Option<String>,
    body: Option<BodySource>,
    expects_continue: Option<Duration>,
    exchange: Arc<Exchange>,
}

/// The form of a request's target on HTTP/1.1.
///
/// <https://www.rfc-editor.org/rfc/rfc9112#section-3.2>
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TargetForm {
    /// For the server itself.
    Origin,
    /// For a proxy that forwards it, which may want to know who asks.
    Absolute { authorization: Option<Bytes> },
}

impl Prepared {
    pub(crate) fn new(
        request: Request,
        scheme: Scheme,
        most_interim_responses: usize,
        continue_timeout: Duration,
    ) -> Result<Self, Error> {
        let line = Error::UnrepresentableRequestLine;
        let method = Method::from_bytes(&request.method)
            .ok()
            // A tunnel is no request for a resource.
            .filter(|method| *method != Method::CONNECT)
            .ok_or(line(RequestLinePart::Method))?;
        let authority = Authority::try_from(request.authority.as_str())
            .ok()
            .filter(|authority| !authority.host().is_empty() && !authority.as_str().contains('@'))
            .ok_or(line(RequestLinePart::Authority))?;
        let target = PathAndQuery::try_from(request.target.as_str())
            .ok()
            .filter(|_| request.target.starts_with('/') && !request.target.contains('#'))
            .ok_or(line(RequestLinePart::Target))?;
        let body = match request.body {
            RequestBody::Empty => BodySource::Bytes(Bytes::new()),
            RequestBody::Bytes(bytes) => BodySource::Bytes(bytes),
            RequestBody::Stream { stream, length } => BodySource::Stream { stream, length },
        };
        let (headers, only_for_http1) = header_map(&request.headers, &body)?;
        // NOTE: lengths have been found to be one and the same.
        let mut has_length = false;
        let own_headers = request.headers.into_iter().filter(|(name, _)| {
            let is_length = name.eq_ignore_ascii_case(CONTENT_LENGTH.as_str().as_bytes());
            let is_repeated = is_length && std::mem::replace(&mut has_length, true);
            !is_repeated && !name.eq_ignore_ascii_case(HOST.as_str().as_bytes())
        });
        let own_headers = own_headers.collect();
        let expects = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"100-continue");
        let expects_continue = headers.get(EXPECT).is_some_and(expects).then_some(continue_timeout);
        let exchange = Exchange::new(request.on_body_chunk, request.on_informational, most_interim_responses);
        Ok(Prepared {
            method,
            scheme,
            authority,
            target,
            headers,
            own_headers,
            only_for_http1,
            body: Some(body),
            expects_continue,
            exchange: Arc::new(exchange),
        })
    }

    pub(crate) fn exchange(&self) -> &Arc<Exchange> {
        &self.exchange
    }

    /// The headers as they go out on HTTP/1.1.
    pub(crate) fn own_headers(&self) -> &RequestHeaders {
        &self.own_headers
    }

    /// Whether that protocol can carry the headers.
    pub(crate) fn check(&self, protocol: Protocol) -> Result<(), Error> {
        match &self.only_for_http1 {
            Some(header) if protocol == Protocol::Http2 => {
                Err(Error::Unrepresentable { header: header.clone() })
            }
            _ => Ok(()),
        }
    }

    /// Whether sending it twice is the same as sending it once.
    ///
    /// <https://www.rfc-editor.org/rfc/rfc9110#name-idempotent-methods>
    pub(crate) fn is_idempotent(&self) -> bool {
        self.method.is_idempotent()
    }

    pub(crate) fn is_head(&self) -> bool {
        self.method == Method::HEAD
    }

    /// The message for one attempt; `None` when the body was a stream and is used up.
    pub(crate) fn message(
        &mut self,
        protocol: Protocol,
        form: TargetForm,
    ) -> Option<http::Request<OutgoingBody>> {
        let source = match self.body.take()? {
            BodySource::Bytes(bytes) => {
                self.body = Some(BodySource::Bytes(bytes.clone()));
                BodySource::Bytes(bytes)
            }
            stream => stream,
        };
        let mut body = OutgoingBody::new(source, self.exchange.clone());
        // NOTE: In HTTP/2 nobody would hear the answer, so the body is not held back.
        if let (Protocol::Http1, Some(timeout)) = (protocol, self.expects_continue) {
            body = body.expecting_continue(timeout);
        }
        let mut message = http::Request::new(body);
        *message.method_mut() = self.method.clone();
        let mut parts = http::uri::Parts::default();
        parts.path_and_query = Some(self.target.clone());
        match protocol {
            Protocol::Http1 => {
                let mut headers = HeaderMap::with_capacity(self.headers.len() + 1);
                let host = self
                    .headers
                    .get(HOST)
                    .cloned()
                    .or_else(|| HeaderValue::from_str(self.authority.as_str()).ok());
                if let Some(host) = host {
                    headers.insert(HOST, host);
                }
                for (name, value) in self.headers.iter().filter(|(name, _)| **name != HOST) {
                    headers.append(name.clone(), value.clone());
                }
                if let TargetForm::Absolute { authorization } = form {
                    parts.scheme = Some(http::uri::Scheme::HTTP);
                    parts.authority = Some(self.authority.clone());
                    if let Some(value) =
                        authorization.and_then(|value| HeaderValue::from_maybe_shared(value).ok())
                    {
                        headers.insert(PROXY_AUTHORIZATION, value);
                    }
                }
                *message.headers_mut() = headers;
                let exchange = self.exchange.clone();
                hyper::ext::on_informational(&mut message, move |response| {
                    exchange.informational(response.status().as_u16(), header_list(response.headers()));
                });
            }
            Protocol::Http2 => {
                parts.scheme = Some(match self.scheme {
                    Scheme::Http => http::uri::Scheme::HTTP,
                    Scheme::Https => http::uri::Scheme::HTTPS,
                });
                parts.authority = Some(self.authority.clone());
                *message.headers_mut() = self.headers.clone();
                message.headers_mut().remove(HOST);
                *message.version_mut() = http::Version::HTTP_2;
            }
        }
        *message.uri_mut() = Uri::from_parts(parts).ok()?;
        Some(message)
    }

    /// Takes back the body of a message that was not sent.
    pub(crate) fn take_back(&mut self, message: http::Request<OutgoingBody>) {
        if self.body.is_none() {
            self.body = message.into_body().into_untouched_source();
        }
    }

    /// Whether there is a body to send again.
    pub(crate) fn can_send_again(&self) -> bool {
        self.body.is_some()
    }
}

/// The headers, with something in the place of values that hyper does not carry, and the first of those.
fn header_map(headers: &[(Bytes, Bytes)], body: &BodySource) -> Result<(HeaderMap, Option<String>), Error> {
    let mut map = HeaderMap::with_capacity(headers.len());
    let mut only_for_http1 = None;
    for (name, value) in headers {
        let printable = || String::from_utf8_lossy(name).into_owned();
        let unrepresentable = || Error::Unrepresentable { header: printable() };
        if value.iter().any(|byte| matches!(byte, 0 | b'\r' | b'\n')) {
            return Err(unrepresentable());
        }
        let header_name = HeaderName::from_bytes(name).map_err(|_| unrepresentable())?;
        // The body's framing is ours: a second opinion on it would let one request pass for two.
        let lies = header_name == TRANSFER_ENCODING
            || (header_name == CONTENT_LENGTH
                && body.length().is_none_or(|length| value.as_ref() != length.to_string().as_bytes()));
        if lies {
            return Err(unrepresentable());
        }
        let header_value = HeaderValue::from_maybe_shared(value.clone()).or_else(|_| {
            only_for_http1.get_or_insert_with(printable);
            let shown: Vec<u8> =
                value.iter().map(|byte| if is_visible(*byte) { *byte } else { b'?' }).collect();
            HeaderValue::from_bytes(&shown).map_err(|_| unrepresentable())
        })?;
        if header_name == CONTENT_LENGTH {
            map.insert(header_name, header_value);
        } else {
            map.try_append(header_name, header_value).map_err(|_| unrepresentable())?;
        }
    }
    Ok((map, only_for_http1))
}

/// The headers as bytes.
pub(crate) fn header_list(headers: &HeaderMap) -> Vec<(Bytes, Bytes)> {
    let bytes = |(name, value): (&HeaderName, &HeaderValue)| {
        (Bytes::copy_from_slice(name.as_str().as_bytes()), Bytes::copy_from_slice(value.as_bytes()))
    };
    headers.iter().map(bytes).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prepare(change: impl FnOnce(&mut Request)) -> Result<Prepared, Error> {
        let mut request = Request::new("GET", "example.com", "/");
        change(&mut request);
        Prepared::new(request, Scheme::Https, 8, Duration::from_secs(1))
    }

    fn header(name: &'static str, value: &'static [u8]) -> (Bytes, Bytes) {
        (Bytes::from_static(name.as_bytes()), Bytes::from_static(value))
    }

    #[test]
    fn request_lines_that_could_be_misread_are_refused() {
        let part = |change: fn(&mut Request)| match prepare(change) {
            Err(Error::UnrepresentableRequestLine(part)) => Some(part),
            _ => None,
        };
        assert_eq!(part(|request| request.method = "GE T".into()), Some(RequestLinePart::Method));
        assert_eq!(part(|request| request.method = "CONNECT".into()), Some(RequestLinePart::Method));
        assert_eq!(part(|request| request.target = "x".into()), Some(RequestLinePart::Target));
        assert_eq!(part(|request| request.target = String::new()), Some(RequestLinePart::Target));
        assert_eq!(
            part(|request| request.target = "/ HTTP/1.1\r\nX: y".into()),
            Some(RequestLinePart::Target)
        );
        assert_eq!(part(|request| request.authority = "a@b".into()), Some(RequestLinePart::Authority));
        assert_eq!(part(|request| request.authority = "a\r\nb".into()), Some(RequestLinePart::Authority));
        assert!(prepare(|request| request.target = "/a?b=c&d='%20|^".into()).is_ok());
        assert!(prepare(|request| request.authority = "[::1]:8080".into()).is_ok());
    }

    #[test]
    fn headers_that_cannot_or_must_not_be_sent_are_named() {
        let refused = |name, value| match prepare(|request| request.headers = vec![header(name, value)]) {
            Err(Error::Unrepresentable { header }) => Some(header),
            _ => None,
        };
        assert_eq!(refused("X-A", b"a\0b"), Some("X-A".to_owned()));
        assert_eq!(refused("X-A", b"a\rb"), Some("X-A".to_owned()));
        assert_eq!(refused("X A", b"a"), Some("X A".to_owned()));
        assert_eq!(refused("Transfer-Encoding", b"chunked"), Some("Transfer-Encoding".to_owned()));
        assert_eq!(refused("Content-Length", b"5"), Some("Content-Length".to_owned()));
        assert_eq!(refused("Content-Length", b"0"), None);
        assert_eq!(refused("X-A", b"\xE9\xFF\t"), None);
    }

    #[test]
    fn each_protocol_gets_its_own_form_of_the_target() {
        let mut prepared = prepare(|request| {
            request.target = "/p?q".into();
            request.headers = vec![header("X-A", b"1"), header("x-a", b"2")];
        })
        .expect("a plain request");
        let first = prepared.message(Protocol::Http1, TargetForm::Origin).expect("an empty body is at hand");
        assert_eq!(first.uri().to_string(), "/p?q");
        assert_eq!(first.headers()[HOST], "example.com");
        assert_eq!(first.headers().get_all("x-a").iter().count(), 2);
        let second = prepared.message(Protocol::Http2, TargetForm::Origin).expect("an empty body is at hand");
        assert_eq!(second.uri().to_string(), "https://example.com/p?q");
        assert!(!second.headers().contains_key(HOST));
    }

    #[test]
    fn a_proxy_that_forwards_is_told_the_whole_url() {
        let mut prepared = prepare(|request| request.target = "/p?q".into()).expect("a plain request");
        let form = TargetForm::Absolute { authorization: Some(Bytes::from_static(b"Basic eDp5")) };
        let message = prepared.message(Protocol::Http1, form).expect("an empty body is at hand");
        assert_eq!(message.uri().to_string(), "http://example.com/p?q");
        assert_eq!(message.headers()[HOST], "example.com");
        assert_eq!(message.headers()[PROXY_AUTHORIZATION], "Basic eDp5");
    }

    #[test]
    fn a_streamed_body_is_sent_once_unless_it_comes_back_untouched() {
        let stream = Box::pin(futures::stream::iter([Ok(Bytes::from_static(b"x"))]));
        let mut prepared = prepare(|request| request.body = RequestBody::Stream { stream, length: None })
            .expect("a plain request");
        let message = prepared.message(Protocol::Http1, TargetForm::Origin).expect("not sent yet");
        assert!(
            prepared.message(Protocol::Http1, TargetForm::Origin).is_none() && !prepared.can_send_again()
        );
        prepared.take_back(message);
        assert!(prepared.message(Protocol::Http1, TargetForm::Origin).is_some());
    }
}
