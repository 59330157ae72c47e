//! Where a client is about to connect.

use std::fmt;

use http::HeaderMap;
use url::Url;

/// Where a client is about to connect: what
/// [`Reconnect::before_connect`](crate::Reconnect::before_connect) is given, and returns.
///
/// `Debug` leaves out what may be secret: of headers and the query it shows the names, of the URL neither
/// user nor password.
#[derive(Clone)]
#[non_exhaustive]
pub struct ConnectTo {
    /// The URL, as given to the builder.
    pub url: String,
    /// What goes with each request beside the URL's own query: names and values, not encoded.
    pub query: Vec<(String, String)>,
    /// The headers of each request.
    pub headers: HeaderMap,
    /// The number of this attempt. 0 for the first connection of the client, else from 1: see
    /// [`Reconnect`](crate::Reconnect#attempts-and-delays). Changing it has no effect.
    pub attempt: u32,
    /// The number of the session that is to be opened, from 1. Attempts that fail do not count. Changing
    /// it has no effect.
    pub session: u64,
}

impl ConnectTo {
    /// The first connection of a client to this URL, without query and headers. For tests of a function
    /// that is called before a connection.
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
    // They fail for URLs that have no place for them.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_query(None);
    url.set_fragment(None);
    url.into()
}
