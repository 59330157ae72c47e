//! Limits on the head of an HTTP response, for every parser of one.

use engineio_client::{Error, ErrorKind, Limit};

/// Maximum number of headers of one response. The cookies of some proxies take more than 100. The size
/// of a head in bytes has a limit of its own.
pub(crate) const MAX_HEADERS: usize = 1024;

/// The error for a head of more than `limit` bytes.
pub(crate) fn too_large(limit: usize) -> Error {
    let message = format!("the server sent an HTTP head of more than {limit} bytes");
    Error::new(ErrorKind::Limit, message).with_limit(Limit::HeadSize)
}
