//! One proxy, as its URL describes it.

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

/// A proxy that connections go through, for [`Dialer::proxy`](super::super::Dialer::proxy).
///
/// - `http://` is an HTTP proxy. Polls and posts over `http` are sent to it for forwarding, on
///   connections that are kept where it says that it keeps them; websockets, and everything over
///   `https`, go through a tunnel that it is asked for (`CONNECT`). Many proxies make tunnels to
///   port 443 alone: through these, a session over `http` stays on polling.
/// - `https://` is the same inside of TLS, with the [`Tls`](super::super::super::Tls) of the dialer:
///   its CAs, its client certificate, and its
///   [`danger_accept_any_certificate`](super::super::super::Tls::danger_accept_any_certificate) hold
///   for the proxy, too. Its certificate is verified for the proxy's own host. To an `https` server
///   there is TLS within TLS. Without the feature `rustls`, each connection is an error.
/// - `socks5://` is a SOCKS5 proxy that is given addresses: names are resolved here.
/// - `socks5h://` is one that is given names, and resolves them itself.
///
/// A user and a password stand before the host, percent-encoded, as in
/// `http://user:pass@proxy:3128`; an HTTP proxy gets them as Basic authentication. Neither `Debug`
/// nor `Display` shows them. Without a port it is 80, 443 for `https`, or
/// 1080 for SOCKS5.
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
    /// Where it is: `https://host:port/` where it is reached by TLS, else `http://host:port/`,
    /// whatever it speaks.
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
        /// Whether the proxy resolves names.
        resolves: bool,
    },
}

#[derive(Clone)]
pub(super) struct Credentials {
    pub(super) user: String,
    pub(super) password: String,
}

impl Proxy {
    /// The proxy of this URL. Without a scheme, as `host:port`, it is an HTTP proxy.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Invalid`], when there can be no such proxy: another scheme, no host, a path, or
    /// for SOCKS5 a user or password that is empty or has more than 255 bytes. The error does not
    /// repeat the URL.
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
                _ => "it is no URL",
            };
            invalid(why).with_source(error)
        })?;
        let (default_port, protocol) = match url.scheme() {
            "http" => (80, Protocol::http(&url)?),
            "socks5" => (1080, Protocol::socks5(&url, false)?),
            "socks5h" => (1080, Protocol::socks5(&url, true)?),
            "https" => (443, Protocol::http(&url)?),
            other => {
                let message = format!("its scheme is http, https, socks5 or socks5h, not {other}");
                return Err(invalid(&message));
            }
        };
        // Where a password holds a slash that is not encoded, the rest of it would be the path.
        if !["", "/"].contains(&&url[Position::BeforePath..]) {
            return Err(invalid("there is something behind its host and port"));
        }
        let port = url.port().unwrap_or(default_port);
        // Of a scheme that it does not know, the library leaves the host as it is.
        let host = url.host_str().unwrap_or_default();
        let scheme = match url.scheme() {
            "https" => "https",
            _ => "http",
        };
        let place = Url::parse(&format!("{scheme}://{host}:{port}/"))
            .map_err(|error| invalid("it has no host").with_source(error))?;
        Ok(Self { place, protocol })
    }

    /// What an HTTP proxy wants to know of its user.
    #[cfg(feature = "polling")]
    pub(crate) fn authorization(&self) -> Option<&HeaderValue> {
        match &self.protocol {
            Protocol::Http { authorization } => authorization.as_ref(),
            Protocol::Socks5 { .. } => None,
        }
    }

    /// Where it is, as `http` or `https`.
    pub(super) fn place(&self) -> &Url {
        &self.place
    }

    /// Whether HTTP is spoken to it inside of TLS.
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
            // The other end would take the rest for the password.
            Some(Credentials { user, .. }) if user.contains(':') => {
                return Err(invalid("its user has a colon"));
            }
            Some(Credentials { user, password }) => {
                let encoded = STANDARD.encode(format!("{user}:{password}"));
                let mut value = HeaderValue::try_from(format!("Basic {encoded}"))
                    .map_err(|error| invalid("its user can't be one").with_source(error))?;
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
                "for SOCKS5, a user and a password have 1 to 255 bytes each",
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
            decoded.map_err(|error| invalid("its user is not UTF-8").with_source(error))
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
        format!("the URL of the proxy can't be used: {why}"),
    )
}

impl FromStr for Proxy {
    type Err = Error;

    fn from_str(url: &str) -> Result<Self, Error> {
        Self::new(url)
    }
}

/// Its URL, without user and password.
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

/// Its URL, without user and password.
impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Proxy").field(&self.to_string()).finish()
    }
}

/// `host:port`, with brackets around an IPv6 address.
pub(super) fn host_and_port(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    format!("{host}:{}", url.port_or_known_default().unwrap_or(80))
}
