//! TLS over any stream, by rustls, for `https` and `wss` on all runtimes.

mod error;
mod public_key;
mod stream;
mod verify;

use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

use engineio_client::runtime::{Acknowledges as _, BoxedStream};
use engineio_client::{Error, ErrorKind};
use futures_rustls::TlsConnector;
use futures_rustls::rustls::client::ResolvesClientCert;
use futures_rustls::rustls::crypto::ring;
use futures_rustls::rustls::pki_types::pem::PemObject as _;
use futures_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use futures_rustls::rustls::sign::{CertifiedKey, SingleCertAndKey};
use futures_rustls::rustls::{self, ClientConfig, RootCertStore};
use url::{Host, Url};

use self::stream::{Raw, TlsStream};

/// TLS settings: how servers are verified, and how this client identifies itself.
///
/// By default, servers are verified as the operating system does it, with its CAs. The first TLS
/// connection loads the CAs, once for the process. TLS 1.2 and 1.3 are supported.
///
/// ```no_run
/// # #[cfg(all(feature = "tokio", feature = "polling"))]
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// use engineio_client::transports::Tls;
///
/// let ca = std::fs::read("our-ca.pem")?;
/// let client = engineio_client::tokio::Client::builder("https://intranet.example")
///     .tls(Tls::default().ca_pem(&ca)?)
///     .connect()
///     .await?;
/// # Ok(())
/// # }
/// ```
///
/// Clones share the loaded CAs, and the TLS sessions that servers let a client resume.
#[derive(Clone, Default)]
pub struct Tls {
    source: Source,
    /// Replaces the host of the URL.
    name: Option<ServerName<'static>>,
}

#[derive(Clone, Default)]
enum Source {
    /// The configuration without any settings, shared by the whole process.
    #[default]
    System,
    Settings(Arc<Settings>),
    /// A configuration provided by the user.
    Given(Arc<ClientConfig>),
}

#[derive(Clone, Default)]
struct Settings {
    authorities: Vec<CertificateDer<'static>>,
    identity: Option<Arc<CertifiedKey>>,
    accepts_any: bool,
    /// The configuration built from these settings, by the first connection.
    config: OnceLock<Arc<ClientConfig>>,
}

/// The configuration of [`Source::System`].
static SYSTEM: OnceLock<Arc<ClientConfig>> = OnceLock::new();

impl Tls {
    /// Trusts these CAs in addition to those of the operating system. `pem` holds one or more
    /// certificates in PEM. A server's self-signed certificate may be among them.
    ///
    /// # Errors
    ///
    /// [`Invalid`](ErrorKind::Invalid) if `pem` holds no certificate, if it holds one that can't be
    /// parsed, or if this value was made by [`from_config`](Tls::from_config) or
    /// [`danger_accept_any_certificate`](Tls::danger_accept_any_certificate), which do not use
    /// additional CAs.
    ///
    /// ```
    /// use engineio_client::ErrorKind;
    /// use engineio_client::transports::Tls;
    ///
    /// let error = Tls::default().ca_pem("no certificate").unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::Invalid);
    /// ```
    pub fn ca_pem(self, pem: impl AsRef<[u8]>) -> Result<Self, Error> {
        let added = certificates(pem.as_ref(), "the PEM of the CAs")?;
        for certificate in &added {
            // Refuses a certificate here that the verifier would refuse later, during a connection.
            RootCertStore::empty()
                .add(certificate.clone())
                .map_err(|error| {
                    let message = "a CA certificate in the PEM text can't be parsed";
                    Error::new(ErrorKind::Invalid, message).with_source(error)
                })?;
        }
        let name = self.name.clone();
        let mut settings = self.into_settings("CAs")?;
        if settings.accepts_any {
            return Err(Error::new(
                ErrorKind::Invalid,
                "additional CAs have no effect if any certificate is accepted",
            ));
        }
        settings.authorities.extend(added);
        Ok(settings.with_name(name))
    }

