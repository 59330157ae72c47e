//! The server of the examples with TLS: engineioxide in this process, which sends back what it is sent,
//! with a certificate for `localhost` from a CA of its own.

use std::error::Error;
use std::sync::Arc;

use engineio_client::transports::rustls::ServerConfig;
use engineio_client::transports::rustls::crypto::ring;
use engineio_client::transports::rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use engineioxide::handler::EngineIoHandler;
use engineioxide::service::EngineIoService;
use engineioxide::{DisconnectReason, Socket, Str};
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// A running server, until the runtime ends.
pub(crate) struct TlsServer {
    pub(crate) port: u16,
    /// The CA, in PEM. Where you have one, it is in a file.
    pub(crate) ca: String,
    /// The server's certificate.
    pub(crate) certificate: CertificateDer<'static>,
}

pub(crate) async fn start() -> Result<TlsServer, Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    let mut params = CertificateParams::default();
    // Two CAs of one name would be taken for one that has signed wrongly.
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

#[derive(Debug)]
struct Echo;

impl EngineIoHandler for Echo {
    type Data = ();

    fn on_connect(self: Arc<Self>, _: Arc<Socket<()>>) {}

    fn on_disconnect(&self, _: Arc<Socket<()>>, _: DisconnectReason) {}

    fn on_message(self: &Arc<Self>, text: Str, socket: Arc<Socket<()>>) {
        let _ = socket.emit(text);
    }

    fn on_binary(self: &Arc<Self>, data: bytes::Bytes, socket: Arc<Socket<()>>) {
        let _ = socket.emit_binary(data);
    }
}

async fn serve(listener: TcpListener, acceptor: TlsAcceptor) {
    let service = EngineIoService::new(Arc::new(Echo));
    while let Ok((stream, _)) = listener.accept().await {
        let (acceptor, service) = (acceptor.clone(), service.clone());
        tokio::spawn(async move {
            // Somebody who does not trust the certificate goes.
            let Ok(stream) = acceptor.accept(stream).await else {
                return;
            };
            let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            let _ = connection.with_upgrades().await;
        });
    }
}
