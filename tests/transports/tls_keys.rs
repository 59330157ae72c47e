//! Certificates whose keys ring does not support. ring reports only a bad signature; the error has to
//! say what is wrong with the key.
//!
//! No server here has the private key of its certificate: ring checks the kind and the size of a key
//! before the signature. The files in `certificates` are from OpenSSL (`openssl req -x509 -days 36500
//! -newkey ed448`, for example), because rcgen with ring supports neither P-521 nor Ed448.

use std::sync::Arc;

use engineio_client::transports::Tls;
use engineio_client::transports::rustls::pki_types::CertificateDer;
use engineio_client::transports::rustls::pki_types::pem::PemObject as _;
use engineio_client::transports::rustls::server::{ClientHello, ResolvesServerCert};
use engineio_client::transports::rustls::sign::{CertifiedKey, Signer, SigningKey};
use engineio_client::transports::rustls::version::{TLS12, TLS13};
use engineio_client::transports::rustls::{
    self, CertificateError, ServerConfig, SignatureAlgorithm, SignatureScheme,
    SupportedProtocolVersion,
};
use engineio_client::{ErrorKind, MockRuntime};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, PublicKeyData};

use super::tls::{URL, greeted, refused, refused_for, serve_chat};
use crate::certificates::{AUTHORITY, provider};
use crate::raw::{Server, spawn};

const SUPPORTED: &str =
    "supported keys: RSA of 2048 to 8192 bits, ECDSA on P-256 and P-384, and Ed25519";

/// An RSA public key. Its modulus is an arbitrary number, so there is no private key for it.
struct Rsa(Vec<u8>);

impl Rsa {
    fn of(bits: usize) -> Self {
        let mut modulus = vec![0xff; bits.div_ceil(8)];
        modulus[0] >>= modulus.len() * 8 - bits;
        // A leading zero keeps the number positive.
        let sign: &[u8] = if modulus[0] >= 0x80 { &[0] } else { &[] };
        let modulus = element(0x02, &[sign, &modulus].concat());
        let exponent = element(0x02, &[1, 0, 1]);
        Self(element(0x30, &[modulus, exponent].concat()))
    }
}

fn element(tag: u8, inside: &[u8]) -> Vec<u8> {
    let length = u16::try_from(inside.len()).unwrap().to_be_bytes();
    match inside.len() {
        0..0x80 => [&[tag, length[1]], inside].concat(),
        0x80..0x100 => [&[tag, 0x81, length[1]], inside].concat(),
        _ => [&[tag, 0x82], &length[..], inside].concat(),
    }
}

impl PublicKeyData for Rsa {
    fn der_bytes(&self) -> &[u8] {
        &self.0
    }

    fn algorithm(&self) -> &'static rcgen::SignatureAlgorithm {
        &rcgen::PKCS_RSA_SHA256
    }
}

/// A CA with such a key issues certificates whose signatures are invalid.
impl rcgen::SigningKey for Rsa {
    fn sign(&self, _: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        Ok(vec![7; self.0.len()])
    }
}

fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(["chat.test".to_owned()]).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

/// A certificate of the test's CA for a key of this number of bits.
fn leaf(bits: usize) -> CertificateDer<'static> {
    let leaf = params("a server").signed_by(&Rsa::of(bits), AUTHORITY.issuer());
    leaf.unwrap().der().clone()
}

fn pem(text: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(text.as_bytes()).unwrap()
}

/// Presents this chain of certificates. Its signatures name this scheme, and are invalid.
#[derive(Clone, Debug)]
struct Shows(Vec<CertificateDer<'static>>, SignatureScheme);

impl ResolvesServerCert for Shows {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let key = CertifiedKey::new(self.0.clone(), Arc::new(self.clone()));
        Some(Arc::new(key))
    }
}

impl SigningKey for Shows {
    fn choose_scheme(&self, _: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        Some(Box::new(self.clone()))
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        match self.1 {
            SignatureScheme::RSA_PSS_SHA256 => SignatureAlgorithm::RSA,
            _ => SignatureAlgorithm::ECDSA,
        }
    }
}

impl Signer for Shows {
    fn sign(&self, _: &[u8]) -> Result<Vec<u8>, rustls::Error> {
        Ok(vec![7; 128])
    }

    fn scheme(&self) -> SignatureScheme {
        self.1
    }
}

fn server(
    version: &'static SupportedProtocolVersion,
    chain: Vec<CertificateDer<'static>>,
    scheme: SignatureScheme,
) -> Arc<ServerConfig> {
    let config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[version])
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(Shows(chain, scheme)));
    Arc::new(config)
}

#[test]
fn r11_a_servers_rsa_key_that_is_too_small_or_too_large_is_reported_with_its_size() {
    for version in [&TLS12, &TLS13] {
        for tls in [Tls::danger_accept_any_certificate(), AUTHORITY.trusted()] {
            for (bits, what) in [
                (1023, "has an RSA key of 1023 bits, which is too small for"),
                (1024, "has an RSA key of 1024 bits, which is too small for"),
                (2040, "has an RSA key of 2040 bits, which is too small for"),
                (8193, "has an RSA key of 8193 bits, which is too large for"),
            ] {
                let scheme = SignatureScheme::RSA_PSS_SHA256;
                refused_for(
                    &server(version, vec![leaf(bits)], scheme),
                    &tls,
                    &format!("the certificate of chat.test {what} the TLS library ({SUPPORTED})"),
                    // The error of rustls is the cause.
                    |cause| *cause == CertificateError::BadSignature.into(),
                );
            }
        }
    }
}

