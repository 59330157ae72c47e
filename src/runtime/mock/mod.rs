//! A runtime for tests: a clock that moves only when everything waits, one thread, a network in
//! memory, and an order of execution that is the same each time.
//!
//! A test that waits for an hour of silence takes microseconds, and a test that fails fails again.
//! Code that is right must not depend on the [`Order`]: run each test under both.
//!
//! ```
//! use std::time::Duration;
//!
//! use engineio_client::runtime::mock::Order;
//! use engineio_client::{MockRuntime, Runtime};
//!
//! for order in [Order::FirstInFirstOut, Order::LastInFirstOut] {
//!     let runtime = MockRuntime::with_order(order);
//!     runtime.block_on(runtime.sleep(Duration::from_secs(3600)));
//!     assert_eq!(runtime.now(), Duration::from_secs(3600));
//! }
//! ```

use std::fmt;
use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::future::BoxFuture;

mod executor;
mod network;
mod stream;
#[cfg(test)]
mod tests;

use executor::{Executor, Sleep};
use network::Network;

pub use network::MockListener;
pub use stream::{MemoryStream, duplex};

use super::{Address, BoxedStream, Runtime};

/// A runtime with a virtual clock, which runs everything on the thread that calls
/// [`block_on`](MockRuntime::block_on). Clones are the same runtime.
///
/// - Time stands still while anything can run. Then it goes straight to the next timer, and what
///   that wakes runs before the timer after it, even one of the same instant, fires. Timers of the
///   same instant fire in the order in which they were made.
/// - Where nothing can run and no timer is set, `block_on` panics instead of hanging.
/// - Wakers may be used by any thread. The order of execution is the same each time only where no
///   other thread has a part in it, and nobody waits for another thread's wake: that is a deadlock,
///   too.
/// - A task that holds the runtime and never ends keeps both in memory, until
///   [`abort_tasks`](MockRuntime::abort_tasks).
///
/// ```
/// use std::time::Duration;
///
/// use engineio_client::{MockRuntime, Runtime};
///
/// let runtime = MockRuntime::new();
/// let timer = runtime.sleep(Duration::from_secs(60));
/// runtime.spawn(Box::pin(timer));
/// assert_eq!(runtime.tasks(), 1);
/// runtime.advance(Duration::from_secs(60));
/// assert_eq!(runtime.tasks(), 0);
/// ```
#[derive(Clone)]
pub struct MockRuntime {
    executor: Arc<Executor>,
    network: Arc<Network>,
}

/// Which of the tasks that can run runs next.
///
/// ```
/// use engineio_client::MockRuntime;
/// use engineio_client::runtime::mock::Order;
///
/// let runtime = MockRuntime::with_order(Order::LastInFirstOut);
/// assert_eq!(runtime.block_on(async { 7 }), 7);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Order {
    /// The one that was woken first: what most executors do.
    FirstInFirstOut,
    /// The one that was woken last. A task that is woken again while it waits for its turn keeps
    /// its place.
    LastInFirstOut,
}

impl MockRuntime {
    /// A runtime at time zero, first-in-first-out.
    ///
    /// ```
    /// let runtime = engineio_client::MockRuntime::new();
    /// assert!(runtime.now().is_zero());
    /// ```
    pub fn new() -> Self {
        Self::with_order(Order::FirstInFirstOut)
    }

    /// A runtime at time zero that runs its tasks in this order.
    ///
    /// ```
    /// use engineio_client::MockRuntime;
    /// use engineio_client::runtime::mock::Order;
    ///
    /// let runtime = MockRuntime::with_order(Order::LastInFirstOut);
    /// # assert_eq!(runtime.tasks(), 0);
    /// ```
    pub fn with_order(order: Order) -> Self {
        Self {
            executor: Arc::new(Executor::new(order)),
            network: Arc::default(),
        }
    }

    /// Starts the sequence of [`Runtime::random`] from this seed; without it, from zero.
    ///
    /// ```
    /// use engineio_client::{MockRuntime, Runtime};
    ///
    /// let one = MockRuntime::new().with_seed(1);
    /// let same = MockRuntime::new().with_seed(1);
    /// assert_eq!(one.random(), same.random());
    /// ```
    #[must_use]
    pub fn with_seed(self, seed: u64) -> Self {
        self.executor.set_seed(seed);
        self
    }

    /// How many times tasks may be polled while time stands still, before that counts as a loop
    /// without an end, and panics. 10 million by default.
    ///
    /// ```should_panic
    /// use engineio_client::MockRuntime;
    ///
    /// let runtime = MockRuntime::new().with_poll_limit(100);
    /// runtime.block_on(std::future::poll_fn(|cx| {
    ///     cx.waker().wake_by_ref();
    ///     std::task::Poll::<()>::Pending
    /// }));
    /// ```
    #[must_use]
    pub fn with_poll_limit(self, polls: u64) -> Self {
        self.executor.set_poll_limit(polls);
        self
    }

