//! Mock transports, for tests that need no network and no real time.
//!
//! - [`MockServer`] speaks Engine.IO as real servers do: handshake, heartbeat, upgrade, close. A test
//!   talks to its [`MockSession`]s and can override any [`Step`]. Use it to test a program that
//!   contains a client.
//! - [`MockTransport`] implements no protocol. The test sees each call that the client makes, and
//!   decides when the call returns and with what. Use it to test the client itself, or a transport
//!   that wraps others.
//!
//! Together with [`MockRuntime`](engineio_client::MockRuntime), whose time passes only when every task
//! waits, a test takes milliseconds and has the same result on every run.
//!
//! ```
//! use engineio_client::transports::mock::MockServer;
//! use engineio_client::{Builder, Message, MockRuntime};
//!
//! let runtime = MockRuntime::new();
//! runtime.block_on(async {
//!     let (transport, mut server) = MockServer::new(runtime.clone());
//!     let builder = Builder::new("http://chat.test", transport, runtime.clone());
//!     let mut client = builder.connect().await?;
//!     let mut session = server.session().await;
//!
//!     client.send("hello").await?;
//!     assert_eq!(session.recv().await, Some(Message::from("hello")));
//!     session.send("good day");
//!     assert_eq!(client.recv().await, Some(Message::from("good day")));
//!     session.close();
//!     assert_eq!(client.recv().await, None);
//!     # Ok::<(), Box<dyn std::error::Error>>(())
//! })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Time-outs are tested in the same way, without waiting for them:
//!
//! ```
//! use std::time::Duration;
//!
//! use engineio_client::transports::mock::{Act, MockServer, Step};
//! use engineio_client::{Builder, MockRuntime, Reason, Runtime};
//!
//! let runtime = MockRuntime::new();
//! runtime.block_on(async {
//!     let (transport, server) = MockServer::new(runtime.clone());
//!     // The server sends no pings, so the client hears nothing more from it.
//!     server.at(Step::Ping, Act::Never);
//!     let client = Builder::new("http://chat.test", transport, runtime.clone()).connect().await?;
//!     let start = runtime.now();
//!
//!     let closed = client.wait().await;
//!     assert!(matches!(closed.reason(), Reason::PingTimeout));
//!     // The ping interval of 25 s and the ping timeout of 20 s.
//!     assert_eq!((runtime.now() - start).as_secs(), 45);
//!     # Ok::<(), Box<dyn std::error::Error>>(())
//! })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod scripted;
mod server;

pub use scripted::{Answer, Call, MockEnd, MockLink, MockOpen, MockTransport};
pub use server::{Act, MockServer, MockSession, MockTransports, Seen, SessionEnd, Settings, Step};
