//! Proxies: which there are, who chooses one, and how a connection passes through it.

mod rules;
pub(crate) mod socks5;
pub(crate) mod tunnel;

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;
use thiserror::Error;

use crate::error::Error;
use crate::pool_key::Scheme;
pub use rules::ProxyRules;

/// What a proxy speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ProxyKind {
    /// HTTP: requests for `http:` are handed to it whole, anything else goes through a `CONNECT` tunnel.
    Http,
    /// The same over TLS.
    Https,
    /// SOCKS version 5. The name is looked up here, and the proxy is told an address.
    Socks5,
    /// SOCKS version 5. The proxy is told the name and looks it up (`socks5h:`).
    Socks5Names,
}

/// A name and a password.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ProxyCredentials {
    /// The name.
    pub username: Arc<str>,
    /// The password.
    pub password: Arc<str>,
}

impl ProxyCredentials {
    /// These two.
    pub fn new(username: impl Into<Arc<str>>, password: impl Into<Arc<str>>) -> Self {
        ProxyCredentials { username: username.into(), password: password.into() }
    }

    /// The value of `Proxy-Authorization`.
    ///
    /// <https://www.rfc-editor.org/rfc/rfc7617#section-2>
    pub(crate) fn basic(&self) -> String {
        use base64::Engine as _;
        let pair = format!("{}:{}", self.username, self.password);
        format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair))
    }
}

impl fmt::Debug for ProxyCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProxyCredentials").field("username", &self.username).finish_non_exhaustive()
    }
}

/// One proxy. Connections through two proxies, or through one with two people's credentials, are never shared.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Proxy {
    kind: ProxyKind,
    host: Arc<str>,
    port: u16,
    credentials: Option<ProxyCredentials>,
}

/// Text that names no proxy.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{text:?} names no proxy")]
#[non_exhaustive]
pub struct ProxyParseError {
    /// The text, without its user name and password.
    pub text: String,
}

impl Proxy {
    /// A proxy that asks nobody who they are. An IPv6 address may have brackets.
    pub fn new(kind: ProxyKind, host: &str, port: u16) -> Self {
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        Proxy { kind, host: host.to_ascii_lowercase().into(), port, credentials: None }
    }

    /// The same, to be shown these credentials.
    pub fn with_credentials(mut self, credentials: ProxyCredentials) -> Self {
        self.credentials = Some(credentials);
        self
    }

    /// Reads `[scheme://][user:password@]host[:port]`; the scheme is `http` (also when it is missing), `https`, `socks5` or
    /// `socks5h`, and a missing port is 80, 443 or 1080.
    pub fn parse(text: &str) -> Result<Proxy, ProxyParseError> {
        let text = text.trim();
        let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
        let (user_info, address) = match rest.rsplit_once('@') {
            Some((user_info, address)) => (Some(user_info), address),
            None => (None, rest),
        };
        let fault = || ProxyParseError { text: format!("{scheme}://{address}") };
        let (kind, default_port) = match scheme.to_ascii_lowercase().as_str() {
            "http" => (ProxyKind::Http, 80),
            "https" => (ProxyKind::Https, 443),
            "socks5" => (ProxyKind::Socks5, 1080),
            "socks5h" => (ProxyKind::Socks5Names, 1080),
            _ => return Err(fault()),
        };
        let address = address.strip_suffix('/').unwrap_or(address);
        let authority: http::uri::Authority = address.parse().map_err(|_| fault())?;
        let port = match authority.as_str().strip_prefix(authority.host()) {
            Some("" | ":") => default_port,
            _ => authority.port_u16().unwrap_or(0),
        };
        if authority.host().is_empty() || port == 0 {
            return Err(fault());
        }
        let proxy = Proxy::new(kind, authority.host(), port);
        Ok(match user_info {
            Some(user_info) => {
                let (username, password) = user_info.split_once(':').unwrap_or((user_info, ""));
                let decode = |text: &str| percent_decode(text).ok_or_else(fault);
                proxy.with_credentials(ProxyCredentials::new(decode(username)?, decode(password)?))
            }
            None => proxy,
        })
    }

    /// What it speaks.
    pub fn kind(&self) -> ProxyKind {
        self.kind
    }

    /// Its host; an IPv6 address has no brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What it is shown.
    pub fn credentials(&self) -> Option<&ProxyCredentials> {
        self.credentials.as_ref()
    }

    /// The same proxy for anybody.
    pub(crate) fn without_credentials(&self) -> Proxy {
        Proxy { credentials: None, ..self.clone() }
    }

    /// The value of `Proxy-Authorization`.
    pub(crate) fn authorization(&self) -> Option<Bytes> {
        self.credentials.as_ref().map(|credentials| credentials.basic().into())
    }
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.kind {
            ProxyKind::Http => "http",
            ProxyKind::Https => "https",
            ProxyKind::Socks5 => "socks5",
            ProxyKind::Socks5Names => "socks5h",
        };
        write!(f, "{scheme}://{}", authority(&self.host, self.port))
    }
}

