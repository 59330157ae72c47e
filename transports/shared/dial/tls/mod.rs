//! TLS around any stream, by rustls: one path for `https` and `wss`, and for all runtimes.

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

/// How servers are verified, and how this client shows who it is.
///
/// By default a server is verified as the operating system does it, with its CAs, which are loaded
/// once for the process, with the first connection by TLS. Versions 1.2 and 1.3 of TLS are spoken.
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
/// Clones share what was loaded, and the sessions of TLS that servers let a client resume.
#[derive(Clone, Default)]
pub struct Tls {
    source: Source,
    /// In place of the host of the URL.
    name: Option<ServerName<'static>>,
}

#[derive(Clone, Default)]
enum Source {
    /// The configuration without any settings, of which the process has one.
    #[default]
    System,
    Settings(Arc<Settings>),
    /// A configuration of the user's own.
    Given(Arc<ClientConfig>),
}

#[derive(Clone, Default)]
struct Settings {
    authorities: Vec<CertificateDer<'static>>,
    identity: Option<Arc<CertifiedKey>>,
    accepts_any: bool,
    /// What follows from these, once it was needed.
    config: OnceLock<Arc<ClientConfig>>,
}

/// That of [`Source::System`].
static SYSTEM: OnceLock<Arc<ClientConfig>> = OnceLock::new();

impl Tls {
    /// Trusts these CAs besides those of the operating system: one or more certificates in PEM. The
    /// certificate of a server that has signed it itself may be among them.
    ///
    /// # Errors
    ///
    /// [`Invalid`](ErrorKind::Invalid), when there is no certificate in it, or one that can't be
    /// read; or when this was made by [`from_config`](Tls::from_config) or
    /// [`danger_accept_any_certificate`](Tls::danger_accept_any_certificate), which leave no place
    /// for it.
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
            // What the verifier would refuse later.
            RootCertStore::empty()
                .add(certificate.clone())
                .map_err(|error| {
                    let message = "a certificate in the PEM of the CAs can't be read";
                    Error::new(ErrorKind::Invalid, message).with_source(error)
                })?;
        }
        let name = self.name.clone();
        let mut settings = self.into_settings("CAs")?;
        if settings.accepts_any {
            return Err(Error::new(
                ErrorKind::Invalid,
                "CAs are of no use where any certificate is accepted",
            ));
        }
        settings.authorities.extend(added);
        Ok(settings.with_name(name))
    }

    /// Shows this certificate to servers that ask for one: in PEM, followed by those of the CAs
    /// between it and the root, and its private key in PEM (PKCS #8, PKCS #1 or SEC 1).
    ///
    /// # Errors
    ///
    /// [`Invalid`](ErrorKind::Invalid), when one of them can't be read, or they don't belong
    /// together; or when this was made by [`from_config`](Tls::from_config), which leaves no place
    /// for it.
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
        // Without the cause, which might repeat a line of it.
        let key = PrivateKeyDer::from_pem_slice(key.as_ref()).map_err(|_| {
            let message = if is_encrypted(key.as_ref()) {
                "the client certificate's key is encrypted, and has to be decrypted first \
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

    /// **Verifies nothing**: any certificate of any server is accepted, whoever has made it, and
    /// whoever may read and change what is said. For tests alone.
    ///
    /// That the server has the key of the certificate that it shows is still checked, where the TLS library
    /// can read the certificate and knows the key's kind: it can't those of X.509 version 1, which home-made
    /// ones are at times.
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

    /// A configuration of your own, of the rustls that is
    /// [`transports::rustls`](super::super::super::rustls). Nothing is added to it. The only protocol that
    /// may be negotiated by its ALPN is `http/1.1`.
    ///
    /// With a verifier of your own it trusts a CA without the check of the name, or one certificate that
    /// is pinned: see `examples/tls_verifier.rs` in the repository.
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

    /// Asks the server for this name, by SNI, and verifies its certificate for it, in place of the host
    /// of the URL: a name, or an IP address, which has no SNI. Requests still have the URL's host in
    /// their header `Host`. It does not apply to a proxy that is reached by TLS.
    ///
    /// It is for a server that is reached under a name that its certificate does not have, by a tunnel
    /// of SSH for instance. To connect to another address under the URL's own name, see
    /// [`Dialer::resolve_to`](super::super::super::Dialer::resolve_to).
    ///
    /// # Errors
    ///
    /// [`Invalid`](ErrorKind::Invalid), when it can't be the name of a server.
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
                let message = format!("{name:?} can't be the name of a server in TLS");
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
                let message = format!("a TLS configuration of your own has to have {what} itself");
                Err(Error::new(ErrorKind::Invalid, message))
            }
        }
    }

    /// What is needed to speak TLS with the host of a URL.
    pub(super) fn connector(&self, url: &Url) -> Result<Connector, Error> {
        self.connector_as(url, self.name.clone())
    }

    /// The same for a proxy, which goes by its own name.
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

    /// What was built before, or is now. What fails is tried again with the next connection.
    fn config_in(&self, place: &OnceLock<Arc<ClientConfig>>) -> Result<Arc<ClientConfig>, Error> {
        if let Some(config) = place.get() {
            return Ok(Arc::clone(config));
        }
        let config = self.build().map_err(|error| {
            let message = "the certificates of this system's CAs can't be used";
            Error::new(ErrorKind::Tls, message).with_source(error)
        })?;
        Ok(Arc::clone(place.get_or_init(|| Arc::new(config))))
    }

    fn build(&self) -> Result<ClientConfig, rustls::Error> {
        // A library leaves the provider of the whole process to the application.
        let provider = Arc::new(ring::default_provider());
        let verifier = if self.accepts_any {
            verify::nothing(&provider)
        } else {
            verify::as_the_system_does(&self.authorities, &provider)?
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
        // As browsers do it, for a websocket too: it begins as a request of HTTP/1.1, and some
        // proxies ask for the name.
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }
}

