//! The server of the TLS examples. It echoes every message, and has a certificate for `localhost` from
//! a CA that it makes at each start.

#![allow(dead_code, reason = "each example uses a part of this file")]

use std::error::Error;
use std::sync::Arc;

use engineio_client::transports::rustls::ServerConfig;
use engineio_client::transports::rustls::crypto::ring;
use engineio_client::transports::rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use engineioxide::service::EngineIoService;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::server::Echo;

/// A server that runs until the runtime ends.
pub(crate) struct TlsServer {
    pub(crate) port: u16,
    /// The CA's certificate in PEM, as a CA file contains it.
    pub(crate) ca: String,
    /// The server's own certificate.
    pub(crate) certificate: CertificateDer<'static>,
}

pub(crate) async fn start() -> Result<TlsServer, Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    let mut params = CertificateParams::default();
    // A certificate names its CA. If two CAs had the same name, a certificate of the wrong one would be
    // reported as badly signed instead of as coming from an unknown CA.
    let name = format!("the CA of the server on port {port}");
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
    let key = KeyPair::generate()?;
    let certificate = CertificateParams::new(["localhost".to_owned()])?.signed_by(&key, &ca)?;

    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
        )?;
    tokio::spawn(serve(listener, TlsAcceptor::from(Arc::new(config))));
    Ok(TlsServer {
        port,
        ca: ca.pem(),
        certificate: certificate.der().clone(),
    })
}

async fn serve(listener: TcpListener, acceptor: TlsAcceptor) {
    let service = EngineIoService::new(Arc::new(Echo));
    while let Ok((stream, _)) = listener.accept().await {
        let (acceptor, service) = (acceptor.clone(), service.clone());
        tokio::spawn(async move {
            // The handshake fails when a client does not trust the certificate.
            let Ok(stream) = acceptor.accept(stream).await else {
                return;
            };
            let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            let _ = connection.with_upgrades().await;
        });
    }
}
