//! What `eio --version` prints.

/// The features of this build that change what `eio` can do.
const FEATURES: &[&str] = &[
    #[cfg(feature = "tokio")]
    "tokio",
    #[cfg(feature = "smol")]
    "smol",
    #[cfg(feature = "async-std")]
    "async-std",
    #[cfg(feature = "polling")]
    "polling",
    #[cfg(feature = "websocket")]
    "websocket",
    #[cfg(feature = "rustls")]
    "rustls",
    #[cfg(feature = "compression")]
    "compression",
];

/// The version and the features, as in `eio 0.1.0 (tokio, polling, websocket, rustls)`.
pub(crate) fn version() -> String {
    let features = FEATURES.join(", ");
    format!("eio {} ({features})\n", env!("CARGO_PKG_VERSION"))
}