fn server_name(host: Host) -> Result<ServerName<'static>, Error> {
    match host {
        Host::Ipv4(ip) => Ok(ServerName::IpAddress(ip.into())),
        Host::Ipv6(ip) => Ok(ServerName::IpAddress(ip.into())),
        Host::Domain(name) => ServerName::try_from(name.clone()).map_err(|error| {
            let message = format!("{name:?} can't be the name of a server in TLS");
            Error::new(ErrorKind::Invalid, message).with_source(error)
        }),
    }
}

fn certificates(pem: &[u8], what: &str) -> Result<Vec<CertificateDer<'static>>, Error> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let found = found.map_err(|error| {
        Error::new(ErrorKind::Invalid, format!("{what} is broken")).with_source(error)
    })?;
    if found.is_empty() {
        let message = format!("there is no certificate in {what}");
        return Err(Error::new(ErrorKind::Invalid, message));
    }
    Ok(found)
}

/// What is written and waits in rustls, which counts as sent: one record. With rustls' own limit,
/// four, the end of a message to a slow server would look like no progress for too long.
const BUFFER: usize = 16 * 1024;

/// Speaks TLS with one server.
pub(super) struct Connector {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
    host: String,
}

impl Connector {
    /// TLS around this stream, after its handshake.
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
                "{host} was offered the protocol {:?} by the TLS configuration, and took it: this client speaks http/1.1 alone",
                String::from_utf8_lossy(protocol)
            );
            return Err(Error::new(ErrorKind::Invalid, message));
        }
        Ok(TlsStream::new(stream, host).boxed())
    }
}

/// Whether a PEM has a key under a password: by PKCS #8, or in OpenSSL's older form.
fn is_encrypted(pem: &[u8]) -> bool {
    let has = |words: &[u8]| pem.windows(words.len()).any(|window| window == words);
    has(b"BEGIN ENCRYPTED PRIVATE KEY") || has(b"Proc-Type: 4,ENCRYPTED")
}
