//! A runtime for tests: a clock that moves only when everything waits, one thread, a network in
//! memory that breaks on command, and an order of execution that is the same each time.
//!
//! A test that waits for an hour of silence takes microseconds, and a test that fails fails again.
//!
//! # Virtual time
//!
//! [`MockRuntime::block_on`] runs all tasks on the calling thread. Time stands still while one of
//! them can run, and goes straight to the next timer when none can:
//!
//! ```
//! use std::time::Duration;
//!
//! use engineio_client::{MockRuntime, Runtime};
//!
//! let runtime = MockRuntime::new();
//! runtime.block_on(runtime.sleep(Duration::from_secs(3600)));
//! assert_eq!(runtime.now(), Duration::from_secs(3600));
//! ```
//!
//! From outside of the tasks, [`advance`](MockRuntime::advance) moves the clock, and
//! [`run_until_stalled`](MockRuntime::run_until_stalled) does what can be done at this instant.
//!
//! # Orders and seeds
//!
//! Code that is right does not depend on which of two tasks runs first. [`MockRuntime::check`] runs
//! a test first in first out, last in first out, and in several random orders, and sees that it
//! leaves no task behind:
//!
//! ```
//! use std::time::Duration;
//!
//! use engineio_client::{MockRuntime, Runtime};
//! use futures::channel::oneshot;
//!
//! MockRuntime::check(async |runtime| {
//!     let (sender, receiver) = oneshot::channel();
//!     let clock = runtime.clone();
//!     runtime.spawn_named("answering", async move {
//!         clock.sleep(Duration::from_millis(20)).await;
//!         let _ = sender.send(42);
//!     });
//!     assert_eq!(receiver.await, Ok(42));
//!     assert_eq!(runtime.now(), Duration::from_millis(20));
//! });
//! ```
//!
//! All that is random, from the order to the faults of the network, follows from one seed. A test
//! that fails says which it was, and runs with that alone where the environment has it:
//!
//! ```text
//! this happened under seed 7, at 1.25s of virtual time; run the same test with ENGINEIO_SEED=7 for that alone
//! ```
//!
//! [`Schedules`] sets how many seeds there are, and what may be left behind.
//!
//! # The network
//!
//! A test [listens](MockRuntime::listen) on any address and plays the server; the program under test
//! connects through its [`Runtime`](super::Runtime). [`MockRuntime::network`] gives names to
//! addresses, says what the lines are like, and breaks them. All of it happens in virtual time:
//!
//! ```
//! use std::io;
//! use std::time::Duration;
//!
//! use engineio_client::runtime::Address;
//! use engineio_client::runtime::mock::Conditions;
//! use engineio_client::{MockRuntime, Runtime};
//! use futures::{AsyncReadExt, AsyncWriteExt};
//!
//! MockRuntime::check(async |runtime| {
//!     let network = runtime.network();
//!     network.name("chat.test", ["10.0.0.1".parse().unwrap()]);
//!     network.set(Conditions::new().latency(Duration::from_millis(30)).segment(100));
//!
//!     let mut listener = runtime.listen("10.0.0.1:80".parse().unwrap());
//!     runtime.spawn_named("server", async move {
//!         let mut stream = listener.accept().await;
//!         // Dropped once it is written: the client reads the end behind it.
//!         let _ = stream.write_all(b"welcome").await;
//!     });
//!
//!     let addresses = runtime.resolve("chat.test", 80).await.unwrap();
//!     let address = Address::Tcp(addresses[0]);
//!     let mut client = runtime.connect(&address).await.unwrap();
//!     let mut text = String::new();
//!     client.read_to_string(&mut text).await.unwrap();
//!     assert_eq!(text, "welcome");
//!     assert!(runtime.now() >= Duration::from_millis(30));
//!
//!     // Nobody listens any more.
//!     let error = runtime.connect(&address).await.err().unwrap();
//!     assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
//! });
//! ```
//!
//! | fault | for new connections | for one that lives |
//! |---|---|---|
//! | latency, bandwidth, segments | [`Network::set`] | [`Connection::set`] |
//! | refusal | [`Network::refuse`] | |
//! | silence without end | [`Network::black_hole`] | [`Connection::black_hole`] |
//! | silence that ends | [`Network::partition`], [`Network::heal`] | the same, or [`Connection::partition`] |
//! | reset | | [`Connection::reset`], [`Connection::reset_after_data`], [`Network::reset_all`] |
//! | half-close | | [`Connection::half_close`] |
//!
//! The server of a test can besides [close](futures::AsyncWriteExt::close), drop or
//! [reset](MemoryStream::reset) its own end. [`Network::log`] tells what has happened, a line each,
//! the same for the same seed.
//!
//! # Tests that wait for ever
//!
//! Where no task can run and no timer is set, nothing will ever happen. `block_on` panics then, and
//! tells which task waits for what, as far as the mock kit knows:
//!
//! ```should_panic
//! # use engineio_client::MockRuntime;
//! let runtime = MockRuntime::new();
//! let mut listener = runtime.listen("10.0.0.1:80".parse().unwrap());
//! runtime.spawn_named("server", async move {
//!     listener.accept().await;
//! });
//! runtime.block_on(std::future::pending::<()>());
//! ```
//!
//! ```text
//! deadlock at 0ns of virtual time: nothing can run and no timer is set; tasks that wait: 2 (the future of block_on and 1 spawned)
//!   task "server", spawned at tests/chat.rs:12:9, since 0ns: waits for a connection to accept on 10.0.0.1:80
//!   the future of block_on, since 0ns: waits for something other than a timer or the mock network
//! ```
//!
//! A session sets timers for its heartbeat for as long as it lives, so a test that waits for a message
//! which never comes is no deadlock. `block_on` panics with the same list when its future has not ended
//! within a day of virtual time. A test that simulates more sets
//! [`with_time_limit`](MockRuntime::with_time_limit), or [`Schedules::time_limit`]:
//!
//! ```should_panic
//! use engineio_client::transports::mock::MockServer;
//! use engineio_client::{Builder, MockRuntime};
//!
//! let runtime = MockRuntime::new();
//! runtime.block_on(async {
//!     let (transport, server) = MockServer::new(runtime.clone());
//!     let builder = Builder::new("http://chat.test", transport, runtime.clone());
//!     let mut client = builder.connect().await.unwrap();
//!     // The server sends pings, and no message.
//!     client.recv().await;
//!     # drop(server);
//! });
//! ```
//!
//! Where a task was spawned is known of [`spawn_named`](MockRuntime::spawn_named), and of
//! [`Runtime::spawn`](super::Runtime::spawn) where the compiler knows that the runtime is a
//! `MockRuntime`. Through `dyn Runtime` it is not known; the tasks that the client itself spawns are
//! among those.
//!
//! A read that was given up counts as waiting until the stream is dropped, or read again.

mod conditions;
mod event_log;
mod executor;
mod faults;
mod line;
mod listener;
mod lock;
mod mock_runtime;
mod network;
mod order;
mod pipe;
mod report;
mod schedules;
mod sleep;
mod stream;
mod task;
#[cfg(test)]
mod tests;
mod time;
mod timers;
mod waiter;
mod weak_map;

pub use conditions::Conditions;
pub use faults::{Connection, Network, Side};
pub use listener::MockListener;
pub use mock_runtime::MockRuntime;
pub use order::Order;
pub use schedules::Schedules;
pub use stream::{MemoryStream, duplex};
