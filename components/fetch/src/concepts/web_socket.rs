//! The opening handshake of a WebSocket, which is a fetch, and the connection that it gives.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest as _, Sha1};
use tokio::io::{AsyncRead, AsyncWrite};
use url::Url;

use super::header_name::is_token;
use super::request::{CacheMode, CredentialsMode, Mode, RedirectMode, Referrer, Request, ServiceWorkersMode};
use super::response::Response;
use crate::NetworkError;
use crate::environment::EnvironmentSettings;

/// Bytes both ways.
pub trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// A connection that speaks another protocol from now on.
// NOTE: the mutex is locked only to take what is inside; it makes the connection `Sync`, so that responses are.
pub struct UpgradedConnection(Mutex<Box<dyn Duplex>>);

impl UpgradedConnection {
    /// What is left of an HTTP connection after status 101.
    pub fn new(connection: Box<dyn Duplex>) -> UpgradedConnection {
        UpgradedConnection(Mutex::new(connection))
    }

    /// The bytes.
    pub fn into_inner(self) -> Box<dyn Duplex> {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for UpgradedConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UpgradedConnection")
    }
}

/// A handshake that is about to be made: its request, and what the answer has to fit.
///
/// <https://websockets.spec.whatwg.org/#concept-websocket-establish>
#[derive(Debug)]
pub struct WebSocketHandshake {
    /// To be fetched.
    pub request: Request,
    key: String,
    protocols: Vec<String>,
}

/// A WebSocket that is open.
#[derive(Debug)]
pub struct EstablishedWebSocket {
    /// Frames go here.
    pub connection: UpgradedConnection,
    /// The protocol that the server chose, or nothing.
    pub protocol: String,
    /// The extensions that the server wants to use.
    pub extensions: String,
}

impl WebSocketHandshake {
    /// Steps 1 to 10: the request for a `ws:` or `wss:` URL. `nonce` is random. Nothing if a protocol is no token or is there twice.
    pub fn new(
        mut url: Url,
        protocols: Vec<String>,
        client: Arc<EnvironmentSettings>,
        nonce: [u8; 16],
    ) -> Option<WebSocketHandshake> {
        let are_unique =
            protocols.iter().enumerate().all(|(at, protocol)| !protocols[..at].contains(protocol));
        if !are_unique || !protocols.iter().all(|protocol| is_token(protocol.as_bytes())) {
            return None;
        }
        // 1. It is fetched by HTTP.
        let scheme = match url.scheme() {
            "ws" | "http" => "http",
            "wss" | "https" => "https",
            _ => return None,
        };
        // NOTE: all four are special schemes, between which a URL may change.
        url.set_scheme(scheme).ok()?;
        // 2.
        let mut request = Request::new(url);
        request.client = Some(client);
        request.service_workers_mode = ServiceWorkersMode::None;
        request.referrer = Referrer::NoReferrer;
        request.mode = Mode::WebSocket;
        request.credentials_mode = CredentialsMode::Include;
        request.cache_mode = CacheMode::NoStore;
        request.redirect_mode = RedirectMode::Error;
        request.use_url_credentials = true;
        // 3.–8.
        let key = STANDARD.encode(nonce);
        request.header_list.append("Upgrade", "websocket");
        request.header_list.append("Connection", "Upgrade");
        request.header_list.append("Sec-WebSocket-Key", &key);
        request.header_list.append("Sec-WebSocket-Version", "13");
        // NOTE: `, ` joins several headers into what one would say.
        for protocol in &protocols {
            request.header_list.combine("Sec-WebSocket-Protocol", protocol);
        }
        // 9.–10. DEVIATION: no extension is offered; whoever speaks the frames may add `Sec-WebSocket-Extensions`.
        Some(WebSocketHandshake { request, key, protocols })
    }

    /// What the response has to fit; to be kept while the request is fetched.
    pub fn split(self) -> (Request, WebSocketAnswer) {
        (self.request, WebSocketAnswer { key: self.key, protocols: self.protocols })
    }
}

/// Judges the answer to a [`WebSocketHandshake`].
#[derive(Clone, Debug)]
pub struct WebSocketAnswer {
    key: String,
    protocols: Vec<String>,
}

