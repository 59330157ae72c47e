//! The guide: what is sent over the wire, and how to use this library in a long-running program.
//!
//! | page | what it answers |
//! |---|---|
//! | [staying_connected] | How do I reconnect, and what happens to messages when a connection breaks? |
//! | [errors] | What can fail, which errors are worth another attempt, and where is the log? |
//! | [testing] | How do I test my program without a server and without waiting? |
//! | [deployment] | What do load balancers, proxies, TLS and many connections need? |
//! | [browser] | How do I use it in a page, in a worker, in Node or in Deno? |
//! | [extending] | How do I write a transport, a runtime or an HTTP client? |
//! | [socketio] | How do I build a Socket.IO client on top? |
//! | [eio] | What can the command line client do? |
//! | [coming_from] | I used engine.io-client, python-engineio or rust_engineio: what is it called here? |
//! | [protocol] | What is sent over the wire? Engine.IO 4 on one page, in numbered rules. |
//!
//! For a first program, see the [front page](crate) and the pages of [`Client`](crate::Client) and
//! [`Builder`](crate::Builder). The
//! [examples](https://docs.rs/crate/engineio-client/latest/source/examples/) are complete programs.

// On these pages, feature badges would only say with which features the examples compile.
#![cfg_attr(docsrs, doc(auto_cfg = false))]
// The pages link to items that need features. docs.rs enables all of them.
#![cfg_attr(
    not(all(
        feature = "blocking",
        feature = "mock",
        feature = "polling",
        feature = "rustls",
        feature = "tokio",
        feature = "web",
        feature = "websocket",
        document_web
    )),
    allow(rustdoc::broken_intra_doc_links)
)]

#[doc = include_str!("browser.md")]
pub mod browser {}

#[doc = include_str!("coming_from.md")]
pub mod coming_from {}

// `not(doctest)`: a page is always part of the documentation, but its examples are tests only with the
// features that they need.
#[cfg(any(not(doctest), all(feature = "tokio", feature = "rustls")))]
#[doc = include_str!("deployment.md")]
pub mod deployment {}

#[doc = include_str!("eio.md")]
pub mod eio {}

#[cfg(any(
    not(doctest),
    all(feature = "tokio", feature = "polling", feature = "websocket")
))]
#[doc = include_str!("errors.md")]
pub mod errors {}

#[cfg(any(not(doctest), feature = "mock"))]
#[doc = include_str!("extending.md")]
pub mod extending {}

#[doc = include_str!("protocol.md")]
pub mod protocol {}

#[doc = include_str!("socketio.md")]
pub mod socketio {}

#[cfg(any(
    not(doctest),
    all(feature = "tokio", feature = "polling", feature = "websocket")
))]
#[doc = include_str!("staying_connected.md")]
pub mod staying_connected {}

#[cfg(any(not(doctest), feature = "mock"))]
#[doc = include_str!("testing.md")]
pub mod testing {}
