//! Who judges a server's certificate.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, RootCertStore, SignatureScheme};

use crate::certificates::{CertificateOverride, RejectedCertificate};
use crate::config::{NetworkConfig, Roots};
use crate::error::ConfigError;

/// The verifier that the settings ask for.
pub(super) fn verifier(
    config: &NetworkConfig,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, ConfigError> {
    let verifier = match config.roots {
        Roots::WebPki | Roots::ExtraOnly => webpki(config, provider)?,
        #[cfg(feature = "platform-verifier")]
        Roots::Platform => platform(config, provider)?,
    };
    Ok(match &config.certificate_override {
        Some(decides) => Arc::new(Overridable { verifier, decides: decides.clone() }),
        None => verifier,
    })
}

fn webpki(
    config: &NetworkConfig,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, ConfigError> {
    let mut roots = RootCertStore::empty();
    if config.roots == Roots::WebPki {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    for (index, pem) in config.extra_roots_pem.iter().enumerate() {
        let bad = |reason: String| ConfigError::BadRoots { index, reason };
        for certificate in certificates(pem).map_err(bad)? {
            roots.add(certificate).map_err(|error| bad(error.to_string()))?;
        }
    }
    if roots.is_empty() {
        return Err(ConfigError::NoRoots);
    }
    let roots = Arc::new(roots);
    let builder = || WebPkiServerVerifier::builder_with_provider(roots.clone(), provider.clone());
    let mut lists = Vec::new();
    for (index, file) in config.revocation_lists.iter().enumerate() {
        let bad = |reason: String| ConfigError::BadRevocationList { index, reason };
        let found = revocation_lists(file).map_err(bad)?;
        // A torn one is named here, where it is known which file it came from.
        builder().with_crls(found.clone()).build().map_err(|error| bad(error.to_string()))?;
        lists.extend(found);
    }
    let builder = match lists.is_empty() {
        true => builder(),
        // A list speaks about the certificates of one issuer, and says nothing about all others'.
        false => builder().with_crls(lists).allow_unknown_revocation_status(),
    };
    match builder.build() {
        Ok(verifier) => Ok(verifier),
        Err(error) => Err(ConfigError::Tls(error.to_string())),
    }
}

#[cfg(feature = "platform-verifier")]
fn platform(
    config: &NetworkConfig,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, ConfigError> {
    if !config.revocation_lists.is_empty() {
        return Err(ConfigError::RevocationListsUnused);
    }
    let mut extra = Vec::new();
    for (index, pem) in config.extra_roots_pem.iter().enumerate() {
        extra.extend(certificates(pem).map_err(|reason| ConfigError::BadRoots { index, reason })?);
    }
    let verifier = rustls_platform_verifier::Verifier::new_with_extra_roots(extra, provider.clone())
        .map_err(|error| ConfigError::Tls(error.to_string()))?;
    Ok(Arc::new(verifier))
}

/// The certificates of a file in PEM, at least one.
pub(crate) fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match found {
        Ok(found) if found.is_empty() => Err("it holds no certificate".to_owned()),
        found => found.map_err(|error| error.to_string()),
    }
}

/// The lists of a file in PEM, or the one list that it is in DER.
fn revocation_lists(file: &[u8]) -> Result<Vec<CertificateRevocationListDer<'static>>, String> {
    let found: Result<Vec<_>, _> = CertificateRevocationListDer::pem_slice_iter(file).collect();
    let found = match found {
        // Every list begins with the tag of a sequence.
        Ok(found) if found.is_empty() && file.first() == Some(&0x30) => vec![file.to_vec().into()],
        Ok(found) if found.is_empty() => return Err("it holds no revocation list".to_owned()),
        found => found.map_err(|error| error.to_string())?,
    };
    Ok(found)
}

/// A verifier whose refusals somebody may overrule.
#[derive(Clone)]
struct Overridable {
    verifier: Arc<dyn ServerCertVerifier>,
    decides: Arc<dyn CertificateOverride>,
}

impl std::fmt::Debug for Overridable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Overridable").field("verifier", &self.verifier).finish_non_exhaustive()
    }
}

impl ServerCertVerifier for Overridable {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        stapled: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let error = match self.verifier.verify_server_cert(certificate, intermediates, name, stapled, now) {
            Ok(verified) => return Ok(verified),
            Err(error) => error,
        };
        let chain: Vec<&[u8]> = std::iter::once(certificate)
            .chain(intermediates)
            .map(|certificate| certificate.as_ref())
            .collect();
        let fault = super::classify(&error);
        let rejected = RejectedCertificate { host: &name.to_str(), chain: &chain, fault: &fault };
        if self.decides.accepts(&rejected) { Ok(ServerCertVerified::assertion()) } else { Err(error) }
    }

    // The proof that the server has the certificate's key is nobody's to overrule.
    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}
