//! The request with which the client opens a link.

use std::fmt;
use std::time::Duration;

use http::HeaderMap;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::Url;

use super::activity::Activity;
use crate::cookies::Jar;
use crate::limits::{Limits, OPEN_TIMEOUT};
use crate::runtime::Address;

/// The arguments of [`Transport::open`](super::Transport::open): where to connect, what to send with
/// each request, and the limits.
///
/// `Debug` omits the values of headers and of the query, which may be secret.
///
/// ```
/// use std::sync::Arc;
///
/// use engineio_client::transport::{Activity, OpenRequest};
/// # #[cfg(feature = "mock")] {
/// use engineio_client::MockRuntime;
///
/// let activity = Activity::new(Arc::new(MockRuntime::new()));
/// let url = "http://localhost:3000/engine.io/".parse()?;
/// let mut request = OpenRequest::new("polling", url, activity);
/// request.query = "token=42".into();
/// request.timestamps = false;
/// assert_eq!(request.target(None, 0), "/engine.io/?token=42&EIO=4&transport=polling");
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct OpenRequest {
    /// Which of the [`Transport::names`](super::Transport::names) to open.
    pub transport: String,
    /// The server's URL with the Engine.IO path, without a query.
    pub url: Url,
    /// The address to connect to instead of the URL's host: a Unix socket.
    pub address: Option<Address>,
    /// The user's query, percent-encoded, without the parameters that the protocol adds (`EIO`,
    /// `transport`, `t`, `sid`).
    pub query: String,
    /// The user's headers, to send with every request.
    pub headers: HeaderMap,
    /// The session's cookies, to send with every request and to update from every response. `None` if no
    /// cookies are to be kept.
    pub cookies: Option<Jar>,
    /// The id of the session to join, for an upgrade. `None` for a new session.
    pub sid: Option<String>,
    /// Whether each request has a cache-buster, the query parameter `t`.
    pub timestamps: bool,
    /// Limits on what is received.
    pub limits: Limits,
    /// Time limit for opening one connection: name resolution, TCP and TLS together. It is the builder's
    /// [`open_timeout`](crate::Builder::open_timeout), 10 s by default.
    ///
    /// A transport that connects only in [`open`](super::Transport::open), like WebSocket, can ignore
    /// it: the client drops `open` when the open timeout passes, or the upgrade timeout if the link is
    /// for an upgrade. A transport that also connects later, like polling, limits each connection to
    /// this time.
    pub dial_timeout: Duration,
    /// Whether the client refuses a link that [never confirms](super::Confirms::Never), because messages must
    /// arrive ([`Resend::Unconfirmed`](crate::Resend::Unconfirmed)).
    ///
    /// A transport that can never confirm then fails with
    /// [`Unsupported`](crate::ErrorKind::Unsupported) before it connects: some servers end a session when a link that
    /// was opened for its upgrade is closed. A transport that ignores the field is refused when it has connected.
    pub must_confirm: bool,
    /// Where the transport reports progress.
    pub activity: Activity,
}

/// Characters of a query that are percent-encoded: all but the unreserved ones of RFC 3986.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

impl OpenRequest {
    /// Creates a request of a new session with the default limits, for tests of transports. The fields
    /// can be changed afterwards.
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// use engineio_client::transport::{Activity, OpenRequest};
    /// use engineio_client::{Error, Link, Runtime, Transport};
    ///
    /// async fn open(transport: &dyn Transport, runtime: Arc<dyn Runtime>) -> Result<Link, Error> {
    ///     let url = "http://localhost:3000/engine.io/".parse().unwrap();
    ///     let activity = Activity::new(runtime.clone());
    ///     transport.open(&runtime, OpenRequest::new(transport.name(), url, activity)).await
    /// }
    /// ```
    pub fn new(transport: impl Into<String>, url: Url, activity: Activity) -> Self {
        Self {
            transport: transport.into(),
            url,
            address: None,
            query: String::new(),
            headers: HeaderMap::new(),
            cookies: None,
            sid: None,
            timestamps: true,
            limits: Limits::default(),
            dial_timeout: OPEN_TIMEOUT,
            must_confirm: false,
            activity,
        }
    }

    /// The path and query of one request: the user's query, followed by the parameters that the protocol
    /// adds.
    ///
    /// Pass a new `random` number for each request. It becomes the cache-buster, which is random since
    /// two clients may send a request within the same millisecond.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use engineio_client::transport::{Activity, OpenRequest};
    /// # #[cfg(feature = "mock")] {
    /// # let activity = Activity::new(Arc::new(engineio_client::MockRuntime::new()));
    /// # let url = "http://localhost:3000/engine.io/".parse()?;
    /// let request = OpenRequest::new("websocket", url, activity);
    /// let target = request.target(Some("sid/1"), 7);
    /// assert_eq!(target, "/engine.io/?EIO=4&transport=websocket&t=70000000&sid=sid%2F1");
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn target(&self, sid: Option<&str>, random: u64) -> String {
        let path = self.url.path();
        // 128 bytes are enough for the protocol's parameters, with the sids that servers create.
        let mut target = String::with_capacity(
            path.len()
                .saturating_add(self.query.len())
                .saturating_add(128),
        );
        target.push_str(path);
        target.push('?');
        if !self.query.is_empty() {
            target.push_str(&self.query);
            target.push('&');
        }
        target.push_str("EIO=4&transport=");
        target.extend(utf8_percent_encode(&self.transport, ENCODED));
        if self.timestamps {
            target.push_str("&t=");
            let mut rest = random;
            for _ in 0..8 {
                let digit = u32::try_from(rest % 36).unwrap_or_default();
                target.push(char::from_digit(digit, 36).unwrap_or('0'));
                rest /= 36;
            }
        }
        if let Some(sid) = sid {
            target.push_str("&sid=");
            target.extend(utf8_percent_encode(sid, ENCODED));
        }
        target
    }
}

impl fmt::Debug for OpenRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let headers: Vec<&str> = self.headers.keys().map(http::HeaderName::as_str).collect();
        f.debug_struct("OpenRequest")
            .field("transport", &self.transport)
            .field("url", &self.url.as_str())
            .field("headers", &headers)
            .field("sid", &self.sid)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// Appends a parameter to a query, percent-encoded.
pub(crate) fn add_query(query: &mut String, name: &str, value: &str) {
    if !query.is_empty() {
        query.push('&');
    }
    query.extend(utf8_percent_encode(name, ENCODED));
    query.push('=');
    query.extend(utf8_percent_encode(value, ENCODED));
}
