//! What the client asks of an async runtime, and the runtimes that are built in.
//!
//! A runtime is a value, not a guess: features add [`Tokio`], [`Smol`] and [`AsyncStd`] side by
//! side, and a program may use several at once, or one of its own.

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
    reason = "what a test does wrong is told by a panic, and nothing comes from outside"
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
