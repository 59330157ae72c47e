//! The header `User-Agent` of all requests.

/// The value, unless the user sets another.
pub(crate) const USER_AGENT: &str = concat!("engineio-client/", env!("CARGO_PKG_VERSION"));
