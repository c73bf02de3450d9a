//! Looking names up by ourselves: over UDP and TCP, or over HTTPS.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use ::hickory_resolver::TokioResolver;
use ::hickory_resolver::config::{
    ConnectionConfig, LookupIpStrategy, NameServerConfig, ResolverConfig, ResolverOpts,
};
use ::hickory_resolver::net::NetError;
use ::hickory_resolver::net::runtime::TokioRuntimeProvider;
use futures::future::BoxFuture;
use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore};

use crate::error::ConfigError;
use crate::resolver::{ResolveError, Resolver};
use crate::tls::certificates;

/// A server to ask.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NameServer {
    /// In the clear, over UDP, and over TCP where an answer is too long for that.
    Plain(SocketAddr),
    /// DNS over HTTPS.
    ///
    /// <https://www.rfc-editor.org/rfc/rfc8484>
    Https {
        /// Where it is; nobody could be asked for it.
        address: SocketAddr,
        /// The name in its certificate.
        name: String,
        /// The path of its resource, usually `/dns-query`.
        path: String,
    },
}

/// Asks name servers through the `hickory-resolver` crate. It remembers no answers, for what one partition has looked up must not
/// show in the time that another one waits; a name server near by does that for all of its clients.
#[derive(Clone)]
pub struct HickoryResolver(Arc<TokioResolver>);

impl HickoryResolver {
    /// Asks the servers that the operating system is set to ask.
    pub fn system() -> Result<Self, ConfigError> {
        let mut builder = TokioResolver::builder_tokio().map_err(|error| fault(&error))?;
        adjust(builder.options_mut());
        Ok(HickoryResolver(Arc::new(builder.build().map_err(|error| fault(&error))?)))
    }

    /// Asks these servers, the first ones first. Servers over HTTPS must have certificates by Mozilla's roots, or by those in the
    /// files in PEM.
    pub fn new(servers: &[NameServer], extra_roots_pem: &[Vec<u8>]) -> Result<Self, ConfigError> {
        let servers = servers.iter().map(name_server).collect();
        let config = ResolverConfig::from_parts(None, Vec::new(), servers);
        let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
            .with_tls_config(tls(extra_roots_pem)?);
        adjust(builder.options_mut());
        Ok(HickoryResolver(Arc::new(builder.build().map_err(|error| fault(&error))?)))
    }
}

fn adjust(options: &mut ResolverOpts) {
    options.cache_size = 0;
    options.ip_strategy = LookupIpStrategy::Ipv6AndIpv4;
}

fn name_server(server: &NameServer) -> NameServerConfig {
    let (address, connections) = match server {
        NameServer::Plain(address) => (address, vec![ConnectionConfig::udp(), ConnectionConfig::tcp()]),
        NameServer::Https { address, name, path } => {
            (address, vec![ConnectionConfig::https(name.as_str().into(), Some(path.as_str().into()))])
        }
    };
    let connections = connections.into_iter().map(|mut connection| {
        connection.port = address.port();
        connection
    });
    // A server that says a name does not exist is believed, so that the others need not be told of it.
    NameServerConfig::new(address.ip(), true, connections.collect())
}

fn tls(extra_roots_pem: &[Vec<u8>]) -> Result<ClientConfig, ConfigError> {
    let mut roots = RootCertStore::empty();
    roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    for (index, pem) in extra_roots_pem.iter().enumerate() {
        let bad = |reason: String| ConfigError::BadRoots { index, reason };
        for certificate in certificates(pem).map_err(bad)? {
            roots.add(certificate).map_err(|error| bad(error.to_string()))?;
        }
    }
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| ConfigError::Tls(error.to_string()))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

fn fault(error: &NetError) -> ConfigError {
    ConfigError::Resolver(error.to_string())
}

impl Resolver for HickoryResolver {
    fn resolve(&self, host: &str, port: u16) -> BoxFuture<'static, Result<Vec<SocketAddr>, ResolveError>> {
        let resolver = self.0.clone();
        // A name with its dot is asked for as it is, without this machine's own domains behind it.
        let name = if host.ends_with('.') { host.to_owned() } else { format!("{host}.") };
        Box::pin(async move {
            match resolver.lookup_ip(name).await {
                Ok(found) => Ok(found.iter().map(|address| SocketAddr::new(address, port)).collect()),
                Err(error) if error.is_no_records_found() => Err(ResolveError::UnknownHost),
                // A name that is none cannot be known.
                Err(NetError::Proto(_)) => Err(ResolveError::UnknownHost),
                Err(error) => {
                    tracing::debug!(%error, "looking up a name failed");
                    Err(ResolveError::TryAgain)
                }
            }
        })
    }
}

impl fmt::Debug for HickoryResolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HickoryResolver").finish_non_exhaustive()
    }
}
