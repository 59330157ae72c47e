//! The code that several built-in transports use: how connections are made, and how HTTP heads and
//! buffers are handled on them.

pub(super) mod buffer_pool;
pub(super) mod dial;
pub(super) mod own_error;
pub(super) mod read_buffer;
pub(super) mod response_head;
pub(super) mod status_error;
pub(super) mod user_agent;

#[cfg(feature = "rustls")]
pub use dial::tls::Tls;
pub use dial::{Dialer, Proxy};
/// The TLS library in the version that [`Tls::from_config`] takes.
#[cfg(feature = "rustls")]
pub use futures_rustls::rustls;
