//! Transports whose other side is in your test's hands.
//!
//! - [`MockServer`] speaks Engine.IO as real servers do: handshake, heartbeat, upgrade, close. A
//!   test talks to its [`MockSession`]s, and overrides whatever [`Step`] it likes. This is what a
//!   program that uses a client is tested with.
//! - [`MockTransport`] knows no protocol: the test sees each call that the client makes, and decides
//!   when it returns, and with what.
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

mod scripted;
mod server;

pub use scripted::{Answer, Call, MockEnd, MockLink, MockOpen, MockTransport};
pub use server::{Act, MockServer, MockSession, MockTransports, Seen, SessionEnd, Settings, Step};
