//! `--crl` and `--proxy`: what they refuse, and whom they ask.

mod support;

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, IsCa, Issuer, KeyIdMethod, KeyPair,
    RevokedCertParams, SerialNumber, date_time_ymd,
};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use support::command::{output, parts};
use support::folder::{folder, text};

/// An authority, a server's settings with its certificate of number 7, and the authority's list of revoked numbers.
fn revocable(revoked: u64) -> (String, Arc<ServerConfig>, String) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let pem = params.self_signed(&key).unwrap().pem();
    let authority = Issuer::new(params, key);
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    params.serial_number = Some(SerialNumber::from(7));
    let certificate = params.signed_by(&key, &authority).unwrap();
    let list = CertificateRevocationListParams {
        this_update: date_time_ymd(2021, 1, 1),
        next_update: date_time_ymd(3000, 1, 1),
        crl_number: SerialNumber::from(1),
        issuing_distribution_point: None,
        revoked_certs: vec![RevokedCertParams {
            serial_number: SerialNumber::from(revoked),
            revocation_time: date_time_ymd(2021, 1, 1),
            reason_code: None,
            invalidity_date: None,
        }],
        key_identifier_method: KeyIdMethod::Sha256,
    };
    let list = list.signed_by(&authority).unwrap().pem().unwrap();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    (pem, Arc::new(config), list)
}

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";

#[test]
fn a_revoked_certificate_is_refused() {
    let data = tempfile::tempdir().expect("a temporary folder");
    for (revoked, code) in [(7, 1), (8, 0)] {
        let (authority, config, list) = revocable(revoked);
        let files = folder(&[("authority.pem", &authority), ("list.pem", &list)]);
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let url = format!("https://localhost:{}/", listener.local_addr().unwrap().port());
        let serving = std::thread::spawn(move || {
            let stream = listener.accept().unwrap().0;
            let mut stream = StreamOwned::new(ServerConnection::new(config).unwrap(), stream);
            // A client that refuses the certificate never asks.
            if stream.read(&mut [0; 4096]).is_ok_and(|bytes| bytes > 0) {
                stream.write_all(ANSWER).unwrap();
                stream.conn.send_close_notify();
                let _ = stream.flush();
            }
        });
        let (authority, list) = (files.path().join("authority.pem"), files.path().join("list.pem"));
        let arguments = ["fetch", &url, "--cacert", text(&authority), "--crl", text(&list)];
        let (exit, stdout, stderr) = parts(&output(data.path(), &arguments));
        assert_eq!(exit, Some(code), "{stderr}");
        assert_eq!(stdout, if code == 0 { "ok" } else { "" });
        assert!(code == 0 || stderr.contains("revoked"), "{stderr}");
        serving.join().unwrap();
    }
}

#[test]
fn what_is_no_list_or_no_proxy_is_named() {
    let data = tempfile::tempdir().expect("a temporary folder");
    let files = folder(&[("a.txt", "no list")]);
    let file = files.path().join("a.txt");
    let fetch =
        |more: &[&str]| parts(&output(data.path(), &[&["fetch", "https://localhost/"], more].concat()));
    let (code, _, stderr) = fetch(&["--crl", text(&file)]);
    assert_eq!(code, Some(2));
    let line =
        format!("longhaul: {}: no list of revoked certificates: it holds no revocation list\n", text(&file));
    assert_eq!(stderr, line);
    let (code, _, stderr) = fetch(&["--proxy", "gopher://user:secret@host"]);
    assert_eq!((code, stderr.contains("secret")), (Some(2), false), "{stderr}");
}

#[test]
fn a_proxy_is_asked_instead_of_the_server() {
    let data = tempfile::tempdir().expect("a temporary folder");
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let proxy = format!("http://user:password@127.0.0.1:{}", listener.local_addr().unwrap().port());
    let serving = std::thread::spawn(move || {
        let mut stream = listener.accept().unwrap().0;
        let mut head = vec![0; 4096];
        let length = stream.read(&mut head).unwrap();
        stream.write_all(ANSWER).unwrap();
        String::from_utf8(head[..length].to_vec()).unwrap()
    });
    let (code, stdout, stderr) =
        parts(&output(data.path(), &["fetch", "http://nowhere.invalid/x", "--proxy", &proxy]));
    assert_eq!((code, stdout.as_str()), (Some(0), "ok"), "{stderr}");
    let head = serving.join().unwrap();
    assert!(head.starts_with("GET http://nowhere.invalid/x HTTP/1.1\r\n"), "{head}");
    assert!(head.contains("Proxy-Authorization: Basic dXNlcjpwYXNzd29yZA==\r\n"), "{head}");
}
