//! The `User-Agent` header of all requests.

/// The default value, which a header set by the user replaces.
pub(crate) const USER_AGENT: &str = concat!("engineio-client/", env!("CARGO_PKG_VERSION"));
