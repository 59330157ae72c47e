//! The guide: how the protocol works, and how to use this library in a program that lasts.
//!
//! | page | what it answers |
//! |---|---|
//! | [protocol] | What travels on the wire? Engine.IO 4 on one page, in numbered rules. |
//! | [staying_connected] | How do I reconnect, and what happens to messages when a connection breaks? |
//! | [errors] | What can fail, which errors are worth another attempt, and where is the log? |
//! | [testing] | How do I test my program without a server and without waiting? |
//! | [deployment] | What do load balancers, proxies and many connections need? |
//! | [extending] | How do I write a transport, a runtime or an HTTP client? |
//! | [socketio] | How do I build a Socket.IO client on top? |
//! | [eio] | What can the command line client do? |
//! | [coming_from] | I used engine.io-client, python-engineio or rust_engineio: what is it called here? |

#[doc = include_str!("protocol.md")]
pub mod protocol {}

#[cfg(any(
    not(doctest),
    all(feature = "tokio", feature = "polling", feature = "websocket")
))]
#[doc = include_str!("staying_connected.md")]
pub mod staying_connected {}

#[cfg(any(
    not(doctest),
    all(feature = "tokio", feature = "polling", feature = "websocket")
))]
#[doc = include_str!("errors.md")]
pub mod errors {}

#[cfg(any(not(doctest), feature = "mock"))]
#[doc = include_str!("testing.md")]
pub mod testing {}

#[cfg(any(not(doctest), feature = "mock"))]
#[doc = include_str!("extending.md")]
pub mod extending {}

#[cfg(any(not(doctest), all(feature = "tokio", feature = "rustls")))]
#[doc = include_str!("deployment.md")]
pub mod deployment {}

#[doc = include_str!("coming_from.md")]
pub mod coming_from {}

#[doc = include_str!("socketio.md")]
pub mod socketio {}

#[doc = include_str!("eio.md")]
pub mod eio {}
