//! The key of a connection: two requests may share a connection only when all of it is equal.

use std::sync::Arc;

use crate::proxy::Proxy;

/// How the bytes of a request travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scheme {
    /// Plain TCP; always HTTP/1.1.
    Http,
    /// TLS; HTTP/2 or HTTP/1.1, as ALPN decides.
    Https,
}

impl Scheme {
    /// The scheme as it stands in a URL, without the colon.
    pub fn as_str(self) -> &'static str {
        match self {
            Scheme::Http => "http",
            Scheme::Https => "https",
        }
    }

    /// The port a URL of this scheme means when it names none.
    pub fn default_port(self) -> u16 {
        match self {
            Scheme::Http => 80,
            Scheme::Https => 443,
        }
    }
}

/// Which versions of HTTP a connection may speak.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Versions {
    /// HTTP/2 or HTTP/1.1, as ALPN decides.
    #[default]
    Any,
    /// HTTP/1.1 alone, as a connection needs it that is to become another protocol's.
    Http1Only,
}

/// What a connection is kept under.
///
/// <https://fetch.spec.whatwg.org/#concept-connection>
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PoolKey {
    /// The network partition key, serialised by the caller. Nothing is shared between two of them.
    pub network_partition_key: Arc<str>,
    /// Whether TLS is spoken.
    pub scheme: Scheme,
    /// A domain in ASCII, or an IP address; an IPv6 address with or without its brackets.
    pub host: String,
    /// The port to connect to.
    pub port: u16,
    /// Whether requests on the connection carry credentials.
    pub credentials: bool,
    /// The proxy the connection goes through; with `None` the network's proxy resolver decides.
    pub proxy: Option<Proxy>,
    /// What it may speak.
    pub versions: Versions,
    /// Tells apart configurations of TLS that must not share connections; 0 for the usual one.
    pub tls_configuration: u64,
}

impl PoolKey {
    /// A key without credentials, proxy or special TLS configuration.
    pub fn new(
        network_partition_key: impl Into<Arc<str>>,
        scheme: Scheme,
        host: impl Into<String>,
        port: u16,
    ) -> Self {
        PoolKey {
            network_partition_key: network_partition_key.into(),
            scheme,
            host: host.into(),
            port,
            credentials: false,
            proxy: None,
            versions: Versions::Any,
            tls_configuration: 0,
        }
    }

    /// The host without the brackets of an IPv6 address.
    pub(crate) fn bare_host(&self) -> &str {
        self.host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(&self.host)
    }
}
