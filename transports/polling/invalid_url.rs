//! The error for a URL that HTTP can't request.

use engineio_client::{Error, ErrorKind};

pub(super) fn invalid_url() -> Error {
    Error::new(ErrorKind::Invalid, "the URL can't be requested")
}

pub(super) fn invalid_url_because(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    invalid_url().with_source(error)
}
