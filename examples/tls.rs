//! Encrypted conversation with a private CA: starts an Engine.IO server with TLS in this process,
//! talks to it, and shows what somebody is told who does not trust that CA.
//!
//!     cargo run --example tls

use std::error::Error;
use std::sync::Arc;

use engineio_client::ErrorKind;
use engineio_client::tokio::Client;
use engineio_client::transports::Tls;
use engineio_client::transports::rustls::ServerConfig;
use engineio_client::transports::rustls::crypto::ring;
use engineio_client::transports::rustls::pki_types::PrivatePkcs8KeyDer;
use engineioxide::handler::EngineIoHandler;
use engineioxide::service::EngineIoService;
use engineioxide::{DisconnectReason, Socket, Str};
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    // A CA, and a certificate from it. Where you have a CA, its certificate is in a file.
    let mut params = CertificateParams::default();
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
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("https://localhost:{}", listener.local_addr()?.port());
    tokio::spawn(serve(listener, TlsAcceptor::from(Arc::new(config))));
    println!("An Engine.IO server listens on {url}.");

    let tls = Tls::default().ca_pem(ca.pem())?;
    let mut client = Client::builder(&url).tls(tls).connect().await?;
    client.send("hello by TLS").await?;
    match client.recv().await {
        Some(message) => println!("The server echoed {:?}.", message.as_text()),
        None => return Err("the server has gone".into()),
    }
    println!("The session is over: {}.", client.disconnect().await);

    // Without the CA there is no conversation, and the error says why.
    let refused = Client::builder(&url).transports(["websocket"]).connect();
    match refused.await {
        Err(error) if error.kind() == ErrorKind::Tls => {
            println!("Without the CA: {}.", error.report());
            Ok(())
        }
        other => Err(format!("this should have been refused: {other:?}").into()),
    }
}

/// The server: sends back what it is sent.
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