    /// Presents this certificate to servers that request one. `certificate` holds the certificate in
    /// PEM, followed by those of the CAs between it and the root. `key` holds its private key in PEM
    /// (PKCS #8, PKCS #1 or SEC 1).
    ///
    /// # Errors
    ///
    /// [`Invalid`](ErrorKind::Invalid) if the certificate or the key can't be parsed, if the key is
    /// encrypted, if the two don't belong together, or if this value was made by
    /// [`from_config`](Tls::from_config): such a configuration has to contain the client certificate
    /// itself.
    ///
    /// ```no_run
    /// # fn run() -> Result<(), Box<dyn std::error::Error>> {
    /// use engineio_client::transports::Tls;
    ///
    /// let certificate = std::fs::read("device.pem")?;
    /// let key = std::fs::read("device.key")?;
    /// let tls = Tls::default().client_certificate(&certificate, &key)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn client_certificate(
        self,
        certificate: impl AsRef<[u8]>,
        key: impl AsRef<[u8]>,
    ) -> Result<Self, Error> {
        let chain = certificates(certificate.as_ref(), "the PEM of the client certificate")?;
        // The source is left out, since it could quote a line of the key.
        let key = PrivateKeyDer::from_pem_slice(key.as_ref()).map_err(|_| {
            let message = if is_encrypted(key.as_ref()) {
                "the client certificate's key is encrypted: decrypt it first \
                 (openssl pkey -in key.pem -out plain.pem)"
            } else {
                "there is no private key in the PEM of the client certificate's key"
            };
            Error::new(ErrorKind::Invalid, message)
        })?;
        let identity = CertifiedKey::from_der(chain, key, &ring::default_provider());
        let identity = identity.map_err(|error| {
            let message = "the client certificate and its key can't be used together";
            Error::new(ErrorKind::Invalid, message).with_source(error)
        })?;
        let name = self.name.clone();
        let mut settings = self.into_settings("a client certificate")?;
        settings.identity = Some(Arc::new(identity));
        Ok(settings.with_name(name))
    }

    /// **Verifies nothing.** Any certificate of any server is accepted, so anyone on the network path
    /// can read and change the traffic. For tests only.
    ///
    /// The server must still prove that it has the key of the certificate it presents. This check is
    /// skipped if the TLS library can't parse the certificate or does not know the kind of its key. It
    /// can't parse X.509 version 1 certificates, which self-made ones sometimes are.
    ///
    /// ```
    /// use engineio_client::transports::{Dialer, Tls};
    ///
    /// let dialer = Dialer::default().tls(Tls::danger_accept_any_certificate());
    /// # let _ = dialer;
    /// ```
    pub fn danger_accept_any_certificate() -> Self {
        let settings = Settings {
            accepts_any: true,
            ..Settings::default()
        };
        settings.with_name(None)
    }

    /// Uses a rustls configuration of your own, unchanged. Its types are those of
    /// [`transports::rustls`](super::super::super::rustls). If it offers protocols by ALPN, the only
    /// one that may be negotiated is `http/1.1`.
    ///
    /// With a verifier of your own, it can trust a CA without checking the host name, or accept a
    /// single pinned certificate, as in
    /// [`examples/tls_verifier.rs`](https://docs.rs/crate/engineio-client/latest/source/examples/tls_verifier.rs).
    ///
    /// ```no_run
    /// # fn run() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::sync::Arc;
    ///
    /// use engineio_client::transports::{Tls, rustls};
    ///
    /// let provider = Arc::new(rustls::crypto::ring::default_provider());
    /// let config = rustls::ClientConfig::builder_with_provider(provider)
    ///     .with_protocol_versions(&[&rustls::version::TLS13])?
    ///     .with_root_certificates(rustls::RootCertStore::empty())
    ///     .with_no_client_auth();
    /// let tls = Tls::from_config(Arc::new(config));
    /// # Ok(())
    /// # }
    /// ```
    pub fn from_config(config: Arc<ClientConfig>) -> Self {
        Self {
            source: Source::Given(config),
            name: None,
        }
    }

    /// Sends this name to the server by SNI and verifies its certificate for this name, instead of the
    /// host of the URL. `name` is a host name, or an IP address, for which no SNI is sent. The `Host`
    /// header of requests keeps the host of the URL. The setting does not apply to a proxy that is
    /// reached over TLS.
    ///
    /// Use it for a server that is reached under a name that its certificate does not contain, for
    /// example through an SSH tunnel. To connect to another address under the URL's own name, see
    /// [`Dialer::resolve_to`](super::super::super::Dialer::resolve_to).
    ///
    /// # Errors
    ///
    /// [`Invalid`](ErrorKind::Invalid) if `name` is not a valid host name or IP address.
    ///
    /// ```
    /// use engineio_client::transports::{Dialer, Tls};
    ///
    /// // For `https://localhost:8443`, from where a tunnel leads to the server.
    /// let tls = Tls::default().server_name("chat.example")?;
    /// let dialer = Dialer::default().tls(tls);
    /// # let _ = dialer;
    /// # Ok::<(), engineio_client::Error>(())
    /// ```
    pub fn server_name(mut self, name: &str) -> Result<Self, Error> {
        let host = match name.parse() {
            Ok(IpAddr::V4(ip)) => Host::Ipv4(ip),
            Ok(IpAddr::V6(ip)) => Host::Ipv6(ip),
            Err(_) => Host::parse(name).map_err(|error| {
                let message = format!("{name:?} is not a valid server name for TLS");
                Error::new(ErrorKind::Invalid, message).with_source(error)
            })?,
        };
        self.name = Some(server_name(host)?);
        Ok(self)
    }

    fn into_settings(self, what: &str) -> Result<Settings, Error> {
        match self.source {
            Source::System => Ok(Settings::default()),
            Source::Settings(settings) => {
                let mut settings = Arc::unwrap_or_clone(settings);
                settings.config = OnceLock::new();
                Ok(settings)
            }
            Source::Given(_) => {
                let message = format!("{what} can't be added to a TLS configuration of your own");
                Err(Error::new(ErrorKind::Invalid, message))
            }
        }
    }

    /// Returns the connector for TLS with the host of a URL.
    pub(super) fn connector(&self, url: &Url) -> Result<Connector, Error> {
        self.connector_as(url, self.name.clone())
    }

    /// Returns the connector for TLS with a proxy, to which [`server_name`](Self::server_name) does
    /// not apply.
    pub(super) fn connector_to_proxy(&self, proxy: &Url) -> Result<Connector, Error> {
        self.connector_as(proxy, None)
    }

    fn connector_as(
        &self,
        url: &Url,
        name: Option<ServerName<'static>>,
    ) -> Result<Connector, Error> {
        let Some(host) = url.host() else {
            return Err(Error::new(ErrorKind::Invalid, "the URL has no host"));
        };
        let (shown, name) = match name {
            Some(name) => (format!("{host} (as {})", name.to_str()), name),
            None => (host.to_string(), server_name(host.to_owned())?),
        };
        Ok(Connector {
            config: self.config()?,
            name,
            host: shown,
        })
    }

    fn config(&self) -> Result<Arc<ClientConfig>, Error> {
        match &self.source {
            Source::System => Settings::default().config_in(&SYSTEM),
            Source::Settings(settings) => settings.config_in(&settings.config),
            Source::Given(config) => Ok(Arc::clone(config)),
        }
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Tls");
        if let Some(name) = &self.name {
            debug.field("server_name", name);
        }
        match &self.source {
            Source::System => debug.finish(),
            Source::Settings(settings) => debug
                .field("authorities", &settings.authorities.len())
                .field("client_certificate", &settings.identity.is_some())
                .field("accepts_any_certificate", &settings.accepts_any)
                .finish(),
            Source::Given(_) => debug.finish_non_exhaustive(),
        }
    }
}

