//! What this build does with a compressed body: it has not asked for one.

use engineio_client::{Error, ErrorKind};

/// What polls say of it, if anything.
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
        "the body of a poll is compressed, which it was not asked to be (feature compression)",
    )
}
