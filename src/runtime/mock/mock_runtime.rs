//! The mock runtime: tasks and the clock are the executor's, connections are the network's.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::future::BoxFuture;

use super::executor::Executor;
use super::faults::Network;
use super::listener::MockListener;
use super::network::Net;
use super::order::Order;
use super::sleep::Sleep;
use crate::runtime::connection::{Acknowledges as _, Address, BoxedStream};
use crate::runtime::traits::Runtime;

/// A runtime with a virtual clock, which runs all tasks on the thread that calls
/// [`block_on`](MockRuntime::block_on). The page of the [module](super) is a guide. Clones are handles
/// to the same runtime.
///
/// - Time does not pass while a task can run. When no task can run, the clock jumps to the next timer.
///   The tasks that a timer wakes run before the next timer fires, even one of the same instant. Timers
///   of the same instant fire in the order in which they were created.
/// - The machine can be [suspended](MockRuntime::suspend): the clock counts the time, timers do not.
/// - `block_on` panics instead of hanging: if no task can run and no timer is set, and if its future has
///   not ended within [a day of virtual time](MockRuntime::with_time_limit).
/// - Wakers may be called from any thread. But the order of execution is deterministic only without
///   other threads. A test that waits for another thread to wake it counts as a deadlock.
/// - A task that never ends, and that owns the runtime or one of its connections, keeps both in memory
///   until [`abort_tasks`](MockRuntime::abort_tasks).
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
    pub(super) executor: Arc<Executor>,
    network: Arc<Net>,
}

impl MockRuntime {
    /// Creates a runtime at time zero, with first-in-first-out order.
    ///
    /// ```
    /// let runtime = engineio_client::MockRuntime::new();
    /// assert!(runtime.now().is_zero());
    /// ```
    pub fn new() -> Self {
        Self::with_order(Order::FirstInFirstOut)
    }

    /// Creates a runtime at time zero that runs its tasks in this order.
    ///
    /// ```
    /// use engineio_client::MockRuntime;
    /// use engineio_client::runtime::mock::Order;
    ///
    /// let runtime = MockRuntime::with_order(Order::LastInFirstOut);
    /// # assert_eq!(runtime.tasks(), 0);
    /// ```
    pub fn with_order(order: Order) -> Self {
        let executor = Arc::new(Executor::new(order));
        let network = Arc::new(Net::new(Arc::clone(&executor)));
        Self { executor, network }
    }

    /// Creates a runtime at time zero that runs its tasks in a random order. The order, and everything
    /// else that is random on this runtime, is derived from the seed.
    ///
    /// ```
    /// use engineio_client::{MockRuntime, Runtime};
    ///
    /// let runtime = MockRuntime::seeded(7);
    /// assert_eq!(runtime.random(), MockRuntime::seeded(7).random());
    /// ```
    pub fn seeded(seed: u64) -> Self {
        Self::with_order(Order::Random).with_seed(seed)
    }

