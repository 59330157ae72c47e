//! Handlers: functions that are called when something happens in a session.
//!
//! ```
//! # #[cfg(feature = "mock")] {
//! # use engineio_client::transports::mock::MockServer;
//! # use engineio_client::{Builder, Message, MockRuntime};
//! # let runtime = MockRuntime::new();
//! # runtime.block_on(async {
//! # let (transport, mut server) = MockServer::new(runtime.clone());
//! # let builder = Builder::new("http://chat.test", transport, runtime.clone());
//! let client = builder
//!     .on_connect(|handle| println!("session {:?}", handle.sid()))
//!     .on_message(async |handle, message| {
//!         handle.send(message).await?;
//!         Ok(())
//!     })
//!     .on_disconnect(|_handle, closed| println!("{closed}"))
//!     .connect()
//!     .await?;
//! # let mut session = server.session().await;
//! # session.send("hello");
//! # assert_eq!(session.recv().await, Some(Message::from("hello")));
//! # session.close();
//! client.wait().await;
//! # Ok::<(), engineio_client::Error>(())
//! # }).unwrap();
//! # }
//! ```
//!
//! Handlers are set on the [`Builder`](crate::Builder):
//!
//! | setter | with state | called | argument after the handle |
//! |---|---|---|---|
//! | [`on_connect`](crate::Builder::on_connect) | [`on_connect_with`](crate::Builder::on_connect_with) | when a session has opened | nothing more |
//! | [`on_message`](crate::Builder::on_message) | [`on_message_with`](crate::Builder::on_message_with) | for each message | [`Message`](crate::Message) |
//! | [`on_upgrade`](crate::Builder::on_upgrade) | [`on_upgrade_with`](crate::Builder::on_upgrade_with) | when the session has upgraded | `&'static str`, the name of the transport |
//! | [`on_connection_lost`](crate::Builder::on_connection_lost) | [`on_connection_lost_with`](crate::Builder::on_connection_lost_with) | when a session has ended and another may follow | [`Disconnected`](crate::Disconnected) |
//! | [`on_reconnecting`](crate::Builder::on_reconnecting) | [`on_reconnecting_with`](crate::Builder::on_reconnecting_with) | before the delay of an attempt to reconnect | [`Reconnecting`](crate::Reconnecting) |
//! | [`on_given_up`](crate::Builder::on_given_up) | [`on_given_up_with`](crate::Builder::on_given_up_with) | for a message or group that will never be sent | [`GivenUp`](crate::GivenUp) |
//! | [`on_disconnect`](crate::Builder::on_disconnect) | [`on_disconnect_with`](crate::Builder::on_disconnect_with) | when the client has ended, if it had connected | [`Closed`](crate::Closed) |
//!
//! The first argument of each handler is a [`Handle`](crate::Handle), to send, spawn, sleep and close
//! with. With a setter whose name ends in `_with`, a clone of the [state](#shared-state) precedes the
//! handle. All arguments are passed by value. The [blocking client](crate::blocking) has no `_with`
//! setters, as plain closures can capture state.
//!
//! If no session was ever opened, `on_disconnect` is not called. The error of
//! [`Builder::connect`](crate::Builder::connect) then says why. After
//! [`Builder::start`](crate::Builder::start), [`Client::opened`](crate::Client::opened) returns that
//! error, and [`Client::wait`](crate::Client::wait) returns a [`Closed`](crate::Closed) with the same
//! reason.
//!
//! # Plain and async handlers
//!
//! A handler is a plain or an async function, or a closure of either kind. (Those of the
//! [blocking client](crate::blocking) are plain.) It returns nothing or a `Result<(), HandlerError>`:
//!
//! ```
//! # use engineio_client::tokio::Client;
//! use engineio_client::{Handle, Message};
//!
//! async fn echo(handle: Handle, message: Message) {
//!     let _ = handle.send(message).await;
//! }
//!
//! # let builder = || Client::builder("http://localhost:3000");
//! # let _ = (
//! builder().on_message(echo)
//! # ,
//! builder().on_message(|_handle, message| println!("{message:?}"))
//! # ,
//! builder().on_message(async |handle, message| {
//!     let numbers: Vec<u32> = message.json()?;
//!     handle.send_json(&numbers).await?;
//!     Ok(())
//! })
//! # );
//! ```
//!
//! Any error becomes a [`HandlerError`] by `?`, so the last expression is `Ok(())`.
//! (`handle.send(message).await` as the last expression does not compile: it is a `Result` with another
//! error type.) The error type is fixed because the compiler could not infer, in a closure that may
//! return any error, which type `?` converts to.
//!
//! # Errors of handlers
//!
//! An error is logged with `tracing` at the level `ERROR`, and so is a panic. The session goes on, and
//! the handler is called again for the next event. **Nothing else reports the error**: a program without
//! a `tracing` subscriber does not see it. With the crate `tracing-subscriber`, this line at the start
//! of `main` prints errors:
//!
//! ```
//! use tracing_subscriber::filter::LevelFilter;
//!
//! tracing_subscriber::fmt().with_max_level(LevelFilter::ERROR).with_writer(std::io::stderr).init();
//! ```
//!
//! A program that needs to know of errors sets a handler that calls the fallible function:
//!
//! ```
//! # use engineio_client::tokio::Client;
//! use std::sync::Arc;
//! use std::sync::atomic::{AtomicU64, Ordering};
//!
//! use engineio_client::handlers::HandlerError;
//! use engineio_client::{Handle, Message};
//!
//! async fn sum(handle: Handle, message: Message) -> Result<(), HandlerError> {
//!     let numbers: Vec<u32> = message.json()?;
//!     handle.send_json(&numbers.iter().sum::<u32>()).await?;
//!     Ok(())
//! }
//!
//! async fn on_message(failures: Arc<AtomicU64>, handle: Handle, message: Message) {
//!     if let Err(error) = sum(handle, message).await {
//!         failures.fetch_add(1, Ordering::Relaxed);
//!         eprintln!("a message could not be handled: {error}");
//!     }
//! }
//!
//! let failures = Arc::new(AtomicU64::new(0));
//! let builder = Client::builder("http://localhost:3000")
//!     .on_message_with(Arc::clone(&failures), on_message);
//! ```
//!
//! # Methods as handlers
//!
//! A larger program has methods as handlers, with its state in an `Arc`:
//!
//! ```
//! # use engineio_client::tokio::Client;
//! use std::sync::Arc;
//!
//! use engineio_client::handlers::HandlerError;
//! use engineio_client::{Handle, Message};
//!
//! struct Bot {
//!     name: String,
//! }
//!
//! impl Bot {
//!     async fn on_connect(self: Arc<Self>, handle: Handle) -> Result<(), HandlerError> {
//!         handle.send(format!("{} is here", self.name)).await?;
//!         Ok(())
//!     }
//!
//!     async fn on_message(
//!         self: Arc<Self>,
//!         handle: Handle,
//!         message: Message,
//!     ) -> Result<(), HandlerError> {
//!         let numbers: Vec<u32> = message.json()?;
//!         handle.send_json(&numbers.iter().sum::<u32>()).await?;
//!         Ok(())
//!     }
//! }
//!
//! let bot = Arc::new(Bot { name: "Adder".to_owned() });
//! let builder = Client::builder("http://localhost:3000")
//!     .on_connect_with(Arc::clone(&bot), Bot::on_connect)
//!     .on_message_with(bot, Bot::on_message);
//! ```
//!
//! Such methods take `self: Arc<Self>`. A method with `&self` does not compile as a handler (`E0631`),
//! because handlers receive the state by value.
//!
//! # Shared state
//!
//! A plain closure may capture state and change it:
//!
//! ```
//! # use engineio_client::tokio::Client;
//! let mut count = 0;
//! let builder = Client::builder("http://localhost:3000").on_message(move |_handle, message| {
//!     count += 1;
//!     println!("message {count}: {message:?}");
//! });
//! ```
//!
//! An async closure that captures state does not compile, not even an `Arc`:
//!
//! ```compile_fail
//! # use std::sync::{Arc, Mutex};
//! # use engineio_client::tokio::Client;
//! # let log = Arc::new(Mutex::new(Vec::new()));
//! // error: async closure does not implement `FnMut` because it captures state from its environment
//! let builder = Client::builder("http://localhost:3000").on_message(async move |_handle, message| {
//!     log.lock().expect("not poisoned").push(message);
//! });
//! ```
//!
//! The future of such a call borrows the captured state from the closure, but the client must own the
//! future, to poll it from a task of its own. Pass the state to the setter whose name ends in `_with`
//! instead. This setter passes a clone of the state to each call, and the future owns that clone:
//!
//! ```
//! # use std::sync::{Arc, Mutex};
//! # use engineio_client::tokio::Client;
//! let log = Arc::new(Mutex::new(Vec::new()));
//! let builder = Client::builder("http://localhost:3000").on_message_with(
//!     Arc::clone(&log),
//!     async |log, handle, message| {
//!         log.lock().expect("not poisoned").push(message.clone());
//!         handle.send(message).await?;
//!         Ok(())
//!     },
//! );
//! ```
//!
//! The guard of a `std::sync::Mutex` must not be in scope at an `.await`, even after `drop(guard)`:
//! otherwise the future is not `Send`, and the program does not compile (in a browser, it
//! [need not be](crate::runtime::MaybeSend)). Lock in a block that ends before the `.await`, and let the block
//! return what is needed afterwards:
//!
//! ```
//! # use std::sync::{Arc, Mutex};
//! # use engineio_client::tokio::Client;
//! #[derive(Default)]
//! struct Statistics {
//!     messages: u64,
//!     longest: usize,
//! }
//!
//! let builder = Client::builder("http://localhost:3000").on_message_with(
//!     Arc::new(Mutex::new(Statistics::default())),
//!     async |statistics, handle, message| {
//!         let reply = {
//!             let mut statistics = statistics.lock().expect("not poisoned");
//!             statistics.messages += 1;
//!             statistics.longest = statistics.longest.max(message.len());
//!             format!("{} messages, the longest of {} bytes", statistics.messages, statistics.longest)
//!         };
//!         handle.send(reply).await?;
//!         Ok(())
//!     },
//! );
//! ```
//!
//! Several values are passed as a tuple or a struct that is `Clone`. Without `_with`, use a plain
//! closure that clones the state and returns an `async move` block:
//!
//! ```
//! # use std::sync::{Arc, Mutex};
//! # use engineio_client::tokio::Client;
//! let log = Arc::new(Mutex::new(Vec::new()));
//! let builder = Client::builder("http://localhost:3000").on_message(move |_handle, message| {
//!     let log = Arc::clone(&log);
//!     async move { log.lock().expect("not poisoned").push(message) }
//! });
//! ```
//!
//! # Guarantees
//!
//! - Handlers are called one at a time, in the order of the events, in a task of their own (in the
//!   blocking client: on a thread of their own). A handler has returned before the next one is called.
//!   All messages that were received before the end of the session are handled before the disconnect
//!   handler is called.
//! - The session does not wait for handlers: pings are answered and messages are sent while a handler
//!   runs. Only receiving stops when the inbox is full.
//! - A plain handler of an async client runs on a thread of the runtime. While it blocks, that thread
//!   runs no other task. When handlers have taken 10 ms, their task waits until the runtime has polled
//!   its sockets, so that a session on a runtime of one thread stays alive however many messages are
//!   waiting. A single handler call must take less time than the server waits for a pong.
//! - With a message handler, the client's [`recv`](crate::Client::recv) returns no messages, and waits
//!   for the end of the session. The client as a `Stream` still yields the other events.
//! - [`Client::wait`](crate::Client::wait) and [`Client::disconnect`](crate::Client::disconnect) return
//!   when the disconnect handler has returned, if there is one, and thus when all messages have been
//!   handled. Without a disconnect handler, they return when the session has ended.
//!   [`Handle::wait`](crate::Handle::wait) and [`Handle::disconnect`](crate::Handle::disconnect) always
//!   return when the session has ended, so handlers can await them.

mod dispatch;
mod outcome;
mod registry;
mod time_budget;

pub use crate::error::HandlerError;
pub use outcome::{AsyncHandler, Outcome, PlainHandler};

pub(crate) use dispatch::HandlerTask;
pub(crate) use registry::Handlers;
