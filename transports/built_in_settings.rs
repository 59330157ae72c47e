//! The settings that all transports of the default list share.

#[cfg(feature = "polling")]
use std::sync::Arc;

#[cfg(feature = "polling")]
use engineio_client::http::HttpClient;

/// Each built-in transport has a constructor that takes these.
#[derive(Clone, Default)]
pub(super) struct BuiltInSettings {
    #[cfg(feature = "__dial")]
    pub(super) dialer: super::shared::Dialer,
    /// Makes HTTP requests in place of the built-in client.
    #[cfg(feature = "polling")]
    pub(super) http_client: Option<Arc<dyn HttpClient>>,
}
