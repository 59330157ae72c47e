//! What can go wrong, and how it is told.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use url::Url;

use crate::limits::Limit;

/// Why something failed.
///
/// `Display` tells this level alone; [`source`](std::error::Error::source) leads to the causes
/// below it, and [`report`](Error::report) prints the whole chain on one line.
///
/// An `Error` is the size of a pointer, and cheap to clone.
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
    /// As the server sent it: it may hold secrets, so nothing prints it.
    redirect: Option<Arc<str>>,
    source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

/// What a handler may fail with: anything, by the operator `?`.
pub type HandlerError = Box<dyn std::error::Error + Send + Sync>;

/// The kinds of [`Error`], by who or what is to blame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The caller gave something that can't be used: a URL, a header, an option.
    Invalid,
    /// The runtime can't be used here (tokio's, outside of a tokio runtime).
    Runtime,
    /// The name of the host could not be resolved.
    Resolve,
    /// No connection to the host, or to the proxy, could be made.
    Connect,
    /// The proxy was reached, and refused (with an HTTP status: see [`Error::status`]), could not
    /// connect to the host, or said what no proxy says.
    Proxy,
    /// TLS failed: the handshake, the certificate of the server or of this client, or what protects
    /// the data behind it. The message says in plain words what.
    Tls,
    /// The server answered a request with an HTTP status that refuses it: see [`Error::status`].
    Status,
    /// What the server sent is not HTTP, or not HTTP that a client may accept.
    Http,
    /// What answered the first request is not Engine.IO at all: a web page, say. The next transport is
    /// tried.
    NotEngineIo,
    /// What the server sent breaks the WebSocket protocol.
    WebSocket,
    /// The server's open packet is not one.
    Handshake,
    /// The server broke the Engine.IO protocol after the handshake.
    Protocol,
    /// A limit of this client was reached: [`Error::limit`] names it, the message its value, too.
    Limit,
    /// Something took too long: [`Error::limit`] names the limit, the message its value, too.
    Timeout,
    /// The connection ended without a goodbye.
    Ended,
    /// The probe of a better transport failed; the session goes on.
    Upgrade,
    /// The session is not open yet.
    NotOpen,
    /// The session is closed, or closing.
    Closed,
    /// The outbox is full (from [`try_send`](crate::Handle::try_send) alone).
    Full,
    /// The message is larger than the server's `maxPayload` allows on polling.
    TooLarge,
    /// The text holds the separator of payloads, `\x1e`, which only a transport of frames can
    /// carry: any server would split it on polling.
    NeedsFrames,
    /// What was sent may not have arrived (from [`confirm`](crate::Handle::confirm) alone).
    Unconfirmed,
    /// It can't be had here: receipts from a server or a transport that confirms nothing.
    Unsupported,
    /// The task that drives the connection was dropped, or panicked.
    Aborted,
    /// Anything else, from a custom transport or runtime.
    Other,
}

impl Error {
    /// An error of this kind. The message is in lower case, without a full stop, and tells this
    /// level alone.
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

    /// The same error, with its cause.
    #[must_use]
    pub fn with_source(self, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        let mut inner = Arc::unwrap_or_clone(self.0);
        inner.source = Some(Arc::new(source));
        Self(Arc::new(inner))
    }

    /// The same error, with what a function of the user's failed with as its cause.
    pub(crate) fn with_handler_error(self, source: HandlerError) -> Self {
        let mut inner = Arc::unwrap_or_clone(self.0);
        inner.source = Some(source.into());
        Self(Arc::new(inner))
    }

    /// The same error, with the HTTP status that the server or the proxy answered.
    #[must_use]
    pub fn with_status(self, status: u16) -> Self {
        let mut inner = Arc::unwrap_or_clone(self.0);
        inner.status = Some(status);
        Self(Arc::new(inner))
    }

    /// The same error, with the limit that was reached, which the message names from now on, as
    /// `(limit max_body_size)`.
    #[must_use]
    pub fn with_limit(self, limit: Limit) -> Self {
        let mut inner = Arc::unwrap_or_clone(self.0);
        inner.limit = Some(limit);
        inner.message = format!("{} (limit {limit})", inner.message).into();
        Self(Arc::new(inner))
    }

