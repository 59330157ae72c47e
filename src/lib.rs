//! An Engine.IO v4 client: HTTP long polling and WebSocket, on tokio, smol, async-std or blocking threads and in browsers,
//! with transports and runtimes as traits, and a mock kit for deterministic tests.
//!
//! # A first program
//!
//! Each runtime has a module with ready-made types. On tokio (the default features):
//!
//! ```no_run
//! # #[cfg(all(feature = "tokio", feature = "polling", feature = "websocket"))]
//! # mod example {
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let mut client = engineio_client::tokio::connect("http://localhost:3000").await?;
//!     client.send("hello").await?;
//!     while let Some(message) = client.recv().await {
//!         println!("{message:?}");
//!     }
//!     println!("{}", client.wait().await); // why the session ended
//!     Ok(())
//! }
//! # }
//! ```
//!
//! On smol (feature `smol`):
//!
//! ```no_run
//! # #[cfg(all(feature = "smol", feature = "polling", feature = "websocket"))]
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     smol::block_on(async {
//!         let mut client = engineio_client::smol::connect("http://localhost:3000").await?;
//!         client.send("hello").await?;
//!         println!("{:?}", client.recv().await);
//!         println!("{}", client.disconnect().await);
//!         Ok(())
//!     })
//! }
//! # #[cfg(not(all(feature = "smol", feature = "polling", feature = "websocket")))]
//! # fn main() {}
//! ```
//!
//! On async-std (feature `async-std`):
//!
//! ```no_run
//! # #[cfg(all(feature = "async-std", feature = "polling", feature = "websocket"))]
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     async_std::task::block_on(async {
//!         let mut client = engineio_client::async_std::connect("http://localhost:3000").await?;
//!         client.send("hello").await?;
//!         println!("{:?}", client.recv().await);
//!         println!("{}", client.disconnect().await);
//!         Ok(())
//!     })
//! }
//! # #[cfg(not(all(feature = "async-std", feature = "polling", feature = "websocket")))]
//! # fn main() {}
//! ```
//!
//! In a browser (feature `web`, on the target `wasm32-unknown-unknown`):
//!
//! ```no_run
//! # #[cfg(all(feature = "web", target_os = "unknown"))]
//! async fn chat() -> Result<(), engineio_client::Error> {
//!     let mut client = engineio_client::web::connect("http://localhost:3000").await?;
//!     client.send("hello").await?;
//!     while let Some(message) = client.recv().await {
//!         web_sys::console::log_1(&format!("{message:?}").into());
//!     }
//!     Ok(())
//! }
//! ```
//!
//! With blocking calls (feature `blocking`), without a runtime of your own:
//!
//! ```no_run
//! # #[cfg(all(feature = "blocking", feature = "polling", feature = "websocket"))]
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let mut client = engineio_client::blocking::connect("http://localhost:3000")?;
//!     client.send("hello")?;
//!     for message in &mut client {
//!         println!("{message:?}");
//!     }
//!     println!("{}", client.wait());
//!     Ok(())
//! }
//! # #[cfg(not(all(feature = "blocking", feature = "polling", feature = "websocket")))]
//! # fn main() {}
//! ```
//!
//! Write `engineio_client::tokio::..` in full: `use engineio_client::tokio` would hide the crate `tokio`.
//!
//! # Where to look
//!
//! | you want to | see |
//! |---|---|
//! | send, receive and close | [`Client`] (in code: the alias of your runtime, `engineio_client::tokio::Client`), [`Handle`], [`Message`], [`Event`] |
//! | change URL, headers, transports, limits, time-outs, TLS | [`Builder`] |
//! | register functions for events | [`handlers`] |
//! | reconnect, or know what has arrived | [`Reconnect`], [`Receipts`], [guide: staying connected](guide::staying_connected) |
//! | deal with errors | [`Error`], [`ErrorKind`], [`Closed`], [guide: errors](guide::errors) |
//! | test your program | [`transports::mock`], [`runtime::mock`], [guide: testing](guide::testing) |
//! | add a transport, a runtime or an HTTP client | [`transport`], [`runtime`], [`http`], [guide: extending](guide::extending) |
//! | translate names from another client | [guide: coming from another client](guide::coming_from) |
//! | run in a browser, Node or Deno | [`web`], [`transports::web`], [guide: in a browser](guide::browser) |
//! | know what is sent over the wire | [guide: the protocol](guide::protocol) |
//!
//! # How it runs
//!
//! [`Builder::connect`] spawns one task on the runtime, which owns the transport: it answers pings,
//! upgrades from polling to WebSocket, sends queued messages, and ends within the time limits of the
//! builder. With [`Reconnect`] the same task runs one session after the other. The client and its
//! handles talk to the task through two bounded queues, and may be used from any thread. Handlers run
//! in a task of their own, one call at a time.
//!
//! Without [`Reconnect`] a client is one session: when that ends, [`Client::recv`] returns `None`, and
//! [`Client::wait`] returns a [`Closed`] that says why and what became of each message.
//!
//! # Features
//!
//! | feature | default | what it adds |
//! |---|---|---|
//! | `tokio` | yes | the runtime [`Tokio`] |
//! | `smol` | | the runtime [`Smol`] |
//! | `async-std` | | the runtime [`AsyncStd`], for programs that still use async-std, which upstream has discontinued |
//! | `polling` | yes | HTTP long polling |
//! | `websocket` | yes | WebSocket |
//! | `rustls` | yes | `https` and `wss` on every runtime, with the certificates of the operating system |
//! | `web` | | the runtime [`Web`] and [transports](transports::web) for browsers, on `wasm32-unknown-unknown` only: [guide: in a browser](guide::browser) |
//! | `compression` | | poll responses compressed with gzip or deflate, and WebSocket messages by permessage-deflate |
//! | `blocking` | | the client for threads: [`blocking`] |
//! | `surf` | | polling through your own `surf::Client`, which upstream no longer maintains |
//! | `mock` | | the test kit: [`transports::mock`], [`runtime::mock`], [`transports::conformance`] |
//! | `cli` | | the dependencies of the command line client [`eio`](guide::eio) |
//!
//! Features are additive: every combination builds, including none. In a browser, the features of the other runtimes,
//! `rustls`, `compression`, `blocking` and `surf` do nothing.

// The crate's page links to items that need features. docs.rs enables all of them.
#![cfg_attr(
    not(all(
        feature = "tokio",
        feature = "smol",
        feature = "async-std",
        feature = "blocking",
        feature = "mock",
        feature = "web",
        document_web
    )),
    allow(rustdoc::broken_intra_doc_links)
)]
// Set by docs.rs: each item then shows which features it needs.
#![cfg_attr(docsrs, feature(doc_cfg))]
// Features that no user sets.
#![cfg_attr(
    docsrs,
    doc(auto_cfg(hide(
        document_web,
        feature = "__dial",
        feature = "__runtime",
        feature = "__bound_socket"
    )))
)]
// No input from the network may panic. Where the compiler can't prove that a call does not panic, an `#[expect]`
// gives the reason.
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

