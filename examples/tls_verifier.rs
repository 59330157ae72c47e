//! Servers that are verified in a way of your own, by `Tls::from_config`: trust in a CA without the
//! check of the name, for devices that are reached by changing addresses, and one certificate that is
//! pinned, whoever has signed it. Starts an Engine.IO server with TLS in this process.
//!
//!     cargo run --example tls_verifier
//!
//! Where only the name in the certificate is another one, `Tls::server_name` is all that is needed.

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

#[path = "support/tls_server.rs"]
mod tls_server;

/// Which servers are believed.
#[derive(Debug)]
enum Trust {
    /// Those with a certificate from one of these CAs, valid today, for whatever name.
    Authorities(RootCertStore),
    /// The one with this certificate, and its key, for ever: no CA, name or date counts.
    Pinned(CertificateDer<'static>),
}

#[derive(Debug)]
struct Verifier {
    trust: Trust,
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
        match &self.trust {
            Trust::Authorities(roots) => verify_server_cert_signed_by_trust_anchor(
                &ParsedCertificate::try_from(end_entity)?,
                roots,
                intermediates,
                now,
                self.algorithms.all,
            )?,
            Trust::Pinned(certificate) if certificate == end_entity => {}
            Trust::Pinned(_) => {
                let problem = CertificateError::ApplicationVerificationFailure;
                return Err(problem.into());
            }
        }
        Ok(ServerCertVerified::assertion())
    }

    // These two prove that the server has the private key of its certificate. Without them, whoever
    // has seen the certificate could show it.
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

fn trusting(trust: Trust) -> Result<Tls, TlsError> {
    let provider = Arc::new(ring::default_provider());
    let verifier = Verifier {
        trust,
        algorithms: provider.signature_verification_algorithms,
    };
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    Ok(Tls::from_config(Arc::new(config)))
}

/// Talks to a server, if it is believed.
async fn echo(url: &str, tls: Tls, text: &str) -> Result<(), Box<dyn Error>> {
    let mut client = Client::builder(url).tls(tls).connect().await?;
    client.send(text).await?;
    match client.recv().await {
        Some(message) if message.as_text() == Some(text) => println!("Echoed: {text}."),
        other => return Err(format!("{other:?} came back").into()),
    }
    client.disconnect().await;
    Ok(())
}

/// Fails unless the server is refused for its certificate.
async fn is_refused(url: &str, tls: Tls) -> Result<(), Box<dyn Error>> {
    let connecting = Client::builder(url).tls(tls).transports(["websocket"]);
    match connecting.connect().await {
        Err(error) if error.kind() == ErrorKind::Tls => {
            println!("Refused: {}.", error.report());
            Ok(())
        }
        other => Err(format!("this should have been refused: {other:?}").into()),
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let server = tls_server::start().await?;
    let other = tls_server::start().await?;
    // Its certificate is for `localhost`, and not for this address.
    let url = format!("https://127.0.0.1:{}", server.port);

    let authorities = |pem: &str| -> Result<Trust, Box<dyn Error>> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(pem.as_bytes())?)?;
        Ok(Trust::Authorities(roots))
    };
    let text = "a certificate from our CA, for another name";
    echo(&url, trusting(authorities(&server.ca)?)?, text).await?;
    is_refused(&url, trusting(authorities(&other.ca)?)?).await?;

    let pinned = Trust::Pinned(server.certificate);
    echo(&url, trusting(pinned)?, "the certificate that was pinned").await?;
    is_refused(&url, trusting(Trust::Pinned(other.certificate))?).await?;

    // The name alone is another one.
    let tls = Tls::default()
        .ca_pem(&server.ca)?
        .server_name("localhost")?;
    echo(&url, tls, "the name that the certificate has").await
}
