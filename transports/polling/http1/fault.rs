//! Why a request has no response.

use std::{fmt, io};

use engineio_client::{Error, ErrorKind, Limit, Limits};
use url::Url;

use super::super::super::shared::own_error::own_error;
use super::super::super::shared::response_head;
use super::super::super::status_error::address;

#[derive(Debug)]
pub(super) enum Fault {
    /// The response is not HTTP.
    NotHttp(String),
    HeadTooLarge,
    BodyTooLarge,
    /// The connection failed, or ended too early.
    Connection(io::Error),
}

impl Fault {
    pub(super) fn not_http(cause: impl fmt::Display) -> Self {
        Self::NotHttp(cause.to_string())
    }

    /// The connection ended before the response was complete.
    pub(super) fn ended() -> Self {
        let message = "the connection ended before the response was complete";
        Self::Connection(io::Error::new(io::ErrorKind::UnexpectedEof, message))
    }

    /// The error of a request that was sent to this URL.
    pub(super) fn into_error(self, url: &Url, limits: &Limits) -> Error {
        match self {
            Self::NotHttp(cause) => {
                let message = format!("{}: the server's response is not HTTP", address(url));
                Error::new(ErrorKind::Http, message).with_source(NotHttp(cause))
            }
            Self::HeadTooLarge => response_head::too_large(limits.head),
            Self::BodyTooLarge => {
                let limit = limits.body;
                let message = format!("the server sent a body of more than {limit} bytes");
                Error::new(ErrorKind::Limit, message).with_limit(Limit::BodySize)
            }
            Self::Connection(cause) => own_error(&cause).unwrap_or_else(|| {
                let url = address(url);
                let message = format!("{url}: the connection failed during a request");
                Error::new(ErrorKind::Ended, message).with_source(cause)
            }),
        }
    }
}

/// What is wrong with the response.
#[derive(Debug)]
struct NotHttp(String);

impl fmt::Display for NotHttp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NotHttp {}
