//! TLS by rustls: whom to trust, one configuration per partition, and faults by their names.

mod unclean_close;
mod verifier;

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::danger::ServerCertVerifier;
use rustls::client::{ResolvesClientCert, Resumption};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::ServerName;
use rustls::sign::CertifiedKey;
use rustls::{AlertDescription, CertificateError, ClientConfig, SignatureScheme};

use crate::certificates::{CertificateRequest, ClientCertificates};
use crate::config::NetworkConfig;
use crate::error::{ConfigError, TlsError};
use crate::pool_key::{PoolKey, Versions};
pub(crate) use unclean_close::UncleanCloseIsEnd;
#[cfg(feature = "hickory")]
pub(crate) use verifier::certificates;

/// Partitions whose sessions are remembered at once; the one unused for longest goes first.
const MOST_PARTITIONS: usize = 256;
/// Sessions remembered inside one partition.
const SESSIONS_PER_PARTITION: usize = 64;

/// With whom a handshake is made.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Peer {
    /// Any server, none of which is shown a certificate.
    Server,
    /// The server of this host and port, which may be shown a certificate of ours.
    KnowsUs(String, u16),
    /// A proxy.
    Proxy,
}

/// What may share a TLS session: part of the pool's key. The host is added by rustls, which files sessions under names.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct SessionPartition {
    network_partition_key: Arc<str>,
    credentials: bool,
    versions: Versions,
    tls_configuration: u64,
    peer: Peer,
}

#[derive(Debug, Default)]
struct Partitions {
    configs: HashMap<SessionPartition, (Arc<ClientConfig>, u64)>,
    uses: u64,
}

/// Makes the configurations. Every partition has its own, and with it its own session tickets.
pub(crate) struct Tls {
    provider: Arc<CryptoProvider>,
    verifier: Arc<dyn ServerCertVerifier>,
    client_certificates: Option<Arc<dyn ClientCertificates>>,
    partitions: Mutex<Partitions>,
}

impl Tls {
    pub(crate) fn new(config: &NetworkConfig) -> Result<Self, ConfigError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let verifier = verifier::verifier(config, &provider)?;
        let client_certificates = config.client_certificates.clone();
        let tls = Tls { provider, verifier, client_certificates, partitions: Mutex::default() };
        // A provider that cannot do the versions is found out here and not at the first request.
        tls.new_config(Versions::Any, &Peer::Server).map_err(|error| ConfigError::Tls(error.to_string()))?;
        Ok(tls)
    }

    /// The configuration for connections of this key.
    pub(crate) fn config_for(&self, key: &PoolKey) -> Result<Arc<ClientConfig>, TlsError> {
        // Our certificates are credentials.
        let peer = match self.client_certificates.is_some() && key.credentials {
            true => Peer::KnowsUs(key.bare_host().to_owned(), key.port),
            false => Peer::Server,
        };
        self.config(SessionPartition {
            network_partition_key: key.network_partition_key.clone(),
            credentials: key.credentials,
            versions: key.versions,
            tls_configuration: key.tls_configuration,
            peer,
        })
    }

    /// The configuration for the connection to the key's proxy.
    pub(crate) fn config_for_proxy(&self, key: &PoolKey) -> Result<Arc<ClientConfig>, TlsError> {
        self.config(SessionPartition {
            network_partition_key: key.network_partition_key.clone(),
            credentials: false,
            versions: Versions::Http1Only,
            tls_configuration: 0,
            peer: Peer::Proxy,
        })
    }

    fn config(&self, partition: SessionPartition) -> Result<Arc<ClientConfig>, TlsError> {
        let mut partitions = self.partitions.lock().unwrap_or_else(PoisonError::into_inner);
        partitions.uses += 1;
        let uses = partitions.uses;
        if let Some((config, last_use)) = partitions.configs.get_mut(&partition) {
            *last_use = uses;
            return Ok(config.clone());
        }
        if partitions.configs.len() >= MOST_PARTITIONS {
            let oldest = partitions.configs.iter().min_by_key(|(_, (_, last_use))| *last_use);
            if let Some(oldest) = oldest.map(|(partition, _)| partition.clone()) {
                partitions.configs.remove(&oldest);
            }
        }
        let config = self.new_config(partition.versions, &partition.peer);
        let config = Arc::new(config.map_err(|error| TlsError::Other(error.to_string()))?);
        partitions.configs.insert(partition, (config.clone(), uses));
        Ok(config)
    }

    fn new_config(&self, versions: Versions, peer: &Peer) -> Result<ClientConfig, rustls::Error> {
        let builder = ClientConfig::builder_with_provider(self.provider.clone())
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(self.verifier.clone());
        let mut config = match (peer, &self.client_certificates) {
            (Peer::KnowsUs(host, port), Some(certificates)) => {
                builder.with_client_cert_resolver(Arc::new(ForHost {
                    certificates: certificates.clone(),
                    host: host.clone(),
                    port: *port,
                }))
            }
            _ => builder.with_no_client_auth(),
        };
        config.alpn_protocols = match versions {
            Versions::Any => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
            Versions::Http1Only => vec![b"http/1.1".to_vec()],
        };
        config.resumption = Resumption::in_memory_sessions(SESSIONS_PER_PARTITION);
        Ok(config)
    }
}