/// `host:port`, with brackets where they are needed.
pub(crate) fn authority(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

fn percent_decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let hex = |at: usize| tail.get(at).and_then(|digit| (*digit as char).to_digit(16));
        match (first, hex(0), hex(1)) {
            (b'%', Some(high), Some(low)) => {
                bytes.push((high * 16 + low) as u8);
                rest = &tail[2..];
            }
            _ => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8(bytes).ok()
}

/// What a proxy is chosen for. Paths are not told: who chooses may be a script from the network.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProxyTarget {
    /// The request's scheme.
    pub scheme: Scheme,
    /// Its host; an IPv6 address has no brackets.
    pub host: String,
    /// Its port.
    pub port: u16,
}

/// One way to a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// Straight there.
    Direct,
    /// Through that proxy.
    Proxy(Proxy),
}

/// Chooses proxies, for each request anew. An embedder that runs PAC scripts does it here.
pub trait ProxyResolver: Send + Sync {
    /// The ways to try in order: the next one when a proxy cannot be reached. No way at all means straight there.
    fn routes(&self, target: &ProxyTarget) -> BoxFuture<'static, Vec<Route>>;
}

/// This proxy for everything.
impl ProxyResolver for Proxy {
    fn routes(&self, _: &ProxyTarget) -> BoxFuture<'static, Vec<Route>> {
        Box::pin(std::future::ready(vec![Route::Proxy(self.clone())]))
    }
}

/// Why a proxy led nowhere. Nothing of the request has reached its server.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum ProxyError {
    /// The proxy itself cannot be reached.
    #[error("it cannot be reached: {0}")]
    Unreachable(Box<Error>),
    /// The server's name, which the proxy is not asked to look up, could not be looked up here.
    #[error("{0}")]
    Target(Box<Error>),
    /// It wants credentials, or others.
    #[error("it asks for credentials")]
    AuthenticationRequired {
        /// Which proxy, without the credentials that it did not like.
        proxy: Proxy,
        /// The values of its `Proxy-Authenticate`; SOCKS has none.
        challenges: Vec<Bytes>,
    },
    /// It answered a `CONNECT` with this status.
    #[error("it answered with status {status}")]
    Refused {
        /// The status.
        status: u16,
    },
    /// A SOCKS proxy could not or would not connect.
    #[error("SOCKS: {0}")]
    Socks(SocksFailure),
    /// It broke the rules of its protocol.
    #[error("it broke its protocol ({0})")]
    Protocol(String),
    /// It closed the connection.
    #[error("it closed the connection")]
    Closed,
    /// It took too long to let the connection through.
    #[error("it took too long")]
    Timeout,
    /// The host's name or the credentials are too long for SOCKS.
    #[error("a name or password is too long for SOCKS")]
    TooLong,
}

/// What a SOCKS proxy said.
///
/// <https://www.rfc-editor.org/rfc/rfc1928#section-6>
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SocksFailure {
    /// 1
    #[error("general failure")]
    General,
    /// 2
    #[error("not allowed")]
    NotAllowed,
    /// 3
    #[error("the network cannot be reached")]
    NetworkUnreachable,
    /// 4
    #[error("the host cannot be reached")]
    HostUnreachable,
    /// 5
    #[error("the connection was refused")]
    Refused,
    /// 6
    #[error("the way is too long")]
    TtlExpired,
    /// 7
    #[error("it does not connect")]
    CommandNotSupported,
    /// 8
    #[error("it does not know this kind of address")]
    AddressTypeNotSupported,
    /// Any other.
    #[error("code {0}")]
    Other(u8),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proxies_are_read_with_their_defaults_and_credentials() {
        let parsed = |text: &str| Proxy::parse(text).map(|proxy| proxy.to_string());
        assert_eq!(parsed("proxy.test"), Ok("http://proxy.test:80".to_owned()));
        assert_eq!(parsed("HTTPS://Proxy.test/"), Ok("https://proxy.test:443".to_owned()));
        assert_eq!(parsed("socks5://[::1]"), Ok("socks5://[::1]:1080".to_owned()));
        assert_eq!(parsed("socks5h://a:9"), Ok("socks5h://a:9".to_owned()));
        for bad in ["", "ftp://a", "http://", "http://a:0", "http://a:99999", "http://a b", "http://u%FF@a"] {
            assert!(Proxy::parse(bad).is_err(), "{bad}");
        }
        let proxy = Proxy::parse("http://us%3Aer:p%40ss%@host:1").expect("a sound proxy");
        assert_eq!(proxy.credentials(), Some(&ProxyCredentials::new("us:er", "p@ss%")));
        assert_eq!(proxy.to_string(), "http://host:1", "credentials are not shown");
        assert!(!format!("{proxy:?}").contains("p@ss"));
        let error = Proxy::parse("ftp://user:secret@host").expect_err("not a proxy's scheme");
        assert!(!error.to_string().contains("secret"));
    }

    #[test]
    fn basic_credentials_are_encoded() {
        assert_eq!(
            ProxyCredentials::new("Aladdin", "open sesame").basic(),
            "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="
        );
    }
}
