//! Certificates that the embedder decides about: our own, and those of servers that cannot be trusted by themselves.

use std::fmt;
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use thiserror::Error;

use crate::error::TlsError;

/// A certificate of ours with its chain and private key.
#[derive(Clone)]
pub struct ClientIdentity(Arc<CertifiedKey>);

/// Why a certificate and a key are no identity.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("no usable client certificate: {reason}")]
#[non_exhaustive]
pub struct IdentityError {
    /// What is wrong.
    pub reason: String,
}

impl ClientIdentity {
    /// Reads the certificate, with its chain behind it, and its private key from PEM. Both may be in one file.
    pub fn from_pem(certificates: &[u8], key: &[u8]) -> Result<Self, IdentityError> {
        let fault = |reason: String| IdentityError { reason };
        let chain = CertificateDer::pem_slice_iter(certificates)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| fault(error.to_string()))?;
        if chain.is_empty() {
            return Err(fault("there is no certificate".to_owned()));
        }
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| fault(error.to_string()))?;
        let provider: CryptoProvider = rustls::crypto::aws_lc_rs::default_provider();
        let identity =
            CertifiedKey::from_der(chain, key, &provider).map_err(|error| fault(error.to_string()))?;
        Ok(ClientIdentity(Arc::new(identity)))
    }

    pub(crate) fn certified_key(&self) -> Arc<CertifiedKey> {
        self.0.clone()
    }
}

impl fmt::Debug for ClientIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientIdentity").field("certificates", &self.0.cert.len()).finish_non_exhaustive()
    }
}

/// A server's wish to see a certificate of ours.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct CertificateRequest<'a> {
    /// The server's host.
    pub host: &'a str,
    /// Its port.
    pub port: u16,
    /// The names, in DER, of the authorities that it believes; none means any.
    pub authorities: &'a [&'a [u8]],
}

/// Chooses our certificate. It is asked only for connections whose requests carry credentials, and during the handshake, so it must
/// not wait for anybody: one that has to ask a person answers with none, asks, and has the request sent again with another
/// [`PoolKey::tls_configuration`](crate::PoolKey::tls_configuration).
pub trait ClientCertificates: Send + Sync {
    /// The certificate to show, if any.
    fn choose(&self, request: &CertificateRequest<'_>) -> Option<ClientIdentity>;
}

/// A server's certificate that was found wanting.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct RejectedCertificate<'a> {
    /// The host that was to be reached.
    pub host: &'a str,
    /// The certificates that the server showed, in DER, its own first.
    pub chain: &'a [&'a [u8]],
    /// What is wrong with them.
    pub fault: &'a TlsError,
}

/// Has the last word about certificates that were found wanting: a user's exception, or a certificate pinned by hand. It is asked
/// during the handshake and must not wait for anybody. A session that it let through may be resumed inside its partition without
/// asking again.
pub trait CertificateOverride: Send + Sync {
    /// Whether to connect all the same.
    fn accepts(&self, certificate: &RejectedCertificate<'_>) -> bool;
}
