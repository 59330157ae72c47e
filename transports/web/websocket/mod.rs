//! A browser's WebSocket. What needs no JavaScript is in `inbox` and `pacing`, which are tested on every target.

mod inbox;
mod pacing;
#[cfg(any(target_os = "unknown", document_web))]
mod socket;
#[cfg(any(target_os = "unknown", document_web))]
mod transport;

#[cfg(any(target_os = "unknown", document_web))]
pub use self::transport::WebSocket;
