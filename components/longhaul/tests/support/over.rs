//! The versions of HTTP, with and without TLS, that one test runs over.

use std::future::Future;
use std::sync::{Arc, LazyLock};

use hyper::body::Incoming;
use longhaul::net::{NetworkConfig, Roots};
use longhaul::{Builder, UserAgent};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;

use super::{Reply, Seen, Server};

/// What the fetches of a test go over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Over {
    /// HTTP/1.1 without TLS.
    Http1,
    /// HTTP/1.1 with TLS.
    Http1Tls,
    /// HTTP/2, always with TLS.
    Http2,
}

/// Makes of a check a test for each of the named ways over which it goes.
#[macro_export]
macro_rules! over_ways {
    ($check:ident: $($name:ident = $over:ident),*) => {
        mod $check {
            use $crate::support::over::Over;

            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $name() {
                    super::$check(Over::$over).await;
                }
            )*
        }
    };
}

/// Makes of each check three tests, one for each way over which it can go.
#[macro_export]
macro_rules! over_each {
    ($($check:ident),* $(,)?) => {
        $($crate::over_ways!($check: http1 = Http1, http1_tls = Http1Tls, http2 = Http2);)*
    };
}

/// Makes of each check, which is about the bytes of HTTP/1.1, a test without TLS and one with it.
#[macro_export]
macro_rules! over_http1 {
    ($($check:ident),* $(,)?) => {
        $($crate::over_ways!($check: plain = Http1, tls = Http1Tls);)*
    };
}

/// Makes of each check, which needs TLS, a test over each version of HTTP.
#[macro_export]
macro_rules! over_tls {
    ($($check:ident),* $(,)?) => {
        $($crate::over_ways!($check: http1_tls = Http1Tls, http2 = Http2);)*
    };
}

/// The hosts that all servers with TLS vouch for.
const HOSTS: [&str; 8] = [
    "localhost",
    "own.localhost",
    "other.localhost",
    "page.localhost",
    "site.localhost",
    "named.test",
    "rebound.test",
    "strict.test",
];

/// The authority that all servers with TLS have their certificate from.
struct Authority {
    pem: String,
    certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
}

static AUTHORITY: LazyLock<Authority> = LazyLock::new(|| {
    let authority_key = KeyPair::generate().unwrap();
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let pem = authority.self_signed(&authority_key).unwrap().pem();
    let issuer = Issuer::new(authority, authority_key);
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(HOSTS.map(str::to_owned)).unwrap();
    let certificate = params.signed_by(&key, &issuer).unwrap().der().clone();
    Authority { pem, certificate, key: PrivatePkcs8KeyDer::from(key.serialize_der()).into() }
});

impl Over {
    pub(crate) fn scheme(self) -> &'static str {
        if self == Over::Http1 { "http" } else { "https" }
    }

    pub(crate) fn is_http2(self) -> bool {
        self == Over::Http2
    }

    /// The origin of a page elsewhere.
    pub(crate) fn page(self) -> String {
        format!("{}://page.example", self.scheme())
    }

    fn server_config(self) -> Option<Arc<ServerConfig>> {
        let alpn = match self {
            Over::Http1 => return None,
            Over::Http1Tls => b"http/1.1".to_vec(),
            Over::Http2 => b"h2".to_vec(),
        };
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![AUTHORITY.certificate.clone()], AUTHORITY.key.clone_key())
            .unwrap();
        config.alpn_protocols = vec![alpn];
        Some(Arc::new(config))
    }

    /// A server. Bodies of requests are read before `answer` is asked.
    pub(crate) async fn server(self, answer: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Server {
        match self.server_config() {
            None => Server::http(answer).await,
            Some(config) => Server::https(config, answer).await,
        }
    }

    /// A server whose requests come with their bodies still on their way.
    pub(crate) async fn streaming<T: Future<Output = Reply> + Send + 'static>(
        self,
        handler: impl Fn(http::Request<Incoming>) -> T + Send + Sync + 'static,
    ) -> Server {
        match self.server_config() {
            None => Server::streaming(handler).await,
            Some(config) => Server::streaming_tls(config, handler).await,
        }
    }

    /// A server whose connections, once TLS stands, are given to `handle`.
    pub(crate) async fn raw<T: Future<Output = ()> + Send + 'static>(
        self,
        handle: impl Fn(Box<dyn Connection>) -> T + Send + Sync + 'static,
    ) -> Server {
        let Some(config) = self.server_config() else {
            return Server::raw(move |stream| handle(Box::new(stream))).await;
        };
        let (acceptor, handle) = (TlsAcceptor::from(config), Arc::new(handle));
        let server = Server::raw(move |stream| {
            let (acceptor, handle) = (acceptor.clone(), Arc::clone(&handle));
            async move {
                if let Ok(stream) = acceptor.accept(stream).await {
                    handle(Box::new(stream)).await;
                }
            }
        });
        Server { scheme: "https", ..server.await }
    }

    /// Settings that trust the servers' authority, and nobody else.
    pub(crate) fn network(self) -> NetworkConfig {
        let mut config = NetworkConfig::default();
        if self != Over::Http1 {
            config.roots = Roots::ExtraOnly;
            config.extra_roots_pem.push(AUTHORITY.pem.clone().into());
        }
        config
    }

    /// A user agent that trusts the servers, to be changed.
    pub(crate) fn builder(self) -> Builder {
        UserAgent::builder().network(self.network())
    }

    pub(crate) async fn user_agent(self) -> UserAgent {
        self.builder().build().await.unwrap()
    }

    pub(crate) async fn user_agent_with(self, change: impl FnOnce(&mut NetworkConfig)) -> UserAgent {
        let mut config = self.network();
        change(&mut config);
        UserAgent::builder().network(config).build().await.unwrap()
    }
}

/// Bytes both ways, with TLS or without.
pub(crate) trait Connection: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Connection for T {}