impl WebSocketAnswer {
    /// Step 11: the connection, if the server has agreed.
    ///
    /// <https://www.rfc-editor.org/rfc/rfc6455#section-4.1>
    pub fn judge(&self, response: Response) -> Result<EstablishedWebSocket, NetworkError> {
        let mut response = response.into_unfiltered();
        // 11.1.
        if let Some(reason) = response.reason() {
            return Err(reason.clone());
        }
        if response.status != 101 {
            return Err(NetworkError::WebSocket("the status is not 101"));
        }
        let is = |name: &str, expected: &str| {
            let values = response.header_list.get_decode_and_split(name).unwrap_or_default();
            values.iter().any(|value| value.eq_ignore_ascii_case(expected))
        };
        if !is("Upgrade", "websocket") || !is("Connection", "upgrade") {
            return Err(NetworkError::WebSocket("the answer does not upgrade the connection"));
        }
        let expected = accept(&self.key);
        if response.header_list.get("Sec-WebSocket-Accept").as_deref() != Some(expected.as_bytes()) {
            return Err(NetworkError::WebSocket("Sec-WebSocket-Accept does not fit"));
        }
        let text = |name: &str| {
            String::from_utf8(response.header_list.get(name).unwrap_or_default())
                .map_err(|_| NetworkError::WebSocket("a header is not ASCII"))
        };
        // 11.2.–11.3. One of the protocols that were offered, or none.
        let protocol = text("Sec-WebSocket-Protocol")?;
        let has_protocol = response.header_list.contains("Sec-WebSocket-Protocol");
        if has_protocol && !self.protocols.contains(&protocol) {
            return Err(NetworkError::WebSocket("the protocol was not offered"));
        }
        let extensions = text("Sec-WebSocket-Extensions")?;
        // 11.4.–11.5.
        let connection =
            response.upgraded.take().ok_or(NetworkError::WebSocket("the network gave no connection"))?;
        Ok(EstablishedWebSocket { connection, protocol, extensions })
    }
}

fn accept(key: &str) -> String {
    STANDARD.encode(Sha1::digest(format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_answered_as_the_rfc_shows() {
        assert_eq!(accept("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    fn handshake(protocols: &[&str]) -> Option<WebSocketHandshake> {
        let client = EnvironmentSettings::for_url(Url::parse("https://a.example/").unwrap()).into_shared();
        let url = Url::parse("wss://b.example/chat").unwrap();
        let protocols = protocols.iter().map(|protocol| (*protocol).to_owned()).collect();
        WebSocketHandshake::new(url, protocols, client, [0; 16])
    }

    fn answer(change: impl FnOnce(&mut Response)) -> Response {
        let mut response = Response::new();
        response.status = 101;
        response.header_list =
            [("Upgrade", "WebSocket"), ("Connection", "keep-alive, Upgrade")].into_iter().collect();
        response.header_list.append("Sec-WebSocket-Accept", accept(&STANDARD.encode([0; 16])));
        response.upgraded = Some(UpgradedConnection::new(Box::new(tokio::io::duplex(1).0)));
        change(&mut response);
        response
    }

    #[test]
    fn the_request_is_what_servers_expect() {
        let (request, _) = handshake(&["a", "b"]).unwrap().split();
        assert_eq!(request.url().as_str(), "https://b.example/chat");
        assert_eq!(request.header_list.get("sec-websocket-protocol").unwrap(), b"a, b");
        assert!(handshake(&["a", "a"]).is_none() && handshake(&["a b"]).is_none());
    }

    #[test]
    fn only_a_fitting_answer_opens_it() {
        let (_, judge) = handshake(&["a"]).unwrap().split();
        let open = |change: fn(&mut Response)| judge.judge(answer(change));
        assert_eq!(open(|_| {}).unwrap().protocol, "");
        let chosen = open(|response| response.header_list.append("Sec-WebSocket-Protocol", "a"));
        assert_eq!(chosen.unwrap().protocol, "a");
        assert!(open(|response| response.header_list.append("Sec-WebSocket-Protocol", "b")).is_err());
        assert!(open(|response| response.header_list.set("Sec-WebSocket-Accept", "x")).is_err());
        assert!(open(|response| response.header_list.delete("Upgrade")).is_err());
        assert!(open(|response| response.status = 200).is_err());
        assert!(open(|response| response.upgraded = None).is_err());
        assert!(judge.judge(Response::network_error(NetworkError::Generic)).is_err());
    }
}
