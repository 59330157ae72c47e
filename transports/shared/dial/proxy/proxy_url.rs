//! [`Proxy`]: the URL of a proxy, parsed.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use engineio_client::runtime::BoxedStream;
use engineio_client::{Error, ErrorKind};
use http::HeaderValue;
use percent_encoding::percent_decode_str;
use url::{ParseError, Position, Url};

use super::super::tcp::Sockets;

/// A proxy for connections, for [`Dialer::proxy`](super::super::Dialer::proxy). The scheme of its URL
/// selects the protocol:
///
/// - `http://` is an HTTP proxy. It forwards polls and POSTs to `http` servers. The connections for
///   these requests are kept if the proxy says that it keeps them. WebSockets and all connections to
///   `https` servers use a tunnel (`CONNECT`). Many proxies allow tunnels to port 443 only: through
///   these, a session over `http` stays on polling.
/// - `https://` is an HTTP proxy that is reached over TLS, with the [`Tls`](super::super::super::Tls)
///   of the dialer. Its CAs, its client certificate and
///   [`danger_accept_any_certificate`](super::super::super::Tls::danger_accept_any_certificate) apply
///   to the proxy, too. The proxy's certificate is verified for the proxy's own host. A connection to
///   an `https` server is TLS within TLS. Without the feature `rustls`, each connection fails.
/// - `socks5://` is a SOCKS5 proxy that is given IP addresses: this client resolves the names.
/// - `socks5h://` is a SOCKS5 proxy that is given host names and resolves them.
///
/// The default port is 80 for `http`, 443 for `https` and 1080 for SOCKS5. A user and a password are
/// written before the host, percent-encoded: `http://user:pass@proxy:3128`. An HTTP proxy receives
/// them as Basic authentication. `Debug` and `Display` show neither of them.
///
/// ```
/// use engineio_client::transports::Proxy;
///
/// let proxy = Proxy::new("socks5h://me:secret@[::1]")?;
/// assert_eq!(proxy.to_string(), "socks5h://[::1]:1080");
/// # Ok::<(), engineio_client::Error>(())
/// ```
#[derive(Clone)]
pub struct Proxy {
    /// Where the proxy is: `https://host:port/` if it is reached over TLS, otherwise
    /// `http://host:port/`, for SOCKS5 too.
    place: Url,
    pub(super) protocol: Protocol,
}

#[derive(Clone)]
pub(super) enum Protocol {
    Http {
        authorization: Option<HeaderValue>,
    },
    Socks5 {
        credentials: Option<Credentials>,
        /// Whether the proxy resolves host names.
        resolves: bool,
    },
}

#[derive(Clone)]
pub(super) struct Credentials {
    pub(super) user: String,
    pub(super) password: String,
}

impl Proxy {
    /// Parses the URL of a proxy. A text without a scheme, such as `host:port`, is an HTTP proxy.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Invalid`] if the scheme is not one of the four, if there is no host, if there is a
    /// path or a query, if the user or the password is not valid UTF-8, if for HTTP the user contains
    /// a colon, or if for SOCKS5 the user or the password is empty or longer than 255 bytes. The error
    /// does not repeat the URL, which may contain a password.
    ///
    /// ```
    /// use engineio_client::ErrorKind;
    /// use engineio_client::transports::Proxy;
    ///
    /// assert_eq!(Proxy::new("proxy.example:3128")?.to_string(), "http://proxy.example:3128");
    /// let error = Proxy::new("ftp://proxy.example").unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::Invalid);
    /// # Ok::<(), engineio_client::Error>(())
    /// ```
    pub fn new(url: impl AsRef<str>) -> Result<Self, Error> {
        let text = url.as_ref().trim();
        let url = if text.contains("://") {
            Url::parse(text)
        } else {
            Url::parse(&format!("http://{text}"))
        };
        let url = url.map_err(|error| {
            let why = match error {
                ParseError::InvalidIpv6Address => {
                    "its IPv6 address is not valid (Dialer::resolve_to takes one with a zone)"
                }
                _ => "it is not a URL",
            };
            invalid(why).with_source(error)
        })?;
        let (default_port, protocol) = match url.scheme() {
            "http" => (80, Protocol::http(&url)?),
            "socks5" => (1080, Protocol::socks5(&url, false)?),
            "socks5h" => (1080, Protocol::socks5(&url, true)?),
            "https" => (443, Protocol::http(&url)?),
            other => {
                let message =
                    format!("its scheme must be http, https, socks5 or socks5h, not {other}");
                return Err(invalid(&message));
            }
        };
        // If a password contains a slash that is not encoded, the parser takes everything after the
        // slash for the path.
        if !["", "/"].contains(&&url[Position::BeforePath..]) {
            return Err(invalid(
                "it has a path or a query (a / or ? in a password must be percent-encoded)",
            ));
        }
        let port = url.port().unwrap_or(default_port);
        // The URL library does not normalise the host of a scheme that it does not know, such as
        // `socks5`. Parsing it again as an `http` URL does.
        let host = url.host_str().unwrap_or_default();
        let scheme = match url.scheme() {
            "https" => "https",
            _ => "http",
        };
        let place = Url::parse(&format!("{scheme}://{host}:{port}/"))
            .map_err(|error| invalid("it has no host").with_source(error))?;
        Ok(Self { place, protocol })
    }

