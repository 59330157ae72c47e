//! The client for threads: the same builder and methods as the async client, but its calls block.
//!
//! ```no_run
//! # fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let mut client = engineio_client::blocking::connect("http://localhost:3000")?;
//! client.send("hello")?;
//! for message in &mut client {
//!     println!("{message:?}");
//! }
//! println!("{}", client.wait());
//! # Ok(())
//! # }
//! ```
//!
//! The program needs no async runtime: all blocking clients of a process run their sessions on one
//! [`Background`] thread. Sessions stay alive whatever the other threads do.
//!
//! The client can be used and dropped on any thread, including those of tokio's `spawn_blocking`. Inside
//! of an async task it works, too, but blocks the thread of that task. Where a blocked call would keep
//! its own session from running (on the background thread, or on a thread that async-std needs to run
//! the session), connecting fails with [`ErrorKind::Runtime`](crate::ErrorKind::Runtime).

mod background;
mod block_on;
mod builder;
mod client;
mod handle;
mod messages;

pub use background::Background;
pub use client::Client;
pub use handle::Handle;
pub use messages::Messages;

use crate::error::Error;

/// Connects with the default settings, and waits until the session is open.
///
/// ```no_run
/// # fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let client = engineio_client::blocking::connect("http://localhost:3000")?;
/// client.send("hello")?;
/// client.disconnect();
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// The same as [`Builder::connect`](crate::Builder#method.connect-1).
pub fn connect(url: impl AsRef<str>) -> Result<Client, Error> {
    Client::connect(url)
}