    /// Runs this future, which is a task like the others, and all spawned tasks, until it ends.
    /// Tasks that have not ended by then go on in the next `block_on` or
    /// [`advance`](MockRuntime::advance).
    ///
    /// The future may borrow, and need not be `Send`.
    ///
    /// # Panics
    ///
    /// When nothing can run and no timer is set; when tasks run without an end while time stands
    /// still; when the runtime is running already; and when a task panics, with its panic.
    ///
    /// ```
    /// let runtime = engineio_client::MockRuntime::new();
    /// assert_eq!(runtime.block_on(async { "done" }), "done");
    /// ```
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.executor.block_on(future)
    }

    /// Moves the clock, and runs the spawned tasks: what can run now, then what each timer on the
    /// way wakes, when its time has come.
    ///
    /// # Panics
    ///
    /// As [`block_on`](MockRuntime::block_on) does, but that tasks wait is no deadlock here.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let runtime = engineio_client::MockRuntime::new();
    /// runtime.advance(Duration::from_millis(300));
    /// assert_eq!(runtime.now(), Duration::from_millis(300));
    /// ```
    pub fn advance(&self, duration: Duration) {
        self.executor.advance(duration);
    }

    /// Runs the spawned tasks until each one has ended or waits for something that does not come
    /// at this instant.
    ///
    /// # Panics
    ///
    /// As [`advance`](MockRuntime::advance) does.
    ///
    /// ```
    /// use engineio_client::{MockRuntime, Runtime};
    ///
    /// let runtime = MockRuntime::new();
    /// runtime.spawn(Box::pin(async {}));
    /// runtime.run_until_stalled();
    /// assert_eq!(runtime.tasks(), 0);
    /// ```
    pub fn run_until_stalled(&self) {
        self.executor.advance(Duration::ZERO);
    }

    /// The virtual time, which starts at zero.
    ///
    /// ```
    /// assert!(engineio_client::MockRuntime::new().now().is_zero());
    /// ```
    pub fn now(&self) -> Duration {
        self.executor.now()
    }

    /// How many spawned tasks have not ended.
    ///
    /// ```
    /// use engineio_client::{MockRuntime, Runtime};
    ///
    /// let runtime = MockRuntime::new();
    /// runtime.spawn(Box::pin(std::future::pending()));
    /// assert_eq!(runtime.tasks(), 1);
    /// # runtime.abort_tasks();
    /// ```
    pub fn tasks(&self) -> usize {
        self.executor.tasks()
    }

    /// Drops all spawned tasks where they stand, as a runtime does that is shut down.
    ///
    /// ```
    /// use engineio_client::{MockRuntime, Runtime};
    ///
    /// let runtime = MockRuntime::new();
    /// runtime.spawn(Box::pin(std::future::pending()));
    /// runtime.abort_tasks();
    /// assert_eq!(runtime.tasks(), 0);
    /// ```
    pub fn abort_tasks(&self) {
        self.executor.abort_tasks();
    }

    /// Listens on an address of this runtime's own network.
    ///
    /// # Panics
    ///
    /// When somebody listens there already.
    ///
    /// ```
    /// use engineio_client::runtime::Address;
    /// use engineio_client::{MockRuntime, Runtime};
    ///
    /// let runtime = MockRuntime::new();
    /// let address = "10.0.0.1:80".parse()?;
    /// let mut listener = runtime.listen(address);
    /// runtime.block_on(async {
    ///     let client = runtime.connect(&Address::Tcp(address)).await?;
    ///     let server = listener.accept().await;
    ///     # let _ = (client, server);
    ///     # std::io::Result::Ok(())
    /// })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn listen(&self, address: SocketAddr) -> MockListener {
        self.network.listen(address)
    }
}

impl Default for MockRuntime {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MockRuntime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MockRuntime")
            .field("now", &self.now())
            .field("tasks", &self.tasks())
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Runtime for MockRuntime {
    fn now(&self) -> Duration {
        self.executor.now()
    }

    /// Always waits at its first poll, whatever the duration: a timer of no length fires at the
    /// same instant, after all that can run. One that would end beyond [`Duration::MAX`] is never.
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(Sleep::new(&self.executor, duration))
    }

    fn spawn(&self, task: BoxFuture<'static, ()>) {
        self.executor.spawn(task);
    }

    /// The next of a sequence that is the same for each runtime of the same seed.
    fn random(&self) -> u64 {
        self.executor.random()
    }

    /// Knows IP addresses and `localhost`, which is 127.0.0.1.
    async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        let ip = if host.eq_ignore_ascii_case("localhost") {
            IpAddr::from(Ipv4Addr::LOCALHOST)
        } else {
            host.parse().map_err(|_| {
                io::Error::new(
                    io::ErrorKind::NotFound,
                    format!("the mock network knows no host {host:?}"),
                )
            })?
        };
        Ok(vec![SocketAddr::new(ip, port)])
    }

    /// Connects to a [`MockListener`]. The stream is a [`MemoryStream`].
    async fn connect(&self, address: &Address) -> io::Result<BoxedStream> {
        match address {
            Address::Tcp(address) => Ok(Box::new(self.network.connect(address)?)),
            Address::Unix(path) => Err(io::Error::new(
                io::ErrorKind::Unsupported,
                format!("the mock network has no Unix socket {}", path.display()),
            )),
        }
    }
}
