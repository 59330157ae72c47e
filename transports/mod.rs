//! The transports that are built in, and the list of transports to choose from.
#[cfg(feature = "mock")]
pub mod mock;