// A test compiles the folder `transports` as a foreign crate, to prove that it uses public items only. So its
// files name this crate as a user's would.
extern crate self as engineio_client;

mod amount;
mod batch;
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
    reason = "every number has at most four digits, and is checked before it is used"
)]
mod http_date;
mod limits;
mod packet;
mod packet_list;
mod receipts;
mod reconnect;
pub mod runtime;
mod seconds;
mod text;
pub mod transport;
#[path = "../transports/mod.rs"]
pub mod transports;

// rustdoc shows `impl` blocks in the order of their modules: on the page of `Builder` the blocking mode
// comes last.
#[cfg(all(feature = "blocking", not(target_os = "unknown")))]
pub mod blocking;

pub use async_trait::async_trait;
pub use batch::{Batch, BatchIter};
pub use client::handlers;
pub use client::{
    Backlog, Builder, Client, Handle, SendAllError, SendError, SendJsonError, SinkError, Task,
};
pub use error::{Error, ErrorKind};
pub use event::{Closed, Connected, Disconnected, Event, GivenUp, PeerClose, Reason, Reconnecting};
pub use fence::Fence;
#[cfg(all(feature = "async-std", not(target_os = "unknown")))]
pub use front::async_std;
#[cfg(all(feature = "smol", not(target_os = "unknown")))]
pub use front::smol;
#[cfg(all(feature = "tokio", not(target_os = "unknown")))]
pub use front::tokio;
#[cfg(all(feature = "web", any(target_os = "unknown", document_web)))]
pub use front::web;
pub use limits::{Capacity, Limit, Limits};
pub use packet::{Handshake, Message, Packet, Text};
pub use receipts::Receipts;
pub use reconnect::{ConnectTo, Lost, Reconnect, Resend, Retry};
#[cfg(all(feature = "async-std", not(target_os = "unknown")))]
#[doc(inline)]
pub use runtime::AsyncStd;
#[doc(inline)]
pub use runtime::Runtime;
#[cfg(all(feature = "smol", not(target_os = "unknown")))]
#[doc(inline)]
pub use runtime::Smol;
#[cfg(all(feature = "tokio", not(target_os = "unknown")))]
#[doc(inline)]
pub use runtime::Tokio;
#[cfg(all(feature = "web", any(target_os = "unknown", document_web)))]
#[doc(inline)]
pub use runtime::Web;
#[cfg(feature = "mock")]
#[doc(inline)]
pub use runtime::mock::MockRuntime;
#[doc(inline)]
pub use transport::{
    Activity, Confirms, Framing, Link, OpenRequest, PacketReceiver, PacketSender, Transport,
};

/// Private parts for the fuzz targets, only in builds by cargo-fuzz.
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing {
    /// Checks the engine against its model, with inputs that are decoded from the bytes.
    pub fn engine(bytes: &[u8]) {
        crate::engine::test_model::check(bytes);
    }

    /// Checks the client against its model, with users and links whose actions are decoded from the bytes.
    pub fn client(bytes: &[u8]) {
        crate::client::test_model::check(bytes);
    }
}

/// Private parts for the benchmarks, which may change in any version.
#[cfg(feature = "__bench")]
#[doc(hidden)]
pub mod bench;

/// Compiles the examples of the README as doctests.
#[cfg(all(
    doctest,
    feature = "tokio",
    feature = "blocking",
    feature = "polling",
    feature = "websocket"
))]
#[doc = include_str!("../README.md")]
struct Readme;
