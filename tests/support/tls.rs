//! Valid and invalid certificates, and the server's side of TLS.

use std::net::TcpListener;
use std::sync::{Arc, LazyLock};
use std::thread::{self, JoinHandle};

use engineio_client::transports::Tls;
use engineio_client::transports::rustls::crypto::{CryptoProvider, ring};
use engineio_client::transports::rustls::pki_types::pem::PemObject as _;
use engineio_client::transports::rustls::pki_types::{
    CertificateDer, CertificateRevocationListDer, PrivateKeyDer,
};
use engineio_client::transports::rustls::server::WebPkiClientVerifier;
use engineio_client::transports::rustls::{
    ALL_VERSIONS, RootCertStore, ServerConfig, SupportedProtocolVersion,
};
use event_listener::Event as Bell;
use futures::future::{join, select};
use futures::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use futures_rustls::TlsAcceptor;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DnType,
    IsCa, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SerialNumber, date_time_ymd,
};
use smol::net::TcpStream;
use url::Url;

/// A certificate authority for a test.
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// The test CA: it issues the certificates of all servers in a test binary.
pub(crate) static AUTHORITY: LazyLock<Authority> =
    LazyLock::new(|| Authority::new("the test's CA"));

impl Authority {
    /// Creates a CA. Two CAs in one test need different names, because issuers are looked up by name.
    pub(crate) fn new(name: &str) -> Self {
        Self::with(name, &[], |_| {})
    }

    /// Creates a CA whose certificate is a server's certificate as well.
    pub(crate) fn with(
        name: &str,
        hosts: &[&str],
        edit: impl FnOnce(&mut CertificateParams),
    ) -> Self {
        let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
        let mut params = CertificateParams::new(hosts).expect("the host names are valid");
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![
            KeyUsagePurpose::KeyCertSign,
            KeyUsagePurpose::CrlSign,
            KeyUsagePurpose::DigitalSignature,
        ];
        edit(&mut params);
        let issuer = CertifiedIssuer::self_signed(params, new_key()).expect("a CA");
        Self { issuer }
    }

    pub(crate) fn issuer(&self) -> &CertifiedIssuer<'static, KeyPair> {
        &self.issuer
    }

    pub(crate) fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// TLS settings that trust this CA in addition to the system's.
    pub(crate) fn trusted(&self) -> Tls {
        Tls::default()
            .ca_pem(self.pem())
            .expect("the certificate is that of a CA")
    }

    /// A root store with only this CA.
    pub(crate) fn roots(&self) -> Arc<RootCertStore> {
        let mut roots = RootCertStore::empty();
        roots
            .add(self.issuer.der().clone())
            .expect("the certificate is that of a CA");
        Arc::new(roots)
    }

    /// The CA's own certificate and key, for use as a server's.
    pub(crate) fn identity(&self) -> Identity {
        Identity {
            certificate: self.pem(),
            key: self.issuer.key().serialize_pem(),
        }
    }

    /// Issues a certificate for these names and addresses.
    pub(crate) fn issue(&self, names: &[&str]) -> Identity {
        self.issue_with(names, |_| {})
    }

    pub(crate) fn issue_with(
        &self,
        names: &[&str],
        edit: impl FnOnce(&mut CertificateParams),
    ) -> Identity {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).expect("the host names are valid");
        params.use_authority_key_identifier_extension = true;
        edit(&mut params);
        let key = new_key();
        let certificate = params
            .signed_by(&key, &self.issuer)
            .expect("the CA can sign");
        Identity {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
        }
    }

    /// A revocation list with the certificate of this serial number.
    pub(crate) fn revoke(&self, number: u64) -> CertificateRevocationListDer<'static> {
        let list = CertificateRevocationListParams {
            this_update: date_time_ymd(2020, 1, 1),
            next_update: date_time_ymd(4000, 1, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: vec![RevokedCertParams {
                serial_number: SerialNumber::from(number),
                revocation_time: date_time_ymd(2020, 1, 1),
                reason_code: None,
                invalidity_date: None,
            }],
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let list = list.signed_by(&self.issuer).expect("the CA can sign");
        list.der().clone()
    }
}

