//! A runtime for tests, with a virtual clock, a single thread, a deterministic order of execution, and a
//! network in memory that a test can slow down and break.
//!
//! A test that waits for an hour of silence takes microseconds, and a test that fails can be repeated
//! exactly.
//!
//! # Virtual time
//!
//! [`MockRuntime::block_on`] runs all tasks on the calling thread. Time does not pass while a task can
//! run. When no task can run, the clock jumps to the next timer:
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
//! Outside of tasks, [`advance`](MockRuntime::advance) moves the clock, and
//! [`run_until_stalled`](MockRuntime::run_until_stalled) runs the tasks without moving it.
//!
//! # Orders and seeds
//!
//! Correct code does not depend on which of two tasks runs first. [`MockRuntime::check`] runs a test
//! with first-in-first-out order, with last-in-first-out order, and with several random orders. It also
//! checks that the test leaves no tasks running:
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
//! Everything random, from the order of tasks to the delays of the network, is derived from one seed. A
//! failing test prints its seed. To run it with this seed only, set the environment variable
//! `ENGINEIO_SEED`:
//!
//! ```text
//! this happened under seed 7, at 1.25s of virtual time; to run only this schedule, set ENGINEIO_SEED=7
//! ```
//!
//! [`Schedules`] sets the range of seeds, and whether tasks may be left running.
//!
//! # The network
//!
//! A test [listens](MockRuntime::listen) on any address and acts as the server. The program under test
//! connects through its [`Runtime`](super::Runtime). [`MockRuntime::network`] assigns host names, sets
//! latency and bandwidth, and injects faults. All of it happens in virtual time:
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
//!         // The stream is dropped after the write, so the client then reads the end of the stream.
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
//!     // The server's task has ended and dropped its listener.
//!     let error = runtime.connect(&address).await.err().unwrap();
//!     assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
//! });
//! ```
//!
//! | fault | new connections | open connections |
//! |---|---|---|
//! | latency, bandwidth, segments | [`Network::set`] | [`Connection::set`] |
//! | refusal | [`Network::refuse`] | |
//! | permanent silence | [`Network::black_hole`] | [`Connection::black_hole`] |
//! | temporary silence | [`Network::partition`], [`Network::heal`] | [`Network::partition`], or [`Connection::partition`] |
//! | reset | | [`Connection::reset`], [`Connection::reset_after_data`], [`Network::reset_all`] |
//! | half-close | | [`Connection::half_close`] |
//!
//! A test's server can also [close](futures::AsyncWriteExt::close), drop or [reset](MemoryStream::reset)
//! its end of a connection. [`Network::log`] returns what happened, one line per event; two runs with
//! the same seed return the same log.
//!
//! # Tests that hang
//!
//! If no task can run and no timer is set, nothing can ever happen. `block_on` then panics, and lists
//! each task with what it waits for, as far as the mock runtime knows:
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
//! deadlock at 0ns of virtual time: no task can run and no timer is set; waiting tasks: 2 (the future of block_on and 1 spawned)
//!   task "server", spawned at tests/chat.rs:12:9, since 0ns: waits for a connection to accept on 10.0.0.1:80
//!   the future of block_on, since 0ns: waits for something other than a timer or the mock network
//! ```
//!
//! An open session always has a heartbeat timer, so a test that waits for a message that never comes is
//! not a deadlock. `block_on` therefore also panics, with the same list, if its future has not ended
//! within a day of virtual time. A test that simulates more time calls
//! [`with_time_limit`](MockRuntime::with_time_limit) or [`Schedules::time_limit`]:
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
//!     // The server sends pings, but no messages.
//!     client.recv().await;
//!     # drop(server);
//! });
//! ```
//!
//! The list has the source location of tasks that were spawned by
//! [`spawn_named`](MockRuntime::spawn_named), or by [`Runtime::spawn`](super::Runtime::spawn) on a
//! `MockRuntime`. The location is unknown for tasks that were spawned through `dyn Runtime`, such as
//! those of the client itself.
//!
//! A task that abandons a read is listed as reading until the stream is dropped or read again.

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
