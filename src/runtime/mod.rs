//! The [`Runtime`] trait, and the built-in runtimes.
//!
//! A runtime is a value that is passed to the client. The features `tokio`, `smol` and `async-std` each
//! add a type ([`Tokio`], [`Smol`], [`AsyncStd`]), and a program may use several at once, or its own
//! implementation of the trait. In a browser, the feature `web` adds [`Web`] instead. The feature `mock`
//! adds [`MockRuntime`](mock::MockRuntime), for tests in virtual time.

#[cfg(all(feature = "async-std", not(target_os = "unknown")))]
mod async_std;
#[cfg(all(feature = "__bound_socket", not(target_os = "unknown")))]
mod bound_socket;
#[cfg(all(feature = "__runtime", not(target_os = "unknown")))]
mod clock;
mod connection;
mod maybe_send;
#[cfg(feature = "mock")]
#[expect(
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "the mock kit reports mistakes of a test by panics, and gets no input from outside"
)]
pub mod mock;
#[cfg(not(target_os = "unknown"))]
mod random;
#[cfg(target_os = "unknown")]
#[path = "no_random.rs"]
mod random;
#[cfg(all(feature = "smol", not(target_os = "unknown")))]
mod smol;
#[cfg(all(target_os = "linux", feature = "__runtime"))]
mod sock_diag;
#[cfg(all(
    not(any(target_os = "linux", target_os = "unknown")),
    feature = "__runtime"
))]
#[path = "no_sock_diag.rs"]
mod sock_diag;
#[cfg(all(feature = "__runtime", not(target_os = "unknown")))]
mod socket;
#[cfg(all(feature = "tokio", not(target_os = "unknown")))]
mod tokio;
mod traits;
#[cfg(all(feature = "web", any(target_os = "unknown", document_web, test)))]
mod web;

#[cfg(all(feature = "async-std", not(target_os = "unknown")))]
pub use async_std::AsyncStd;
pub use connection::{Acknowledges, Address, BoxedStream, ByteStream};
pub(crate) use maybe_send::{Local, local};
pub use maybe_send::{MaybeSend, MaybeSync};
#[cfg(all(feature = "smol", not(target_os = "unknown")))]
pub use smol::Smol;
#[cfg(all(feature = "tokio", not(target_os = "unknown")))]
pub use tokio::Tokio;
pub use traits::Runtime;
#[cfg(all(feature = "web", any(target_os = "unknown", document_web)))]
pub use web::Web;
