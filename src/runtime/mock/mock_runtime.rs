//! The runtime itself: tasks and the clock by the executor, connections by the network.

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

/// A runtime with a virtual clock, which runs everything on the thread that calls
/// [`block_on`](MockRuntime::block_on). Clones are the same runtime.
///
/// - Time stands still while anything can run. Then it goes straight to the next timer, and what
///   that wakes runs before the timer after it, even one of the same instant, fires. Timers of the
///   same instant fire in the order in which they were made.
/// - The machine may be [suspended](MockRuntime::suspend): the clock counts that, timers do not.
/// - Where nothing can run and no timer is set, `block_on` panics instead of hanging, and where it has
///   not ended within [a day of virtual time](MockRuntime::with_time_limit).
/// - Wakers may be used by any thread. The order of execution is the same each time only where no
///   other thread has a part in it, and nobody waits for another thread's wake: that is a deadlock,
///   too.
/// - A task that holds the runtime, or a connection of it, and never ends keeps both in memory, until
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
    pub(super) executor: Arc<Executor>,
    network: Arc<Net>,
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
        let executor = Arc::new(Executor::new(order));
        let network = Arc::new(Net::new(Arc::clone(&executor)));
        Self { executor, network }
    }

    /// A runtime at time zero that runs its tasks in a random order, which follows from this seed,
    /// as all does that is random on it.
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

    /// Starts what is random from this seed, without it from zero: the sequence of
    /// [`Runtime::random`], [the order](Order::Random) and the network. For the network, this is
    /// about connections that are made from then on.
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

    /// How much virtual time may pass within one call of [`block_on`](MockRuntime::block_on), before
    /// that counts as a wait without an end, and panics. A day (86,400 s) by default;
    /// [`Duration::MAX`] is no limit.
    ///
    /// Time that the machine is [suspended](MockRuntime::suspend) does not count, nor does
    /// [`advance`](MockRuntime::advance). A limit that is set while `block_on` runs holds for this
    /// call, too.
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

    /// Runs this future, which is a task like the others, and all spawned tasks, until it ends.
    /// Tasks that have not ended by then go on in the next `block_on` or
    /// [`advance`](MockRuntime::advance).
    ///
    /// The future may borrow, and need not be `Send`.
    ///
    /// # Panics
    ///
    /// When nothing can run and no timer is set; when the future has not ended within
    /// [a day of virtual time](MockRuntime::with_time_limit); when tasks run without an end while time
    /// stands still; when the runtime is running already; and when a task panics, with its panic.
    ///
    /// ```
    /// let runtime = engineio_client::MockRuntime::new();
    /// assert_eq!(runtime.block_on(async { "done" }), "done");
    /// ```
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.executor.block_on(future, || self.network.waits())
    }

    /// Spawns a task under a name: the list of the tasks that wait calls it by that, and tells where
    /// it was spawned. A task that was [spawned](Runtime::spawn) without a name is called by its
    /// number, and where it was spawned is known unless that was through `dyn Runtime`.
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

    /// Suspends the machine for so long: the clock jumps, and no timer has counted it, as on Linux,
    /// where timers count the time that the machine was awake.
    ///
    /// It may be called by a task, which then runs on as if nothing had happened. All of the
    /// runtime sleeps, the network and a test's server included: when it is awake again, the server
    /// does what a real one has done meanwhile.
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
        MockListener::bind(Arc::clone(&self.network), address)
    }

    /// The network, to name, slow and break what is on it.
    ///
    /// ```
    /// let network = engineio_client::MockRuntime::new().network();
    /// assert!(network.connections().is_empty());
    /// ```
    pub fn network(&self) -> Network {
        Network(Arc::clone(&self.network))
    }

    /// The tasks that have not ended and what they wait for, a line each.
    pub(super) fn who_waits(&self) -> String {
        self.executor.who_waits(self.network.waits())
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

    /// When nothing goes on, a panic tells where the task was spawned, unless it was through
    /// `dyn Runtime`.
    #[track_caller]
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        // A call through `dyn Runtime` has this method itself as its caller.
        let caller = Location::caller();
        let at = (caller.file() != file!()).then_some(caller);
        self.executor.spawn(None, at, task);
    }

    /// The next of a sequence that is the same for each runtime of the same seed.
    fn random(&self) -> u64 {
        self.executor.random()
    }

    /// Knows IP addresses, the [names of the network](Network::name), and `localhost`, which is
    /// 127.0.0.1.
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
                    format!("the mock network knows no host {host:?}"),
                )
            })?
        };
        Ok(vec![SocketAddr::new(ip, port)])
    }

    /// Connects to a [`MockListener`]. The stream is a
    /// [`MemoryStream`](super::MemoryStream).
    async fn connect(&self, address: &Address) -> io::Result<BoxedStream> {
        match address {
            Address::Tcp(address) => Ok(self.network.connect(*address).await?.boxed()),
            Address::Unix(path) => Err(io::Error::new(
                io::ErrorKind::Unsupported,
                format!("the mock network has no Unix socket {}", path.display()),
            )),
        }
    }

    /// The same from a local address, of which the network has every one: see
    /// [`Connection::local_address`](super::Connection::local_address).
    async fn connect_from(
        &self,
        local: SocketAddr,
        address: SocketAddr,
    ) -> io::Result<BoxedStream> {
        if local.is_ipv4() != address.is_ipv4() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("{address} is of another family than the local address {local}"),
            ));
        }
        let connected = self.network.connect_from(Some(local), address).await;
        Ok(connected?.boxed())
    }
}
