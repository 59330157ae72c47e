//! Replaces decompression if the feature `compression` is disabled.

use engineio_client::{Error, ErrorKind};

/// The value of `Accept-Encoding` for polls: no compression is requested.
pub(super) const ACCEPTED: Option<&str> = None;

pub(super) fn gunzip(_: &[u8], _: usize) -> Result<Vec<u8>, Error> {
    Err(not_asked_for())
}

pub(super) fn inflate(_: &[u8], _: usize) -> Result<Vec<u8>, Error> {
    Err(not_asked_for())
}

fn not_asked_for() -> Error {
    Error::new(
        ErrorKind::Http,
        "the server compressed the response to a poll without being asked; \
         the feature compression would decode it",
    )
}