#[test]
fn r11_a_supported_key_is_not_blamed_for_a_wrong_signature() {
    for bits in [2048, 8192] {
        let scheme = SignatureScheme::RSA_PSS_SHA256;
        refused(
            server(&TLS13, vec![leaf(bits)], scheme),
            &AUTHORITY.trusted(),
            "the certificate of chat.test has a wrong signature",
        );
    }
}

/// A server's certificate, and the certificate of the CA that has signed it. The key of the CA has this
/// number of bits.
fn signed_by(bits: usize, ca: CertificateParams) -> [rcgen::Certificate; 2] {
    let signed = ca.signed_by(&Rsa::of(bits), AUTHORITY.issuer()).unwrap();
    let issuer = Issuer::new(ca, Rsa::of(bits));
    let leaf = params("a server").signed_by(&Rsa::of(2048), &issuer);
    [leaf.unwrap(), signed]
}

#[test]
fn r11_a_cas_rsa_key_that_is_too_small_is_reported_with_its_size() {
    let words = format!(
        "the certificate of chat.test was signed by a CA with an RSA key of 1024 bits, \
         which is too small for the TLS library ({SUPPORTED})"
    );
    let mut ca = params("between");
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let [leaf, between] = signed_by(1024, ca);
    let (leaf_der, between_der) = (leaf.der().clone(), between.der().clone());
    let scheme = SignatureScheme::RSA_PSS_SHA256;
    // The CA is an intermediate CA in the server's chain, or it is trusted itself.
    let shown = server(&TLS13, vec![leaf_der.clone(), between_der], scheme);
    refused(shown, &AUTHORITY.trusted(), &words);
    let trusted = Tls::default().ca_pem(between.pem()).unwrap();
    refused(server(&TLS13, vec![leaf_der], scheme), &trusted, &words);
    // The key of this CA is large enough, but its signature is invalid.
    let mut ca = params("large enough");
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let [leaf, between] = signed_by(2048, ca);
    // The small key of another certificate in the chain is not blamed: that certificate has signed
    // nothing.
    let other = params("beside").signed_by(&Rsa::of(1024), AUTHORITY.issuer());
    let other = other.unwrap().der().clone();
    let shown = vec![leaf.der().clone(), between.der().clone(), other];
    refused(
        server(&TLS13, shown, scheme),
        &AUTHORITY.trusted(),
        "the certificate of chat.test has a wrong signature",
    );
}

#[test]
fn r11_a_key_of_a_kind_that_is_not_supported_is_named() {
    let scheme = SignatureScheme::ECDSA_NISTP256_SHA256;
    let p521 = include_str!("certificates/p521.pem");
    let ed448 = include_str!("certificates/ed448.pem");
    for (text, key) in [(p521, "an ECDSA key on P-521"), (ed448, "an Ed448 key")] {
        refused(
            server(&TLS12, vec![pem(text)], scheme),
            &Tls::default().ca_pem(text).unwrap(),
            &format!(
                "the certificate of chat.test has {key}, which the TLS library does not support \
                 ({SUPPORTED})"
            ),
        );
    }
    let by_p521 = pem(include_str!("certificates/by_p521.pem"));
    refused(
        server(&TLS13, vec![by_p521], scheme),
        &Tls::default().ca_pem(p521).unwrap(),
        &format!(
            "the certificate of chat.test was signed by a CA with an ECDSA key on P-521, \
             which the TLS library does not support ({SUPPORTED})"
        ),
    );
}

#[test]
fn r11_a_refused_tls_handshake_is_an_error_that_lists_the_supported_keys() {
    // The alert that an OpenSSL server with a key on P-521 sends in TLS 1.2 and 1.3.
    const HANDSHAKE_FAILURE: [u8; 7] = [0x15, 3, 3, 0, 2, 2, 40];
    let runtime = MockRuntime::new();
    runtime.block_on(async {
        let mut server = Server::on(&runtime, 443);
        let script = spawn(&runtime, async move {
            let mut peer = server.accept().await;
            peer.read_some(10_000).await;
            peer.write(HANDSHAKE_FAILURE).await;
            peer.read_to_end().await;
        });
        let tls = Tls::danger_accept_any_certificate();
        let error = greeted(&runtime, "websocket", &tls, URL).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Tls);
        let words = [
            "chat.test refused the TLS handshake",
            "key this client does not support",
            SUPPORTED,
        ];
        let text = error.to_string();
        assert!(words.iter().all(|words| text.contains(words)), "{text}");
        script.await;
    });
}

/// To explain a bad signature, the client searches the chain for the CA that has signed the first
/// certificate. The certificate of that CA may be cut anywhere.
#[test]
fn r11_a_chain_that_is_cut_anywhere_is_an_error() {
    let mut ca = params("between");
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let [leaf, between] = signed_by(1024, ca);
    let trusted = Tls::default().ca_pem(between.pem()).unwrap();
    let whole = between.der();
    for length in 0..whole.len() {
        let cut = CertificateDer::from(whole[..length].to_vec());
        let chain = vec![leaf.der().clone(), cut];
        let config = server(&TLS13, chain, SignatureScheme::RSA_PSS_SHA256);
        let runtime = MockRuntime::new();
        runtime.block_on(async {
            let _serving = serve_chat(&runtime, config);
            let error = greeted(&runtime, "websocket", &trusted, URL).await;
            assert_eq!(error.unwrap_err().kind(), ErrorKind::Tls);
        });
    }
}