    /// Sets the seed, from which [`Runtime::random`], the [random order](Order::Random) and the
    /// network's delays are derived. Zero by default. Open connections keep their previous seed.
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
        self.network.set_seed(seed);
        self
    }

    /// Sets how many times tasks may be polled while time does not pass. Beyond that the runtime panics,
    /// since the tasks appear to be in an endless loop. 10 million by default.
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

    /// Sets how much virtual time may pass within one call of [`block_on`](MockRuntime::block_on).
    /// Beyond that `block_on` panics, since its future appears to hang. A day (86,400 s) by default;
    /// [`Duration::MAX`] means no limit.
    ///
    /// The time of [`suspend`](MockRuntime::suspend) and [`advance`](MockRuntime::advance) does not
    /// count. A limit that is set while `block_on` runs also applies to the running call.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use engineio_client::{MockRuntime, Runtime};
    ///
    /// let week = Duration::from_secs(7 * 24 * 3600);
    /// let runtime = MockRuntime::new().with_time_limit(week);
    /// runtime.block_on(runtime.sleep(week));
    /// ```
    #[must_use]
    pub fn with_time_limit(self, limit: Duration) -> Self {
        self.executor.set_time_limit(limit);
        self
    }

    /// Runs this future and all spawned tasks until the future ends. Tasks that have not ended continue
    /// in the next `block_on` or [`advance`](MockRuntime::advance).
    ///
    /// The future may borrow, and need not be `Send`.
    ///
    /// # Panics
    ///
    /// - If no task can run and no timer is set.
    /// - If the future has not ended within [a day of virtual time](MockRuntime::with_time_limit).
    /// - If tasks are polled [too often](MockRuntime::with_poll_limit) while time does not pass.
    /// - If the runtime is already running.
    /// - If a task panics, with the task's panic.
    ///
    /// ```
    /// let runtime = engineio_client::MockRuntime::new();
    /// assert_eq!(runtime.block_on(async { "done" }), "done");
    /// ```
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.executor.block_on(future, || self.network.waits())
    }

    /// Spawns a task with a name. The list of waiting tasks in a panic has the name and the source
    /// location of this call. A task of [`Runtime::spawn`] has a number instead of a name, and no
    /// location if it was spawned through `dyn Runtime`.
    ///
    /// ```
    /// let runtime = engineio_client::MockRuntime::new();
    /// runtime.spawn_named("server", async {});
    /// runtime.run_until_stalled();
    /// assert_eq!(runtime.tasks(), 0);
    /// ```
    #[track_caller]
    pub fn spawn_named(
        &self,
        name: impl Into<String>,
        task: impl Future<Output = ()> + Send + 'static,
    ) {
        let (name, at) = (Some(name.into()), Some(Location::caller()));
        self.executor.spawn(name, at, Box::pin(task));
    }

    /// Moves the clock by this time and runs the spawned tasks meanwhile: first those that can run now,
    /// then those that each timer wakes.
    ///
    /// # Panics
    ///
    /// Like [`block_on`](MockRuntime::block_on), except that waiting tasks are not a deadlock.
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

    /// Runs the spawned tasks, without moving the clock, until each has ended or waits.
    ///
    /// # Panics
    ///
    /// Like [`advance`](MockRuntime::advance).
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

    /// Suspends the machine for this time: the clock jumps by this time, but timers do not count it.
    /// Timers on Linux do the same: they count only the time during which the machine is awake.
    ///
    /// A task may call this, and continues afterwards. The whole runtime is suspended, including the
    /// network and the test's server. To simulate what a real server did meanwhile, let the test's
    /// server do it afterwards.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use engineio_client::{MockRuntime, Runtime};
    ///
    /// let runtime = MockRuntime::new();
    /// let timer = runtime.sleep(Duration::from_secs(10));
    /// runtime.suspend(Duration::from_secs(3600));
    /// assert_eq!(runtime.now(), Duration::from_secs(3600));
    /// runtime.block_on(timer);
    /// assert_eq!(runtime.now(), Duration::from_secs(3610));
    /// ```
    pub fn suspend(&self, duration: Duration) {
        self.executor.suspend(duration);
    }

    /// The virtual time. It starts at zero.
    ///
    /// ```
    /// assert!(engineio_client::MockRuntime::new().now().is_zero());
    /// ```
    pub fn now(&self) -> Duration {
        self.executor.now()
    }

    /// Number of spawned tasks that have not ended.
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

    /// Drops all spawned tasks, as a runtime does on shutdown.
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

    /// Listens on an address of this runtime's network.
    ///
    /// # Panics
    ///
    /// If the address already has a listener.
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
        MockListener::bind(Arc::clone(&self.network), address)
    }

    /// The network of this runtime, to assign host names, to set its conditions, and to inject faults.
    ///
    /// ```
    /// let network = engineio_client::MockRuntime::new().network();
    /// assert!(network.connections().is_empty());
    /// ```
    pub fn network(&self) -> Network {
        Network(Arc::clone(&self.network))
    }

    /// Lists the tasks that have not ended and what they wait for, a line each.
    pub(super) fn waiting_tasks(&self) -> String {
        self.executor.waiting_tasks(self.network.waits())
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

    /// The future is pending at its first poll, whatever the duration: a timer of zero length fires at
    /// the same instant, after all tasks that can run. A timer that would end beyond [`Duration::MAX`]
    /// never fires.
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(Sleep::new(&self.executor, duration))
    }

    /// If the test hangs, the panic has the source location of this call, unless it was made through
    /// `dyn Runtime`.
    #[track_caller]
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        // For a call through `dyn Runtime`, the caller's location is in this file.
        let caller = Location::caller();
        let at = (caller.file() != file!()).then_some(caller);
        self.executor.spawn(None, at, task);
    }

    /// The next number of a sequence that depends only on the seed.
    fn random(&self) -> u64 {
        self.executor.random()
    }

    /// Resolves IP addresses, the [host names of the network](Network::name), and `localhost`
    /// (127.0.0.1).
    async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        if let Some(ips) = self.network.resolve(host) {
            return Ok(ips.into_iter().map(|ip| (ip, port).into()).collect());
        }
        let ip = if host.eq_ignore_ascii_case("localhost") {
            IpAddr::from(Ipv4Addr::LOCALHOST)
        } else {
            host.parse().map_err(|_| {
                io::Error::new(
                    io::ErrorKind::NotFound,
                    format!("the mock network has no host {host:?}: add it with Network::name"),
                )
            })?
        };
        Ok(vec![SocketAddr::new(ip, port)])
    }

    /// Connects to a [`MockListener`]. The stream is a [`MemoryStream`](super::MemoryStream).
    async fn connect(&self, address: &Address) -> io::Result<BoxedStream> {
        match address {
            Address::Tcp(address) => Ok(self.network.connect(*address).await?.boxed()),
            Address::Unix(path) => Err(io::Error::new(
                io::ErrorKind::Unsupported,
                format!("the mock network has no Unix socket {}", path.display()),
            )),
        }
    }

    /// Connects from a local address. Every local address exists; the test's server reads it from
    /// [`Connection::local_address`](super::Connection::local_address).
    async fn connect_from(
        &self,
        local: SocketAddr,
        address: SocketAddr,
    ) -> io::Result<BoxedStream> {
        if local.is_ipv4() != address.is_ipv4() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("{address} is of a different family than the local address {local}"),
            ));
        }
        let connected = self.network.connect_from(Some(local), address).await;
        Ok(connected?.boxed())
    }
}
