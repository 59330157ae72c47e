//! The settings that the built-in transports share.

#[cfg(feature = "polling")]
use std::sync::Arc;

#[cfg(feature = "polling")]
use engineio_client::http::HttpClient;

/// Passed to the constructor of each built-in transport.
#[derive(Clone, Default)]
pub(super) struct BuiltInSettings {
    #[cfg(all(feature = "__dial", not(target_os = "unknown")))]
    pub(super) dialer: super::shared::Dialer,
    /// Replaces the built-in HTTP client.
    #[cfg(feature = "polling")]
    pub(super) http_client: Option<Arc<dyn HttpClient>>,
    /// Compresses messages over WebSocket.
    #[cfg(all(
        feature = "websocket",
        feature = "compression",
        not(target_os = "unknown")
    ))]
    pub(super) deflate: Option<super::shared::Deflate>,
}