/// Asks for our certificate for one server.
struct ForHost {
    certificates: Arc<dyn ClientCertificates>,
    host: String,
    port: u16,
}

impl ResolvesClientCert for ForHost {
    fn resolve(&self, authorities: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        let request = CertificateRequest { host: &self.host, port: self.port, authorities };
        let key = self.certificates.choose(&request)?.certified_key();
        // A key that cannot sign as the server wants would only fail the handshake.
        key.key.choose_scheme(schemes).is_some().then_some(key)
    }

    fn has_certs(&self) -> bool {
        true
    }
}

impl std::fmt::Debug for ForHost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ForHost").field("host", &self.host).field("port", &self.port).finish_non_exhaustive()
    }
}

/// The name to ask for and to compare with the certificate: a domain without the dot of the root, or an address.
pub(crate) fn server_name(host: &str) -> Result<ServerName<'static>, TlsError> {
    let host = host.strip_suffix('.').unwrap_or(host);
    ServerName::try_from(host).map(|name| name.to_owned()).map_err(|_| TlsError::InvalidServerName)
}

/// Alerts by which a server turns down what we have shown, or have not. In TLS 1.3 they come after the handshake, from a server that
/// has looked at nothing else.
const ABOUT_OUR_CERTIFICATE: [AlertDescription; 9] = [
    AlertDescription::CertificateRequired,
    AlertDescription::NoCertificate,
    AlertDescription::BadCertificate,
    AlertDescription::UnsupportedCertificate,
    AlertDescription::CertificateRevoked,
    AlertDescription::CertificateExpired,
    AlertDescription::CertificateUnknown,
    AlertDescription::UnknownCA,
    AlertDescription::AccessDenied,
];

/// The server's late answer to what we have shown of ourselves, if that is what the fault of a connection is.
pub(crate) fn late_refusal(error: &io::Error) -> Option<TlsError> {
    let cause = error.get_ref()?;
    let alert = match cause.downcast_ref::<rustls::Error>() {
        Some(rustls::Error::AlertReceived(alert)) => {
            ABOUT_OUR_CERTIFICATE.into_iter().find(|known| known == alert)
        }
        Some(_) => None,
        // NOTE: h2 gives each stream a copy of its connection's fault, and of that only the text.
        None => {
            let text = cause.to_string();
            let says = |known: &AlertDescription| text == rustls::Error::AlertReceived(*known).to_string();
            ABOUT_OUR_CERTIFICATE.into_iter().find(says)
        }
    };
    alert.map(|alert| TlsError::ClientCertificate(format!("{alert:?}")))
}

/// The fault behind a failed handshake.
pub(crate) fn handshake_error(error: &io::Error) -> TlsError {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(error) => classify(error),
        None if matches!(
            error.kind(),
            io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe
        ) =>
        {
            TlsError::Closed
        }
        None => TlsError::Other(error.to_string()),
    }
}

