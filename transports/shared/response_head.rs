//! The limits of the head of an HTTP response, whichever code parses it.

use engineio_client::{Error, ErrorKind, Limit};

/// More headers than any server has to send; hyper's own limit of 100 is met by some proxies' cookies.
/// The bytes of the head are limited besides.
pub(crate) const MOST_HEADERS: usize = 1024;

/// The error for a head of more bytes than this.
pub(crate) fn too_large(limit: usize) -> Error {
    let message = format!("an HTTP head of more than {limit} bytes");
    Error::new(ErrorKind::Limit, message).with_limit(Limit::HeadSize)
}
