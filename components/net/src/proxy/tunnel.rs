//! A tunnel through an HTTP proxy.

use bytes::Bytes;
use http::header::{HOST, HeaderValue, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION};
use http::{Method, Request, StatusCode, Uri};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;

use super::{Proxy, ProxyError};
use crate::config::HeaderLimits;
use crate::dialer::ByteStream;

/// Asks the proxy at the other end of `stream` for a tunnel to `authority`.
///
/// <https://www.rfc-editor.org/rfc/rfc9110#section-9.3.6>
pub(crate) async fn open(
    stream: Box<dyn ByteStream>,
    proxy: &Proxy,
    authority: &str,
    limits: HeaderLimits,
) -> Result<Box<dyn ByteStream>, ProxyError> {
    let request = connect_request(proxy, authority)?;
    let (mut sender, connection) = http1::Builder::new()
        .max_headers(limits.count)
        .max_header_size(limits.bytes as usize)
        .handshake::<_, String>(TokioIo::new(stream))
        .await
        .map_err(|error| fault(&error))?;
    let connection = connection.with_upgrades();
    let answer = async {
        let mut response = sender.send_request(request).await.map_err(|error| fault(&error))?;
        match response.status() {
            status if status.is_success() => {
                let upgraded = hyper::upgrade::on(&mut response).await.map_err(|error| fault(&error))?;
                let parts = upgraded
                    .downcast::<TokioIo<Box<dyn ByteStream>>>()
                    .map_err(|_| ProxyError::Protocol("the tunnel's stream is not ours".to_owned()))?;
                // Whoever sends bytes before the first of ours speaks for no server of HTTP or TLS.
                if !parts.read_buf.is_empty() {
                    return Err(ProxyError::Protocol("bytes came before the tunnel was used".to_owned()));
                }
                Ok(parts.io.into_inner())
            }
            StatusCode::PROXY_AUTHENTICATION_REQUIRED => Err(ProxyError::AuthenticationRequired {
                proxy: proxy.without_credentials(),
                challenges: challenges(response.headers()),
            }),
            // NOTE: The rest of such an answer is the proxy's word and not the server's, so nobody gets to see it.
            status => Err(ProxyError::Refused { status: status.as_u16() }),
        }
    };
    tokio::pin!(connection, answer);
    let mut driven = false;
    loop {
        tokio::select! {
            biased;
            answer = &mut answer => return answer,
            // What it has to say about its end the answer hears too.
            _ = &mut connection, if !driven => driven = true,
        }
    }
}

fn connect_request(proxy: &Proxy, authority: &str) -> Result<Request<String>, ProxyError> {
    let unfit = || ProxyError::Protocol("the host cannot be asked for".to_owned());
    let mut request = Request::new(String::new());
    *request.method_mut() = Method::CONNECT;
    *request.uri_mut() = authority.parse::<Uri>().map_err(|_| unfit())?;
    request.headers_mut().insert(HOST, HeaderValue::from_str(authority).map_err(|_| unfit())?);
    if let Some(value) = proxy.authorization() {
        let mut value = HeaderValue::from_maybe_shared(value).map_err(|_| unfit())?;
        value.set_sensitive(true);
        request.headers_mut().insert(PROXY_AUTHORIZATION, value);
    }
    Ok(request)
}

/// The values of `Proxy-Authenticate`.
pub(crate) fn challenges(headers: &http::HeaderMap) -> Vec<Bytes> {
    let values = headers.get_all(PROXY_AUTHENTICATE).iter();
    values.map(|value| Bytes::copy_from_slice(value.as_bytes())).collect()
}

fn fault(error: &hyper::Error) -> ProxyError {
    if error.is_parse() || error.is_parse_too_large() {
        ProxyError::Protocol(error.to_string())
    } else {
        ProxyError::Closed
    }
}
