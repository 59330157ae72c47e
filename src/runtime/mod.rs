//! The [`Runtime`] trait, and the built-in runtimes.
//!
//! A runtime is a value that is passed to the client. The features `tokio`, `smol` and `async-std` each
//! add a type ([`Tokio`], [`Smol`], [`AsyncStd`]), and a program may use several at once, or its own
//! implementation of the trait. The feature `mock` adds [`MockRuntime`](mock::MockRuntime), for tests in
//! virtual time.

#[cfg(feature = "async-std")]
mod async_std;
#[cfg(feature = "__bound_socket")]
mod bound_socket;
#[cfg(feature = "__runtime")]
mod clock;
mod connection;
#[cfg(feature = "mock")]
#[expect(
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "the mock kit reports mistakes of a test by panics, and gets no input from outside"
)]
pub mod mock;
mod random;
#[cfg(feature = "smol")]
mod smol;
#[cfg(all(target_os = "linux", feature = "__runtime"))]
mod sock_diag;
#[cfg(all(not(target_os = "linux"), feature = "__runtime"))]
#[path = "no_sock_diag.rs"]
mod sock_diag;
#[cfg(feature = "__runtime")]
mod socket;
#[cfg(feature = "tokio")]
mod tokio;
mod traits;

#[cfg(feature = "async-std")]
pub use async_std::AsyncStd;
pub use connection::{Acknowledges, Address, BoxedStream, ByteStream};
#[cfg(feature = "smol")]
pub use smol::Smol;
#[cfg(feature = "tokio")]
pub use tokio::Tokio;
pub use traits::Runtime;
