//! Certificates that somebody decides about: revoked ones, our own, exceptions.

use std::sync::{Arc, Mutex};

use longhaul_net::{
    CertificateOverride, CertificateRequest, ClientCertificates, ClientIdentity, ConfigError, Error, Network,
    NetworkConfig, PoolKey, RejectedCertificate, Roots, TlsError,
};
use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, KeyPair, SerialNumber, date_time_ymd};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};

use crate::support::*;

#[tokio::test]
async fn a_certificate_on_the_list_is_revoked_and_others_are_not() {
    let authority = Authority::new();
    let numbered = |number: u64| {
        move |params: &mut CertificateParams| params.serial_number = Some(SerialNumber::from(number))
    };
    let revoked = authority.server(&["localhost"], &["h2"], numbered(7));
    let sound = authority.server(&["localhost"], &["h2"], numbered(8));
    let (revoked, sound) = (
        Server::https(revoked, |_, _| async { full("never") }).await,
        Server::https(sound, |_, _| async { full("x") }).await,
    );
    // Somebody else's list says nothing about this authority's certificates.
    let strangers = Authority::new().revocation_list(&[8]);
    let list = authority.revocation_list(&[7]);
    for (name, list) in
        [("PEM", list.pem().expect("it can be written").into_bytes()), ("DER", list.der().to_vec())]
    {
        let network = authority.network(|config| {
            config.revocation_lists = vec![strangers.der().to_vec(), list];
        });
        let error = revoked.get_tls(&network).await.expect_err("it is on the list");
        assert!(matches!(error, Error::Tls(TlsError::Revoked)), "{name}: {error:?}");
        assert!(sound.get_tls(&network).await.is_ok(), "{name}");
    }
    assert!(revoked.get_tls(&authority.network(|_| {})).await.is_ok(), "without a list nobody knows");
}

#[test]
fn what_is_no_revocation_list_is_named_by_its_number() {
    let sound = Authority::new().revocation_list(&[1]).der().to_vec();
    let mut torn = sound.clone();
    torn.truncate(sound.len() - 10);
    for bad in [b"hello".to_vec(), Vec::new(), torn, Authority::new().pem.into_bytes()] {
        let config = NetworkConfig::new().with_revocation_list(sound.clone()).with_revocation_list(bad);
        let error = Network::new(config).expect_err("the second is none");
        assert!(matches!(error, ConfigError::BadRevocationList { index: 1, .. }), "{error}");
    }
}

/// Shows one certificate to everybody who asks, and remembers who asked.
struct Shows(Option<ClientIdentity>, Mutex<Vec<(String, u16, usize)>>);

impl ClientCertificates for Shows {
    fn choose(&self, request: &CertificateRequest<'_>) -> Option<ClientIdentity> {
        let asked = (request.host.to_owned(), request.port, request.authorities.len());
        self.1.lock().expect("not poisoned").push(asked);
        self.0.clone()
    }
}

/// A server that lets in only whom the authority knows.
fn asking(authority: &Authority) -> Arc<ServerConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(authority.der()).expect("a sound root");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider);
    authority.server_with_clients(&["localhost"], &["h2", "http/1.1"], verifier.build().expect("sound roots"))
}

fn identity(authority: &Authority) -> ClientIdentity {
    let key = KeyPair::generate().expect("keys can be made");
    let mut params = CertificateParams::new(Vec::new()).expect("no names are sound names");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let certificate = authority.sign(&params, &key);
    ClientIdentity::from_pem(certificate.pem().as_bytes(), key.serialize_pem().as_bytes())
        .expect("a sound pair")
}

#[tokio::test]
async fn our_certificate_is_shown_with_credentials_and_never_without() {
    let authority = Authority::new();
    let server = Server::https(asking(&authority), |number, _| async move { full(number.to_string()) }).await;
    let shows = Arc::new(Shows(Some(identity(&authority)), Mutex::default()));
    let network = authority.network(|config| config.client_certificates = Some(shows.clone()));
    let send = |credentials| {
        let key = PoolKey { credentials, ..server.tls_key() };
        network.send(server.request("GET", "/"), key)
    };
    let response = send(true).await.expect("we are known");
    assert_eq!(read(response.body).await.expect("a sound body"), b"1");
    let error = send(false).await.expect_err("nothing was shown");
    assert!(matches!(error, Error::Tls(TlsError::ClientCertificate(_))), "{error:?}");
    assert!(!error.request_may_have_been_sent());
    assert_eq!(*shows.1.lock().expect("not poisoned"), [("localhost".to_owned(), server.address.port(), 1)]);
}

#[tokio::test]
async fn a_certificate_that_the_server_does_not_know_is_told_apart() {
    let authority = Authority::new();
    let server = Server::https(asking(&authority), |_, _| async { full("never") }).await;
    for shown in [None, Some(identity(&Authority::new()))] {
        let shows = Arc::new(Shows(shown, Mutex::default()));
        let network = authority.network(|config| config.client_certificates = Some(shows));
        let key = PoolKey { credentials: true, ..server.tls_key() };
        let error = network.send(server.request("GET", "/"), key).await.expect_err("we are not known");
        assert!(matches!(error, Error::Tls(TlsError::ClientCertificate(_))), "{error:?}");
    }
    assert!(ClientIdentity::from_pem(b"", b"").is_err());
    assert!(ClientIdentity::from_pem(authority.pem.as_bytes(), b"hello").is_err());
}

/// Accepts one fault.
struct Accepts(TlsError);

impl CertificateOverride for Accepts {
    fn accepts(&self, certificate: &RejectedCertificate<'_>) -> bool {
        assert_eq!((certificate.host, certificate.chain.len()), ("localhost", 1));
        *certificate.fault == self.0
    }
}

#[tokio::test]
async fn an_exception_holds_for_what_it_was_made_for() {
    let authority = Authority::new();
    let expired =
        authority.server(&["localhost"], &["h2"], |params| params.not_after = date_time_ymd(2020, 1, 1));
    let misnamed = authority.server(&["other.test"], &["h2"], |_| {});
    let network = network_with(|config| {
        config.roots = Roots::ExtraOnly;
        config.extra_roots_pem.push(authority.pem.clone().into_bytes());
        config.certificate_override = Some(Arc::new(Accepts(TlsError::Expired)));
    });
    let server = Server::https(expired, |_, _| async { full("old") }).await;
    let response = server.get_tls(&network).await.expect("an exception was made");
    assert_eq!(read(response.body).await.expect("a sound body"), b"old");
    let server = Server::https(misnamed, |_, _| async { full("never") }).await;
    let error = server.get_tls(&network).await.expect_err("no exception was made");
    assert!(matches!(error, Error::Tls(TlsError::WrongHost)), "{error:?}");
}
