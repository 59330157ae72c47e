//! The error for a URL that can't be used in an HTTP request.

use engineio_client::{Error, ErrorKind};

pub(super) fn invalid_url() -> Error {
    Error::new(
        ErrorKind::Invalid,
        "the URL can't be used in an HTTP request",
    )
}

pub(super) fn invalid_url_because(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    invalid_url().with_source(error)
}
