//! TLS by rustls: whom to trust, one configuration per partition, and faults by their names.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{CertificateError, ClientConfig, RootCertStore};

use crate::config::{NetworkConfig, Roots};
use crate::error::{ConfigError, TlsError};
use crate::pool_key::PoolKey;

/// Partitions whose sessions are remembered at once; the one unused for longest goes first.
const MOST_PARTITIONS: usize = 256;
/// Sessions remembered inside one partition.
const SESSIONS_PER_PARTITION: usize = 64;

/// What may share a TLS session: part of the pool's key, without the host.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct SessionPartition {
    network_partition_key: Arc<str>,
    credentials: bool,
    tls_configuration: u64,
}

#[derive(Debug, Default)]
struct Partitions {
    configs: HashMap<SessionPartition, (Arc<ClientConfig>, u64)>,
    uses: u64,
}

/// Makes the configurations. Every partition has its own, and with it its own session tickets.
pub(crate) struct Tls {
    provider: Arc<CryptoProvider>,
    verifier: Arc<WebPkiServerVerifier>,
    partitions: Mutex<Partitions>,
}

impl Tls {
    pub(crate) fn new(config: &NetworkConfig) -> Result<Self, ConfigError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut roots = RootCertStore::empty();
        if config.roots == Roots::WebPki {
            roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        }
        for (index, pem) in config.extra_roots_pem.iter().enumerate() {
            add_pem(&mut roots, pem).map_err(|reason| ConfigError::BadRoots { index, reason })?;
        }
        if roots.is_empty() {
            return Err(ConfigError::NoRoots);
        }
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone())
            .build()
            .map_err(|error| ConfigError::Tls(error.to_string()))?;
        let tls = Tls { provider, verifier, partitions: Mutex::default() };
        // A provider that cannot do the versions is found out here and not at the first request.
        tls.new_config().map_err(|error| ConfigError::Tls(error.to_string()))?;
        Ok(tls)
    }

    /// The configuration for connections of this key.
    pub(crate) fn config_for(&self, key: &PoolKey) -> Result<Arc<ClientConfig>, TlsError> {
        let partition = SessionPartition {
            network_partition_key: key.network_partition_key.clone(),
            credentials: key.credentials,
            tls_configuration: key.tls_configuration,
        };
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
        let config = Arc::new(self.new_config().map_err(|error| TlsError::Other(error.to_string()))?);
        partitions.configs.insert(partition, (config.clone(), uses));
        Ok(config)
    }

    fn new_config(&self) -> Result<ClientConfig, rustls::Error> {
        let mut config = ClientConfig::builder_with_provider(self.provider.clone())
            .with_safe_default_protocol_versions()?
            .with_webpki_verifier(self.verifier.clone())
            .with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        config.resumption = Resumption::in_memory_sessions(SESSIONS_PER_PARTITION);
        Ok(config)
    }
}

fn add_pem(roots: &mut RootCertStore, pem: &[u8]) -> Result<(), String> {
    let mut found = 0;
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|error| error.to_string())?;
        roots.add(certificate).map_err(|error| error.to_string())?;
        found += 1;
    }
    if found == 0 { Err("it holds no certificate".to_owned()) } else { Ok(()) }
}

/// The name to ask for and to compare with the certificate: a domain without the dot of the root, or an address.
pub(crate) fn server_name(host: &str) -> Result<ServerName<'static>, TlsError> {
    let host = host.strip_suffix('.').unwrap_or(host);
    ServerName::try_from(host).map(|name| name.to_owned()).map_err(|_| TlsError::InvalidServerName)
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
            other => TlsError::InvalidCertificate(other.to_string()),
        },
        rustls::Error::NoCertificatesPresented => TlsError::InvalidCertificate("none was shown".to_owned()),
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