fn new_key() -> KeyPair {
    KeyPair::generate().expect("there is randomness")
}

pub(crate) fn expired(params: &mut CertificateParams) {
    params.not_after = date_time_ymd(2001, 1, 1);
}

pub(crate) fn not_valid_yet(params: &mut CertificateParams) {
    params.not_before = date_time_ymd(4000, 1, 1);
}

/// A certificate and its key in PEM.
pub(crate) struct Identity {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

impl Identity {
    pub(crate) fn chain(&self) -> Vec<CertificateDer<'static>> {
        let chain: Result<_, _> =
            CertificateDer::pem_slice_iter(self.certificate.as_bytes()).collect();
        chain.expect("the text is PEM")
    }

    pub(crate) fn private_key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::from_pem_slice(self.key.as_bytes()).expect("the text is PEM")
    }

    /// A server configuration with this certificate.
    pub(crate) fn server(&self) -> Arc<ServerConfig> {
        self.server_with(ALL_VERSIONS, None)
    }

    /// A server configuration with these TLS versions that requires a client certificate of this CA, if
    /// one is given.
    pub(crate) fn server_with(
        &self,
        versions: &[&'static SupportedProtocolVersion],
        clients: Option<&Authority>,
    ) -> Arc<ServerConfig> {
        let builder = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(versions)
            .expect("the TLS versions are supported");
        let builder = match clients {
            None => builder.with_no_client_auth(),
            Some(clients) => builder.with_client_cert_verifier(
                WebPkiClientVerifier::builder_with_provider(clients.roots(), provider())
                    .build()
                    .expect("there is a CA"),
            ),
        };
        let config = builder.with_single_cert(self.chain(), self.private_key());
        Arc::new(config.expect("the certificate and the key belong together"))
    }
}

pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// A TLS proxy in front of a server without TLS, in a thread. Dropping the value ends the proxy.
pub(crate) struct Front {
    port: u16,
    stop: Arc<Bell>,
    thread: Option<JoinHandle<()>>,
}

impl Front {
    /// Starts a TLS proxy in front of the server at this URL.
    pub(crate) fn of(url: &str, config: Arc<ServerConfig>) -> Self {
        let url: Url = url.parse().expect("a URL");
        let target = ("127.0.0.1", url.port().expect("the URL has a port"));
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let port = listener.local_addr().expect("the socket is bound").port();
        let listener: smol::Async<TcpListener> = listener
            .try_into()
            .expect("the socket becomes non-blocking");
        let stop = Arc::new(Bell::new());
        let stopped = stop.listen();
        let thread = thread::spawn(move || {
            let executor = smol::Executor::new();
            let acceptor = TlsAcceptor::from(config);
            let accept = async {
                while let Ok((stream, _)) = listener.accept().await {
                    executor
                        .spawn(forward(acceptor.clone(), stream, target))
                        .detach();
                }
            };
            smol::block_on(executor.run(select(Box::pin(accept), stopped)));
        });
        Self {
            port,
            stop,
            thread: Some(thread),
        }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.stop.notify(usize::MAX);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Forwards a connection. Errors are ignored: the client may go away or refuse the certificate.
async fn forward(
    acceptor: TlsAcceptor,
    stream: smol::Async<std::net::TcpStream>,
    target: (&'static str, u16),
) {
    let _ = stream.get_ref().set_nodelay(true);
    let (Ok(client), Ok(server)) = join(acceptor.accept(stream), TcpStream::connect(target)).await
    else {
        return;
    };
    let _ = server.set_nodelay(true);
    let (from_client, to_client) = client.split();
    let (from_server, to_server) = server.split();
    join(
        hand_on(from_client, to_server),
        hand_on(from_server, to_client),
    )
    .await;
}

async fn hand_on(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        // Without a flush, data may stay in TLS's buffer.
        if to.write_all(&buffer[..count]).await.is_err() || to.flush().await.is_err() {
            break;
        }
    }
    let _ = to.close().await;
}