    /// The same error, with the URL that was asked. Its user, password, query and fragment, which may be
    /// secret, are left out.
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
        // They fail for URLs that have no place for them.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        url.set_query(None);
        url.set_fragment(None);
        let mut inner = Arc::unwrap_or_clone(self.0);
        inner.url = Some(url);
        Self(Arc::new(inner))
    }

    /// The same error, with the time after which the server wants to be asked again.
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

    /// The same error, with the place that the server names instead: the value of `Location`, as it came. A
    /// relative one is relative to the URL that was asked.
    ///
    /// A transport tells a redirect by this. Where the answer was one to the handshake, the client opens the
    /// session there, if [`Builder::follow_redirects`](crate::Builder::follow_redirects) is on. The message
    /// of the error should name the place, without user, password and query.
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

    /// The same error, which says from now on why its redirect is not followed.
    pub(crate) fn redirect_not_followed(self, why: impl fmt::Display) -> Self {
        let mut inner = Arc::unwrap_or_clone(self.0);
        inner.message = format!("{}, which is not followed: {why}", inner.message).into();
        Self(Arc::new(inner))
    }

    /// The same error, with what a program may ask of the other one, which this one tells anew.
    pub(crate) fn with_facts_of(self, other: &Self) -> Self {
        let mut inner = Arc::unwrap_or_clone(self.0);
        inner.kind = other.0.kind;
        inner.status = other.0.status;
        inner.limit = other.0.limit;
        inner.url.clone_from(&other.0.url);
        inner.retry_after = other.0.retry_after;
        inner.redirect.clone_from(&other.0.redirect);
        Self(Arc::new(inner))
    }

    pub(crate) fn timeout(limit: Limit, value: Duration) -> Self {
        let name = limit.setter().replace('_', " ");
        let message = format!("the {name} of {} s passed", value.as_secs_f64());
        Self::new(ErrorKind::Timeout, message).with_limit(limit)
    }

    /// What kind of error it is.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The HTTP status with which the server or the proxy refused, where there was one.
    pub fn status(&self) -> Option<u16> {
        self.0.status
    }

    /// Which limit of this client was reached, where one was.
    pub fn limit(&self) -> Option<Limit> {
        self.0.limit
    }

    /// The URL that was asked, without user, password, query and fragment, where one was.
    pub fn url(&self) -> Option<&Url> {
        self.0.url.as_ref()
    }

    /// For how long the server wants not to be asked again: its `Retry-After`, a day at most.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// Where the server wants to be asked instead: the `Location` of its redirect, as it came, where the
    /// redirect was not followed. It may be relative, and may hold secrets (a query, a password), which
    /// `Display` and `Debug` leave out. A program that goes there should decide whether it may.
    pub fn redirect(&self) -> Option<&str> {
        self.0.redirect.as_deref()
    }

    /// Whether a new attempt to connect, with nothing changed, may succeed later. Not after what does not
    /// mend itself: settings that can't be used, a certificate that is refused, an answer that is not
    /// Engine.IO, a status that blames the request (4xx but 408, 425 and 429) or says "never" (501, 505).
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

    /// Whether a time limit passed.
    pub fn is_timeout(&self) -> bool {
        self.kind() == ErrorKind::Timeout
    }

    /// Whether the session is closed, or closing.
    pub fn is_closed(&self) -> bool {
        self.kind() == ErrorKind::Closed
    }

    /// Whether the server said something that the protocol does not allow.
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

    /// This error and all its causes, on one line.
    pub fn report(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            let line = error.to_string();
            // Some libraries repeat their cause in their own message.
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
    fn a_report_does_not_say_a_cause_twice() {
        let inner = Error::new(ErrorKind::Connect, "refused");
        let outer = Error::new(ErrorKind::Connect, "no connection: refused").with_source(inner);
        assert_eq!(outer.report(), "no connection: refused");
    }
}
