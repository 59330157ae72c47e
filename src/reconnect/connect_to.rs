//! The target of a connection, which a hook may change.

use std::fmt;

use http::HeaderMap;
use url::Url;

/// The target of a connection: the argument and the result of
/// [`Reconnect::before_connect`](crate::Reconnect::before_connect).
///
/// `Debug` omits the values of headers and of the query, and the URL's user, password and query, which
/// may be secret.
///
/// ```
/// use engineio_client::ConnectTo;
/// use engineio_client::handlers::HandlerError;
///
/// async fn with_token(mut to: ConnectTo) -> Result<ConnectTo, HandlerError> {
///     to.query.push(("token".into(), "42".into()));
///     Ok(to)
/// }
///
/// let reconnect = engineio_client::Reconnect::new().before_connect(with_token);
/// # let _ = reconnect;
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct ConnectTo {
    /// The URL, as passed to the builder.
    pub url: String,
    /// Query parameters of each request in addition to the URL's query: names and values, not encoded.
    pub query: Vec<(String, String)>,
    /// Headers of each request.
    pub headers: HeaderMap,
    /// Number of this attempt: 0 for the first connection of the client, otherwise from 1. See
    /// [`Reconnect`](crate::Reconnect#attempts-and-delays). Changing it has no effect.
    pub attempt: u32,
    /// Number of the session to be opened, from 1. Failed attempts do not count. Changing it has no
    /// effect.
    pub session: u64,
}

impl ConnectTo {
    /// The target of the first connection of a client to this URL, without query parameters and
    /// headers: for tests of a `before_connect` function.
    ///
    /// ```
    /// let to = engineio_client::ConnectTo::new("http://localhost:3000");
    /// assert_eq!((to.attempt, to.session), (0, 1));
    /// ```
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            query: Vec::new(),
            headers: HeaderMap::new(),
            attempt: 0,
            session: 1,
        }
    }
}

impl fmt::Debug for ConnectTo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.query.iter().map(|(name, _)| name.as_str()).collect();
        let headers: Vec<&str> = self.headers.keys().map(http::HeaderName::as_str).collect();
        f.debug_struct("ConnectTo")
            .field("url", &without_secrets(&self.url))
            .field("query", &names)
            .field("headers", &headers)
            .field("attempt", &self.attempt)
            .field("session", &self.session)
            .finish()
    }
}

/// The URL without user, password, query and fragment.
fn without_secrets(url: &str) -> String {
    let Ok(mut url) = Url::parse(url) else {
        return String::from("not a URL");
    };
    // These fail only for URLs that cannot have a user or a password.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_query(None);
    url.set_fragment(None);
    url.into()
}
