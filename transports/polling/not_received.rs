//! The error for a request that may be repeated, since the server has not received it.

use std::error::Error as _;
use std::fmt;

use engineio_client::{Error, ErrorKind};

/// The source of an error of the built-in HTTP client: the server had closed a kept connection and
/// received no byte of the request. Each such error uses up one kept connection, so a request is
/// repeated only a limited number of times.
#[derive(Debug)]
struct NotReceived;

impl fmt::Display for NotReceived {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a reused connection ended before the request arrived")
    }
}

impl std::error::Error for NotReceived {}

pub(super) fn not_received() -> Error {
    Error::new(ErrorKind::Ended, "the request was not received").with_source(NotReceived)
}

pub(super) fn is_not_received(error: &Error) -> bool {
    error
        .source()
        .is_some_and(|cause| cause.is::<NotReceived>())
}
