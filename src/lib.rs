//! Engine.IO v4 client.

// The folder `transports` is compiled a second time as a foreign crate, so it names this crate as
// a stranger does.
extern crate self as engineio_client;

mod client;
pub mod codec;
mod engine;
mod error;
mod event;
mod front;
pub mod http;
mod packet;
pub mod runtime;
mod text;
pub mod transport;
#[path = "../transports/mod.rs"]
pub mod transports;

pub use async_trait::async_trait;
pub use client::{Builder, Client, Handle, SinkError};
pub use error::{Error, ErrorKind, SendError};
pub use event::{Closed, Connected, Event, Reason};
#[cfg(feature = "async-std")]
pub use front::async_std;
#[cfg(feature = "smol")]
pub use front::smol;
#[cfg(feature = "tokio")]
pub use front::tokio;
pub use packet::{Batch, Handshake, Message, Packet, Text};
#[cfg(feature = "async-std")]
pub use runtime::AsyncStd;
pub use runtime::Runtime;
#[cfg(feature = "smol")]
pub use runtime::Smol;
#[cfg(feature = "tokio")]
pub use runtime::Tokio;
#[cfg(feature = "mock")]
pub use runtime::mock::MockRuntime;
pub use transport::{
    Activity, Framing, Limits, Link, OpenRequest, PacketReceiver, PacketSender, Transport,
};
