//! The error type of the crate.

mod context;
mod kind;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use url::Url;

pub use kind::ErrorKind;

use crate::limits::Limit;

/// The error of every fallible operation in this crate.
///
/// Base decisions on the [`kind`](Error::kind) or on [`is_retryable`](Error::is_retryable); the page of
/// [`ErrorKind`] says for each kind what to do. [`status`](Error::status), [`limit`](Error::limit),
/// [`url`](Error::url) and [`retry_after`](Error::retry_after) have the details where they apply.
///
/// `Display` prints this error without its causes. [`source`](std::error::Error::source) returns the
/// cause, and [`report`](Error::report) formats the whole chain on one line. No error contains
/// passwords, query values or header values, except in [`redirect`](Error::redirect), which is not
/// printed.
///
/// An `Error` is the size of a pointer and cheap to clone.
///
/// ```
/// use engineio_client::{Error, ErrorKind};
///
/// let cause = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
/// let error = Error::new(ErrorKind::Connect, "could not connect to 127.0.0.1:9").with_source(cause);
/// assert_eq!(error.kind(), ErrorKind::Connect);
/// assert_eq!(error.to_string(), "could not connect to 127.0.0.1:9");
/// assert_eq!(error.report(), "could not connect to 127.0.0.1:9: connection refused");
/// ```
#[derive(Clone)]
pub struct Error(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    message: Cow<'static, str>,
    status: Option<u16>,
    limit: Option<Limit>,
    /// Without user, password, query and fragment.
    url: Option<Url>,
    retry_after: Option<Duration>,
    /// As the server sent it. It may contain secrets, so `Display` and `Debug` omit it.
    redirect: Option<Arc<str>>,
    source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

/// The error of a handler or a hook. Any error converts to it by the `?` operator.
///
/// ```
/// use engineio_client::handlers::HandlerError;
///
/// fn parse(text: &str) -> Result<u32, HandlerError> {
///     Ok(text.parse()?)
/// }
/// ```
pub type HandlerError = Box<dyn std::error::Error + Send + Sync>;

impl Error {
    /// Creates an error, for authors of transports and runtimes.
    ///
    /// The message is in lower case, has no final period, and does not repeat the cause, which goes into
    /// [`with_source`](Error::with_source).
    ///
    /// ```
    /// use engineio_client::{Error, ErrorKind};
    ///
    /// let error = Error::new(ErrorKind::Ended, "the serial line was unplugged");
    /// assert_eq!(error.to_string(), "the serial line was unplugged");
    /// ```
    pub fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self(Arc::new(Inner {
            kind,
            message: message.into(),
            status: None,
            limit: None,
            url: None,
            retry_after: None,
            redirect: None,
            source: None,
        }))
    }

    /// Sets the cause, which [`source`](std::error::Error::source) returns.
    ///
    /// ```
    /// use std::error::Error as _;
    ///
    /// use engineio_client::{Error, ErrorKind};
    ///
    /// let cause = std::io::Error::other("broken pipe");
    /// let error = Error::new(ErrorKind::Ended, "the connection failed").with_source(cause);
    /// assert!(error.source().is_some());
    /// assert_eq!(error.report(), "the connection failed: broken pipe");
    /// ```
    #[must_use]
    pub fn with_source(self, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        let mut inner = Arc::unwrap_or_clone(self.0);
        inner.source = Some(Arc::new(source));
        Self(Arc::new(inner))
    }

    /// Sets the error of a user's function as the cause.
    pub(crate) fn with_handler_error(self, source: HandlerError) -> Self {
        let mut inner = Arc::unwrap_or_clone(self.0);
        inner.source = Some(source.into());
        Self(Arc::new(inner))
    }

    /// Sets the HTTP status of the server's or the proxy's response.
    ///
    /// ```
    /// use engineio_client::{Error, ErrorKind};
    ///
    /// let error = Error::new(ErrorKind::Status, "403 Forbidden").with_status(403);
    /// assert_eq!(error.status(), Some(403));
    /// ```
    #[must_use]
    pub fn with_status(self, status: u16) -> Self {
        let mut inner = Arc::unwrap_or_clone(self.0);
        inner.status = Some(status);
        Self(Arc::new(inner))
    }

    /// Sets the limit that was reached, and appends its name to the message: `(limit max_body_size)`.
    ///
    /// ```
    /// use engineio_client::{Error, ErrorKind, Limit};
    ///
    /// let error = Error::new(ErrorKind::Limit, "a head of more than 65536 bytes")
    ///     .with_limit(Limit::HeadSize);
    /// assert_eq!(error.to_string(), "a head of more than 65536 bytes (limit max_head_size)");
    /// ```
    #[must_use]
    pub fn with_limit(self, limit: Limit) -> Self {
        let mut inner = Arc::unwrap_or_clone(self.0);
        inner.limit = Some(limit);
        inner.message = format!("{} (limit {limit})", inner.message).into();
        Self(Arc::new(inner))
    }

    /// Sets the URL that was requested. The user, password, query and fragment are removed, since they
    /// may be secret.
    ///
    /// ```
    /// use engineio_client::{Error, ErrorKind};
    ///
    /// let asked = "https://user:secret@example.com/engine.io/?token=secret".parse()?;
    /// let error = Error::new(ErrorKind::Status, "no").with_url(&asked);
    /// let url = error.url().map(url::Url::as_str);
    /// assert_eq!(url, Some("https://example.com/engine.io/"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn with_url(self, url: &Url) -> Self {
        let mut url = url.clone();
        // These fail only for URLs that cannot have a user or a password.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        url.set_query(None);
        url.set_fragment(None);
        let mut inner = Arc::unwrap_or_clone(self.0);
        inner.url = Some(url);
        Self(Arc::new(inner))
    }

    /// Sets how long the server asked clients to wait before the next attempt.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use engineio_client::{Error, ErrorKind};
    ///
    /// let error = Error::new(ErrorKind::Status, "busy").with_retry_after(Duration::from_secs(30));
    /// assert_eq!(error.retry_after(), Some(Duration::from_secs(30)));
    /// ```
    #[must_use]
    pub fn with_retry_after(self, time: Duration) -> Self {
        let mut inner = Arc::unwrap_or_clone(self.0);
        inner.retry_after = Some(time);
        Self(Arc::new(inner))
    }

    /// Sets the target of a redirect: the value of the `Location` header as received. A relative value
    /// is relative to the requested URL.
    ///
    /// A transport reports a redirect by returning such an error. If the redirect was the response to
    /// the handshake and [`Builder::follow_redirects`](crate::Builder::follow_redirects) is on, the
    /// client opens the session at the target. The error's message should name the target, without user,
    /// password and query.
    ///
    /// ```
    /// use engineio_client::{Error, ErrorKind};
    ///
    /// let error = Error::new(ErrorKind::Status, "302 Found, a redirect to /engine.io/")
    ///     .with_status(302)
    ///     .with_redirect("/engine.io/?EIO=4&transport=polling");
    /// assert_eq!(error.redirect(), Some("/engine.io/?EIO=4&transport=polling"));
    /// ```
    #[must_use]
    pub fn with_redirect(self, location: impl AsRef<str>) -> Self {
        let mut inner = Arc::unwrap_or_clone(self.0);
        inner.redirect = Some(location.as_ref().into());
        Self(Arc::new(inner))
    }

    /// The kind of the error. [`ErrorKind`] says for each kind what to do.
    ///
    /// If several transports failed to open the session, this is the kind of the last one, or
    /// [`NotEngineIo`](ErrorKind::NotEngineIo) if the server answered with web pages; see
    /// [`Builder::fall_back`](crate::Builder::fall_back). The message has the reason of each.
    ///
    /// ```
    /// use engineio_client::{Error, ErrorKind};
    ///
    /// fn is_wrong_address(error: &Error) -> bool {
    ///     matches!(error.kind(), ErrorKind::Resolve | ErrorKind::NotEngineIo)
    /// }
    ///
    /// assert!(is_wrong_address(&Error::new(ErrorKind::NotEngineIo, "a web page")));
    /// ```
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The HTTP status with which the server or the proxy refused the request. `None` if the failure was
    /// not an HTTP response.
    ///
    /// ```
    /// use engineio_client::{Error, ErrorKind};
    ///
    /// let error = Error::new(ErrorKind::Connect, "could not connect to 127.0.0.1:9");
    /// assert_eq!(error.status(), None);
    /// ```
    pub fn status(&self) -> Option<u16> {
        self.0.status
    }

    /// The limit of this client that was reached. It is always set for [`ErrorKind::Full`]. For
    /// [`ErrorKind::Limit`] and [`ErrorKind::Timeout`] it is set if the limit has a setter.
    ///
    /// ```
    /// use engineio_client::{Error, ErrorKind, Limit};
    ///
    /// let error = Error::new(ErrorKind::Timeout, "no answer").with_limit(Limit::OpenTimeout);
    /// let setter = error.limit().map(Limit::setter);
    /// assert_eq!(setter, Some("open_timeout"));
    /// ```
    pub fn limit(&self) -> Option<Limit> {
        self.0.limit
    }

    /// The URL that was requested, without user, password, query and fragment. `None` if no request was
    /// involved.
    ///
    /// ```
    /// use engineio_client::{Error, ErrorKind};
    ///
    /// let url = "http://localhost:3000/engine.io/?EIO=4".parse()?;
    /// let error = Error::new(ErrorKind::Status, "404 Not Found").with_url(&url);
    /// assert_eq!(error.url().map(|url| url.path()), Some("/engine.io/"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn url(&self) -> Option<&Url> {
        self.0.url.as_ref()
    }

    /// How long the server asked clients to wait before the next attempt, from its `Retry-After`
    /// header. At most one day.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use engineio_client::{Error, ErrorKind};
    ///
    /// let error = Error::new(ErrorKind::Status, "429").with_retry_after(Duration::from_secs(5));
    /// let delay = error.retry_after().unwrap_or(Duration::from_secs(1));
    /// assert_eq!(delay.as_secs(), 5);
    /// ```
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// The target of a redirect that was not followed: the value of the `Location` header as received.
    ///
    /// The target may be relative to the requested URL, and may contain secrets (a query, a password),
    /// so `Display` and `Debug` omit it. Before the program connects to the target, check that it may
    /// do so.
    ///
    /// ```
    /// use engineio_client::{Error, ErrorKind};
    ///
    /// let error = Error::new(ErrorKind::Status, "301 Moved Permanently")
    ///     .with_redirect("https://example.com/engine.io/");
    /// assert_eq!(error.redirect(), Some("https://example.com/engine.io/"));
    /// ```
    pub fn redirect(&self) -> Option<&str> {
        self.0.redirect.as_deref()
    }

    /// Whether the same attempt may succeed later with nothing changed.
    ///
    /// False for failures that need a change: unusable settings, a rejected certificate, a response that
    /// is not Engine.IO, a status that blames the request (every 4xx except 408, 425 and 429), the statuses
    /// 501, 505 and 511, and errors of a single message. [`ErrorKind`] has the whole table.
    ///
    /// ```
    /// use engineio_client::{Error, ErrorKind};
    ///
    /// let overloaded = Error::new(ErrorKind::Status, "503").with_status(503);
    /// assert!(overloaded.is_retryable());
    /// let forbidden = Error::new(ErrorKind::Status, "403").with_status(403);
    /// assert!(!forbidden.is_retryable());
    /// ```
    pub fn is_retryable(&self) -> bool {
        match self.kind() {
            ErrorKind::Status | ErrorKind::Proxy => match self.status() {
                Some(408 | 425 | 429) => true,
                Some(501 | 505 | 511) => false,
                Some(status) => status >= 500,
                None => true,
            },
            ErrorKind::Resolve
            | ErrorKind::Connect
            | ErrorKind::Timeout
            | ErrorKind::Ended
            | ErrorKind::Aborted
            | ErrorKind::Full
            | ErrorKind::NotOpen
            | ErrorKind::Upgrade
            | ErrorKind::Other => true,
            ErrorKind::Invalid
            | ErrorKind::Runtime
            | ErrorKind::Tls
            | ErrorKind::Http
            | ErrorKind::NotEngineIo
            | ErrorKind::WebSocket
            | ErrorKind::Handshake
            | ErrorKind::Protocol
            | ErrorKind::Limit
            | ErrorKind::Closed
            | ErrorKind::TooLarge
            | ErrorKind::NeedsFrames
            | ErrorKind::Unsupported
            | ErrorKind::Unconfirmed => false,
        }
    }

    /// Whether a time limit passed. Equivalent to the kind [`ErrorKind::Timeout`].
    ///
    /// ```
    /// use engineio_client::{Error, ErrorKind};
    ///
    /// assert!(Error::new(ErrorKind::Timeout, "no answer within 10 s").is_timeout());
    /// ```
    pub fn is_timeout(&self) -> bool {
        self.kind() == ErrorKind::Timeout
    }

    /// Whether the session is closed or closing. Equivalent to the kind [`ErrorKind::Closed`].
    ///
    /// ```
    /// use engineio_client::{Error, ErrorKind};
    ///
    /// assert!(Error::new(ErrorKind::Closed, "the session is closed").is_closed());
    /// ```
    pub fn is_closed(&self) -> bool {
        self.kind() == ErrorKind::Closed
    }

    /// Whether the server broke a protocol: Engine.IO, WebSocket or HTTP.
    ///
    /// ```
    /// use engineio_client::{Error, Handshake};
    ///
    /// let error: Error = Handshake::parse("{}").unwrap_err();
    /// assert!(error.is_protocol());
    /// ```
    pub fn is_protocol(&self) -> bool {
        matches!(
            self.kind(),
            ErrorKind::Protocol
                | ErrorKind::Handshake
                | ErrorKind::WebSocket
                | ErrorKind::Http
                | ErrorKind::NotEngineIo
        )
    }

    /// Formats this error and all its causes on one line, separated by `: `.
    ///
    /// ```
    /// use engineio_client::{Error, ErrorKind};
    ///
    /// let cause = Error::new(ErrorKind::Connect, "connection refused");
    /// let error = Error::new(ErrorKind::Other, "no transport could be opened").with_source(cause);
    /// assert_eq!(error.report(), "no transport could be opened: connection refused");
    /// ```
    pub fn report(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            let line = error.to_string();
            // Some libraries repeat the cause in their own message.
            if !text.ends_with(&line) {
                text.push_str(": ");
                text.push_str(&line);
            }
            cause = error.source();
        }
        text
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Error");
        debug
            .field("kind", &self.0.kind)
            .field("message", &self.0.message);
        if let Some(status) = self.0.status {
            debug.field("status", &status);
        }
        if let Some(limit) = self.0.limit {
            debug.field("limit", &limit);
        }
        if let Some(url) = &self.0.url {
            debug.field("url", &url.as_str());
        }
        if let Some(time) = self.0.retry_after {
            debug.field("retry_after", &time);
        }
        if let Some(source) = &self.0.source {
            debug.field("source", source);
        }
        debug.finish()
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_as_small_as_a_pointer() {
        assert_eq!(size_of::<Error>(), size_of::<usize>());
        assert_eq!(size_of::<Result<(), Error>>(), size_of::<usize>());
    }

    #[test]
    fn a_report_does_not_repeat_a_cause() {
        let inner = Error::new(ErrorKind::Connect, "refused");
        let outer = Error::new(ErrorKind::Connect, "no connection: refused").with_source(inner);
        assert_eq!(outer.report(), "no connection: refused");
    }
}
