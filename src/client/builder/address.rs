//! Where to connect to, and what each request carries.

use http::HeaderMap;
use http::header::{HeaderName, HeaderValue};

use super::Builder;
use crate::client::server_url::is_of_the_protocol;
use crate::error::{Error, ErrorKind};
use crate::runtime::Runtime;
use crate::transport::{Transport, add_query};

/// # Address and identity
impl<T: Transport, R: Runtime, K> Builder<T, R, K> {
    /// Sets the Engine.IO path, which replaces the path of the URL. By default the Engine.IO path is the
    /// path of the URL, or `/engine.io/` if the URL has none.
    ///
    /// A path with a query, a fragment, a space or a line break is an
    /// [`Invalid`](crate::ErrorKind::Invalid) error of `start` and `connect`.
    ///
    /// ```
    /// # use engineio_client::tokio::Client;
    /// let builder = Client::builder("http://localhost:3000").path("/chat/");
    /// ```
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.settings.path = Some(path.into());
        self
    }

    /// Sets whether a slash is added to the end of the path. On by default, since servers expect
    /// it by default.
    ///
    /// ```
    /// # use engineio_client::tokio::Client;
    /// // Asks for /chat?EIO=4&transport=polling
    /// let builder = Client::builder("http://localhost:3000/chat").trailing_slash(false);
    /// ```
    pub fn trailing_slash(mut self, trailing_slash: bool) -> Self {
        self.settings.trailing_slash = trailing_slash;
        self
    }

    /// Adds a parameter to the query of every request, after those of the URL. Name and value are
    /// percent-encoded. The parameters of the protocol (`EIO`, `transport` and `sid`) are ignored, here
    /// and in the URL.
    ///
    /// ```
    /// # use engineio_client::tokio::Client;
    /// let builder = Client::builder("http://localhost:3000")
    ///     .query("token", "a+b==")
    ///     .query("room", "7");
    /// ```
    pub fn query(mut self, name: impl AsRef<str>, value: impl AsRef<str>) -> Self {
        if !is_of_the_protocol(name.as_ref().as_bytes()) {
            add_query(&mut self.settings.query, name.as_ref(), value.as_ref());
        }
        self
    }

    /// Adds a header to every request, including the WebSocket handshake. It replaces a header of the
    /// same name that the client would send itself.
    ///
    /// Exceptions are the headers that frame a request: `Content-Length` and `Transfer-Encoding` are an
    /// [`Invalid`](crate::ErrorKind::Invalid) error of `start` and `connect`, and the headers of the
    /// WebSocket handshake (`Upgrade`, `Sec-WebSocket-Key` and so on) are ignored in that handshake. A
    /// name or value that HTTP does not allow is an `Invalid` error, too.
    ///
    /// ```
    /// # use engineio_client::tokio::Client;
    /// let builder = Client::builder("http://localhost:3000")
    ///     .header("Authorization", "Bearer secret");
    /// ```
    pub fn header(mut self, name: impl AsRef<str>, value: impl AsRef<[u8]>) -> Self {
        let name = name.as_ref();
        let parsed_name = HeaderName::from_bytes(name.as_bytes());
        match (parsed_name, HeaderValue::from_bytes(value.as_ref())) {
            (Ok(name), Ok(value)) => {
                self.settings.headers.append(name, value);
            }
            (Err(error), _) => {
                // If a whole header line was passed as the name, the part behind the colon may be
                // secret.
                let name = name.split(':').next().unwrap_or_default();
                let message = format!("header {name:?}: not a valid header name");
                self.settings.fault.get_or_insert_with(|| {
                    Error::new(ErrorKind::Invalid, message).with_source(error)
                });
            }
            (_, Err(error)) => {
                let message = format!(
                    "header {name}: the value contains a character that HTTP does not allow"
                );
                self.settings.fault.get_or_insert_with(|| {
                    Error::new(ErrorKind::Invalid, message).with_source(error)
                });
            }
        }
        self
    }

    /// Adds headers to every request, as [`header`](Builder::header) does. A value that is marked as
    /// [sensitive](HeaderValue::is_sensitive) is never sent to another origin after a redirect.
    ///
    /// ```
    /// # use engineio_client::tokio::Client;
    /// use http::{HeaderMap, HeaderValue};
    ///
    /// let mut headers = HeaderMap::new();
    /// headers.insert("X-Device", HeaderValue::from_static("7"));
    /// let builder = Client::builder("http://localhost:3000").headers(headers);
    /// ```
    pub fn headers(mut self, headers: HeaderMap) -> Self {
        self.settings.headers.extend(headers);
        self
    }

    /// Sets whether cookies that the server sets are sent back with later requests of the session,
    /// including the WebSocket handshake. On by default: a load balancer may need them to find the
    /// server that has the session.
    ///
    /// A `Cookie` set by [`header`](Builder::header) is sent in any case, before those of the server. If
    /// the server sets a cookie of the same name, the server's cookie replaces yours.
    ///
    /// ```
    /// # use engineio_client::tokio::Client;
    /// let builder = Client::builder("http://localhost:3000").cookies(false);
    /// ```
    pub fn cookies(mut self, keep: bool) -> Self {
        self.settings.cookies = keep;
        self
    }

    /// Sets whether a redirect of the handshake (301, 302, 303, 307 or 308) is followed. Off by default:
    /// then the attempt fails, and [`Error::redirect`] returns the new location.
    ///
    /// All later requests of the session, and the attempts with the remaining transports, go to the new
    /// location. At most five redirects are followed for each transport, within its
    /// [`open_timeout`](Builder::open_timeout). A redirect of a later request, or of the upgrade, is an
    /// error in any case.
    ///
    /// Path and query are those of the `Location`, plus the parameters of the protocol. A query
    /// parameter that the server leaves out of the `Location` is not sent, as in a browser. If the new
    /// location is another origin (another scheme, host or port; https is another origin than http):
    ///
    /// - Of the headers set on the builder, only `Accept`, `Accept-Encoding`, `Accept-Language`,
    ///   `Cache-Control`, `Origin`, `Pragma` and `User-Agent` are sent there, and only if their values
    ///   are not marked as [sensitive](HeaderValue::is_sensitive). All others, including
    ///   `Authorization`, `Cookie` and `Host`, and the user and password of the URL, are left out. The
    ///   log lists the names of these headers.
    /// - Cookies that servers have set are sent if their domain, path and `Secure` attribute allow it.
    /// - A user and password in the `Location` are used if no `Authorization` is set.
    /// - A client certificate of the TLS settings is also shown to the new server.
    ///
    /// The log has an entry `redirected` with both locations, and [`Error::url`] returns the new one. A
    /// redirect can lead to any address that this machine can reach, so only turn this on for servers
    /// that you trust to choose such an address.
    ///
    /// # Errors
    ///
    /// The attempt fails if the server sends a sixth redirect, a redirect from https to http or to a
    /// scheme other than http, https, ws and wss, a `Location` that is empty, not a URL or longer than 8
    /// KiB, or one that leads from a Unix socket to another host. The error has the status of the
    /// redirect, and its message has the reason and the location without user, password and query.
    ///
    /// ```
    /// # use engineio_client::tokio::Client;
    /// let builder = Client::builder("http://example.com").follow_redirects(true);
    /// ```
    pub fn follow_redirects(mut self, follow: bool) -> Self {
        self.settings.config.follow_redirects = follow;
        self
    }
}