    /// The value of `Proxy-Authorization` for an HTTP proxy with a user.
    #[cfg(feature = "polling")]
    pub(crate) fn authorization(&self) -> Option<&HeaderValue> {
        match &self.protocol {
            Protocol::Http { authorization } => authorization.as_ref(),
            Protocol::Socks5 { .. } => None,
        }
    }

    /// The proxy's address, as an `http` or `https` URL.
    pub(super) fn place(&self) -> &Url {
        &self.place
    }

    /// Whether HTTP is spoken to the proxy over TLS.
    pub(super) fn is_reached_by_tls(&self) -> bool {
        self.place.scheme() == "https"
    }

    /// Connects to the proxy itself, without TLS.
    pub(super) async fn reach_by_tcp(&self, sockets: &Sockets<'_>) -> Result<BoxedStream, Error> {
        let connected = sockets.connect_to_host(&self.place).await;
        connected.map_err(|error| self.unreachable(error))
    }

    pub(super) fn unreachable(&self, error: Error) -> Error {
        let message = format!("could not connect to the proxy {self}");
        Error::new(error.kind(), message).with_source(error)
    }
}

impl Protocol {
    fn http(url: &Url) -> Result<Self, Error> {
        let authorization = match Credentials::of(url)? {
            None => None,
            // The proxy would take what follows the first colon for the password.
            Some(Credentials { user, .. }) if user.contains(':') => {
                return Err(invalid("its user name contains a colon"));
            }
            Some(Credentials { user, password }) => {
                let encoded = STANDARD.encode(format!("{user}:{password}"));
                let mut value =
                    HeaderValue::try_from(format!("Basic {encoded}")).map_err(|error| {
                        invalid("its user name or password can't be sent in a header")
                            .with_source(error)
                    })?;
                value.set_sensitive(true);
                Some(value)
            }
        };
        Ok(Self::Http { authorization })
    }

    fn socks5(url: &Url, resolves: bool) -> Result<Self, Error> {
        let credentials = Credentials::of(url)?;
        if let Some(Credentials { user, password }) = &credentials
            && ![user, password]
                .iter()
                .all(|text| (1..=255).contains(&text.len()))
        {
            return Err(invalid(
                "for SOCKS5, the user name and the password must have 1 to 255 bytes each",
            ));
        }
        Ok(Self::Socks5 {
            credentials,
            resolves,
        })
    }
}

impl Credentials {
    fn of(url: &Url) -> Result<Option<Self>, Error> {
        let (user, password) = (url.username(), url.password());
        if user.is_empty() && password.is_none() {
            return Ok(None);
        }
        let decode = |text| {
            let decoded = percent_decode_str(text).decode_utf8();
            decoded.map_err(|error| {
                invalid("its user name or password is not valid UTF-8").with_source(error)
            })
        };
        Ok(Some(Self {
            user: decode(user)?.into_owned(),
            password: decode(password.unwrap_or_default())?.into_owned(),
        }))
    }
}

fn invalid(why: &str) -> Error {
    Error::new(
        ErrorKind::Invalid,
        format!("the URL of the proxy is not valid: {why}"),
    )
}

impl FromStr for Proxy {
    type Err = Error;

    fn from_str(url: &str) -> Result<Self, Error> {
        Self::new(url)
    }
}

/// The URL without user and password.
impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match &self.protocol {
            Protocol::Http { .. } => self.place.scheme(),
            Protocol::Socks5 { resolves: true, .. } => "socks5h",
            Protocol::Socks5 { .. } => "socks5",
        };
        write!(f, "{scheme}://{}", host_and_port(&self.place))
    }
}

/// The URL without user and password.
impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Proxy").field(&self.to_string()).finish()
    }
}

/// `host:port`, with brackets around an IPv6 address.
pub(crate) fn host_and_port(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    format!("{host}:{}", url.port_or_known_default().unwrap_or(80))
}