impl Settings {
    fn with_name(self, name: Option<ServerName<'static>>) -> Tls {
        Tls {
            source: Source::Settings(Arc::new(self)),
            name,
        }
    }

    /// Returns the configuration, and builds it on the first call. If building fails, the next
    /// connection tries again.
    fn config_in(&self, place: &OnceLock<Arc<ClientConfig>>) -> Result<Arc<ClientConfig>, Error> {
        if let Some(config) = place.get() {
            return Ok(Arc::clone(config));
        }
        let config = self.build().map_err(|error| {
            let message = "the CA certificates of this system can't be loaded";
            Error::new(ErrorKind::Tls, message).with_source(error)
        })?;
        Ok(Arc::clone(place.get_or_init(|| Arc::new(config))))
    }

    fn build(&self) -> Result<ClientConfig, rustls::Error> {
        // Does not use or install the process-wide provider, which is the application's to choose.
        let provider = Arc::new(ring::default_provider());
        let verifier = if self.accepts_any {
            verify::accept_any(&provider)
        } else {
            verify::system_verifier(&self.authorities, &provider)?
        };
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        let mut config = match &self.identity {
            Some(identity) => {
                let identity = SingleCertAndKey::from(Arc::clone(identity));
                let resolver: Arc<dyn ResolvesClientCert> = Arc::new(identity);
                builder.with_client_cert_resolver(resolver)
            }
            None => builder.with_no_client_auth(),
        };
        // The handshake of a WebSocket is an HTTP/1.1 request, so browsers offer http/1.1 for
        // WebSockets, too. Some proxies require ALPN.
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }
}

