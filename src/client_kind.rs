//! Type parameters of [`Builder`](crate::Builder) that select the async or the blocking client. The
//! setters are the same for both; `connect` and the handlers differ.

/// Selects the async [`Client`](crate::Client).
///
/// ```
/// # #[cfg(all(feature = "tokio", feature = "polling", feature = "websocket"))] {
/// use engineio_client::client_kind::Async;
/// use engineio_client::transports::Transports;
/// use engineio_client::{Builder, Tokio};
///
/// fn with_token(builder: Builder<Transports, Tokio, Async>) -> Builder<Transports, Tokio, Async> {
///     builder.header("authorization", "Bearer 42")
/// }
/// # }
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct Async;

/// Selects the [`blocking::Client`](crate::blocking::Client).
///
/// ```
/// # #[cfg(all(feature = "tokio", feature = "polling", feature = "websocket"))] {
/// use engineio_client::client_kind::Blocking;
/// use engineio_client::transports::Transports;
/// use engineio_client::{Builder, Tokio};
///
/// type BlockingBuilder = Builder<Transports, Tokio, Blocking>;
/// # }
/// ```
#[cfg(all(feature = "blocking", not(target_os = "unknown")))]
#[derive(Debug)]
#[non_exhaustive]
pub struct Blocking;