fn classify(error: &rustls::Error) -> TlsError {
    use CertificateError as C;
    match error {
        rustls::Error::InvalidCertificate(fault) => match fault {
            C::Expired | C::ExpiredContext { .. } => TlsError::Expired,
            C::NotValidYet | C::NotValidYetContext { .. } => TlsError::NotYetValid,
            C::NotValidForName | C::NotValidForNameContext { .. } => TlsError::WrongHost,
            C::UnknownIssuer => TlsError::UnknownIssuer,
            C::Revoked => TlsError::Revoked,
            C::InvalidPurpose | C::InvalidPurposeContext { .. } => TlsError::InvalidPurpose,
            C::BadSignature => TlsError::BadSignature,
            C::UnsupportedSignatureAlgorithmContext { .. }
            | C::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => TlsError::SignatureAlgorithm,
            C::UnknownRevocationStatus
            | C::ExpiredRevocationList
            | C::ExpiredRevocationListContext { .. } => TlsError::RevocationUnknown(fault.to_string()),
            other => TlsError::InvalidCertificate(other.to_string()),
        },
        rustls::Error::NoCertificatesPresented => TlsError::InvalidCertificate("none was shown".to_owned()),
        rustls::Error::AlertReceived(alert) if ABOUT_OUR_CERTIFICATE.contains(alert) => {
            TlsError::ClientCertificate(format!("{alert:?}"))
        }
        rustls::Error::AlertReceived(alert) => TlsError::Alert(format!("{alert:?}")),
        rustls::Error::PeerIncompatible(what) => TlsError::Incompatible(format!("{what:?}")),
        rustls::Error::NoApplicationProtocol => TlsError::Incompatible("no application protocol".to_owned()),
        other => TlsError::Other(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pool_key::Scheme;

    #[test]
    fn a_partition_keeps_its_configuration_and_shares_it_with_nobody() {
        let tls = Tls::new(&NetworkConfig::default()).expect("the default roots are sound");
        let key = |partition: &str| PoolKey::new(partition, Scheme::Https, "example.com", 443);
        let config = |key: &PoolKey| tls.config_for(key).expect("the provider was tried at the start");
        assert!(Arc::ptr_eq(&config(&key("a")), &config(&key("a"))));
        assert!(!Arc::ptr_eq(&config(&key("a")), &config(&key("b"))));
        let with_credentials = PoolKey { credentials: true, ..key("a") };
        assert!(!Arc::ptr_eq(&config(&key("a")), &config(&with_credentials)));
    }

    #[test]
    fn the_number_of_partitions_is_bounded_and_the_used_ones_stay() {
        let tls = Tls::new(&NetworkConfig::default()).expect("the default roots are sound");
        let config = |n: usize| {
            tls.config_for(&PoolKey::new(n.to_string(), Scheme::Https, "example.com", 443))
                .expect("a configuration")
        };
        let first = config(0);
        for n in 1..=MOST_PARTITIONS + 10 {
            config(n);
            assert!(Arc::ptr_eq(&first, &config(0)));
        }
        assert_eq!(tls.partitions.lock().expect("not poisoned").configs.len(), MOST_PARTITIONS);
    }

    #[test]
    fn text_without_certificates_is_no_root() {
        let bad = |pem: &str| Tls::new(&NetworkConfig::default().with_extra_roots_pem(pem)).err();
        assert!(matches!(bad("hello"), Some(ConfigError::BadRoots { index: 0, .. })));
        let torn = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert!(matches!(bad(torn), Some(ConfigError::BadRoots { index: 0, .. })));
    }

    #[test]
    fn server_names_lose_the_roots_dot_and_addresses_are_addresses() {
        assert!(
            matches!(server_name("example.com."), Ok(ServerName::DnsName(name)) if name.as_ref() == "example.com")
        );
        assert!(matches!(server_name("::1"), Ok(ServerName::IpAddress(_))));
        assert_eq!(server_name("exa mple"), Err(TlsError::InvalidServerName));
    }
}