fn server_name(host: Host) -> Result<ServerName<'static>, Error> {
    match host {
        Host::Ipv4(ip) => Ok(ServerName::IpAddress(ip.into())),
        Host::Ipv6(ip) => Ok(ServerName::IpAddress(ip.into())),
        Host::Domain(name) => ServerName::try_from(name.clone()).map_err(|error| {
            let message = format!("{name:?} is not a valid server name for TLS");
            Error::new(ErrorKind::Invalid, message).with_source(error)
        }),
    }
}

fn certificates(pem: &[u8], what: &str) -> Result<Vec<CertificateDer<'static>>, Error> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let found = found.map_err(|error| {
        Error::new(ErrorKind::Invalid, format!("{what} is malformed")).with_source(error)
    })?;
    if found.is_empty() {
        let message = format!("there is no certificate in {what}");
        return Err(Error::new(ErrorKind::Invalid, message));
    }
    Ok(found)
}

/// Maximum number of bytes that rustls buffers for writing: one TLS record. Bytes in this buffer
/// already count as sent, so a session can observe no progress while the buffer is flushed. With
/// rustls' default of four records, a slow server would take so long to read the buffer that the send
/// timeout could expire.
const BUFFER: usize = 16 * 1024;

/// Performs the TLS handshake with one server.
pub(super) struct Connector {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
    host: String,
}

impl Connector {
    /// Performs the handshake, and returns the encrypted stream.
    pub(super) async fn connect(self, stream: BoxedStream) -> Result<BoxedStream, Error> {
        let Self { config, name, host } = self;
        let connecting = TlsConnector::from(config).connect_with(name, Raw(stream), |session| {
            session.set_buffer_limit(Some(BUFFER));
        });
        let connected = connecting.await;
        let stream = connected.map_err(|error| error::handshake_error(&host, error))?;
        let (_, session) = stream.get_ref();
        if let Some(protocol) = session.alpn_protocol()
            && !protocol.starts_with(b"http/1.")
        {
            let message = format!(
                "{host} selected the ALPN protocol {:?}, which the client's TLS configuration offers, \
                 but this client speaks http/1.1 only",
                String::from_utf8_lossy(protocol)
            );
            return Err(Error::new(ErrorKind::Invalid, message));
        }
        Ok(TlsStream::new(stream, host).boxed())
    }
}

/// Whether a PEM holds an encrypted key, in the form of PKCS #8 or in OpenSSL's older form.
fn is_encrypted(pem: &[u8]) -> bool {
    let has = |words: &[u8]| pem.windows(words.len()).any(|window| window == words);
    has(b"BEGIN ENCRYPTED PRIVATE KEY") || has(b"Proc-Type: 4,ENCRYPTED")
}
