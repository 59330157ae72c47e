//! An Engine.IO v4 client: long polling and WebSocket, on tokio, smol or async-std, with transports
//! that anyone can plug in, and a mock transport and runtime for deterministic tests.
//!
//! Each runtime has a front door with plain types: `engineio_client::tokio`,
//! `engineio_client::smol`, `engineio_client::async_std`. (Write them in full: a
//! `use engineio_client::tokio;` would hide the crate of that name.) Threads have
//! `engineio_client::blocking`.
//!
//! ```no_run
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let mut client = engineio_client::tokio::connect("http://localhost:3000").await?;
//! client.send("hello").await?;
//! while let Some(message) = client.recv().await {
//!     println!("{message:?}");
//! }
//! println!("{}", client.wait().await);
//! # Ok(())
//! # }
//! ```
//!
//! # What is here
//!
//! - [`Client`], one session, and [`Builder`], everything that can be set about it. A client is a
//!   `Stream` of [`Event`]s and a `Sink` of [`Message`]s; a [`Handle`] sends and closes from elsewhere.
//! - [`handlers`]: the same session told as functions that are called when something happens.
//! - [`Transport`] and [`transports`]: how packets travel. The built-in ones use nothing that yours
//!   could not; [`transport`] has the contract, [`codec`] the wire format, [`http`] what polling asks
//!   of an HTTP client, [`cookies`] what a load balancer needs.
//! - [`Runtime`] and [`runtime`]: clock, timers, tasks and connections.
//! - [`Error`] and [`Closed`]: what failed, and what became of each message.
//! - [`Reconnect`] and [`Receipts`]: a client that outlives its sessions, and which messages have arrived.
//!
//! # Does it reconnect?
//!
//! If it is told to: [`Builder::reconnect`]. By default what is not sent goes by the next session and
//! nothing is sent twice (at most once); with [`Resend::Unconfirmed`] what is not known to have arrived is
//! sent again (at least once). Without it a client is one session, and `Closed` is its end.
//!
//! # Concurrency
//!
//! A session (or, with [`Reconnect`], one after the other) is one task, spawned on the runtime when it starts. It owns the transport, answers
//! pings, upgrades and flushes, and ends by itself within the time limits of [`Builder`]. The
//! client and its handles talk to it through two bounded queues, and may be used from any thread.
//! Handlers are called in a task of their own.
//!
//! # Features
//!
//! `tokio`, `smol`, `async-std` (a runtime each), `polling`, `websocket` (the transports), `rustls`
//! (`https` and `wss`), `compression` (of what polls bring), `blocking` (the client for threads),
//! `surf` (polling by your own surf client), `mock` (for tests), `cli` (the program `eio`). They only
//! add; by default `tokio`, `polling`, `websocket` and `rustls`.

// Nothing that comes from outside may end the program, so nothing in here may panic. Where the compiler
// can't see that something holds, an `expect` tells why it does.
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::unreachable,
        clippy::indexing_slicing,
        clippy::string_slice,
        clippy::arithmetic_side_effects
    )
)]

// The folder `transports` is compiled a second time as a foreign crate, so it names this crate as
// a stranger does.
extern crate self as engineio_client;

mod amount;
mod batch;
#[cfg(feature = "blocking")]
pub mod blocking;
mod client;
pub mod client_kind;
pub mod codec;
pub mod cookies;
mod engine;
mod error;
mod event;
mod fence;
mod front;
#[cfg(any(doc, doctest))]
pub mod guide;
pub mod http;
#[expect(
    clippy::arithmetic_side_effects,
    reason = "each number has four digits at most, and is checked before it is reckoned with"
)]
mod http_date;
mod limits;
mod packet;
mod receipts;
mod reconnect;
pub mod runtime;
mod text;
pub mod transport;
#[path = "../transports/mod.rs"]
pub mod transports;

pub use async_trait::async_trait;
pub use batch::{Batch, BatchIter};
pub use client::handlers;
pub use client::{
    Backlog, Builder, Client, Handle, SendAllError, SendError, SendJsonError, SinkError, Task,
};
pub use error::{Error, ErrorKind};
pub use event::{Closed, Connected, Disconnected, Event, GivenUp, PeerClose, Reason, Reconnecting};
pub use fence::Fence;
#[cfg(feature = "async-std")]
pub use front::async_std;
#[cfg(feature = "smol")]
pub use front::smol;
#[cfg(feature = "tokio")]
pub use front::tokio;
pub use limits::{Capacity, Limit, Limits};
pub use packet::{Handshake, Message, Packet, Text};
pub use receipts::Receipts;
pub use reconnect::{ConnectTo, Lost, Reconnect, Resend, Retry};
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
    Activity, Confirms, Framing, Link, OpenRequest, PacketReceiver, PacketSender, Transport,
};

/// What the fuzz targets need of what is private. Only there when cargo-fuzz builds it.
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing {
    /// Runs the engine in a model whose course these bytes decide.
    pub fn engine(bytes: &[u8]) {
        crate::engine::test_model::check(bytes);
    }

    /// Runs the whole client among users and links that these bytes decide about.
    pub fn client(bytes: &[u8]) {
        crate::client::test_model::check(bytes);
    }
}

/// What the benchmarks need of what is private: nobody else's, and free to change at any time.
#[cfg(feature = "__bench")]
#[doc(hidden)]
pub mod bench;

/// The examples of the README are compiled with those of the documentation.
#[cfg(all(doctest, feature = "tokio", feature = "polling", feature = "websocket"))]
#[doc = include_str!("../README.md")]
struct Readme;
