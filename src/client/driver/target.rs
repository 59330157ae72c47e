//! Where the links of a session are opened.

use url::Url;

use crate::error::Error;
use crate::transport::OpenRequest;

pub(super) enum Target {
    /// The request of every `open`, without the name of the transport and the sid.
    Request(Box<OpenRequest>),
    /// The session opens no more links. Errors name its URL, which is shorter as a text.
    Url(Box<str>),
}

impl Target {
    /// Names the URL in an error that ends the session.
    pub(super) fn name_in(&self, error: Error) -> Error {
        match self {
            Self::Request(request) => error.at(&request.url),
            // The text is that of a URL, so it can be parsed.
            Self::Url(text) => match Url::parse(text) {
                Ok(url) => error.at(&url),
                Err(_) => error,
            },
        }
    }
}
