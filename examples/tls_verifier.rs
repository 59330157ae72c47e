//! Certificates that are verified in a way of your own, through `Tls::from_config`. One client trusts
//! a CA but ignores the name in the certificate, for example because its devices have changing
//! addresses. Another client accepts a single pinned certificate, no matter which CA has signed it.
//! The server runs in the same process.
//!
//!     cargo run --example tls_verifier
//!
//! If only the name in the certificate differs, `Tls::server_name` is enough: see the end of `main`.

use std::error::Error;
use std::sync::Arc;

use engineio_client::ErrorKind;
use engineio_client::tokio::Client;
use engineio_client::transports::Tls;
use engineio_client::transports::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use engineio_client::transports::rustls::client::verify_server_cert_signed_by_trust_anchor;
use engineio_client::transports::rustls::crypto::{
    WebPkiSupportedAlgorithms, ring, verify_tls12_signature, verify_tls13_signature,
};
use engineio_client::transports::rustls::pki_types::pem::PemObject as _;
use engineio_client::transports::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use engineio_client::transports::rustls::server::ParsedCertificate;
use engineio_client::transports::rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error as TlsError, RootCertStore,
    SignatureScheme,
};

#[path = "support/server.rs"]
mod server;
#[path = "support/tls_server.rs"]
mod tls_server;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let server = tls_server::start().await?;
    let other_server = tls_server::start().await?;
    // The certificate is for `localhost`, not for this address.
    let url = format!("https://127.0.0.1:{}", server.port);

    let tls = verified_by(any_name_from(&server.ca)?)?;
    echo(&url, tls, "a certificate from our CA, for another name").await?;
    let tls = verified_by(any_name_from(&other_server.ca)?)?;
    expect_refusal(&url, tls, "a certificate from another CA").await?;

    let tls = verified_by(Policy::Pinned(server.certificate))?;
    echo(&url, tls, "the pinned certificate").await?;
    let tls = verified_by(Policy::Pinned(other_server.certificate))?;
    expect_refusal(&url, tls, "a certificate other than the pinned one").await?;

    // Verifies the certificate by the usual rules, but for another name than the one in the URL.
    let tls = Tls::default()
        .ca_pem(&server.ca)?
        .server_name("localhost")?;
    echo(&url, tls, "a certificate for `localhost`, by `server_name`").await
}

/// Connects, and sends a message there and back.
async fn echo(url: &str, tls: Tls, what: &str) -> Result<(), Box<dyn Error>> {
    let mut client = Client::builder(url).tls(tls).connect().await?;
    client.send("hello").await?;
    match client.recv().await {
        Some(message) if message.as_text() == Some("hello") => println!("Accepted: {what}."),
        other => return Err(format!("{what}: {other:?} came back").into()),
    }
    client.disconnect().await;
    Ok(())
}

/// Fails unless the client refuses the server's certificate.
async fn expect_refusal(url: &str, tls: Tls, what: &str) -> Result<(), Box<dyn Error>> {
    let builder = Client::builder(url).tls(tls).transports(["websocket"]);
    match builder.connect().await {
        Err(error) if error.kind() == ErrorKind::Tls => {
            println!("Refused: {what}. The error is: {}.", error.report());
            Ok(())
        }
        other => Err(format!("{what}: expected a TLS error, not {other:?}").into()),
    }
}

/// Which certificates are accepted.
#[derive(Debug)]
enum Policy {
    /// Every certificate that one of these CAs has signed and that is valid today, with any name.
    AnyNameFrom(RootCertStore),
    /// Only this certificate, with its key. The CA, the name and the dates do not matter.
    Pinned(CertificateDer<'static>),
}

fn any_name_from(ca_pem: &str) -> Result<Policy, Box<dyn Error>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(ca_pem.as_bytes())?)?;
    Ok(Policy::AnyNameFrom(roots))
}

fn verified_by(policy: Policy) -> Result<Tls, TlsError> {
    let provider = Arc::new(ring::default_provider());
    let verifier = Verifier {
        policy,
        algorithms: provider.signature_verification_algorithms,
    };
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    Ok(Tls::from_config(Arc::new(config)))
}

#[derive(Debug)]
struct Verifier {
    policy: Policy,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        match &self.policy {
            Policy::AnyNameFrom(roots) => verify_server_cert_signed_by_trust_anchor(
                &ParsedCertificate::try_from(end_entity)?,
                roots,
                intermediates,
                now,
                self.algorithms.all,
            )?,
            Policy::Pinned(certificate) if certificate == end_entity => {}
            Policy::Pinned(_) => {
                let problem = CertificateError::ApplicationVerificationFailure;
                return Err(problem.into());
            }
        }
        Ok(ServerCertVerified::assertion())
    }

    // The next two methods check that the server holds the private key of its certificate.
    // Certificates are public, so without this check anybody could present a copy.
    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
