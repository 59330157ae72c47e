//! Code that several built-in transports share: how they connect, and how they handle HTTP heads,
//! error responses and buffers.

pub(super) mod buffer_pool;
#[cfg(all(feature = "websocket", feature = "compression"))]
pub(super) mod deflate;
pub(super) mod dial;
pub(super) mod own_error;
pub(super) mod read_buffer;
pub(super) mod response_head;
pub(super) mod user_agent;

#[cfg(all(feature = "websocket", feature = "compression"))]
pub use deflate::Deflate;
#[cfg(feature = "rustls")]
pub use dial::tls::Tls;
pub use dial::{Dialer, Proxy};
/// The rustls version that [`Tls::from_config`] takes.
#[cfg(feature = "rustls")]
pub use futures_rustls::rustls;
