//! What this build does with a compressed body: it has not asked for one.

use engineio_client::{Error, ErrorKind};

use super::Coding;

/// What polls say of it, if anything.
pub(in super::super) const ACCEPTED: Option<&str> = None;

pub(super) fn inflate(_: Coding, _: &[u8], _: usize) -> Result<Vec<u8>, Error> {
    Err(Error::new(
        ErrorKind::Http,
        "the body of a poll is compressed, which it was not asked to be (feature compression)",
    ))
}
